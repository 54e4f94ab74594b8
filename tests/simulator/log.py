"""The log as one process sees it: the log in memory behind calls that can fail, and a book of every commit."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from engine.log.memory import MemoryLog, MemoryReader, MemoryTransactor, MemoryWriter
from engine.log.port import Entry, LogError, Partitions, Record
from engine.wire.states import CHECKPOINT_KEY, Checkpoint, decode_checkpoint
from engine.wire.topics import STATES
from tests.simulator.group import Group, Membership
from tests.simulator.process import Process

MOST_READ = (1, 3, 50, 2_000)


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that took effect."""

    partition: int
    who: str
    at_s: float
    epoch: int
    newest_epoch: int
    checkpoint: Checkpoint | None
    causes: frozenset[int]
    """The inputs its outputs come of."""


@dataclass(slots=True)
class Shared:
    """What all processes share: the log itself, the group, and what was committed."""

    log: MemoryLog
    group: Group
    commits: list[Commit] = field(default_factory=list)
    committed: dict[int, int] = field(default_factory=dict)
    """The next input of each partition by its last checkpoint."""

    def note(
        self, process: Process, transactor: MemoryTransactor, partition: int, batches: Mapping[str, Sequence[Entry]]
    ) -> None:
        """A transaction has just taken effect."""
        checkpoint = next(
            (decode_checkpoint(entry.value) for entry in batches.get(STATES.name, ())
             if entry.key == CHECKPOINT_KEY.encode() and entry.value is not None), None,
        )  # fmt: skip
        causes = frozenset(
            _cause(entry) for name, entries in batches.items() if name != STATES.name for entry in entries
        )
        if checkpoint is not None:
            self.committed[partition] = checkpoint.next_offset
        newest = self.log.epochs[transactor.identity]
        self.commits.append(
            Commit(partition, process.name, process.loop.time(), transactor.epoch, newest, checkpoint, causes)
        )


def _cause(entry: Entry) -> int:
    return int(dict(entry.headers)["ce_cause"].rpartition(b"/")[2])


class ProcessLog:
    """The log of one process. `idle_s` stretches the wait of its readers where nothing comes."""

    def __init__(self, process: Process, shared: Shared, idle_s: float = 0.0) -> None:
        """Nothing is opened yet."""
        self._process = process
        self._shared = shared
        self._log = shared.log
        self._idle_s = idle_s

    @asynccontextmanager
    async def reader(self, topic: str, partition: int, offset: int | None) -> AsyncIterator["ProcessReader"]:
        """See the port."""
        async with self._log.reader(topic, partition, offset) as reader:
            yield ProcessReader(self._process, reader, self._idle_s)

    @asynccontextmanager
    async def writer(self) -> AsyncIterator["ProcessWriter"]:
        """See the port."""
        yield ProcessWriter(self._process, MemoryWriter(self._log))

    @asynccontextmanager
    async def transactor(self, identity: str) -> AsyncIterator["ProcessTransactor"]:
        """See the port."""

        async def opened() -> MemoryTransactor:
            async with self._log.transactor(identity) as transactor:
                return transactor

        yield ProcessTransactor(self._process, await self._process.call("open", opened, LogError), self._shared)

    @asynccontextmanager
    async def member(self, group: str, topic: str, partitions: Partitions) -> AsyncIterator[Membership]:
        """See the port."""
        membership = Membership(self._shared.group, self._process, partitions)
        try:
            yield membership
        finally:
            if not self._process.lost:
                self._shared.group.leave(membership)

    async def create(self, topics: Mapping[str, Mapping[str, str]], partitions: int, replication: int = 1) -> None:
        """See the port."""
        await self._log.create(topics, partitions, replication)

    async def partitions(self, topic: str) -> int | None:
        """See the port."""
        return await self._log.partitions(topic)


class ProcessReader:
    """A reader that fails, and brings as many records as it likes."""

    def __init__(self, process: Process, reader: MemoryReader, idle_s: float) -> None:
        """Read where `reader` is."""
        self._process = process
        self._reader = reader
        self._idle_s = idle_s

    @property
    def position(self) -> int:
        """See the port."""
        return self._reader.position

    def seek(self, offset: int) -> None:
        """See the port."""
        self._reader.seek(offset)

    async def read(self, max_records: int, wait_s: float) -> Sequence[Record]:
        """See the port."""
        await self._process.reach("read.before")
        if self._process.fails("read") is not None:
            raise LogError("read: failed")
        most = min(max_records, self._process.random.choice(MOST_READ))
        records = await self._reader.read(most, max(wait_s, self._idle_s))
        await self._process.reach("read.after")
        return records

    async def begin(self) -> int:
        """See the port."""
        return await self._reader.begin()

    async def end(self) -> int:
        """See the port."""
        await self._process.reach("read.before")
        if self._process.fails("read") is not None:
            raise LogError("end: failed")
        return await self._reader.end()


@dataclass(frozen=True, slots=True)
class ProcessWriter:
    """A plain writer that fails."""

    process: Process
    writer: MemoryWriter

    async def append(self, topic: str, partition: int, entries: Sequence[Entry]) -> None:
        """See the port."""
        await self.process.call("append", lambda: self.writer.append(topic, partition, entries), LogError)


@dataclass(frozen=True, slots=True)
class ProcessTransactor:
    """A transactor that fails before, while or after it commits."""

    process: Process
    transactor: MemoryTransactor
    shared: Shared

    async def commit(self, partition: int, batches: Mapping[str, Sequence[Entry]]) -> Mapping[str, int]:
        """See the port."""

        async def committed() -> Mapping[str, int]:
            offsets = await self.transactor.commit(partition, batches)
            self.shared.note(self.process, self.transactor, partition, batches)
            return offsets

        return await self.process.call("commit", committed, LogError)
