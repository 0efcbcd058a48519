"""Any question about any kind, by box, ids, groups, condition: the answer is that of numpy over what was written."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from tests import geometries as geo
from zarr_vectors.lazy import open_zv

# A question is small enough to be understood as it was drawn; to make it smaller takes minutes.
MANY = settings(
    max_examples=10,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ORDERED = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
           ">=": operator.ge}  # fmt: skip
NAMES = ["first", "second", "none"]


@st.composite
def known(draw, kind: str) -> geo.Case:
    """A case with attributes of known names, of vertices and, where it has them, of objects."""
    case = draw(geo.cases(kind))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, objects = len(case.positions), len(case.object_ids)
    case.attributes |= {"n": np.arange(rows), "k": rng.integers(-2, 3, rows),
                        "v": np.where(rng.random(rows) < 0.2, np.nan, rng.integers(0, 4, rows)),
                        "w": np.array(["a", "b", "é"])[rng.integers(0, 3, rows)]}  # fmt: skip
    case.groups, case.group_attributes = {}, {}
    if kind != "point_cloud":
        case.object_attributes = {"mass": np.where(rng.random(objects) < 0.2, np.nan, rng.integers(0, 4, objects)),
                                  "name": np.array(["x", "y"])[rng.integers(0, 2, objects)]}  # fmt: skip
        case.groups = {name: rng.permutation(case.object_ids)[: rng.integers(0, objects + 1)].tolist()
                       for name in NAMES[:2]} | {"none": []}  # fmt: skip
    return case


@st.composite
def conditions(draw, case: geo.Case, depth: int = 2) -> dict:
    out = {}
    for name in draw(st.lists(st.sampled_from([*"kvw", *case.object_attributes, *(["kind"] if case.division else [])]),
                              max_size=2, unique=True)):  # fmt: skip
        values = case.attributes[name] if name in case.attributes else case.object_attributes[name]
        default = "a" if values.dtype.kind == "U" else 0
        some = st.sampled_from([item for item in values.tolist() if item == item] or [default])
        if values.dtype.kind not in "Ub":
            some = st.one_of(some, st.integers(-3, 5))
        kind = draw(st.sampled_from([*ORDERED, "in", "between", "between"]))
        if kind == "in":
            out[name] = ("in", draw(st.lists(some, min_size=1, max_size=3)))
        elif kind == "between":
            out[name] = ("between", sorted([draw(some), draw(some)]))
        else:
            out[name] = (kind, draw(some))
    if depth and draw(st.booleans()):
        out[draw(st.sampled_from(["or", "and"]))] = [
            draw(conditions(case, depth - 1)) for _ in range(draw(st.integers(1, 2)))
        ]
    return out


@st.composite
def questions(draw, case: geo.Case) -> dict:
    asked = {}
    if draw(st.booleans()) and len(case.positions):
        p = case.positions.astype("f8")
        ends = np.stack([p[draw(st.integers(0, len(p) - 1))] for _ in range(2)])
        lo, hi = np.sort(ends, axis=0)
        asked["bbox"] = (lo - draw(st.sampled_from([0, 0.3])), hi + draw(st.sampled_from([0, 0.3])))
    if case.object_attributes and draw(st.booleans()):
        ids = draw(st.permutations(case.object_ids.tolist()))
        asked["object_ids"] = ids[: draw(st.integers(0, len(ids)))]
    if case.object_attributes and draw(st.integers(0, 3)) == 0:
        asked["groups"] = draw(st.lists(st.sampled_from([*NAMES, 0, 1, 2]), max_size=2))
    if draw(st.integers(0, 3)):
        asked["where"] = draw(conditions(case))
    return asked


def leaf(values, test) -> np.ndarray:
    word, operand = test
    good = np.ones(len(values), bool) if values.dtype.kind != "f" else values == values
    if word == "in":
        return good & np.isin(values, operand)
    if word == "between":
        return good & (values >= operand[0]) & (values <= operand[1])
    return good & ORDERED[word](values, operand)


def holds(condition: dict, mask_of, count: int) -> np.ndarray:
    out = np.ones(count, bool)
    for name, test in condition.items():
        if name in ("or", "and"):
            masks = [holds(part, mask_of, count) for part in test]
            out &= np.logical_or.reduce(masks) if name == "or" else np.logical_and.reduce(masks)
        else:
            out &= mask_of(name, test)
    return out


def inside(p, asked) -> np.ndarray:
    if "bbox" not in asked:
        return np.ones(len(p), bool)
    lo, hi = asked["bbox"]
    return ((p >= lo) & (p < hi)).all(axis=1)


def chosen_ids(case: geo.Case, asked) -> np.ndarray:
    """Which of the objects, by row, ids and groups ask for."""
    ids = case.object_ids
    out = np.ones(len(ids), bool)
    if "object_ids" in asked:
        out &= np.isin(ids, np.array(asked["object_ids"], np.int64))
    if "groups" in asked:
        names = [NAMES[item] if isinstance(item, int) else item for item in asked["groups"]]
        members = [number for name in names for number in case.groups[name]]
        out &= np.isin(ids, np.array(members, np.int64))
    return out


def by_numpy(case: geo.Case, asked) -> np.ndarray:
    """Which vertices are asked for but by the box; of lines which lines."""
    p, ids = case.positions.astype("f8"), case.object_ids
    row = {number: i for i, number in enumerate(ids.tolist())}
    owner = None  # of points that are of no object
    if case.kind != "point_cloud":
        owner = np.array([row[number] for number in case.owners.tolist()], np.int64)
    where = asked.get("where", {})
    if case.offsets is None:

        def of_vertices(name, test):
            if name in case.attributes and name not in case.object_attributes:
                return leaf(case.attributes[name], test)
            return leaf(case.object_attributes[name], test)[owner]

        good = holds(where, of_vertices, len(p))
        return good if owner is None else good & chosen_ids(case, asked)[owner]

    def any_of(mask):
        hits = np.zeros(len(ids), bool)
        hits[owner[mask]] = True
        return hits

    def of_lines(name, test):
        if name in case.object_attributes:
            return leaf(case.object_attributes[name], test)
        return any_of(leaf(case.attributes[name], test))

    out = chosen_ids(case, asked) & holds(where, of_lines, len(ids))
    return out & any_of(inside(p, asked)) if "bbox" in asked else out


def check_lines(case: geo.Case, asked, found) -> None:
    wanted = case.object_ids[by_numpy(case, asked)].tolist()
    if "object_ids" in asked:
        wanted = [number for number in asked["object_ids"] if number in wanted]
    assert found.object_ids.tolist() == wanted
    row = {number: i for i, number in enumerate(case.object_ids.tolist())}
    spans = [slice(*case.offsets[row[number] : row[number] + 2]) for number in wanted]
    rows = np.concatenate([np.arange(0), *(np.arange(len(case.positions))[span] for span in spans)])
    assert np.array_equal(geo.native(found.positions), geo.native(case.positions[rows]))
    flat = found.attributes["n"].reshape(-1) if case.kind == "line" else found.attributes.flat("n")
    assert flat.tolist() == rows.tolist()


def check_vertices(case: geo.Case, asked, found) -> np.ndarray:
    """Check which vertices came, and give them as a mask."""
    wanted = by_numpy(case, asked) & inside(case.positions.astype("f8"), asked)
    rows = found.attributes["n"]
    if case.kind == "mesh" and "bbox" in asked:
        good, corners = by_numpy(case, asked), case.links
        centres = geo.native(case.positions)[corners].mean(axis=1, dtype=np.float64)
        kept = corners[inside(centres, asked) & good[corners].all(axis=1)] if len(corners) else corners
        wanted = np.isin(np.arange(len(good)), kept)
        assert sorted(geo.records(rows[found.faces], {})) == sorted(geo.records(kept, {}))
    assert sorted(rows.tolist()) == np.flatnonzero(wanted).tolist()
    assert np.array_equal(geo.native(found.positions), geo.native(case.positions)[rows])
    if "object_ids" in asked and case.kind != "skeleton":
        owners = list(dict.fromkeys(case.owners[rows].tolist()))
        assert owners == [number for number in asked["object_ids"] if number in owners]
    elif case.kind != "skeleton":
        order = case.order()
        assert rows.tolist() == order[wanted[order]].tolist()
    return wanted


@pytest.mark.parametrize("kind", geo.KINDS)
@MANY
@given(data=st.data())
def test_the_answer_is_that_of_numpy(kind, data):
    case, store = data.draw(known(kind)), MemoryStore()
    geo.write(store, case)
    with open_zv(store, cache_size=data.draw(st.sampled_from([0, 256]))) as lazy:
        for _ in range(8):
            asked = data.draw(questions(case))
            found = geo.READ[kind](store, **asked)
            geo.alike(found, lazy.read(**asked))
            if case.offsets is not None:
                check_lines(case, asked, found)
                continue
            wanted = check_vertices(case, asked, found)
            rows = found.attributes["n"]
            if kind == "mesh" and "bbox" not in asked:
                kept = case.links[wanted[case.links].all(axis=1)]
                assert sorted(geo.records(rows[found.faces], {})) == sorted(geo.records(kept, {}))
            if kind in ("graph", "skeleton"):
                kept = case.links[wanted[case.links].all(axis=1)]
                assert sorted(geo.records(rows[found.edges], {})) == sorted(geo.records(kept, {}))
                check_boundary(case, asked, wanted, store)


def check_boundary(case: geo.Case, asked, wanted, store) -> None:
    around = geo.READ[case.kind](store, include_boundary_edges=True, **asked)
    rows = around.attributes["n"]
    kept = case.links[wanted[case.links].any(axis=1)]
    assert sorted(geo.records(rows[around.edges], {})) == sorted(geo.records(kept, {}))
    assert sorted(rows.tolist()) == sorted({*np.flatnonzero(wanted).tolist(), *kept.reshape(-1).tolist()})
    assert set(rows[: wanted.sum()].tolist()) == set(np.flatnonzero(wanted).tolist())


@pytest.mark.parametrize("kind", ["polyline", "streamline"])
@MANY
@given(data=st.data())
def test_clipped_lines_lie_in_the_box_and_on_the_line(kind, data):
    case, store = data.draw(known(kind)), MemoryStore()
    geo.write(store, case)
    asked = data.draw(questions(case))
    if "bbox" not in asked:
        return
    lo, hi = asked["bbox"]
    whole, cut = geo.READ[kind](store, **asked), geo.READ[kind](store, clip=True, **asked)
    assert set(cut.object_ids.tolist()) == set(whole.object_ids.tolist())
    slack = 1e-5 * np.abs(case.positions).max(initial=1)
    assert (cut.positions >= lo - slack).all()
    assert (cut.positions <= hi + slack).all()
    # Every vertex inside is one of a piece of its line, in its order.
    for number, line in zip(whole.object_ids.tolist(), whole.polylines, strict=True):
        kept = line[inside(line.astype("f8"), asked)].tolist()
        pieces = [piece for i, piece in zip(cut.object_ids.tolist(), cut.polylines, strict=True) if i == number]
        left = iter(np.concatenate(pieces).tolist())
        assert all(any(vertex == other for other in left) for vertex in kept)
