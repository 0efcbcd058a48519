"""Groups of a level: named lists of object ids, and a table of attributes, one row a group.

A list of many consecutive ids is stored as its two ends (``group_ranges``), every other one as its ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zarr_vectors._spec import Codec, codec_chain
from zarr_vectors._spec._fields import array as json_list
from zarr_vectors._spec._fields import mapping, whole
from zarr_vectors._spec.names import GROUP_ATTRIBUTES, GROUPS, is_unicode
from zarr_vectors.core._backends import Backend
from zarr_vectors.core.arrays._flat import FlatArray, open_flat, write_items
from zarr_vectors.core.arrays._tables import Table, TableKind, check_columns, write_table
from zarr_vectors.core.store import OpenStore
from zarr_vectors.encoding.ragged import expand_ranges, offsets_of
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError, CorruptStoreError, LimitError
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = [
    "Groups",
    "check_group_attributes",
    "check_groups",
    "read_groups",
    "read_id_lists",
    "write_groups",
    "write_id_lists",
]

_ATTRIBUTES = TableKind({"zv_array": "groupings_attribute"}, "zero", 1 << 20)
_LEAST_RANGE = 32  # ids that are worth an entry in the metadata
_MOST_MEMBERS = 1 << 28
_WIDEST = 2**63 - 1
_INT64 = range(-(2**63), 2**63)
_LONGEST_ROW = 19  # digits


def check_groups(groups: Mapping[str, object]) -> tuple[list[str], Int64Array, Int64Array]:
    """Check groups, given as object ids by name, before anything is written.

    Returns
    -------
    names : list of G str
    offsets : (G + 1,) int64
        Where the members of each group begin.
    members : (sum,) int64
        Object ids.
    """
    if not isinstance(groups, Mapping):
        msg = f"groups must be object ids by name, got {type(groups).__name__}"
        raise ArgumentError(msg)
    names = list(groups)
    _check_names(names)
    parts = [_check_members(name, ids) for name, ids in groups.items()]
    offsets = offsets_of(np.array([len(part) for part in parts], np.int64))
    return names, offsets, np.concatenate([np.empty(0, np.int64), *parts])


def _check_members(name: str, ids: object) -> Int64Array:
    if isinstance(ids, range):
        return _members_of_range(name, ids)
    members = np.asarray(ids)
    is_numbers = members.dtype.kind in "iu" or not members.size
    if members.ndim != 1 or not is_numbers or (members.dtype.kind == "u" and members.size and members.max() > _WIDEST):
        msg = f"group {name!r} must be a list of object ids, got {members.dtype} of shape {members.shape}"
        raise ArgumentError(msg)
    return members.astype(np.int64)


def _members_of_range(name: str, ids: range) -> Int64Array:
    if not ids:
        return np.empty(0, np.int64)
    if ids[0] not in _INT64 or ids[-1] not in _INT64 or (ids[-1] - ids[0]) // ids.step >= _MOST_MEMBERS:
        msg = f"group {name!r} must be at most {_MOST_MEMBERS} object ids of 64 bits, got {ids}"
        raise ArgumentError(msg)
    # numpy's own arange does not reach the largest number. What overflows on the way comes back.
    step = (ids.step + 2**63) % 2**64 - 2**63
    return np.arange(len(ids)) * step + ids.start


def _check_names(names: Sequence[str]) -> None:
    for row, name in enumerate(names):
        if not isinstance(name, str) or not is_unicode(name):
            msg = f"a group's name must be a string, got {name!r} for group {row}"
            raise ArgumentError(msg)
    found = _display_names(names, len(names))
    if len(set(found)) != len(found):
        msg = f"names of groups must differ, got {list(names)}"
        raise ArgumentError(msg)


def _display_names(names: Sequence[str], count: int) -> list[str]:
    """Give each group its name; ``group_<row>`` to one without."""
    padded = [*names[:count], *[""] * (count - len(names))]
    return [name or f"group_{row}" for row, name in enumerate(padded)]


def check_group_attributes(columns: Mapping[str, object], count: int) -> dict[str, AnyArray]:
    """Check attributes of `count` groups before anything is written; see `check_columns`."""
    return check_columns(columns, count, "group")


def write_groups(
    backend: Backend,
    base: str,
    names: Sequence[str],
    offsets: Int64Array,
    members: Int64Array,
    attributes: Mapping[str, AnyArray],
    *,
    compressor: str | Sequence[Codec] = "zstd",
) -> None:
    """Write the groups of a level; nothing where there is none.

    Parameters
    ----------
    backend : Backend
    base : str
        Path of the level.
    names : list of G str
    offsets : (G + 1,) int64
        Where the members of each group begin in `members`.
    members : (sum,) int64
        Object ids.
    attributes : dict of (G,) or (G, C) arrays
        What `check_group_attributes` gave.
    compressor : str or list of codecs
        Of the attributes; members are always zstd.
    """
    count = len(offsets) - 1
    if len(names) != count or int(offsets[-1]) != len(members):
        msg = f"{len(names)} names for {count} groups, {int(offsets[-1])} members of {len(members)}"
        raise ArgumentError(msg)
    _check_names(names)
    if not count:
        return
    is_range = _find_ranges(offsets, members)
    counts = np.where(is_range, 0, np.diff(offsets))
    kept = members[expand_ranges(offsets[:-1], counts)]
    first, last = members[offsets[:-1][is_range]].tolist(), members[offsets[1:][is_range] - 1].tolist()
    rows = map(str, np.flatnonzero(is_range).tolist())
    ranges = {row: [a, b + 1] for row, a, b in zip(rows, first, last, strict=True)}
    keys = {
        "zv_array": "groups",
        "num_groups": count,
        **({"group_ranges": ranges} if ranges else {}),
        "group_names": list(names),
    }
    write_id_lists(backend, f"{base}/{GROUPS}", offsets_of(counts), kept, keys)
    write_table(backend, f"{base}/{GROUP_ATTRIBUTES}", attributes, _ATTRIBUTES, compressor=compressor)


def _find_ranges(offsets: Int64Array, members: Int64Array) -> BoolArray:
    """Tell for each group, (G,) bool, whether it has many members and each is the one before plus one."""
    counts = np.diff(offsets)
    out = counts >= _LEAST_RANGE
    breaks = offsets_of((members[1:] != members[:-1] + 1).astype(np.int64))
    first, last = offsets[:-1][out], offsets[1:][out] - 1
    # Behind the largest number comes the smallest one.
    out[out] = (breaks[last] == breaks[first]) & (members[last] > members[first]) & (members[last] < _WIDEST)
    return out


def write_id_lists(
    backend: Backend, path: str, offsets: Int64Array, members: Int64Array, attributes: Mapping[str, Any]
) -> None:
    """Write G lists of ids as one chunk of byte strings."""
    flat = members.astype("<i8").view(np.uint8)
    count = len(offsets) - 1
    write_items(
        backend,
        path,
        [(flat, 8 * offsets)],
        count=count,
        chunk_rows=count,
        codecs=codec_chain("zstd", 1),
        attributes=attributes,
    )


def read_id_lists(array: FlatArray) -> tuple[Int64Array, Int64Array]:
    """Read lists of ids: (G + 1,) offsets and (sum,) ids; the inverse of `write_id_lists`.

    Raises
    ------
    CorruptStoreError
        If the array holds something else.
    """
    if array.meta.dtype is not None:
        msg = f"{array.where} must hold variable_length_bytes, got {array.meta.dtype}"
        raise CorruptStoreError(msg)
    chunks = list(array.read_items(range(array.chunk_count)))
    sizes = np.concatenate([np.empty(0, np.int64), *(np.diff(offsets) for _, offsets in chunks)])
    odd = np.flatnonzero(sizes % 8)
    if len(odd):
        row = int(odd[0])
        reason = f"row {row}: {sizes[row]} bytes are no whole 64-bit ids"
        raise CorruptChunkError(array.backend.name, array.path, str(row // array.meta.chunk_shape[0]), reason)
    flat = np.concatenate([np.empty(0, np.uint8), *(flat for flat, _ in chunks)])
    return offsets_of(sizes // 8), flat.view("<i8").astype(np.int64, copy=False)


def read_groups(store: OpenStore, level: int) -> Groups | None:
    """Read the groups of a level; None if it has none.

    Raises
    ------
    CorruptStoreError, CorruptChunkError
        If they are damaged.
    LimitError
        If ranges of ids announce more members than any store of use has.
    """
    path = f"{level}/{GROUPS}"
    array = open_flat(store, path)
    if array is None:
        if any(meta.level == level and GROUPS in meta.arrays_present for meta in store.levels):
            msg = f"{store.name}: level {level} names {GROUPS!r} in arrays_present but has none"
            raise CorruptStoreError(msg)
        return None
    offsets, members = read_id_lists(array)
    count, keys = len(offsets) - 1, array.meta.attributes
    if whole(keys.get("num_groups", count), f"{array.where}: num_groups") != count:
        msg = f"{array.where}: num_groups is {keys['num_groups']}, there are {count} rows"
        raise CorruptStoreError(msg)
    ranges = mapping(keys.get("group_ranges") or {}, f"{array.where}: group_ranges")
    if ranges:
        offsets, members = _with_ranges(offsets, members, *_parse_ranges(ranges, count, array.where), array.where)
    names = json_list(keys.get("group_names") or [], f"{array.where}: group_names")
    words = [name if isinstance(name, str) else "" for name in names]
    table = Table(store, f"{level}/{GROUP_ATTRIBUTES}", count, "group")
    return Groups(array.where, _told_apart(_display_names(words, count)), offsets, members, table)


def _parse_ranges(ranges: Mapping[str, Any], count: int, where: str) -> tuple[Int64Array, Int64Array]:
    """Give the rows, (n,), of groups that are ranges, and their (start, stop), (n, 2)."""
    rows = [int(key) if key.isascii() and key.isdecimal() and len(key) < _LONGEST_ROW else -1 for key in ranges]
    bounds = list(ranges.values())
    good = all(isinstance(b, list) and len(b) == 2 and all(type(v) is int for v in b) for b in bounds)
    if not good or not all(0 <= row < count for row in rows) or not all(v in _INT64 for b in bounds for v in b):
        msg = f"{where}: group_ranges must give [start, stop] by the row of a group, got {dict(ranges)}"
        raise CorruptStoreError(msg)
    return np.array(rows, np.int64), np.array(bounds, np.int64)


def _with_ranges(
    offsets: Int64Array, members: Int64Array, rows: Int64Array, bounds: Int64Array, where: str
) -> tuple[Int64Array, Int64Array]:
    """Put in the members of groups that are ranges; such a group's list is passed over."""
    # In floating point the difference of two far numbers does not overflow.
    total = np.maximum(0.0, bounds[:, 1].astype(float) - bounds[:, 0]).sum() + len(members)
    if total > _MOST_MEMBERS:
        msg = f"{where}: group_ranges name {total:.0f} members; at most {_MOST_MEMBERS} are read"
        raise LimitError(msg)
    counts, starts = np.diff(offsets), offsets[:-1].copy()
    counts[rows] = np.where(bounds[:, 1] > bounds[:, 0], bounds[:, 1] - bounds[:, 0], 0)
    is_range = np.zeros(len(counts), bool)
    is_range[rows] = True
    starts[rows] = bounds[:, 0]
    out = expand_ranges(starts, counts)
    listed = np.repeat(~is_range, counts)
    out[listed] = members[out[listed]]
    return offsets_of(counts), out


