"""Section 3: the end of a token whose value is gone, and what its holders get."""

from typing import Any

import pytest

from engine.domain.outputs import (
    NavPublished,
    OrderSent,
    RebalanceTriggered,
    TokenClosed,
    TokenReset,
    TokenTerminated,
)
from tests.desk import Desk, d, none, only
from tests.domain.scenes import DAY_S, EXACTLY, NAME, kinds, launched, near, spaced, values

QUIET: dict[str, Any] = {"max_leverage": "none"}


def terminated(**terms: Any) -> tuple[Desk, OrderSent]:
    """100 TAO to sell, 12000 owed, at 120."""
    desk = spaced(token=QUIET, **terms)
    return desk, only(desk.quote(120, -100), OrderSent)


@pytest.mark.parametrize(
    ("multiplier", "nav", "price", "alive", "spent"),
    [(3, 60, 180, "120.01", 120), (3, 60, 180, "120.01", 90), (-3, 50, 150, "199.99", 200), (-1, 50, 150, "299", 301)],
)
@pytest.mark.parametrize("token", [QUIET, {}])
def test_a_token_is_terminated_when_its_value_is_gone(
    multiplier: int, nav: int, price: int, alive: str, spent: Any, token: dict[str, Any]
) -> None:
    desk = launched(multiplier, nav=nav, price=price, token=token)
    none(desk.quote(alive, -101), TokenTerminated)
    said = desk.quote(spent, -100)
    ended = only(said, TokenTerminated)
    assert (ended.price, ended.with_index) == (d(spent), True)
    assert ended.equity <= 0
    assert desk[NAME].goal == 0


@pytest.mark.parametrize("price", [120, 100, 60])
def test_nav_is_published_as_zero_never_negative(price: int) -> None:
    desk = spaced(token=QUIET, publication_interval_s=1)
    navs = kinds([*desk.quote(price, -100), *desk.quote(price - 10, -99), *desk.quote(150, -98)], NavPublished)
    assert len(navs) == 3
    assert {nav.nav for nav in navs} == {d(0)}
    assert {nav.inav for nav in navs} == {d(0)}


def test_the_whole_basket_is_sold_and_not_more() -> None:
    _, order = terminated()
    assert values(order.side, order.quantity) == ("sell", 100)


def test_what_is_out_already_is_not_sold_again() -> None:
    desk = spaced(order_expiry_s=3600)
    first = only(desk.quote(160, -100), OrderSent)
    out = [first, *kinds([*desk.quote(120, -60), *desk.quote(119, -55), *desk.quote(118, -29)], OrderSent)]
    assert sum(order.quantity for order in out) <= 100
    for order in out:
        assert order.side == "sell"


@pytest.mark.parametrize(
    ("price", "commission", "final", "shortfall"),
    [(130, 0, 10, 0), (130, 500, 5, 0), (120, 0, 0, 0), (115, 0, 0, 500), (121, 200, 0, 100)],
)
def test_holders_get_the_cash_that_is_left_and_the_issuer_bears_the_rest(
    price: int, commission: int, final: int, shortfall: int
) -> None:
    desk, order = terminated()
    closed = only(desk.fill(order, 100, price, commission=commission), TokenClosed)
    assert values(closed.units, closed.final_value, closed.shortfall) == (100, final, shortfall)
    assert desk[NAME].status == "closed"


def test_the_final_value_is_rounded_in_the_tokens_favour() -> None:
    desk = launched(3, nav=60, price=180, seed=300, token=QUIET)
    order = only(desk.quote(120, -100), OrderSent)
    closed = only(desk.fill(order, 300, 120 + d("0.01") / 3), TokenClosed)
    cash = 300 * (120 + d("0.01") / 3) - 36000
    assert closed.final_value * 300 <= cash
    assert near(closed.final_value, cash / 300, 17)


def test_a_token_is_closed_only_when_its_basket_is() -> None:
    desk, order = terminated()
    none([*desk.fill(order, 60, 130), *desk.end(order)], TokenClosed)
    again = only(desk.quote(140, -60), OrderSent)
    assert values(again.side, again.quantity) == ("sell", 40)
    closed = only(desk.fill(again, 40, 140), TokenClosed)
    assert values(closed.final_value, closed.shortfall) == (14, 0)


