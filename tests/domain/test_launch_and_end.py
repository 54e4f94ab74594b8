"""Sections 1, 3 and 5: the first unit of a series, and the last one out."""

from typing import Any

import pytest

from engine.domain.outputs import (
    NavPublished,
    OrderSent,
    TokenLaunched,
    TokenReset,
    TokenTerminated,
)
from engine.domain.primary_events import (
    RequestReceived,
    RequestStruck,
    SeriesEnded,
    UnitsCreated,
    UnitsRedeemed,
)
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    accepted_redemption,
    admit,
    cash_creation,
    create,
    deliver,
    filled,
    issuer_cash,
    primary,
    request,
    value,
)
from tests.domain.scenes import DAY_S, NAME, kinds, values

ASSUMED: dict[str, Any] = {"fills": "assumed"}
QUIET: dict[str, Any] = {"max_leverage": "none"}


def unseeded(multiplier: Any = 3, **terms: Any) -> Desk:
    """TAO3L listed at 200 without a unit."""
    token = terms.pop("token", {})
    desk = Desk.open(**terms)
    desk.token(NAME, multiplier, seed=0, **token)
    desk.quote(200, 1000)
    admit(desk)
    return desk


def emptied(**terms: Any) -> Desk:
    """TAO3L whose 100 units were redeemed at 202, sold at 202."""
    desk = accepted_redemption(primary(**terms), 100)
    filled(desk, only(desk.quote(202, 1001), OrderSent), 202)
    return desk


def test_a_token_without_units_has_no_orders_and_no_leverage() -> None:
    desk = unseeded(publication_interval_s=1)
    said = [*desk.quote(150, 1001), *desk.quote(400, DAY_S - 1), *desk.clock(DAY_S), *desk.quote(90, DAY_S + 2)]
    none(said, OrderSent)
    none(said, TokenReset)
    none(said, TokenTerminated)
    assert {nav.leverage for nav in kinds(said, NavPublished)} <= {None}
    assert desk[NAME].units == desk[NAME].basket == desk[NAME].cash == 0


@pytest.mark.parametrize(("multiplier", "side", "goal"), [(3, "buy", 15), (-2, "sell", -10)])
def test_the_first_creation_launches_at_the_initial_nav(multiplier: int, side: str, goal: int) -> None:
    desk = accepted_creation(unseeded(multiplier))
    struck = only(desk.quote(200, 1001), RequestStruck)
    assert values(struck.nav, struck.goal) == (100, goal)
    [order] = desk.all(OrderSent)
    assert values(order.side, order.quantity) == (side, 15 if goal == 15 else 10)
    said = filled(desk, order, 201, "0.5")
    launch = only(said, TokenLaunched)
    made = only(said, UnitsCreated)
    assert values(launch.series, launch.units, launch.nav, launch.price) == (1, 10, 100, 200)
    cash = -goal * 201 - d("0.5")
    assert values(made.paid, made.fee, made.nav) == (1000 - (goal * 200 + cash), 1, 100)
    assert value(desk, 200) == 100
    assert values(desk[NAME].basket, desk[NAME].cash, desk[NAME].goal) == (goal, 1000 - goal * 200, goal)
    assert values(desk[NAME].benchmark, desk[NAME].rule_value) == (100, 100)


def test_the_launch_is_at_the_price_of_the_last_fill() -> None:
    desk = accepted_creation(unseeded())
    order = only(desk.quote(200, 1001), OrderSent)
    desk.fill(order, 8, 200)
    desk.quote(204, 1002)
    said = desk.fill(order, 7, 204)
    made = only(said, UnitsCreated)
    assert values(made.nav, made.price, made.paid) == (100, 204, 1000 - (15 * 204 - 1600 - 1428))
    assert only(said, TokenLaunched).price == 204
    assert desk[NAME].benchmark_price == desk[NAME].rule_price == 204


def test_a_second_creation_before_the_launch_joins_it() -> None:
    desk = unseeded()
    accepted_creation(desk, 10, "one")
    accepted_creation(desk, 20, "two")
    order = only(desk.quote(200, 1001), OrderSent)
    assert order.quantity == 45
    said = filled(desk, order, 202)
    assert len(kinds(said, UnitsCreated)) == 2
    assert values(only(said, TokenLaunched).units) == (10,)
    assert values(desk[NAME].units, desk[NAME].basket) == (30, 45)
    assert value(desk, 200) == 100


