"""Factors -> steps: what levels there will be, their bins and chunks. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors._spec import LevelMetadata, RootMetadata
from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.spatial import bins_per_chunk
from zarr_vectors.typing import BoolArray, Float64Array, Int64Array

__all__ = ["Factor", "Step", "automatic_factors", "plan_one_step", "plan_steps"]

_MOST_LEVELS = 12

Factor: TypeAlias = tuple[npt.ArrayLike, float]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """How one level is made from another.

    Attributes
    ----------
    source, level : int
    coarsen : (D,) int64
    sparsity : float
    bin_ratio, chunk_ratio : (D,) int64
        Bins and chunks of the level against those of the root.
    chunk_growth : (D,) int64
        Chunks of the source along each axis of a chunk of the level.
    """

    source: int
    level: int
    coarsen: Int64Array
    sparsity: float
    bin_ratio: Int64Array
    chunk_ratio: Int64Array
    chunk_growth: Int64Array

    @property
    def share(self) -> float:
        """Vertices that stay, of one."""
        return 1 / (float(np.prod(self.coarsen)) * self.sparsity)

    @property
    def scales(self) -> BoolArray:
        """Axes along which vertices are thinned, (D,)."""
        grows: BoolArray = self.coarsen > 1
        return grows if grows.any() else np.ones(len(self.coarsen), bool)

    def chunk_shape(self, root: RootMetadata) -> Float64Array:
        """Edge lengths of a chunk of the level."""
        out: Float64Array = root.chunk_shape * self.chunk_ratio
        return out

    def source_bin_shape(self, root: RootMetadata) -> Float64Array:
        """Edge lengths of a bin of the source."""
        out: Float64Array = root.bin_shape * (self.bin_ratio // self.coarsen)
        return out

    def bin_shape(self, root: RootMetadata) -> Float64Array:
        """Edge lengths of a bin of the level."""
        out: Float64Array = root.bin_shape * self.bin_ratio
        return out


def automatic_factors(root: RootMetadata, vertices: int, chunks: int) -> list[Factor]:
    """Halve every axis but time so often that what is left is at most what a chunk holds on average.

    That is counted before anything is made: of D axes that are halved ``1 / 2**D`` is taken to stay.
    """
    coarsen = np.array([1 if axis.type == "time" else 2 for axis in root.axes])
    shrinks = float(np.prod(coarsen))
    if shrinks == 1 or not vertices:
        return []
    levels = math.ceil(math.log(max(1, chunks)) / math.log(shrinks))
    return [(coarsen, 1)] * min(levels, _MOST_LEVELS)


def plan_steps(
    root: RootMetadata, factors: Sequence[Factor], chunk_scale: str | int, *, is_additive: bool = False
) -> list[Step]:
    """Plan levels 1, 2, .., each made from the one before; additive ones all have the same chunks.

    Raises
    ------
    ArgumentError
        If a factor cannot be used.
    """
    if not isinstance(factors, Sequence) or isinstance(factors, str):
        msg = f"factors must be a list of (coarsen, sparsity), such as [(2, 1), (2, 1)], got {factors!r}"
        raise ArgumentError(msg)
    if is_additive and chunk_scale not in ("auto", 1):
        msg = f"additive levels have the chunks of level 0: chunk_scale must be 'auto' or 1, got {chunk_scale!r}"
        raise ArgumentError(msg)
    bins = chunks = np.ones(root.ndim, np.int64)
    steps = []
    for level, factor in enumerate(factors, 1):
        coarsen, sparsity = _check_factor(factor, root.ndim)
        bins = bins * coarsen
        grown = _grow(chunks, bins, 1 if is_additive else chunk_scale)
        if not is_additive:
            _check_bins(root, bins, grown)
        steps.append(Step(level - 1, level, coarsen, sparsity, bins, grown, grown // chunks))
        chunks = grown
    return steps


def plan_one_step(
    root: RootMetadata, source: LevelMetadata, level: int, factor: Factor, chunk_scale: str | int
) -> Step:
    """Plan one level that is made from any finer one.

    Raises
    ------
    ArgumentError
        If the factor cannot be used.
    UnsupportedFeatureError
        If the source's bins or chunks are no whole multiples of the root's.
    """
    coarsen, sparsity = _check_factor(factor, root.ndim)
    scales = [scale.bin_ratio for scale in root.scales if scale.level == source.level]
    bins = _whole(scales[0] if scales else np.ones(root.ndim), source, "bins")
    shape = root.chunk_shape if source.chunk_shape is None else source.chunk_shape
    chunks = _whole(shape / root.chunk_shape, source, "chunks")
    grown = _grow(chunks, bins * coarsen, chunk_scale)
    _check_bins(root, bins * coarsen, grown)
    return Step(source.level, level, coarsen, sparsity, bins * coarsen, grown, grown // chunks)


def _whole(ratio: Float64Array, source: LevelMetadata, what: str) -> Int64Array:
    whole = np.round(ratio)
    if not np.allclose(ratio, whole) or (whole < 1).any():
        msg = f"level {source.level} has {what} {ratio.tolist()} times the root's; a level is made of whole multiples"
        raise UnsupportedFeatureError(msg)
    return whole.astype(np.int64)


def _check_bins(root: RootMetadata, bin_ratio: Int64Array, chunk_ratio: Int64Array) -> None:
    """Refuse bins that fit in their chunk, but not a whole number of times."""
    chunk, bins = root.chunk_shape * chunk_ratio, root.bin_shape * bin_ratio
    bins_per_chunk(chunk, np.where(bins > chunk, chunk, bins))


def _check_factor(factor: Factor, ndim: int) -> tuple[Int64Array, float]:
    msg = (
        f"a factor is (coarsen, sparsity), as in [(2, 1), (2, 1)], with whole coarsen >= 1 (or {ndim} of them) and "
        f"sparsity >= 1, got {factor!r}"
    )
    try:
        coarsen, sparsity = factor
        edges = np.broadcast_to(np.asarray(coarsen, np.float64), (ndim,))
        thinner = float(sparsity)
    except (TypeError, ValueError) as error:
        raise ArgumentError(msg) from error
    if not (edges >= 1).all() or (edges != np.round(edges)).any() or not 1 <= thinner < np.inf:
        raise ArgumentError(msg)
    if (edges == 1).all() and thinner == 1:
        msg = f"factor {factor!r} would make a level equal to the one before"
        raise ArgumentError(msg)
    return edges.astype(np.int64), thinner


def _grow(before: Int64Array, bin_ratio: Int64Array, chunk_scale: str | int) -> Int64Array:
    """Give the chunk ratio of the next level: a whole multiple of the one before, so that grids nest."""
    if chunk_scale == "auto":
        grown: Int64Array = before * np.maximum(1, bin_ratio // before)
        return grown
    if not isinstance(chunk_scale, int) or isinstance(chunk_scale, bool) or chunk_scale < 1:
        msg = f"chunk_scale must be 'auto' or a whole number >= 1, got {chunk_scale!r}"
        raise ArgumentError(msg)
    return before * chunk_scale
