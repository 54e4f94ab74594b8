"""Past prices as quotes, sent flat out or at a multiple of the pace they had."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from engine.domain.inputs import QuoteObserved
from engine.domain.instants import SECOND
from producers.inputs import InputWriter
from producers.prices import FILE_VENUE, Tick

BATCH = 1_000
PACE_S = 0.002
"""Waits shorter than this are not waited: those quotes go out together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """How to replay a file of prices as the quotes of one venue."""

    underlying: str
    venue: str = FILE_VENUE
    speed: float | None = None
    """Event seconds a wall second; None for flat out."""

    async def run(self, ticks: Iterable[Tick], writer: InputWriter, on_sent: Callable[[int], None]) -> int:
        """Send every tick; the number sent. `on_sent` hears how many more went out. Raises LogError."""
        quotes = (QuoteObserved(self.underlying, self.venue, tick.time, tick.price, tick.price) for tick in ticks)
        return await send_paced(quotes, self.speed, writer, on_sent)


async def send_paced(
    quotes: Iterable[QuoteObserved], speed: float | None, writer: InputWriter, on_sent: Callable[[int], None]
) -> int:
    """Send quotes of any venues in their order, at `speed` event seconds a wall second or flat out; the number sent.

    Raises LogError.
    """
    sent = 0
    batch: list[QuoteObserved] = []
    first = None
    started = monotonic()
    for quote in quotes:
        if first is None:
            first = quote.time
        if speed is not None:
            due = started + (quote.time - first) / SECOND / speed
            if due > monotonic() + PACE_S:
                sent += await _send(batch, writer, on_sent)
                await asyncio.sleep(due - monotonic())
        batch.append(quote)
        if len(batch) >= BATCH:
            sent += await _send(batch, writer, on_sent)
    return sent + await _send(batch, writer, on_sent)


async def _send(batch: list[QuoteObserved], writer: InputWriter, on_sent: Callable[[int], None]) -> int:
    count = len(batch)
    if count:
        await writer.write(batch)
        batch.clear()
        on_sent(count)
    return count
