"""Tables of what was extracted say of each line what its own vertices say."""

import numpy as np
import pytest

from napari_zarr_vectors._jobs import Part, extract_part, line_features
from zarr_vectors.lazy import open_zv
from zarr_vectors.types.polylines import write_polylines

LENGTHS = (5, 3, 0, 4, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, (np.inf, -np.inf)])
def test_what_is_no_number_in_one_line_says_nothing_of_the_means_of_the_others(tmp_path, bad):
    rng = np.random.default_rng(0)
    fa = [rng.uniform(0, 1, n) for n in LENGTHS]
    fa[1][: np.size(bad)] = bad
    lines = [rng.uniform(0, 100, (n, 3)) for n in LENGTHS]
    counts = [np.full(n, 7 * i + 1) for i, n in enumerate(LENGTHS)]
    write_polylines(tmp_path / "s.zv", lines, chunk_shape=20.0, attributes={"fa": fa, "number": counts})
    with open_zv(tmp_path / "s.zv") as store:
        table = line_features(extract_part(store, Part()))
    empty = 2
    expected = [np.nan if i == empty else values.mean() for i, values in enumerate(fa) if i != 1]
    assert np.allclose(np.delete(table["mean_fa"], 1), expected, equal_nan=True)
    assert not np.isfinite(table["mean_fa"][1])
    assert np.array_equal(table["mean_number"], [1, 8, np.nan, 22, 29], equal_nan=True)
