"""What was extracted as ordinary napari layers, where the streaming layer is and looking like it.

napari's Shapes take about a second for a hundred lines, its Vectors for a hundred thousand steps, its Tracks need an
axis of time that lines have not: few lines become Shapes, which can be edited, many become Vectors, a step each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Layer, Points, Shapes, Surface, Vectors

from napari_zarr_vectors._build import MISSING_VALUE
from napari_zarr_vectors._layers._colored import colors_of, drawn_info, known_colormap
from napari_zarr_vectors._layers._layer import StreamingLayer, ValueInfo
from napari_zarr_vectors._layers._legend import direction_order
from napari_zarr_vectors._model import DisplayStyle
from zarr_vectors.exceptions import ArgumentError

__all__ = ["Look", "Net", "Paths", "Shells", "layers_of"]

AnyArray = npt.NDArray[Any]
Int64Array = npt.NDArray[np.int64]
Columns = Mapping[str, AnyArray]

MOST_SHAPES = 100
MOST_SHAPE_VERTICES = 5_000
NO_LIMITS = (0, 10_000)
PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels", "opacity", "blending")
"""What a layer of napari has of where it lies and how it is blended."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """How what was extracted is coloured.

    Attributes
    ----------
    values : (V,) float32 or None
        What colours each vertex.
    info : ValueInfo
    style : DisplayStyle
    size : float
        Diameter of points; napari makes it a size in the world with the scale of the last axis alone.
    thickness : float
        Width of lines, data units.
    sizes : (V,) float or None
        What the size of each vertex is multiplied with.
    """

    values: npt.NDArray[np.float32] | None
    info: ValueInfo
    style: DisplayStyle
    size: float
    thickness: float
    sizes: AnyArray | None = None

    @property
    def width(self) -> float:
        """One width for all lines: napari's layers have no other."""
        if self.sizes is None or not len(self.sizes):
            return self.thickness
        return self.thickness * float(np.median(self.sizes))

    def colors(self, count: int) -> npt.NDArray[np.float32]:
        """Give the colour of each of `count` vertices, (n, 4)."""
        return colors_of(self.values, count, self.info, self.style)


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Lines: where each begins, (k + 1,), and features of lines, (k,) each."""

    offsets: Int64Array
    features: Columns


@dataclass(frozen=True, slots=True, eq=False)
class Net:
    """Edges, (M, 2), and their features, (M,) each."""

    edges: Int64Array
    features: Columns


@dataclass(frozen=True, slots=True, eq=False)
class Shells:
    """Faces of three or more corners, (M, L)."""

    faces: Int64Array


def layers_of(
    like: StreamingLayer,
    name: str,
    positions: AnyArray,
    features: Columns,
    joined: Paths | Net | Shells | None,
    look: Look,
    metadata: Mapping[str, Any],
) -> list[Layer]:
    """Make the layers; they are in no viewer yet.

    Parameters
    ----------
    like : StreamingLayer
        Whose place, units and blending they get.
    name : str
    positions : (V, D)
        Data units.
    features : dict of (V,) arrays
        Of vertices.
    joined : Paths, Net, Shells or None
        What joins the vertices; None for points.
    look : Look
    metadata : dict
        Of each layer.

    Raises
    ------
    ArgumentError
        A surface without faces, which napari has not; of all else an empty layer is made.
    """
    state = like.as_layer_data_tuple()[1]
    options = {key: state[key] for key in PLACED} | {"metadata": {"zarr_vectors": dict(metadata)}}
    if isinstance(joined, Shells):
        return [_surface(positions, joined.faces, features, look, name=name, **options)]
    if isinstance(joined, Paths):
        return [_paths(positions, joined, features, look, name=name, **options)]
    if isinstance(joined, Net):
        # Nodes are as thick as their edges: napari's lower limit would make beads of them.
        nodes = _points(positions, features, look, name=f"{name} nodes", canvas_size_limits=NO_LIMITS, **options)
        return [_edges(positions, joined, look, name=f"{name} edges", **options), nodes]
    return [_points(positions, features, look, name=name, **options)]


def _points(positions: AnyArray, features: Columns, look: Look, **options: Any) -> Layer:  # noqa: ANN401  # napari's own
    if not len(positions):
        return Points(None, ndim=positions.shape[1], size=look.size, border_width=0, **options)
    size = look.size if look.sizes is None else look.size * look.sizes
    # napari draws small points in the colour of the border that they have not.
    options |= dict.fromkeys(("face_color", "border_color"), look.colors(len(positions)))
    return Points(positions, features=dict(features), size=size, border_width=0, **options)


def _edges(positions: AnyArray, net: Net, look: Look, **options: Any) -> Layer:  # noqa: ANN401  # napari's own
    return _vectors(positions, net.edges, net.features, look, **options)


def _paths(positions: AnyArray, paths: Paths, features: Columns, look: Look, **options: Any) -> Layer:  # noqa: ANN401  # napari's own
    counts = np.diff(paths.offsets)
    if len(counts) <= MOST_SHAPES and len(positions) <= MOST_SHAPE_VERTICES:
        whole = np.flatnonzero(counts > 1)  # napari draws no path of one vertex
        options |= {"edge_width": look.width, "ndim": positions.shape[1]}
        if not len(whole):
            return Shapes(None, **options)
        first = paths.offsets[whole]
        chosen = {key: column[whole] for key, column in paths.features.items()}
        colors = _of_steps(positions, np.stack([first, first + 1], axis=1), look, options)
        lines = [positions[a:b] for a, b in zip(first.tolist(), paths.offsets[whole + 1].tolist(), strict=True)]
        return Shapes(lines, shape_type="path", features=chosen, edge_color=colors, **options)
    follows = np.ones(len(positions), bool)
    follows[paths.offsets[:-1][counts > 0]] = False
    last = np.flatnonzero(follows)
    # A step has what is said of the vertex where it begins, and so of its line.
    of_steps = {key: column[last - 1] for key, column in features.items()}
    return _vectors(positions, np.stack([last - 1, last], axis=1), of_steps, look, **options)


def _vectors(positions: AnyArray, edges: Int64Array, features: Columns, look: Look, **options: Any) -> Layer:  # noqa: ANN401  # napari's own
    ends = positions[edges]
    data = np.stack([ends[:, 0], ends[:, 1] - ends[:, 0]], axis=1)
    colors = _of_steps(positions, edges, look, options)
    options |= {"edge_width": look.width, "vector_style": "line", "ndim": positions.shape[1]}
    if not len(data):
        return Vectors(None, **options)
    return Vectors(data, features=dict(features), edge_color=colors, **options)


def _of_steps(positions: AnyArray, edges: Int64Array, look: Look, options: Mapping[str, Any]) -> AnyArray:
    """Give the colours of steps (M, 2): of the vertex where each begins, or of where it runs."""
    if look.info.kind != "direction":
        return look.colors(len(positions))[edges[:, 0]]
    order = direction_order(tuple(options["axis_labels"]))
    steps = np.abs(positions[edges[:, 1]] - positions[edges[:, 0]]).astype(np.float64)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    colors = np.zeros((len(edges), 4))
    colors[:, order] = steps[:, : len(order)] / np.where(lengths > 0, lengths, 1)
    colors[:, 3] = 1
    return colors


def _surface(positions: AnyArray, faces: Int64Array, features: Columns, look: Look, **options: Any) -> Layer:  # noqa: ANN401  # napari's own
    if not len(faces):
        msg = f"{options['name']!r} is empty: nothing of it is there; look at it, take a larger box or lift the filter"
        raise ArgumentError(msg)
    triangles = np.concatenate(list(_fans(faces))) if faces.shape[1] > 3 else faces
    shading = {"flat": "flat", "round": "smooth"}.get(look.style.shading, "none")
    options |= {"features": dict(features), "shading": shading}
    is_whole = look.values is not None and not (look.values < MISSING_VALUE / 2).any()
    # No colormap of napari's has a colour for what is missing, and its values are float32 with no offset.
    if drawn_info(look.info, look.style).kind == "scalar" and is_whole and not look.info.offset:
        limits = look.style.contrast_limits or look.info.limits
        colormap = known_colormap(look.style.colormap)
        options |= {"colormap": colormap, "contrast_limits": limits, "gamma": look.style.gamma}
        return Surface((positions, triangles, look.values), **options)
    return Surface((positions, triangles), vertex_colors=look.colors(len(positions)), **options)


def _fans(faces: Int64Array) -> Iterator[Int64Array]:
    """Cut faces of more corners into triangles; a corner that is named twice makes none."""
    for k in range(1, faces.shape[1] - 1):
        triangles = faces[:, [0, k, k + 1]]
        yield triangles[(triangles[:, 1] != triangles[:, 2]) & (triangles[:, 0] != triangles[:, 2])]
