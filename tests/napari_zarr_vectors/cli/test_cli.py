"""The command line: what it prints, how it fails, and what it must not load."""

import io
import json
import math
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from napari_zarr_vectors import __version__
from napari_zarr_vectors._cli import app
from napari_zarr_vectors._cli._info_text import _ends
from napari_zarr_vectors._cli._work import progress_bar
from zarr_vectors.multiresolution.coarsen import build_pyramid
from zarr_vectors.types.points import write_points

WORDS = ("[bold]soma[/bold]", "axon\x1b[31m")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "cells.zarrvectors"
    positions = np.random.default_rng(3).uniform(0, 40, (2000, 3))
    attributes = {"height": positions[:, 0].astype(np.float32), "part": np.array(WORDS)[np.arange(2000) % 2]}
    write_points(
        path,
        positions,
        chunk_shape=10.0,
        bin_shape=2.5,
        attributes=attributes,
        axes=["z", "y", "x"],
        axis_units="micrometer",
        compressor="zstd",
        shard_shape=2,
    )
    build_pyramid(path, [(2, 1)])
    return str(path)


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_it_tells_its_version():
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"zarr-vectors {__version__}\n")


@pytest.mark.parametrize("words", [["unknown"], ["info"], ["view", "x", "--ndisplay", "5"], ["demo", "--name", "x"]])
def test_what_is_asked_for_wrongly_ends_with_2(words):
    assert run(*words).exit_code == 2


