"""A scripted camera over a streaming layer, and what is counted on the way; used by flight.py and by the tests."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from benchmarks._frames import Frames
from napari_zarr_vectors._controller import engine_of, open_layer
from napari_zarr_vectors._layers import Window

STEP_S = 0.004


def streaming_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("zarr-vectors-")]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def resident_mb() -> float:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def clustered_points(count: int, seed: int = 7):
    """Give (count, 3) float32 in 0..1000: 40 clusters of very different size and weight, and a float attribute."""
    rng = np.random.default_rng(seed)
    centers, weights, widths = rng.uniform(100, 900, (40, 3)), rng.dirichlet(np.full(40, 0.5)), rng.uniform(5, 60, 40)
    which = rng.choice(40, count, p=weights)
    points = centers[which] + rng.normal(size=(count, 3)) * widths[which][:, None]
    points = np.clip(points, 0, np.nextafter(np.float32(1000), np.float32(0))).astype(np.float32)
    return points, np.linalg.norm(points - 500, axis=1).astype(np.float32)


@dataclass
class Counts:
    """What a flight saw."""

    looks: int = 0
    over_budget: int = 0
    holes: int = 0
    frames_ms: list[float] = field(default_factory=list)
    jumps_s: list[float] = field(default_factory=list)
    incomplete_jumps: int = 0
    first_pixels_s: float = float("nan")
    first_complete_s: float = float("nan")
    most_shown: int = 0


class Flight:
    """One layer in one window, watched at every turn of the event loop and at every paint."""

    def __init__(self, path, *, size=(900, 760), patience_s=20.0, **display):
        self.window = Window(ndisplay=3, size=size)
        self.viewer = self.window.viewer
        self.counts = Counts()
        self.patience_s = patience_s
        self._covered = False
        began = time.perf_counter()
        self.layer = open_layer(self.viewer, path, **display)[0]
        self.frames = self.layer.lod.timings = Frames(engine_of(self.layer)._clock._frame)
        self.viewer.reset_view()
        self.open_s = time.perf_counter() - began
        seen = self.window.wait_until(lambda: self._look() and self.layer.lod.status.shown_vertices > 0, patience_s)
        self.counts.first_pixels_s = time.perf_counter() - began if seen else float("inf")
        done = self.settle()
        self.counts.first_complete_s = time.perf_counter() - began if done else float("inf")
        self.opening_ms = self.frames.cpu_ms
        self.frames.reset()

    def _look(self) -> bool:
        status, counts = self.layer.lod.status, self.counts
        counts.looks += 1
        counts.over_budget += status.shown_vertices > status.budget
        asked = self.layer.lod.budget
        counts.over_budget += asked != "auto" and status.shown_vertices > asked
        counts.most_shown = max(counts.most_shown, status.shown_vertices)
        holes = engine_of(self.layer).holes
        if self._covered:
            counts.holes += holes > 0
        self._covered = self._covered or (holes == 0 and status.shown_vertices > 0)
        return True

    def settle(self) -> bool:
        """Let the window live until the view is complete."""
        return self.window.wait_until(lambda: self._look() and self.layer.lod.status.complete, self.patience_s)

    def jump(self, *, angles=None, zoom=None, center=None) -> float:
        """Set the camera at once and wait until the view is complete; gives the seconds."""
        began = time.perf_counter()
        self._set(angles, zoom, center)
        assert not self.layer.lod.status.complete, "a change of the camera makes the view incomplete at once"
        done = self.settle()
        took = time.perf_counter() - began
        self.counts.jumps_s.append(took)
        self.counts.incomplete_jumps += not done
        return took

    def glide(self, seconds: float, poses) -> None:
        """Move the camera along ``poses(t)``, t from 0 to 1, as fast as the window paints."""
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            self._set(*poses(1 - (end - now) / seconds))
            self.window.process(STEP_S)
            self._look()

    def _set(self, angles, zoom, center) -> None:
        camera = self.viewer.scene.camera
        if center is not None:
            camera.center = center
        if zoom is not None:
            camera.zoom = zoom
        if angles is not None:
            camera.angles = angles

    def close(self) -> float:
        """Close the viewer; gives the seconds until no thread of ours is left."""
        began = time.perf_counter()
        self.viewer.close()
        return self._wait_for_threads(began)

    def click_x(self) -> float:
        """Close the window as its X does; gives the seconds until no thread of ours is left."""
        began = time.perf_counter()
        self.window.click_x()
        return self._wait_for_threads(began)

    def _wait_for_threads(self, began: float) -> float:
        self.window.wait_until(lambda: not streaming_threads(), 5.0)
        self.frames.leave()
        return time.perf_counter() - began


def tour(flight: Flight) -> None:
    """Glide in, orbit, jump between clusters, look away and back, zoom out."""
    camera = flight.viewer.scene.camera
    zoom, center = float(camera.zoom), np.array(camera.center, float)
    flight.glide(3.0, lambda t: ((20 * t, 30 * t, 0), zoom * (1 + 5 * t), tuple(center + 120 * t)))
    flight.settle()
    flight.glide(3.0, lambda t: ((20 + 10 * t, 30 + 180 * t, 20 * t), None, None))
    flight.settle()
    rng = np.random.default_rng(3)
    for k in range(6):
        spot = tuple(center + rng.uniform(-250, 250, 3))
        flight.jump(angles=tuple(rng.uniform(-60, 60, 3)), zoom=zoom * (1.5 + 2 * k), center=spot)
    flight.jump(center=tuple(center + 5000))  # looking at nothing
    flight.jump(center=tuple(center), zoom=zoom)
