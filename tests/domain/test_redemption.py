"""Section 5: a redemption takes its share of everything at the strike and sells it at its own cost."""

from typing import Any

import pytest

from engine.domain.outputs import OrderSent, WantAbandoned
from engine.domain.primary_events import (
    RequestSettled,
    RequestStruck,
    SettlementInstructed,
    UnitsCreated,
    UnitsRedeemed,
)
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    EVM,
    accepted_creation,
    accepted_redemption,
    confirm,
    filled,
    input_refusal,
    issuer_cash,
    primary,
    request,
    value,
)
from tests.domain.scenes import DAY_S, EXACTLY, NAME, near, values

ASSUMED: dict[str, Any] = {"fills": "assumed"}


def struck(units: Any = 10, price: Any = 202, **given: Any) -> tuple[Desk, OrderSent]:
    """10 units struck at 202, where n = 103: the account gets 15 and -2000."""
    desk = accepted_redemption(primary(**given), units)
    return desk, only(desk.quote(price, 1001), OrderSent)


def test_the_strike_moves_the_share_of_everything_into_the_account() -> None:
    desk = accepted_redemption(primary())
    said = desk.quote(202, 1001)
    joined = only(said, RequestStruck)
    assert values(joined.flow, joined.units, joined.price, joined.nav) == ("redemption", 10, 202, 103)
    assert values(joined.basket, joined.cash, joined.open, joined.goal) == (15, -2000, 0, 0)
    token = desk[NAME]
    assert values(token.units, token.basket, token.cash, token.goal) == (90, 135, -18000, 135)
    order = only(said, OrderSent)
    assert values(order.side, order.quantity) == ("sell", 15)
    [part] = order.allocations
    assert values(part.token, part.purpose, part.quantity, part.request) == (NAME, "redemption", -15, "r1")
    none(said, UnitsRedeemed)


def test_the_participant_gets_what_its_account_sold_for_less_the_fee() -> None:
    desk, order = struck()
    none(desk.fill(order, 6, 201, commission="0.5"), UnitsRedeemed)
    desk.quote(190, 1002)
    said = desk.fill(order, 9, "199.5", commission="0.75")
    made = only(said, UnitsRedeemed)
    cash = -2000 + d("1205.5") + d("1794.75")  # 1000.25
    assert values(made.units, made.fee, made.payout) == (10, cash / 1000, cash - cash / 1000)
    assert values(made.charge, made.returned_basket, made.issuer_bears) == (0, 0, 0)
    settled = only(said, RequestSettled)
    assert values(settled.flow, settled.units, settled.cash) == ("redemption", 10, made.payout)
    assert issuer_cash(desk) == made.fee
    assert value(desk, 190) == 85
    assert values(desk[NAME].units, desk[NAME].basket, desk[NAME].cash) == (90, 135, -18000)


def test_nothing_is_paid_before_all_is_sold() -> None:
    desk, order = struck()
    for part in (5, 5):
        none(desk.fill(order, part, 202), UnitsRedeemed)
    assert only(desk.fill(order, 5, 202), UnitsRedeemed).payout == d("1028.97")


def test_assumed_fills_redeem_in_the_strike() -> None:
    desk = accepted_redemption(primary(token=ASSUMED, slippage=d("0.001"), commission=d("0.0005")))
    made = only(desk.quote(202, 1001), UnitsRedeemed)
    cash = -2000 + 15 * 202 * d("0.999") * d("0.9995")
    assert near(made.payout, cash * d("0.999"))
    assert near(made.fee, cash * d("0.001"))
    assert value(desk, 202) == 103


def test_the_payout_is_never_negative_and_the_issuer_bears_the_rest() -> None:
    desk, order = struck()
    made = only(desk.fill(order, 15, 130, commission=5), UnitsRedeemed)
    assert values(made.payout, made.fee, made.issuer_bears) == (0, 0, 55)
    assert issuer_cash(desk) == -55
    assert value(desk, 202) == 103


@pytest.mark.parametrize(("multiplier", "side", "payout"), [(-3, "buy", "970"), (2, "sell", "1020")])
def test_a_short_token_buys_back(multiplier: int, side: str, payout: str) -> None:
    desk = accepted_redemption(primary(multiplier, token={"redemption_fee": d(0)}))
    order = only(desk.quote(202, 1001), OrderSent)
    assert order.side == side
    assert only(desk.fill(order, order.quantity, 202), UnitsRedeemed).payout == d(payout)


def test_a_share_of_an_open_rebalance_comes_along() -> None:
    desk = primary(**EXACTLY, order_expiry_s=600)
    desk.quote(210, DAY_S - 1)
    order = only(desk.clock(DAY_S), OrderSent)  # buys 14.2857...
    desk.fill(order, "4.285714285714285714", 210)
    accepted_redemption(desk)
    said = desk.quote(210, DAY_S + 1)
    joined = only(said, RequestStruck)
    none(said, OrderSent)
    assert near(joined.basket, d("154.285714285714285714") / 10, 17)
    rest = order.quantity - d("4.285714285714285714")
    assert near(joined.open, rest / 10, 17)
    assert joined.open + desk[NAME].open == rest
    assert near(joined.cash, 10 * 115 - joined.basket * 210, 17)
    assert near(desk[NAME].goal, d("0.9") * 34500 / 210, 16)
    assert value(desk, 210) >= 115
    desk.fill(order, rest, 211)
    assert near(desk[NAME].basket, d("0.9") * 34500 / 210, 16)
    assert desk[NAME].open == request(desk, "r1").open == 0
    assert near(request(desk, "r1").basket, 3450 / d(210), 16)
    desk.end(order, "filled")
    sale = only(desk.quote(210, DAY_S + 40), OrderSent)
    assert near(sale.quantity, 3450 / d(210), 16)
    made = only(desk.fill(sale, sale.quantity, 209), UnitsRedeemed)
    bought = joined.cash - joined.open * 211
    assert near(made.payout, (bought + sale.quantity * 209) * d("0.999"), 14)


