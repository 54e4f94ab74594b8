"""A stand-in of a test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.exchange.server import StandIn


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn.started() as started:
        yield started
