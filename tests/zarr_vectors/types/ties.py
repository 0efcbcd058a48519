"""What the tests of graphs and meshes share: vertices in chunks, values of every type, comparing multisets of rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

NUMBERS = ("i1", "u2", "<i4", ">i8", "<f4", ">f8", "?")
WORD = st.sampled_from(["", "a", "axon", "é", "\U0001f600", "x y"])
NDIMS = st.integers(2, 4)
IDS = st.one_of(st.integers(0, 4), st.sampled_from([-(2**63), -7, 0, 12, 4_000_000_000, 2**62, 2**63 - 1]))
REAL_STORE = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass
class Cloud:
    """Vertices and the object of each (None: not said)."""

    positions: np.ndarray
    object_ids: np.ndarray | None
    chunk: np.ndarray


@st.composite
def clouds(draw, ndims=NDIMS, most: int = 24):
    ndim, rows = draw(ndims), draw(st.integers(1, most))
    chunk = np.array([draw(st.sampled_from([0.1, 1.1, 7.7])) for _ in range(ndim)])
    index = draw(hnp.arrays(np.int64, (rows, ndim), elements=st.integers(-2, 1)))
    inside = draw(hnp.arrays(np.float64, (rows, ndim), elements=st.sampled_from([0, 0.5, 0.999])))
    positions = ((index + inside) * chunk).astype(draw(st.sampled_from(["<f4", ">f4", "<f8"])))
    ids = None
    if draw(st.booleans()):
        ids = np.array(draw(st.lists(IDS, min_size=rows, max_size=rows)), np.int64)
    return Cloud(positions, ids, chunk)


@st.composite
def values(draw, rows: int, prefix: str):
    """Attributes of `rows` things, and one that tells them apart."""
    out = {f"{prefix}key": np.arange(rows)}
    for i in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from([*NUMBERS, "words", "words or None"]))
        if kind == "words":
            out[f"{prefix}{i}"] = np.array(draw(st.lists(WORD, min_size=rows, max_size=rows)), dtype=str)
        elif kind == "words or None":
            some = draw(st.lists(st.one_of(st.none(), WORD), min_size=rows, max_size=rows))
            out[f"{prefix}{i}"] = np.array(some, dtype=object)
        else:
            shape = draw(st.sampled_from([(rows,), (rows, 1), (rows, 3)]))
            out[f"{prefix}{i}"] = draw(hnp.arrays(np.dtype(kind), shape))
    return out


def same_values(found, given, order) -> None:
    """The values found are those given, in another order, with their types."""
    assert sorted(found) == sorted(given)
    for name, expected in given.items():
        got = found[name]
        if expected.dtype.kind in "OU":
            assert got.tolist() == expected[order].tolist()
        else:
            native = expected.astype(expected.dtype.newbyteorder("="))
            assert (got.dtype, got.shape) == (native.dtype, native[order].shape)
            assert got.tobytes() == native[order].tobytes()


def counted(rows) -> Counter:
    return Counter(map(tuple, np.asarray(rows).tolist()))


def owners_of(cloud: Cloud) -> np.ndarray:
    return np.zeros(len(cloud.positions), np.int64) if cloud.object_ids is None else cloud.object_ids
