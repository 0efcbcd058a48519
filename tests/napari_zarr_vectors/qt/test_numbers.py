"""Boxes for numbers: what they write, read, refuse, and how they step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def numbers():
    from napari_zarr_vectors._qt import _numbers

    return _numbers


@pytest.mark.parametrize(
    ("text", "count"),
    [("1", 1), ("1,234,567", 1_234_567), ("2 000 000", 2_000_000), ("500k", 500_000), ("1.5 M", 1_500_000)],
)
def test_a_count_is_read_as_people_write_it(numbers, text, count):
    assert numbers.parse_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "-1", "1e6", "many", "1.2.3"])
def test_no_other_text_is_a_count(numbers, text):
    assert numbers.parse_count(text) is None


@given(st.integers(1, 10**12))
def test_a_count_is_read_as_it_is_written(count):
    from napari_zarr_vectors._qt._numbers import format_count, parse_count

    assert parse_count(format_count(count)) == count


@pytest.mark.parametrize(
    ("count", "steps", "then"),
    [(1, 1, 2), (2, 1, 5), (5, 1, 10), (10, 1, 20), (7, 1, 10), (7, -1, 5), (10, -1, 5), (1, -1, 1), (50, 3, 500)],
)
def test_counts_step_through_1_2_5(numbers, count, steps, then):
    assert numbers.step_count(count, steps) == then


def test_a_count_is_signalled_when_it_is_whole(numbers, qtbot):
    spin = numbers.CountSpin()
    qtbot.addWidget(spin)
    seen = []
    spin.valueChanged.connect(seen.append)
    spin.clear()
    qtbot.keyClicks(spin, "250k")
    assert seen == []
    qtbot.keyClick(spin, "\r")
    assert seen == [250_000]
    assert spin.text() == "250,000"


@pytest.mark.parametrize("value", [1e-9, 0.1, 1 / 3, 123456.789, -7e12])
def test_leaving_a_number_unedited_keeps_all_its_digits(numbers, qtbot, value):
    spin = numbers.NumberSpin()
    qtbot.addWidget(spin)
    spin.setValue(value)
    kept = spin.value()
    qtbot.keyClick(spin, "\r")
    assert spin.value() == kept == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "steps", "then"), [(2.0, 1, 2.1), (0.003, 1, 0.0031), (400.0, -1, 390.0), (1000.0, 2, 1200.0)]
)
def test_a_number_steps_by_its_magnitude(numbers, qtbot, value, steps, then):
    spin = numbers.NumberSpin()
    qtbot.addWidget(spin)
    spin.setValue(value)
    spin.stepBy(steps)
    assert spin.value() == pytest.approx(then)


@pytest.mark.parametrize(("text", "state"), [("1e-3", 2), ("-", 1), ("1e", 1), ("0", 1), ("x", 0), ("nan", 0)])
def test_a_number_takes_what_is_or_may_become_one(numbers, qtbot, text, state):
    from qtpy.QtGui import QValidator

    spin = numbers.NumberSpin(1e-30)
    qtbot.addWidget(spin)
    states = (QValidator.State.Invalid, QValidator.State.Intermediate, QValidator.State.Acceptable)
    assert spin.validate(text, 0)[0] == states[state]
