"""Which rows of lines and surfaces are drawn of a part of a chunk's place, and of a share of what it holds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_zarr_vectors._lod import build_tree
from napari_zarr_vectors._stream import ByteCache, LinkedSource, Request, shown_ranges
from zarr_vectors.lazy import open_zv
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.meshes import write_mesh
from zarr_vectors.types.polylines import write_polylines

CHUNK = 10.0


def coarsest(path, *, is_surface):
    """Build two levels of a store; give its tree, and the one chunk of the coarsest level as it is built."""
    build_pyramid(path, [(2, 1), (2, 1)])
    with open_zv(path, cache_size=0) as store:
        tree = build_tree(store.catalogue())
        assert tree.base[1] == 1
        source = LinkedSource(store, tree, np.zeros(3), ByteCache(1 << 26), is_surface=is_surface)
        (built,) = source.load([Request(0)])
    return tree, built


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The tree of long lines over 4 x 4 x 4 chunks, and its coarsest chunk as it is built."""
    rng = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("store") / "lines.zarrvectors"
    ends = rng.uniform(0.5, 4 * CHUNK - 0.5, (60, 2, 3))
    lines = ends[:, :1] + np.linspace(0, 1, 30)[None, :, None] * (ends[:, 1:] - ends[:, :1])
    write_polylines(path, lines.astype("f4"), chunk_shape=CHUNK, bin_shape=1.0)
    return coarsest(path, is_surface=False)


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """The tree of a sheet of large triangles over 4 x 4 x 4 chunks, and its coarsest chunk as it is built."""
    path = tmp_path_factory.mktemp("store") / "sheet.zarrvectors"
    x, y = np.meshgrid(*[np.linspace(0.5, 4 * CHUNK - 0.5, 20)] * 2, indexing="ij")
    vertices = np.stack([x, y, 2 * CHUNK + CHUNK * np.sin(x / 9) * np.cos(y / 7)], axis=-1).reshape(-1, 3)
    corner = np.arange(400).reshape(20, 20)
    a, b, c, d = corner[:-1, :-1].ravel(), corner[1:, :-1].ravel(), corner[1:, 1:].ravel(), corner[:-1, 1:].ravel()
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    write_mesh(path, [vertices.astype("f4")], [faces], chunk_shape=CHUNK, bin_shape=1.0)
    return coarsest(path, is_surface=True)


def drawn(tree, built, parts, share=1.0):
    """What is drawn of node 0 where it stands in for these nodes: starts and stops."""
    none = np.zeros(len(parts), int)
    plan = SimpleNamespace(generation=1, show=none, part=np.array(parts), cuts=none, fraction=share)
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


@pytest.mark.parametrize("kind", ["root", "sheet"])
@pytest.mark.parametrize("share", [0.7, 0.2, 0.03, 1e-3, 0.0])
def test_a_share_of_a_chunk_draws_no_more_than_that_share_of_its_vertices(kind, share, request):
    tree, built = request.getfixturevalue(kind)
    assert len(built.keys) > 1, "places that have vertices in common"
    for parts in ([0], list(range(tree.base[1], tree.base[2])), [int(tree.base[1]) + 2]):
        ranges = drawn(tree, built, parts, share)
        rows = np.concatenate([np.zeros(0, int), *(np.arange(*one) for one in ranges)])
        assert built.picked_vertices(rows) <= share * built.vertices
        assert len(parts) == 1 or share * built.vertices - built.picked_vertices(rows) < 3, "one more would be too much"
