"""Two writers at one place: one wins, the other is told, and nothing of either is mixed or lost."""

from __future__ import annotations

import numpy as np
import pytest

from zarr_vectors.core import _commit
from zarr_vectors.exceptions import ConcurrentWriteError
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types import _content
from zarr_vectors.types.points import read_points, write_points

MINE = np.full((7, 3), 1.0, np.float32)
THEIRS = np.full((9, 3), 2.0, np.float32)


@pytest.fixture
def meanwhile(monkeypatch):
    """Let somebody else write at the place while the next writer is at work."""

    def arrange(module, path):
        whole = module.write_level

        def slow(*args, **options):
            monkeypatch.setattr(module, "write_level", whole)
            write_points(path, THEIRS, chunk_shape=10, overwrite=True)
            return whole(*args, **options)

        monkeypatch.setattr(module, "write_level", slow)

    return arrange


@pytest.mark.parametrize(("existed", "overwrite"), [(True, True), (False, True), (False, False)])
def test_the_second_to_finish_is_told_and_the_first_stays(tmp_path, meanwhile, existed, overwrite):
    path = tmp_path / "cloud.zv"
    if existed:
        write_points(path, MINE, chunk_shape=10)
    meanwhile(_content, path)
    with pytest.raises(ConcurrentWriteError, match="meantime"):
        write_points(path, MINE, chunk_shape=10, overwrite=overwrite)
    assert np.array_equal(read_points(path).positions, THEIRS)
    assert [p.name for p in tmp_path.iterdir()] == ["cloud.zv"]


def test_a_pyramid_is_not_put_over_a_store_that_was_written_in_the_meantime(tmp_path):
    path = tmp_path / "cloud.zv"
    rng = np.random.default_rng(0)
    write_points(path, rng.uniform(0, 50, (500, 3)).astype(np.float32), chunk_shape=10)

    def somebody_else(done, _total, _message):
        if done:
            write_points(path, THEIRS, chunk_shape=10, overwrite=True)

    with pytest.raises(ConcurrentWriteError):
        build_pyramid(path, [(2, 1)], progress=somebody_else)
    assert np.array_equal(read_points(path).positions, THEIRS)


def test_without_an_exchange_in_one_step_two_renames_do(tmp_path, monkeypatch):
    monkeypatch.setattr(_commit.sys, "platform", "somewhere else")
    path = tmp_path / "cloud.zv"
    write_points(path, MINE, chunk_shape=10)
    write_points(path, THEIRS, chunk_shape=10, overwrite=True)
    assert np.array_equal(read_points(path).positions, THEIRS)
    assert [p.name for p in tmp_path.iterdir()] == ["cloud.zv"]
