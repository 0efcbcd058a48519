"""Decoded points of one chunk -> rows that can be uploaded as they are.

A vertex is three float32, data axes minus the layer's origin in data order, the float32 that colours it, and one that
says its level and weight, each in an array of its own: buffers are filled from them without a copy. Rows are shuffled
with a fixed seed and then sorted by place (see `places`), so that the rows of a place are one range, and the first k
rows of that range are an honest sample of it, the same ones from frame to frame.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._build.chunk import BuiltChunk
from napari_zarr_vectors._build.places import cells_of, place_keys, place_shape
from napari_zarr_vectors._build.slabs import bins_of
from napari_zarr_vectors._build.values import ValueMap, compact
from napari_zarr_vectors._build.weights import Below, level_codes

__all__ = ["build_points", "pack_axes", "pack_rgb", "stable_order", "unpack_rgb"]

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]

VERTEX_AXES = 3  # axes in the main buffer; two more go to `extra`


def build_points(
    positions: npt.NDArray[np.floating],
    values: npt.NDArray[np.floating] | None,
    sizes: Float32Array | None = None,
    *,
    origin: npt.ArrayLike,
    chunk_lo: npt.ArrayLike,
    cell_shape: npt.ArrayLike,
    ratios: npt.ArrayLike,
    fraction: float = 1.0,
    seed: int = 0,
    level: int = 0,
    objects: Int64Array | None = None,
    below: Below | None = None,
    weights: npt.NDArray[np.number] | None = None,
    owners: npt.NDArray[np.int32] | None = None,
) -> BuiltChunk:
    """Shuffle, thin and sort the points of one chunk.

    Parameters
    ----------
    positions : (N, D) float32 or float64
        Store units, D = 1..5, finite. One outside the chunk counts to the nearest place in it.
    values : (N,) float or None
        What colours the points, or a code, or `pack_rgb`; None is 0.
    sizes : (N,) float32 or None
        What their size is multiplied with.
    origin : (D,)
        Subtracted in float64, before positions become float32.
    chunk_lo : (D,)
        Lower corner of the chunk, store units.
    cell_shape : (D,)
        Shape of a level-0 chunk, store units.
    ratios : (depth, D) int
        Children per axis at each step down to level 0; empty at level 0.
    fraction : float
        Share of the rows to keep, in (0, 1]; at least one row is kept. A larger share contains a smaller one.
    seed : int
        Of the shuffle; the same one gives the same rows.
    level : int
        Of the store.
    objects : (N,) int64 or None
        Id of the object of each point, `NO_OBJECT` for none.
    below : Below or None
        What the rows together stand for; None where each stands for itself.
    weights : (N,) or None
        What each row stands for, where the store says it.
    owners : (N,) int32 or None
        Row in the level's object index of the object of each point, -1 for none.

    Raises
    ------
    ValueError
        When `fraction` is outside (0, 1] or `values` has another length.
    """
    if not 0 < fraction <= 1:
        msg = f"fraction must be in (0, 1], got {fraction!r}"
        raise ValueError(msg)
    count = len(positions)
    if values is not None and values.shape != (count,):
        msg = f"values must have one number per point: expected shape ({count},), got {values.shape}"
        raise ValueError(msg)
    # A share that was given as `fraction` before gives the same rows again, whatever the last bit of k / n * n.
    keep = min(count, max(1, math.floor(fraction * count * (1 + 1e-12))))
    rows = np.random.default_rng(seed).permutation(count)[:keep]
    keys = _keys(positions, rows, chunk_lo, cell_shape, ratios)
    order = stable_order(keys)
    rows, keys = rows[order], keys[order]
    places, starts = np.unique(keys, return_index=True)
    main, extra = pack_axes(positions[rows], origin)
    source = ValueMap(compact(rows, count), 1, np.zeros(0, np.int32), np.zeros((0, 2), np.float32), owners)
    return BuiltChunk(
        positions=main,
        values=np.zeros(keep, np.float32) if values is None else source.of(values.astype(np.float32, copy=False)),
        levels=level_codes(
            level, keys, below, keep / count if count else 1.0, None if weights is None else weights[rows]
        ),
        extra=extra,
        keys=places,
        starts=np.append(starts, keep).astype(np.int64),
        count=count,
        vertices=keep,
        fraction=keep / count if count else 1.0,
        objects=None if objects is None else objects[rows],
        bins=bins_of(positions[rows], chunk_lo, cell_shape, place_shape(ratios, positions.shape[1]))[None],
        sizes=None if sizes is None else source.of(sizes),
        source=source,
    )


def pack_rgb(rgb: npt.NDArray[np.uint8]) -> Float32Array:
    """Colours as one float32 each, exactly: 24 bits are all a float32 holds.

    Parameters
    ----------
    rgb : (N, 3) uint8

    Returns
    -------
    (N,) float32
        ``65536 r + 256 g + b``.
    """
    red, green, blue = rgb.astype(np.int32).T
    packed: Float32Array = ((red << 16) | (green << 8) | blue).astype(np.float32)
    return packed


def unpack_rgb(packed: Float32Array) -> npt.NDArray[np.uint8]:
    """Undo `pack_rgb`: (N,) float32 -> (N, 3) uint8."""
    whole = packed.astype(np.int32)
    return np.stack([whole >> 16, (whole >> 8) & 255, whole & 255], axis=1).astype(np.uint8)


def _keys(
    positions: npt.NDArray[np.floating],
    rows: Int64Array,
    lo: npt.ArrayLike,
    cell_shape: npt.ArrayLike,
    ratios: npt.ArrayLike,
) -> Int64Array:
    """Place keys of some rows of (N, D) positions."""
    shape = place_shape(ratios, positions.shape[1])
    if np.all(shape == 1):
        return np.zeros(len(rows), dtype=np.int64)
    if len(rows) < len(positions):
        return place_keys(cells_of(positions[rows], lo, cell_shape, shape), ratios)
    return place_keys(cells_of(positions, lo, cell_shape, shape), ratios)[rows]  # gathering keys is cheaper


def stable_order(keys: Int64Array) -> npt.NDArray[np.intp]:
    """Stable argsort; numpy has a radix sort for 16 bits, which most chunks fit."""
    if not keys.any():
        return np.arange(len(keys))
    narrow = keys.astype(np.uint16) if keys.max() < 1 << 16 else keys
    return np.argsort(narrow, kind="stable")


def pack_axes(positions: npt.NDArray[np.floating], origin: npt.ArrayLike) -> tuple[Float32Array, Float32Array | None]:
    """Three axes (n, 3) and, above three, the rest (n, 2)."""
    relative = positions - np.asarray(origin, dtype=np.float64)  # (n, D) float64
    main = np.zeros((len(relative), VERTEX_AXES), dtype=np.float32)
    main[:, : relative.shape[1]] = relative[:, :VERTEX_AXES]
    rest = relative[:, VERTEX_AXES:]
    if not rest.shape[1]:
        return main, None
    extra = np.zeros((len(relative), 2), dtype=np.float32)
    extra[:, : rest.shape[1]] = rest
    return main, extra
