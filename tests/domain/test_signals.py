"""Section 8: signals reach desks and the audit, and decide nothing."""

import re
from typing import Any

import pytest

from engine.domain.notices import SignalNoted
from engine.domain.outputs import NavPublished
from tests.desk import Desk, d, only
from tests.domain.costs_scenes import halt, merge, rate, resume, signal
from tests.domain.scenes import NAME, spaced, values

KINDS = (
    "network_upgrade", "on_chain_metric", "volume", "open_interest", "funding_divergence", "regulatory_notice",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("value", "token"), [("1.5", NAME), (None, None), ("-3", None)])
def test_a_signal_reaches_the_events(kind: str, value: Any, token: str | None) -> None:
    desk = spaced()
    said = signal(desk, kind, value=value, token=token)
    noted = only(said, SignalNoted)
    assert len(said) == 1
    assert noted.stream == "events"
    assert values(noted.kind, noted.source, noted.text, noted.token) == (kind, "source", "text", token)
    assert noted.value == (None if value is None else d(value))


@pytest.mark.parametrize("kind", KINDS)
def test_it_moves_no_time(kind: str) -> None:
    desk = spaced(publication_interval_s=1)
    assert desk.book is not None
    before = desk.book.market.time
    signal(desk, kind)
    assert desk.book.market.time == before
    only(desk.quote(180, -100), NavPublished)


def told(kind: str | None) -> Desk:
    """A day with orders, halts and a merge, with a signal between any two inputs."""
    desk = spaced(publication_interval_s=1)

    def maybe() -> None:
        if kind:
            signal(desk, kind)

    for price, at in ((175, -150), (160, -100), (161, -60), (144, -50), (150, -1), (151, 0), (152, 40)):
        maybe()
        desk.quote(price, at)
    for act in (halt, resume):
        maybe()
        act(desk)
    merge(desk, 10)
    maybe()
    rate(desk, "0.001", 0)
    maybe()
    desk.quote(119, 50)
    desk.clock(100)
    return desk


@pytest.mark.parametrize("kind", KINDS)
def test_it_decides_nothing(kind: str) -> None:
    quiet, loud = told(None), told(kind)

    assert len(loud.all(SignalNoted)) > 8
    assert plain(loud) == plain(quiet)


def plain(desk: Desk) -> list[tuple[str, int, str]]:
    """What was said besides signals, without the ids that name places in the log."""
    return [
        (out.key, out.time, re.sub(r"TAO(-[0-9]+)+", "TAO-id", repr(out.body)))
        for out in desk.outputs
        if getattr(out.body, "kind", None) not in KINDS
    ]
