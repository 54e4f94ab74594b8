"""The tokens over the made-up paths: the rules of the core, in floats, for all paths at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from levtao.closed_form import YEAR_DAYS
from levtao.report.series import Floats
from levtao.simulation.model import Model, ModelError

REACHED = 1 - 1e-12
"""A limit counts as reached from here, as in the core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to simulate. Costs are shares of 1."""

    multipliers: tuple[float, ...]
    days: tuple[int, ...]
    """Holding times at which the tokens are looked at."""
    paths: int = 10_000
    steps_a_day: int = 24
    """Prices a day: how soon a leverage limit is noticed."""
    seed: int = 0
    max_leverage: float | Literal["default", "none"] = "default"
    slippage: float = 0.0
    commission: float = 0.0
    kept: int = 0
    """So many price paths are kept whole, for the core."""

    def __post_init__(self) -> None:
        """Refuse plans that show nothing."""
        if not self.days or min(self.days) < 1:
            raise ModelError("a holding time is at least one day")
        if len(set(self.multipliers)) < len(self.multipliers):
            raise ModelError("a multiplier is given twice")
        if not 0 <= self.kept <= self.paths:
            raise ModelError("the core can check no more paths than there are")

    def limit(self, multiplier: float) -> float | None:
        """The leverage at which a token de-levers between resets; None for never."""
        if self.max_leverage == "none":
            return None
        return abs(multiplier) * 4 / 3 if self.max_leverage == "default" else self.max_leverage


@dataclass(slots=True)
class Walk:
    """What became of 1 in every path: `values[multiplier][days]` and `prices[days]`; the kept price paths by step."""

    plan: Plan
    values: dict[float, dict[int, Floats]] = field(default_factory=dict)
    prices: dict[int, Floats] = field(default_factory=dict)
    kept: list[Floats] = field(default_factory=list)


class _Tokens:
    """One multiplier in all paths: NAV and exposure, both from a NAV of 1 at the start."""

    def __init__(self, multiplier: float, plan: Plan) -> None:
        self.multiplier = multiplier
        self.limit = plan.limit(multiplier)
        self.nav = np.ones(plan.paths)
        self.exposure = np.full(plan.paths, multiplier)
        self.slippage, self.commission = plan.slippage, plan.commission

    def move(self, growth: Floats) -> None:
        """The price moves: gains and losses, ends at zero, and de-levering where the limit is reached."""
        self.nav += self.exposure * (growth - 1)
        self.exposure *= growth
        spent = self.nav <= 0
        if spent.any():
            self.nav[spent] = 0
            self.exposure[spent] = 0
        if self.limit is not None:
            over = np.flatnonzero((np.abs(self.exposure) >= self.limit * self.nav * REACHED) & ~spent)
            if len(over):
                self.rebalance(over)

    def rebalance(self, where: NDArray[np.intp] | slice) -> None:
        """Back to the multiplier, at the price, paying for the trade. The order is sized before its cost."""
        goal = self.multiplier * self.nav[where]
        order = goal - self.exposure[where]
        self.exposure[where] = goal
        if self.slippage or self.commission:
            paid = 1 + np.sign(order) * self.slippage
            self.nav[where] -= np.abs(order) * (self.slippage + self.commission * paid)


def walk(model: Model, plan: Plan, on_day: Callable[[int], None]) -> Walk:
    """Simulate day by day; `on_day` hears after each. The same seed gives the same paths, whatever the multipliers."""
    random = np.random.default_rng(plan.seed)
    years = 1 / (YEAR_DAYS * plan.steps_a_day)
    found = Walk(plan, {multiplier: {} for multiplier in plan.multipliers})
    tokens = [_Tokens(multiplier, plan) for multiplier in plan.multipliers]
    price = np.ones(plan.paths)
    for day in range(1, max(plan.days) + 1):
        for _ in range(plan.steps_a_day):
            growth = model.growth(random, plan.paths, years)
            price *= growth
            for each in tokens:
                each.move(growth)
            if plan.kept:
                found.kept.append(price[: plan.kept].copy())
        for each in tokens:
            each.rebalance(slice(None))
        if day in plan.days:
            found.prices[day] = price.copy()
            for each in tokens:
                found.values[each.multiplier][day] = np.maximum(each.nav, 0)
        on_day(1)
    return found
