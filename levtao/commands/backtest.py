"""`levtao backtest`: the core over a file, summed up per token."""

import json
import sys
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from engine.domain.events import Output
from engine.domain.inputs import Position
from engine.domain.instants import Instant
from engine.wire.codec import encode_outputs
from levtao.backtest import Backtest, Settings
from levtao.problems import stop
from producers.prices import PriceFile, PriceFileError

BASIS_POINT = Decimal("0.0001")


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
    as_json: bool,
) -> None:
    """Run the back-test and print one summary a token."""
    with ExitStack() as stack:
        on_outputs = None
        if events is not None:
            try:
                out = stack.enter_context(events.open("wb"))
            except OSError as error:
                stop(f"{events}: {error.strerror}")

            def on_outputs(outputs: list[Output], position: Position) -> None:
                out.writelines(encoded.value + b"\n" for encoded in encode_outputs(outputs, position))

        file = PriceFile(prices, start, end)
        try:
            settings = Settings(
                multipliers=tuple(multipliers),
                max_leverage=max_leverage,
                max_age_s=max_age_s,
                slippage=slippage_bps * BASIS_POINT,
                commission=commission_bps * BASIS_POINT,
                lot=lot,
                min_notional=min_notional,
                publication_interval_s=1 if events is not None else 0,
            )
            backtest = Backtest(settings, on_outputs)
            summaries = backtest.run(file.ticks())
        except OSError as error:
            stop(f"{prices}: {error.strerror}")
        except PriceFileError as error:
            stop(str(error))
        except ValueError as error:
            stop(f"backtest: {error}")
    if file.dropped:
        sys.stderr.write(f"{prices}: {file.dropped} of {file.rows} rows are older than the row before: dropped\n")
    if as_json:
        for summary in summaries:
            sys.stdout.write(json.dumps(summary) + "\n")
    else:
        Console().print(_table(summaries, backtest.ticks))


def _table(summaries: list[dict[str, Any]], ticks: int) -> Table:
    table = Table(title=f"{ticks:,} ticks, NAV 100 at the first", title_justify="left")
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
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for summary in summaries:
        table.add_row(*(_cell(summary[name]) for name in columns.values()))
    return table


def _cell(value: str | int) -> str:
    return f"{Decimal(value):,.2f}".removesuffix(".00") if isinstance(value, str) else str(value)
