"""The quiet range of a token, the ranges of all, the calm inside them: where they end, and what is kept there."""

from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from engine.domain.book import Book
from engine.domain.inputs import QuoteObserved, TokenQuoteObserved
from engine.domain.instants import SECOND
from engine.domain.machine import absorb
from engine.domain.numbers import exact
from engine.domain.quiet import ANY_PRICE, NO_PRICE, UNBOUNDED, QuietRanges, quiet_range, sendable_from
from engine.domain.state import Token
from engine.domain.terms import TokenTerms, UnderlyingTerms
from tests.desk import MIDNIGHT, Desk, d
from tests.domain.scenes import NAME

NAMES = [f"{letter}{number}" for letter in "amxz" for number in range(9)]
BEFORE, AFTER = d("1.000000001"), d("0.999999999")
"""A range begins a billionth before a limit, and ends so."""


def holding(multiplier: Any, basket: Any, cash: Any, **given_terms: Any) -> Token:
    """A live token that waits for nothing."""
    terms = TokenTerms(multiplier=d(multiplier), **given_terms)
    return Token(
        token=NAME, underlying="TAO", terms_version=1, terms=terms, status="live", units=d(1), basket=d(basket),
        cash=d(cash), goal=d(basket),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("token", "low", "high"),
    [
        (holding(3, 100, -12000), 160 * BEFORE, UNBOUNDED),
        (holding(3, 100, -12000, max_leverage="none"), 120 * BEFORE, UNBOUNDED),
        (holding(3, 100, -12000, min_leverage=d(2)), 160 * BEFORE, 240 * AFTER),
        (holding(3, "0.5", -60, min_leverage=d(2)), 160 * BEFORE, 240 * AFTER),
        (holding(3, 1, "-0.75", min_leverage=d("1.5")), BEFORE, d("2.25") * AFTER),
        (holding(-3, -100, 24000), d(0), 192 * AFTER),
        (holding(-3, -100, 24000, max_leverage="none"), d(0), 240 * AFTER),
        (holding(-3, -100, 24000, min_leverage=d(2)), 160 * BEFORE, 192 * AFTER),
        (holding(-3, "-0.004", "0.96"), d(0), 192 * AFTER),
        (holding(3, 100, 0), d(0), UNBOUNDED),
        (holding(3, 100, 50), d(0), UNBOUNDED),
        (holding(3, 0, 50), d(0), UNBOUNDED),
        (holding(3, 0, 50, min_leverage=d(2)), d(0), UNBOUNDED),
    ],
)
def test_a_token_is_quiet_from_limit_to_limit(token: Token, low: Decimal, high: Decimal) -> None:
    with exact():
        assert quiet_range(token) == (low, high)


@pytest.mark.parametrize(
    "token",
    [
        holding(3, 100, 0, min_leverage=d(2)),
        holding(3, 100, "0.5", min_leverage=d(2)),
        holding(3, 100, 50, min_leverage=d(2)),
        holding(3, 0, 0),
        holding(-3, -100, 0),
        holding(-3, -100, -1),
        replace(holding(3, 100, -12000), status="terminated"),
        replace(holding(3, 100, -12000), owes_resets=1),
        replace(holding(3, 100, -12000), quote=TokenQuoteObserved("TAO", NAME, "m", 1, d(1), d(1), d(1), d(1), 1)),
        replace(holding(3, 0, 0, seed_units=d(1)), status="listed"),
    ],
)
def test_a_token_that_may_need_something_at_any_price_is_never_quiet(token: Token) -> None:
    with exact():
        assert quiet_range(token) == NO_PRICE


@pytest.mark.parametrize(
    "token",
    [
        replace(holding(3, 0, 0), status="listed"),
        replace(holding(3, 0, 0), status="closed"),
        replace(holding(3, 0, 0, seed_units=d(1)), status="closed"),
    ],
)
def test_a_token_without_units_to_come_needs_nothing_at_any_price(token: Token) -> None:
    assert quiet_range(token) == ANY_PRICE


