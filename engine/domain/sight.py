"""What the prices of the input at hand let the book act on (specification, section 7)."""

from decimal import Decimal
from typing import NamedTuple

from engine.domain.book import Book
from engine.domain.index import Mid, middle
from engine.domain.numbers import ZERO


class Sight(NamedTuple):
    """What prices the input at hand lets the book act on.

    With an index every rule may act at `price`. Without one, `price` is the median of the usable mids and only
    what every usable mid alone demands may act: `low` and `high` are the extreme mids.
    """

    price: Decimal | None
    with_index: bool
    low: Decimal
    high: Decimal
    counted: tuple[Mid, ...]

    @property
    def demanded_by(self) -> tuple[Decimal, ...]:
        """The prices at which a limit must be reached before it acts."""
        return (self.low,) if self.low == self.high else (self.low, self.high)

    @property
    def index_price(self) -> Decimal | None:
        """The index price, if there is one."""
        return self.price if self.with_index else None


def sight(book: Book, usable: list[Mid], counted: list[Mid], index: Decimal | None) -> Sight:
    """What can be acted on, from the usable mids, those counted and the index price if there is one."""
    if index is not None:
        return Sight(index, with_index=True, low=index, high=index, counted=tuple(counted))
    if len(usable) < book.rule.min_venues:
        return Sight(None, with_index=False, low=ZERO, high=ZERO, counted=())
    return Sight(middle(usable), with_index=False, low=usable[0].price, high=usable[-1].price, counted=tuple(usable))
