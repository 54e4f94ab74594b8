"""Failures in futures nobody waits for any more are no lines in the log, whenever they come."""

import asyncio
import gc
from types import SimpleNamespace
from typing import Any

import pytest

from engine.log.single_shot import retrieve_failures


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
