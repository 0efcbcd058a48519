"""What colours vertices and which are shown, as one number a vertex. Pure but for what a store says of objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_zarr_vectors._build import HIDDEN_VALUE, MISSING_VALUE, pack_rgb

if TYPE_CHECKING:
    import numpy.typing as npt

    from zarr_vectors.lazy import LazyStore, VertexFilter

__all__ = [
    "MOST_VALUE",
    "Coloring",
    "ObjectValues",
    "Wanted",
    "color_values",
    "hide",
    "no_values",
    "size_values",
]

LARGEST = 1e30
"""Size in place of an infinite one: no sum on the way to the screen overflows."""
MOST_VALUE = 9e37
"""Number in place of an infinite one: farther from 0 is what is hidden or missing."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectValues:
    """A number for each object: ids ascending, (O,) int64, and values, (O,) float32."""

    ids: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]

    def of(self, ids: npt.NDArray[np.int64], missing: float = MISSING_VALUE) -> npt.NDArray[np.float32]:
        """Give the numbers of objects by id, (k,), and last that of no object."""
        out = np.full(len(ids) + 1, missing, np.float32)
        if len(self.ids):
            place = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
            known = self.ids[place] == ids
            out[:-1][known] = self.values[place[known]]
        return out


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which vertices are shown; as the keywords of `LazyStore.filter`."""

    where: Mapping[str, Any] | None = None
    groups: tuple[str, ...] | None = None
    object_ids: tuple[int, ...] | None = None
    share: float = 1.0

    def of(self, store: LazyStore, level: int) -> VertexFilter:
        """Ask it of a level; ids that a level has not are nobody's there."""
        ids = None
        if self.object_ids is not None:
            ids = _known(np.array(self.object_ids, np.int64), store.object_values(level=level)[0])
        return store.filter(level, object_ids=ids, groups=self.groups, where=self.where, share=self.share)


def _known(ids: npt.NDArray[np.int64], every: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give the ids that there are, each once, in their order if none comes twice.

    By sorting and searching, during which other threads run: numpy's own sets keep the interpreter to themselves.
    """
    ascending = np.sort(ids)
    if (ascending[1:] == ascending[:-1]).any():
        ids = ascending[np.append(True, ascending[1:] != ascending[:-1])]
    ordered = every if (every[1:] > every[:-1]).all() else np.sort(every)
    if not len(ordered):
        return ids[:0]
    place = np.minimum(np.searchsorted(ordered, ids), len(ordered) - 1)
    return np.asarray(ids[ordered[place] == ids])


@dataclass(frozen=True, slots=True)
class Coloring:
    """What colours the vertices, and how it becomes one number a vertex.

    `attribute` None means one colour, or by direction, or by `objects`; `kind` is that of `ValueInfo`, or "label":
    whole numbers, of which the remainder by `cycle` colours. `words` are a category's, and what is none of them is
    missing. `wanted` hides all others.
    `size_by` is the attribute that sizes vertices, unless `sizes` says it of objects; neither is one size for all.
    `offset` is what numbers lose before they become float32, which tells those that lie far from 0 and near together
    apart only then: a whole number where theirs are, 0 for most.
    """

    attribute: str | None = None
    kind: str = "none"
    words: tuple[str, ...] = ()
    objects: ObjectValues | None = None
    wanted: Wanted | None = None
    size_by: str | None = None
    sizes: ObjectValues | None = None
    offset: float = 0.0
    cycle: int = 0


def color_values(coloring: Coloring, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Give the number that colours each vertex, (N,) float32.

    Channels other than red, green, blue are shown by their first one; NaN and words that are unknown become
    `MISSING_VALUE`, infinite ones the ends of what is drawn.
    """
    if coloring.kind == "rgb":
        return pack_rgb(values[:, :3].astype(np.uint8))
    column = values[:, 0] if values.ndim == 2 else values
    if coloring.kind == "category":
        codes = column.astype(np.int64)
        known = (codes >= 0) & (codes < len(coloring.words))
        return np.where(known, codes, MISSING_VALUE).astype(np.float32)
    if coloring.kind == "label":
        return _remainders(column, coloring.cycle)
    with np.errstate(over="ignore"):  # too large for float32 is infinite
        numbers = _less(column, coloring.offset).astype(np.float32)
    return np.where(np.isnan(numbers), MISSING_VALUE, np.clip(numbers, -MOST_VALUE, MOST_VALUE)).astype(np.float32)


def _remainders(column: npt.NDArray[Any], cycle: int) -> npt.NDArray[np.float32]:
    """Give the remainders of whole numbers, of all their digits; of means those of the nearest, if they are numbers."""
    if column.dtype.kind != "f":
        remainders: npt.NDArray[Any] = np.remainder(column, cycle)
        return remainders.astype(np.float32)
    is_number = np.isfinite(column)
    nearest = np.floor(np.where(is_number, column, 0) + 0.5)
    return np.where(is_number, np.remainder(nearest, cycle), MISSING_VALUE).astype(np.float32)


def _less(column: npt.NDArray[Any], offset: float) -> npt.NDArray[Any]:
    """Give numbers less an offset, (N,): of whole ones as they are, of others as float64 is."""
    if not offset:
        return column
    if column.dtype.kind not in "iu" or not isinstance(offset, int):
        return column.astype(np.float64) - offset
    whole = column.astype(np.uint64 if column.dtype.kind == "u" else np.int64)
    above = whole.view(np.uint64) - np.uint64(offset % (1 << 64))  # goes around where it is below
    return np.where(whole < offset, -((-above).astype(np.float64)), above.astype(np.float64))


def no_values(coloring: Coloring, count: int) -> npt.NDArray[np.float32] | None:
    """Give the numbers of vertices of a level that lacks what colours; None where nothing does."""
    if coloring.attribute is None and coloring.objects is None:
        return None
    return np.full(count, MISSING_VALUE, dtype=np.float32)


def size_values(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Give the number that the size of each vertex is multiplied with, (N,) float32: 0 for NaN and what is below 0."""
    column = (values[:, 0] if values.ndim == 2 else values).astype(np.float32)
    return np.clip(np.nan_to_num(column, nan=0.0, posinf=LARGEST), 0.0, np.float32(LARGEST))


def hide(values: npt.NDArray[np.float32] | None, shown: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Give the values with those of vertices that are not shown replaced."""
    given = np.zeros(len(shown), np.float32) if values is None else values
    return np.where(shown, given, np.float32(HIDDEN_VALUE))
