"""A flat array's ``zarr.json`` as a frozen model: an ordinary zarr array, one row an object or a group.

Rows are numbers or fixed-length strings, shape (R,) or (R, C), or byte strings of any length, shape (R,). A chunk holds
a fixed number of rows; the last one is filled up, and a chunk that is not stored holds fill values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zarr_vectors._spec._fields import mapping, require, whole, wholes
from zarr_vectors._spec.grid import Codec, check_key_encoding, parse_codecs
from zarr_vectors.constants import MAX_CELL_BYTES
from zarr_vectors.exceptions import CorruptStoreError, LimitError, UnsupportedFeatureError
from zarr_vectors.typing import AnyArray

__all__ = ["FlatMetadata", "absent_value", "is_absent"]

_NUMBERS = {"bool", "float16", "float32", "float64", *(f"{s}int{n}" for s in ("", "u") for n in (8, 16, 32, 64))}
_BYTES, _STRINGS = "variable_length_bytes", "fixed_length_utf32"
_ODD_FLOATS = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
_MOST_CHUNKS = 1 << 18
_WHOLE = "zv_whole"


def absent_value(dtype: np.dtype[Any]) -> Any:  # noqa: ANN401 - a scalar of the dtype
    """Give the value that stands for an absent row: NaN, the smallest signed or largest unsigned number, or ""."""
    match dtype.kind:
        case "f":
            return np.nan
        case "i":
            return np.iinfo(dtype).min
        case "u":
            return np.iinfo(dtype).max
        case kind:
            return "" if kind == "U" else 0


def is_absent(values: AnyArray, fill: Any) -> AnyArray:  # noqa: ANN401 - a scalar of the dtype
    """Tell for each row, (R,) bool, whether all its channels are the fill value."""
    same = np.isnan(values) if values.dtype.kind == "f" and np.isnan(fill) else values == fill
    return np.asarray(same.reshape(len(values), math.prod(values.shape[1:])).all(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class FlatMetadata:
    """Metadata of one flat array.

    Attributes
    ----------
    shape, chunk_shape : tuple of int
    dtype : numpy dtype or None
        In the stored byte order; None = byte strings.
    codecs : tuple of codec objects
        What follows the serializer (``bytes`` or ``vlen-bytes``).
    fill : scalar
        The value of rows that are not stored.
    written : tuple of int or None
        The shape that this library wrote: every chunk inside it is stored, and one that is missing was lost.
    attributes : dict
        The array's own keys.
    """

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    codecs: tuple[Codec, ...]
    fill: Any
    written: tuple[int, ...] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chunk_counts(self) -> tuple[int, ...]:
        """Chunks along each axis."""
        return tuple(-(-size // chunk) for size, chunk in zip(self.shape, self.chunk_shape, strict=True))

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one chunk of numbers or strings."""
        return math.prod(self.chunk_shape) * (self.dtype.itemsize if self.dtype is not None else 0)

    @classmethod
    def from_dict(cls, doc: Mapping[str, Any], where: str) -> FlatMetadata:
        """Read an array's ``zarr.json``.

        Raises
        ------
        CorruptStoreError, UnsupportedFeatureError
        LimitError
            If it announces chunks larger or more numerous than any store of use has.
        """
        shape = wholes(require(doc, "shape", where), f"{where}: shape")
        grid = mapping(mapping(doc.get("chunk_grid"), where).get("configuration"), where)
        chunk = wholes(grid.get("chunk_shape"), f"{where}: chunk_shape", size=len(shape), least=1)
        check_key_encoding(doc, where)
        codecs = parse_codecs(require(doc, "codecs", where), where)
        dtype = _parse_dtype(require(doc, "data_type", where), codecs, where)
        attributes = dict(mapping(doc.get("attributes", {}), where))
        written = attributes.pop(_WHOLE, None)
        if written is not None:
            written = wholes(written, f"{where}: {_WHOLE}", size=len(shape))
        fill = b"" if dtype is None else _parse_fill(doc.get("fill_value"), dtype, where)
        found = cls(shape, chunk, dtype, codecs[1:], fill, written, attributes)
        found._check(where)
        return found

    def _check(self, where: str) -> None:
        if not 1 <= len(self.shape) <= (1 if self.dtype is None else 2):
            msg = f"{where}: expected an array of rows, got shape {list(self.shape)}"
            raise CorruptStoreError(msg)
        if self.chunk_bytes > MAX_CELL_BYTES:
            msg = f"{where}: a chunk takes {self.chunk_bytes} bytes; at most {MAX_CELL_BYTES} are read"
            raise LimitError(msg)
        if math.prod(self.chunk_counts) > _MOST_CHUNKS:
            msg = f"{where} has {math.prod(self.chunk_counts)} chunks; at most {_MOST_CHUNKS} are read"
            raise LimitError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Give the array's ``zarr.json``, marked as written whole."""
        serializer: Codec = {"name": "vlen-bytes", "configuration": {}}
        if self.dtype is not None:
            serializer = {"name": "bytes", "configuration": {"endian": "little"}}
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": _dump_dtype(self.dtype),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(self.chunk_shape)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": _dump_fill(self.fill, self.dtype),
            "codecs": [serializer, *self.codecs],
            "storage_transformers": [],
            "attributes": {**self.attributes, _WHOLE: list(self.shape)},
        }


