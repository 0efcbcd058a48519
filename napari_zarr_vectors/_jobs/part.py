"""A part of a store, read whole: its vertices with attributes, what joins them, and what is said of their objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_zarr_vectors._lod import Count, Region, count_in
from zarr_vectors.exceptions import ArgumentError, LimitError
from zarr_vectors.lazy import objects_near, read_part

if TYPE_CHECKING:
    import threading

    from napari_zarr_vectors._jobs.job import Tell
    from zarr_vectors.lazy import LazyStore
    from zarr_vectors.types._result import Result

__all__ = ["Extracted", "Part", "PartObjects", "count_part", "extract_part", "refuse_too_large", "spare_bytes"]

AnyArray: TypeAlias = npt.NDArray[Any]
Int64Array: TypeAlias = npt.NDArray[np.int64]

LINES = ("line", "polyline", "streamline")
WORD_BYTES = 64
"""What a word of a category takes, as napari's tables hold it."""
COPIES, DRAWN_BYTES = 3, 128
"""How often a value is in memory at most, and what napari adds for each vertex that it draws."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Which part of a store.

    Attributes
    ----------
    level : int
    region : Region or None
        None for all of it.
    object_ids, groups, where, share
        As for `LazyStore.filter`.
    """

    level: int = 0
    region: Region | None = None
    object_ids: tuple[int, ...] | None = None
    groups: tuple[str, ...] | None = None
    where: Mapping[str, Any] | None = None
    share: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class PartObjects:
    """What is said of objects: ids ascending, (O,), a column (O,) or (O, C) an attribute, and who is in which group.

    `of_groups` are attributes of the groups, (G,) or (G, C) in the order of `groups`.
    """

    ids: Int64Array
    columns: Mapping[str, AnyArray] = field(default_factory=dict)
    groups: Mapping[str, Int64Array] = field(default_factory=dict)
    of_groups: Mapping[str, AnyArray] = field(default_factory=dict)

    def of(self, ids: Int64Array) -> dict[str, AnyArray]:
        """Give the columns for these ids, (n,).

        Raises
        ------
        ArgumentError
            For an id that is not in the table: no other's values are given for it.
        """
        place = np.minimum(np.searchsorted(self.ids, ids), max(len(self.ids) - 1, 0))
        strangers = ids if not len(self.ids) else ids[self.ids[place] != ids]
        if len(strangers):
            msg = f"nothing was read of the objects {strangers[:5].tolist()}, {len(strangers)} in all"
            raise ArgumentError(msg)
        return {name: column[place] for name, column in self.columns.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Extracted:
    """What was read.

    Attributes
    ----------
    source : str
        Name of the store.
    kind : str
        Of the geometry, such as ``"skeleton"``.
    level : int
    result : PointsResult, LinesResult, PolylinesResult, GraphResult or MeshResult
    owners : (V,) int64 or None
        Id of the object of each vertex, -1 for none; None for a cloud without objects.
    objects : PartObjects
        Of all objects of the result, lines without vertices among them.
    """

    source: str
    kind: str
    level: int
    result: Result
    owners: Int64Array | None
    objects: PartObjects

    @property
    def vertex_count(self) -> int:
        """Number of vertices."""
        return self.result.vertex_count

    def vertex_values(self, name: str) -> AnyArray:
        """Give a vertex attribute as one row a vertex, (V,) or (V, C)."""
        attributes: Any = self.result.attributes
        values: AnyArray = attributes.flat(name) if hasattr(attributes, "flat") else attributes[name]
        return values.reshape(self.vertex_count, *values.shape[2:]) if self.kind == "line" else values

    def sizes(self, name: str | None) -> AnyArray | None:
        """Give an attribute of vertices or objects as a factor for sizes, (V,), 0 for NaN; None where there is none."""
        if name is not None and name in self.result.attributes:
            values = self.vertex_values(name)
        elif name is not None and name in self.objects.columns and self.owners is not None:
            values = self.objects.of(self.owners)[name]
        else:
            return None
        if values.dtype.kind not in "fiu":
            return None
        return np.nan_to_num((values[:, 0] if values.ndim == 2 else values).astype(np.float64), nan=0.0)


def count_part(store: LazyStore, part: Part) -> Count:
    """Say how many vertices a part has, by the catalogue and the object index; reads no vertex.

    What vertices themselves are asked for is left out of account. Lines come whole, so of them all vertices count of
    those that have any in chunks that the region meets.
    """
    entries = {entry.level: entry for entry in store.catalogue().levels}
    if part.level not in entries:
        return Count(0, 0)
    named = part.object_ids is not None or part.groups is not None or part.share < 1
    has_objects = store.object_count_at(part.level) > 0 and not store.adds_levels
    if part.region is None and named and has_objects:
        count = int(_objects(store, part)[1].sum())
        return Count(count, count)
    found = count_in(entries[part.level], part.region)
    if part.region is None or not has_objects:
        return found
    total = store.vertex_count(part.level)
    ids, sizes = _objects(store, part) if named else (None, None)
    if store.geometry_type in LINES:
        near = objects_near(store, part.level, (part.region.lo, part.region.hi), part.region.planes)
        if ids is None or sizes is None:
            return Count(round(total * min(1.0, len(near) / store.object_count_at(part.level))), total)
        return Count(int(sizes[np.isin(ids, near)].sum()), total)
    share = 1.0 if sizes is None else min(1.0, float(sizes.sum()) / max(1, total))
    return replace(found, about=round(found.about * share))


def _objects(store: LazyStore, part: Part) -> tuple[Int64Array, Int64Array]:
    """Give the ids of the objects that are asked for, and how many vertices each has."""
    ids = None
    if part.object_ids is not None:
        ids = np.intersect1d(np.array(part.object_ids, np.int64), store.object_values(level=part.level)[0])
    return store.filter(part.level, object_ids=ids, groups=part.groups, share=part.share).objects()


def left_out(store: LazyStore, part: Part) -> int:
    """Say how many of the objects that are asked for by id have vertices, but none on the part's level."""
    finest = store.levels[0]
    if part.object_ids is None or part.level == finest or store.adds_levels or not store.object_count_at(part.level):
        return 0
    asked = Part(finest, object_ids=part.object_ids)
    there, here = (
        ids[sizes > 0] for ids, sizes in (_objects(store, each) for each in (asked, replace(asked, level=part.level)))
    )
    return len(np.setdiff1d(there, here))


def needed_bytes(store: LazyStore, level: int, vertices: int, *, is_table: bool = True) -> int:
    """Say about how many bytes so many vertices of a level need while they are extracted.

    Where they become a table, what is said of an object is there once for each of its vertices.
    """
    size = 8 * store.spatial_dims + (8 if store.n_objects else 0)
    for name in store.attribute_names(level):
        dtype, channels = store.attribute_dtype(name, level)
        words = store.categories(name, level) is not None
        size += WORD_BYTES if words else dtype.itemsize * int(np.prod(channels, dtype=np.int64))
    for name in store.object_attribute_names() if is_table else ():
        array = store.raw_array(f"object_attributes/{name}", store.levels[0])
        channels = array.shape[1:]
        size += WORD_BYTES if array.dtype.kind == "U" else array.dtype.itemsize * int(np.prod(channels, dtype=np.int64))
    return vertices * (COPIES * size + DRAWN_BYTES)


def spare_bytes() -> int:
    """Give the memory that is free, bytes, where the system tells; else 4 GiB."""
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii")
        return 1024 * int(told.partition("MemAvailable:")[2].split()[0])
    except (OSError, ValueError, IndexError):  # no Linux, or one that does not say
        return 4 << 30


def refuse_too_large(
    store: LazyStore, part: Part, *, most_vertices: int | None, most_bytes: int | None, is_table: bool = True
) -> None:
    """Refuse a part that is larger than allowed, before anything of it is read; `is_table` as for `needed_bytes`.

    Raises
    ------
    LimitError
    """
    about = count_part(store, part).about
    what = f"about {about:,} vertices of level {part.level} of {store.name}"
    way_out = "choose a coarser level or a smaller part, or lift the limit"
    if most_vertices is not None and about > most_vertices:
        msg = f"that is {what}, more than {most_vertices:,}: {way_out}"
        raise LimitError(msg)
    size = needed_bytes(store, part.level, about, is_table=is_table)
    if most_bytes is not None and size > most_bytes:
        msg = f"{what} need about {size / 1e9:.1f} GB of memory, more than {most_bytes / 1e9:.1f} GB: {way_out}"
        raise LimitError(msg)


def extract_part(
    store: LazyStore, part: Part, tell: Tell | None = None, cancel: threading.Event | None = None
) -> Extracted:
    """Read a part of a store.

    Raises
    ------
    CancelledError
        If `cancel` was set.
    ZarrVectorsError, OSError
        If it cannot be read, or the part asks for something that is not there.
    """
    region = part.region
    result = read_part(
        store,
        part.level,
        bbox=None if region is None else (region.lo, region.hi),
        planes=None if region is None or not len(region.planes) else region.planes,
        object_ids=None if part.object_ids is None else np.array(part.object_ids, np.int64),
        groups=part.groups,
        where=part.where,
        share=part.share,
        expected=count_part(store, part).at_most,
        progress=tell,
        cancel=cancel,
    )
    kind = store.geometry_type or "point_cloud"
    # By the ids of the result, not by its vertices: a line may have none.
    return Extracted(store.name, kind, part.level, result, _owners(result), _table(store, result.object_ids))


def _owners(result: Any) -> Int64Array | None:  # noqa: ANN401  # whatever type of result
    """Give the object of each vertex."""
    offsets = getattr(result, "offsets", None)
    if offsets is not None:
        return np.repeat(result.object_ids, np.diff(offsets))
    if hasattr(result, "lines"):
        return np.repeat(result.object_ids, 2)
    owners: Int64Array | None = result.object_ids
    return owners


def _table(store: LazyStore, found: Int64Array | None) -> PartObjects:
    """Read what is said of the objects that were found."""
    if found is None:
        return PartObjects(np.empty(0, np.int64))
    ids = np.unique(found)
    finest = store.levels[0]
    columns = {name: _by_id(ids, *store.object_values(name, finest)) for name in store.object_attribute_names()}
    groups = {name: members[np.isin(members, ids)] for name, members in store.groups.items()}
    of_groups = {name: store.group_values(name) for name in store.group_attribute_names()} if groups else {}
    return PartObjects(ids, columns, groups, of_groups)


def _by_id(ids: Int64Array, have: Int64Array, values: AnyArray) -> AnyArray:
    """Give the values of objects by id; NaN, None, False or 0 for an id that has none."""
    order = np.argsort(have, kind="stable")
    place = np.minimum(np.searchsorted(have[order], ids), max(len(have) - 1, 0))
    known = have[order[place]] == ids if len(have) else np.zeros(len(ids), bool)
    if known.all() and len(have):
        return values[order[place]]
    out = np.zeros((len(ids), *values.shape[1:]), values.dtype)
    if values.dtype.kind in "fO":
        out[...] = np.nan if values.dtype.kind == "f" else None
    out[known] = values[order[place[known]]]
    return out
