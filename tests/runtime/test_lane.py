"""The engine on the log in memory and on the real Kafka, with a real Redis: what it says is the fold of its inputs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

import pytest
from redis.asyncio import Redis

from engine.log.kafka import KafkaLog
from engine.log.memory import MemoryLog
from engine.log.port import Entry, Log, Record
from engine.runtime.engine import Engine
from engine.runtime.lane import DeadLetterFloodError, InputsGoneError, Lane, LaneSettings
from engine.runtime.partition import HoleError
from engine.runtime.recovery import CorruptStateError, NotProvisionedError, Recovered, lane_identity, provision, recover
from engine.runtime.verify import DifferenceError, Verified, verify
from engine.runtime.view import View
from engine.wire.codec import encode_input
from engine.wire.topics import DEAD_LETTERS, EVENTS, INPUTS, NAVS, ORDERS, STATES, TOPICS
from tests.eventually import eventually
from tests.walk import Walk


@dataclass
class Stack:
    """A log and a view for one test, on topics nobody else uses."""

    log: Log
    redis: "Redis"
    settings: LaneSettings

    async def provision(self, partitions: int = 1) -> None:
        await self.log.create({topic.name: topic.config() for topic in TOPICS}, partitions)
        for number in range(partitions):
            assert await provision(self.log, self.settings.app, number)

    async def append(self, values: list[bytes], partition: int = 0, key: bytes = b"TAO") -> None:
        async with self.log.writer() as writer:
            await writer.append(INPUTS.name, partition, [Entry(key, value) for value in values])

    async def end(self, topic: str = INPUTS.name, partition: int = 0) -> int:
        async with self.log.reader(topic, partition, None) as reader:
            return await reader.end()

    def lane(self, number: int = 0, **changes: object) -> Lane:
        return Lane(self.log, self.redis, number, replace(self.settings, **changes))  # type: ignore[arg-type]

    async def recover(self, view: View | None) -> Recovered:
        """As a lane does: whoever was the owner is shut out first, and what it left is closed."""
        async with self.log.transactor(lane_identity(self.settings.app, 0)):
            return await recover(self.log, view, 0)

    async def proof(self, number: int = 0) -> Verified:
        return await verify(self.log, View(self.redis, number, self.settings.app), number, lambda _: None)


class OwnTopics:
    """A log that puts a prefix before every topic, so that tests can share one broker."""

    def __init__(self, log: Log, prefix: str) -> None:
        self._log, self._prefix = log, prefix

    def reader(self, topic: str, partition: int, offset: int | None):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return self._log.reader(self._prefix + topic, partition, offset)

    @asynccontextmanager
    async def writer(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        async with self._log.writer() as writer:
            yield _Prefixed(writer, self._prefix)

    @asynccontextmanager
    async def transactor(self, identity: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
        async with self._log.transactor(self._prefix + identity) as transactor:
            yield _Prefixed(transactor, self._prefix)

    def member(self, group: str, topic: str, partitions):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return self._log.member(self._prefix + group, self._prefix + topic, partitions)

    async def create(self, topics, partitions, replication=1) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        await self._log.create({self._prefix + name: value for name, value in topics.items()}, partitions, replication)

    async def partitions(self, topic: str) -> int | None:
        return await self._log.partitions(self._prefix + topic)


class _Prefixed:
    def __init__(self, inner, prefix: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        self._inner, self._prefix = inner, prefix

    async def append(self, topic, partition, entries):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        return await self._inner.append(self._prefix + topic, partition, entries)

    async def commit(self, partition, batches):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        done = await self._inner.commit(partition, {self._prefix + name: value for name, value in batches.items()})
        return {name.removeprefix(self._prefix): offset for name, offset in done.items()}


class Around:
    """A log with something changed."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN204
        return getattr(self._log, name)


class WithoutChangelog(Around):
    """The changelog is empty, everything else is there."""

    ELSEWHERE = "emptied"

    def reader(self, topic: str, partition: int, offset: int | None):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return self._log.reader(self.ELSEWHERE if topic == STATES.name else topic, partition, offset)


class BeginsLater(Around):
    """The first three inputs were deleted."""

    @asynccontextmanager
    async def reader(self, topic: str, partition: int, offset: int | None):  # type: ignore[no-untyped-def]  # noqa: ANN201
        async with self._log.reader(topic, partition, offset) as reader:
            if topic == INPUTS.name:
                reader.begin = three  # type: ignore[method-assign]
            yield reader


