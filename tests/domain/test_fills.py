"""Section 4: what a fill changes, how an order ends, and how often a want is tried."""

from decimal import Decimal

import pytest

from engine.domain.outputs import (
    FillBooked,
    InputRefused,
    NavPublished,
    OrderEnded,
    OrderSent,
    RebalanceTriggered,
    TokenReset,
    WantAbandoned,
)
from tests.desk import Desk, d, none, only
from tests.domain.scenes import DAY_S, EXACTLY, NAME, near, spaced, values, worked


def ordered(**terms: Decimal | int) -> tuple[Desk, OrderSent]:
    """A buy of 14.285 at 210; q=150, c=-20000."""
    desk = worked(**terms)
    desk.quote(210, -1)
    return desk, only(desk.clock(0), OrderSent)


def holding(desk: Desk) -> tuple[object, ...]:
    token = desk[NAME]
    return token.basket, token.cash, token.open


def test_a_partial_fill_changes_basket_and_cash_by_price_and_commission() -> None:
    desk, order = ordered()
    booked = only(desk.fill(order, 4, 211, commission="0.5"), FillBooked)
    assert values(booked.side, booked.quantity, booked.price, booked.commission) == ("buy", 4, 211, d("0.5"))
    assert booked.late is False
    assert holding(desk) == (154, d("-20844.5"), d("10.285"))


def test_a_sale_pays_cash_in_less_the_commission() -> None:
    desk = spaced()
    order = only(desk.quote(160, -100), OrderSent)
    desk.fill(order, 10, 159, commission=3)
    assert holding(desk) == (90, -12000 + 1590 - 3, -15)


def test_fills_do_not_change_the_goal() -> None:
    desk, order = ordered()
    goal = desk[NAME].goal
    desk.fill(order, 4, 400)
    assert desk[NAME].goal == goal


def test_an_order_filled_whole_leaves_nothing_out() -> None:
    desk, order = ordered()
    desk.fill(order, 14, 210)
    desk.fill(order, d("0.285"), 209)
    desk.end(order, "filled")
    assert desk[NAME].open == 0
    ended = desk.all(OrderEnded)
    assert [values(end.outcome, end.filled, end.unfilled) for end in ended] == [("filled", d("14.285"), 0)]


def test_leverage_after_a_filled_reset_is_back_at_target() -> None:
    desk, order = ordered(**EXACTLY)
    nav = only(desk.fill(order, order.quantity, 210), NavPublished)
    assert near(nav.leverage, 3)
    assert near(nav.drift, 0)


def test_a_duplicate_fill_changes_nothing_and_is_reported() -> None:
    desk, order = ordered()
    desk.fill(order, 4, 210, "one")
    before = holding(desk)
    said = desk.fill(order, 4, 210, "one")
    assert only(said, InputRefused).reason == "duplicate_fill"
    none(said, FillBooked)
    assert holding(desk) == before


def test_a_duplicate_of_the_fill_that_ended_its_order_is_recognised() -> None:
    desk, order = ordered()
    desk.fill(order, order.quantity, 210, "one")
    before = holding(desk)
    assert only(desk.fill(order, order.quantity, 210, "one"), InputRefused).reason == "duplicate_fill"
    assert holding(desk) == before


def test_a_fill_of_an_unknown_order_changes_nothing_and_is_reported() -> None:
    desk, _ = ordered()
    before = holding(desk)
    said = desk.fill("nobody-sent-this", 4, 210)
    assert only(said, InputRefused).reason == "unknown_order"
    none(said, FillBooked)
    assert holding(desk) == before


def test_the_end_of_an_unknown_order_is_reported() -> None:
    desk, _ = ordered()
    assert only(desk.end("nobody-sent-this"), InputRefused).reason == "unknown_order"


@pytest.mark.parametrize("first", ["0", "4"])
def test_a_fill_beyond_the_order_changes_nothing_and_is_reported(first: str) -> None:
    desk, order = ordered()
    if d(first):
        desk.fill(order, d(first), 210)
    before = holding(desk)
    said = desk.fill(order, order.quantity - d(first) + d("0.001"), 210)
    assert only(said, InputRefused).reason == "fill_exceeds_order"
    assert holding(desk) == before


@pytest.mark.parametrize("outcome", ["expired", "cancelled", "rejected"])
def test_an_order_ends_by_its_report_and_the_rest_is_no_longer_out(outcome: str) -> None:
    desk, order = ordered()
    desk.fill(order, 4, 210)
    ended = only(desk.end(order, outcome), OrderEnded)
    assert values(ended.outcome, ended.filled, ended.unfilled) == (outcome, 4, d("10.285"))
    assert desk[NAME].open == 0


@pytest.mark.parametrize("outcome", ["filled", "expired", "cancelled", "rejected"])
def test_a_second_report_of_an_end_changes_nothing(outcome: str) -> None:
    desk, order = ordered()
    desk.fill(order, 4, 210)
    desk.end(order)
    before = holding(desk), desk[NAME].tries
    none(desk.end(order, outcome), OrderEnded)
    assert (holding(desk), desk[NAME].tries) == before


