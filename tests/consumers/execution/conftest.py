"""A stand-in exchange of a test's own, and markets of it as the executor opens them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.exchange.server import StandIn

Opened = Callable[..., Any]


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn.started() as started:
        started.okx.archive_lag_ms = 60_000
        yield started


@pytest.fixture
async def opened(standin: StandIn) -> AsyncIterator[Opened]:
    """A venue by its exchange's name, at the stand-in, with short waits; closed at the end."""
    from consumers.execution.keys import Keys  # noqa: PLC0415 - ccxt takes a second
    from consumers.execution.settings import ExecutionListing  # noqa: PLC0415
    from consumers.execution.venue import open_venue  # noqa: PLC0415

    async with AsyncExitStack() as stack:

        async def one(name: str, symbol: str = "TAO/USDT:USDT", style: str = "gtc") -> Any:
            listing = ExecutionListing(
                exchange=name, symbol=symbol, style=style, api_url=f"http://{standin.address}",
            )  # fmt: skip
            venue = await stack.enter_async_context(open_venue(listing, Keys("a key", "a secret", "a passphrase")))
            venue._client.timeout_on_exit = 0
            venue._client.timeout = 500
            venue._client.enableRateLimit = False
            venue.settle = 200_000
            return venue

        yield one
