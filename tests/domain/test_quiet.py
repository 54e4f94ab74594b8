"""The quiet range only saves work: what is said is the same without it."""

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.numbers import ZERO
from engine.domain.quiet import UNBOUNDED
from tests.desk import Desk
from tests.walk import Walk


@given(st.integers(0, 10**9))
def test_every_input_looked_at_in_full_says_the_same(seed: int) -> None:
    walk = Walk(seed)
    wary = Desk()
    for given_input, position in walk.inputs:
        if wary.book is not None:
            wary.book.low, wary.book.high = UNBOUNDED, ZERO
        wary.feed(given_input, appended=position.appended)
    assert wary.outputs == walk.desk.outputs
    assert wary.book is not None
    assert walk.desk.book is not None
    assert wary.book.tokens == walk.desk.book.tokens
    assert wary.book.market == walk.desk.book.market
    assert wary.book.orders == walk.desk.book.orders
