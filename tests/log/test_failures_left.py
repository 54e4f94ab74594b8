"""Failures in futures nobody waits for any more are no lines in the log, whenever they come."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest

from engine.log.kafka import KafkaLog
from engine.log.port import Entry, FencedError
from engine.log.single_shot import retrieve_failures
from tests.eventually import eventually


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
async def test_a_failure_before_or_after_the_producer_was_given_up_is_not_logged(late: bool) -> None:
    logged: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: logged.append(context))
    waiter = loop.create_future()
    accumulator = SimpleNamespace(_batches={0: [SimpleNamespace(_drain_waiter=waiter)]}, _pending_batches=[])
    producer = SimpleNamespace(_message_accumulator=accumulator, _txn_manager=SimpleNamespace(_transaction_waiter=None))
    if not late:
        waiter.set_exception(ValueError("lost"))
    retrieve_failures(producer)
    if late:
        waiter.set_exception(ValueError("lost"))
    await asyncio.sleep(0)
    del waiter, accumulator, producer
    gc.collect()
    assert logged == []


@pytest.mark.kafka
@pytest.mark.parametrize("megabytes", [0, 3], ids=["one batch a topic", "several"])
@pytest.mark.parametrize("noticed", [False, True], ids=["while it is awaited", "before the last batch"])
async def test_a_fenced_commit_says_so_and_leaves_no_failure_behind(
    kafka_log: KafkaLog, unique: str, megabytes: int, noticed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign found it: a transaction that had failed by the time of its next batch ended the whole engine."""
    logged: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
    await _commit_fenced(kafka_log, unique, megabytes, noticed, monkeypatch)
    gc.collect()
    await asyncio.sleep(0)
    assert logged == []


async def _commit_fenced(
    kafka_log: KafkaLog, unique: str, megabytes: int, noticed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = [f"{unique}.{number}" for number in range(3)]
    await kafka_log.create({topic: {} for topic in topics}, 1)
    entries = [Entry(b"key", bytes(1 << 20))] * megabytes + [Entry(b"key", b"value")]
    async with kafka_log.transactor(unique) as zombie, kafka_log.transactor(unique):
        producer = zombie._producer
        wait = producer.client._wait_on_metadata

        async def wait_until_noticed(topic: str) -> Any:
            if topic == topics[-1]:
                await eventually(lambda: not producer._txn_manager.is_in_transaction(), "the fence is noticed")
            return await wait(topic)

        if noticed:
            monkeypatch.setattr(producer.client, "_wait_on_metadata", wait_until_noticed)
        with pytest.raises(FencedError):
            await zombie.commit(0, dict.fromkeys(topics, entries))
