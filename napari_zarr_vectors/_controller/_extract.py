"""Extract a part of a store: to ordinary napari layers or to a new store.

What is asked is frozen on the GUI thread, read on a thread of its own from a store that is opened for it, and added on
the GUI thread. The layer's end, of which the window's is one, ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from napari_zarr_vectors._controller._extracted import Made, layers_from, made_of
from napari_zarr_vectors._controller._kinds import wanted_of
from napari_zarr_vectors._controller._running import engine_of, leave_end, on_end, viewer_of
from napari_zarr_vectors._jobs import (
    Job,
    Part,
    check_free,
    extract_part,
    left_out,
    refuse_too_large,
    spare_bytes,
    write_extracted,
)
from napari_zarr_vectors._layers import StreamingLayer, StreamingLines, clips_of, notify, snapshot, wait_alive
from napari_zarr_vectors._lod import Region, box_region, seen_region
from zarr_vectors.exceptions import ArgumentError, CancelledError, ConcurrentWriteError
from zarr_vectors.lazy import open_zv

if TYPE_CHECKING:
    import threading

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_zarr_vectors._controller._prepare import Colors
    from napari_zarr_vectors._jobs.job import Tell

__all__ = ["Asked", "begin", "extract", "finish", "part_of"]

Choice: TypeAlias = Literal["visible", "selected", "all"] | tuple[Any, Any]
CHOICES = ("visible", "selected", "all")
MOST_VERTICES, MOST_LINE_VERTICES = 2_000_000, 500_000
"""What napari adds in some seconds, in which the window stands still."""
LONGEST_OPENING_S = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is to be extracted, frozen.

    Attributes
    ----------
    place : StoreLike
    bounds : (2, D) float64
        Of the store that the layer shows.
    part : Part
    name : str
        Of what comes out.
    to : Path or None
        A new store; None for layers.
    most_vertices, most_bytes : int or None
        More is refused before it is read.
    colors : Colors or None
        Of the streaming layer; None for one colour.
    """

    place: Any
    bounds: Any
    part: Part
    name: str
    to: Path | None
    most_vertices: int | None
    most_bytes: int | None
    colors: Colors | None


def extract(
    layer: StreamingLayer,
    part: Choice = "visible",
    *,
    level: int = 0,
    to: str | Path | None = None,
    limit: int | Literal["auto"] | None = "auto",
    progress: Callable[[int, int, str], object] | None = None,
    cancel: threading.Event | None = None,
) -> list[Layer] | Path:
    """Extract a part of a streaming layer's store, complete at one level, whatever is loaded. GUI thread only.

    It is read on a thread; the window stays alive until this returns.

    Parameters
    ----------
    layer : StreamingLayer
        In a viewer.
    part : "visible", "selected", "all" or (lo, hi)
        What is in view, in the slab and before the clipping planes and meets the layer's filter; the objects of
        ``layer.selection``, whole; all that meets the filter; or what of that lies in a half-open box, data units. Of
        lines those come, whole, that have a vertex there, of surfaces the faces whose centroid lies there.
    level : int
        0 is the data as written. Objects that a coarser level left out do not come, and a message says how many.
    to : path, optional
        Where a new store is to be; without one ordinary layers are added to the viewer. A store keeps lines of one
        vertex or none; layers, which have no path for them, do not, and a message says how many.
    limit : int, "auto" or None
        More vertices are refused before they are read. "auto": what napari adds in some seconds, and what half of the
        free memory holds; None lifts both.
    progress : callable, optional
        Called as ``progress(done, total, message)``, in vertices, on the GUI thread. What it raises cancels the work,
        and is raised here.
    cancel : object with ``is_set()``, optional

    Returns
    -------
    list of napari.layers.Layer, or Path
        The layers that were added, or where the new store is.

    Raises
    ------
    ArgumentError
        For a part, a level or a layer that is none, where nothing is selected, where nothing of the part is there for
        a new store or a surface, where all chosen objects are left out on the level, or where a new store would lie
        in the folder of a store.
    StoreExistsError
        If something is where a new store is to be.
    LimitError
        If it is more than `limit`.
    CancelledError
        If `cancel` was set, or the layer or its window went.
    ZarrVectorsError, OSError
        If it cannot be read or written.
    """
    viewer, engine = _viewer_of(layer), engine_of(layer)
    # A layer that was opened a moment ago does not know its colours yet.
    wait_alive(viewer, lambda: engine is None or engine.colors is not None, seconds=LONGEST_OPENING_S)
    job = begin(layer, part, level=level, to=to, limit=limit)
    told = None

    def tell() -> None:
        nonlocal told
        if progress is not None and job.step is not told:
            told = job.step
            progress(told.done, told.total, told.message)

    def is_done() -> bool:
        tell()
        if cancel is not None and cancel.is_set():
            job.cancel()
        return job.is_done

    try:
        wait_alive(viewer, is_done, ended=job.cancel)
        tell()
        return finish(layer, job)
    finally:  # whatever `progress` raises, or a key that interrupts: nothing appears after this
        job.cancel()
        leave_end(layer, job.stop.set)


