"""The object table sorts, searches and compares as Python's own lists do; a mask of rows changes as Qt's list would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_zarr_vectors._model.group_tree import group_tree, shown_groups
from napari_zarr_vectors._model.objects import Arrangement, ObjectTable, column_of
from napari_zarr_vectors._model.row_mask import RowMask

WORDS = ["axon", "Dendrite", "soma", "<b>", None]


@st.composite
def tables(draw):
    """A table, and the same as lists: ids, a number (None for none) and a word (None for none) each."""
    ids = draw(st.lists(st.integers(-(10**6), 10**6), unique=True, max_size=30))
    numbers = draw(st.lists(st.none() | st.integers(-9, 9), min_size=len(ids), max_size=len(ids)))
    words = draw(st.lists(st.sampled_from(WORDS), min_size=len(ids), max_size=len(ids)))
    column = np.array([np.nan if n is None else n for n in numbers], np.float64)
    texts = np.array(words, object)
    columns = (*column_of("mass", column), *column_of("kind", texts))
    return ObjectTable(np.array(ids, np.int64), columns), ids, numbers, words


@given(tables(), st.integers(0, 2), st.booleans())
def test_rows_are_sorted_stably_and_missing_values_come_last(made, column, is_descending):
    table, *lists = made
    values = lists[column]
    present = [row for row, value in enumerate(values) if value is not None]
    wanted = sorted(present, key=lambda row: values[row], reverse=is_descending)
    wanted += [row for row, value in enumerate(values) if value is None]
    assert table.arrange(Arrangement(column, is_descending)).tolist() == wanted


@given(tables(), st.sampled_from(["a", "DEN", "b>", "1", "-2", "10", "0", "zzz", "007"]))
def test_a_search_finds_words_that_hold_a_text_and_ids_that_begin_with_it(made, text):
    table, ids, _, words = made
    wanted = [
        row
        for row, (number, word) in enumerate(zip(ids, words, strict=True))
        if str(number).startswith(text) or (word is not None and text.lower() in word.lower())
    ]
    assert table.arrange(Arrangement(text=f" {text} ")).tolist() == wanted


@given(tables(), st.sampled_from([(">", 2), ("==", 0), ("between", [-3, 3]), ("in", [1, 2, 3])]))
def test_a_condition_is_asked_of_columns(made, test):
    table, _, numbers, words = made
    tests = {
        ">": lambda n: n > 2,
        "==": lambda n: n == 0,
        "between": lambda n: -3 <= n <= 3,
        "in": lambda n: n in (1, 2, 3),
    }
    where = {"mass": test, "kind": ("in", ["axon", "soma"])}
    wanted = [
        row
        for row, (number, word) in enumerate(zip(numbers, words, strict=True))
        if number is not None and tests[test[0]](number) and word in ("axon", "soma")
    ]
    assert table.arrange(Arrangement(where=where)).tolist() == wanted


@given(tables())
def test_rows_are_found_by_id(made):
    table, ids, numbers, words = made
    asked = [*ids[::-1], 10**7]
    assert table.rows_of(asked).tolist() == list(range(len(ids)))[::-1]
    for row, number in enumerate(ids):
        facts = table.facts(number)
        assert facts.get("kind", None) == (words[row] or None)
        assert facts.get("mass", None) == (None if numbers[row] is None else str(numbers[row]))
    assert table.facts(10**7) == {}


def test_what_cannot_be_asked_is_told():
    table = ObjectTable(np.arange(3), tuple(column_of("mass", np.arange(3.0))))
    with pytest.raises(ValueError, match="no object attribute 'length'"):
        table.arrange(Arrangement(where={"length": (">", 1)}))
    with pytest.raises(ValueError, match="numbers"):
        table.arrange(Arrangement(where={"mass": ("==", "soma")}))


def test_channels_are_columns_of_their_own_and_large_numbers_stay_whole():
    columns = column_of("centre", np.arange(6.0).reshape(2, 3))
    assert [column.name for column in columns] == ["centre[0]", "centre[1]", "centre[2]"]
    assert columns[1].text(1) == "4"
    assert column_of("id", np.array([2**63 - 1]))[0].text(0) == str(2**63 - 1)


@given(st.data())
def test_a_mask_changes_as_a_set_would(data):
    count = 12
    mask, base, current = RowMask(count), set(), (set(), "none")

    def merged():
        rows, change = current
        return {"select": base | rows, "deselect": base - rows, "toggle": base ^ rows, "none": base}[change]

    for _ in range(data.draw(st.integers(0, 6))):
        rows = data.draw(st.sets(st.integers(0, count - 1)))
        change = data.draw(st.sampled_from(["select", "deselect", "toggle", "none"]))
        clears, is_drag = data.draw(st.booleans()), data.draw(st.booleans())
        if clears:
            base, current = set(), (set(), "none")
        if not is_drag:
            base, current = merged(), (set(), "none")
        if change != "none":
            current = (rows, change)
        mask.apply(np.array(sorted(rows), np.int64), change, clears=clears, is_drag=is_drag)
        assert set(np.flatnonzero(mask.mask).tolist()) == merged()


def test_names_with_a_slash_nest():
    root = group_tree({"left/motor": 3, "right": 2, "left": 1, "left/motor/hand": 5})
    left, right = root.children
    assert (left.label, left.group, left.count) == ("left", "left", 9)
    assert (right.label, right.group, right.count, right.row) == ("right", "right", 2, 1)
    assert left.groups() == ["left", "left/motor", "left/motor/hand"]
    inner = group_tree({"a/b": 1, "a/c": 1}).children[0]
    assert (inner.group, inner.label) == (None, "a")
    assert inner.groups() == ["a/b", "a/c"]


def test_a_name_with_a_slash_that_nests_nothing_is_one():
    root = group_tree({"L2/3 pyramidal": 4, "brain/left/motor": 1, "brain/left/sensor": 2, "x/y/z": 5, "x/y/z/w": 6})
    layer, brain, deep = root.children
    assert (layer.label, layer.group, layer.count, layer.children) == ("L2/3 pyramidal", "L2/3 pyramidal", 4, [])
    assert (brain.label, brain.group, brain.count) == ("brain/left", None, 3)
    assert [(node.label, node.parent, node.row) for node in brain.children] == [
        ("motor", brain, 0),
        ("sensor", brain, 1),
    ]
    assert (deep.label, deep.group, [node.label for node in deep.children]) == ("x/y/z", "x/y/z", ["w"])
    assert deep.children[0].parent is deep


@given(st.dictionaries(st.lists(st.sampled_from(["a", "b", ""]), min_size=1, max_size=4).map("/".join), st.just(1)))
def test_every_group_is_in_the_tree_once(counts):
    nodes, groups = [group_tree(counts)], []
    while nodes:
        node = nodes.pop()
        groups += [] if node.group is None else [node.group]
        assert node.parent is None or node.group is not None or len(node.children) > 1
        nodes += node.children
    assert sorted(groups) == sorted(counts)


@given(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd")), st.booleans())
def test_all_groups_on_is_no_filter(shown, changed, on):
    found = shown_groups("abcd", tuple(sorted(shown)), changed, on=on)
    wanted = shown | changed if on else shown - changed
    assert found == (None if wanted == set("abcd") else tuple(sorted(wanted)))
