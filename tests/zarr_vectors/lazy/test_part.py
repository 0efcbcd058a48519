"""`read_part` gives what numpy finds in what was written, says how far it is, and stops when asked to."""

import threading

import numpy as np
import pytest

from zarr_vectors.exceptions import CancelledError
from zarr_vectors.lazy import _part as part
from zarr_vectors.lazy import open_zv, read_part
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

PLANES = np.array([[1.0, 0.5, 0.2, -2.0], [-0.3, 1.0, -0.4, 3.0], [0.1, -0.2, 1.0, 1.0]])
RNG = np.random.default_rng(5)
POSITIONS = RNG.uniform(-10, 10, (3000, 3))
LINES = [np.cumsum(RNG.normal(0, 1, (n, 3)), axis=0) + RNG.uniform(-10, 10, 3) for n in RNG.integers(2, 30, 200)]


def inside(positions):
    return (positions @ PLANES[:, :3].T + PLANES[:, 3] >= 0).all(axis=1)


def rows(values):
    """The rows of an array in an order of their own."""
    return values[np.lexsort(values.T)]


@pytest.fixture(autouse=True)
def many_groups(monkeypatch):
    monkeypatch.setattr(part, "_GROUP_ROWS", 200)


def read(path, **asked):
    with open_zv(path, cache_size=0) as store:
        return read_part(store, **asked)


def test_points_inside_come_with_their_objects_and_the_share_asked_for(tmp_path):
    owner = np.arange(3000) % 40
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=4.0, object_ids=owner, attributes={"row": np.arange(3000)})
    found = read(tmp_path / "s.zv", planes=PLANES)
    assert np.array_equal(np.sort(found.attributes["row"]), np.flatnonzero(inside(POSITIONS)))
    assert np.array_equal(found.object_ids, owner[found.attributes["row"]])
    some = read(tmp_path / "s.zv", planes=PLANES, share=0.5, object_ids=[39, 2, 3, 1000])
    assert set(some.object_ids.tolist()) < {2, 3, 39}
    whole = read(tmp_path / "s.zv", planes=PLANES, object_ids=[39, 2, 3, 1000])
    assert len(whole.positions) == (np.isin(owner, [2, 3, 39]) & inside(POSITIONS)).sum()


def test_lines_come_whole_that_have_a_vertex_inside(tmp_path):
    write_polylines(tmp_path / "s.zv", LINES, chunk_shape=4.0)
    found = read(tmp_path / "s.zv", planes=PLANES)
    wanted = [i for i, line in enumerate(LINES) if inside(line).any()]
    assert 0 < len(wanted) < len(LINES)
    assert found.object_ids.tolist() == wanted
    assert all(np.array_equal(a, LINES[i]) for a, i in zip(found.polylines, wanted, strict=True))


def test_nodes_inside_come_with_the_edges_among_them_and_their_object(tmp_path):
    edges = RNG.integers(0, 3000, (4000, 2))
    edges = np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0)
    owner = np.arange(3000) % 7
    write_graph(
        tmp_path / "s.zv", POSITIONS, edges, chunk_shape=4.0, object_ids=owner, attributes={"row": np.arange(3000)}
    )
    found = read(tmp_path / "s.zv", planes=PLANES)
    row = found.attributes["row"]
    kept = inside(POSITIONS)
    assert np.array_equal(np.sort(row), np.flatnonzero(kept))
    assert np.array_equal(rows(np.sort(row[found.edges], axis=1)), rows(edges[kept[edges].all(axis=1)]))
    assert np.array_equal(found.object_ids, owner[row])


def test_faces_come_whose_centroid_lies_inside(tmp_path):
    faces = RNG.integers(0, 3000, (2000, 3))
    faces = faces[(np.diff(np.sort(faces, axis=1), axis=1) > 0).all(axis=1)]
    write_mesh(tmp_path / "s.zv", POSITIONS, faces, chunk_shape=4.0, attributes={"row": np.arange(3000)})
    found = read(tmp_path / "s.zv", planes=PLANES)
    kept = faces[inside(POSITIONS[faces].mean(axis=1))]
    assert 0 < len(kept) < len(faces)
    assert np.array_equal(rows(found.attributes["row"][found.faces]), rows(kept))


def test_it_says_how_far_it_is_and_stops_when_asked_to(tmp_path):
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=4.0)
    told, stop = [], threading.Event()
    whole = read(tmp_path / "s.zv", progress=lambda *step: told.append(step))
    assert len(whole.positions) == 3000
    done = [step[0] for step in told]
    assert len(done) > 5
    assert done == sorted(done)
    assert told[-1][:2] == (3000, 3000)
    with pytest.raises(CancelledError, match="reading .* was cancelled"):
        read(tmp_path / "s.zv", progress=lambda *step: stop.set(), cancel=stop)
