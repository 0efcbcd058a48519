"""The object index of a level: ids, manifests, and a table of attributes, one row an object.

Row r of the ids, of the manifests and of each attribute is one and the same object. Manifests lie in chunks of some
thousand objects, so that a few objects are found without reading those of all others.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from zarr_vectors._spec import Codec, codec_chain
from zarr_vectors._spec._fields import whole
from zarr_vectors._spec.names import OBJECT_ATTRIBUTES, OBJECT_INDEX
from zarr_vectors.core._backends import Backend
from zarr_vectors.core._commit import put_group
from zarr_vectors.core.arrays._flat import FlatArray, Items, open_flat, write_flat, write_items
from zarr_vectors.core.arrays._tables import Table, TableKind, check_columns, write_table
from zarr_vectors.core.store import OpenStore, load_group
from zarr_vectors.encoding.manifests import Manifests, decode_manifests, encode_manifests
from zarr_vectors.encoding.ragged import offsets_of
from zarr_vectors.exceptions import ArgumentError, CorruptChunkError, CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array, UInt8Array

__all__ = [
    "ManifestSource",
    "ObjectIndex",
    "check_object_attributes",
    "open_objects",
    "write_object_attributes",
    "write_objects",
]

_LAYOUT_1, _LAYOUT_2 = "vlen_manifests_v1", "vlen_manifests_v2"
_MANIFEST_ROWS = 16384
_MANIFEST_BLOCKS = 1 << 11  # a chunk of manifests is read and unpacked whole for one object of it
_MANIFEST_CHUNKS = 1 << 11  # with more of them each has more fragments: a chunk is a file, and a request
_ATTRIBUTES = TableKind({"zv_array": "object_attribute", "fill_sentinel_meaning": "absent"}, "absent", 65536)
_MOST_ID_ROWS = 1 << 25
_KEPT_BYTES = 64 << 20
_TOGETHER_BYTES = 1 << 18  # manifests that are decoded in one go, so that what is made of them stays in cache
_WIDEST = 2**63 - 1


class ManifestSource(Protocol):
    """The fragments of O objects, some objects at a time."""

    @property
    def offsets(self) -> AnyArray:
        """Where the fragments of each object begin, shape (O + 1,), whole numbers."""
        ...

    def part(self, low: int, high: int) -> Manifests:
        """Give the manifests of objects ``low:high``."""
        ...


def write_objects(
    backend: Backend,
    base: str,
    ids: Int64Array,
    manifests: ManifestSource,
    rank: int,
    *,
    compressor: str | Sequence[Codec],
) -> None:
    """Write the object index of a level.

    Parameters
    ----------
    backend : Backend
    base : str
        Path of the level.
    ids : (O,) int64
        Id of each object; any numbers, each once.
    manifests : Manifests, or what gives them in parts
        Of the same O objects.
    rank : int
        Components R of a chunk coordinate.
    compressor : str or list of codecs
        Of the ids; manifests are zstd (zarr-vectors 0.9.2 has no choice), but plain where this is "none".
    """
    count = len(ids)
    if len(manifests.offsets) - 1 != count:
        msg = f"{len(manifests.offsets) - 1} manifests for {count} object ids"
        raise ArgumentError(msg)
    if not (is_sorted := _ascends(ids)) and not _ascends(np.sort(ids)):
        msg = f"object ids must differ, got {count} of which some do not"
        raise ArgumentError(msg)
    path = f"{base}/{OBJECT_INDEX}"
    present = int(np.count_nonzero(manifests.offsets[1:] > manifests.offsets[:-1]))
    if count:
        chunk_rows = _manifest_rows(manifests.offsets)
        write_items(
            backend,
            f"{path}/manifests",
            (encode_manifests(manifests.part(i, min(i + chunk_rows, count))) for i in range(0, count, chunk_rows)),
            count=count,
            chunk_rows=chunk_rows,
            codecs=codec_chain("none" if compressor == "none" else "zstd", 1),
            attributes={},
        )
        write_flat(
            backend,
            f"{path}/object_ids",
            ids,
            chunk_rows=min(count, _MOST_ID_ROWS),
            codecs=codec_chain(compressor, 8),
            fill=0,
            attributes={},
        )
    keys = {
        "zv_array": "object_index",
        "num_objects": count,
        "num_present": present,
        "sid_ndim": rank,
        "layout": _LAYOUT_2,
        "object_ids_sorted": is_sorted,
    }
    put_group(backend, path, keys)


def _manifest_rows(offsets: AnyArray) -> int:
    """Give the objects of a chunk of manifests: some thousand, fewer where they have many fragments each.

    Not so few that there are more than `_MANIFEST_CHUNKS` chunks: one object of very many fragments is as large in a
    chunk of its own, and would put each of the others into one.
    """
    count = len(offsets) - 1
    least = -(-count // _MANIFEST_CHUNKS)
    rows = min(_MANIFEST_ROWS, count)
    most = max(_MANIFEST_BLOCKS, int(offsets[-1]) // _MANIFEST_CHUNKS)
    while rows > least and np.diff(offsets[::rows], append=offsets[-1]).max() > most:
        rows = max(least, -(-rows // 2))
    return rows


def _ascends(ids: Int64Array) -> bool:
    return bool((ids[1:] > ids[:-1]).all())


def check_object_attributes(columns: Mapping[str, object], count: int) -> dict[str, AnyArray]:
    """Check attributes of `count` objects before anything is written; see `check_columns`."""
    return check_columns(columns, count, "object")


def write_object_attributes(
    backend: Backend,
    base: str,
    attributes: Mapping[str, AnyArray],
    compressor: str | Sequence[Codec],
) -> None:
    """Write the attributes of a level's objects, each (O,) or (O, C): what `check_object_attributes` gave."""
    write_table(backend, f"{base}/{OBJECT_ATTRIBUTES}", attributes, _ATTRIBUTES, compressor=compressor)


