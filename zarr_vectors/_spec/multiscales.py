"""The root's ``multiscales`` block: axes, and the bins of each level.

``scale`` is a level's bin edge divided by the root's, ``translation`` half the level's bin edge; at level 0 the
translation says nothing about bins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zarr_vectors._spec._fields import array, floats, mapping
from zarr_vectors.exceptions import CorruptStoreError
from zarr_vectors.typing import Float64Array

__all__ = ["Axis", "LevelScale", "default_axes", "dump_multiscales", "dump_ome", "parse_multiscales"]

_DEFAULT_NAMES = ("x", "y", "z", "w", "v")


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the coordinates: its name, its type (``space``, ``time``, ``channel``...) and its unit, if known."""

    name: str
    type: str = "space"
    unit: str | None = None

    def to_dict(self) -> dict[str, str]:
        """Give the JSON form; an unknown unit is left out."""
        out = {"name": self.name, "type": self.type}
        return out if self.unit is None else {**out, "unit": self.unit}


@dataclass(frozen=True, slots=True, eq=False)
class LevelScale:
    """Bins of one level: `bin_ratio` against the root's bin and the bin's edges, world units, both (D,) float64."""

    level: int
    bin_ratio: Float64Array
    bin_shape: Float64Array


def default_axes(ndim: int) -> tuple[Axis, ...]:
    """Name the axes of `ndim` dimensions x, y, z, w, v."""
    return tuple(Axis(name) for name in _DEFAULT_NAMES[:ndim])


def parse_multiscales(
    block: object, root_bin: Float64Array | None, where: str
) -> tuple[tuple[Axis, ...], tuple[LevelScale, ...]]:
    """Read axes and level bins; with `root_bin` None only the axes are read."""
    if not isinstance(block, list) or not block or not isinstance(block[0], Mapping):
        msg = f"{where}: expected a list with one multiscales object, got {block!r}"
        raise CorruptStoreError(msg)
    axes = _parse_axes(block[0].get("axes"), where)
    if root_bin is None:
        return axes, ()
    datasets = [_parse_dataset(item, root_bin, where) for item in array(block[0].get("datasets", []), where)]
    scales = sorted((s for s in datasets if s is not None), key=lambda s: s.level)
    numbers = [s.level for s in scales]
    if len(set(numbers)) != len(numbers):
        msg = f"{where}: each level has one dataset, got levels {numbers}"
        raise CorruptStoreError(msg)
    return axes, tuple(scales)


def _parse_axes(items: object, where: str) -> tuple[Axis, ...]:
    if not isinstance(items, list) or not items:
        msg = f"{where}: expected a list of axes, got {items!r}"
        raise CorruptStoreError(msg)
    axes = []
    for item in items:
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            msg = f"{where}: an axis must be an object with a name, got {item!r}"
            raise CorruptStoreError(msg)
        unit = item.get("unit")
        axes.append(Axis(item["name"], str(item.get("type", "space")), None if unit is None else str(unit)))
    if len({axis.name for axis in axes}) != len(axes):
        msg = f"{where}: axis names must be unique, got {[axis.name for axis in axes]}"
        raise CorruptStoreError(msg)
    return tuple(axes)


def _parse_dataset(item: object, root_bin: Float64Array, where: str) -> LevelScale | None:
    dataset = mapping(item, where)
    path = str(dataset.get("path", ""))
    if not (path.isascii() and path.isdecimal() and str(int(path)) == path):
        return None
    transforms = array(dataset.get("coordinateTransformations", []), where)
    found = {str(mapping(t, where).get("type")): t for t in transforms}
    here, size = f"{where}, level {path}", len(root_bin)
    ratio = np.ones(size)
    if "scale" in found:
        ratio = floats(found["scale"].get("scale"), here, size=size, positive=True)
    with np.errstate(over="ignore"):
        bin_shape = root_bin * ratio
        if "translation" in found and path != "0":
            bin_shape = 2 * floats(found["translation"].get("translation"), here, size=size, positive=True)
    return LevelScale(int(path), ratio, floats(bin_shape, here, size=size, positive=True))


def dump_multiscales(axes: Iterable[Axis], scales: Iterable[LevelScale]) -> list[dict[str, Any]]:
    """Give the JSON form of the block."""
    datasets = [
        {
            "path": str(s.level),
            "coordinateTransformations": [
                {"type": "scale", "scale": s.bin_ratio.tolist()},
                {"type": "translation", "translation": (s.bin_shape / 2).tolist()},
            ],
        }
        for s in scales
    ]
    return [
        {
            "version": "0.4",
            "name": "default",
            "axes": [axis.to_dict() for axis in axes],
            "datasets": datasets,
            "metadata": {"format": "zarr_vectors"},
        }
    ]


def dump_ome(name: str, axes: Iterable[Axis], levels: Iterable[int]) -> dict[str, Any]:
    """Give the root's ``ome`` block, which lists the levels for generic OME tools."""
    world = {"name": "world", "axes": [axis.to_dict() for axis in axes]}
    return {
        "version": "0.6",
        "type": "collection",
        "name": name,
        "attributes": {"scene": {"coordinateSystems": [world], "coordinateTransformations": []}},
        "nodes": [{"type": "zv:level", "name": str(level)} for level in levels],
    }
