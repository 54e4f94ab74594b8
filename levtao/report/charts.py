"""Charts as plain plotly figures: what is drawn, without colours.

Colours are names starting with `$`; the page's script puts in the values of the light or the dark theme. Numbers are
cut to seven digits: nobody sees more, and the page stays small.
"""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, TypeAlias

import numpy as np

from levtao.report.series import Floats, Times, thin

Figure: TypeAlias = dict[str, Any]
Trace: TypeAlias = dict[str, Any]

LOG_AXIS: dict[str, Any] = {"type": "log", "dtick": "D2", "tickformat": "~g"}
LOG_FROM = 12
"""A series whose highest is so many times its lowest is drawn on a logarithmic axis."""


def line(name: str, times: Times, values: Floats, colour: str, **more: Any) -> Trace:
    """A line over time, thinned."""
    times, values = thin(times, values)
    trace = {"type": "scatter", "mode": "lines", "name": name, "x": stamps(times), "y": cut(values)}
    return (
        trace | {"line": {"color": colour, "width": more.pop("width", 1.6), "dash": more.pop("dash", "solid")}} | more
    )


def points(name: str, x: Sequence[Any], values: Iterable[float], colour: str, **more: Any) -> Trace:
    """Single points."""
    marker = {"color": colour, "size": more.pop("size", 7), "symbol": more.pop("symbol", "circle")}
    return {"type": "scatter", "mode": "markers", "name": name, "x": x, "y": cut(values), "marker": marker} | more


def bars(name: str, x: Sequence[Any], values: Iterable[float], colour: str, **more: Any) -> Trace:
    """Bars, one a day or a month."""
    return {"type": "bar", "name": name, "x": x, "y": cut(values), "marker": {"color": colour}} | more


def figure(
    traces: list[Trace],
    y_title: str = "",
    y_format: str = "",
    *,
    log: bool = False,
    y_range: list[float] | None = None,
    **layout: Any,
) -> Figure:
    """Traces over time with a title beside the value axis; `layout` is plotly's."""
    y_axis: dict[str, Any] = {"title": {"text": y_title}, "tickformat": y_format}
    if log:
        y_axis |= LOG_AXIS
    if y_range is not None:
        y_axis["range"] = y_range
    return {"data": traces, "layout": {"xaxis": {"type": "date"}, "yaxis": y_axis} | layout}


def wants_log(*series: Floats) -> bool:
    """Whether what of the series is above 0 is too wide for a linear axis; what is not becomes a gap there."""
    values = [value for each in series for value in each.tolist() if isfinite(value) and value > 0]
    return bool(values) and max(values) / min(values) > LOG_FROM


def above_zero(values: Floats) -> Floats:
    """The values a logarithmic axis can show."""
    return np.where(values > 0, values, np.nan)


def stamps(times: Iterable[int]) -> list[int]:
    """Instants as plotly takes them: milliseconds since 1970."""
    return [int(time) // 1_000 for time in times]


def cut(values: Iterable[float]) -> list[float | None]:
    """Seven digits; what is not a number is a gap."""
    return [float(f"{value:.7g}") if isfinite(value) else None for value in values]