@pytest.mark.parametrize("seed", range(10))
def test_those_outside_their_ranges_are_found_however_the_ranges_came(seed: int) -> None:
    random = Random(seed)
    ranges, plain = (
        QuietRanges(),
        dict.fromkeys(NAMES, (d(2), d(8))),
    )
    assert ranges.common == ANY_PRICE
    ranges.put(plain)
    for _ in range(30):
        some = {name: (d(random.randint(0, 5)), d(random.randint(4, 9))) for name in random.sample([*plain], 2)}
        ranges.put(some)
        plain |= some
        lows, highs = zip(*plain.values(), strict=True)
        assert ranges.common == (max(lows), min(highs))
        for price in range(10):
            low, high = d(price), d(price) + 1
            outside = {name for name, each in plain.items() if not (each[0] < low and high < each[1])}
            assert ranges.outside(low, high) == outside


def test_one_more_token_among_many_is_put_in_its_place() -> None:
    ranges = QuietRanges()
    ranges.put(dict.fromkeys(NAMES, (d(1), d(11))))
    ranges.put({"new": (d(2), d(8))})
    assert ranges.common == (d(2), d(8))
    assert ranges.outside(d(2), d(7)) == {"new"}
    assert ranges.outside(d(3), d(8)) == {"new"}
    assert ranges.outside(d(3), d(7)) == set()


def wanting(want: Any, name: str = "A", origin: Any = "reset", **terms: Any) -> Token:
    """A token that wants so much."""
    return replace(holding(3, 0, 0, **terms), token=name, goal=d(want), origin=origin)


ASSUMED: dict[str, Any] = {"fills": "assumed"}
ALONE: dict[str, Any] = ASSUMED | {"netted": False}


@pytest.mark.parametrize(
    ("wants", "price", "sendable"),
    [
        ([wanting("0.04")], 200, 250),
        ([wanting("-0.0409")], 200, 250),
        ([wanting("0.04")], None, 250),
        ([wanting("0.04")], 250, None),
        ([wanting("0.04")], "249.999", 250),
        ([wanting("0.0004")], 200, None),
        ([wanting("0.04"), wanting("0.01", "B")], 150, 200),
        ([wanting("0.04"), wanting("-0.02", "B")], 200, 500),
        ([wanting("0.04"), wanting("-0.04", "B")], 200, None),
        ([wanting("0.04"), wanting("0.01", "B", **ASSUMED)], 150, 250),
        ([wanting("0.04", **ASSUMED), wanting("0.01", "B", **ALONE)], 150, 250),
        ([wanting("0.01", **ALONE), wanting("0.02", "B", **ALONE)], 150, 500),
        ([wanting("0.04", origin="emergency_leverage"), wanting("-0.02", "B")], 200, 250),
        ([wanting("0.04", origin="max_leverage"), wanting("-0.02", "B")], 200, 500),
    ],
)
def test_a_rest_too_small_is_sendable_from_where_its_lots_are_worth_the_minimum(
    wants: list[Token], price: Any, sendable: Any
) -> None:
    with exact():
        found = sendable_from(wants, None if price is None else d(price), UnderlyingTerms())
        assert found == (UNBOUNDED if sendable is None else d(sendable)) * AFTER


def kept(desk: Desk) -> Book:
    """The book of a desk."""
    assert desk.book is not None
    return desk.book


def absorbed(
    desk: Desk, price: Any, at: float, venue: str = "a", *, ask: Any = None, appended: float | None = None
) -> bool:
    """Whether a quote is only kept."""
    at_us = MIDNIGHT + round(at * SECOND)
    made = QuoteObserved("TAO", venue, at_us, d(price), d(price if ask is None else ask))
    with exact():
        return absorb(kept(desk), made, desk.offset, None if appended is None else MIDNIGHT + round(appended * SECOND))


