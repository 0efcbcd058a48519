"""Checking what a caller passes to a writer, before the first byte is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors._spec import Axis, default_axes
from zarr_vectors._spec.names import check_attribute_name, is_unicode
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.encoding import encode_categories
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import extent
from zarr_vectors.types._frames import unframed
from zarr_vectors.typing import AnyArray, Float64Array

__all__ = [
    "check_attribute",
    "check_attributes",
    "check_axes",
    "check_mapping",
    "check_positions",
    "check_shape",
    "check_shard_shape",
    "holds_strings",
    "is_exact",
    "one_of",
    "refuse_masked",
    "sliceable",
]

_MIN_NDIM, _MAX_NDIM = 2, 5

_Named: TypeAlias = Mapping[str, Any]


def refuse_masked(source: object) -> None:
    """Raise ``ArgumentError`` for an array that hides some of its values."""
    # Not by np.ma: importing it costs more than writing a small store.
    if isinstance(mask := getattr(source, "mask", None), (np.ndarray, np.bool_)) and np.any(mask):
        msg = "an array with masked values cannot be stored; fill it or leave those rows out"
        raise ArgumentError(msg)


def sliceable(source: object) -> AnyArray:
    """Give a source that has ``shape``, ``dtype`` and slices: anything else becomes a numpy array."""
    refuse_masked(source)
    source = unframed(source)
    if all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__")):
        return source  # type: ignore[return-value]  # memory maps, HDF5 and zarr arrays slice like arrays
    try:
        return np.asarray(source)
    except (TypeError, ValueError) as error:
        msg = f"{type(source).__name__} cannot be made an array: {error}"
        raise ArgumentError(msg) from error


def check_shape(value: npt.ArrayLike, ndim: int, name: str) -> Float64Array:
    """Check edge lengths: one positive number for all axes, or one for each."""
    try:
        edges = np.asarray(value, dtype=np.float64)
        if any(isinstance(edge, bool | np.bool_ | str) for edge in np.asarray(value, dtype=object).flat):
            msg = "bools and strings are no lengths"
            raise TypeError(msg)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"{name} must be {ndim} positive numbers, got {value!r}"
        raise ArgumentError(msg) from error
    if edges.ndim == 0:
        edges = np.full(ndim, edges)
    if edges.shape != (ndim,) or not np.isfinite(edges).all() or (edges <= 0).any():
        msg = f"{name} must be {ndim} positive numbers (the positions have {ndim} axes), got {value!r}"
        raise ArgumentError(msg)
    return edges


def check_shard_shape(value: Sequence[int] | int | None, ndim: int) -> tuple[int, ...] | None:
    """Check the cells of a shard: one whole number for all axes, or one for each."""
    if value is None:
        return None
    try:
        cells = np.asarray(value)
    except (TypeError, ValueError) as error:
        msg = f"shard_shape must be {ndim} whole numbers of cells >= 1, got {value!r}"
        raise ArgumentError(msg) from error
    if cells.ndim == 0:
        cells = np.full(ndim, cells)
    if cells.shape != (ndim,) or cells.dtype.kind not in "iu" or (cells < 1).any():
        msg = f"shard_shape must be {ndim} whole numbers of cells >= 1, got {value!r}"
        raise ArgumentError(msg)
    return tuple(int(n) for n in cells)


def check_positions(
    source: object,
    dtype: npt.DTypeLike | None,
    block_rows: int,
    place_of: Callable[[int], str] = "row {}".format,
) -> tuple[AnyArray, Column, Float64Array]:
    """Check positions, shape (N, D), block by block; `place_of` says in a message which row it is.

    Returns
    -------
    source, column, extent
        The sliceable source, its stored column, and (2, D) float64 extent of the stored values (zeros if N = 0).
    """
    positions = sliceable(source)
    if len(positions.shape) != 2 or not _MIN_NDIM <= positions.shape[1] <= _MAX_NDIM:
        msg = f"positions must have shape (N, D) with D from 2 to 5, got shape {tuple(positions.shape)}"
        if len(positions.shape) == 2 and _MIN_NDIM <= positions.shape[0] <= _MAX_NDIM:
            msg += "; transpose them if each row is an axis: positions.T"
        raise ArgumentError(msg)
    if positions.dtype.kind not in "iuf" or positions.dtype.itemsize > 8:
        msg = f"positions must be real numbers of at most 64 bits, got dtype {positions.dtype}"
        raise ArgumentError(msg)
    stored = _stored_dtype(positions, dtype, block_rows)
    column = Column("positions", stored, (int(positions.shape[1]),))
    starts = range(0, positions.shape[0], block_rows)
    bounds = [_block_extent(positions, start, column, block_rows, place_of) for start in starts]
    if not bounds:
        return positions, column, np.zeros((2, positions.shape[1]))
    return positions, column, np.stack([np.min([b[0] for b in bounds], 0), np.max([b[1] for b in bounds], 0)])


def _block_extent(
    positions: AnyArray, start: int, column: Column, block_rows: int, place_of: Callable[[int], str]
) -> Float64Array:
    block = np.asarray(positions[start : start + block_rows])
    with np.errstate(over="ignore"):
        stored = block.astype(column.dtype, copy=False)
    found = extent(stored)
    if not np.isfinite(found).all():
        row, axis = np.argwhere(~np.isfinite(stored))[0].tolist()
        msg = (
            f"positions must be finite numbers that {column.dtype.name} can hold; "
            f"{place_of(start + row)}, axis {axis} is {block[row, axis]}"
        )
        raise ArgumentError(msg)
    return found


def _stored_dtype(positions: AnyArray, dtype: npt.DTypeLike | None, block_rows: int) -> np.dtype[Any]:
    """Choose how positions are stored: as asked, as they are, or the narrowest float that holds them exactly."""
    if dtype is not None:
        try:
            asked = np.dtype(dtype).newbyteorder("<")
        except (TypeError, ValueError) as error:
            msg = f"positions are stored as float32 or float64, got dtype {dtype!r}"
            raise ArgumentError(msg) from error
        if asked not in (np.dtype("<f4"), np.dtype("<f8")):
            msg = f"positions are stored as float32 or float64, got dtype {asked}"
            raise ArgumentError(msg)
        return asked
    if positions.dtype.kind == "f":
        return np.dtype("<f8" if positions.dtype.itemsize == 8 else "<f4")
    for candidate in (np.dtype("<f4"), np.dtype("<f8")):
        if all(
            is_exact(np.asarray(positions[start : start + block_rows]), candidate)
            for start in range(0, positions.shape[0], block_rows)
        ):
            return candidate
    msg = f"positions of dtype {positions.dtype} hold numbers that float64 cannot; pass dtype= to round them"
    raise ArgumentError(msg)


def is_exact(block: AnyArray, dtype: np.dtype[Any]) -> bool:
    """Tell whether a float dtype holds these whole numbers exactly."""
    limit = 2 ** (np.finfo(dtype).nmant + 1)
    if not len(block) or (int(block.max()) <= limit and int(block.min()) >= -limit):
        return True
    # Beyond that range only some whole numbers have a float of their own: those that come back as they were. The
    # largest ones are rounded up to a power of two, which their own type cannot hold: casting that has no meaning.
    floats = block.astype(dtype)
    fits = floats < float(int(np.iinfo(block.dtype).max) + 1)
    return bool(fits.all() and (floats.astype(block.dtype) == block).all())


def one_of(attributes: _Named | None, vertex_attributes: _Named | None) -> _Named | None:
    """Give the vertex attributes, which have two names as an argument; both given is an ``ArgumentError``."""
    if attributes is not None and vertex_attributes is not None:
        names = [list(a) if isinstance(a, Mapping) else a for a in (attributes, vertex_attributes)]
        msg = f"attributes and vertex_attributes are one argument, pass one of them; got {names[0]} and {names[1]}"
        raise ArgumentError(msg)
    return vertex_attributes if attributes is None else attributes


def check_mapping(value: object, name: str, *, plain_keys: bool = True) -> Mapping[Any, Any]:
    """Check for a mapping, from names that can be folders where `plain_keys`; None counts as empty."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        hint = "; pass dict(frame), or {name: frame[name], ..}" if hasattr(value, "columns") else ""
        msg = f"{name} must be a mapping from names to arrays, got {type(value).__name__}{hint}"
        raise ArgumentError(msg)
    if plain_keys:
        for key in value:
            check_attribute_name(key)
    return value


