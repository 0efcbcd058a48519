"""`open_layer`: a store becomes a layer at once; its points follow.

Where napari takes no layer of our own it becomes an ordinary Points layer with few points, and it is said why.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_zarr_vectors._controller._engine import Engine
from napari_zarr_vectors._controller._fallback import SETTLE_S, Fallback
from napari_zarr_vectors._controller._few import FewReader
from napari_zarr_vectors._controller._governor import START
from napari_zarr_vectors._controller._kinds import Drawn, drawn_as, wanted_of
from napari_zarr_vectors._controller._opening import Opening
from napari_zarr_vectors._controller._prepare import AUTO, color_choices, no_color, size_choice
from napari_zarr_vectors._controller._running import adding, run, take_out, watch
from napari_zarr_vectors._controller._tuning import POOL_SHARE
from napari_zarr_vectors._layers import (
    LAYER_OPTIONS,
    MOST_POINTS,
    FallbackPoints,
    StreamingLines,
    is_napari_mishap,
    known_units,
    notify,
    refusal,
    register,
)
from napari_zarr_vectors._layers._geometry import MOST_PLACES
from napari_zarr_vectors._layers._lut import is_colormap, no_colormap, rgba_of
from napari_zarr_vectors._model import DisplayFilter, DisplayStyle, LodControl
from napari_zarr_vectors._model.names import meant
from zarr_vectors.core.store import StoreLike
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import LazyStore, open_zv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_zarr_vectors._layers import Clock

__all__ = ["check_color", "open_layer"]

PEER = "zarr-vectors"
PLACES = ("path", "root", "prefix", "url")
"""What zarr's stores and those in them call the place where they lie."""
SLIDER_STEP = 1.0
"""Data units that a step of napari's slider is at most: a layer's extent says so, and its scale carries it on."""
ROUNDING = 1e-9
"""napari divides the length by the step and takes the whole part: no rounding is to leave the last place out."""
TIME_NAMES = ("t", "time")
"""Names of axes that say what a type was not said for: an axis that is given by its name alone has the type space."""
_STYLE = tuple(f.name for f in fields(DisplayStyle))
_FILTER = tuple(f.name for f in fields(DisplayFilter))
_OPTIONS = (*_STYLE, *_FILTER, "budget", "level", *LAYER_OPTIONS)


def open_layer(viewer: Viewer, path: StoreLike, **display: Any) -> list[Layer]:  # noqa: ANN401 - see below
    """Add a streaming layer for a store to a viewer.

    The layer is there when this returns, with the store's extent, units and axis names; its points are read in the
    background and follow the camera from then on. GUI thread only.

    Where this napari takes no layer of our own, an ordinary Points layer is added, and a notification says why: it
    shows at most 50 000 points of what is in view, read anew when the view has been still for a moment.

    Parameters
    ----------
    viewer : napari.Viewer
    path : str, Path, zarr Store or zarr Group
    **display : Any
        Any attribute of `DisplayStyle` (``color_by``, ``colormap``, ``size``.., and ``color`` also as any colour
        that napari knows) and of `DisplayFilter` (``where``, ``groups``, ``object_ids``, ``share``), ``budget`` and
        ``level`` of the layer's `lod`, and napari's own layer options (``name``, ``scale``, ``opacity``,
        ``blending``..).

    Returns
    -------
    list of napari.layers.Layer
        One layer a geometry: `StreamingPoints`, `StreamingLines` or `StreamingSurface`, else `napari.layers.Points`.

    Raises
    ------
    ZarrVectorsError
        If there is no store that can be read, or an option is none; no layer is added then.
    """
    _check_options(display)
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a proxy
    try:
        return _open_once(viewer, path, display)
    except RuntimeError as error:
        if not is_napari_mishap(error):
            raise
    return _open_once(viewer, path, display)


def _check_options(display: dict[str, Any]) -> None:
    unknown = [name for name in display if name not in _OPTIONS]
    if not unknown:
        return
    msg = f"open_layer has no option {unknown[0]!r}; {meant(unknown[0], _OPTIONS)}"
    raise ArgumentError(msg)


