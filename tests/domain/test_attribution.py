"""Section 6: where a unit's value went, day by day, summing exactly."""

from itertools import pairwise
from typing import Any

import pytest

from engine.domain.notices import DayAttributed
from engine.domain.outputs import OrderSent, TokenClosed
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain.costs_scenes import (
    PARTS,
    admitted,
    creates,
    halt,
    held,
    is_exact,
    merge,
    moment,
    paid,
    redeems,
    resume,
)
from tests.domain.scenes import DAY_S, NAME, kinds, launched, near, spaced, values, worked


def day(desk: Desk, price: Any, at: float = 0) -> DayAttributed:
    """The attribution of the fix at `price` a second before the boundary."""
    desk.quote(price, at - 1)
    return only(desk.clock(at), DayAttributed)


def parts(attributed: DayAttributed, **expected: Any) -> bool:
    """Whether the parts named are as expected, the others zero, and the sum exact."""
    for name in PARTS:
        assert near(getattr(attributed, name), expected.get(name, 0), 15), name
    return is_exact(attributed)


def test_the_first_day_is_a_move_from_the_launch() -> None:
    desk = worked()
    first = day(desk, 210)
    assert values(first.token, first.since, first.nav_before, first.nav) == (NAME, moment(-200), 100, 115)
    assert values(first.price_before, first.price) == (200, 210)
    assert parts(first, move=15)


@pytest.mark.parametrize(("multiplier", "move"), [(3, 15), (-3, -15), (-1, -5), (2, 10)])
def test_a_move_is_the_multiple_of_the_return(multiplier: int, move: int) -> None:
    assert parts(day(launched(multiplier, token={"max_leverage": "none"}), 210), move=move)


def test_drift_is_what_an_unreset_basket_gains_beyond_the_promise() -> None:
    desk = worked()
    desk.quote(210, -1)
    desk.end(only(desk.clock(0), OrderSent), "rejected")
    second = day(desk, 220, DAY_S)
    move = d(3) * 115 * 10 / 210
    assert values(second.since, second.nav_before, second.nav) == (MIDNIGHT, 115, 130)
    assert parts(second, move=move, drift=d(15) - move)


def test_a_reset_has_timing_and_cost() -> None:
    desk = worked()
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    assert order.quantity == d("14.285")
    desk.fill(order, order.quantity, 211, commission=3)
    second = day(desk, 220, DAY_S)
    move = d(3) * 115 * 10 / 210
    assert parts(second, move=move, drift=d(15) - move, reset_timing=d("1.4285"), reset_cost=d("-0.17285"))


def test_an_intraday_rebalance_has_timing_and_cost() -> None:
    desk = spaced()
    order = only(desk.quote(160, -100), OrderSent)
    desk.fill(order, 25, 159, commission=1)
    first = day(desk, 170)
    assert first.nav == d("47.24")
    assert parts(first, move=-10, intraday_timing=d("-2.5"), intraday_cost=d("-0.26"))


def test_a_fill_after_the_next_fix_counts_for_the_day_it_came_on() -> None:
    desk = spaced(order_expiry_s=3600)
    order = only(desk.quote(160, -100), OrderSent)
    assert parts(day(desk, 160), move=d("-20"))
    desk.fill(order, 25, 158)
    second = day(desk, 165, DAY_S)
    assert second.intraday_timing + second.intraday_cost == d(-25) * (165 - 158) / 100
    assert is_exact(second)


def test_assumed_fills_of_a_reset_belong_to_the_day_after_the_fix() -> None:
    desk = held(slippage=d("0.001"), commission=d("0.0005"))
    assert parts(day(desk, 210), move=15)
    dq = d(3) * 11500 / 210 - 150
    p = d("210.21")
    second = day(desk, 220, DAY_S)
    assert values(second.nav_before) == (115,)
    assert near(second.reset_timing, dq * 10 / 100, 14)
    assert near(second.reset_cost, -(dq * (p - 210) + dq * p * d("0.0005")) / 100, 14)
    assert near(second.move, d(3) * 115 * 10 / 210, 14)
    assert is_exact(second)


def test_funding_and_fee_are_parts() -> None:
    desk = held(token={"yearly_fee": d("0.365"), "fills": "reported"})
    desk.clock(-60)
    paid(desk, "7.5", -60)
    first = day(desk, 210)
    assert near(first.funding, "-0.075")
    assert near(first.fee, "-0.0574625")  # half a day of a thousandth of 11492.5
    assert near(first.nav, d("114.8675375"))
    assert parts(first, move=15, funding=first.funding, fee=first.fee)


def test_a_day_follows_the_day_before() -> None:
    desk = held(slippage=d("0.001"), token={"yearly_fee": d("0.02")})
    days = [day(desk, price, number * DAY_S) for number, price in enumerate([210, 190, 205])]
    for before, after in pairwise(days):
        assert values(after.nav_before, after.price_before) == (before.nav, before.price)
        assert after.since == before.since + DAY_S * 1_000_000 or before.since < MIDNIGHT
    assert all(is_exact(each) for each in days)


