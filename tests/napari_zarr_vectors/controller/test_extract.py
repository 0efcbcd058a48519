"""Extract in a real window, one journey a kind: what comes out is what numpy finds in what was written."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from napari_zarr_vectors._controller import _extract as extracting
from napari_zarr_vectors._controller import _running as running
from napari_zarr_vectors._controller import extract, open_layer
from napari_zarr_vectors._controller._extract_panel import ExtractTarget
from napari_zarr_vectors._layers._lut import colormap_lut
from napari_zarr_vectors._layers._napari import visual_of
from zarr_vectors.exceptions import ArgumentError, CancelledError, LimitError, StoreClosedError, StoreExistsError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

RNG = np.random.default_rng(8)
COUNT = 4000
SPREAD = RNG.uniform(-3, 3, (COUNT, 3))
POSITIONS = (np.repeat(RNG.uniform(3, 97, (COUNT // 20, 3)), 20, axis=0) + SPREAD).astype("float32")
OWNER = np.repeat(np.arange(COUNT // 20) * 3 - 5, 20)
IDS = np.unique(OWNER)
MASS = RNG.uniform(0, 10, len(IDS))
WORD = np.array(["axon", "soma", "dendrite"])[np.arange(COUNT) % 3]
HEIGHT = POSITIONS[:, 1] * 2
SCALE, SHIFT = (2, 1, 1), (30, -20, 10)
PATHS = np.arange(COUNT).reshape(-1, 20)
GIVEN = {
    "chunk_shape": 25.0,
    "bin_shape": 12.5,
    "axes": ["x", "y", "z"],
    "axis_units": "micrometer",
    "object_attributes": {"mass": MASS},
    "groups": {"low": IDS[:50].tolist(), "high": IDS[50:].tolist()},
}
VALUES = {"row": np.arange(COUNT), "height": HEIGHT, "word": WORD}


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True, ndisplay=3)
    viewer.window.resize(700, 560)
    return viewer


def opened(viewer, path, **display):
    """A layer seen aslant and from so near that parts of it are outside."""
    (layer,) = open_layer(viewer, path, **({"scale": SCALE, "translate": SHIFT} | display))
    viewer.reset_view()
    camera = viewer.scene.camera
    camera.angles, camera.perspective = (20, -30, 50), 40
    camera.zoom *= 2.5
    viewer.screenshot(flash=False)
    return layer


def ends_of(layer):
    """What is to be called when a layer ends."""
    return running._ENDS.get(id(layer), [])


def seen(viewer, layer, positions):
    """Which positions are on the canvas, by vispy's own transforms."""
    xyz = np.column_stack([positions[:, ::-1].astype(float), np.ones(len(positions))])
    mapped = visual_of(viewer, layer).node.transforms.get_transform("visual", "canvas").map(xyz)
    at_px = mapped[:, :2] / mapped[:, 3:]
    height, width = viewer.canvas.size
    inside = (at_px >= 0).all(axis=1) & (at_px <= [width, height]).all(axis=1) & (mapped[:, 3] > 0)
    assert 0.02 < inside.mean() < 0.9
    return inside


def rows(values):
    values = np.asarray(values)
    return values[np.lexsort(values.T[::-1])]


