"""Smooth random fields on a torus, and how to look them up at points.

A field is ``(S, S)`` float32, made by filtering white noise in the Fourier plane: isotropic, without the
lattice marks of value noise, and periodic, so that a lookup wraps and needs no edge case.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Field: TypeAlias = npt.NDArray[np.floating[Any]]
Indices: TypeAlias = npt.NDArray[np.integer[Any]]


def fractal_field(rng: np.random.Generator, size: int, *, slope: float, lowest: float = 1.0) -> Field:
    """Return ``(size, size)`` noise of mean 0, deviation 1; its amplitude falls as ``frequency ** -slope``.

    ``lowest`` is the smallest frequency that is kept, in waves a side.
    """
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    frequency = wave_numbers(size)
    weight = np.where(frequency < lowest, 0.0, np.maximum(frequency, lowest) ** -slope)
    return _standardised(np.fft.irfft2(spectrum * weight, s=(size, size)))


def band_field(rng: np.random.Generator, size: int, frequency: float) -> Field:
    """Return ``(size, size)`` noise of mean 0 and deviation 1 of about ``frequency`` waves a side."""
    spectrum = np.fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    octaves = np.log2(np.maximum(wave_numbers(size), np.float32(1e-3)) / np.float32(frequency))
    return _standardised(np.fft.irfft2(spectrum * np.exp(-((octaves / np.float32(0.45)) ** 2)), s=(size, size)))


def wave_numbers(size: int) -> Field:
    """Return ``(size, size // 2 + 1)``: the radial frequency of each Fourier coefficient, waves a side."""
    rows = np.fft.fftfreq(size, 1 / size)[:, None]
    columns = np.fft.rfftfreq(size, 1 / size)[None, :]
    return np.asarray(np.hypot(rows, columns), np.float32)


def look_up(field: Field, u: Field, v: Field) -> Field:
    """Interpolate a field bilinearly at ``(u, v)``, each ``(N,)`` in units of the field's side; both wrap."""
    size = field.shape[0]
    row, row_part = _cell(u, size)
    column, column_part = _cell(v, size)
    below = (row + 1) % size
    right = (column + 1) % size
    flat = field.ravel()
    top = flat[row * size + column] * (1 - column_part) + flat[row * size + right] * column_part
    bottom = flat[below * size + column] * (1 - column_part) + flat[below * size + right] * column_part
    mixed: Field = top * (1 - row_part) + bottom * row_part
    return mixed


def _cell(u: Field, size: int) -> tuple[Indices, Field]:
    place = (u - np.floor(u)) * np.float32(size)
    index = np.minimum(place.astype(np.int32), size - 1)
    return index, (place - index).astype(np.float32)


def _standardised(field: Field) -> Field:
    centred = field - field.mean()
    return np.asarray(centred / centred.std(), np.float32)
