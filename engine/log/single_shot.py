"""Transaction calls of aiokafka that are sent once, and fail loudly where it is unknown whether they arrived.

aiokafka repeats such a call by itself after a time-out. With protocol version 0 of these calls a late or repeated
EndTxn ends the *next* transaction of the same producer, so a repeat can commit half a batch. Here an ambiguous call
raises, the lane throws its producer away, and the next one's epoch shuts the late call out.

`apply` changes four classes of aiokafka 0.14.0 (pinned); a test holds their names and this behaviour.
"""

import asyncio
from typing import Any

from aiokafka.errors import KafkaError
from aiokafka.producer import sender

HANDLERS = (
    sender.AddPartitionsToTxnHandler,
    sender.AddOffsetsToTxnHandler,
    sender.TxnOffsetCommitHandler,
    sender.EndTxnHandler,
)

RETRY_BACKOFF_S = 0.003


class AmbiguousCallError(KafkaError):  # type: ignore[misc]  # aiokafka is untyped
    """A transaction call was sent, and nobody knows whether it arrived."""


async def _do(self: Any, node_id: int) -> bool:
    """Send once. An answer that says "not now" may be asked again; no answer may not."""
    request = self.create_request()
    try:
        response = await self._sender.client.send(node_id, request, group=self.group)
    except KafkaError as error:
        raise AmbiguousCallError(f"{type(request).__name__}: {error!r}") from error
    backoff = self.handle_response(response)
    if backoff is None:
        return True
    await asyncio.sleep(backoff)
    return False


def apply() -> None:
    """Make every transactional producer of this process a careful one."""
    for handler in HANDLERS:
        handler.do = _do
    sender.BACKOFF_OVERRIDE = RETRY_BACKOFF_S


def retrieve_failures(producer: Any) -> None:
    """Look at the failures aiokafka left in futures of its own, which else are logged as never retrieved.

    Those too that come later: a call that hangs outlives the time a producer is given to close.
    """
    accumulator, transactions = producer._message_accumulator, producer._txn_manager
    waiters = [batch._drain_waiter for batches in accumulator._batches.values() for batch in batches]
    waiters += [batch._drain_waiter for batch in accumulator._pending_batches]
    waiters.append(transactions._transaction_waiter)
    for waiter in waiters:
        if waiter is None:
            continue
        if waiter.done():
            look_at(waiter)
        else:
            waiter.add_done_callback(look_at)


def look_at(waiter: "asyncio.Future[Any]") -> None:
    """Take note of how it ended, so that asyncio does not log it where nobody else does."""
    if not waiter.cancelled():
        waiter.exception()