def test_points_become_points_with_all_that_is_said_of_them(viewer, tmp_path):
    write_points(tmp_path / "s.zv", POSITIONS, attributes=VALUES, object_ids=OWNER, **GIVEN)
    layer = opened(viewer, tmp_path / "s.zv", color_by="word")
    layer.filter.where = {"height": ("<", 150)}
    wanted = np.flatnonzero(seen(viewer, layer, POSITIONS) & (HEIGHT < 150))
    (points,) = extract(layer, "visible")
    row = points.features["row"].to_numpy()
    assert np.array_equal(np.sort(row), wanted)
    assert np.array_equal(points.data, POSITIONS[row])
    assert np.array_equal(points.features["word"].to_numpy(), WORD[row])
    assert np.array_equal(points.features["object_id"].to_numpy(), OWNER[row])
    assert np.array_equal(points.features["mass"].to_numpy(), MASS[np.searchsorted(IDS, OWNER[row])])
    assert points in viewer.layers
    assert points.units == layer.units
    assert points.axis_labels == layer.axis_labels
    assert np.allclose(points.data_to_world((1, 2, 3)), layer.data_to_world((1, 2, 3)))
    assert len(np.unique(points.face_color, axis=0)) == 3
    layer.selection.ids = [int(IDS[7]), int(IDS[3])]
    (chosen,) = extract(layer, "selected")
    assert np.array_equal(np.sort(chosen.features["row"]), np.flatnonzero(np.isin(OWNER, IDS[[3, 7]])))
    clip = {"position": (130, 30, 60), "normal": (0.5, -1, 0.2), "enabled": True}
    layer.experimental_clipping_planes = [clip, clip | {"normal": (1, 0, 0), "enabled": False}]
    (clipped,) = extract(layer, "all")
    assert len(clipped.data) == (HEIGHT < 150).sum()
    viewer.scene.camera.zoom /= 10
    viewer.screenshot(flash=False)
    (clipped,) = extract(layer, "visible")
    world = POSITIONS * SCALE + SHIFT
    wanted = ((world - clip["position"]) @ clip["normal"] >= 0) & (HEIGHT < 150)
    assert np.array_equal(np.sort(clipped.features["row"]), np.flatnonzero(wanted))
    (boxed,) = extract(layer, ([10, 20, 30], [60, 60, 60]))
    inside = ((POSITIONS >= [10, 20, 30]) & (POSITIONS < [60, 60, 60])).all(axis=1) & (HEIGHT < 150)
    assert np.array_equal(np.sort(boxed.features["row"]), np.flatnonzero(inside))
    first = POSITIONS[inside][0].tolist()
    layer.filter.box = ([10, 20, 30], first)  # the last corner belongs to it
    layer.style.size_by, layer.style.size, layer.style.size_mode = "mass", 2, "world"
    (filtered,) = extract(layer, "all")
    inside = ((POSITIONS >= [10, 20, 30]) & (np.float32(first) >= POSITIONS)).all(axis=1) & (HEIGHT < 150)
    assert np.array_equal(np.sort(filtered.features["row"]), np.flatnonzero(inside))
    assert np.allclose(filtered.size * SCALE[-1], 2 * filtered.features["mass"] * np.cbrt(np.prod(SCALE)))


