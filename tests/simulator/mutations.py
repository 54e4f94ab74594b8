"""Defects on purpose, each one a mistake somebody could make; the simulator has to find every one of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from engine.log.memory import MemoryTransactor
from engine.log.port import Entry, FencedError, LogError
from engine.runtime.lane import Batch, Lane
from engine.runtime.partition import Partition
from engine.runtime.viewer import Viewer
from engine.wire.topics import STATES
from tests.simulator.log import ProcessLog, ProcessTransactor
from tests.simulator.redis import Server

Batches = Mapping[str, Sequence[Entry]]
Mutation = Callable[[pytest.MonkeyPatch], None]


def redis_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """The view hears of a batch before it is committed."""
    real = Lane._commit

    async def commit(self: Lane, batch: Batch, transactor: Any, viewer: Viewer | None) -> None:
        if viewer is not None:
            viewer.push(batch.changes, batch.navs, batch.checkpoint, viewer.position)
            await asyncio.sleep(0.01)
        await real(self, batch, transactor, viewer)

    patch.setattr(Lane, "_commit", commit)


def commit_repeated_after_an_unknown_outcome(patch: pytest.MonkeyPatch) -> None:
    """An error of the commit is answered by committing once more, with the same transactor."""
    real = ProcessTransactor.commit

    async def commit(self: ProcessTransactor, partition: int, batches: Batches) -> Mapping[str, int]:
        try:
            return await real(self, partition, batches)
        except FencedError:
            raise
        except LogError:
            return await real(self, partition, batches)

    patch.setattr(ProcessTransactor, "commit", commit)


def sequence_from_memory(patch: pytest.MonkeyPatch) -> None:
    """The sequence of events is counted by the process and begins anew with it."""
    real = Partition.restore

    def restore(self: Partition, records: Mapping[str, bytes]) -> None:
        real(self, records)
        for book in self.books.values():
            book.market.events_sequence = 0

    patch.setattr(Partition, "restore", restore)


def last_input_taken_again(patch: pytest.MonkeyPatch) -> None:
    """A lane begins at the last input taken instead of the one after it."""
    real = Partition.restore

    def restore(self: Partition, records: Mapping[str, bytes]) -> None:
        real(self, records)
        self._next = max(0, self._next - 1)

    patch.setattr(Partition, "restore", restore)


def first_input_left_out(patch: pytest.MonkeyPatch) -> None:
    """A lane begins one input too late."""
    real = Partition.restore

    def restore(self: Partition, records: Mapping[str, bytes]) -> None:
        real(self, records)
        self._next += bool(self._next)

    patch.setattr(Partition, "restore", restore)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    """The log takes what a former owner commits."""

    async def commit(self: MemoryTransactor, partition: int, batches: Batches) -> Mapping[str, int]:
        newest = MemoryTransactor(self.log, self.identity, self.log.epochs[self.identity])
        return await real(newest, partition, batches)

    real = MemoryTransactor.commit
    patch.setattr(MemoryTransactor, "commit", commit)


def state_read_before_the_fence(patch: pytest.MonkeyPatch) -> None:
    """A lane reads its state first and shuts the former owner out only when it commits."""
    real = ProcessLog.transactor

    @asynccontextmanager
    async def transactor(self: ProcessLog, identity: str) -> AsyncIterator[Any]:
        async with AsyncExitStack() as stack:

            class Late:
                opened: Any = None

                async def commit(late, partition: int, batches: Batches) -> Mapping[str, int]:  # noqa: N805
                    late.opened = late.opened or await stack.enter_async_context(real(self, identity))
                    done: Mapping[str, int] = await late.opened.commit(partition, batches)
                    return done

            yield Late()

    patch.setattr(ProcessLog, "transactor", transactor)


def delta_without_comparison(patch: pytest.MonkeyPatch) -> None:
    """Redis takes a delta whatever it holds."""
    real = Server.write

    def write(self: Server, keys: Sequence[str], args: Sequence[Any]) -> Any:
        held = self.at(keys[0]).meta.get("next")
        onto = args[1] if held is None else held
        return real(self, keys, [args[0], onto if args[0] == "delta" else args[1], *args[2:]])

    patch.setattr(Server, "write", write)


def changes_forgotten_after_an_error(patch: pytest.MonkeyPatch) -> None:
    """After a failed write to Redis the next one is a delta again."""
    patch.setattr(Viewer, "_again", lambda self: self._wake.set())


def uncommitted_kept_after_an_error(patch: pytest.MonkeyPatch) -> None:
    """An input of a batch that failed is taken for done."""
    real = ProcessTransactor.commit

    async def commit(self: ProcessTransactor, partition: int, batches: Batches) -> Mapping[str, int]:
        try:
            return await real(self, partition, batches)
        except FencedError:
            raise
        except LogError:
            return {STATES.name: 0}

    patch.setattr(ProcessTransactor, "commit", commit)


MUTATIONS: tuple[Mutation, ...] = (
    redis_before_the_commit,
    commit_repeated_after_an_unknown_outcome,
    sequence_from_memory,
    last_input_taken_again,
    first_input_left_out,
    no_fence,
    state_read_before_the_fence,
    delta_without_comparison,
    changes_forgotten_after_an_error,
    uncommitted_kept_after_an_error,
)
