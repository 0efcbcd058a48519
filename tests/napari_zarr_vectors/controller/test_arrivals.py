"""What a frame puts in place, without a window: the clock is told what time it is."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest

from napari_zarr_vectors._build import BuiltChunk
from napari_zarr_vectors._controller import _arrivals
from napari_zarr_vectors._controller._arrivals import Arrivals
from napari_zarr_vectors._controller._recolouring import Recolouring
from napari_zarr_vectors._controller._tuning import UPLOAD_MS
from napari_zarr_vectors._layers import StreamingPoints
from napari_zarr_vectors._stream import Loader, Planner, Request


@pytest.mark.parametrize(("share", "taken"), [(0.9, 1), (0.4, 2), (0.3, 3), (2.0, 1)])
def test_what_would_take_the_time_of_a_frame_over_waits_for_the_next_one(monkeypatch, share, taken):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(_arrivals, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    layer = create_autospec(StreamingPoints, instance=True, pool=None)
    recolouring = create_autospec(Recolouring, instance=True, repainting=False, epoch=0)
    recolouring.awaits.return_value = False
    loader, planner = create_autospec(Loader, instance=True), create_autospec(Planner, instance=True)
    built = create_autospec(BuiltChunk, instance=True, nbytes=10)

    def take():
        clock.now += 1e-3 * share * UPLOAD_MS
        return Request(1), built

    loader.take.side_effect = take
    assert not Arrivals(layer, recolouring).put(planner, loader, clock.now)
    assert loader.take.call_count == taken