def test_fills_go_to_the_rebalance_before_the_share_that_is_redeemed() -> None:
    desk = primary(**EXACTLY, order_expiry_s=600)
    desk.quote(210, DAY_S - 1)
    order = only(desk.clock(DAY_S), OrderSent)
    accepted_redemption(desk)
    desk.quote(210, DAY_S + 1)
    kept = desk[NAME].open
    desk.fill(order, 12, 210)
    assert values(desk[NAME].basket, request(desk, "r1").basket) == (147, 15)
    desk.fill(order, 2, 210)
    assert desk[NAME].basket == 135 + kept
    assert request(desk, "r1").basket == 15 + 14 - kept


def test_a_redemption_is_netted_with_the_rest_of_a_rebalance() -> None:
    desk = primary()
    desk.quote(210, DAY_S - 1)
    order = only(desk.clock(DAY_S), OrderSent)
    desk.end(order, "rejected")
    accepted_redemption(desk)
    said = desk.quote(210, DAY_S + 31)
    only(said, RequestStruck)
    sent = only(said, OrderSent)
    assert {part.purpose for part in (*sent.allocations, *sent.crosses)} == {"rebalance", "redemption"}


def test_redemptions_are_tried_without_end() -> None:
    desk, order = struck(max_tries=1)
    for number in range(1, 6):
        none(desk.end(order), WantAbandoned)
        order = only(desk.quote(202, 1001 + 40 * number), OrderSent)
        assert order.quantity == 15
    only(desk.fill(order, 15, 202), UnitsRedeemed)


def test_a_part_too_small_to_sell_returns_to_the_token_and_is_charged() -> None:
    desk, order = struck(11, lot=d(1), slippage=d("0.002"), commission=d("0.001"))
    assert order.quantity == 16  # of 16.5
    goal = desk[NAME].goal
    made = only(filled(desk, order, 201, 1), UnitsRedeemed)
    charge = d("0.5") * 202 * d("0.002") + d("0.5") * 202 * d("0.998") * d("0.001")
    cash = -2200 + 16 * 201 - 1 + d("0.5") * 202 - charge
    assert values(made.returned_basket) == (d("0.5"),)
    assert near(made.charge, charge)
    assert near(made.payout, cash * d("0.999"), 14)
    assert values(desk[NAME].basket, desk[NAME].goal) == (d("150") * 89 / 100 + d("0.5"), goal)
    assert near(value(desk, 202), 103 + charge / 89, 16)
    assert value(desk, 202) >= 103 + charge / 89


def test_a_redemption_too_small_to_trade_at_all_is_paid_in_the_strike() -> None:
    desk = accepted_redemption(primary(min_notional=d(400), slippage=d("0.002")), 1)
    said = desk.quote(202, 1001)
    none(said, OrderSent)
    made = only(said, UnitsRedeemed)
    dust = d("1.5") * 202 * d("0.002")
    assert values(made.returned_basket, made.charge) == (d("1.5"), dust)
    assert made.payout == (103 - dust) * d("0.999")
    assert values(desk[NAME].basket, desk[NAME].units) == (150, 99)


def test_the_fee_accrued_is_first_paid_and_the_strike_is_net_of_it() -> None:
    desk = accepted_redemption(primary(at=-50_000, token={"yearly_fee": d("0.365")} | ASSUMED), 10)
    made = only(desk.quote(200, -6_800), UnitsRedeemed)  # half a day: 10000 * 0.365 / 365 / 2
    assert issuer_cash(desk) == 5 + made.fee
    assert near(made.payout, d("999.5") * d("0.999"), 15)
    assert near(value(desk, 200), d("99.95"), 16)


def test_on_chain_units_and_cash_are_released_when_they_are_confirmed() -> None:
    desk, order = struck_on_chain("redemption")
    said = desk.fill(order, 15, 202)
    none(said, RequestSettled)
    told = only(said, SettlementInstructed)
    assert values(told.request_id, told.address, told.cash) == ("x", EVM, d("1028.97"))
    assert request(desk, "x").status == "hedged"
    settled = only(confirm(desk, "x", "0xabc"), RequestSettled)
    assert values(settled.cash, settled.reference) == (d("1028.97"), "0xabc")
    assert input_refusal(confirm(desk, "x", "0xabc")) in ("request_not_open", "unknown_request")


def test_on_chain_units_are_sent_to_the_address() -> None:
    desk, order = struck_on_chain("creation")
    assert input_refusal(confirm(desk, "x")) == "request_not_open"
    said = desk.fill(order, 15, 202)
    only(said, UnitsCreated)
    none(said, RequestSettled)
    told = only(said, SettlementInstructed)
    assert values(told.address, told.units) == (EVM, 10)
    settled = only(confirm(desk, "x", "0xabc"), RequestSettled)
    assert values(settled.units, settled.cash) == (10, 1101 - d("1031.03"))


def struck_on_chain(flow: str) -> tuple[Desk, OrderSent]:
    accept: Any = accepted_creation if flow == "creation" else accepted_redemption
    desk = accept(primary(), 10, "x", settlement="on_chain", address=EVM)
    return desk, only(desk.quote(202, 1001), OrderSent)
