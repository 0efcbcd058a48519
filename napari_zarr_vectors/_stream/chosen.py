"""Chosen objects, whole, as rows of a pool: at the finest level at which they are few enough. Off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._build import LinkedPart, Place, build_points, build_segments, build_triangles
from napari_zarr_vectors._stream.coloring import ObjectValues, Wanted, size_values
from zarr_vectors.exceptions import CancelledError

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from napari_zarr_vectors._build import BuiltChunk
    from zarr_vectors.lazy import LazyStore

    Int64Array = npt.NDArray[np.int64]

__all__ = ["ChosenRows", "read_chosen"]

HOPELESS = 8
"""A level at which objects of mean size would be so many times too many is not looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class ChosenRows:
    """Chosen objects of one level.

    Attributes
    ----------
    built : BuiltChunk
    ids : (k,) int64
        The objects that it holds.
    level : int
    is_finest : bool
        Whether these are all, at the finest level.
    positions : (N, D)
        Store units.
    """

    built: BuiltChunk
    ids: Int64Array
    level: int
    is_finest: bool
    positions: npt.NDArray[np.floating]


def read_chosen(
    store: LazyStore,
    wanted: Wanted,
    most: int,
    go_on: Callable[[], bool],
    *,
    origin: npt.NDArray[np.float64],
    shape: str,
    size_by: str | None = None,
) -> ChosenRows | None:
    """Read objects at the finest level at which they have at most so many vertices.

    Where they have more at every level, as many of them as fit come from the coarsest, in the order given: one
    that is larger than the room that is left is passed over, and those after it still come.

    Parameters
    ----------
    store : LazyStore
    wanted : Wanted
        Which: its `object_ids`, less what it hides of whole objects.
    most : int
    go_on : callable
        Asked between reads.
    origin : (D,) float64
    shape : "points", "lines" or "surface"
    size_by : str or None
        Attribute of vertices or objects that sizes vertices.

    Returns
    -------
    ChosenRows or None
        None where there is nothing to show.

    Raises
    ------
    CancelledError
        Once `go_on` says no.
    ZarrVectorsError, OSError
        If they cannot be read.
    """
    found = _choose_level(store, wanted, most, go_on)
    if found is None:
        return None
    level, ids, sizes = found
    names = [size_by] if size_by is not None and size_by in store.attribute_names(level) else []
    read = store.read(level=level, object_ids=ids, attributes=names)
    if not go_on():
        raise CancelledError(store.name)
    positions = np.asarray(read["positions"])
    if not len(positions):
        return None
    owners = _owners(read, ids, sizes)
    own_sizes = _sizes(store, read, size_by, level, owners)
    place = Place(origin, positions.min(axis=0), np.ones(positions.shape[1]), (), level)
    if shape == "points":
        built = build_points(
            positions,
            None,
            own_sizes,
            origin=origin,
            chunk_lo=place.chunk_lo,
            cell_shape=place.cell_shape,
            ratios=(),
            level=level,
            objects=owners,
        )
    else:
        links = _links(read)
        part = LinkedPart(
            positions,
            (0, len(positions)),
            links,
            np.ones(len(links), bool),
            None,
            own_sizes,
            owners,
        )
        place = Place(origin, positions.min(axis=0), np.ptp(positions, axis=0) + 1, (), level)
        built = build_triangles(part, place) if shape == "surface" else build_segments(part, place)
    asked = 0 if wanted.object_ids is None else len(wanted.object_ids)
    return ChosenRows(built, ids, level, level == store.levels[0] and len(ids) == asked, positions)


def _choose_level(
    store: LazyStore, wanted: Wanted, most: int, go_on: Callable[[], bool]
) -> tuple[int, Int64Array, Int64Array] | None:
    """Give a level, ids and the vertices of each."""
    asked = len(wanted.object_ids or ())
    for level in store.levels:
        mean = store.vertex_count(level) / max(1, store.object_count_at(level))
        is_last = level == store.levels[-1]
        if asked * mean > HOPELESS * most and not is_last:
            continue
        ids, sizes = wanted.of(store, level).objects()
        ids, sizes = ids[sizes > 0], sizes[sizes > 0]
        if not go_on():
            raise CancelledError(store.name)
        if sizes.sum() <= most and len(ids):
            return level, ids, sizes
    if not len(ids):
        return None
    fits = _fitting(sizes, most)
    return (level, ids[fits], sizes[fits]) if len(fits) else None


def _fitting(sizes: Int64Array, room: int) -> Int64Array:
    """List those of (k,) objects that fit, in order: one that is larger than what is left is passed over."""
    taken, left = [], np.arange(len(sizes))
    while len(left := left[sizes[left] <= room]):  # all up to the first that does not fit, then those that still may
        used = np.cumsum(sizes[left])
        count = int(np.searchsorted(used, room, side="right"))
        taken.append(left[:count])
        left, room = left[count:], room - int(used[count - 1])
    return np.concatenate([np.zeros(0, np.int64), *taken])


def _links(read: Mapping[str, Any]) -> Int64Array:
    """Give what joins vertices, (M, 2) or faces (M, L)."""
    if "faces" in read:
        return np.asarray(read["faces"])
    if "edges" in read:
        return np.asarray(read["edges"])
    if "lines" in read:
        return np.arange(2 * len(read["lines"])).reshape(-1, 2)
    offsets: Int64Array = read["offsets"]
    begins = np.ones(len(read["positions"]), bool)
    begins[offsets[:-1][np.diff(offsets) > 0]] = False
    rows = np.flatnonzero(begins)
    return np.stack([rows - 1, rows], axis=1)


def _owners(read: Mapping[str, Any], ids: Int64Array, sizes: Int64Array) -> Int64Array | None:
    """Give the object of each vertex."""
    count = len(read["positions"])
    if "offsets" in read:
        return np.repeat(read["object_ids"], np.diff(read["offsets"]))
    if "lines" in read:
        return np.repeat(read["object_ids"], 2)
    own: Int64Array | None = read["object_ids"]
    if own is None and sizes.sum() == count:  # of graphs they come object by object
        own = np.repeat(ids, sizes)
    return own


def _sizes(
    store: LazyStore, read: Mapping[str, Any], size_by: str | None, level: int, owners: Int64Array | None
) -> npt.NDArray[np.float32] | None:
    """Give what sizes each vertex, 1 where nothing does; None where all have one size."""
    if size_by is None:
        return None
    values, count = read["attributes"], len(read["positions"])
    if size_by in store.attribute_names(level):
        flat = values.flat(size_by) if hasattr(values, "flat") else values[size_by]
        return size_values(np.asarray(flat).reshape(count, -1))
    if size_by not in store.object_attribute_names() or owners is None:
        return np.ones(count, np.float32)
    ids, column = store.object_values(size_by)
    order = np.argsort(ids, kind="stable")
    return ObjectValues(ids[order], size_values(column)[order]).of(owners, 1.0)[:-1]
