"""The engine of a process, on the log in memory."""

import asyncio

import pytest

from engine.log.memory import MemoryLog
from engine.runtime.engine import Engine, LaneGoneError
from engine.runtime.lane import LaneSettings
from engine.runtime.recovery import provision
from engine.wire.topics import TOPICS
from tests.eventually import eventually


async def test_an_engine_does_not_go_on_without_a_lane_that_is_gone() -> None:
    log = MemoryLog()
    await log.create({topic.name: topic.config() for topic in TOPICS}, 1)
    await provision(log, "levtao", 0)
    engine = Engine(log, None, LaneSettings())
    running = asyncio.create_task(engine.run())
    await eventually(lambda: 0 in engine.lanes and engine.lanes[0].ready.is_set(), "the lane is open")
    [lane] = [task for task in asyncio.all_tasks() if task.get_name() == "lane-0"]
    lane.cancel()
    with pytest.RaisesGroup(pytest.RaisesExc(LaneGoneError, match=r"\[0\]")):
        await running
