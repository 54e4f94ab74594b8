"""No number that decodes stops the core, and whatever it stores or says can be read back."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.inputs import ClockTicked, FundingObserved, Input, QuoteObserved
from engine.domain.instants import SECOND
from engine.domain.outputs import InputRefused, OrderSent, WantAbandoned
from engine.domain.terms import TokenTerms, UnderlyingTerms
from engine.runtime.partition import InputRecord, OutputRecord, Partition
from engine.wire.codec import decode_output, encode_input
from tests.desk import MIDNIGHT, Desk, d, none
from tests.domain.scenes import spaced

TINY = "0." + "0" * 39 + "1"
HUGE = "9" * 15 + "." + "9" * 40


def opening(**terms: Any) -> Input:
    return SetUnderlyingTerms("TAO", 0, 1, UnderlyingTerms(**{"min_venues": 1} | terms), by="t", reason="t")


def listing(multiplier: Any = 3, **terms: Any) -> Input:
    made = TokenTerms(multiplier=d(multiplier), **{"seed_units": d(100)} | terms)
    return SetTokenTerms("TAO", "TAO3L", 1, made, by="t", reason="t")


def quote(bid: Any, second: float, ask: Any = None) -> Input:
    return QuoteObserved("TAO", "v", MIDNIGHT + round(second * SECOND), d(bid), d(bid if ask is None else ask))


def fold(inputs: list[Input], cut: int | None = None) -> tuple[Partition, list[OutputRecord]]:
    """The inputs folded, with a stop and a new start after input `cut`."""
    partition, kept, outputs = Partition(0), dict[str, bytes](), list[OutputRecord]()
    for offset, each in enumerate(inputs):
        outputs += partition.apply([InputRecord(offset, None, b"TAO", encode_input(each))])
        kept.update({name: value for name, value in partition.changes().items() if value is not None})
        if cut == offset:
            again = Partition(0, partition.checkpoint)
            again.restore(kept)
            partition = again
    return partition, outputs


@pytest.mark.parametrize(
    "inputs",
    [
        [opening(), listing(), quote(TINY, -5)],
        [opening(), listing(-3), quote(100, -5), quote(TINY, -1), quote(TINY, 1)],
        [opening(), listing(initial_nav=d(60), max_leverage="none"), quote(180, -5), quote(f"120{TINY[1:]}", -1)],
        [opening(), listing(seed_units=d("9" * 15), initial_nav=d("9" * 15)), quote("0.001", -5)],
        [opening(), listing(), quote(TINY, -5), quote(HUGE, -1), quote(HUGE, 1)],
    ],
    ids=["launch", "reset_of_an_inverse", "equity_nearly_zero", "seed", "from_least_to_most"],
)
def test_no_price_stops_the_core(inputs: list[Input]) -> None:
    fold(inputs)


@pytest.mark.parametrize(
    "inputs",
    [
        [opening(), listing(), quote(100, -50), quote(f"80{TINY[1:]}", -1, f"80.{'0' * 39}2")],
        [opening(), listing(seed_units=d(10**5)), quote("0.000000001", -50), quote("0.0000000008", -1)],
        [opening(), listing(), quote(HUGE, -5), quote(HUGE, 1)],
        [opening(), listing(initial_nav=d(60)), quote(180, -5), quote(f"120.{'0' * 17}1", -1)],
    ],
    ids=["mid_of_41_places", "order_of_16_digits", "mid_rounds_to_16_digits", "leverage_of_20_digits"],
)
def test_what_was_written_can_be_read(inputs: list[Input]) -> None:
    _, outputs = fold(inputs, len(inputs) - 1)
    for output in outputs:
        decode_output(output.value)


PLACES = st.integers(0, 40)
PRICES = st.one_of(
    st.sampled_from([TINY, HUGE, "0.000000000001", "1", "100"]),
    st.builds(
        lambda digits, places: str(Decimal(digits).scaleb(-places)), st.integers(1, 10**15 - 1), st.integers(0, 40)
    ),
).map(lambda text: format(Decimal(text), "f"))


@given(
    st.sampled_from(["3", "-3", "10"]),
    st.lists(PRICES, min_size=1, max_size=6),
    st.sampled_from(["assumed", "reported"]),
)
def test_whatever_the_prices_everything_comes_back_as_it_went(multiplier: str, prices: list[str], fills: str) -> None:
    inputs = [opening(), listing(multiplier, fills=fills, yearly_fee=d("0.1"))]
    for number, price in enumerate(prices):
        inputs += [quote(price, number * 3), FundingObserved("TAO", "v", MIDNIGHT + number * 60 * SECOND, d("0.01"))]
    inputs.append(ClockTicked("TAO", MIDNIGHT + 86_401 * SECOND))
    whole, outputs = fold(inputs)
    cut, _ = fold(inputs, len(inputs) - 2)
    assert cut.records() == whole.records()
    for output in outputs:
        decode_output(output.value)


def test_state_does_not_depend_on_a_restart() -> None:
    prices = [(200, -500), (177, -490), ("177.1", -489.5), ("177.2", -489.2), ("177.25", -489.1)]
    inputs = [opening(), listing(fills="assumed"), *(quote(price, second) for price, second in prices)]
    whole, _ = fold(inputs)
    cut, _ = fold(inputs, 3)
    assert whole.records() == cut.records()
    assert whole.checkpoint.digest == cut.checkpoint.digest


def test_a_venue_taken_off_the_terms_does_not_count_any_more() -> None:
    desk = Desk.open(venues=("a", "b"), min_venues=1)
    desk.token("T", 3, seed=100)
    desk.quote(200, -100, "a")
    desk.quote(200, -100, "b")
    desk.terms(venues=("a",))
    desk.quote(208, -99, "b")
    assert desk.book is not None
    assert desk.book.market.price == 200
    assert desk.book.market.no_index is None


def test_venues_of_the_terms_are_not_kept_out_by_those_seen_before() -> None:
    desk = Desk.open(venues=(), min_venues=1)
    for number in range(16):
        desk.quote(200, -100 + number * 0.01, f"g{number}")
    desk.terms(venues=("binance",))
    none(desk.quote(200, -80, "binance"), InputRefused)


def test_tries_are_not_bounded_while_max_leverage_is_reached() -> None:
    desk = spaced(slice_interval_s=1)
    [order] = [body for body in desk.quote(160, -100) if isinstance(body, OrderSent)]
    desk.quote(160, -1)
    desk.end(order, "rejected")
    desk.quote(160, 0)
    assert desk.book is not None
    for number in range(40):
        for live in list(desk.book.out):
            desk.end(live.order_id, "rejected")
        desk.quote(160, 1 + number * 2)
    assert not desk.all(WantAbandoned)
