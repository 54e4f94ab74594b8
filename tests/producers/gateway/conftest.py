"""A gateway on the log in memory and a real Redis."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from engine.log.memory import MemoryLog
from tests.producers.gateway.running import Running, provisioned, running


@pytest.fixture
async def gateway(redis: "Redis") -> AsyncIterator[Running]:
    log = MemoryLog()
    await provisioned(log)
    async with running(log, redis) as started:
        yield started
