"""The page: one HTML file with plotly, styles, script and data inside, readable without a network."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from engine.domain.instants import SECOND, Instant

NOTHING = "\u2013"
"""Shown where there is no number."""


def render(template: str, context: dict[str, Any], figures: dict[str, Any]) -> str:
    """A page from one of the templates of this package; everything put in is escaped."""
    environment = Environment(
        loader=PackageLoader("levtao.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment.get_template(template).render(context | {"figures": figures, "plotly_js": _plotly_js()})


def _plotly_js() -> str:
    """Plotly's own script, from the installed package; its MIT licence is in its first lines."""
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 - only a page needs it

    script: str = get_plotlyjs()
    return script.replace("</script", "<\\/script")


def _shown(pattern: str, factor: float = 1, after: str = "") -> Callable[[Any], str]:
    """A filter that shows a number; None and what is not finite as a dash."""

    def show(value: Any) -> str:
        if value is None or not math.isfinite(value):
            return NOTHING
        found = format(float(value) * factor, pattern)
        return (found[1:] if not float(found.replace(",", "")) and found.startswith("-") else found) + after

    return show


def _amount(value: Any) -> str:
    """Money with so many places that small NAVs can still be told apart, and no more digits than fit."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(float(value))
    if 0 < size < 0.001:
        return f"{float(value):.2e}"
    return f"{float(value):,.{2 if size >= 10 or not size else 4}f}"


def moment(time: Instant) -> str:
    """An instant for a reader, in UTC, to the second."""
    return datetime.fromtimestamp(time // SECOND, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def _tone(value: Any) -> str:
    """The style of a gain or a loss."""
    if value is None or not math.isfinite(value) or not value:
        return ""
    return "up" if value > 0 else "down"


FILTERS: dict[str, Callable[..., Any]] = {
    "amount": _amount,
    "percent": _shown("+,.2f", 100, " %"),
    "share": _shown(",.1f", 100, " %"),
    "bps": _shown("+,.2f", 1),
    "bps_of": _shown("+,.1f", 10_000, " bp"),
    "size_bps_of": _shown(",.1f", 10_000, " bp"),
    "times": _shown(",.2f", 1, "x"),
    "whole": _shown(",.0f"),
    "price": _shown(",.7g"),
    "moment": moment,
    "tone": _tone,
}
