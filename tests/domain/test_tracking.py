"""Section 2: the benchmark of the promise, the rule value of the rules, and the difference from it."""

from typing import Any

import pytest

from engine.domain.outputs import (
    NavPublished,
    OrderSent,
    RebalanceTriggered,
    TokenReset,
    TokenTerminated,
)
from tests.desk import Desk, d, none, only
from tests.domain.costs_scenes import halt, held, paid, resume
from tests.domain.scenes import DAY_S, NAME, kinds, launched, near, spaced, values, worked


def navs(desk: Desk) -> NavPublished:
    """What was published last."""
    return desk.all(NavPublished)[-1]


@pytest.mark.parametrize("which", [NAME, None])
def test_the_benchmark_moves_at_every_fix_while_halted_and_the_rule_value_does_not_reset(which: str | None) -> None:
    desk = worked(token={"max_leverage": "none"}, publication_interval_s=1)
    halt(desk, which)
    for number, price in enumerate([210, 189]):
        desk.quote(price, number * DAY_S - 1)
        none(desk.clock(number * DAY_S), TokenReset)
    assert desk[NAME].benchmark == d("80.5")
    assert values(navs(desk).benchmark, navs(desk).rule_value, navs(desk).nav) == (d("80.5"), d("83.5"), d("83.5"))
    desk.clock(DAY_S + 50)
    resume(desk, which)
    reset = only(desk.quote(198, DAY_S + 60), TokenReset)
    assert values(reset.boundaries, reset.late, reset.rule_value) == (2, True, 97)
    desk.quote("207.9", 2 * DAY_S - 1)
    desk.clock(2 * DAY_S)
    assert near(desk[NAME].rule_value, d(97) * d("1.15"), 13)
    assert near(desk[NAME].benchmark, d("80.5") * (1 + 3 * (d("207.9") / 189 - 1)), 13)


def test_the_rule_value_follows_intraday_rebalances_at_their_decision_price_without_cost() -> None:
    desk = spaced(publication_interval_s=1)
    said = desk.quote(160, -100)
    assert only(said, RebalanceTriggered).rule_value == 40
    desk.fill(only(said, OrderSent), 10, 150, commission=20)
    desk.quote(170, -1)
    assert values(navs(desk).rule_value, navs(desk).benchmark) == (d("47.5"), 50)
    desk.clock(0)
    assert values(desk[NAME].rule_value, desk[NAME].benchmark) == (d("47.5"), 50)


def test_the_rule_value_re_levers_a_winner() -> None:
    desk = spaced(token={"min_leverage": d(2)}, publication_interval_s=1)
    assert only(desk.quote(240, -100), RebalanceTriggered).rule_value == 120
    desk.quote(252, -1)
    assert values(navs(desk).rule_value, navs(desk).benchmark) == (138, 132)


@pytest.mark.parametrize(("multiplier", "price"), [(3, 120), (3, 60), (-3, 250), (-1, 500)])
def test_neither_is_below_zero(multiplier: int, price: int) -> None:
    desk = launched(multiplier, nav=60, price=180, token={"max_leverage": "none"}, publication_interval_s=1)
    desk.quote(price, -1)
    desk.clock(0)
    assert values(desk[NAME].benchmark, desk[NAME].rule_value) == (0, 0)
    assert values(navs(desk).benchmark, navs(desk).rule_value) == (0, 0)


@pytest.mark.parametrize("closed", [False, True])
def test_the_rule_value_is_frozen_where_costs_end_the_token(closed: bool) -> None:
    desk = spaced(publication_interval_s=1, order_expiry_s=3600)
    desk.quote(161, -60)
    said = paid(desk, 4100, -120)
    only(said, TokenTerminated)
    assert near(desk[NAME].rule_value, 41, 13)
    if closed:
        desk.fill(only(said, OrderSent), 100, 161)
    for price, at in ((171, -1), (180, DAY_S - 1)):
        desk.quote(price, at)
        desk.clock(at + 1)
    assert near(desk[NAME].rule_value, 41, 13)
    assert near(desk[NAME].benchmark, 51 * (1 + 3 * (d(180) / 171 - 1)), 13)


def test_a_late_fix_moves_the_benchmark_once() -> None:
    desk = worked()
    desk.quote(210, -100)
    desk.quote(189, 2 * DAY_S + 100)
    assert near(desk[NAME].benchmark, "83.5", 13)


def test_the_tracking_difference_is_that_of_the_nav_to_the_rule_value() -> None:
    desk = worked(publication_interval_s=1)
    desk.quote(210, -61)
    paid(desk, 115, -120)
    desk.clock(-60)
    assert values(navs(desk).nav, navs(desk).rule_value) == (d("113.85"), 115)
    assert near(navs(desk).tracking_difference, "-0.01")


def test_a_delayed_order_tracks_worse_or_better_by_its_timing() -> None:
    desk = worked(publication_interval_s=1)
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    desk.quote(220, 5)
    rule = d(115) * (1 + d(3) * 10 / 210)
    assert near(navs(desk).rule_value, rule, 13)
    assert values(navs(desk).nav) == (130,)
    desk.fill(order, order.quantity, 220)
    assert near(navs(desk).nav, 130)
    assert near(navs(desk).tracking_difference, 130 / rule - 1, 13)


@pytest.mark.parametrize("seed", [1, 7, 1000])
def test_units_do_not_matter(seed: int) -> None:
    desk = launched(3, nav=60, price=180, seed=seed, token={"fills": "assumed"})
    desk.quote(160, -100)
    desk.quote(170, -1)
    desk.clock(0)
    assert near(desk[NAME].rule_value, "47.5", 13)


def test_benchmark_and_rule_value_start_with_the_series_at_the_initial_nav() -> None:
    desk = launched(3, nav=50, price=200)
    assert values(desk[NAME].benchmark, desk[NAME].rule_value, desk[NAME].initial_nav) == (50, 50, 50)


def test_the_benchmark_of_a_day_with_the_price_of_the_fix_not_of_the_input() -> None:
    desk = held()
    desk.quote(210, -1)
    resets = kinds(desk.quote(250, 5), TokenReset)
    assert values(resets[0].benchmark, resets[0].rule_value) == (115, 115)


def test_funding_and_fees_leave_both_alone() -> None:
    free, charged = held(), held(token={"yearly_fee": d("0.3")}, slippage=d("0.01"), commission=d("0.01"))
    for desk in (free, charged):
        for number, price in enumerate([210, 200, 190]):
            desk.quote(price, number * DAY_S - 1)
            desk.clock(number * DAY_S)
    assert values(free[NAME].benchmark, free[NAME].rule_value) == values(
        charged[NAME].benchmark, charged[NAME].rule_value
    )


def shown(desk: Desk) -> Any:
    """The tracking difference published last."""
    return navs(desk).tracking_difference


def test_without_cost_nothing_is_to_track() -> None:
    desk = held(publication_interval_s=1)
    for number, price in enumerate([210, 200, 190]):
        desk.quote(price, number * DAY_S - 1)
        desk.clock(number * DAY_S)
        assert near(shown(desk), 0, 13)
