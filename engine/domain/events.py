"""Everything the core says, in one union, and the place an output has."""

from typing import NamedTuple, TypeAlias

from engine.domain.instants import Instant
from engine.domain.notices import Notice
from engine.domain.outputs import (
    CancelRequested,
    FillBooked,
    FixTaken,
    IndexLost,
    IndexRegained,
    InputRefused,
    NavPublished,
    OrderEnded,
    OrderSent,
    RebalanceTriggered,
    TokenClosed,
    TokenLaunched,
    TokenReset,
    TokenTerminated,
    TokenTermsChanged,
    UnderlyingTermsChanged,
    WantAbandoned,
    WantsCrossed,
)
from engine.domain.primary_events import PrimaryEvent

Body: TypeAlias = (
    OrderSent
    | CancelRequested
    | UnderlyingTermsChanged
    | TokenTermsChanged
    | TokenLaunched
    | FixTaken
    | TokenReset
    | RebalanceTriggered
    | WantsCrossed
    | FillBooked
    | OrderEnded
    | WantAbandoned
    | IndexLost
    | IndexRegained
    | TokenTerminated
    | TokenClosed
    | InputRefused
    | NavPublished
    | PrimaryEvent
    | Notice
)


class Output(NamedTuple):
    """A body with its place: the key it is ordered under, its gapless number there, its time."""

    key: str
    sequence: int
    time: Instant
    body: Body
