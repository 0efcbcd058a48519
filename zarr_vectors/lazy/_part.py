"""`read_part`: a read that may take a while, with progress and cancel, and that can be cut by planes.

It is `LazyStore.read` for whoever exports: the same engine reads the same chunks, a group of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import ChunkSource, GroupChoice, RaggedBatch, Where, check_ids, select
from zarr_vectors._query.plan import meets
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.encoding import FragmentTable, offsets_of
from zarr_vectors.lazy._filter import share_of_ids
from zarr_vectors.lazy._store import LazyStore
from zarr_vectors.spatial import BoxLike
from zarr_vectors.types._read import Request, read_levels
from zarr_vectors.types._result import Result
from zarr_vectors.types._tasks import Cancel, Progress, TaskRunner
from zarr_vectors.typing import Int64Array

__all__ = ["objects_near", "read_part"]

_GROUP_ROWS = 1 << 18


def read_part(
    store: LazyStore,
    level: int = 0,
    bbox: BoxLike | None = None,
    planes: npt.ArrayLike | None = None,
    attributes: tuple[str, ...] | None = None,
    object_ids: npt.ArrayLike | None = None,
    groups: GroupChoice | None = None,
    where: Where | None = None,
    share: float = 1.0,
    *,
    expected: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Result:
    """Read what of a level was asked for; all conditions must be met. The object of each node of a graph is told too.

    Parameters
    ----------
    store : LazyStore
    level, bbox, attributes, object_ids, groups, where
        As for `LazyStore.read`; ids that the level has not, or has left out, are nobody's there.
    planes : (P, D + 1) numbers, optional
        Half-spaces ``planes[:, :D] @ p + planes[:, D] >= 0``: like a box they are met by vertices, by lines of which a
        vertex lies inside, and by faces whose centroid does.
    share : float
        Part of the objects, as for `LazyStore.filter`.
    expected : int, optional
        Vertices that progress counts up to; those of the level by default.
    progress : callable, optional
        Called here as ``progress(done, total, message)``, in vertices that were read.
    cancel : object with ``is_set()``, optional

    Raises
    ------
    ArgumentError
        If something is asked for that is not there.
    CancelledError
        If `cancel` was set.
    ConcurrentWriteError
        If another store has been written to the place since this one was opened.
    """
    total = max(1, store.vertex_count(level) if expected is None else expected)
    runner = TaskRunner(f"reading {store.name}", total, progress=progress, cancel=cancel)
    runner.check()
    ids = _known_ids(store, level, object_ids, share)
    request = Request(
        bbox=bbox,
        planes=planes,
        attributes=attributes,
        object_ids=ids,
        groups=groups,
        where=where,
        with_object_ids=True,
    )
    sources = [_Watched(store._reader(meta.level), runner) for meta in store._content(level)]
    with store._place.looking():
        found = read_levels(sources, request)
    runner.finish("read")
    return found


def objects_near(
    store: LazyStore, level: int = 0, bbox: BoxLike | None = None, planes: npt.ArrayLike | None = None
) -> Int64Array:
    """Give the ids of the objects that have vertices in chunks which a box and planes meet, ascending.

    Reads the object index and no vertex: some of them may have none inside.
    """
    found = [np.empty(0, np.int64)]
    with store._place.looking():
        for meta in store._content(level):
            arrays = store._reader(meta.level).arrays
            if arrays.objects is not None:
                asked = select(arrays.ndim, (), bbox, (), arrays.where, planes=planes)
                blocks = arrays.blocks()
                met = blocks.of_chunks(np.flatnonzero(meets(asked, arrays.coords, arrays.chunk_shape)))
                found.append(arrays.objects.ids[np.unique(blocks.owners[met])])
    return np.unique(np.concatenate(found))


def _known_ids(store: LazyStore, level: int, object_ids: npt.ArrayLike | None, share: float) -> Int64Array | None:
    """Give the ids that are asked for and there; None for any."""
    if object_ids is None and (share >= 1 or not store.object_count_at(level)):
        return None
    have = store.object_values(level=level)[0]
    if object_ids is None:
        return _with_vertices(store, level, have[share_of_ids(have, share)])
    ids = check_ids(object_ids)
    ids = ids[np.isin(ids, have)]
    return _with_vertices(store, level, ids if share >= 1 else ids[share_of_ids(ids, share)])


def _with_vertices(store: LazyStore, level: int, ids: Int64Array) -> Int64Array:
    """Leave out the objects that a coarser level left out: it names them, and has no vertex of theirs."""
    if level == 0 or store.adds_levels:
        return ids
    found, sizes = store.filter(level, object_ids=np.unique(ids)).objects()
    return ids[np.isin(ids, found[sizes > 0])]


@dataclass(frozen=True, slots=True)
class _Watched:
    """A source that reads group by group, and says so; nothing is kept."""

    source: ChunkSource
    runner: TaskRunner

    @property
    def arrays(self) -> LevelArrays:
        """The level."""
        return self.source.arrays

    def batch(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> RaggedBatch:
        """Read whole chunks as one batch."""
        del of
        parts = list(self._groups(rows, attributes))
        if len(parts) == 1:
            return parts[0]
        counts = np.concatenate([np.diff(part.offsets) for part in parts])
        values = {name: np.concatenate([part.attributes[name] for part in parts]) for name in attributes}
        positions = np.concatenate([part.positions for part in parts])
        return RaggedBatch(parts[0].level, self.arrays.coords[rows], offsets_of(counts), positions, values)

    def batches(self, rows: Int64Array, attributes: tuple[str, ...], *, of: int) -> Iterator[RaggedBatch]:
        """Read chunks group by group."""
        del of
        yield from self._groups(rows, attributes)

    def fragments(self, rows: Int64Array, *, of: int) -> FragmentTable:
        """Read the fragments of chunks."""
        del of
        self.runner.check()
        return self.source.fragments(rows, of=0)

    def _groups(self, rows: Int64Array, attributes: tuple[str, ...]) -> Iterator[RaggedBatch]:
        for group in _split(self.arrays, rows):
            found = self.source.batch(group, attributes, of=0)
            self.runner.advance(len(found.positions), "reading")
            yield found


def _split(arrays: LevelArrays, rows: Int64Array) -> list[Int64Array]:
    """Cut a list of chunks into groups of some hundred thousand vertices, one group at least."""
    share = -(-arrays.meta.vertex_count // max(1, len(arrays.coords)))
    counts = np.full(len(rows), share) if arrays.counts is None else arrays.counts[rows]
    before = np.cumsum(counts) - counts
    return np.split(rows, np.flatnonzero(np.diff(before // _GROUP_ROWS)) + 1)
