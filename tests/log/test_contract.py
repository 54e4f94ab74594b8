"""The promises of the port, held by the log in memory and by the real Kafka alike."""

import asyncio
from collections.abc import Callable

import pytest

from engine.log.kafka import KafkaLog
from engine.log.memory import MemoryLog
from engine.log.port import Entry, FencedError, Log, LogError, OffsetGoneError, Reader, Record

PLAIN = {"message.timestamp.type": "CreateTime"}
STAMPED = {"message.timestamp.type": "LogAppendTime"}
DEADLINE_S = 20.0


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def log(request: pytest.FixtureRequest) -> Log:
    if request.param == "memory":
        return MemoryLog()
    kafka_log: KafkaLog = request.getfixturevalue("kafka_log")
    return kafka_log


@pytest.fixture
async def topic(log: Log, unique: str) -> str:
    await log.create({f"a-{unique}": PLAIN, f"b-{unique}": PLAIN}, 2)
    return f"a-{unique}"


def entries(*values: str) -> list[Entry]:
    return [Entry(b"k", value.encode(), (("h", b"1"),), 1_000) for value in values]


async def read_until(reader: Reader, enough: Callable[[list[Record]], bool]) -> list[Record]:
    found: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while not enough(found):
            found += await reader.read(100, 0.1)
    return found


async def read_whole(reader: Reader, least: int) -> list[Record]:
    """All there is, `least` records or more: a commit returns before its mark has reached every partition."""
    found = await read_until(reader, lambda records: len(records) >= least)
    end = await reader.end()
    found += await read_until(reader, lambda _: reader.position >= end)
    assert reader.position == end
    return found


def values(records: list[Record]) -> list[str]:
    return [record.value.decode() for record in records if record.value is not None]


async def test_a_plain_writer_leaves_no_holes(log: Log, topic: str) -> None:
    async with log.writer() as writer, log.reader(topic, 1, None) as reader:
        assert await writer.append(topic, 1, entries("x", "y")) == 0
        assert await writer.append(topic, 1, entries("z")) == 2
        assert await writer.append(topic, 1, []) is None
        found = await read_until(reader, lambda records: len(records) == 3)
        assert values(found) == ["x", "y", "z"]
        assert [record.offset for record in found] == [0, 1, 2]
        assert found[0] == Record(0, 1_000, b"k", b"x", (("h", b"1"),))
        assert reader.position == await reader.end() == 3


async def test_a_transaction_is_read_whole_and_the_reader_gets_past_its_mark(log: Log, topic: str) -> None:
    other = topic.replace("a-", "b-")
    async with log.transactor(f"t-{topic}") as transactor:
        assert await transactor.commit(0, {topic: entries("x", "y"), other: entries("z")}) == {topic: 0, other: 0}
        again = await transactor.commit(0, {topic: entries("w"), other: []})
        assert list(again) == [topic]
        assert again[topic] >= 2
    for name, expected in ((topic, ["x", "y", "w"]), (other, ["z"])):
        async with log.reader(name, 0, None) as reader:
            assert values(await read_whole(reader, len(expected))) == expected


async def test_opening_a_transactor_shuts_out_the_former_owner(log: Log, topic: str) -> None:
    async with log.transactor(f"t-{topic}") as old:
        await old.commit(0, {topic: entries("before")})
        async with log.transactor(f"t-{topic}") as new:
            with pytest.raises(FencedError):
                await old.commit(0, {topic: entries("zombie")})
            await new.commit(0, {topic: entries("after")})
    async with log.reader(topic, 0, None) as reader:
        assert values(await read_whole(reader, 2)) == ["before", "after"]


async def test_a_reader_starts_where_it_is_told_and_can_go_back(log: Log, topic: str) -> None:
    async with log.writer() as writer:
        await writer.append(topic, 0, entries(*"abcde"))
    async with log.reader(topic, 0, 3) as reader:
        assert values(await read_until(reader, lambda records: len(records) == 2)) == ["d", "e"]
        reader.seek(1)
        assert values(await read_until(reader, lambda records: len(records) == 4)) == ["b", "c", "d", "e"]


async def test_a_reader_closed_at_once_says_what_went_wrong_and_nothing_else(log: Log, topic: str) -> None:
    with pytest.raises(LogError, match="seen at once"):
        async with log.reader(topic, 0, 0):
            raise LogError("seen at once")


async def test_an_offset_that_never_was_is_said_to_be_gone(log: Log, topic: str) -> None:
    async with log.reader(topic, 0, 77) as reader:
        with pytest.raises(OffsetGoneError):
            await read_until(reader, bool)


async def test_a_deletion_is_a_record_without_value(log: Log, topic: str) -> None:
    async with log.transactor(f"t-{topic}") as transactor, log.reader(topic, 0, None) as reader:
        await transactor.commit(0, {topic: [Entry(b"gone", None)]})
        [record] = await read_until(reader, bool)
        assert (record.key, record.value) == (b"gone", None)


async def test_the_log_stamps_records_where_the_topic_says_so(log: Log, unique: str) -> None:
    await log.create({f"s-{unique}": STAMPED}, 1)
    async with log.writer() as writer, log.reader(f"s-{unique}", 0, None) as reader:
        await writer.append(f"s-{unique}", 0, entries("x"))
        [record] = await read_until(reader, bool)
        assert record.timestamp_ms > 1_600_000_000_000


async def test_creating_twice_is_nothing_and_other_partitions_are_refused(log: Log, topic: str) -> None:
    assert await log.partitions(topic) == 2
    assert await log.partitions("nobody") is None
    await log.create({topic: PLAIN}, 2)
    with pytest.raises(LogError, match="2 partitions"):
        await log.create({topic: PLAIN}, 3)


class Seen:
    """A member that notes what it is told."""

    def __init__(self) -> None:
        self.mine: frozenset[int] = frozenset()
        self.revocations = 0

    def assigned(self, partitions: frozenset[int]) -> None:
        self.mine = partitions

    async def revoked(self) -> None:
        self.mine = frozenset()
        self.revocations += 1


async def test_a_topic_the_broker_does_not_know_yet_is_waited_for(unique: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([None, None, 2])

    async def late(*_: object) -> int | None:
        return next(answers)

    monkeypatch.setattr(KafkaLog, "partitions", late)
    assert await KafkaLog("127.0.0.1:1")._created(unique) == 2


async def test_a_group_shares_partitions_and_takes_back_those_of_a_member_that_left(log: Log, topic: str) -> None:
    first, second = Seen(), Seen()
    async with asyncio.timeout(DEADLINE_S), log.member(f"g-{topic}", topic, first) as one:
        while first.mine != {0, 1}:
            await one.poll(0.05)
        async with log.member(f"g-{topic}", topic, second) as two:
            while not (len(first.mine) == len(second.mine) == 1 and first.mine != second.mine):
                await asyncio.gather(one.poll(0.05), two.poll(0.05))
            await one.note_progress({0: 0, 1: 0})
            await asyncio.gather(one.confirm(), two.confirm())
        while first.mine != {0, 1}:
            await one.poll(0.05)
        assert first.revocations >= 1