def check_color(store: LazyStore, color_by: object) -> None:
    """Refuse what no layer of this store can be coloured by; None and "auto" always can."""
    with_direction = drawn_as(store).layer is StreamingLines
    if color_by not in (None, AUTO, *color_choices(store, with_direction=with_direction)):
        raise no_color(store, color_by, with_direction=with_direction)


def _open_once(viewer: Viewer, path: StoreLike, display: dict[str, Any]) -> list[Layer]:
    reason = refusal()
    _warn_of_peer()
    color_by = display.get("color_by", AUTO)
    with ExitStack() as undo:  # of whatever raises nothing stays: no layer, no thread, no open store
        store = undo.enter_context(open_zv(path, cache_size=0))
        drawn = drawn_as(store)
        check_color(store, color_by)
        if display.get("level") not in (None, *store.levels):
            msg = f"{store.name} has levels {store.levels}, not {display['level']!r}"
            raise ArgumentError(msg)
        made = (
            _streaming(viewer, path, store, drawn, display)
            if reason is None
            else _few(viewer, path, store, color_by, display)
        )
        made.layer.metadata["zarr_vectors"] = {"path": store.name}
        undo.callback(made.cancel)
        if reason is not None:
            _warn_of_fallback(reason)
        if drawn.loss:
            notify(drawn.loss)
        undo.callback(take_out, viewer, made.layer)
        with adding(made.layer):
            viewer.add_layer(made.layer)
        run(viewer, made.layer, made.start)
        watch(viewer)
        undo.pop_all()
    return [made.layer]


class _Made(NamedTuple):
    """A layer to be added, what then has it filled, and what is to be done if nothing comes of it."""

    layer: Layer
    start: Callable[[Clock], Engine | Fallback]
    cancel: Callable[[], None]


def _streaming(viewer: Viewer, path: StoreLike, store: LazyStore, drawn: Drawn, display: dict[str, Any]) -> _Made:
    register()
    display = _sized(store) | display
    color_by = display.get("color_by", AUTO)
    style, lod = _take_intent(display)
    shown = _take_filter(display)
    # The engine makes more room when it knows how much there is to show.
    own = {"winding_order": store.winding_order} if drawn.is_surface else {}
    rows = START if lod.budget == "auto" else min(START, lod.budget)
    with ExitStack() as undo:
        origin = store.extent.mean(axis=0)
        opening = Opening(store, color_by, drawn, wanted_of(shown), origin=origin, style=style)
        undo.callback(opening.cancel)
        with _as_argument_errors():
            layer = drawn.layer(
                store.extent,
                lod=lod,
                style=style,
                shown=shown,
                source=store.name,
                place=path,
                origin=origin,
                default_slab=_default_slab(store),
                pool_rows=int(rows * POOL_SHARE * drawn.rows_a_vertex),
                **(own | _layer_options(path, store) | display),
            )
        undo.pop_all()
    return _Made(layer, lambda clock: Engine(viewer, layer, store, clock, opening), opening.cancel)


def _few(viewer: Viewer, path: StoreLike, store: LazyStore, color_by: str | None, display: dict[str, Any]) -> _Made:
    style, lod = _take_intent(display)
    if not _take_filter(display).is_open:
        notify(f"{store.name} is shown whole: an ordinary layer has no filter.")
    most = MOST_POINTS if lod.budget == "auto" else min(MOST_POINTS, lod.budget)
    with _as_argument_errors():
        points = FallbackPoints(store.extent, style, **(_layer_options(path, store) | display))
    as_labels = style.color_mode == "cycle"
    reader = FewReader(store, most=most, color_by=color_by, level=lod.level, as_labels=as_labels)
    return _Made(points.layer, lambda clock: Fallback(viewer, points, store, reader, clock), lambda: None)


def _take_intent(display: dict[str, Any]) -> tuple[DisplayStyle, LodControl]:
    """Take what is ours out of the options; napari's stay."""
    wanted = {name: display.pop(name) for name in _STYLE if name in display}
    with _as_argument_errors():
        wanted |= {"color": rgba_of(wanted["color"])} if "color" in wanted else {}
        style = DisplayStyle(**wanted)
        lod = LodControl(budget=display.pop("budget", "auto"), level=display.pop("level", None))
    if not is_colormap(style.colormap):
        raise ArgumentError(no_colormap(style.colormap))
    return style, lod


