"""A request is one input, whatever crashes: on the log in memory and on the real Kafka, with a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from engine.domain.commands import HaltTrading
from engine.domain.inputs import ClockTicked, Input, Position
from engine.log.memory import MemoryLog
from engine.log.port import Headers, Log, LogError
from engine.runtime.view import connect
from engine.wire.topics import INPUTS
from levtao.embedded.valkey import ValkeyServer
from producers.gateway.inlet import Inlet, InletClosedError
from producers.gateway.once import Once, Written
from producers.gateway.refusals import RefusedError
from producers.inputs import InputWriter
from tests.eventually import eventually
from tests.producers.gateway.running import written
from tests.runtime.test_lane import OwnTopics


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
async def log(request: pytest.FixtureRequest, unique: str) -> Log:
    kafka = request.param == "kafka"
    found: Log = OwnTopics(request.getfixturevalue("kafka_log"), f"{unique}-") if kafka else MemoryLog()
    await found.create({INPUTS.name: INPUTS.config()}, 1)
    return found


@dataclass
class Desk:
    """A gateway's part that writes once, with a log whose writing can be made to go wrong."""

    log: Log
    redis: "Redis"
    inputs: InputWriter
    lost: list[str] = field(default_factory=list)
    """What goes wrong with the next writings: `before` the log has it, or `after`."""

    async def write(self, given: Input, headers: Headers) -> Position:
        going = self.lost.pop(0) if self.lost else ""
        if going == "before":
            raise LogError("lost on the way there")
        position = await self.inputs.write_one(given, headers)
        if going == "after":
            raise LogError("lost on the way back")
        return position

    def once(self, lease_s: float = 60.0, waited_s: float = 0.2) -> Once:
        return Once(self.redis, self.log, self.write, "levtao", lease_s, waited_s)

    async def halt(self, once: Once, reason: str = "r", request_id: str = "h-1") -> Written:
        return await once.submit("alice", request_id, HaltTrading("TAO", by="alice", reason=reason), 0)

    async def ticks(self, count: int) -> None:
        await self.inputs.write([ClockTicked("TAO", number) for number in range(count)])

    async def halts(self) -> list[Input]:
        return [given for given, _ in await written(self.log) if isinstance(given, HaltTrading)]


@pytest.fixture
async def desk(log: Log, redis: "Redis") -> AsyncIterator[Desk]:
    async with log.writer() as writer:
        yield Desk(log, redis, InputWriter(writer, lambda _: 0))


async def refusal(work: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_a_repetition_is_answered_alike_and_writes_nothing(desk: Desk) -> None:
    await desk.ticks(3)
    once = desk.once()
    first = await desk.halt(once)
    assert first == (Position(0, 3), False)
    await desk.ticks(2)
    assert await desk.halt(once) == (first.position, True)
    assert await once.known("alice", "h-1") == (first.position, "TAO")
    assert await once.known("bob", "h-1") is None
    assert (await refusal(desk.halt(once, reason="another"))).reason == "other_body"
    assert len(await desk.halts()) == 1
    assert (await desk.halt(once, request_id="h-2")).repeated is False


async def test_a_crash_between_writing_and_remembering(desk: Desk) -> None:
    """The gateway is gone after the log took the input: the next one finds it there, lease or no lease."""
    await desk.ticks(700)
    desk.lost = ["after"]
    lost = await refusal(desk.halt(desk.once()))
    assert (lost.reason, lost.status, lost.retry_after_s) == ("unavailable", 503, 60)
    assert "may be written or not" in lost.detail
    await desk.ticks(5)
    assert await desk.halt(desk.once()) == (Position(0, 700), True)
    assert len(await desk.halts()) == 1


async def test_a_crash_before_writing_is_written_by_the_next_once_the_lease_is_over(desk: Desk) -> None:
    desk.lost = ["before"]
    await refusal(desk.halt(desk.once(lease_s=0.6)))
    await desk.ticks(4)
    waiting = await refusal(desk.halt(desk.once(lease_s=0.6, waited_s=0.05)))
    assert (waiting.reason, waiting.status, waiting.retry_after_s) == ("under_way", 503, 1)
    assert await desk.halts() == []
    taken: list[Written] = []
    waits: set[str] = set()

    async def again() -> bool:
        try:
            taken.append(await desk.halt(desk.once(lease_s=30, waited_s=0.05)))
        except RefusedError as refused:
            waits.add(refused.reason)
        return bool(taken)

    await eventually(again, "the lease is over")
    assert waits <= {"under_way"}
    assert taken == [(Position(0, 4), False)]
    assert len(await desk.halts()) == 1


async def test_one_that_takes_over_and_crashes_too_is_found_as_well(desk: Desk) -> None:
    """What the second wrote lies far behind what the first had noted: the place to look from moves along."""
    desk.lost = ["before", "after"]
    assert "on the way there" in (await refusal(desk.halt(desk.once(lease_s=0.6)))).detail
    await desk.ticks(50)

    async def lost_again() -> bool:
        refused = await refusal(desk.halt(desk.once(lease_s=30, waited_s=0.05)))
        return "on the way back" in refused.detail

    await eventually(lost_again, "the lease is over")
    assert int(await desk.redis.hget("levtao:gateway:alice/h-1", "from") or 0) == 50
    assert await desk.halt(desk.once()) == (Position(0, 50), True)
    assert len(await desk.halts()) == 1


async def test_the_same_request_at_two_gateways_at_once_is_one_input(desk: Desk) -> None:
    one, other = desk.once(waited_s=5), desk.once(waited_s=5)
    for number in range(5):
        asked = [desk.halt(once, request_id=f"r-{number}") for once in (one, other, one, other)]
        answers = await asyncio.gather(*asked)
        assert len({answer.position for answer in answers}) == 1
        assert sorted(answer.repeated for answer in answers) == [False, True, True, True]
    assert len(await desk.halts()) == 5


async def test_another_body_at_the_same_time_is_refused(desk: Desk) -> None:
    asked = [desk.halt(desk.once(waited_s=5), reason=reason) for reason in "ababab"]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, RefusedError)]
    assert [each.reason for each in refused] == ["other_body"] * 3
    assert len(await desk.halts()) == 1


