"""Nodes of a tree -> built chunks: one coalesced read, then shuffle, sort and pack, all off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._build import Below, build_points, pack_rgb, place_keys
from napari_zarr_vectors._stream.loader import BATCH, Request
from zarr_vectors.exceptions import ConcurrentWriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._lod import Tree
    from napari_zarr_vectors._stream.cache import ByteCache
    from zarr_vectors.lazy import LazyStore

__all__ = ["Coloring", "PointSource", "color_values"]

BATCH_ROWS = 1 << 17
ROWS_A_GROUP = 8
"""Of a coarse chunk, for each part of it that gets a weight of its own."""


@dataclass(frozen=True, slots=True)
class Coloring:
    """Which attribute colours the points, and how it becomes one number a vertex.

    `attribute` None means one colour; `kind` is "none", "scalar", "category" or "rgb"; `words` are a category's, and
    what is missing or is none of them has the code after the last.
    """

    attribute: str | None = None
    kind: str = "none"
    words: tuple[str, ...] = ()


def color_values(coloring: Coloring, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Give the number that colours each vertex, (N,) float32.

    Channels other than red, green, blue are shown by their first one; NaN becomes the lowest float, which every
    colormap shows as its first colour.
    """
    if coloring.kind == "rgb":
        return pack_rgb(values[:, :3].astype(np.uint8))
    column = values[:, 0] if values.ndim == 2 else values
    if coloring.kind == "category":
        codes = column.astype(np.int64)
        known = (codes >= 0) & (codes < len(coloring.words))
        return np.where(known, codes, len(coloring.words)).astype(np.float32)
    numbers = column.astype(np.float32)
    out: npt.NDArray[np.float32] = np.where(np.isnan(numbers), np.finfo(np.float32).min, numbers)
    return out


def no_values(coloring: Coloring, positions: npt.NDArray[np.floating]) -> npt.NDArray[np.float32] | None:
    """Give the numbers of points of a level that lacks the attribute: the lowest, or "missing"."""
    if coloring.attribute is None:
        return None
    lowest = {"category": float(len(coloring.words)), "rgb": 0.0}.get(coloring.kind, float(np.finfo(np.float32).min))
    return np.full(len(positions), lowest, dtype=np.float32)


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

    def __init__(self, store: LazyStore, tree: Tree, origin: npt.NDArray[np.float64], cache: ByteCache) -> None:
        self._store, self._tree, self._origin, self._cache = store, tree, origin, cache
        self.coloring = {0: Coloring()}
        """By epoch; an entry is added before the first request of its epoch and never changed."""
        self._changed: ConcurrentWriteError | None = None

    def batch(self, requests: Sequence[Request]) -> int:
        """Give the leading requests of the first one's level, epoch and share, up to some rows."""
        first = requests[0]
        level, rows = int(self._tree.level_of(np.array(first.node))), 0
        for i, request in enumerate(requests[:BATCH]):
            rows += int(self._tree.count[request.node])
            same = (request.epoch, request.fraction) == (first.epoch, first.fraction)
            if i and (not same or int(self._tree.level_of(np.array(request.node))) != level or rows > BATCH_ROWS):
                return i
        return min(len(requests), BATCH)

    def load(self, requests: Sequence[Request]) -> list[BuiltChunk]:
        """Read and build chunks of one level.

        Raises
        ------
        ConcurrentWriteError
            From when it was seen on that another store has been written to the place.
        ZarrVectorsError, OSError
            If they cannot be read.
        """
        found = {r: self._cache.get(r) for r in requests}
        missing = [r for r, built in found.items() if built is None]
        if missing:
            found |= dict(zip(missing, self._read(missing), strict=True))
        return [built for r in requests if (built := found[r]) is not None]

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

    def _read(self, requests: Sequence[Request]) -> list[BuiltChunk]:
        tree, first = self._tree, requests[0]
        depth = int(tree.level_of(np.array(first.node)))
        coloring = self.coloring[first.epoch]
        has_it = coloring.attribute in self._store.attribute_names(tree.levels[depth])
        names = [coloring.attribute] if coloring.attribute is not None and has_it else []
        coords = tree.coords[[r.node for r in requests]]
        batch = self._store.read_chunks(tree.levels[depth], coords, names)
        self._look()
        out = []
        for i, request in enumerate(requests):
            rows = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
            if names:
                codes = self._own_codes(coloring, tree.levels[depth], batch.attributes[names[0]][rows])
                values: npt.NDArray[np.float32] | None = color_values(coloring, codes)
            else:
                values = no_values(coloring, batch.positions[rows])
            built = build_points(
                batch.positions[rows],
                values,
                origin=self._origin,
                chunk_lo=coords[i] * tree.chunk_shape[depth],
                cell_shape=tree.chunk_shape[-1],
                ratios=tree.ratios[depth:],
                fraction=request.fraction,
                seed=request.node,
                level=tree.levels[depth],
                below=below_of(tree, request.node, rows.stop - rows.start),
            )
            self._cache.put(request, built)
            out.append(built)
        return out


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
