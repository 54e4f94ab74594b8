"""How well the public rules were traded: each decision against its price, the day's range and what others did.

Everybody knows when a daily reset comes and which way it goes. Whoever trades ahead of it pushes the price before the
decision and lets it go after: a rising path into the decision and a falling one after it, seen in the direction of the
order, is a token being traded against.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.domain.instants import DAY, SECOND, Instant
from levtao.report.course import Course
from levtao.report.history import Execution
from levtao.report.records import instant, number
from levtao.report.series import Floats, Times, as_of, range_of

BASIS_POINTS = 10_000
HOUR = 3_600 * SECOND
LEAST = 5
"""Fewer resets say nothing about a pattern."""
PATH_MINUTES = tuple(range(-60, 61, 5))
"""Where the path of the price around a decision is looked at."""


class Quality(NamedTuple):
    """One decision's execution. `*_bps` of the decision price, positive is a cost to the token."""

    time: Instant
    kind: str
    request: str | None
    quantity: float
    decided: float
    achieved: float
    slippage_bps: float
    commission_bps: float
    low: float
    high: float
    place: float
    """Where in the day's range the token traded: 0 is the best price of the day for it, 1 the worst."""
    orders: int
    crossed: float
    """Notional that met another token's opposite want, in quote currency."""
    saved: float
    sliced: float
    """What the later slices cost against the first decision price, in quote currency; negative is a gain."""
    chance_bps: float
    """What chance alone moves the price towards the order in the hour before: an hour's share of the move since the
    token was last at target, which is what set the order's side."""
    path_bps: tuple[float, ...]
    """The price at PATH_MINUTES around the decision against its price, in the direction of the order."""


@dataclass(frozen=True, slots=True)
class Market:
    """The underlying's prices, and what a trade there is assumed to cost."""

    times: Times
    prices: Floats
    cost_bps: float
    """Half the spread or the slippage, and commission, of the notional: what a cross saves each side."""


def quality_of(course: Course, market: Market) -> list[Quality]:
    """Every decision of the token that led to a trade."""
    found = []
    since = AtTarget(int(course.times[0]), float(course.columns["price"][0]))
    for execution in course.history.executions:
        if execution.fills or execution.crosses:
            found.append(_judge(course, execution, market, since))
        if execution.request is None:
            since = AtTarget(execution.time, float(execution.price))
    return found


class AtTarget(NamedTuple):
    """When, and at which price, the token was last decided to be at target."""

    time: Instant
    price: float


def _judge(course: Course, execution: Execution, market: Market, since: AtTarget) -> Quality:
    trades = [*execution.fills, *execution.crosses]
    quantity = float(sum(trade.quantity for trade in trades))
    size = float(sum(abs(trade.quantity) for trade in trades))
    decided = float(execution.price)
    achieved = float(sum(trade.notional for trade in trades)) / size
    side = 1 if quantity >= 0 else -1
    low, high = _range(course, execution, market)
    span = high - low
    place = (achieved - low) / span if span > 0 else np.nan
    crossed = float(sum(trade.notional for trade in execution.crosses))
    commission = float(sum(trade.commission for trade in execution.fills))
    return Quality(
        time=execution.time,
        kind=execution.kind,
        request=execution.request,
        quantity=quantity,
        decided=decided,
        achieved=achieved,
        slippage_bps=side * (achieved / decided - 1) * BASIS_POINTS,
        commission_bps=commission / (size * decided) * BASIS_POINTS,
        low=low,
        high=high,
        place=place if side > 0 else 1 - place,
        orders=len({fill.order_id for fill in execution.fills}),
        crossed=crossed,
        saved=crossed * market.cost_bps / BASIS_POINTS,
        sliced=_sliced(execution),
        chance_bps=side
        * (decided / since.price - 1)
        * min(1.0, HOUR / max(execution.time - since.time, 1))
        * BASIS_POINTS,
        path_bps=_path(execution.time, decided, side, market, PATH_MINUTES),
    )


