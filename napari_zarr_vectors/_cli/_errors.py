"""How the command line fails: one line on stderr, exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from zarr_vectors.exceptions import ZarrVectorsError

__all__ = ["one_line_errors", "printable"]


def printable(text: str) -> str:
    """Give a text of the store's as one line that does nothing to a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what may go wrong with a store into one line; what must not happen keeps its traceback."""
    try:
        yield
    except (ZarrVectorsError, OSError) as error:
        typer.echo(f"zarr-vectors: {printable(str(error))}", err=True)
        raise typer.Exit(1) from None
