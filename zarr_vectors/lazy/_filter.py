"""Which vertices of a level's chunks are wanted, asked chunk by chunk: for viewers that hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from numbers import Real

import numpy as np
import numpy.typing as npt

from zarr_vectors._query import Selection
from zarr_vectors._query.chosen import Chosen, choose_objects, vertex_masks
from zarr_vectors._query.owned import some_fragments
from zarr_vectors._query.where import Comparison, Condition, Every, resolve, sides
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import splitmix64
from zarr_vectors.typing import AnyArray, BoolArray, Int64Array

__all__ = ["VertexFilter", "share_of_ids"]

_LARGEST = float(2**64)


class VertexFilter:
    """A question that is asked of every chunk of a level; made by `LazyStore.filter`.

    Attributes
    ----------
    attributes : tuple of str
        Vertex attributes that `mask` needs, as codes where they are categorical.
    needs_objects : bool
        Whether `mask` needs the object of each vertex.
    """

    def __init__(self, arrays: LevelArrays, selection: Selection, share: float) -> None:
        _check_share(share)
        self._arrays = arrays
        self._chosen: Chosen = choose_objects(arrays, selection)
        self.attributes = self._chosen.names
        self._allowed = self._objects(share)
        self.needs_objects = self._allowed is not None or bool(self._chosen.masks)

    def _objects(self, share: float) -> BoolArray | None:
        """Give which objects may be wanted, and last whether a vertex without any may."""
        index, rows = self._arrays.objects, self._chosen.rows
        if index is None or (rows is None and share >= 1):
            return None
        allowed = np.zeros(index.num_objects + 1, bool)
        if rows is None:
            allowed[:] = True
        else:
            allowed[rows] = True
        if share < 1:
            allowed[:-1] &= share_of_ids(index.ids, share)
        return allowed

    def objects(self) -> tuple[Int64Array, Int64Array]:
        """Give the ids of the objects that may be wanted, and how many vertices each has, (k,) each.

        In the order of the ids that were asked for, else ascending rows. What is asked of vertices does not count here:
        each object is whole. Reads which rows are whose, no vertices.
        """
        arrays, index = self._arrays, self._arrays.objects
        if index is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        rows = np.arange(index.num_objects) if self._chosen.rows is None else self._chosen.rows
        if self._allowed is not None:
            rows = rows[self._allowed[rows]]
        blocks = arrays.blocks(rows)
        order = np.argsort(blocks.chunks, kind="stable")
        chunks, fragments = blocks.chunks[order], blocks.fragments[order]
        first = np.flatnonzero(np.diff(chunks, prepend=-1))
        bounds = np.append(first, len(order))
        counts = some_fragments(arrays, arrays.coords[chunks[first]], fragments, bounds).count
        sizes = np.bincount(blocks.owners[order], counts, len(rows)).astype(np.int64)
        return index.ids[rows], sizes

    def mask(self, attributes: Mapping[str, AnyArray], objects: Int64Array | None, count: int) -> BoolArray:
        """Tell which of (count,) vertices are wanted.

        Parameters
        ----------
        attributes : dict of (N,) or (N, C) arrays
        objects : (N,) int64 or None
            Row in the object index of each vertex' object, -1 for none.
        """
        wanted = self._may_be_wanted(objects, count)
        if self._chosen.condition is None:
            return wanted
        found = resolve(self._chosen.condition, self._masks(attributes, objects, count))
        return wanted if found is None else wanted & found

    def sides(
        self, attributes: Mapping[str, AnyArray], objects: Int64Array | None, count: int
    ) -> tuple[BoolArray, npt.NDArray[np.int8]]:
        """Tell of (count,) vertices what must be known to find the links on which something is wanted.

        Of vertices that stand for others: between two of them may lie what is wanted though neither is.

        Parameters
        ----------
        attributes, objects, count
            As of `mask`.

        Returns
        -------
        allowed : (count,) bool
            A link is wanted only if all its vertices are allowed, and
        sides : (count, C) int8
            if in each column one of its vertices has 1, or two differ.
        """
        allowed = self._may_be_wanted(objects, count)
        if self._chosen.condition is None:
            return allowed, np.empty((count, 0), np.int8)
        mask_of, columns = self._masks(attributes, objects, count), [np.empty((count, 0), np.int8)]
        for part in _conjuncts(self._chosen.condition):
            if not isinstance(part, Comparison):
                found = resolve(part, mask_of)
                columns += [] if found is None else [found.astype(np.int8)[:, None]]
            elif part in self._chosen.masks:
                allowed &= mask_of(part)
            else:
                values = attributes[part.name]
                if values.dtype.kind == "f":
                    allowed &= ~np.isnan(values)  # nothing lies between a number and none
                is_range = part.operator == "between" and not part.is_text
                columns.append((sides(part, values) if is_range else mask_of(part).astype(np.int8))[:, None])
        return allowed, np.concatenate(columns, axis=1)

    def _may_be_wanted(self, objects: Int64Array | None, count: int) -> BoolArray:
        if self._allowed is None or objects is None:
            return np.ones(count, bool)
        return np.asarray(self._allowed[objects], bool)  # -1 finds the last

    def _masks(
        self, attributes: Mapping[str, AnyArray], objects: Int64Array | None, count: int
    ) -> Callable[[Comparison], BoolArray]:
        matches = vertex_masks(self._arrays, self._chosen, attributes)

        def mask_of(test: Comparison) -> BoolArray:
            if test in matches:
                return matches[test]
            if objects is None:
                return np.zeros(count, bool)
            return np.append(self._chosen.masks[test], False)[objects]

        return mask_of


def _conjuncts(condition: Condition) -> Iterator[Condition]:
    """Give the parts of a condition that must all match."""
    if isinstance(condition, Every):
        for part in condition.parts:
            yield from _conjuncts(part)
    else:
        yield condition


def share_of_ids(ids: Int64Array, share: float) -> BoolArray:
    """Choose a share of objects by their ids: always the same ones, and of a larger share all of a smaller one's.

    Raises
    ------
    ArgumentError
        If the share is no number from 0 to 1.
    """
    _check_share(share)
    return np.asarray(splitmix64(ids).astype(np.float64) < share * _LARGEST, bool)


def _check_share(share: float) -> None:
    if not isinstance(share, Real) or not 0 <= share <= 1:
        msg = f"share must be a number from 0 to 1, got {share!r}"
        raise ArgumentError(msg)
