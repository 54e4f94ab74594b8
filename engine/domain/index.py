"""The index price of an underlying from the quotes of several venues (specification, section 7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from engine.domain.inputs import QuoteObserved
from engine.domain.instants import SECOND, Instant
from engine.domain.numbers import HALF, ZERO
from engine.domain.outputs import CountedQuote, NoIndex
from engine.domain.terms import UnderlyingTerms


class Mid(NamedTuple):
    """The middle of a sound quote. Ordered by price, so a sorted list has its median in the middle."""

    price: Decimal
    time: Instant
    venue: str


@dataclass(frozen=True, slots=True)
class IndexRule:
    """The numbers the index is computed with, from the terms of the underlying."""

    min_venues: int
    max_age: Instant
    max_spread: Decimal
    max_deviation: Decimal
    max_divergence: Decimal

    @classmethod
    def of(cls, terms: UnderlyingTerms) -> "IndexRule":
        """The rule these terms ask for."""
        return cls(
            min_venues=terms.min_venues,
            max_age=terms.max_age_s * SECOND,
            max_spread=terms.max_spread,
            max_deviation=terms.max_deviation,
            max_divergence=terms.max_divergence,
        )

    def mid(self, quote: QuoteObserved) -> Mid | None:
        """The quote's middle, or None where it is crossed or its spread is too wide to mean anything."""
        price = (quote.bid + quote.ask) * HALF
        spread = quote.ask - quote.bid
        if spread < ZERO or (spread and spread >= self.max_spread * price):
            return None
        return Mid(price, quote.time, quote.venue)

    def usable(self, mids: Iterable[Mid], now: Instant) -> list[Mid]:
        """The mids still fresh at `now`, ordered by price."""
        oldest = now - self.max_age
        return sorted([mid for mid in mids if mid.time >= oldest])

    def counted(self, usable: list[Mid]) -> list[Mid]:
        """Those of the usable mids that are near their median."""
        if len(usable) < 2:
            return usable
        median = middle(usable)
        reach = median * self.max_deviation
        if usable[-1].price - median <= reach and median - usable[0].price <= reach:
            return usable
        return [mid for mid in usable if abs(mid.price - median) <= reach]

    def price(self, counted: list[Mid]) -> Decimal | NoIndex:
        """The index price in quote currency, or the reason there is none."""
        count = len(counted)
        if count < self.min_venues:
            return "too_few_venues"
        if count == 2 and counted[1].price - counted[0].price > self.max_divergence * counted[0].price:
            return "divergent"
        return middle(counted)


def middle(mids: list[Mid]) -> Decimal:
    """The median of mids ordered by price; between two it is their average."""
    half = len(mids) // 2
    if len(mids) % 2:
        return mids[half].price
    return (mids[half - 1].price + mids[half].price) * HALF


def basis(counted: Iterable[Mid]) -> tuple[CountedQuote, ...]:
    """The counted mids as they are shown in an output, by venue."""
    return tuple(
        CountedQuote(mid.venue, mid.price, mid.time)
        for mid in sorted(counted, key=lambda counted_mid: counted_mid.venue)
    )
