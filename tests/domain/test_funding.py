"""Section 6: funding, by rate for assumed fills and by amount for reported ones."""

from typing import Any

import pytest

from engine.domain.notices import FundingBooked
from engine.domain.outputs import RebalanceTriggered, TokenReset
from tests.desk import Desk, d, none, only
from tests.domain.costs_scenes import admitted, creates, halt, held, moment, rate, redeems, refused
from tests.domain.scenes import DAY_S, NAME, near, values


def test_a_long_pays_a_positive_rate_on_its_notional() -> None:
    desk = held()
    desk.quote(210, -120)
    booked = only(rate(desk, "0.0001", -120), FundingBooked)
    assert values(booked.venue, booked.funding_time, booked.rate) == ("a", moment(-120), d("0.0001"))
    assert booked.price == 200  # the quote dated -120 does not count at -120
    [share] = booked.shares
    assert values(share.token, share.basket, share.cash, share.request, share.to_issuer) == (NAME, 150, -3, None, False)
    assert desk[NAME].cash == -20003


@pytest.mark.parametrize(
    ("multiplier", "of", "cash"),
    [(3, "0.0001", -20003), (3, "-0.0001", -19997), (-3, "0.0001", 40003), (-3, "-0.0001", 39997), (3, 0, -20000)],
)
def test_shorts_get_what_longs_pay(multiplier: int, of: Any, cash: int) -> None:
    desk = held(multiplier)
    desk.clock(-60)
    rate(desk, of, -60)
    assert desk[NAME].cash == cash


@pytest.mark.parametrize(
    ("multiplier", "of", "cash"),
    [
        (3, "0.000000000000000000000153", "-20000.000000000000000004"),  # 4.59e-18
        (-3, "0.000000000000000000000141", "40000.000000000000000005"),  # 4.23e-18
    ],
)
def test_payments_round_in_the_tokens_favour(multiplier: int, of: str, cash: str) -> None:
    desk = held(multiplier)
    desk.clock(-60)
    rate(desk, of, -60)
    assert desk[NAME].cash == d(cash)


ARRIVALS = ["before", "at", "after", "late"]


def arriving(
    desk: Desk, arrival: str, quotes: list[tuple[Any, float, str]], of: str = "0.001", at: float = -60
) -> None:
    """Funding dated `at`, in the log before the input that reaches its time, right after it, or some quotes later."""
    told = False
    for number, (price, when, venue) in enumerate(quotes):
        reached = when >= at
        if not told and reached and arrival == "before":
            rate(desk, of, at)
            told = True
        desk.quote(price, when, venue)
        last = number == len(quotes) - 1
        if not told and ((reached and arrival == "at") or (when > at and arrival == "after") or last):
            rate(desk, of, at)
            told = True


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_it_is_priced_at_the_index_before_inputs_of_its_time_whenever_it_arrives(arrival: str) -> None:
    desk = held()
    arriving(desk, arrival, [(204, -65, "a"), (210, -60, "a"), (220, -58, "a"), (230, -3, "a")])
    assert only(desk.all(FundingBooked), FundingBooked).price == 204
    assert desk[NAME].cash == -20000 - d("30.6")


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_freshness_is_that_of_its_time(arrival: str) -> None:
    desk = held()
    arriving(desk, arrival, [(200, -75, "a"), (202, -66, "b"), (203, -59, "b"), (204, -58, "b"), (205, -4, "b")])
    assert only(desk.all(FundingBooked), FundingBooked).price == 202  # at -60 the quote of a is 15 s old


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_without_an_index_at_its_time_the_last_valid_one_before_counts(arrival: str) -> None:
    desk = held(min_venues=1)
    arriving(desk, arrival, [(204, -300, "a"), (210, -60, "a"), (220, -58, "a")])
    assert only(desk.all(FundingBooked), FundingBooked).price == 204


@pytest.mark.parametrize("arrival", ARRIVALS)
def test_it_is_on_what_was_held_strictly_before_its_time(arrival: str) -> None:
    desk = held(token={"max_leverage": "default"})
    arriving(desk, arrival, [(200, -65, "a"), (160, -60, "a"), (161, -58, "a")])
    only(desk.all(RebalanceTriggered), RebalanceTriggered)
    assert desk[NAME].basket < 80
    assert only(desk.all(FundingBooked), FundingBooked).shares[0].basket == 150
    assert near(desk[NAME].basket * 160 + desk[NAME].cash, 4000 - 30, 12)


@pytest.mark.parametrize(("at", "basket"), [(-60, 150), (0, 75)])
def test_a_rebalance_before_its_time_counts(at: float, basket: int) -> None:
    desk = held(token={"max_leverage": "default"})
    desk.quote(160, -60)
    desk.quote(161, -2)
    desk.clock(-1)
    rate(desk, "0.001", -60)
    if at:
        assert only(desk.all(FundingBooked), FundingBooked).shares[0].basket == 150
        return
    rate(desk, "0.001", 0)
    desk.clock(0)
    assert near(desk.all(FundingBooked)[-1].shares[0].basket, basket)


def test_the_funding_of_the_boundary_is_booked_before_the_fix() -> None:
    desk = held()
    desk.quote(210, -1)
    none(rate(desk, "0.0001", 0), FundingBooked)
    said = desk.quote(215, 0)
    booked, reset = only(said, FundingBooked), only(said, TokenReset)
    assert said.index(booked) < said.index(reset)
    assert values(booked.price, booked.shares[0].cash) == (210, d("-3.15"))
    assert values(reset.price, reset.equity) == (210, d("11496.85"))
    assert near(reset.goal, d(3) * d("11496.85") / 210)