def steady(**terms: Any) -> Desk:
    """Two venues at 200, of a day from 197 to 203: the calm is from 199 to 201."""
    desk = Desk.open(min_venues=2, max_divergence=d("0.05"), **terms)
    for at, price in ((-30, 199), (-29, 197), (-28, 199), (-27, 201), (-26, 203), (-25, 201), (-20, 200)):
        for venue in "ab":
            desk.quote(price, at, venue)
    desk.clock(-19.5)
    return desk


@pytest.mark.parametrize(
    ("price", "ask", "is_kept"),
    [(199, 199, True), ("198.99", 199, False), (201, 201, True), (201, "201.01", False), (200, "199.9", False)],
)
def test_quotes_up_to_the_ends_of_the_calm_are_only_kept(price: Any, ask: Any, is_kept: bool) -> None:
    assert absorbed(steady(), price, -19, ask=ask) is is_kept


@pytest.mark.parametrize("moved", [-1, 1])
def test_the_calm_ends_where_the_day_would_be_wider(moved: int) -> None:
    desk = Desk.open(min_venues=2, max_divergence=d("0.05"))
    for at, price in ((-30, 200), (-29, 200 - moved)):
        for venue in "ab":
            desk.quote(price, at, venue)
    desk.quote(200, -28, "a")
    desk.quote(200, -28, "b")
    assert not absorbed(desk, 200 + moved * d("0.1"), -27)
    assert absorbed(desk, 200 - moved * d("0.1"), -27)


@pytest.mark.parametrize("moved", [-1, 1])
def test_there_is_no_calm_while_a_venue_is_beyond_the_day(moved: int) -> None:
    desk = Desk.open(min_venues=2, max_divergence=d("0.05"))
    for at, price in ((-30, 200), (-29, 200 - moved)):
        for venue in "ab":
            desk.quote(price, at, venue)
    desk.quote(200 - moved * d("0.1"), -28, "b")
    desk.quote(200 + moved * d("0.1"), -27, "a")
    assert not absorbed(desk, 200, -26, "b")


@pytest.mark.parametrize(("at", "is_kept"), [("-10.000001", True), (-10, False)])
def test_quotes_are_only_kept_while_the_oldest_is_fresh(at: Any, is_kept: bool) -> None:
    desk = steady()
    desk.quote(200, -12, "b")
    desk.clock(-11)
    assert absorbed(desk, 200, float(at), "b") is is_kept


@pytest.mark.parametrize(("at", "is_kept"), [("-0.000001", True), (0, False)])
def test_no_quote_at_the_boundary_is_only_kept(at: Any, is_kept: bool) -> None:
    desk = steady()
    for venue in "ab":
        desk.quote(200, -5, venue)
    assert absorbed(desk, 200, float(at)) is is_kept


@pytest.mark.parametrize(("appended", "is_kept"), [(None, True), (-12, True), (-12.000001, False)])
def test_a_quote_of_the_future_is_not_kept(appended: float | None, is_kept: bool) -> None:
    desk = steady()
    desk.quote(200, -11, "b")
    assert absorbed(desk, 200, -10, "b", appended=appended) is False
    assert absorbed(desk, 200, -10.5, "b", appended=None if appended is None else appended - 0.5) is is_kept


def test_what_is_only_kept_is_the_last_quote_its_offset_and_the_time() -> None:
    desk = steady()
    assert absorbed(desk, "200.5", -19, "a")
    assert absorbed(desk, "200.4", -19.2, "b")
    assert absorbed(desk, "200.5", -19.2, "b")
    assert absorbed(desk, "200.7", -19.3, "b") is False
    market = kept(desk).market
    assert (market.time, market.logged) == (MIDNIGHT - 19 * SECOND, dict.fromkeys("ab", desk.offset))
    assert market.price == 200
    desk.clock(-18)
    assert (market.price, market.quotes["a"].bid) == (d("200.5"), d("200.5"))


def test_nothing_is_only_kept_while_there_is_no_index() -> None:
    desk = steady()
    desk.quote(200, -12, "b")
    desk.clock(-9)
    assert kept(desk).market.no_index == "too_few_venues"
    assert not absorbed(desk, 200, -8, "b")
