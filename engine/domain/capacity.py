"""How large a product its market can carry (specification, section 5).

A de-lever at the limit `m` sells `(m - k)` times the equity left, `1 + L r*` of today's. What the orders of the allowed
time can carry bounds the sum over the tokens that would sell together.
"""

from decimal import Decimal

from engine.domain.book import Book
from engine.domain.exposure import NEARLY, equity
from engine.domain.numbers import ONE, ZERO
from engine.domain.state import Token
from engine.domain.terms import TokenTerms


def de_lever_share(terms: TokenTerms) -> Decimal:
    """What a de-lever would trade of today's equity: `(m - k) (1 + L r*)`, `r* = (m - k) / (k - m L)`."""
    limit, multiplier = terms.de_lever_at, terms.multiplier
    if limit is None:
        return ZERO
    k = abs(multiplier)
    move = (limit - k) / (k - limit * multiplier)
    return (limit - k) * (ONE + multiplier * move)


def room(book: Book, token: Token) -> Decimal | None:
    """The quote currency that could still come into `token`; None where nothing bounds it."""
    terms, price = book.market.terms, book.market.price
    share = de_lever_share(token.terms)
    if terms.de_lever_time_s is None or terms.max_slice_notional is None or not share or price is None:
        return None
    if not terms.slice_interval_s:
        return None
    orders = terms.de_lever_time_s // terms.slice_interval_s + 1
    same_side = [each for each in book.tokens.values() if (each.terms.multiplier > 0) == (token.terms.multiplier > 0)]
    taken = ZERO
    for each in same_side:
        worth = equity(each.basket, each.cash, price)
        unit = worth / each.units if each.units else each.initial_nav
        coming = sum((request.units for request in book.creations_of(each)), ZERO)
        taken += (max(ZERO, worth) + coming * unit) * de_lever_share(each.terms)
    return (orders * terms.max_slice_notional - taken) / (share * NEARLY)
