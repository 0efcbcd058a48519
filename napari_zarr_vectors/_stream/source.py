"""Nodes of a tree -> built chunks: one coalesced read, then shuffle, sort and pack, all off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._build import build_points, pack_rgb
from napari_zarr_vectors._stream.loader import BATCH, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from napari_zarr_vectors._build import BuiltChunk
    from napari_zarr_vectors._lod import Tree
    from napari_zarr_vectors._stream.cache import ByteCache
    from zarr_vectors.lazy import LazyStore

__all__ = ["Coloring", "PointSource", "color_values"]

BATCH_ROWS = 1 << 17


@dataclass(frozen=True, slots=True)
class Coloring:
    """Which attribute colours the points, and how it becomes one number a vertex.

    `attribute` None means one colour; `kind` is "none", "scalar", "category" or "rgb".
    """

    attribute: str | None = None
    kind: str = "none"


def color_values(coloring: Coloring, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Give the number that colours each vertex, (N,) float32.

    Channels other than red, green, blue are shown by their first one; NaN becomes the lowest float, which every
    colormap shows as its first colour.
    """
    if coloring.kind == "rgb":
        return pack_rgb(values[:, :3].astype(np.uint8))
    column = values[:, 0] if values.ndim == 2 else values
    numbers = column.astype(np.float32)
    out: npt.NDArray[np.float32] = np.where(np.isnan(numbers), np.finfo(np.float32).min, numbers)
    return out


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

    def batch(self, requests: Sequence[Request]) -> int:
        """Give the leading requests of the first one's level, epoch and share, up to some rows."""
        first = requests[0]
        level, rows = self._level(first.node), 0
        for i, request in enumerate(requests[:BATCH]):
            rows += int(self._tree.count[request.node])
            same = (request.epoch, request.fraction) == (first.epoch, first.fraction)
            if i and (not same or self._level(request.node) != level or rows > BATCH_ROWS):
                return i
        return min(len(requests), BATCH)

    def load(self, requests: Sequence[Request]) -> list[BuiltChunk]:
        """Read and build chunks of one level."""
        found = {r: self._cache.get(r) for r in requests}
        missing = [r for r, built in found.items() if built is None]
        if missing:
            found |= dict(zip(missing, self._read(missing), strict=True))
        return [built for r in requests if (built := found[r]) is not None]

    def _level(self, node: int) -> int:
        return int(np.searchsorted(self._tree.base, node, side="right")) - 1

    def _read(self, requests: Sequence[Request]) -> list[BuiltChunk]:
        tree, first = self._tree, requests[0]
        depth = self._level(first.node)
        coloring = self.coloring[first.epoch]
        names = [] if coloring.attribute is None else [coloring.attribute]
        coords = tree.coords[[r.node for r in requests]]
        batch = self._store.read_chunks(tree.levels[depth], coords, names)
        out = []
        for i, request in enumerate(requests):
            rows = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
            values = None if not names else color_values(coloring, batch.attributes[names[0]][rows])
            built = build_points(
                batch.positions[rows],
                values,
                origin=self._origin,
                chunk_lo=coords[i] * tree.chunk_shape[depth],
                cell_shape=tree.chunk_shape[-1],
                ratios=tree.ratios[depth:],
                fraction=request.fraction,
                seed=request.node,
            )
            self._cache.put(request, built)
            out.append(built)
        return out
