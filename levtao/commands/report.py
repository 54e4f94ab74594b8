"""`levtao report`: the desk's page from files of the core's outputs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import typer

from engine.domain.events import Output
from engine.domain.inputs import Position
from levtao.problems import stop
from levtao.progress import progress
from levtao.report.build import Sources, build
from levtao.report.course import CourseError
from levtao.report.history import History
from levtao.report.records import RecordError, of_file, of_outputs
from levtao.report.series import Tape
from producers.prices import PriceFile, PriceFileError

STRIDE = 10_000
"""The bar moves so many outputs at a time."""


def report(events: list[Path], out: Path, prices: Path | None, market_cost_bps: float | None) -> None:
    """Read the files, write the page, say where it is."""
    history = History()
    for path in events:
        try:
            with progress(f"reading {path.name}", None) as bar:
                for number, record in enumerate(of_file(path), 1):
                    history.take(record)
                    if not number % STRIDE:
                        bar.advance(STRIDE)
        except RecordError as error:
            stop(str(error))
        except OSError as error:
            _stop_at(path, error)
    tape = None if prices is None else _prices(prices)
    make(history, out, Sources(named=", ".join(path.name for path in events), prices=tape, cost_bps=market_cost_bps))


def _prices(path: Path) -> Tape:
    tape = Tape()
    try:
        for _ in tape.watch(PriceFile(path).ticks()):
            pass
    except PriceFileError as error:
        stop(str(error))
    except OSError as error:
        _stop_at(path, error)
    return tape


@dataclass(slots=True)
class Page:
    """A page in the making beside a back-test: hears its outputs and keeps its prices."""

    out: Path
    history: History = field(default_factory=History)
    tape: Tape = field(default_factory=Tape)

    def hear(self, outputs: list[Output], position: Position) -> None:
        """Take the outputs of one input."""
        for record in of_outputs(outputs, position):
            self.history.take(record)

    def write(self, named: str) -> None:
        """Write the page of what was heard."""
        make(self.history, self.out, Sources(named=named, seen=self.tape))


def make(history: History, out: Path, sources: Sources) -> None:
    """Write the page of a history, or end with one line."""
    try:
        page = build(history, sources)
    except (CourseError, RecordError) as error:
        stop(str(error))
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        _stop_at(out, error)
    typer.echo(f"{out}: {len(page.encode()) / 1e6:.1f} MB", err=True)


def _stop_at(path: Path, error: OSError) -> NoReturn:
    stop(f"{path}: {error.strerror}")
