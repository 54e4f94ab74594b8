"""The charts of one token: value, leverage, draw-down, decay, tracking, attribution, trading, execution."""

from collections.abc import Iterable, Sequence

import numpy as np

from levtao.report.charts import Figure, Trace, above_zero, bars, cut, figure, line, points, stamps, wants_log
from levtao.report.course import Course, cost_of
from levtao.report.history import Execution
from levtao.report.quality import BASIS_POINTS, PATH_MINUTES, Path, Quality
from levtao.report.records import instant, number
from levtao.report.series import drawdown, realised_variance

DAY_MS = 86_400_000
BAR = 0.85
"""How much of its day a bar fills."""
MARKS = {
    "reset": ("reset", "$reset", "circle", 5),
    "late reset": ("late reset", "$late", "diamond", 9),
    "intraday": ("intraday", "$intraday", "triangle-down", 9),
    "emergency": ("emergency", "$bad", "x", 10),
    "creation": ("creation", "$good", "triangle-up", 8),
    "redemption": ("redemption", "$flow", "square", 7),
    "end": ("termination", "$bad", "star", 11),
}
PARTS = {
    "move": ("move", "$nav"),
    "drift": ("drift", "$under"),
    "reset_timing": ("reset timing", "$reset"),
    "intraday_timing": ("intraday timing", "$intraday"),
    "reset_cost": ("reset cost", "$late"),
    "intraday_cost": ("intraday cost", "$bad"),
    "funding": ("funding", "$flow"),
    "interest": ("interest", "$bench"),
    "fee": ("fee", "$simple"),
}
"""The parts of a day's change of NAV per unit, as `day_attributed` names them."""


def value(course: Course) -> Figure:
    """NAV beside what was promised and what a buyer may have thought: all start at the token's first NAV."""
    fine, benchmark = course.fine, course.columns["benchmark"]
    start, moved = fine.nav[0], fine.price / fine.price[0]
    simple = np.maximum(start * (1 + course.multiplier * (moved - 1)), 0)
    log = wants_log(fine.nav, benchmark, start * moved)
    shown, nav, benchmark = (above_zero(each) if log else each for each in (simple, fine.nav, benchmark))
    lever = f"{course.multiplier:g}"
    traces = [
        line(course.underlying, fine.times, start * moved, "$under", width=1.2),
        line(f"{lever} x return since start", fine.times, shown, "$simple", dash="dot", width=1.4),
        line("benchmark, daily " + lever + "x", course.times, benchmark, "$bench", dash="dash", width=1.8),
        line("NAV", fine.times, nav, "$nav", width=2.2),
    ]
    return figure(traces, "per unit", log=log)


def lever(course: Course) -> Figure:
    """Leverage, its bands, and every rebalance where it found the token."""
    leverage = np.abs(course.fine.leverage)
    traces = [line("leverage", course.fine.times, leverage, "$nav", width=1.4)]
    first, last = int(course.times[0]), int(course.times[-1])
    found = [each.leverage for each in course.history.executions if each.leverage is not None]
    top = max([*leverage[np.isfinite(leverage)].tolist(), *found], default=abs(course.multiplier))
    for field, name, colour in (
        ("emergency", "emergency", "$bad"),
        ("max_leverage", "max", "$late"),
        ("min_leverage", "min", "$good"),
    ):
        levels = [(max(band.time, first), getattr(band, field)) for band in course.history.bands]
        if any(level is not None for _, level in levels):
            x = [*(time for time, _ in levels), last]
            y = [*(level for _, level in levels), levels[-1][1]]
            traces.append(_step(name, x, [np.nan if level is None else level for level in y], colour))
    traces.append(_step("target", [first, last], [abs(course.multiplier)] * 2, "$under", dash="dot"))
    traces += _marks(course)
    limits = [level or 0 for band in course.history.bands for level in (band.max_leverage, band.emergency)]
    highest = max([abs(course.multiplier) * 1.5, *limits, min(top, 12)])
    return figure(traces, "leverage", y_range=[0, highest * 1.08])


