"""From a history to the report's page: which sections there are and what stands in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.domain.numbers import ZERO, exact
from levtao.report import figures
from levtao.report.charts import stamps
from levtao.report.course import Course, CourseError, cost_of, course_of, measure, months
from levtao.report.history import Execution, History
from levtao.report.page import render
from levtao.report.quality import Market, Quality, average_path, measured_cost_bps, quality_of, verdict
from levtao.report.records import amount
from levtao.report.series import Floats, Tape, Times

SHOWN_ORDERS = 200
SHOWN_INCIDENTS = 100
SHOWN_EXECUTIONS = 200
WORST = 8
MARKED = ("leverage", "execution")
"""Charts whose marks would widen the time axis beyond the other charts'."""
ATTRIBUTED = (*figures.PARTS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the page is made of beside the outputs."""

    named: str
    """Where the outputs are from, for the reader."""
    seen: Tape | None = None
    """Every price the core saw, in the order it saw them, where that is known: a back-test's."""
    prices: Tape | None = None
    """Prices of the underlying finer than the published ones, for ranges and paths."""
    cost_bps: float | None = None
    """What a trade in the market is assumed to cost; what this run's fills cost without."""


def build(history: History, sources: Sources) -> str:
    """The page of all tokens in the history. Raises CourseError."""
    history.settle()
    live = [token for token in history.tokens.values() if token.published.time]
    if not live:
        raise CourseError("no token has a published NAV in these outputs")
    with exact():
        courses = [course_of(history, token, sources.seen) for token in live]
        courses.sort(key=lambda course: (course.underlying, course.multiplier < 0, abs(course.multiplier)))
        drawn: dict[str, Any] = {}
        groups = []
        for underlying in dict.fromkeys(course.underlying for course in courses):
            members = [course for course in courses if course.underlying == underlying]
            groups.append(_group(underlying, members, drawn, sources))
    times = [int(course.times[place]) for course in courses for place in (0, -1)]
    context = {
        "title": f"{', '.join(group['underlying'] for group in groups)} leveraged tokens",
        "source": sources.named,
        "seen": sources.seen is not None,
        "start": min(times),
        "end": max(times),
        "records": history.records,
        "rules": ", ".join(sorted(rule for rule in history.rules if rule)),
        "groups": groups,
        "incidents": history.incidents[-SHOWN_INCIDENTS:],
        "incident_count": len(history.incidents),
    }
    return render("report.html.j2", context, drawn)


def _group(underlying: str, courses: list[Course], drawn: dict[str, Any], sources: Sources) -> dict[str, Any]:
    measured, given = measured_cost_bps(courses), sources.cost_bps
    assumed = given if given is not None else measured or 0.0
    tape = sources.prices or sources.seen
    times, values = _published_prices(courses) if tape is None else tape.arrays()
    market = Market(times, values, assumed)
    drawn[f"compare-{underlying}"] = figures.compared(courses)
    return {
        "underlying": underlying,
        "compare": f"compare-{underlying}",
        "tokens": [_token(course, market, drawn) for course in courses],
        "cost_bps": assumed,
        "cost_origin": "given" if given is not None else "measured" if measured is not None else "none",
        "prices_origin": "the published prices" if tape is None else "the file of prices",
    }


def _token(course: Course, market: Market, drawn: dict[str, Any]) -> dict[str, Any]:
    found = quality_of(course, market)
    average = average_path(found)
    charts = {
        "value": figures.value(course),
        "leverage": figures.lever(course),
        "drawdown": figures.fall(course),
        "decay": figures.decay(course),
        "tracking": figures.tracking(course),
        "attribution": figures.attribution(course),
        "trading": figures.trading(course),
        "execution": figures.execution(found) if found else None,
        "path": None if average is None else figures.path(average),
    }
    first, last = stamps((course.times[0], course.times[-1]))
    edge = max((last - first) // 100, 1)
    names = {}
    for name, chart in charts.items():
        names[name] = f"{course.name}-{name}" if chart is not None else None
        if chart is not None:
            drawn[f"{course.name}-{name}"] = chart
            if name in MARKED:
                chart["layout"]["xaxis"]["range"] = [first - edge, last + edge]
    traded = [each for each in course.history.executions if each.fills]
    return {
        "name": course.name,
        "multiplier": course.multiplier,
        "status": course.history.status,
        "merges": course.history.merges,
        "measures": measure(course),
        "volatility": figures.volatility(course),
        "months": months(course),
        "charts": names,
        "attributed": _attributed(course),
        "flows": course.history.flows,
        "paid": course.history.paid,
        "orders": [_order(each) for each in traded[-SHOWN_ORDERS:]],
        "order_count": len(traded),
        "quality": _quality(found),
        "verdict": verdict(average),
    }


def _attributed(course: Course) -> dict[str, Any] | None:
    """The sum of every part over all days, and whether each day sums exactly; None without `day_attributed`."""
    rows = [day.fields for day in course.history.days]
    if not rows:
        return None
    units = [course.history.in_last_units(day) for day in course.history.days]
    sums = {
        part: sum((amount(row.get(part) or ZERO) * unit for row, unit in zip(rows, units, strict=True)), ZERO)
        for part in ATTRIBUTED
    }
    inexact = [
        row
        for row in rows
        if sum((amount(row.get(part) or ZERO) for part in ATTRIBUTED), ZERO)
        != amount(row["nav"]) - amount(row["nav_before"])
    ]
    changes = ((amount(row["nav"]) - amount(row["nav_before"])) * unit for row, unit in zip(rows, units, strict=True))
    change = sum(changes, ZERO)
    parts = [(figures.PARTS[part][0], value) for part, value in sums.items() if value]
    return {"parts": parts, "change": change, "days": len(rows), "inexact": len(inexact)}


def _order(each: Execution) -> dict[str, Any]:
    """One decision's trading as a row of the table."""
    quantity = sum((fill.quantity for fill in each.fills), ZERO)
    size = sum((abs(fill.quantity) for fill in each.fills), ZERO)
    notional = sum((fill.notional for fill in each.fills), ZERO)
    return {
        "time": each.time,
        "kind": each.kind,
        "orders": len({fill.order_id for fill in each.fills}),
        "quantity": float(quantity),
        "notional": float(notional),
        "decided": float(each.price),
        "achieved": float(notional / size) if size else None,
        "commission": float(sum((fill.commission for fill in each.fills), ZERO)),
        "cost": cost_of(each),
        "crossed": float(sum((cross.notional for cross in each.crosses), ZERO)),
    }


def _quality(found: list[Quality]) -> dict[str, Any]:
    """The sums and averages of the executions, weighted by notional where a price is averaged."""
    weights = np.array([abs(each.quantity) * each.decided for each in found])
    whole = float(weights.sum())
    return {
        "rows": found[-SHOWN_EXECUTIONS:],
        "count": len(found),
        "worst": sorted(found, key=lambda each: -(each.slippage_bps + each.commission_bps))[:WORST],
        "slippage_bps": _weighted([each.slippage_bps for each in found], weights),
        "commission_bps": _weighted([each.commission_bps for each in found], weights),
        "place": _weighted([each.place for each in found], weights),
        "crossed": sum(each.crossed for each in found),
        "saved": sum(each.saved for each in found),
        "sliced": sum(each.sliced for each in found),
        "many": sum(each.orders > 1 for each in found),
        "notional": whole,
    }


def _weighted(values: list[float], weights: Floats) -> float | None:
    found = np.array(values)
    known = np.isfinite(found) & (weights > 0)
    return float(np.average(found[known], weights=weights[known])) if known.any() else None


def _published_prices(courses: Iterable[Course]) -> tuple[Times, Floats]:
    """All prices published for the underlying, in order of time, each instant once."""
    times = np.concatenate([course.times for course in courses])
    values = np.concatenate([course.columns["price"] for course in courses])
    unique, first = np.unique(times, return_index=True)
    return unique, values[first]
