"""The engine of a process, on the log in memory."""

import asyncio

import pytest

from engine.log.memory import MemoryLog
from engine.runtime import lane
from engine.runtime.engine import POLL_S, Engine, LaneGoneError
from engine.runtime.lane import LaneSettings
from engine.runtime.recovery import provision
from engine.wire.topics import TOPICS
from tests.eventually import eventually


async def _engine(partitions: int, settings: LaneSettings) -> Engine:
    log = MemoryLog()
    await log.create({topic.name: topic.config() for topic in TOPICS}, partitions)
    for number in range(partitions):
        await provision(log, "levtao", number)
    return Engine(log, None, settings)


async def _opened(engine: Engine, partitions: int) -> None:
    await eventually(
        lambda: len(engine.lanes) == partitions and all(each.ready.is_set() for each in engine.lanes.values()),
        "the lanes are open",
    )


async def test_an_engine_does_not_go_on_without_a_lane_that_is_gone() -> None:
    engine = await _engine(1, LaneSettings())
    running = asyncio.create_task(engine.run())
    await _opened(engine, 1)
    [task] = [task for task in asyncio.all_tasks() if task.get_name() == "lane-0"]
    task.cancel()
    with pytest.RaisesGroup(pytest.RaisesExc(LaneGoneError, match=r"\[0\]")):
        await running


async def test_a_lane_that_is_still_opening_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign found it: two engines took turns, each cut off before its recovery was done."""
    recovering = asyncio.Event()

    async def recover(*_: object) -> None:
        recovering.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(lane, "recover", recover)
    engine = await _engine(1, LaneSettings(stop_deadline_s=60.0))
    running = asyncio.create_task(engine.run())
    await asyncio.wait_for(recovering.wait(), 10.0)
    await asyncio.wait_for(engine.revoked(), 10.0)
    assert engine.lanes == {}
    engine.stop()
    await running


async def test_a_lane_that_has_stopped_before_the_other_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign found it: the engine polled while its partitions were revoked, and one lane took longer to end."""
    engine = await _engine(2, LaneSettings(stop_deadline_s=1.5 * POLL_S))
    running = asyncio.create_task(engine.run())
    await _opened(engine, 2)
    monkeypatch.setattr(engine.lanes[1], "stop", lambda: None)
    await engine.revoked()
    assert not running.done()
    engine.assigned(frozenset({0, 1}))
    await _opened(engine, 2)
    engine.stop()
    await running
