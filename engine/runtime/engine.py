"""The engine of one process: a member of the group, a lane for each partition it is given."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

import structlog
from redis.asyncio import Redis

from engine.log.port import Log, LogError, Member
from engine.runtime.lane import Lane, LaneSettings
from engine.wire.topics import INPUTS

POLL_S = 1.0
PROGRESS_NOTED_EVERY_S = 5.0

_log = structlog.get_logger("levtao.engine")


def spare_gc() -> None:
    """Look for cycles of garbage less often: a stream of small objects makes none, and looking took a tenth of all."""
    gc.set_threshold(100_000, 50, 100)


class LaneGoneError(Exception):
    """A lane has ended without having been asked to: going on would be to stand still without a word."""


class Engine:
    """Runs lanes for whatever partitions the group gives it, until stopped."""

    def __init__(
        self, log: Log, redis: "Redis | None", settings: LaneSettings, clock: Callable[[], float] = monotonic
    ) -> None:
        """Prepare; nothing runs yet."""
        self.clock = clock
        self.lanes: dict[int, Lane] = {}
        self._log = log
        self._redis = redis
        self._settings = settings
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Join the group and run. Raises what ends a lane for good (an ExceptionGroup)."""
        async with asyncio.TaskGroup() as self._group:
            while not self._stopping.is_set():
                try:
                    async with self._log.member(self._settings.app, INPUTS.name, self) as member:
                        try:
                            await self._stay(member)
                        finally:
                            await self.revoked()
                except LogError as error:
                    _log.warning("group_lost", reason=str(error))
                    await asyncio.sleep(self._settings.backoff_s)

    def stop(self) -> None:
        """End after the batches in flight."""
        self._stopping.set()

    async def _stay(self, member: Member) -> None:
        noted = self.clock()
        while not self._stopping.is_set():
            await member.poll(POLL_S)
            gone = sorted(n for n, task in self._tasks.items() if task.done() and not self.lanes[n].is_stopping)
            if gone:
                raise LaneGoneError(f"partitions {gone} are not worked on any more")
            if self.clock() - noted > PROGRESS_NOTED_EVERY_S:
                noted = self.clock()
                ready = {number: lane.next_offset for number, lane in self.lanes.items() if lane.ready.is_set()}
                await member.note_progress(ready)

    def assigned(self, partitions: frozenset[int]) -> None:
        """Start the lanes."""
        _log.info("assigned", partitions=sorted(partitions))
        if self._group is None or self._stopping.is_set():
            return
        for number in sorted(partitions):
            lane = self.lanes[number] = Lane(self._log, self._redis, number, self._settings, self.clock)
            self._tasks[number] = self._group.create_task(lane.run(), name=f"lane-{number}")

    async def revoked(self) -> None:
        """Stop the lanes: the batch in flight may end, then they are cut off. One that is not open has none.

        The group hears nothing of this process meanwhile: where it took longer than the session, the others would take
        over, this one come back, and so on for as long as a recovery takes longer than a turn.
        """
        tasks = list(self._tasks.values())
        for number, lane in self.lanes.items():
            lane.stop()
            if not lane.ready.is_set():
                self._tasks[number].cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._settings.stop_deadline_s)
            for task in late:
                task.cancel()
            if late:
                with suppress(TimeoutError):
                    await asyncio.wait(late, timeout=self._settings.stop_deadline_s)
            _log.info("revoked", partitions=sorted(self._tasks), cut_off=len(late))
        self.lanes.clear()
        self._tasks.clear()
