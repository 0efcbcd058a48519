"""The pictures of `make pictures`: a scene each, every level seen by the same camera."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from zarr.storage import MemoryStore

from benchmarks import _samplers, _scenes
from benchmarks._looks import path_edges, picture_distance, stands_for
from benchmarks._panels import FINER, PANEL, Camera, discs, joints, mapped, ribbons, sheet, surface, wires
from napari_zarr_vectors._controller import open_layer
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._samples import SAMPLES, spiral_galaxy
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.graphs import read_graph
from zarr_vectors.types.lines import read_lines
from zarr_vectors.types.meshes import read_mesh
from zarr_vectors.types.points import read_points, write_points
from zarr_vectors.types.polylines import read_polylines

LEVELS = range(4)
HALVES = ((2, 1),) * 3
THIRDS = ((1, 3),) * 3
KIND_COLORS = np.array([[0.45, 0.50, 0.62], [0.36, 0.68, 0.93], [0.98, 0.70, 0.30], [0.45, 0.83, 0.55]])
NEURON_COLORS = np.array([[0.98, 0.62, 0.35], [0.42, 0.72, 0.98], [0.55, 0.88, 0.55],
                          [0.95, 0.50, 0.68], [0.94, 0.85, 0.45], [0.68, 0.60, 0.97]])  # fmt: skip
STARS = 1_000_000
DISC = 1.7  # px of light in the viewer's soft disc of 2 px
GALAXY_DISTANCES = []
"""Of the last galaxy drawn: (2, levels), how far each panel is from level 0 of its row."""
SAMPLERS = {
    "ours": "one point of each cell (ours)",
    "best_of": "the best of eight of each cell",
    "blue_noise": "blue noise",
    "central": "the middlemost of each cell",
    "centroids": "centroids of cells",
    "by_chance": "by chance",
}


@cache
def built(write, *sizes, factors=HALVES):
    """Give a store with a pyramid."""
    store = MemoryStore()
    write(store, *sizes)
    build_pyramid(store, list(factors))
    return store


def said(level, *counts):
    """Put a caption together."""
    return f"level {level}    " + ", ".join(f"{number:,} {word}".replace(",", " ") for number, word in counts)


def opaque(rgb):
    return np.concatenate([rgb, np.ones((len(rgb), 1))], axis=1)


def grown(camera, positions, finest, px, cell):
    """Give the diameter of each coarse point by the viewer's rule: to its cell, or the area of what it stands for."""
    per_unit = camera.project(positions)[1] / FINER
    return np.maximum(px, np.minimum(cell * per_unit, px * np.sqrt(stands_for(positions, finest))))


def galaxy(_):
    """Draw the sample galaxy by the viewer itself, each level locked; below, with the light of each point exact."""
    sample, look = spiral_galaxy(STARS), SAMPLES["galaxy"]
    attributes = {**sample.attributes, "stars": np.ones(STARS, "f4")}
    panels, exact, words = [], [], []
    GALAXY_DISTANCES.clear()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "galaxy.zarrvectors"
        write_points(
            path, sample.positions, attributes=attributes, chunk_shape=sample.chunk_shape,
            bin_shape=sample.bin_shape, axes=sample.axes, axis_units=sample.units,
        )  # fmt: skip
        build_pyramid(path, HALVES, agg_mode={"stars": "sum"})
        window = Window(ndisplay=3, size=(1100, 900))
        layer = open_layer(window.viewer, path, budget=2 * STARS, **look.display)[0]
        window.look(angles=look.angles, zoom=look.zoom)
        for level in LEVELS:
            layer.lod.level = level
            if not window.wait_until(lambda: layer.lod.status.complete and layer.lod.status.levels == {level}, 120):  # noqa: B023 - called in this turn
                msg = f"the viewer did not finish level {level}: {layer.lod.status}"
                raise RuntimeError(msg)
            window.process(0.3)
            shot = window.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
            panels.append(_square(shot))
            with open_zv(path) as opened:
                cell = max(opened.resolution_at(level))
            found = read_points(path, level=level)
            exact.append(_square(_light(window.viewer.camera, found, cell, shot.shape[:2], look.display["opacity"])))
            words.append(said(level, (len(found.positions), "points")))
        window.close()
    GALAXY_DISTANCES.extend([picture_distance(panel, row[0]) for panel in row] for row in (panels, exact))
    return sheet([panels, exact], [words, words])


