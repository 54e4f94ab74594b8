"""Section 4: an emergency beside an ordinary order of its side, or against one of the other."""

from engine.domain.outputs import CancelRequested, OrderEnded, OrderSent, RebalanceTriggered
from tests.desk import Desk, d, none, only
from tests.domain.scenes import NAME, kinds, spaced, values, worked


def against_an_emergency() -> tuple[Desk, OrderSent]:
    """A buy of 14.285 is out when leverage reaches 6 at 160: q=150, c=-20000."""
    desk = worked()
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    return desk, order


def test_an_emergency_cancels_an_opposite_order_and_waits_for_its_end() -> None:
    desk, order = against_an_emergency()
    said = desk.quote(160, 5)
    assert only(said, RebalanceTriggered).trigger == "emergency_leverage"
    assert only(said, CancelRequested).order_id == order.order_id
    none(said, OrderSent)
    later = [*desk.quote(159, 6), *desk.quote(158, 7), *desk.clock(8)]
    none(later, OrderSent)
    none(later, CancelRequested)
    sell = only(desk.end(order, "cancelled"), OrderSent)
    assert values(sell.side, sell.quantity, sell.urgent) == ("sell", 75, True)


def test_what_the_cancelled_order_still_fills_is_sold_by_the_emergency() -> None:
    desk, order = against_an_emergency()
    desk.quote(160, 5)
    none(desk.fill(order, 5, 200), OrderSent)
    sell = only(desk.end(order, "cancelled"), OrderSent)
    assert sell.quantity == 80
    desk.fill(sell, 80, 160)
    assert desk[NAME].basket == 75


def test_a_cancelled_order_is_out_until_its_end_is_reported_or_overdue() -> None:
    desk, _ = against_an_emergency()
    desk.quote(160, 5)
    none([*desk.quote(160, 61), *desk.quote(160, 89.9)], OrderSent)
    said = desk.quote(160, 90)
    assert only(said, OrderEnded).outcome == "overdue"
    assert only(said, OrderSent).urgent


def test_an_emergency_beside_an_ordinary_order_of_its_side_cancels_nothing() -> None:
    desk = spaced()
    desk.quote(160, -100)
    said = desk.quote(144, -99)
    none(said, CancelRequested)
    assert only(said, OrderSent).urgent


def test_no_ordinary_order_is_sent_beside_an_ordinary_one_when_the_emergency_has_ended() -> None:
    desk = spaced(order_expiry_s=3600)
    first = only(desk.quote(160, -100), OrderSent)
    urgent = only(desk.quote(144, -99), OrderSent)
    desk.fill(urgent, urgent.quantity, 144)
    none([*desk.quote(150, -60), *desk.quote(150, -30)], OrderSent)
    desk.fill(first, first.quantity, 150)
    assert desk[NAME].basket == 50


def test_emergency_wants_of_one_side_make_one_whole_order() -> None:
    desk = spaced(max_slice_notional=d(100))
    desk.token("B", 3, seed=50, initial_nav=d(60))
    desk.quote(180, -190)
    order = only(desk.quote(144, -100), OrderSent)
    assert values(order.urgent, order.quantity) == (True, 75)
    assert {(part.token, part.quantity) for part in order.allocations} == {(NAME, d(-50)), ("B", d(-25))}


def test_an_emergency_is_retried_at_once_and_whole() -> None:
    desk = spaced(max_slice_notional=d(100))
    order = only(desk.quote(144, -100), OrderSent)
    desk.fill(order, 20, 140)
    again = only(desk.end(order, "expired"), OrderSent)
    assert values(again.urgent, again.quantity) == (True, 30)


def test_emergency_and_ordinary_wants_do_not_share_an_order() -> None:
    desk = spaced()
    desk.token("B", 2, seed=100, initial_nav=d(90), max_leverage=d("2.5"))  # q=100, c=-9000, 2.5 at 150
    desk.quote(180, -190)
    orders = kinds(desk.quote(144, -100), OrderSent)
    urgent = orders[0]
    assert (urgent.urgent, [part.token for part in urgent.allocations]) == (True, [NAME])
    orders += kinds([*desk.fill(urgent, urgent.quantity, 144), *desk.quote(144, -60)], OrderSent)
    assert [(order.urgent, [part.token for part in order.allocations]) for order in orders[1:]] == [(False, ["B"])]


def test_what_is_left_of_an_emergency_after_a_reset_is_an_ordinary_want() -> None:
    desk = spaced()
    order = only(desk.quote(144, -20), OrderSent)
    desk.quote(170, -1)
    none(desk.clock(0), OrderSent)  # 88.235 is the goal, 50 are still being sold
    rest = only(desk.end(order, "expired"), OrderSent)
    assert values(rest.side, rest.quantity, rest.urgent) == ("sell", d("11.764"), False)


def test_a_second_token_in_an_emergency_does_not_wait_for_the_first() -> None:
    desk = spaced()
    desk.token("B", 3, seed=50, initial_nav=d(60), max_leverage=d(7))
    desk.quote(180, -190)
    first = only(desk.quote(144, -100), OrderSent)
    second = only(desk.quote(139, -99), OrderSent)
    assert [part.token for part in first.allocations + second.allocations] == [NAME, "B"]
    assert values(second.urgent, second.side) == (True, "sell")
