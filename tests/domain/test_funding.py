"""Section 6: funding, by rate for assumed fills and by amount for reported ones."""

from typing import Any

import pytest

from engine.domain.notices import FundingBooked, SignalNoted
from engine.domain.outputs import RebalanceTriggered, TokenReset, TokenTerminated
from tests.desk import Desk, d, none, only
from tests.domain.costs_scenes import halt, held, moment, paid, rate, refused
from tests.domain.scenes import DAY_S, EXACTLY, NAME, near, spaced, values, worked


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


def arriving(desk: Desk, arrival: str, quotes: list[tuple[Any, float, str]], of: str = "0.001", at: float = -60) -> None:
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
    assert [(share.cash, share.to_issuer) for share in booked.shares] == [(-3, True)]
    assert values(desk[NAME].final_value, desk[NAME].cash) == (final, cash)
    desk.clock(0)
    rate(desk, "0.0001", 0)
    assert values(desk[NAME].final_value, desk[NAME].cash) == (final, cash)


def test_with_reported_fills_a_rate_is_a_signal() -> None:
    desk = worked()
    desk.clock(-60)
    said = rate(desk, "0.0001", -60)
    none(said, FundingBooked)
    assert only(said, SignalNoted).value == d("0.0001")
    assert desk[NAME].cash == -20000


def test_with_reported_fills_the_amount_is_booked() -> None:
    desk = worked()
    desk.clock(-60)
    booked = only(paid(desk, "3.5", -60), FundingBooked)
    assert values(booked.amount, booked.rate, booked.unshared) == (d("3.5"), None, 0)
    assert [(share.basket, share.cash) for share in booked.shares] == [(150, d("-3.5"))]
    assert refused(paid(desk, 1, -60), "duplicate_funding")
    assert desk[NAME].cash == d("-20003.5")


def test_an_amount_is_shared_by_signed_baskets() -> None:
    desk = worked()
    desk.token("SHORT", -1, seed=100)
    assert desk["SHORT"].basket == -50
    desk.clock(-60)
    booked = only(paid(desk, 10, -60), FundingBooked)
    assert {share.token: share.cash for share in booked.shares} == {NAME: -15, "SHORT": 5}
    assert values(desk[NAME].cash, desk["SHORT"].cash) == (-20015, 20005)


def test_an_amount_where_nothing_net_was_held_is_the_issuers() -> None:
    desk = worked()
    desk.token("SHORT", -1, seed=300)
    desk.clock(-60)
    booked = only(paid(desk, 10, -60), FundingBooked)
    assert values(booked.shares, abs(booked.unshared)) == ((), 10)
    assert values(desk[NAME].cash, desk["SHORT"].cash) == (-20000, 60000)


def test_an_amount_is_shared_among_those_with_reported_fills() -> None:
    desk = worked()
    desk.token("PAPER", 3, seed=100, fills="assumed")
    desk.clock(-60)
    only(paid(desk, 10, -60), FundingBooked)
    assert values(desk[NAME].cash, desk["PAPER"].cash) == (-20010, -20000)
    only(rate(desk, "0.001", -60, "b"), FundingBooked)
    assert values(desk[NAME].cash, desk["PAPER"].cash) == (-20010, -20030)


def test_an_amount_without_reported_fills_is_refused() -> None:
    desk = held()
    desk.clock(-60)
    assert refused(paid(desk, 10, -60), "funding_amount_not_assumed")


def test_an_amount_in_the_log_before_its_time_is_booked() -> None:
    desk = worked()
    desk.clock(-61)
    paid(desk, 10, -60)
    desk.clock(-60)
    assert desk[NAME].cash == -20010


@pytest.mark.parametrize(("amount", "fires"), [("74.9", False), (75, True)])
def test_funding_is_judged_by_the_triggers(amount: Any, fires: bool) -> None:
    desk = spaced()
    desk.quote(161, -60)
    said = paid(desk, amount, -120)  # 16100 over 4100 less the amount
    assert any(isinstance(body, RebalanceTriggered) for body in said) == fires


def test_funding_that_spends_the_value_terminates() -> None:
    desk = spaced(**EXACTLY)
    desk.quote(161, -60)
    assert only(paid(desk, 4100, -120), TokenTerminated).equity == 0
