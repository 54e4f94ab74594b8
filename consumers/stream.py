"""Outputs as a desk reads them: each once, in order, and loudly if one is missing.

Readers see committed records only; a sequence already seen is dropped, a sequence left out is a GapError.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

from engine.log.port import Log, Reader
from engine.wire.codec import Event, decode_output

READ_RECORDS = 500
READ_WAIT_S = 0.5
QUEUED = 2_000


class GapError(Exception):
    """The stream skipped a sequence: what is missing is not in the log any more, or never was."""


class Received(NamedTuple):
    """An event and where it was read."""

    partition: int
    offset: int
    key: str
    event: Event


@dataclass(slots=True)
class SequenceCheck:
    """The last sequence of every key."""

    last: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0

    def is_new(self, key: str, sequence: int) -> bool:
        """Whether it is the next one; False for one seen before. Raises GapError where one is missing."""
        known = self.last.get(key)
        if known is not None and sequence <= known:
            self.duplicates += 1
            return False
        if known is not None and sequence != known + 1:
            raise GapError(f"{key}: sequence {sequence} came after {known}")
        self.last[key] = sequence
        return True


class OutputStream:
    """An async iterator over one output topic.

    `start` names the offset to begin at per partition; where it is missing, the first one there. `positions` says
    where to resume.
    """

    def __init__(self, log: Log, topic: str, partitions: Sequence[int], start: Mapping[int, int] | None = None) -> None:
        """Prepare; `async with` opens it."""
        self.check = SequenceCheck()
        self.positions: dict[int, int] = dict(start or {})
        self._log = log
        self._topic = topic
        self._partitions = partitions
        self._queue: asyncio.Queue[Received] = asyncio.Queue(QUEUED)
        self._stack = AsyncExitStack()
        self._tasks: asyncio.TaskGroup | None = None
        self._reading: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Open a reader a partition and read ahead, as far as the queue is deep. Raises LogError."""
        readers = {
            number: await self._stack.enter_async_context(
                self._log.reader(self._topic, number, self.positions.get(number))
            )
            for number in self._partitions
        }
        self._tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._reading = [self._tasks.create_task(self._read(number, reader)) for number, reader in readers.items()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the readers."""
        for task in self._reading:
            task.cancel()
        await self._stack.__aexit__(kind, error, trace)

    async def __aiter__(self) -> AsyncIterator[Received]:
        """Every event once. Raises GapError; a LogError ends the `async with` around it."""
        while True:
            received = await self._queue.get()
            self.positions[received.partition] = received.offset + 1
            if self.check.is_new(received.key, received.event.sequence):
                yield received

    async def _read(self, number: int, reader: Reader) -> None:
        while True:
            for record in await reader.read(READ_RECORDS, READ_WAIT_S):
                if record.key is not None and record.value is not None:
                    event = decode_output(record.value)
                    await self._queue.put(Received(number, record.offset, record.key.decode(), event))
