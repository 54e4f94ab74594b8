"""What waits for the log: the newest of each market, at most so often, and nothing twice over what was newer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from engine.domain.inputs import FundingObserved, QuoteObserved
from engine.domain.instants import SECOND
from engine.log.memory import MemoryLog
from engine.log.port import Entry, LogError
from engine.wire.codec import read_input
from engine.wire.topics import INPUTS
from producers.feed import outbox as module
from producers.feed.outbox import Key, Outbox
from producers.inputs import InputWriter
from tests.desk import MIDNIGHT, d
from tests.eventually import eventually
from tests.producers.feed.live import running, sample


@pytest.fixture
async def log() -> MemoryLog:
    log = MemoryLog()
    await log.create({INPUTS.name: {}}, 1)
    return log


def quote(price: int, underlying: str = "TAO", venue: str = "v") -> QuoteObserved:
    return QuoteObserved(underlying, venue, MIDNIGHT + price * SECOND, d(price), d(price))


def prices(log: MemoryLog) -> list[tuple[str, str, str]]:
    found = [read_input(record.value or b"") for record in log.partition(INPUTS.name, 0).records]
    return [(each.underlying, each.venue, str(each.bid)) for each in found if isinstance(each, QuoteObserved)]


@asynccontextmanager
async def writing(outbox: Outbox, log: MemoryLog) -> AsyncIterator[None]:
    async with log.writer() as writer, running(outbox.run(InputWriter(writer, lambda _: 0))):
        yield


async def test_the_newest_of_each_market_is_written(log: MemoryLog, unique: str) -> None:
    outbox = Outbox()
    for price in (1, 2, 3):
        outbox.offer(Key(unique, "TAO"), quote(price, venue=unique))
        outbox.offer(Key(unique, "BTC"), quote(price, "BTC", venue=unique))
    outbox.offer(Key("w", "TAO"), quote(1, venue="w"))
    async with writing(outbox, log):
        await eventually(lambda: len(prices(log)) == 3, "written")
        assert set(prices(log)) == {("TAO", unique, "3"), ("BTC", unique, "3"), ("TAO", "w", "1")}
    assert sample("levtao_feed_dropped_total", venue=unique, reason="superseded") == 4
    assert sample("levtao_feed_sent_total", venue=unique) == 2


async def test_a_market_is_written_no_more_often_than_its_bound_and_the_last_is_never_lost(
    log: MemoryLog, unique: str
) -> None:
    outbox = Outbox()
    began = monotonic()
    async with writing(outbox, log):
        for price in range(1, 101):
            outbox.offer(Key(unique, "TAO"), quote(price), every_s=0.2)
            outbox.offer(Key(unique, "BTC"), quote(price, "BTC"), every_s=0.01)
            await asyncio.sleep(0.005)
        await eventually(lambda: ("TAO", "v", "100") in prices(log), "the last one", deadline_s=2)
        elapsed_s = monotonic() - began
    tao = [price for underlying, _, price in prices(log) if underlying == "TAO"]
    assert 2 <= len(tao) <= elapsed_s / 0.2 + 1
    assert tao == sorted(tao, key=int)
    assert len([1 for underlying, _, _ in prices(log) if underlying == "BTC"]) > 2 * len(tao), "each has its own bound"


class Failing:
    """A writer of a log that is away for the first appends: nothing of them, or all of it, is there."""

    def __init__(self, log: MemoryLog, failures: int, *, kept: bool) -> None:
        self.log, self.failures, self.kept = log, failures, kept

    async def append(self, topic: str, partition: int, entries: Sequence[Entry]) -> int | None:
        self.failures -= 1
        if self.failures >= 0 and not self.kept:
            raise LogError("away")
        async with self.log.writer() as writer:
            offset = await writer.append(topic, partition, entries)
        if self.failures >= 0:
            raise LogError("unclear")
        return offset


@pytest.mark.parametrize("kept", [False, True])
async def test_what_could_not_be_written_waits_unless_something_newer_does(
    log: MemoryLog, unique: str, kept: bool
) -> None:
    outbox = Outbox()
    writer = InputWriter(Failing(log, 1, kept=kept), lambda _: 0)
    funding = FundingObserved("TAO", "v", MIDNIGHT, d("0.0001"))
    outbox.offer(Key(unique, "TAO"), quote(1))
    outbox.offer(Key(unique, "funding"), funding)
    with pytest.raises(LogError):
        await outbox.run(writer)
    outbox.offer(Key(unique, "TAO"), quote(2))
    async with running(outbox.run(writer)):
        await eventually(lambda: prices(log)[-1:] == [("TAO", "v", "2")], "written")
    written = [read_input(record.value or b"") for record in log.partition(INPUTS.name, 0).records]
    assert written == ([quote(1), funding] if kept else []) + [funding, quote(2)]


async def test_no_more_waits_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, log: MemoryLog, unique: str
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    outbox = Outbox()
    for number in range(1, 6):
        outbox.offer(Key(unique, str(number)), quote(number))
    async with writing(outbox, log):
        await eventually(lambda: len(prices(log)) == 3, "written")
    assert [price for _, _, price in prices(log)] == ["3", "4", "5"]
    assert sample("levtao_feed_dropped_total", venue=unique, reason="superseded") == 2
