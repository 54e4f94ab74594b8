"""What is measured on: a broker and a Redis of one's own, inputs on the one, a lane between them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from redis.asyncio import Redis

from engine.domain.inputs import Input
from engine.log.kafka import KafkaLog
from engine.log.port import Entry
from engine.runtime.engine import spare_gc
from engine.runtime.lane import Lane, LaneSettings
from engine.runtime.recovery import provision
from engine.runtime.verify import verify
from engine.runtime.view import View, connect
from engine.wire.codec import encode_input
from engine.wire.topics import INPUTS, TOPICS
from levtao.embedded.kafka import KafkaServer
from levtao.embedded.valkey import ValkeyServer

DEADLINE_S = 1_800
"""The longest wait is for ten million quotes: two minutes on two cores."""


@contextmanager
def kafka_server() -> Iterator[KafkaServer]:
    """A broker with nothing on it, in a folder that goes with it."""
    with TemporaryDirectory(prefix="levtao-bench-") as folder:
        server = KafkaServer(Path(folder), heap="1g")
        try:
            yield server.start()
        finally:
            server.stop()


@contextmanager
def valkey_server() -> Iterator[ValkeyServer]:
    """A Redis with nothing in it, likewise."""
    with TemporaryDirectory(prefix="levtao-bench-") as folder:
        server = ValkeyServer(Path(folder))
        try:
            yield server.start()
        finally:
            server.stop()


async def prepare(kafka: KafkaServer, partitions: int = 1) -> KafkaLog:
    """The log of a broker, with the topics and the first checkpoint of every partition."""
    log = KafkaLog(kafka.bootstrap)
    await log.create({topic.name: topic.config() for topic in TOPICS}, partitions)
    for number in range(partitions):
        await provision(log, "levtao", number)
    return log


async def fill(log: KafkaLog, inputs: Sequence[Input], number: int = 0, topic: str = INPUTS.name) -> None:
    """Write the inputs to a partition of a topic."""
    async with log.writer() as writer:
        for start in range(0, len(inputs), 5_000):
            chunk = inputs[start : start + 5_000]
            entries = [Entry(each.underlying.encode(), encode_input(each)) for each in chunk]
            await writer.append(topic, number, entries)


@asynccontextmanager
async def running(log: KafkaLog, redis_url: str, number: int = 0) -> AsyncIterator[tuple[Lane, Redis]]:
    """A lane as `levtao run` runs it, for the time of the block."""
    async with connect(redis_url) as redis, asyncio.TaskGroup() as tasks:
        lane = Lane(log, redis, number, LaneSettings())
        tasks.create_task(lane.run())
        try:
            yield lane, redis
        finally:
            lane.stop()


async def reached(lane: Lane, offset: int) -> None:
    """Wait until every input before an offset is committed."""
    async with asyncio.timeout(DEADLINE_S):
        while lane.next_offset < offset:
            await asyncio.sleep(0.002)


async def engine(log: KafkaLog, redis_url: str, until: int, number: int = 0) -> float:
    """Seconds of a lane from its first read until the last input is committed."""
    spare_gc()
    async with running(log, redis_url, number) as (lane, _):
        await lane.ready.wait()
        started = perf_counter()
        await reached(lane, until)
        return perf_counter() - started


async def verified(log: KafkaLog, redis_url: str) -> dict[str, int]:
    """How many outputs there are by topic, all of them proven."""
    async with connect(redis_url) as redis:
        return dict((await verify(log, View(redis, 0), 0, lambda _: None)).outputs)
