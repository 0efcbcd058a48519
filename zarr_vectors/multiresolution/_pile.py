"""Content that is made part by part: each part's vertices and links go behind those of the parts before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.multiresolution._shelf import Pile, Shelf
from zarr_vectors.types._content import Content, Links
from zarr_vectors.types._owners import Objects
from zarr_vectors.typing import AnyArray, BoolArray

__all__ = ["ContentPile", "number_type"]


def number_type(count: int) -> np.dtype[Any]:
    """Give the narrower of int32 and int64 that numbers `count` things and -1."""
    return np.dtype(np.int32 if count <= np.iinfo(np.int32).max else np.int64)


class ContentPile:
    """The parts of a level's content, as far as they are there.

    Parameters
    ----------
    like : Content
        What the whole has in common with its parts: all but arrays.
    shelf : Shelf
        Where arrays are put.

    Attributes
    ----------
    starts, link_starts : list of ints
        How many vertices and links there were before each part, and are now.
    """

    def __init__(self, like: Content, shelf: Shelf) -> None:
        self._like, self._shelf = like, shelf
        self._columns: list[tuple[Column, Pile]] = []
        self._owner: Pile | None = None
        self._breaks: Pile | None = None
        self._ends: Pile | None = None
        self._values: list[tuple[Column, Pile]] = []
        self.starts, self.link_starts = [0], [0]

    def __len__(self) -> int:
        """Vertices of all parts."""
        return self.starts[-1]

    def put(self, part: Content) -> None:
        """Add a part; its links are numbers of its own vertices."""
        if not self._columns:
            self._columns = self._piles(part.columns)
        for (_, pile), (_, values) in zip(self._columns, part.columns, strict=True):
            pile.put(values)
        owner = None if part.objects is None else part.objects.owner
        if owner is not None:
            self._owner = self._shelf.pile((), owner.dtype) if self._owner is None else self._owner
            self._owner.put(owner)
        if part.breaks is not None:
            self._breaks = self._shelf.pile((), np.bool_) if self._breaks is None else self._breaks
            self._breaks.put(part.breaks)
        if part.links is not None:
            self.put_links(replace(part.links, ends=part.links.ends + len(self)))
        self.starts.append(len(self) + len(part.positions))

    def put_links(self, links: Links) -> None:
        """Add links that are numbers of all vertices."""
        if self._ends is None:
            self._ends = self._shelf.pile(links.ends.shape[1:], number_type(len(self._like.positions)))
            self._values = self._piles(links.attributes)
        self._ends.put(links.ends)
        for (_, pile), (_, values) in zip(self._values, links.attributes, strict=True):
            pile.put(values)
        self.link_starts.append(len(self._ends))

    def _piles(self, columns: Sequence[tuple[Column, AnyArray]]) -> list[tuple[Column, Pile]]:
        return [(column, self._shelf.pile(values.shape[1:], values.dtype)) for column, values in columns]

    def content(self, objects: Objects) -> Content:
        """Give the whole; `objects` are its objects, but for the owners of vertices."""
        arrays: list[tuple[Column, AnyArray]] = [(column, pile.array()) for column, pile in self._columns]
        if not arrays:
            arrays = [(column, values[:0]) for column, values in self._like.columns]
        breaks: BoolArray | None = None if self._breaks is None else self._breaks.array()
        if self._owner is not None:
            objects = replace(objects, owner=self._owner.array())
        return replace(
            self._like,
            positions=arrays[0][1],
            attributes=arrays[1:],
            objects=objects,
            links=self.links(),
            breaks=breaks,
        )

    def links(self) -> Links | None:
        """Give all links."""
        like = self._like.links
        if like is None:
            return None
        if self._ends is None:
            return Links(like.ends[:0], like.directed, [(column, values[:0]) for column, values in like.attributes])
        return Links(self._ends.array(), like.directed, [(column, pile.array()) for column, pile in self._values])
