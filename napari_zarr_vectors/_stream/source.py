"""Nodes of a tree -> built chunks: one coalesced read, then shuffle, sort and pack, all off the GUI thread."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._build import (
    NO_OBJECT,
    Below,
    BuiltChunk,
    Far,
    LinkedPart,
    Place,
    build_points,
    build_segments,
    build_triangles,
    compact,
    place_keys,
)
from napari_zarr_vectors._stream.coloring import Coloring, color_values, hide, no_values, size_values
from napari_zarr_vectors._stream.columns import read_columns
from napari_zarr_vectors._stream.loader import BATCH, Request
from zarr_vectors.exceptions import ConcurrentWriteError
from zarr_vectors.lazy import WEIGHTS, LinkedBatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from napari_zarr_vectors._lod import Tree
    from napari_zarr_vectors._stream.cache import ByteCache
    from zarr_vectors.lazy import LazyStore, RaggedBatch, VertexFilter

__all__ = ["LinkedSource", "PointSource"]

BATCH_ROWS = 1 << 17
BATCH_LINKED = 1 << 15
"""Vertices that are read together: of lines and surfaces fewer, which take ten times as long to build as points."""
BATCH_VALUES = 1 << 18
"""Vertices that get new values together: many, as neighbours ask for the same columns."""
STEPS_TOLD = 1
"""Steps down the tree over whose places segments are cut: those of coarse levels are many cells of level 0 long."""
ROWS_A_GROUP = 8
"""Of a coarse chunk, for each part of it that gets a weight of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A chunk in the cache, with the values of an epoch."""

    epoch: int
    built: BuiltChunk

    @property
    def nbytes(self) -> int:
        return self.built.nbytes


class PointSource:
    """Loads nodes for a `Loader`, through the cache.

    Parameters
    ----------
    store : LazyStore
    tree : Tree
    origin : (D,) float64
        Subtracted from positions before they become float32.
    cache : ByteCache
    """

    _has_far = False
    """Whether chunks draw vertices of others."""

    def __init__(self, store: LazyStore, tree: Tree, origin: npt.NDArray[np.float64], cache: ByteCache) -> None:
        self._store, self._tree, self._origin, self._cache = store, tree, origin, cache
        self.coloring = {0: Coloring()}
        """By epoch; an entry is added before the first request of its epoch, never changed, and goes with `forget`."""
        self._oldest = 0
        self._in_use: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._has_objects = store.n_objects > 0 and not store.adds_levels
        self._questions: dict[tuple[int, int], VertexFilter] = {}
        self._changed: ConcurrentWriteError | None = None
        self._batch_rows = BATCH_ROWS
        self._reading: dict[Request, threading.Event] = {}

    @property
    def tree(self) -> Tree:
        """Whose nodes it loads."""
        return self._tree

    def batch(self, requests: Sequence[Request]) -> int:
        """Give the leading requests of the first one's level, epoch and share, up to some rows."""
        first = requests[0]
        values_only = first.built is not None and first.built.source is not None
        most_rows = BATCH_VALUES if values_only else self._batch_rows
        nodes = np.array([request.node for request in requests[:BATCH]])
        same = self._tree.level_of(nodes) == self._tree.level_of(nodes[:1])
        same &= np.cumsum(self._tree.count[nodes]) <= most_rows
        same &= [_kind_of(request, values_only) == _kind_of(first, values_only) for request in requests[:BATCH]]
        return max(1, int(np.argmin(np.append(same, False))))

    def load(self, requests: Sequence[Request]) -> list[BuiltChunk]:
        """Read and build chunks of one level and epoch.

        Of an epoch that is forgotten nobody takes them: they are read for the oldest that is not, into the cache.

        Raises
        ------
        ConcurrentWriteError
            From when it was seen on that another store has been written to the place.
        ZarrVectorsError, OSError
            If they cannot be read.
        """
        with self._epoch(requests[0].epoch) as epoch:
            return self._load([replace(request, epoch=epoch) for request in requests])

    def forget(self, epoch: int) -> None:
        """Forget the epochs before one: at once, or when what is being read of them is done."""
        with self._lock:
            self._oldest = epoch
            self._drop()

    @contextmanager
    def _epoch(self, asked: int) -> Iterator[int]:
        """Have an epoch stay while it is read."""
        with self._lock:
            epoch = max(asked, self._oldest)
            self._in_use[epoch] += 1
        try:
            yield epoch
        finally:
            with self._lock:
                self._in_use[epoch] -= 1
                self._drop()

    def _drop(self) -> None:
        """Drop the epochs that are neither wanted nor in use; the lock is held."""
        for epoch in [e for e in list(self.coloring) if e < self._oldest and not self._in_use[e]]:
            del self.coloring[epoch], self._in_use[epoch]
            for key in [key for key in list(self._questions) if key[0] == epoch]:
                del self._questions[key]

    def _load(self, requests: Sequence[Request]) -> list[BuiltChunk]:
        found: dict[Request, BuiltChunk] = {}
        older: dict[Request, BuiltChunk] = {}
        for request in requests:
            other = self._reading.get(request)
            if other is not None:
                other.wait()  # what is read ahead, or at opening, is not read twice
            kept: _Kept | None = self._cache.get(_key_of(request))
            built = request.built if kept is None else kept.built
            if kept is not None and kept.epoch == request.epoch:
                found[request] = kept.built
            elif built is not None and self._can_revalue(request, built):
                older[request] = built
        missing = [r for r in requests if r not in found and r not in older]
        if older or missing:
            done = threading.Event()
            self._reading |= dict.fromkeys([*older, *missing], done)
            try:
                if older:
                    found |= dict(zip(older, self._revalued([*older], [*older.values()]), strict=True))
                if missing:
                    found |= dict(zip(missing, self._read(missing), strict=True))
            finally:
                for request in (*older, *missing):
                    self._reading.pop(request, None)
                done.set()
        return [found[r] for r in requests]

    def _keep(self, request: Request, built: BuiltChunk) -> BuiltChunk:
        """Put a chunk into the cache, in place of the same with older values."""
        kept: _Kept | None = self._cache.get(_key_of(request))
        if kept is None or kept.epoch <= request.epoch:
            self._cache.put(_key_of(request), _Kept(request.epoch, built))
        return built

    def _can_revalue(self, request: Request, built: BuiltChunk) -> bool:
        """Tell whether a chunk says enough of where its values come from."""
        source = built.source
        if source is None or (source.far is None and self._has_far):
            return False
        return source.owners is not None or not self._needs_objects(request.epoch, self._store_level(request))

    def _store_level(self, request: Request) -> int:
        return self._tree.levels[int(self._tree.level_of(np.array(request.node)))]

    def _revalued(self, requests: Sequence[Request], chunks: Sequence[BuiltChunk]) -> list[BuiltChunk]:
        """Give chunks of one level with the values of another epoch."""
        epoch, level = requests[0].epoch, self._store_level(requests[0])
        names = self._names(epoch, level)
        coords = self._tree.coords[[r.node for r in requests]]
        columns, offsets = read_columns(self._store, self._cache, level, coords, chunks, names)
        self._look()
        owners = [None if chunk.source is None else chunk.source.owners for chunk in chunks]
        known = [rows for rows in owners if rows is not None]
        objects = np.concatenate(known).astype(np.int64) if len(known) == len(chunks) else None
        values, sides = self._values(epoch, level, int(offsets[-1]), columns, objects)
        sizes = self._sizes(epoch, level, int(offsets[-1]), columns, objects)
        smooth, out = self.coloring[epoch].kind == "scalar", []
        for i, (request, chunk) in enumerate(zip(requests, chunks, strict=True)):
            if chunk.source is None:
                msg = f"node {request.node} does not say where its values come from"
                raise ValueError(msg)
            own = slice(int(offsets[i]), int(offsets[i + 1]))
            built = chunk.with_values(
                np.zeros_like(chunk.values)
                if values is None
                else chunk.source.of(values[own], smooth=smooth, sides=None if sides is None else sides[own]),
                None if sizes is None else chunk.source.of(sizes[own]),
            )
            in_use = request.built is None or self._cache.get(_key_of(request)) is not None
            out.append(self._keep(request, built) if in_use else built)
        return out

    def _look(self) -> None:
        """Refuse chunks of another store that was written to the same place: they would be mixed with those shown."""
        if self._changed is not None:
            raise self._changed
        try:
            self._store.check_unchanged()
        except ConcurrentWriteError as error:
            self._changed = error
            raise

    def _own_codes(self, coloring: Coloring, level: int, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Turn a level's codes into those of the colouring's words: levels may have word lists of their own."""
        words = self._store.categories(coloring.attribute or "", level) if coloring.kind == "category" else None
        if words is None or words == coloring.words:
            return values
        place = {word: code for code, word in enumerate(coloring.words)}
        table = np.array([*(place.get(word, -1) for word in words), -1], dtype=np.int64)
        return table[values.astype(np.int64)]

    def _names(self, epoch: int, level: int) -> list[str]:
        """List the attributes to read at a level."""
        question = self._question(epoch, level)
        coloring = self.coloring[epoch]
        asked = () if question is None else question.attributes
        names = dict.fromkeys([coloring.attribute, coloring.size_by, *asked])
        known = self._store.attribute_names(level)
        return [name for name in names if name is not None and name in known]

    def _values(
        self,
        epoch: int,
        level: int,
        count: int,
        attributes: Mapping[str, npt.NDArray[np.generic]],
        objects: npt.NDArray[np.int64] | None,
    ) -> tuple[npt.NDArray[np.float32] | None, npt.NDArray[np.int8] | None]:
        """Give the number that colours each vertex, or hides it, and what hides links; as of `VertexFilter.sides`."""
        values = self._colors(epoch, level, count, attributes, objects)
        question = self._question(epoch, level)
        if question is None:
            return values, None
        if level == self._tree.levels[-1] or not self._has_far:
            return hide(values, question.mask(attributes, objects, count)), None
        allowed, sides = question.sides(attributes, objects, count)
        return hide(values, allowed), sides

    def _question(self, epoch: int, level: int) -> VertexFilter | None:
        """Give what hides vertices of a level."""
        wanted = self.coloring[epoch].wanted
        if wanted is None:
            return None
        if (epoch, level) not in self._questions:
            self._questions[epoch, level] = wanted.of(self._store, level)
        return self._questions[epoch, level]

    def _ids(self, level: int, objects: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64] | None:
        """Give the ids of objects that are rows of a level's object index, -1 for none."""
        if objects is None or not self._has_objects:
            return None
        return np.append(self._store.object_values(level=level)[0], NO_OBJECT)[objects]

    def _needs_objects(self, epoch: int, level: int) -> bool:
        question, coloring = self._question(epoch, level), self.coloring[epoch]
        of_objects = coloring.objects is not None or coloring.sizes is not None
        return of_objects or (question is not None and question.needs_objects)

    def _sizes(
        self,
        epoch: int,
        level: int,
        count: int,
        attributes: Mapping[str, npt.NDArray[np.generic]],
        objects: npt.NDArray[np.int64] | None,
    ) -> npt.NDArray[np.float32] | None:
        """Give the number that sizes each vertex, 1 where there is none; None where all have one size."""
        coloring = self.coloring[epoch]
        if coloring.sizes is not None and objects is not None:
            return coloring.sizes.of(self._store.object_values(level=level)[0], 1.0)[objects]
        if coloring.size_by is None:
            return None
        found = attributes.get(coloring.size_by)
        return np.ones(count, np.float32) if found is None else size_values(found)

    def _colors(
        self,
        epoch: int,
        level: int,
        count: int,
        attributes: Mapping[str, npt.NDArray[np.generic]],
        objects: npt.NDArray[np.int64] | None,
    ) -> npt.NDArray[np.float32] | None:
        coloring = self.coloring[epoch]
        if coloring.objects is not None and objects is not None:
            ids = self._store.object_values(level=level)[0]
            return coloring.objects.of(ids)[objects]  # -1 finds the last
        found = attributes.get(coloring.attribute or "")
        if found is None:
            return no_values(coloring, count)
        return color_values(coloring, self._own_codes(coloring, level, found))

    def _read(self, requests: Sequence[Request]) -> list[BuiltChunk]:
        tree, first = self._tree, requests[0]
        depth = int(tree.level_of(np.array(first.node)))
        names = self._names(first.epoch, tree.levels[depth])
        coords, level = tree.coords[[r.node for r in requests]], tree.levels[depth]
        weighted = self._store.has_weights(level)
        names = [*names, WEIGHTS] if weighted else names
        if self._has_objects or self._needs_objects(first.epoch, level):
            batch: RaggedBatch | LinkedBatch = self._store.read_linked(level, coords, names, with_objects=True)
        else:
            batch = self._store.read_chunks(level, coords, names)
        self._look()
        objects = batch.objects if isinstance(batch, LinkedBatch) else None
        values, _ = self._values(first.epoch, level, len(batch.positions), batch.attributes, objects)
        sizes = self._sizes(first.epoch, level, len(batch.positions), batch.attributes, objects)
        ids, owners = self._ids(level, objects), _owners(objects)
        out = []
        for i, request in enumerate(requests):
            rows = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
            built = build_points(
                batch.positions[rows],
                None if values is None else values[rows],
                None if sizes is None else sizes[rows],
                origin=self._origin,
                chunk_lo=coords[i] * tree.chunk_shape[depth],
                cell_shape=tree.chunk_shape[-1],
                ratios=tree.ratios[depth:],
                fraction=request.fraction,
                seed=request.node,
                level=tree.levels[depth],
                objects=None if ids is None else ids[rows],
                weights=batch.attributes[WEIGHTS][rows] if weighted else None,
                below=None if weighted else below_of(tree, request.node, rows.stop - rows.start),
                owners=None if owners is None else owners[rows],
            )
            out.append(self._keep(request, built))
        return out


class LinkedSource(PointSource):
    """Loads nodes with what joins their vertices; segments or triangles.

    Parameters
    ----------
    store, tree, origin, cache
        As of `PointSource`.
    is_surface : bool
        Whether links are faces.
    """

    _has_far = True

    def __init__(
        self,
        store: LazyStore,
        tree: Tree,
        origin: npt.NDArray[np.float64],
        cache: ByteCache,
        *,
        is_surface: bool,
    ) -> None:
        super().__init__(store, tree, origin, cache)
        self._is_surface = is_surface
        self._batch_rows = BATCH_LINKED

    def _read(self, requests: Sequence[Request]) -> list[BuiltChunk]:
        tree, first = self._tree, requests[0]
        depth = int(tree.level_of(np.array(first.node)))
        told = len(tree.ratios) if self._is_surface else min(depth + STEPS_TOLD, len(tree.ratios))
        level = tree.levels[depth]
        coords = tree.coords[[r.node for r in requests]]
        batch = self._store.read_linked(level, coords, self._names(first.epoch, level), with_objects=True)
        self._look()
        values, sides = self._values(first.epoch, level, len(batch.positions), batch.attributes, batch.objects)
        ids, owners = self._ids(level, batch.objects), _owners(batch.objects)
        sizes = self._sizes(first.epoch, level, len(batch.positions), batch.attributes, batch.objects)
        out = []
        for i, request in enumerate(requests):
            links = slice(int(batch.link_offsets[i]), int(batch.link_offsets[i + 1]))
            part = LinkedPart(
                batch.positions,
                (int(batch.offsets[i]), int(batch.offsets[i + 1])),
                batch.links[links],
                batch.owned[links],
                values,
                sizes,
                ids,
                owners,
                sides,
            ).alone()
            part = replace(part, far=_far(batch, part.beyond))
            place = Place(
                self._origin,
                coords[i] * tree.chunk_shape[depth],
                tree.chunk_shape[told],
                tree.ratios[depth:told],
                level,
                request.node,
            )
            if self._is_surface:
                built = build_triangles(part, place, fraction=request.fraction)
            else:
                smooth = self.coloring[request.epoch].kind == "scalar"
                built = build_segments(part, place, fraction=request.fraction, smooth=smooth)
            out.append(self._keep(request, built))
        return out


def _key_of(request: Request) -> tuple[int, float]:
    """Give the key of a chunk in the cache: of its rows, whatever their values."""
    return request.node, request.fraction


def _kind_of(request: Request, values_only: bool) -> tuple[int, bool, float]:
    """Give what requests that are read together have in common."""
    return request.epoch, request.built is not None, 0.0 if values_only else request.fraction


def _owners(objects: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int32] | None:
    return None if objects is None else objects.astype(np.int32)


def _far(batch: LinkedBatch, rows: npt.NDArray[np.int64] | None) -> Far | None:
    """Say where rows of a batch lie; None where the store does not tell."""
    if batch.outside is None or rows is None:
        return None
    inner = int(batch.offsets[-1])
    place = np.searchsorted(batch.offsets, rows, side="right") - 1
    row = rows - batch.offsets[np.minimum(place, len(batch.coords) - 1)]
    beyond = rows >= inner
    outside = batch.outside[rows[beyond] - inner]
    place[beyond], row[beyond] = len(batch.coords) + outside[:, 0], outside[:, 1]
    met, number = np.unique(place, return_inverse=True)
    coords = np.concatenate([batch.coords, batch.others])[met]
    return Far(coords, compact(number, len(met)), row.astype(np.int32))


def below_of(tree: Tree, node: int, rows: int) -> Below | None:
    """Find the smallest parts of a node over which so many of its rows can be spread; None if rows are whole.

    The parts are its descendants of one level, with the points of the finest level under each.
    """
    depth = int(tree.level_of(np.array(node)))
    if rows >= tree.below[node]:
        return None
    first, last, fine = node, node + 1, depth
    while fine + 1 < len(tree.levels):
        low, high = int(tree.child_ptr[first]), int(tree.child_ptr[last])
        if (high - low) * ROWS_A_GROUP > rows:
            break
        first, last, fine = low, high, fine + 1
    parts = slice(first, last)
    cells = tree.coords[parts] - tree.coords[node] * np.prod(tree.ratios[depth:fine], axis=0)
    width = int(np.prod(tree.ratios[fine:]))
    keys = place_keys(cells, tree.ratios[depth:fine]) * width
    order = np.argsort(keys)
    return Below(keys[order], tree.below[parts][order])
