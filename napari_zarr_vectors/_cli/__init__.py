"""The command line `zarr-vectors`. Exit codes: 0 done, 1 it could not be done, 2 it was asked for wrongly."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from napari_zarr_vectors import __version__
from napari_zarr_vectors._cli._display import HEADLESS, no_display
from napari_zarr_vectors._cli._errors import one_line_errors
from napari_zarr_vectors._cli._info import read_info, to_json
from napari_zarr_vectors._cli._info_text import to_tables
from napari_zarr_vectors._cli._work import progress_bar, worker_threads
from napari_zarr_vectors._cli._xvfb import LACKING, can_start, private_display
from napari_zarr_vectors._samples import SAMPLES
from zarr_vectors.multiresolution.coarsen import build_pyramid

__all__ = ["app"]

app = typer.Typer(name="zarr-vectors", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

PICTURES = (".png", ".jpg", ".jpeg")
Number = TypeVar("Number", int, float)


def _at_home(path: str) -> str:
    """Follow a ``~`` that the shell left alone, because it was quoted or stood behind ``=``."""
    return os.path.expanduser(path)


AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON object, for programs.")]
StorePath = Annotated[
    str,
    typer.Argument(
        metavar="PATH", callback=_at_home, help="The folder of a Zarr Vectors store, such as x.zarrvectors."
    ),
]


def _check_picture(output: Path | None) -> Path | None:
    """Refuse a place for the picture before it is painted."""
    if output is None:
        return None
    place = output.expanduser().absolute()
    parent = next(folder for folder in place.parents if os.path.lexists(folder))
    if place.is_dir():
        msg = f"{output} is a folder; name a file in it, such as {output / 'picture.png'}"
    elif place.suffix.lower() not in PICTURES:
        msg = f"{output} must end with {', '.join(PICTURES[:-1])} or {PICTURES[-1]}"
    elif not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        msg = f"{output} cannot be written: {parent} is a file or takes no new files"
    else:
        return place
    raise typer.BadParameter(msg)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"zarr-vectors {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Look at large points, lines, graphs and meshes in Zarr Vectors stores."""


@app.command(epilog="Example: zarr-vectors info cells.zarrvectors --json")
def info(path: StorePath, as_json: AsJson = False) -> None:
    """Print what a store holds (axes, levels, attributes, objects) without reading its points."""
    with one_line_errors():
        found = read_info(path)
    if as_json:
        typer.echo(to_json(found))
    else:
        Console(highlight=False, markup=False).print(to_tables(found))


@app.command(epilog="Example: zarr-vectors pyramid cells.zarrvectors --factors 2,2,2")
def pyramid(
    path: StorePath,
    factors: Annotated[
        list[str] | None,
        typer.Option(
            help="How much coarser each level is than the one before: 2,2,2; given again, for further levels. "
            "Without it, halved until about what one chunk holds on average is left."
        ),
    ] = None,
    sparsity: Annotated[
        list[str] | None,
        typer.Option(help="How many times fewer objects each level keeps: 1,2,4; as many as factors, given alike."),
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="Which objects stay: random, spatial_coverage, length or attribute:NAME.")
    ] = "random",
    workers: Annotated[int, typer.Option(min=1, help="Threads; only points without objects are shared out.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Build coarser levels of a store, in place of those it has; it stays as it was until all are there."""
    steps = _steps(",".join(factors), ",".join(sparsity) if sparsity else None) if factors else None
    if not factors and sparsity:
        raise typer.BadParameter("it needs --factors, one number each", param_hint="--sparsity")
    with one_line_errors():
        with progress_bar() as progress, worker_threads(workers) as executor:
            build_pyramid(path, steps, sparsity_strategy=strategy, executor=executor, progress=progress)
        found = read_info(path)
    if as_json:
        typer.echo(to_json(found))
        return
    for level in found.levels:
        typer.echo(f"level {level.level}: {level.vertices:,} vertices in {level.chunks:,} chunks")


def _steps(factors: str, sparsity: str | None) -> list[tuple[int, float]]:
    """Read ``2,2`` and ``1,2`` as one (coarsen, sparsity) a level."""
    coarsen = _numbers(factors, int, "--factors")
    thinner = [1.0] * len(coarsen) if sparsity is None else _numbers(sparsity, float, "--sparsity")
    if len(thinner) != len(coarsen):
        msg = f"{len(thinner)} numbers for {len(coarsen)} levels"
        raise typer.BadParameter(msg, param_hint="--sparsity")
    return list(zip(coarsen, thinner, strict=True))


def _numbers(words: str, kind: Callable[[str], Number], name: str) -> list[Number]:
    try:
        return [kind(word) for word in words.split(",")]
    except ValueError:
        msg = f"{words!r} must be numbers with commas between them, such as 2,2,2"
        raise typer.BadParameter(msg, param_hint=name) from None


@app.command(epilog="Example: zarr-vectors view cells.zarrvectors --color-by height --colormap viridis")
def view(
    path: StorePath,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="Vertices that may be drawn at once; without it, as many as keep the frame rate."),
    ] = None,
    color_by: Annotated[
        str | None,
        typer.Option(help="What colours it: an attribute of vertices, objects or groups; object, group or direction."),
    ] = None,
    colormap: Annotated[str | None, typer.Option(help="A colormap that napari knows.")] = None,
    ndisplay: Annotated[
        int | None,
        typer.Option(min=2, max=3, help="Show it in 2-D or 3-D; without it, in 3-D where it has three axes."),
    ] = None,
) -> None:
    """Show a store in napari, streaming what the camera sees."""
    why = no_display()
    if why is not None:
        typer.echo(f"zarr-vectors: there is no display to show a window on: {why}", err=True)
        raise typer.Exit(1)
    # napari and Qt come with this import: the other commands need neither, and they take a second to load.
    from napari_zarr_vectors._cli._view import view as show

    with one_line_errors():
        show(path, budget=budget, color_by=color_by, colormap=colormap, ndisplay=ndisplay)


@app.command(epilog="Example: zarr-vectors demo --name terrain --output terrain.png")
def demo(
    name: Annotated[str, typer.Option(help=f"Which sample: {', '.join(SAMPLES)}.")] = "galaxy",
    output: Annotated[
        Path | None,
        typer.Option(callback=_check_picture, help="Write a picture (.png, .jpg) there instead of opening a window."),
    ] = None,
) -> None:
    """Make a sample store and show it in napari; without a display, write a picture of it."""
    if name not in SAMPLES:
        msg = f"{name!r} is not one of {', '.join(SAMPLES)}"
        raise typer.BadParameter(msg, param_hint="--name")
    own_server = no_display() is not None and not _has_server()
    if own_server and not can_start():
        typer.echo(f"zarr-vectors: there is no display, and {LACKING}", err=True)
        raise typer.Exit(1)
    with private_display() if own_server else nullcontext(), one_line_errors():
        # napari and Qt come with this import: see `view`.
        from napari_zarr_vectors._cli._demo import demo as show

        code = show(name, output)
    raise typer.Exit(code)


def _has_server() -> bool:
    """Tell whether a window can be made although nobody looks at it."""
    environ = {key: value for key, value in os.environ.items() if key != HEADLESS}
    return no_display(environ) is None
