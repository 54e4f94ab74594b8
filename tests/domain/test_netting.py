"""Section 4: opposite wants cross at the index price, the heavier side goes on pro rata."""

from decimal import Decimal
from typing import Any

import pytest

from engine.domain.outputs import Allocation, FillBooked, OrderSent, WantsCrossed
from tests.desk import Desk, d, none, only
from tests.domain.scenes import kinds, near

LONG_WANT = 10000 * 6 * d("0.02") / 102
"""300 TAO from 100, now at 102."""
SHORT_WANT = 5000 * 12 * (d(102) / 105 - 1) / 102
"""For 50 units from 105, now at 102."""


def crowd(long_seed: int, *short_seeds: int, fills: Any = "reported", **terms: Any) -> Desk:
    """L (3x from 100) and S0, S1... (-3x from 105), at 102 a second before the boundary: L buys, S* sell."""
    desk = Desk.open(**terms)
    desk.token("L", 3, seed=long_seed, fills=fills)
    desk.quote(100, -300)
    desk.quote(105, -200)
    for number, seed in enumerate(short_seeds):
        desk.token(f"S{number}", -3, seed=seed, fills=fills)
    desk.quote(102, -1)
    return desk


def by_token(parts: tuple[Allocation, ...]) -> dict[str, Decimal]:
    assert len({part.token for part in parts}) == len(parts)
    return {part.token: part.quantity for part in parts}


def total(parts: tuple[Allocation, ...]) -> Decimal:
    return sum((part.quantity for part in parts), Decimal(0))


def test_the_lighter_side_is_crossed_whole_and_the_rest_of_the_heavier_is_the_order() -> None:
    desk = crowd(100, 50)
    said = desk.clock(0)
    order = only(said, OrderSent)
    assert order.side == "sell"
    assert near(order.quantity, -SHORT_WANT - LONG_WANT, 3)
    assert order.quantity <= -SHORT_WANT - LONG_WANT
    assert set(by_token(order.allocations)) == {"S0"}
    crosses = by_token(order.crosses)
    assert near(crosses["L"], LONG_WANT)
    assert near(crosses["S0"], -LONG_WANT)
    assert near(desk["L"].want, 0)


@pytest.mark.parametrize(
    ("long_seed", "short_seeds"), [(100, (50,)), (100, (30, 20)), (50, (7, 11, 40)), (300, (50, 3))]
)
def test_crosses_sum_to_zero_and_allocations_to_the_order(long_seed: int, short_seeds: tuple[int, ...]) -> None:
    said = crowd(long_seed, *short_seeds).clock(0)
    order = only(said, OrderSent)
    sign = 1 if order.side == "buy" else -1
    assert total(order.allocations) == sign * order.quantity
    assert total(order.crosses) == 0
    crossed = only(said, WantsCrossed)
    assert sum(share.quantity for share in crossed.shares) == 0
    assert sum(share.cash for share in crossed.shares) == 0
    assert {(share.token, share.quantity) for share in crossed.shares} == {
        (part.token, part.quantity) for part in order.crosses
    }


def test_crosses_are_booked_at_the_index_price_without_commission() -> None:
    desk = crowd(100, 50, commission=d("0.01"), slippage=d("0.01"))
    crossed = only(desk.clock(0), WantsCrossed)
    assert crossed.price == 102
    for share in crossed.shares:
        assert near(share.cash, -share.quantity * 102)
    assert near(desk["L"].basket * 102 + desk["L"].cash, 10000 * d("1.06"), 12)


@pytest.mark.parametrize("short_seeds", [(30, 20), (7, 11, 40), (49, 1)])
def test_the_heavier_side_shares_crossed_and_market_parts_pro_rata(short_seeds: tuple[int, ...]) -> None:
    order = only(crowd(100, *short_seeds).clock(0), OrderSent)
    crosses, market = by_token(order.crosses), by_token(order.allocations)
    for number, seed in enumerate(short_seeds):
        part = d(seed) / sum(short_seeds)
        assert near(crosses[f"S{number}"], -LONG_WANT * part, 14)
        assert near(market[f"S{number}"], -order.quantity * part, 14)


