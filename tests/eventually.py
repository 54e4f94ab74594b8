"""Wait for a condition, with a deadline and no sleeping for luck."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable

DEADLINE_S = 30.0
POLL_S = 0.02


async def eventually(
    holds: Callable[[], object | Awaitable[object]], what: str, deadline_s: float = DEADLINE_S
) -> None:
    """Return as soon as `holds` does; fail with `what` if it does not in time."""
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                held = holds()
                if isawaitable(held):
                    held = await held
                if held:
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s} s: {what}") from None