@pytest.mark.parametrize(("expiry_s", "grace_s"), [(60, 30), (5, 7)])
def test_an_order_without_a_report_is_overdue_report_grace_after_its_expiry(expiry_s: int, grace_s: int) -> None:
    desk, order = ordered(order_expiry_s=expiry_s, report_grace_s=grace_s)
    none(desk.clock(expiry_s + grace_s - 0.001), OrderEnded)
    ended = only(desk.clock(expiry_s + grace_s), OrderEnded)
    assert (ended.order_id, ended.outcome, ended.unfilled) == (order.order_id, "overdue", order.quantity)
    assert desk[NAME].open == 0


@pytest.mark.parametrize("overdue", [True, False])
def test_a_fill_of_an_ended_order_is_still_booked_as_late(overdue: bool) -> None:
    desk, order = ordered()
    if overdue:
        desk.clock(90)
    else:
        desk.end(order)
    booked = only(desk.fill(order, 4, 210), FillBooked)
    assert booked.late
    assert holding(desk) == (154, -20840, 0)


def test_a_late_fill_is_taken_off_what_is_decided_again() -> None:
    desk, order = ordered()
    desk.end(order)
    desk.fill(order, 4, 210)
    again = only(desk.quote(210, 40), OrderSent)
    assert again.quantity == d("10.285")


def test_a_late_fill_beyond_the_want_is_traded_back() -> None:
    desk, order = ordered()
    desk.end(order)
    again = only(desk.quote(210, 40), OrderSent)
    desk.fill(again, again.quantity, 210)
    desk.fill(order, 10, 210)
    back = only(desk.quote(210, 75), OrderSent)
    assert back.side == "sell"
    assert near(back.quantity, d("9.999"), 2)


def test_fills_have_the_time_of_the_underlying_and_move_none() -> None:
    desk, order = ordered()
    desk.clock(7)
    desk.fill(order, 4, 210)
    booked = next(output for output in desk.outputs if isinstance(output.body, FillBooked))
    ticked = desk.book
    assert ticked is not None
    assert booked.time == ticked.market.time


@pytest.mark.parametrize("tries", [1, 3])
def test_a_reset_is_tried_as_often_as_the_terms_allow_and_then_left_with_an_alert(tries: int) -> None:
    desk, order = ordered(max_tries=tries)
    for number in range(1, tries):
        none(desk.end(order), WantAbandoned)
        order = only(desk.quote(210, 40 * number), OrderSent)
    given_up = [*desk.end(order), *desk.quote(210, 400), *desk.quote(210, 440)]
    alert = only(given_up, WantAbandoned)
    assert (alert.token, alert.tries) == (NAME, tries)
    assert near(alert.rest, "14.285714285714285714")
    none(given_up, OrderSent)


def test_the_next_reset_tries_again() -> None:
    desk, order = ordered(max_tries=1)
    desk.end(order)
    none(desk.quote(210, 40), OrderSent)
    desk.quote(210, DAY_S - 1)
    said = desk.clock(DAY_S)
    assert near(only(said, TokenReset).want, "14.285714285714285714")
    only(said, OrderSent)


def test_tries_are_not_bounded_while_max_leverage_is_reached() -> None:
    desk = spaced(max_tries=2, at=-900)
    order = only(desk.quote(160, -600), OrderSent)
    for number in range(1, 8):
        none(desk.end(order), WantAbandoned)
        order = only(desk.quote(159, -600 + 40 * number), OrderSent)
        assert order.quantity == 25


def test_a_slice_filled_whole_is_no_try() -> None:
    desk = spaced(max_tries=2, max_slice_notional=d(800), at=-900)
    order = only(desk.quote(160, -600), OrderSent)
    for number in range(1, 5):
        none(desk.fill(order, order.quantity, 160), WantAbandoned)
        order = only(desk.quote(160, -600 + 40 * number), OrderSent)
    desk.fill(order, order.quantity, 160)
    assert desk[NAME].basket == 75


def test_a_fill_is_shared_pro_rata_to_18_places_with_the_remainder_to_the_first_token() -> None:
    desk = Desk.open()
    for name in ("C", "A", "B"):
        desk.token(name, 3, seed=100)
    desk.quote(200, -100)
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    booked = only(desk.fill(order, d("0.000000000000000008") + 10, 210), FillBooked)
    shares = {share.token: share.quantity for share in booked.shares}
    assert sum(shares.values()) == d("10.000000000000000008")
    assert abs(shares["B"] - shares["C"]) <= d("1e-17")
    assert shares["A"] >= shares["B"]


def test_commission_is_shared_out_whole() -> None:
    desk = Desk.open()
    desk.token("A", 3, seed=100)
    desk.token("B", 3, seed=200)
    desk.quote(200, -100)
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    booked = only(desk.fill(order, 9, 210, commission=9), FillBooked)
    cash = {share.token: share.cash for share in booked.shares}
    assert near(cash["A"], -633, 6)
    assert near(cash["B"], -1266, 6)
    assert near(sum(cash.values()), -1899)


def test_a_fill_can_bring_leverage_to_its_limit() -> None:
    desk = spaced(token={"min_leverage": d(2)})
    order = only(desk.quote(240, -100), OrderSent)
    said = desk.fill(order, 50, 300)  # q=150, c=-27000: 36000 over 9000
    assert only(said, RebalanceTriggered).trigger == "max_leverage"