def check_attributes(attributes: Mapping[str, object] | None, rows: int) -> list[tuple[Column, AnyArray]]:
    """Check vertex attributes: (N,) or (N, C) numbers or bools, or (N,) strings, which become categories."""
    return [check_attribute(name, source, rows) for name, source in check_mapping(attributes, "attributes").items()]


def check_attribute(name: str, source: object, rows: int) -> tuple[Column, AnyArray]:
    """Check one attribute of `rows` vertices, edges or fragments; strings become codes of categories."""
    try:
        values = sliceable(source)
    except ArgumentError as error:
        msg = f"attribute {name!r}: {error}"
        raise ArgumentError(msg) from error
    shape, strings = tuple(values.shape), holds_strings(values)
    if len(shape) not in ((1,) if strings else (1, 2)) or shape[0] != rows or 0 in shape[1:]:
        wanted = f"of strings must have shape ({rows},)" if strings else f"must have shape ({rows},) or ({rows}, C)"
        msg = f"attribute {name!r} {wanted}, got {shape}"
        raise ArgumentError(msg)
    return _attribute(name, values)


def holds_strings(values: AnyArray) -> bool:
    """Tell whether values can only become categories, which have no channels."""
    return values.dtype.kind in "UO" or type(values.dtype).__name__ == "StringDType"


