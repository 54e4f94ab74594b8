"""A stand-in of a test's own, and ccxt pointed at it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.exchange.server import StandIn, rebase

KEYS = {"apiKey": "a key", "secret": "a secret", "password": "a passphrase"}


@pytest.fixture
async def standin() -> AsyncIterator[StandIn]:
    async with StandIn.started() as started:
        yield started


@pytest.fixture
async def connect(standin: StandIn) -> AsyncIterator[Callable[..., Any]]:
    """ccxt's class of this name, unmodified, at the stand-in; closed at the end."""
    import ccxt.pro  # noqa: PLC0415 - it takes a second

    async with AsyncExitStack() as stack:

        def connected(name: str, **config: Any) -> Any:
            exchange = getattr(ccxt.pro, name)(KEYS | {"enableRateLimit": False} | config)
            exchange.number = str
            exchange.timeout_on_exit = 0
            rebase(exchange, standin)
            stack.push_async_callback(exchange.close)
            return exchange

        yield connected
