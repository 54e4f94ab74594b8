"""What was under way before: the orders of a partition that have no end yet, and where the news begin."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from consumers.execution.deeds import Stop
from engine.domain.inputs import OrderEndReported
from engine.domain.instants import DAY, Instant
from engine.domain.outputs import CancelRequested, OrderEnded, OrderSent, Outcome
from engine.log.port import Log, Reader, Record, read_up_to
from engine.wire.codec import DecodeError, Event, cause_offset, decode_output, read_input
from engine.wire.topics import EVENTS, INPUTS, ORDERS

LOOK_BACK = 7 * DAY
"""Orders are looked for at the venue so long after their expiry. What is older has no trades listed for sure, and would
take the room of new ones for ever."""
END_REPORT = b'"order_end_reported"'
ENDED = b'"order_ended"'


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What to go on with."""

    orders: list[OrderSent]
    stops: dict[str, Stop]
    """Orders of those that are to end."""
    next_offset: int
    """Of the orders topic."""


async def under_way(log: Log, number: int, now: Instant) -> UnderWay:
    """Everything of a partition that may be at a venue without an end the engine knows. Raises LogError.

    The engine tells ends in its events. Of what it has not read yet the reports themselves tell, and they count too:
    an order this executor has ended must not be placed after a restart because the engine is behind.

    An order the engine gave up waiting for (`overdue`) may still have been filled: it is only looked for, never placed.
    """
    ended: dict[str, Outcome] = {}
    async with log.reader(EVENTS.name, number, None) as events:
        async for event in _events(events, await events.end(), ENDED):
            if isinstance(event.body, OrderEnded):
                ended[event.body.order_id] = event.body.outcome
    left: dict[str, OrderSent] = {}
    stops: dict[str, Stop] = {}
    oldest: int | None = None
    async with log.reader(ORDERS.name, number, None) as orders:
        next_offset = await orders.end()
        async for event in _events(orders, next_offset):
            body = event.body
            if isinstance(body, CancelRequested) and body.order_id in left:
                stops.setdefault(body.order_id, Stop(body.reason))
            if not isinstance(body, OrderSent) or body.fills != "reported" or now > body.expires + LOOK_BACK:
                continue
            outcome = ended.get(body.order_id, "overdue")
            if outcome != "overdue":
                continue
            left[body.order_id] = body
            cause = cause_offset(event.cause)
            oldest = cause if oldest is None else min(oldest, cause)
            if body.order_id in ended:
                stops[body.order_id] = Stop("the engine gave up waiting for its end")
    for order_id in await _reported_ends(log, number, oldest):
        left.pop(order_id, None)
    return UnderWay(list(left.values()), stops, next_offset)


async def _reported_ends(log: Log, number: int, since: int | None) -> set[str]:
    """Which orders have the report of their end in the inputs from an offset on: the engine may not have read it."""
    reported: set[str] = set()
    if since is None:
        return reported
    async with log.reader(INPUTS.name, number, None) as inputs:
        inputs.seek(max(await inputs.begin(), since))
        async for record in read_up_to(inputs, await inputs.end()):
            report = _end_report(record)
            if report is not None:
                reported.add(report.order_id)
    return reported


def _end_report(record: Record) -> OrderEndReported | None:
    if record.value is None or END_REPORT not in record.value:
        return None
    try:
        given = read_input(record.value)
    except DecodeError:
        return None  # the engine buries it too
    return given if isinstance(given, OrderEndReported) else None


async def _events(reader: Reader, end: int, mark: bytes = b"") -> AsyncIterator[Event]:
    async for record in read_up_to(reader, end):
        if record.value is not None and mark in record.value:
            yield decode_output(record.value)
