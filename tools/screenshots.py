"""`make screenshots`: renew the pictures of the documentation, each a real napari canvas."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from napari_zarr_vectors._controller import open_layer
from napari_zarr_vectors._layers import Window
from napari_zarr_vectors._samples import SAMPLES, sample_store

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
BUDGET = 2_500_000


@dataclass(frozen=True)
class Shot:
    """A picture: sample, camera and file."""

    sample: str
    file: str
    angles: tuple[float, float, float]
    zoom: float
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    with_dock: bool = False


SHOTS = (
    Shot("galaxy", "galaxy.png", SAMPLES["galaxy"].angles, SAMPLES["galaxy"].zoom),
    Shot("terrain", "terrain.png", SAMPLES["terrain"].angles, SAMPLES["terrain"].zoom, with_dock=True),
    Shot("terrain", "terrain_near.png", SAMPLES["terrain"].angles, 5.0, (0.0, 300.0, -250.0)),
)


def main(folder: Path) -> None:
    """Write every picture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for shot in SHOTS:
        window = Window(ndisplay=3, size=(1500, 1000))
        sample = SAMPLES[shot.sample]
        layer = open_layer(window.viewer, sample_store(shot.sample), budget=BUDGET, **sample.display)[0]
        if shot.with_dock:
            window.viewer.window.add_plugin_dock_widget("napari-zarr-vectors", "Zarr Vectors display")
            window.process(0.5)
        window.look(angles=shot.angles, zoom=shot.zoom)
        camera = window.viewer.scene.camera
        camera.center = tuple(c + o for c, o in zip(camera.center, shot.offset, strict=True))
        complete = window.wait_until(lambda status=layer.lod: status.status.complete, 120)
        window.save(folder / shot.file, whole=shot.with_dock)
        print(f"{folder / shot.file}: {layer.lod.status} {'' if complete else 'NOT COMPLETE'}", flush=True)
        window.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
