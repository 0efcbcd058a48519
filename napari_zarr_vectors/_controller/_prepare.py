"""What must be known before the first plan: the tree, how points are coloured, a preview. Off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_zarr_vectors._build import MISSING_VALUE
from napari_zarr_vectors._controller._numbers import are_wide, limits_of, offset_of
from napari_zarr_vectors._controller._unknown import unknown_of
from napari_zarr_vectors._layers import LevelInfo, ValueInfo
from napari_zarr_vectors._layers._legend import GROUP
from napari_zarr_vectors._layers._lut import DISTINCT
from napari_zarr_vectors._lod import build_tree
from napari_zarr_vectors._stream import Coloring, ObjectValues, color_values, size_values
from zarr_vectors.exceptions import ArgumentError, CorruptStoreError

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_zarr_vectors._lod import Tree
    from napari_zarr_vectors._stream import Wanted
    from zarr_vectors.lazy import LazyStore

__all__ = [
    "AUTO",
    "DIRECTION",
    "Colors",
    "Opened",
    "color_choices",
    "no_color",
    "prepare",
    "prepare_colors",
    "size_choice",
    "size_choices",
]

TREES = ("graph", "skeleton")
DIRECTED = ("line", "polyline", "streamline", "graph", "skeleton")
BUNDLES = ("polyline", "streamline")
RADIUS = "radius"
"""Attribute that sizes the nodes of graphs and skeletons, where it is there."""
RGB_NAMES = ("rgb", "color", "colour", "colors", "colours", "rgba")
SAMPLE_CHUNKS, VALUE_CHUNKS = 64, 16
SAMPLE_ROWS = 200_000
PREVIEW_POINTS = 4096
"""Of the picture in the layer list, which has 32 pixels a side and is painted on the GUI thread."""
AUTO = "auto"
OBJECT = "object"
"""What colours each object otherwise; `GROUP` does so with each group's objects."""
DIRECTION = "direction"
"""What colours lines by where they run; an attribute of that name comes first."""
MOST_COLORS = 4096
FEW_LABELS = 256
"""Where a sample has more different numbers they are amounts, and no others are looked for."""
PAGE_ROWS = (256, 128, 64, 32, 16, 8, 4, 2)
PAGE_WASTE = 0.25
"""What last pages that are not full may add to the pool: many small pages cost time on the GUI thread."""


@dataclass(frozen=True, slots=True, eq=False)
class Colors:
    """How vertices are coloured: what the loader computes and what the layer makes of it.

    `name` is what was asked; `choices`, `sizes`, `objects` and `groups` are what a person may choose from, read here
    because it may take a while. `unknown` are ids that are to be shown and that no object has.
    """

    coloring: Coloring
    info: ValueInfo
    words: tuple[str, ...] = ()
    name: str | None = None
    choices: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    objects: int = 0
    groups: tuple[str, ...] = ()
    unknown: tuple[int, ...] = ()


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


