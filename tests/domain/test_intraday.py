"""Section 3: what happens between resets when leverage reaches a limit."""

from typing import Any

import pytest

from engine.domain.outputs import OrderSent, RebalanceTriggered, TokenReset
from engine.domain.terms import TokenTerms
from tests.desk import d, none, only
from tests.domain.scenes import EXACTLY, NAME, kinds, launched, near, spaced, values


@pytest.mark.parametrize(
    "terms",
    [
        {"max_leverage": "3"},
        {"max_leverage": "2.9"},
        {"min_leverage": "3"},
        {"min_leverage": "3.1"},
        {"max_leverage": "4", "emergency_leverage": "3.9"},
        {"multiplier": "1"},
        {"multiplier": "0"},
        {"multiplier": "0.5"},
        {"multiplier": "11"},
        {"multiplier": "-10.1"},
        {"multiplier": "-3", "max_leverage": "3"},
    ],
)
def test_terms_that_would_act_at_once_or_never_are_refused(terms: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"multiplier|max_leverage|min_leverage"):
        TokenTerms(**({"multiplier": d(3)} | {name: d(value) for name, value in terms.items()}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("multiplier", "limit", "emergency"), [("3", 4, 6), ("-1.5", 2, 3), ("-3", 4, 6), ("9", 12, 18)]
)
def test_default_limits_are_four_thirds_and_twice_the_multiplier(multiplier: str, limit: int, emergency: int) -> None:
    terms = TokenTerms(multiplier=d(multiplier))
    assert values(terms.de_lever_at, terms.emergency_at) == (limit, emergency)


def test_the_default_emergency_is_never_below_the_maximum_and_none_without_one() -> None:
    assert TokenTerms(multiplier=d(3), max_leverage=d(7)).emergency_at == 7
    assert TokenTerms(multiplier=d(3), max_leverage="none").emergency_at is None


@pytest.mark.parametrize(
    ("multiplier", "nav", "price", "limit_price", "just_before"),
    [(3, 60, 180, 160, "160.001"), (-3, 50, 150, 160, "159.999")],
)
def test_reaching_max_leverage_de_levers_at_once_to_target(
    multiplier: int, nav: int, price: int, limit_price: int, just_before: str
) -> None:
    desk = launched(multiplier, nav=nav, price=price)
    none(desk.quote(just_before, -101), RebalanceTriggered)
    said = desk.quote(limit_price, -100)
    fired = only(said, RebalanceTriggered)
    assert values(fired.trigger, fired.limit, fired.price, fired.with_index) == ("max_leverage", 4, 160, True)
    assert fired.leverage is not None
    assert values(fired.equity, abs(fired.leverage)) == (4000, 4)
    assert fired.goal == multiplier * 25
    assert fired.want == (-25 if multiplier > 0 else 25)
    order = only(said, OrderSent)
    assert values(order.quantity, order.urgent) == (25, False)
    assert order.limit_price == d(160) * d("0.99" if multiplier > 0 else "1.01")


@pytest.mark.parametrize(
    ("multiplier", "nav", "price", "winning"), [(3, 60, 180, 400), (-3, 50, 150, 20), (-1, 50, 150, 10)]
)
def test_only_the_losing_side_acts(multiplier: int, nav: int, price: int, winning: int) -> None:
    desk = launched(multiplier, nav=nav, price=price)
    none(desk.quote(winning, -100), RebalanceTriggered)


@pytest.mark.parametrize("price", [160, 140, "120.5"])
def test_without_a_max_leverage_nothing_fires(price: Any) -> None:
    desk = spaced(token={"max_leverage": "none"})
    none(desk.quote(price, -100), RebalanceTriggered)


def test_min_leverage_re_levers_a_winner() -> None:
    desk = spaced(token={"min_leverage": d(2)})
    none(desk.quote("239.99", -101), RebalanceTriggered)
    said = desk.quote(240, -100)
    fired = only(said, RebalanceTriggered)
    assert values(fired.trigger, fired.goal, fired.want) == ("min_leverage", 150, 50)
    order = only(said, OrderSent)
    assert values(order.side, order.quantity, order.urgent) == ("buy", 50, False)


def test_reaching_emergency_leverage_sends_the_whole_order_with_the_wider_tolerance() -> None:
    desk = spaced(max_slice_notional=d(1000))
    said = desk.quote(144, -100)
    fired = only(said, RebalanceTriggered)
    assert values(fired.trigger, fired.goal, fired.want) == ("emergency_leverage", 50, -50)
    order = only(said, OrderSent)
    assert values(order.quantity, order.urgent, order.limit_price) == (50, True, d(144) * d("0.95"))


def test_just_short_of_emergency_leverage_is_an_ordinary_de_lever() -> None:
    desk = spaced()
    said = desk.quote("144.01", -100)
    assert only(said, RebalanceTriggered).trigger == "max_leverage"
    assert not only(said, OrderSent).urgent


def test_a_trigger_does_not_fire_again_while_its_order_is_out() -> None:
    desk = spaced()
    desk.quote(160, -100)
    said = [*desk.quote(159, -99), *desk.quote(160, -98), *desk.quote(150, -97), *desk.clock(-96)]
    none(said, RebalanceTriggered)
    assert desk[NAME].goal == 75


def test_a_trigger_does_not_fire_again_while_its_rest_could_be_sent() -> None:
    desk = spaced()
    order = only(desk.quote(160, -100), OrderSent)
    desk.fill(order, 5, 160)
    said = [*desk.end(order), *desk.quote(159, -90)]
    again = desk.quote(158, -70)
    none([*said, *again], RebalanceTriggered)
    assert only(again, OrderSent).quantity == 20


def test_a_trigger_fires_again_when_its_want_is_filled_and_the_limit_is_reached_anew() -> None:
    desk = spaced()
    order = only(desk.quote(160, -100), OrderSent)
    none(desk.fill(order, 25, 160), RebalanceTriggered)
    none(desk.quote(155, -60), RebalanceTriggered)
    fired = only(desk.quote(142, -59), RebalanceTriggered)  # q=75, c=-8000
    assert values(fired.trigger, fired.equity) == ("max_leverage", 2650)
    assert near(fired.goal, d(3 * 2650) / 142)


def test_a_rest_too_small_to_send_does_not_keep_a_trigger_from_firing() -> None:
    desk = spaced(lot=d(10))
    order = only(desk.quote(160, -100), OrderSent)
    assert order.quantity == 20
    desk.fill(order, 20, 160)  # q=80, c=-8800, 5 left of the want
    fired = only(desk.quote(146, -60), RebalanceTriggered)
    assert near(fired.goal, d(3 * 2880) / 146)


def test_a_want_too_small_to_send_at_all_leaves_the_trigger_armed() -> None:
    desk = spaced(min_notional=d(4001))
    none(desk.quote(160, -100), OrderSent)  # 25 to sell: 4000
    said = desk.quote(155, -99)  # 32.258 to sell: 5000
    assert near(only(said, RebalanceTriggered).goal, d(3 * 3500) / 155)
    assert only(said, OrderSent).quantity == d("32.258")


@pytest.mark.parametrize("price", [170, 210])
def test_the_goal_of_a_trigger_is_not_chased_by_later_prices(price: int) -> None:
    desk = spaced()
    order = only(desk.quote(160, -100), OrderSent)
    desk.end(order)
    assert only(desk.quote(price, -60), OrderSent).quantity == 25


def test_triggers_look_at_what_is_filled_not_at_what_is_out() -> None:
    desk = spaced()
    desk.quote(160, -100)
    fired = only(desk.quote(144, -99), RebalanceTriggered)
    assert values(fired.leverage, fired.equity) == (6, 2400)


def test_the_emergency_fires_over_an_open_ordinary_want_and_is_sent_beside_its_order() -> None:
    desk = spaced()
    first = only(desk.quote(160, -100), OrderSent)
    said = desk.quote(144, -99)
    fired = only(said, RebalanceTriggered)
    assert values(fired.trigger, fired.goal, fired.want) == ("emergency_leverage", 50, -25)
    second = only(said, OrderSent)
    assert values(second.side, second.quantity, second.urgent) == ("sell", 25, True)
    assert second.order_id != first.order_id


def test_the_emergency_does_not_fire_again_until_its_want_is_closed() -> None:
    desk = spaced()
    order = only(desk.quote(144, -100), OrderSent)
    said = [*desk.quote(140, -99), *desk.quote(144, -98), *desk.quote(130, -97), *desk.fill(order, 20, 140)]
    none(said, RebalanceTriggered)
    none(said, OrderSent)


def test_an_emergency_stays_one_until_its_want_is_closed_whatever_the_leverage() -> None:
    desk = spaced(max_slice_notional=d(100))
    order = only(desk.quote(144, -100), OrderSent)
    desk.fill(order, 20, 144)
    desk.quote(170, -99)  # q=80, c=-9120: leverage 3.04
    again = only(desk.end(order), OrderSent)
    assert values(again.urgent, again.quantity) == (True, 30)


def test_the_emergency_fires_again_after_its_want_is_closed() -> None:
    desk = spaced()
    order = only(desk.quote(144, -100), OrderSent)
    desk.fill(order, 50, 144)  # q=50, c=-4800
    assert only(desk.quote(115, -99), RebalanceTriggered).trigger == "emergency_leverage"


def test_an_emergency_never_reverses_an_emergency_order_still_out() -> None:
    desk = spaced(order_expiry_s=3600)
    first = only(desk.quote(130, -60), OrderSent)
    desk.quote(144, -1)
    said = [*desk.clock(0), *desk.quote(144, 1), *desk.quote("143.9", 2), *desk.quote(144, 61)]
    assert kinds(said, TokenReset)
    none(said, OrderSent)
    assert first.side == "sell"


@pytest.mark.parametrize("price", [160, 144])
def test_a_reset_replaces_the_want_of_a_trigger(price: int) -> None:
    desk = spaced(**EXACTLY)
    order = only(desk.quote(price, -50), OrderSent)
    desk.end(order, "rejected")
    desk.quote(170, -1)
    reset = only(desk.clock(0), TokenReset)
    assert near(reset.goal, d(15000) / 170)


def test_the_rule_value_follows_an_intraday_rebalance_at_its_decision_price_without_cost() -> None:
    desk = spaced(slippage=d("0.01"), commission=d("0.01"), token={"fills": "assumed"}, **EXACTLY)
    fired = only(desk.quote(160, -100), RebalanceTriggered)
    assert near(fired.rule_value, 40)
    desk.quote(176, -1)
    assert near(only(desk.clock(0), TokenReset).rule_value, 40 * (1 + 3 * d("0.1")))
    assert near(desk[NAME].benchmark, 60 * (1 + 3 * (d(176) / 180 - 1)))
