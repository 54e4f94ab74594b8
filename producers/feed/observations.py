"""What a feed hands to those who watch it: exact numbers, each with the venue, the time it is of and when it came.

None of these is an input. What becomes one is decided in `producers.feed.feed`; the rest is for watchers of signals.
`time` is the venue's own where it gives one, else when it came; `received` is this machine's clock.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from engine.domain.instants import Instant


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask of an underlying, or of the token's own market where `token` names one.

    Prices are in quote currency, sizes in what the venue counts: units of a spot market, contracts of a perpetual.
    `dated` is False where the venue gave no time.
    """

    venue: str
    underlying: str
    token: str | None
    time: Instant
    received: Instant
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    dated: bool


@dataclass(frozen=True, slots=True)
class Funding:
    """The funding rate of a perpetual: of `funding_time`, realised there or what it would be as things stand."""

    venue: str
    underlying: str
    time: Instant
    received: Instant
    rate: Decimal
    funding_time: Instant
    realised: bool
    interval_h: int = 8
    """Hours from one funding to the next, of a rate that is not realised."""


@dataclass(frozen=True, slots=True)
class MarkPrice:
    """The price a venue values positions at, in quote currency."""

    venue: str
    underlying: str
    time: Instant
    received: Instant
    price: Decimal


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """Contracts outstanding at a venue, as an amount of the underlying."""

    venue: str
    underlying: str
    time: Instant
    received: Instant
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Volume:
    """Traded at a venue in the 24 hours up to `time`, in quote currency."""

    venue: str
    underlying: str
    time: Instant
    received: Instant
    quote_volume: Decimal


Observation: TypeAlias = Quote | Funding | MarkPrice | OpenInterest | Volume
"""Anything a feed observes."""
