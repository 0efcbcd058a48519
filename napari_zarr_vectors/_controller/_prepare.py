"""What must be known before the first plan: the tree, how points are coloured, a preview. Off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._layers import LevelInfo, ValueInfo
from napari_zarr_vectors._lod import build_tree
from napari_zarr_vectors._stream import Coloring, color_values

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_zarr_vectors._lod import Tree
    from zarr_vectors.lazy import LazyStore

__all__ = [
    "AUTO",
    "DIRECTION",
    "Colors",
    "Opened",
    "color_choices",
    "prepare",
    "prepare_colors",
    "size_choice",
]

TREES = ("graph", "skeleton")
BUNDLES = ("polyline", "streamline")
RADIUS = "radius"
"""Attribute that sizes the nodes of graphs and skeletons, where it is there."""
RGB_NAMES = ("rgb", "color", "colour", "colors", "colours", "rgba")
SAMPLE_CHUNKS = 64
SAMPLE_ROWS = 200_000
LIMIT_PERCENTILES = (0.5, 99.5)
AUTO = "auto"
DIRECTION = "direction"
"""What colours lines by where they run; an attribute of that name comes first."""
PAGE_ROWS = (256, 128, 64, 32, 16, 8, 4, 2)
PAGE_WASTE = 0.25
"""What last pages that are not full may add to the pool: many small pages cost time on the GUI thread."""


@dataclass(frozen=True, slots=True, eq=False)
class Colors:
    """How points are coloured: what the loader computes and what the layer makes of it."""

    coloring: Coloring
    info: ValueInfo
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """Everything the engine starts with.

    Chunks in pages of `page_rows` take `padding` times their rows; `most_rows` is more than all levels can fill.
    """

    tree: Tree
    page_rows: int
    padding: float
    most_rows: int
    colors: Colors
    levels: LevelInfo
    preview: npt.NDArray[np.float64]  # (n, D)


def prepare(store: LazyStore, color_by: str | None, rows_a_vertex: float = 1.0) -> Opened:
    """Read the catalogue, build the tree, look at a sample of the coarsest level.

    `color_by` is an attribute, None (one colour) or "auto": colours stored as such, else the first number, else
    the first category.
    """
    tree = build_tree(store.catalogue())
    chosen = _automatic(store) if color_by == AUTO else color_by
    sample = _sample(store, tree, [chosen] if chosen in store.attribute_names(store.levels[0]) else [])
    rows = np.ceil(tree.count * rows_a_vertex).astype(np.int64)
    page_rows, padding = _pages(rows)
    most = int(rows.sum()) + page_rows * len(rows)
    padding *= rows_a_vertex
    return Opened(tree, page_rows, padding, most, prepare_colors(store, chosen, sample), _levels(store), sample[0])


def _pages(count: npt.NDArray[np.int64]) -> tuple[int, float]:
    """Find the largest pages of which chunks of (N,) rows waste little, and how much larger chunks are in them."""
    rows, padding = max(1, int(count.sum())), 1.0
    for size in PAGE_ROWS:
        padding = max(1.0, int((-(-count // size)).sum()) * size / rows)
        if padding <= 1 + PAGE_WASTE:
            return size, padding
    return PAGE_ROWS[-1], padding


def _levels(store: LazyStore) -> LevelInfo:
    """Give each level's spacing, the edge of its thinning cells."""
    spacing = [0.0] * (1 + max(store.levels))
    for level in store.levels:
        spacing[level] = float(np.max(store.resolution_at(level)))
    return LevelInfo(tuple(spacing))


def color_choices(store: LazyStore, *, with_direction: bool = False) -> list[str]:
    """Give what can colour vertices: the attributes and, of lines, their direction."""
    names = list(store.attribute_names(store.levels[0]))
    return names if not with_direction or DIRECTION in names else [*names, DIRECTION]


def _automatic(store: LazyStore) -> str | None:
    level = store.levels[0]
    names = [name for name in store.attribute_names(level) if name != RADIUS or store.geometry_type not in TREES]
    for name in names:
        if name.lower() in RGB_NAMES and _is_rgb(store, name):
            return name
    numbers = [n for n in names if store.categories(n, level) is None and store.attribute_dtype(n, level)[1] == ()]
    found = next(iter(numbers), next(iter(names), None))
    return DIRECTION if found is None and store.geometry_type in BUNDLES else found


def _is_rgb(store: LazyStore, name: str) -> bool:
    dtype, channels = store.attribute_dtype(name, store.levels[0])
    return dtype == np.uint8 and channels in ((3,), (4,))


def size_choice(store: LazyStore) -> str | None:
    """Give the attribute that sizes vertices, if the store has one by the name that neurons use."""
    level = store.levels[0]
    there = RADIUS in store.attribute_names(level) and store.categories(RADIUS, level) is None
    return RADIUS if there and store.geometry_type in TREES else None


Sample = tuple["npt.NDArray[np.float64]", dict[str, "npt.NDArray[np.generic]"]]


def _sample(store: LazyStore, tree: Tree, names: list[str]) -> Sample:
    """Read some chunks of the coarsest level, spread over it."""
    # The coarsest level that has what is asked for: some writers give attributes to level 0 only.
    having = [i for i, n in enumerate(tree.levels) if set(names) <= set(store.attribute_names(n))]
    depth = having[0] if having else 0
    level = tree.levels[depth] if tree.levels else store.levels[-1]
    roots = np.arange(tree.base[depth], tree.base[depth + 1]) if tree.levels else np.empty(0, np.int64)
    roots = roots[~tree.is_virtual[roots]]
    if not len(roots):
        return np.empty((0, store.spatial_dims)), {}
    some = roots[np.unique(np.linspace(0, len(roots) - 1, SAMPLE_CHUNKS).astype(int))]
    some = some[np.cumsum(tree.count[some]) - tree.count[some] < SAMPLE_ROWS]
    present = [n for n in names if n in store.attribute_names(level)]
    batch = store.read_chunks(level, tree.coords[some], present)
    return batch.positions.astype(np.float64), dict(batch.attributes)


def prepare_colors(store: LazyStore, name: str | None, sample: Sample | None = None) -> Colors:
    """Find out how an attribute colours points; limits come from the middle 99 % of a sample."""
    if name is None:
        return Colors(Coloring(), ValueInfo())
    if name == DIRECTION and name not in store.attribute_names(store.levels[0]):
        return Colors(Coloring(kind="direction"), ValueInfo("direction"))
    if _is_rgb(store, name):
        return Colors(Coloring(name, "rgb"), ValueInfo("rgb"))
    words = store.categories(name, store.levels[0])
    if words is not None:
        # One colour more, for what is missing.
        return Colors(Coloring(name, "category", words), ValueInfo("category", categories=len(words) + 1), words)
    coloring = Coloring(name, "scalar")
    if sample is None:
        sample = _sample(store, build_tree(store.catalogue()), [name])
    values = sample[1].get(name)
    return Colors(coloring, ValueInfo("scalar", _limits(coloring, values)))


def _limits(coloring: Coloring, values: npt.NDArray[np.generic] | None) -> tuple[float, float]:
    if values is None or not len(values):
        return 0.0, 1.0
    numbers = color_values(coloring, values)
    finite = numbers[np.isfinite(numbers) & (numbers > np.finfo(np.float32).min)]
    if not len(finite):
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, LIMIT_PERCENTILES))
    return (low, high) if low < high else (low, low + 1.0)
