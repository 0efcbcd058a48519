"""A job says how far it is, ends when asked to, and gives what it made or raised."""

import threading

import pytest

from napari_zarr_vectors._jobs import Job, Step
from zarr_vectors.exceptions import CancelledError


def test_it_says_how_far_it_is_and_gives_what_it_made():
    go = threading.Event()
    told = threading.Event()

    def work(tell, cancel):
        tell(3, 4, "reading")
        told.set()
        go.wait()
        return threading.current_thread().name

    job = Job(work, generation=7)
    told.wait()
    assert not job.is_done
    assert job.step == Step(3, 4, "reading")
    assert job.step.share == 0.75
    go.set()
    assert job.result().startswith("zarr-vectors-job")
    assert job.is_done
    assert job.generation == 7


def test_it_ends_when_asked_to():
    def work(tell, cancel):
        cancel.wait()
        raise CancelledError("stopped")

    job = Job(work)
    job.cancel()
    with pytest.raises(CancelledError, match="stopped"):
        job.result()
