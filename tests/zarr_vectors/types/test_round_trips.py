"""What is written of any kind of geometry comes back: rows, order, links, attributes, ids, groups; to the bit."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from tests import geometries as geo

REAL_STORE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
FEW = settings(max_examples=25, suppress_health_check=REAL_STORE)
MANY = settings(max_examples=500, suppress_health_check=REAL_STORE)


def round_trip(folder, data, kind: str) -> None:
    """Write a case to memory or, one time in five, to disk, where it takes long to remove what was made."""
    case, place = data.draw(geo.cases(kind)), MemoryStore()
    if data.draw(st.integers(0, 4)) == 4:
        place = folder / "s.zv"
        shutil.rmtree(place, ignore_errors=True)
    geo.write(place, case)
    geo.same(geo.ours(place, case), case)


@pytest.mark.parametrize("kind", geo.KINDS)
@FEW
@given(data=st.data())
def test_what_is_written_comes_back(tmp_path, kind, data):
    round_trip(tmp_path, data, kind)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", geo.KINDS)
@MANY
@given(data=st.data())
def test_what_is_written_comes_back_500_times(tmp_path, kind, data):
    round_trip(tmp_path, data, kind)
