"""How many points of the finest level each point of a coarse chunk stands for.

Thinning evens density out, so one number for a level would make its dense parts too dark and its sparse ones too
bright, and the border of two levels would show. Levels that this library made say it for each point. Of others the
tree knows how many points lie under each descendant of a chunk; the rows of the chunk that lie there share them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Below", "level_codes"]

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

CODE_OCTAVES = 32.0
"""A code is the level plus log2 of the weight over this; the shader takes it apart."""
PRIOR_ROWS = 2.0
"""Weight of the chunk's mean beside what a descendant's own rows say: few rows say little."""
CONSTANT_ROWS = 1 << 14


@dataclass(frozen=True, slots=True, eq=False)
class Below:
    """Descendants of a chunk, all of one level.

    Attributes
    ----------
    keys : (g,) int64
        First place of each (see `places`), ascending.
    counts : (g,) int64
        Points of the finest level in each.
    """

    keys: Int64Array
    counts: Int64Array


def level_codes(
    level: int,
    keys: Int64Array,
    below: Below | None,
    share: float = 1.0,
    weights: npt.NDArray[np.number] | None = None,
) -> Float32Array:
    """Give the level and the weight of each row as one number.

    Parameters
    ----------
    level : int
    keys : (n,) int64
        Place of each row, ascending.
    below : Below or None
        None where each row stands for itself.
    share : float
        Part of the chunk's rows that these are; what is left out is made up for when it is known how many are shown.
    weights : (n,) or None
        What each row stands for, where the store says it; nothing is shared then.

    Returns
    -------
    (n,) float32
        ``level + log2(weight) / 32``, weights of at least 1; to be read only.
    """
    if weights is None:
        if below is None or not len(keys):
            return _constant(level, len(keys))
        weights = _weights(keys, below) * share
    octaves = np.log2(np.maximum(weights, 1.0))
    return (level + np.minimum(octaves / CODE_OCTAVES, 0.999)).astype(np.float32)


def _weights(keys: Int64Array, below: Below) -> Float64Array:
    """Weight of each of (n,) rows; they add up to what lies below."""
    group = np.maximum(np.searchsorted(below.keys, keys, side="right") - 1, 0)
    rows = np.bincount(group, minlength=len(below.keys))
    total = float(below.counts.sum())
    mean = total / len(keys)
    each = (below.counts + PRIOR_ROWS * mean) / (rows + PRIOR_ROWS)
    weights = each[group]
    return np.asarray(weights * (total / weights.sum()))


_CONSTANTS: dict[int, Float32Array] = {}


def _constant(level: int, rows: int) -> Float32Array:
    """`rows` times a level: the chunks of a level share one array, as long as the longest needs."""
    known = _CONSTANTS.get(level)
    if known is None or len(known) < rows:
        known = np.full(max(rows, CONSTANT_ROWS), level, dtype=np.float32)
        known.flags.writeable = False
        _CONSTANTS[level] = known
    return known[:rows]
