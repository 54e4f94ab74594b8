"""Inputs: everything the core may react to. Facts in the past tense; commands of people in the imperative.

There is one log of them per partition, keyed by underlying; their order there is the only order there is.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import Field

from engine.domain.commands import Command
from engine.domain.fields import (
    STRICT,
    Charge,
    Count,
    Moment,
    Name,
    Price,
    Quantity,
    Ratio,
    Reference,
    Units,
    Words,
)
from engine.domain.instants import Instant
from engine.domain.requests import ForkClaimed, Primary


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
class TokenQuoteObserved:
    """Best bid and ask of the token's own market, and the units there within the band around the NAV."""

    __pydantic_config__ = STRICT

    underlying: Name
    token: Name
    venue: Name
    time: Moment
    bid: Price
    ask: Price
    bid_depth: Units
    ask_depth: Units
    terms_version: Count
    type: Literal["token_quote_observed"] = "token_quote_observed"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class FundingObserved:
    """A venue's funding rate of the instant `time`: longs pay it on their notional, shorts get it."""

    __pydantic_config__ = STRICT

    underlying: Name
    venue: Name
    time: Moment
    rate: Ratio
    type: Literal["funding_observed"] = "funding_observed"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class FundingPaid:
    """What a venue really took (positive) or gave for the hedge held there at `time`, in quote currency."""

    __pydantic_config__ = STRICT

    underlying: Name
    venue: Name
    time: Moment
    amount: Charge
    type: Literal["funding_paid"] = "funding_paid"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class SignalObserved:
    """Something a desk should know: it reaches them and the audit, and decides nothing."""

    __pydantic_config__ = STRICT

    underlying: Name
    kind: Literal[
        "network_upgrade", "on_chain_metric", "volume", "open_interest", "funding_divergence", "regulatory_notice"
    ]
    source: Words
    text: Words
    value: Ratio | None = None
    token: Name | None = None
    type: Literal["signal_observed"] = "signal_observed"
    version: Literal[1] = 1


Input: TypeAlias = Annotated[
    QuoteObserved
    | ClockTicked
    | FillReported
    | OrderEndReported
    | TokenQuoteObserved
    | FundingObserved
    | FundingPaid
    | SignalObserved
    | ForkClaimed
    | Primary
    | Command,
    Field(discriminator="type"),
]
"""Everything the core takes."""


class Position(NamedTuple):
    """Where an input stands in its log. `appended` is the log's own time, None where there is no log."""

    partition: int
    offset: int
    appended: Instant | None = None
