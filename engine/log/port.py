"""What this service needs of a log, and no more. Bytes only: what they mean is the wire's affair.

Two implementations pass the same tests: Kafka, and a log in memory for the demo and the simulator.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]

READ_RECORDS = 5_000
READ_WAIT_S = 0.2


class LogError(Exception):
    """The log did not do it, or it is unknown whether it did. Whoever holds a writer throws it away and starts anew."""


class FencedError(LogError):
    """Somebody else has opened the same writer since: this one can do nothing any more."""


class OffsetGoneError(LogError):
    """The offset asked for is not in the log: deleted, or never written."""


class Entry(NamedTuple):
    """A record to write."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None


class Record(NamedTuple):
    """A record read: committed, in order, with holes between offsets where the log keeps its own marks."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Reader(Protocol):
    """Reads committed records of one partition from an offset on."""

    async def read(self, max_records: int, wait_s: float) -> Sequence[Record]:
        """The next records, none if there are none within `wait_s`. Raises OffsetGoneError, LogError."""
        ...

    @property
    def position(self) -> int:
        """The offset of the next read."""
        ...

    def seek(self, offset: int) -> None:
        """Read on from `offset`."""
        ...

    async def begin(self) -> int:
        """The first offset still there."""
        ...

    async def end(self) -> int:
        """The offset after the last committed record."""
        ...


async def read_up_to(reader: Reader, end: int) -> AsyncIterator[Record]:
    """Every record from where the reader stands up to offset `end`, without it. Raises OffsetGoneError, LogError."""
    while reader.position < end:
        for record in await reader.read(READ_RECORDS, READ_WAIT_S):
            if record.offset < end:
                yield record


class Writer(Protocol):
    """Appends records, each once, in order."""

    async def append(self, topic: str, partition: int, entries: Sequence[Entry]) -> int | None:
        """Append and wait until they are safe; the offset of the first, None where the log does not say it.

        Raises LogError; then some may be there and some not.
        """
        ...


class Transactor(Protocol):
    """The one writer of a lane. Opening it shuts out whoever had the same id, and ends what that one left open."""

    async def commit(self, partition: int, batches: Mapping[str, Sequence[Entry]]) -> Mapping[str, int]:
        """Write all of it or nothing; the offset of each topic's first record.

        Raises FencedError, LogError; after any error the transactor is useless.
        """
        ...


class Partitions(Protocol):
    """What a member of a group hears of its partitions."""

    def assigned(self, partitions: frozenset[int]) -> None:
        """These are mine from now on."""
        ...

    async def revoked(self) -> None:
        """None is mine any more; whatever runs is ended before this returns."""
        ...


class Member(Protocol):
    """One process in a group that shares the partitions of a topic."""

    async def poll(self, wait_s: float) -> None:
        """Stay in the group; call it again and again. Raises LogError.

        That it returns says nothing of the group: one that is silent is not noticed here.
        """
        ...

    async def confirm(self) -> None:
        """Have the group say that this member holds what it was assigned, which is something.

        Raises LogError where it does not say so.

        When it returns, the group has heard of this member after the call began: nobody takes over within a session
        from then, unless this member is told so first.
        """
        ...

    async def note_progress(self, offsets: Mapping[int, int]) -> None:
        """Tell the log's own tools how far each partition has been read; nothing depends on it."""
        ...


class Log(Protocol):
    """A log of topics with partitions."""

    def reader(self, topic: str, partition: int, offset: int | None) -> AbstractAsyncContextManager[Reader]:
        """A reader from `offset`, or from the first offset there."""
        ...

    def writer(self) -> AbstractAsyncContextManager[Writer]:
        """A plain writer."""
        ...

    def transactor(self, identity: str) -> AbstractAsyncContextManager[Transactor]:
        """The one transactor of that id."""
        ...

    def member(self, group: str, topic: str, partitions: Partitions) -> AbstractAsyncContextManager[Member]:
        """A member of a group."""
        ...

    async def create(self, topics: Mapping[str, Mapping[str, str]], partitions: int, replication: int = 1) -> None:
        """Create the topics that are missing, with their settings. Raises LogError where one has other partitions."""
        ...

    async def partitions(self, topic: str) -> int | None:
        """How many partitions a topic has, None if there is no such topic."""
        ...