def _range(course: Course, execution: Execution, market: Market) -> tuple[float, float]:
    """The low and high of the day the decision fell into: from the day's attribution, else from the prices."""
    for day in course.history.days:
        if instant(day.fields["since"]) <= execution.time < day.time:
            return number(day.fields["day_low"]), number(day.fields["day_high"])
    marks = course.marks
    place = int(np.searchsorted(marks, execution.time, side="right"))
    start = int(marks[max(place - 1, 0)])
    end = int(marks[place]) if place < len(marks) else start + DAY
    return range_of(market.times, market.prices, start, max(end, start + 1))


def _sliced(execution: Execution) -> float:
    """Later slices against the first decision price."""
    if not execution.sent:
        return 0.0
    first = execution.sent[0]
    later = [fill for fill in execution.fills if fill.order_id != first.order_id]
    return float(sum(fill.quantity * (fill.price - first.decision_price) for fill in later))


def _path(time: Instant, decided: float, side: int, market: Market, minutes: tuple[int, ...]) -> tuple[float, ...]:
    """The price so many minutes from the decision against its price, in the direction of the order."""
    at = np.array([time + minute * 60 * SECOND for minute in minutes], dtype=np.int64)
    found = as_of(market.times, market.prices, at)
    found = np.where(at <= market.times[-1], found, np.nan)
    return tuple(float(value) for value in side * (found / decided - 1) * BASIS_POINTS)


class Path(NamedTuple):
    """The average path around daily resets, in basis points, and its standard error, at PATH_MINUTES."""

    mean: Floats
    error: Floats
    expected_bps: float
    """The run in the hour before a reset that chance alone makes."""
    resets: int


def average_path(found: Sequence[Quality]) -> Path | None:
    """Over all daily resets with prices an hour before and after; None where there are fewer than `LEAST`.

    Only resets: their time is public. A rebalance between resets follows a move by its nature. At each minute the
    outermost twentieth on either side is cut to the next value, so that one crash does not speak for all days.
    """
    resets = [each for each in found if each.kind in ("reset", "late reset")]
    rows = np.array([(*each.path_bps, each.chance_bps) for each in resets]).reshape(-1, len(PATH_MINUTES) + 1)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < LEAST:
        return None
    rows = np.clip(rows, *np.percentile(rows, [5, 95], axis=0))
    paths = rows[:, :-1]
    expected = float(rows[:, -1].mean())
    return Path(paths.mean(axis=0), paths.std(axis=0, ddof=1) / len(rows) ** 0.5, expected, len(rows))


def verdict(path: Path | None) -> str:
    """In a sentence whether the rules are traded against, as far as the paths can tell."""
    if path is None:
        return "Too few resets with an hour of prices on both sides to tell whether the rules are traded against."
    before, after = -path.mean[0], path.mean[-1]
    run = f"{before:+.1f} bp towards the order in the hour before (chance alone: {path.expected_bps:+.1f} bp)"
    back = f"{after:+.1f} bp in the hour after (\u00b1{2 * path.error[-1]:.1f})"
    ahead = before - path.expected_bps > 2 * path.error[0]
    reversed_after = after < -2 * path.error[-1]
    if ahead and reversed_after:
        return f"Traded against: the price runs {run} and moves {back}. Move, slice or randomise the execution."
    if ahead:
        return f"The price runs {run} and moves {back}: momentum, or trading ahead that is not given back."
    if reversed_after:
        return f"The price moves {back} without a run before it, {run}: the impact of our own orders."
    return f"No sign of being traded against over {path.resets} resets: {run}, {back}."


def measured_cost_bps(courses: Sequence[Course]) -> float | None:
    """What market fills cost against their decision prices, commission included, by notional; None without fills."""
    cost = notional = 0.0
    for course in courses:
        for execution in course.history.executions:
            decided = {sent.order_id: sent.decision_price for sent in execution.sent}
            for fill in execution.fills:
                at = decided.get(str(fill.order_id), execution.price)
                cost += float(-fill.cash - fill.quantity * at)
                notional += float(fill.notional)
    return cost / notional * BASIS_POINTS if notional else None