async def three() -> int:
    return 3


class EndsEarlier(Around):
    """Only the first three inputs are left."""

    @asynccontextmanager
    async def reader(self, topic: str, partition: int, offset: int | None):  # type: ignore[no-untyped-def]  # noqa: ANN201
        if topic != INPUTS.name:
            async with self._log.reader(topic, partition, offset) as reader:
                yield reader
            return
        shorter = MemoryLog()
        await shorter.create({topic: {}}, 1)
        async with self._log.reader(topic, partition, offset) as reader, shorter.writer() as writer:
            await writer.append(
                topic, 0, [Entry(*record[2:], record.timestamp_ms) for record in await reader.read(3, 5)]
            )
        async with shorter.reader(topic, 0, None) as left:
            yield left


class CountsOutputs(Around):
    """Of how many inputs the outputs of one transaction come, at most."""

    most_inputs = 0

    @asynccontextmanager
    async def transactor(self, identity: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
        async with self._log.transactor(identity) as transactor:
            self._transactor = transactor
            yield self

    async def commit(self, partition, batches):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        causes = {dict(e.headers)["ce_cause"] for name, es in batches.items() if name != STATES.name for e in es}
        self.most_inputs = max(self.most_inputs, len(causes))
        return await self._transactor.commit(partition, batches)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def stack(request: pytest.FixtureRequest, redis: "Redis", unique: str) -> Stack:
    log: Log = MemoryLog()
    if request.param == "kafka":
        kafka_log: KafkaLog = request.getfixturevalue("kafka_log")
        log = OwnTopics(kafka_log, f"{unique}.")
    return Stack(log, redis, LaneSettings(app=unique, backoff_s=0.05, fenced_backoff_s=0.05, read_wait_s=0.05))


@asynccontextmanager
async def running(lane: Lane) -> AsyncIterator[Lane]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(lane.run())
        try:
            yield lane
        finally:
            lane.stop()
            await asyncio.wait([task])


@contextmanager
def fatal(kind: type[Exception], match: str = "") -> Iterator[None]:
    """The one error that ended a lane, in whatever groups the tasks around it put it."""
    with pytest.raises((kind, ExceptionGroup)) as caught:
        yield
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        [error] = error.exceptions
    assert isinstance(error, kind)
    assert match in str(error)


def walked(seed: int, steps: int = 150) -> list[bytes]:
    """A walk without what is dated into the future of a log of today."""
    return [encode_input(given) for given, _ in Walk(seed, steps).inputs]


async def caught_up(stack: Stack, lane: Lane) -> None:
    end = await stack.end()
    await eventually(lambda: lane.next_offset >= end, f"input {end} taken, at {lane.next_offset}")


async def in_view(stack: Stack, number: int = 0) -> None:
    view, end = View(stack.redis, number, stack.settings.app), await stack.end(INPUTS.name, number)

    async def there() -> bool:
        snapshot = await view.read()
        return snapshot is not None and snapshot.next_offset == end

    await eventually(there, "the view has everything")


async def test_what_a_lane_says_is_what_its_inputs_imply(stack: Stack) -> None:
    await stack.provision()
    async with running(stack.lane()) as lane:
        await stack.append(walked(1))
        await caught_up(stack, lane)
        await in_view(stack)
    proof = await stack.proof()
    assert proof.inputs == len(walked(1)) == proof.view_at
    assert proof.outputs[EVENTS.name] > 10


async def test_stopped_and_started_again_it_goes_on_where_it_was(stack: Stack) -> None:
    await stack.provision()
    values = walked(2)
    for start in range(0, len(values), 60):
        await stack.append(values[start : start + 60])
        async with running(stack.lane()) as lane:
            await caught_up(stack, lane)
    assert (await stack.proof()).inputs == len(values)


@pytest.mark.parametrize("loss", ["flushed", "set_back", "torn"])
async def test_whatever_happens_to_redis_it_is_healed_from_the_log(stack: Stack, loss: str) -> None:
    await stack.provision()
    values = walked(3)
    keys = View(stack.redis, 0, stack.settings.app)._keys
    await stack.append(values[:80])
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
        await in_view(stack)
        if loss == "flushed":
            await stack.redis.flushall()
        elif loss == "set_back":
            await stack.redis.hset(keys[0], "next", 5)
        else:
            await stack.redis.delete(keys[0].replace("meta", "market:TAO"))
            await stack.redis.hset(keys[0], "next", 5)
        await stack.append(values[80:])
        await caught_up(stack, lane)
        await in_view(stack)
    proof = await stack.proof()
    assert proof.view_at == len(values)


async def test_a_lane_starts_from_the_view_where_it_holds_and_from_the_log_where_it_does_not(stack: Stack) -> None:
    await stack.provision()
    await stack.append(walked(4))
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
        await in_view(stack)
    view = View(stack.redis, 0, stack.settings.app)
    held = await stack.recover(view)
    assert held.in_view
    await stack.redis.hset(view._keys[0].replace("meta", "market:TAO"), "state", "{}")
    damaged = await stack.recover(view)
    assert not damaged.in_view
    assert damaged.records == held.records
    assert damaged.partition.checkpoint == held.partition.checkpoint
    assert (await stack.recover(None)).records == held.records


async def test_a_view_ahead_of_the_log_is_dropped(stack: Stack) -> None:
    await stack.provision()
    await stack.append(walked(4, 20))
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
        await in_view(stack)
    view = View(stack.redis, 0, stack.settings.app)
    await stack.redis.hset(view._keys[0], "position", 10**9)
    assert not (await stack.recover(view)).in_view


@pytest.mark.parametrize(
    "damage", [{"next": "1000000000"}, {"next": "x"}, {"position": "x"}, {"position": "-1"}, {"digest": b"\xff"}]
)
async def test_a_view_that_cannot_be_is_not_believed_and_written_over(
    stack: Stack, damage: dict[str | bytes, str | bytes]
) -> None:
    await stack.provision()
    for _ in range(2):
        await stack.append(walked(4, 20))
        async with running(stack.lane()) as lane:
            await caught_up(stack, lane)
            await in_view(stack)
        await stack.redis.hset(View(stack.redis, 0, stack.settings.app)._keys[0], mapping=damage)  # type: ignore[arg-type]
    await stack.append(walked(4, 20))
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
        await in_view(stack)
    assert (await stack.proof()).view_at == await stack.end()


async def test_a_second_owner_takes_over_and_the_first_says_nothing_more(stack: Stack) -> None:
    await stack.provision()
    values = walked(5)
    await stack.append(values[:50])
    async with running(stack.lane(fenced_backoff_s=600)) as first:
        await caught_up(stack, first)
        async with running(stack.lane()) as second:
            await second.ready.wait()
            await stack.append(values[50:])
            await caught_up(stack, second)
            await eventually(lambda: not first.ready.is_set(), "the first owner is shut out")
    assert (await stack.proof()).inputs == len(values)


async def test_without_a_first_checkpoint_a_lane_refuses_to_run(stack: Stack) -> None:
    await stack.log.create({topic.name: topic.config() for topic in TOPICS}, 1)
    with fatal(NotProvisionedError, "topics apply"):
        await stack.lane().run()


async def test_a_changelog_that_was_lost_is_not_begun_anew(stack: Stack) -> None:
    await stack.provision()
    await stack.append(walked(6, 20))
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
    log, app = WithoutChangelog(stack.log), stack.settings.app
    await log.create({WithoutChangelog.ELSEWHERE: STATES.config()}, 1)
    with pytest.raises(CorruptStateError, match="the changelog was lost"):
        await provision(log, app, 0)


async def test_a_changelog_without_its_checkpoint_is_refused(stack: Stack) -> None:
    await stack.log.create({topic.name: topic.config() for topic in TOPICS}, 1)
    async with stack.log.transactor(lane_identity(stack.settings.app, 0)) as transactor:
        await transactor.commit(0, {STATES.name: [Entry(b"token:T0", None)]})
    with fatal(CorruptStateError, "no checkpoint any more"):
        await stack.lane().run()


async def test_inputs_deleted_before_they_were_taken_stop_the_lane(stack: Stack) -> None:
    await stack.provision()
    await stack.append(walked(6, 20))
    with fatal(InputsGoneError, "input 0 is due, but the first one there is 3: 3 were deleted"):
        await Lane(BeginsLater(stack.log), None, 0, stack.settings).run()


async def test_a_hole_in_the_inputs_stops_the_lane(stack: Stack) -> None:
    await stack.provision()
    await stack.append(walked(6, 20))
    async with stack.log.transactor("stranger") as stranger:
        await stranger.commit(0, {INPUTS.name: [Entry(b"TAO", b"{}")]})
    await stack.append([b"{}"])
    due = len(walked(6, 20)) + 1
    with fatal(HoleError, f"input {due + 1} came where {due} was due"):
        await stack.lane().run()


async def test_a_batch_ends_with_the_input_that_fills_it(stack: Stack) -> None:
    await stack.provision()
    values = walked(1)
    await stack.append(values)
    counting = CountsOutputs(stack.log)
    lane = Lane(counting, None, 0, replace(stack.settings, max_outputs=1, slice_outputs=1))
    async with running(lane):
        await caught_up(stack, lane)
    assert counting.most_inputs == 1
    assert (await stack.proof()).inputs == len(values)


async def test_a_changelog_that_does_not_add_up_is_refused(stack: Stack) -> None:
    await stack.provision()
    await stack.append(walked(6, 20))
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
    async with stack.log.transactor(lane_identity(stack.settings.app, 0)) as transactor:
        await transactor.commit(0, {STATES.name: [Entry(b"token:T0", None)]})
    await stack.redis.flushall()
    with fatal(CorruptStateError):
        await stack.lane().run()


async def test_a_flood_of_garbage_stops_the_lane_and_keeps_the_rest_in_the_topic(stack: Stack) -> None:
    await stack.provision()
    await stack.append([*walked(7, 10), *[b"garbage"] * 50])
    good = len(walked(7, 10))
    for _ in range(2):
        lane = stack.lane(dead_letter_limit=20)
        with fatal(DeadLetterFloodError, f"offset {good + 20}"):
            await lane.run()
        assert lane.next_offset == good + 20
    async with stack.log.reader(DEAD_LETTERS.name, 0, None) as reader:
        letters: list[Record] = []
        while len(letters) < 20:
            letters += await reader.read(100, 0.1)
        assert len(letters) == 20


async def test_an_engine_shares_its_partitions_with_a_second_one_and_takes_them_back(stack: Stack) -> None:
    await stack.provision(2)
    first, second = (Engine(stack.log, stack.redis, stack.settings) for _ in range(2))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first.run())
        await eventually(lambda: sorted(first.lanes) == [0, 1], "the first engine has both lanes")
        task = tasks.create_task(second.run())
        await eventually(lambda: len(first.lanes) == len(second.lanes) == 1, "each has one lane")
        await stack.append(walked(8, 60))
        owner = first if 0 in first.lanes else second
        await caught_up(stack, owner.lanes[0])
        second.stop()
        await asyncio.wait([task])
        await eventually(lambda: sorted(first.lanes) == [0, 1], "the first engine has both lanes again")
        await stack.append(walked(8, 60)[5:], 0)
        await eventually(first.lanes[0].ready.is_set, "the lane is open")
        await caught_up(stack, first.lanes[0])
        first.stop()
    assert (await stack.proof()).inputs == await stack.end()