def _take_filter(display: dict[str, Any]) -> DisplayFilter:
    with _as_argument_errors():
        return DisplayFilter(**{name: display.pop(name) for name in _FILTER if name in display})


@contextmanager
def _as_argument_errors() -> Iterator[None]:
    """Have what models and napari refuse raised as all that this library refuses."""
    try:
        yield
    except ValueError as error:
        raise ArgumentError(str(error)) from error


def _sized(store: LazyStore) -> dict[str, Any]:
    """Give the style of neurons that have radii: as thick as they are."""
    name = size_choice(store)
    return {} if name is None else {"size_by": name, "size": 2.0, "size_mode": "world"}


def _default_slab(store: LazyStore) -> npt.NDArray[np.float64]:
    """Give how much is shown along axes that are not displayed, (D,) data units: a bin of space, one moment of time.

    napari's slider has places from the lowest coordinate on, a unit apart, or as far as a thinner slab is thick
    (`slider_step`). Of space they leave nothing out: a bin of less than a unit is widened until the last place is the
    highest coordinate, and what is left beyond the last one of a unit is reached from there. Along other axes a bin is
    as many moments as a chunk where no bin was given, and what lies between two places is nobody's moment.
    """
    is_space = [axis.type == "space" and axis.name.lower() not in TIME_NAMES for axis in store.axes]
    bins, length = np.array(store.bin_shape, np.float64), store.extent[1] - store.extent[0]
    many = np.floor(length / bins)
    fine = np.where(many > 0, length / np.maximum(many, 1) * (1 - ROUNDING), np.maximum(bins, 2 * length))
    coarse = np.maximum(bins, 2 * np.mod(length, SLIDER_STEP))
    space = np.maximum(np.where(bins < SLIDER_STEP, fine, coarse), length / MOST_PLACES)
    return np.where(is_space, space, np.minimum(bins, SLIDER_STEP))


def _layer_options(path: StoreLike, store: LazyStore) -> dict[str, Any]:
    return {
        "name": _name_of(path, store),
        "axis_labels": tuple(axis.name for axis in store.axes),
        "units": known_units([axis.unit for axis in store.axes]),
        "blending": "translucent",
    }


def _name_of(path: StoreLike, store: LazyStore) -> str:
    """Give the last part of where a store lies; what it holds where it lies nowhere, as in memory."""
    place = store.name if os.path.isabs(store.name) else _place_of(path)
    return place.rstrip("/").rpartition("/")[2] or store.geometry_type.replace("_", " ") or "store"


def _place_of(store: object) -> str:
    """Give where a zarr Store, Group or what is in one lies, as it says itself; empty where it does not say."""
    own = next((str(place) for name in PLACES if (place := getattr(store, name, None))), "")
    inner = getattr(store, "store", None)
    return own or ("" if inner is None else _place_of(inner))


def _warn_of_fallback(reason: str) -> None:
    """Say, once for each reason, that an ordinary layer takes the place of a streaming one."""
    if reason in _refused:
        return
    _refused.append(reason)
    notify(
        f"Points cannot be streamed: {reason}. An ordinary Points layer is used instead. It shows at most "
        f"{MOST_POINTS:,} points of what is in view, of one level, and does not follow the camera frame by frame: it "
        f"is filled anew when the view has been still for {SETTLE_S:g} s."
    )


_refused: list[str] = []


def _warn_of_peer() -> None:
    """Say so if the PyPI package of the same import name is installed: the two overwrite each other's files."""
    if _warned:
        return
    try:
        found = version(PEER)
    except PackageNotFoundError:
        return
    _warned.append(found)
    notify(
        f"The package {PEER} {found} is installed beside napari-zarr-vectors and both bring an import package named "
        f"zarr_vectors: uninstall both, then install napari-zarr-vectors alone, and keep {PEER} in an environment "
        "of its own."
    )


_warned: list[str] = []
