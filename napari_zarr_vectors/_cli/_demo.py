"""`zarr-vectors demo`: a sample store in napari; without a display, a picture of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_zarr_vectors._controller import open_layer, status_of
from napari_zarr_vectors._layers import StreamingLayer, Window
from napari_zarr_vectors._samples import SAMPLES, sample_store
from zarr_vectors.lazy import open_zv

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_zarr_vectors._model import LodStatus

__all__ = ["demo", "look_closely", "what_is_drawn"]

PICTURE_BUDGET = 2_500_000
"""All of a sample: a picture is looked at for longer than a frame."""
PATIENCE_S = 120.0
FLIGHT_S = 8.0


def demo(name: str, output: Path | None) -> int:
    """Make the sample `name` if need be and show it; with nobody to look, write a PNG to `output`.

    Returns
    -------
    int
        The exit code.
    """
    sample = SAMPLES[name]
    print(f"making the sample {name!r} ({sample.amount:,} {sample.unit}), if it is not there yet ...", flush=True)
    place = sample_store(name)
    print(f"store: {place}", flush=True)
    with open_zv(place) as store:
        total = store.vertex_count(0)
    nobody = bool(os.environ.get("ZARR_VECTORS_HEADLESS")) or output is not None
    window = Window(ndisplay=3, size=(1500, 1000))
    options = {"name": name, **sample.display}
    if nobody:
        options["budget"] = PICTURE_BUDGET
    layer = open_layer(window.viewer, place, **options)[0]
    window.look(angles=sample.angles, zoom=sample.zoom)
    if not nobody:
        print("a window opens and the camera flies up to it; move it yourself at any time", flush=True)
        window.fly_in(FLIGHT_S, landed=lambda: look_closely(window, layer))
        window.run()
        return 0
    picture = (output or Path("out") / f"{name}.png").absolute()
    picture.parent.mkdir(parents=True, exist_ok=True)
    whole = window.wait_until(lambda: status_of(layer).complete, PATIENCE_S)
    window.save(picture)
    status = status_of(layer)
    window.close()
    print(what_is_drawn(status, total), flush=True)
    print(f"picture: {picture}", flush=True)
    if not whole:
        print(f"the picture is not complete: {status}", file=sys.stderr)
        return 1
    return 0


def look_closely(window: Window, layer: Layer) -> None:
    """Show all of the sample, as the picture does, until the camera is moved: then the frame rate counts again."""
    if not isinstance(layer, StreamingLayer):
        return
    layer.lod.budget = PICTURE_BUDGET
    window.when_moved(lambda: setattr(layer.lod, "budget", "auto"))


def what_is_drawn(status: LodStatus, total: int) -> str:
    """Say how many of a store's vertices are drawn, and where the others are."""
    shown, levels = status.shown_vertices, sorted(status.levels)
    rest = "" if shown == total else "; the others lie outside of the view"
    if levels != [0]:
        return f"{shown:,} of {total:,} vertices drawn, of levels {levels}: they stand for the others in view"
    return f"{shown:,} of {total:,} vertices drawn{rest}"
