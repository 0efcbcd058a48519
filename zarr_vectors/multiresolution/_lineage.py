"""Cross-level links: which coarse vertex stands for each finer one, noted while levels are made, then written.

A link is a record of two rows: of its own level, then of the level that its delta leads to. What is noted is 8 bytes a
vertex, held until all levels are there; nothing is where no links were asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarr_vectors.core._backends import Backend
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._links import LinkFamily, LinkTarget, RowGrid, write_links
from zarr_vectors.core.store import OpenStore
from zarr_vectors.encoding import offsets_of
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.types._pipeline import Storage
from zarr_vectors.typing import Int64Array

__all__ = ["CrossLinks", "LevelPlace", "Lineage", "check_cross_links", "place_of", "stale_families"]

_NONE = -1


@dataclass(frozen=True, slots=True)
class CrossLinks:
    """Which cross-level links are written.

    Attributes
    ----------
    depth : int
        How many levels they lead up at most; -1 for all, 0 for none.
    storage : "none", "implicit" or "explicit"
        "implicit" are those from a level to coarser ones, "explicit" also those back.
    """

    depth: int
    storage: str

    def __bool__(self) -> bool:
        return self.storage != "none" and self.depth != 0


def check_cross_links(depth: int, storage: str) -> CrossLinks:
    """Check what was asked for."""
    if storage not in ("none", "implicit", "explicit"):
        msg = f"cross_level_storage must be 'none', 'implicit' or 'explicit', got {storage!r}"
        raise ArgumentError(msg)
    if isinstance(depth, bool) or not isinstance(depth, (int, np.integer)) or depth < -1:
        msg = f"cross_level_depth must be a whole number >= 0, or -1 for all levels, got {depth!r}"
        raise ArgumentError(msg)
    return CrossLinks(int(depth), storage)


@dataclass(frozen=True, slots=True, eq=False)
class LevelPlace:
    """Where the rows of a level lie.

    Attributes
    ----------
    level : int
    rows : RowGrid
    origin : (R,) int64
        Chunk coordinate of the first cell of its arrays.
    shape : tuple of R ints
        Their cells.
    ratio : (R,) int64
        Chunk edges in chunks of the root.
    """

    level: int
    rows: RowGrid
    origin: Int64Array
    shape: tuple[int, ...]
    ratio: Int64Array


def place_of(arrays: LevelArrays) -> LevelPlace:
    """Tell where the rows of a stored level lie."""
    counts = arrays.counts
    if counts is None:
        counts = arrays.positions.read(arrays.coords, None)[1]
    grid = arrays.positions.array.grid
    ratio = np.round(arrays.chunk_shape / arrays.store.root.chunk_shape).astype(np.int64)
    return LevelPlace(arrays.meta.level, RowGrid(arrays.coords, offsets_of(counts)), grid.origin, grid.shape, ratio)


class Lineage:
    """The levels of a pyramid, each with the row of the next one that stands for each of its rows.

    Parameters
    ----------
    first : LevelPlace
        The level that the first one is made from.
    """

    def __init__(self, first: LevelPlace) -> None:
        self._places = [first]
        self._parents: list[Int64Array] = []

    @property
    def last(self) -> LevelPlace:
        """The level that was added last."""
        return self._places[-1]

    def add(self, place: LevelPlace, parents: Int64Array) -> None:
        """Add the next level; `parents`, (N,), is its row for each of the level before, -1 for a vertex that went."""
        self._places.append(place)
        self._parents.append(parents)

    def write(self, backend: Backend, links: CrossLinks, storage: Storage) -> None:
        """Write the links of all levels."""
        for at, own in enumerate(self._places):
            ancestors = np.arange(own.rows.num_rows)
            deepest = len(self._places) - 1 if links.depth < 0 else min(at + links.depth, len(self._places) - 1)
            for above in range(at + 1, deepest + 1):
                parents = np.append(self._parents[above - 1], _NONE)  # the last one is what -1 finds
                ancestors = parents[ancestors]
                kept = np.flatnonzero(ancestors != _NONE)
                pairs = np.stack([kept, ancestors[kept]], axis=1)
                _write(backend, own, self._places[above], pairs, storage)
                if links.storage == "explicit":
                    back = pairs[np.argsort(pairs[:, 1], kind="stable"), ::-1]
                    _write(backend, self._places[above], own, back, storage)


def _write(backend: Backend, own: LevelPlace, other: LevelPlace, pairs: Int64Array, storage: Storage) -> None:
    family = LinkFamily(2, len(own.origin), directed=True, delta=other.level - own.level)
    target = LinkTarget(other.rows, own.ratio, other.ratio)
    write_links(
        backend,
        str(own.level),
        pairs,
        own.rows,
        family,
        origin=own.origin,
        shape=own.shape,
        storage=storage,
        target=target,
    )


def stale_families(store: OpenStore, unchanged: set[int]) -> list[str]:
    """Give the paths of links, from levels that stay to others, which do not: they would name rows that are gone."""
    out = []
    for level in sorted(unchanged):
        path = f"{level}/links"
        names = [name for name in store.backend.list_names(path) if name.lstrip("+-").isdecimal()]
        gone = [name for name in names if int(name) and level + int(name) not in unchanged]
        out += [path] if gone and len(gone) == len(names) else [f"{path}/{name}" for name in gone]
    return out
