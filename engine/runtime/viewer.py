"""Keeps the view in step with what is committed, beside the lane and never in its way.

The lane hands over each committed batch; what has not been written yet is merged, so a slow or absent Redis costs
the lane nothing and the memory of one copy of the records. After any doubt the next write is a full one.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from engine.runtime.view import View, ViewError
from engine.wire.states import Checkpoint

BACKOFF_S = 0.5

_log = structlog.get_logger("levtao.view")


@dataclass(slots=True)
class Viewer:
    """Committed records of one partition on their way to the view."""

    view: View
    records: dict[str, bytes]
    checkpoint: Checkpoint
    position: int
    onto: int | None
    """The watermark the view is known to have; None asks for a full write."""
    every_s: float = 0.0
    """Time from one write to the next: what is committed between is written once, as it is then."""
    failures: int = 0
    _changed: dict[str, bytes | None] = field(default_factory=dict)
    _navs: dict[str, bytes] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Ask for the first write unless the view is up to date."""
        if self.onto is None:
            self._wake.set()

    def push(
        self,
        changes: Mapping[str, bytes | None],
        navs: Mapping[str, bytes],
        checkpoint: Checkpoint,
        position: int,
    ) -> None:
        """A batch has been committed."""
        for name, value in changes.items():
            if value is None:
                self.records.pop(name, None)
            else:
                self.records[name] = value
        self._changed.update(changes)
        self._navs.update(navs)
        self.checkpoint, self.position = checkpoint, position
        self._wake.set()

    @property
    def behind(self) -> bool:
        """Whether something committed is not in the view yet."""
        return self.onto != self.checkpoint.next_offset

    def stop(self) -> None:
        """Let `run` end after one more write of what is left.

        A flag, since redis-py now and then swallows the cancellation of a call; each call has a time-out of its own.
        """
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Write whatever is handed over, until stopped."""
        while not self._stopping.is_set():
            await self._wake.wait()
            self._wake.clear()
            if self.behind:
                await self._write()
                await self._pause(self.every_s)
        if self.behind:
            await self._write()

    async def _write(self) -> None:
        """Write what is there; after a failure wait a little, so that a lost Redis is not hammered."""
        changes: Mapping[str, bytes | None] = self._changed if self.onto is not None else dict(self.records)
        navs, checkpoint = self._navs, self.checkpoint
        self._changed, self._navs = {}, {}
        try:
            taken = await self.view.write(changes, navs, checkpoint, self.position, onto=self.onto)
        except ViewError as error:
            self.failures += 1
            self._again()
            _log.warning("view_write_failed", reason=str(error))
            await self._pause(BACKOFF_S)
            return
        if taken:
            self.onto = checkpoint.next_offset
            return
        _log.warning("view_write_refused", onto=self.onto, next_offset=checkpoint.next_offset)
        refused_full = self.onto is None
        self._again()
        if refused_full:
            await self._pause(BACKOFF_S)

    async def _pause(self, pause_s: float) -> None:
        """Wait, unless stopping."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()

    def _again(self) -> None:
        self.onto = None
        self._wake.set()
