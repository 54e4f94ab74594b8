"""Some of the simulated paths through the exact core: the floats are right if it says the same."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.domain.instants import DAY, SECOND, Instant
from levtao.backtest import Backtest, Settings
from levtao.report.series import Floats
from levtao.simulation.walk import Walk
from producers.prices import Tick

START: Instant = 20_000 * DAY
DAY_S = 86_400
AGREES = 1e-9
"""Largest relative difference: floats have sixteen digits, a year of steps costs some of them."""


@dataclass(frozen=True, slots=True)
class Check:
    """How far the simulation is from the core, relative to the NAV (absolute below 1e-6 of the first)."""

    paths: int
    tokens: int
    largest: float

    @property
    def agrees(self) -> bool:
        """Whether every path ended at the core's NAV."""
        return self.largest <= AGREES


def check(found: Walk, settings: Settings) -> Check:
    """Run the kept paths through `levtao.backtest` and compare the last NAVs.

    A price stays fresh for a day here, so the fix is the day's last price, as in the simulation.
    """
    plan = found.plan
    last_day = max(plan.days)
    exactly = replace(settings, max_age_s=DAY_S)
    largest = 0.0
    for path in range(plan.kept):
        summaries = Backtest(exactly).run(_ticks([step[path] for step in found.kept], plan.steps_a_day))
        for multiplier, summary in zip(plan.multipliers, summaries, strict=True):
            simulated = float(found.values[multiplier][last_day][path])
            exact = float(summary["nav"]) / 100
            largest = max(largest, abs(simulated - exact) / max(exact, 1e-6))
    return Check(plan.kept, len(plan.multipliers), largest)


def _ticks(prices: "list[Floats]", steps_a_day: int) -> Iterator[Tick]:
    """A path as ticks: a day's last price comes a second before midnight, and once more at the end."""
    step = DAY // steps_a_day
    yield Tick(START, Decimal(1))
    price = Decimal(1)
    for number, value in enumerate(prices, 1):
        price = Decimal(repr(float(value)))
        yield Tick(START + number * step - (SECOND if number % steps_a_day == 0 else 0), price)
    yield Tick(START + len(prices) * step, price)
