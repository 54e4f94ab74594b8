"""Jumps in what exchanges say beside prices: told once, with who and how much, and only when they are jumps."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.domain.inputs import SignalObserved
from engine.domain.instants import DAY, SECOND, parse_instant
from engine.wire.codec import encode_input, read_input
from producers.feed.observations import Funding, MarkPrice, Observation, OpenInterest, Volume
from producers.signals import KEPT, Watcher, WatchSettings

START = parse_instant("2026-11-20T12:00:00Z")


def open_interest(after_s: float, amount: str, venue: str = "bybit-perp", underlying: str = "TAO") -> OpenInterest:
    time = START + round(after_s * SECOND)
    return OpenInterest(venue, underlying, time, time, Decimal(amount))


def volume(after_s: float, amount: str) -> Volume:
    time = START + round(after_s * SECOND)
    return Volume("okx", "TAO", time, time, Decimal(amount))


def realised(after_s: float, venue: str, rate: str) -> Funding:
    time = START + round(after_s * SECOND)
    return Funding(venue, "TAO", time, time, Decimal(rate), time, realised=True)


def funding(after_s: float, venue: str, rate: str, interval_h: int = 8) -> Funding:
    time = START + round(after_s * SECOND)
    return Funding(venue, "TAO", time, time, Decimal(rate), time, realised=False, interval_h=interval_h)


def told(*observations: Observation, **settings: object) -> list[SignalObserved]:
    watcher = Watcher(WatchSettings.model_validate(settings))
    return [signal for each in observations for signal in watcher.observe(each)]


def test_open_interest_that_falls_by_a_tenth_is_told_with_venue_and_size() -> None:
    [signal] = told(open_interest(0, "1000000"), open_interest(60, "950000"), open_interest(120, "900000"))
    assert signal.kind == "open_interest"
    assert signal.value == Decimal("-0.1")
    assert signal.text == "bybit-perp: open interest down 10.0% within 60 min, to 900000 TAO"
    assert read_input(encode_input(signal)) == signal


def test_a_rise_is_measured_from_the_lowest_of_the_window() -> None:
    [signal] = told(open_interest(0, "1000000"), open_interest(60, "950000"), open_interest(120, "1050000"))
    assert signal.value == Decimal("0.105263")
    assert "up 10.5%" in signal.text


@pytest.mark.parametrize("later_s", [3_600, 10_000])
def test_what_lies_outside_the_window_is_no_reference(later_s: int) -> None:
    assert told(open_interest(0, "1000000"), open_interest(later_s, "2000000")) == []


def test_the_last_moment_of_the_window_is() -> None:
    assert len(told(open_interest(0, "1000000"), open_interest(3_599, "2000000"))) == 1


def test_a_jump_is_told_once_in_a_window() -> None:
    steps = [open_interest(minute * 60, str(10**6 + minute * 150_000)) for minute in range(62)]
    signals = told(*steps)
    assert len(signals) == 2
    assert signals[0].value == Decimal("0.15")


def test_a_jump_the_other_way_is_another() -> None:
    amounts = enumerate(("1000000", "1120000", "800000", "450000"))
    signals = told(*(open_interest(minute * 60, amount) for minute, amount in amounts))
    assert [signal.value for signal in signals] == [Decimal("0.12"), Decimal("-0.285714")]


def test_a_venue_with_an_absurd_time_is_watched_on() -> None:
    absurd = replace(open_interest(60, "2000000"), time=START + 75 * 365 * DAY)
    later = open_interest(3_700, "2000000"), open_interest(3_800, "4000000")
    assert [signal.value for signal in told(open_interest(0, "1000000"), absurd, *later)] == [1, 1]


def test_a_jump_from_next_to_nothing_is_told_as_a_very_large_one() -> None:
    [signal] = told(open_interest(0, "1E-40"), open_interest(60, "999999999999999"))
    assert signal.value == Decimal("1E+9")
    assert read_input(encode_input(signal)) == signal


def test_venues_and_underlyings_are_watched_apart() -> None:
    others = open_interest(1, "10", venue="okx-perp"), open_interest(2, "10", underlying="ETH")
    assert told(open_interest(0, "1000000"), *others) == []


def test_volume_has_a_threshold_of_its_own() -> None:
    assert told(volume(0, "10000000"), volume(60, "14000000")) == []
    [signal] = told(volume(0, "10000000"), volume(60, "14000000"), volume_jump="0.3")
    assert signal.kind == "volume"
    assert signal.text == "okx: volume up 40.0% within 60 min, to 14000000 in quote currency over 24 hours"


def test_nothing_is_no_reference() -> None:
    assert told(volume(0, "0"), volume(1, "5")) == []
    assert told(volume(0, "0"), volume(1, "0")) == []


def test_funding_rates_apart_are_told_with_both_venues() -> None:
    [signal] = told(funding(0, "binance-perp", "0.0001"), funding(5, "bybit-perp", "0.0006"))
    assert signal.kind == "funding_divergence"
    assert signal.value == Decimal("0.0005")
    assert signal.text == "funding over 8 hours: bybit-perp 0.0600%, binance-perp 0.0100%"


def test_only_rates_to_come_are_compared() -> None:
    old = realised(1, "bybit-perp", "0.0100")
    assert told(funding(0, "binance-perp", "0.0001"), old, funding(2, "bybit-perp", "0.0001")) == []


def test_rates_of_unlike_intervals_are_compared_over_the_same_time() -> None:
    assert told(funding(0, "binance-perp", "0.0004", 4), funding(5, "bybit-perp", "0.0008", 8)) == []
    assert len(told(funding(0, "binance-perp", "0.0008", 4), funding(5, "bybit-perp", "0.0008", 8))) == 1


def test_the_venue_furthest_away_is_named_and_the_pair_told_once_whoever_speaks() -> None:
    first = funding(0, "a", "0.0001"), funding(1, "b", "0.0003"), funding(2, "c", "0.0009")
    assert [signal.text.split()[-2] for signal in told(*first)] == ["a"]
    assert len(told(*first, funding(3, "a", "0.0001"), funding(4, "c", "0.0010"))) == 1


def test_a_rate_not_heard_of_within_the_window_says_nothing() -> None:
    assert told(funding(0, "a", "0.0001"), funding(3_600, "b", "0.0100")) == []


def test_a_mark_price_is_no_signal() -> None:
    assert told(MarkPrice("okx", "TAO", START, START, Decimal(400))) == []


def test_a_window_of_very_many_values_is_bounded() -> None:
    watcher = Watcher()
    for number in range(KEPT + 10):
        watcher.observe(open_interest(number / 1000, "1000"))
    [series] = watcher._series.values()
    assert len(series) == KEPT
