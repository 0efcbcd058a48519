"""Tables: one column an attribute, one row an object or a group; each column is a flat array in one folder.

A number keeps its dtype. What the format has no word for is said by an attribute ``zv_dtype`` of the array: ``"bool"``
is stored as uint8, ``"object"`` are strings of which an empty one is a missing one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from zarr_vectors._spec import Codec, absent_value, codec_chain, is_absent
from zarr_vectors._spec.names import check_attribute_name
from zarr_vectors.constants import MAX_CELL_BYTES
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._flat import FlatArray, open_flat, write_flat
from zarr_vectors.core.store import OpenStore, check_attribute_names
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError
from zarr_vectors.typing import AnyArray, BoolArray

__all__ = ["Table", "TableKind", "check_columns", "write_table"]

_DTYPE = "zv_dtype"
_SENTINEL = "fill_sentinel_meaning"
_BOOL, _OBJECT = "bool", "object"
_MOST_CHUNK_BYTES = 1 << 24


@dataclass(frozen=True, slots=True)
class TableKind:
    """How the columns of a table are stored.

    Attributes
    ----------
    keys : dict
        What every array says of itself besides name, dtype and shape.
    fill : "absent" or "zero"
        Whether rows that nobody wrote are absent or zero.
    most_rows : int
        Rows of a chunk, unless that makes it too large.
    is_named : bool
        Whether arrays carry their name.
    """

    keys: Mapping[str, Any]
    fill: Literal["absent", "zero"]
    most_rows: int
    is_named: bool = True


def check_columns(columns: Mapping[str, object], rows: int, what: str) -> dict[str, AnyArray]:
    """Check the columns of a table and give them as they are stored: numbers, bools, strings, or strings and None.

    Parameters
    ----------
    columns : dict of (R,) or (R, C) arrays
    rows : int
        R.
    what : str
        What a row is, such as ``"object"``.

    Raises
    ------
    ArgumentError
        For a name that cannot be stored, another number of rows, or values that are neither numbers nor strings.
    """
    return {check_attribute_name(name): _check_column(name, value, rows, what) for name, value in columns.items()}


def _check_column(name: str, value: object, rows: int, what: str) -> AnyArray:
    where = f"{what} attribute {name!r}"
    try:
        values = np.asarray(value, dtype=object if _is_list_of_words(value) else None)
        if values.dtype.kind == "U" and not isinstance(value, np.ndarray):
            values = np.asarray(value, dtype=object)  # as strings, numbers among them have become words already
    except (TypeError, ValueError) as error:
        msg = f"{where} is no array: {error}"
        raise ArgumentError(msg) from error
    if values.ndim not in (1, 2) or len(values) != rows or values.shape[1:] == (0,):
        msg = f"{where} must have shape ({rows},) or ({rows}, channels), one row a {what}, got {values.shape}"
        raise ArgumentError(msg)
    if values.dtype.kind == "O":
        values = _as_strings(values, where)
    if values.dtype.kind in "US":
        _check_text(values, where)
    elif values.dtype.kind != "O" and (values.dtype.kind not in "biuf" or values.dtype.itemsize > 8):
        msg = f"{where} must hold numbers of at most 64 bits, bools or strings, got {values.dtype}"
        raise ArgumentError(msg)
    return values


def _is_list_of_words(value: object) -> bool:
    """Tell whether a list begins with a string: numpy would make all as long as the longest, gigabytes perhaps."""
    return isinstance(value, list | tuple) and len(value) > 0 and isinstance(value[0], str)


def _as_strings(values: AnyArray, where: str) -> AnyArray:
    """Turn objects into strings; they stay objects where some are None."""
    items = values.reshape(-1).tolist()
    kinds = set(map(type, items))
    if not all(kind is type(None) or issubclass(kind, str) for kind in kinds):
        odd = sorted(kind.__name__ for kind in kinds if kind is not type(None) and not issubclass(kind, str))
        msg = f"{where} holds objects; they must be strings or None, got {', '.join(odd)}"
        raise ArgumentError(msg)
    is_missing = type(None) in kinds
    if is_missing and "" in items:
        msg = f"{where} holds both '' and None; both are stored as an empty string, so one must go"
        raise ArgumentError(msg)
    words = [item or "" for item in items] if is_missing else items
    lengths = list(map(len, words))
    if len(words) * 4 * max(lengths, default=0) > MAX_CELL_BYTES:
        msg = f"{where}: {len(words)} strings of the length of the longest ({max(lengths)}) take more than 2 GiB"
        raise ArgumentError(msg)
    text = np.array(words, dtype=str)
    if int(np.char.str_len(text).sum()) != sum(lengths):
        msg = f"{where} holds a string that ends in a NUL; it cannot be kept apart from one that does not"
        raise ArgumentError(msg)
    _check_text(text, where)
    return values if is_missing else text.reshape(values.shape)


def _check_text(values: AnyArray, where: str) -> None:
    if values.dtype.kind != "U":
        msg = f"{where} must hold strings, got bytes"
        raise ArgumentError(msg)
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    points = native.reshape(-1).view(np.uint32) if native.size and native.dtype.itemsize else np.empty(0, np.uint32)
    if ((points >= 0xD800) & (points < 0xE000)).any():
        msg = f"{where} holds half of a surrogate pair, which is no Unicode text"
        raise ArgumentError(msg)


def write_table(
    backend: Backend,
    path: str,
    columns: Mapping[str, AnyArray],
    kind: TableKind,
    *,
    compressor: str | Sequence[Codec],
) -> None:
    """Write columns that `check_columns` gave, each as an array in the group `path`; nothing where there is none."""
    if not columns:
        return
    for name, values in columns.items():
        _write_column(backend, f"{path}/{name}", name, values, kind, compressor)
    put_group(backend, path, {})


def _write_column(
    backend: Backend,
    path: str,
    name: str,
    values: AnyArray,
    kind: TableKind,
    compressor: str | Sequence[Codec],
) -> None:
    note = {"b": {_DTYPE: _BOOL}, "O": {_DTYPE: _OBJECT}}.get(values.dtype.kind, {})
    stored = _stored(values)
    row_bytes = max(1, stored.nbytes // max(1, len(stored)))
    fill = absent_value(stored.dtype)
    if kind.fill == "zero":
        fill = np.zeros((), stored.dtype).item()
    write_flat(
        backend,
        path,
        stored,
        chunk_rows=max(1, min(len(stored), kind.most_rows, _MOST_CHUNK_BYTES // row_bytes)),
        codecs=codec_chain(compressor, stored.dtype.itemsize),
        fill=fill,
        attributes={
            **kind.keys,
            **({"name": name} if kind.is_named else {}),
            "dtype": stored.dtype.str if stored.dtype.kind == "U" else stored.dtype.name,
            "shape": list(stored.shape),
            **note,
        },
    )


def _stored(values: AnyArray) -> AnyArray:
    """Give a column as the format can hold it: bools as bytes, None as an empty string."""
    match values.dtype.kind:
        case "b":
            return values.view(np.uint8) if values.flags.c_contiguous else values.astype(np.uint8)
        case "O":
            words = [item or "" for item in values.reshape(-1).tolist()]
            return np.array(words, dtype=str).reshape(values.shape)
        case _:
            dtype = values.dtype.newbyteorder("<") if values.dtype.itemsize else np.dtype("<U1")
            return values.astype(dtype, copy=False)


class Table:
    """The columns under one folder of a store, each read when it is asked for.

    May be used from several threads at once.

    Parameters
    ----------
    store : OpenStore
    path : str
        The folder.
    rows : int
        Rows that every column must have.
    what : str
        What a row is, such as ``"object"``.
    """

    def __init__(self, store: OpenStore, path: str, rows: int, what: str) -> None:
        self.store, self.path, self.rows, self.what = store, path, rows, what
        self._names: tuple[str, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, sorted."""
        if self._names is None:
            found = self.store.backend.list_names(self.path)
            names = tuple(n for n in found if n != "zarr.json" and not n.startswith("."))
            check_attribute_names(self.store, self.path, names)
            self._names = names
        return self._names

    def read(self, name: str) -> AnyArray:
        """Read a column, (R,) or (R, C): numbers, bools, strings, or strings and None.

        Raises
        ------
        ArgumentError
            If there is no such column.
        CorruptStoreError, CorruptChunkError
            If it is damaged.
        """
        return self.read_with_presence(name)[0]

    def read_with_presence(self, name: str) -> tuple[AnyArray, BoolArray]:
        """Read a column and tell which rows, (R,) bool, have a value.

        In rows that this library wrote every number is a value; elsewhere a row of fill values is absent if the
        array says so.
        """
        array = self._open(name)
        values, note = array.read(), array.meta.attributes.get(_DTYPE)
        present = np.ones(len(values), bool)
        if note == _OBJECT or array.meta.attributes.get(_SENTINEL) == "absent":
            first = 0 if note == _OBJECT or array.meta.written is None else array.meta.written[0]
            present[first:] = ~is_absent(values[first:], array.meta.fill)
        if note == _BOOL:
            return values == 1, present
        if note == _OBJECT:
            objects = values.astype(object)
            objects[values == ""] = None
            return objects, present
        return values, present

    def _open(self, name: str) -> FlatArray:
        if name not in self.names:
            have = ", ".join(map(repr, self.names)) or "none"
            msg = f"{self.store.name}: {self.path} has no {self.what} attribute {name!r}; it has {have}"
            raise ArgumentError(msg)
        array = open_flat(self.store, f"{self.path}/{name}")
        if array is None:
            msg = f"{self.store.name}: {self.path}/{name} is listed but is no zarr array"
            raise CorruptStoreError(msg)
        shape, dtype = array.meta.shape, array.meta.dtype
        if dtype is None or shape[0] != self.rows:
            msg = f"{array.where} must be numbers or strings, one row a {self.what} of {self.rows}, got shape {shape}"
            raise CorruptStoreError(msg)
        wanted = {_BOOL: "u", _OBJECT: "U"}.get(str(array.meta.attributes.get(_DTYPE)), dtype.kind)
        if dtype.kind != wanted:
            msg = f"{array.where}: {_DTYPE} {array.meta.attributes[_DTYPE]!r} does not go with {dtype}"
            raise CorruptStoreError(msg)
        return array
