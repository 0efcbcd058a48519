"""A person who does anything at any time: random moves in a napari window with streaming layers, all counted.

Used by the tests; ``make soak`` does it for long. One window a program: ``python -m benchmarks.fuzzing STORE SEED STEPS
LAYERS``. With Mesa 22.3 (Debian 12) several layers of any one type crash in the driver now and then, napari's own too.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakSet

import numpy as np
from napari.utils.notifications import notification_manager

from benchmarks.flying import clustered_points, streaming_threads
from napari_zarr_vectors._controller import engine_of, open_layer
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._widgets import DisplayWidget
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

END_S = 1.0
COLORS = {
    "points": (None, "radius", "part", "rgb"),
    "lines": (None, "radius", "mass", "object", "direction"),
    "surface": (None, "radius", "mass", "object"),
}
FILTERS = ({"radius": (">", 200)}, {"mass": ("<", 5)}, {"radius": ("between", (100, 400)), "mass": (">", 2)})


def make_store(path: Path, count: int, kind: str = "points") -> Path:
    """Write a clustered cloud with a number, a category and colours; or lines or a surface through such clusters."""
    points, radius = clustered_points(count)
    if kind == "points":
        _write_points(path, points, radius)
    else:
        objects = 10
        mass = np.arange(objects, dtype=float)
        if kind == "lines":
            # Neighbours in the order of a walk through the clusters are joined.
            lines = np.split(points[np.lexsort(points.T // 50)], range(count // objects, count, count // objects))
            radii = [np.linalg.norm(line - 500, axis=1).astype("f4") for line in lines]
            attributes = {"radius": radii}
            write_polylines(
                path, lines, chunk_shape=125, bin_shape=25, attributes=attributes, object_attributes={"mass": mass}
            )
        else:
            balls = [_ball(points[k], 60.0, count // objects // 20) for k in range(objects)]
            radii = [np.linalg.norm(ball - 500, axis=1).astype("f4") for ball, _ in balls]
            vertices, faces = [ball for ball, _ in balls], [face for _, face in balls]
            write_mesh(
                path, vertices, faces, chunk_shape=125, bin_shape=25, attributes={"radius": radii},
                object_attributes={"mass": mass},
            )  # fmt: skip
    build_pyramid(path, [(2, 1)] * 3)
    return path


def _ball(centre, size, across):
    """Vertices and triangles of a torus around a point: closed, and of any number of vertices."""
    u, v = np.meshgrid(np.linspace(0, 2 * np.pi, across, False), np.linspace(0, 2 * np.pi, 20, False), indexing="ij")
    ring = size + 0.4 * size * np.cos(v)
    vertices = centre + np.stack([ring * np.cos(u), ring * np.sin(u), 0.4 * size * np.sin(v)], axis=-1).reshape(-1, 3)
    cell = np.arange(across * 20).reshape(across, 20)
    corners = [cell, np.roll(cell, -1, 0), np.roll(np.roll(cell, -1, 0), -1, 1), np.roll(cell, -1, 1)]
    a, b, c, d = (corner.ravel() for corner in corners)
    return vertices.astype("f4"), np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def _write_points(path: Path, points, radius) -> None:
    count = len(points)
    rng = np.random.default_rng(0)
    attributes = {
        "radius": radius,
        "part": np.array(["soma", "axon", "spine"])[rng.integers(0, 3, count)],
        "rgb": rng.integers(0, 255, (count, 3), dtype=np.uint8),
    }
    write_points(path, points, chunk_shape=125, bin_shape=25, attributes=attributes, axes=["z", "y", "x"])


@dataclass
class Fuzz:
    """One window, and what went wrong in it.

    Attributes
    ----------
    errors : list of str
        Empty when all is well.
    done : list of str
        What was done, to tell how it came to that.
    """

    store: Path
    seed: int
    layers: int = 1
    errors: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        with open_zv(self.store) as store:
            self.kind = {"point_cloud": "points", "mesh": "surface"}.get(store.geometry_type, "lines")
        self.colors = COLORS[self.kind]
        self.window = Window(ndisplay=3, size=(420, 340))
        self.viewer = self.window.viewer
        self.dock = None
        self.covered: WeakSet = WeakSet()
        self.told = len(notification_manager.records)
        self.open()

    # -- what a person does

    def open(self) -> None:
        if len(self.viewer.layers) < self.layers:
            color = self.colors[self.rng.integers(len(self.colors))]
            open_layer(self.viewer, self.store, budget=self._budget(), color_by=color)

    def move(self) -> None:
        camera = self.viewer.scene.camera
        camera.angles = tuple(self.rng.uniform(-90, 90, 3))
        camera.center = tuple(self.rng.uniform(-100, 1100, 3))
        camera.zoom = float(10 ** self.rng.uniform(-1.5, 1.5))

    def glide(self) -> None:
        camera = self.viewer.scene.camera
        for _ in range(5):
            camera.zoom *= float(self.rng.uniform(0.8, 1.25))
            self.wait(0.02)

    def reset(self) -> None:
        self.viewer.reset_view()

    def flat(self) -> None:
        self.viewer.dims.ndisplay = 5 - self.viewer.dims.ndisplay

    def slide(self) -> None:
        self.viewer.dims.set_point(int(self.rng.integers(3)), float(self.rng.uniform(0, 1000)))

    def order(self) -> None:
        self.viewer.dims.transpose()

    def hide(self) -> None:
        layer = self._any()
        layer.visible = not layer.visible

    def budget(self) -> None:
        layer, budget = self._any(), self._budget()
        layer.lod.budget = budget
        if layer.lod.status.shown_vertices > budget:
            self.errors.append(f"{layer.lod.status.shown_vertices} points after the budget was set to {budget}")

    def level(self) -> None:
        self._any().lod.level = [None, 0, 1, 2, 3][self.rng.integers(5)]

    def color(self) -> None:
        self._any().style.color_by = self.colors[self.rng.integers(len(self.colors))]

    def filter(self) -> None:
        shown = self._any().filter
        if self.kind == "points":
            shown.where = (None, FILTERS[0])[self.rng.integers(2)]
        else:
            shown.where = (None, *FILTERS)[self.rng.integers(4)]
            shown.share = (1.0, 0.5, 0.0)[self.rng.integers(3)]
            shown.object_ids = (None, [1, 3, 7])[self.rng.integers(2)]

    def pick(self) -> None:
        self._any().object_at(self.rng.uniform(0, 1000, 3))

    def look_of_it(self) -> None:
        style = self._any().style
        style.size, style.size_mode = float(self.rng.uniform(1, 9)), ("px", "world")[self.rng.integers(2)]
        style.shading = ("flat", "round", "soft")[self.rng.integers(3)]
        style.colormap = ("viridis", "magma", "gray")[self.rng.integers(3)]
        style.wireframe, style.backfaces = bool(self.rng.integers(2)), bool(self.rng.integers(2))
        style.eye_dome, style.node_size = float(self.rng.integers(2)), float(self.rng.integers(3))

    def scale(self) -> None:
        layer = self._any()
        layer.scale = self.rng.uniform(0.5, 2, 3)
        layer.translate = self.rng.uniform(-50, 50, 3)

    def remove(self) -> None:
        self.viewer.layers.remove(self._any())

    def put_back(self) -> None:
        layer = self._any()
        self.viewer.layers.remove(layer)
        self.wait(float(self.rng.uniform(0, 0.1)))
        self.viewer.layers.append(layer)

    def duplicate(self) -> None:
        if len(self.viewer.layers) < self.layers:
            layer = self._any()
            self.viewer.layers.append(type(layer).create(*layer.as_layer_data_tuple()))

    def reorder(self) -> None:
        self.viewer.layers.reverse()

    def select(self) -> None:
        self.viewer.layers.selection = {self._any()}

    def grid(self) -> None:
        self.viewer.canvas.grid.enabled = not self.viewer.canvas.grid.enabled

    def resize(self) -> None:
        self.viewer.window.resize(*self.rng.integers(300, 700, 2).tolist())

    def panel(self) -> None:
        if self.dock is None:
            self.dock = DisplayWidget(self.viewer)
            self.viewer.window.add_dock_widget(self.dock, name="display")
        else:
            self.dock.setVisible(not self.dock.isVisible())

    # -- what is looked at

    def run(self, steps: int) -> None:
        """Do so many things, one after another, some before the last has had an effect."""
        acts = (
            *[self.move, self.glide, self.reset, self.budget, self.color, self.filter] * 3,
            *[self.flat, self.slide, self.hide, self.level, self.put_back, self.open] * 2,
            *[self.order, self.look_of_it, self.scale, self.remove, self.duplicate, self.reorder, self.select],
            *[self.grid, self.resize, self.panel, self.pick],
        )
        for _ in range(steps):
            if not len(self.viewer.layers):
                self.open()
            act = acts[self.rng.integers(len(acts))]
            self.done.append(act.__name__)
            act()
            self.look()
            self.wait(float(self.rng.choice([0.0, 0.01, 0.05, 0.3])))
            if self.errors:
                return

    def settle(self, seconds: float = 30.0) -> None:
        """All that is visible comes to rest, complete."""
        shown = [layer for layer in self.viewer.layers if layer.visible]
        if not self.window.wait_until(lambda: all(self._look(layer).complete for layer in shown), seconds):
            self.errors.append(f"not complete: {[layer.lod.status for layer in shown]}")

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self.window.wait_until(lambda: self.look() or time.monotonic() >= end, seconds + 1)

    def look(self) -> bool:
        for layer in self.viewer.layers:
            self._look(layer)
        return False

    def _look(self, layer):
        status, engine = layer.lod.status, engine_of(layer)
        self.looks += 1
        if engine is None:
            self.errors.append(f"{layer.name} is in the list and nothing streams into it")
            return status
        asked = layer.lod.budget
        if status.shown_vertices > (status.budget if asked == "auto" else asked):
            self.errors.append(f"{status.shown_vertices} points at a budget of {status.budget}, {asked} asked")
        if status.failed:
            self.errors.append(f"{status.failed} chunks failed")
        if engine.holes and engine in self.covered:
            self.errors.append(f"{engine.holes} holes after the first cover")
        if not engine.holes and status.shown_vertices:
            self.covered.add(engine)
        said = [str(record.message) for record in notification_manager.records[self.told :]]
        self.told = len(notification_manager.records)
        self.errors += [text for text in said if "PyQt5" not in text]
        return status

    def close(self) -> None:
        """Close the window in one of its ways; every thread is gone within a second."""
        end = ("close", "click_x")[self.rng.integers(2)]
        self.done.append(end)
        getattr(self.window, end)()
        began = time.monotonic()
        self.window.wait_until(lambda: not streaming_threads(), 5 * END_S)
        took = time.monotonic() - began
        if streaming_threads() or took > END_S:
            self.errors.append(f"{streaming_threads()} {took:.1f} s after {end}")

    # -- which

    def _any(self):
        return self.viewer.layers[int(self.rng.integers(len(self.viewer.layers)))]

    def _budget(self) -> int:
        return int(10 ** self.rng.uniform(0, 5))


def fuzz(store: Path, seed: int, steps: int, layers: int) -> Fuzz:
    """Do so many things in a new window, come to rest (every other time), and close it."""
    one = Fuzz(store, seed, layers)
    one.run(steps)
    if seed % 2 and not one.errors:
        one.settle()
    one.close()
    return one


if __name__ == "__main__":
    found = fuzz(Path(sys.argv[1]), *map(int, sys.argv[2:]))
    print(*found.done, f"{found.looks} looks", sep=", ")
    sys.exit("\n".join(found.errors[:20]) or 0)
