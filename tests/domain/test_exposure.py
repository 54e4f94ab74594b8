"""Section 1: what a basket is worth, how it is levered, and at which prices its limits lie."""

from decimal import Decimal

import pytest

from engine.domain.exposure import equity, fallen_to, leverage, price_at, reached, target, zero_price
from engine.domain.numbers import exact
from engine.domain.outputs import NavPublished, OrderSent, TokenLaunched
from tests.desk import Desk, d, none, only
from tests.domain.scenes import NAME, launched, near, values, worked

VECTOR = (d("1.261060779498318641"), d("-0.684866519289629374"), d("0.871"))
MULTIPLIERS = ["2", "3", "1.5", "10", "-1", "-2", "-3", "-0.5"]


def basket_at_target(multiplier: Decimal, price: Decimal, worth: Decimal) -> tuple[Decimal, Decimal]:
    quantity = multiplier * worth / price
    return quantity, worth - quantity * price


def test_the_vector_of_an_exchange_gives_its_value() -> None:
    with exact():
        assert near(equity(*VECTOR), "0.413517419653406162", 18)


def test_the_vector_of_an_exchange_gives_its_leverage() -> None:
    with exact():
        assert near(leverage(*VECTOR), "2.656197506416192149", 18)


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
@pytest.mark.parametrize("move", ["-0.09", "-0.01", "0", "0.05", "0.09"])
def test_between_trades_value_moves_by_the_multiplier_and_leverage_drifts(multiplier: str, move: str) -> None:
    m, r = d(multiplier), d(move)
    with exact():
        q, c = basket_at_target(m, d(100), d(100))
        price = 100 * (1 + r)
        assert near(equity(q, c, price), 100 * (1 + m * r), 40)
        assert near(leverage(q, c, price), m * (1 + r) / (1 + m * r), 40)


@pytest.mark.parametrize(
    ("multiplier", "limit", "percent"),
    [("3", "4", "-11.1111"), ("-3", "4", "6.6667"), ("-3", "5", "11.1111"), ("-1", "4", "60")],
)
def test_the_ladder_from_target_has_the_published_moves(multiplier: str, limit: str, percent: str) -> None:
    with exact():
        found = price_at(d(limit), *basket_at_target(d(multiplier), d(200), d(100)))
        assert found is not None
        assert near((found / 200 - 1) * 100, percent, 4)


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
@pytest.mark.parametrize("beyond", ["1.01", "1.3333", "2"])
def test_the_ladder_from_target_follows_its_closed_form(multiplier: str, beyond: str) -> None:
    m = d(multiplier)
    limit = abs(m) * d(beyond)
    with exact():
        move = (limit - abs(m)) / (abs(m) - limit * m)
        found = price_at(limit, *basket_at_target(m, d(200), d(100)))
        assert near(found, 200 * (1 + move), 30)


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
def test_value_is_zero_at_minus_one_over_the_multiplier(multiplier: str) -> None:
    with exact():
        found = zero_price(*basket_at_target(d(multiplier), d(200), d(100)))
        assert near(found, 200 * (1 - 1 / d(multiplier)), 30)


@pytest.mark.parametrize(
    ("quantity", "cash", "price", "is_reached"),
    [
        ("100", "-12000", "160", True),
        ("100", "-12000", "160.01", False),
        ("100", "-12000", "159.99", True),
        ("100", "-12000", "160.00000000001", True),  # 4 * (1 - 2e-13)
        ("100", "-12000", "160.000000001", False),  # 4 * (1 - 2e-11)
        ("100", "-12000", "120", True),
        ("100", "-12000", "100", True),
        ("-1", "200", "160", True),
        ("-1", "200", "159.99", False),
        ("-1", "200", "250", True),
    ],
)
def test_a_limit_is_reached_from_a_trillionth_before_it_on(
    quantity: str, cash: str, price: str, is_reached: bool
) -> None:
    with exact():
        assert reached(d(4), d(quantity), d(cash), d(price)) is is_reached


@pytest.mark.parametrize(("price", "is_reached"), [("240", True), ("239.99", False), ("241", True), ("119", False)])
def test_a_lower_limit_is_reached_from_above_while_there_is_value(price: str, is_reached: bool) -> None:
    with exact():
        assert fallen_to(d(2), d(100), d(-12000), d(price)) is is_reached


def test_the_goal_is_leverage_times_value_over_price_to_18_places_toward_zero() -> None:
    with exact():
        assert target(d(3), d(150), d(-20000), d(210)) == d("164.285714285714285714")
        assert target(d(-3), d(-150), d(41500), d(210)) == d("-142.857142857142857142")


@pytest.mark.parametrize("price", ["120", "100"])
def test_the_goal_without_value_is_zero(price: str) -> None:
    with exact():
        assert target(d(3), d(100), d(-12000), d(price)) == 0


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
def test_a_seeded_token_launches_at_target_with_its_initial_value(multiplier: str) -> None:
    desk = Desk.open()
    desk.token(NAME, multiplier, seed=40, initial_nav=d(25))
    launch = only(desk.quote(80, -200), TokenLaunched)
    assert values(launch.units, launch.nav, launch.price) == (40, 25, 80)
    assert near(launch.basket, d(multiplier) * 1000 / 80)
    assert near(launch.basket * 80 + launch.cash, 1000)


def test_a_token_without_units_has_no_orders_and_no_leverage() -> None:
    desk = Desk.open(publication_interval_s=1)
    desk.token(NAME, 3, seed=0)
    said = [*desk.quote(200, -1), *desk.clock(0), *desk.quote(100, 1)]
    none(said, OrderSent)
    assert {nav.leverage for nav in said if isinstance(nav, NavPublished)} <= {None}


def test_published_leverage_drift_and_ladder_are_those_of_the_worked_basket() -> None:
    desk = worked(publication_interval_s=1)
    nav = only(desk.quote(210, -100), NavPublished)
    assert values(nav.basket, nav.cash, nav.price, nav.nav) == (150, -20000, 210, 115)
    assert near(nav.leverage, "2.739130", 6)
    assert near(nav.drift, d("2.7391304347826087") / 3 - 1)
    assert near(nav.zero_price, d(20000) / 150)
    assert near(nav.max_leverage_price, d(80000) / 450)
    assert near(nav.emergency_price, 160)
    assert nav.min_leverage_price is None


def test_the_ladder_follows_the_real_basket_after_a_partial_fill() -> None:
    desk = worked()
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    nav = only(desk.fill(order, 10, 211, commission=5), NavPublished)
    assert values(nav.basket, nav.cash) == (160, -22115)
    assert near(nav.zero_price, d(22115) / 160)
    assert near(nav.max_leverage_price, d(4 * 22115) / 480)


def test_the_published_ladder_of_an_inverse_token_lies_above_the_price() -> None:
    desk = launched(-3, nav=50, price=150, publication_interval_s=1, token={"min_leverage": d(2)})
    nav = only(desk.quote(150, -100), NavPublished)
    assert values(nav.zero_price, nav.max_leverage_price) == (200, 160)
    assert near(nav.emergency_price, d(1200) / 7)
    assert near(nav.min_leverage_price, d(400) / 3)
