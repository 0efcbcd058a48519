"""A small world around the planner: a source that answers in any order, a pool that obeys, one plan after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._lod.plan import LodPlan, plan

if TYPE_CHECKING:
    from napari_zarr_vectors._lod.camera import CameraState
    from napari_zarr_vectors._lod.residency import Residency
    from napari_zarr_vectors._lod.tree import Tree


@dataclass
class World:
    """Plans, serves some fetches in random order, commits evictions; keeps what happened."""

    tree: Tree
    camera: CameraState
    budget: int
    residency: Residency
    rng: np.random.Generator
    true_count: np.ndarray | None = None
    fails: float = 0.0
    covers_first: bool = False
    now: float = 0.0
    result: LodPlan | None = None
    plans: list[LodPlan] = field(default_factory=list)
    loaded: list[int] = field(default_factory=list)
    evicted: list[int] = field(default_factory=list)

    def replan(self) -> LodPlan:
        """Plan, and carry out the evictions as the commit does."""
        self.result = plan(
            self.camera, self.tree, self.budget, self.residency, self.result, self.now, generation=len(self.plans)
        )
        self.residency.keep(self.result.keep, self.result.generation)
        self.residency.evict(self.result.evict)
        self.evicted += self.result.evict.tolist()
        self.plans.append(self.result)
        self.now += 1 / 60
        return self.result

    def serve(self, most: int = 8) -> int:
        """Answer up to `most` of the newest plan's fetches, in random order."""
        fetch = self.result.fetch
        assert not self.residency.failed[fetch].any()
        if self.covers_first and len(fetch):
            fetch = fetch[self.result.fetch_tier == self.result.fetch_tier.min()]
        some = self.rng.permutation(fetch)[: int(self.rng.integers(1, most + 1))]
        bad = self.rng.random(len(some)) < self.fails
        self.residency.fail(some[bad])
        good = some[~bad]
        counts = self.residency.count if self.true_count is None else self.true_count
        self.residency.load(good, counts[good], self.result.fetch_fraction)
        self.loaded += good.tolist()
        return len(some)

    def run(self, steps: int = 400) -> LodPlan:
        """Go on until nothing is fetched any more."""
        for _ in range(steps):
            if not len(self.replan().fetch):
                break
            self.serve()
        return self.result
