"""Random stores, cameras and residencies, and slow plain-Python truths to hold plans against."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from napari_zarr_vectors._lod.camera import CameraState
from napari_zarr_vectors._lod.plan import LodOptions, LodPlan, plan
from napari_zarr_vectors._lod.residency import Residency, empty_residency
from napari_zarr_vectors._lod.slabs import cut_codes
from napari_zarr_vectors._lod.tree import Tree, build_tree
from napari_zarr_vectors._lod.view import make_view
from napari_zarr_vectors._model.bins import BINS, unpack_cut
from zarr_vectors.lazy._catalogue import Catalogue, LevelCatalogue

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = 16
FUZZ = float(os.environ.get("LOD_FUZZ", "0.5" if os.environ.get("CI") else "1"))
"""Set it to 50 for an hour's search."""
INF = np.inf


def examples(number: int) -> settings:
    """Hypothesis settings for so many examples, times the environment's `LOD_FUZZ`."""
    return settings(max_examples=round(number * FUZZ), deadline=None)


def make_catalogue(
    coords: np.ndarray,
    *,
    base: Sequence[float],
    ratios: Sequence[Sequence[int]],
    rng: np.random.Generator,
    mean: int = 100,
    dropped: float = 0.0,
    shrink: float = 0.4,
    exact: bool = True,
) -> Catalogue:
    """Make a pyramid over level-0 cells: each level merges blocks of `ratios` chunks, `dropped` loses coarse cells."""
    D = coords.shape[1]
    shape = np.array(base, float)
    cells = np.unique(coords.reshape(-1, D), axis=0)
    counts = rng.integers(1, 2 * mean, len(cells))
    levels = [LevelCatalogue(0, shape, np.zeros(D), cells, counts, exact, int(counts.sum()))]
    for number, ratio in enumerate(ratios, 1):
        shape = shape * np.array(ratio)
        cells, inverse = np.unique(cells // np.array(ratio), axis=0, return_inverse=True)
        total = np.bincount(inverse.ravel(), weights=counts, minlength=len(cells))
        counts = np.maximum(1, total * shrink * rng.uniform(0.5, 2.0, len(cells))).astype(np.int64)
        kept = rng.random(len(cells)) >= dropped
        levels.append(
            LevelCatalogue(number, shape, shape / 8, cells[kept], counts[kept], exact, int(counts[kept].sum()))
        )
    low = coords.reshape(-1, D).min(axis=0, initial=0) * np.array(base)
    return Catalogue(np.stack([low, low + 1]), tuple(levels))


def look(
    tree: Tree,
    rng: np.random.Generator,
    *,
    displayed: tuple[int, ...],
    perspective: bool,
    zoom: float = 1.0,
    canvas: tuple[float, float] = (600.0, 800.0),
    slab: bool = True,
) -> CameraState:
    """Look at a random point of the store; the view takes up about `1 / zoom` of it."""
    D = tree.half.shape[1]
    axes = list(displayed)
    d = len(axes)
    finest = slice(tree.base[-2], tree.base[-1]) if tree.levels else slice(0, 0)
    centers = tree.center[finest]
    if not len(centers):
        centers = np.zeros((1, D))
    focus = centers[rng.integers(len(centers))]
    size = float(np.linalg.norm(np.ptp(centers[:, axes], axis=0))) + float(tree.half[:, axes].max(initial=1.0))
    scale = rng.uniform(0.5, 2.0, d)
    forward = np.zeros(d)
    eye = None
    if d == 3:
        forward = rng.normal(size=3)
        forward /= np.linalg.norm(forward)
        side = np.cross(forward, rng.normal(size=3))
        side /= np.linalg.norm(side)
        up = np.cross(side, forward)
    else:
        up, side = np.eye(2)
    height, width = canvas
    if perspective:
        t = np.tan(np.radians(rng.uniform(10, 90)) / 2)
        a = t * width / height
        focal = height / (2 * t)
        eye_world = focus[axes] * scale - forward * size * scale.max() / zoom * rng.uniform(0.0, 1.5)
        eye = eye_world / scale
        normals = [forward * a + side, forward * a - side, forward * t + up, forward * t - up, forward]
        inward = [(n, -(n @ eye_world)) for n in normals]
    else:
        reach = size * scale.max() / zoom / 2
        focal = height / (2 * reach)
        middle = focus[axes] * scale
        wide = reach * width / height
        inward = [
            (sign * n, -(sign * n) @ middle + half) for n, half in ((side, wide), (up, reach)) for sign in (1, -1)
        ]
    planes = np.array([[*(n * scale), c] for n, c in inward])  # world normals, data units
    lo, hi = np.full(D, -INF), np.full(D, INF)
    for axis in set(range(D)) - set(axes) if slab else ():
        thick = rng.choice([0.0, 0.3, 2.0]) * tree.half[-1, axis]
        lo[axis], hi[axis] = focus[axis] - thick, focus[axis] + thick
    return CameraState(displayed, planes, eye, scale, float(focal), canvas, focus[axes], forward, lo, hi)


@dataclass(frozen=True, repr=False)
class Scene:
    """A store and a view of it, with the means to make more."""

    catalogue: Catalogue
    tree: Tree
    camera: CameraState
    rng: np.random.Generator
    displayed: tuple[int, ...]
    perspective: bool

    def __repr__(self) -> str:
        sizes = np.diff(self.tree.base).tolist()
        return f"Scene(levels={self.tree.levels}, chunks={sizes}, displayed={self.displayed})"

    def another_camera(self) -> CameraState:
        return look(
            self.tree,
            self.rng,
            displayed=self.displayed,
            perspective=self.perspective,
            zoom=float(2.0 ** self.rng.uniform(-1, 5)),
        )

    def budget(self) -> int:
        """Anything from far below the coarsest level to everything."""
        most = max(int(self.tree.count.sum()), 2)
        return int(np.exp(self.rng.uniform(0, np.log(2 * most))))

    def ample_budget(self) -> int:
        """At least the coarsest cover."""
        least = int(self.tree.count[self.tree.tops].sum())
        if self.rng.random() < 0.5:
            return int(least * self.rng.uniform(1, 3)) + 1
        return least + int(np.exp(self.rng.uniform(0, np.log(2 * max(int(self.tree.count.sum()), 2)))))

    def residency(self, capacity_rows: int = 2**40) -> Residency:
        return empty_residency(self.tree, capacity_rows, page_rows=PAGE)

    def random_residency(self, share: float | None = None, capacity_rows: int = 2**40) -> Residency:
        share = float(self.rng.random()) if share is None else share
        residency = self.residency(capacity_rows)
        some = np.flatnonzero((self.rng.random(len(self.tree.count)) < share) & ~self.tree.is_virtual)
        fractions = np.where(self.rng.random(len(some)) < 0.8, 1.0, self.rng.uniform(0.05, 1.0, len(some)))
        residency.load(some, residency.count[some], fractions)
        residency.fail(np.flatnonzero((self.rng.random(len(self.tree.count)) < 0.03) & ~self.tree.is_virtual))
        return residency


def random_coords(rng: np.random.Generator, D: int) -> np.ndarray:
    """Level-0 cells, clustered or not, around an origin that may be far or negative."""
    n = int(rng.integers(1, 400))
    span = int(rng.integers(1, 24))
    kind = rng.integers(3)
    if kind == 0:
        cells = rng.integers(0, span, (n, D))
    elif kind == 1:
        cells = np.floor(rng.normal(size=(n, D)) * span / 6 + rng.integers(0, 3, (n, 1)) * span / 2).astype(int)
    else:
        t = rng.random(n) * 10
        cells = np.floor(np.stack([np.cos(t + i) * span / 2 for i in range(D)], axis=1)).astype(int)
    return cells + rng.choice([0, -7, 1000, -(2**20)])


def random_ratios(rng: np.random.Generator, D: int) -> list[list[int]]:
    kind = rng.integers(5)
    levels = int(rng.integers(0, 5))
    if kind == 4:
        return [rng.choice([1, 2, 3], D).tolist() for _ in range(levels)]
    return [[int((2, 1, 3, 4)[kind])] * D for _ in range(min(levels, (4, 2, 3, 2)[kind]))]


@st.composite
def scenes(draw, dims: tuple[int, ...] = (2, 3, 4), exact: bool = True) -> Scene:
    """Any store with any camera; the generator's seed is what hypothesis shrinks."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    D = draw(st.sampled_from(dims))
    d = draw(st.sampled_from([2, 3] if D > 2 else [2]))
    displayed = tuple(int(a) for a in rng.permutation(D)[:d])
    catalogue = make_catalogue(
        random_coords(rng, D),
        base=rng.choice([0.5, 1.0, 3.0], D).tolist(),
        ratios=random_ratios(rng, D),
        rng=rng,
        mean=int(rng.choice([3, 100, 2000])),
        dropped=float(rng.choice([0.0, 0.0, 0.3])),
        shrink=float(rng.choice([0.1, 0.4, 1.2])),
        exact=exact,
    )
    tree = build_tree(catalogue)
    perspective = d == 3 and draw(st.booleans())
    camera = look(tree, rng, displayed=displayed, perspective=perspective, zoom=float(2.0 ** rng.uniform(-1, 5)))
    return Scene(catalogue, tree, camera, rng, displayed, perspective)


# --- plain truths ---------------------------------------------------------------------------------------------------


def visible(tree: Tree, camera: CameraState, nodes: np.ndarray, grown: float = 1 - 1e-6) -> np.ndarray:
    """Tell which boxes certainly meet the view: a little smaller than the planner's own test, or `grown`."""
    axes = list(camera.displayed)
    half = tree.half[tree.level_of(nodes)]
    center = tree.center[nodes]
    d = len(axes)
    reach = half[:, axes] @ np.abs(camera.planes[:, :d]).T
    seen = (center[:, axes] @ camera.planes[:, :d].T + camera.planes[:, d] >= -reach * grown).all(axis=1)
    inner = half * grown
    seen &= ((center - inner <= camera.slab_hi) & (center + inner >= camera.slab_lo)).all(axis=1)
    return seen


def leaves(tree: Tree) -> np.ndarray:
    """Nodes of the finest level."""
    return np.arange(tree.base[-2], tree.base[-1]) if tree.levels else np.arange(0)


def ancestors(tree: Tree, node: int) -> list[int]:
    """The node and its ancestors, finest first."""
    line = []
    while node >= 0:
        line.append(int(node))
        node = tree.parent[node]
    return line


def owners(tree: Tree, nodes: np.ndarray) -> np.ndarray:
    """Count for each leaf how many of `nodes` are it or lie above it."""
    load = np.bincount(nodes, minlength=len(tree.count))
    for i in range(1, len(tree.levels)):
        here = slice(tree.base[i], tree.base[i + 1])
        load[here] += load[tree.parent[here]]
    return load[leaves(tree)]


def drawn_rows(residency: Residency, result: LodPlan) -> int:
    """Rows that a pool would draw: of each node once, what is expected in the bins met, at the share."""
    nodes, first = np.unique(result.show, return_index=True)
    share = np.minimum(residency.fraction[nodes].astype(float), result.fraction)
    return int(np.floor(share * inside(residency, nodes, result.cuts[first])).sum())


def inside(residency: Residency, nodes: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """What the share of its box that the slab meets lets expect of each node."""
    D = residency.tree.half.shape[1]
    share = [np.prod([(last - first + 1) / BINS for _, first, last in unpack_cut(cut, D)]) for cut in cuts.tolist()]
    count = residency.count[nodes]
    return np.maximum(np.ceil(count * np.array(share)), np.minimum(count, 1))


def counts_inside(scene: Scene) -> np.ndarray:
    """What is expected in the scene's slab of every node."""
    nodes = np.arange(len(scene.tree.count))
    return inside(scene.residency(), nodes, cut_codes(make_view(scene.camera, scene.tree, OPTIONS), nodes))


def decide(scene: Scene, budget: int, residency: Residency, previous: LodPlan | None = None, **more) -> LodPlan:
    """Plan the scene's own camera at time 0."""
    camera = more.pop("camera", scene.camera)
    now = more.pop("now", 0.0)
    return plan(camera, scene.tree, budget, residency, previous, now, **more)


def settle(scene: Scene, budget: int, residency: Residency, **more) -> LodPlan:
    """Plan until the learnt numbers stand still."""
    result = None
    for _ in range(4):
        result = decide(scene, budget, residency, result, **more)
    assert result is not None
    return result


def same(a: LodPlan, b: LodPlan, but: tuple[str, ...] = ()) -> None:
    """Assert that two plans are equal field by field."""
    for name in a.__slots__:
        if name not in but:
            left, right = getattr(a, name), getattr(b, name)
            assert np.array_equal(left, right), name


OPTIONS = LodOptions()
