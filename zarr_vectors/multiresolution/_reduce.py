"""Many rows to one: the aggregation of vertex attributes over thinning cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors._spec.names import WEIGHTS
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import run_starts, sort_order
from zarr_vectors.typing import AnyArray, BoolArray, Float64Array, Int64Array

__all__ = [
    "MODES",
    "WEIGHTS_COLUMN",
    "AggMode",
    "Groups",
    "check_agg_mode",
    "group_numbers",
    "group_rows",
    "reduce_rows",
    "total_weights",
]

WEIGHTS_COLUMN = Column(WEIGHTS, np.dtype("<u4"))
_MOST_WEIGHT = 2**32 - 1
AggMode: TypeAlias = str | Mapping[str, str]
_HALF_BITS = 32
_LOW_HALF = 2**_HALF_BITS - 1
MODES = ("mean", "sum", "mode", "count", "min", "max")


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows sorted into groups: group ``g`` is ``order[starts[g]:starts[g + 1]]``, rows in their own order."""

    order: npt.NDArray[np.intp]
    starts: Int64Array  # (groups + 1,)

    @property
    def counts(self) -> Int64Array:
        """Rows of each group."""
        return np.diff(self.starts)


def group_rows(keys: npt.NDArray[np.unsignedinteger[Any]]) -> Groups:
    """Group rows by equal keys; groups ascend by key."""
    order = sort_order(keys)
    return Groups(order, np.append(run_starts(np.take(keys, order)), len(keys)))


def group_numbers(numbers: Int64Array) -> Groups:
    """Group rows by numbers from 0 on; groups ascend."""
    return group_rows(numbers.astype(np.uint64))


def check_agg_mode(agg_mode: AggMode, columns: Mapping[str, Column]) -> dict[str, str]:
    """Give each attribute's mode: the asked one; labels (strings, bools, single integers) default to "mode"."""
    if not isinstance(agg_mode, str):
        unknown = [name for name in agg_mode if name not in columns]
        if unknown:
            msg = f"agg_mode names attribute {unknown[0]!r}; the store has {sorted(columns)}"
            raise ArgumentError(msg)
    default = agg_mode if isinstance(agg_mode, str) else "mean"
    if default not in MODES:
        msg = f"agg_mode must be one of {', '.join(MODES)}, got {default!r}"
        raise ArgumentError(msg)
    asked = {} if isinstance(agg_mode, str) else dict(agg_mode)
    out = {}
    for name, column in columns.items():
        is_label = column.categories is not None or column.dtype.kind == "b"
        is_label |= column.dtype.kind in "iu" and not column.row_shape
        mode = asked.get(name, "mode" if is_label and default == "mean" else default)
        if mode not in MODES:
            msg = f"agg_mode of {name!r} must be one of {', '.join(MODES)}, got {mode!r}"
            raise ArgumentError(msg)
        if column.categories is not None and mode != "mode":
            msg = f"attribute {name!r} holds words, which have a mode but no {mode}"
            raise ArgumentError(msg)
        out[name] = mode
    return out


def reduce_rows(values: AnyArray, groups: Groups, mode: str, name: str, weights: Int64Array | None = None) -> AnyArray:
    """Aggregate an attribute, (N,) or (N, C), over groups; the dtype stays.

    NaN means that there is no value: it counts as a row, and otherwise as nothing.

    Parameters
    ----------
    weights : (N,) int64, optional
        How many vertices each row stands for: means, modes and counts are those of these.

    Raises
    ------
    ArgumentError
        If a sum or count does not fit the attribute's dtype.
    """
    if mode == "mode":
        return _mode(values, groups, weights)
    each = None if weights is None else weights[groups.order]
    counts = groups.counts if each is None else _add(each, groups)
    if mode == "count":
        count = counts.reshape(-1, *[1] * (values.ndim - 1))
        return _fit(np.broadcast_to(count, (len(groups.counts), *values.shape[1:])), values.dtype, name)
    ordered = np.take(values, groups.order, axis=0)
    starts = groups.starts[:-1]
    extremes: dict[str, Callable[..., AnyArray]] = {"min": np.fmin.reduceat, "max": np.fmax.reduceat}
    if mode in extremes:
        return extremes[mode](ordered, starts, axis=0)
    if mode == "sum" and values.dtype.kind in "iu":
        return _fit(_whole_sums(ordered, starts, name), values.dtype, name)
    wide = ordered.astype(np.float64)
    gaps = np.isnan(wide)
    if gaps.any():
        return _fit(_of_what_is_there(wide, gaps, starts, each if mode == "mean" else None, mode), values.dtype, name)
    if mode == "mean" and each is not None:
        wide *= each.reshape(-1, *[1] * (values.ndim - 1))
    total = np.add.reduceat(wide, starts, axis=0)
    if mode == "mean":
        total = total / counts.reshape(-1, *[1] * (values.ndim - 1))
        if values.dtype.kind in "iub":
            total = np.rint(total)
    return _fit(total, values.dtype, name)


