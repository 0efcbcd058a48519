"""The root group's ``zarr_vectors`` block as a frozen model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from zarr_vectors._spec._fields import floats, require, strings
from zarr_vectors._spec.multiscales import Axis, LevelScale, dump_multiscales, dump_ome, parse_multiscales
from zarr_vectors.constants import FORMAT_VERSION, KNOWN_CAPABILITIES, READABLE_VERSION
from zarr_vectors.exceptions import (
    CorruptStoreError,
    FormatVersionError,
    IncompleteStoreError,
    NotAStoreError,
    UnsupportedFeatureError,
)
from zarr_vectors.typing import Float64Array

__all__ = ["Commit", "RootMetadata"]

_OWN_KEYS = {
    "zv_version",
    "chunk_shape",
    "bounds",
    "geometry_types",
    "format_capabilities",
    "required_capabilities",
    "links_convention",
    "base_bin_shape",
    "crs",
    "commit",
}


@dataclass(frozen=True, slots=True)
class Commit:
    """Whether the store's writer has finished; `id` names the write."""

    state: Literal["writing", "complete"]
    id: str

    def to_dict(self) -> dict[str, str]:
        """Give the JSON form."""
        return {"state": self.state, "id": self.id}


@dataclass(frozen=True, slots=True, eq=False)
class RootMetadata:
    """What the root says of the whole store.

    Attributes
    ----------
    chunk_shape : (D,) float64
        Edge lengths of a level-0 chunk, world units.
    bounds : (2, D) float64
        Smallest and largest coordinate per axis, both inclusive.
    geometry_types : tuple of str
    axes : tuple of Axis
    scales : tuple of LevelScale
        Bins of each level, by level.
    base_bin_shape : (D,) float64 or None
        Edge lengths of a level-0 bin; None = one bin a chunk.
    commit : Commit or None
        None for a store of another writer, which counts as complete.
    other, other_root : dict
        Fields of the block and of the root's attributes that this library does not interpret; kept when
        the root is written again.
    """

    chunk_shape: Float64Array
    bounds: Float64Array
    geometry_types: tuple[str, ...]
    axes: tuple[Axis, ...]
    scales: tuple[LevelScale, ...]
    version: str = FORMAT_VERSION
    base_bin_shape: Float64Array | None = None
    format_capabilities: tuple[str, ...] = ()
    required_capabilities: tuple[str, ...] = ()
    links_convention: str = "implicit_sequential"
    crs: Any = None
    commit: Commit | None = None
    other: Mapping[str, Any] = field(default_factory=dict)
    other_root: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def bin_shape(self) -> Float64Array:
        """Edge lengths of a level-0 bin: the chunk where no bins were asked for."""
        return self.chunk_shape if self.base_bin_shape is None else self.base_bin_shape

    def scale_of(self, level: int) -> LevelScale:
        """Give the bins of a level; level 0 has the root's, and so has one that is not listed."""
        listed = {scale.level: scale for scale in self.scales if scale.level > 0}
        return listed.get(level, LevelScale(level, np.ones(self.ndim), self.bin_shape))

    @classmethod
    def from_dict(cls, attributes: Mapping[str, Any], where: str) -> RootMetadata:
        """Read the root group's attributes; `where` names the store in errors."""
        block = attributes.get("zarr_vectors")
        if not isinstance(block, Mapping):
            msg = f"{where} is a Zarr group but no Zarr Vectors store: its root has no 'zarr_vectors' attribute"
            raise NotAStoreError(msg)
        commit = _parse_commit(block.get("commit"), where)
        version = _check_version(block, where)
        required = strings(block.get("required_capabilities", []), f"{where}: required_capabilities")
        _check_required(required, where)
        axes, _ = parse_multiscales(attributes.get("multiscales"), None, f"{where}: multiscales")
        ndim = len(axes)
        chunk = floats(require(block, "chunk_shape", where), f"{where}: chunk_shape", size=ndim, positive=True)
        base = block.get("base_bin_shape")
        if base is not None:
            base = floats(base, f"{where}: base_bin_shape", size=ndim, positive=True)
        root_bin = chunk if base is None else base
        _, scales = parse_multiscales(attributes["multiscales"], root_bin, f"{where}: multiscales")
        return cls(
            chunk_shape=chunk,
            bounds=_parse_bounds(require(block, "bounds", where), ndim, where),
            geometry_types=strings(require(block, "geometry_types", where), f"{where}: geometry_types"),
            axes=axes,
            scales=scales,
            version=version,
            base_bin_shape=base,
            format_capabilities=strings(block.get("format_capabilities", []), f"{where}: format_capabilities"),
            required_capabilities=required,
            links_convention=str(block.get("links_convention", "implicit_sequential")),
            crs=block.get("crs"),
            commit=commit,
            other={k: v for k, v in block.items() if k not in _OWN_KEYS},
            other_root={k: v for k, v in attributes.items() if k not in {"zarr_vectors", "multiscales"}},
        )

    @property
    def coordinate_offset(self) -> Float64Array:
        """What a writer took away from all coordinates, (D,) float64; zeros where it says nothing."""
        given = self.other.get("coordinate_offset")
        return np.zeros(self.ndim) if given is None else floats(given, "coordinate_offset", size=self.ndim)

    def _foreign_ome(self) -> Mapping[str, Any]:
        found = self.other_root.get("ome")
        return found if isinstance(found, Mapping) else {}

    def to_dict(self, name: str) -> dict[str, Any]:
        """Give the root group's attributes; `name` is the collection's name for OME tools."""
        block: dict[str, Any] = {
            "object_index_convention": "standard",
            "cross_chunk_strategy": "explicit_links",
            **self.other,
            "zv_version": self.version,
            "chunk_shape": self.chunk_shape.tolist(),
            "bounds": self.bounds.tolist(),
            "geometry_types": list(self.geometry_types),
            "format_capabilities": list(self.format_capabilities),
            "links_convention": self.links_convention,
        }
        if self.required_capabilities:
            block["required_capabilities"] = list(self.required_capabilities)
        if self.base_bin_shape is not None:
            block["base_bin_shape"] = self.base_bin_shape.tolist()
        if self.crs is not None:
            block["crs"] = self.crs
        if self.commit is not None:
            block["commit"] = self.commit.to_dict()
        ome = dump_ome(name, self.axes, [s.level for s in self.scales])
        return {
            **self.other_root,
            "zarr_vectors": block,
            "multiscales": dump_multiscales(self.axes, self.scales),
            "ome": {**{k: v for k, v in self._foreign_ome().items() if k not in ome}, **ome},
        }


