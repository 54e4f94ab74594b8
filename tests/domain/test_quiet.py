"""The quiet range and its calm only save work: what is said and stored is the same without them."""

from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.domain.book import Book
from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.events import Output
from engine.domain.inputs import ClockTicked, Input, Position, QuoteObserved
from engine.domain.instants import MILLISECOND
from engine.domain.machine import absorb, step
from engine.domain.numbers import ZERO, exact
from engine.domain.quiet import UNBOUNDED
from engine.domain.terms import TokenTerms, UnderlyingTerms
from tests.desk import MIDNIGHT, Desk, d
from tests.walk import Walk

CENTS = st.integers(-18, 18).map(lambda cents: Decimal(cents) / 100)
CALM = st.tuples(st.sampled_from("abc"), st.sampled_from([0, 1, 40, 700]), CENTS, st.sampled_from(["0", "0.02"]))
WILD = st.tuples(
    st.sampled_from("abcd"),
    st.sampled_from([-3_000, -1, 0, 2_500, 9_999, 10_001]),
    st.sampled_from(["-3", "-0.45", "0", "0.45", "3"]).map(Decimal),
    st.sampled_from(["0", "0.3", "3", "-0.01"]),
)
MOVE = st.integers(0, 14).flatmap(lambda number: CALM if number else WILD)
TERMS = st.fixed_dictionaries(
    {
        "min_venues": st.sampled_from([1, 2, 3]),
        "max_age_s": st.sampled_from([2, 10]),
        "max_spread": st.sampled_from([d(0), d("0.001"), *[d("0.02")] * 4]),
        "max_deviation": st.sampled_from([d("0.004"), *[d("0.05")] * 4, d(3)]),
        "max_divergence": st.sampled_from([d("0.0005"), *[d("0.01")] * 3, d("0.5")]),
        "publication_interval_s": st.sampled_from([0, 0, 1, 60]),
        "late_funding_h": st.sampled_from([0, 1]),
    }
)


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


def quotes(moves: list[tuple[str, int, Decimal, str]]) -> list[Input]:
    """Around 100, each some milliseconds after (or before) the last; sometimes the clock ticks too."""
    made: list[Input] = []
    time = MIDNIGHT - 60_000 * MILLISECOND
    for venue, wait_ms, offset, spread in moves:
        time += wait_ms * MILLISECOND
        bid = 100 + offset
        made.append(QuoteObserved("TAO", venue, time, bid, bid + d(spread)))
        if wait_ms == 2_500:
            made.append(ClockTicked("TAO", time))
    return made


def fold(inputs: list[Input], *, absorbing: bool) -> tuple[Book, list[Output], int]:
    """The book after the inputs, what was said, and how many quotes were only kept."""
    assert isinstance(inputs[0], SetUnderlyingTerms)
    book = Book.opened_by(inputs[0])
    outputs: list[Output] = []
    kept = 0
    with exact():
        for offset, each in enumerate(inputs):
            if absorbing and absorb(book, each, offset, None):
                kept += 1
            else:
                outputs += step(book, each, Position(0, offset))
        book.catch_up()
    return book, outputs, kept


def opened(**terms: object) -> list[Input]:
    made = UnderlyingTerms(**terms)  # type: ignore[arg-type]
    tokens = [TokenTerms(multiplier=d(multiplier), fills="assumed", seed_units=d(1)) for multiplier in (3, -2)]
    listed = [
        SetTokenTerms("TAO", f"T{number}", 1, each, by="test", reason="test") for number, each in enumerate(tokens)
    ]
    return [SetUnderlyingTerms("TAO", 0, 1, made, by="test", reason="test"), *listed]


DAY = [(venue, 1, Decimal(offset) / 10, "0.02") for offset in (2, -2) for venue in "abc"]
"""The range of the day so far, so that not every quote widens it."""


ORDINARY = {"min_venues": 2, "max_age_s": 2, "publication_interval_s": 0}
ALONE = [("a", 700, Decimal(number) / 100, "0") for number in range(4)]
TWO = {"venues": ("a", "b"), "max_divergence": d("0.02"), "publication_interval_s": 0}
APART = [(venue, 1, Decimal(cents) / 100, "0") for venue, cents in (("b", 90), ("a", -50), ("a", 20), ("a", 0))]


@settings(max_examples=400)
@example(ORDINARY, ALONE)
@example(TWO, APART)
@given(TERMS, st.lists(MOVE, max_size=60))
def test_quotes_only_kept_come_to_the_same(
    terms: dict[str, object], moves: list[tuple[str, int, Decimal, str]]
) -> None:
    inputs = [*opened(**terms), *quotes([*DAY, *moves])]
    wary, said_in_full, _ = fold(inputs, absorbing=False)
    book, said, _ = fold(inputs, absorbing=True)
    assert said == said_in_full
    assert list(book.records()) == list(wary.records())
    assert book.mids == wary.mids


def test_in_a_calm_market_most_quotes_are_only_kept() -> None:
    calm = [("abc"[number % 3], 1, d(number % 7) / 100, "0.02") for number in range(300)]
    _, _, kept = fold([*opened(), *quotes([*DAY, *calm])], absorbing=True)
    assert kept > 200
