"""What a family of links is and where it lies.

::

    <level>/links/<delta>/                    group: width, policy, counts
    <level>/links/<delta>/<offsets>           grid: the records whose source chunk is the cell
    <level>/link_fragments                    grid: groups of rows of links/0/<all zero>
    <level>/link_attributes/<name>/<delta>/<offsets>   grid: one row a record, mirrors the links

A record has L endpoints. The first in stored order lies in the cell's chunk, the others in the chunks that the
array's offsets lead to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from zarr_vectors._spec._fields import require, whole
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.typing import Int64Array

__all__ = [
    "LINKS",
    "LINK_ATTRIBUTES",
    "LINK_FRAGMENTS",
    "LinkFamily",
    "LinkPlacement",
    "format_delta",
    "link_attributes_path",
    "links_path",
]

LINKS = "links"
LINK_FRAGMENTS = "link_fragments"
LINK_ATTRIBUTES = "link_attributes"

_MOST_ENDPOINTS = 20  # 20! permutations are the most that int64 numbers

LinkPlacement: TypeAlias = Literal["canonical", "duplicate"]
"""Each record once, or once in every chunk that it touches."""


def format_delta(delta: int) -> str:
    """Spell a level delta: ``"0"``, ``"+1"``, ``"-2"``."""
    return f"{delta:+d}" if delta else "0"


def links_path(base: str, delta: int) -> str:
    """Give the path of a family's group; `base` is the path of its level."""
    return f"{base}/{LINKS}/{format_delta(delta)}"


def link_attributes_path(base: str, name: str, delta: int) -> str:
    """Give the path of the group that holds one link attribute of a family."""
    return f"{base}/{LINK_ATTRIBUTES}/{name}/{format_delta(delta)}"


@dataclass(frozen=True, slots=True)
class LinkFamily:
    """The links of a level that lead to one other level, or stay in it.

    Attributes
    ----------
    width : int
        Endpoints L of a record: 2 for edges, 3 for triangles.
    rank : int
        Components R of a chunk coordinate.
    directed : bool
        Whether the order of endpoints in storage is that of the input.
    store : "canonical" or "duplicate"
    delta : int
        The level of all endpoints but the first, less the level of the first.
    """

    width: int
    rank: int
    directed: bool = False
    store: LinkPlacement = "canonical"
    delta: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.width <= _MOST_ENDPOINTS or self.rank < 1 or self.store not in ("canonical", "duplicate"):
            msg = f"links have 1 to {_MOST_ENDPOINTS} endpoints and are stored 'canonical' or 'duplicate', got {self}"
            raise ArgumentError(msg)

    @classmethod
    def from_dict(cls, attributes: Mapping[str, Any], delta: int, where: str) -> LinkFamily:
        """Read a family group's attributes."""
        store = attributes.get("store", "canonical")
        if store not in ("canonical", "duplicate"):
            msg = f"{where}: store must be 'canonical' or 'duplicate', got {store!r}"
            raise CorruptStoreError(msg)
        width = whole(require(attributes, "link_width", where), f"{where}: link_width", least=1)
        rank = whole(require(attributes, "sid_ndim", where), f"{where}: sid_ndim", least=1)
        if width > _MOST_ENDPOINTS:
            msg = f"{where}: links of {width} endpoints are not read, {_MOST_ENDPOINTS} at most"
            raise UnsupportedFeatureError(msg)
        return cls(width, rank, bool(attributes.get("directed", False)), store, delta)

    def to_dict(self, num_links: int, num_physical_records: int) -> dict[str, Any]:
        """Give the family group's attributes."""
        return {
            "zv_array": "links_family",
            "level_delta": self.delta,
            "link_width": self.width,
            "sid_ndim": self.rank,
            "directed": self.directed,
            "store": self.store,
            "num_links": num_links,
            "num_physical_records": num_physical_records,
        }

    def has_permutations(self, offsets: Int64Array) -> bool:
        """Tell whether rows of the array with these offsets begin with the code of a permutation."""
        reordered = self.store == "duplicate" or not self.directed
        return self.delta == 0 and reordered and bool(offsets.any())

    def has_header(self, offsets: Int64Array) -> bool:
        """Tell whether cells of the array with these offsets begin with a table of groups."""
        return self.delta != 0 or bool(offsets.any())
