"""Geometries of every kind: drawn by hypothesis, written by their door, compared with what any reader says.

A `Case` is what a store is made from, in the order of the writer's arguments. A `Found` is what one reader says of a
store, in its own order: this library, a decoder without it, the public package. `same` knows what of a case has to
come back, and in which order.

The file is over 500 lines because all of it is about `Case`: who adds a field draws, writes and compares it here.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from zarr_vectors.core.arrays._groups import read_groups
from zarr_vectors.core.arrays._objects import open_objects
from zarr_vectors.core.store import load_store
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

KINDS = ("point_cloud", "objects", "line", "polyline", "streamline", "skeleton", "graph", "mesh")
PATHS = ("line", "polyline", "streamline")
TIED = ("skeleton", "graph", "mesh")
READ = {
    "point_cloud": read_points, "objects": read_points, "line": read_lines, "polyline": read_polylines,
    "streamline": read_polylines, "skeleton": read_graph, "graph": read_graph, "mesh": read_mesh,
}  # fmt: skip
LABEL = "row"
NUMBERS = ("i1", "u1", "<i2", ">i2", "u2", "<i4", "u4", "<i8", ">i8", "u8", "f2", "<f4", ">f4", "f8", ">f8", "?")
WORDS = ["", "a", "b", "axon", "Dendrit", "é", "\U0001f600", 'q"\\', "x y"]
COMPRESSORS = (
    "none", "zstd", "blosc", "auto", [{"name": "gzip", "configuration": {"level": 1}}], [],
    [{"name": "zstd", "configuration": {"level": 1, "checksum": True}}, {"name": "crc32c"}],
)  # fmt: skip
IDS = [-(2**63), -7, 0, 1, 2, 3, 20, 21, 4_000_000_000, 2**62, 2**63 - 1]


@dataclass
class Case:
    """What a store is made from.

    `owner` is the object id of each vertex; `offsets` say where each line begins, `ids` which id it has (None: its
    number). Object attributes run parallel to `object_ids`, which ascend but for lines. `division` names the attribute
    that chunks are divided by.
    """

    kind: str
    positions: np.ndarray
    chunk: np.ndarray
    bins: np.ndarray | None = None
    attributes: dict = field(default_factory=dict)
    owner: np.ndarray | None = None
    offsets: np.ndarray | None = None
    ids: np.ndarray | None = None
    links: np.ndarray | None = None
    link_attributes: dict = field(default_factory=dict)
    object_attributes: dict = field(default_factory=dict)
    groups: dict = field(default_factory=dict)
    group_attributes: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    division: str | None = None

    @property
    def object_ids(self) -> np.ndarray:
        if self.offsets is not None:
            return np.arange(len(self.offsets) - 1) if self.ids is None else self.ids
        if self.owner is not None:
            return np.unique(self.owner)
        return np.zeros(min(len(self.positions), int(self.kind in TIED)), np.int64)

    @property
    def owners(self) -> np.ndarray:
        """Object id of each vertex, zeros where there are none."""
        if self.offsets is not None:
            return np.repeat(self.object_ids, np.diff(self.offsets))
        return np.zeros(len(self.positions), np.int64) if self.owner is None else self.owner

    @property
    def chunks(self) -> np.ndarray:
        """Chunk coordinate of each vertex, (N, D), or (N, D + 1)."""
        found = np.floor(self.positions.astype(np.float64) / self.chunk).astype(np.int64)
        if self.division is None:
            return found
        codes = np.unique(self.attributes[self.division], return_inverse=True)[1]
        return np.column_stack([codes.reshape(-1), found])

    def order(self) -> np.ndarray:
        """Rows by chunk, then by object or bin, then as given: how vertices are stored, but of skeletons and lines."""
        if self.kind == "point_cloud" and self.bins is not None:
            per = np.round(self.chunk / self.bins)
            local = np.floor(self.positions.astype(np.float64) / self.bins) - self.chunks * per
            inner = np.clip(local, 0, per - 1).T[::-1]
        else:
            inner = (self.owners,)
        return np.lexsort((*inner, *self.chunks.T[::-1])) if len(self.positions) else np.empty(0, np.int64)


@dataclass
class Found:
    """What a reader says; whatever is None it does not tell.

    `objects` has the rows of each object by id, in the object's own order. `links` name rows.
    """

    positions: np.ndarray
    attributes: dict
    objects: dict[int, np.ndarray] | None = None
    links: np.ndarray | None = None
    link_attributes: dict | None = None
    object_attributes: dict | None = None
    groups: dict | None = None
    group_attributes: dict | None = None


# -- writing and reading ----------------------------------------------------------------------------------------


def write(place, case: Case, **options) -> None:
    """Write a case by the door of its kind."""
    common = {
        "chunk_shape": case.chunk, "bin_shape": case.bins, "object_attributes": case.object_attributes or None,
        "groups": case.groups or None, "group_attributes": case.group_attributes or None,
        "chunk_by_attribute": case.division, **case.options, **options,
    }  # fmt: skip
    if case.kind in ("point_cloud", "objects"):
        write_points(place, case.positions, attributes=case.attributes, object_ids=case.owner, **common)
    elif case.kind == "line":
        values = each(in_pairs, case.attributes)
        write_lines(place, in_pairs(case.positions), attributes=values, object_ids=case.ids, **common)
    elif case.kind in PATHS:
        if not len(case.positions):  # no line tells how its numbers are stored
            common["dtype"] = case.positions.dtype
        lines, attributes = split(case.positions, case), each(lambda a: split(a, case) or a, case.attributes)
        common |= {"attributes": attributes, "object_ids": case.ids}
        write_polylines(place, lines, geometry_type=case.kind, **common)
    elif case.kind == "mesh":
        write_mesh(place, case.positions, case.links, attributes=case.attributes, face_attributes=case.link_attributes,
                   object_ids=case.owner, **common)  # fmt: skip
    else:
        write_graph(place, case.positions, case.links, attributes=case.attributes, edge_attributes=case.link_attributes,
                    object_ids=case.owner, geometry_type=case.kind, **common)  # fmt: skip


def in_pairs(values):
    return values.reshape(-1, 2, *values.shape[1:])


def split(values, case: Case) -> list:
    return np.split(values, case.offsets[1:-1]) if len(case.offsets) > 1 else []


def each(change, attributes: dict) -> dict:
    return {name: change(values) for name, values in attributes.items()}


# -- comparing --------------------------------------------------------------------------------------------------


def same(found: Found, case: Case) -> None:
    """Check that a reader says of a store what it was made from: all of it, exactly, in the order promised."""
    assert found.positions.dtype == case.positions.dtype.newbyteorder("=")
    assert len(found.positions) == len(case.positions)
    assert sorted(found.attributes) == sorted(case.attributes)
    if found.objects is not None:
        assert list(found.objects) == case.object_ids.tolist()
    at = rows_by_path(found, case) if case.offsets is not None else rows_by_name(found, case)
    assert np.sort(at).tolist() == list(range(len(case.positions)))
    equal(found.positions, case.positions[at], "positions")
    equal_tables(found.attributes, each(lambda a: a[at], case.attributes))
    check_order(found, case, at)
    if case.offsets is None and found.objects is not None:
        check_owners(found, case, at)
    if found.links is not None:
        check_links(found, case, at)
    check_tables(found, case)


def rows_by_path(found: Found, case: Case) -> np.ndarray:
    """Give the input row of each row found, where an object's vertices are a sequence."""
    at = np.full(len(found.positions), -1)
    for (lo, hi), rows in zip(itertools.pairwise(case.offsets), found.objects.values(), strict=True):
        assert len(rows) == hi - lo
        at[rows] = np.arange(lo, hi)
    return at


