"""The manifest's reader: recognises a store by its name or by one small file, then adds streaming layers.

What has our suffix is ours whatever it is: reading it says what is wrong, where "refused the file" would not. npe2
offers a reader that takes folders for every folder, whatever its name, so the first question must be answered
fast and without reading anything large.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from napari_zarr_vectors._controller import open_layer
from napari_zarr_vectors._jobs import is_store
from napari_zarr_vectors._layers import current_viewer, look, notify, run_apart
from napari_zarr_vectors._samples import SAMPLES, has_sample_store, sample_store
from zarr_vectors.core.paths import local_folder
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv

if TYPE_CHECKING:
    from napari.viewer import Viewer

__all__ = ["get_reader"]

LayerData: TypeAlias = tuple[Any, ...]
SAMPLE_SCHEME = "zv-sample"
SUFFIXES = (".zarrvectors", ".zv")
MAKE_SAMPLE = "from napari_zarr_vectors._samples import sample_store; sample_store(sys.argv[1])"
_MAKING: dict[tuple[int, str], Callable[[], bool]] = {}
"""By sample: tells whether it is still being made."""


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Give the reader if every path is or is named as a Zarr Vectors store (or is a sample's address), else None."""
    paths = [path] if isinstance(path, str) else path
    return read if paths and all(_is_ours(p) for p in paths) else None


def read(path: str | list[str]) -> list[LayerData]:
    """Add a streaming layer for each store to the viewer in front.

    Returns
    -------
    list
        ``[(None,)]``, which tells napari that the layers are there; without a viewer an ordinary Points layer of
        each store's coarsest level.
    """
    paths = [path] if isinstance(path, str) else path
    viewer = current_viewer()
    if viewer is None:
        return [_coarsest(_place(p)[0]) for p in paths]
    for one in paths:
        name = _sample_name(one)
        if name is not None and not has_sample_store(name):
            _make_then_open(viewer, one, name)
        else:
            _open(viewer, one)
    return [(None,)]


def _make_then_open(viewer: Viewer, path: str, name: str) -> None:
    """Make a sample in a process of its own, which takes seconds, and open it when it is there."""
    mine = (id(viewer), name)  # each window makes its own: it ends with that window
    if mine in _MAKING and _MAKING[mine]():
        notify(f"The sample {name!r} is being made; it opens when it is there.")
        return
    notify(f"Making the sample {name!r}, once; it opens when it is there.")

    def failed(reason: str) -> None:
        notify(f"The sample {name!r} could not be made: {reason}")

    _MAKING[mine] = run_apart(viewer, MAKE_SAMPLE, [name], lambda: _open(viewer, path), failed)


def _open(viewer: Viewer, path: str) -> None:
    """Add a layer; a sample that is alone is shown from where it looks best."""
    alone = not len(viewer.layers)
    place, display = _place(path)
    open_layer(viewer, place, **display)
    name = _sample_name(path)
    if alone and name is not None:
        look(viewer, angles=SAMPLES[name].angles, zoom=SAMPLES[name].zoom)


def _scheme(path: str) -> str:
    return urlsplit(path).scheme if "://" in path else ""


def _is_ours(path: str) -> bool:
    scheme = _scheme(path)
    if scheme == SAMPLE_SCHEME:
        return _sample_name(path) in SAMPLES
    if path.rstrip("/\\").endswith(SUFFIXES):
        return True
    if scheme not in ("", "file"):
        return False
    try:
        return is_store(Path(local_folder(path)))
    except ArgumentError:  # no path at all
        return False


def _sample_name(path: str) -> str | None:
    """Give the sample that an address names; None for an ordinary path."""
    return urlsplit(path).netloc.removesuffix(".zarrvectors") if _scheme(path) == SAMPLE_SCHEME else None


def _place(path: str) -> tuple[str, dict[str, Any]]:
    """Give the folder of a path and how to show it; a sample that is not there yet is made."""
    name = _sample_name(path)
    if name is None:
        return path, {}
    return str(sample_store(name)), {"name": name, **SAMPLES[name].display}


def _coarsest(path: str) -> LayerData:
    """Read the coarsest level as an ordinary Points layer."""
    with open_zv(path) as store:
        found = store.read(level=store.levels[-1])
        name = Path(path).name
    arrays = {key: values for key, values in found.attributes.items() if not isinstance(values, list)}
    features = {key: values for key, values in arrays.items() if values.ndim == 1}
    return found.positions, {"name": name, "features": features, "size": 1}, "points"
