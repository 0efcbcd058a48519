"""What we write the peer validates and reads back to the bit; what the peer writes we read back to the bit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.interop.peer import accepts, judge, run_there
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import read_points, write_points

pytestmark = pytest.mark.interop

N = 400
LZ4 = {"typesize": 4, "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0}


def cloud(seed: int, ndim: int, dtype="f4"):
    return np.random.default_rng(seed).uniform(-40, 60, (N, ndim)).astype(dtype)


def attributes():
    rng = np.random.default_rng(11)
    numbers = {f"n_{t}": rng.integers(0, 100, N).astype(t) for t in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")}
    numbers |= {t: rng.normal(size=N).astype(t) for t in ("f2", "f4", "f8")}
    return {
        **numbers,
        "flag": rng.random(N) > 0.5,
        "rgb": rng.integers(0, 255, (N, 3)).astype("u1"),
        "pair": rng.normal(size=(N, 2)),
        "word": np.array(["axon", "déndrite", "soma"])[rng.integers(0, 3, N)],
        "maybe": np.array(["a", None, "b"], dtype=object)[rng.integers(0, 3, N)],
    }


# name: positions, attributes, options, factors of a pyramid
OURS = {
    "plain_2d": (cloud(1, 2), {}, {"chunk_shape": 25.0}, None),
    "bins_3d": (cloud(2, 3), {}, {"chunk_shape": (40.0, 30.0, 50.0), "bin_shape": (10.0, 10.0, 50.0)}, None),
    "double_4d": (cloud(3, 4, "f8"), {}, {"chunk_shape": 50.0}, None),
    "attributes": (cloud(4, 3), attributes(), {"chunk_shape": 50.0, "bin_shape": 25.0}, None),
    "fractions": (cloud(5, 3, "f8") / 4, {}, {"chunk_shape": 9.9, "bin_shape": 3.3, "compressor": "none"}, None),
    "on_faces": (np.round(cloud(6, 3) / 4), {}, {"chunk_shape": 10.0, "bin_shape": 5.0, "compressor": "zstd"}, None),
    "blosc_sharded": (
        cloud(7, 3), {"x": np.arange(N)}, {"chunk_shape": 40.0, "compressor": "blosc", "shard_shape": 2}, None
    ),
    "auto_sharded": (
        cloud(8, 2), {"x": np.arange(N)}, {"chunk_shape": 40.0, "bin_shape": 10.0, "shard_shape": (3, 1)}, None
    ),
    "none_sharded": (cloud(9, 3), {}, {"chunk_shape": 40.0, "compressor": "none", "shard_shape": 4}, None),
    "codec_list": (
        cloud(10, 3), {}, {"chunk_shape": 40.0, "compressor": [{"name": "blosc", "configuration": LZ4}]}, None
    ),
    "one_point": (np.array([[1.5, -2.5]], "f4"), {}, {"chunk_shape": 10.0}, None),
    "pyramid": (cloud(11, 3), attributes(), {"chunk_shape": 40.0, "bin_shape": 10.0}, [(2, 1)] * 2),
    "pyramid_sharded": (
        cloud(12, 2, "f8"), {"x": np.arange(N)}, {"chunk_shape": 20.0, "bin_shape": 10.0, "shard_shape": 2},
        [(2, 2), (2, 1)],
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def judged(peer_python, tmp_path_factory):
    """Write all stores here, and let the peer judge and read them in one process."""
    folder = tmp_path_factory.mktemp("ours")
    for name, (positions, values, options, factors) in OURS.items():
        write_points(folder / f"{name}.zv", positions, attributes=values, **options)
        if factors:
            build_pyramid(folder / f"{name}.zv", factors)
    paths = [folder / f"{name}.zv" for name in OURS]
    reports = judge(peer_python, paths)
    return {name: (folder / f"{name}.zv", report) for name, report in zip(OURS, reports, strict=True)}


@pytest.mark.parametrize("name", OURS)
def test_the_peer_validates_our_stores_at_its_highest_level(judged, name):
    path, report = judged[name]
    accepts(report)
    with open_zv(path) as store:
        assert sorted(map(int, report["levels"])) == store.levels
        for level in store.levels:
            facts = report["levels"][str(level)]
            assert facts["vertex_count"] == store.vertex_count(level)
            assert facts["chunks"] == len(store.catalogue().levels[level].coords)
            if level:
                assert facts["bin_shape"] == list(store.bin_shape_at(level))


def words(values) -> list:
    """Strings, with the peer's several spellings of a missing one made one."""
    return [None if v in (None, "None") else str(v) for v in values.tolist()]


