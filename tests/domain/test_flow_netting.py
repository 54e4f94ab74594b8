"""Sections 4 and 5: the hedge of a flow is netted with everything else of its underlying."""

from decimal import Decimal
from typing import Any

import pytest

from engine.domain.outputs import BookedShare, FillBooked, OrderSent, WantsCrossed
from engine.domain.primary_events import RequestSettled, RequestStruck, UnitsCreated, UnitsRedeemed
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    accepted_redemption,
    admit,
    filled,
    primary,
    request,
    value,
)
from tests.domain.scenes import DAY_S, EXACTLY, NAME, kinds, near, values

DAILY: dict[str, Any] = {"strike": "daily_reset"}
SHORT: dict[str, Any] = {"token": "TAO3S"}
WANT = 3 * d(11500) / 210 - 150
"""What the token wants at its reset at 210: 14.2857..."""


def at_reset(*flows: tuple[str, int], **terms: Any) -> Desk:
    """Flows struck at the reset at 210, where n = 115 and the token buys 14.2857."""
    desk = primary(token=DAILY | terms.pop("token", {}), **terms)
    for number, (flow, units) in enumerate(flows):
        accept: Any = accepted_creation if flow == "creation" else accepted_redemption
        accept(desk, units, f"x{number}", **({"cash": 200 * units} if flow == "creation" else {}))
    desk.quote(210, DAY_S - 1)
    return desk


def by_purpose(shares: Any) -> dict[str, Decimal]:
    return {share.purpose: share.quantity for share in shares}


def two_tokens(**terms: Any) -> Desk:
    """TAO3L with q=150 and TAO3S with q=-150, each 100 units of 100 at 200."""
    desk = primary(**terms)
    desk.token("TAO3S", -3, seed=100)
    desk.quote(200, 1000)
    admit(desk, "AP", NAME, "TAO3S")
    return desk


def test_a_redemption_crosses_with_the_rebalance_of_its_token() -> None:
    desk = at_reset(("redemption", 10), lot=d(0))
    said = desk.clock(DAY_S)
    struck = only(said, RequestStruck)
    assert values(struck.basket, struck.cash, struck.nav) == (15, -2000, 115)
    order = only(said, OrderSent)
    rest = d("0.9") * WANT
    assert order.side == "sell"
    assert near(order.quantity, 15 - rest, 16)
    assert by_purpose(order.allocations) == {"redemption": -order.quantity}
    crossed = only(said, WantsCrossed)
    assert crossed.price == 210
    assert near(by_purpose(crossed.shares)["rebalance"], rest, 16)
    assert by_purpose(crossed.shares)["redemption"] == -by_purpose(crossed.shares)["rebalance"]
    assert near(desk[NAME].basket, desk[NAME].goal, 16)
    made = only(desk.fill(order, order.quantity, 209), UnitsRedeemed)
    cash = -2000 + rest * 210 + (15 - rest) * 209
    assert near(made.payout, cash * d("0.999"), 13)


def test_a_creation_is_bought_together_with_the_rebalance() -> None:
    desk = at_reset(("creation", 10))
    order = only(desk.clock(DAY_S), OrderSent)
    assert order.quantity == d("30.714")  # 14.2857 + 16.4286
    parts = by_purpose(order.allocations)
    assert sum(parts.values()) == order.quantity
    assert near(parts["rebalance"], order.quantity * WANT / (WANT + (150 + WANT) / 10), 15)


def test_a_fill_goes_first_to_the_rebalance_then_to_the_flows_pro_rata() -> None:
    desk = at_reset(("creation", 10), ("creation", 20))
    order = only(desk.clock(DAY_S), OrderSent)
    parts = {part.request: part.quantity for part in order.allocations}
    first = only(desk.fill(order, 10, 210), FillBooked)
    assert [values(share.purpose, share.quantity) for share in first.shares] == [("rebalance", 10)]
    second = only(desk.fill(order, 10, 211, commission=1), FillBooked)
    shares = {share.request: share for share in second.shares}
    assert shares[None].quantity == parts[None] - 10
    left = 20 - parts[None]
    assert near(shares["x0"].quantity, left / 3, 16)
    assert near(shares["x1"].quantity, left * 2 / 3, 16)
    assert sum(share.quantity for share in second.shares) == 10
    assert sum(share.cash for share in second.shares) == -2111
    assert near(shares["x1"].cash, -shares["x1"].quantity * d("211.1"), 15)


def test_the_remainder_of_a_fill_goes_to_the_first() -> None:
    desk = at_reset(("creation", 10), ("creation", 10), ("creation", 10), **EXACTLY)
    order = only(desk.clock(DAY_S), OrderSent)
    market = {part.request: part.quantity for part in order.allocations}
    desk.fill(order, market[None], 210)
    shares = {share.request: share.quantity for share in only(desk.fill(order, 10, 210), FillBooked).shares}
    assert shares["x1"] == shares["x2"] == d("3.333333333333333333")
    assert shares["x0"] == d("3.333333333333333334")


