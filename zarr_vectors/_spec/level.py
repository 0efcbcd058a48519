"""A level group's ``zarr_vectors_level`` block as a frozen model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from zarr_vectors._spec._fields import floats, mapping, require, strings, whole
from zarr_vectors.exceptions import CorruptStoreError, UnsupportedFeatureError
from zarr_vectors.typing import Float64Array

__all__ = ["LevelMetadata"]

_OWN_KEYS = {
    "level",
    "vertex_count",
    "arrays_present",
    "attribute_names",
    "coarsening_method",
    "parent_level",
    "chunk_shape",
    "resolution",
    "fragments_tile",
    "object_sparsity",
    "chunk_dims",
    "refinement",
}


@dataclass(frozen=True, slots=True, eq=False)
class LevelMetadata:
    """What a level says of itself.

    Attributes
    ----------
    level, vertex_count : int
    chunk_shape : (D,) float64 or None
        Edge lengths of this level's chunks; None = the root's.
    resolution : (D,) float64 or None
        The largest displacement of a vertex at this level per axis (the edge of its thinning cell).
    parent_level : int or None
        The level this one was made from.
    chunk_dims : tuple of str
        Axis names where the level's chunks have a leading attribute axis; else empty.
    refinement : "replace" or "add"
        ``"add"``: the level's content is its own rows and the content of the next coarser level; `vertex_count` counts
        its own.
    attribute_names : dict of tuple of str, or None
        Names of the attributes in each family ("vertex_attributes", ..), so that a lost one is missed; None where
        the writer did not say.
    """

    level: int
    vertex_count: int
    arrays_present: tuple[str, ...] = ()
    chunk_shape: Float64Array | None = None
    resolution: Float64Array | None = None
    parent_level: int | None = None
    coarsening_method: str = "none"
    object_sparsity: float = 1.0
    fragments_tile: bool = False
    chunk_dims: tuple[str, ...] = ()
    refinement: Literal["replace", "add"] = "replace"
    attribute_names: Mapping[str, tuple[str, ...]] | None = None
    other: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, attributes: Mapping[str, Any], level: int, ndim: int, where: str) -> LevelMetadata:
        """Read a level group's attributes."""
        block = attributes.get("zarr_vectors_level")
        if not isinstance(block, Mapping):
            msg = f"{where}: level {level} has no 'zarr_vectors_level' attribute"
            raise CorruptStoreError(msg)
        here = f"{where}: level {level}"
        chunk, resolution, parent = block.get("chunk_shape"), block.get("resolution"), block.get("parent_level")
        sparsity = floats([block.get("object_sparsity", 1.0)], f"{here} object_sparsity")
        return cls(
            level=level,
            vertex_count=whole(require(block, "vertex_count", here), f"{here} vertex_count"),
            arrays_present=strings(block.get("arrays_present", []), f"{here} arrays_present"),
            chunk_shape=None if chunk is None else floats(chunk, f"{here} chunk_shape", size=ndim, positive=True),
            resolution=None if resolution is None else floats(resolution, f"{here} resolution", size=ndim),
            parent_level=None if parent is None else whole(parent, f"{here} parent_level"),
            coarsening_method=str(block.get("coarsening_method", "none")),
            object_sparsity=float(sparsity[0]),
            fragments_tile=bool(block.get("fragments_tile", False)),
            chunk_dims=strings(block.get("chunk_dims", []), f"{here} chunk_dims"),
            refinement=_refinement(block.get("refinement", "replace"), here),
            attribute_names=_names(block.get("attribute_names"), f"{here} attribute_names"),
            other={k: v for k, v in block.items() if k not in _OWN_KEYS},
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the level group's attributes."""
        block: dict[str, Any] = {
            **self.other,
            "level": self.level,
            "vertex_count": self.vertex_count,
            "arrays_present": list(self.arrays_present),
            "object_sparsity": self.object_sparsity,
            "coarsening_method": self.coarsening_method,
        }
        if self.attribute_names is not None:
            block["attribute_names"] = {family: list(names) for family, names in self.attribute_names.items()}
        if self.level > 0:
            block["parent_level"] = self.parent_level
        if self.chunk_shape is not None:
            block["chunk_shape"] = self.chunk_shape.tolist()
        if self.resolution is not None:
            block["resolution"] = self.resolution.tolist()
        if self.fragments_tile:
            block["fragments_tile"] = True
        if self.chunk_dims:
            block["chunk_dims"] = list(self.chunk_dims)
        if self.refinement != "replace":
            block["refinement"] = self.refinement
        return {"zarr_vectors_level": block}


def _refinement(value: object, where: str) -> Literal["replace", "add"]:
    if value == "replace":
        return "replace"
    if value == "add":
        return "add"
    msg = f"{where}: refinement must be 'replace' or 'add', got {value!r}; update this library if it is newer"
    raise UnsupportedFeatureError(msg)


def _names(value: object, where: str) -> dict[str, tuple[str, ...]] | None:
    if value is None:
        return None
    return {family: strings(names, f"{where} {family}") for family, names in mapping(value, where).items()}
