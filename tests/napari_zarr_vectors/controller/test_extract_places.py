"""Where a new store may be that is extracted; in a real window."""

from __future__ import annotations

import re

import numpy as np
import pytest
from zarr.storage import LocalStore

from napari_zarr_vectors._controller import _extract as extracting
from napari_zarr_vectors._controller import extract, open_layer
from zarr_vectors.exceptions import ArgumentError, StoreExistsError
from zarr_vectors.types.points import write_points

pytestmark = pytest.mark.gui


def test_no_new_store_is_put_in_the_folder_of_a_store_and_nothing_is_read_for_it(window, tmp_path, monkeypatch):
    write_points(tmp_path / "s.zv", np.random.default_rng(8).uniform(0, 100, (400, 3)), chunk_shape=25.0)
    (tmp_path / "link").symlink_to(tmp_path / "s.zv")
    (layer,) = open_layer(window.viewer, LocalStore(tmp_path / "s.zv"))
    files = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(extracting, "extract_part", None)
    for place in ("s.zv/part.zv", "s.zv/0/new/part.zv", "link/part.zv"):
        with pytest.raises(ArgumentError, match=re.escape(f"{place} lies in the store {tmp_path / 's.zv'}; choose")):
            extract(layer, "all", to=tmp_path / place)
    for place in ("s.zv", "link"):
        with pytest.raises(StoreExistsError, match="is there already"):
            extract(layer, "all", to=tmp_path / place)
    assert sorted(tmp_path.rglob("*")) == files