def prepare(
    store: LazyStore,
    color_by: str | None,
    rows_a_vertex: float = 1.0,
    wanted: Wanted | None = None,
    size_by: str | None = None,
    *,
    as_labels: bool = False,
) -> Opened:
    """Read the catalogue, build the tree, look at a sample of the coarsest level.

    `color_by` is an attribute, None (one colour) or "auto": colours stored as such, else the first number, else
    the first category. `as_labels` is that of `prepare_colors`.
    """
    tree = build_tree(store.catalogue())
    chosen = _automatic(store) if color_by == AUTO else color_by
    sample = _sample(store, tree, [chosen] if chosen in store.attribute_names(store.levels[0]) else [])
    rows = np.ceil(tree.count * rows_a_vertex).astype(np.int64)
    page_rows, padding = _pages(rows)
    most = int(rows.sum()) + page_rows * len(rows)
    padding *= rows_a_vertex
    colors = prepare_colors(store, chosen, sample, wanted, size_by, as_labels=as_labels)
    preview = sample[0][:: max(1, -(-len(sample[0]) // PREVIEW_POINTS))]
    return Opened(tree, page_rows, padding, most, colors, _levels(store), preview)


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
    """Give what can colour vertices, of equal names the first.

    Attributes of vertices, of objects and of groups, the object, the group, of lines the direction.
    """
    names = [*store.attribute_names(store.levels[0]), *store.object_attribute_names(), *_group_attributes(store)]
    if store.n_objects > 1:
        names += [OBJECT, *([GROUP] if store.groups else [])]
    return list(dict.fromkeys([*names, *([DIRECTION] if with_direction else [])]))


def no_color(store: LazyStore, name: object, *, with_direction: bool) -> ArgumentError:
    """Make the error that says of a name which nothing has what there is instead."""
    have = ", ".join(color_choices(store, with_direction=with_direction)) or "none"
    return ArgumentError(f"{store.name} has nothing named {name!r} to colour by; it has {have}")


def _group_attributes(store: LazyStore) -> tuple[str, ...]:
    """Give the attributes of groups that have objects."""
    names = store.group_attribute_names() if store.n_objects else ()
    return names if names and store.groups else ()


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


def size_choices(store: LazyStore) -> list[str]:
    """Give what can size vertices: attributes of vertices and of objects that are one number each."""
    level = store.levels[0]
    own = [n for n in store.attribute_names(level) if store.categories(n, level) is None]
    numbers = [n for n in own if _is_number(*store.attribute_dtype(n, level))]
    numbers += [name for name in store.object_attribute_names() if _numbers_objects(store, name)]
    return list(dict.fromkeys(numbers))


def _numbers_objects(store: LazyStore, name: str) -> bool:
    """Tell whether an attribute is one number an object."""
    try:
        column = store.object_values(name)[1]
    except CorruptStoreError:  # nobody asks for it: all else can be shown
        return False
    return _is_number(column.dtype, column.shape[1:])


def _is_number(dtype: np.dtype[Any], channels: tuple[int, ...]) -> bool:
    return dtype.kind in "iuf" and channels in ((), (1,))


def _sizing(store: LazyStore, name: str | None, choices: tuple[str, ...]) -> dict[str, Any]:
    """Give what of a `Coloring` says how large vertices are."""
    if name is None:
        return {}
    if name not in choices:
        msg = f"{store.name} has no number named {name!r} to size by; it has {', '.join(choices) or 'none'}"
        raise ArgumentError(msg)
    if name in store.attribute_names(store.levels[0]):
        return {"size_by": name}
    ids, values = store.object_values(name)
    return {"sizes": _by_id(ids, size_values(values))}


Sample = tuple["npt.NDArray[np.float64]", dict[str, "npt.NDArray[np.generic]"]]


def _sample(store: LazyStore, tree: Tree, names: list[str]) -> Sample:
    """Read some chunks of the coarsest level, spread over it."""
    level, coords, present = _chunks_of_sample(store, tree, names)
    if not len(coords):
        return np.empty((0, store.spatial_dims)), {}
    batch = store.read_chunks(level, coords, present)
    return batch.positions.astype(np.float64), dict(batch.attributes)


def _values_of_sample(store: LazyStore, tree: Tree, name: str) -> npt.NDArray[Any] | None:
    """Read the values of some chunks of the finest level: those of others are means, which lie nearer together."""
    if not tree.levels:
        return None
    coords = tree.coords[_spread(tree, len(tree.levels) - 1, VALUE_CHUNKS)]
    return store.read_values(tree.levels[-1], coords, [name]).attributes.get(name)


def _coarse_values(store: LazyStore, tree: Tree, name: str) -> npt.NDArray[Any] | None:
    """Read the values of some chunks of the coarsest level that has them."""
    level, coords, present = _chunks_of_sample(store, tree, [name])
    return store.read_values(level, coords, present).attributes.get(name)


def _chunks_of_sample(store: LazyStore, tree: Tree, names: list[str]) -> tuple[int, npt.NDArray[np.int64], list[str]]:
    """Give a level, the coordinates of some chunks of it, and those of some attributes that it has."""
    # The coarsest level that has what is asked for: some writers give attributes to level 0 only.
    having = [i for i, n in enumerate(tree.levels) if set(names) <= set(store.attribute_names(n))]
    depth = having[0] if having else 0
    level = tree.levels[depth] if tree.levels else store.levels[-1]
    some = _spread(tree, depth, SAMPLE_CHUNKS) if tree.levels else np.empty(0, np.int64)
    return level, tree.coords[some], [n for n in names if n in store.attribute_names(level)]


def _spread(tree: Tree, depth: int, most: int) -> npt.NDArray[np.int64]:
    """Choose some nodes of a level, spread over it: as many as a sample of rows may have, one at least."""
    nodes = np.arange(tree.base[depth], tree.base[depth + 1])
    nodes = nodes[~tree.is_virtual[nodes]]
    some = nodes[np.unique(np.linspace(0, max(0, len(nodes) - 1), most).astype(int))] if len(nodes) else nodes
    return some[np.cumsum(tree.count[some]) - tree.count[some] < SAMPLE_ROWS]


def prepare_colors(
    store: LazyStore,
    name: str | None,
    sample: Sample | None = None,
    wanted: Wanted | None = None,
    size_by: str | None = None,
    *,
    tree: Tree | None = None,
    known: Colors | None = None,
    as_labels: bool = False,
) -> Colors:
    """Find out how an attribute colours vertices; limits come from the middle 99 % of a sample.

    `wanted` is what is shown, `size_by` what sizes vertices; an ``ArgumentError`` says what of it the store has not.
    Of what is `known` of the same store the choices are taken: to find them all attributes of objects are read.
    Whole numbers that are taken `as_labels` become their remainders where float32 would not tell them apart.
    """
    if wanted is not None:
        if wanted.share < 1 and not store.n_objects:
            msg = f"{store.name}: level {store.levels[0]} has no objects to show a part of"
            raise ArgumentError(msg)
        wanted.of(store, store.levels[0])
    found = _colors(store, name, sample, tree, as_labels=as_labels)
    sizes = tuple(size_choices(store)) if known is None else known.sizes
    directed = store.geometry_type in DIRECTED
    return replace(
        found,
        info=replace(found.info, name=name or "", unit=_unit(store, name), words=found.words, size_by=size_by or ""),
        coloring=replace(found.coloring, wanted=wanted, **_sizing(store, size_by, sizes)),
        name=name,
        sizes=sizes,
        choices=tuple(color_choices(store, with_direction=directed)) if known is None else known.choices,
        objects=store.n_objects,
        groups=tuple(store.groups) if known is None else known.groups,
        unknown=() if wanted is None else unknown_of(store, wanted.object_ids or ()),
    )


def _colors(store: LazyStore, name: str | None, sample: Sample | None, tree: Tree | None, *, as_labels: bool) -> Colors:
    if name is None:
        return Colors(Coloring(), ValueInfo())
    if name not in store.attribute_names(store.levels[0]):
        return _of_objects(store, name, as_labels=as_labels)
    if _is_rgb(store, name):
        return Colors(Coloring(name, "rgb"), ValueInfo("rgb"))
    words = store.categories(name, store.levels[0])
    if words is not None:
        return _category(Coloring(name, "category", words))
    coloring = Coloring(name, "scalar")
    if sample is not None and len(store.levels) == 1:
        values = sample[1].get(name)
        return _of_numbers(coloring, values, _labels(values), as_labels=as_labels)
    tree = build_tree(store.catalogue()) if tree is None else tree
    values = _values_of_sample(store, tree, name)
    labels = _labels(values)
    if 0 < len(labels) <= FEW_LABELS:
        # A few chunks of the finest level have not all labels; the coarsest has those of every place.
        others = _coarse_values(store, tree, name) if sample is None else sample[1].get(name)
        labels = tuple(sorted({*labels, *_labels(others)}))
    return _of_numbers(coloring, values, labels, as_labels=as_labels)


def _of_numbers(
    coloring: Coloring,
    values: npt.NDArray[Any] | None,
    labels: tuple[int, ...],
    rows: npt.NDArray[np.intp] | None = None,
    *,
    as_labels: bool,
) -> Colors:
    """Colour by numbers of which these are some; of objects those of their rows, past the last for none."""
    coloring = replace(coloring, offset=offset_of(values))
    numbers = np.empty(0, np.float32) if values is None else _by_row(color_values(coloring, values), rows)
    limits, wide = limits_of(numbers, coloring.offset), are_wide(labels, values, coloring.offset)
    info = ValueInfo("scalar", limits, labels=labels, offset=coloring.offset, wide=wide)
    if not (wide and as_labels):
        return Colors(coloring, info)
    info = replace(info, kind="category", categories=DISTINCT)
    return Colors(replace(coloring, kind="label", cycle=DISTINCT), info)


def _by_row(numbers: npt.NDArray[np.float32], rows: npt.NDArray[np.intp] | None) -> npt.NDArray[np.float32]:
    """Give the numbers in some rows, all by default; past the last there is none."""
    return numbers if rows is None else np.append(numbers, np.float32(MISSING_VALUE))[rows]


def _labels(values: npt.NDArray[Any] | None) -> tuple[int, ...]:
    """Give whole numbers that there are, one a vertex or object."""
    if values is None or not values.size or values.dtype.kind not in "iub" or values.shape[1:] not in ((), (1,)):
        return ()
    some = values[:: -(-len(values) // SAMPLE_ROWS)]  # to sort all ids of a large store takes seconds
    return tuple(int(number) for number in np.unique(some)[:MOST_COLORS].tolist())


def _unit(store: LazyStore, name: str | None) -> str:
    """Give the unit of an attribute of vertices, objects or groups; empty where none is said."""
    level = store.levels[0]
    if name in store.attribute_names(level):
        folder = "vertex_attributes"
    elif name in store.object_attribute_names():
        folder = "object_attributes"
    elif name in _group_attributes(store):
        folder = "group_attributes"
    else:
        return ""
    found = store.level_group(level).get(f"{folder}/{name}")
    unit = None if found is None else found.attrs.get("unit")
    return unit if isinstance(unit, str) else ""


def _category(coloring: Coloring) -> Colors:
    return Colors(coloring, ValueInfo("category", categories=len(coloring.words)), coloring.words)


def _of_objects(store: LazyStore, name: str, *, as_labels: bool) -> Colors:
    """Colour by what is said of objects or of their groups, or by direction."""
    if name in store.object_attribute_names():
        return _of_column(*store.object_values(name), as_labels=as_labels)
    if name in _group_attributes(store):
        ids, rows = _first_groups(store)
        return _of_column(ids, store.group_values(name), rows, as_labels=as_labels)
    if name == OBJECT:
        ids, _ = store.object_values()
        order = np.argsort(ids, kind="stable")
        number = np.argsort(order, kind="stable") % MOST_COLORS
        return _category(_coded(ids, number, tuple(map(str, ids[order[:MOST_COLORS]].tolist()))))
    if name == GROUP and store.groups:
        return _category(_coded(*_first_groups(store), tuple(store.groups)))
    if name == DIRECTION and store.geometry_type in DIRECTED:
        return Colors(Coloring(kind="direction"), ValueInfo("direction"))
    raise no_color(store, name, with_direction=store.geometry_type in DIRECTED)


def _of_column(
    ids: npt.NDArray[np.int64], values: npt.NDArray[Any], rows: npt.NDArray[np.intp] | None = None, *, as_labels: bool
) -> Colors:
    """Colour objects by values: one for each, or those that lie in their rows, past the last for none."""
    column = values[:, 0] if values.ndim == 2 else values
    if column.dtype.kind in "OUST":
        present = np.array([word is not None for word in column.tolist()], bool)
        words, codes = np.unique(column[present].astype(str), return_inverse=True)
        number = np.full(len(column) + 1, len(words))
        number[:-1][present] = codes
        return _category(_coded(ids, number[:-1] if rows is None else number[rows], tuple(words.tolist())))
    found = _of_numbers(Coloring(kind="scalar"), column, _labels(values), rows, as_labels=as_labels)
    numbers = _by_row(color_values(found.coloring, column), rows)
    return replace(found, coloring=replace(found.coloring, objects=_by_id(ids, numbers)))


def _first_groups(store: LazyStore) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.intp]]:
    """Give ids of objects and the row of the first group that each is in; past the last where it is in none."""
    ids, _ = store.object_values()
    groups = list(store.groups.values())
    members = np.concatenate([np.empty(0, np.int64), *groups])
    known, first = np.unique(members, return_index=True)
    row = np.repeat(np.arange(len(groups)), [len(group) for group in groups])[first]
    place = np.minimum(np.searchsorted(known, ids), max(0, len(known) - 1))
    found = np.full(len(ids), len(groups))
    if len(known):
        found = np.where(known[place] == ids, row[place], found)
    return ids, found


def _coded(ids: npt.NDArray[np.int64], codes: npt.NDArray[np.intp], words: tuple[str, ...]) -> Coloring:
    """Colour objects by codes of words; those past the last are missing."""
    values = np.where(codes < len(words), codes, MISSING_VALUE).astype(np.float32)
    return Coloring(kind="category", words=words, objects=_by_id(ids, values))


def _by_id(ids: npt.NDArray[np.int64], values: npt.NDArray[np.float32]) -> ObjectValues:
    order = np.argsort(ids, kind="stable")
    return ObjectValues(ids[order], values[order])
