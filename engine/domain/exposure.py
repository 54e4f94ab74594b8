"""What a basket and its cash are worth, and where limits are reached (specification, section 1).

`q` is the signed basket, `c` the cash, `P` the price: equity `A = q P + c`, exposure `E = q P`,
leverage `E / A`.
"""

from decimal import Decimal
from typing import NamedTuple

from engine.domain.numbers import ONE, ZERO, money, toward_zero
from engine.domain.terms import TokenTerms

NEARLY = ONE - Decimal("1E-12")
"""A limit counts as reached from this share of it on."""


def equity(basket: Decimal, cash: Decimal, price: Decimal) -> Decimal:
    """`A`, in quote currency."""
    return basket * price + cash


def leverage(basket: Decimal, cash: Decimal, price: Decimal) -> Decimal | None:
    """`E / A`, signed; None where the equity is not above zero."""
    exposure = basket * price
    worth = exposure + cash
    return exposure / worth if worth > ZERO else None


def target(multiplier: Decimal, basket: Decimal, cash: Decimal, price: Decimal) -> Decimal:
    """The goal `g = L A / P`, zero where the equity is not above zero."""
    worth = equity(basket, cash, price)
    return toward_zero(multiplier * worth / price) if worth > ZERO else ZERO


def reached(limit: Decimal, basket: Decimal, cash: Decimal, price: Decimal) -> bool:
    """Whether absolute leverage is at `limit` or beyond; spent equity with any exposure is beyond all."""
    exposure = basket * price
    return abs(exposure) >= limit * (exposure + cash) * NEARLY


def fallen_to(limit: Decimal, basket: Decimal, cash: Decimal, price: Decimal) -> bool:
    """Whether absolute leverage is at `limit` or below, with equity above zero."""
    exposure = basket * price
    worth = exposure + cash
    return worth > ZERO and abs(exposure) * NEARLY <= limit * worth


def price_at(limit: Decimal, basket: Decimal, cash: Decimal) -> Decimal | None:
    """The price at which absolute leverage is `limit`: `m c / (q (sign(q) - m))`; None if no positive one."""
    if not basket:
        return None
    divisor = basket * ((ONE if basket > ZERO else -ONE) - limit)
    if not divisor:
        return None
    price = limit * cash / divisor
    return price if price > ZERO else None


def zero_price(basket: Decimal, cash: Decimal) -> Decimal | None:
    """The price at which the equity is zero: `-c / q`; None if no positive one."""
    if not basket:
        return None
    price = -cash / basket
    return price if price > ZERO else None


class Ladder(NamedTuple):
    """The prices at which a basket and its cash reach what the terms name; None where no positive price does."""

    zero: Decimal | None
    max_leverage: Decimal | None
    emergency: Decimal | None
    min_leverage: Decimal | None

    @classmethod
    def of(cls, terms: TokenTerms, basket: Decimal, cash: Decimal) -> "Ladder":
        """The ladder of a real basket, to 18 places."""
        limits = (terms.de_lever_at, terms.emergency_at, terms.min_leverage)
        at = [None if limit is None else price_at(limit, basket, cash) for limit in limits]
        return cls(*(None if price is None else money(price) for price in (zero_price(basket, cash), *at)))


def grown(value: Decimal, multiplier: Decimal, old_price: Decimal, price: Decimal) -> Decimal:
    """A value that follows `multiplier` times the return from `old_price` to `price`, never below zero."""
    return max(ZERO, money(value * (ONE + multiplier * (price / old_price - ONE))))
