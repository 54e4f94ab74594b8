"""Section 5: a creation trades in its own account and pays its own way; holders neither gain nor lose."""

from typing import Any

import pytest

from engine.domain.outputs import OrderEnded, OrderSent, WantAbandoned
from engine.domain.primary_events import (
    RequestReturned,
    RequestSettled,
    RequestStruck,
    UnitsCreated,
)
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    cash_creation,
    filled,
    issuer_cash,
    primary,
    request,
    value,
)
from tests.domain.scenes import NAME, kinds, near, values

ASSUMED: dict[str, Any] = {"fills": "assumed"}


def struck(units: Any = 10, price: Any = 202, **given: Any) -> tuple[Desk, OrderSent]:
    """10 units struck at 202, where n = 103: the account buys 15."""
    cash = given.pop("cash", None)
    desk = accepted_creation(primary(**given), units, cash=cash)
    return desk, only(desk.quote(price, 1001), OrderSent)


def untouched(desk: Desk) -> bool:
    return values(desk[NAME].units, desk[NAME].basket, desk[NAME].cash, desk[NAME].goal) == (100, 150, -20000, 150)


def test_the_account_buys_the_share_of_the_tokens_goal_and_the_token_is_untouched() -> None:
    desk = accepted_creation(primary())
    said = desk.quote(202, 1001)
    joined = only(said, RequestStruck)
    assert values(joined.units, joined.price, joined.nav, joined.goal) == (10, 202, 103, 15)
    assert values(joined.basket, joined.cash, joined.open) == (0, 0, 0)
    order = only(said, OrderSent)
    assert values(order.side, order.quantity, order.decision_price) == ("buy", 15, 202)
    [part] = order.allocations
    assert values(part.token, part.purpose, part.quantity, part.request) == (NAME, "creation", 15, "c1")
    assert untouched(desk)


def test_leverage_is_bought_as_published_and_not_as_promised() -> None:
    desk = accepted_creation(primary(), 7)
    joined = only(desk.quote(190, 1001), RequestStruck)
    assert joined.goal == d("10.5")  # 150 * 7 / 100; at the promised 3x it would be 3 * 7 * 85 / 190
    assert near(joined.goal * 190 / (7 * joined.nav), d(150) * 190 / 8500)


def test_at_the_last_fill_the_participant_pays_what_makes_the_holders_whole() -> None:
    desk, order = struck()
    none(desk.fill(order, 6, 203, commission="0.5"), UnitsCreated)
    assert values(request(desk, "c1").basket, request(desk, "c1").cash) == (6, d("-1218.5"))
    assert untouched(desk)
    desk.quote(204, 1002)  # n = 106
    assert untouched(desk)
    said = desk.fill(order, 9, "203.5", commission="0.75")
    made = only(said, UnitsCreated)
    # cash -1218.5 - 1831.5 - 0.75 = -3050.75; 10 * 106 - (15 * 204 - 3050.75) = 1050.75; fee 0.1 % of 1060
    assert values(made.units, made.nav, made.price) == (10, 106, 204)
    assert values(made.basket, made.cash, made.paid, made.charge, made.fee) == (
        15,
        d("-3050.75"),
        d("1050.75"),
        0,
        d("1.06"),
    )
    settled = only(said, RequestSettled)
    assert values(settled.flow, settled.units, settled.cash) == ("creation", 10, 1101 - d("1051.81"))
    token = desk[NAME]
    assert values(token.units, token.basket, token.cash, token.goal) == (110, 165, -22000, 165)
    assert value(desk, 204) == 106
    assert issuer_cash(desk) == d("1.06")


def test_a_better_price_is_the_participants_too() -> None:
    desk, order = struck()
    made = only(desk.fill(order, 15, 199), UnitsCreated)
    assert values(made.nav, made.paid, made.fee) == (103, 1030 - (15 * 202 - 15 * 199), d("1.03"))
    assert value(desk, 202) == 103


@pytest.mark.parametrize(
    "parts", [("15",), ("0.001", "14.999"), ("5", "5", "5"), ("3.333333333333333333", "11.666666666666666667")]
)
def test_no_unit_is_released_before_the_last_fill(parts: tuple[str, ...]) -> None:
    desk, order = struck()
    for number, part in enumerate(parts, 1):
        made = kinds(desk.fill(order, part, 202), UnitsCreated)
        assert bool(made) is (number == len(parts))
        assert desk[NAME].units == (110 if made else 100)
    assert value(desk, 202) == 103


