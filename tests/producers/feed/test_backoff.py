"""Pauses between tries: bounded, longer only where the venue says it is asked too often, and begun anew when told."""

import pytest

from producers.feed import health
from producers.feed.backoff import Backoff
from producers.feed.health import Health


@pytest.mark.parametrize(("limited", "longest_s"), [(False, 5.0), (True, 30.0)])
def test_pauses_double_up_to_the_longest(limited: bool, longest_s: float) -> None:
    backoff = Backoff()
    bounds = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    for bound in (min(each, longest_s) for each in bounds):
        assert bound / 2 <= backoff.pause_s(limited=limited) <= bound
    backoff.reset()
    assert backoff.pause_s(limited=limited) <= 0.5


def test_a_venue_is_steady_only_when_it_has_been_up_for_a_while(monkeypatch: pytest.MonkeyPatch, unique: str) -> None:
    now = 1_000.0
    monkeypatch.setattr(health, "monotonic", lambda: now)
    venue = Health(unique)
    now += 60
    assert not venue.is_steady(), "it was not up"
    venue.quoted("TAO")
    assert not venue.is_steady(), "one sound quote is no proof"
    now += 29
    venue.quoted("TAO")
    assert not venue.is_steady()
    now += 1
    assert venue.is_steady()
    venue.lost("closed", "gone")
    assert not venue.is_steady()
