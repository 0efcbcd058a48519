"""What the panel "Extract" asks for: parts of one layer, how large they are, jobs and stills, and how they went."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_zarr_vectors._controller._extract import Choice, begin, finish, part_of
from napari_zarr_vectors._controller._extracted import Made
from napari_zarr_vectors._controller._open import open_layer
from napari_zarr_vectors._controller._running import engine_of, viewer_of
from napari_zarr_vectors._controller._still import save_still
from napari_zarr_vectors._jobs import Job, Part, count_part
from napari_zarr_vectors._layers._extracted import PLACED
from zarr_vectors.exceptions import CancelledError, ZarrVectorsError

if TYPE_CHECKING:
    import threading

    from napari_zarr_vectors._layers import StreamingLayer
    from napari_zarr_vectors._lod import Count
    from napari_zarr_vectors._model import ObjectSelection
    from zarr_vectors.lazy import LazyStore

__all__ = ["Counts", "ExtractTarget", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job went, in a sentence, and where a store is that it wrote."""

    sentence: str
    path: Path | None = None
    is_good: bool = True


@dataclass(frozen=True, slots=True)
class Counts:
    """How many vertices a part has, by level; `is_upper` where some of them may be left out by a filter."""

    by_level: dict[int, Count]
    is_upper: bool


class ExtractTarget:
    """One layer as the panel sees it; GUI thread only.

    Parameters
    ----------
    layer : StreamingLayer
    """

    def __init__(self, layer: StreamingLayer) -> None:
        self._layer = layer
        engine = engine_of(layer)
        store = None if engine is None or engine.colors is None else engine.store
        self._store: LazyStore | None = store
        self.name = str(layer.name)
        self.levels: tuple[int, ...] = () if store is None else tuple(store.levels)
        """Finest first; empty until the store has been looked at."""

    @property
    def selection(self) -> ObjectSelection:
        """The chosen objects."""
        return self._layer.selection

    @property
    def is_open(self) -> bool:
        """Whether there is anything to extract from."""
        return bool(self.levels) and viewer_of(self._layer) is not None

    def part(self, choice: Choice) -> Part | None:
        """Freeze what is meant now, of the finest level; None where it is nothing."""
        viewer = viewer_of(self._layer)
        if viewer is None:
            return None
        try:
            return part_of(viewer, self._layer, choice, self.levels[0])
        except ZarrVectorsError:
            return None

    def count(self, part: Part, generation: int) -> Job[Counts]:
        """Begin to count a part at every level."""
        store, levels = self._store, self.levels

        def work(tell: object, cancel: threading.Event) -> Counts:
            if store is None:
                return Counts({}, is_upper=False)
            parts = {
                level: Part(level, part.region, part.object_ids, part.groups, part.where, part.share)
                for level in levels
            }
            counts = {level: count_part(store, each) for level, each in parts.items() if not cancel.is_set()}
            return Counts(counts, part.where is not None)

        return Job(work, generation)

    def begin(self, choice: Choice, level: int, to: str | None, *, limited: bool) -> Job[Made]:
        """Begin to extract.

        Raises
        ------
        ZarrVectorsError
            If there is nothing to begin with.
        """
        return begin(self._layer, choice, level=level, to=to, limit="auto" if limited else None)

    def finish(self, job: Job[Made]) -> Outcome:
        """Add what a job made, and say how it went, whatever ended it."""
        try:
            made = finish(self._layer, job)
        except CancelledError:
            return Outcome("Cancelled; nothing was added or written.", is_good=False)
        except (ZarrVectorsError, OSError) as error:
            return Outcome(f"{error}", is_good=False)
        except (ValueError, MemoryError) as error:  # of numpy, zarr or napari, which take less than we do
            return Outcome(f"It failed: {type(error).__name__}: {error}", is_good=False)
        viewer = viewer_of(self._layer)
        if viewer is not None:
            viewer.layers.selection = {self._layer}  # napari selects what is added, and the panel would lose its layer
        extracted = job.result().extracted
        what = f"{extracted.vertex_count:,} vertices of level {extracted.level}"
        if isinstance(made, Path):
            return Outcome(f"{what} were written to {made}.", made)
        names = " and ".join(repr(layer.name) for layer in made)
        return Outcome(f"{what} became {names}.")

    def open(self, path: Path) -> Outcome:
        """Open a store that was written, as a layer beside this one."""
        viewer = viewer_of(self._layer)
        if viewer is None:
            return Outcome(f"{self.name} has left its viewer.", is_good=False)
        try:
            state = self._layer.as_layer_data_tuple()[1]
            open_layer(viewer, path, **{key: state[key] for key in PLACED})
        except (ZarrVectorsError, OSError) as error:
            return Outcome(f"{error}", is_good=False)
        return Outcome(f"{path} was opened.")

    def still(self, path: str, *, scale: float, budget: Literal["shown"] | None, cancel: threading.Event) -> Outcome:
        """Save a picture of the viewer; the window stays alive meanwhile."""
        viewer = viewer_of(self._layer)
        if viewer is None:
            return Outcome(f"{self.name} has left its viewer.", is_good=False)
        try:
            return Outcome(f"{save_still(viewer, path, scale=scale, budget=budget, cancel=cancel)}.")
        except CancelledError:
            return Outcome("Cancelled; no picture was written.", is_good=False)
        except (ZarrVectorsError, OSError) as error:
            return Outcome(f"{error}", is_good=False)