def begin(
    layer: StreamingLayer,
    part: Choice = "visible",
    *,
    level: int = 0,
    to: str | Path | None = None,
    limit: int | Literal["auto"] | None = "auto",
    generation: int = 0,
) -> Job[Made]:
    """Begin to extract; as `extract`, which waits and calls `finish`. The job is cancelled when the layer ends."""
    viewer = _viewer_of(layer)
    engine = engine_of(layer)
    vertices, size = _limits(layer, to, limit)
    asked = Asked(
        place=layer.data.place,
        bounds=layer.bounds,
        part=part_of(viewer, layer, part, level),
        name=f"{layer.name.removesuffix('.zarrvectors')} {part if isinstance(part, str) else 'box'}",
        to=None if to is None else Path(to).expanduser().absolute(),
        most_vertices=vertices,
        most_bytes=size,
        colors=None if engine is None else engine.colors,
    )
    job: Job[Made] = Job(lambda tell, stop: _work(asked, tell, stop), generation)
    on_end(layer, job.stop.set)
    return job


def finish(layer: StreamingLayer, job: Job[Made]) -> list[Layer] | Path:
    """Add what a job made to the layer's viewer, or give where it was written; raises what the job raised."""
    leave_end(layer, job.stop.set)
    made = job.result()
    if made.note:
        notify(made.note)
    if made.path is not None:
        return made.path
    viewer = viewer_of(layer)
    if viewer is None:
        msg = f"{layer.name} has left its viewer"
        raise CancelledError(msg)
    layers = layers_from(viewer, layer, made)
    for each in layers:
        viewer.add_layer(each)
    return layers


def part_of(viewer: Viewer, layer: StreamingLayer, part: Choice, level: int) -> Part:
    """Freeze which part of a store is meant.

    Raises
    ------
    ArgumentError
    """
    if isinstance(part, str) and part not in CHOICES:
        msg = f"part must be one of {', '.join(map(repr, CHOICES))} or a box (lo, hi), got {part!r}"
        raise ArgumentError(msg)
    if part == "selected":
        if not layer.selection.ids:
            msg = f"{layer.name} has no selected objects"
            raise ArgumentError(msg)
        return Part(level=level, object_ids=layer.selection.ids)
    region = _region(viewer, layer, part)
    shown = wanted_of(layer.filter)
    if shown is None:
        return Part(level, region)
    return Part(level, region, shown.object_ids, shown.groups, shown.where, shown.share)


def _region(viewer: Viewer, layer: StreamingLayer, part: Choice) -> Region | None:
    region = None
    if part == "visible":
        region = seen_region(snapshot(viewer, layer), layer.bounds, clips_of(viewer, layer))
    elif not isinstance(part, str):
        region = box_region(*_box(part, layer.ndim))
    if layer.filter.box is None:
        return region
    lo, hi = layer.filter.box
    above = np.nextafter(hi, np.inf)  # both ends of a filter's box belong to it
    return box_region(lo, above) if region is None else region.within(lo, above)


def _box(box: tuple[Any, Any], ndim: int) -> tuple[Any, Any]:
    try:
        lo, hi = (np.asarray(end, dtype=np.float64) for end in box)
    except (TypeError, ValueError) as error:
        msg = f"a box must be (lo, hi) of {ndim} numbers each, got {box!r}"
        raise ArgumentError(msg) from error
    if lo.shape != (ndim,) or hi.shape != (ndim,) or not (lo <= hi).all():
        msg = f"a box must be (lo, hi) of {ndim} numbers each with lo <= hi, got {box!r}"
        raise ArgumentError(msg)
    return lo, hi


def _limits(layer: StreamingLayer, to: object, limit: int | Literal["auto"] | None) -> tuple[int | None, int | None]:
    if limit is None or limit != "auto":
        return limit, None
    most = MOST_LINE_VERTICES if isinstance(layer, StreamingLines) else MOST_VERTICES
    return (most if to is None else None), spare_bytes() // 2


def _viewer_of(layer: StreamingLayer) -> Viewer:
    viewer = viewer_of(layer) if isinstance(layer, StreamingLayer) else None
    if viewer is None:
        msg = f"{layer!r} is no streaming layer of a viewer: open its store with open_layer first"
        raise ArgumentError(msg)
    return viewer


def _work(asked: Asked, tell: Tell, cancel: threading.Event) -> Made:
    """Read, and write or make tables; on the job's thread."""
    if asked.to is not None:
        check_free(asked.to)
    with open_zv(asked.place, cache_size=0) as store:
        if not np.array_equal(store.extent, asked.bounds):
            msg = f"{store.name} was overwritten since it was opened; open it again to extract of it"
            raise ConcurrentWriteError(msg)
        part = asked.part
        if part.level not in store.levels:
            msg = f"{store.name} has levels {store.levels}, not {part.level!r}"
            raise ArgumentError(msg)
        limits = {"most_vertices": asked.most_vertices, "most_bytes": asked.most_bytes}
        refuse_too_large(store, part, **limits, is_table=asked.to is None)
        lost = left_out(store, part)
        extracted = extract_part(store, part, tell, cancel)
        if not extracted.vertex_count and (lost or asked.to is not None):
            raise ArgumentError(_emptiness(asked, lost))
        note = f"{lost:,} of the objects are left out on level {part.level}; a finer one has them" if lost else ""
        if asked.to is None:
            made = made_of(extracted, asked.name, asked.colors)
            return replace(made, note=". ".join(filter(None, (note, made.note))))
        path = write_extracted(asked.to, extracted, store, tell, cancel)
        return replace(made_of(extracted, asked.name, None, with_tables=False), path=path, note=note)


def _emptiness(asked: Asked, lost: int) -> str:
    """Say why there is nothing to extract, and what to do."""
    if lost:
        return f"{asked.name!r} is empty: the objects are left out on level {asked.part.level}; take a finer one"
    return f"{asked.name!r} is empty: nothing of it is there; look at it, take a larger box or lift the filter"
