"""What a store keeps beside its geometry goes in by every writer and comes out of `open_zv`."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from zarr_vectors.core.side_blocks import Parametric, ParametricKind
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

P = np.random.default_rng(0).uniform(0, 30, (12, 3)).astype("f4")
WRITERS = {
    "points": lambda path, **more: write_points(path, P, **more),
    "lines": lambda path, **more: write_lines(path, P.reshape(6, 2, 3), **more),
    "polylines": lambda path, **more: write_polylines(path, [P[:5], P[5:]], **more),
    "graph": lambda path, **more: write_graph(path, P, [[0, 1], [2, 3]], **more),
    "mesh": lambda path, **more: write_mesh(path, P, [[0, 1, 2]], **more),
}
HEADERS = {"nifti": {"dim": [3, 4, 5], "name": "é"}, "trk": {"voxel_size": [1.5, 1.5, 2.0]}}
NOTES = {"lab": {"subject": "s01", "session": 3}, "empty": {}}


def shapes():
    return Parametric(
        [0, 2, 7],
        [[0, 0, 1, 5], [1, 2, 3, 4], [9, 8, np.nan, np.nan]],
        kinds={0: ParametricKind("plane", ("A", "B", "C", "D")), 2: ParametricKind("sphere", ("cx", "cy", "cz", "r")),
               7: ParametricKind("disc", ("x", "r"))},
        attributes={"weight": np.array([1.0, 2.0, 3.0])},
        group_offsets=[0, 2, 2],
        group_members=[2, 0],
        group_attributes={"side": np.array([4, 5])},
    )  # fmt: skip


def check(path):
    with open_zv(path) as store:
        assert store.headers == HEADERS
        assert store.user_metadata == NOTES
        found = store.parametric
    assert found.names == ("plane_0", "sphere_1", "disc_2")
    assert found.types.tolist() == [0, 2, 7]
    np.testing.assert_array_equal(found.coefficients[:, :4], shapes().coefficients)
    assert found.kinds[7] == ParametricKind("disc", ("x", "r"))
    assert found.attributes["weight"].tolist() == [1, 2, 3]
    assert (found.group_offsets.tolist(), found.group_members.tolist()) == ([0, 2, 2], [2, 0])
    assert found.group_attributes["side"].tolist() == [4, 5]


@pytest.mark.parametrize("kind", WRITERS)
def test_headers_notes_and_parametric_objects_come_back(tmp_path, kind):
    place = tmp_path / "s.zv"
    WRITERS[kind](place, chunk_shape=10.0, headers=HEADERS, user_metadata=NOTES, parametric=shapes())
    check(place)
    # As FORMAT 3.4 and 19 say, for other readers.
    root = zarr.open_group(place, mode="r")
    assert dict(root.attrs)["user_metadata"] == NOTES
    assert dict(root["headers/nifti"].attrs) == HEADERS["nifti"]
    assert root["parametric/objects"][:, 0].tolist() == [0, 2, 7]


def test_a_pyramid_leaves_them_as_they_are(tmp_path):
    place = tmp_path / "s.zv"
    WRITERS["points"](place, chunk_shape=10.0, headers=HEADERS, user_metadata=NOTES, parametric=shapes())
    build_pyramid(place, [(2, 1)])
    check(place)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_store_without_them_has_no_trace_of_them(tmp_path, kind):
    place = tmp_path / "s.zv"
    WRITERS[kind](place, chunk_shape=10.0)
    with open_zv(place) as store:
        assert (store.headers, store.user_metadata, store.parametric) == ({}, {}, None)
    assert not {"headers", "parametric"} & {entry.name for entry in place.iterdir()}


def test_metadata_of_streamlines_lies_beside_other_notes(tmp_path):
    place = tmp_path / "s.zv"
    more = {"geometry_type": "streamline", "streamline_metadata": {"step": 0.5}, "user_metadata": NOTES}
    WRITERS["polylines"](place, chunk_shape=10.0, **more)
    with open_zv(place) as store:
        assert store.user_metadata == {**NOTES, "streamline_metadata": {"step": 0.5}}


@pytest.mark.parametrize(
    "changes",
    [{"types": [0.5]}, {"types": ["plane"]}, {"coefficients": [["a", "b", "c", "d"]]}, {"coefficients": [[1, 2], [3]]},
     {"group_offsets": [1, 0]}, {"group_offsets": []}, {"group_members": [0.5]}],
)  # fmt: skip
def test_parametric_objects_of_lists_are_checked(changes):
    fields = {"types": [0], "coefficients": [[0, 0, 1, 5]], "group_offsets": [0, 1], "group_members": [0], **changes}
    with pytest.raises(ArgumentError, match=next(iter(changes))):
        Parametric(**fields)
