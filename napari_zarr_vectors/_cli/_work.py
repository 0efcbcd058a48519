"""How long work is shown, and what it is done by: a bar on the terminal, threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

__all__ = ["progress_bar", "worker_threads"]


@contextmanager
def progress_bar(console: Console | None = None) -> Iterator[Callable[[int, int, str], None] | None]:
    """Give a function ``(done, total, message)`` that draws a bar; None where standard error is no terminal."""
    shown = Console(stderr=True) if console is None else console
    if not shown.is_terminal:
        yield None
        return
    with Progress(console=shown, transient=True) as bar:
        task = bar.add_task("", total=None)

        def update(done: int, total: int, message: str) -> None:
            bar.update(task, completed=done, total=total, description=message)

        yield update


@contextmanager
def worker_threads(count: int) -> Iterator[Executor | None]:
    """Give an executor of so many threads; None for one, the caller's own."""
    if count == 1:
        yield None
        return
    with ThreadPoolExecutor(count, "zarr-vectors") as executor:
        yield executor
