"""Fragment indices of chunks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import zarr

from zarr_vectors._spec import GridMetadata
from zarr_vectors._spec.names import format_chunk_keys
from zarr_vectors.core.arrays._cells import GridArray
from zarr_vectors.core.store import backend_of, load_array
from zarr_vectors.encoding import FragmentIndex, decode_fragments
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError

__all__ = ["decode_fragment_cell", "read_fragment_index"]


def decode_fragment_cell(array: GridArray, coord: Sequence[int]) -> FragmentIndex:
    """Read and decode the fragment index of one chunk."""
    coords = np.array([coord], np.int64)
    payload = array.read(coords)[0]
    try:
        return decode_fragments(payload)
    except ValueError as error:
        key = format_chunk_keys(coords)[0]
        raise CorruptChunkError(array.backend.name, array.path, key, str(error)) from error


def read_fragment_index(level_group: zarr.Group, name: str, coord: Sequence[int]) -> FragmentIndex:
    """Read the fragment index of one chunk.

    Parameters
    ----------
    level_group : zarr.Group
        The group of a level, as `LazyStore.level_group` gives it.
    name : str
        ``"vertex_fragments"``.
    coord : D ints
        Chunk coordinate (absolute, not the cell's index).
    """
    backend = backend_of(level_group)
    doc = load_array(backend, name)
    if doc is None:
        msg = f"{backend.name} has no array {name!r}"
        raise ArgumentError(msg)
    array = GridArray(backend, name, GridMetadata.from_dict(doc, f"{backend.name}/{name}", with_chunks=False))
    if len(coord) != len(array.grid.shape):
        msg = f"a chunk coordinate of {backend.name} has {len(array.grid.shape)} components, got {tuple(coord)}"
        raise ArgumentError(msg)
    return decode_fragment_cell(array, coord)
