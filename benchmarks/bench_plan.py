"""CPU time of whole plans over a store of about 2 M level-0 chunks: fly, orbit, slices; cold, streaming, resident.

Run as ``python benchmarks/bench_plan.py [--quick]``. Prints milliseconds of one thread for `plan` as a whole: cut,
what is shown, fetch list and eviction. ``cold``: nothing is ever resident. ``stream``: each plan's first 64 fetches
have arrived before the next one. ``resident``: everything that the cut asks for is there.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from dataclasses import dataclass

import numpy as np

from napari_zarr_vectors._lod.camera import CameraState
from napari_zarr_vectors._lod.plan import plan
from napari_zarr_vectors._lod.residency import Residency, empty_residency
from napari_zarr_vectors._lod.tree import Tree, build_tree
from napari_zarr_vectors._model.bins import BINS
from zarr_vectors.lazy._catalogue import Catalogue, LevelCatalogue

SIDE = 64.0
KEEP = (300, 60, 12, 2.4, 0.5, 0.1)
ARRIVALS = 64


def clustered_catalogue(points: int, cells: int, *, seed: int = 0) -> Catalogue:
    """Blobs over a thin background in a cube of edge `SIDE`; six levels, ratio 2."""
    rng = np.random.default_rng(seed)
    blobs = rng.random((400, 3)) * SIDE
    spread = rng.uniform(0.5, 5.0, 400)
    which = rng.integers(0, 400, points)
    xyz = blobs[which] + rng.normal(size=(points, 3)) * spread[which, None]
    loose = rng.random(points) < 0.3
    xyz[loose] = rng.random((int(loose.sum()), 3)) * SIDE
    cell = np.floor(np.clip(xyz, 0, SIDE - 1e-6) * (cells / SIDE)).astype(np.int64)
    levels = []
    for level, keep in enumerate(KEEP):
        key = (cell[:, 0] << 42) | (cell[:, 1] << 21) | cell[:, 2]
        unique, number = np.unique(key, return_counts=True)
        coords = np.stack([unique >> 42, (unique >> 21) & 0x1FFFFF, unique & 0x1FFFFF], axis=1)
        counts = np.maximum(1, number * keep).astype(np.int64)
        shape = np.full(3, SIDE / cells * 2**level)
        resolution = shape / 16 if level else np.zeros(3)
        levels.append(LevelCatalogue(level, shape, resolution, coords, counts, True, int(counts.sum())))
        cell >>= 1
    return Catalogue(np.array([[0.0] * 3, [SIDE] * 3]), tuple(levels))


def perspective(eye: np.ndarray, target: np.ndarray, *, fov_deg: float = 60.0) -> CameraState:
    """Look from `eye` to `target`, 1600 x 1000 pixels."""
    height, width = 1000.0, 1600.0
    forward = (target - eye) / np.linalg.norm(target - eye)
    side = np.cross(forward, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    up = np.cross(side, forward)
    t = np.tan(np.radians(fov_deg) / 2)
    a = t * width / height
    normals = np.stack([forward * a + side, forward * a - side, forward * t + up, forward * t - up, forward])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    planes = np.concatenate([normals, -(normals @ eye)[:, None]], axis=1)
    planes[4, 3] -= 1e-3
    endless = np.full(3, np.inf)
    return CameraState(
        displayed=(0, 1, 2),
        planes=planes,
        eye=eye,
        axis_scale=np.ones(3),
        focal_px=height / (2 * t),
        canvas_px=(height, width),
        focus=target,
        forward=forward,
        slab_lo=-endless,
        slab_hi=endless,
    )


def slice_at(height: float, thickness: float) -> CameraState:
    """Look at a slab of the whole cube from above, in 2-D."""
    px = 1000.0 / SIDE
    planes = np.array([[1.0, 0, 0], [-1, 0, SIDE], [0, 1, 0], [0, -1, SIDE]])
    return CameraState(
        displayed=(1, 2),
        planes=planes,
        eye=None,
        axis_scale=np.ones(2),
        focal_px=px,
        canvas_px=(1000.0, 1600.0),
        focus=np.full(2, SIDE / 2),
        forward=np.zeros(2),
        slab_lo=np.array([height - thickness / 2, -np.inf, -np.inf]),
        slab_hi=np.array([height + thickness / 2, np.inf, np.inf]),
    )


def paths(poses: int = 100) -> dict[str, list[CameraState]]:
    """Two flights and a walk through slices, of so many poses."""
    middle = np.array([32.0, 32.0, 32.0])
    fly = [perspective(np.array([32.0, -70 + 100.0 * i / poses, 40.0]), middle) for i in range(poses)]
    orbit = [
        perspective(np.array([32 + 30 * np.sin(a), 32 - 30 * np.cos(a), 40.0]), middle)
        for a in np.linspace(0, 3, poses)
    ]
    slices = [slice_at(h, SIDE / 256) for h in np.linspace(10, 50, poses)]
    return {"fly": fly, "orbit": orbit, "slices": slices}


@dataclass(frozen=True, slots=True)
class Figures:
    """One path at one budget."""

    ms: np.ndarray
    shown: list[int]
    used: list[float]
    complete: int
    holes: int


def measure(tree: Tree, cameras: list[CameraState], budget: int, mode: str) -> Figures:
    """Fly one path; only `plan` is timed."""
    capacity = 2**40 if mode == "resident" else int(2.5 * budget)
    residency = empty_residency(tree, capacity)
    if mode == "resident":
        every = np.arange(len(tree.count), dtype=np.int32)
        residency.load(every, tree.count, 1.0)
        even = tree.count[:, None, None, None] * np.arange(BINS + 1) // BINS
        residency.profile(every, np.broadcast_to(even, (len(every), 2, 3, BINS + 1)))
    previous, ms, shown, used, complete, holes = None, [], [], [], 0, 0
    for i, camera in enumerate(cameras):
        start = time.process_time()
        now = plan(camera, tree, budget, residency, previous, i / 60, generation=i)
        ms.append((time.process_time() - start) * 1e3)
        assert now.shown_vertices <= budget
        shown.append(len(now.show))
        used.append(now.shown_vertices / budget)
        complete += now.complete
        holes += now.holes > 0
        advance(residency, now, mode)
        previous = now
    return Figures(np.array(ms), shown, used, complete, holes)


def advance(residency: Residency, now, mode: str) -> None:
    """Do between two plans what the planner thread does."""
    residency.keep(now.keep, now.generation)
    if mode == "stream":
        residency.evict(now.evict)
        some = now.fetch[:ARRIVALS]
        residency.load(some, residency.count[some], now.fetch_fraction)
        assert residency.used_pages <= residency.capacity_pages


def main() -> None:
    quick = "--quick" in sys.argv
    start = time.perf_counter()
    catalogue = clustered_catalogue(600_000 if quick else 9_000_000, 64 if quick else 128)
    made = time.perf_counter()
    tree = build_tree(catalogue)
    built = time.perf_counter()
    empty_residency(tree, 1)
    print(f"catalogue {made - start:.1f} s, tree {built - made:.2f} s, residency {time.perf_counter() - built:.2f} s")
    print("chunks per level", np.diff(tree.base).tolist(), f"vertices {catalogue.levels[0].vertex_count:.2e}")
    print("path   mode     budget   median   p95    max ms   shown med/max  used  complete  with holes")
    for name, cameras in paths(20 if quick else 100).items():
        for mode in ("cold", "stream", "resident"):
            for budget in (1_000_000, 2_000_000, 5_000_000):
                f = measure(tree, cameras, budget, mode)
                print(
                    f"{name:6s} {mode:8s} {budget:.0e} {np.median(f.ms):8.2f} {np.percentile(f.ms, 95):6.2f} "
                    f"{f.ms.max():6.2f}   {np.median(f.shown):8.0f}/{max(f.shown):<6d} {np.median(f.used):.2f} "
                    f"{f.complete:6d} {f.holes:6d}"
                )


if __name__ == "__main__":
    main()