def _step(name: str, x: list[int], y: Sequence[float], colour: str, dash: str = "dash") -> Trace:
    shape = {"color": colour, "width": 1.2, "dash": dash, "shape": "hv"}
    return {"type": "scatter", "mode": "lines", "name": name, "x": stamps(x), "y": cut(y), "line": shape}


def _marks(course: Course) -> list[Trace]:
    """Each decision at the leverage it found; a flow's at target."""
    traces = []
    for kind, (name, colour, symbol, size) in MARKS.items():
        rows = [each for each in course.history.executions if each.kind == kind]
        if rows:
            found = [abs(course.multiplier) if each.leverage is None else each.leverage for each in rows]
            x = stamps(each.time for each in rows)
            traces.append(points(name, x, found, colour, symbol=symbol, size=size))
    return traces


def fall(course: Course) -> Figure:
    """How far below their highest so far the token and its underlying are."""
    traces = [
        line(course.underlying, course.fine.times, drawdown(course.fine.price), "$under", width=1.2),
        line("NAV", course.fine.times, drawdown(course.fine.nav), "$nav", fill="tozeroy", fillcolor="$navfill"),
    ]
    return figure(traces, "below peak", ".3~p")


def decay(course: Course) -> Figure:
    """The token against the closed form on the volatility that was, day by day."""
    price, nav = course.at("price"), course.at("nav")
    growth = nav[0] * (price / price[0]) ** course.multiplier
    closed = nav[0] * course.closed_form()
    log = wants_log(growth, closed, nav)
    if log:
        growth, closed, nav = (above_zero(each) for each in (growth, closed, nav))
    traces = [
        line("without volatility", course.marks, growth, "$under", dash="dot", width=1.2),
        line("closed form, realised volatility", course.marks, closed, "$bench", dash="dash"),
        line("NAV", course.marks, nav, "$nav", width=2.0),
    ]
    return figure(traces, "per unit", log=log)


def volatility(course: Course) -> float:
    """The yearly volatility the closed form was given, as a share; not a number for less than two days."""
    years = (course.marks[-1] - course.marks[0]) / (365 * DAY_MS * 1_000)
    return float(np.sqrt(realised_variance(course.at("price"))[-1] / years)) if years >= 2 / 365 else float("nan")


def tracking(course: Course) -> Figure:
    """NAV against the rule value: since launch as a line, by day as bars; both in basis points."""
    rule, nav = course.at("rule_value"), course.at("nav")
    since = np.where(rule > 0, nav / np.where(rule > 0, rule, 1), np.nan) - 1
    at, wide = _between(course.marks[:-1], course.marks[1:])
    traces = [
        bars("by day", at, course.tracking_by_day() * BASIS_POINTS, "$reset", width=wide),
        line("since launch (right)", course.marks, since * BASIS_POINTS, "$nav", yaxis="y2", width=2.0),
    ]
    return figure(traces, "bp a day", yaxis2={"overlaying": "y", "side": "right", "title": {"text": "bp"}})


def attribution(course: Course) -> Figure | None:
    """What each day's change of NAV was made of, and its sum; None without `day_attributed`."""
    days = course.history.days
    if not days:
        return None
    rows = [(day.fields, float(course.history.in_last_units(day))) for day in days]
    at, wide = _between([instant(day.fields["since"]) for day in days], [day.time for day in days])
    traces = []
    for part, (name, colour) in PARTS.items():
        values = [number(row.get(part, 0)) * unit for row, unit in rows]
        if any(values):
            traces.append(bars(name, at, values, colour, width=wide))
    total = [(number(row["nav"]) - number(row["nav_before"])) * unit for row, unit in rows]
    traces.append(points("change of NAV", at, total, "$ink", size=5, symbol="diamond"))
    return figure(traces, "per unit and day", barmode="relative")


