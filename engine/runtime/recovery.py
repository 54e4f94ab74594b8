"""Opening a lane's state: the view where it holds, the changelog from there, the checkpoint that proves it.

The truth is the last checkpoint record of the changelog. The view in Redis only saves reading from the beginning.
"""

import asyncio
from dataclasses import dataclass

import structlog

from engine.log.port import Entry, Log, Reader, read_up_to
from engine.runtime.partition import Partition
from engine.runtime.view import Snapshot, View, ViewError
from engine.wire.states import CHECKPOINT_KEY, FORMAT, Checkpoint, Digest, decode_checkpoint, encode_checkpoint
from engine.wire.topics import DEAD_LETTERS, OUTPUTS, STATES

DEADLINE_S = 120.0

_log = structlog.get_logger("levtao.recovery")


class NotProvisionedError(Exception):
    """The changelog has no checkpoint. Missing is not zero: a lane never starts from nothing by itself."""


class CorruptStateError(Exception):
    """The changelog is not what its last checkpoint sums up, or was written by another version."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A lane's state at its last checkpoint."""

    partition: Partition
    records: dict[str, bytes]
    position: int
    """From here on, the changelog repeats nothing older than these records."""
    in_view: bool
    """Whether the view holds exactly this."""


async def recover(log: Log, view: View | None, number: int) -> Recovered:
    """The state of a partition. Raises NotProvisionedError, CorruptStateError, LogError.

    The lane's transactor is open before this is called, so nothing can be added meanwhile.
    """
    async with asyncio.timeout(DEADLINE_S), log.reader(STATES.name, number, None) as reader:
        begin, end = await reader.begin(), await reader.end()
        snapshot = await _snapshot(view)
        if snapshot is not None and begin <= snapshot.position <= end and _digest(snapshot.records) == snapshot.digest:
            recovered = await _replay(reader, number, snapshot, end)
        else:
            recovered = None
        if recovered is None:
            if snapshot is not None:
                _log.warning("view_does_not_hold", partition=number, next_offset=snapshot.next_offset)
            recovered = await _replay(reader, number, None, end)
        if recovered is None:
            raise CorruptStateError(f"{STATES.name}/{number} is not what its last checkpoint sums up")
        if view is not None and snapshot is not None:
            await _drop_if_ahead(view, snapshot, recovered.partition.checkpoint)
        return recovered


async def _snapshot(view: View | None) -> Snapshot | None:
    """The view, if it can be read."""
    if view is None:
        return None
    try:
        return await view.read()
    except ViewError as error:
        _log.warning("view_unreadable", reason=str(error))
        return None


async def _drop_if_ahead(view: View, snapshot: Snapshot, checkpoint: Checkpoint) -> None:
    """A view is written after the commit: one ahead of the last checkpoint would never be written over."""
    if snapshot.next_offset <= checkpoint.next_offset:
        return
    at, last = snapshot.next_offset, checkpoint.next_offset
    _log.error("view_ahead_of_log", next_offset=at, checkpoint=last, advice="Kafka has lost records")
    try:
        await view.drop()
    except ViewError as error:
        _log.warning("view_not_dropped", reason=str(error))


async def _replay(reader: Reader, number: int, snapshot: Snapshot | None, end: int) -> Recovered | None:
    """Records and checkpoint after the changelog up to `end`; None where they do not agree."""
    records = {} if snapshot is None else dict(snapshot.records)
    position = await reader.begin() if snapshot is None else snapshot.position
    checkpoint: Checkpoint | None = None
    reader.seek(position)
    async for record in read_up_to(reader, end):
        if record.key is None:
            continue
        name = record.key.decode()
        if name == CHECKPOINT_KEY and record.value is not None:
            checkpoint = decode_checkpoint(record.value)
            position = record.offset
        elif record.value is None:
            records.pop(name, None)
        else:
            records[name] = record.value
    if checkpoint is None:
        if snapshot is not None:
            return None
        raise _without_checkpoint(number, end)
    if checkpoint.format != FORMAT:
        raise CorruptStateError(f"{STATES.name}/{number} is of format {checkpoint.format}, this engine writes {FORMAT}")
    partition = Partition(number, checkpoint)
    try:
        partition.restore(records)
    except ValueError as error:
        _log.warning("records_do_not_add_up", partition=number, reason=str(error))
        return None
    in_view = snapshot is not None and snapshot.next_offset == checkpoint.next_offset
    return Recovered(partition, records, position, in_view)


def _without_checkpoint(number: int, end: int) -> Exception:
    if end > 0:
        return CorruptStateError(f"{STATES.name}/{number} had records, but has no checkpoint any more")
    return NotProvisionedError(f"{STATES.name}/{number} has no checkpoint; `levtao topics apply` writes the first")


def _digest(records: dict[str, bytes]) -> str:
    digest = Digest()
    for name, value in records.items():
        digest.put(name, value)
    return digest.text


async def provision(log: Log, app: str, number: int) -> bool:
    """Write the first checkpoint of a partition whose changelog is empty; whether it was.

    Raises CorruptStateError where outputs are there already: a lane starting anew would say all of them again.
    """
    async with log.transactor(lane_identity(app, number)) as transactor:
        async with log.reader(STATES.name, number, None) as reader:
            if await reader.end() > 0:
                return False
        for topic in (*OUTPUTS.values(), DEAD_LETTERS):
            async with log.reader(topic.name, number, None) as reader:
                if await reader.end() > 0:
                    raise CorruptStateError(
                        f"{STATES.name}/{number} is empty, but {topic.name} is not: the changelog was lost"
                    )
        genesis = Partition(number).checkpoint
        await transactor.commit(number, {STATES.name: [Entry(CHECKPOINT_KEY.encode(), encode_checkpoint(genesis))]})
        return True


def lane_identity(app: str, number: int) -> str:
    """The transactional id of a lane: one for each input partition, whoever runs it. It is the only fence."""
    return f"{app}.{number}"
