"""A book under test: inputs in, outputs out, with the defaults a test does not want to repeat."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

from engine.domain.book import Book
from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.events import Body, Output
from engine.domain.inputs import ClockTicked, FillReported, Input, OrderEndReported, Position, QuoteObserved
from engine.domain.instants import DAY, SECOND, Instant
from engine.domain.machine import absorb, step
from engine.domain.numbers import exact
from engine.domain.outputs import OrderSent
from engine.domain.state import Token
from engine.domain.terms import TokenTerms, UnderlyingTerms

MIDNIGHT: Instant = 20_000 * DAY
"""2024-10-04T00:00:00Z, the boundary the tests count their seconds from."""

B = TypeVar("B", bound=Body)


def d(value: Any) -> Decimal:
    """A decimal of what a test wrote down."""
    return Decimal(str(value))


@dataclass
class Desk:
    """One underlying. Times are seconds from MIDNIGHT; prices and quantities are taken through `d`."""

    underlying: str = "TAO"
    book: Book | None = None
    offset: int = 0
    outputs: list[Output] = field(default_factory=list)
    inputs: list[tuple[Input, Position]] = field(default_factory=list)
    version: int = 0

    @classmethod
    def open(cls, **terms: Any) -> "Desk":
        """A desk with one venue unless told otherwise, and no NAVs by the clock."""
        desk = cls()
        desk.terms(**{"min_venues": 1, "publication_interval_s": 0} | terms)
        return desk

    def feed(self, given: Input, *, appended: Instant | None = None) -> list[Body]:
        """Take one input; the bodies of what came of it."""
        if self.book is None:
            assert isinstance(given, SetUnderlyingTerms)
            self.book = Book.opened_by(given)
        position = Position(0, self.offset, appended)
        self.offset += 1
        self.inputs.append((given, position))
        with exact():
            said = [] if absorb(self.book, given, position.offset, appended) else step(self.book, given, position)
            self.book.catch_up()
        self.outputs.extend(said)
        return [output.body for output in said]

    def terms(self, **terms: Any) -> list[Body]:
        """Set the terms of the underlying; what is not named stays."""
        self.version += 1
        old = UnderlyingTerms() if self.book is None else self.book.market.terms
        return self.feed(
            SetUnderlyingTerms(self.underlying, 0, self.version, replace(old, **terms), by="test", reason="test")
        )

    def token(self, name: str, multiplier: Any, *, seed: Any = 1, **terms: Any) -> list[Body]:
        """List a token; seeded with one unit unless told otherwise, it launches at the first index price."""
        self.version += 1
        made = TokenTerms(multiplier=d(multiplier), seed_units=d(seed), **terms)
        return self.feed(SetTokenTerms(self.underlying, name, self.version, made, by="test", reason="test"))

    def quote(
        self, price: Any, at: float, venue: str = "a", *, ask: Any = None, appended: float | None = None
    ) -> list[Body]:
        """A quote with bid = ask = price unless an ask is given."""
        given = QuoteObserved(self.underlying, venue, _at(at), d(price), d(price if ask is None else ask))
        return self.feed(given, appended=None if appended is None else _at(appended))

    def clock(self, at: float) -> list[Body]:
        """The clock ticks."""
        return self.feed(ClockTicked(self.underlying, _at(at)))

    def fill(
        self, order: OrderSent | str, quantity: Any, price: Any, fill_id: str | None = None, commission: Any = 0
    ) -> list[Body]:
        """The executor reports a fill."""
        order_id = order if isinstance(order, str) else order.order_id
        name = fill_id or f"fill-{self.offset}"
        return self.feed(FillReported(self.underlying, order_id, name, d(quantity), d(price), d(commission)))

    def end(self, order: OrderSent | str, outcome: Any = "expired") -> list[Body]:
        """The executor reports the end of an order."""
        order_id = order if isinstance(order, str) else order.order_id
        return self.feed(OrderEndReported(self.underlying, order_id, outcome))

    def __getitem__(self, name: str) -> Token:
        """The state of a token."""
        assert self.book is not None
        return self.book.tokens[name]

    def all(self, kind: type[B]) -> list[B]:
        """Every output of a kind so far."""
        return [output.body for output in self.outputs if isinstance(output.body, kind)]


def only(bodies: list[Body], kind: type[B]) -> B:
    """The one body of a kind."""
    found = [body for body in bodies if isinstance(body, kind)]
    assert len(found) == 1, f"{len(found)} of {kind.__name__} in {bodies}"
    return found[0]


def none(bodies: list[Body], kind: type[B]) -> None:
    """No body of a kind."""
    assert not [body for body in bodies if isinstance(body, kind)]


def _at(seconds: float) -> Instant:
    return MIDNIGHT + round(seconds * SECOND)