def test_selling_an_ended_token_is_tried_until_it_is_done() -> None:
    desk, order = terminated(max_tries=2)
    for number in range(5):
        desk.end(order, "rejected")
        order = only(desk.quote(119, -60 + 30 * number), OrderSent)
    only(desk.fill(order, 100, 119), TokenClosed)


@pytest.mark.parametrize(("fill_price", "final", "shortfall"), [(130, "999.4", 0), (120, 0, "0.6")])
def test_a_rest_too_small_to_send_is_valued_at_the_assumed_fill_price(
    fill_price: int, final: Any, shortfall: Any
) -> None:
    desk = launched(3, nav=60, price=180, seed=d("100.5"), lot=d(1), slippage=d("0.01"), token=QUIET)
    order = only(desk.quote(120, -100), OrderSent)
    assert order.quantity == 100
    closed = only(desk.fill(order, 100, fill_price), TokenClosed)  # 0.5 left, worth 0.5 * 118.8
    assert near(closed.final_value, d(final) / d("100.5"))
    assert near(closed.shortfall, shortfall)


def test_a_basket_too_small_to_send_at_all_closes_at_once() -> None:
    desk = launched(3, nav=60, price=180, seed=d("0.05"), token=QUIET)
    said = desk.quote(119, -100)  # 0.05 TAO: 5.95 of notional
    none(said, OrderSent)
    closed = only(said, TokenClosed)
    assert closed.final_value == 0
    assert near(closed.shortfall, "0.05")


@pytest.mark.parametrize(("price", "shortfall"), [(120, 120), (110, 1110)])
def test_assumed_fills_sell_and_close_in_the_same_step_with_the_cost(price: int, shortfall: int) -> None:
    desk = spaced(slippage=d("0.01"), token={"fills": "assumed"} | QUIET, **EXACTLY)
    said = desk.quote(price, -100)
    only(said, TokenTerminated)
    closed = only(said, TokenClosed)
    assert values(closed.final_value, closed.shortfall) == (0, shortfall)


def test_a_terminated_token_is_neither_reset_nor_triggered_nor_terminated_again() -> None:
    desk, _ = terminated(order_expiry_s=3600)
    said = [*desk.quote(130, -1), *desk.clock(0), *desk.quote(100, 1), *desk.quote(180, 2)]
    none(said, TokenReset)
    none(said, RebalanceTriggered)
    none(said, TokenTerminated)


@pytest.mark.parametrize("closed", [False, True])
def test_the_benchmark_moves_on_and_the_rule_value_is_frozen(closed: bool) -> None:
    desk, order = terminated(order_expiry_s=3600)
    rule_value = desk[NAME].rule_value
    if closed:
        desk.fill(order, 100, 130)
    desk.quote(189, -1)
    desk.clock(0)
    assert desk[NAME].benchmark == 60 * (1 + 3 * d("0.05"))
    desk.quote("170.1", DAY_S - 1)
    desk.clock(DAY_S)
    assert desk[NAME].benchmark == 69 * (1 - 3 * d("0.1"))
    assert desk[NAME].rule_value == rule_value == 0


def test_a_fill_that_spends_the_value_terminates_the_token() -> None:
    desk = spaced(token={"min_leverage": d(2)} | QUIET)
    order = only(desk.quote(240, -100), OrderSent)
    assert only(desk.fill(order, 50, 1000), TokenTerminated).equity == -26000
    last = only(desk.quote(240, -70), OrderSent)
    assert values(last.side, last.quantity) == ("sell", 150)


@pytest.mark.parametrize("at", [-100, 0])
def test_costs_of_an_assumed_rebalance_beyond_the_value_terminate_and_publish_no_negative_nav(at: float) -> None:
    desk = spaced(token={"fills": "assumed"}, commission=d("0.001"), publication_interval_s=1, **EXACTLY)
    said = [*desk.quote("120.02", at), *desk.clock(at + 1)]  # 2 of value, 12 of commission to de-lever
    assert [nav.nav for nav in kinds(said, NavPublished) if nav.nav is None or nav.nav < 0] == []
    only(said, TokenTerminated)
    assert near(only(said, TokenClosed).shortfall, "10.002")