def test_the_remainder_of_sharing_out_goes_to_the_first_token() -> None:
    order = only(crowd(100, 1, 1, 1, lot=d(0)).clock(0), OrderSent)
    shares = by_token(order.crosses)
    assert shares["S1"] == shares["S2"]
    assert abs(shares["S0"]) >= abs(shares["S1"])
    assert abs(shares["S0"]) - abs(shares["S1"]) < d("1e-17")


def test_wants_that_cross_entirely_send_no_order() -> None:
    desk = crowd(100, 35)  # 11.7647 against 11.7647
    said = desk.clock(0)
    only(said, WantsCrossed)
    none(said, OrderSent)
    assert near(desk["S0"].want, 0)


def test_a_rest_below_the_minimum_crosses_but_is_not_sent() -> None:
    desk = crowd(100, 50, min_notional=d(600))  # the rest is worth 514
    said = desk.clock(0)
    only(said, WantsCrossed)
    none(said, OrderSent)
    assert near(desk["L"].want, 0)
    assert near(desk["S0"].want, SHORT_WANT + LONG_WANT)


def test_wants_of_one_side_do_not_cross() -> None:
    desk = Desk.open()
    desk.token("L", 3, seed=100)
    desk.token("S", -3, seed=50)
    desk.quote(100, -300)
    desk.quote(102, -1)
    said = desk.clock(0)
    none(said, WantsCrossed)
    order = only(said, OrderSent)
    assert order.crosses == ()
    shares = by_token(order.allocations)
    assert near(shares["L"], LONG_WANT, 3)
    assert near(shares["S"], 5000 * 12 * d("0.02") / 102, 3)


def test_a_slice_takes_from_every_want_pro_rata() -> None:
    desk = Desk.open(max_slice_notional=d(204))
    desk.token("A", 3, seed=30)
    desk.token("B", 3, seed=10)
    desk.quote(100, -300)
    desk.quote(102, -1)
    order = only(desk.clock(0), OrderSent)
    assert order.quantity == 2
    shares = by_token(order.allocations)
    assert near(shares["A"], order.quantity * d("0.75"))
    assert near(shares["B"], order.quantity * d("0.25"))


def test_crosses_are_not_cut_to_the_slice() -> None:
    desk = crowd(100, 50, max_slice_notional=d(20))
    said = desk.clock(0)
    assert near(only(said, WantsCrossed).shares[0].quantity.copy_abs(), LONG_WANT)
    assert only(said, OrderSent).quantity == d("0.196")


def test_assumed_wants_cross_free_and_only_the_rest_pays() -> None:
    desk = crowd(100, 50, fills="assumed", commission=d("0.001"), lot=d(0), min_notional=d(0))
    said = desk.clock(0)
    only(said, WantsCrossed)
    booked = only(said, FillBooked)
    rest = -SHORT_WANT - LONG_WANT
    assert near(booked.quantity, rest)
    assert near(booked.commission, rest * 102 * d("0.001"), 12)
    assert near(desk["L"].basket * 102 + desk["L"].cash, 10000 * d("1.06"), 12)
    short_value = 5000 * (1 - 3 * (d(102) / 105 - 1)) - rest * 102 * d("0.001")
    assert near(desk["S0"].basket * 102 + desk["S0"].cash, short_value, 12)


def test_a_token_kept_out_of_netting_trades_its_whole_want() -> None:
    desk = Desk.open(lot=d(0), min_notional=d(0))
    desk.token("L", 3, seed=100, fills="assumed", netted=False)
    desk.quote(100, -300)
    desk.quote(105, -200)
    desk.token("S", -3, seed=50, fills="assumed", netted=False)
    desk.quote(102, -1)
    said = desk.clock(0)
    none(said, WantsCrossed)
    assert len(kinds(said, FillBooked)) == 2
