"""Proof from the logs: fold the inputs again and hold what comes out against what is there.

Outputs are compared byte for byte, with keys, headers and stamps; the records of state by the checkpoint's digest;
the view in Redis, at its own watermark, field by field. The first difference is named.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic

from engine.log.port import READ_RECORDS, READ_WAIT_S, Log, Reader, Record, read_up_to
from engine.runtime.partition import NO_FLOOD, OutputRecord, Partition
from engine.runtime.recovery import NotProvisionedError
from engine.runtime.view import FullSnapshot, View
from engine.wire.codec import cause_offset
from engine.wire.states import CHECKPOINT_KEY, Checkpoint, decode_checkpoint
from engine.wire.topics import DEAD_LETTERS, EVENTS, INPUTS, NAVS, ORDERS, STATES

VISIBLE_WITHIN_S = 5.0
COMPARED = (ORDERS, EVENTS, NAVS, DEAD_LETTERS)


class DifferenceError(Exception):
    """The first thing found that the inputs do not imply."""


@dataclass(slots=True)
class Verified:
    """What was proven of a partition."""

    partition: int
    inputs: int = 0
    outputs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    records: int = 0
    view_at: int | None = None
    """The watermark the view was compared at; None where there is no view."""


async def verify(log: Log, view: View | None, number: int, on_inputs: Callable[[int], None]) -> Verified:
    """Prove a partition up to its last checkpoint. Raises DifferenceError, NotProvisionedError, LogError, ViewError."""
    held = None if view is None else await view.read_all()
    checkpoint = await _checkpoint_from(log, number, 0 if held is None else held.next_offset)
    done = Verified(number)
    partition = Partition(number, dead_letter_limit=NO_FLOOD)
    navs: dict[str, bytes] = {}
    async with AsyncExitStack() as stack:
        inputs = await stack.enter_async_context(log.reader(INPUTS.name, number, None))
        if inputs.position > 0:
            raise DifferenceError(f"{INPUTS.name}/{number} begins at {inputs.position}: what came before was deleted")
        topics = {
            topic.name: _Topic(
                topic.name, number, await stack.enter_async_context(log.reader(topic.name, number, None))
            )
            for topic in COMPARED
        }
        stops = {checkpoint.next_offset} | ({held.next_offset} if held is not None else set())
        for stop in sorted(stops):
            while partition.next_offset < stop:
                records = await inputs.read(min(READ_RECORDS, stop - partition.next_offset), READ_WAIT_S)
                if not records and await inputs.end() < stop:
                    raise DifferenceError(f"{INPUTS.name}/{number} ends before input {stop}, which was taken")
                for implied in partition.apply(records):
                    await topics[implied.topic].expect(implied)
                    done.outputs[implied.topic] += 1
                navs |= partition.navs
                done.inputs += len(records)
                on_inputs(len(records))
            partition.changes()
            if held is not None and held.next_offset == stop:
                _compare_view(held, partition.records(), navs)
                done.view_at = stop
        for topic in topics.values():
            await topic.expect_no_more(checkpoint.next_offset)
    if partition.checkpoint.digest != checkpoint.digest:
        raise DifferenceError(
            f"{STATES.name}/{number}: the checkpoint at input {checkpoint.next_offset} digests to {checkpoint.digest}, "
            f"the inputs imply {partition.checkpoint.digest}"
        )
    done.records = len(partition.records())
    return done


async def _checkpoint_from(log: Log, number: int, least: int) -> Checkpoint:
    """The last checkpoint, at `least` or later. A commit is answered some moments before readers can see it."""
    waited_until = monotonic() + VISIBLE_WITHIN_S
    while (checkpoint := await _last_checkpoint(log, number)).next_offset < least:
        if monotonic() > waited_until:
            raise DifferenceError(f"Redis is at input {least}, the last checkpoint at {checkpoint.next_offset}")
        await asyncio.sleep(READ_WAIT_S)
    return checkpoint


async def _last_checkpoint(log: Log, number: int) -> Checkpoint:
    found: Checkpoint | None = None
    async with log.reader(STATES.name, number, None) as reader:
        async for record in read_up_to(reader, await reader.end()):
            if record.key == CHECKPOINT_KEY.encode() and record.value is not None:
                found = decode_checkpoint(record.value)
    if found is None:
        raise NotProvisionedError(f"{STATES.name}/{number} has no checkpoint")
    return found


class _Topic:
    """An output topic's partition, read along with the fold."""

    def __init__(self, name: str, number: int, reader: Reader) -> None:
        self._at = f"{name}/{number}"
        self._reader = reader
        self._read: deque[Record] = deque()
        self._begun = reader.position == 0
        """Whether nothing before has been deleted; else what is implied is compared from the first match on."""

    async def _next(self) -> Record | None:
        end = await self._reader.end() if not self._read else 0
        while not self._read and self._reader.position < end:
            self._read.extend(await self._reader.read(READ_RECORDS, READ_WAIT_S))
        return self._read[0] if self._read else None

    async def expect(self, implied: OutputRecord) -> None:
        """Hold the next record there against the one implied."""
        there = await self._next()
        if there is None:
            raise DifferenceError(f"{self._at}: missing {_named(implied.value)}")
        same = (there.key, there.value, list(there.headers)) == (implied.key, implied.value, implied.headers)
        if not same and not self._begun:
            return
        if not same or there.timestamp_ms != implied.timestamp_ms:
            raise DifferenceError(
                f"{self._at} offset {there.offset}: is {_named(there.value)}, the inputs imply {_named(implied.value)}"
            )
        self._begun = True
        self._read.popleft()

    async def expect_no_more(self, before: int) -> None:
        """Nothing is left there that claims to come of an input before this one."""
        there = await self._next()
        if there is None:
            return
        cause = dict(there.headers).get("ce_cause", b"//-1").decode()
        if cause_offset(cause) < before:
            raise DifferenceError(f"{self._at} offset {there.offset}: no input implies {_named(there.value)}")


def _compare_view(held: FullSnapshot, records: dict[str, bytes], navs: dict[str, bytes]) -> None:
    """The view holds exactly the records, and beside each token what it published last or nothing."""
    if held.records.keys() != records.keys():
        odd = min(held.records.keys() ^ records.keys())
        raise DifferenceError(f"Redis at input {held.next_offset}: {odd} is {'not ' * (odd in records)}there")
    for name, there in held.records.items():
        if there.get("state") != records[name]:
            raise DifferenceError(f"Redis at input {held.next_offset}: {name} differs from what the inputs imply")
        if "nav" in there and there["nav"] != navs.get(name.partition(":")[2]):
            raise DifferenceError(f"Redis at input {held.next_offset}: {name} shows other numbers than last published")


def _named(value: bytes | None) -> str:
    """An output in short."""
    return "nothing" if value is None else value[:200].decode(errors="replace")
