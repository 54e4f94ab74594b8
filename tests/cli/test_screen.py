"""What stands on a terminal: whole numbers however narrow it is, the newest lines however low."""

from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from consumers.stream import Received
from engine.domain.outputs import TokenTerminated
from engine.wire.codec import Event
from levtao.screen import LINES, Screen
from levtao.tables import show, table


def test_no_number_is_cut_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    found = table("wide", ("first", "second", "third", "fourth"))
    found.add_row(*["1,234,567.89"] * 4)
    show(found)
    assert capsys.readouterr().out.count("1,234,567.89") == 4


@pytest.mark.parametrize("height", [12, 24, 60])
def test_the_newest_lines_are_in_sight(height: int) -> None:
    console = Console(file=StringIO(), width=60, height=height, force_terminal=True, no_color=True)
    screen = Screen("title", console)
    for number in range(LINES + 1):
        screen.take(received(number))
    lines = console.render_lines(screen, console.options.update(height=None))
    shown = ["".join(segment.text for segment in line) for line in lines]
    assert len(shown) <= height
    assert sum("T9" in line for line in shown) == 1
    assert not any("T0 " in line for line in shown)


def received(number: int) -> Received:
    body = TokenTerminated("TAO", f"T{number}", "wound_down", True, Decimal(1), Decimal(1))
    return Received(0, number, "TAO", Event("0-1-0", number, number, "", "1", body))
