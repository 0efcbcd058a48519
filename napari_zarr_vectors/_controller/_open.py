"""`open_layer`: a store becomes a layer at once; its points follow."""

from __future__ import annotations

from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_zarr_vectors._controller._engine import POOL_SHARE, Engine
from napari_zarr_vectors._controller._governor import START
from napari_zarr_vectors._controller._prepare import AUTO
from napari_zarr_vectors._layers import Clock, StreamingPoints, known_units, notify, register
from napari_zarr_vectors._model import DisplayStyle, LodControl
from zarr_vectors.core.store import StoreLike
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import LazyStore, open_zv

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["engine_of", "open_layer"]

PEER = "zarr-vectors"
_STYLE = tuple(f.name for f in fields(DisplayStyle))
_ENGINES: dict[int, Engine] = {}
"""By layer: what keeps an engine and its clock alive, which Qt and napari hold weakly, until the layer ends."""


def open_layer(viewer: Viewer, path: StoreLike, **display: Any) -> list[StreamingPoints]:  # noqa: ANN401 - see below
    """Add a streaming layer for a store to a viewer.

    The layer is there when this returns, with the store's extent, units and axis names; its points are read in the
    background and follow the camera from then on. GUI thread only.

    Parameters
    ----------
    viewer : napari.Viewer
    path : str, Path, zarr Store or zarr Group
    **display : Any
        Any attribute of `DisplayStyle` (``color_by``, ``colormap``, ``size``..), ``budget`` and ``level`` of the
        layer's `lod`, and napari's own layer options (``name``, ``scale``, ``opacity``, ``blending``..).

    Returns
    -------
    list of StreamingPoints
        One layer a geometry.

    Raises
    ------
    ZarrVectorsError
        If there is no store that can be read; no layer is added then.
    """
    register()
    _warn_of_peer()
    color_by = display.get("color_by", AUTO)
    store = open_zv(path, cache_size=0)
    try:
        if color_by not in (None, AUTO, *store.attribute_names(store.levels[0])):
            msg = f"{store.name} has no vertex attribute {color_by!r} to colour by"
            raise ArgumentError(msg)
        layer = _make_layer(store, display)
    except (ValueError, TypeError):
        store.close()
        raise
    viewer.add_layer(layer)
    layer.metadata["zarr_vectors"] = {"path": store.name}
    clock = Clock(viewer, layer)
    _ENGINES[id(layer)] = Engine(viewer, layer, store, clock, color_by)
    clock.on_end(lambda: _forget(layer))
    return [layer]


def _forget(layer: StreamingPoints) -> None:
    _ENGINES.pop(id(layer), None)


def _make_layer(store: LazyStore, display: dict[str, Any]) -> StreamingPoints:
    style = DisplayStyle(**{name: display.pop(name) for name in _STYLE if name in display})
    lod = LodControl(budget=display.pop("budget", "auto"), level=display.pop("level", None))
    rows = START if lod.budget == "auto" else lod.budget
    options: dict[str, Any] = {
        "name": store.name.rstrip("/").rpartition("/")[2],
        "axis_labels": tuple(axis.name for axis in store.axes),
        "units": known_units([axis.unit for axis in store.axes]),
        "blending": "translucent",
    }
    return StreamingPoints(
        store.extent,
        lod=lod,
        style=style,
        source=store.name,
        default_slab=np.array(store.bin_shape),
        pool_rows=int(rows * POOL_SHARE),
        **(options | display),
    )


def engine_of(layer: StreamingPoints) -> Engine | None:
    """Give the engine that fills a layer; None once the layer has ended."""
    return _ENGINES.get(id(layer))


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
