"""The napari layers of streamed stores: bounds, intent and a pool; the data stays in the store.

A layer knows no store and starts no thread. A controller fills `pool`, sets `value_info` and `default_slab`, and
listens to `lod` and `style`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from napari.layers import Layer
from napari.utils.events import Event

from napari_zarr_vectors._build import NO_OBJECT, nearest, to_pixels
from napari_zarr_vectors._layers._clicks import choose_by_click
from napari_zarr_vectors._layers._geometry import WorldMap, boxed, slab_bounds, slider_step, world_map
from napari_zarr_vectors._layers._highlight import Highlight
from napari_zarr_vectors._layers._lut import rgba_of
from napari_zarr_vectors._layers._napari import LayerSlicingState, slice_input, slice_units
from napari_zarr_vectors._layers._pool import PagePool
from napari_zarr_vectors._layers._state import Intent, state_of, taken
from napari_zarr_vectors._layers._thumbnail import placeholder, scatter
from napari_zarr_vectors._model import DisplayFilter, DisplayStyle, LodControl, ObjectSelection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari_zarr_vectors._build import Sight

__all__ = [
    "LevelInfo",
    "StreamHandle",
    "StreamingLayer",
    "StreamingLines",
    "StreamingPoints",
    "StreamingSurface",
    "ValueInfo",
]

Float64Array = npt.NDArray[np.float64]

MOST_AXES = 5
POOL_ROWS = 1 << 20
SLAB_SHARE = 0.01
TRANSFORMS = ("scale", "translate", "rotate", "shear", "affine", "units")
"""Events of what lies between data and the world."""
REACH_PX = 3.0
"""So near an object may be missed and is meant all the same."""


@dataclass(frozen=True, slots=True)
class StreamHandle:
    """What ``layer.data`` is: the name of the source and where it can be opened anew, not its points."""

    source: str
    place: Any = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.source

    def __deepcopy__(self, memo: object) -> StreamHandle:
        """Give the same: napari duplicates a layer's data, and a store in memory is not to be copied."""
        return self


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """What the value column of the pool means.

    Attributes
    ----------
    kind : "none", "scalar", "category", "rgb" or "direction"
        Codes of a category are whole numbers from 0; rgb is `_build.pack_rgb`; what has no value is
        `_build.MISSING_VALUE`.
    limits : (lo, hi)
        Range of a scalar in the data, used where the style says none.
    categories : int
        Number of codes.
    labels : tuple of int
        Of whole numbers, those that a look at some of them found, ascending.
    name, unit : str
        Of the attribute; empty for none.
    words : tuple of str
        Of a category, by code.
    size_by : str
        What the sizes in the pool are; empty where there are none.
    offset : float
        What the values in the pool have lost of a scalar, whose limits are its own numbers. A multiple of the colours
        of labels where there are labels.
    wide : bool
        Labels of which float32 has not every one: drawn as labels only where values are remainders, as a category.
    """

    kind: Literal["none", "scalar", "category", "rgb", "direction"] = "none"
    limits: tuple[float, float] = (0.0, 1.0)
    categories: int = 1
    labels: tuple[int, ...] = field(default=(), repr=False)
    name: str = ""
    unit: str = ""
    words: tuple[str, ...] = field(default=(), repr=False)
    size_by: str = ""
    offset: float = 0.0
    wide: bool = False

    def are_labels(self, color_mode: str) -> bool:
        """Tell whether values are drawn as labels where numbers are coloured so."""
        if self.wide:
            return self.kind == "category"
        return bool(self.labels) and color_mode == "cycle"


@dataclass(frozen=True, slots=True)
class LevelInfo:
    """How coarse each level is, by level number.

    Attributes
    ----------
    spacing : tuple of float
        Distance of neighbouring points, data units; 0 leaves the points at their size.
    share : float
        Part of every chunk's points that is shown.
    """

    spacing: tuple[float, ...] = ()
    share: float = 1.0


