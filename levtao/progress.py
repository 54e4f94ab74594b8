"""A progress bar on stderr, on a terminal and nowhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """Counts what is done."""

    def __init__(self, progress: Progress | None, what: str, total: int | None) -> None:
        """Show nothing without a terminal."""
        self._progress = progress
        self._task = None if progress is None else progress.add_task(what, total=total)

    def advance(self, count: int) -> None:
        """So many more are done."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Bar]:
    """A bar for the time of the block."""
    if not sys.stderr.isatty():
        yield Bar(None, what, total)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield Bar(shown, what, total)
