"""The log in memory: for the demo on a machine with nothing but Python, and for the simulator.

It keeps Kafka's promises that matter here: append order, transactions that are seen whole or not at all, marks that
leave holes in the offsets, a writer's id that shuts out its former owner, a group that shares partitions.
It keeps everything for as long as the process lives.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time_ns

from engine.log.port import Entry, FencedError, LogError, OffsetGoneError, Partitions, Record

NANOSECONDS_PER_MS = 1_000_000


def wall_clock_ms() -> int:
    """The machine's time in milliseconds."""
    return time_ns() // NANOSECONDS_PER_MS


@dataclass(slots=True)
class _Partition:
    append_time: bool
    records: list[Record] = field(default_factory=list)
    end: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def append(self, entries: Sequence[Entry], now_ms: int) -> None:
        for key, value, headers, timestamp_ms in entries:
            stamp = now_ms if self.append_time or timestamp_ms is None else timestamp_ms
            self.records.append(Record(self.end, stamp, key, value, tuple(headers)))
            self.end += 1
        self.grown.set()
        self.grown = asyncio.Event()

    def mark(self) -> None:
        """A transaction's end takes an offset, as it does in Kafka."""
        self.end += 1


class MemoryReader:
    """Reads one partition."""

    def __init__(self, partition: _Partition, offset: int) -> None:
        """Start at `offset`."""
        self._partition = partition
        self._index = 0
        self.position = offset
        self.seek(offset)

    async def read(self, max_records: int, wait_s: float) -> Sequence[Record]:
        """See the port."""
        if self.position > self._partition.end:
            raise OffsetGoneError(f"offset {self.position} is beyond the end {self._partition.end}")
        if self._index >= len(self._partition.records):
            self.position = self._partition.end
            grown = self._partition.grown
            try:
                async with asyncio.timeout(wait_s):
                    await grown.wait()
            except TimeoutError:
                return []
        found = self._partition.records[self._index : self._index + max_records]
        self._index += len(found)
        if found:
            last = self._index >= len(self._partition.records)
            self.position = self._partition.end if last else found[-1].offset + 1
        return found

    def seek(self, offset: int) -> None:
        """See the port."""
        self.position = offset
        records = self._partition.records
        low, high = 0, len(records)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if records[middle].offset < offset else (low, middle)
        self._index = low

    async def begin(self) -> int:
        """See the port."""
        return 0

    async def end(self) -> int:
        """See the port."""
        return self._partition.end


@dataclass(frozen=True, slots=True)
class MemoryWriter:
    """Appends to the log."""

    log: "MemoryLog"

    async def append(self, topic: str, partition: int, entries: Sequence[Entry]) -> int | None:
        """See the port."""
        at = self.log.partition(topic, partition)
        first = at.end if entries else None
        at.append(entries, self.log.now_ms())
        await asyncio.sleep(0)
        return first


@dataclass(frozen=True, slots=True)
class MemoryTransactor:
    """Appends whole transactions, as long as its epoch is the newest."""

    log: "MemoryLog"
    identity: str
    epoch: int

    async def commit(self, partition: int, batches: Mapping[str, Sequence[Entry]]) -> Mapping[str, int]:
        """See the port."""
        await asyncio.sleep(0)
        if self.log.epochs[self.identity] != self.epoch:
            raise FencedError(f"{self.identity}: another has taken over")
        first: dict[str, int] = {}
        for topic, entries in batches.items():
            if entries:
                at = self.log.partition(topic, partition)
                first[topic] = at.end
                at.append(entries, self.log.now_ms())
                at.mark()
        return first


@dataclass(eq=False, slots=True)
class MemoryMember:
    """A member of a group in this process."""

    group: "_Group"
    partitions: Partitions

    async def poll(self, wait_s: float) -> None:
        """See the port."""
        await asyncio.sleep(wait_s)

    async def confirm(self) -> None:
        """See the port."""
        if self not in self.group.members:
            raise LogError("asking the group: this member has left it")

    async def note_progress(self, offsets: Mapping[int, int]) -> None:
        """See the port."""
        self.group.progress.update(offsets)


@dataclass(slots=True)
class _Group:
    count: int
    members: list[MemoryMember] = field(default_factory=list)
    progress: dict[int, int] = field(default_factory=dict)

    async def share_out(self) -> None:
        """Take every partition back, then deal them out anew, as an eager assignment does."""
        for member in self.members:
            await member.partitions.revoked()
        for turn, member in enumerate(self.members):
            mine = frozenset(range(turn, self.count, len(self.members)))
            member.partitions.assigned(mine)


@dataclass(slots=True)
class MemoryLog:
    """A log that lives as long as its process. `now_ms` stamps appended records."""

    now_ms: Callable[[], int] = wall_clock_ms
    epochs: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _topics: dict[str, list[_Partition]] = field(default_factory=dict)
    _groups: dict[str, _Group] = field(default_factory=dict)

    def partition(self, topic: str, number: int) -> _Partition:
        """The partition. Raises LogError if there is none."""
        found = self._topics.get(topic, [])
        if number >= len(found):
            raise LogError(f"there is no partition {topic}/{number}")
        return found[number]

    @asynccontextmanager
    async def reader(self, topic: str, partition: int, offset: int | None) -> AsyncIterator[MemoryReader]:
        """See the port."""
        yield MemoryReader(self.partition(topic, partition), offset or 0)

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[MemoryWriter]:
        """See the port."""
        yield MemoryWriter(self)

    @asynccontextmanager
    async def transactor(self, identity: str) -> AsyncIterator[MemoryTransactor]:
        """See the port."""
        self.epochs[identity] += 1
        yield MemoryTransactor(self, identity, self.epochs[identity])

    @asynccontextmanager
    async def member(self, group: str, topic: str, partitions: Partitions) -> AsyncIterator[MemoryMember]:
        """See the port."""
        shared = self._groups.setdefault(group, _Group(len(self._topics[topic])))
        member = MemoryMember(shared, partitions)
        shared.members.append(member)
        await shared.share_out()
        try:
            yield member
        finally:
            shared.members.remove(member)
            await partitions.revoked()
            await shared.share_out()

    async def create(self, topics: Mapping[str, Mapping[str, str]], partitions: int, replication: int = 1) -> None:
        """See the port."""
        for name, settings in topics.items():
            stamped = settings.get("message.timestamp.type") == "LogAppendTime"
            there = self._topics.setdefault(name, [_Partition(stamped) for _ in range(partitions)])
            if len(there) != partitions:
                raise LogError(f"topic {name} has {len(there)} partitions, the settings say {partitions}")

    async def partitions(self, topic: str) -> int | None:
        """See the port."""
        found = self._topics.get(topic)
        return None if found is None else len(found)