@pytest.mark.parametrize("ndim", [2, 3, 4])
def test_a_clipping_plane_cuts_the_world_of_the_canvas_for_pixels_picks_and_extract(viewer, tmp_path, qtbot, ndim):
    grid = np.stack(np.meshgrid(*[np.linspace(5, 95, 6)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    points = np.column_stack([np.full((len(grid), ndim - 2), 50), grid])
    scale, shift = np.array([1, 2, 1, 0.5])[-ndim:], np.array([0, 7, 40, 30])[-ndim:]
    write_points(tmp_path / "s.zv", points, chunk_shape=25.0, object_ids=np.arange(len(points)))
    (layer,) = open_layer(viewer, tmp_path / "s.zv", scale=scale, translate=shift, color_by=None, size=6)
    viewer.reset_view()
    qtbot.waitUntil(lambda: layer.lod.status.complete, timeout=20_000)
    plane = {"position": (107, 80, 52), "normal": (0, 0.6, 0.8)}
    layer.experimental_clipping_planes = [plane]
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    world = (points * scale + shift)[:, -2:]
    wanted = np.flatnonzero((world - (80, 52)) @ (0.6, 0.8) >= 0).tolist()
    xyz = np.column_stack([points[:, : -min(ndim, 3) - 1 : -1], np.zeros((len(points), max(3 - ndim, 0))), np.ones(36)])
    mapped = visual_of(viewer, layer).node.transforms.get_transform("visual", "canvas").map(xyz)
    column, row = np.floor(mapped[:, :2] / mapped[:, 3:]).astype(int).T
    assert np.flatnonzero(picture[row, column].max(axis=1) > 60).tolist() == wanted
    assert [k for k, point in enumerate(points) if layer.object_at(point) == k] == wanted
    (found,) = extract(layer, "visible")
    assert sorted(found.features["object_id"]) == wanted
    assert 5 < len(wanted) < 31


def test_a_slice_gives_what_lies_in_the_slab(viewer, tmp_path):
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=25.0, attributes={"row": np.arange(COUNT)})
    (layer,) = open_layer(viewer, tmp_path / "s.zv", slab_thickness=10.0)
    viewer.dims.ndisplay = 2
    viewer.reset_view()
    viewer.dims.set_point(0, 50.0)
    (points,) = extract(layer, "visible")
    lo, hi = layer.slab()
    assert hi[0] - lo[0] == pytest.approx(10)
    wanted = (POSITIONS[:, 0] >= lo[0]) & (POSITIONS[:, 0] <= hi[0])
    assert np.array_equal(np.sort(points.features["row"]), np.flatnonzero(wanted))


def test_many_lines_become_vectors_and_few_become_shapes(viewer, tmp_path):
    lines = POSITIONS[PATHS]
    write_polylines(
        tmp_path / "s.zv", list(lines), geometry_type="streamline", object_ids=IDS,
        attributes={name: [values[p] for p in PATHS] for name, values in VALUES.items()}, **GIVEN,
    )  # fmt: skip
    layer = opened(viewer, tmp_path / "s.zv", color_by="direction")
    (vectors,) = extract(layer, "all")
    assert type(vectors).__name__ == "Vectors"
    ends = lines[:, :-1].reshape(-1, 3), np.diff(lines, axis=1).reshape(-1, 3)
    order = np.argsort(vectors.features["row"].to_numpy())
    assert np.array_equal(vectors.data[order, 0], ends[0])
    assert np.allclose(vectors.data[order, 1], ends[1], atol=1e-4)
    assert np.array_equal(vectors.features["object_id"].to_numpy()[order], np.repeat(IDS, 19))
    along = np.abs(ends[1]) / np.linalg.norm(ends[1], axis=1)[:, None]
    assert np.allclose(vectors.edge_color[order][:, :3], along, atol=1e-3)
    layer.filter.object_ids = IDS[:60].tolist()
    viewer.screenshot(flash=False)
    wanted = seen(viewer, layer, lines.reshape(-1, 3)).reshape(len(IDS), 20).any(axis=1)
    (shapes,) = extract(layer, "visible")
    assert type(shapes).__name__ == "Shapes"
    wanted = np.flatnonzero(wanted[:60])
    assert shapes.features["object_id"].tolist() == IDS[wanted].tolist()
    assert all(np.array_equal(a, lines[i]) for a, i in zip(shapes.data, wanted, strict=True))
    assert np.array_equal(shapes.features["mass"], MASS[wanted])
    assert np.allclose(shapes.features["mean_height"], HEIGHT[PATHS[wanted]].mean(axis=1))


def test_segments_come_with_both_ends(viewer, tmp_path):
    ends = np.stack([POSITIONS[::2], POSITIONS[::2] * 0.95 + 2], axis=1)
    write_lines(tmp_path / "s.zv", ends, chunk_shape=25.0, attributes={"end": np.arange(COUNT).reshape(-1, 2)})
    layer = opened(viewer, tmp_path / "s.zv")
    wanted = np.flatnonzero(seen(viewer, layer, ends.reshape(-1, 3)).reshape(-1, 2).any(axis=1))
    (vectors,) = extract(layer, "visible")
    assert np.array_equal(vectors.features["object_id"], wanted)
    assert np.array_equal(vectors.features["end"], wanted * 2)
    assert np.array_equal(vectors.data[:, 0], ends[wanted, 0])


def test_neurons_become_edges_and_nodes(viewer, tmp_path):
    child = np.delete(np.arange(COUNT), np.arange(0, COUNT, 20))
    edges = np.stack([child, child - 1], axis=1)
    write_graph(
        tmp_path / "s.zv", POSITIONS, edges, geometry_type="skeleton", attributes=VALUES, object_ids=OWNER,
        edge_attributes={"flow": child * 2}, **GIVEN,
    )  # fmt: skip
    layer = opened(viewer, tmp_path / "s.zv", color_by="object", size=3, size_mode="world", size_by="height")
    inside = seen(viewer, layer, POSITIONS)
    tied, nodes = extract(layer, "visible")
    row = nodes.features["row"].to_numpy()
    assert np.array_equal(np.sort(row), np.flatnonzero(inside))
    assert np.array_equal(nodes.data, POSITIONS[row])
    assert np.allclose(nodes.size * SCALE[-1], 3 * HEIGHT[row] * np.cbrt(np.prod(SCALE)))
    assert np.array_equal(nodes.border_color, nodes.face_color)  # napari draws a border of no width around small points
    kept = edges[inside[edges].all(axis=1)]
    assert np.array_equal(np.sort(tied.features["row"]), kept[:, 0])
    child = tied.features["row"].to_numpy()
    assert np.array_equal(tied.data[:, 0], POSITIONS[child])
    assert np.allclose(tied.data.sum(axis=1), POSITIONS[child - 1], atol=1e-4)
    assert np.array_equal(tied.features["flow"], child * 2)


def test_surfaces_become_a_surface_with_values(viewer, tmp_path):
    faces = np.stack([PATHS[:, :-2], PATHS[:, 1:-1], PATHS[:, 2:]], axis=-1).reshape(-1, 3)
    write_mesh(tmp_path / "s.zv", POSITIONS, faces, attributes=VALUES, object_ids=OWNER, **GIVEN)
    layer = opened(viewer, tmp_path / "s.zv", color_by="height", colormap="magma")
    kept = faces[seen(viewer, layer, POSITIONS[faces].mean(axis=1))]
    (surface,) = extract(layer, "visible")
    row = surface.features["row"].to_numpy()
    assert np.array_equal(rows(row[surface.faces]), rows(kept))
    assert np.array_equal(surface.vertices, POSITIONS[row])
    assert np.array_equal(surface.vertex_values, HEIGHT[row].astype("float32"))
    assert surface.colormap.name == "magma"


def test_of_a_surface_what_has_no_value_is_grey_as_on_the_screen(viewer, tmp_path):
    corners = np.array([[50, 20, 20], [50, 80, 20], [50, 50, 80]], float)
    attributes = {"height": np.array([0, np.nan, 10])}
    write_mesh(tmp_path / "s.zv", corners, np.array([[0, 1, 2]]), attributes=attributes, chunk_shape=100.0)
    (layer,) = open_layer(viewer, tmp_path / "s.zv", color_by="height", shading="soft")
    (surface,) = extract(layer, "all")
    colors = dict(zip(map(tuple, surface.vertices.tolist()), surface.vertex_colors.tolist(), strict=True))
    assert colors[tuple(corners[1])] == [0.5, 0.5, 0.5, 1]
    lut = colormap_lut(layer.style.colormap)
    assert np.abs(255 * np.array(colors[tuple(corners[0])]) - lut[0]).max() < 6


def content(path):
    """All of a store in an order of its own, with what is said of objects."""
    with open_zv(path) as store:
        found = store.read()
        order = np.lexsort(found.positions.T)
        attributes = found.attributes
        flat = {n: (attributes.flat(n) if hasattr(attributes, "flat") else attributes[n])[order] for n in attributes}
        ids, mass = store.object_values("mass")
        groups = {name: sorted(members.tolist()) for name, members in store.groups.items()}
        about = (store.geometry_type, store.axes, store.chunk_shape, store.bin_shape, found.positions.dtype)
        return about, found.positions[order], flat, dict(zip(ids.tolist(), mass.tolist(), strict=True)), groups


def test_all_of_a_store_becomes_an_equal_store_and_what_is_there_stays(viewer, tmp_path):
    write_polylines(
        tmp_path / "s.zv", list(POSITIONS[PATHS]), geometry_type="streamline", object_ids=IDS,
        attributes={name: [values[p] for p in PATHS] for name, values in VALUES.items()}, **GIVEN,
    )  # fmt: skip
    layer = opened(viewer, tmp_path / "s.zv")
    told = []
    path = extract(layer, "all", to=tmp_path / "out.zv", progress=lambda *step: told.append(step))
    assert path == tmp_path / "out.zv"
    for a, b in zip(content(path), content(tmp_path / "s.zv"), strict=True):
        np.testing.assert_equal(a, b)
    assert told[-1] == (3, 3, "written")
    with pytest.raises(StoreExistsError, match="is there already"):
        extract(layer, "all", to=path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.zv", "s.zv"]


def test_too_much_is_refused_until_the_limit_is_lifted_and_a_wrong_request_says_what_is_meant(
    viewer, tmp_path, monkeypatch
):
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=25.0)
    layer = opened(viewer, tmp_path / "s.zv")
    with pytest.raises(LimitError, match="about 4,000 vertices of level 0 .* more than 100: choose a coarser level"):
        extract(layer, "all", limit=100)
    monkeypatch.setattr(extracting, "spare_bytes", lambda: 1000)
    with pytest.raises(LimitError, match="GB of memory"):
        extract(layer, "all")
    assert len(extract(layer, "all", limit=None)[0].data) == COUNT
    for part, message in (("seen", "part must be one of"), ("selected", "no selected objects"), (([0], [1]), "a box")):
        with pytest.raises(ArgumentError, match=message):
            extract(layer, part)
    with pytest.raises(ArgumentError, match=r"has levels \[0\], not 3"):
        extract(layer, "all", level=3)
    viewer.layers.remove(layer)
    with pytest.raises(ArgumentError, match="no streaming layer of a viewer"):
        extract(layer)


def test_it_stops_when_asked_to_and_when_its_layer_goes_and_leaves_nothing(viewer, tmp_path, monkeypatch):
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=25.0)
    layer = opened(viewer, tmp_path / "s.zv")
    stop = threading.Event()
    stop.set()
    with pytest.raises(CancelledError):
        extract(layer, "all", to=tmp_path / "out.zv", cancel=stop)
    read = extracting.extract_part

    def read_late(store, part, tell, cancel):
        cancel.wait(20)
        return read(store, part, tell, cancel)

    monkeypatch.setattr(extracting, "extract_part", read_late)
    job = extracting.begin(layer, "all", to=tmp_path / "out.zv")
    viewer.layers.remove(layer)
    with pytest.raises(CancelledError):
        extracting.finish(layer, job)
    assert [p.name for p in tmp_path.iterdir()] == ["s.zv"]


def test_whatever_progress_raises_ends_the_work_and_is_raised(viewer, tmp_path, monkeypatch):
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=25.0)
    layer = opened(viewer, tmp_path / "s.zv")
    ended, work = threading.Event(), extracting._work

    def watched(*given):
        try:
            return work(*given)
        finally:
            ended.set()

    monkeypatch.setattr(extracting, "_work", watched)
    read = extracting.extract_part
    monkeypatch.setattr(extracting, "extract_part", lambda store, part, tell, stop: stop.wait(20) and read(store, part))
    told = []
    for error in (KeyError("of a user"), KeyboardInterrupt()):

        def progress(*step, error=error):
            told.append(step)
            raise error

        with pytest.raises(type(error)):
            extract(layer, "all", to=tmp_path / "late.zv", progress=progress)
        assert ended.wait(20)
        ended.clear()
    assert len(told) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["s.zv"]
    assert ends_of(layer) == []


