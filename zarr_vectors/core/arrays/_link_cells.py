"""Reading one array of links: the records whose endpoints are apart by the same offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial
from typing import NoReturn

import numpy as np

from zarr_vectors._spec import GridMetadata
from zarr_vectors._spec.names import format_chunk_keys
from zarr_vectors.core.arrays._cells import GridArray
from zarr_vectors.core.arrays._link_family import LinkFamily
from zarr_vectors.encoding import decode_link_cell, decode_link_rows
from zarr_vectors.exceptions import CorruptChunkError, CorruptStoreError
from zarr_vectors.typing import Int64Array, UInt8Array

__all__ = ["LinkArray", "StoredLinks"]

_ROW_DTYPES = ("int64", "int32")
_WORD = 8
_HEAD_WORDS = 2  # one group, and its offset
_MOST_RECORDS = 1 << 40  # of a cell; more are no number of records


@dataclass(frozen=True, slots=True, eq=False)
class StoredLinks:
    """The records of some cells, one cell after the other.

    Attributes
    ----------
    codes : (m,) int64 or None
        The code of each record's permutation; None where the array has none.
    rows : (m, L) int64
        Chunk-local rows in stored order.
    counts : (c,) int64
        Records of each cell.
    """

    codes: Int64Array | None
    rows: Int64Array
    counts: Int64Array


class LinkArray:
    """One offsets array of a family, open for reading.

    Attributes
    ----------
    array : GridArray
    offsets : (L - 1, R) int64
    cells : (C, R) int64
        Chunks that hold records, in the order of their keys as strings.
    """

    def __init__(self, array: GridArray, offsets: Int64Array, family: LinkFamily) -> None:
        self.array, self.offsets, self.width = array, offsets, family.width
        self.where = f"{array.backend.name}/{array.path}"
        keys = array.grid.attributes
        self.has_header = family.has_header(offsets)
        self.has_perm = bool(keys.get("has_perm", family.has_permutations(offsets)))
        self.dtype = str(keys.get("dtype", "int64"))
        if self.dtype not in _ROW_DTYPES:
            msg = f"{self.where}: links are stored as int64 or int32, got dtype {self.dtype!r}"
            raise CorruptStoreError(msg)
        if len(array.grid.shape) != family.rank:
            msg = f"{self.where} has {len(array.grid.shape)} axes, its family says {family.rank}"
            raise CorruptStoreError(msg)
        order = _order(array.grid, self.where)
        self.cells = np.empty((0, family.rank), np.int64) if array.grid.chunks is None else array.grid.chunks[order]
        # Only writers that list the number of records list no cells without any.
        counts = keys.get("chunk_counts")
        self._none_is_empty = isinstance(counts, list) and len(counts) == len(order)
        self._known = _whole_numbers(counts, len(order))
        if self._known is not None:
            self._known = self._known[order]

    def sizes(self, which: Int64Array) -> Int64Array | None:
        """Tell how many records some cells are said to hold; None where nothing says it."""
        return None if self._known is None else self._known[which]

    def read(self, which: Int64Array, into: Int64Array | None = None) -> StoredLinks:
        """Give the records of some cells, given as rows of `cells`, one cell after the other.

        Parameters
        ----------
        which : (c,) int64
        into : (m, L) int64 or None
            Room for as many records as `sizes` tells; the rows lie there where cells hold nothing else.

        Raises
        ------
        CorruptChunkError
            If a cell is no table of records, or names a negative row or a permutation that does not exist.
        """
        cells = self.cells[which]
        known = None if self._known is None else self._rows_of_sizes(cells, self._known[which], into)
        stored, counts = self._rows(cells, self._payloads(cells)) if known is None else known
        codes = stored[:, 0] if self.has_perm else None
        # One smallest number says of nearly all records at once that they are good.
        if len(stored) and (int(stored.min()) < 0 or (codes is not None and int(codes.max()) >= factorial(self.width))):
            wrong = (stored < 0).any(axis=1)
            if codes is not None:
                wrong |= codes >= factorial(self.width)
            record = int(np.argmax(wrong))
            cell = int(np.searchsorted(np.cumsum(counts), record, side="right"))
            self.corrupt(cells[cell], f"it holds the record {stored[record].tolist()} of {self._columns}")
        return StoredLinks(codes, np.ascontiguousarray(stored[:, 1:]) if self.has_perm else stored, counts)

    def corrupt(self, cell: Int64Array, reason: str) -> NoReturn:
        """Raise ``CorruptChunkError`` for a cell."""
        raise CorruptChunkError(self.array.backend.name, self.array.path, format_chunk_keys(cell[None])[0], reason)

    @property
    def _columns(self) -> str:
        return f"{'a permutation and ' if self.has_perm else ''}{self.width} rows"

    def _rows_of_sizes(
        self, cells: Int64Array, counts: Int64Array, into: Int64Array | None
    ) -> tuple[Int64Array, Int64Array] | None:
        """Read cells of known sizes in one go; None if one is otherwise, or the sizes cannot be."""
        width, head = self.width + self.has_perm, _HEAD_WORDS if self.has_header else 0
        words = counts * width + head
        if self.dtype != "int64" or (counts < 1).any() or int(counts.max(initial=0)) > _MOST_RECORDS:
            return None
        try:
            rows_alone = into is not None and head == self.has_perm == 0 and into.size == words.sum()
            flat = into.reshape(-1) if rows_alone and into is not None else np.empty(int(words.sum()), "<i8")
            self.array.read_into(cells, words * _WORD, flat.view(np.uint8))
        except (CorruptChunkError, MemoryError):
            return None  # reading without sizes tells what is wrong
        return _split(flat, words, counts, width, has_header=self.has_header)

    def _payloads(self, cells: Int64Array) -> Sequence[UInt8Array]:
        if self._none_is_empty:
            return self.array.read(cells)
        # A cell without records equals the fill value and has no bytes, listed or not.
        return [_NOTHING if payload is None else payload for payload in self.array.read_present(cells)]

    def _rows(self, cells: Int64Array, payloads: Sequence[UInt8Array]) -> tuple[Int64Array, Int64Array]:
        width = self.width + self.has_perm
        fast = _decode_at_once(payloads, width, self.dtype, has_header=self.has_header)
        if fast is not None:
            return fast
        decode = decode_link_cell if self.has_header else decode_link_rows
        parts = []
        for cell, payload in zip(cells, payloads, strict=True):
            try:
                parts.append(decode(payload, width, self.dtype))
            except ValueError as error:
                self.corrupt(cell, str(error))
        rows = np.concatenate(parts) if parts else np.empty((0, width), np.int64)
        return rows, np.array([len(part) for part in parts], np.int64)


_NOTHING = np.empty(0, np.uint8)


def _order(grid: GridMetadata, where: str) -> list[int]:
    """Give the order of the listed cells by their keys as strings; a missing list names none."""
    if grid.chunks is None:
        return []
    keys = format_chunk_keys(grid.chunks)
    if len(set(keys)) < len(keys):
        msg = f"{where}: nonempty_chunks names a chunk twice"
        raise CorruptStoreError(msg)
    return sorted(range(len(keys)), key=keys.__getitem__)


def _whole_numbers(values: object, count: int) -> Int64Array | None:
    """Read a list of so many sizes; None if it is none."""
    if not isinstance(values, list) or len(values) != count or not set(map(type, values)) <= {int}:
        return None
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return None  # a hint that cannot be read is no hint


def _decode_at_once(
    payloads: Sequence[UInt8Array], width: int, dtype: str, *, has_header: bool
) -> tuple[Int64Array, Int64Array] | None:
    """Decode cells of int64 that have one group each, as writers leave them; None if one is otherwise."""
    head = _HEAD_WORDS if has_header else 0
    words, rest = np.divmod(np.fromiter(map(len, payloads), np.int64, len(payloads)), _WORD)
    counts, odd = np.divmod(words - head, width)
    if not len(payloads) or dtype != "int64" or rest.any() or odd.any() or (counts < 0).any():
        return None
    return _split(np.concatenate(payloads).view("<i8"), words, counts, width, has_header=has_header)


def _split(
    flat: Int64Array, words: Int64Array, counts: Int64Array, width: int, *, has_header: bool
) -> tuple[Int64Array, Int64Array] | None:
    """Take the rows out of cells of one group each, that lie one after the other; None if one is otherwise."""
    if not has_header:
        return flat.reshape(-1, width), counts
    begin = np.cumsum(words) - words
    if (flat[begin] != 1).any() or flat[begin + 1].any():
        return None
    is_row = np.ones(len(flat), bool)
    is_row[begin] = is_row[begin + 1] = False
    return flat[is_row].reshape(-1, width), counts