def rows_by_name(found: Found, case: Case) -> np.ndarray:
    """Give the input row of each row found: by its label, by the order promised, or else by its place."""
    if LABEL in case.attributes:
        return found.attributes[LABEL].astype(np.int64)
    if case.kind != "skeleton":
        return case.order()
    rows = {row.tobytes(): i for i, row in enumerate(native(case.positions))}
    assert len(rows) == len(case.positions), "a case without labels must not have two vertices in one place"
    return np.array([rows[row.tobytes()] for row in found.positions], np.int64)


def check_order(found: Found, case: Case, at) -> None:
    if case.kind in PATHS:
        return
    if case.kind == "skeleton":  # depth first inside an object: see the links
        keys = np.column_stack([case.chunks, case.owners])[at].tolist()
        assert keys == sorted(keys)
    else:
        assert at.tolist() == case.order().tolist()


def check_owners(found: Found, case: Case, at) -> None:
    for number, rows in found.objects.items():
        assert sorted(at[rows].tolist()) == np.flatnonzero(case.owners == number).tolist()
        keys = case.chunks[at[rows]].tolist()
        assert keys == sorted(keys)
        if case.kind != "skeleton":
            within = np.lexsort((at[rows], *case.chunks[at[rows]].T[::-1]))
            assert within.tolist() == list(range(len(rows)))


