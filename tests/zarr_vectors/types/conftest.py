"""A decoder of level 0 of a store that shares nothing with the library: zarr-python, struct and the format's words."""

from __future__ import annotations

import itertools
import math
import struct

import numpy as np
import pytest
import zarr


class Decoded:
    """Level 0 of a store, decoded cell by cell, object by object.

    Rows are numbered through all chunks, these in ascending order.
    """

    def __init__(self, place):
        root = zarr.open_group(place, mode="r")
        self.root = dict(root.attrs)
        self.meta = self.root["zarr_vectors"]
        self.level = root["0"]
        self.ndim = len(self.root["multiscales"][0]["axes"])
        dtype = self.level["vertices"].attrs["dtype"]
        cells = self.grid("vertices")
        self.chunks = sorted(cells)
        self.vertices = {c: np.frombuffer(cells[c], dtype).reshape(-1, self.ndim) for c in self.chunks}
        self.counts = [len(self.vertices[c]) for c in self.chunks]
        self.base = dict(zip(self.chunks, np.cumsum([0, *self.counts]).tolist(), strict=False))
        empty = np.empty((0, self.ndim), dtype)
        self.positions = np.concatenate([empty, *(self.vertices[c] for c in self.chunks)])
        blobs = self.grid("vertex_fragments")
        assert set(blobs) == set(cells)
        self.fragments = {c: ranges(blobs[c]) for c in self.chunks}

    def grid(self, name):
        """Give the payloads of a grid array by chunk."""
        array = self.level[name]
        origin = array.attrs.get("chunk_grid_origin", [0] * array.ndim)
        keys = array.attrs["nonempty_chunks"]
        assert keys == sorted(keys)
        chunks = [tuple(map(int, key.split("."))) for key in keys]
        cells = {chunk: tuple(c - o for c, o in zip(chunk, origin, strict=True)) for chunk in chunks}
        if math.prod(array.shape) > (4 * len(keys) if name != "vertices" else 600):
            one = {c: tuple(slice(i, i + 1) for i in cell) for c, cell in cells.items()}
            return {c: bytes(array[place].reshape(-1)[0]) for c, place in one.items()}
        whole = array[...]  # also of the cells that are not listed
        assert {cell for cell in np.ndindex(*array.shape) if whole[cell]} <= set(cells.values())
        return {c: bytes(whole[cell]) for c, cell in cells.items()}

    def column(self, name, family="vertex_attributes"):
        """Give an attribute row by row; words instead of codes."""
        array = self.level[f"{family}/{name}"]
        keys, cells = dict(array.attrs), self.grid(f"{family}/{name}")
        parts = [np.frombuffer(cells[c], keys["dtype"]).reshape(-1, *keys["row_shape"]) for c in self.chunks]
        flat = np.concatenate([np.empty((0, *keys["row_shape"]), keys["dtype"]), *parts])
        if keys.get("encoding") != "dictionary":
            return flat
        return np.array([None if code < 0 else keys["categories"][code] for code in flat.tolist()], object)

    def objects(self):
        """Give ids and manifests: for each object its (chunk, fragment) pairs."""
        index = self.level["object_index"]
        keys = dict(index.attrs)
        if not keys["num_objects"]:
            return [], []
        manifests = [manifest(bytes(blob), keys["sid_ndim"]) for blob in index["manifests"][:]]
        assert keys["num_objects"] == len(manifests)
        assert keys["num_present"] == sum(map(bool, manifests))
        return index["object_ids"][:].tolist(), manifests

    def rows(self, entries):
        """Give the rows of an object, in its order."""
        parts = [self.base[c] + np.arange(s, s + n) for c, f in entries for s, n in [self.fragments[c][f]]]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def groups(self):
        """Give the ids of each group by name."""
        array = self.level["groups"]
        spans = array.attrs.get("group_ranges", {})
        members = [np.frombuffer(bytes(blob), "<i8").tolist() for blob in array[:]]
        listed = {i: list(range(*spans[str(i)])) if str(i) in spans else ids for i, ids in enumerate(members)}
        return dict(zip(array.attrs["group_names"], listed.values(), strict=True))

    def links(self):
        """Give the endpoints of all links as rows, in the order in which they were given to the writer."""
        if "links" not in self.level:
            return []
        family = self.level["links/0"]
        width, rank = family.attrs["link_width"], family.attrs["sid_ndim"]
        out = []
        for name in sorted(key for key, _ in family.members()):
            keys = dict(family[name].attrs)
            offsets = [tuple(map(int, part.split("."))) for part in name.split("_")]
            assert [list(o) for o in offsets] == keys["offsets"]
            inside = not any(itertools.chain(*offsets))
            assert keys["has_perm"] == (not inside and not family.attrs["directed"])
            assert all(len(o) == rank for o in offsets)
            for chunk, blob in self.grid(f"links/0/{name}").items():
                head = 0 if inside else 8 + 8 * struct.unpack_from("<q", blob)[0]
                places = [chunk, *(tuple(map(sum, zip(chunk, o, strict=True))) for o in offsets)]
                for row in np.frombuffer(blob[head:], "<i8").reshape(-1, width + keys["has_perm"]).tolist():
                    local = row[keys["has_perm"] :]
                    assert all(0 <= v < len(self.vertices[c]) for c, v in zip(places, local, strict=True))
                    ends = [self.base[c] + v for c, v in zip(places, local, strict=True)]
                    order = permutation(row[0], width) if keys["has_perm"] else range(width)
                    given = dict(zip(order, ends, strict=True))
                    out.append(tuple(given[i] for i in range(width)))
        assert family.attrs["num_links"] == len(out)
        return out


def ranges(blob):
    """Decode a fragment index of ranges only, and check that they tile the rows."""
    magic, version, flags, count, spans = struct.unpack_from("<IHHII", blob)
    assert (magic, version, flags) == (0x5A564647, 1, 0)
    assert spans == count
    at = 16 + -(-count // 64) * 8 if count else 16
    out = np.frombuffer(blob, "<i8", 2 * count, at).reshape(-1, 2).tolist()
    assert len(blob) == (at + 16 * count + 4 if count else 16)
    assert [start for start, _ in out] == [0, *np.cumsum([n for _, n in out]).tolist()][:count]
    return [tuple(span) for span in out]


def manifest(blob, rank):
    """Decode a manifest of mode-0 blocks."""
    (count,) = struct.unpack_from("<I", blob)
    assert len(blob) == 4 + count * (8 * rank + 9)
    blocks = [struct.unpack_from(f"<{rank}qBq", blob, 4 + i * (8 * rank + 9)) for i in range(count)]
    assert all(block[rank] == 0 for block in blocks)
    return [(block[:rank], block[rank + 1]) for block in blocks]


def permutation(code, width):
    """Decode a Lehmer code."""
    left, out = list(range(width)), []
    for i in range(width):
        pick, code = divmod(code, math.factorial(width - 1 - i))
        out.append(left.pop(pick))
    return out


@pytest.fixture
def decode():
    """Give the decoder: ``decode(path)``."""
    return Decoded
