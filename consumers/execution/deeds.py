"""What is done about an order at a venue, and what is heard in answer: plain values, so that deciding needs neither."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

from engine.domain.instants import Instant

EndOutcome = Literal["filled", "expired", "cancelled", "rejected"]
Status = Literal["open", "closed", "cancelled", "expired", "rejected"]


class Now(NamedTuple):
    """Two clocks, in microseconds: the wall's for expiry, one that is never set for waiting."""

    wall: Instant
    steady: Instant


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill as the venue tells it, `contracts` above zero."""

    trade_id: str
    contracts: Decimal
    price: Decimal
    commission: Decimal | None
    """In quote currency; none where it was paid in something that cannot be booked."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The venue knows no such order."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The venue has it: how it stands, how much was filled, and the trades the venue lists by now."""

    status: Status
    filled: Decimal
    trades: tuple[Trade, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """The venue has taken it, or says it had before."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue will not take it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Busy:
    """The venue did nothing: too many requests, or this process has to be sure of itself first."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """No answer that says whether it was done."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """It is to end: cancelled where it was placed, ended as `unplaced` where it was not."""

    reason: str
    unplaced: Literal["cancelled", "rejected"] = "cancelled"


@dataclass(frozen=True, slots=True)
class Done:
    """A wait is over, a cancel was answered, or what was to be reported is in the log."""


Heard: TypeAlias = Missing | Seen | Placed | Refused | Busy | Unclear | Stop | Done


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask by client id; trades too unless `have` contracts are all that were filled."""

    have: Decimal


@dataclass(frozen=True, slots=True)
class Place:
    """Send it."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel it by client id."""


@dataclass(frozen=True, slots=True)
class Report:
    """Report these fills."""

    trades: tuple[Trade, ...]


@dataclass(frozen=True, slots=True)
class End:
    """Report the end."""

    outcome: EndOutcome
    detail: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing for so long, unless something is heard."""

    micros: int


Deed: TypeAlias = Ask | Place | Cancel | Report | End | Wait
