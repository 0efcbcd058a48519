"""One store of each kind, and what some questions to it are answered with, done in plain numpy."""

from __future__ import annotations

import itertools

import numpy as np

from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.lines import read_lines, write_lines
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

IDS = np.array([-5, 3, 10, 7_000_000_000])  # of points, graphs and meshes; ascending, as their attributes are given
MASS = np.array([0.5, np.nan, 2.0, 8.0])
NAME = np.array(["a", "b", "a", "c"])
GROUPS = {"few": [10], "some": [7_000_000_000, -5], "none": []}
READ = {"points": read_points, "lines": read_lines, "polylines": read_polylines, "graph": read_graph,
        "skeleton": read_graph, "mesh": read_mesh}  # fmt: skip
CHUNK = 10.0


def values_of(n, rng):
    """Vertex attributes of every kind of value."""
    f = rng.random(n).astype("f4")
    f[rng.random(n) < 0.2] = np.nan
    word = np.array(["x", "yy", None], dtype=object)[rng.integers(0, 3, n)]
    return {"f": f, "k": rng.integers(-3, 4, n).astype("i2"), "word": word, "rgb": rng.integers(0, 9, (n, 3), "u1")}


class Data:
    """What one store was made from: vertices, the object row of each, links."""

    def __init__(self, positions, attributes, owner, ids, objects, links=None, link_attributes=None):
        self.positions, self.attributes, self.owner = positions, attributes, owner
        self.ids, self.objects = ids, objects
        self.links = np.empty((0, 2), int) if links is None else links
        self.link_attributes = link_attributes or {}
        self.by_position = {p.tobytes(): i for i, p in enumerate(positions)}
        assert len(self.by_position) == len(positions)

    def rows_of(self, positions):
        return np.array([self.by_position[p.tobytes()] for p in np.ascontiguousarray(positions)], int)


def make_points(rng):
    p = rng.uniform(-25, 25, (900, 3)).astype("f4")
    owner = rng.integers(0, 4, 900)
    return Data(p, values_of(900, rng), owner, IDS, {"mass": MASS, "name": NAME})


def make_graph(rng):
    p = rng.uniform(-25, 25, (400, 3)).astype("f4")
    owner = rng.integers(0, 4, 400)
    pairs = [rng.choice(np.flatnonzero(owner == o), (200, 2)) for o in range(4)]
    e = np.concatenate(pairs)
    e = np.unique(e[e[:, 0] != e[:, 1]], axis=0)
    e = e[rng.permutation(len(e))]
    return Data(p, values_of(400, rng), owner, IDS, {"mass": MASS, "name": NAME}, e, {"w": rng.random(len(e))})


def make_skeleton(rng):
    owner = np.sort(rng.integers(0, 4, 400))
    p = np.empty((400, 3), "f4")
    edges = []
    for i in range(400):
        same = np.flatnonzero(owner[:i] == owner[i])
        parent = -1 if not len(same) else int(same[max(0, len(same) - 1 - rng.integers(0, 3))])
        p[i] = rng.uniform(-20, 20, 3) if parent < 0 else p[parent] + rng.normal(0, 3, 3)
        if parent >= 0:
            edges.append((i, parent))
    return Data(p, values_of(400, rng), owner, IDS, {"mass": MASS, "name": NAME}, np.array(edges))


def make_mesh(rng):
    n, parts, faces, owner = 12, [], [], []
    for o in range(4):
        u, v = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
        grid = np.stack([u * 5.0 - 25, v * 5.0 - 25, 9 * np.sin(u * v / 20 + o) + 3 * o], -1).reshape(-1, 3)
        i = (u[:-1, :-1] * n + v[:-1, :-1]).ravel()
        quads = np.concatenate([np.stack([i, i + 1, i + n], 1), np.stack([i + 1, i + n + 1, i + n], 1)])
        wide = rng.choice(n * n, (10, 3))  # some faces span the whole extent
        wide = wide[[len(set(w.tolist())) == 3 for w in wide]]
        faces.append(np.concatenate([quads, wide]) + o * n * n)
        parts.append(grid + rng.normal(0, 0.1, grid.shape))
        owner += [o] * (n * n)
    p = np.concatenate(parts).astype("f4")
    f = np.concatenate(faces)
    return Data(p, values_of(len(p), rng), np.array(owner), IDS, {"mass": MASS, "name": NAME}, f)


def make_polylines(rng):
    lengths = [*rng.integers(2, 40, 30).tolist(), 0, 1, 200]
    parts = [rng.uniform(-20, 20, 3) + rng.normal(0, 2.5, (n, 3)).cumsum(0) for n in lengths]
    p = np.concatenate(parts).astype("f4")
    count = len(lengths)
    objects = {"mass": rng.random(count), "name": np.array(["a", "b", "c"])[rng.integers(0, 3, count)]}
    data = Data(p, values_of(len(p), rng), np.repeat(np.arange(count), lengths), np.arange(count), objects)
    data.offsets = np.cumsum([0, *lengths])
    return data