def _parse_commit(value: object, where: str) -> Commit | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or value.get("state") not in {"writing", "complete"}:
        msg = f"{where}: commit must be an object with a state of 'writing' or 'complete', got {value!r}"
        raise CorruptStoreError(msg)
    if value["state"] == "writing":
        msg = f"{where} is unfinished: its writer ({value.get('id')}) stopped before the commit; write it again"
        raise IncompleteStoreError(msg)
    return Commit("complete", str(value.get("id", "")))


def _check_version(block: Mapping[str, Any], where: str) -> str:
    version = require(block, "zv_version", where)
    parts = str(version).split(".")
    if not isinstance(version, str) or len(parts) < 2 or not all(p.isascii() and p.isdecimal() for p in parts):
        msg = f"{where}: zv_version must look like '{FORMAT_VERSION}', got {version!r}"
        raise FormatVersionError(msg)
    if (int(parts[0]), int(parts[1])) != READABLE_VERSION:
        msg = f"{where} was written in format version {version}; this library reads 0.9.x"
        raise FormatVersionError(msg)
    return str(version)


def _check_required(required: tuple[str, ...], where: str) -> None:
    lacking = [name for name in required if name not in KNOWN_CAPABILITIES]
    if lacking:
        msg = f"{where} requires {', '.join(map(repr, lacking))}, which this library does not have; update it"
        raise UnsupportedFeatureError(msg)


def _parse_bounds(value: object, ndim: int, where: str) -> Float64Array:
    if not isinstance(value, list) or len(value) != 2:
        msg = f"{where}: bounds must be [[minima], [maxima]], got {value!r}"
        raise CorruptStoreError(msg)
    bounds = np.stack([floats(row, f"{where}: bounds", size=ndim) for row in value])
    wrong = np.flatnonzero(bounds[0] > bounds[1])
    if len(wrong):
        lo, hi = bounds[:, wrong[0]].tolist()
        msg = f"{where}: bounds have a minimum of {lo} above the maximum of {hi} on axis {wrong[0]}"
        raise CorruptStoreError(msg)
    return bounds
