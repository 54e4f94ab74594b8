"""The quiet range: between which prices nothing can need anything, so that a quote ends after the index.

Inside it is calm: while all quotes are too near each other for a venue to be left out of the index, it lies between
them, whatever it is exactly; they are only kept, and it is worked out when somebody needs it.

Both are derived, err on the side of looking, and have no say in what comes out.
"""

from collections import defaultdict
from collections.abc import Iterable
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


def quiet_range(token: Token) -> tuple[Decimal, Decimal]:
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
