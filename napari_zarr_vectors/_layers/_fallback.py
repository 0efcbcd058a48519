"""What is shown when this napari takes no layer of our own: an ordinary Points layer with few points.

It is refreshed as a whole once the view has settled, because `Points.data =` takes tens of milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Points
from superqt.utils import qdebounced

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MOST_POINTS", "FallbackPoints"]

MOST_POINTS = 50_000
SETTLE_MS = 300


class FallbackPoints:
    """A public Points layer that is filled anew when the view has come to rest.

    Parameters
    ----------
    fetch : callable
        Called on the GUI thread with the most points to return; gives (n, D) float64 in data units.
    bounds : (2, D)
        Their corners are shown, invisibly small, until there is data, so that the view can be reset.
    **options : Any
        Of `napari.layers.Points`.
    """

    def __init__(
        self,
        fetch: Callable[[int], npt.NDArray[np.float64]],
        bounds: npt.ArrayLike,
        **options: Any,  # noqa: ANN401  # napari's own
    ) -> None:
        self._fetch = fetch
        self.layer = Points(np.asarray(bounds, dtype=np.float64), **{"size": 1, "border_width": 0, **options})
        self._settled = qdebounced(self.refresh, timeout=SETTLE_MS)

    def view_changed(self) -> None:
        """Refresh once no further change has come for a while."""
        self._settled()

    def refresh(self) -> None:
        """Fetch and show now; more than `MOST_POINTS` are cut off."""
        self.layer.data = self._fetch(MOST_POINTS)[:MOST_POINTS]

    def close(self) -> None:
        """Forget a refresh that waits."""
        self._settled.cancel()
