"""Data of real experiments: neurons, their surfaces and synapses, a tractogram; written, read, given to the peer.

The data come with two public packages, whose wheels are downloaded and not installed: navis carries five neurons of a
fly (the hemibrain of Janelia, doi 10.7554/eLife.57443), dipy a tractogram of 300 streamlines. To make thousands of them
each is taken ten times, every time moved as a whole and shaken a little.
"""

from __future__ import annotations

import csv
import io
import zipfile

import numpy as np
import pytest

from tests import geometries as geo
from tests.interop.peer import accepts, found_by_peer, judge
from tests.package_index import download_wheel, peer_interpreter
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.graphs import read_graph, write_graph
from zarr_vectors.types.meshes import read_mesh, write_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines, write_polylines

pytestmark = [pytest.mark.network, pytest.mark.interop]

NEURONS = (722817260, 754534424, 754538881, 1734350788, 1734350908)
TIMES = 10  # each streamline


@pytest.fixture(scope="module")
def fly(tmp_path_factory) -> zipfile.Path:
    return zipfile.Path(download_wheel(tmp_path_factory.mktemp("navis"), "navis==1.12.0")) / "navis" / "data"


@pytest.fixture(scope="module")
def brain(tmp_path_factory) -> zipfile.Path:
    return zipfile.Path(download_wheel(tmp_path_factory.mktemp("dipy"), "dipy==1.12.1")) / "dipy" / "data" / "files"


@pytest.fixture(scope="module")
def stores(fly, brain, tmp_path_factory) -> dict[str, tuple]:
    """Write every store, and let the peer judge all of them at once: path, content, report."""
    folder = tmp_path_factory.mktemp("real")
    cases = {
        "neurons": write_neurons(folder / "neurons.zv", fly),
        "surfaces": write_surfaces(folder / "surfaces.zv", fly),
        "neuropil": write_neuropil(folder / "neuropil.zv", fly),
        "synapses": write_synapses(folder / "synapses.zv", fly),
        "tracts": write_tracts(folder / "tracts.zv", brain),
    }
    paths = [folder / f"{name}.zv" for name in cases]
    reports = judge(peer_interpreter(), paths[:-1]) + judge(peer_interpreter(), paths[-1:], "check_whole.py")
    return {name: (path, cases[name], report) for name, path, report in zip(cases, paths, reports, strict=True)}


# -- files ------------------------------------------------------------------------------------------------------


def read_swc(text: str) -> np.ndarray:
    """Rows of number, label, x, y, z, radius, parent's number."""
    return np.loadtxt(io.StringIO(text), comments="#")


