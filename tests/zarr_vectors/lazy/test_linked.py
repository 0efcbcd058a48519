"""Reading chunk by chunk what joins vertices: every link is one chunk's own, whatever chunks are read together."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.geometries import LABEL, PATHS, TIED, Case, cases, write
from zarr_vectors.lazy import open_zv

KINDS = (*PATHS, *TIED)


def wanted_links(case: Case) -> list[tuple[int, ...]]:
    """Rows of the case that are joined; edges without direction."""
    if case.offsets is not None:
        rows = np.arange(len(case.positions))
        inside = np.setdiff1d(rows[1:], case.offsets)
        links = np.stack([inside - 1, inside], axis=1)
    else:
        links = case.links
    return sorted(tuple(sorted(row)) for row in links.tolist())


def labels_of(batch) -> np.ndarray:
    return np.asarray(batch.attributes[LABEL]).astype(np.int64)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(st.data())
def test_every_link_belongs_to_one_chunk(kind, data):
    case = data.draw(cases(kind, plain=True))
    case.attributes[LABEL] = np.arange(len(case.positions))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.zarrvectors"
        write(path, case)
        with open_zv(path) as store:
            coords = store.catalogue().levels[0].coords
            order = data.draw(st.permutations(range(len(coords))))
            cut = data.draw(st.integers(0, len(coords)))
            found, owned = [], []
            for part in (order[:cut], order[cut:]):
                batch = store.read_linked(0, coords[list(part)], [LABEL], with_objects=True)
                labels = labels_of(batch)
                assert len(batch.positions) == len(labels) == len(batch.objects)
                inner = int(batch.offsets[-1])
                beyond = store.read_values(0, batch.others, [LABEL])
                place, row = batch.outside.T
                assert np.array_equal(beyond.attributes[LABEL][beyond.offsets[place] + row], labels[inner:])
                for i in range(len(part)):
                    mine = batch.links[batch.link_offsets[i] : batch.link_offsets[i + 1]]
                    low, high = batch.offsets[i : i + 2]
                    assert ((mine >= low) & (mine < high)).any(axis=1).all(), "a link has an end in its chunk"
                    lines = [tuple(sorted(row)) for row in labels[mine].tolist()]
                    ours = set(labels[low:high].tolist())
                    touching = [row for row in wanted_links(case) if ours & set(row)]
                    assert sorted(lines) == touching, "a chunk has all links that touch it, each once"
                found += [tuple(sorted(row)) for row in labels[batch.links[batch.owned]].tolist()]
                owned += labels[:inner].tolist()
                assert np.array_equal(case.positions[labels], batch.positions.astype(case.positions.dtype))
                ids = np.array(case.object_ids)
                if len(ids):
                    assert np.array_equal(np.sort(ids)[batch.objects] if case.offsets is None else ids[batch.objects],
                                          case.owners[labels])  # fmt: skip
            assert sorted(found) == wanted_links(case)
            assert sorted(owned) == list(range(len(case.positions)))
