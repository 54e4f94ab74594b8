"""A token's course as arrays, and what is measured on it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.domain.instants import SECOND, Instant
from levtao import closed_form
from levtao.closed_form import YEAR_DAYS
from levtao.report.history import Execution, History, Merge, TokenHistory
from levtao.report.series import Floats, Tape, Times, as_of, day_marks, drawdown, realised_variance, returns


class CourseError(ValueError):
    """The records do not make one course."""


class Fine(NamedTuple):
    """Value and leverage as finely as they are known: at every price the core saw, else as published."""

    times: Times
    nav: Floats
    price: Floats
    leverage: Floats


@dataclass(frozen=True, slots=True)
class Course:
    """Everything drawn and measured of one token. `at` picks a column's values at the day marks."""

    history: TokenHistory
    multiplier: float
    times: Times
    columns: dict[str, Floats]
    marks: Times
    fine: Fine

    def at(self, name: str) -> Floats:
        """A column at the day marks."""
        return as_of(self.times, self.columns[name], self.marks)

    @property
    def name(self) -> str:
        """The token."""
        return self.history.token

    @property
    def underlying(self) -> str:
        """What it is a multiple of."""
        return self.history.underlying

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Days that began with a value, as a mask over the daily returns."""
        return self.at("nav")[:-1] > 0

    def tracking_by_day(self) -> Floats:
        """NAV's return over the rule value's, less 1, per day: what trading the rules cost."""
        promised = 1 + returns(self.at("rule_value"))
        return (1 + returns(self.at("nav"))) / np.where(promised > 0, promised, np.nan) - 1

    def closed_form(self) -> Floats:
        """The multiple a continuously rebalanced token would have made, at the day marks, on the realised variance."""
        price = self.at("price")
        found: Floats = closed_form.multiple(price / price[0], self.multiplier, realised_variance(price))
        return found


class Measures(NamedTuple):
    """One token in numbers. Shares are of 1; amounts in quote currency; NAV per unit."""

    nav: float
    total_return: float
    benchmark: float
    rule_value: float
    underlying_return: float
    effective_multiple: float
    max_drawdown: float
    worst_day: float
    best_day: float
    volatility: float
    leverage: float
    tracking_difference: float
    tracking_error: float
    path_effect: float
    closed_form: float
    resets: int
    late_resets: int
    intraday: int
    turnover: float
    turnover_of_assets: float
    cost: float
    commission: float
    crossed: float
    days: float


def course_of(history: History, token: TokenHistory, seen: Tape | None) -> Course:
    """The token's published values in order of time. Raises CourseError if two runs are mixed.

    `seen` is every price the core saw, where that is known.
    """
    published = token.published
    times = np.array(published.time, dtype=np.int64)
    _, order, again = np.unique(np.array(published.sequence, dtype=np.int64), return_index=True, return_inverse=True)
    values = np.array(published.columns["nav"])
    if (times != times[order][again]).any() or not np.array_equal(values, values[order][again], equal_nan=True):
        raise CourseError(f"{token.token}: two NAVs have one number: these are outputs of different runs")
    if token.multiplier is None:
        raise CourseError(f"{token.token}: no output tells its multiplier")
    columns = {name: np.array(column)[order] for name, column in published.columns.items()}
    _in_last_units(columns, np.array(published.place, dtype=np.int64)[order], token.merges)
    known = np.isfinite(columns["nav"]) & np.isfinite(columns["price"])
    if not known.any():
        raise CourseError(f"{token.token}: no published NAV: record the outputs of the navs topic too")
    times = times[order][known]
    columns = {name: values[known] for name, values in columns.items()}
    marks = day_marks(int(times[0]), int(times[-1]), history.fixes.get(token.underlying, set()))
    return Course(token, token.multiplier, times, columns, marks, _fine(times, columns, seen))


def _in_last_units(columns: dict[str, Floats], places: Times, merges: list[Merge]) -> None:
    """Put what was published per unit before a merge per unit of after it, or a merge would look like a gain."""
    for merge in merges:
        ratio = np.where(places < merge.place, float(merge.ratio), 1.0)
        for name in ("nav", "benchmark", "rule_value"):
            columns[name] *= ratio
        columns["units"] /= ratio


def _fine(times: Times, columns: dict[str, Floats], seen: Tape | None) -> Fine:
    """Between two records a token holds what it held, so its value and leverage follow from the price.

    Every trade publishes a record at once; so the basket of the last record holds until the next one.
    """
    nav, price, leverage = columns["nav"], columns["price"], columns["leverage"]
    if seen is None:
        return Fine(times, nav, price, leverage)
    ticks, prices = seen.arrays()
    inside = (ticks >= times[0]) & (ticks <= times[-1])
    ticks, prices = ticks[inside], prices[inside]
    last = np.searchsorted(times, ticks, side="right") - 1
    moved = prices - price[last]
    basket, units = columns["basket"][last], columns["units"][last]
    held = np.where((nav[last] > 0) & (units > 0), basket, 0)
    between = np.maximum(nav[last] + held * moved / np.where(units > 0, units, 1), 0)
    exposure = basket * price[last]
    assets = exposure / np.where(leverage[last] != 0, leverage[last], np.nan) + basket * moved
    levered = np.where(assets > 0, basket * prices / np.where(assets > 0, assets, 1), np.nan)
    order = np.argsort(np.concatenate([times, ticks]), kind="stable")
    pairs = ((times, ticks), (nav, between), (price, prices), (leverage, levered))
    return Fine(*(np.concatenate(pair)[order] for pair in pairs))


def measure(course: Course) -> Measures:
    """The token in numbers, over its whole course."""
    nav, price = course.columns["nav"], course.columns["price"]
    rule, benchmark = course.columns["rule_value"][-1], course.columns["benchmark"][-1]
    daily, alive = returns(course.at("nav")), course.alive
    total, moved = nav[-1] / nav[0] - 1, price[-1] / price[0] - 1
    kinds = [execution.kind for execution in course.history.executions]
    turnover = sum(float(trade.notional) for each in running(course) for trade in each.fills)
    assets = float(np.nanmean(nav * course.columns["units"]))
    days = (course.times[-1] - course.times[0]) / (86_400 * SECOND)
    differences = course.tracking_by_day()
    differences = differences[np.isfinite(differences)]
    closed = float(course.closed_form()[-1])
    return Measures(
        nav=float(nav[-1]),
        total_return=float(total),
        benchmark=float(benchmark),
        rule_value=float(rule),
        underlying_return=float(moved),
        effective_multiple=float(total / moved) if moved else np.nan,
        max_drawdown=float(np.nanmin(drawdown(course.fine.nav))),
        worst_day=float(np.nanmin(daily)) if alive.any() else np.nan,
        best_day=float(np.nanmax(daily)) if alive.any() else np.nan,
        volatility=yearly(daily[alive]) if days >= 2 else np.nan,
        leverage=float(course.columns["leverage"][-1]),
        tracking_difference=float(nav[-1] / rule - 1) if rule > 0 else np.nan,
        tracking_error=float(np.std(differences, ddof=1)) if len(differences) > 1 else np.nan,
        path_effect=float(nav[-1] / benchmark - 1) if benchmark > 0 else np.nan,
        closed_form=float(nav[0] * closed),
        resets=kinds.count("reset") + kinds.count("late reset"),
        late_resets=kinds.count("late reset"),
        intraday=kinds.count("intraday") + kinds.count("emergency"),
        turnover=turnover,
        turnover_of_assets=turnover / assets if assets > 0 else np.nan,
        cost=sum(cost_of(each) for each in running(course)),
        commission=sum(float(trade.commission) for each in running(course) for trade in each.fills),
        crossed=sum(float(trade.notional) for each in course.history.executions for trade in each.crosses),
        days=float(days),
    )


def running(course: Course) -> list[Execution]:
    """The executions while the token lived: closing a terminated basket is the issuer's business, not turnover."""
    return [execution for execution in course.history.executions if execution.kind != "end"]