def _light(camera, found, cell, shape, opacity):
    """Add up the light of stars, each as much as the stars that it stands for, spread over its cell."""
    ahead, up = np.array(camera.view_direction), np.array(camera.up_direction)
    across = (found.positions - np.array(camera.center)) @ np.stack([-up, np.cross(ahead, up)], axis=1)
    pixel = across * camera.zoom + np.array(shape) / 2
    edges = [np.arange(size + 1) for size in shape]
    light = found.attributes["rgb"] / 255 * found.attributes["stars"][:, None] * opacity
    drawn = [np.histogram2d(*pixel.T, bins=edges, weights=channel)[0] for channel in light.T]
    sigma = max(0.6, cell * camera.zoom / 3.5)
    picture = np.stack([gaussian_filter(channel, sigma) for channel in drawn], axis=2)
    return (np.clip(picture * DISC, 0, 1) * 255).astype("u1")


def _square(shot):
    side = min(shot.shape[:2])
    top, left = (shot.shape[0] - side) // 2, (shot.shape[1] - side) // 2
    square = Image.fromarray(shot[top : top + side, left : left + side])
    return np.asarray(square.resize((PANEL, PANEL), Image.Resampling.LANCZOS))


def cloud(painter):
    """Draw points by their place's density and size, coloured by a number and by words."""
    store = built(_scenes.write_cloud, 300_000)
    camera = Camera((85, 100, 100), 560, 28, 26)
    rows, words = [[], []], []
    finest = read_points(store).positions
    with open_zv(store) as opened:
        cells = [max(opened.resolution_at(level)) for level in LEVELS]
    for level in LEVELS:
        found = read_points(store, level=level)
        px = grown(camera, found.positions, finest, 1.2, cells[level])
        wave = mapped(found.attributes["wave"], "viridis", (-2.6, 2.6))
        kind = opaque(KIND_COLORS[np.searchsorted(_scenes.KINDS, found.attributes["kind"])])
        rows[0].append(painter.paint(discs(camera, found.positions, wave, px)))
        rows[1].append(painter.paint(discs(camera, found.positions, kind, px)))
        words.append(said(level, (len(found.positions), "points")))
    return sheet(rows, [[], words])


