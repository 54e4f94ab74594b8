"""Clock and paper broker outlive a log that is away for longer than one write may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.log.memory import MemoryLog, MemoryWriter
from engine.log.port import Entry, LogError, Writer
from engine.wire.topics import INPUTS
from levtao.commands.serve import keep_writing


class Failing(MemoryLog):
    """The first writer does not even open, the second fails while it writes."""

    opened = 0

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[MemoryWriter]:
        Failing.opened += 1
        if Failing.opened == 1:
            raise LogError("away")
        yield MemoryWriter(self)


async def test_work_begins_anew_with_another_writer_when_the_log_was_lost() -> None:
    log, done = Failing(), asyncio.Event()
    await log.create({INPUTS.name: {}}, 1)

    async def work(writer: Writer) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(part(writer))

    async def part(writer: Writer) -> None:
        if Failing.opened == 2:
            raise LogError("lost")
        await writer.append(INPUTS.name, 0, [Entry(b"k", b"v")])
        done.set()
        await asyncio.sleep(10)

    task = asyncio.create_task(keep_writing(log, work, backoff_s=0))
    async with asyncio.timeout(5):
        await done.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_not_the_log_ends_the_work() -> None:
    async def work(_: Writer) -> None:
        raise ValueError("a defect")

    with pytest.raises((ValueError, ExceptionGroup)):
        await keep_writing(MemoryLog(), work, backoff_s=0)
