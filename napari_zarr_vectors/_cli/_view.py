"""`zarr-vectors view`: a store in napari."""

from __future__ import annotations

from typing import Any

from napari_zarr_vectors._controller import open_layer
from napari_zarr_vectors._controller._open import check_color
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._layers._lut import is_colormap, no_colormap
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv

__all__ = ["view"]

SIZE = (1500, 1000)


def view(path: str, *, budget: int | None, color_by: str | None, colormap: str | None, ndisplay: int | None) -> None:
    """Show a store until its window is closed.

    Parameters
    ----------
    path : str
    budget : int or None
        Vertices that may be shown; None leaves it to the machine.
    color_by : str or None
        As for `open_layer`; None leaves it to the store.
    colormap : str or None
        A name that napari knows.
    ndisplay : 2, 3 or None
        None is 3 for a store with three or more axes.

    Raises
    ------
    ZarrVectorsError
        If the store cannot be read, or has not what is asked for; no window is opened then.
    """
    axes = _check(path, color_by, ndisplay)
    asked: dict[str, Any] = {"budget": budget, "color_by": color_by, "colormap": colormap}
    if colormap is not None and not is_colormap(colormap):
        raise ArgumentError(no_colormap(colormap))
    window = Window(ndisplay=ndisplay or min(3, axes), size=SIZE)
    try:
        open_layer(window.viewer, path, **{name: value for name, value in asked.items() if value is not None})
        window.viewer.reset_view()
        window.run()
    finally:
        window.close()


def _check(path: str, color_by: str | None, ndisplay: int | None) -> int:
    """Refuse what the store has not; give the number of its axes."""
    with open_zv(path, cache_size=0) as store:
        check_color(store, color_by)
        if ndisplay is not None and ndisplay > store.spatial_dims:
            msg = f"{store.name} has {store.spatial_dims} axes; it cannot be shown in {ndisplay}-D"
            raise ArgumentError(msg)
        return store.spatial_dims