def read_obj(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) and triangles (M, 3) of a Wavefront file."""
    lines = [line.split() for line in text.splitlines()]
    vertices = np.array([line[1:4] for line in lines if line[:1] == ["v"]], float)
    faces = [[corner.split("/")[0] for corner in line[1:]] for line in lines if line[:1] == ["f"]]
    return vertices, np.array(faces, int) - 1


def read_trk(data: bytes) -> list[np.ndarray]:
    """Streamlines of a TrackVis file, in voxel times voxel size."""
    scalars, properties = (int(np.frombuffer(data, "<i2", 1, at)[0]) for at in (36, 238))
    at, lines = 1000, []
    while at < len(data):
        count = int(np.frombuffer(data, "<i4", 1, at)[0])
        rows = np.frombuffer(data, "<f4", count * (3 + scalars), at + 4).reshape(count, -1)
        lines.append(rows[:, :3])
        at += 4 * (1 + rows.size + properties)
    assert len(lines) == np.frombuffer(data, "<i4", 1, 988)[0]
    return lines


# -- stores -----------------------------------------------------------------------------------------------------


def write_neurons(path, fly) -> geo.Case:
    """Five trees in one store, each with the thickness of its branches."""
    tables = [read_swc((fly / "swc" / f"{neuron}.swc").read_text()) for neuron in NEURONS]
    edges = []
    for table in tables:
        row_of = {number: row for row, number in enumerate(table[:, 0].tolist())}
        parents = table[:, 6].tolist()
        edges.append(np.array([(row, row_of[parent]) for row, parent in enumerate(parents) if parent >= 0]))
    positions = [table[:, 2:5].astype("f4") for table in tables]
    radius, label = [t[:, 5].astype("f4") for t in tables], [t[:, 1].astype("u1") for t in tables]
    rows = np.split(np.arange(sum(map(len, tables))), np.cumsum([len(t) for t in tables])[:-1])
    pairs = zip(positions, edges, strict=True)
    lengths = np.array([np.linalg.norm(p[e[:, 0]] - p[e[:, 1]], axis=1).sum() for p, e in pairs])
    write_graph(
        path, positions, edges, chunk_shape=4000.0, geometry_type="skeleton", object_ids=NEURONS,
        attributes={"radius": radius, "label": label, geo.LABEL: rows}, object_attributes={"length": lengths},
    )  # fmt: skip
    return geo.Case(
        "skeleton",
        np.concatenate(positions),
        np.full(3, 4000.0),
        attributes={"radius": np.concatenate(radius), "label": np.concatenate(label), geo.LABEL: np.concatenate(rows)},
        owner=np.repeat(NEURONS, [len(t) for t in tables]),
        links=np.concatenate([e + r[0] for e, r in zip(edges, rows, strict=True)]),
        object_attributes={"length": lengths},
    )


def write_surfaces(path, fly) -> geo.Case:
    """The surfaces of the five neurons, many pieces each."""
    meshes = [read_obj((fly / "obj" / f"{neuron}.obj").read_text()) for neuron in NEURONS]
    vertices, faces = zip(*meshes, strict=True)
    counts = [len(v) for v in vertices]
    starts = np.cumsum([0, *counts])
    label = {geo.LABEL: np.arange(starts[-1])}
    write_mesh(path, list(vertices), list(faces), chunk_shape=4000.0, object_ids=NEURONS, attributes=label)
    return geo.Case(
        "mesh", np.concatenate(vertices), np.full(3, 4000.0), attributes=label, owner=np.repeat(NEURONS, counts),
        links=np.concatenate([f + s for f, s in zip(faces, starts[:-1], strict=True)]),
    )  # fmt: skip


def write_neuropil(path, fly) -> geo.Case:
    """A closed surface with the direction of each of its faces and corners, sharded."""
    vertices, faces = read_obj((fly / "volumes" / "neuropil.obj").read_text())
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    case = geo.Case(
        "mesh", vertices, np.full(3, 20_000.0), attributes={"depth": vertices[:, 2].astype("f4")},
        links=faces, link_attributes={"normal": across.astype("f4")},
    )  # fmt: skip
    write_mesh(path, vertices, faces, chunk_shape=20_000.0, attributes=case.attributes, shard_shape=2,
               face_attributes=case.link_attributes)  # fmt: skip
    return case


def write_synapses(path, fly) -> geo.Case:
    """Where the neurons touch others, with the kind and the region of each place in words."""
    tables = [list(csv.DictReader(io.StringIO((fly / "synapses" / f"{n}.csv").read_text()))) for n in NEURONS]
    rows = [row for table in tables for row in table]
    case = geo.Case(
        "objects",
        np.array([[row[axis] for axis in "xyz"] for row in rows], float).astype("f4"),
        np.full(3, 4000.0),
        attributes={
            "type": np.array([row["type"] for row in rows]),
            "roi": np.array([row["roi"] or None for row in rows], object),
            "confidence": np.array([row["confidence"] for row in rows], "f4"),
            "node_id": np.array([row["node_id"] for row in rows], "i4"),
            geo.LABEL: np.arange(len(rows)),
        },
        owner=np.repeat(NEURONS, [len(table) for table in tables]),
    )
    write_points(path, case.positions, chunk_shape=4000.0, attributes=case.attributes, object_ids=case.owner)
    return case


def write_tracts(path, brain) -> geo.Case:
    rng = np.random.default_rng(0)
    lines = read_trk((brain / "tracks300.trk").read_bytes())
    moved = [line + rng.normal(0, 2, 3) + rng.normal(0, 0.05, line.shape) for _ in range(TIMES) for line in lines]
    lines = [line.astype("f4") for line in moved]
    along = [np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]) for line in lines]
    offsets = np.cumsum([0, *map(len, lines)])
    case = geo.Case(
        "streamline", np.concatenate(lines), np.full(3, 20.0), np.full(3, 5.0),
        attributes={"along": np.concatenate(along).astype("f4")}, offsets=offsets,
        object_attributes={"length": np.array([a[-1] for a in along]), "count": np.diff(offsets).astype("i4")},
        groups={f"bundle {i}": list(range(i, len(lines), 3)) for i in range(3)},
    )  # fmt: skip
    write_polylines(
        path, lines, geometry_type="streamline", chunk_shape=20.0, bin_shape=5.0, groups=case.groups,
        attributes={"along": [a.astype("f4") for a in along]}, object_attributes=case.object_attributes,
        streamline_metadata={"voxel_to_rasmm": np.eye(4).tolist()},
    )  # fmt: skip
    return case


# -- what has to hold -------------------------------------------------------------------------------------------

NAMES = ("neurons", "surfaces", "neuropil", "synapses", "tracts")


@pytest.mark.parametrize("name", NAMES)
def test_real_data_come_back_exactly(stores, name):
    path, case, _ = stores[name]
    geo.same(geo.ours(path, case), case)


@pytest.mark.parametrize("name", NAMES)
def test_the_peer_accepts_and_reads_real_data(stores, name):
    path, case, report = stores[name]
    accepts(report)
    if name != "tracts":
        geo.same(found_by_peer(path, report, case), case)
        return
    with np.load(f"{path}.peer.npz") as dump:
        assert dump["L0|positions"].tobytes() == case.positions.tobytes()
        assert dump["L0|attr|along"].tobytes() == case.attributes["along"].tobytes()


def test_one_neuron_is_read_with_its_surface_and_synapses(stores):
    neuron = NEURONS[2]
    for name, read in (("neurons", read_graph), ("surfaces", read_mesh), ("synapses", read_points)):
        path, case, _ = stores[name]
        found = read(path, object_ids=[neuron])
        assert sorted(geo.keys(found.positions)) == sorted(geo.keys(case.positions[case.owner == neuron]))
    mine = case.attributes["type"][case.owner == neuron]
    assert found.attributes["type"].tolist().count("pre") == (mine == "pre").sum()


def test_a_bundle_of_long_streamlines_in_a_box_is_read(stores):
    path, case, _ = stores["tracts"]
    lo, hi = np.percentile(case.positions, [30, 60], axis=0)
    inside = ((case.positions >= lo) & (case.positions < hi)).all(axis=1)
    touching = np.logical_or.reduceat(inside, case.offsets[:-1])
    length = case.object_attributes["length"]
    wanted = np.flatnonzero(touching & (length > np.median(length)) & (np.arange(len(length)) % 3 == 1))
    with open_zv(path) as store:
        found = store.read(bbox=(lo, hi), groups=["bundle 1"], where={"length": (">", float(np.median(length)))})
    assert found.object_ids.tolist() == wanted.tolist()
    for line, number in zip(found.polylines, wanted.tolist(), strict=True):
        assert line.tobytes() == geo.vertices_of(case, number).tobytes()
    whole = read_polylines(path, bbox=(lo, hi))
    assert whole.object_ids.tolist() == np.flatnonzero(touching).tolist()
