"""Section 8: an operator halts and resumes a token or an underlying; what waits and what does not."""

from typing import Any

import pytest

from engine.domain.instants import DAY
from engine.domain.notices import CreationsHalted, FundingBooked, TradingHalted, TradingResumed
from engine.domain.outputs import (
    CancelRequested,
    FillBooked,
    FixTaken,
    NavPublished,
    OrderEnded,
    OrderSent,
    RebalanceTriggered,
    TokenClosed,
    TokenReset,
    TokenTerminated,
)
from engine.domain.primary_events import RequestStruck, UnitsCreated
from tests.desk import MIDNIGHT, d, none, only
from tests.domain.costs_scenes import (
    admitted,
    creates,
    halt,
    halt_creations,
    held,
    paid,
    redeems,
    refused,
    resume,
    resume_creations,
)
from tests.domain.scenes import DAY_S, NAME, kinds, near, spaced, values, worked

EITHER = pytest.mark.parametrize("which", [NAME, None])


@EITHER
def test_a_halt_cancels_the_open_order_and_says_who_and_why(which: str | None) -> None:
    desk = spaced()
    order = only(desk.quote(160, -100), OrderSent)
    said = halt(desk, which)
    assert only(said, CancelRequested).order_id == order.order_id
    halted = only(said, TradingHalted)
    assert values(halted.token, halted.by, halted.reason) == (which, "desk", "test")
    nav = only(said, NavPublished)
    assert values(nav.halted, nav.nav, nav.inav, nav.open) == (True, 40, 40, -25)


@EITHER
def test_a_cancelled_order_is_out_until_its_end_and_wants_are_held(which: str | None) -> None:
    desk = spaced(token={"emergency_leverage": "none"})
    order = only(desk.quote(160, -100), OrderSent)
    halt(desk, which)
    booked = only(desk.fill(order, 10, 160), FillBooked)
    assert values(booked.late, desk[NAME].basket, desk[NAME].open) == (False, 90, -15)
    only(desk.end(order, "cancelled"), OrderEnded)
    none([*desk.quote(160, -60), *desk.quote(159, -20)], OrderSent)
    assert desk[NAME].want == -15
    again = only([*resume(desk, which), *desk.quote(159, -19)], OrderSent)
    assert values(again.side, again.quantity) == ("sell", 15)


@EITHER
def test_an_emergency_order_is_cancelled_as_well(which: str | None) -> None:
    desk = spaced()
    order = only(desk.quote(144, -100), OrderSent)
    assert order.urgent
    assert only(halt(desk, which), CancelRequested).order_id == order.order_id
    desk.end(order, "cancelled")
    none(desk.quote(144, -90), OrderSent)
    assert sum(sent.quantity for sent in kinds([*resume(desk, which), *desk.quote(144, -89)], OrderSent)) > 0


@EITHER
def test_nothing_triggers_while_halted_and_does_after(which: str | None) -> None:
    desk = spaced()
    halt(desk, which)
    none([*desk.quote(160, -100), *desk.quote(144, -99), *desk.clock(-98)], RebalanceTriggered)
    fired = only([*resume(desk, which), *desk.quote(144, -97)], RebalanceTriggered)
    assert fired.trigger == "emergency_leverage"


@EITHER
def test_nothing_triggers_without_an_index_while_halted(which: str | None) -> None:
    desk = spaced(min_venues=1)
    desk.terms(min_venues=2)
    desk.quote(180, -150, "b")
    halt(desk, which)
    said = [*desk.quote(150, -140, "a"), *desk.quote(155, -139.5, "b")]
    none(said, RebalanceTriggered)
    none(said, OrderSent)


@EITHER
@pytest.mark.parametrize("price", [120, 90])
def test_value_gone_terminates_a_halted_token(which: str | None, price: int) -> None:
    desk = spaced(token={"max_leverage": "none"})
    halt(desk, which)
    only(desk.quote(price, -100), TokenTerminated)
    assert desk[NAME].goal == 0
    said = [*resume(desk, which), *desk.quote(price, -99)]
    if not desk.all(TokenClosed):
        desk.fill(desk.all(OrderSent)[-1], 100, 130)
    none(said, TokenTerminated)
    assert only(desk.all(TokenClosed), TokenClosed).final_value == 10


@EITHER
def test_a_fill_that_spends_the_value_terminates_a_halted_token(which: str | None) -> None:
    desk = spaced(token={"min_leverage": d(2), "max_leverage": "none"})
    order = only(desk.quote(240, -100), OrderSent)
    halt(desk, which)
    only(desk.fill(order, 50, 1000), TokenTerminated)


@EITHER
@pytest.mark.parametrize("boundaries", [1, 3])
def test_a_halted_token_resets_late_at_the_first_index_after_its_resume(which: str | None, boundaries: int) -> None:
    desk = worked()
    halt(desk, which)
    for number in range(boundaries):
        desk.quote(210, number * DAY_S - 1)
        said = desk.clock(number * DAY_S)
        only(said, FixTaken)
        none(said, TokenReset)
    last = (boundaries - 1) * DAY_S
    desk.clock(last + 100)
    none(resume(desk, which), TokenReset)
    said = desk.quote(205, last + 200)
    reset = only(said, TokenReset)
    assert values(reset.late, reset.boundaries, reset.price) == (True, boundaries, 205)
    assert reset.boundary == MIDNIGHT + (boundaries - 1) * DAY
    assert near(only(said, OrderSent).quantity, reset.want, 2)
    none([*desk.quote(206, last + 201)], TokenReset)