def test_nothing_keeps_what_was_extracted(viewer, tmp_path, qtbot):
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=25.0)
    layer = opened(viewer, tmp_path / "s.zv")
    for is_finished in (True, False):
        job = extracting.begin(layer, "all", to=tmp_path / f"{is_finished}.zv")
        qtbot.waitUntil(lambda job=job: job.is_done, timeout=20_000)
        if is_finished:
            extracting.finish(layer, job)
            assert ends_of(layer) == []
        kept = weakref.ref(job)
        del job
        gc.collect()
        assert kept() is None


def test_what_was_written_lies_where_its_source_lies_when_it_is_opened(viewer, tmp_path):
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=25.0)
    affine = np.eye(4)
    affine[0, 1], affine[2, 3] = 0.3, 7
    placed = {"rotate": (30, 10, 0), "shear": [0.2, 0, 0.1], "affine": affine, "translate": (5, 0, 1)}
    layer = opened(viewer, tmp_path / "s.zv", units=("nm", "nm", "nm"), blending="additive", opacity=0.5, **placed)
    path = extract(layer, "all", to=tmp_path / "out.zv")
    assert "was opened" in ExtractTarget(layer).open(path).sentence
    again = viewer.layers[-1]
    for place in ((1, 2, 3), (50, 0, 9)):
        np.testing.assert_allclose(again.data_to_world(place), layer.data_to_world(place))
    assert [again.units, again.blending, again.opacity] == [layer.units, "additive", 0.5]


