"""`zarr-vectors demo`: a sample store in napari; without a display, a picture of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from napari_zarr_vectors._controller import open_layer, status_of
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._samples import SAMPLES, sample_store

__all__ = ["demo"]

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
    nobody = bool(os.environ.get("ZARR_VECTORS_HEADLESS")) or output is not None
    window = Window(ndisplay=3, size=(1500, 1000))
    options = {"name": name, **sample.display}
    if nobody:
        options["budget"] = PICTURE_BUDGET
    layer = open_layer(window.viewer, place, **options)[0]
    window.look(angles=sample.angles, zoom=sample.zoom)
    if not nobody:
        window.fly_in(FLIGHT_S)
        window.run()
        return 0
    picture = (output or Path("out") / f"{name}.png").absolute()
    picture.parent.mkdir(parents=True, exist_ok=True)
    whole = window.wait_until(lambda: status_of(layer).complete, PATIENCE_S)
    window.save(picture)
    status = status_of(layer)
    window.close()
    print(f"{status.shown_vertices:,} vertices of levels {sorted(status.levels)} drawn", flush=True)
    print(f"picture: {picture}", flush=True)
    if not whole:
        print(f"the picture is not complete: {status}", file=sys.stderr)
        return 1
    return 0
