"""What is said of a line is its own, whether it has vertices, has none, or is left out on a level."""

import threading

import numpy as np
import pytest

from napari_zarr_vectors._jobs import Part, PartObjects, extract_part, line_features, vertex_features, write_extracted
from zarr_vectors.exceptions import ArgumentError
from zarr_vectors.lazy import open_zv, read_part
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.polylines import write_polylines

IDS = np.array([5, 6, 7, 9, 900])
MASS = dict(zip(IDS.tolist(), [0.5, 1.5, 2.5, 3.5, 4.5], strict=True))
EMPTY = (6, 900)
KINDS = ("polyline", "streamline")


def write(path, kind, *, empty=EMPTY):
    along = np.linspace(0, 30, 20)
    lines = [np.stack([along, along * 0 + 5 * k, along], axis=1) for k in range(len(IDS))]
    lines = [line[: 0 if i in empty else None] for i, line in zip(IDS, lines, strict=True)]
    given = {"object_attributes": {"mass": list(MASS.values())}, "groups": {"a": [5, 900], "e": [900]}}
    write_polylines(path, lines, chunk_shape=20.0, bin_shape=5.0, geometry_type=kind, object_ids=IDS, **given)
    return path


def save(store, extracted, place):
    with open_zv(write_extracted(place, extracted, store, lambda *step: None, threading.Event())) as new:
        ids, sizes = new.filter(0).objects()
        masses = dict(zip(*map(np.ndarray.tolist, new.object_values("mass")), strict=True))
        groups = {name: sorted(members.tolist()) for name, members in new.groups.items()}
        return dict(zip(ids.tolist(), sizes.tolist(), strict=True)), masses, groups


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "part",
    [
        Part(),
        Part(object_ids=(5, 6)),
        Part(object_ids=(900, 7)),
        Part(groups=("a",)),
        Part(object_ids=(5, 900), groups=("a",)),
        Part(share=0.8),
    ],
)
def test_a_line_without_vertices_keeps_what_is_said_of_it(tmp_path, kind, part):
    with open_zv(write(tmp_path / "s.zv", kind)) as store:
        extracted = extract_part(store, part)
        table = line_features(extracted)
        assert any(np.isin(EMPTY, table["object_id"]))
        assert table["mass"].tolist() == [MASS[i] for i in table["object_id"].tolist()]
        sizes, masses, groups = save(store, extracted, tmp_path / "out.zv")
    there = sorted(table["object_id"].tolist())
    assert sizes == {i: 0 if i in EMPTY else 20 for i in there}
    assert masses == {i: MASS[i] for i in there}
    assert groups == {"a": [i for i in (5, 900) if i in there], "e": [i for i in (900,) if i in there]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost_at", [0, -1])
def test_lines_that_a_level_left_out_do_not_come_and_change_nothing_said_of_others(tmp_path, kind, lost_at):
    build_pyramid(write(tmp_path / "s.zv", kind, empty=()), [(2, 2)])
    with open_zv(tmp_path / "s.zv") as store:
        ids, sizes = store.filter(1).objects()
        kept, lost = ids[sizes > 0].tolist(), ids[sizes == 0].tolist()
        assert lost
        asked = (kept[0], lost[lost_at])
        for part in (Part(1, object_ids=asked), Part(1, object_ids=asked[::-1]), Part(1), Part(1, share=0.999)):
            extracted = extract_part(store, part)
            there = sorted(extracted.result.object_ids.tolist())
            assert there == (kept[:1] if part.object_ids else kept)
            for table in (line_features(extracted), vertex_features(extracted)):
                assert table["mass"].tolist() == [MASS[i] for i in table["object_id"].tolist()]
            sizes, masses, _ = save(store, extracted, tmp_path / f"{part.share}{part.object_ids}.zv")
            assert list(sizes) == there
            assert masses == {i: MASS[i] for i in there}


def test_of_ids_that_a_level_left_out_a_part_reads_none_in_the_order_asked_for(tmp_path):
    build_pyramid(write(tmp_path / "s.zv", "streamline", empty=()), [(2, 2)])
    with open_zv(tmp_path / "s.zv") as store:
        ids, sizes = store.filter(1).objects()
        kept = ids[sizes > 0].tolist()
        found = read_part(store, 1, object_ids=[*kept[::-1], *ids[sizes == 0].tolist()])
        assert found.object_ids.tolist() == kept[::-1]
        assert (np.diff(found.offsets) > 0).all()


@pytest.mark.parametrize("strangers", [[4], [6], [99], [5, 6]])
@pytest.mark.parametrize("have", [[], [5, 7]])
def test_an_id_that_is_not_in_the_table_is_never_answered_with_the_value_of_another(have, strangers):
    table = PartObjects(np.array(have, np.int64), {"mass": np.arange(len(have)) * 1.0})
    with pytest.raises(ArgumentError, match=f"nothing was read of the objects .*{strangers[-1]}"):
        table.of(np.array(strangers))
    assert table.of(np.array(have, np.int64))["mass"].tolist() == table.columns["mass"].tolist()
