"""Netting: wants of one underlying against each other first, the rest as one order (specification, section 4)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.domain.numbers import ZERO, fill_up, money, share_out, toward_zero, whole_lots
from engine.domain.outputs import Purpose
from engine.domain.terms import UnderlyingTerms

_PURPOSES: tuple[Purpose, ...] = ("rebalance", "creation", "redemption")


class Want(NamedTuple):
    """A signed quantity an account wants now; a flow's names its request."""

    token: str
    purpose: Purpose
    quantity: Decimal
    request: str | None = None


class Netted(NamedTuple):
    """What netting made of the wants: crosses that sum to zero, and signed parts of one order."""

    crossed: tuple[Want, ...]
    parts: tuple[Want, ...]

    @property
    def quantity(self) -> Decimal:
        """The signed order."""
        return sum((part.quantity for part in self.parts), ZERO)


def rank(want: Want) -> tuple[str, int, str]:
    """Who comes first where a remainder must go to one: by token, then by purpose, then by request."""
    return want.token, _PURPOSES.index(want.purpose), want.request or ""


def sendable(quantity: Decimal, price: Decimal, terms: UnderlyingTerms) -> Decimal:
    """The signed part of `quantity` an order could carry: whole lots, at least the smallest notional."""
    lots = whole_lots(quantity, terms.lot)
    return lots if lots and abs(lots) * price >= terms.min_notional else ZERO


def net(wants: Sequence[Want], price: Decimal, terms: UnderlyingTerms, *, whole: bool) -> Netted:
    """Cross opposite wants, then cut the heavier side's rest to a slice (unless `whole`) and to lots.

    The heavier side's crosses and parts are pro rata over all its wants.
    """
    ordered = sorted((want for want in wants if want.quantity), key=rank)
    sides = [want for want in ordered if want.quantity > ZERO], [want for want in ordered if want.quantity < ZERO]
    bought, sold = (sum((abs(want.quantity) for want in side), ZERO) for side in sides)
    heavy, light = sides if bought >= sold else (sides[1], sides[0])
    if not heavy:
        return Netted((), ())
    crossed = min(bought, sold)
    sizes = [abs(want.quantity) for want in heavy]
    heavy_crosses = fill_up(crossed, sizes)
    rests = [size - cross for size, cross in zip(sizes, heavy_crosses, strict=True)]
    quantity = sum(rests, ZERO)
    if not whole and terms.max_slice_notional is not None:
        quantity = min(quantity, toward_zero(terms.max_slice_notional / price))
    quantity = sendable(quantity, price, terms)
    sign = 1 if bought >= sold else -1
    return Netted(
        crossed=(*_signed(heavy, heavy_crosses, sign), *light) if crossed else (),
        parts=tuple(_signed(heavy, fill_up(quantity, rests), sign)) if quantity else (),
    )


def cash_of(parts: Sequence[Decimal], price: Decimal) -> list[Decimal]:
    """The cash each of `parts` (unsigned quantities) moves at `price`, summing to that of the whole."""
    return share_out(money(sum(parts, ZERO) * price), parts)


def _signed(wants: Sequence[Want], sizes: Sequence[Decimal], sign: int) -> list[Want]:
    return [want._replace(quantity=sign * size) for want, size in zip(wants, sizes, strict=True) if size]