def trading(course: Course) -> Figure | None:
    """Notional traded by day and kind, and what it has cost so far; None without trades."""
    found = [each for each in course.history.executions if each.fills]
    if not found:
        return None
    traces = []
    for kind, (name, colour, _, _) in MARKS.items():
        rows = [each for each in found if each.kind == kind]
        if rows:
            x = stamps(_days(rows))
            traces.append(bars(name, x, [_notional(each) for each in rows], colour, width=[BAR * DAY_MS] * len(rows)))
    costs = np.cumsum([cost_of(each) for each in found])
    so_far = line("cost so far (right)", np.array([each.time for each in found]), costs, "$ink", yaxis="y2", width=2.0)
    right = {"overlaying": "y", "side": "right", "title": {"text": "cost"}, "rangemode": "tozero"}
    return figure([*traces, so_far], "notional", barmode="stack", yaxis2=right)


def _between(starts: Iterable[int], ends: Iterable[int]) -> tuple[list[int], list[int]]:
    """Middles and widths of bars over their days: one that is short would make plotly draw all as narrow."""
    edges = list(zip(stamps(starts), stamps(ends), strict=True))
    return [(start + end) // 2 for start, end in edges], [round((end - start) * BAR) for start, end in edges]


def _days(rows: Sequence[Execution]) -> list[int]:
    """The middle of each decision's day, so that a day's decisions are one bar."""
    day = DAY_MS * 1_000
    return [each.time // day * day + day // 2 for each in rows]


def _notional(execution: Execution) -> float:
    return float(sum(fill.notional for fill in execution.fills))


def execution(found: Sequence[Quality]) -> Figure:
    """What each decision paid against its price, commission included, and where in the day's range it traded."""
    traces = []
    for kind, (name, colour, symbol, _) in MARKS.items():
        rows = [each for each in found if each.kind == kind]
        if not rows:
            continue
        x = stamps(each.time for each in rows)
        paid = [each.slippage_bps + each.commission_bps for each in rows]
        traces.append(points(name, x, paid, colour, symbol=symbol, size=6, legendgroup=kind))
        place = [each.place for each in rows]
        more = {"yaxis": "y2", "legendgroup": kind, "showlegend": False}
        traces.append(points(f"{name}: place in range", x, place, colour, symbol=symbol, size=6, **more))
    panels = {
        "yaxis": {"title": {"text": "paid, bp"}, "domain": [0.56, 1], "rangemode": "tozero"},
        "yaxis2": {
            "title": {"text": "best to worst"},
            "domain": [0, 0.44],
            "range": [-0.08, 1.08],
            "tickformat": ".0%",
        },
        "xaxis": {"type": "date", "anchor": "y2"},
    }
    return {"data": traces, "layout": panels}


def path(average: Path) -> Figure:
    """The price around daily resets in the direction of the order: up then down is being traded against."""
    minutes = list(PATH_MINUTES)
    high, low = average.mean + 2 * average.error, average.mean - 2 * average.error
    band = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "line": {"width": 0, "color": "$nav"}}
    traces = [
        band | {"name": "upper", "x": minutes, "y": cut(high), "showlegend": False},
        band | {"name": "two standard errors", "x": minutes, "y": cut(low), "fill": "tonexty", "fillcolor": "$navfill"},
        {"type": "scatter", "mode": "lines+markers", "name": "average price", "x": minutes, "y": cut(average.mean),
         "line": {"color": "$nav", "width": 2}, "marker": {"size": 5, "color": "$nav"}},
    ]  # fmt: skip
    x_axis = {"type": "linear", "title": {"text": "minutes from the decision"}, "zeroline": True}
    return {"data": traces, "layout": {"xaxis": x_axis, "yaxis": {"title": {"text": "bp, + is against us"}}}}


def compared(courses: Sequence[Course]) -> Figure:
    """All tokens of one underlying, from 100, with the underlying."""
    traces, shown = [], []
    for place, course in enumerate(courses):
        shown.append(course.fine.nav / course.fine.nav[0] * 100)
        traces.append(line(course.name, course.fine.times, shown[-1], f"${place % 6}", width=1.8))
    longest = max(courses, key=lambda course: len(course.times))
    price = longest.fine.price / longest.fine.price[0] * 100
    traces.append(line(longest.underlying, longest.fine.times, price, "$under", width=1.4, dash="dot"))
    return figure(traces, "start is 100", log=wants_log(*shown))
