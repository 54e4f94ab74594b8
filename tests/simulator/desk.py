"""A desk: reads every output through the stream client, and does what participants and custodians do about them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from consumers.stream import OutputStream
from engine.domain.events import Body
from engine.domain.inputs import Input
from engine.domain.primary_events import (
    CreationOrdered,
    DeliveryNoted,
    RedemptionOrdered,
    RequestReceived,
    SettlementInstructed,
)
from engine.domain.requests import (
    CashDelivered,
    CreationRequested,
    RedemptionRequested,
    SettlementConfirmed,
    UnitsLocked,
)
from engine.log.port import Log
from engine.wire.topics import EVENTS, NAVS, ORDERS
from tests.desk import d
from tests.walk import ADDRESS

Send = Callable[[Sequence[Input]], Awaitable[None]]


@dataclass(slots=True)
class Desk:
    """What outlives its crashes: where it was in each topic, and how many sequences it saw twice in one life."""

    partitions: Sequence[int]
    random: Random
    positions: dict[str, dict[int, int]] = field(default_factory=dict)
    duplicates: int = 0

    async def run(self, log: Log, send: Send) -> None:
        """Read until cancelled; a new life goes on where the last one was, or reads all of it again."""
        if self.random.random() < 0.3:
            self.positions.clear()
        async with asyncio.TaskGroup() as tasks:
            for topic in (EVENTS, ORDERS, NAVS):
                tasks.create_task(self._follow(log, topic.name, send))

    async def _follow(self, log: Log, topic: str, send: Send) -> None:
        async with OutputStream(log, topic, self.partitions, self.positions.get(topic)) as stream:
            async for received in stream:
                answer = self._answer(received.event.body)
                if answer is not None:
                    await send([answer])
                self.positions[topic] = dict(stream.positions)
                self.duplicates += stream.check.duplicates

    def _answer(self, body: Body) -> Input | None:
        """The input that follows from an output; the same however often it is asked."""
        match body:
            case RequestReceived(flow="creation"):
                amount = body.cash_required or d(10_000)
                return CashDelivered(body.underlying, body.request_id, f"first-{body.request_id}", amount)
            case RequestReceived():
                return UnitsLocked(body.underlying, body.request_id, body.units)
            case DeliveryNoted():
                rest = body.cash_required - body.delivered + 1
                return CashDelivered(body.underlying, body.request_id, f"more-{body.delivered}", rest)
            case SettlementInstructed():
                return SettlementConfirmed(body.underlying, body.request_id, "0xabc")
            case CreationOrdered():
                return CreationRequested(
                    body.underlying, f"to-{body.invitation}", "ap", body.token, "EU", "on_chain", body.units,
                    address=ADDRESS, invitation=body.invitation,
                )  # fmt: skip
            case RedemptionOrdered():
                return RedemptionRequested(
                    body.underlying, f"to-{body.invitation}", "ap", body.token, "EU", "on_chain", body.units,
                    address=ADDRESS, invitation=body.invitation,
                )  # fmt: skip
        return None
