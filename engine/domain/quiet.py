"""The quiet range: between which prices nothing can need anything, so that a quote ends after the index.

Inside it is calm: while all quotes are too near each other for a venue to be left out of the index, it lies between
them, whatever it is exactly; they are only kept, and it is worked out when somebody needs it.

Both are derived, err on the side of looking, and have no say in what comes out.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from engine.domain.exposure import price_at, zero_price
from engine.domain.index import IndexRule, Mid
from engine.domain.instants import Instant
from engine.domain.numbers import ONE, ZERO, whole_lots
from engine.domain.state import Token
from engine.domain.terms import UnderlyingTerms

_EDGE = Decimal("1E-9")
"""The range ends this much before a limit, so the exact test is always made near it."""

NEVER: Instant = 2**62
UNBOUNDED = Decimal("1E+40")
ANY_PRICE = (ZERO, UNBOUNDED)
NO_PRICE = (UNBOUNDED, ZERO)

_CALM_PART = Decimal("0.25")
"""Of the least distance that matters, to each side of the index: quotes at both ends are still near each other."""


class Calm(NamedTuple):
    """Quotes of known venues from `low` to `high` change nothing but themselves before `until`."""

    low: Decimal
    high: Decimal
    until: Instant


NO_CALM = Calm(ZERO, ZERO, 0)


def calm_around(price: Decimal, rule: IndexRule, usable: list[Mid], low: Decimal, high: Decimal, due: Instant) -> Calm:
    """The calm around the index, from `low` to `high` at most and until `due`; none where a mid is outside already."""
    reach = price * _CALM_PART * min(rule.max_deviation, rule.max_divergence, rule.max_spread, ONE)
    low, high = max(low, price - reach), min(high, price + reach)
    if usable[0].price < low or usable[-1].price > high:
        return NO_CALM
    return Calm(low, high, min(due, min(mid.time for mid in usable) + rule.max_age))


Range = tuple[Decimal, Decimal]

_FEW = 16
"""Up to one of so many ranges are put in their places one by one; more of them, and all are sorted."""
_LAST_NAME = "~"


class QuietRanges:
    """The quiet ranges of all tokens, sorted by their ends: nobody has to be asked who is inside his own."""

    def __init__(self) -> None:
        """There is none yet."""
        self._of: dict[str, Range] = {}
        self._lows: list[tuple[Decimal, str]] = []
        self._highs: list[tuple[Decimal, str]] = []

    def put(self, ranges: Mapping[str, Range]) -> None:
        """The ranges of some tokens from here on."""
        if len(ranges) * _FEW > len(self._of):
            self._of.update(ranges)
            self._lows = sorted((low, name) for name, (low, _) in self._of.items())
            self._highs = sorted((high, name) for name, (_, high) in self._of.items())
            return
        for name, (low, high) in ranges.items():
            known = self._of.get(name)
            if known is not None:
                del self._lows[bisect_left(self._lows, (known[0], name))]
                del self._highs[bisect_left(self._highs, (known[1], name))]
            insort(self._lows, (low, name))
            insort(self._highs, (high, name))
            self._of[name] = low, high

    @property
    def common(self) -> Range:
        """Between which prices no token needs anything."""
        return (self._lows[-1][0], self._highs[0][0]) if self._of else ANY_PRICE

    def outside(self, low: Decimal, high: Decimal) -> set[str]:
        """The tokens that may need something at a price from `low` to `high`."""
        below = self._lows[bisect_left(self._lows, (low, "")) :]
        above = self._highs[: bisect_right(self._highs, (high, _LAST_NAME))]
        return {name for _, name in (*below, *above)}


def quiet_range(token: Token) -> Range:
    """Between which prices this token needs nothing; an empty range where that is not worth telling."""
    terms, basket, cash = token.terms, token.basket, token.cash
    if token.status in ("listed", "closed"):
        return NO_PRICE if token.status == "listed" and terms.seed_units else ANY_PRICE
    ordinary = cash > ZERO if basket <= ZERO else cash < ZERO or terms.min_leverage is None
    watched = token.quote is not None
    if token.status == "terminated" or token.owes_resets or watched or not ordinary:
        return NO_PRICE
    limit = terms.de_lever_at
    losing = zero_price(basket, cash) if limit is None else price_at(limit, basket, cash)
    winning = None if terms.min_leverage is None else price_at(terms.min_leverage, basket, cash)
    low, high = (losing, winning) if basket > ZERO else (winning, losing)
    return (
        ZERO if low is None else low * (ONE + _EDGE),
        UNBOUNDED if high is None else high * (ONE - _EDGE),
    )


def sendable_from(wanting: Iterable[Token], price: Decimal | None, terms: UnderlyingTerms) -> Decimal:
    """The lowest price at which a rest now too small in money could be sent, alone or netted with its like."""
    together: dict[object, Decimal] = defaultdict(Decimal)
    for token in wanting:
        if token.origin == "emergency_leverage" or not token.terms.netted:
            together[token.token] = token.want
        if token.terms.netted:
            together[None, token.terms.fills] += token.want
    least = UNBOUNDED
    for rest in together.values():
        lots = abs(whole_lots(rest, terms.lot))
        if lots and (price is None or lots * price < terms.min_notional):
            least = min(least, terms.min_notional / lots)
    return least * (ONE - _EDGE)
