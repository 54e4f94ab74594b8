"""What execution needs of a venue, and no more."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from consumers.execution.deeds import Busy, Done, Missing, Placed, Refused, Seen, Unclear
from consumers.execution.ticket import Rules, Ticket
from engine.domain.instants import Instant


class VenueError(Exception):
    """The market cannot be traded: it is not there, not of a kind this can book, or its exchange does not answer."""


class Payment(NamedTuple):
    """Funding of an instant: what was taken (positive) or given, in quote currency."""

    time: Instant
    amount: Decimal


class Venue(Protocol):
    """One market. Nothing is raised: what goes wrong is an answer."""

    name: str
    rules: Rules
    settle: int
    """How long after a placing was given up the venue may still book it, in microseconds."""
    resting: bool
    """Whether orders may rest in its book."""
    funded: bool
    """Whether funding is paid there."""

    async def ask(self, ticket: Ticket, have: Decimal) -> Missing | Seen | Busy | Unclear:
        """The order by its client id, with its trades where more than `have` contracts were filled."""
        ...

    async def place(self, ticket: Ticket) -> Placed | Refused | Busy | Unclear:
        """Send the order, once."""
        ...

    async def cancel(self, ticket: Ticket) -> Done | Busy | Unclear:
        """Ask for its end. Whether it was done, or had ended before, is for `ask` to say."""
        ...

    async def payments(self, since: Instant) -> Sequence[Payment] | Busy | Unclear:
        """Funding since an instant, added up where an instant has several."""
        ...
