"""The simulation's page: the same style as the report."""

from typing import Any

import numpy as np

from levtao import closed_form
from levtao.closed_form import YEAR_DAYS
from levtao.report.charts import LOG_AXIS, Figure, Trace, cut, points, wants_log
from levtao.report.page import render
from levtao.report.series import Floats
from levtao.simulation.check import Check
from levtao.simulation.model import Model
from levtao.simulation.outcome import Outcome
from levtao.simulation.walk import Plan, Walk

GRID = 40
"""A fan is drawn at about so many holding times beside those asked for."""
DOTS = 800
CROWDED = 1_000
"""A logarithmic axis this wide has room for its powers of ten alone."""
BINS = 60


def looks(days: tuple[int, ...]) -> tuple[int, ...]:
    """The holding times a page needs: those asked for and a grid to the longest."""
    longest = max(days)
    grid = np.unique(np.linspace(1, longest, min(GRID, longest)).round().astype(int))
    return tuple(sorted({*days, *(int(day) for day in grid)}))


def build(
    model: Model,
    plan: Plan,
    found: Walk,
    fine: list[Outcome],
    days: tuple[int, ...],
    checked: Check | None,
    origin: str,
) -> str:
    """The page. `fine` has the outcomes at every look, `days` are the holding times asked for."""
    drawn: dict[str, Figure] = {"odds": _odds(fine), "spread": _spread(found, max(days))}
    tokens: list[dict[str, Any]] = []
    for multiplier in plan.multipliers:
        rows = [each for each in fine if each.multiplier == multiplier]
        name = f"{multiplier:g}"
        drawn[f"fan{name}"] = _fan(rows)
        drawn[f"law{name}"] = _law(model, found, multiplier, max(days))
        tokens.append({"name": name, "rows": [row for row in rows if row.days in days]})
    context = {
        "title": "What might be: " + ", ".join(f"{token['name']}x" for token in tokens),
        "model": model,
        "plan": plan,
        "origin": origin,
        "tokens": tokens,
        "longest": max(days),
        "checked": checked,
    }
    return render("simulate.html.j2", context, drawn)


def _fan(rows: list[Outcome]) -> Figure:
    """What 1 has become by holding time: the middle half and nine tenths, the median, and the closed form's."""
    days = [0, *(row.days for row in rows)]

    def of(percentile: int) -> list[float]:
        return [1.0, *(1 + row.percentiles[percentile] for row in rows)]

    edge = {"type": "scatter", "mode": "lines", "x": days, "line": {"width": 0, "color": "$nav"}}
    closed = [1.0, *(1 + row.closed_percentiles[50] for row in rows)]
    plain = {"type": "scatter", "mode": "lines", "x": days}
    traces: list[Trace] = [
        edge | {"name": "95 %", "y": cut(of(95)), "showlegend": False},
        edge | {"name": "5 to 95 %", "y": cut(of(5)), "fill": "tonexty", "fillcolor": "$navfill"},
        edge | {"name": "75 %", "y": cut(of(75)), "showlegend": False},
        edge | {"name": "25 to 75 %", "y": cut(of(25)), "fill": "tonexty", "fillcolor": "$navfill"},
        plain | {"name": "closed form, median", "y": cut(closed), "line": {"color": "$bench", "dash": "dash"}},
        plain | {"name": "median", "y": cut(of(50)), "line": {"color": "$nav", "width": 2.4}},
    ]
    log = wants_log(np.array(of(5)), np.array(of(95)))
    axis: dict[str, Any] = {"title": {"text": "what 1 has become"}}
    return _over_days(traces, axis | (LOG_AXIS if log else {}))