def cost_of(execution: Execution) -> float:
    """What trading cost against each order's decision price, commission included, in quote currency."""
    decided = {sent.order_id: sent.decision_price for sent in execution.sent}
    return float(
        sum(-fill.cash - fill.quantity * decided.get(str(fill.order_id), execution.price) for fill in execution.fills)
    )


def yearly(daily: Floats) -> float:
    """Yearly volatility of daily simple returns."""
    daily = daily[np.isfinite(daily)]
    return float(np.std(daily, ddof=1) * YEAR_DAYS**0.5) if len(daily) > 1 else float("nan")


class Month(NamedTuple):
    """A month's returns, or what of the month there is."""

    month: str
    token: float
    benchmark: float
    underlying: float


def months(course: Course) -> list[Month]:
    """Returns by calendar month in UTC."""
    first, last = (_utc(int(course.times[place])) for place in (0, -1))
    edges = [int(course.times[0])]
    year, month = first.year, first.month
    names = [f"{year}-{month:02d}"]
    while (year, month) < (last.year, last.month):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        edges.append(int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * SECOND)
        names.append(f"{year}-{month:02d}")
    at = np.array([*edges, int(course.times[-1])], dtype=np.int64)
    found = [returns(as_of(course.times, course.columns[name], at)) for name in ("nav", "benchmark", "price")]
    return [Month(name, *(float(each[place]) for each in found)) for place, name in enumerate(names)]


def _utc(at: Instant) -> datetime:
    return datetime.fromtimestamp(at / SECOND, tz=UTC)
