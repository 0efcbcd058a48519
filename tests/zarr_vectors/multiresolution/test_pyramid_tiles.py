"""A level made of many tiles: nothing lost at their borders, the same on any executor, all or nothing."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from zarr.storage import MemoryStore

from zarr_vectors.exceptions import ArgumentError, CancelledError
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution import _search
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import read_points, write_points

N = 60_000
COUNTED = {"ones": "sum", "height": "mean", "label": "mode"}


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(_search, "_TILE_ROWS", 2000)
    monkeypatch.setattr(_search, "_SAMPLE_ROWS", 6000)


def cloud(kind: str):
    rng = np.random.default_rng(4)
    if kind == "uniform":
        return rng.uniform(-40, 120, (N, 3)).astype(np.float32)
    if kind == "clustered":  # 1000 times denser in the middle of its clusters than between them
        centres = rng.uniform(-40, 120, (12, 3))
        dense = centres[rng.integers(0, 12, N)] + rng.normal(size=(N, 3)) * rng.uniform(0.2, 8, (N, 1))
        dense[: N // 10] = rng.uniform(-40, 120, (N // 10, 3))
        return dense.astype(np.float32)
    # Every point on the face of a chunk, where 0.1 * 3 is more than 0.3.
    return np.stack(np.unravel_index(np.arange(24**3), (24, 24, 24)), axis=1) * 0.1


def write(target, positions, **options):
    count = len(positions)
    attributes = {
        "ones": np.ones(count, np.int64),
        "height": positions[:, 0].astype(np.float32),
        "label": (positions[:, 1] > positions[:, 2]).astype(np.uint8),
    }
    write_points(target, positions, attributes=attributes, **options)


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("shard_shape", [None, (2, 2, 2)])
@pytest.mark.parametrize("kind", ["uniform", "clustered"])
def test_a_factor_leaves_its_share_whatever_the_tiles(tmp_path, kind, shard_shape):
    path, positions = tmp_path / "c.zv", cloud(kind)
    write(path, positions, chunk_shape=10, bin_shape=5, shard_shape=shard_shape)
    build_pyramid(path, [(2, 1)] * 2, agg_mode=COUNTED)
    with open_zv(path) as store:
        for level in (1, 2):
            assert store.vertex_count(level) == pytest.approx(N / 8**level, rel=0.1)
            read = store.read(level)
            assert read.attributes["ones"].sum() == N  # each vertex is in one cell, and in none twice
            assert (np.floor(read.positions / store.chunk_shape_at(level)) >= 0).any()
        fine = {row.tobytes() for row in store.read(0).positions}
        assert all(row.tobytes() in fine for row in store.read(1).positions)


@pytest.mark.parametrize("level", [1, 2])
def test_boxes_are_exact_where_tiles_meet(tmp_path, level):
    path = tmp_path / "c.zv"
    write(path, cloud("uniform"), chunk_shape=10)
    build_pyramid(path, [(2, 1)] * 2)
    rng = np.random.default_rng(0)
    with open_zv(path) as store:
        whole = store.read(level).positions
        for _ in range(20):
            lo = rng.integers(-40, 100, 3) // 10 * 10
            hi = lo + 20
            found = store.read(level, bbox=(lo, hi)).positions
            expected = whole[((whole >= lo) & (whole < hi)).all(axis=1)]
            assert sorted(found.tolist()) == sorted(expected.tolist())


@pytest.mark.filterwarnings("ignore::zarr_vectors.exceptions.SmallChunksWarning")  # faces are what this is about
@pytest.mark.parametrize("factor", [2, 3])
def test_points_on_the_faces_of_chunks_are_neither_lost_nor_doubled(tmp_path, factor):
    path, positions = tmp_path / "c.zv", cloud("lattice")
    write(path, positions, chunk_shape=0.1, bin_shape=0.1, dtype=np.float64)
    build_pyramid(path, [(factor, 1)], agg_mode=COUNTED)
    with open_zv(path) as store:
        read = store.read(1)
        assert read.attributes["ones"].sum() == len(positions)
        fine = {row.tobytes() for row in positions}
        assert all(row.tobytes() in fine for row in read.positions)
        for place in read.positions[::50]:
            found = store.read(1, bbox=(place, place + 1e-9)).positions
            assert place.tolist() in found.tolist()


def test_threads_and_processes_give_the_same_bytes(tmp_path):
    paths = [tmp_path / name for name in ("here.zv", "threads.zv", "processes.zv")]
    fork = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2, mp_context=fork) as processes:
        for path, executor in zip(paths, (None, threads, processes), strict=True):
            write(path, cloud("clustered"), chunk_shape=10)
            build_pyramid(path, [(2, 1)] * 2, agg_mode=COUNTED, executor=executor)
    here, *others = [
        {name: raw for name, raw in files(path).items() if name.name != "zarr.json" or len(name.parts) > 1}
        for path in paths
    ]
    for other in others:
        assert other == here


def test_progress_grows_to_its_total(tmp_path):
    path, told = tmp_path / "c.zv", []
    write(path, cloud("uniform"), chunk_shape=10)
    build_pyramid(path, [(2, 1)] * 2, progress=lambda *what: told.append(what))
    done = [d for d, _, _ in told]
    assert done == sorted(done)
    assert len({t for _, t, _ in told}) == 1
    assert done[-1] == told[-1][1]
    assert len(set(done)) > 20  # tile by tile, not level by level
    assert told[0][2] == "level 1"


@pytest.mark.parametrize("after", [0, 5, 25])
def test_a_cancelled_build_leaves_the_store_as_it_was(tmp_path, after):
    path, cancel, told = tmp_path / "c.zv", threading.Event(), []
    write(path, cloud("uniform"), chunk_shape=10)
    build_pyramid(path, [(4, 1)])
    before = files(path)

    def progress(*what):
        told.append(what)
        if len(told) > after:
            cancel.set()

    if not after:
        cancel.set()
    with pytest.raises(CancelledError):
        build_pyramid(path, [(2, 1)] * 2, progress=progress, cancel=cancel)
    assert files(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.zv"]


def test_a_build_that_fails_leaves_a_store_without_rename_as_it_was():
    store = MemoryStore()
    write_points(store, cloud("uniform"), chunk_shape=10, attributes={"n": np.full(N, 100, np.uint8)})
    build_pyramid(store, [(4, 1)])
    before = {key: value.to_bytes() for key, value in store._store_dict.items()}
    with pytest.raises(ArgumentError, match="cannot hold"):
        build_pyramid(store, [(2, 1)] * 2, agg_mode={"n": "sum"})
    assert {key: value.to_bytes() for key, value in store._store_dict.items()} == before
    assert read_points(store, level=1).vertex_count == pytest.approx(N / 64, rel=0.15)