def thinning(painter):
    """Draw one level of a scanned surface, a point of 64, thinned in six ways."""
    positions, height = _scenes.rolling_land(300_000)
    camera = Camera((20, 50, 50), 178, 0, 90, 0)
    panels, words = [], []
    for name, title in SAMPLERS.items():
        found = getattr(_samplers, name)(positions, len(positions) // 64)
        places = found if found.ndim == 2 else positions[found]
        colors = mapped(places[:, 0] if found.ndim == 2 else height[found], "viridis", (9, 32))
        panels.append(painter.paint(discs(camera, places, colors, 2.6, depth_cue=False)))
        words.append(title)
    return sheet([panels[:3], panels[3:]], [words[:3], words[3:]])


def streamlines(painter):
    """Draw a tractogram whose lines are simplified, above one that has fewer lines."""
    camera = Camera((68, 112, 92), 385, 35, 22)
    rows, words = [], []
    for factors in (HALVES, THIRDS):
        store = built(_scenes.write_bundles, 1200, 150, factors=factors)
        row, captions = [], []
        for level in LEVELS:
            found = read_polylines(store, level=level)
            counts = np.array([len(line) for line in found.polylines])
            colors = mapped(np.concatenate(list(found.attributes["fa"])), "plasma", (0.1, 0.85))
            row.append(painter.paint(ribbons(camera, found.positions, path_edges(counts), colors, 0.9)))
            captions.append(said(level, ((counts > 0).sum(), "lines"), (counts.sum(), "vertices")))
        rows.append(row)
        words.append(captions)
    return sheet(rows, words)


def segments(painter):
    """Draw lines of two ends, which can only be left out."""
    store = built(_scenes.write_wind, 8000, factors=THIRDS)
    camera = Camera((50, 50, 50), 215, 10, 68)
    row, words = [], []
    for level in LEVELS:
        found = read_lines(store, level=level)
        ends = found.lines.reshape(-1, 3)
        speed = mapped(found.attributes["speed"].reshape(-1), "viridis", (-0.3, 1.5))
        row.append(painter.paint(ribbons(camera, ends, np.arange(len(ends)).reshape(-1, 2), speed, 1.4)))
        words.append(said(level, (len(ends) // 2, "lines")))
    return sheet([row], [words])


def skeletons(painter):
    """Draw neurons as thick as they are."""
    store = built(_scenes.write_neurons, 6)
    camera = Camera((0, 66, 133), 880, 0, 78)
    row, words = [], []
    for level in LEVELS:
        found = read_graph(store, level=level, return_object_ids=True)
        colors, radius = opaque(NEURON_COLORS[found.object_ids // 3]), found.attributes["radius"]
        branches = ribbons(camera, found.positions, found.edges, colors, 1.0, radius)
        row.append(painter.paint(branches, joints(camera, found.positions, colors, radius)))
        words.append(said(level, (found.node_count, "nodes"), (found.edge_count, "edges")))
    return sheet([row], [words])


def graph(painter):
    """Draw the streets of a town."""
    store = built(_scenes.write_streets, 900, 16)
    camera = Camera((0, 100, 100), 376, 0, 90, 0)
    row, words = [], []
    for level in LEVELS:
        found = read_graph(store, level=level)
        colors = mapped(found.attributes["traffic"], "inferno", (-0.15, 1.1))
        row.append(painter.paint(ribbons(camera, found.positions, found.edges, colors, 1.3, depth_cue=False)))
        words.append(said(level, (found.node_count, "nodes"), (found.edge_count, "edges")))
    return sheet([row], [words])


def mesh(painter):
    """Draw a knotted tube, smooth and coloured, and again with its faces."""
    store = built(_scenes.write_knot, 96, 900)
    camera = Camera((100, 100, 100), 345, 20, 62)
    rows, words = [[], []], []
    for level in LEVELS:
        found = read_mesh(store, level=level)
        colors = mapped(found.attributes["bump"], "viridis", (-1.2, 1.2))
        plain = np.broadcast_to([0.75, 0.78, 0.85, 1.0], (len(found.positions), 4))
        rows[0].append(painter.paint(surface(camera, found.positions, found.faces, colors)))
        flat = surface(camera, found.positions, found.faces, plain, smooth=False)
        edges = wires(camera, found.positions, found.faces, (0.08, 0.1, 0.2, 0.9 if level else 0.12))
        rows[1].append(painter.paint(flat, edges))
        words.append(said(level, (len(found.positions), "vertices"), (len(found.faces), "faces")))
    return sheet(rows, [[], words])


def small_meshes(painter):
    """Draw many small surfaces in colours of their own."""
    store = built(_scenes.write_nuclei, 32)
    camera = Camera((20, 92, 92), 360, 0, 60)
    hues = mapped(np.random.default_rng(1).random(_scenes.NUCLEI_ACROSS**2), "wheel", (0, 1))
    row, words = [], []
    for level in LEVELS:
        found = read_mesh(store, level=level)
        row.append(painter.paint(surface(camera, found.positions, found.faces, hues[found.attributes["nucleus"]])))
        words.append(said(level, (len(found.positions), "vertices"), (len(found.faces), "faces")))
    return sheet([row], [words])


_DRAWN = (galaxy, cloud, thinning, streamlines, segments, skeletons, graph, mesh, small_meshes)
PICTURES = {draw.__name__: draw for draw in _DRAWN}
