"""Durable state of one underlying: the market, each token, each order. Plain data; the rules are elsewhere.

What is here is written to the changelog after every batch and read back after a restart. Anything that
can be derived from it is not here.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from engine.domain.fields import Amount, Count, Moment, Name, Price, Ratio, Reference, Units
from engine.domain.inputs import QuoteObserved
from engine.domain.numbers import ZERO
from engine.domain.outputs import NoIndex, Outcome, Purpose, Side, Status, Trigger
from engine.domain.terms import TokenTerms, UnderlyingTerms

Origin = Literal["reset", "termination"] | Trigger
"""What set a token's goal last."""


@dataclass(slots=True)
class Market:
    """The underlying itself: its time, its quotes, its calendar, its counters."""

    underlying: Name
    terms_version: Count
    terms: UnderlyingTerms
    time: Moment | None = None
    clock_time: Moment | None = None
    quotes: dict[Name, QuoteObserved] = field(default_factory=dict)
    next_boundary: Moment = 0
    boundaries_waiting: Count = 0
    price: Ratio | None = None
    """The last index price."""
    no_index: NoIndex | None = None
    last_mark: Moment | None = None
    """The interval mark last published at."""
    marks: Count = 0
    """How many marks were published at, the common part of every NAV sequence."""
    last_sent: Moment | None = None
    """When the last ordinary order was sent."""
    urgent_from: Moment = 0
    """No emergency order before this."""
    orders_sequence: Count = 0
    events_sequence: Count = 0
    issuer_basket: Amount = ZERO
    issuer_cash: Amount = ZERO


@dataclass(slots=True, kw_only=True)
class Account:
    """Something that holds a basket and cash and wants to reach a goal through orders."""

    basket: Amount = ZERO
    cash: Amount = ZERO
    goal: Amount = ZERO
    open: Amount = ZERO
    """Signed part of the orders out."""
    tries: Count = 0
    abandoned: bool = False
    """The want was tried as often as the terms allow."""

    @property
    def want(self) -> Decimal:
        """Signed quantity still to be decided: goal less what is held and what is out."""
        return self.goal - self.basket - self.open


@dataclass(slots=True, kw_only=True)
class Token(Account):
    """One token: what it holds, what it owes its holders, what it wants."""

    token: Name
    underlying: Name
    terms_version: Count
    terms: TokenTerms
    status: Status = "listed"
    units: Units = ZERO
    origin: Origin | None = None
    moved: bool = False
    """Basket or cash changed since the leverage limits were last looked at."""
    open_urgent: Amount = ZERO
    """The part of `open` that is in emergency orders."""
    benchmark: Amount = ZERO
    benchmark_price: Ratio = ZERO
    rule_value: Amount = ZERO
    rule_price: Ratio = ZERO
    nav_sequence_base: int = 0
    """This token's NAV sequence less the market's marks."""
    final_value: Amount = ZERO
    shortfall: Amount = ZERO


@dataclass(slots=True)
class Part:
    """One token's unsigned part of an order."""

    token: Name
    purpose: Purpose
    quantity: Units
    filled: Units = ZERO

    @property
    def unfilled(self) -> Decimal:
        """What is still to be filled."""
        return self.quantity - self.filled


@dataclass(slots=True)
class Order:
    """An order of the underlying, out or lately ended."""

    order_id: Reference
    number: Count
    """Its sequence on the orders topic: orders are kept in the order they were sent."""
    underlying: Name
    side: Side
    quantity: Units
    decision_price: Price
    sent: Moment
    expires: Moment
    urgent: bool
    parts: list[Part]
    filled: Units = ZERO
    fill_ids: list[Reference] = field(default_factory=list)
    cancel_requested: bool = False
    outcome: Outcome | None = None

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self.side == "buy" else -1
