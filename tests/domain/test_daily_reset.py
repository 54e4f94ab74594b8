"""Section 2: the daily boundary, its fix, and what a reset sets."""

from typing import Any

import pytest

from engine.domain.instants import DAY, SECOND
from engine.domain.outputs import (
    FillBooked,
    FixTaken,
    NavPublished,
    OrderSent,
    TokenLaunched,
    TokenReset,
)
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain.scenes import DAY_S, EXACTLY, NAME, kinds, launched, near, values, worked

ASSUMED: dict[str, Any] = EXACTLY | {"token": {"fills": "assumed", "max_leverage": "none"}}


def test_the_worked_reset_wants_what_brings_leverage_back_to_target() -> None:
    desk = worked()
    desk.quote(210, -1)
    reset = only(desk.clock(0), TokenReset)
    assert values(reset.equity, reset.price, reset.late, reset.boundaries) == (11500, 210, False, 1)
    assert near(reset.leverage, "2.739130", 6)
    assert near(reset.goal, "164.285714285714285714", 18)
    assert near(reset.want, "14.285714285714285714", 18)


def test_a_value_of_200_after_plus_five_percent_orders_60_of_exposure() -> None:
    desk = launched(3, nav=200, price=200, seed=1)
    desk.quote(210, -1)
    said = desk.clock(0)
    nav = only(said, NavPublished)
    assert nav.nav == 230
    assert nav.basket * 210 == 630
    assert near(only(said, TokenReset).want * 210, 60)


@pytest.mark.parametrize("multiplier", ["2", "3", "-1", "-2", "-3"])
@pytest.mark.parametrize("move", ["-0.05", "0.05", "0.1", "-0.001"])
def test_after_one_move_the_want_is_its_closed_form(multiplier: str, move: str) -> None:
    desk = launched(multiplier, token={"max_leverage": "none"})
    m, r = d(multiplier), d(move)
    price = 200 * (1 + r)
    desk.quote(price, -1)
    assert near(only(desk.clock(0), TokenReset).want, 10000 * (m * m - m) * r / price)


@pytest.mark.parametrize(("move", "gain"), [("0.05", "0.15"), ("-0.05", "-0.15"), ("0.1", "0.3")])
def test_the_day_of_a_3x_token_is_three_times_the_day_of_the_price(move: str, gain: str) -> None:
    desk = worked(**ASSUMED)
    desk.quote(190, -1)
    desk.clock(0)
    before = desk.all(NavPublished)[-1].nav
    price = 190 * (1 + d(move))
    desk.quote(price, DAY_S - 1)
    after = only(desk.clock(DAY_S), NavPublished).nav
    assert before is not None
    assert near(after, before * (1 + d(gain)), 12)


@pytest.mark.parametrize("trigger_at", [0, 3, 10])
def test_the_fix_is_the_index_at_the_boundary_before_the_input_that_passed_it(trigger_at: float) -> None:
    desk = worked()
    desk.quote(210, -1)
    said = desk.quote(220, trigger_at)
    fix = only(said, FixTaken)
    assert values(fix.price, fix.late, fix.boundary, fix.boundaries) == (210, False, MIDNIGHT, 1)
    assert near(only(said, TokenReset).goal, "164.285714285714285714", 18)
    assert only(said, OrderSent).decision_price == 220


def test_an_input_dated_later_than_max_age_after_the_boundary_makes_a_late_fix_at_its_own_index() -> None:
    desk = worked()
    desk.quote(210, -1)
    said = desk.quote(220, 10.000001)
    fix = only(said, FixTaken)
    assert values(fix.price, fix.late) == (220, True)
    assert only(said, TokenReset).late


def test_a_late_clock_without_an_index_leaves_the_fix_to_the_first_valid_index() -> None:
    desk = worked()
    desk.quote(210, -1)
    none(desk.clock(11), FixTaken)
    fix = only(desk.quote(215, 40), FixTaken)
    assert values(fix.price, fix.late, fix.boundary) == (215, True, MIDNIGHT)


@pytest.mark.parametrize(("last_quote_at", "fixed"), [(-10, True), (-10.000001, False)])
def test_a_fix_on_time_needs_an_index_fresh_at_the_boundary(last_quote_at: float, fixed: bool) -> None:
    desk = worked()
    desk.quote(210, last_quote_at)
    assert len(kinds(desk.clock(0), FixTaken)) == fixed
    said = desk.quote(215, 3)
    assert [fix.price for fix in kinds(said, FixTaken)] == ([] if fixed else [215])


def test_freshness_of_the_fix_is_judged_at_the_boundary_not_at_the_input() -> None:
    desk = worked()
    desk.quote(210, -8)
    fix = only(desk.clock(9), FixTaken)
    assert values(fix.price, fix.late) == (210, False)


def test_several_boundaries_passed_by_one_input_make_one_late_reset_with_their_number() -> None:
    desk = worked()
    desk.quote(210, -1)
    reset = only(desk.quote(205, 2 * DAY_S + 5), TokenReset)
    assert values(reset.boundaries, reset.late, reset.price) == (3, True, 205)
    assert reset.boundary == MIDNIGHT + 2 * DAY


def test_nothing_resets_twice_at_one_boundary() -> None:
    desk = worked()
    desk.quote(210, -1)
    desk.clock(0)
    said = [*desk.clock(0), *desk.quote(211, 0), *desk.clock(1), *desk.quote(212, 12)]
    none(said, FixTaken)
    none(said, TokenReset)


