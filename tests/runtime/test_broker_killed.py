"""A broker that dies during a commit: the lane is lost and comes back, whatever the clients make of it."""

import asyncio
import gc
from contextlib import suppress
from pathlib import Path

import pytest

from engine.log.kafka import KafkaLog
from engine.log.port import Entry, LogError
from engine.runtime.lane import Lane, LaneSettings
from engine.runtime.recovery import provision
from engine.runtime.verify import verify
from engine.wire.codec import encode_input
from engine.wire.topics import INPUTS, TOPICS
from levtao.embedded.kafka import KafkaServer
from tests.eventually import eventually
from tests.walk import Walk

MANY = 300
pytestmark = pytest.mark.kafka


async def feed(log: KafkaLog, values: list[bytes]) -> None:
    """One after the other, as often as it takes; so that the lane is always at a commit."""
    sent = 0
    while sent < len(values):
        with suppress(LogError):
            async with log.writer() as writer:
                while sent < len(values):
                    await writer.append(INPUTS.name, 0, [Entry(b"TAO", values[sent])])
                    sent += 1


async def test_a_lane_comes_back_after_its_broker_was_killed_during_a_commit(tmp_path: Path) -> None:
    server = await asyncio.to_thread(KafkaServer(tmp_path / "kafka").start)
    try:
        log = KafkaLog(server.bootstrap)
        await log.create({topic.name: topic.config() for topic in TOPICS}, 1)
        await provision(log, "levtao", 0)
        values = [encode_input(given) for seed in range(200) for given, _ in Walk(seed, steps=50).inputs]
        lane = Lane(log, None, 0, LaneSettings())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(lane.run())
            feeding = tasks.create_task(feed(log, values))
            await eventually(lambda: lane.next_offset > MANY, "inputs taken before the kill")
            server.kill()
            reached = lane.next_offset
            await asyncio.to_thread(server.start)
            await eventually(lambda: lane.next_offset > reached + MANY, "inputs taken after the kill")
            assert not running.done()
            feeding.cancel()
            lane.stop()
        await verify(log, None, 0, lambda _: None)
        gc.collect()  # what was left open is a warning, and so a failure, here and not in some other test
    finally:
        server.stop()
