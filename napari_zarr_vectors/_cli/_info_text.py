"""A store's facts as tables for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from napari_zarr_vectors._cli._errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from napari_zarr_vectors._cli._info import AttributeInfo, StoreInfo

__all__ = ["to_tables"]

MOST_WORDS = 5
ALIKE = 0.99
SIGNIFICANT = 6
DOUBLE = 17
"""Digits that tell all float64 apart."""
SMALLEST, LARGEST = 1e-4, 1e15
"""Numbers between them are written without an exponent."""


def to_tables(info: StoreInfo) -> RenderableType:
    """Lay a store's facts out; names of the store are never taken for markup."""
    return Group(_store(info), "", _axes(info), "", _levels(info), "", _attributes(info), *_objects(info))


def _store(info: StoreInfo) -> Table:
    storage = info.storage
    shards = "none: a file a chunk" if storage.shard_shape is None else f"{_shape(storage.shard_shape)} chunks"
    rows = [
        ("store", info.path),
        ("kind", info.kind or "not named: an empty store"),
        ("compressor", storage.compressor),
        ("shards", shards),
    ]
    if storage.bytes is not None:
        rows.append(("on disk", f"{decimal(storage.bytes)} ({storage.bytes:,} bytes)"))
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="bold"), Text(printable(value), overflow="fold"))
    return table


def _axes(info: StoreInfo) -> Table:
    rows = ([axis.name, axis.type, axis.unit or "", *_ends(axis.low, axis.high)] for axis in info.axes)
    return _table("Axes", ["axis", "type", "unit", "lowest", "highest"], rows, numbers_from=3)


def _levels(info: StoreInfo) -> Table:
    rows = (
        [
            str(level.level),
            f"{level.vertices:,}",
            f"{level.chunks:,}",
            _lengths(level.chunk_shape),
            _lengths(level.bin_shape),
            _bounds(level.resolution) if any(level.resolution) else "exact",
        ]
        for level in info.levels
    )
    return _table("Levels", ["level", "vertices", "chunks", "chunk shape", "bin shape", "resolution"], rows)


def _attributes(info: StoreInfo) -> RenderableType:
    if not info.attributes:
        return Text("No vertex attributes")
    rows = ([a.name, a.dtype, _shape(a.channels) or "1", _words(a)] for a in info.attributes)
    return _table("Vertex attributes", ["attribute", "dtype", "channels", "categories"], rows, numbers_from=4)


def _objects(info: StoreInfo) -> list[RenderableType]:
    if not info.objects:
        return []
    groups = [f"{name} ({members:,})" for name, members in info.groups.items()]
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("objects", f"{info.objects:,}"),
        ("object attributes", _some(info.object_attributes)),
        ("groups (members)", _some(groups)),
    ):
        table.add_row(Text(name, style="bold"), Text(printable(value), overflow="fold"))
    return ["", table]


def _some(words: Sequence[str]) -> str:
    more = "" if len(words) <= MOST_WORDS else f", .. ({len(words):,} in all)"
    return ", ".join(words[:MOST_WORDS]) + more or "none"


def _words(attribute: AttributeInfo) -> str:
    if attribute.categories is None:
        return ""
    more = "" if len(attribute.categories) <= MOST_WORDS else ", .."
    return f"{len(attribute.categories):,}: {', '.join(attribute.categories[:MOST_WORDS])}{more}"


def _table(title: str, columns: Sequence[str], rows: Iterable[list[str]], *, numbers_from: int = 0) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for at, name in enumerate(columns):
        table.add_column(name, justify="right" if at >= numbers_from else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def _shape(lengths: Sequence[float]) -> str:
    return " x ".join(f"{length:.6g}" for length in lengths)


def _lengths(lengths: Sequence[float]) -> str:
    """Write a length by axis, once where all axes agree: a table of three of them fits into 80 columns."""
    each = {f"{length:.6g}" for length in lengths}
    return each.pop() if len(each) == 1 else _shape(lengths)


def _bounds(lengths: Sequence[float]) -> str:
    """Write how far vertices may have been moved by axis, the largest where all axes agree within a hundredth."""
    return f"{max(lengths):.6g}" if min(lengths) > ALIKE * max(lengths) else _lengths(lengths)


def _ends(low: float, high: float) -> tuple[str, str]:
    """Write both ends of an axis with six digits of what lies between them, however far from 0 they are."""
    largest, between = max(abs(low), abs(high)), high - low
    power = _power(largest)
    decimals = SIGNIFICANT - 1 - (_power(between) if between > 0 else power)
    decimals = min(decimals, DOUBLE - 1 - power)  # more would be made up
    if SMALLEST <= largest < LARGEST:
        low_text, high_text = (_plain(end, max(decimals, 0)) for end in (low, high))
    else:
        low_text, high_text = (f"{end:.{max(decimals + power + 1, SIGNIFICANT)}g}" for end in (low, high))
    return low_text, high_text


def _power(length: float) -> int:
    return math.floor(math.log10(length)) if 0 < length < math.inf else 0


def _plain(value: float, decimals: int) -> str:
    text = f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0: no minus before a zero
    return text.rstrip("0").rstrip(".") if "." in text else text
