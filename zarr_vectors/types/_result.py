"""What a read returns: typed attributes that can also be asked for by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from zarr_vectors.typing import AnyArray, FloatArray

__all__ = ["PointsResult"]


class _Fields(Mapping[str, Any]):
    """A mapping over the fields of a dataclass and its `_extra` properties."""

    __slots__ = ()
    _extra: tuple[str, ...] = ()

    def _names(self) -> tuple[str, ...]:
        return (*(f.name for f in fields(self)), *self._extra)  # type: ignore[arg-type]  # subclasses are dataclasses

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - one type a field
        if key not in self._names():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


@dataclass(frozen=True, slots=True, eq=False)
class PointsResult(_Fields):
    """Points that were read.

    Attributes
    ----------
    positions : (N, D) float32 or float64
        World units, axis order as stored; in level order (chunks ascending, rows as stored).
    attributes : dict of (N,) or (N, C) arrays
        Strings for categorical attributes.
    level : int
    vertex_count : int
    object_ids : None
        Clouds without objects have none.
    """

    positions: FloatArray
    attributes: Mapping[str, AnyArray]
    level: int
    _extra = ("vertex_count", "object_ids")

    @property
    def vertex_count(self) -> int:
        """Number of points N."""
        return len(self.positions)

    @property
    def object_ids(self) -> None:
        """The object of each point: None, objects are not read yet."""
        return
