"""Section 7: what still acts while the venues do not agree on an index."""

from typing import Any

import pytest

from engine.domain.outputs import OrderSent, RebalanceTriggered, TokenClosed, TokenTerminated
from tests.desk import Desk, d, none, only
from tests.domain.scenes import NAME, near, values


def parted(*prices: Any, min_venues: int = 2, **token: Any) -> tuple[Desk, list[Any]]:
    """q=100, c=-12000 from 180; then one quote per venue, and all that came of them."""
    desk = Desk.open(min_venues=2, max_age_s=60)
    for number in range(len(prices)):
        desk.quote(180, -300, f"v{number}")
    desk.token(NAME, 3, seed=100, initial_nav=d(60), **token)
    desk.terms(min_venues=min_venues)
    said = []
    for number, price in enumerate(prices):
        said += desk.quote(price, -200, f"v{number}")
    return desk, said


def test_a_de_lever_acts_at_the_median_of_the_usable_mids_when_every_venue_alone_reaches_it() -> None:
    _, said = parted(155, 150)
    fired = only(said, RebalanceTriggered)
    assert (fired.with_index, fired.price, fired.trigger) == (False, d("152.5"), "max_leverage")
    assert fired.equity == 3250
    assert near(fired.goal, d(3 * 3250) / d("152.5"))
    order = only(said, OrderSent)
    assert order.side == "sell"
    assert near(order.quantity, 100 - d(3 * 3250) / d("152.5"), 3)


@pytest.mark.parametrize("higher", ["160.01", 175, 190])
def test_one_venue_that_does_not_reach_it_is_enough_to_wait(higher: Any) -> None:
    _, said = parted(higher, 150)
    none(said, RebalanceTriggered)
    none(said, OrderSent)


def test_a_venue_exactly_at_the_limit_reaches_it() -> None:
    _, said = parted(160, 150)
    fired = only(said, RebalanceTriggered)
    assert values(fired.with_index, fired.price) == (False, 155)


def test_fewer_usable_venues_than_the_minimum_never_act() -> None:
    _, said = parted(155, 150, min_venues=3)
    none(said, RebalanceTriggered)


def test_usable_venues_are_enough_where_too_few_count() -> None:
    _, said = parted(159, 130)  # neither within 5 % of 144.5
    fired = only(said, RebalanceTriggered)
    assert (fired.with_index, fired.price) == (False, d("144.5"))


def test_a_stale_venue_is_not_asked() -> None:
    desk = Desk.open(min_venues=2)
    for venue in ("a", "b", "c"):
        desk.quote(180, -300, venue)
    desk.token(NAME, 3, seed=100, initial_nav=d(60))
    desk.clock(-250)
    said = [*desk.quote(155, -249, "a"), *desk.quote(150, -249, "b")]
    assert not only(said, RebalanceTriggered).with_index


def test_the_trigger_is_an_emergency_only_when_every_venue_alone_reaches_that() -> None:
    _, said = parted(146, 141)  # 5.6 and 6.7 times
    assert only(said, RebalanceTriggered).trigger == "max_leverage"
    _, said = parted(143, 138)
    assert only(said, RebalanceTriggered).trigger == "emergency_leverage"
    assert only(said, OrderSent).urgent


def test_a_winner_is_not_re_levered_without_an_index() -> None:
    _, said = parted(260, 250, min_leverage=d(2))
    none(said, RebalanceTriggered)


def test_a_token_is_terminated_without_an_index_when_every_venue_alone_says_its_value_is_gone() -> None:
    desk, said = parted(119, 115, max_leverage="none")
    ended = only(said, TokenTerminated)
    assert values(ended.with_index, ended.price, ended.equity) == (False, 117, -300)
    order = only(said, OrderSent)
    assert values(order.side, order.quantity) == ("sell", 100)
    assert only(desk.fill(order, 100, 121), TokenClosed).final_value == 1


@pytest.mark.parametrize("higher", ["120.01", 125])
def test_a_token_is_not_terminated_while_one_venue_says_there_is_value(higher: Any) -> None:
    _, said = parted(higher, 115, max_leverage="none")
    none(said, TokenTerminated)
    none(said, OrderSent)


def test_value_gone_at_one_venue_and_leverage_beyond_the_limit_at_the_other_is_a_de_lever() -> None:
    _, said = parted(126, 119)  # 122.5: 250 of value
    none(said, TokenTerminated)
    fired = only(said, RebalanceTriggered)
    assert values(fired.trigger, fired.price, fired.equity) == ("emergency_leverage", d("122.5"), 250)


def test_a_de_lever_where_the_median_leaves_no_value_sells_everything_and_does_not_terminate() -> None:
    desk, said = parted(121, 115)  # 118: 200 short
    none(said, TokenTerminated)
    fired = only(said, RebalanceTriggered)
    assert values(fired.trigger, fired.equity, fired.goal) == ("emergency_leverage", -200, 0)
    assert only(said, OrderSent).quantity == 100
    assert desk[NAME].status == "live"


def test_an_inverse_token_acts_on_rising_prices() -> None:
    desk = Desk.open(min_venues=2)
    for venue in ("a", "b"):
        desk.quote(150, -300, venue)
    desk.token(NAME, -3, seed=100, initial_nav=d(50))
    said = [*desk.quote(162, -299, "a"), *desk.quote(166, -299, "b")]
    fired = only(said, RebalanceTriggered)
    assert values(fired.with_index, fired.price) == (False, 164)
    assert only(said, OrderSent).side == "buy"
