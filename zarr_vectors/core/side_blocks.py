"""What a store keeps beside its geometry: headers of foreign formats, notes of users, parametric objects.

* ``headers/<format>`` is a group whose attributes are the header itself. A seal among them would be taken for a part of
  the header, so the checksums of all headers are attributes of the group ``headers``. As with a seal, a document that
  another writer has laid out anew is not held to its checksum.
* ``user_metadata``, ``{namespace: {key: any JSON}}``, is an attribute of the root group or of a level's group.
* ``parametric`` is a group of flat arrays: planes, lines, spheres and types of the user's own, one row an object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import google_crc32c
import numpy as np

from zarr_vectors._spec import Codec, LevelMetadata, RootMetadata, codec_chain
from zarr_vectors._spec._fields import mapping, strings
from zarr_vectors._spec.names import check_attribute_name, is_unicode
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._flat import FlatArray, open_flat, write_flat, write_items
from zarr_vectors.core.arrays._groups import read_id_lists, write_id_lists
from zarr_vectors.core.arrays._tables import Table, TableKind, check_columns, write_table
from zarr_vectors.core.store import OpenStore, load_group
from zarr_vectors.encoding.ragged import offsets_of
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError
from zarr_vectors.typing import AnyArray, Float64Array, Int64Array

__all__ = [
    "PARAMETRIC_KINDS",
    "Parametric",
    "ParametricKind",
    "check_headers",
    "check_json",
    "check_parametric",
    "check_user_metadata",
    "read_headers",
    "read_parametric",
    "read_user_metadata",
    "with_user_metadata",
    "write_headers",
    "write_level_metadata",
    "write_parametric",
]

_HEADERS, _CHECKSUMS, _USER = "headers", "zv_checksums", "user_metadata"
_SEAL = "zv_crc32c"
_PARAMETRIC = "parametric"
_MOST_ROWS = 1 << 20
_COLUMNS = TableKind({}, "zero", _MOST_ROWS, is_named=False)


# -- JSON ------------------------------------------------------------------------------------------------------------


def check_json(value: object, what: str) -> Any:  # noqa: ANN401 - JSON holds anything
    """Give a value as JSON gives it back (tuples become lists), before anything is written.

    Raises
    ------
    ArgumentError
        If it is no JSON value, or some of its keys are no strings.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
        _check_keys(value)
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"{what} must be a JSON value: {error}"
        raise ArgumentError(msg) from error
    return json.loads(text)


def _check_keys(value: object) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or key == _SEAL:
                msg = f"{key!r} cannot be a key"
                raise ValueError(msg)
            _check_keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_keys(item)


def _check_object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"{what} must be a mapping, got {type(value).__name__}"
        raise ArgumentError(msg)
    found: dict[str, Any] = check_json(dict(value), what)
    return found


# -- headers ---------------------------------------------------------------------------------------------------------