def vertices_of(case: Case, number: int) -> np.ndarray:
    """Positions of one object, in the order in which they are stored (of skeletons: see `check_order`)."""
    if case.offsets is not None:
        row = case.object_ids.tolist().index(number)
        return case.positions[case.offsets[row] : case.offsets[row + 1]]
    order = case.order()
    return case.positions[order[case.owners[order] == number]]


def check_links(found: Found, case: Case, at) -> None:
    """Edges keep their direction, faces their winding and their first corner; with each go its attributes."""
    ends = at[found.links]
    assert len(ends) == len(case.links)
    assert ends.shape[1:] == case.links.shape[1:] or not len(ends)
    if found.link_attributes is None:
        assert sorted(map(tuple, ends.tolist())) == sorted(map(tuple, case.links.tolist()))
        return
    assert sorted(found.link_attributes) == sorted(case.link_attributes)
    for name, values in case.link_attributes.items():
        check_type(found.link_attributes[name], values, name)
    assert sorted(records(ends, found.link_attributes)) == sorted(records(case.links, case.link_attributes))


def records(links, attributes: dict) -> list:
    columns = [list(map(repr, links.tolist()))]
    columns += [keys(attributes[name]) for name in sorted(attributes)]
    return list(zip(*columns, strict=True))


def keys(values) -> list:
    """One comparable thing a row, exact to the bit."""
    if values.dtype.kind in "OU":
        return list(map(repr, values.tolist()))
    return [row.tobytes() for row in native(values)]


def check_tables(found: Found, case: Case) -> None:
    if found.object_attributes is not None:
        equal_tables(found.object_attributes, case.object_attributes)
    if found.groups is not None:
        assert list(found.groups) == list(case.groups)
        assert [list(ids) for ids in found.groups.values()] == [list(ids) for ids in case.groups.values()]
    if found.group_attributes is not None:
        equal_tables(found.group_attributes, case.group_attributes)


def equal_tables(found: dict, wanted: dict) -> None:
    assert sorted(found) == sorted(wanted)
    for name, values in wanted.items():
        check_type(found[name], values, name)
        equal(found[name], values, name)


def check_type(found, wanted, name: str) -> None:
    assert found.shape == wanted.shape, name
    if wanted.dtype.kind not in "OU":
        assert found.dtype == wanted.dtype.newbyteorder("="), name


def equal(found, wanted, name: str) -> None:
    assert keys(np.asarray(found)) == keys(np.asarray(wanted)), name


def native(values) -> np.ndarray:
    return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


# -- what this library says -------------------------------------------------------------------------------------


def ours(place, case: Case, **options) -> Found:
    """Read a store by the door of its kind; `open_zv` must say the same."""
    if case.kind in TIED and case.kind != "mesh":
        options["return_object_ids"] = True
    result = READ[case.kind](place, **options)
    store = load_store(place)
    index, groups = open_objects(store, 0), read_groups(store, 0)
    with open_zv(place) as lazy:
        assert lazy.geometry_type == ("point_cloud" if case.kind == "objects" else case.kind)
        alike(result, lazy.read())
        assert lazy.n_objects == (0 if index is None else len(index.ids)) == len(case.object_ids)
        assert lazy.vertex_count(0) == result.vertex_count == len(result.positions)
        assert {name: ids.tolist() for name, ids in lazy.groups.items()} == case.groups
    found = Found(result.positions, dict(result.attributes))
    if case.offsets is not None:
        of_paths(found, result, case)
    elif result.object_ids is not None:
        found.objects = {number: np.flatnonzero(result.object_ids == number) for number in index.ids.tolist()}
    if case.kind in TIED:
        found.links = result.faces if case.kind == "mesh" else result.edges
        told = result.face_attributes if case.kind == "mesh" else result.edge_attributes
        found.link_attributes = dict(told or {})
    found.object_attributes = {} if index is None else {name: index.attribute(name) for name in index.attribute_names}
    found.groups = {} if groups is None else {name: groups.members_of(name) for name in groups.names}
    names = () if groups is None else groups.attributes.names
    found.group_attributes = {name: groups.attribute(name) for name in names}
    return found


def of_paths(found: Found, result, case: Case) -> None:
    """Take lines apart: the rows of each, and attributes as one array."""
    count = len(result.object_ids)
    offsets = np.arange(count + 1) * 2 if case.kind == "line" else result.offsets
    found.objects = {
        number: np.arange(lo, hi)
        for number, lo, hi in zip(result.object_ids.tolist(), offsets[:-1], offsets[1:], strict=True)
    }
    if case.kind == "line":
        found.attributes = each(lambda a: a.reshape(-1, *a.shape[2:]), found.attributes)
        return
    for lists, values in ((result.polylines, result.positions), *of_lines(result.attributes)):
        assert [len(line) for line in lists] == np.diff(offsets).tolist()
        assert not count or np.array_equal(keys(np.concatenate(lists)), keys(values))
    found.attributes = {name: result.attributes.flat(name) for name in result.attributes}


