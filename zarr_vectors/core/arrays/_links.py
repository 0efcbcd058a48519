"""The links of a level: open them, and read those of some chunks.

1. A family's arrays are known by their names, which spell the offsets: those that cannot lead from one wanted chunk
   to another are not opened.
2. Of each array the cells are chosen whose chunks, the source and those that the offsets lead to, are wanted.
3. The cells of an array are fetched together; permutations are undone for all records at once.

Records come in the format's enumeration order: names of arrays as strings, keys of cells as strings, rows as stored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from zarr_vectors._spec._fields import whole
from zarr_vectors._spec.names import VERTICES
from zarr_vectors.core.arrays._cells import open_grid
from zarr_vectors.core.arrays._link_attributes import LinkAttributes
from zarr_vectors.core.arrays._link_cells import LinkArray
from zarr_vectors.core.arrays._link_family import LINKS, LinkFamily, LinkPlacement, links_path
from zarr_vectors.core.arrays._link_parts import LinkPart, MetCells
from zarr_vectors.core.arrays._link_places import LinkTarget, anchors
from zarr_vectors.core.arrays._link_writer import CellStorage, write_links
from zarr_vectors.core.arrays._row_grid import RowGrid
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.store import OpenStore, load_group
from zarr_vectors.encoding import offsets_of, parse_offsets
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.spatial import ChunkLookup
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = [
    "CellStorage",
    "LinkEnds",
    "LinkFamily",
    "LinkPlacement",
    "LinkReader",
    "LinkRows",
    "LinkTarget",
    "RowGrid",
    "chunk_ratio",
    "open_links",
    "write_links",
]

_FARTHEST = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class LinkRows:
    """Records whose endpoints are rows of chunks.

    Attributes
    ----------
    chunk : (M, L) int64
        Which of the chunks that were asked for each endpoint lies in, in input order; -1: in none of them.
    row : (M, L) int64
        Its row in that chunk.
    attributes : dict of (M,) or (M, C) arrays
        Codes where the attribute is categorical.
    """

    chunk: Int64Array
    row: Int64Array
    attributes: Mapping[str, AnyArray]


@dataclass(frozen=True, slots=True, eq=False)
class LinkEnds:
    """Records whose endpoints are numbers.

    Attributes
    ----------
    ends : (M, L) int64
        In input order; -1 in a chunk that was not asked for.
    attributes : dict of (M,) or (M, C) arrays
        Codes where the attribute is categorical.
    """

    ends: Int64Array
    attributes: Mapping[str, AnyArray]


def open_links(store: OpenStore, level: int, delta: int = 0) -> LinkReader | None:
    """Open the links that lead from a level to the one `delta` further; None if there are none.

    Raises
    ------
    CorruptStoreError
        If the family does not say what a record is, or one of its arrays has a name that spells no offsets.
    """
    path = links_path(str(level), delta)
    attributes = load_group(store.backend, path)
    if attributes is None:
        _check_none(store, level, delta)
        return None
    where = f"{store.name}/{path}"
    count = attributes.get("num_links")
    family = LinkFamily.from_dict(attributes, delta, where)
    return LinkReader(store, level, family, None if count is None else whole(count, f"{where}: num_links"))


def _check_none(store: OpenStore, level: int, delta: int) -> None:
    """Refuse a level that has lost its own links; what foreign ones say they have may lead to other levels only."""
    path = links_path(str(level), delta)
    left = [name for name in store.backend.list_names(path) if not name.startswith(".")]
    if left:
        msg = f"{store.name}: {path} holds {left[0]!r}, but zarr.json, which says what a link is, is missing"
        raise CorruptStoreError(msg)
    present = any(meta.level == level and LINKS in meta.arrays_present for meta in store.levels)
    if present and delta == 0 and set(store.backend.list_names(f"{level}/{LINKS}")) <= {"zarr.json"}:
        msg = f"{store.name}: level {level} names {LINKS!r} in arrays_present but has none"
        raise CorruptStoreError(msg)


def chunk_ratio(store: OpenStore, level: int, rank: int) -> Int64Array:
    """Give a level's chunk edges in chunks of the root, (R,) int64; 1 for a leading axis of attribute bins."""
    found = [meta.chunk_shape for meta in store.levels if meta.level == level]
    if not found:
        msg = f"{store.name}: links lead to level {level}, which there is not"
        raise CorruptStoreError(msg)
    ratio = np.ones(rank, np.int64)
    if found[0] is not None:
        ratio[rank - store.root.ndim :] = np.round(found[0] / store.root.chunk_shape)
    return np.maximum(ratio, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """The chunks that are asked for, of the first endpoint and of the others.

    Attributes
    ----------
    coords, others : (n, R) int64
    everything : bool
        Whether they are all chunks of the levels, so that no endpoint may lie outside.
    touching : bool
        Whether one endpoint in them is enough.
    around : ((R,), (R,)) int64 or None
        First and last chunk of a range that a record's chunks must surround or meet.
    """

    coords: Int64Array
    others: Int64Array
    everything: bool
    touching: bool
    around: tuple[Int64Array, Int64Array] | None


class LinkReader:
    """One family of links, open for reading; may be used from several threads at once.

    Attributes
    ----------
    family : LinkFamily
    num_links : int or None
        Records, where the store tells.
    """

    def __init__(self, store: OpenStore, level: int, family: LinkFamily, num_links: int | None) -> None:
        self.store, self.level, self.family, self.num_links = store, level, family, num_links
        self.path = links_path(str(level), family.delta)
        self._where = f"{store.name}/{self.path}"
        self._lock = threading.Lock()
        self._arrays: dict[str, LinkArray] = {}
        self._attributes = LinkAttributes(store, level, family.delta)
        self._names = [n for n in store.backend.list_names(self.path) if n != "zarr.json" and not n.startswith(".")]
        self._offsets = self._parse(self._names)  # (arrays, L - 1, R)
        self._ratios = [chunk_ratio(store, n, family.rank) for n in (level, level + family.delta)]

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the link attributes, sorted."""
        return self._attributes.names

    def attribute_column(self, name: str) -> Column:
        """Tell what a row of a link attribute is; an unknown name is an ``ArgumentError``."""
        return self._attributes.column(name)

    def read(
        self,
        coords: Int64Array | None = None,
        *,
        others: Int64Array | None = None,
        counts: Int64Array | None = None,
        touching: bool = False,
        around: tuple[Int64Array, Int64Array] | None = None,
        attributes: Sequence[str] | None = None,
    ) -> LinkRows:
        """Give the records that lie in some chunks, each once whatever copies there are.

        Parameters
        ----------
        coords : (n, R) int64 or None
            Chunks of this level, in any order, each once; None for all of them, ascending.
        others : (n', R) int64 or None
            The same for the level of the other endpoints, where that is another one.
        counts : (n,) int64 or None
            Vertices of each chunk where they are known: rows are held against them.
        touching : bool
            Whether one endpoint in these chunks is enough; else all must be.
        around : ((R,), (R,)) int64 or None
            First and last chunk of a range: only records that `chunks_around` means.
        attributes : list of str or None
            Link attributes to read; None for all.

        Raises
        ------
        CorruptChunkError
            If a cell is broken, or names a row or a chunk that does not exist.
        CorruptStoreError
            If records or their attributes are missing.
        """
        names = self.attribute_names if attributes is None else tuple(attributes)
        for name in names:
            self._attributes.column(name)
        wanted = self._wanted(coords, others, touching=touching, around=around)
        parts = [cells.read() for cells in self._met(wanted)]
        nothing = np.empty((0, self.family.width), np.int64)
        chunk = np.concatenate([nothing, *(part.chunk() for part in parts)])
        row = np.concatenate([nothing, *(part.row() for part in parts)])
        self._check(parts, chunk, row, counts)
        read_cells = [(part.name, part.cells, part.stored.counts) for part in parts]
        return LinkRows(chunk, row, self._attributes_of(read_cells, names, wanted))

    def ends(self, starts: Int64Array, coords: Int64Array | None = None, *, touching: bool = False) -> LinkEnds:
        """Give the records that lie in some chunks, as `read` does, with their endpoints numbered through.

        Parameters
        ----------
        starts : (n + 1,) int64
            The rows of chunk ``i`` are numbers from ``starts[i]`` up to ``starts[i + 1]``.
        coords, touching
            As for `read`.
        """
        wanted = self._wanted(coords, None, touching=touching, around=None)
        met = list(self._met(wanted))
        sizes = [cells.array.sizes(cells.which) for cells in met]
        before = offsets_of(np.array([0 if size is None else size.sum() for size in sizes], np.int64)).tolist()
        out, read = np.empty((before[-1], self.family.width), np.int64), []
        for cells, low, high in zip(met, before, before[1:], strict=False):
            # Most records are read to where they belong, and no others are held beside them.
            part = cells.read(out[low:high])
            if len(part.stored.rows) != high - low:
                return self._ends_of_unknown(met, starts, wanted)
            part.number(starts, out[low:high])
            read.append((cells.name, cells.cells, part.stored.counts))
        return LinkEnds(out, self._attributes_of(read, self.attribute_names, wanted))

    def parts(self, starts: Int64Array, most: int) -> Iterator[LinkEnds]:
        """Give all records of the level as `ends` does, about `most` at a time; no more are held."""
        wanted = self._wanted(None, None, touching=False, around=None)
        some, total = replace(wanted, everything=False), 0
        for cells in self._met(wanted):
            sizes = cells.array.sizes(cells.which)
            known = np.full(len(cells.which), most) if sizes is None else sizes
            for chosen in np.split(np.arange(len(known)), np.flatnonzero(np.diff(np.cumsum(known) // most)) + 1):
                few = MetCells(cells.name, cells.array, cells.which[chosen], cells.cells[chosen], cells.met[chosen])
                found = self._ends_of_unknown([few], starts, some)
                total += len(found.ends)
                yield found
        self._attributes_of([("", wanted.coords[:1], np.array([total]))], (), wanted)

    def _ends_of_unknown(self, met: Sequence[MetCells], starts: Int64Array, wanted: _Wanted) -> LinkEnds:
        """Give the records of cells of which nothing says, or what says it is wrong, how many they hold."""
        parts = [cells.read() for cells in met]
        before = offsets_of(np.array([len(part.stored.rows) for part in parts], np.int64)).tolist()
        out = np.empty((before[-1], self.family.width), np.int64)
        for part, low, high in zip(parts, before, before[1:], strict=False):
            part.number(starts, out[low:high])
        read = [(part.name, part.cells, part.stored.counts) for part in parts]
        return LinkEnds(out, self._attributes_of(read, self.attribute_names, wanted))

    def _attributes_of(
        self, parts: Sequence[tuple[str, Int64Array, Int64Array]], names: Sequence[str], wanted: _Wanted
    ) -> dict[str, AnyArray]:
        """Read the attributes of records, and check that all are there.

        Parameters
        ----------
        parts : list of (name of the offsets array, cells (c, R), records of each cell (c,))
        """
        found = sum(int(counts.sum()) for _, _, counts in parts)
        if wanted.everything and self.family.store == "canonical" and found < (self.num_links or 0):
            msg = f"{self._where}: {found} of {self.num_links} links are there"
            raise CorruptStoreError(msg)
        return {name: self._attributes.read(name, parts) for name in names}

    # -- which cells ---------------------------------------------------------------------------------------

    def _wanted(
        self,
        coords: Int64Array | None,
        others: Int64Array | None,
        *,
        touching: bool,
        around: tuple[Int64Array, Int64Array] | None,
    ) -> _Wanted:
        everything = coords is None and others is None
        own = self._chunks(self.level) if coords is None else coords
        if not self.family.delta:
            return _Wanted(own, own, everything, touching, around)
        other = self._chunks(self.level + self.family.delta) if others is None else others
        return _Wanted(own, other, everything, touching, around)

    def _chunks(self, level: int) -> Int64Array:
        array = open_grid(self.store, f"{level}/{VERTICES}", with_chunks=True)
        if array is None or array.grid.chunks is None:
            return np.empty((0, self.family.rank), np.int64)
        chunks = array.grid.chunks
        return chunks[np.lexsort(chunks.T[::-1])]

    def _met(self, wanted: _Wanted) -> Iterator[MetCells]:
        own = ChunkLookup(wanted.coords)
        other = ChunkLookup(wanted.others) if self.family.delta else own
        rank = self.family.rank
        for i in np.flatnonzero(self._possible(wanted)).tolist():
            array = self._array(self._names[i], self._offsets[i])
            ends = anchors(array.cells, *self._ratios)[:, None] + array.offsets  # (cells, L - 1, R)
            met = np.column_stack([own.find(array.cells), other.find(ends.reshape(-1, rank)).reshape(ends.shape[:2])])
            if wanted.everything and (met < 0).any():
                cell, end = np.argwhere(met < 0)[0].tolist()
                array.corrupt(array.cells[cell], f"endpoint {end} of its links lies in a chunk that has no vertices")
            hit = (met >= 0).any(axis=1) if wanted.touching else (met >= 0).all(axis=1)
            if wanted.around is not None:
                hit &= _surround(array.cells, ends, wanted.around)
            if hit.any():
                yield MetCells(self._names[i], array, np.flatnonzero(hit), array.cells[hit], met[hit])

    def chunks_around(self, first: Int64Array, last: Int64Array) -> Int64Array:
        """Give the chunks of all records of which a point between the endpoints may lie in a range of chunks.

        These are the records whose chunks' own range meets that range.

        Parameters
        ----------
        first, last : (R,) int64
            Both included.

        Returns
        -------
        (n, R) int64
            Ascending, each once.
        """
        found = [np.empty((0, self.family.rank), np.int64)]
        for i in np.flatnonzero(self._originals()).tolist():
            array = self._array(self._names[i], self._offsets[i])
            ends = anchors(array.cells, *self._ratios)[:, None] + array.offsets  # (cells, L - 1, R)
            hit = _surround(array.cells, ends, (first, last))
            found += [array.cells[hit], ends[hit].reshape(-1, self.family.rank)]
        return np.unique(np.concatenate(found), axis=0)

    def leaving_arrays(self) -> Iterator[tuple[str, LinkArray]]:
        """Give the arrays of records that leave their chunk, by name, without those that hold copies only."""
        for i in np.flatnonzero(self._originals() & self._offsets.any(axis=(1, 2))).tolist():
            yield self._names[i], self._array(self._names[i], self._offsets[i])

    def _originals(self) -> BoolArray:
        """Tell of each array whether its offsets may lead to records that are not copies."""
        if self.family.store == "duplicate" and not self.family.delta:
            # One copy begins in the smallest of the record's chunks: no offset leads back.
            return np.asarray((_sign(self._offsets) >= 0).all(axis=1), bool)
        return np.ones(len(self._names), bool)

    def _possible(self, wanted: _Wanted) -> BoolArray:
        """Tell of each array whether its offsets may lead to records that are wanted and not copies."""
        possible = self._originals()
        if wanted.everything or wanted.touching or not len(wanted.coords) or not len(wanted.others):
            return possible
        base = anchors(wanted.coords, *self._ratios)
        least, most = wanted.others.min(axis=0) - base.max(axis=0), wanted.others.max(axis=0) - base.min(axis=0)
        possible &= ((self._offsets >= least) & (self._offsets <= most)).all(axis=(1, 2))
        return possible

    def _array(self, name: str, offsets: Int64Array) -> LinkArray:
        with self._lock:
            if name not in self._arrays:
                array = open_grid(self.store, f"{self.path}/{name}", with_chunks=True)
                if array is None:
                    msg = f"{self._where}/{name} is listed but is no zarr array"
                    raise CorruptStoreError(msg)
                self._arrays[name] = LinkArray(array, offsets, self.family)
            return self._arrays[name]

    def _parse(self, names: Sequence[str]) -> Int64Array:
        out = np.empty((len(names), self.family.width - 1, self.family.rank), np.int64)
        for i, name in enumerate(names):
            try:
                offsets = parse_offsets(name, self.family.rank)
            except ValueError as error:
                msg = f"{self._where}: {error}"
                raise CorruptStoreError(msg) from error
            if len(offsets) != self.family.width - 1:
                msg = f"{self._where}: {name!r} has {len(offsets)} offsets, links have {self.family.width} endpoints"
                raise CorruptStoreError(msg)
            out[i] = offsets
        return out

    # -- records -------------------------------------------------------------------------------------------

    def _check(self, parts: Sequence[LinkPart], chunk: Int64Array, row: Int64Array, counts: Int64Array | None) -> None:
        if counts is None or not len(counts):
            return
        own = slice(None) if not self.family.delta else slice(1)
        wrong = ((chunk[:, own] >= 0) & (row[:, own] >= counts[chunk[:, own]])).any(axis=1)
        if wrong.any():
            self._no_such_row(parts, int(np.argmax(wrong)), row)

    def _no_such_row(self, parts: Sequence[LinkPart], record: int, row: Int64Array) -> NoReturn:
        cells = [(part.array, cell) for part in parts for cell in part.cells]
        ends = np.cumsum(np.concatenate([part.stored.counts for part in parts]))
        array, cell = cells[int(np.searchsorted(ends, record, side="right"))]
        array.corrupt(cell, f"it links rows {row[record].tolist()}, and a chunk has fewer vertices")


def _surround(cells: Int64Array, ends: Int64Array, around: tuple[Int64Array, Int64Array]) -> BoolArray:
    """Tell for which cells, (c, R), the range of chunks that it and its ends, (c, L - 1, R), make up meets a range."""
    first, last = around
    low = np.minimum(cells, ends.min(axis=1, initial=_FARTHEST))
    high = np.maximum(cells, ends.max(axis=1, initial=-_FARTHEST))
    return np.asarray(((low <= last) & (high >= first)).all(axis=1), bool)


def _sign(offsets: Int64Array) -> Int64Array:
    """Give the sign of the first component that is not 0, (..., R) to (...)."""
    first = np.argmax(offsets != 0, axis=-1)
    return np.sign(np.take_along_axis(offsets, first[..., None], axis=-1)[..., 0])