@pytest.mark.parametrize("name", OURS)
def test_the_peer_reads_our_rows_to_the_bit(judged, name):
    path, _ = judged[name]
    with np.load(f"{path}.peer.npz", allow_pickle=False) as found, open_zv(path) as store:
        for level in store.levels:
            ours, key = store.read(level), f"L{level}|"
            assert found[f"{key}buffer"].tobytes() == ours.positions.tobytes()
            assert found[f"{key}positions"].tobytes() == ours.positions.tobytes()
            coords = np.concatenate([np.repeat([c], len(x["positions"]), 0) for c, x in store.iter_chunks(level)])
            assert found[f"{key}chunk_coords"].tolist() == coords.tolist()
            for attribute, values in ours.attributes.items():
                theirs = found[f"{key}attr|{attribute}"]
                if values.dtype.kind in "OU":
                    assert words(theirs) == words(values)
                    continue
                assert theirs.dtype == values.dtype
                assert theirs.tobytes() == values.tobytes()
                assert theirs.reshape(values.shape).tolist() == values.tolist()


# name: positions, attributes, options
THEIRS = {
    "plain_2d": (cloud(21, 2), {}, {"chunk_shape": [25.0] * 2}),
    "bins_3d": (cloud(22, 3), {}, {"chunk_shape": [40.0, 30.0, 50.0], "bin_shape": [10.0, 10.0, 50.0]}),
    "double": (cloud(23, 3, "f8"), {}, {"chunk_shape": [50.0] * 3}),
    "attributes": (cloud(24, 3), attributes(), {"chunk_shape": [50.0] * 3, "bin_shape": [25.0] * 3}),
    "zstd": (cloud(25, 3), {"x": np.arange(N)}, {"chunk_shape": [40.0] * 3, "compressor": "zstd"}),
    "blosc_sharded": (
        cloud(26, 3), {"x": np.arange(N)}, {"chunk_shape": [40.0] * 3, "compressor": "blosc", "shard_shape": [2, 2, 2]}
    ),
    "pyramid": (
        cloud(27, 3), {}, {"chunk_shape": [40.0] * 3, "bin_shape": [10.0] * 3, "pyramid": [[2, 1], [2, 1]]}
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def written_by_the_peer(peer_python, tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    for name, (positions, values, options) in THEIRS.items():
        np.savez(folder / f"{name}.npz", positions=positions, **{f"attribute|{k}": a for k, a in values.items()})
        (folder / f"{name}.json").write_text(json.dumps(options))
    run_there(peer_python, "peer_write.py", folder)
    paths = [folder / f"{name}.zv" for name in THEIRS]
    judge(peer_python, paths)
    return folder


@pytest.mark.parametrize("name", THEIRS)
def test_we_read_every_row_that_the_peer_writes(written_by_the_peer, name):
    positions, values, options = THEIRS[name]
    chunk = np.array(options["chunk_shape"])
    bins = np.array(options.get("bin_shape", options["chunk_shape"]))
    p = positions.astype(np.float64)
    order = np.lexsort((*np.floor(p / bins).T[::-1], *np.floor(p / chunk).T[::-1]))
    found = read_points(written_by_the_peer / f"{name}.zv")
    assert found.positions.tobytes() == positions[order].tobytes()
    assert sorted(found.attributes) == sorted(values)
    for attribute, given in values.items():
        assert found.attributes[attribute].tolist() == given[order].tolist()
        if given.dtype.kind not in "OU":
            assert found.attributes[attribute].dtype == given.dtype


@pytest.mark.parametrize("name", THEIRS)
def test_we_read_every_level_as_the_peer_reads_its_own(written_by_the_peer, name):
    path = written_by_the_peer / f"{name}.zv"
    with np.load(f"{path}.peer.npz", allow_pickle=False) as dump, open_zv(path) as store:
        assert store.levels == ([0, 1, 2] if name == "pyramid" else [0])
        for level in store.levels:
            found = store.read(level)
            assert found.positions.tobytes() == dump[f"L{level}|positions"].tobytes()
            assert found.vertex_count == store.vertex_count(level)
            lo, hi = np.percentile(found.positions, [20, 70], axis=0)
            inside = ((found.positions >= lo) & (found.positions < hi)).all(axis=1)
            assert store.read(level, bbox=(lo, hi)).positions.tolist() == found.positions[inside].tolist()
