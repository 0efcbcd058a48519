"""Lines that are read stripe by stripe, and a rank that is never held: both give what is had without them."""

from __future__ import annotations

import numpy as np
import pytest

from zarr_vectors.core._backends import LocalFiles
from zarr_vectors.core.arrays._level import LevelArrays
from zarr_vectors.core.arrays._objects import write_objects
from zarr_vectors.core.arrays._vertices import Column
from zarr_vectors.core.store import load_store
from zarr_vectors.encoding import Manifests
from zarr_vectors.multiresolution import _content, _shelf, _sparsity
from zarr_vectors.multiresolution._shelf import Shelf
from zarr_vectors.multiresolution._sparsity import rank_objects
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.spatial import splitmix64
from zarr_vectors.types import _stripes
from zarr_vectors.types._content import Content
from zarr_vectors.types._owners import Objects
from zarr_vectors.types._topology import OWNED_POINTS, POLYLINES
from zarr_vectors.types.polylines import write_polylines


def files_of(store):
    """Give all files but the root, which has a number of its own each time."""
    return {str(p.relative_to(store)): p.read_bytes() for p in store.rglob("*") if p.is_file()} | {"zarr.json": b""}


def built(store, lines, **options):
    write_polylines(store, lines, chunk_shape=20, attributes={"a": [np.arange(len(line)) for line in lines]})
    build_pyramid(store, [(2, 1), (1, 2)], **options)
    return files_of(store)


@pytest.fixture
def lines():
    rng = np.random.default_rng(0)
    sizes = [*rng.integers(1, 60, 80), 0, 700, 2, 0]
    return [(np.cumsum(rng.normal(size=(n, 3)), axis=0) + rng.uniform(0, 100, 3)).astype("f4") for n in sizes]


@pytest.mark.parametrize("links", ["none", "implicit"])
@pytest.mark.parametrize("rows", [1, 7, 100, 1 << 18])
def test_stripes_change_nothing(tmp_path, monkeypatch, lines, rows, links):
    with monkeypatch.context() as whole:
        whole.setattr(_content, "read_runs", lambda *_: None)
        wanted = built(tmp_path / "whole", lines, cross_level_storage=links)
    monkeypatch.setattr(_shelf, "_IN_MEMORY", 0)
    monkeypatch.setattr(_stripes, "_STRIPE_ROWS", rows)
    assert built(tmp_path / "stripes", lines, cross_level_storage=links) == wanted


@pytest.mark.parametrize("bits", [1, 16])
@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("count", range(1, 9))
def test_a_drawn_rank_is_the_order_of_hashes(monkeypatch, bits, seed, count):
    monkeypatch.setattr(_sparsity, "_PIECE_ROWS", 3)
    monkeypatch.setattr(_sparsity, "_TOP_BITS", bits)
    ids, owner = np.array([7, 100, -3, 2**40, 9, 0, 55, 8]), np.array([0, 0, 2, 3, 4, 6, 7, 7])
    positions = np.zeros((len(owner), 2), "f4")
    part = Content(OWNED_POINTS, positions, Column("positions", np.dtype("f4"), (2,)), np.zeros((2, 2)),
                   objects=Objects(ids, owner))  # fmt: skip
    found = rank_objects(part.objects, [(part, len(owner))], "random", seed).first(count)
    present = np.unique(owner)
    kept = present[np.argsort(splitmix64(ids, seed)[present])][:count]
    if count >= len(present):
        assert found is None
    else:
        np.testing.assert_array_equal(np.flatnonzero(found), np.sort(kept))


def test_a_run_that_two_lines_name_is_read_for_both(tmp_path, lines):
    a, b = lines[81][:20] % 50, lines[81][20:50] % 50
    write_polylines(tmp_path / "s", [a, b], chunk_shape=100)
    named = Manifests(np.array([0, 1, 3]), np.zeros((3, 3), np.int64), np.array([0, 1, 0]))
    write_objects(LocalFiles(tmp_path / "s"), "0", np.arange(2), named, 3, compressor="none")
    opened = load_store(tmp_path / "s")
    content, _ = _content.read_lines(LevelArrays(opened, opened.levels[0]), POLYLINES, Shelf(tmp_path / "files"))
    np.testing.assert_array_equal(content.objects.paths, [0, 20, 70])
    np.testing.assert_array_equal(content.positions, np.concatenate([a, b, a]))
