"""What a reader asks for: a level, a box, some attributes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.spatial import BoxLike, as_box
from zarr_vectors.typing import Float64Array

__all__ = ["Selection", "select"]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """A checked request.

    Attributes
    ----------
    box : ((D,), (D,)) float64 or None
        Half-open box ``lo <= p < hi``, world units.
    attributes : tuple of str
        Names of the vertex attributes to read.
    """

    box: tuple[Float64Array, Float64Array] | None
    attributes: tuple[str, ...]


def select(
    ndim: int, known: Sequence[str], bbox: BoxLike | None, attributes: Iterable[str] | None, where: str
) -> Selection:
    """Check a request against a level with attributes `known`; ``attributes=None`` asks for all."""
    if attributes is None:
        names = tuple(known)
    elif isinstance(attributes, str):
        msg = f"attributes must be a list of names, got the string {attributes!r}"
        raise ArgumentError(msg)
    else:
        names = tuple(dict.fromkeys(attributes))
    unknown = [name for name in names if name not in known]
    if unknown:
        have = ", ".join(map(repr, known)) or "none"
        msg = f"{where} has no vertex attribute {unknown[0]!r}; it has {have}"
        raise ArgumentError(msg)
    return Selection(None if bbox is None else as_box(bbox, ndim), names)
