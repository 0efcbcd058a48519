"""What the object browser is about: the objects and groups of the selected layer, and what a person does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import ref

import numpy as np

from napari_zarr_vectors._controller._running import engine_of, objects_of
from napari_zarr_vectors._layers import Background, fly_to
from napari_zarr_vectors._layers._legend import GROUP
from napari_zarr_vectors._layers._lut import category_lut
from napari_zarr_vectors._layers._selection import LayerSelection
from napari_zarr_vectors._model.objects import Arrangement, ObjectTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from napari.viewer import Viewer

    from napari_zarr_vectors._layers import ChosenObjects, StreamingLayer

__all__ = ["Browser", "BrowserView"]

NO_LAYER = (
    "No streaming layer is selected.\n\n"
    "Open a Zarr Vectors store (File > Open Folder, or drop one on the window), or select its layer in the layer list."
)
READING = "Reading the objects."
NOT_READ = "{} is not being read: it is being opened, or its store could not be read."


class BrowserView(Protocol):
    """What shows a browser; it sets nothing by being told to show."""

    def show_sentence(self, text: str) -> None:
        """Show a sentence in place of a table."""

    def show_table(self, name: str, table: ObjectTable) -> None:
        """Show the objects of a layer, all of them in the order of the store."""

    def show_rows(self, rows: npt.NDArray[np.int64]) -> None:
        """Show these rows of the table, in this order."""

    def show_chosen(self, rows: npt.NDArray[np.int64]) -> None:
        """Show which rows of the table are chosen."""

    def show_groups(self, shown: tuple[str, ...] | None, colors: npt.NDArray[np.uint8] | None) -> None:
        """Show which groups are shown, None for all, and the colour of each, (n, 4), where they have some."""

    def say(self, text: str) -> None:
        """Tell what is wrong; an empty text takes it back."""


class Browser:
    """Follows the selected streaming layer and its models, and does what a person asks; GUI thread only.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    view : BrowserView
    """

    def __init__(self, viewer: Viewer, view: BrowserView) -> None:
        self._viewer, self._view = ref(viewer), view
        self._selection: LayerSelection | None = None
        self._layer: StreamingLayer | None = None
        self._table: ObjectTable | None = None
        self._background: Background | None = None
        self._choosing = self._has_asked = False

    @property
    def is_open(self) -> bool:
        """Whether anything is followed."""
        return self._selection is not None

    @property
    def is_arranging(self) -> bool:
        """Whether rows are being sorted or looked for."""
        return self._background is not None and self._background.busy

    def open(self) -> None:
        """Start to follow, and show what is selected now."""
        viewer = self._viewer()
        if self._selection is None and viewer is not None:
            self._background = Background("zarr-vectors-rows")
            self._selection = LayerSelection(viewer, self._on_layer)
            self._follow(self._selection.current)

    def close(self) -> None:
        """Stop: nothing refers to the view any more, and nothing of it is touched."""
        if self._selection is not None and self._background is not None:
            self._selection.close()
            self._selection = None
            self._disconnect()
            self._background.close()

    # -- what a person asks

    def arrange(self, wanted: Arrangement) -> None:
        """Sort and filter the rows, on a thread."""
        table, view = self._table, self._view
        if table is not None and self._background is not None:
            self._background.ask(lambda _: table.arrange(wanted), view.show_rows, lambda error: view.say(str(error)))

    def choose(self, rows: npt.NDArray[np.int64]) -> None:
        """Choose the objects of these rows of the table."""
        if self._layer is not None and self._table is not None:
            self._choosing = True  # the view shows it already
            try:
                # Ascending: nobody has to look for those that come twice.
                self._layer.selection.ids = np.sort(self._table.ids[rows])  # type: ignore[assignment]  # checked there
            finally:
                self._choosing = False

    def choose_groups(self, names: Sequence[str]) -> None:
        """Choose the objects of groups."""
        if self._layer is not None and self._table is not None:
            members = [np.empty(0, np.int64), *(self._table.groups[name] for name in names)]
            self._layer.selection.ids = np.concatenate(members)  # type: ignore[assignment]  # checked there

    def show_groups(self, names: tuple[str, ...] | None) -> None:
        """Show the objects of these groups only; all objects for None."""
        if self._layer is not None:
            self._layer.filter.groups = names

    def color_by_group(self) -> None:
        """Colour each object by its group."""
        if self._layer is not None:
            self._layer.style.color_by = GROUP

    def clear(self) -> None:
        """Choose nothing."""
        if self._layer is not None:
            self._layer.selection.ids = ()

    def show_only(self) -> None:
        """Show the chosen objects only; all again where none is chosen."""
        if self._layer is not None:
            self._layer.filter.object_ids = self._layer.selection.ids or None

    def fly(self) -> None:
        """Look at the chosen objects, once they are read."""
        parts = None if self._layer is None else objects_of(self._layer)
        if parts is not None:
            parts[0].when_shown(self._fly_to)

    # -- slots

    def _on_layer(self) -> None:
        current = None if self._selection is None else self._selection.current
        if current is not self._layer:
            self._follow(current)

    def _follow(self, layer: StreamingLayer | None) -> None:
        self._disconnect()
        self._layer = layer
        if layer is None:
            self._view.show_sentence(NO_LAYER)
            return
        layer.selection.events.ids.connect(self._on_chosen)
        layer.filter.events.groups.connect(self._on_groups)
        layer.events.value_info.connect(self._on_values)
        self._load(layer)

    def _load(self, layer: StreamingLayer) -> None:
        """Have the objects read; a layer is selected before it is filled, and its values come once it is."""
        parts = objects_of(layer)
        self._has_asked = parts is not None
        if parts is None:
            self._view.show_sentence(NOT_READ.format(layer.name))
            return
        self._view.show_sentence(READING)
        parts[1].load(lambda table: self._on_table(layer, table), lambda error: self._on_failure(layer, error))

    def _disconnect(self) -> None:
        layer, self._layer, self._table = self._layer, None, None
        if layer is not None:
            layer.selection.events.ids.disconnect(self._on_chosen)
            layer.filter.events.groups.disconnect(self._on_groups)
            layer.events.value_info.disconnect(self._on_values)
        if self._background is not None:
            self._background.cancel()

    def _on_table(self, layer: StreamingLayer, table: ObjectTable) -> None:
        if layer is not self._layer:
            return
        if not len(table.ids):
            self._view.show_sentence(f"{layer.name} has no objects: its vertices belong to none.")
            return
        self._table = table
        self._view.show_table(layer.name, table)
        self._on_chosen()
        self._on_groups()

    def _on_failure(self, layer: StreamingLayer, error: Exception) -> None:
        if layer is self._layer:
            again = "Select its layer again to try anew."
            self._view.show_sentence(f"The objects of {layer.name} could not be read: {error}\n\n{again}")

    def _on_values(self, event: object = None) -> None:
        if self._layer is not None and not self._has_asked:
            self._load(self._layer)
        self._on_groups()

    def _on_chosen(self, ids: object = None) -> None:
        if self._layer is not None and self._table is not None and not self._choosing:
            # Ascending, because a million are looked up four times as fast then.
            self._view.show_chosen(self._table.rows_of(np.sort(np.array(self._layer.selection.ids, np.int64))))

    def _on_groups(self, event: object = None) -> None:
        layer = self._layer
        engine = None if layer is None else engine_of(layer)
        if layer is None or engine is None or self._table is None:
            return
        colors = engine.colors
        is_colored = colors is not None and colors.name == GROUP and layer.style.color_by == GROUP
        lut = category_lut(colors.info.categories) if is_colored and colors is not None else None
        self._view.show_groups(layer.filter.groups, lut)

    def _fly_to(self, chosen: ChosenObjects | None) -> None:
        viewer, layer = self._viewer(), self._layer
        if chosen is None:
            self._view.say("None of the chosen objects is shown: there is nowhere to fly to.")
        elif viewer is not None and layer is not None:
            fly_to(viewer, layer, chosen.bounds, chosen.middle)
