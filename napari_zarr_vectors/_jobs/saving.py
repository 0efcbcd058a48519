"""What was extracted becomes a store: written beside its place, read back and compared, then renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_zarr_vectors._jobs._sums import sums_of, sums_of_groups, sums_of_objects
from napari_zarr_vectors._jobs.folder import check_free
from zarr_vectors.exceptions import CancelledError, CorruptStoreError
from zarr_vectors.lazy import open_zv, read_part
from zarr_vectors.types.graphs import write_graph
from zarr_vectors.types.lines import write_lines
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.points import write_points
from zarr_vectors.types.polylines import write_polylines

if TYPE_CHECKING:
    import threading

    from napari_zarr_vectors._jobs.job import Tell
    from napari_zarr_vectors._jobs.part import Extracted
    from zarr_vectors.lazy import LazyStore

__all__ = ["write_extracted"]

PATHS = ("polyline", "streamline")
NETS = ("graph", "skeleton")


def write_extracted(path: Path, extracted: Extracted, source: LazyStore, tell: Tell, cancel: threading.Event) -> Path:
    """Write what was extracted as a new store with one level; it appears at `path` whole and verified, or not at all.

    Parameters
    ----------
    path : Path
        Where nothing is yet.
    extracted : Extracted
    source : LazyStore
        Where it was read from; axes, chunks, bins and headers are taken from there.
    tell, cancel
        As of a `Job`.

    Raises
    ------
    StoreExistsError
        If something lies at `path`.
    ArgumentError
        If it lies in a store.
    CancelledError
        If `cancel` was set.
    CorruptStoreError
        If what is read back is not what was written.
    """
    path = Path(path)
    check_free(path)
    beside = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.extracting"
    try:
        _check(cancel, path)
        tell(0, 3, "writing")
        _write(beside, extracted, source)
        _check(cancel, path)
        tell(1, 3, "verifying")
        _verify(beside, extracted, cancel)
        _check(cancel, path)
        tell(2, 3, "publishing")
        check_free(path)
        os.rename(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    tell(3, 3, "written")
    return path


def _check(cancel: threading.Event, path: Path) -> None:
    if cancel.is_set():
        msg = f"writing {path} was cancelled"
        raise CancelledError(msg)


def _write(path: Path, extracted: Extracted, source: LazyStore) -> None:
    found: Any = extracted.result
    level, table = extracted.level, extracted.objects
    given: dict[str, Any] = {
        "chunk_shape": source.chunk_shape_at(level),
        "bin_shape": source.bin_shape_at(level),
        "axes": source.axes,
        "coordinate_system": source.crs,
        "headers": source.headers or None,
        "user_metadata": source.user_metadata or None,
        "object_ids": found.object_ids,
        "dtype": found.positions.dtype,
    }
    if table.columns and len(table.ids):
        in_order = extracted.kind in ("line", *PATHS)  # these have a row a line, all others one an id, ascending
        given["object_attributes"] = table.of(found.object_ids) if in_order else dict(table.columns)
    if table.groups and len(table.ids):
        given["groups"] = {name: ids.tolist() for name, ids in table.groups.items()}
        given["group_attributes"] = dict(table.of_groups) or None
    if extracted.kind == "line":
        write_lines(path, found.lines, attributes=dict(found.attributes), **given)
    elif extracted.kind in PATHS:
        values = {name: extracted.vertex_values(name) for name in found.attributes}
        given |= {"geometry_type": extracted.kind, "attributes": values}
        write_polylines(path, found.polylines, **given)
    elif extracted.kind in NETS:
        links = dict(found.edge_attributes)
        given |= {"geometry_type": extracted.kind, "attributes": dict(found.attributes), "edge_attributes": links}
        write_graph(path, found.positions, found.edges, **given)
    elif extracted.kind == "mesh":
        given |= {"attributes": dict(found.attributes), "face_attributes": found.face_attributes}
        write_mesh(path, found.positions, found.faces, winding_order=found.winding_order, **given)
    else:
        write_points(path, found.positions, attributes=dict(found.attributes), **given)


def _verify(path: Path, extracted: Extracted, cancel: threading.Event) -> None:
    """Read all of a store back; its cells carry checksums, and what they hold must add up to what was given."""
    table = extracted.objects
    with open_zv(path, cache_size=0) as store:
        back = read_part(store, cancel=cancel)
        columns = {name: store.object_values(name) for name in store.object_attribute_names()}
        groups = store.groups
        of_groups = {name: store.group_values(name) for name in store.group_attribute_names()}
    wanted, got = sums_of(extracted.result), sums_of(back)
    if len(table.ids):
        wanted |= sums_of_objects({name: (table.ids, values) for name, values in table.columns.items()}, table.groups)
        got |= sums_of_objects(columns, groups)
        wanted |= sums_of_groups(table.of_groups)
        got |= sums_of_groups(of_groups)
    for name in wanted | got:
        if got.get(name) != wanted.get(name):
            msg = f"{path}: {name} read back is not what was written; nothing was published"
            raise CorruptStoreError(msg)
