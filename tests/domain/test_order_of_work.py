"""The order of work inside one input, and what depends on it."""

from typing import Any

import pytest

from engine.domain.instants import SECOND
from engine.domain.outputs import (
    FillBooked,
    FixTaken,
    IndexLost,
    NavPublished,
    OrderEnded,
    OrderSent,
    RebalanceTriggered,
    TokenLaunched,
    TokenReset,
    TokenTerminated,
)
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain.scenes import DAY_S, EXACTLY, NAME, kinds, near, spaced, values, worked


def test_assumed_fills_of_a_reset_are_booked_at_the_fix_and_those_of_a_trigger_at_the_index_after_it() -> None:
    desk = worked(token={"fills": "assumed"}, **EXACTLY)
    desk.quote(210, -1)
    said = desk.quote(150, 3)
    only(said, TokenReset)
    fired = only(said, RebalanceTriggered)
    assert near(fired.equity, 11500 * (1 + 3 * (d(150) / 210 - 1)), 12)
    booked = [(output.time, output.body.price) for output in desk.outputs if isinstance(output.body, FillBooked)]
    assert booked == [(MIDNIGHT, d(210)), (MIDNIGHT + 3 * SECOND, d(150))]
    assert near(desk[NAME].basket * 150, 3 * fired.equity, 12)


def test_a_quote_before_the_boundary_triggers_before_the_reset_of_the_next_input() -> None:
    desk = worked(token={"fills": "assumed"}, **EXACTLY)
    only(desk.quote(177, -1), RebalanceTriggered)
    assert near(only(desk.clock(0), TokenReset).want, 0)


def test_a_late_reset_is_made_at_the_index_of_the_input_itself() -> None:
    desk = worked()
    desk.quote(210, -1)
    said = desk.quote(190, 12)
    assert values(only(said, TokenReset).price, only(said, OrderSent).decision_price) == (190, 190)


def test_value_gone_at_a_late_boundary_terminates_instead_of_resetting() -> None:
    desk = worked()
    desk.quote(210, -1)
    said = desk.quote(120, 12)
    only(said, TokenTerminated)
    assert [reset.goal for reset in kinds(said, TokenReset)] in ([], [d(0)])
    assert desk[NAME].goal == 0


def test_value_gone_at_the_input_after_the_boundary_terminates_after_the_reset_at_the_fix() -> None:
    desk = worked()
    desk.quote(210, -1)
    said = desk.quote(120, 5)
    assert near(only(said, TokenReset).goal, "164.285714285714285714", 18)
    only(said, TokenTerminated)
    sold = kinds(said, OrderSent)
    assert sum(order.quantity for order in sold if order.side == "sell") == 150
    none(desk.clock(6), TokenTerminated)


@pytest.mark.parametrize("at", [0, 5, 50_000])
def test_the_first_input_of_a_book_passes_no_boundary(at: float) -> None:
    desk = Desk.open()
    desk.token(NAME, 3)
    said = desk.quote(200, at)
    only(said, TokenLaunched)
    none(said, TokenReset)


def test_a_backtest_takes_a_fix_on_time_from_inputs_up_to_its_longer_max_age() -> None:
    desk = worked(max_age_s=600, at=-900)
    desk.quote(210, -600)
    fix = only(desk.quote(215, 600), FixTaken)
    assert values(fix.price, fix.late) == (210, False)


def test_a_fill_while_there_is_no_index_is_judged_when_the_index_is_back_at_the_same_price() -> None:
    desk = spaced(token={"min_leverage": d(2)})
    order = only(desk.quote(240, -100), OrderSent)
    only(desk.clock(-80), IndexLost)
    none(desk.fill(order, 50, 300), RebalanceTriggered)
    fired = only(desk.quote(240, -79), RebalanceTriggered)
    assert values(fired.trigger, fired.leverage, fired.with_index) == ("max_leverage", 4, True)


def test_a_want_that_can_no_longer_be_sent_rearms_its_trigger() -> None:
    desk = spaced(min_notional=d(3900))
    order = only(desk.quote(160, -100), OrderSent)
    none(desk.quote(150, -99), RebalanceTriggered)
    none(desk.end(order, "rejected"), OrderSent)  # 25 at 150: 3750
    fired = only([*desk.quote("149.9", -60), *desk.quote("149.8", -59)], RebalanceTriggered)
    assert fired.trigger == "max_leverage"
    assert fired.want < -39


@pytest.mark.parametrize("lost", [True, False])
def test_a_limit_passed_while_there_was_no_index_is_seen_at_the_next_one(lost: bool) -> None:
    desk = spaced()
    if lost:
        only(desk.clock(-150), IndexLost)
    only(desk.quote(100 + 60, -100), RebalanceTriggered)


def test_the_last_fill_of_a_cancelled_order_lets_the_emergency_out_at_once() -> None:
    desk = worked()
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    desk.quote(160, 5)
    sell = only(desk.fill(order, order.quantity, 160), OrderSent)
    assert values(sell.side, sell.urgent) == ("sell", True)
    assert sell.quantity == d("150") + order.quantity - 75


def test_an_overdue_order_and_the_next_one_are_the_work_of_one_input() -> None:
    desk = worked()
    desk.quote(210, -1)
    first = only(desk.clock(0), OrderSent)
    said = desk.quote(211, 90)
    assert only(said, OrderEnded).order_id == first.order_id
    again = only(said, OrderSent)
    assert values(again.quantity, again.decision_price) == (first.quantity, 211)


@pytest.mark.parametrize("kind", ["clock", "quote"])
def test_the_time_of_the_underlying_never_goes_back(kind: str) -> None:
    desk = worked(publication_interval_s=1)
    desk.quote(201, -50)
    said: list[Any] = desk.clock(-60) if kind == "clock" else desk.quote(201, -55, "b")
    assert desk.book is not None
    assert desk.book.market.time == MIDNIGHT - 50 * SECOND
    none(said, NavPublished)


def test_an_old_quote_of_another_venue_after_the_boundary_passes_no_boundary_again() -> None:
    desk = worked()
    desk.quote(210, -1)
    desk.clock(0)
    said = desk.quote(210, -0.5, "b")
    none(said, FixTaken)
    none(said, TokenReset)


def test_a_day_without_an_end_of_its_order_still_resets() -> None:
    desk = worked(order_expiry_s=3 * DAY_S)
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    desk.quote(220, DAY_S - 1)
    said = desk.clock(DAY_S)
    reset = only(said, TokenReset)
    assert near(reset.want, d(3) * (150 * 220 - 20000) / 220 - 150 - order.quantity)
    none(said, OrderSent)