@pytest.mark.parametrize("error", [StoreClosedError("s.zv is closed"), ValueError("odd"), MemoryError("large")])
def test_the_panel_says_what_ended_a_job(viewer, tmp_path, monkeypatch, qtbot, error):
    write_points(tmp_path / "s.zv", POSITIONS, chunk_shape=25.0)
    layer = opened(viewer, tmp_path / "s.zv")

    def failing(*_):
        raise error

    monkeypatch.setattr(extracting, "extract_part", failing)
    target = ExtractTarget(layer)
    job = target.begin("all", 0, None, limited=True)
    qtbot.waitUntil(lambda: job.is_done, timeout=20_000)
    outcome = target.finish(job)
    assert str(error) in outcome.sentence
    assert not outcome.is_good


@pytest.mark.parametrize("mode", ["px", "world"])
def test_what_was_extracted_is_as_large_on_the_screen_whatever_units_and_affine_say(viewer, tmp_path, qtbot, mode):
    ends = np.array([[50.0, 50, 10], [50, 50, 90]])
    write_graph(tmp_path / "line.zv", ends, np.array([[0, 1]]), chunk_shape=50.0)
    write_points(tmp_path / "point.zv", ends.mean(axis=0)[None], chunk_shape=50.0)
    viewer.add_image(np.zeros((2, 2, 2)), units=("um",) * 3, visible=False)

    def picture():
        return viewer.screenshot(canvas_only=True, flash=False)[..., :3].max(axis=2) > 60

    for name in ("line", "point"):
        style = {"color_by": None, "size": 12, "shading": "flat"}
        affine = np.diag([1, 3, 3, 1])
        (layer,) = open_layer(
            viewer, tmp_path / f"{name}.zv", units=("mm",) * 3, scale=(1, 2, 2), affine=affine, **style
        )
        viewer.reset_view()
        viewer.scene.camera.zoom = 5e-4
        viewer.scene.camera.center = np.array(layer.data_to_world((50, 50, 50))) * 1000  # the world has um
        layer.style.size_mode, layer.style.size = mode, 12 if mode == "px" else 12 / 5e-4 / (1000 * np.cbrt(6 * 6))
        qtbot.waitUntil(lambda layer=layer: layer.lod.status.complete, timeout=20_000)
        streamed = picture()
        found = extract(layer, "all")
        layer.visible = False
        extracted = picture()
        middle = streamed.shape[1] // 2
        assert 10 <= streamed[:, middle].sum() <= 14
        assert extracted[:, middle].sum() == pytest.approx(streamed[:, middle].sum(), abs=2)
        for each in (layer, *found):
            viewer.layers.remove(each)


