"""The clock: tells every underlying the time, so that boundaries pass and quotes age where nothing trades."""

import asyncio
from collections.abc import Callable, Iterable

from engine.domain.inputs import ClockTicked
from engine.domain.instants import SECOND, Instant
from producers.inputs import InputWriter


async def run_clock(
    underlyings: Iterable[str], writer: InputWriter, now: Callable[[], Instant], interval_s: float = 1.0
) -> None:
    """Tick at every whole interval of `now`, until cancelled. Raises LogError."""
    names = list(underlyings)
    interval = round(interval_s * SECOND)
    while True:
        due = (now() // interval + 1) * interval
        await asyncio.sleep((due - now()) / SECOND)
        await writer.write([ClockTicked(name, max(due, now() // interval * interval)) for name in names])
