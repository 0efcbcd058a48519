"""Draco: order and triangles exactly, positions to the lattice; without the package a word what to install."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zarr_vectors.encoding import draco
from zarr_vectors.encoding.draco import DRACO_BITS, check_draco, decode_draco, encode_draco
from zarr_vectors.exceptions import UnsupportedFeatureError


@settings(max_examples=50)
@given(data=st.data())
def test_vertices_and_triangles_come_back_in_order(data):
    pytest.importorskip("DracoPy")
    rows = data.draw(st.integers(1, 30))
    positions = data.draw(hnp.arrays("<f4", (rows, 3), elements=st.floats(-1000, 1000, width=32)))
    faces = data.draw(hnp.arrays(np.int64, (data.draw(st.integers(0, 20)), 3), elements=st.integers(0, rows - 1)))
    bits = data.draw(st.sampled_from(DRACO_BITS))
    found, triangles = decode_draco(encode_draco(positions, faces, bits))
    assert np.array_equal(triangles, faces)
    step = float(np.ptp(positions.astype(float), axis=0).max()) / (2**bits - 1)
    assert found.shape == positions.shape
    assert np.abs(found.astype(float) - positions).max() <= 0.5 * step + 1e-3


@pytest.mark.parametrize("raw", [b"", b"abc", b"DRACO\x02\x02\x01\x01"])
def test_other_bytes_are_no_bitstream(raw):
    pytest.importorskip("DracoPy")
    with pytest.raises(ValueError, match="no Draco bitstream"):
        decode_draco(raw)


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(draco, "DracoPy", None)
    for call in (check_draco, lambda: decode_draco(b""), lambda: encode_draco(np.zeros((1, 3)), np.zeros((0, 3)), 11)):
        with pytest.raises(UnsupportedFeatureError, match=r"pip install 'napari-zarr-vectors\[draco\]'"):
            call()
