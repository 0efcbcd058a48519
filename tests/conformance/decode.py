"""Stores decoded by the text of the format with zarr and numpy alone; nothing of this library is imported.

Slow and plain on purpose: one cell, one fragment, one record at a time. A row is the number of a vertex in the level:
chunks ascending by coordinate, rows as stored. Whatever the format says of a store is asserted on the way.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import zarr

MAGIC = 0x5A564647


# -- payloads ---------------------------------------------------------------------------------------------------


def fragments(blob: bytes) -> list[np.ndarray]:
    """Rows of each fragment of a chunk (section 7)."""
    magic, version, flags, count, ranges = struct.unpack_from("<IHHII", blob)
    assert (magic, version, flags) == (MAGIC, 1, 0)
    if not count:
        assert len(blob) == 16
        return []
    width = -(-count // 64) * 8
    bits = np.unpackbits(np.frombuffer(blob, "u1", width, 16), bitorder="little").astype(bool)
    is_range, padding = bits[:count], bits[count:]
    assert is_range.sum() == ranges
    assert not padding.any()
    at = 16 + width
    spans = iter(np.frombuffer(blob, "<i8", 2 * ranges, at).reshape(-1, 2).tolist())
    at += 16 * ranges
    ends = np.frombuffer(blob, "<u4", count - ranges + 1, at).tolist()
    at += 4 * len(ends)
    listed = np.frombuffer(blob[at:], "<i8")
    assert (ends[0], ends[-1]) == (0, len(listed))
    pieces = iter(np.split(listed, ends[1:-1]))
    return [_rows(r, spans, pieces) for r in is_range]


def _rows(is_range: bool, spans, pieces) -> np.ndarray:
    if not is_range:
        return next(pieces)
    start, count = next(spans)
    return np.arange(start, start + count)


def manifest(blob: bytes, rank: int) -> list[tuple[tuple[int, ...], int]]:
    """(chunk, fragment) pairs of an object (section 12)."""
    out, at = [], 4
    for _ in range(struct.unpack_from("<I", blob)[0] if blob else 0):
        chunk = struct.unpack_from(f"<{rank}q", blob, at)
        mode = blob[at + 8 * rank]
        at += 8 * rank + 1
        if mode == 2:
            (count,) = struct.unpack_from("<I", blob, at)
            numbers = struct.unpack_from(f"<{count}q", blob, at + 4)
            at += 4 + 8 * count
        else:
            first, count = (*struct.unpack_from("<qq" if mode else "<q", blob, at), 1)[:2]
            assert mode in (0, 1)
            numbers = range(first, first + count)
            at += 16 if mode else 8
        out += [(chunk, number) for number in numbers]
    assert at == max(4, len(blob))
    return out


def link_rows(blob: bytes, dtype: str, width: int) -> np.ndarray:
    """Rows of a cell that describes itself, all its groups (section 10.5)."""
    if len(blob) < 8:
        return np.empty((0, width), dtype)
    (groups,) = struct.unpack_from("<q", blob)
    starts = struct.unpack_from(f"<{groups}q", blob, 8)
    assert list(starts) == sorted(starts)
    assert not groups or starts[0] == 0
    return np.frombuffer(blob[8 + 8 * groups :], dtype).reshape(-1, width)


def permutation(code: int, width: int) -> list[int]:
    """The order of endpoints behind a Lehmer code (section 10.3)."""
    assert 0 <= code < math.factorial(width)
    left, out = list(range(width)), []
    for place in range(width, 0, -1):
        digit, code = divmod(code, math.factorial(place - 1))
        out.append(left.pop(digit))
    return out


def words(codes: np.ndarray, attributes: dict) -> np.ndarray:
    """The words behind the codes of a categorical array (section 8.1)."""
    if attributes.get("encoding") != "dictionary":
        return codes
    known, missing = attributes["categories"], attributes.get("_FillValue")
    assert known == sorted(known)
    assert not attributes["ordered"]
    return np.array([None if code == missing else known[code] for code in codes.tolist()], dtype=object)


# -- arrays -----------------------------------------------------------------------------------------------------


@dataclass
class Grid:
    """A chunk-grid array: its attributes, and the payload of each cell by absolute chunk coordinate (section 5)."""

    attributes: dict
    cells: dict[tuple[int, ...], bytes]

    def rows(self, coord) -> np.ndarray:
        """Numbers of a cell as rows, (n,) or (n, C)."""
        tail = self.attributes.get("row_shape", [])
        return np.frombuffer(self.cells.get(coord, b""), self.attributes["dtype"]).reshape(-1, *tail)


@dataclass
class Records:
    """Links of one delta (section 10): rows of this level (of the other end's: of the other level)."""

    ends: np.ndarray
    attributes: dict[str, np.ndarray]
    family: dict
    segments: list[str]


class Store:
    """A store on a local disk."""

    def __init__(self, path) -> None:
        self.path = Path(path)
        self.group = zarr.open_group(self.path, mode="r", zarr_format=3)
        self.root = self.group.attrs["zarr_vectors"]
        self.scales = self.group.attrs["multiscales"][0]
        self.ndim = len(self.scales["axes"])
        self.levels = {n: Level(self, n) for n in sorted(int(k) for k in self.group.group_keys() if k.isdecimal())}
        assert [int(d["path"]) for d in self.scales["datasets"]] == list(self.levels)
        assert tuple(map(int, self.root["zv_version"].split("."))) >= (0, 9, 0)


class Level:
    """One level of a store."""

    def __init__(self, store: Store, number: int) -> None:
        self.store, self.number = store, number
        self.group = store.group[str(number)]
        self.meta = self.group.attrs["zarr_vectors_level"]
        assert self.meta["level"] == number
        self.chunk_shape = np.array(self.meta.get("chunk_shape") or store.root["chunk_shape"], float)

    def grid(self, path: str) -> Grid:
        """Read a chunk-grid array: the cells that it lists, which must be those that there are files of."""
        array, folder = self.group[path], self.store.path / str(self.number) / path
        attributes = dict(array.attrs)
        doc = json.loads((folder / "zarr.json").read_text())
        check_layout(doc)
        origin = attributes.get("chunk_grid_origin") or [0] * array.ndim
        listed = attributes["nonempty_chunks"]
        assert listed == sorted(listed)
        cells, files = {}, set()
        for coord in sorted(tuple(map(int, key.split("."))) for key in listed):
            index = [c - o for c, o in zip(coord, origin, strict=True)]
            cells[coord] = bytes(np.asarray(array[tuple(slice(i, i + 1) for i in index)], object).item() or b"")
            edges = doc["chunk_grid"]["configuration"]["chunk_shape"]
            if cells[coord]:
                files.add("/".join(str(i // edge) for i, edge in zip(index, edges, strict=True)))
        there = {str(file.relative_to(folder / "c")) for file in (folder / "c").rglob("*") if file.is_file()}
        assert there == files
        return Grid(attributes, cells)

    def names(self, path: str) -> list[str]:
        return sorted(name for name, _ in self.group[path].members()) if path in self.group else []

    # -- vertices

    @cached_property
    def vertices(self) -> Grid:
        found = self.grid("vertices")
        found.attributes["row_shape"] = [self.store.ndim]
        found.attributes.setdefault("dtype", "float32")
        assert found.attributes["encoding"] == "raw"
        return found

    @property
    def coords(self) -> list[tuple[int, ...]]:
        return list(self.vertices.cells)

    @cached_property
    def first(self) -> dict[tuple[int, ...], int]:
        """Row of each chunk's first vertex."""
        counts = [len(self.vertices.rows(coord)) for coord in self.coords]
        return dict(zip(self.coords, np.cumsum([0, *counts]).tolist(), strict=False))

    @cached_property
    def positions(self) -> np.ndarray:
        none = np.empty((0, self.store.ndim), self.vertices.attributes["dtype"])
        for coord in self.coords:
            cell = np.floor(self.vertices.rows(coord).astype("f8") / self.chunk_shape)
            assert (cell == coord[-self.store.ndim :]).all(), "a vertex lies outside its chunk"
        found = np.concatenate([none, *map(self.vertices.rows, self.coords)])
        assert self.meta["vertex_count"] == len(found)
        return found

    def attribute(self, name: str) -> np.ndarray:
        grid = self.grid(f"vertex_attributes/{name}")
        none = np.empty((0, *grid.attributes.get("row_shape", [])), grid.attributes["dtype"])
        for coord in self.coords:
            assert len(grid.rows(coord)) == len(self.vertices.rows(coord))
        return words(np.concatenate([none, *map(grid.rows, self.coords)]), grid.attributes)

    @property
    def attributes(self) -> dict[str, np.ndarray]:
        stored = {name: self.attribute(name) for name in self.names("vertex_attributes")}
        return {**self.divided, **stored}

    @property
    def divided(self) -> dict[str, np.ndarray]:
        """The attribute that the first component of chunk coordinates is a value of, if any (section 17)."""
        if "chunk_attribute_name" not in self.meta:
            return {}
        name, values = self.meta["chunk_attribute_name"], self.meta["chunk_attribute_values"]
        assert len(self.meta["chunk_dims"]) == self.store.ndim + 1
        assert values == sorted(set(values))
        counts = [len(self.vertices.rows(coord)) for coord in self.coords]
        bins = np.repeat(np.array([coord[0] for coord in self.coords], int), counts)
        return {name: np.array(values, self.meta.get("chunk_attribute_dtype"))[bins]}

    # -- fragments

    @cached_property
    def fragments(self) -> dict[tuple[int, ...], list[np.ndarray]]:
        """Rows of each fragment of each chunk."""
        cells = self.grid("vertex_fragments").cells
        assert list(cells) == self.coords
        found = {coord: [self.first[coord] + rows for rows in fragments(blob)] for coord, blob in cells.items()}
        if self.meta.get("fragments_tile"):
            for coord, pieces in found.items():
                count = len(self.vertices.rows(coord))
                tiled = np.concatenate([np.empty(0, int), *pieces]) - self.first[coord]
                assert tiled.tolist() == list(range(count)), "fragments do not tile their chunk"
        return found

    def fragment_attribute(self, name: str) -> dict[tuple[int, ...], np.ndarray]:
        grid = self.grid(f"fragment_attributes/{name}")
        assert list(grid.cells) == self.coords
        for coord in self.coords:
            assert len(grid.rows(coord)) == len(self.fragments[coord])
        return {coord: grid.rows(coord) for coord in self.coords}

    # -- objects

    @cached_property
    def manifests(self) -> dict[int, list[tuple[tuple[int, ...], int]]] | None:
        """(chunk, fragment) pairs of each object, by id."""
        if "object_index" not in self.group:
            return None
        index = self.group["object_index"]
        keys = dict(index.attrs)
        blobs = [bytes(blob) for blob in index["manifests"][:]] if "manifests" in index else []
        found = [manifest(blob, keys["sid_ndim"]) for blob in blobs]
        assert keys["num_objects"] == len(found)
        assert keys.get("num_present", sum(map(bool, found))) == sum(map(bool, found))
        ids = list(range(len(found)))
        if keys["layout"] == "vlen_manifests_v2" and "object_ids" in index:
            ids = index["object_ids"][:].tolist()
        assert len(set(ids)) == len(ids)
        assert not keys.get("object_ids_sorted") or ids == sorted(ids)
        return dict(zip(ids, found, strict=True))

    @property
    def objects(self) -> dict[int, np.ndarray] | None:
        """Rows of each object, in its own order, by id."""
        if self.manifests is None:
            return None
        none = np.empty(0, np.int64)
        return {
            number: np.concatenate([none, *(self.fragments[chunk][fragment] for chunk, fragment in pairs)])
            for number, pairs in self.manifests.items()
        }

    def table(self, path: str) -> dict[str, np.ndarray]:
        """Object or group attributes."""
        found = {}
        for name in self.names(path):
            array, values = self.group[f"{path}/{name}"], self.group[f"{path}/{name}"][...]
            assert array.attrs["shape"] == list(values.shape)
            found[name] = values.astype(bool) if array.attrs.get("zv_dtype") == "bool" else values
        return found

    @property
    def groups(self) -> dict[str, np.ndarray]:
        """Member ids of each group, by name."""
        if "groups" not in self.group:
            return {}
        array = self.group["groups"]
        members = [np.frombuffer(bytes(blob), "<i8") for blob in array[:]]
        assert array.attrs["num_groups"] == len(members)
        for row, (start, stop) in array.attrs.get("group_ranges", {}).items():
            assert not len(members[int(row)])
            members[int(row)] = np.arange(start, stop)
        names = [*array.attrs.get("group_names", []), *[""] * len(members)]
        return {name or f"group_{i}": ids for i, (name, ids) in enumerate(zip(names, members, strict=False))}

    # -- links

    def records(self, delta: int = 0) -> Records | None:
        """All links of a delta, endpoints in the order of the writer's arguments (section 10)."""
        path = f"links/{delta:+d}" if delta else "links/0"
        if path not in self.group:
            return None
        keys = dict(self.group[path].attrs)
        names = [n for n in self.names("link_attributes") if f"link_attributes/{n}/{path[6:]}" in self.group]
        ends, segments, columns = [], [], {name: [] for name in names}
        for segment in self.names(path):
            rows, values = self._segment(path, segment, keys, names)
            ends += rows
            segments += [segment] * len(rows)
            for name, column in values.items():
                columns[name].append(column)
        if "num_physical_records" in keys:
            assert keys["num_physical_records"] == len(ends)
        found = np.array(ends, np.int64).reshape(-1, keys["link_width"])
        return Records(found, {n: np.concatenate(c) for n, c in columns.items() if c}, keys, segments)

    def _segment(self, path: str, segment: str, keys: dict, names: list[str]):
        grid = self.grid(f"{path}/{segment}")
        width, rank, delta = keys["link_width"], keys["sid_ndim"], keys["level_delta"]
        offsets = [] if segment == "self" else [tuple(map(int, o.split("."))) for o in segment.split("_")]
        assert [list(o) for o in offsets] == grid.attributes["offsets"]
        assert len(offsets) == width - 1
        within = delta == 0 and not any(map(any, offsets))
        sorted_ends = not within and delta == 0 and (keys["store"] == "duplicate" or not keys["directed"])
        assert grid.attributes["has_perm"] == sorted_ends
        if within:
            groups = self.grid("link_fragments").cells
            assert list(groups) == list(grid.cells)
        elif delta == 0 and keys["store"] == "canonical" and not keys["directed"]:
            # The smallest chunk comes first, the others ascend from it.
            assert [(0,) * rank, *offsets] == sorted([(0,) * rank, *offsets])
        attributes = {name: self.grid(f"link_attributes/{name}/{path[6:]}/{segment}") for name in names}
        out, values = [], {name: [] for name in names}
        for cell in sorted(grid.cells, key=lambda c: ".".join(map(str, c))):
            blob, dtype = grid.cells[cell], grid.attributes["dtype"]
            columns = width + sorted_ends
            rows = np.frombuffer(blob, dtype).reshape(-1, columns) if within else link_rows(blob, dtype, columns)
            if within:
                assert sorted(np.concatenate(fragments(groups[cell])).tolist()) == list(range(len(rows)))
            out += [self._ends(row.tolist(), cell, offsets, sorted_ends, delta) for row in rows]
            for name, column in attributes.items():
                assert len(column.rows(cell)) == len(rows)
                values[name].append(column.rows(cell))
        joined = {
            name: words(np.concatenate([attributes[name].rows(None), *parts]), attributes[name].attributes)
            for name, parts in values.items()
        }
        return out, joined

    def _ends(self, row: list[int], cell, offsets, sorted_ends: bool, delta: int) -> list[int]:
        other = self.store.levels[self.number + delta]
        ends = [self.row(cell, row[sorted_ends])]
        base = self.anchor(cell, other)
        for vertex, offset in zip(row[sorted_ends + 1 :], offsets, strict=True):
            ends.append(other.row(tuple(int(b + o) for b, o in zip(base, offset, strict=True)), vertex))
        if sorted_ends:
            ordered = dict(zip(permutation(row[0], len(ends)), ends, strict=True))
            ends = [ordered[i] for i in range(len(ends))]
        return ends

    def row(self, coord: tuple[int, ...], vertex: int) -> int:
        assert 0 <= vertex < len(self.vertices.rows(coord)), "a link names no vertex"
        return self.first[coord] + vertex

    def anchor(self, cell: tuple[int, ...], other: Level) -> list[int]:
        """The other level's chunk that a cell of this one begins in (section 10.2)."""
        root = np.array(self.store.root["chunk_shape"], float)
        here, there = (np.round(level.chunk_shape / root).astype(int).tolist() for level in (self, other))
        lead = len(cell) - len(here)
        ratios = zip([1] * lead + here, [1] * lead + there, strict=True)
        return [c * a // b for c, (a, b) in zip(cell, ratios, strict=True)]

    def parents(self) -> np.ndarray:
        """Edges [child, parent] of skeletons: the row before in the same fragment, unless a record says otherwise."""
        above = {}
        for pieces in self.fragments.values():
            for rows in pieces:
                above.update(zip(rows[1:].tolist(), rows[:-1].tolist(), strict=True))
        records = self.records()
        if records is not None:
            assert len(set(records.ends[:, 0].tolist())) == len(records.ends), "two parents"
            above.update(map(tuple, records.ends.tolist()))
        return np.array(sorted(above.items()), np.int64).reshape(-1, 2)


def check_layout(doc: dict) -> None:
    """Check that a chunk-grid array is laid out as the format says (sections 5.1 and 18)."""
    assert (doc["zarr_format"], doc["data_type"], doc["fill_value"]) == (3, "variable_length_bytes", "")
    assert doc["chunk_key_encoding"] == {"name": "default", "configuration": {"separator": "/"}}
    codecs, ones = doc["codecs"], [1] * len(doc["shape"])
    if codecs[0]["name"] == "sharding_indexed":
        inner = codecs[0]["configuration"]
        assert (inner["chunk_shape"], inner.get("index_location", "end")) == (ones, "end")
        codecs = inner["codecs"]
    else:
        assert doc["chunk_grid"]["configuration"]["chunk_shape"] == ones
    assert codecs[0] == {"name": "vlen-bytes", "configuration": {}}
