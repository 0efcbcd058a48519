"""Worker threads: planning, reading, building; the byte-budget cache. No napari, no Qt."""

from napari_zarr_vectors._stream.cache import ByteCache, default_cache_bytes
from napari_zarr_vectors._stream.chosen import ChosenRows, read_chosen
from napari_zarr_vectors._stream.coloring import (
    MOST_VALUE,
    Coloring,
    ObjectValues,
    Wanted,
    color_values,
    no_values,
    size_values,
)
from napari_zarr_vectors._stream.loader import FIRST_PAUSE_S, RETRIES, Failure, Loader, Request, Source
from napari_zarr_vectors._stream.planner import HOLD_S, Planned, Planner, View
from napari_zarr_vectors._stream.ranges import ShownRanges, shown_ranges
from napari_zarr_vectors._stream.source import LinkedSource, PointSource
from napari_zarr_vectors._stream.threads import Threads

__all__ = [
    "FIRST_PAUSE_S",
    "HOLD_S",
    "MOST_VALUE",
    "RETRIES",
    "ByteCache",
    "ChosenRows",
    "Coloring",
    "Failure",
    "LinkedSource",
    "Loader",
    "ObjectValues",
    "Planned",
    "Planner",
    "PointSource",
    "Request",
    "ShownRanges",
    "Source",
    "Threads",
    "View",
    "Wanted",
    "color_values",
    "default_cache_bytes",
    "no_values",
    "read_chosen",
    "shown_ranges",
    "size_values",
]