async def test_without_redis_nothing_is_written(desk: Desk) -> None:
    async with connect("redis://127.0.0.1:1/0") as nobody:
        once = Once(nobody, desk.log, desk.write, "levtao")
        refused = await refusal(desk.halt(once))
        assert (refused.reason, refused.status) == ("unavailable", 503)
        assert refused.detail == "Redis: ConnectionError; nothing written by this attempt"
        assert (await refusal(once.known("alice", "h-1"))).detail == "Redis: ConnectionError"
    assert await desk.halts() == []


async def test_redis_lost_after_writing_costs_nothing(desk: Desk, tmp_path: Path) -> None:
    """The answer is right, and the log is what a repetition goes by."""
    server = ValkeyServer(tmp_path / "own").start()

    async def write(given: Input, headers: Headers) -> Position:
        position = await desk.inputs.write_one(given, headers)
        await asyncio.to_thread(server.stop)
        return position

    try:
        async with connect(server.url) as redis:
            first = await desk.halt(Once(redis, desk.log, write, "levtao"))
        assert first.repeated is False
        server = ValkeyServer(tmp_path / "own").start()
        async with connect(server.url) as redis:
            assert await redis.hget("levtao:gateway:alice/h-1", "offset") is None
            assert await desk.halt(Once(redis, desk.log, desk.write, "levtao")) == (first.position, True)
    finally:
        server.stop()
    assert len(await desk.halts()) == 1


async def test_an_id_is_looked_at_wherever_it_comes_from(desk: Desk) -> None:
    for identity in ("", "x" * 65, "a b", "a/b", "h-1\n", "\N{SNOWMAN}"):
        assert (await refusal(desk.halt(desk.once(), request_id=identity))).reason == "request_id"
    assert await desk.halts() == []


async def test_an_attempt_that_fails_speaks_for_itself_only(desk: Desk) -> None:
    """The first one may have got through: it is not known, and so it is not said."""

    async def closed(_: Input, __: Headers) -> Position:
        raise InletClosedError("no writer")

    desk.lost = ["before"]
    await refusal(desk.halt(desk.once(lease_s=0.2)))
    details: list[str] = []

    async def taken_over() -> bool:
        once = Once(desk.redis, desk.log, closed, "levtao", 30.0, 0.05)
        details.append((await refusal(desk.halt(once))).detail)
        return "no writer" in details[-1]

    await eventually(taken_over, "the lease is over")
    assert details[-1] == "no writer; nothing written by this attempt"


async def test_redis_emptied_forgets_as_the_documentation_says(desk: Desk) -> None:
    await desk.halt(desk.once())
    await desk.redis.flushall()
    assert (await desk.halt(desk.once())).repeated is False
    assert len(await desk.halts()) == 2


async def test_what_took_too_long_to_begin_is_let_go(desk: Desk) -> None:
    refused = await refusal(desk.halt(desk.once(lease_s=0.0)))
    assert (refused.reason, refused.retry_after_s) == ("unavailable", 1)
    assert await desk.halts() == []
    assert (await desk.halt(desk.once())).repeated is False


async def test_requests_are_forgotten_after_a_day(desk: Desk) -> None:
    await desk.halt(desk.once())
    assert 86_000 < await desk.redis.ttl("levtao:gateway:alice/h-1") <= 86_400


class Breaking(MemoryLog):
    """Its first writer is lost at its first writing."""

    opened = 0

    @asynccontextmanager
    async def writer(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        self.opened += 1
        async with super().writer() as writer:
            yield _Broken() if self.opened == 1 else writer


class _Broken:
    async def append(self, *_: object) -> int | None:
        raise LogError("away")


async def test_the_inlet_opens_another_writer_after_one_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.gateway.inlet.BACKOFF_S", 0.01)
    log = Breaking()
    await log.create({INPUTS.name: INPUTS.config()}, 1)
    inlet = Inlet(log, lambda _: 0)
    given = HaltTrading("TAO", by="alice", reason="r")
    with pytest.raises(LogError, match="cannot be written"):
        await inlet.write(given, ())
    running = asyncio.create_task(inlet.run())
    await eventually(lambda: inlet.is_open, "a writer")
    with pytest.raises(LogError, match="away"):
        await inlet.write(given, ())
    await eventually(lambda: log.opened == 2 and inlet.is_open, "another writer")
    assert await inlet.write(given, ()) == Position(0, 0)
    running.cancel()
    await asyncio.wait([running])
