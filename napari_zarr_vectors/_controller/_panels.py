"""What a panel is about: the selected streaming layer's models, and facts of its store as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from weakref import ref

import numpy as np

from napari_zarr_vectors._controller._kinds import shape_of
from napari_zarr_vectors._controller._running import engine_of
from napari_zarr_vectors._controller._views import actions_of
from napari_zarr_vectors._layers._lut import DISTINCT, category_lut
from napari_zarr_vectors._layers._selection import LayerSelection

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from napari.viewer import Viewer

    from napari_zarr_vectors._controller._views import DisplayActions
    from napari_zarr_vectors._layers import StreamingLayer
    from napari_zarr_vectors._model import DisplayFilter, DisplayStyle, LodControl

__all__ = ["DisplayFacts", "DisplayTarget", "Follower"]


@dataclass(frozen=True, slots=True, eq=False)
class DisplayFacts:
    """What a store offers for display; nothing of it can be edited.

    Attributes
    ----------
    name : str
        Of the layer.
    levels : tuple of (number, vertices)
        Finest first; empty until the store has been looked at.
    attributes : tuple of str
        What can colour points.
    kind : "none", "scalar", "category", "rgb" or "direction"
        What the attribute that colours them is.
    limits : (lo, hi)
        Of a scalar in the data.
    words : tuple of str
        Of a category, by code.
    labels : tuple of int
        Of a scalar of whole numbers, those that are known; empty where they cannot have colours of their own.
    colors : (n, 4) uint8
        Of a category, by code; of labels, by number; those beyond n start over.
    ndim : int
    slab : float
        Thickness of an automatic slab, data units; the largest of all axes.
    shape : "points", "lines" or "surface"
    sizes : tuple of str
        What can size points and lines.
    objects : int
    groups : tuple of str
    axes : tuple of str
        Names, by data axis; empty where they do not matter.
    bounds : (lo, hi)
        Of the layer, a number for each axis, data units.
    """

    name: str
    levels: tuple[tuple[int, int], ...] = ()
    attributes: tuple[str, ...] = ()
    kind: Literal["none", "scalar", "category", "rgb", "direction"] = "none"
    limits: tuple[float, float] = (0.0, 1.0)
    words: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()
    colors: npt.NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, 4), np.uint8))
    ndim: int = 3
    slab: float = 1.0
    shape: Literal["points", "lines", "surface"] = "points"
    sizes: tuple[str, ...] = ()
    objects: int = 0
    groups: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    bounds: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())


@dataclass(frozen=True, slots=True, eq=False)
class DisplayTarget:
    """One layer as the display panel sees it: three models to set and follow, facts, and what buttons do."""

    style: DisplayStyle
    lod: LodControl
    facts: DisplayFacts
    shown: DisplayFilter
    actions: DisplayActions


class Follower:
    """Tells a panel what to show: the selected streaming layer, whenever it or what is known of it changes.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    show : callable
        Called on the GUI thread with a `DisplayTarget`, or None when no streaming layer is selected.
    release : callable
        Called when following ends, also after Qt has deleted the panel: to disconnect from the models, and no more.
    make : callable, optional
        Makes of a layer what `show` is called with, in place of a `DisplayTarget`.
    """

    def __init__(
        self,
        viewer: Viewer,
        show: Callable[[Any], None],
        release: Callable[[], None],
        make: Callable[[StreamingLayer], Any] | None = None,
    ) -> None:
        self._viewer = ref(viewer)
        self._show, self._release = show, release
        self._make = _display_target if make is None else make
        self._selection: LayerSelection | None = None
        self._layer: StreamingLayer | None = None

    @property
    def is_open(self) -> bool:
        """Whether anything is followed."""
        return self._selection is not None

    def open(self) -> None:
        """Start to follow, and show what is selected now."""
        viewer = self._viewer()
        if self._selection is None and viewer is not None:
            self._selection = LayerSelection(viewer, self._on_selection)
            self._connect(self._selection.current)
            self._on_facts()

    def close(self) -> None:
        """Stop: nothing refers to the panel any more."""
        if self._selection is not None:
            self._selection.close()
            self._selection = None
            self._connect(None)
            self._release()

    def _on_selection(self) -> None:
        current = None if self._selection is None else self._selection.current
        if current is not self._layer:
            self._connect(current)
            self._on_facts()

    def _connect(self, layer: StreamingLayer | None) -> None:
        """Follow what is known of this layer, in place of the one before."""
        if self._layer is not None:
            for emitter in (self._layer.events.value_info, self._layer.events.name):
                emitter.disconnect(self._on_facts)
        self._layer = layer
        if layer is not None:
            # The engine says that the store has been looked at, and that colours changed, by the value info.
            for emitter in (layer.events.value_info, layer.events.name):
                emitter.connect(self._on_facts)

    def _on_facts(self, event: object = None) -> None:
        layer = self._layer
        self._show(None if layer is None else self._make(layer))


def _display_target(layer: StreamingLayer) -> DisplayTarget:
    return DisplayTarget(layer.style, layer.lod, _facts(layer), layer.filter, actions_of(layer))


def _facts(layer: StreamingLayer) -> DisplayFacts:
    engine = engine_of(layer)
    slab = float(np.max(layer.default_slab))
    axes, bounds = tuple(layer.axis_labels), (tuple(layer.bounds[0].tolist()), tuple(layer.bounds[1].tolist()))
    if engine is None or engine.colors is None:
        return DisplayFacts(layer.name, ndim=layer.ndim, slab=slab, shape=shape_of(layer), axes=axes, bounds=bounds)
    store, colors = engine.store, engine.colors
    return DisplayFacts(
        name=layer.name,
        levels=tuple((level, store.vertex_count(level)) for level in store.levels),
        attributes=colors.choices,
        kind=colors.info.kind,
        limits=colors.info.limits,
        words=colors.words,
        labels=colors.info.labels,
        colors=category_lut(DISTINCT if colors.info.labels else colors.info.categories),
        ndim=layer.ndim,
        slab=slab,
        shape=shape_of(layer),
        sizes=colors.sizes,
        objects=colors.objects,
        groups=colors.groups,
        axes=axes,
        bounds=bounds,
    )