@EITHER
def test_with_a_valid_index_the_late_reset_needs_no_other_input(which: str | None) -> None:
    desk = worked()
    halt(desk, which)
    desk.quote(210, -1)
    desk.clock(0)
    only(resume(desk, which), TokenReset)
    none(desk.quote(211, 1), TokenReset)


def test_a_halt_over_no_boundary_owes_no_reset() -> None:
    desk = worked()
    halt(desk)
    desk.quote(210, -50)
    none([*resume(desk), *desk.quote(211, -49)], TokenReset)
    assert values(only([*desk.quote(211, -1), *desk.clock(0)], TokenReset).late) == (False,)


def test_a_boundary_that_waits_for_its_fix_and_a_halt_make_one_reset() -> None:
    desk = worked()
    desk.quote(210, -100)
    halt(desk)
    none(desk.clock(30), FixTaken)  # nothing fresh at the boundary: waits
    only(desk.quote(205, 60), FixTaken)
    assert len(desk.all(TokenReset)) == 0
    reset = only([*resume(desk), *desk.quote(204, 61)], TokenReset)
    assert values(reset.boundaries, reset.late) == (1, True)


def test_a_token_resumed_before_a_waiting_fix_resets_once_with_it() -> None:
    desk = worked()
    desk.quote(210, -100)
    halt(desk)
    desk.clock(30)
    resume(desk)
    reset = only([*desk.quote(205, 60), *desk.quote(206, 61)], TokenReset)
    assert values(reset.boundaries, reset.late, reset.price) == (1, True, 205)


def test_both_halts_have_to_be_lifted() -> None:
    desk = spaced()
    halt(desk, NAME)
    halt(desk, None)
    resume(desk, NAME)
    none(desk.quote(160, -100), RebalanceTriggered)
    assert desk.all(NavPublished)[-1].halted
    only([*resume(desk, None), *desk.quote(160, -99)], RebalanceTriggered)
    assert not desk.all(NavPublished)[-1].halted


def test_both_halts_the_other_way() -> None:
    desk = spaced()
    halt(desk, None)
    halt(desk, NAME)
    resume(desk, None)
    none(desk.quote(160, -100), RebalanceTriggered)
    only([*resume(desk, NAME), *desk.quote(160, -99)], RebalanceTriggered)


def test_a_halt_is_not_repeated_nor_lifted_twice() -> None:
    desk = spaced()
    for which in (NAME, None):
        assert refused(resume(desk, which), "not_halted")
        halt(desk, which)
        assert refused(halt(desk, which), "already_halted")
        only(resume(desk, which), TradingResumed)
        assert refused(resume(desk, which), "not_halted")
    assert refused(halt(desk, "NOBODY"), "unknown_token")


def test_the_halt_of_one_token_lets_the_other_go_on() -> None:
    desk = spaced()
    desk.token("OTHER", 3, seed=100, initial_nav=d(60))
    order = only(desk.quote(160, -100), OrderSent)
    assert order.quantity == 50
    only(halt(desk), CancelRequested)
    only(desk.end(order, "cancelled"), OrderEnded)
    again = only(desk.quote(160, -60), OrderSent)
    assert [(part.token, part.quantity) for part in again.allocations] == [("OTHER", d(-25))]
    desk.fill(again, 25, 160)
    desk.end(again, "filled")
    desk.quote(170, -1)
    assert [reset.token for reset in kinds(desk.clock(0), TokenReset)] == ["OTHER"]


def test_a_held_want_crosses_with_nobody() -> None:
    desk = spaced()
    desk.token("SHORT", -1, seed=100, initial_nav=d(60))
    halt(desk)
    desk.quote(160, -1)
    desk.clock(0)
    assert desk[NAME].basket == 100


@EITHER
def test_assumed_fills_are_held_as_well(which: str | None) -> None:
    desk = held()
    halt(desk, which)
    desk.quote(210, -1)
    none(desk.clock(0), FillBooked)
    booked = only([*resume(desk, which), *desk.quote(212, 1)], FillBooked)
    assert near(desk[NAME].basket, 150 + booked.quantity)


def test_a_paid_funding_is_booked_while_halted() -> None:
    desk = spaced()
    halt(desk)
    desk.clock(-60)
    only(paid(desk, 5, -60), FundingBooked)
    assert desk[NAME].cash == -12005


@EITHER
def test_requests_queue_through_a_halt(which: str | None) -> None:
    desk = held()
    admitted(desk)
    halt(desk, which)
    redeems(desk, 10, "R1")
    redeems(desk, 5, "R2")
    none([*desk.quote(205, -100), *desk.quote(205, -60)], RequestStruck)
    assert desk[NAME].units == 100
    struck = kinds([*resume(desk, which), *desk.quote(205, -59)], RequestStruck)
    assert [each.request_id for each in struck] == ["R1", "R2"]


def test_halted_creations_queue_and_redemptions_go_on() -> None:
    desk = held()
    admitted(desk)
    halted = only(halt_creations(desk), CreationsHalted)
    assert values(halted.token, halted.halted, halted.by) == (NAME, True, "desk")
    creates(desk, 10, 2000)
    redeems(desk, 5)
    said = desk.quote(200, -100)
    assert only(said, RequestStruck).request_id == "R1"
    none(said, UnitsCreated)
    said = resume_creations(desk)
    assert only(said, CreationsHalted).halted is False
    only([*said, *desk.quote(200, -80)], UnitsCreated)


def test_a_resume_publishes_that_it_is_over() -> None:
    desk = spaced()
    halt(desk)
    said: list[Any] = resume(desk)
    assert only(said, NavPublished).halted is False