class _NothingToSlice(LayerSlicingState):
    """Slicing state of a layer that is sliced by uniforms: napari records where the sliders are, no more."""

    def _set_view_slice(self) -> None:
        pass


class StreamingLayer(Layer):
    """A layer whose vertices come and go with the view; its subclasses say what is drawn of them.

    Parameters
    ----------
    bounds : (2, D)
        Lowest and highest coordinates, data units; D = 2..5. They are the layer's extent before any data is there.
    lod : LodControl, optional
    style : DisplayStyle, optional
    shown : DisplayFilter, optional
    selection : ObjectSelection, optional
    source : str
        Where the data comes from, for people.
    place : StoreLike, optional
        The store to open anew when the layer is put back into a viewer or duplicated.
    origin : (D,), optional
        What `_build.build_points` subtracts; the middle of the bounds by default.
    default_slab : (D,), optional
        Thickness of what is shown along axes that are not displayed where neither the viewer nor the style says
        one, data units; a hundredth of the bounds by default.
    pool_rows : int
        Size of the pool at first; it can grow.
    **options : Any
        Of `napari.layers.Layer`: name, scale, translate, rotate, shear, affine, units, axis_labels, opacity,
        blending, visible, metadata, ...

    Attributes
    ----------
    pool : PagePool
        Resident and shown vertices; usable at once, also before napari has made the visual.
    lod : LodControl
    style : DisplayStyle
    filter : DisplayFilter
    selection : ObjectSelection
    highlight : Highlight
        What is drawn of the chosen objects.

    Raises
    ------
    ValueError
        When the bounds are not finite, not ascending, or not 2..5 dimensional.
    """

    corners: ClassVar[tuple[int, ...]] = (0,)
    """Which vertices of a row of the pool are drawn, in this order."""

    lod = Intent[LodControl]()
    style = Intent[DisplayStyle]()
    filter = Intent[DisplayFilter]()
    selection = Intent[ObjectSelection]()
    shown = Intent[DisplayFilter]("filter")  # its name in the state

    def __init__(
        self,
        bounds: npt.ArrayLike,
        *,
        lod: LodControl | None = None,
        style: DisplayStyle | None = None,
        shown: DisplayFilter | None = None,
        selection: ObjectSelection | None = None,
        source: str = "",
        place: Any = None,  # noqa: ANN401  # whatever the library opens
        origin: npt.ArrayLike | None = None,
        default_slab: npt.ArrayLike | None = None,
        pool_rows: int = POOL_ROWS,
        **options: Any,  # noqa: ANN401  # napari's own, which checks them
    ) -> None:
        self._bounds = _checked_bounds(bounds)
        ndim = self._bounds.shape[1]
        extent = self._bounds[1] - self._bounds[0]
        self.lod = LodControl() if lod is None else lod
        self.style = DisplayStyle() if style is None else style
        self.style.bind_colors(rgba_of)
        self.filter = DisplayFilter() if shown is None else shown
        self.filter.bind_axes(ndim)
        self.selection = ObjectSelection() if selection is None else selection
        self._origin = _per_axis("origin", self._bounds.mean(axis=0) if origin is None else origin, ndim)
        slab = np.where(extent > 0, extent * SLAB_SHARE, 1.0) if default_slab is None else default_slab
        self._default_slab = _per_axis("default_slab", slab, ndim)
        self._value_info = ValueInfo()
        self._levels = LevelInfo()
        self._sight: Callable[[], Sight | None] = lambda: None
        self._frame: tuple[tuple[int, ...], Float64Array, Float64Array] | None = None
        self._facts: Callable[[int], Mapping[str, str]] = lambda _: {}
        self._seen: tuple[tuple[float, ...], object, int | None] | None = None
        self._preview: tuple[Float64Array, Float64Array] | None = None
        self._mapped: tuple[Sequence[Any] | None, WorldMap] | None = None
        self._handle = StreamHandle(source, place)
        self.pool = PagePool(pool_rows, extra=ndim > 3, pattern=self.corners)
        self.highlight = Highlight(extra=ndim > 3, pattern=self.corners)
        super().__init__(self._handle, ndim, **options)
        self.events.add(default_slab=Event, value_info=Event, levels=Event, frame=Event)
        for name in TRANSFORMS:
            self.events[name].connect(self._forget_map)
        self.mouse_drag_callbacks.append(choose_by_click)
        self._update_thumbnail()

    # -- what the controller sets

    @property
    def origin(self) -> Float64Array:
        """What is subtracted from positions before they become float32, (D,) data units; fixed."""
        return self._origin

    @property
    def default_slab(self) -> Float64Array:
        """Automatic thickness along axes that are not displayed, (D,) data units."""
        return self._default_slab

    @default_slab.setter
    def default_slab(self, value: npt.ArrayLike) -> None:
        self._default_slab = _per_axis("default_slab", value, self.ndim)
        self._clear_extent()
        self.events.default_slab()

    @property
    def value_info(self) -> ValueInfo:
        """What the values in the pool mean."""
        return self._value_info

    @value_info.setter
    def value_info(self, value: ValueInfo) -> None:
        if value != self._value_info:
            self._value_info = value
            self.events.value_info()

    @property
    def bounds(self) -> Float64Array:
        """Lowest and highest coordinates, (2, D), data units."""
        return self._bounds

    @property
    def levels(self) -> LevelInfo:
        """How coarse the levels in the pool are."""
        return self._levels

    @levels.setter
    def levels(self, value: LevelInfo) -> None:
        self._levels = value
        self.events.levels()

    def set_preview(self, xy: npt.ArrayLike, rgba: npt.ArrayLike) -> None:
        """Show these points in the layer list: (n, 2) horizontal, vertical in data units, and (n, 4) or (4,)."""
        self._preview = (np.asarray(xy, dtype=np.float64), np.asarray(rgba, dtype=np.float64))
        self._update_thumbnail()

    # -- what the visual and the snapshot ask

    @property
    def shown_vertices(self) -> int:
        """Vertices that are drawn: those that are streamed and those of chosen objects."""
        return self.pool.shown_vertices + self.highlight.pool.shown_vertices

    @property
    def displayed_axes(self) -> tuple[int, ...]:
        """Data axes on the canvas, in its order."""
        return tuple(int(axis) for axis in slice_input(self).displayed)

    def world_map(self, world_units: Sequence[Any] | None) -> WorldMap:
        """Give where data lie in the world; a third of what a snapshot takes, so not found anew for every view."""
        if self._mapped is None or self._mapped[0] != world_units:
            self._mapped = world_units, world_map(self, world_units)
        return self._mapped[1]

    def _forget_map(self) -> None:
        self._mapped = None

    def slab(self) -> tuple[Float64Array, Float64Array]:
        """What is shown along every data axis, of what napari sliced last and of the box: lo, hi (D,), data units."""
        world = slice_input(self).world_slice
        sliced = slab_bounds(
            world_map(self, slice_units(self)),
            self.displayed_axes,
            point=world.point,
            margin_left=world.margin_left,
            margin_right=world.margin_right,
            thickness=self.style.slab_thickness,
            default=self._default_slab,
        )
        return boxed(sliced, self.filter.box)

    def show_frame(self, displayed: tuple[int, ...], lo: Float64Array, hi: Float64Array) -> None:
        """Say for which slab, (D,) each, and which axes on the canvas the rows that the pool shows were chosen.

        It is painted until the next frame: where the sliders are meanwhile there may be nothing to show yet. Where all
        axes are on the canvas there are no sliders, and nothing is to be painted anew.
        """
        last, self._frame = self._frame, (displayed, lo, hi)
        if len(displayed) == self.ndim:
            return
        if last is None or last[0] != displayed or not np.array_equal(last[1:], self._frame[1:]):
            self.events.frame()

    def forget_frame(self) -> None:
        """Paint what the sliders say, whatever the pool shows."""
        last, self._frame = self._frame, None
        if last is not None and len(last[0]) < self.ndim:
            self.events.frame()

    def painted_slab(self) -> tuple[Float64Array, Float64Array]:
        """Give what is painted along every data axis: the frame's slab along axes that are not displayed."""
        lo, hi = self.slab()
        if self._frame is not None and self._frame[0] == self.displayed_axes:
            hidden = [axis for axis in range(self.ndim) if axis not in self.displayed_axes]
            lo[hidden], hi[hidden] = self._frame[1][hidden], self._frame[2][hidden]
        return lo, hi

    # -- what napari asks

    @property
    def data(self) -> StreamHandle:
        """Name of the source; points are read with `zarr_vectors`, or extracted."""
        return self._handle

    @data.setter
    def data(self, data: StreamHandle) -> None:
        self._handle = data
        self.events.data(value=data)

    @property
    def _extent_data(self) -> Float64Array:
        return self._bounds

    @cached_property
    def extent(self) -> Any:  # noqa: ANN401  # a named tuple of napari's
        """Bounds in data and world units; a step of the sliders is no longer than the slab is thick."""
        return (given := super().extent)._replace(step=given.step * slider_step(self._default_slab, self._bounds))

    def _get_ndim(self) -> int:
        return len(self._bounds[0])

    def _get_state(self) -> dict[str, Any]:
        own = {"bounds": self._bounds.tolist(), "source": self._handle.source, "origin": self._origin.tolist()}
        intent = {name: state_of(getattr(self, name)) for name in ("style", "lod", "shown", "selection")}
        return {**self._get_base_state(), **own, "default_slab": self._default_slab.tolist(), **intent}

    @classmethod
    def from_state(cls, data: StreamHandle, **state: Any) -> StreamingLayer:  # noqa: ANN401  # of `_get_state`
        """Make a layer like the one that gave this data and state; its pool is empty."""
        kinds = {"style": DisplayStyle, "lod": LodControl, "shown": DisplayFilter, "selection": ObjectSelection}
        intent: dict[str, Any] = {name: taken(kind(), state.pop(name)) for name, kind in kinds.items()}
        return cls(state.pop("bounds"), place=data.place, **intent, **state)

    def _get_layer_slicing_state(self, data: Any, cache: bool) -> Any:  # noqa: ANN401  # napari's signature
        return _NothingToSlice(self, data, cache)

    def _set_view_slice(self) -> None:
        pass

    def object_at(self, point: npt.ArrayLike) -> int | None:
        """Give the id of the object that is seen where a point, (D,) data units, is on the screen; None for none.

        It is what was painted last, at whatever level; any thread may ask.
        """
        sight, over = self._sight(), _picked(self.highlight.pool, self.highlight.sight, point)
        if over is not None and over[0] == 0:
            return over[1]
        found = _picked(self.pool, sight, point) or over
        return None if found is None else found[1]

    def set_sight_provider(self, provider: Callable[[], Sight | None] | None) -> None:
        """Have `provider` say what the last paint was made with; None where nothing is painted."""
        self._sight = (lambda: None) if provider is None else provider

    def set_facts_provider(self, provider: Callable[[int], Mapping[str, str]] | None) -> None:
        """Have `provider` say what is known of an object, by its id: from memory, on any thread."""
        self._facts = (lambda _: {}) if provider is None else provider

    def _get_value(self, position: Sequence[float]) -> int | None:
        """Give the id of the object under the cursor: napari asks from a thread of its own."""
        key, sight = tuple(position), self._sight()
        seen = self._seen
        if seen is None or seen[:2] != (key, sight):  # the tooltip asks just before the status bar does
            self._seen = seen = key, sight, self.object_at(position)
        return seen[2]

    def _get_value_3d(
        self, start_point: Sequence[float] | None, end_point: Sequence[float] | None, dims_displayed: list[int]
    ) -> int | None:
        """Give the id of the object that a ray meets: all of it is one place on the screen."""
        return None if start_point is None else self._get_value(start_point)

    def get_status(self, *args: Any, **kwargs: Any) -> dict[str, str]:  # noqa: ANN401  # napari's signature
        """Describe the position under the cursor and the source; reads frozen values only, so any thread may ask."""
        status: Mapping[str, str] = super().get_status(*args, **kwargs)
        seen, value = self._seen, status["value"]
        if seen is not None and seen[2] is not None and value == str(seen[2]):
            value = ", ".join([value, *(f"{name} {text}" for name, text in self._facts(seen[2]).items())])
            status = {**status, "value": value, "coordinates": f"{status['coords']}: {value}"}
        return {**status, "layer_base": self._handle.source or status["layer_base"]}

    def _get_tooltip_text(self, position: npt.NDArray[Any], **view: Any) -> str:  # noqa: ANN401  # napari's signature
        """Describe the object under the cursor, where a person has asked napari for tooltips."""
        found = self.get_value(position, **view)
        if found is None:
            return ""
        lines = [f"object {found}", *(f"{name}: {text}" for name, text in self._facts(found).items())]
        return f"<span>{'<br>'.join(map(escape, lines))}</span>"

    def _update_thumbnail(self) -> None:
        shape = (self._thumbnail_shape[0], self._thumbnail_shape[1])
        lo, hi = self._bounds[:, -1:-3:-1]  # horizontal is the last axis
        if self._preview is None:
            self.thumbnail = placeholder(self.style.color, lo, hi, shape)
        else:
            self.thumbnail = scatter(*self._preview, lo, hi, shape)


