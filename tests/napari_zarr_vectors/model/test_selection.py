"""Objects can be chosen by their ids, and by nothing else."""

import numpy as np
import pytest

from napari_zarr_vectors._model import ObjectSelection


def test_each_id_stays_once_in_the_order_of_choice_and_the_change_is_told():
    selection, told = ObjectSelection(), []
    selection.events.ids.connect(told.append)
    selection.ids = [2**63 - 1, -(2**63)]
    selection.ids = np.array([2**63 - 1], np.uint64)
    selection.ids = ()
    told.clear()
    selection.ids = np.array([7, -3, 7, 2**62])
    assert selection.ids == (7, -3, 2**62)
    assert told == [(7, -3, 2**62)]


def test_choosing_the_same_again_tells_nothing():
    selection, told = ObjectSelection((1, 2)), []
    selection.events.ids.connect(told.append)
    selection.ids = [1, 2]
    assert told == []


@pytest.mark.parametrize(
    "value",
    ["17", 3, [0.5], [True], None, [[1, 2]], [2**63], [-(2**63) - 1], [1, np.uint64(2**63)], np.array([2**63], "u8")],
)
def test_what_is_no_list_of_ids_is_refused_and_changes_nothing(value):
    selection = ObjectSelection((5,))
    with pytest.raises(ValueError, match="ids must be whole numbers"):
        selection.ids = value
    assert selection.ids == (5,)
