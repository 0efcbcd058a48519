"""Coarser levels of a store."""
