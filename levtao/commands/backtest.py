"""`levtao backtest`: the core over a file, summed up per token."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Table

from engine.domain.events import Output
from engine.domain.inputs import Position
from engine.domain.instants import Instant
from engine.wire.codec import encode_outputs
from levtao.backtest import Backtest, Hearer, Settings, token_name
from levtao.held import Purchase
from levtao.options import BASIS_POINT
from levtao.problems import stop
from levtao.tables import show, table
from producers.prices import PriceFile, PriceFileError

if TYPE_CHECKING:
    from levtao.commands.report import Page

PAGE_INTERVAL_S = 900
"""A page alone does not need every NAV published: between two records it follows from the basket and the price."""


def run(
    prices: Path,
    multipliers: list[Decimal],
    *,
    max_leverage: Decimal | Literal["default", "none"],
    max_age_s: int,
    slippage_bps: Decimal,
    commission_bps: Decimal,
    lot: Decimal,
    min_notional: Decimal,
    start: Instant | None,
    end: Instant | None,
    events: Path | None,
    report: Path | None,
    enter: Instant | None,
    leave: Instant | None,
    as_json: bool,
) -> None:
    """Run the back-test and print one summary a token; write the outputs and the page if asked for."""
    hearers: list[Hearer] = []
    page = None if report is None else _page(report)
    if page is not None:
        hearers.append(page.hear)
    with ExitStack() as stack:
        if events is not None:
            hearers.append(_writing(stack, events))
        file = PriceFile(prices, start, end)
        with _one_line(prices):
            settings = Settings(
                multipliers=tuple(multipliers),
                max_leverage=max_leverage,
                max_age_s=max_age_s,
                slippage=slippage_bps * BASIS_POINT,
                commission=commission_bps * BASIS_POINT,
                lot=lot,
                min_notional=min_notional,
                publication_interval_s=1 if events is not None else PAGE_INTERVAL_S if page is not None else 0,
            )
            backtest = Backtest(settings, _telling(hearers))
            purchase = Purchase.of(enter, leave, backtest)
            ticks = file.ticks() if page is None else page.tape.watch(file.ticks())
            summaries = backtest.run(ticks if purchase is None else purchase.watch(ticks))
    if file.dropped:
        sys.stderr.write(f"{prices}: {file.dropped} of {file.rows} rows are older than the row before: dropped\n")
    if purchase is not None:
        for multiplier, summary in zip(multipliers, summaries, strict=True):
            summary["held"] = purchase.held(token_name(settings.underlying, multiplier))
    if page is not None:
        page.write(f"a back-test of {prices.name}")
    _print(summaries, backtest.ticks, as_json=as_json)


@contextmanager
def _one_line(prices: Path) -> Iterator[None]:
    """End with one line on what a file of prices or the options can be wrong about."""
    try:
        yield
    except OSError as error:
        stop(f"{prices}: {error.strerror}")
    except PriceFileError as error:
        stop(str(error))
    except ValueError as error:
        stop(f"backtest: {error}")


def _print(summaries: list[dict[str, Any]], ticks: int, *, as_json: bool) -> None:
    if as_json:
        for summary in summaries:
            sys.stdout.write(json.dumps(summary) + "\n")
        return
    show(_table(summaries, ticks))
    if "held" in summaries[0]:
        show(_held_table(summaries))


def _page(out: Path) -> "Page":
    from levtao.commands.report import Page  # noqa: PLC0415 - numpy is for those who want a page

    return Page(out)


def _writing(stack: ExitStack, events: Path) -> Hearer:
    """Write what is heard to a file, one output a line, for as long as the stack is open."""
    try:
        out = stack.enter_context(events.open("wb"))
    except OSError as error:
        stop(f"{events}: {error.strerror}")

    def hear(outputs: list[Output], position: Position) -> None:
        out.writelines(encoded.value + b"\n" for encoded in encode_outputs(outputs, position))

    return hear


def _telling(hearers: list[Hearer]) -> Hearer | None:
    """All hearers as one."""
    if not hearers:
        return None

    def hear(outputs: list[Output], position: Position) -> None:
        for each in hearers:
            each(outputs, position)

    return hear


def _table(summaries: list[dict[str, Any]], ticks: int) -> Table:
    columns = {
        "L": "multiplier",
        "NAV": "nav",
        "bench": "benchmark",
        "lowest": "lowest_nav",
        "lev": "leverage",
        "resets": "daily_resets",
        "late": "late_resets",
        "intra": "intraday_resets",
        "turnover": "turnover",
        "short": "shortfall",
    }
    found = table(f"{ticks:,} ticks, NAV 100 at the first", columns)
    for summary in summaries:
        found.add_row(*(_cell(summary[name]) for name in columns.values()))
    return found


def _held_table(summaries: list[dict[str, Any]]) -> Table:
    """What a buyer got between --enter and --exit."""
    headings = ("L", "NAV in", "NAV out", "return", "underlying", "lev in", "multiple", "resets", "intra")
    found = table("bought at --enter, sold at --exit", headings)
    for summary in summaries:
        held = summary["held"]
        found.add_row(
            *(_cell(value) for value in (summary["multiplier"], held["entry_nav"], held["exit_nav"])),
            *(_percent(held[name]) for name in ("return", "underlying_return")),
            *(_cell(held[name] or "0") for name in ("entry_leverage", "effective_multiple")),
            *(_cell(held[name]) for name in ("daily_resets", "intraday_resets")),
        )
    return found


def _percent(value: str | None) -> str:
    return "-" if value is None else f"{Decimal(value) * 100:+,.2f} %"


def _cell(value: str | int) -> str:
    return f"{Decimal(value):,.2f}".removesuffix(".00") if isinstance(value, str) else str(value)
