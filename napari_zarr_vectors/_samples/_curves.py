"""Smooth curves through waypoints, many at once, and points at even steps along them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


def spline_matrix(knots: Float64Array, at: Float64Array) -> Float64Array:
    """Return ``(P, K)``: times values at the K knots it gives the natural cubic spline at P places."""
    gaps = np.diff(knots)
    rows = np.arange(1, len(knots) - 1)
    second, bend = np.eye(len(knots)), np.zeros((len(knots), len(knots)))
    second[rows, rows - 1], second[rows, rows], second[rows, rows + 1] = gaps[:-1], 2 * (gaps[:-1] + gaps[1:]), gaps[1:]
    bend[rows, rows - 1], bend[rows, rows + 1] = 6 / gaps[:-1], 6 / gaps[1:]
    bend[rows, rows] = -6 / gaps[:-1] - 6 / gaps[1:]
    curvature = np.linalg.solve(second, bend)  # (K, K): second derivatives at the knots
    piece = np.clip(np.searchsorted(knots, at, side="right") - 1, 0, len(gaps) - 1)
    gap, before, after = gaps[piece], at - knots[piece], knots[piece + 1] - at
    values = np.zeros((len(at), len(knots)))
    each = np.arange(len(at))
    values[each, piece], values[each, piece + 1] = after / gap, before / gap
    return np.asarray(
        values
        + ((after**3 / gap - gap * after) / 6)[:, None] * curvature[piece]
        + ((before**3 / gap - gap * before) / 6)[:, None] * curvature[piece + 1]
    )


def curves_through(waypoints: Float64Array, points: int) -> Float64Array:
    """Return ``(N, points, 3)``: splines through ``(N, K, 3)`` waypoints, whose spacing is that of their mean."""
    mean = waypoints.mean(axis=0)
    knots = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(mean, axis=0), axis=1) + 1e-6))
    matrix = spline_matrix(knots, np.linspace(0, knots[-1], points))
    return np.asarray(np.einsum("pk,nkc->npc", matrix, waypoints, optimize=True))


def lengths_of(curves: Float64Array) -> Float64Array:
    """Return the length (N,) of each of ``(N, P, 3)`` curves."""
    return np.asarray(np.linalg.norm(np.diff(curves, axis=1), axis=2).sum(axis=1))


def at_even_steps(curves: Float64Array, step: float) -> tuple[Float64Array, Float64Array, Int64Array]:
    """Give points about `step` apart along ``(N, P, 3)`` curves, both ends among them.

    Returns
    -------
    points : (M, 3)
    part : (M,)
        How far along its curve each lies, 0 to 1.
    offsets : (N + 1,) int64
        Curve i has the rows ``offsets[i]:offsets[i + 1]``, four at least.
    """
    n, p, _ = curves.shape
    along = np.zeros((n, p))
    along[:, 1:] = np.cumsum(np.linalg.norm(np.diff(curves, axis=1), axis=2), axis=1)
    along /= along[:, -1:] / (1 - 1e-9)
    counts = np.maximum(np.round(lengths_of(curves) / step).astype(np.int64) + 1, 4)
    offsets = np.append(0, np.cumsum(counts))
    curve = np.repeat(np.arange(n), counts)
    part = (np.arange(offsets[-1]) - offsets[:-1][curve]) / (counts[curve] - 1)
    # Curve i occupies i to i + 1 of one ascending row of numbers, so that one search serves all of them.
    ends = (along + np.arange(n)[:, None]).ravel()
    left = np.searchsorted(ends, curve + part * (1 - 1e-9), side="right") - 1
    left = np.clip(left, curve * p, curve * p + p - 2)
    share = (curve + part * (1 - 1e-9) - ends[left]) / np.maximum(ends[left + 1] - ends[left], 1e-12)
    share = np.clip(share, 0, 1)[:, None]
    flat = curves.reshape(-1, 3)
    return flat[left] * (1 - share) + flat[left + 1] * share, part, offsets