def test_the_range_of_the_day_is_that_of_the_index() -> None:
    desk = worked()
    for price, at in ((230, -100), (190, -50)):
        desk.quote(price, at)
    first = day(desk, 210)
    assert values(first.day_high, first.day_low) == (230, 190)
    desk.quote(215, 100)
    second = day(desk, 212, DAY_S)
    assert values(second.day_high, second.day_low) == (215, 210)


def test_a_redemption_leaves_the_days_of_the_others_as_they_were() -> None:
    alone, shared = held(), held(slippage=d("0.001"), commission=d("0.001"))
    admitted(shared)
    for desk in (alone, shared):
        desk.quote(205, -3600)
    redeems(shared, 10)
    for desk in (alone, shared):
        desk.quote(195, -3590)
    assert shared[NAME].units == 90
    one, other = day(alone, 210), day(shared, 210)
    assert is_exact(other)
    for name in (*PARTS, "nav"):
        assert near(getattr(one, name), getattr(other, name), 13), name


def test_a_creation_leaves_the_days_of_the_others_as_they_were() -> None:
    alone, shared = held(), held(slippage=d("0.001"), commission=d("0.001"))
    admitted(shared)
    for desk in (alone, shared):
        desk.quote(205, -3600)
    creates(shared, 10, 2000)
    for desk in (alone, shared):
        desk.quote(195, -3590)
    assert shared[NAME].units == 110
    one, other = day(alone, 210), day(shared, 210)
    assert is_exact(other)
    for name in (*PARTS, "nav"):
        assert near(getattr(one, name), getattr(other, name), 13), name


@pytest.mark.parametrize("ratio", ["10", "0.1", "3"])
def test_merged_units_scale_the_day(ratio: str) -> None:
    desk = worked()
    desk.quote(205, -100)
    merge(desk, ratio)
    first = day(desk, 210)
    n = d(ratio)
    assert near(first.nav_before, 100 * n, 14)
    assert near(first.nav, 115 * n, 14)
    assert near(first.move, 15 * n, 14)
    assert is_exact(first)


def test_a_halted_token_has_its_day_at_its_late_reset() -> None:
    desk = worked()
    halt(desk)
    desk.quote(210, -1)
    none(desk.clock(0), DayAttributed)
    desk.clock(100)
    resume(desk)
    late = only(desk.quote(190, 200), DayAttributed)
    assert values(late.since, late.nav_before, late.nav) == (moment(-200), 100, 85)
    assert parts(late, move=-15)


def test_a_terminated_token_has_its_last_day_at_its_close() -> None:
    desk = spaced(token={"max_leverage": "none"})
    order = only(desk.quote(120, -100), OrderSent)
    desk.fill(order, 60, 125)
    said = desk.fill(order, 40, 125)
    closed, last = only(said, TokenClosed), only(said, DayAttributed)
    assert closed.final_value == 5
    assert values(last.nav_before, last.nav) == (60, 5)
    assert is_exact(last)
    none([*desk.quote(130, -1), *desk.clock(0)], DayAttributed)


@pytest.mark.parametrize("fill_price", [100, 125])
def test_the_last_day_sums_whatever_is_left(fill_price: int) -> None:
    desk = spaced(token={"max_leverage": "none", "yearly_fee": d("0.365")}, at=-40_000)
    order = only(desk.quote(119, -100), OrderSent)
    last = only(desk.fill(order, 100, fill_price), DayAttributed)
    assert is_exact(last)


def test_tracking_is_given_for_the_day_and_since_the_launch() -> None:
    desk = held(commission=d("0.001"))
    first = day(desk, 210)
    assert values(first.tracking_difference, first.tracking_difference_day) == (0, 0)
    assert values(first.rule_value, first.benchmark) == (115, 115)
    cost = (d(3) * 11500 / 210 - 150) * 210 * d("0.001")
    second = day(desk, 190, DAY_S)
    assert near(second.rule_value, d(115) * (1 - d(3) * 20 / 210), 13)
    assert near(second.tracking_difference, second.nav / second.rule_value - 1, 13)
    assert near(second.nav, second.rule_value - cost / 100, 13)
    third = day(desk, 200, 2 * DAY_S)
    assert third.tracking_difference is not None
    assert second.tracking_difference is not None
    assert near(third.tracking_difference, third.nav / third.rule_value - 1, 13)
    expected = (1 + third.tracking_difference) / (1 + second.tracking_difference) - 1
    assert near(third.tracking_difference_day, expected, 13)


def test_every_token_has_its_own_day() -> None:
    desk = worked()
    desk.token("SHORT", -2)
    desk.quote(205, -1)
    days = kinds(desk.clock(0), DayAttributed)
    assert {each.token for each in days} == {NAME, "SHORT"}
    assert all(is_exact(each) for each in days)