def test_a_fix_serves_an_older_boundary_that_still_waits() -> None:
    desk = worked(min_venues=1)
    desk.terms(min_venues=2)
    desk.quote(200, -20)
    none(desk.clock(0), FixTaken)
    desk.quote(192, DAY_S - 12, "a")
    desk.quote(216, DAY_S - 4, "b")
    desk.quote(200, DAY_S - 3, "c")
    none(desk.quote(208, DAY_S - 2, "e"), FixTaken)  # 200 and 208 counted: divergent, until 192 is too old
    said = desk.clock(DAY_S)
    reset = only(said, TokenReset)
    assert values(reset.boundaries, reset.price) == (2, 208)
    assert [fix.boundary for fix in kinds(said, FixTaken)] == [MIDNIGHT + DAY]


def test_a_reset_without_value_sets_the_goal_to_zero_and_is_judged_again_by_the_next_index() -> None:
    desk = worked(**ASSUMED | {"token": {"max_leverage": "none"}})
    desk.quote(134, -10.5, "a")
    desk.quote("132.9", -5, "b")  # 133.45 now, 132.9 alone at the boundary
    said = desk.quote(134, 0, "a")
    reset = only(said, TokenReset)
    assert values(reset.price, reset.goal) == (d("132.9"), 0)
    assert reset.equity < 0
    assert desk[NAME].status == "live"


def test_assumed_fills_are_booked_at_the_fix_and_dated_at_the_boundary() -> None:
    desk = worked(**ASSUMED)
    desk.quote(210, -1)
    desk.quote(230, 4)
    booked = next(output for output in desk.outputs if isinstance(output.body, FillBooked))
    assert isinstance(booked.body, FillBooked)
    assert values(booked.time, booked.body.price) == (MIDNIGHT, 210)
    token = desk[NAME]
    assert near(token.basket, d(3) * 11500 / 210)
    assert near(token.basket * 210 + token.cash, 11500, 12)


def test_the_benchmark_moves_at_every_fix_by_the_multiplied_return() -> None:
    desk = worked()
    for day, price in enumerate([210, 189, 198]):
        desk.quote(price, day * DAY_S - 1)
        desk.clock(day * DAY_S)
    expected = 100 * (1 + 3 * d("0.05")) * (1 - 3 * d("0.1")) * (1 + 3 * (d(198) / 189 - 1))
    assert near(desk[NAME].benchmark, expected, 14)


def test_the_benchmark_is_never_below_zero() -> None:
    desk = worked(token={"max_leverage": "none"})
    desk.quote(100, -1)
    desk.clock(0)
    assert desk[NAME].benchmark == 0
    desk.quote(150, DAY_S - 1)
    desk.clock(DAY_S)
    assert desk[NAME].benchmark == 0


@pytest.mark.parametrize("slippage", ["0", "0.001"])
def test_the_rule_value_pays_no_costs_and_the_tracking_difference_shows_them(slippage: str) -> None:
    desk = worked(slippage=d(slippage), **ASSUMED)
    for day, price in enumerate([210, 189, 198]):
        desk.quote(price, day * DAY_S - 1)
        desk.clock(day * DAY_S)
    nav = desk.all(NavPublished)[-1]
    assert near(nav.rule_value, nav.benchmark, 12)
    assert nav.nav is not None
    assert near(nav.tracking_difference, nav.nav / nav.rule_value - 1, 15)
    if d(slippage):
        assert nav.nav < nav.rule_value
    else:
        assert near(nav.tracking_difference, 0, 14)


def test_the_day_can_start_at_another_hour() -> None:
    desk = Desk.open(reset_offset_s=3600)
    desk.token(NAME, 3)
    desk.quote(200, -1)
    none(desk.clock(0), FixTaken)
    desk.quote(210, 3599)
    assert only(desk.clock(3600), FixTaken).boundary == MIDNIGHT + 3600 * SECOND


def test_the_time_of_the_next_reset_is_published() -> None:
    desk = worked(publication_interval_s=1)
    assert only(desk.quote(210, -1), NavPublished).next_reset == MIDNIGHT
    assert kinds(desk.clock(0), NavPublished)[-1].next_reset == MIDNIGHT + DAY


def test_a_token_without_units_is_not_reset() -> None:
    desk = worked()
    desk.token("EMPTY", 2, seed=0)
    desk.quote(210, -1)
    assert [reset.token for reset in kinds(desk.clock(0), TokenReset)] == [NAME]


def test_a_token_listed_while_there_is_an_index_launches_at_it() -> None:
    desk = worked()
    desk.quote(210, -1)
    launch = only(desk.token("NEW", 2), TokenLaunched)
    assert values(launch.price, launch.nav) == (210, 100)


def test_every_token_resets_at_the_same_fix() -> None:
    desk = worked()
    desk.token("TAO3S", -3)
    desk.quote(200, -100)
    desk.quote(210, -1)
    resets = kinds(desk.clock(0), TokenReset)
    assert {(reset.token, reset.price) for reset in resets} == {(NAME, d(210)), ("TAO3S", d(210))}


def test_a_reset_replaces_the_goal_before_it_and_counts_what_is_still_out() -> None:
    desk = worked()
    desk.quote(210, -1)
    desk.end(only(desk.clock(0), OrderSent), "rejected")
    again = only(desk.quote(200, DAY_S - 1), OrderSent)
    said = desk.clock(DAY_S)
    reset = only(said, TokenReset)
    assert values(reset.goal, reset.want) == (150, -again.quantity)
    none(said, OrderSent)