def test_nav_is_of_the_last_fill_even_when_it_is_the_tokens_own_commission_that_changed_it() -> None:
    desk, order = struck()
    desk.quote(201, 1002)
    made = only(desk.fill(order, 15, 202, commission=3), UnitsCreated)
    assert values(made.nav, made.price, made.paid) == (d("101.5"), 201, 1015 - (15 * 201 - 3033))
    assert value(desk, 201) == d("101.5")


def test_assumed_fills_create_in_the_strike() -> None:
    desk = accepted_creation(primary(token=ASSUMED, slippage=d("0.001"), commission=d("0.0005")))
    said = desk.quote(202, 1001)
    made = only(said, UnitsCreated)
    price = 202 * d("1.001")
    cash = -15 * price - 15 * price * d("0.0005")
    assert near(made.cash, cash)
    assert near(made.paid, 1030 - (3030 + cash))
    assert near(only(said, RequestSettled).cash, 1101 - made.paid - d("1.03"))
    assert near(value(desk, 202), 103, 17)
    assert value(desk, 202) >= 103


def test_a_creation_is_sliced_and_joins_with_its_last_slice() -> None:
    desk, order = struck(max_slice_notional=d(1010))
    for at in (1031, 1061):
        assert order.quantity == 5
        none(desk.fill(order, 5, 202), UnitsCreated)
        order = only(desk.quote(202, at), OrderSent)
    assert values(only(desk.fill(order, 5, 202), UnitsCreated).basket) == (15,)


def test_a_slice_filled_whole_is_no_try() -> None:
    desk, order = struck(max_slice_notional=d(1010), max_tries=1)
    for at in (1031, 1061):
        none(desk.fill(order, 5, 202), WantAbandoned)
        order = only(desk.quote(202, at), OrderSent)
    only(desk.fill(order, 5, 202), UnitsCreated)


def test_what_is_left_is_tried_again() -> None:
    desk, order = struck()
    desk.fill(order, 4, 202)
    desk.end(order)
    again = only(desk.quote(202, 1040), OrderSent)
    assert again.quantity == 11
    assert only(desk.fill(again, 11, 202), UnitsCreated).units == 10


def test_tries_run_out_units_for_the_filled_share_and_the_excess_is_sold() -> None:
    desk, order = struck(max_tries=1, token={"creation_unit": d(4)}, units=8)  # goal 12
    assert order.quantity == 12
    desk.fill(order, 10, 202)  # 8 * 10 / 12 = 6.67 units: 4 of them, whose basket is 6
    said = [*desk.end(order), *desk.quote(202, 1040)]
    assert only(said, WantAbandoned).request == "c1"
    sale = only(said, OrderSent)
    assert sale.side == "sell"
    said = [*said, *desk.fill(sale, sale.quantity, 200), *desk.end(sale, "filled")]
    made = only(said, UnitsCreated)
    settled = only(said, RequestSettled)
    # bought for 2020; with 4 units go 6 TAO; 4 are sold at 200
    assert values(made.units, sale.quantity, settled.units) == (4, 4, 4)
    assert values(made.basket, made.nav, made.fee) == (6, 103, d("0.412"))
    assert near(value(desk, 202), 103, 16)
    assert value(desk, 202) >= 103
    asked = d("880.8")  # 8 * 100 * 1.101
    assert near(settled.cash, asked - 412 + 6 * 202 - 2020 + 800 - d("0.412"), 12)
    assert values(desk[NAME].units, desk[NAME].basket) == (104, 156)


def test_the_filled_share_may_be_all_that_the_units_allow() -> None:
    desk, order = struck(max_tries=1)
    desk.fill(order, d("4.5"), 202)  # 3 units exactly
    said = [*desk.end(order), *desk.quote(202, 1040)]
    assert values(only(said, UnitsCreated).units, only(said, UnitsCreated).basket) == (3, d("4.5"))
    settled = only(said, RequestSettled)
    assert values(settled.units, settled.cash) == (3, 1101 - (309 - d("4.5") * 202 + 909) - d("0.309"))
    assert value(desk, 202) == 103


