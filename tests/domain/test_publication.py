"""Section 1, published: when a NAV record is made, what is in it, and how records are numbered."""

from itertools import pairwise
from typing import Any

import pytest

from engine.domain.instants import DAY, SECOND
from engine.domain.outputs import FillBooked, NavPublished, OrderSent, RebalanceTriggered, TokenLaunched, TokenReset
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain.scenes import EXACTLY, NAME, kinds, launched, near, spaced, values, worked


def published_at(interval_s: int, times: list[float]) -> list[float]:
    """Which of these quote times made a record."""
    desk = worked(publication_interval_s=interval_s)
    made = []
    for time in times:
        navs = kinds(desk.quote(200, time), NavPublished)
        assert len(navs) <= 1
        made += [time] * len(navs)
    return made


@pytest.mark.parametrize(
    ("interval_s", "times", "expected"),
    [
        (1, [-99.5, -99.1, -99, -98.9, -98.1, -98], [-99.5, -99, -98]),
        (1, [-99, -98.999, -98.2, -97.7, -97.1, -97], [-99, -97.7, -97]),
        (1, [-99, -90.5, -90.2, -90], [-99, -90.5, -90]),
        (60, [-121, -120, -119, -61, -59.5, -1], [-121, -120, -59.5]),
        (10, [-95, -91, -90, -90, -80.000001, -79.9], [-95, -90, -79.9]),
    ],
)
def test_a_record_is_made_by_the_first_input_at_or_after_each_mark_and_passed_marks_are_not_filled_in(
    interval_s: int, times: list[float], expected: list[float]
) -> None:
    assert published_at(interval_s, times) == expected


def test_a_clock_event_publishes_as_well() -> None:
    desk = worked(publication_interval_s=1)
    only(desk.clock(-150), NavPublished)
    none(desk.clock(-149.5), NavPublished)
    only(desk.clock(-149), NavPublished)


def test_a_record_is_dated_and_priced_by_its_input() -> None:
    desk = worked(publication_interval_s=1)
    nav = only(desk.quote(205, -99.3), NavPublished)
    assert values(nav.price, nav.nav) == (205, d("107.5"))
    assert desk.outputs[-1].time == MIDNIGHT - round(99.3 * SECOND)


@pytest.mark.parametrize("interval_s", [0, 3600])
def test_rebalances_and_fills_are_published_at_once(interval_s: int) -> None:
    desk = spaced(publication_interval_s=interval_s)
    said = desk.quote(160, -100)
    only(said, RebalanceTriggered)
    nav = only(said, NavPublished)
    assert values(nav.nav, nav.leverage, nav.goal, nav.open) == (40, 4, 75, -25)
    said = desk.fill(only(said, OrderSent), 10, 159)
    only(said, FillBooked)
    nav = only(said, NavPublished)
    assert values(nav.basket, nav.cash, nav.open) == (90, -10410, -15)


def test_the_reset_is_published_at_once() -> None:
    desk = worked()
    desk.quote(210, -1)
    said = desk.clock(0)
    only(said, TokenReset)
    nav = only(said, NavPublished)
    assert values(nav.nav, nav.next_reset) == (115, MIDNIGHT + DAY)


def test_the_launch_is_published_at_once() -> None:
    desk = Desk.open()
    desk.token(NAME, 3, seed=2)
    said = desk.quote(200, -100)
    only(said, TokenLaunched)
    nav = only(said, NavPublished)
    assert values(nav.status, nav.nav, nav.units, nav.leverage) == ("live", 100, 2, 3)


def test_without_an_interval_nothing_else_is_published() -> None:
    desk = worked()
    none([*desk.quote(201, -100), *desk.quote(202, -99), *desk.clock(-95)], NavPublished)


@pytest.mark.parametrize("multiplier", ["3", "2", "-1", "-3"])
@pytest.mark.parametrize("price", ["190", "200", "213.7"])
def test_a_record_holds_the_formulas_of_its_own_basket(multiplier: str, price: str) -> None:
    desk = launched(multiplier, seed=7, publication_interval_s=1)
    nav = only(desk.quote(price, -100), NavPublished)
    worth = nav.basket * d(price) + nav.cash
    assert near(nav.nav, worth / 7)
    assert nav.inav == nav.nav
    assert near(nav.leverage, nav.basket * d(price) / worth)
    assert near(nav.drift, nav.basket * d(price) / worth / d(multiplier) - 1)
    assert near(nav.benchmark, 100 * (1 + d(multiplier) * (d(price) / 200 - 1)))
    assert near(nav.rule_value, nav.benchmark)
    assert near(nav.tracking_difference, 0, 14)


