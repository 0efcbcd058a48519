"""Numbers that say what was read: of every bit and of what belongs together, whatever the order of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from zarr_vectors.spatial import GOLDEN, mix_bits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zarr_vectors.types._result import Result

__all__ = ["sums_of", "sums_of_groups", "sums_of_objects"]

AnyArray: TypeAlias = npt.NDArray[Any]
Int64Array: TypeAlias = npt.NDArray[np.int64]
UInt64Array: TypeAlias = npt.NDArray[np.uint64]


def sums_of(result: Result) -> dict[str, object]:
    """Give a sum for each attribute with the vertices that it belongs to, and the same for edges and faces.

    A vertex is its position, its object, and in a line its place there. An edge or a face is its vertices in order.
    """
    found: Any = result
    attributes = found.attributes
    vertices = _rows(found.positions)
    owner, place = _places(found)
    for column in (owner, place):
        if column is not None:
            vertices = _rows(column, vertices)
    sums: dict[str, object] = {"positions": _sum(vertices)}
    for name in attributes:
        values = np.asarray(attributes.flat(name) if hasattr(attributes, "flat") else attributes[name])
        width = int(np.prod(values.shape, dtype=np.int64)) // max(1, found.vertex_count)
        sums[name] = _sum(_rows(values.reshape(found.vertex_count, width), vertices)), _kind(values)
    for links, said in (("edges", "edge_attributes"), ("faces", "face_attributes")):
        ends = getattr(found, links, None)
        if ends is None:
            continue
        joined = _rows(vertices[ends])
        sums[links] = _sum(joined)
        more = getattr(found, said) or {}
        for name, values in more.items():
            sums[f"{name} of {links}"] = _sum(_rows(np.asarray(values), joined)), _kind(values)
    return sums


def sums_of_objects(
    columns: Mapping[str, tuple[Int64Array, AnyArray]], groups: Mapping[str, Int64Array]
) -> dict[str, object]:
    """Give a sum for each attribute of objects, which comes with its ids (O,), and who is in which group."""
    said: dict[str, object] = {
        f"{name} of objects": (_sum(_rows(values, _rows(ids))), _kind(values))
        for name, (ids, values) in columns.items()
    }
    return said | {f"group {name}": np.unique(ids).tolist() for name, ids in groups.items()}


def sums_of_groups(columns: Mapping[str, AnyArray]) -> dict[str, object]:
    """Give a sum for each attribute of groups, a value (G,) each in their order."""
    return {
        f"{name} of groups": (_sum(_rows(values, _rows(np.arange(len(values))))), _kind(values))
        for name, values in columns.items()
    }


def _places(found: Any) -> tuple[Int64Array | None, Int64Array | None]:  # noqa: ANN401  # whatever type of result
    """Give the object of each vertex, and which vertex of a line it is."""
    ids: Int64Array | None = found.object_ids
    offsets = getattr(found, "offsets", None)
    if hasattr(found, "lines"):
        return None if ids is None else np.repeat(ids, 2), np.tile(np.arange(2), found.vertex_count // 2)
    if offsets is None:
        return ids, None
    sizes = np.diff(offsets)
    place = np.arange(found.vertex_count) - np.repeat(offsets[:-1], sizes)
    return None if ids is None else np.repeat(ids, sizes), place


def _rows(values: AnyArray, before: UInt64Array | None = None) -> UInt64Array:
    """Give 64 bits for each row, (N,), of all bits of its values, (N,) or (N, ..), in order, and of those `before`."""
    bits = np.zeros(len(values), np.uint64) if before is None else before
    with np.errstate(over="ignore"):
        for column in _words(values).T:
            bits = mix_bits((bits ^ column) + np.uint64(GOLDEN))
    return bits


def _words(values: AnyArray) -> UInt64Array:
    """Give the bits of each row, (N, C)."""
    flat = values.reshape(len(values), int(np.prod(values.shape[1:], dtype=np.int64)))
    if not flat.size:
        return np.zeros(flat.shape, np.uint64)
    if _kind(flat) != "words":
        native = np.ascontiguousarray(flat, flat.dtype.newbyteorder("="))
        return native.view(f"u{flat.dtype.itemsize}").astype(np.uint64)
    bits: UInt64Array = np.zeros(flat.shape, np.uint64)
    if flat.dtype.kind == "O":
        bits += np.equal(flat, None).astype(np.uint64)  # type: ignore[call-overload]  # what is absent is no word
    texts = np.ascontiguousarray(flat.astype(str))
    letters = texts.view(np.uint32).reshape(*flat.shape, -1)
    with np.errstate(over="ignore"):
        for at in range(letters.shape[2]):  # what ends a text counts for nothing, however long others are
            letter = letters[:, :, at].astype(np.uint64)
            step = np.uint64((at + 1) * GOLDEN % 2**64)
            bits += np.where(letter > 0, mix_bits(letter + step), np.uint64(0))
    return bits


def _kind(values: AnyArray) -> str:
    """Give what the bits mean; all words are alike, whether any of them is absent or not."""
    return "words" if values.dtype.kind in "OUST" else values.dtype.kind


def _sum(bits: UInt64Array) -> tuple[int, int]:
    return len(bits), int(bits.sum(dtype=np.uint64))
