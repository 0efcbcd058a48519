"""`make screenshots`: renew the pictures of the documentation, each a real napari canvas.

`make screenshots ARGS="FOLDER FILE .."` writes some of them, or elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from PIL import Image

from napari_zarr_vectors._controller import open_layer
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._qt import ExtractDock
from napari_zarr_vectors._samples import SAMPLES, sample_store

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
BUDGET = 2_500_000
VOXEL = 3.0


@dataclass(frozen=True)
class Shot:
    """A picture: sample, camera, file, what is not as usual; with a dock the whole window, in which things are done."""

    sample: str
    file: str
    angles: tuple[float, float, float]
    zoom: float
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    dock: str = ""
    small: bool = False
    chosen: tuple[int, ...] = ()
    """Objects that are chosen, in the dock of objects."""
    extracts: tuple[int, ...] = ()
    display: Mapping[str, Any] = field(default_factory=dict)
    at: float | None = None
    """Where it is cut, over an image of where its vertices lie; None for a view in 3-D."""


def plain(file: str) -> Shot:
    """Give the shot of a sample as `zarr-vectors demo` shows it, small enough for the documentation."""
    sample = SAMPLES[file.removesuffix(".png")]
    return Shot(file.removesuffix(".png"), file, sample.angles, sample.zoom, small=True)


SHOTS = (
    Shot("galaxy", "galaxy.png", SAMPLES["galaxy"].angles, SAMPLES["galaxy"].zoom),
    Shot("terrain", "terrain.png", SAMPLES["terrain"].angles, SAMPLES["terrain"].zoom, dock="Display"),
    Shot(
        "terrain",
        "eye_dome.png",
        SAMPLES["terrain"].angles,
        2.5,
        (0.0, 150.0, -150.0),
        small=True,
        display={"eye_dome": 1.0},
    ),
    Shot("neurons", "objects.png", SAMPLES["neurons"].angles, SAMPLES["neurons"].zoom, small=True, chosen=(12, 40, 77)),
    Shot(
        "neurons",
        "extract.png",
        SAMPLES["neurons"].angles,
        SAMPLES["neurons"].zoom,
        dock="Extract",
        small=True,
        extracts=(20, 77, 130, 191),
    ),
    Shot(
        "neurons",
        "legend.png",
        SAMPLES["neurons"].angles,
        1.6,
        small=True,
        display={"color_by": "type", "legend": True, "size": 3.0},
    ),
    Shot("surface", "slice.png", (0.0, 0.0, 90.0), 0.95, small=True, at=20.0),
    *(plain(f"{name}.png") for name in ("tractogram", "neurons", "surface", "timelapse")),
)


def shrink(path: Path) -> None:
    """Make a picture two thirds as wide, which also smooths its edges, and take 256 colours."""
    with Image.open(path) as picture:
        size = (picture.width * 2 // 3, picture.height * 2 // 3)
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    small.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


def extract(window: Window, layer: Layer, panel: ExtractDock, ids: tuple[int, ...]) -> None:
    """Extract some objects by the panel, and let the others fade."""
    layer.selection.ids = ids
    panel.part.setCurrentIndex(1)
    window.process(1.5)
    panel.run.click()
    window.wait_until(lambda: not panel.is_busy, 60)
    panel.part.setCurrentIndex(0)
    layer.selection.ids = ()  # what is chosen is drawn in front of what was extracted
    layer.opacity, layer.blending = 0.1, "translucent_no_depth"
    window.process(2.0)


def cut(window: Window, layer: Layer, at: float) -> None:
    """Show a slice of a layer, over an image of voxels of three units: how many vertices lie in each."""
    vertices = np.concatenate([built.positions for built, *_ in layer.pool.drawn()]) + layer.origin
    sides = [np.arange(low, high + VOXEL, VOXEL) for low, high in layer.extent.data.T]
    counts, _ = np.histogramdd(vertices, sides)
    middle = [side[0] + VOXEL / 2 for side in sides]
    image = window.viewer.add_image(np.sqrt(counts), scale=[VOXEL] * 3, translate=middle, units=layer.units)
    image.opacity = 0.6
    window.viewer.layers.move(1, 0)
    window.viewer.dims.ndisplay = 2
    window.viewer.dims.set_point(0, at)
    window.viewer.reset_view()


def main(folder: Path, files: list[str]) -> None:
    """Write pictures into `folder`: those of these names, or all."""
    folder.mkdir(parents=True, exist_ok=True)
    for shot in (shot for shot in SHOTS if not files or shot.file in files):
        window = Window(ndisplay=3, size=(1500, 1000))
        sample = SAMPLES[shot.sample]
        display = {**sample.display, **shot.display}
        layer = open_layer(window.viewer, sample_store(shot.sample), budget=BUDGET, **display)[0]
        if shot.dock:
            _, panel = window.viewer.window.add_plugin_dock_widget("napari-zarr-vectors", shot.dock)
            window.process(0.5)
        if shot.chosen:
            window.viewer.window.add_plugin_dock_widget("napari-zarr-vectors", "Objects")
            layer.style.color_by, layer.selection.ids = "group", shot.chosen
            window.process(2.0)
        window.look(angles=shot.angles, zoom=shot.zoom)
        camera = window.viewer.scene.camera
        camera.center = tuple(c + o for c, o in zip(camera.center, shot.offset, strict=True))
        if shot.at is not None:
            window.wait_until(lambda status=layer.lod: status.status.complete, 120)
            cut(window, layer, shot.at)
        complete = window.wait_until(lambda status=layer.lod: status.status.complete, 120)
        if shot.extracts:
            extract(window, layer, panel, shot.extracts)
        window.process(3.0)  # a paint takes a second or two here, and the panel tells it after that
        window.save(folder / shot.file, whole=bool(shot.dock or shot.chosen))
        print(f"{folder / shot.file}: {layer.lod.status} {'' if complete else 'NOT COMPLETE'}", flush=True)
        window.close()
        if shot.small:
            shrink(folder / shot.file)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES, sys.argv[2:])