def _law(model: Model, found: Walk, multiplier: float, days: int) -> Figure:
    """Token against underlying at the longest holding time, with the closed form and the plain multiple."""
    prices, values = found.prices[days][:DOTS], found.values[multiplier][days][:DOTS]
    line = np.geomspace(max(float(prices.min()), 1e-4), float(prices.max()), 120)
    law = closed_form.multiple(line, multiplier, model.variance * days / YEAR_DAYS)
    simple = 1 + multiplier * (line - 1)
    percent = {"type": "scatter", "mode": "lines", "x": cut(line - 1)}
    top = float(np.percentile(values, 98)) * 1.15
    shown = np.where((simple > 0) & (simple < 4 * top + 1), simple - 1, np.nan)
    traces = [
        points("a path", cut(prices - 1), values - 1, "$reset", size=4, opacity=0.55),
        percent | {"name": f"{multiplier:g} x return", "y": cut(shown), "line": {"color": "$simple", "dash": "dot"}},
        percent | {"name": "closed form", "y": cut(law - 1), "line": {"color": "$bench", "width": 2.4}},
    ]
    wide = float(np.percentile(prices, 98)) * 1.1 - 1
    x_axis = {"type": "linear", "title": {"text": "underlying"}, "tickformat": ".0%", "range": [-1, max(wide, 0.1)]}
    y_axis = {"title": {"text": "token"}, "tickformat": ".0%", "range": [-1.05, max(top - 1, 0.1)]}
    return {"data": traces, "layout": {"xaxis": x_axis, "yaxis": y_axis, "hovermode": "closest"}}


def _odds(fine: list[Outcome]) -> Figure:
    """The share of paths that lose, and that lose to the underlying, by holding time."""
    traces: list[Trace] = []
    for place, multiplier in enumerate(dict.fromkeys(each.multiplier for each in fine)):
        rows = [each for each in fine if each.multiplier == multiplier]
        plain = {"type": "scatter", "mode": "lines", "x": [row.days for row in rows]}
        colour = f"${place % 6}"
        name = f"{multiplier:g}x"
        loss, below = ([getattr(row, field) for row in rows] for field in ("loss", "below_underlying"))
        traces += [
            plain | {"name": f"{name} loses", "y": cut(loss), "line": {"color": colour, "width": 2}},
            plain | {"name": f"{name} below underlying", "y": cut(below), "line": {"color": colour, "dash": "dot"}},
        ]
    return _over_days(traces, {"title": {"text": "share of paths"}, "tickformat": ".0%", "range": [0, 1.02]})


def _spread(found: Walk, days: int) -> Figure:
    """How the results are spread at the longest holding time, on a logarithmic scale of what 1 has become."""
    traces = []
    alive: list[Floats] = [values[days][values[days] > 0] for values in found.values.values()]
    together = np.concatenate([*alive, found.prices[days]])
    low, high = (float(edge) for edge in np.percentile(together, [1, 99]))
    edges = np.geomspace(low, max(high, low * 1.001), BINS + 1)
    middles = cut(np.sqrt(edges[1:] * edges[:-1]))
    series = [*zip((f"{name:g}x" for name in found.values), alive, strict=True), ("underlying", found.prices[days])]
    for place, (name, values) in enumerate(series):
        share = np.histogram(values, edges)[0] / found.plan.paths
        look = {"color": "$under", "dash": "dot"} if name == "underlying" else {"color": f"${place % 6}", "width": 2}
        traces.append({"type": "scatter", "mode": "lines", "name": name, "x": middles, "y": cut(share), "line": look})
    x_axis = LOG_AXIS | {"title": {"text": f"what 1 has become after {days} days"}}
    if high > CROWDED * low:
        x_axis["dtick"] = 1
    return {"data": traces, "layout": {"xaxis": x_axis, "yaxis": {"title": {"text": "share"}, "tickformat": ".1%"}}}


def _over_days(traces: list[Trace], y_axis: dict[str, Any]) -> Figure:
    x_axis = {"type": "linear", "title": {"text": "days held"}}
    return {"data": traces, "layout": {"xaxis": x_axis, "yaxis": y_axis}}
