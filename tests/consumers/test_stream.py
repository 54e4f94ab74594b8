"""A desk's stream: each event once, in order, across partitions, and loud about a hole."""

import asyncio
from itertools import islice

import pytest

from consumers.stream import GapError, OutputStream, Received, SequenceCheck
from engine.domain.inputs import Position
from engine.log.memory import MemoryLog
from engine.log.port import Entry
from engine.wire.codec import encode_outputs
from engine.wire.topics import EVENTS
from tests.walk import Walk

DEADLINE_S = 10.0


def events(seed: int) -> list[Entry]:
    outputs = [output for output in Walk(seed, 100).desk.outputs if output.body.stream == "events"]
    encoded = [encode_outputs([output], Position(0, number))[0] for number, output in enumerate(outputs)]
    return [Entry(each.key, each.value, each.headers) for each in encoded]


async def write(log: MemoryLog, entries: list[Entry], partition: int = 0) -> None:
    async with log.writer() as writer:
        await writer.append(EVENTS.name, partition, entries)


async def take(stream: OutputStream, count: int) -> list[Received]:
    found: list[Received] = []
    async with asyncio.timeout(DEADLINE_S):
        async for received in stream:
            found.append(received)
            if len(found) == count:
                break
    return found


@pytest.fixture
async def log() -> MemoryLog:
    log = MemoryLog()
    await log.create({EVENTS.name: {}}, 2)
    return log


async def test_what_is_repeated_is_seen_once(log: MemoryLog) -> None:
    written = events(1)[:20]
    await write(log, written[:10])
    await write(log, written[5:20])
    async with OutputStream(log, EVENTS.name, [0]) as stream:
        found = await take(stream, 20)
    assert [received.event.sequence for received in found] == list(range(1, 21))
    assert stream.check.duplicates == 5


async def test_what_is_missing_is_an_error_and_not_a_silence(log: MemoryLog) -> None:
    written = events(1)[:10]
    await write(log, written[:4] + written[5:])
    async with OutputStream(log, EVENTS.name, [0]) as stream:
        with pytest.raises(GapError, match="TAO: sequence 6 came after 4"):
            await take(stream, 10)


async def test_it_resumes_where_it_was_and_hears_what_comes_later(log: MemoryLog) -> None:
    written = events(2)[:30]
    await write(log, written[:10])
    async with OutputStream(log, EVENTS.name, [0]) as stream:
        first = await take(stream, 7)
    async with OutputStream(log, EVENTS.name, [0], stream.positions) as again, asyncio.TaskGroup() as tasks:
        rest = tasks.create_task(take(again, 23))
        await write(log, written[10:])
    numbers = [received.event.sequence for received in [*first, *rest.result()]]
    assert numbers == list(range(1, 31))


async def test_partitions_are_read_side_by_side(log: MemoryLog) -> None:
    await write(log, events(3)[:5], 0)
    renamed = [entry._replace(key=b"BTC") for entry in islice(events(4), 5)]
    await write(log, renamed, 1)
    async with OutputStream(log, EVENTS.name, [0, 1]) as stream:
        found = await take(stream, 10)
    assert {(received.key, received.partition) for received in found} == {("TAO", 0), ("BTC", 1)}


def test_the_first_sequence_seen_of_a_key_is_where_it_begins() -> None:
    check = SequenceCheck()
    assert check.is_new("a", 41)
    assert check.is_new("b", 1)
    assert check.is_new("a", 42)
    assert not check.is_new("a", 42)
