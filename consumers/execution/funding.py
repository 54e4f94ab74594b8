"""Funding that a venue has taken or given for the hedge, as inputs. The engine takes each instant once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from consumers.execution.deeds import Busy, Unclear
from consumers.execution.port import Venue
from engine import metrics
from engine.domain.inputs import FundingPaid
from engine.domain.instants import DAY, Instant
from engine.domain.numbers import exact, money

LOOK_BACK = DAY
"""The engine takes funding some hours more than a day late, if its terms say nothing else."""
INTERVAL_S = 300.0


async def follow_funding(
    underlying: str,
    venue: Venue,
    send: Callable[[Sequence[FundingPaid]], Awaitable[None]],
    now: Callable[[], Instant],
    interval_s: float = INTERVAL_S,
) -> None:
    """Send what was paid, looking back over a day after a start, until cancelled."""
    sent: set[Instant] = set()
    while True:
        paid = await venue.payments(now() - LOOK_BACK)
        if not isinstance(paid, Busy | Unclear):
            with exact():
                rows = [FundingPaid(underlying, venue.name, each.time, money(each.amount)) for each in paid]
            new = [row for row in rows if row.time not in sent]
            if new:
                await send(new)
                metrics.EXECUTION_FUNDING.labels(venue.name).inc(len(new))
            sent = {row.time for row in rows}
        await asyncio.sleep(interval_s)