@pytest.mark.parametrize("wait", [0, 300])
def test_the_funding_of_the_boundary_that_comes_after_the_reset_is_on_the_basket_before_it(wait: float) -> None:
    desk = held()
    desk.quote(210, -1)
    desk.quote(215, 0)
    assert near(desk[NAME].basket, d(3) * 11500 / 210)
    if wait:
        desk.quote(230, wait)
    booked = only(rate(desk, "0.0001", 0), FundingBooked)
    assert values(booked.price, booked.shares[0].basket, booked.shares[0].cash) == (210, 150, d("-3.15"))


def test_funding_passed_by_one_input_is_booked_at_each_of_its_times() -> None:
    desk = held()
    desk.quote(210, -1)
    for at in (-0, 60, 3600):
        rate(desk, "0.001", at)
    said = desk.quote(220, 3700)
    booked = [body for body in said if isinstance(body, FundingBooked)]
    assert [each.funding_time for each in booked] == [moment(0), moment(60), moment(3600)]
    assert booked[0].shares[0].basket == 150


def test_funding_of_the_future_waits_for_its_time_and_moves_none() -> None:
    desk = held()
    desk.quote(200, -120)
    none(rate(desk, "0.0001", -60), FundingBooked)
    assert desk.book is not None
    assert desk.book.market.time == moment(-120)
    none(desk.clock(-60.001), FundingBooked)
    assert desk[NAME].cash == -20000
    only(desk.clock(-60), FundingBooked)
    assert desk[NAME].cash == -20003


def test_funding_dated_after_its_record_is_refused() -> None:
    desk = held()
    assert refused(rate(desk, "0.0001", -60, appended=-62.001), "time_in_future")
    none(rate(desk, "0.0001", -60, appended=-62), FundingBooked)
    only(desk.clock(-60), FundingBooked)


@pytest.mark.parametrize("reached", [True, False])
def test_a_venue_and_time_counts_once(reached: bool) -> None:
    desk = held()
    if reached:
        desk.clock(-60)
    rate(desk, "0.0001", -60)
    assert refused(rate(desk, "0.0002", -60), "duplicate_funding")
    rate(desk, "0.0001", -60, "b")
    desk.clock(-50)
    assert len(desk.all(FundingBooked)) == 2
    assert desk[NAME].cash == -20006


@pytest.mark.parametrize(
    ("late_h", "ago_min", "reason"),
    [(26, 26 * 60 - 1, None), (26, 26 * 60 + 1, "funding_too_late"), (1, 59, None), (1, 61, "funding_too_late"),
     (0, 1, "funding_too_late")],
)  # fmt: skip
def test_late_funding_is_booked_within_its_hours(late_h: int, ago_min: int, reason: str | None) -> None:
    desk = held(at=-2 * DAY_S, late_funding_h=late_h)
    for minute in range(-2700, 0, 50):
        desk.quote(200, minute * 60)
    desk.quote(200, -60)
    said = rate(desk, "0.0001", -60 - ago_min * 60)
    if reason:
        assert refused(said, reason)
        assert desk[NAME].cash == -20000
    else:
        assert near(only(said, FundingBooked).shares[0].cash, -3)


def test_late_funding_off_the_minute_is_refused() -> None:
    desk = held()
    desk.quote(200, -60)
    assert refused(rate(desk, "0.0001", -90.5), "funding_off_minute")


def test_each_venue_has_its_share_of_the_hedge() -> None:
    desk = held(funding_weights={"a": d("0.6"), "b": d("0.4")})
    desk.clock(-60)
    assert only(rate(desk, "0.0001", -60, "a"), FundingBooked).shares[0].cash == d("-1.8")
    assert only(rate(desk, "-0.0002", -60, "b"), FundingBooked).shares[0].cash == d("2.4")
    rate(desk, "0.0001", -60, "c")
    assert desk[NAME].cash == -20000 - d("1.8") + d("2.4")


def test_nothing_held_before_the_launch() -> None:
    desk = held()
    rate(desk, "0.0001", -43_200)
    rate(desk, "0.0001", -43_260)
    assert desk[NAME].cash == -20000


def test_a_halted_token_carries_its_funding() -> None:
    desk = held()
    halt(desk)
    desk.clock(-60)
    rate(desk, "0.0001", -60)
    assert desk[NAME].cash == -20003


def test_late_funding_of_a_closed_token_is_the_issuers() -> None:
    desk = held()
    desk.quote(120, -65)
    assert desk[NAME].status == "closed"
    final, cash = desk[NAME].final_value, desk[NAME].cash
    booked = only(rate(desk, "0.0001", -120), FundingBooked)
    assert [(share.cash, share.to_issuer) for share in booked.shares] == [(d(-3), True)]
    assert values(desk[NAME].final_value, desk[NAME].cash) == (final, cash)
    desk.clock(0)
    rate(desk, "0.0001", 0)
    assert values(desk[NAME].final_value, desk[NAME].cash) == (final, cash)


def test_what_was_seeded_later_pays_nothing_for_before() -> None:
    desk = held()
    desk.quote(200, -600)
    desk.token("LATER", 3, seed=100, fills="assumed")
    booked = only(rate(desk, "0.0001", -900), FundingBooked)
    assert [share.token for share in booked.shares] == [NAME]
    assert desk["LATER"].cash == -20000


def test_late_funding_of_a_series_that_ended_is_not_the_next_ones() -> None:
    desk = held()
    admitted(desk)
    desk.quote(200, -1000)
    redeems(desk, 100)
    desk.quote(200, -900)
    creates(desk, 10, 2000)
    desk.quote(200, -800)
    assert values(desk[NAME].series, desk[NAME].units) == (2, 10)
    cash = desk[NAME].cash
    rate(desk, "0.0001", -1200)
    assert desk[NAME].cash == cash
