"""`levtao simulate`: what holders of a leveraged token might get."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import typer

from levtao.backtest import Settings
from levtao.problems import EXIT_DIFFERS, stop
from levtao.progress import progress
from levtao.simulation.check import Check, check
from levtao.simulation.model import Model, ModelError, measured_volatility
from levtao.simulation.outcome import Outcome, outcomes
from levtao.simulation.page import build, looks
from levtao.simulation.walk import Plan, walk
from levtao.tables import show, table
from producers.prices import PriceFileError


class Market(NamedTuple):
    """How the underlying moves, as options: `volatility` or a file to measure it from."""

    volatility: float | None
    prices: Path | None
    drift: float
    tails: float | None
    jumps_a_year: float
    jump_mean: float
    jump_deviation: float


class Extent(NamedTuple):
    """How much is simulated: holding times, paths, prices a day, and paths for the exact core."""

    days: tuple[int, ...]
    paths: int
    steps_a_day: int
    seed: int
    check_core: int


def simulate(market: Market, settings: Settings, extent: Extent, out: Path | None, *, as_json: bool) -> None:
    """Simulate, check if asked to, and show; exit code 1 if the core says otherwise."""
    try:
        model, origin = _model(market)
        settings.commands()
        plan = _plan(settings, extent)
    except OSError as error:
        stop(f"{market.prices}: {error.strerror}")
    except PriceFileError as error:
        stop(str(error))
    except ValueError as error:
        stop(f"simulate: {error}")
    asked = plan if out is None else replace(plan, days=looks(plan.days))
    with progress("simulating", max(plan.days)) as bar:
        found = walk(model, asked, bar.advance)
    fine = outcomes(model, found)
    rows = [each for each in fine if each.days in plan.days]
    checked = check(found, settings) if plan.kept else None
    if out is not None:
        _write(out, build(model, asked, found, fine, plan.days, checked, origin))
    if as_json:
        _print_json(rows, checked)
    else:
        _print(rows, f"{plan.paths:,} paths, volatility {model.volatility:.1%} {origin}", checked)
    if checked is not None and not checked.agrees:
        stop(f"simulate: the core's NAV differs by {checked.largest:.1e}", EXIT_DIFFERS)


def _model(market: Market) -> tuple[Model, str]:
    """The model, and where its volatility is from."""
    if (market.prices is None) == (market.volatility is None):
        raise ModelError("give either --volatility or --prices to measure it from")
    measured = None if market.prices is None else measured_volatility(market.prices)
    origin = "as given" if market.prices is None else f"measured from {market.prices.name}"
    model = Model(
        volatility=market.volatility or measured or 0.0,
        drift=market.drift,
        tails=market.tails,
        jumps_a_year=market.jumps_a_year,
        jump_mean=market.jump_mean,
        jump_deviation=market.jump_deviation,
    )
    return model, origin


def _plan(settings: Settings, extent: Extent) -> Plan:
    limit = settings.max_leverage
    return Plan(
        multipliers=tuple(float(multiplier) for multiplier in settings.multipliers),
        days=tuple(sorted(set(extent.days))),
        paths=extent.paths,
        steps_a_day=extent.steps_a_day,
        seed=extent.seed,
        max_leverage=limit if isinstance(limit, str) else float(limit),
        slippage=float(settings.slippage),
        commission=float(settings.commission),
        kept=extent.check_core,
    )


def _write(out: Path, page: str) -> None:
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        stop(f"{out}: {error.strerror}")
    sys.stderr.write(f"{out}: {len(page.encode()) / 1e6:.1f} MB\n")


def _print_json(rows: list[Outcome], checked: Check | None) -> None:
    for row in rows:
        sys.stdout.write(json.dumps(row.as_json()) + "\n")
    if checked is not None:
        said = {"paths": checked.paths, "largest_difference": checked.largest, "agrees": checked.agrees}
        sys.stdout.write(json.dumps({"core_check": said}) + "\n")


def _print(rows: list[Outcome], title: str, checked: Check | None) -> None:
    found = table(title, ("L", "days", "5 %", "median", "95 %", "mean", "closed", "loses", "< und.", "ends"))
    for row in rows:
        shown = [*(row.percentiles[each] for each in (5, 50, 95)), row.mean, row.closed_percentiles[50]]
        odds = (row.loss, row.below_underlying, row.terminated)
        found.add_row(
            f"{row.multiplier:g}",
            str(row.days),
            *(f"{value:+.1%}" for value in shown),
            *(f"{value:.1%}" for value in odds),
            end_section=row.days == max(each.days for each in rows),
        )
    show(found)
    typer.echo("closed: median of the closed form; < und.: less than the underlying; ends: terminated")
    if checked is not None:
        word = "agrees" if checked.agrees else "DIFFERS"
        typer.echo(
            f"the exact core {word} on {checked.paths} paths of {checked.tokens} tokens: "
            f"largest relative difference of NAV {checked.largest:.1e}"
        )