def _of_what_is_there(
    wide: Float64Array, gaps: BoolArray, starts: Int64Array, each: Int64Array | None, mode: str
) -> Float64Array:
    """Give sums or means of the numbers that are not NaN; NaN where a group has none."""
    share = np.where(gaps, 0, 1 if each is None else each.reshape(-1, *[1] * (wide.ndim - 1)))
    counts = np.add.reduceat(share, starts, axis=0)
    sums = np.add.reduceat(np.where(gaps, 0.0, wide) * share, starts, axis=0)
    some = np.where(counts == 0, np.nan, counts if mode == "mean" else 1)
    return np.asarray(sums / some, np.float64)


def total_weights(groups: Groups, weights: Int64Array | None) -> AnyArray:
    """Give how many vertices each group stands for, as they are stored: what is too many is the most there can be."""
    total = groups.counts if weights is None else _add(weights[groups.order], groups)
    return np.minimum(total, _MOST_WEIGHT).astype(WEIGHTS_COLUMN.dtype)


def _add(ordered: Int64Array, groups: Groups) -> Int64Array:
    total: Int64Array = np.add.reduceat(ordered, groups.starts[:-1]) if len(ordered) else groups.counts
    return total


def _whole_sums(ordered: AnyArray, starts: Int64Array, name: str) -> AnyArray:
    """Add whole numbers up in 64 bits; ``ArgumentError`` where that is not enough."""
    signed = ordered.dtype.kind == "i"
    wide = ordered.astype(np.int64 if signed else np.uint64)
    # The sum of the upper halves, with what the lower ones carry over, tells whether the whole wraps around.
    carried = np.add.reduceat(wide & wide.dtype.type(_LOW_HALF), starts, axis=0) >> wide.dtype.type(_HALF_BITS)
    upper = np.add.reduceat(wide >> wide.dtype.type(_HALF_BITS), starts, axis=0) + carried
    _fit(upper, np.dtype(np.int32 if signed else np.uint32), name)
    sums: AnyArray = np.add.reduceat(wide, starts, axis=0)
    return sums


def _fit(values: AnyArray, dtype: np.dtype[Any], name: str) -> AnyArray:
    """Narrow aggregated values to an attribute's dtype; ``ArgumentError`` where one does not fit."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            out = values.astype(dtype)
        fits = not (np.isinf(out) & np.isfinite(values)).any()
    else:
        low, high = (0, 1) if dtype.kind == "b" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
        # As Python numbers: the largest 64-bit numbers have no float of their own.
        fits = not len(values) or (int(values.max()) <= high and int(values.min()) >= low)
        out = values.astype(dtype) if fits else values
    if not fits:
        msg = f"aggregating {name!r} gives {values.max()}, which {dtype.name} cannot hold; store it wider"
        raise ArgumentError(msg)
    return out


def _mode(values: AnyArray, groups: Groups, weights: Int64Array | None) -> AnyArray:
    """Give the most frequent value of each group; among equals the one that comes first in the rows.

    Taking the first, not the smallest, keeps numbers that hardly repeat from drifting downwards.
    """
    ordered = np.take(values, groups.order, axis=0)
    if ordered.ndim == 2:
        columns = [_mode(values[:, c], groups, weights) for c in range(values.shape[1])]
        return np.stack(columns, axis=1)
    counts = groups.counts
    if not len(counts):
        return ordered
    group = np.repeat(np.arange(len(counts)), counts)
    # Stable by (group, value): the first row of a run is the earliest row that has the value.
    by_value = _by_group_and_value(group, ordered)
    g, v = group[by_value], ordered[by_value]
    begin = np.flatnonzero(np.concatenate([[True], (g[1:] != g[:-1]) | (v[1:] != v[:-1])]))
    if weights is None:
        length = np.diff(np.append(begin, len(g)))
    else:
        length = np.add.reduceat(weights[groups.order][by_value], begin)
    # The longest run of a group has the highest score; among equals the one whose first row comes first.
    score = length * len(g) + (len(g) - 1 - by_value[begin])
    best = np.maximum.reduceat(score, run_starts(g[begin]))
    modes: AnyArray = ordered[len(g) - 1 - best % len(g)]
    return modes


def _by_group_and_value(group: Int64Array, values: AnyArray) -> npt.NDArray[np.intp]:
    """Give the stable order by group, (N,) ascending, then by value."""
    if values.dtype.kind in "biu":
        low, high = int(values.min()), int(values.max())
        span = high - low + 1
        if span * (int(group[-1]) + 1) < 2**_HALF_BITS:
            wide = values if values.dtype == np.uint64 else values.astype(np.int64)
            place = (wide - wide.dtype.type(low)).astype(np.uint32)
            return sort_order(group.astype(np.uint32) * np.uint32(span) + place)
    return np.lexsort((values, group))
