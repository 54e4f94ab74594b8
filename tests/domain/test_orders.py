"""Section 4: one order out, its slices, lots and limits; what assumed fills pay."""

from typing import Any

import pytest

from engine.domain.instants import SECOND
from engine.domain.outputs import IndexLost, OrderSent, RebalanceTriggered
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain.scenes import EXACTLY, NAME, kinds, near, spaced, values, worked


def reset_order(desk: Desk) -> OrderSent:
    desk.quote(210, -1)
    return only(desk.clock(0), OrderSent)


def test_an_order_has_its_limit_expiry_decision_price_and_basis() -> None:
    desk = worked()
    order = reset_order(desk)
    assert values(order.side, order.quantity, order.decision_price) == ("buy", d("14.285"), 210)
    assert order.limit_price == d("212.1")
    assert order.expires == MIDNIGHT + 60 * SECOND
    assert [values(quote.venue, quote.mid, quote.time) for quote in order.basis] == [("a", 210, MIDNIGHT - SECOND)]
    assert order.fills == "reported"


def test_tolerance_and_expiry_are_settings() -> None:
    desk = worked(tolerance=d("0.003"), order_expiry_s=7)
    order = reset_order(desk)
    assert (order.limit_price, order.expires) == (d("210.63"), MIDNIGHT + 7 * SECOND)


@pytest.mark.parametrize(
    ("lot", "quantity"),
    [("0.001", "14.285"), ("0.1", "14.2"), ("1", "14"), ("5", "10"), ("0", "14.285714285714285714")],
)
def test_an_order_is_rounded_to_lots_toward_zero_and_the_residue_stays_as_drift(lot: str, quantity: str) -> None:
    desk = worked(lot=d(lot))
    order = reset_order(desk)
    assert order.quantity == d(quantity)
    desk.fill(order, order.quantity, 210)
    assert desk[NAME].want == d("14.285714285714285714") - d(quantity)


@pytest.mark.parametrize("lot", ["0.001", "0.1", "1", "5"])
def test_a_sale_is_rounded_to_lots_toward_zero(lot: str) -> None:
    desk = worked(lot=d(lot))
    desk.quote(190, -1)
    order = only(desk.clock(0), OrderSent)  # 150 -> 3 * 8500 / 190 = 134.2105...
    size = 150 - d(3 * 8500) / 190
    assert order.side == "sell"
    assert 0 <= size - order.quantity < d(lot)


@pytest.mark.parametrize(("min_notional", "sent"), [("4000", True), ("4000.01", False)])
def test_below_the_minimum_notional_nothing_is_sent(min_notional: str, sent: bool) -> None:
    desk = spaced(min_notional=d(min_notional))
    said = desk.quote(160, -100)  # 25 to sell
    assert len(kinds(said, OrderSent)) == sent
    assert desk[NAME].goal == 75


def test_the_minimum_is_judged_after_rounding_to_lots() -> None:
    none(spaced(min_notional=d(3300), lot=d(10)).quote(160, -100), OrderSent)


def test_one_order_of_the_underlying_is_out_and_the_next_waits_for_its_end_and_the_interval() -> None:
    desk = spaced()
    desk.token("B", 3, seed=100, initial_nav=d(60), max_leverage=d("4.5"))
    desk.quote(180, -190)
    first = only(desk.quote(160, -100), OrderSent)
    assert [part.token for part in first.allocations] == [NAME]
    said = desk.quote(154, -99)
    assert values(only(said, RebalanceTriggered).token) == ("B",)
    none(said, OrderSent)
    none(desk.fill(first, first.quantity, 160), OrderSent)
    none(desk.quote(154, -71), OrderSent)
    none(desk.clock(-70.000001), OrderSent)
    second = only(desk.clock(-70), OrderSent)
    assert [part.token for part in second.allocations] == ["B"]


