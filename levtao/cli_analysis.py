"""Options of the commands that look at what was, or might have been: report and simulate."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from levtao.options import BASIS_POINT, MULTIPLIER, ZERO, Commission, MaxLeverage, Slippage

HOLDING_DAYS = [1, 7, 30, 90, 180, 365]


def report(
    events: Annotated[
        list[Path], typer.Argument(help="Outputs of the core, one JSON object a line, plain or gzipped.")
    ],
    out: Annotated[Path, typer.Option(help="The page to write.")],
    prices: Annotated[
        Path | None, typer.Option(help="CSV of the underlying's prices, for ranges finer than the published ones.")
    ] = None,
    market_cost_bps: Annotated[
        float | None, typer.Option(help="What a trade in the market costs; as measured on the fills without.", min=0)
    ] = None,
) -> None:
    """Write one page of charts and tables from outputs of the core, to be opened anywhere without a network."""
    from levtao.commands import report as command

    command.report(events, out, prices, market_cost_bps)


def simulate(
    multiplier: Annotated[list[Decimal], MULTIPLIER],
    volatility: Annotated[float | None, typer.Option(help="Yearly, as a share: 0.8 for 80 %.")] = None,
    prices: Annotated[Path | None, typer.Option(help="CSV to measure the volatility from instead.")] = None,
    drift: Annotated[float, typer.Option(help="Log of the underlying's expected yearly growth.")] = 0.0,
    tails: Annotated[
        float | None, typer.Option(help="Student's t of so many degrees of freedom; normal without.")
    ] = None,
    jumps_a_year: Annotated[float, typer.Option(help="So many jumps a year on average.", min=0)] = 0.0,
    jump_mean: Annotated[float, typer.Option(help="Mean log size of a jump.")] = -0.1,
    jump_deviation: Annotated[float, typer.Option(help="Deviation of a jump's log size.", min=0)] = 0.1,
    days: Annotated[
        list[int], typer.Option("--days", help="Holding time; may be repeated.", min=1, max=3_650)
    ] = HOLDING_DAYS,
    paths: Annotated[int, typer.Option(help="Made-up courses of the underlying.", min=2, max=1_000_000)] = 10_000,
    steps_a_day: Annotated[int, typer.Option(help="Prices a day.", min=1, max=1_440)] = 24,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.", min=0)] = 0,
    max_leverage: MaxLeverage = "default",
    slippage_bps: Slippage = ZERO,
    commission_bps: Commission = ZERO,
    check_core: Annotated[int, typer.Option(help="Run so many of the paths through the exact core.", min=0)] = 0,
    out: Annotated[Path | None, typer.Option(help="Write a page of charts and tables here.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a multiplier and holding time.")] = False,
) -> None:
    """Simulate what holders get after a day, a week, up to a year: percentiles, odds, and the closed form beside."""
    from levtao.backtest import Settings
    from levtao.commands import simulate as command

    market = command.Market(volatility, prices, drift, tails, jumps_a_year, jump_mean, jump_deviation)
    settings = Settings(
        multipliers=tuple(multiplier),
        max_leverage=max_leverage,
        slippage=slippage_bps * BASIS_POINT,
        commission=commission_bps * BASIS_POINT,
    )
    extent = command.Extent(tuple(days), paths, steps_a_day, seed, check_core)
    command.simulate(market, settings, extent, out, as_json=json)
