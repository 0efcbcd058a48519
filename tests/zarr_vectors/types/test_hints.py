"""What a message says to do where it can be told what was meant."""

from __future__ import annotations

import importlib
import re

import numpy as np
import pytest

from zarr_vectors.exceptions import ArgumentError, UnsupportedFeatureError
from zarr_vectors.types._read import _READERS
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import write_polylines


@pytest.fixture
def tract(tmp_path):
    write_polylines(tmp_path / "t", [np.eye(3)], chunk_shape=10, geometry_type="streamline")
    return tmp_path / "t"


def test_the_reader_that_fits_is_named(tract):
    with pytest.raises(
        UnsupportedFeatureError, match="holds a streamline, this reads point_cloud; read_polylines reads"
    ):
        read_points(tract)


def test_every_reader_that_is_named_exists():
    names = ("points", "lines", "polylines", "graphs", "meshes")
    rooms = [importlib.import_module(f"zarr_vectors.types.{name}") for name in names]
    assert set(_READERS.values()) == {name for room in rooms for name in room.__all__ if name.startswith("read_")}


@pytest.mark.parametrize(("shape", "hint"), [((3, 500), True), ((500,), False), ((500, 7), False), ((3, 3, 3), False)])
def test_rows_that_are_axes_are_to_be_transposed(tmp_path, shape, hint):
    with pytest.raises(ArgumentError, match=re.escape("(N, D)")) as caught:
        write_points(tmp_path / "s", np.zeros(shape), chunk_shape=1)
    assert ("positions.T" in str(caught.value)) is hint


@pytest.mark.parametrize("many", [False, True])
def test_the_root_of_an_swc_file_is_to_be_left_out(tmp_path, many):
    nodes, edges = np.eye(3), np.array([[0, -1], [1, 0], [2, 1]])
    with pytest.raises(ArgumentError, match="leave out rows whose parent is -1"):
        write_graph(tmp_path / "g", [nodes] if many else nodes, [edges] if many else edges, chunk_shape=1)


@pytest.mark.parametrize("test", [(0, 10), ("within", (0, 10)), ("between", 0, 10)])
def test_a_wrong_operator_is_told_how_between_is_written(tmp_path, test):
    write_points(tmp_path / "p", np.eye(3), chunk_shape=10, attributes={"a": np.arange(3)})
    with pytest.raises(ArgumentError, match=re.escape("('between', (0, 10))")):
        read_points(tmp_path / "p", where={"a": test})