def test_the_next_order_waits_for_an_end_that_comes_after_the_interval() -> None:
    desk = spaced()
    desk.token("B", 3, seed=100, initial_nav=d(60), max_leverage=d("4.5"))
    desk.quote(180, -190)
    first = only(desk.quote(160, -100), OrderSent)
    none([*desk.quote(154, -99), *desk.quote(154, -65), *desk.quote(154, -60)], OrderSent)
    second = only(desk.fill(first, first.quantity, 160), OrderSent)
    assert [part.token for part in second.allocations] == ["B"]


def test_slices_are_cut_to_the_notional_and_the_lot_and_spaced_by_the_interval() -> None:
    desk = spaced(max_slice_notional=d(1999))
    order = only(desk.quote(160, -100), OrderSent)
    assert order.quantity == d("12.493")  # 1999 / 160 = 12.49375
    desk.fill(order, order.quantity, 160)
    none(desk.quote(158, -75), OrderSent)
    second = only(desk.clock(-70), OrderSent)
    assert second.quantity == d("12.507")  # 25 - 12.493, 1976.1 of notional
    desk.fill(second, second.quantity, 158)
    assert desk[NAME].want == 0


def test_each_slice_is_decided_at_the_index_of_its_sending() -> None:
    desk = spaced(max_slice_notional=d(1000))
    order = only(desk.quote(160, -100), OrderSent)
    desk.fill(order, order.quantity, 160)
    second = only(desk.quote(155, -60), OrderSent)
    assert values(second.decision_price, second.limit_price) == (155, d("153.45"))
    assert second.quantity == d("6.451")


def test_the_slice_interval_is_a_setting() -> None:
    desk = spaced(max_slice_notional=d(1000), slice_interval_s=5)
    order = only(desk.quote(160, -100), OrderSent)
    desk.fill(order, order.quantity, 160)
    none(desk.clock(-95.000001), OrderSent)
    only(desk.clock(-95), OrderSent)


def test_without_an_index_wants_wait_and_are_sent_when_it_is_back() -> None:
    desk = spaced(max_slice_notional=d(1000))
    order = only(desk.quote(160, -100), OrderSent)
    desk.fill(order, order.quantity, 160)
    said = desk.clock(-60)
    only(said, IndexLost)
    none(said, OrderSent)
    assert desk[NAME].want == d("-18.75")
    only(desk.quote(161, -50), OrderSent)


@pytest.mark.parametrize(("token", "price"), [({}, 160), ({"fills": "assumed"}, 170)])
def test_an_order_id_is_used_once(token: dict[str, Any], price: int) -> None:
    desk = spaced(token=token, max_slice_notional=d(500))
    desk.quote(price, -1)
    for step in range(6):
        for order in kinds(desk.quote(price - step, 40 * step), OrderSent):
            desk.end(order, "rejected")
    ids = [order.order_id for order in desk.all(OrderSent)]
    assert ids
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("slippage", "commission"), [("0", "0"), ("0.001", "0"), ("0", "0.0005"), ("0.002", "0.001")])
@pytest.mark.parametrize("price", [210, 190])
def test_assumed_fills_pay_slippage_and_commission_on_a_quantity_sized_before_costs(
    slippage: str, commission: str, price: int
) -> None:
    desk = worked(
        token={"fills": "assumed"},
        max_slice_notional=d(1),
        slippage=d(slippage),
        commission=d(commission),
        **EXACTLY,
    )
    desk.quote(price, -1)
    desk.clock(0)
    goal = d(3) * (150 * price - 20000) / price
    quantity = goal - 150
    paid = price * (1 + quantity.copy_sign(1) / quantity * d(slippage))
    assert near(desk[NAME].basket, goal)
    assert near(desk[NAME].cash, -20000 - quantity * paid - abs(quantity) * paid * d(commission), 12)
    assert desk[NAME].open == 0


def test_lots_and_the_minimum_apply_to_assumed_fills() -> None:
    desk = worked(token={"fills": "assumed"}, lot=d(1))
    desk.quote(210, -1)
    desk.clock(0)
    assert desk[NAME].basket == 164
    small = worked(token={"fills": "assumed"}, min_notional=d(3001))
    small.quote(210, -1)
    small.clock(0)
    assert small[NAME].basket == 150
