"""What waits to be written: of each market only the newest quote, so nothing piles up while the log is away."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from engine.domain.inputs import Input
from engine.metrics import FEED_DROPPED, FEED_SENT
from producers.inputs import InputWriter

MOST = 10_000
"""So many inputs wait at most; then the one that has waited longest goes."""


class Key(NamedTuple):
    """What an input is about: a newer one about the same replaces it."""

    venue: str
    about: str


@dataclass(slots=True)
class Outbox:
    """Inputs by what they are about. `run` writes them; when it ends with an error they wait for the next run."""

    _waiting: dict[Key, Input] = field(default_factory=dict)
    _every_s: dict[Key, float] = field(default_factory=dict)
    _due: dict[Key, float] = field(default_factory=dict)
    _some: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, key: Key, given: Input, every_s: float = 0.0) -> None:
        """Let it be written, no sooner than `every_s` after the last one about the same."""
        if self._waiting.pop(key, None) is not None:
            FEED_DROPPED.labels(key.venue, "superseded").inc()
        elif len(self._waiting) >= MOST:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            FEED_DROPPED.labels(oldest.venue, "superseded").inc()
        self._waiting[key] = given
        if every_s:
            self._every_s[key] = every_s
        self._some.set()

    async def run(self, writer: InputWriter) -> None:
        """Write what is due, until cancelled. Raises LogError; what was being written may be written again."""
        while True:
            self._some.clear()
            now = monotonic()
            batch = {key: given for key, given in self._waiting.items() if self._due.get(key, now) <= now}
            if batch:
                await self._write(writer, batch)
            else:
                await self._until(min((self._due[key] for key in self._waiting), default=None))

    async def _write(self, writer: InputWriter, batch: dict[Key, Input]) -> None:
        for key in batch:
            del self._waiting[key]
        written = False
        try:
            await writer.write(batch.values())
            written = True
        finally:
            now = monotonic()
            for key, given in batch.items():
                if written:
                    FEED_SENT.labels(key.venue).inc()
                    if key in self._every_s:
                        self._due[key] = now + self._every_s[key]
                else:
                    self._waiting.setdefault(key, given)

    async def _until(self, due: float | None) -> None:
        """Wait for that time or the next offer, whichever comes first."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if due is None else max(0.0, due - monotonic())):
                await self._some.wait()
