"""What must be known before the first plan, read while the layer is made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from napari_zarr_vectors._controller._prepare import prepare

if TYPE_CHECKING:
    from napari_zarr_vectors._stream import Wanted
    from zarr_vectors.lazy import LazyStore

__all__ = ["Opening"]


class Opening:
    """What must be known before the first plan, being read on a thread while the GUI thread makes the layer.

    Parameters
    ----------
    store : LazyStore
    color_by : str or None
        An attribute, None, or "auto".
    rows_a_vertex : float
        Rows of the pool that a vertex takes.
    wanted : Wanted or None
        What is shown.
    size_by : str or None
        What sizes vertices.
    """

    def __init__(
        self,
        store: LazyStore,
        color_by: str | None,
        rows_a_vertex: float = 1.0,
        wanted: Wanted | None = None,
        size_by: str | None = None,
    ) -> None:
        self.pool = ThreadPoolExecutor(1, "zarr-vectors-open")
        self.future = self.pool.submit(prepare, store, color_by, rows_a_vertex, wanted, size_by)

    def cancel(self) -> None:
        """End without a layer; what is being read ends by itself, at the latest when the store is closed."""
        self.pool.shutdown(wait=False, cancel_futures=True)
