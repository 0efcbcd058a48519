"""A real window with streaming layers whose vertices the test knows."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from napari_zarr_vectors._build import LinkedPart, Place, build_points, build_segments, build_triangles
from napari_zarr_vectors._layers import StreamingLines, StreamingPoints, StreamingSurface, register
from napari_zarr_vectors._layers._napari import visual_of
from napari_zarr_vectors._model import DisplayStyle


@dataclass
class Stage:
    """One viewer and what a test asks of it."""

    viewer: object
    layers: list = field(default_factory=list)

    def add(self, points, *, bounds=((0, 0, 0), (100, 100, 100)), values=None, sizes=None, **options):
        """Add a layer that shows (n, D) points as chunk 1; 7 px red squares unless told otherwise."""
        layer = StreamingPoints(bounds, **{"default_slab": np.full(len(bounds[0]), 2.0), **options})
        layer.style.size = 7
        layer.style.shading = "flat"
        layer.style.color = (1, 0, 0)
        self.viewer.add_layer(layer)
        points = np.asarray(points, dtype=np.float64).reshape(-1, len(bounds[0]))
        low, high = np.asarray(bounds, dtype=float)
        sizes = None if sizes is None else np.asarray(sizes, np.float32)
        built = build_points(points, values, sizes, origin=layer.origin, chunk_lo=low, cell_shape=high - low, ratios=[])
        assert layer.pool.upload(1, built)
        assert layer.pool.commit([1], [0], [len(points)]) == len(points)
        self.layers.append(layer)
        return layer

    def add_linked(
        self, points, links, *, bounds=((0, 0, 0), (100, 100, 100)), values=None, sizes=None, objects=None, **options
    ):
        """Add a layer that shows links of two or three ends of (n, D) points as chunk 1; red, 7 px, not shaded."""
        links = np.asarray(links).reshape(-1, np.shape(links)[-1])
        kind, build = (StreamingLines, build_segments) if links.shape[1] == 2 else (StreamingSurface, build_triangles)
        style = DisplayStyle(**{"size": 7, "shading": "flat" if kind is StreamingLines else "soft", "color": (1, 0, 0)})
        layer = kind(bounds, **{"style": style, "default_slab": np.full(len(bounds[0]), 2.0), **options})
        self.viewer.add_layer(layer)
        points = np.asarray(points, dtype=np.float64).reshape(-1, len(bounds[0]))
        low, high = np.asarray(bounds, dtype=float)
        given = [None if a is None else np.asarray(a, np.float32) for a in (values, sizes)]
        part = LinkedPart(points, (0, len(points)), links, np.ones(len(links), bool), *given, objects)
        built = build(part, Place(layer.origin, low, high - low, np.empty((0, len(low)), int)))
        assert layer.pool.upload(1, built)
        layer.pool.commit([1], [0], [built.rows])
        self.layers.append(layer)
        return layer

    def picture(self):
        """What is on the canvas, (height, width, 3) uint8."""
        return self.viewer.screenshot(canvas_only=True, flash=False)[..., :3].copy()

    def visual(self, layer):
        return visual_of(self.viewer, layer)

    def project(self, layer, points):
        """(column, row) canvas px of (n, D) data points, through vispy's own transforms in float64."""
        points = np.asarray(points, dtype=np.float64)
        shown = list(layer.displayed_axes)[::-1]
        xyz = np.zeros((len(points), 4))
        xyz[:, : len(shown)] = points[:, shown]
        xyz[:, 3] = 1
        mapped = self.visual(layer).node.transforms.get_transform("visual", "canvas").map(xyz)
        return mapped[:, :2] / mapped[:, 3:]

    def blob(self, picture, at, reach=12):
        """Centre (column, row) of the coloured pixels around a place, and how many there are."""
        column, row = np.round(at).astype(int)
        top, left = max(row - reach, 0), max(column - reach, 0)
        lit = picture[top : row + reach, left : column + reach].max(axis=2) > 60
        rows, columns = np.nonzero(lit)
        if not len(rows):
            return None, 0
        return np.array([left + columns.mean() + 0.5, top + rows.mean() + 0.5]), len(rows)


@pytest.fixture
def stage(make_napari_viewer):
    register()
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(900, 700)
    return Stage(viewer)