def open_objects(store: OpenStore, level: int) -> ObjectIndex | None:
    """Open the object index of a level; None if it has none.

    Raises
    ------
    CorruptStoreError
        If the level says that it has one, or the index contradicts itself.
    UnsupportedFeatureError
        If the index has a layout that this library does not read.
    """
    path = f"{level}/{OBJECT_INDEX}"
    keys = load_group(store.backend, path)
    if keys is not None:
        return ObjectIndex(store, level, keys)
    if any(meta.level == level and OBJECT_INDEX in meta.arrays_present for meta in store.levels):
        msg = f"{store.name}: level {level} names {OBJECT_INDEX!r} in arrays_present but has none"
        raise CorruptStoreError(msg)
    return None


class ObjectIndex:
    """The objects of one level; made by `open_objects`.

    Everything but the counts is read when it is first asked for. May be used from several threads at once. Arrays that
    are properties must not be changed; attributes are the caller's own.

    Attributes
    ----------
    num_objects : int
        Object rows O, those without vertices included.
    rank : int
        Components R of a chunk coordinate.
    attributes : Table
        The object attributes.
    """

    def __init__(self, store: OpenStore, level: int, keys: Mapping[str, Any]) -> None:
        self.store, self.level = store, level
        self.path = f"{level}/{OBJECT_INDEX}"
        where = f"{store.name}: {self.path}"
        self._layout = keys.get("layout", _LAYOUT_2)
        if self._layout not in (_LAYOUT_1, _LAYOUT_2):
            msg = f"{where} has layout {self._layout!r}; this library reads {_LAYOUT_1!r} and {_LAYOUT_2!r}"
            raise UnsupportedFeatureError(msg)
        self._manifests = open_flat(store, f"{self.path}/manifests")
        rows = 0 if self._manifests is None else self._check_manifests(self._manifests, where)
        self.num_objects = whole(keys.get("num_objects", rows), f"{where}: num_objects")
        self.rank = whole(keys.get("sid_ndim", store.root.ndim), f"{where}: sid_ndim", least=1)
        if rows != self.num_objects:
            msg = f"{where}: num_objects is {self.num_objects}, there are {rows} manifests"
            raise CorruptStoreError(msg)
        if self._manifests is not None and keys.get("num_present") == rows:
            self._manifests.is_whole = True
        self.attributes = Table(store, f"{level}/{OBJECT_ATTRIBUTES}", rows, "object")
        self._ids: Int64Array | None = None
        self._order: Int64Array | None = None
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, UInt8Array | None] = OrderedDict()
        self._kept_bytes = 0

    @staticmethod
    def _check_manifests(array: FlatArray, where: str) -> int:
        if array.meta.dtype is not None:
            msg = f"{where}/manifests must hold variable_length_bytes, got {array.meta.dtype}"
            raise CorruptStoreError(msg)
        return array.meta.shape[0]

    # -- ids ---------------------------------------------------------------------------------------------------

    @property
    def ids(self) -> Int64Array:
        """Id of each object row, (O,) int64."""
        if self._ids is None:
            found = self.read_ids()
            found.flags.writeable = False
            self._ids = found
        return self._ids

    def read_ids(self) -> Int64Array:
        """Read `ids`, which are the caller's own; nothing is kept."""
        path = f"{self.path}/object_ids"
        array = None if self._layout == _LAYOUT_1 else open_flat(self.store, path)
        if array is None:
            # A foreign index may leave dense ids out; one that this library wrote has lost them.
            ours = self._manifests is not None and self._manifests.meta.written is not None
            if self._layout == _LAYOUT_2 and ours:
                msg = f"{self.store.name}: {path} is missing"
                raise CorruptStoreError(msg)
            return np.arange(self.num_objects)
        dtype, shape = array.meta.dtype, array.meta.shape
        if dtype is None or dtype.kind not in "iu" or shape != (self.num_objects,):
            msg = f"{array.where} must be {self.num_objects} whole numbers, got {dtype} of shape {list(shape)}"
            raise CorruptStoreError(msg)
        values = array.read()
        if dtype.kind == "u" and len(values) and int(values.max()) > _WIDEST:
            msg = f"{array.where}: id {values.max()} does not fit 64 bits with a sign"
            raise CorruptStoreError(msg)
        ids = values.astype(np.int64, copy=False)
        if not _ascends(ids) and not _ascends(np.sort(ids)):
            msg = f"{array.where} names an object twice"
            raise CorruptStoreError(msg)
        return ids

    @property
    def is_dense(self) -> bool:
        """Whether the ids are 0, 1, .. O - 1, so that rows and ids are the same."""
        ids = self.ids
        return not len(ids) or bool(ids[0] == 0 and ids[-1] == len(ids) - 1 and _ascends(ids))

    def rows_of(self, ids: AnyArray | Sequence[int]) -> Int64Array:
        """Give the row of each id, (k,) int64, in the order asked for.

        Raises
        ------
        ArgumentError
            If an id is unknown or asked for twice.
        """
        wanted = self._check_ids(ids)
        known, order = self.ids, self._sorted()
        places = np.searchsorted(known, wanted, sorter=order)
        rows = order[np.minimum(places, max(0, len(order) - 1))] if len(order) else np.zeros(len(wanted), np.int64)
        unknown = known[rows] != wanted if len(known) else np.ones(len(wanted), bool)
        if unknown.any():
            msg = f"{self.store.name}: level {self.level} has no object {int(wanted[unknown][0])}"
            raise ArgumentError(msg)
        ordered = np.sort(wanted)
        if not _ascends(ordered):
            msg = f"object {int(ordered[:-1][ordered[1:] == ordered[:-1]][0])} is asked for twice"
            raise ArgumentError(msg)
        return rows

    def _sorted(self) -> Int64Array:
        """Give the rows by ascending id."""
        if self._order is None:
            self._order = np.arange(len(self.ids)) if _ascends(self.ids) else np.argsort(self.ids)
        return self._order

    def _check_ids(self, ids: AnyArray | Sequence[int]) -> Int64Array:
        wanted = np.asarray(ids)
        if wanted.ndim != 1 or (wanted.dtype.kind not in "iu" and len(wanted)):
            msg = f"object ids must be a list of whole numbers, got {wanted.dtype} of shape {wanted.shape}"
            raise ArgumentError(msg)
        if wanted.dtype.kind == "u" and len(wanted) and int(wanted.max()) > _WIDEST:
            msg = f"{self.store.name}: level {self.level} has no object {int(wanted.max())}"
            raise ArgumentError(msg)
        return wanted.astype(np.int64, copy=False)

    # -- manifests -----------------------------------------------------------------------------------------------

    def manifests(self, rows: Int64Array | None = None) -> Manifests:
        """Read the manifests of the objects in these rows, in this order; of all objects where `rows` is None.

        Raises
        ------
        ArgumentError
            If there is no such row.
        CorruptChunkError
            If manifests are damaged.
        """
        if rows is None:
            return self._joined(list(self.parts()))
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < self.num_objects:
            msg = f"{self.store.name}: level {self.level} has object rows 0 to {self.num_objects - 1}, got others"
            raise ArgumentError(msg)
        if self._manifests is None or not len(rows):
            return self._joined([]).take(np.asarray(rows, np.int64))
        chunk_rows = self._manifests.meta.chunk_shape[0]
        unique, inverse = np.unique(rows, return_inverse=True)
        chunks, first = np.unique(unique // chunk_rows, return_index=True)
        inner = np.split(unique % chunk_rows, first[1:])
        joined = self._decode(self._manifests, chunks.tolist(), inner)
        return joined if np.array_equal(inverse, np.arange(len(unique))) else joined.take(inverse)

    def parts(self) -> Iterator[Manifests]:
        """Read the manifests of all objects, some thousand at a time; nothing is kept."""
        array = self._manifests
        if array is not None:
            chunks: list[int] = []
            items: list[Items] = []
            held = 0
            for chunk, one in enumerate(array.read_items(range(array.chunk_count))):
                chunks.append(chunk)
                items.append(one)
                held += one[0].nbytes
                if held > _TOGETHER_BYTES or chunk == array.chunk_count - 1:
                    yield self._decode_all(array, chunks, items)
                    chunks, items, held = [], [], 0

    def _joined(self, parts: Sequence[Manifests]) -> Manifests:
        if len(parts) == 1:
            return parts[0]
        counts = np.concatenate([np.empty(0, np.int64), *(np.diff(part.offsets) for part in parts)])
        chunks = np.concatenate([np.empty((0, self.rank), np.int64), *(part.chunks for part in parts)])
        fragments = np.concatenate([np.empty(0, np.int64), *(part.fragments for part in parts)])
        return Manifests(offsets_of(counts), chunks, fragments)

    def _decode(self, array: FlatArray, chunks: Sequence[int], rows: Sequence[Int64Array]) -> Manifests:
        """Decode the manifests in these rows of each of these chunks; all in one call, as most are short."""
        items: list[Items] = []
        for chunk, stored, own in zip(chunks, self._stored(array, chunks), rows, strict=True):
            items.append(array.items(chunk, stored, own))
            self._keep(chunk, stored)
        try:
            return self._decode_together(items)
        except ValueError:
            # Chunk by chunk: what is damaged has a name then.
            whole = zip(chunks, array.read_items(chunks), rows, strict=True)
            return self._joined([self._decode_one(array, chunk, one).take(own) for chunk, one, own in whole])

    def _decode_all(self, array: FlatArray, chunks: Sequence[int], items: Sequence[Items]) -> Manifests:
        """Decode all manifests of these chunks."""
        try:
            return self._decode_together(items)
        except ValueError:
            parts = (self._decode_one(array, chunk, one) for chunk, one in zip(chunks, items, strict=True))
            return self._joined(list(parts))

    def _decode_together(self, items: Sequence[Items]) -> Manifests:
        flat = np.concatenate([flat for flat, _ in items])
        offsets = offsets_of(np.concatenate([np.diff(offsets) for _, offsets in items]))
        return decode_manifests(flat, offsets, self.rank)

    def _decode_one(self, array: FlatArray, chunk: int, items: Items) -> Manifests:
        try:
            return decode_manifests(*items, self.rank)
        except ValueError as error:
            first = chunk * array.meta.chunk_shape[0]
            reason = f"{error} (rows counted from {first})" if first else str(error)
            raise CorruptChunkError(self.store.name, array.path, str(chunk), reason) from error

    def _stored(self, array: FlatArray, chunks: Sequence[int]) -> Iterator[UInt8Array | None]:
        """Read the bytes of chunks of manifests, those that were read lately from memory."""
        with self._lock:
            kept = {i: self._kept[i] for i in chunks if i in self._kept}
            for i in kept:
                self._kept.move_to_end(i)
        found = array.read_stored([i for i in chunks if i not in kept])
        for i in chunks:
            yield kept[i] if i in kept else next(found)

    def _keep(self, chunk: int, stored: UInt8Array | None) -> None:
        """Keep a chunk as it is stored: unpacked it takes many times the memory, and little time."""
        if _bytes_of(stored) > _KEPT_BYTES:
            return
        with self._lock:
            if chunk in self._kept:
                return
            self._kept[chunk] = stored
            self._kept_bytes += _bytes_of(stored)
            while self._kept_bytes > _KEPT_BYTES:
                self._kept_bytes -= _bytes_of(self._kept.popitem(last=False)[1])

    # -- attributes ----------------------------------------------------------------------------------------------

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the object attributes, sorted."""
        return self.attributes.names

    def attribute(self, name: str) -> AnyArray:
        """Read an attribute, (O,) or (O, C), of the dtype it was written with; see `Table.read`."""
        return self.attributes.read(name)

    def present(self, name: str) -> BoolArray:
        """Tell which objects, (O,) bool, have a value of an attribute."""
        return self.attributes.read_with_presence(name)[1]


def _bytes_of(stored: UInt8Array | None) -> int:
    return 0 if stored is None else stored.nbytes
