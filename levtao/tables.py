"""What goes to stdout in full width. A number cut short is a wrong one, so none is, however narrow the terminal."""

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table

WIDEST = 1_000


def table(title: str, headings: Iterable[str]) -> Table:
    """An empty table of numbers, as narrow as its numbers allow."""
    found = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in headings:
        found.add_column(heading, justify="right", no_wrap=True)
    return found


def show(shown: RenderableType) -> None:
    """Print in full width, which a narrow terminal wraps and a pipe keeps."""
    console = Console()
    wide = console.measure(shown, options=console.options.update(max_width=WIDEST)).maximum
    Console(width=max(console.width, wide)).print(shown)
