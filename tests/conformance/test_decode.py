"""A decoder that knows nothing of this library agrees with what this library wrote, for every kind of geometry.

The decoder is proved first on the stores of the public package, whose content is known.
"""

from __future__ import annotations

import shutil
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import geometries as geo
from tests.conformance import decode, fixtures
from zarr_vectors.core.arrays._fragments import open_fragment_attribute
from zarr_vectors.core.store import load_store

FEW = settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def decoded(path, case: geo.Case) -> geo.Found:
    """Say what the decoder says of level 0."""
    level = decode.Store(path).levels[0]
    found = geo.Found(
        level.positions,
        level.attributes,
        level.objects,
        object_attributes=level.table("object_attributes"),
        groups=level.groups,
        group_attributes=level.table("group_attributes"),
    )
    records = level.records()
    if case.kind in geo.TIED:
        found.links = np.empty((0, 2), np.int64) if records is None else records.ends
        found.link_attributes = {} if records is None else records.attributes
    if case.kind == "skeleton":
        implied = level.parents()
        if found.link_attributes:
            assert sorted(map(tuple, implied.tolist())) == sorted(map(tuple, found.links.tolist()))
        else:
            found.links = implied
    return found


def transitions(level: decode.Level) -> list[tuple[int, int]]:
    """Where the vertices of a line leave a chunk and where they go on, by its manifest."""
    out = []
    for pairs in level.manifests.values():
        runs = [level.fragments[chunk][fragment] for chunk, fragment in pairs]
        out += [(int(one[-1]), int(two[0])) for one, two in pairwise(runs)]
    return sorted(out)


@pytest.mark.parametrize("name", [name for name in fixtures.NAMES if name not in ("s12", "s13", "s14")])
def test_the_decoder_reads_the_stores_of_the_public_package(stores, name):
    case = fixtures.case_of(stores, name)
    geo.same(decoded(fixtures.path_of(stores, name), case), case)


@pytest.mark.parametrize("kind", geo.KINDS)
@FEW
@given(data=st.data())
def test_a_decoder_without_this_library_reads_what_it_wrote(tmp_path, kind, data):
    case = data.draw(geo.cases(kind))
    path = tmp_path / "s.zv"
    shutil.rmtree(path, ignore_errors=True)
    geo.write(path, case)
    geo.same(decoded(path, case), case)
    level = decode.Store(path).levels[0]
    assert level.meta["fragments_tile"]
    records = level.records()
    if kind in geo.PATHS:
        links = [] if records is None else sorted(map(tuple, records.ends.tolist()))
        assert links == transitions(level)
    elif kind not in geo.TIED:
        assert records is None


def owners_of_fragments(case: geo.Case) -> dict[tuple[int, ...], list[int]]:
    """Give the object of each fragment: one an object in the chunk, of lines one a run of vertices in the chunk."""
    found: dict[tuple[int, ...], list[int]] = {}
    before = None
    for row in range(len(case.positions)) if case.offsets is not None else case.order():
        here = (tuple(case.chunks[row].tolist()), int(case.owners[row]))
        if here != before:
            found.setdefault(here[0], []).append(here[1])
        before = here
    return found


@pytest.mark.parametrize("kind", ["objects", *geo.PATHS])
@FEW
@given(data=st.data())
def test_attributes_of_fragments_lie_beside_their_fragments(tmp_path, kind, data):
    case = data.draw(geo.cases(kind))
    path = tmp_path / "s.zv"
    shutil.rmtree(path, ignore_errors=True)
    owners = owners_of_fragments(case)
    names = {"object_id": {c: np.array(ids) for c, ids in owners.items()}}
    names["pair"] = {c: np.array([[i, -i] for i in range(len(ids))], "i2") for c, ids in owners.items()}
    geo.write(path, case, fragment_attributes=names)
    geo.same(geo.ours(path, case), case)
    level, store = decode.Store(path).levels[0], load_store(path)
    for name, wanted in names.items():
        plain = level.fragment_attribute(name)
        assert {c: values.tolist() for c, values in plain.items()} == {c: wanted[c].tolist() for c in sorted(wanted)}
        rank = case.chunks.shape[1]
        column = open_fragment_attribute(store, 0, name, rank)
        values, counts = column.read(np.array(level.coords, np.int64).reshape(-1, rank), None)
        assert counts.tolist() == [len(wanted[c]) for c in level.coords]
        assert values.tolist() == [row for c in level.coords for row in wanted[c].tolist()]
    told = {number: [pair for pair, owner in numbered(owners) if owner == number] for number in level.manifests}
    assert {number: sorted(pairs) for number, pairs in level.manifests.items()} == told


def numbered(owners: dict) -> list:
    """((chunk, fragment), object) of all fragments."""
    return sorted(((c, i), number) for c, ids in owners.items() for i, number in enumerate(ids))
