"""A venue that takes nothing: what would be sent is logged."""

from collections.abc import Sequence
from decimal import Decimal

import structlog

from consumers.execution.deeds import Done, Missing, Refused
from consumers.execution.port import Payment, Venue
from consumers.execution.ticket import Ticket
from engine.domain.instants import Instant, format_instant
from engine.domain.numbers import text

_log = structlog.get_logger("levtao.execute")


class Rehearsal:
    """Another venue's rules, and no orders. It needs no keys."""

    def __init__(self, venue: Venue) -> None:
        """Rehearse for a venue."""
        self.name = venue.name
        self.rules = venue.rules
        self.resting = venue.resting
        self.settle = 0
        self.funded = False

    async def ask(self, ticket: Ticket, have: Decimal) -> Missing:
        """It has nothing."""
        return Missing()

    async def place(self, ticket: Ticket) -> Refused:
        """Say what would have been sent."""
        _log.info(
            "would_place",
            venue=self.name,
            order_id=ticket.order_id,
            client_id=ticket.client_id,
            side=ticket.side,
            contracts=text(ticket.contracts),
            price=text(ticket.price),
            resting=ticket.resting,
            expires=format_instant(ticket.expires),
        )
        return Refused("dry run")

    async def cancel(self, ticket: Ticket) -> Done:
        """There is nothing to cancel."""
        return Done()

    async def payments(self, since: Instant) -> Sequence[Payment]:
        """Nothing is held."""
        return ()
