"""Which rows of lines are drawn where a chunk stands in for a part of its place."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_zarr_vectors._lod import build_tree
from napari_zarr_vectors._stream import ByteCache, LinkedSource, Request, shown_ranges
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.polylines import write_polylines

CHUNK = 10.0


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The tree of long lines over 4 x 4 x 4 chunks, and its coarsest chunk as it is built."""
    rng = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("store") / "lines.zarrvectors"
    ends = rng.uniform(0.5, 4 * CHUNK - 0.5, (60, 2, 3))
    lines = ends[:, :1] + np.linspace(0, 1, 30)[None, :, None] * (ends[:, 1:] - ends[:, :1])
    write_polylines(path, lines.astype("f4"), chunk_shape=CHUNK, bin_shape=1.0)
    build_pyramid(path, [(2, 1), (2, 1)])
    with open_zv(path, cache_size=0) as store:
        tree = build_tree(store.catalogue())
        assert tree.base[1] == 1
        source = LinkedSource(store, tree, np.zeros(3), ByteCache(1 << 26), is_surface=False)
        (built,) = source.load([Request(0)])
        yield tree, built


def drawn(tree, built, parts):
    """What is drawn of node 0 where it stands in for these nodes: starts and stops."""
    plan = SimpleNamespace(
        generation=1, show=np.zeros(len(parts), int), part=np.array(parts), cuts=np.zeros(len(parts), int), fraction=1.0
    )
    ranges = shown_ranges(plan, tree, {0: built}.get)
    return sorted(zip(ranges.starts.tolist(), ranges.stops.tolist(), strict=True))


def inside(tree, built, rows, node):
    """Tell of rows whether they lie in a node's place."""
    level = int(tree.level_of(np.array(node)))
    size = tree.chunk_shape[level]
    corners = built.positions.reshape(-1, 4, 3)[slice(*rows)]
    middle = (corners[:, 0] + corners[:, 2]) / 2 / size - tree.coords[node]
    return ((middle > -1e-4) & (middle < 1 + 1e-4)).all(axis=1)


def test_a_stand_in_for_a_child_draws_what_lies_in_the_childs_place(root):
    tree, built = root
    for child in range(tree.base[1], tree.base[2]):
        ((start, stop),) = drawn(tree, built, [child])
        assert stop > start
        assert inside(tree, built, (start, stop), child).all()
        assert np.count_nonzero(inside(tree, built, (0, built.rows), child)) == stop - start


def test_parts_that_a_coarse_chunk_does_not_tell_apart_draw_the_place_around_them_once(root):
    tree, built = root
    child = int(tree.base[1])
    parts = list(range(tree.child_ptr[child], tree.child_ptr[child + 1]))
    assert len(parts) > 1
    assert drawn(tree, built, parts) == drawn(tree, built, [child])
    assert drawn(tree, built, parts[:1]) == drawn(tree, built, [child])


def test_a_coarse_chunk_of_lines_has_a_row_a_segment_and_child_not_one_a_cell_of_level_0(root):
    tree, built = root
    assert built.steps == 1
    assert len(built.keys) == tree.base[2] - tree.base[1]
    lengths = np.linalg.norm(built.positions.reshape(-1, 4, 3)[:, 0] - built.others.reshape(-1, 4, 3)[:, 0], axis=1)
    assert lengths.max() > 1.8 * CHUNK, "longer than any piece within a cell of level 0"
