"""A lane: one input partition through the core, exactly once.

One transaction a batch holds the outputs, the changed records of state and the checkpoint. Whatever goes wrong, the
lane is thrown away with its state and its producer, and opened again from the log: there is no other recovery.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

import structlog
from redis.asyncio import Redis

from engine.log.port import Entry, FencedError, Log, LogError, Reader, Record, Transactor
from engine.runtime.partition import OutputRecord, Partition
from engine.runtime.recovery import Recovered, lane_identity, recover
from engine.runtime.view import View
from engine.runtime.viewer import Viewer
from engine.wire.states import CHECKPOINT_KEY, Checkpoint, encode_checkpoint
from engine.wire.topics import INPUTS, STATES

_log = structlog.get_logger("levtao.lane")


class InputsGoneError(Exception):
    """Inputs not taken yet were deleted: going on without them would be another history."""


class DeadLetterFloodError(Exception):
    """Too many inputs are undecodable: rather stop than empty the topic into the dead letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """How a lane runs. Nothing here changes what comes out."""

    app: str = "levtao"
    max_read: int = 10_000
    max_inputs: int = 20_000
    max_outputs: int = 20_000
    """A batch is full with so many; then the last commit is waited for, though more inputs are there."""
    slice: int = 100
    """Inputs taken between two looks at the clock."""
    slice_outputs: int = 1_000
    """A slice ends with the input that brings so many outputs: ten thousand tokens published are a second's work."""
    slice_s: float = 0.001
    """Time between two turns of the event loop: heartbeats share it."""
    read_wait_s: float = 0.2
    """How long to wait for an input."""
    gather_wait_s: float = 0.002
    """The same while a commit is awaited that the next batch follows."""
    commit_after_s: float = 0.2
    """Inputs of which nothing came are committed at the latest after this; after a crash they are read again."""
    commit_after_inputs: int = 5_000
    view_every_s: float = 0.2
    """Time from one write of the view to the next."""
    backoff_s: float = 0.2
    fenced_backoff_s: float = 5.0
    stop_deadline_s: float = 4.0
    dead_letter_limit: int = 100
    dead_letter_window: int = 10_000


class Batch(NamedTuple):
    """What one transaction holds, and what the view is told of it."""

    entries: Mapping[str, Sequence[Entry]]
    changes: Mapping[str, bytes | None]
    navs: Mapping[str, bytes]
    checkpoint: Checkpoint