def test_the_tracking_difference_is_nav_over_rule_value() -> None:
    desk = worked(token={"fills": "assumed"}, commission=d("0.01"), **EXACTLY)
    desk.quote(210, -1)
    nav = kinds(desk.clock(0), NavPublished)[-1]
    assert nav.nav is not None
    assert nav.rule_value == 115
    assert near(nav.nav, 115 - d("0.01") * 210 * (d(3 * 11500) / 210 - 150) / 100, 14)
    assert near(nav.tracking_difference, nav.nav / 115 - 1)


def test_the_indicative_nav_names_its_venues_the_age_of_its_oldest_quote_and_its_dispersion() -> None:
    desk = worked(publication_interval_s=1)
    desk.quote(200, -105, "a")
    desk.quote(200, -103.5, "b")
    nav = only(desk.quote(200, -102, "c"), NavPublished)
    assert values(nav.inav_venues, nav.inav_age_ms, nav.inav_dispersion) == (3, 3000, 0)
    apart = only(desk.quote(202, -100, "c"), NavPublished)
    assert (apart.inav_venues, apart.inav_age_ms) == (3, 5000)
    assert apart.inav_dispersion > 0


def test_a_venue_that_does_not_count_is_not_in_the_quality() -> None:
    desk = worked(publication_interval_s=1)
    desk.quote(260, -104, "b")
    desk.quote(200, -102, "c")
    nav = only(desk.quote(200, -100, "a"), NavPublished)
    assert (nav.inav_venues, nav.inav_age_ms) == (2, 2000)


def test_without_an_index_nav_is_null_and_the_indicative_nav_is_that_of_the_last_quotes() -> None:
    desk = worked(publication_interval_s=1)
    desk.quote(205, -100)
    nav = only(desk.clock(-60), NavPublished)
    assert (nav.nav, nav.price, nav.leverage) == (None, None, None)
    assert nav.inav == d("107.5")
    assert nav.inav_age_ms == 40_000


@pytest.mark.parametrize("names", [["A"], ["B", "A"], ["A", "B", "C"]])
def test_every_token_has_its_own_record_at_a_mark(names: list[str]) -> None:
    desk = Desk.open(publication_interval_s=1)
    for name in names:
        desk.token(name, 3)
    desk.quote(200, -100)
    navs = kinds(desk.quote(201, -99), NavPublished)
    assert sorted(nav.token for nav in navs) == sorted(names)


def busy(**terms: Any) -> Desk:
    desk = spaced(publication_interval_s=1, **terms)
    desk.quote(175, -150)
    desk.token("LATER", -3, initial_nav=d(5000))
    desk.quote(170, -120)
    order = only(desk.quote(160, -100), OrderSent)
    desk.fill(order, 5, 160, "one")
    desk.fill(order, 5, 160, "one")
    desk.quote(165, -99.5, "b", ask=100)
    desk.token("LAST", 2, initial_nav=d(5000))
    desk.quote(144, -99)
    desk.quote(150, -1)
    desk.clock(0)
    desk.quote(119, 40)
    desk.clock(100)
    return desk


def test_sequences_are_gapless_per_topic_and_key() -> None:
    numbers: dict[tuple[str, str], list[int]] = {}
    for output in busy().outputs:
        numbers.setdefault((output.body.stream, output.key), []).append(output.sequence)
    assert set(numbers) == {("events", "TAO"), ("orders", "TAO"), ("navs", NAME), ("navs", "LATER"), ("navs", "LAST")}
    for sequence in numbers.values():
        assert len(sequence) > 1
        assert all(second == first + 1 for first, second in pairwise(sequence))
    assert len({sequence[0] for sequence in numbers.values()}) == 1


def test_orders_and_events_are_keyed_by_underlying_and_navs_by_token() -> None:
    for output in busy().outputs:
        body = output.body
        assert output.key == (body.token if isinstance(body, NavPublished) else "TAO")


def test_the_time_of_outputs_never_goes_back_without_assumed_fills() -> None:
    times = [output.time for output in busy().outputs]
    assert times == sorted(times)
