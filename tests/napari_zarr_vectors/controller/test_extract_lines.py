"""Lines that no path of napari can show: of none or one vertex. They are told, and a store keeps them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_zarr_vectors._controller import _extract as extracting
from napari_zarr_vectors._controller import extract, open_layer
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.polylines import write_polylines

pytestmark = pytest.mark.gui

IDS, MASS = np.array([5, 6, 7, 8, 900]), np.arange(5.0)
LENGTHS = (20, 0, 20, 1, 0)


@pytest.mark.parametrize(
    ("part", "ids", "short"),
    [("all", None, 3), ("selected", (5, 6), 1), ("selected", (900,), 1), ("filter", (5, 900), 1), ("box", None, 1)],
)
def test_lines_without_a_path_are_told_and_a_store_keeps_them(
    make_napari_viewer, tmp_path, monkeypatch, part, ids, short
):
    said = []
    monkeypatch.setattr(extracting, "notify", said.append)
    lines = [np.linspace([0, 5 * k, 0], [30, 5 * k, 30], n) for k, n in enumerate(LENGTHS)]
    given = {"object_ids": IDS, "object_attributes": {"mass": MASS}}
    write_polylines(tmp_path / "s.zv", lines, chunk_shape=20.0, bin_shape=5.0, **given)
    viewer = make_napari_viewer(show=True, ndisplay=3)
    (layer,) = open_layer(viewer, tmp_path / "s.zv")
    layer.selection.ids = ids if part == "selected" else ()
    layer.filter.object_ids = ids if part == "filter" else None
    what = {"filter": "all", "box": ([-1] * 3, [99] * 3)}.get(part, part)
    (shapes,) = extract(layer, what)
    assert [sentence.partition(" of ")[0] for sentence in said] == [str(short)]
    there = [i for i in ((5, 7) if part in ("all", "box") else ids) if i in (5, 7)]
    assert len(shapes.data) == len(there)
    if there:
        assert shapes.features["object_id"].tolist() == there
        assert shapes.features["mass"].tolist() == MASS[np.searchsorted(IDS, there)].tolist()
    if ids != (900,):
        said.clear()
        with open_zv(extract(layer, what, to=tmp_path / "out.zv")) as new:
            found, masses = new.object_values("mass")
        assert not said
        wanted = IDS if part == "all" else [5, 7, 8] if part == "box" else list(ids)
        assert found.tolist() == list(wanted)
        assert masses.tolist() == MASS[np.searchsorted(IDS, wanted)].tolist()
