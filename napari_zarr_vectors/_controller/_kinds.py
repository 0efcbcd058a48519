"""What each kind of geometry is shown as."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from napari_zarr_vectors._layers import StreamingLines, StreamingPoints, StreamingSurface
from napari_zarr_vectors._stream import LinkedSource, PointSource, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from napari_zarr_vectors._layers import StreamingLayer
    from napari_zarr_vectors._lod import Tree
    from napari_zarr_vectors._model import DisplayFilter
    from napari_zarr_vectors._stream import ByteCache
    from zarr_vectors.lazy import LazyStore

__all__ = ["Drawn", "drawn_as", "filter_of", "follow_wanted", "leave_wanted", "shape_of", "source_of", "wanted_of"]

Float64Array: TypeAlias = "npt.NDArray[np.float64]"

LINES = ("line", "polyline", "streamline", "graph", "skeleton")
SURFACES = ("mesh",)
FIRST_POINTS, FIRST_LINKED = 1 << 17, 1 << 15
"""Vertices that are built and painted in about a tenth of a second."""
_WANTED = tuple(field.name for field in fields(Wanted))


@dataclass(frozen=True, slots=True)
class Drawn:
    """How a store is drawn.

    Attributes
    ----------
    layer : type of StreamingLayer
    rows_a_vertex : float
        Rows of the pool that a vertex takes on average, for chunks that are not there yet.
    has_links : bool
        Whether what joins vertices is read.
    is_surface : bool
        Whether it is faces.
    first_vertices : int
        So many are seen first.
    loss : str
        What a person must know of what is not shown; empty where all is.
    """

    layer: type[StreamingLayer]
    rows_a_vertex: float = 1.0
    has_links: bool = False
    is_surface: bool = False
    first_vertices: int = FIRST_POINTS
    loss: str = ""


def drawn_as(store: LazyStore) -> Drawn:
    """Choose the layer for a store."""
    kind = store.geometry_type
    if kind in ("", "point_cloud"):
        return Drawn(StreamingPoints)
    if store.adds_levels:
        why = "its levels add to each other, whose links are not read chunk by chunk"
        return Drawn(StreamingPoints, loss=f"{store.name} shows the vertices of its {kind}s as points: {why}.")
    if kind in SURFACES:
        return Drawn(StreamingSurface, rows_a_vertex=2.1, has_links=True, is_surface=True, first_vertices=FIRST_LINKED)
    if kind in LINES:
        rows_a_vertex = 1.5 if kind == "graph" else 1.1
        return Drawn(StreamingLines, rows_a_vertex=rows_a_vertex, has_links=True, first_vertices=FIRST_LINKED)
    return Drawn(StreamingPoints, loss=f"{store.name} holds the kind {kind!r}; its vertices are shown as points.")


def source_of(drawn: Drawn, store: LazyStore, tree: Tree, origin: Float64Array, cache: ByteCache) -> PointSource:
    """Make what loads the chunks of a store."""
    if not drawn.has_links:
        return PointSource(store, tree, origin, cache)
    return LinkedSource(store, tree, origin, cache, is_surface=drawn.is_surface)


def wanted_of(intent: DisplayFilter) -> Wanted | None:
    """Freeze which vertices have a value that is seen; None for all of them. The box is a matter of the view."""
    wanted = Wanted(intent.where, intent.groups, intent.object_ids, intent.share)
    return None if wanted == Wanted() else wanted


def filter_of(wanted: Wanted | None) -> dict[str, Any]:
    """Give the fields of a `DisplayFilter` that mean this; the inverse of `wanted_of`."""
    return {name: getattr(wanted or Wanted(), name) for name in _WANTED}


def follow_wanted(intent: DisplayFilter, slot: Callable[[], None]) -> None:
    """Call a slot when what `wanted_of` gives has changed."""
    for name in _WANTED:
        intent.events[name].connect(slot)


def leave_wanted(intent: DisplayFilter, slot: Callable[[], None]) -> None:
    """Undo `follow_wanted`."""
    for name in _WANTED:
        intent.events[name].disconnect(slot)


def shape_of(layer: StreamingLayer) -> Literal["points", "lines", "surface"]:
    """Say what a layer draws."""
    if isinstance(layer, StreamingLines):
        return "lines"
    return "surface" if isinstance(layer, StreamingSurface) else "points"