class Lane:
    """Runs one partition until it is stopped."""

    def __init__(
        self,
        log: Log,
        redis: "Redis | None",
        number: int,
        settings: LaneSettings,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Prepare; nothing is opened yet."""
        self.number = number
        self.settings = settings
        self.next_offset = 0
        self.ready = asyncio.Event()
        self.clock = clock
        self.last_progress = clock()
        self._log = log
        self._view = None if redis is None else View(redis, number, settings.app)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Open, run, and open again after whatever went wrong, until stopped.

        Raises what no reopening mends: DeadLetterFloodError, InputsGoneError, HoleError, NotProvisionedError,
        CorruptStateError, and every defect of the core.
        """
        while not self._stopping.is_set():
            pause_s = self.settings.backoff_s
            try:
                await self._open_and_run()
            except* FencedError as group:
                pause_s = self.settings.fenced_backoff_s
                _log.warning("lane_fenced", partition=self.number, reason=_reasons(group))
            except* (LogError, TimeoutError) as group:
                _log.warning("lane_lost", partition=self.number, reason=_reasons(group))
            finally:
                self.ready.clear()
            if not self._stopping.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._stopping.wait()

    def stop(self) -> None:
        """End after the batch in flight."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to end."""
        return self._stopping.is_set()

    async def _open_and_run(self) -> None:
        async with self._log.transactor(lane_identity(self.settings.app, self.number)) as transactor:
            recovered = await recover(self._log, self._view, self.number)
            partition = recovered.partition
            partition.dead_letter_limit = self.settings.dead_letter_limit, self.settings.dead_letter_window
            async with self._log.reader(INPUTS.name, self.number, partition.next_offset) as reader:
                await self._refuse_gone(reader, partition.next_offset)
                self.next_offset = partition.next_offset
                _log.info("lane_open", partition=self.number, next_offset=self.next_offset, from_view=recovered.in_view)
                self.ready.set()
                if self._view is None:
                    await self._run(partition, reader, transactor, None)
                    return
                viewer = _viewer(self._view, recovered, self.settings.view_every_s)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(viewer.run())
                    try:
                        await self._run(partition, reader, transactor, viewer)
                    finally:
                        viewer.stop()

    async def _refuse_gone(self, reader: Reader, due: int) -> None:
        begin = await reader.begin()
        if begin > due:
            raise InputsGoneError(
                f"{INPUTS.name}/{self.number}: input {due} is due, but the first one there is {begin}: "
                f"{begin - due} were deleted before they were taken"
            )

    async def _run(self, partition: Partition, reader: Reader, transactor: Transactor, viewer: Viewer | None) -> None:
        """Decide while the last batch commits: all that is there by then is the next one, unless it is full before.

        What was decided on a commit that failed is thrown away with it.
        """
        settings = self.settings
        batched = self.clock()
        records: Sequence[Record] = ()
        outputs: list[OutputRecord] = []
        commit: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as tasks:
            while not self._stopping.is_set() and not partition.flooded:
                if not records:
                    wait_s = settings.gather_wait_s if outputs else settings.read_wait_s
                    records = await reader.read(settings.max_read, wait_s)
                said, records = await self._apply(partition, records)
                outputs += said
                self.last_progress = self.clock()
                waiting = partition.next_offset - partition.checkpoint.next_offset
                overdue = self.last_progress - batched >= settings.commit_after_s
                full = len(outputs) >= settings.max_outputs or waiting >= settings.max_inputs
                committing = commit is not None and not commit.done()
                due = outputs or waiting >= settings.commit_after_inputs or (waiting and overdue)
                if due and (not committing or full or partition.flooded):
                    if commit is not None:
                        await commit
                    batched = self.last_progress
                    commit = tasks.create_task(self._commit(_batch(partition, outputs), transactor, viewer))
                    outputs = []
                await asyncio.sleep(0)
        if partition.flooded:
            raise DeadLetterFloodError(
                f"{INPUTS.name}/{self.number}: too many inputs are undecodable, the next at offset "
                f"{partition.next_offset}; see the dead letters, then mend the producer or raise the limit"
            )

    async def _apply(
        self, partition: Partition, records: Sequence[Record]
    ) -> tuple[list[OutputRecord], Sequence[Record]]:
        """Inputs through the core until a batch is full; its outputs, and the inputs left over."""
        settings = self.settings
        outputs: list[OutputRecord] = []
        since = self.clock()
        first, taken = partition.next_offset, 0
        while taken < len(records):
            outputs += partition.apply(records[taken : taken + settings.slice], settings.slice_outputs)
            taken = partition.next_offset - first
            if partition.flooded or len(outputs) >= settings.max_outputs:
                return outputs, records[taken:]
            if self.clock() - since > settings.slice_s:
                await asyncio.sleep(0)
                since = self.clock()
        return outputs, ()

    async def _commit(self, batch: Batch, transactor: Transactor, viewer: Viewer | None) -> None:
        """One transaction: outputs, changed records, checkpoint; then the view hears of it."""
        offsets = await transactor.commit(self.number, batch.entries)
        self.next_offset = batch.checkpoint.next_offset
        if viewer is not None:
            viewer.push(batch.changes, batch.navs, batch.checkpoint, offsets[STATES.name])


def _batch(partition: Partition, outputs: Sequence[OutputRecord]) -> Batch:
    """Everything that followed since the last batch."""
    entries: dict[str, list[Entry]] = defaultdict(list)
    for topic, key, value, headers, timestamp_ms in outputs:
        entries[topic].append(Entry(key, value, headers, timestamp_ms))
    changes = partition.changes()
    states = [Entry(name.encode(), value) for name, value in changes.items()]
    entries[STATES.name] = [*states, Entry(CHECKPOINT_KEY.encode(), encode_checkpoint(partition.checkpoint))]
    navs, partition.navs = partition.navs, {}
    return Batch(entries, changes, navs, partition.checkpoint)


def _reasons(group: BaseExceptionGroup[Exception]) -> str:
    """What is wrong, each reason once."""
    return "; ".join(dict.fromkeys(str(error) or repr(error) for error in _leaves(group)))


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _viewer(view: View, recovered: Recovered, every_s: float) -> Viewer:
    checkpoint = recovered.partition.checkpoint
    onto = checkpoint.next_offset if recovered.in_view else None
    return Viewer(view, recovered.records, checkpoint, recovered.position, onto, every_s)