def test_info_for_programs(store):
    result = run("info", store, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["kind"] == "point_cloud"
    assert [(a["name"], a["type"], a["unit"]) for a in found["axes"]] == [(n, "space", "micrometer") for n in "zyx"]
    assert all(0 <= a["low"] < a["high"] <= 40 for a in found["axes"])
    assert [level["level"] for level in found["levels"]] == [0, 1]
    finest = found["levels"][0]
    assert (finest["vertices"], finest["chunks"]) == (2000, 64)
    assert (finest["chunk_shape"], finest["bin_shape"]) == ([10.0] * 3, [2.5] * 3)
    assert finest["resolution"] == [0.0] * 3
    height, part = found["attributes"]
    assert height == {"name": "height", "dtype": "float32", "channels": [], "categories": None}
    assert sorted(part["categories"]) == sorted(WORDS)
    assert found["storage"]["compressor"] == "zstd"
    assert found["storage"]["shard_shape"] == [2, 2, 2]
    assert found["storage"]["bytes"] > 2000 * 24


def test_info_for_people(store):
    text = run("info", store).stdout
    for word in ("cells.zarrvectors", "point_cloud", "micrometer", "2,000", "2 x 2 x 2 chunks", "height", "float32"):
        assert word.replace(" ", "") in "".join(text.split()), "a long path goes on in the next line"


def test_info_of_three_axes_fits_into_80_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    positions = np.random.default_rng(0).uniform((0, 999_771, 999_771), (480, 1_000_251, 1_000_251), (500, 3))
    write_points(tmp_path / "s.zv", positions, chunk_shape=54.9778, bin_shape=27.4889)
    build_pyramid(tmp_path / "s.zv", [(2, 1)])
    rows = [line.split() for line in run("info", tmp_path / "s.zv").stdout.replace("│", " ").splitlines()]
    assert next(row for row in rows if row[:2] == ["0", "500"])[3:] == ["54.9778", "27.4889", "exact"]
    assert len(next(row for row in rows if row[:1] == ["1"])) == 6  # the resolution once as well
    assert ["shards", "none:", "a", "file", "a", "chunk"] in rows


def test_lengths_that_differ_by_axis_are_all_told(tmp_path):
    write_points(tmp_path / "s.zv", np.zeros((3, 2)), chunk_shape=(4, 2), bin_shape=(1, 2))
    text = run("info", tmp_path / "s.zv").stdout
    assert "4 x 2" in text
    assert "1 x 2" in text


@pytest.mark.parametrize(("low", "high", "said"), [
    (999_771.0, 1_000_251.0, ("999771", "1000251")),
    (1e9 + 0.25, 1e9 + 0.75, ("1000000000.25", "1000000000.75")),
    (4.66584e-10, 9.99999e-5, ("4.66584e-10", "9.99999e-05")),
    (-1e-12, 0.1, ("0", "0.1")),
    (-12.3456789, 40.0, ("-12.3457", "40")),
    (1_234_567.0, 1_234_567.0, ("1234567", "1234567")),
    (0.0, 0.0, ("0", "0")),
    (9e14, 9.5e14, ("900000000000000", "950000000000000")),
    (1e15, 1.0001e15, ("1e+15", "1.0001e+15")),
    (-math.inf, math.nan, ("-inf", "nan")),
])  # fmt: skip
def test_both_ends_of_an_axis_are_told_apart(low, high, said):
    assert _ends(low, high) == said


@given(low=st.floats(-1e15, 1e15), share=st.floats(1e-6, 1.0))
def test_ends_are_true_to_a_thousandth_of_what_lies_between(low, share):
    high = low + share * max(abs(low), 1e-3)
    between, found = high - low, _ends(low, high)
    assert all("e" not in text for text in found) or not 1e-4 <= max(abs(low), abs(high)) < 1e15
    assert max(abs(float(text) - end) for text, end in zip(found, (low, high), strict=True)) <= between / 1000


def test_names_of_a_store_neither_format_nor_reach_the_terminal(store):
    text = run("info", store).stdout
    assert "[bold]soma[/bold]" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("word", ["info", "view"])
def test_what_cannot_be_done_is_one_line_on_stderr_and_ends_with_1(word, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_zarr_vectors._cli.no_display", lambda: None)
    (tmp_path / "foreign").mkdir()
    for place in (tmp_path / "absent", tmp_path / "foreign", "s3://bucket/x.zarrvectors"):
        result = run(word, place)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("zarr-vectors: ")
        assert result.stderr.count("\n") == 1


def test_info_needs_neither_napari_nor_qt(store):
    code = (
        "import sys; from napari_zarr_vectors._cli import app\n"
        "app(['info', sys.argv[1], '--json'], standalone_mode=False)\n"
        "seen = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(seen & {'napari', 'qtpy', 'PyQt5', 'PyQt6', 'PySide6', 'vispy', 'superqt'}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, store], capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == "[]\n"
    assert json.loads(done.stdout)["path"] == store


def test_info_tells_of_objects_and_groups(tmp_path):
    path = tmp_path / "owned.zarrvectors"
    tables = {"object_attributes": {"mass": np.arange(4.0)}, "groups": {"few": [0], "many": [0, 1, 2]}}
    positions = np.random.default_rng(0).uniform(0, 9, (40, 3))
    write_points(path, positions, chunk_shape=5, object_ids=np.arange(40) % 4, **tables)
    found = json.loads(run("info", path, "--json").stdout)
    assert (found["objects"], found["object_attributes"]) == (4, ["mass"])
    assert found["groups"] == {"few": 1, "many": 3}
    text = run("info", path).stdout
    for words in ("objects            4", "mass", "few (1), many (3)"):
        assert words in text


def test_info_has_the_same_keys_for_every_store(store, tmp_path):
    write_points(tmp_path / "plain.zarrvectors", np.zeros((0, 2)), chunk_shape=1)
    one, other = (json.loads(run("info", path, "--json").stdout) for path in (store, tmp_path / "plain.zarrvectors"))
    assert list(one) == list(other)
    assert (other["objects"], other["groups"], other["attributes"]) == (0, {}, [])
    assert "objects" not in run("info", store).stdout


def test_a_home_folder_that_the_shell_left_alone_is_followed(store, monkeypatch, tmp_path):
    (tmp_path / "cells.zarrvectors").symlink_to(store)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("info", "~/cells.zarrvectors").exit_code == 0


@pytest.mark.parametrize(("output", "said"), [
    ("", "is a folder; name a file in it"), ("a.txt", "must end with .png, .jpg or .jpeg"), ("a", "must end with"),
    ("notes/a.png", "is a file or takes no new files"),
])  # fmt: skip
def test_where_no_picture_can_be_is_refused_before_the_work(tmp_path, monkeypatch, output, said):
    monkeypatch.setattr("napari_zarr_vectors._cli.no_display", None)  # whoever asks that has begun
    (tmp_path / "notes").write_text("mine")
    result = run("demo", "--output", tmp_path / output)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize("word", ["info", "view", "demo"])
def test_help_gives_an_example(word):
    assert f"Example: zarr-vectors {word} " in " ".join(run(word, "--help").stdout.split())


@pytest.fixture
def flat(tmp_path):
    """A store without levels."""
    path = tmp_path / "flat.zarrvectors"
    write_points(path, np.random.default_rng(4).uniform(0, 40, (4000, 3)), chunk_shape=10.0, bin_shape=2.5)
    return path


def test_a_pyramid_is_the_same_by_any_number_of_workers(flat, tmp_path):
    shutil.copytree(flat, tmp_path / "again.zv")
    one = run("pyramid", flat, "--factors", "2,2")
    three = run("pyramid", tmp_path / "again.zv", "--factors", "2,2", "--workers", 3)
    assert one.exit_code == three.exit_code == 0
    assert one.stdout == three.stdout
    assert run("pyramid", flat, "--workers", 0).exit_code == 2


def test_progress_is_drawn_on_terminals_only():
    screen = io.StringIO()
    with progress_bar(Console(file=screen, force_terminal=True, width=80)) as update:
        update(3, 4, "level 1")
    assert "level 1" in screen.getvalue()
    assert "75%" in screen.getvalue()
    with progress_bar(Console(file=screen)) as update:
        assert update is None


def test_a_pyramid_is_built_and_told_level_by_level(flat):
    result = run("pyramid", flat, "--factors", "2,2")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["level 0", "level 1", "level 2"]
    assert "4,000 vertices in 64 chunks" in lines[0]


def test_factors_that_are_given_again_are_further_levels(flat):
    for words in (
        ["--factors", "2", "--factors", "2"],
        ["--factors", 2, "--factors", 2, "--sparsity", 1, "--sparsity", 1],
    ):
        result = run("pyramid", flat, *words)
        assert result.exit_code == 0, result.output
        assert result.stdout == run("pyramid", flat, "--factors", "2,2").stdout
        assert len(result.stdout.splitlines()) == 3


def test_a_pyramid_is_told_to_programs_as_info_tells_it(flat):
    built = run("pyramid", flat, "--factors", "2,2", "--json")
    assert built.exit_code == 0, built.output
    assert [level["level"] for level in json.loads(built.stdout)["levels"]] == [0, 1, 2]
    assert built.stdout == run("info", flat, "--json").stdout


def test_a_pyramid_ends_by_itself_at_about_what_one_chunk_holds(flat):
    assert len(run("pyramid", flat).stdout.splitlines()) == 3
    assert len(run("pyramid", flat, "--factors", "4").stdout.splitlines()) == 2  # in place of those before


@pytest.mark.parametrize(
    "words", [["--factors", "two"], ["--factors", "2,"], ["--sparsity", "2"], ["--factors", "2", "--sparsity", "1,2"]]
)
def test_factors_that_are_none_are_refused(flat, words):
    assert run("pyramid", flat, *words).exit_code == 2
    assert len(run("info", flat, "--json").stdout) > 0


def test_a_strategy_that_is_none_is_told_before_what_the_store_lacks(flat):
    result = run("pyramid", flat, "--strategy", "lenght")
    known = "'random', 'spatial_coverage', 'length' or 'attribute:<name>'"
    assert result.stderr == f"zarr-vectors: sparsity_strategy must be one of {known}, got 'lenght'\n"
    assert "holds points without any" in run("pyramid", flat, "--strategy", "length").stderr
    assert result.exit_code == 1


def test_a_pyramid_that_cannot_be_built_is_one_line(flat, tmp_path):
    for words in (["--factors", "0"], ["--strategy", "length"]):
        result = run("pyramid", flat, *words)
        assert result.exit_code == 1
        assert result.stderr.startswith("zarr-vectors: ")
        assert result.stderr.count("\n") == 1
    assert run("pyramid", tmp_path / "nothing").exit_code == 1
