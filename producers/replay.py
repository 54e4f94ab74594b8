"""A file of past prices as the quotes of one venue: flat out, or at a multiple of the pace they had."""

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
    """How to replay."""

    underlying: str
    venue: str = FILE_VENUE
    speed: float | None = None
    """Event seconds a wall second; None for flat out."""

    async def run(self, ticks: Iterable[Tick], writer: InputWriter, on_sent: Callable[[int], None]) -> int:
        """Send every tick; the number sent. `on_sent` hears how many more went out. Raises LogError."""
        sent = 0
        batch: list[QuoteObserved] = []
        first = None
        started = monotonic()
        for tick in ticks:
            if first is None:
                first = tick.time
            if self.speed is not None:
                due = started + (tick.time - first) / SECOND / self.speed
                if due > monotonic() + PACE_S:
                    sent += await _send(batch, writer, on_sent)
                    await asyncio.sleep(due - monotonic())
            batch.append(QuoteObserved(self.underlying, self.venue, tick.time, tick.price, tick.price))
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
