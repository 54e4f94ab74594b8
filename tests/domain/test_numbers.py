"""Numbers: exact, cut to 18 places, and shared out without losing any."""

from decimal import Decimal, FloatOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.numbers import exact, fill_up, money, paid_in, paid_out, share_out, text, toward_zero, whole_lots
from tests.desk import d

UNIT = d("1e-18")
AMOUNT = st.decimals(0, 10**9, places=18, allow_nan=False)
WEIGHTS = st.lists(AMOUNT, min_size=1, max_size=6).filter(any)
SIGNED = st.decimals(-(10**9), 10**9, places=25, allow_nan=False)


@given(AMOUNT, WEIGHTS)
def test_shares_sum_to_the_total_and_only_the_first_takes_the_remainder(total: Decimal, weights: list[Decimal]) -> None:
    with exact():
        parts = share_out(total, weights)
        assert sum(parts) == total
        for number, (part, weight) in enumerate(zip(parts, weights, strict=True)):
            fair = total * weight / sum(weights)
            assert part.normalize().as_tuple().exponent >= -18  # type: ignore[operator]
            assert abs(part - fair) <= (UNIT * len(weights) if number == 0 else UNIT)


@given(st.decimals(0, 1, places=6, allow_nan=False), WEIGHTS)
def test_filling_up_stays_inside_every_room_and_sums_to_the_total(part: Decimal, room: list[Decimal]) -> None:
    with exact():
        total = toward_zero(part * sum(room))
        filled = fill_up(total, room)
        assert sum(filled) == total
        for amount, place in zip(filled, room, strict=True):
            assert 0 <= amount <= place


@given(SIGNED)
def test_quantities_are_cut_toward_zero_and_payments_round_in_favour_of_the_token(value: Decimal) -> None:
    with exact():
        assert 0 <= value.copy_sign(1) - toward_zero(value).copy_sign(1) < UNIT
        assert 0 <= paid_in(value) - value < UNIT
        assert 0 <= value - paid_out(value) < UNIT
        assert abs(money(value) - value) <= UNIT


@given(AMOUNT, st.sampled_from(["0.001", "0.5", "1", "7"]))
def test_lots_are_rounded_toward_zero(quantity: Decimal, lot: str) -> None:
    with exact():
        for signed in (quantity, -quantity):
            cut = whole_lots(signed, d(lot))
            assert cut % d(lot) == 0
            assert 0 <= abs(signed) - abs(cut) < d(lot)


@given(SIGNED)
def test_a_value_and_its_text_are_the_same(value: Decimal) -> None:
    assert Decimal(text(value)) == value
    assert "E" not in text(value)


def test_numbers_are_computed_at_50_digits() -> None:
    with exact():
        assert str(Decimal(1) / 3) == "0." + "3" * 50


def test_binary_floats_are_refused() -> None:
    with exact(), pytest.raises(FloatOperation):
        Decimal(0.1)  # noqa: RUF032