def test_a_cash_request_launches_too() -> None:
    desk = cash_creation(unseeded(token=ASSUMED), "1101")
    assert only(desk.quote(210, 1001), UnitsCreated).units == 10


def test_the_initial_nav_is_a_term() -> None:
    desk = unseeded(token=ASSUMED | {"initial_nav": d(40)})
    assert only(create(desk), RequestReceived).cash_required == d("440.4")
    deliver(desk, "440.4")
    made = only(desk.quote(200, 1001), UnitsCreated)
    assert values(made.nav, made.basket, made.paid) == (40, 6, 400)


def test_a_launch_too_small_to_trade_still_launches() -> None:
    desk = accepted_creation(unseeded(min_notional=d(5000)))
    said = desk.quote(200, 1001)
    assert only(said, TokenLaunched).units == 10
    assert values(desk[NAME].basket, desk[NAME].cash) == (0, 1000)


def test_the_last_holder_out_ends_the_series() -> None:
    desk = accepted_redemption(primary(), 100)
    said = desk.quote(202, 1001)
    ended = only(said, SeriesEnded)
    assert ended.series == 1
    token = desk[NAME]
    assert values(token.units, token.basket, token.cash, token.goal, token.open) == (0, 0, 0, 0, 0)
    order = only(said, OrderSent)
    assert order.quantity == 150
    assert only(filled(desk, order, 202), UnitsRedeemed).payout == 10300 * d("0.999")


def test_what_rounding_leaves_is_the_issuers() -> None:
    desk = primary(seed=7)  # q = 10.5
    desk.quote("200.000000000001", 1001)
    accepted_redemption(desk, 3, "a")
    desk.quote("203.333333333333", 1002)
    before = desk[NAME].cash
    accepted_redemption(desk, 4, "b")
    desk.quote("201.777777777777", 1003)
    assert desk[NAME].units == desk[NAME].cash == desk[NAME].basket == 0
    moved = desk.all(RequestStruck)[-1].cash
    [ended] = desk.all(SeriesEnded)
    assert ended.cash + moved == before
    assert issuer_cash(desk) == ended.cash


def test_an_open_rebalance_goes_with_the_last_holder() -> None:
    desk = primary(order_expiry_s=600)
    desk.quote(210, DAY_S - 1)
    order = only(desk.clock(DAY_S), OrderSent)
    accepted_redemption(desk, 100)
    struck = only(desk.quote(210, DAY_S + 1), RequestStruck)
    assert struck.open == order.quantity
    assert desk[NAME].open == 0
    filled(desk, order, 210)
    assert request(desk, "r1").basket == 150 + order.quantity
    assert values(desk[NAME].basket, desk[NAME].cash, desk[NAME].units) == (0, 0, 0)


def test_the_next_creation_is_a_new_series_at_the_initial_nav() -> None:
    desk = accepted_creation(emptied())
    order = only(desk.quote(240, 1040), OrderSent)
    assert order.quantity == d("12.5")
    said = filled(desk, order, 240)
    launch = only(said, TokenLaunched)
    assert values(launch.series, launch.nav, launch.price) == (2, 100, 240)
    assert values(desk[NAME].benchmark, desk[NAME].rule_value) == (100, 100)
    assert value(desk, 240) == 100


def test_a_rest_too_small_to_sell_after_the_last_holder_is_the_issuers() -> None:
    desk = accepted_redemption(primary(seed=3, lot=d(1), slippage=d("0.01"), token={"redemption_fee": d(0)}), 3)
    order = only(desk.quote(200, 1001), OrderSent)
    assert order.quantity == 4  # of 4.5
    made = only(filled(desk, order, 200), UnitsRedeemed)
    assert values(made.returned_basket, made.charge, made.payout) == (d("0.5"), 1, 299)
    assert desk.book is not None
    assert desk.book.market.issuer_basket == d("0.5")
    assert issuer_cash(desk) == -99
    assert values(desk[NAME].basket, desk[NAME].cash) == (0, 0)


def test_when_the_last_holder_leaves_before_a_creation_joins_it_launches_the_next_series() -> None:
    desk = accepted_creation(primary(), 10)
    order = only(desk.quote(202, 1001), OrderSent)
    accepted_redemption(desk, 100)
    desk.quote(202, 1002)
    assert desk[NAME].units == 0
    said = filled(desk, order, 202)
    made = only(said, UnitsCreated)
    assert values(made.nav, made.basket) == (100, 15)
    assert only(said, TokenLaunched).series == 2
    assert value(desk, 202) == 100
