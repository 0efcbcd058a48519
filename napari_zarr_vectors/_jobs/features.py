"""What was extracted as tables: a column an attribute, a row a vertex, a line or an edge; words as words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_zarr_vectors._jobs.part import Extracted

__all__ = ["edge_features", "line_features", "vertex_features"]

AnyArray: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = dict[str, AnyArray]

OBJECT_ID = "object_id"


def vertex_features(extracted: Extracted) -> Columns:
    """Give a row a vertex: the id of its object, its attributes, and those of its object."""
    own = ((name, extracted.vertex_values(name)) for name in extracted.result.attributes)
    if extracted.owners is None:
        return _columns({}, own)
    table = extracted.objects.of(extracted.owners)
    return _columns(_columns({OBJECT_ID: extracted.owners}, own), table.items())


def line_features(extracted: Extracted) -> Columns:
    """Give a row a line: its id, its attributes, and means of what numbers its vertices have, as ``mean_<name>``."""
    found: Any = extracted.result
    out = _columns({OBJECT_ID: found.object_ids}, extracted.objects.of(found.object_ids).items())
    offsets = getattr(found, "offsets", None)
    if offsets is None:
        offsets = np.arange(len(found.object_ids) + 1) * 2
    counts = np.diff(offsets)
    for name in found.attributes:
        values = extracted.vertex_values(name)
        if values.ndim == 1 and values.dtype.kind in "fiu" and len(values):
            out |= _columns(out, [(f"mean_{name}", _means(values, offsets[:-1], counts))])
    return out


def _means(values: AnyArray, first: AnyArray, counts: AnyArray) -> AnyArray:
    """Give the mean of each line, (k,); NaN for a line of no vertices.

    Each line is summed by itself: what is no number in one line says nothing of the next.
    """
    out = np.full(len(counts), np.nan)
    some = np.flatnonzero(counts)
    with np.errstate(invalid="ignore", over="ignore"):
        out[some] = np.add.reduceat(values.astype(np.float64), first[some]) / counts[some]
    return out


def edge_features(extracted: Extracted, of_vertices: Mapping[str, AnyArray]) -> Columns:
    """Give a row an edge: its attributes, and what is said of the node where it begins, of a skeleton the child."""
    found: Any = extracted.result
    first = found.edges[:, 0]
    return _columns(_columns({}, found.edge_attributes.items()), ((n, v[first]) for n, v in of_vertices.items()))


def _columns(before: Mapping[str, AnyArray], more: Iterable[tuple[str, AnyArray]]) -> Columns:
    """Add columns; several channels become several columns, and what has a name that is taken is left out."""
    out = dict(before)
    for name, values in more:
        if values.ndim == 1:
            out.setdefault(name, values)
            continue
        for channel in range(values.shape[1]):
            out.setdefault(f"{name}_{channel}", values[:, channel])
    return out