@pytest.mark.parametrize("topic", [ORDERS.name, EVENTS.name, NAVS.name])
async def test_verify_names_an_output_nothing_implies(stack: Stack, topic: str) -> None:
    await stack.provision()
    await stack.append(walked(1))
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
    forged = Entry(b"TAO", b'{"type":"forged"}', [("ce_cause", b"levtao.inputs.v1/0/3")])
    async with stack.log.writer() as writer:
        await writer.append(topic, 0, [forged])
    with pytest.raises(DifferenceError, match="forged"):
        await stack.proof()


async def test_verify_names_inputs_that_are_lost(stack: Stack) -> None:
    await stack.provision()
    await stack.append(walked(1))
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
        await in_view(stack)
    await stack.proof()  # the last commit is visible
    with pytest.raises(DifferenceError, match=f"ends before input {len(walked(1))}"):
        await verify(EndsEarlier(stack.log), None, 0, lambda _: None)


async def test_verify_names_a_number_in_redis_nothing_implies(stack: Stack) -> None:
    await stack.provision()
    await stack.append(walked(1))
    async with running(stack.lane()) as lane:
        await caught_up(stack, lane)
        await in_view(stack)
    key = f"{stack.settings.app}:{{0}}:token:T0"
    await stack.redis.hset(key, "nav", "1")
    with pytest.raises(DifferenceError, match="token:T0"):
        await stack.proof()
    await stack.redis.delete(key)
    with pytest.raises(DifferenceError, match="token:T0"):
        await stack.proof()