class StreamingPoints(StreamingLayer):
    """Points."""


class StreamingLines(StreamingLayer):
    """Steps of lines, edges of graphs and skeletons: rows are segments of four corners, drawn as two triangles."""

    corners: ClassVar[tuple[int, ...]] = (0, 1, 2, 2, 1, 3)


class StreamingSurface(StreamingLayer):
    """Faces: rows are triangles."""

    corners: ClassVar[tuple[int, ...]] = (0, 1, 2)

    def __init__(self, bounds: npt.ArrayLike, *, winding_order: str | None = None, **options: Any) -> None:  # noqa: ANN401
        """Take what `StreamingLayer` does, and how corners of faces run as seen from outside: "cw", else "ccw"."""
        self.winding_order = winding_order
        super().__init__(bounds, **options)

    def _get_state(self) -> dict[str, Any]:
        return {**super()._get_state(), "winding_order": self.winding_order}


def _picked(pool: PagePool, sight: Sight | None, point: npt.ArrayLike) -> tuple[float, int] | None:
    """Give how far a point on the screen is from the nearest that is drawn, and its object."""
    at_px = None if sight is None else to_pixels(sight, point)
    if sight is None or at_px is None:
        return None
    drawn = [chunk for chunk in pool.drawn() if chunk[0].objects is not None]
    hit = nearest(drawn, sight, at_px, REACH_PX)
    if hit is None:
        return None
    objects = drawn[hit.chunk][0].objects
    found = NO_OBJECT if objects is None else int(objects[hit.row])
    return None if found == NO_OBJECT else (hit.distance, found)


def _checked_bounds(bounds: npt.ArrayLike) -> Float64Array:
    array = np.array(bounds, dtype=np.float64)
    good = array.ndim == 2 and array.shape[0] == 2 and 2 <= array.shape[1] <= MOST_AXES
    if not good or not np.all(np.isfinite(array)) or np.any(array[0] > array[1]):
        msg = f"bounds must be two rows lo <= hi of 2 to {MOST_AXES} finite numbers, got {bounds!r}"
        raise ValueError(msg)
    return array


def _per_axis(name: str, value: npt.ArrayLike, ndim: int) -> Float64Array:
    array = np.array(value, dtype=np.float64)
    if array.shape != (ndim,) or not np.all(np.isfinite(array)):
        msg = f"{name} must be {ndim} finite numbers, one per axis, got {value!r}"
        raise ValueError(msg)
    return array
