"""`levtao report`: the desk's page from files of the core's outputs."""

from pathlib import Path
from typing import NoReturn

import typer

from levtao.problems import stop
from levtao.progress import progress
from levtao.report.history import History
from levtao.report.records import RecordError, of_file
from producers.prices import PriceFileError


def report(events: list[Path], out: Path, prices: Path | None, market_cost_bps: float | None) -> None:
    """Read the files, write the page, say where it is."""
    history = History()
    for path in events:
        try:
            with progress(f"reading {path.name}", None) as bar:
                for record in of_file(path):
                    history.take(record)
                    bar.advance(1)
        except RecordError as error:
            stop(str(error))
        except OSError as error:
            _stop_at(path, error)
    make(history, out, ", ".join(path.name for path in events), prices, market_cost_bps)


def make(history: History, out: Path, source: str, prices: Path | None, market_cost_bps: float | None) -> None:
    """Write the page of a history, or end with one line."""
    from levtao.report.build import build  # noqa: PLC0415 - numpy and jinja2 are for those who want a page
    from levtao.report.course import CourseError  # noqa: PLC0415
    from levtao.report.page import write  # noqa: PLC0415

    try:
        page = build(history, source=source, prices=prices, cost_bps=market_cost_bps)
    except (CourseError, PriceFileError) as error:
        stop(str(error))
    except OSError as error:
        _stop_at(prices, error)
    try:
        write(out, page)
    except OSError as error:
        _stop_at(out, error)
    typer.echo(f"{out}: {len(page.encode()) / 1e6:.1f} MB", err=True)


def _stop_at(path: Path | None, error: OSError) -> NoReturn:
    stop(f"{path}: {error.strerror}")
