"""What is known of a store's objects, read once, on a thread, when something asks for it first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_zarr_vectors._layers import Background, notify
from napari_zarr_vectors._model.objects import ObjectTable, column_of
from zarr_vectors.exceptions import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_zarr_vectors._layers import StreamingLayer
    from zarr_vectors.lazy import LazyStore

__all__ = ["ObjectFacts", "read_objects"]

MOST_FACTS = 6
"""So many attributes are told of the object under the cursor."""


def read_objects(store: LazyStore, go_on: Callable[[], bool] = lambda: True) -> ObjectTable:
    """Read the ids, attributes and groups of a store's objects.

    Raises
    ------
    CancelledError
        Once `go_on`, asked between columns, says no.
    ZarrVectorsError, OSError
        If they cannot be read.
    """
    if not store.n_objects:
        return ObjectTable(np.empty(0, np.int64))
    ids, _ = store.object_values()
    columns = []
    for name in store.object_attribute_names():
        if not go_on():
            raise CancelledError(store.name)
        columns += column_of(name, store.object_values(name)[1])
    return ObjectTable(ids, tuple(columns), store.groups)


class ObjectFacts:
    """The objects of one layer's store; tells the layer what is known of the one under the cursor.

    Parameters
    ----------
    layer : StreamingLayer
    store : LazyStore
    """

    def __init__(self, layer: StreamingLayer, store: LazyStore) -> None:
        self._layer, self._store = layer, store
        self._background = Background("zarr-vectors-objects")
        self._asked = False
        self._then: list[tuple[Callable[[ObjectTable], None], Callable[[Exception], None]]] = []
        self.table: ObjectTable | None = None
        layer.set_facts_provider(self.describe)

    def load(
        self, then: Callable[[ObjectTable], None], failed: Callable[[Exception], None] = lambda error: None
    ) -> None:
        """Call back on the GUI thread, where this is called too, once the objects are read, or could not be.

        Where they could not be, the next call reads them anew.
        """
        if self.table is not None:
            then(self.table)
            return
        self._then.append((then, failed))
        if not self._background.busy:
            self._asked = True
            store = self._store
            self._background.ask(lambda go_on: read_objects(store, go_on), self._on_table, self._on_failure)

    def describe(self, number: int) -> dict[str, str]:
        """Say what is known of an object, by its id; any thread may ask. Nothing until the objects are read."""
        table = self.table
        if table is not None:
            return dict(list(table.facts(number).items())[:MOST_FACTS])
        if not self._asked:
            self._asked = True
            self._background.call_soon(lambda: self.load(lambda _: None))
        return {}

    def close(self) -> None:
        """End; what was read stays with whoever has it."""
        self._layer.set_facts_provider(None)
        self._then.clear()
        self._background.close()

    def _on_table(self, table: ObjectTable) -> None:
        self.table = table
        waiting, self._then = self._then, []
        for then, _ in waiting:
            then(table)

    def _on_failure(self, error: Exception) -> None:
        notify(f"{self._layer.name}: what is said of its objects could not be read: {error}")
        waiting, self._then = self._then, []
        for _, failed in waiting:
            failed(error)
