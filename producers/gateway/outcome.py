"""What came of an input, read from the outputs: they are in the order of the inputs, so their place can be bisected."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

from engine.domain.inputs import Position
from engine.log.port import Log, LogError, Reader, Record
from engine.wire.topics import DEAD_LETTERS, EVENTS

READ_RECORDS = 500
READ_WAIT_S = 0.2
REFUSED: Mapping[str, str] = {"input_refused": "reason", "request_refused": "code", "dead_letter": "reason"}
"""The outputs that say no, and the field that says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an input at once: its events; `code` and `detail` where it was refused."""

    status: Literal["accepted", "refused"]
    code: str | None
    detail: str | None
    events: Sequence[dict[str, Any]]

    def told(self) -> dict[str, Any]:
        """All but the events."""
        return {"status": self.status, "code": self.code, "detail": self.detail}


async def find_outcome(log: Log, position: Position, wait_s: float) -> Outcome | None:
    """What came of the input at `position`; None if nothing has within `wait_s`. Raises LogError."""
    until = monotonic() + wait_s
    seen = asyncio.Event()
    lost: Sequence[Exception] = ()
    try:
        async with asyncio.TaskGroup() as tasks:
            looking = [
                tasks.create_task(_caused(log, topic.name, position, until, seen)) for topic in (EVENTS, DEAD_LETTERS)
            ]
    except* LogError as group:
        lost = group.exceptions
    if lost:
        raise lost[0]
    events = [event for task in looking for event in task.result()]
    return _told(events) if events else None


def _told(events: Sequence[dict[str, Any]]) -> Outcome:
    for event in events:
        field = REFUSED.get(event["type"])
        if field is not None:
            return Outcome("refused", event[field], event["detail"], events)
    return Outcome("accepted", None, None, events)


async def _caused(log: Log, topic: str, position: Position, until: float, seen: asyncio.Event) -> list[dict[str, Any]]:
    """What the input caused on one topic: one transaction, so all of it is there once some of it is."""
    found: list[dict[str, Any]] = []
    async with log.reader(topic, position.partition, None) as reader:
        await _approach(reader, position.offset)
        while True:
            records = await reader.read(READ_RECORDS, READ_WAIT_S)
            found += [json.loads(each.value) for each in records if each.value and _cause(each) == position.offset]
            at_end = reader.position >= await reader.end()
            passed = any(_cause(each) > position.offset for each in records)
            if found and (passed or at_end):
                seen.set()
            if passed or seen.is_set() or (at_end and monotonic() > until):
                return found


async def _approach(reader: Reader, offset: int) -> None:
    """Go to where what the input at `offset` caused begins, or a little before."""
    low, high = await reader.begin(), await reader.end()
    while high - low > READ_RECORDS:
        middle = (low + high) // 2
        reader.seek(middle)
        records = await reader.read(1, READ_WAIT_S)
        if records and _cause(records[0]) < offset:
            low = records[0].offset + 1
        else:
            high = middle
    reader.seek(low)


def _cause(record: Record) -> int:
    """The offset of the input that caused an output."""
    identity = next(value for name, value in record.headers if name == "ce_id")
    return int(identity.split(b"-")[1])