def _parse_dtype(value: object, codecs: Sequence[Codec], where: str) -> np.dtype[Any] | None:
    serializer = codecs[0].get("name") if codecs else None
    wanted = "vlen-bytes" if value == _BYTES else "bytes"
    if serializer != wanted:
        msg = f"{where}: the first codec of {value!r} must be {wanted!r}, got {[c.get('name') for c in codecs]}"
        raise UnsupportedFeatureError(msg)
    if value == _BYTES:
        return None
    endian = codecs[0].get("configuration", {}).get("endian", "little")
    if endian not in ("little", "big"):
        msg = f"{where}: endian must be 'little' or 'big', got {endian!r}"
        raise CorruptStoreError(msg)
    name = value.get("name") if isinstance(value, Mapping) else value
    if isinstance(value, Mapping) and name == _STRINGS:
        options = mapping(value.get("configuration"), f"{where}: data_type")
        size = whole(options.get("length_bytes"), f"{where}: length_bytes", least=4)
        if size % 4 or size > MAX_CELL_BYTES:
            msg = f"{where}: length_bytes must be four bytes a character and at most {MAX_CELL_BYTES}, got {size}"
            raise CorruptStoreError(msg)
        return np.dtype(f"U{size // 4}").newbyteorder(endian)
    if isinstance(name, str) and name in _NUMBERS:
        return np.dtype(name).newbyteorder(endian)
    msg = f"{where}: expected numbers of at most 64 bits, bool or {_STRINGS}, got data_type {value!r}"
    raise UnsupportedFeatureError(msg)


def _dump_dtype(dtype: np.dtype[Any] | None) -> Any:  # noqa: ANN401 - a JSON value
    if dtype is None:
        return _BYTES
    if dtype.kind == "U":
        return {"name": _STRINGS, "configuration": {"length_bytes": dtype.itemsize}}
    return dtype.name


def _parse_fill(value: object, dtype: np.dtype[Any], where: str) -> Any:  # noqa: ANN401 - a scalar of the dtype
    """Read a fill value: a JSON scalar, a word for an odd float, or a float's bytes in hexadecimal."""
    try:
        if dtype.kind == "U" and isinstance(value, str):
            return value
        if dtype.kind == "f" and isinstance(value, str):
            if value in _ODD_FLOATS:
                return _ODD_FLOATS[value]
            bits = int(value, 16).to_bytes(dtype.itemsize, "little")
            return np.frombuffer(bits, dtype.newbyteorder("<"))[0].item()
        if isinstance(value, bool | int | float) and (dtype.kind == "b") == isinstance(value, bool):
            return np.array(value, dtype).item()
    except (ValueError, OverflowError):
        pass
    msg = f"{where}: {value!r} is no fill_value for {dtype.name}"
    raise CorruptStoreError(msg)


def _dump_fill(fill: Any, dtype: np.dtype[Any] | None) -> Any:  # noqa: ANN401 - a JSON scalar
    if dtype is None:
        return ""
    if dtype.kind == "f":
        words = {repr(value): word for word, value in _ODD_FLOATS.items()}
        return words.get(repr(float(fill)), float(fill))
    return fill