def test_of_a_part_where_nothing_is_an_empty_layer_is_made_and_of_a_surface_a_sentence_says_so(viewer, tmp_path):
    positions = np.random.default_rng(0).uniform(0, 20, (30, 3))
    faces = np.arange(30).reshape(-1, 3)
    write_points(tmp_path / "points.zv", positions, chunk_shape=10.0, attributes={"a": np.arange(30.0)})
    write_graph(tmp_path / "graph.zv", positions, faces[:, :2], chunk_shape=10.0)
    write_polylines(tmp_path / "lines.zv", list(positions.reshape(3, 10, 3)), chunk_shape=10.0)
    write_mesh(tmp_path / "mesh.zv", positions, faces, chunk_shape=10.0)
    far = ([500] * 3, [501] * 3)
    for name, kinds in (("points", ["Points"]), ("graph", ["Vectors", "Points"]), ("lines", ["Shapes"])):
        (layer,) = open_layer(viewer, tmp_path / f"{name}.zv")
        made = extract(layer, far)
        assert [type(each).__name__ for each in made] == kinds
        assert [(len(each.data), each.ndim) for each in made] == [(0, 3)] * len(kinds)
    (layer,) = open_layer(viewer, tmp_path / "mesh.zv")
    count = len(viewer.layers)
    with pytest.raises(ArgumentError, match="nothing of it is there; look at it, take a larger box"):
        extract(layer, far)
    assert len(viewer.layers) == count


