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

REAL_STORE = settings(
    max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


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
@REAL_STORE
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