def check_headers(headers: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """Check headers by format, each a JSON object, before anything is written."""
    if not isinstance(headers, Mapping):
        msg = f"headers must be a mapping from formats to JSON objects, got {type(headers).__name__}"
        raise ArgumentError(msg)
    return {
        check_attribute_name(name): _check_object(header, f"the header of {name!r}") for name, header in headers.items()
    }


def write_headers(backend: Backend, headers: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the headers that `check_headers` gave; nothing where there is none."""
    if not headers:
        return
    checksums = {}
    for name, header in headers.items():
        doc = {"zarr_format": 3, "node_type": "group", "attributes": header}
        raw = json.dumps(doc, ensure_ascii=False, separators=(",", ":")).encode()
        checksums[name] = _checksum(raw)
        backend.put(f"{_HEADERS}/{name}/zarr.json", [raw])
    put_group(backend, _HEADERS, {_CHECKSUMS: checksums})


def read_headers(store: OpenStore) -> dict[str, dict[str, Any]]:
    """Read the headers that a store keeps, by format, sorted.

    Raises
    ------
    CorruptStoreError
        If one is damaged, or was lost.
    """
    keys = load_group(store.backend, _HEADERS) or {}
    checksums = mapping(keys.get(_CHECKSUMS, {}), f"{store.name}: {_HEADERS}")
    names = [name for name in store.backend.list_names(_HEADERS) if name != "zarr.json" and not name.startswith(".")]
    found = {name: _read_header(store, name, checksums.get(name)) for name in sorted({*names, *checksums})}
    return {name: header for name, header in found.items() if header is not None}


def _read_header(store: OpenStore, name: str, checksum: object) -> dict[str, Any] | None:
    path = f"{_HEADERS}/{name}"
    raw = store.backend.get(f"{path}/zarr.json")
    if raw is None and checksum is not None:
        msg = f"{store.name}: {path} is missing; {_HEADERS}/zarr.json holds its checksum"
        raise CorruptStoreError(msg)
    found = b"" if raw is None else raw.tobytes()
    if raw is not None and checksum is not None and b"\n" not in found and _checksum(found) != checksum:
        msg = f"{store.name}: {path} is corrupt: its checksum is {_checksum(found)}, the stored one {checksum}"
        raise CorruptStoreError(msg)
    return load_group(store.backend, path)


def _checksum(raw: bytes) -> str:
    return f"{google_crc32c.value(raw):08x}"


# -- notes of users --------------------------------------------------------------------------------------------------


def check_user_metadata(metadata: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """Check ``{namespace: {key: any JSON}}`` before anything is written."""
    found = _check_object(metadata, _USER)
    for namespace, keys in found.items():
        if not isinstance(keys, dict):
            msg = f"{_USER} must be keys by namespace, got {keys!r} for namespace {namespace!r}"
            raise ArgumentError(msg)
    return found


def with_user_metadata(root: RootMetadata, metadata: Mapping[str, Any]) -> RootMetadata:
    """Give the root's metadata with these notes in place of others; none at all where they are empty."""
    other = {key: value for key, value in root.other_root.items() if key != _USER}
    return replace(root, other_root={**other, _USER: metadata} if metadata else other)


def write_level_metadata(backend: Backend, meta: LevelMetadata, user_metadata: Mapping[str, Any]) -> None:
    """Write a level's metadata and the notes that users made on it."""
    notes = {_USER: user_metadata} if user_metadata else {}
    put_group(backend, str(meta.level), {**meta.to_dict(), **notes})


def read_user_metadata(store: OpenStore, level: int | None = None) -> dict[str, Any]:
    """Read the notes at the root, or those on a level; an empty dict where there are none."""
    keys = store.root.other_root if level is None else load_group(store.backend, str(level)) or {}
    where = f"{store.name}: {'' if level is None else f'level {level} '}{_USER}"
    return dict(mapping(keys.get(_USER) or {}, where))


# -- parametric objects ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ParametricKind:
    """A type of parametric object: its name and the names of its coefficients."""

    name: str
    coefficients: tuple[str, ...]


PARAMETRIC_KINDS: Mapping[int, ParametricKind] = {
    0: ParametricKind("plane", ("A", "B", "C", "D")),
    1: ParametricKind("line", ("x0", "y0", "z0", "dx", "dy", "dz")),
    2: ParametricKind("sphere", ("cx", "cy", "cz", "r")),
}
"""Types that every store with parametric objects knows, by their number."""


def _no_numbers() -> Int64Array:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Parametric:
    """Parametric objects of a store.

    Attributes
    ----------
    types : (O,) int64
        Number of each object's type, a key of `kinds`.
    coefficients : (O, K) float64
        In the order of the type's coefficients, NaN behind the last one.
    names : tuple of O str
        Given none at all, they are ``<type>_<row>``.
    kinds : dict of ParametricKind by number
    attributes : dict of (O,) or (O, C) arrays
    group_offsets, group_members : (G + 1,), (sum,) int64
        Rows of the objects in each group.
    group_attributes : dict of (G,) or (G, C) arrays
    """

    types: Int64Array
    coefficients: Float64Array
    names: tuple[str, ...] = ()
    kinds: Mapping[int, ParametricKind] = field(default_factory=lambda: PARAMETRIC_KINDS)
    attributes: Mapping[str, AnyArray] = field(default_factory=dict)
    group_offsets: Int64Array = field(default_factory=lambda: np.zeros(1, np.int64))
    group_members: Int64Array = field(default_factory=_no_numbers)
    group_attributes: Mapping[str, AnyArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, dtype in (("types", "i8"), ("coefficients", "f8"), ("group_offsets", "i8"), ("group_members", "i8")):
            object.__setattr__(self, name, _numbers(getattr(self, name), dtype, name))
        if self.types.ndim != 1 or self.coefficients.ndim != 2 or len(self.types) != len(self.coefficients):
            msg = f"types must be (O,), coefficients (O, K), got {self.types.shape} and {self.coefficients.shape}"
            raise ArgumentError(msg)
        unknown = sorted(set(np.unique(self.types).tolist()) - set(self.kinds))
        if unknown:
            msg = f"parametric type {unknown[0]} is not among {sorted(self.kinds)}"
            raise ArgumentError(msg)
        names = self.names
        if not names:
            names = tuple(f"{self.kinds[kind].name}_{row}" for row, kind in enumerate(self.types.tolist()))
            object.__setattr__(self, "names", names)
        if len(names) != len(self.types) or not all(isinstance(name, str) and is_unicode(name) for name in names):
            msg = f"names must be {len(self.types)} strings, got {len(names)}: {names[:3]}"
            raise ArgumentError(msg)
        offsets, members = self.group_offsets, self.group_members
        if offsets.ndim != 1 or members.ndim != 1 or not len(offsets) or offsets[0] or (np.diff(offsets) < 0).any():
            msg = f"group_offsets must ascend from 0, got {offsets.tolist()}"
            raise ArgumentError(msg)
        if int(offsets[-1]) != len(members):
            msg = f"group_offsets end at {offsets[-1]}, there are {len(members)} members"
            raise ArgumentError(msg)

    @property
    def count(self) -> int:
        """Number of objects O."""
        return len(self.types)

    @property
    def group_count(self) -> int:
        """Number of groups G."""
        return len(self.group_offsets) - 1


def _numbers(values: object, dtype: str, name: str) -> AnyArray:
    """Give whole or other numbers as an array of 64 bits."""
    try:
        found = np.asarray(values)
        return found.astype(dtype, casting="same_kind" if found.size else "unsafe")
    except (TypeError, ValueError) as error:
        msg = f"{name} of parametric objects must be {'whole ' if dtype == 'i8' else ''}numbers: {error}"
        raise ArgumentError(msg) from error


def check_parametric(found: Parametric) -> None:
    """Check attributes and groups of parametric objects before anything is written."""
    if not isinstance(found, Parametric):
        msg = f"parametric must be a Parametric, got {type(found).__name__}"
        raise ArgumentError(msg)
    check_columns(found.attributes, found.count, "parametric object")
    check_columns(found.group_attributes, found.group_count, "group")
    wrong = (found.group_members < 0) | (found.group_members >= found.count)
    if wrong.any():
        msg = f"a group names parametric object {found.group_members[wrong][0]}; there are {found.count}, from 0"
        raise ArgumentError(msg)


def write_parametric(backend: Backend, found: Parametric, *, compressor: str | Sequence[Codec] = "zstd") -> None:
    """Write the parametric objects of a store."""
    kinds = {**PARAMETRIC_KINDS, **found.kinds}
    attributes = check_columns(found.attributes, found.count, "parametric object")
    group_attributes = check_columns(found.group_attributes, found.group_count, "group")
    if found.count:
        _write_parametric_objects(backend, found, max(len(kind.coefficients) for kind in kinds.values()), compressor)
    if found.group_count:
        keys = {"num_groups": found.group_count}
        write_id_lists(backend, f"{_PARAMETRIC}/groups", found.group_offsets, found.group_members, keys)
    write_table(backend, f"{_PARAMETRIC}/object_attributes", attributes, _COLUMNS, compressor=compressor)
    write_table(backend, f"{_PARAMETRIC}/group_attributes", group_attributes, _COLUMNS, compressor=compressor)
    types = {
        str(number): {"name": kind.name, "coefficients": list(kind.coefficients)}
        for number, kind in sorted(kinds.items())
    }
    put_group(backend, _PARAMETRIC, {"parametric_types": types})


def _write_parametric_objects(
    backend: Backend, found: Parametric, width: int, compressor: str | Sequence[Codec]
) -> None:
    rows = np.full((found.count, 1 + max(width, found.coefficients.shape[1])), np.nan)
    rows[:, 0] = found.types
    rows[:, 1 : 1 + found.coefficients.shape[1]] = found.coefficients
    count, row_length = rows.shape
    write_flat(
        backend,
        f"{_PARAMETRIC}/objects",
        rows,
        chunk_rows=min(count, _MOST_ROWS),
        codecs=codec_chain(compressor, 8),
        fill=0.0,
        attributes={
            "zv_array": "parametric_objects",
            "num_objects": count,
            "max_row_length": row_length,
            "dtype": "float64",
        },
    )
    words = [name.encode() for name in found.names]
    flat, offsets = np.frombuffer(b"".join(words), np.uint8), offsets_of(np.array(list(map(len, words)), np.int64))
    write_items(
        backend,
        f"{_PARAMETRIC}/names",
        [(flat, offsets)],
        count=count,
        chunk_rows=count,
        codecs=codec_chain("zstd", 1),
        attributes={"zv_array": "parametric_names", "num_objects": count},
    )


def read_parametric(store: OpenStore) -> Parametric | None:
    """Read the parametric objects of a store; None if it has none.

    Raises
    ------
    CorruptStoreError
        If they contradict themselves.
    """
    keys = load_group(store.backend, _PARAMETRIC)
    where = f"{store.name}: {_PARAMETRIC}"
    if keys is None:
        left = [name for name in store.backend.list_names(_PARAMETRIC) if not name.startswith(".")]
        if left:
            msg = f"{where} holds {left[0]!r}, but zarr.json is missing"
            raise CorruptStoreError(msg)
        return None
    rows, names = _read_rows(store, where), _read_names(store)
    offsets, members = np.zeros(1, np.int64), _no_numbers()
    groups = open_flat(store, f"{_PARAMETRIC}/groups")
    if groups is not None:
        offsets, members = read_id_lists(groups)
    attributes = Table(store, f"{_PARAMETRIC}/object_attributes", len(rows), "parametric object")
    group_attributes = Table(store, f"{_PARAMETRIC}/group_attributes", len(offsets) - 1, "group")
    try:
        with np.errstate(invalid="ignore"):
            types = rows[:, 0].astype(np.int64)
        return Parametric(
            types,
            rows[:, 1:],
            names,
            _parse_kinds(keys.get("parametric_types", {}), f"{where}: parametric_types"),
            {name: attributes.read(name) for name in attributes.names},
            offsets,
            members,
            {name: group_attributes.read(name) for name in group_attributes.names},
        )
    except ArgumentError as error:
        msg = f"{where}: {error}"
        raise CorruptStoreError(msg) from error


def _parse_kinds(value: object, where: str) -> dict[int, ParametricKind]:
    kinds = dict(PARAMETRIC_KINDS)
    for key, item in mapping(value, where).items():
        if not (key.isascii() and key.isdecimal() and len(key) < 10):
            msg = f"{where}: a type has a number, got {key!r}"
            raise CorruptStoreError(msg)
        found = mapping(item, f"{where}, type {key}")
        coefficients = strings(found.get("coefficients"), f"{where}, type {key}: coefficients")
        kinds[int(key)] = ParametricKind(str(found.get("name", key)), coefficients)
    return kinds


def _read_rows(store: OpenStore, where: str) -> Float64Array:
    array = open_flat(store, f"{_PARAMETRIC}/objects")
    if array is None:
        return np.empty((0, 1))
    dtype, shape = array.meta.dtype, array.meta.shape
    if dtype is None or dtype.kind != "f" or len(shape) != 2 or not shape[1]:
        msg = f"{where}/objects must be floating point rows (type, coefficients ..), got {dtype} of shape {list(shape)}"
        raise CorruptStoreError(msg)
    rows = array.read().astype(np.float64, copy=False)
    odd = rows[:, 0] != np.floor(rows[:, 0])  # NaN included
    if odd.any():
        msg = f"{where}/objects: row {int(odd.argmax())} has type {rows[odd, 0][0]}, which is no whole number"
        raise CorruptStoreError(msg)
    return rows


def _read_names(store: OpenStore) -> tuple[str, ...]:
    array = open_flat(store, f"{_PARAMETRIC}/names")
    if array is None:
        return ()
    if array.meta.dtype is not None:
        msg = f"{array.where} must hold variable_length_bytes, got {array.meta.dtype}"
        raise CorruptStoreError(msg)
    return tuple(word for chunk in range(array.chunk_count) for word in _words(array, chunk))


def _words(array: FlatArray, chunk: int) -> list[str]:
    flat, offsets = next(array.read_items([chunk]))
    raw, ends = flat.tobytes(), offsets.tolist()
    try:
        return [raw[a:b].decode() for a, b in pairwise(ends)]
    except UnicodeDecodeError as error:
        msg = f"{array.where}: a name is no UTF-8 text: {error}"
        raise CorruptStoreError(msg) from error
