"""Inputs: everything the core may react to. Facts in the past tense; commands of people in the imperative.

There is one log of them per partition, keyed by underlying; their order there is the only order there is.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from engine.domain.fields import STRICT, Charge, Count, Moment, Name, Price, Quantity, Reference, Words
from engine.domain.terms import TokenTerms, UnderlyingTerms


@dataclass(frozen=True, slots=True)
class QuoteObserved:
    """Best bid and ask of one venue, in quote currency, at the venue's time."""

    __pydantic_config__ = STRICT

    underlying: Name
    venue: Name
    time: Moment
    bid: Price
    ask: Price
    type: Literal["quote_observed"] = "quote_observed"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class ClockTicked:
    """It is `time`, whether or not anything traded."""

    __pydantic_config__ = STRICT

    underlying: Name
    time: Moment
    type: Literal["clock_ticked"] = "clock_ticked"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class FillReported:
    """An executor bought or sold `quantity` for an order at `price`, paying `commission` in quote currency."""

    __pydantic_config__ = STRICT

    underlying: Name
    order_id: Reference
    fill_id: Reference
    quantity: Quantity
    price: Price
    commission: Charge
    venue: Name | None = None
    type: Literal["fill_reported"] = "fill_reported"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class OrderEndReported:
    """An executor is done with an order: nothing more will be filled."""

    __pydantic_config__ = STRICT

    underlying: Name
    order_id: Reference
    outcome: Literal["filled", "expired", "cancelled", "rejected"]
    detail: Words = ""
    type: Literal["order_end_reported"] = "order_end_reported"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class SetUnderlyingTerms:
    """Run the book of an underlying by these terms from here on. The first one opens the book.

    `partition` is where the issuer's table puts the underlying; on any other partition the command is refused.
    """

    __pydantic_config__ = STRICT

    underlying: Name
    partition: Count
    terms_version: Count
    terms: UnderlyingTerms
    by: Words
    reason: Words
    type: Literal["set_underlying_terms"] = "set_underlying_terms"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class SetTokenTerms:
    """Run a token by these terms from here on. The first one lists the token."""

    __pydantic_config__ = STRICT

    underlying: Name
    token: Name
    terms_version: Count
    terms: TokenTerms
    by: Words
    reason: Words
    type: Literal["set_token_terms"] = "set_token_terms"
    version: Literal[1] = 1


Input: TypeAlias = Annotated[
    QuoteObserved | ClockTicked | FillReported | OrderEndReported | SetUnderlyingTerms | SetTokenTerms,
    Field(discriminator="type"),
]


@dataclass(frozen=True, slots=True)
class Position:
    """Where an input stands in its log. `appended` is the log's own time, None where there is no log."""

    partition: int
    offset: int
    appended: Moment | None = None