def test_nothing_filled_gives_the_cash_back() -> None:
    desk, order = struck(max_tries=2)
    desk.end(order)
    order = only(desk.quote(202, 1040), OrderSent)
    said = [*desk.end(order, "rejected"), *desk.quote(202, 1080)]
    returned = only(said, RequestReturned)
    assert values(returned.cash, returned.units, returned.reason) == (1101, 0, "nothing_filled")
    none(said, OrderSent)
    assert untouched(desk)


def test_less_than_a_unit_filled_is_sold_at_the_participants_cost() -> None:
    desk, order = struck(max_tries=1)
    desk.fill(order, 1, 202)
    said = [*desk.end(order), *desk.quote(202, 1040)]
    sale = only(said, OrderSent)
    assert values(sale.side, sale.quantity) == ("sell", 1)
    said = [*said, *desk.fill(sale, 1, 195, commission=2)]
    none(said, UnitsCreated)
    assert only(said, RequestReturned).cash == 1101 - 202 + 195 - 2
    assert untouched(desk)


@pytest.mark.parametrize("price", [203, 204, 206, 208, 220])
def test_the_delivered_cash_is_the_maximum(price: int) -> None:
    desk, order = struck(cash=1101)
    desk.quote(price, 1002)
    filled(desk, order, price, 40)
    for at in range(1040, 1400, 40):
        desk.quote(price, at)
        for sale in desk.all(OrderSent)[1:]:
            if not [end for end in desk.all(OrderEnded) if end.order_id == sale.order_id]:
                desk.fill(sale, sale.quantity, price)
    ended: list[RequestSettled | RequestReturned] = [*desk.all(RequestSettled), *desk.all(RequestReturned)]
    assert len(ended) == 1
    assert 0 <= ended[0].cash <= 1101
    for made in desk.all(UnitsCreated):
        assert made.paid + made.charge + made.fee <= 1101
    n = (150 * d(price) - 20000) / 100
    full = 10 * n * d("1.001") + 40 <= 1101
    assert (ended[0].units == 10) is full
    assert n <= value(desk, price) < n * (1 + d("1e-17"))


def test_a_part_too_small_to_send_joins_and_is_charged() -> None:
    desk, order = struck(11, lot=d(1), slippage=d("0.002"), commission=d("0.001"))
    assert order.quantity == 16  # of 16.5
    made = only(filled(desk, order, 203, 1), UnitsCreated)
    charge = d("0.5") * 202 * d("0.002") + d("0.5") * 202 * d("1.002") * d("0.001")
    assert values(made.units, made.basket, made.cash) == (11, 16, -3249)
    assert near(made.charge, charge)
    assert made.charge >= charge
    assert near(made.paid, 11 * 103 - (16 * 202 - 3249))
    assert near(value(desk, 202), 103 + charge / 111, 16)
    assert value(desk, 202) >= 103 + charge / 111
    token = desk[NAME]
    assert values(token.units, token.basket, token.goal) == (111, 166, 166)


@pytest.mark.parametrize(("units", "minimum"), [(1, 400), (2, 700)])
def test_a_creation_too_small_to_trade_at_all_joins_in_the_strike(units: int, minimum: int) -> None:
    desk = accepted_creation(primary(min_notional=d(minimum), slippage=d("0.002")), units)
    said = desk.quote(202, 1001)
    none(said, OrderSent)
    made = only(said, UnitsCreated)
    dust = d("1.5") * units * 202 * d("0.002")
    assert values(made.units, made.basket, made.cash, made.paid) == (units, 0, 0, 103 * units)
    assert near(made.charge, dust)
    assert value(desk, 202) >= 103 + dust / (100 + units)
    assert desk[NAME].goal == 150


def test_a_dust_part_is_charged_nothing_where_trading_costs_nothing() -> None:
    desk, order = struck(11, lot=d(1))
    assert only(filled(desk, order, 202), UnitsCreated).charge == 0
    assert value(desk, 202) == 103


@pytest.mark.parametrize(("cash", "units"), [(1200, 10), ("1134.03", 10), ("1134.02", 9), (1101, 9)])
def test_a_cash_request_makes_the_units_its_cash_pays_for_at_the_strike(cash: Any, units: int) -> None:
    desk = cash_creation(primary(token=ASSUMED), cash)
    said = desk.quote(202, 1001)
    made = only(said, UnitsCreated)
    assert values(made.units, made.paid, made.fee) == (units, 103 * units, d("0.103") * units)
    assert only(said, RequestSettled).cash == d(cash) - d("103.103") * units