def _attribute(name: str, values: AnyArray) -> tuple[Column, AnyArray]:
    kind = values.dtype.kind
    if holds_strings(values):
        codes, categories = encode_categories(np.asarray(values[:]), name)
        return Column(name, codes.dtype.newbyteorder("<"), (), categories), codes
    if kind not in "biuf" or values.dtype.itemsize > 8:
        msg = f"attribute {name!r} must hold numbers of at most 64 bits, bools or strings, got dtype {values.dtype}"
        raise ArgumentError(msg)
    return Column(name, values.dtype.newbyteorder("<"), tuple(int(n) for n in values.shape[1:])), values


def check_axes(axes: Sequence[object] | None, units: Sequence[str | None] | str | None, ndim: int) -> tuple[Axis, ...]:
    """Check axis names, types and units: names, objects with a name, or `Axis`; units apart or in them."""
    try:
        given = default_axes(ndim) if axes is None else tuple(_axis(item) for item in axes)
    except TypeError as error:
        msg = f"axes must name {ndim} different axes, got {axes!r}"
        raise ArgumentError(msg) from error
    if len(given) != ndim or len({axis.name for axis in given}) != ndim or not all(map(_is_writable, given)):
        msg = f"axes must name {ndim} different axes, got {axes!r}"
        raise ArgumentError(msg)
    if units is None:
        return given
    each = [units] * ndim if isinstance(units, str) else list(units)
    if len(each) != ndim or not all(unit is None or isinstance(unit, str) for unit in each):
        msg = f"axis_units must be one unit or {ndim} of them, got {units!r}"
        raise ArgumentError(msg)
    out = tuple(Axis(axis.name, axis.type, unit) for axis, unit in zip(given, each, strict=True))
    if not all(map(_is_writable, out)):
        msg = f"axis_units must be Unicode text, got {units!r}"
        raise ArgumentError(msg)
    return out


def _is_writable(axis: Axis) -> bool:
    texts = (axis.name, axis.type, "" if axis.unit is None else axis.unit)
    return bool(axis.name) and all(isinstance(text, str) and is_unicode(text) for text in texts)


def _axis(item: object) -> Axis:
    if isinstance(item, Axis):
        return item
    if isinstance(item, str):
        return Axis(item)
    if isinstance(item, Mapping) and isinstance(item.get("name"), str):
        return Axis(item["name"], str(item.get("type", "space")), item.get("unit"))
    msg = f"an axis is a name, an Axis or an object with a name, got {item!r}"
    raise ArgumentError(msg)