def _told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Give names of which none is twice: a foreign store may repeat one."""
    taken: dict[str, None] = {}
    for row, name in enumerate(names):
        free = name if name not in taken else f"group_{row}"
        while free in taken:
            free += "_"
        taken[free] = None
    return tuple(taken)


class Groups:
    """The groups of one level; made by `read_groups`.

    Attributes
    ----------
    names : tuple of G str
        All different; ``group_<row>`` where the store has none.
    offsets : (G + 1,) int64
        Where the members of each group begin in `members`.
    members : (sum,) int64
        Object ids.
    attributes : Table
        The group attributes, read when asked for.
    """

    def __init__(
        self, where: str, names: tuple[str, ...], offsets: Int64Array, members: Int64Array, attributes: Table
    ) -> None:
        self.where, self.names, self.offsets, self.members = where, names, offsets, members
        self.attributes = attributes
        self._rows = {name: row for row, name in enumerate(names)}

    @property
    def count(self) -> int:
        """Number of groups G."""
        return len(self.names)

    def row_of(self, group: str | int) -> int:
        """Find a group by its name or its row; ``ArgumentError`` if there is none."""
        if isinstance(group, str):
            row = self._rows.get(group, -1)
        else:
            row = int(group) if isinstance(group, int | np.integer) and not isinstance(group, bool) else -1
        if not 0 <= row < self.count:
            have = ", ".join(map(repr, self.names[:20])) + (", .." if self.count > 20 else "")
            msg = f"{self.where} has no group {group!r}; it has {have or 'none'}"
            raise ArgumentError(msg)
        return row

    def members_of(self, group: str | int) -> Int64Array:
        """Give the object ids of a group, found by its name or its row; the caller's own."""
        row = self.row_of(group)
        return self.members[self.offsets[row] : self.offsets[row + 1]].copy()

    def attribute(self, name: str) -> AnyArray:
        """Read a group attribute, (G,) or (G, C)."""
        return self.attributes.read(name)