def of_lines(attributes) -> list[tuple[list, np.ndarray]]:
    """Attributes of lines both ways: a list of arrays, and one array."""
    return [(values, attributes.flat(name)) for name, values in attributes.items()]


def alike(one, other) -> None:
    """Check that two reads of the same things gave the same, to the bit."""
    assert type(one) is type(other)
    names = ("positions", "edges", "faces", "offsets", *([] if "edges" in one else ["object_ids"]))
    for name in names:
        assert np.array_equal(one.get(name), other.get(name)), name
    for name in ("attributes", "edge_attributes", "face_attributes"):
        tables = [found.get(name) or {} for found in (one, other)]
        if name == "attributes" and "offsets" in one:
            tables = [{key: table.flat(key) for key in table} for table in tables]
        equal_tables(*tables)


# -- drawing ----------------------------------------------------------------------------------------------------


@st.composite
def cases(draw, kind: str, *, plain: bool = False):
    """Draw a case.

    Structure is drawn, the bulk of the numbers comes from a seed. `plain` keeps to what the public package 0.9.2 can
    tell, no words on edges for one, and to few chunks, of which it reads 50 a second.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ndim = draw(st.integers(2, 3 if plain else 5))
    counts = draw(counts_of(kind))
    edge = np.array([draw(st.sampled_from([0.1, 1.1, 3.3, 7.7, 25.0])) for _ in range(ndim)])
    per = np.array([draw(st.integers(1, 3)) for _ in range(ndim)])
    has_bins = draw(st.booleans())
    dtype = draw(st.sampled_from(["<f4", "<f8"] if plain else ["<f4", ">f4", "<f8", ">f8"]))
    case = Case(
        kind,
        places(rng, sum(counts), edge, draw(st.sampled_from([1] if plain else [1, 2, 5])), dtype),
        edge * per if has_bins else edge,
        edge if has_bins else None,
        options={
            "compressor": draw(st.sampled_from(COMPRESSORS[:4] if plain else COMPRESSORS)),
            "shard_shape": draw(st.sampled_from([None, None, 1, 2, 5])),
        },
    )
    return draw(filled(case, rng, counts, plain))


def counts_of(kind: str):
    """How many vertices each object has."""
    if kind == "line":
        return st.lists(st.just(2), max_size=12)
    if kind == "point_cloud":
        return st.lists(st.integers(0, 40), min_size=1, max_size=1)
    return st.lists(st.integers(0 if kind in PATHS else 1, 9), max_size=5)


def places(rng, count: int, edge, reach: int, dtype) -> np.ndarray:
    """Positions on and between the faces of bins, on both sides of 0."""
    index = rng.integers(-reach, reach, (count, len(edge)))
    inside = rng.choice([0, 0.5, 0.999, 0.25], (count, len(edge)))
    return ((index + inside) * edge).astype(dtype)


@st.composite
def filled(draw, case: Case, rng, counts: list[int], plain: bool):
    count = len(case.positions)
    case.attributes = draw(columns(rng, count, "a", plain and case.kind != "point_cloud" and case.kind != "objects"))
    if case.kind in PATHS:
        case.offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
        if not plain and draw(st.booleans()):
            many = st.integers(-(2**63), 2**63 - 1)
            case.ids = np.array(draw(st.lists(many, min_size=len(counts), max_size=len(counts), unique=True)), np.int64)
    elif case.kind != "point_cloud":
        if case.kind == "objects" or draw(st.booleans()):
            size = {"min_size": len(counts), "max_size": len(counts)}
            ids = np.array(draw(st.lists(st.sampled_from(IDS), unique=True, **size)))
            case.owner = rng.permutation(np.repeat(ids, counts)).astype(np.int64)
        same_place = len(np.unique(case.positions, axis=0)) < count
        if (case.kind == "skeleton" and same_place) or draw(st.booleans()):
            case.attributes[LABEL] = np.arange(count, dtype=draw(st.sampled_from(["u1", "i4", "i8"])))
    if case.kind in TIED:
        case.links = LINKS[case.kind](draw, rng, case)
        case.link_attributes = draw(columns(rng, len(case.links), "e", plain))
    if case.kind == "graph":
        case.options["is_directed"] = draw(st.booleans())
    if case.kind != "point_cloud":
        draw(told(case, rng, plain))
        if count and draw(st.booleans()):
            draw(divided(case, rng))
    return case


@st.composite
def told(draw, case: Case, rng, plain: bool) -> None:
    """Fill in what is said of objects and groups."""
    ids = case.object_ids
    case.object_attributes = draw(columns(rng, len(ids), "o", plain, words=False))
    names = draw(st.lists(st.sampled_from(["first", "déux", "3", "a b", "x"]), max_size=3, unique=True))
    case.groups = {name: rng.permutation(ids)[: draw(st.integers(0, len(ids)))].tolist() for name in names}
    if names:
        case.group_attributes = draw(columns(rng, len(names), "g", plain, words=False))


@st.composite
def divided(draw, case: Case, rng) -> None:
    """Divide chunks by an attribute: of points and polylines any, of all others one that objects have once."""
    case.division = "kind"
    dtype = draw(st.sampled_from(["u1", "i2", "i8", "u8", "?", "words"]))
    few = np.unique(values(rng, dtype, 3, ()))
    if case.kind == "objects":  # one value a place, so that the peer's report tells apart what lies in one place
        place = np.unique(case.positions, axis=0, return_inverse=True)[1].reshape(-1)
        case.attributes["kind"] = few[rng.integers(0, len(few), place.max() + 1)[place]]
    elif case.kind in ("polyline", "streamline"):
        case.attributes["kind"] = rng.choice(few, len(case.positions))
    else:
        by_id = dict(zip(case.object_ids.tolist(), rng.choice(few, len(case.object_ids)), strict=True))
        case.attributes["kind"] = np.array([by_id[number] for number in case.owners.tolist()], few.dtype)


@st.composite
def columns(draw, rng, rows: int, prefix: str, plain: bool, *, words: bool = True):
    """Attributes of `rows` things: every number type, channels, words."""
    kinds = [*NUMBERS, *(["words", "words or None"] if words and not plain else [])]
    out = {}
    for name in draw(st.sampled_from([(), ("c",), (f"{prefix}0",), (f"{prefix}0", f"{prefix}1")])):
        kind = draw(st.sampled_from(kinds))
        tail = draw(st.sampled_from([(), (1,), (3,)]))
        out[name] = values(rng, kind, rows, tail)
    return out


def values(rng, kind: str, rows: int, tail: tuple[int, ...]) -> np.ndarray:
    if kind == "words":
        return np.array([WORDS[i] for i in rng.integers(0, len(WORDS), rows)], dtype=str)
    if kind == "words or None":
        found = [None, *WORDS]
        return np.array([found[i] for i in rng.integers(0, len(found), rows)] + [None], dtype=object)[:rows]
    dtype = np.dtype(kind)
    if kind == "?":
        return rng.random((rows, *tail)) < 0.5
    if dtype.kind == "f":
        special = np.array([0, -0.0, 1.5, -1e-3, np.inf, -np.inf, np.nan], dtype)
        return np.where(rng.random((rows, *tail)) < 0.3, rng.choice(special, (rows, *tail)),
                        rng.normal(size=(rows, *tail))).astype(dtype)  # fmt: skip
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (rows, *tail), dtype.newbyteorder("="), endpoint=True).astype(dtype)


def forest(draw, rng, case: Case) -> np.ndarray:
    """Edges [child, parent] of trees, some of more than one root an object."""
    del draw
    edges = [np.empty((0, 2), np.int64)]
    for number in case.object_ids:
        rows = rng.permutation(np.flatnonzero(case.owners == number))
        above = np.array([rng.integers(-1 if rng.random() < 0.1 else 0, i) for i in range(1, len(rows))], np.int64)
        child = rows[1:][above >= 0]
        edges.append(np.column_stack([child, rows[above[above >= 0]]]))
    return rng.permutation(np.concatenate(edges)).astype(np.int64)


def edges(draw, rng, case: Case) -> np.ndarray:
    return records_of(rng, case, draw(st.integers(0, 20)), 2)


def faces(draw, rng, case: Case) -> np.ndarray:
    return records_of(rng, case, draw(st.integers(0, 15)), draw(st.sampled_from([3, 3, 4, 5])))


def records_of(rng, case: Case, count: int, width: int) -> np.ndarray:
    """Records of different vertices, most of them of one object, some of them twice."""
    by_object = [np.flatnonzero(case.owners == number) for number in case.object_ids] + [np.arange(len(case.positions))]
    wide = [rows for rows in by_object if len(rows) >= width]
    found = [rng.choice(wide[rng.integers(len(wide))], width, replace=False) for _ in range(count if wide else 0)]
    return np.array(found + found[:1], np.int64).reshape(-1, width)


LINKS = {"skeleton": forest, "graph": edges, "mesh": faces}
