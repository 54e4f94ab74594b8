"""The page: complete, self-contained, escaped, and drawn by figures plotly accepts."""

import json
import re
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from levtao.report.build import Sources, build
from levtao.report.course import CourseError
from levtao.report.history import History
from levtao.report.page import FILTERS
from levtao.report.records import of_file
from tests.report.lines import Log, attributed, gamed

CHARTS = ("value", "leverage", "drawdown", "decay", "tracking", "attribution", "trading", "execution", "path")


def page(log: Log, folder: Path, **sources: Any) -> str:
    history = History()
    for record in of_file(log.write(folder / "log.jsonl")):
        history.take(record)
    return build(history, Sources(**{"named": "log.jsonl"} | sources))


def figures(text: str) -> dict[str, Any]:
    [found] = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', text, re.DOTALL)
    drawn: dict[str, Any] = json.loads(found)
    return drawn


def own(text: str) -> str:
    """The page without plotly's script."""
    return re.sub(r"<script>\s*/\*\*\n\* plotly\.js.*?</script>", "", text, flags=re.DOTALL)


def painted(node: Any) -> Any:
    """Colours as plotly knows them, in place of the names of the theme."""
    if isinstance(node, dict):
        return {key: painted(value) for key, value in node.items()}
    if isinstance(node, list):
        return [painted(each) for each in node]
    return "#123456" if isinstance(node, str) and node.startswith("$") else node


def test_a_page_has_every_chart_and_plotly_accepts_each(tmp_path: Path) -> None:
    drawn = figures(page(gamed(), tmp_path))
    assert drawn.keys() >= {f"TAO3L-{chart}" for chart in CHARTS} | {"compare-TAO"}
    for chart in drawn.values():
        go.Figure(painted(chart))


def test_every_chart_has_its_place_and_every_colour_its_value_in_both_themes(tmp_path: Path) -> None:
    text = page(gamed(), tmp_path)
    assert set(re.findall(r'data-figure="([^"]+)"', text)) <= figures(text).keys()
    light, dark = re.findall(r":root(?:\[[^\]]*\])? \{(.*?)\}", text, re.DOTALL)[:2]
    for colour in set(re.findall(r'"\$(\w+)"', json.dumps(figures(text)))):
        name = f"--{'c' + colour if colour.isdigit() else colour}:"
        assert name in light
        assert name in dark


def test_a_page_needs_no_network(tmp_path: Path) -> None:
    text = own(page(gamed(), tmp_path))
    assert len(text) < 2_000_000
    assert not re.search(r"https?://|<link|@import|src=", text)


def test_what_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    text = own(page(gamed(), tmp_path, named="<b>log</b>"))
    assert "&lt;b&gt;log&lt;/b&gt;" in text
    assert "by test, reason &lt;script&gt;" in text or "reason &lt;script&gt;, by test" in text
    assert "<b>log</b>" not in text


def test_attribution_that_sums_exactly_is_said_and_so_is_one_that_does_not(tmp_path: Path) -> None:
    assert "On each of them the parts sum" in page(gamed(days=3), tmp_path)
    log = gamed(days=3, with_days=False)
    attributed(log, 2, off="0.200000000000000001")
    assert re.search(r"On\s+1 of them the parts do not sum", page(log, tmp_path))


def test_a_log_without_attribution_says_so(tmp_path: Path) -> None:
    text = page(gamed(days=3, with_days=False), tmp_path)
    assert "Not in these outputs" in text
    assert "TAO3L-attribution" not in figures(text)


def test_the_assumed_cost_of_the_market_is_stated(tmp_path: Path) -> None:
    assert re.search(
        r"save each side \+5\.00 bp .*?as given on the command line", page(gamed(), tmp_path, cost_bps=5.0), re.DOTALL
    )
    assert "cost against their decision prices" in page(gamed(), tmp_path)


def test_without_a_nav_there_is_no_page(tmp_path: Path) -> None:
    log = Log()
    log.say("index_lost", 0, reason="divergent")
    with pytest.raises(CourseError, match="no token has a published NAV"):
        page(log, tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("percent", 0.1234, "+12.34 %"),
        ("percent", -0.000001, "0.00 %"),
        ("percent", float("nan"), "\u2013"),
        ("amount", 1234.5, "1,234.50"),
        ("amount", 0.00001234, "1.23e-05"),
        ("amount", -0.0845, "-0.0845"),
        ("amount", None, "\u2013"),
        ("moment", 0, "1970-01-01 00:00:00"),
        ("tone", -1, "down"),
        ("tone", 0, ""),
    ],
)
def test_numbers_are_shown_for_people(name: str, value: Any, shown: str) -> None:
    assert FILTERS[name](value) == shown