@pytest.mark.parametrize("to", [None, "part.zv"])
def test_objects_that_are_left_out_on_a_level_are_told(viewer, tmp_path, to, monkeypatch):
    said = []
    monkeypatch.setattr(extracting, "notify", said.append)
    write_polylines(tmp_path / "s.zv", list(POSITIONS.reshape(-1, 20, 3)), chunk_shape=25.0, bin_shape=12.5)
    build_pyramid(tmp_path / "s.zv", [(1, 4)])
    with open_zv(tmp_path / "s.zv") as store:
        ids, sizes = store.filter(1).objects()
    kept, lost = ids[sizes > 0].tolist(), ids[sizes == 0].tolist()
    (layer,) = open_layer(viewer, tmp_path / "s.zv")
    place = None if to is None else tmp_path / to
    layer.selection.ids = lost[:3]
    count = len(viewer.layers)
    with pytest.raises(ArgumentError, match="left out on level 1; take a finer one"):
        extract(layer, "selected", level=1, to=place)
    assert len(viewer.layers) == count
    assert place is None or not place.exists()
    assert not said
    layer.selection.ids = [*lost[:3], kept[0]]
    found = extract(layer, "selected", level=1, to=place)
    assert said == ["3 of the objects are left out on level 1; a finer one has them"]
    if place is not None:
        with open_zv(found) as store:
            ids, sizes = store.filter(0).objects()
            assert ids[sizes > 0].tolist() == kept[:1]
    extract(layer, "selected", level=0, to=None if place is None else tmp_path / "fine.zv")
    assert len(said) == 1


def test_a_part_of_which_nothing_is_there_becomes_no_store(viewer, tmp_path):
    write_points(tmp_path / "points.zv", POSITIONS, chunk_shape=25.0)
    (layer,) = open_layer(viewer, tmp_path / "points.zv")
    with pytest.raises(ArgumentError, match="nothing of it is there"):
        extract(layer, ([500] * 3, [501] * 3), to=tmp_path / "part.zv")
    assert not (tmp_path / "part.zv").exists()