def make_lines(rng):
    p = rng.uniform(-25, 25, (120, 3))
    p[1::2] = p[::2] + rng.normal(0, 6, (60, 3))
    objects = {"mass": rng.random(60), "name": np.array(["a", "b", "c"])[rng.integers(0, 3, 60)]}
    data = Data(p.astype("f4"), values_of(120, rng), np.repeat(np.arange(60), 2), np.arange(60), objects)
    data.offsets = np.arange(0, 121, 2)
    return data


def split(values, data):
    return [values[a:b] for a, b in itertools.pairwise(data.offsets.tolist())]


def write(path, kind, data):
    options = {"chunk_shape": CHUNK, "object_attributes": data.objects, "groups": groups_of(data)}
    vertices = {"attributes": data.attributes, "object_ids": data.ids[data.owner]}
    if kind == "points":
        write_points(path, data.positions, **vertices, **options)
    elif kind == "mesh":
        write_mesh(path, data.positions, data.links, **vertices, **options)
    elif kind in ("graph", "skeleton"):
        write_graph(path, data.positions, data.links, geometry_type=kind, edge_attributes=data.link_attributes,
                    **vertices, **options)  # fmt: skip
    elif kind == "lines":
        pairs = {k: v.reshape(-1, 2, *v.shape[1:]) for k, v in data.attributes.items()}
        write_lines(path, data.positions.reshape(-1, 2, 3), attributes=pairs, **options)
    else:
        lists = {k: split(v, data) for k, v in data.attributes.items()}
        write_polylines(path, split(data.positions, data), attributes=lists, **options)


def groups_of(data):
    return GROUPS if len(data.ids) == 4 else {"few": [10], "some": [7, 3, 20], "none": []}


MAKE = {"points": make_points, "lines": make_lines, "polylines": make_polylines, "graph": make_graph,
        "skeleton": make_skeleton, "mesh": make_mesh}  # fmt: skip
KINDS = list(MAKE)
VERTEX_KINDS = ("points", "graph", "skeleton", "mesh")
LINE_KINDS = ("lines", "polylines")


# -- the same in plain numpy -----------------------------------------------------------------------------------------

BOX = (np.array([-12.0, -8.5, -20.0]), np.array([9.0, 14.0, 7.25]))
TINY = (np.array([-2.0, -2.0, -5.0]), np.array([2.0, 2.0, 5.0]))
EMPTY = (np.array([1.0, 1.0, 1.0]), np.array([1.0, 5.0, 5.0]))
NOWHERE = (np.array([500.0] * 3), np.array([600.0] * 3))


def in_box(p, box):
    return ((p >= box[0]) & (p < box[1])).all(axis=-1)


WHERE = {
    "object number": ({"mass": (">", 0.4)}, lambda v, o: o["mass"] > 0.4),
    "object word": ({"name": ("in", ["a", "c"])}, lambda v, o: np.isin(o["name"], ["a", "c"])),
    "vertex number": ({"f": ("<=", 0.3)}, lambda v, o: v["f"] <= 0.3),
    "not equal": ({"f": ("!=", 2.0)}, lambda v, o: ~np.isnan(v["f"])),
    "vertex word": ({"word": ("==", "x")}, lambda v, o: v["word"] == "x"),
    "nothing": ({"k": (">", 99)}, lambda v, o: v["k"] > 99),
}  # fmt: skip
AND = {"name": ("==", "a"), "k": ("between", (-1, 1))}
OR = {"or": [{"name": ("==", "c")}, {"k": ("==", 3), "word": ("!=", "yy")}]}


def matches(kind, data, where):
    """Which vertices (of lines: which objects) meet a condition."""
    is_line = kind in LINE_KINDS

    def leaf(test):
        mask = np.asarray(test(data.attributes, {k: v[data.owner] for k, v in data.objects.items()}), bool)
        if not is_line:
            return mask
        return np.array([mask[data.owner == o].any() for o in range(len(data.ids))])

    def over_objects(test):
        mask = np.asarray(test(data.objects), bool)
        return mask if is_line else mask[data.owner]

    if where is AND:
        return over_objects(lambda o: o["name"] == "a") & leaf(lambda v, o: (v["k"] >= -1) & (v["k"] <= 1))
    if where is OR:
        word = leaf(lambda v, o: np.isin(v["word"].astype(str), ["x"]))
        return over_objects(lambda o: o["name"] == "c") | (leaf(lambda v, o: v["k"] == 3) & word)
    name = next(name for name, (tree, _) in WHERE.items() if tree is where)
    if name.startswith("object"):
        return over_objects(lambda o: WHERE[name][1](None, o))
    return leaf(WHERE[name][1])


ALL_WHERE = [tree for tree, _ in WHERE.values()] + [AND, OR]
WHERE_NAMES = [*WHERE, "and", "or"]
