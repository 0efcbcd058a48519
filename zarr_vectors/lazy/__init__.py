"""Lazy reading: metadata at once, data when asked; what level of detail reads."""

from zarr_vectors._query import LinkedBatch, RaggedBatch, Selection, ValueBatch
from zarr_vectors._spec.names import WEIGHTS
from zarr_vectors.lazy._catalogue import Catalogue, LevelCatalogue
from zarr_vectors.lazy._chunk import Chunk
from zarr_vectors.lazy._filter import VertexFilter
from zarr_vectors.lazy._matching import Words, matching
from zarr_vectors.lazy._part import objects_near, read_part
from zarr_vectors.lazy._store import LazyStore, open_zv

__all__ = [
    "WEIGHTS",
    "Catalogue",
    "Chunk",
    "LazyStore",
    "LevelCatalogue",
    "LinkedBatch",
    "RaggedBatch",
    "Selection",
    "ValueBatch",
    "VertexFilter",
    "Words",
    "matching",
    "objects_near",
    "open_zv",
    "read_part",
]