def test_creations_come_before_redemptions_in_the_order_of_allocations() -> None:
    desk = two_tokens()
    accepted_creation(desk, 10, "b")
    accepted_creation(desk, 10, "a")
    accepted_redemption(desk, 10, "c", **SHORT)
    order = only(desk.quote(200, 1001), OrderSent)
    assert order.quantity == 45
    assert [(part.token, part.purpose, part.request) for part in order.allocations] == [
        (NAME, "creation", "a"),
        (NAME, "creation", "b"),
        ("TAO3S", "redemption", "c"),
    ]


def test_flows_of_two_tokens_cross_without_commission() -> None:
    desk = two_tokens(commission=d("0.01"))
    accepted_creation(desk, 10, "long")
    accepted_creation(desk, 10, "short", **SHORT)
    said = desk.quote(200, 1001)
    none(said, OrderSent)
    crossed = only(said, WantsCrossed)
    assert {share.request: values(share.quantity, share.cash) for share in crossed.shares} == {
        "long": (15, -3000),
        "short": (-15, 3000),
    }
    assert {made.token: made.paid for made in kinds(said, UnitsCreated)} == {NAME: 1000, "TAO3S": 1000}
    assert len(kinds(said, RequestSettled)) == 2
    assert value(desk, 200) == value(desk, 200, "TAO3S") == 100


@pytest.mark.parametrize(("create", "redeem", "side"), [(20, 10, "buy"), (10, 20, "sell"), (10, 10, None)])
def test_a_creation_and_a_redemption_of_one_token_meet(create: int, redeem: int, side: str | None) -> None:
    desk = primary()
    accepted_creation(desk, create, "c")
    accepted_redemption(desk, redeem, "r")
    said = desk.quote(200, 1001)
    crossed = only(said, WantsCrossed)
    assert {abs(share.quantity) for share in crossed.shares} == {15}
    orders = kinds(said, OrderSent)
    assert [(order.side, order.quantity) for order in orders] == ([(side, d(15))] if side else [])
    for order in orders:
        filled(desk, order, 201, 1)
    assert desk[NAME].units == 100 + create - redeem
    assert value(desk, 200) == 100
    assert len(desk.all(RequestSettled)) == 2


def test_a_flow_waits_for_the_order_that_is_out_and_the_interval() -> None:
    desk = primary()
    accepted_creation(desk, 10, "one")
    first = only(desk.quote(200, 1001), OrderSent)
    accepted_creation(desk, 10, "two")
    said = desk.quote(200, 1002)
    only(said, RequestStruck)
    none(said, OrderSent)
    none(filled(desk, first, 200), OrderSent)
    none(desk.quote(200, 1030.9), OrderSent)
    second = only(desk.quote(200, 1031), OrderSent)
    assert [part.request for part in second.allocations] == ["two"]
    assert second.quantity == d("15")


def test_a_reset_or_trigger_of_the_token_leaves_the_goal_of_a_flow_alone() -> None:
    desk = primary(max_slice_notional=d(200))
    accepted_creation(desk, 10, cash=3000)
    desk.quote(200, 1001)
    desk.quote(210, DAY_S - 1)
    desk.clock(DAY_S)
    assert desk[NAME].goal == d("164.285714285714285714")
    assert request(desk, "c1").goal == 15
    desk.quote(170, DAY_S + 1)
    assert request(desk, "c1").goal == 15


def test_shares_of_a_flow_name_its_request_and_their_sum_is_the_fill() -> None:
    desk = at_reset(("creation", 10))
    order = only(desk.clock(DAY_S), OrderSent)
    booked = only(desk.fill(order, order.quantity, 210, commission=7), FillBooked)
    assert all(isinstance(share, BookedShare) for share in booked.shares)
    assert sum(share.quantity for share in booked.shares) == order.quantity
    assert sum(share.cash for share in booked.shares) == -order.quantity * 210 - 7
    assert {share.request for share in booked.shares} == {None, "x0"}


def test_a_creation_after_a_reset_joins_with_the_tokens_rest_still_open() -> None:
    desk = primary(order_expiry_s=600)
    desk.quote(210, DAY_S - 1)
    rebalance = only(desk.clock(DAY_S), OrderSent)
    accepted_creation(desk, 10, cash=1500)
    struck = only(desk.quote(210, DAY_S + 1), RequestStruck)
    assert near(struck.goal, d("16.428571428571428571"))
    filled(desk, rebalance, 210)
    order = only(desk.quote(210, DAY_S + 40), OrderSent)
    made = only(filled(desk, order, 212, 1), UnitsCreated)
    assert near(made.nav, 115, 4)  # the 0.0007 the reset had left were bought at 212 as well
    assert near(desk[NAME].want, 0, 2)
    assert near(value(desk, 210), made.nav, 16)
    assert near(desk[NAME].goal, WANT + 150 + made.basket, 16)
