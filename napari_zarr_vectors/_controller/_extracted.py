"""What was extracted, as tables and colours (any thread), and as layers (GUI thread)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_zarr_vectors._jobs import edge_features, line_features, vertex_features
from napari_zarr_vectors._layers import (
    Look,
    Net,
    Paths,
    Shells,
    ValueInfo,
    camera_of,
    layers_of,
    napari_size,
    world_step,
    world_unit,
)
from napari_zarr_vectors._stream import color_values, no_values

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_zarr_vectors._controller._prepare import Colors
    from napari_zarr_vectors._jobs import Extracted
    from napari_zarr_vectors._layers import StreamingLayer
    from napari_zarr_vectors._stream import Coloring

__all__ = ["Made", "layers_from", "made_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a job of extracting made: all that napari needs but the layers, or a store.

    Attributes
    ----------
    extracted : Extracted
    name : str
        Of what comes out.
    values : (V,) float32 or None
        What colours each vertex, as the streaming layer's.
    info : ValueInfo
        What these mean.
    features : dict of (V,) arrays
    joined : Paths, Net, Shells or None
    path : Path or None
        Where it was written, if it was.
    note : str
        What a person is to be told of it; empty for nothing.
    """

    extracted: Extracted
    name: str
    values: npt.NDArray[np.float32] | None = None
    info: ValueInfo = field(default_factory=ValueInfo)
    features: dict[str, Any] = field(default_factory=dict)
    joined: Paths | Net | Shells | None = None
    path: Path | None = None
    note: str = ""


def made_of(extracted: Extracted, name: str, colors: Colors | None, *, with_tables: bool = True) -> Made:
    """Make tables and colours."""
    if not with_tables:
        return Made(extracted, name)
    features = vertex_features(extracted)
    values = None if colors is None else _values(extracted, colors.coloring)
    info = ValueInfo() if colors is None else colors.info
    joined = _joined(extracted, features)
    return Made(extracted, name, values, info, features, joined, note=_shortness(joined))


def _shortness(joined: Paths | Net | Shells | None) -> str:
    """Say of how many lines layers show nothing; empty for none."""
    short = int((np.diff(joined.offsets) < 2).sum()) if isinstance(joined, Paths) else 0
    if not short:
        return ""
    return f"{short:,} of the lines have fewer than two vertices: napari has no path for them, a store keeps them"


def layers_from(viewer: Viewer, layer: StreamingLayer, made: Made) -> list[Layer]:
    """Make layers; they are in no viewer yet."""
    extracted = made.extracted
    zoom = float(camera_of(viewer).zoom)
    unit = world_unit(viewer, layer)
    size = napari_size(layer.style, zoom, unit, float(layer.scale[-1]))
    thickness = napari_size(layer.style, zoom, unit, world_step(viewer, layer))
    sizes = extracted.sizes(layer.style.size_by)
    look = Look(made.values, made.info, layer.style, size, thickness, sizes)
    about = {"path": extracted.source, "level": extracted.level}
    return layers_of(layer, made.name, extracted.result.positions, made.features, made.joined, look, about)


def _joined(extracted: Extracted, features: dict[str, Any]) -> Paths | Net | Shells | None:
    found: Any = extracted.result
    if hasattr(found, "faces"):
        return Shells(found.faces)
    if hasattr(found, "edges"):
        return Net(found.edges, edge_features(extracted, features))
    if hasattr(found, "offsets"):
        return Paths(found.offsets, line_features(extracted))
    if hasattr(found, "lines"):
        return Paths(np.arange(found.line_count + 1) * 2, line_features(extracted))
    return None


def _values(extracted: Extracted, coloring: Coloring) -> npt.NDArray[np.float32] | None:
    """Give the number that colours each vertex, as the streaming layer has it."""
    if coloring.objects is not None and extracted.owners is not None:
        ids, number = np.unique(extracted.owners, return_inverse=True)
        return coloring.objects.of(ids)[number]
    if coloring.attribute is None or coloring.attribute not in extracted.result.attributes:
        return no_values(coloring, extracted.vertex_count)
    values = extracted.vertex_values(coloring.attribute)
    if coloring.kind == "category":
        place = {word: code for code, word in enumerate(coloring.words)}
        words, number = np.unique(values.astype(str), return_inverse=True)
        values = np.array([place.get(word, -1) for word in words.tolist()], np.int64)[number]
    return color_values(coloring, values)
