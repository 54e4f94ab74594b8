"""The paper broker: fills the orders of the engine from the recorded book, with seeded latency, slippage and rejects.

Everything about an order is a function of the seed, the order, and the quotes before its cause in the input log, fill
ids too. So it needs no memory of its own: after a restart it works the orders the engine has not seen the end of, and
what it repeats is refused as a duplicate.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from consumers.recorded_book import RecordedBook
from consumers.stream import OutputStream
from engine.domain.inputs import FillReported, OrderEndReported
from engine.domain.instants import Instant
from engine.domain.numbers import exact, money
from engine.domain.outputs import CancelRequested, OrderEnded, OrderSent
from engine.log.port import Log, read_up_to
from engine.wire.codec import cause_offset, decode_output
from engine.wire.topics import EVENTS, ORDERS

BASIS_POINT = Decimal("0.0001")
IN_FLIGHT = 64
PIECE = Decimal("0.001")
VENUE = "paper"

Report = FillReported | OrderEndReported
Send = Callable[[Sequence[Report]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """How good an executor it is. Probabilities are of 1, latencies wall-clock."""

    seed: int = 0
    latency_s: tuple[float, float] = (0.005, 0.05)
    slippage_bps: float = 5.0
    """At most so far beyond the best opposite price."""
    commission_bps: Decimal = Decimal(2)
    partial: float = 0.3
    """How likely an order is filled in pieces."""
    unfilled: float = 0.05
    """How likely an order ends with a part unfilled."""
    reject: float = 0.02


@dataclass(frozen=True, slots=True)
class Step:
    """A report, and how long after the one before."""

    after_s: float
    report: Report


def plan(order: OrderSent, touch: Decimal, settings: PaperSettings) -> list[Step]:
    """Everything that will be reported of an order that meets the price `touch`: the same every time."""
    random = Random(f"{settings.seed}/{order.order_id}")  # noqa: S311 - a simulation, reproducible on purpose

    def after() -> float:
        return random.uniform(*settings.latency_s)

    if random.random() < settings.reject:
        return [Step(after(), OrderEndReported(order.underlying, order.order_id, "rejected", "paper: rejected"))]
    if touch > order.limit_price if order.side == "buy" else touch < order.limit_price:
        beyond = f"paper: {touch:f} is beyond the limit"
        return [Step(after(), OrderEndReported(order.underlying, order.order_id, "expired", beyond))]
    pieces = random.randint(2, 5) if random.random() < settings.partial else 1
    short = random.random() < settings.unfilled
    steps: list[Step] = []
    with exact():
        sizes = _pieces(order.quantity, pieces)
        for number, size in enumerate(sizes[:-1] if short and len(sizes) > 1 else sizes):
            price = _price(order, touch, Decimal(round(random.uniform(0, 1) * settings.slippage_bps * 1000)) / 1000)
            fee = money(size * price * settings.commission_bps * BASIS_POINT)
            fill_id = f"{order.order_id}/{number}"
            steps.append(
                Step(after(), FillReported(order.underlying, order.order_id, fill_id, size, price, fee, VENUE))
            )
    if short and len(sizes) > 1:
        steps.append(
            Step(after(), OrderEndReported(order.underlying, order.order_id, "expired", "paper: part unfilled"))
        )
    return steps


def _pieces(quantity: Decimal, count: int) -> list[Decimal]:
    """`quantity` in about equal pieces of whole thousandths, the rest in the last."""
    size = (quantity / count).quantize(PIECE, "ROUND_DOWN")
    return [size] * (count - 1) + [quantity - size * (count - 1)] if size else [quantity]


def _price(order: OrderSent, touch: Decimal, slippage_bps: Decimal) -> Decimal:
    """The price met, moved by the slippage, never beyond the limit."""
    sign = 1 if order.side == "buy" else -1
    price = money(touch * (1 + sign * slippage_bps * BASIS_POINT))
    return min(price, order.limit_price) if sign > 0 else max(price, order.limit_price)


@dataclass(slots=True)
class PaperBroker:
    """Reads orders of some partitions and reports what became of them through `send`."""

    log: Log
    partitions: Sequence[int]
    send: Send
    settings: PaperSettings = field(default_factory=PaperSettings)
    fills: int = 0
    rejects: int = 0
    _clock: Instant = 0
    _working: dict[str, asyncio.Event] = field(default_factory=dict)

    async def run(self) -> None:
        """Work orders until cancelled. Raises LogError (in a group)."""
        ended = await self._ended()
        room = asyncio.Semaphore(IN_FLIGHT)
        async with AsyncExitStack() as stack:
            books = {
                number: await stack.enter_async_context(RecordedBook.opened(self.log, number))
                for number in self.partitions
            }
            orders = await stack.enter_async_context(OutputStream(self.log, ORDERS.name, self.partitions))
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            async for received in orders:
                body = received.event.body
                if isinstance(body, CancelRequested):
                    stop = self._working.get(body.order_id)
                    if stop is not None:
                        stop.set()
                elif isinstance(body, OrderSent) and body.fills == "reported" and body.order_id not in ended:
                    self._clock = max(self._clock, received.event.time)
                    await room.acquire()
                    touch = await books[received.partition].touch(body, cause_offset(received.event.cause))
                    self._working[body.order_id] = asyncio.Event()
                    task = tasks.create_task(self._work(body, touch))
                    task.add_done_callback(lambda _: room.release())

    async def _ended(self) -> set[str]:
        """The orders whose end the engine has seen, up to now."""
        ended: set[str] = set()
        for number in self.partitions:
            async with self.log.reader(EVENTS.name, number, None) as reader:
                async for record in read_up_to(reader, await reader.end()):
                    event = None if record.value is None else decode_output(record.value)
                    if event is not None and isinstance(event.body, OrderEnded):
                        ended.add(event.body.order_id)
        return ended

    async def _work(self, order: OrderSent, touch: Decimal) -> None:
        stop = self._working[order.order_id]
        try:
            if order.expires < self._clock:
                await self.send(
                    [OrderEndReported(order.underlying, order.order_id, "expired", "paper: past its expiry")]
                )
                return
            for step in plan(order, touch, self.settings):
                try:
                    async with asyncio.timeout(step.after_s):
                        await stop.wait()
                except TimeoutError:
                    await self._report(step.report)
                    continue
                await self.send([OrderEndReported(order.underlying, order.order_id, "cancelled", "paper: as asked")])
                return
        finally:
            del self._working[order.order_id]

    async def _report(self, report: Report) -> None:
        if isinstance(report, FillReported):
            self.fills += 1
        elif report.outcome == "rejected":
            self.rejects += 1
        await self.send([report])
