"""An event loop without waiting: when nothing is ready its clock jumps to the next timer.

Everything runs in one order only: handles first in, first out, timers of one instant in the order they were set, and
tasks hash by their number, so that sets of them are walked alike in every run. Handles belong to the process they
were made in; those of a paused process are put aside until it goes on.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVarTuple

Ts = TypeVarTuple("Ts")

LIVELOCK_STEPS = 200_000
"""A run of so many steps is taken for one that never ends: most have some thousands."""


class LivelockError(Exception):
    """The processes keep each other busy for ever, or everybody waits and nobody will ever wake up."""


class Tasks:
    """What belongs to one process of the simulation: its tasks, and its handles while it is paused."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.paused = False
        self.aside: list[asyncio.Handle] = []
        self.tasks: dict[int, asyncio.Task[Any]] = {}


OWNER: contextvars.ContextVar[Tasks | None] = contextvars.ContextVar("owner", default=None)


class NumberedTask(asyncio.Task[Any]):
    """A task that hashes by its number in its loop, not by where it lies in memory."""

    def __init__(self, coro: Coroutine[Any, Any, Any], *, loop: "VirtualLoop", **options: Any) -> None:
        """Number it and give it to its process."""
        self.number = next(loop.numbers)
        super().__init__(coro, loop=loop, **options)

    def __hash__(self) -> int:
        """Its number."""
        return self.number


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop. It knows neither sockets nor threads."""

    def __init__(self) -> None:
        """Time begins at zero."""
        super().__init__()
        self.numbers = count()
        self.problems: list[str] = []
        self._now = 0.0
        self._steps = 0
        self._order = count()
        self._queue: deque[tuple[Tasks | None, asyncio.Handle]] = deque()
        self._timers: list[tuple[float, int, Tasks | None, asyncio.Handle]] = []
        self.set_task_factory(self._task)
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Virtual seconds since the loop began."""
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """See asyncio."""
        handle = asyncio.Handle(callback, args, self, context)
        self._queue.append((_owner(context), handle))
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """See asyncio."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._order), _owner(context), handle))
        return handle

    def go_on(self, owner: Tasks) -> None:
        """End a pause: what was put aside is run after what is ready now."""
        owner.paused = False
        self._queue.extend((owner, handle) for handle in owner.aside)
        owner.aside.clear()

    def _task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> NumberedTask:
        task = NumberedTask(coro, loop=self, **options)
        owner = _owner(options.get("context"))
        if owner is not None:
            owner.tasks[task.number] = task
            task.add_done_callback(lambda _: owner.tasks.pop(task.number))
        return task

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.problems.append(f"{context['message']}: {error!r}" if error is not None else str(context["message"]))

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        """A generator nobody iterates any more is let go: when that is noticed must not change a run."""

    def _run_once(self) -> None:
        """Run what is ready; if nothing is, jump to the next timer."""
        if not self._queue:
            while self._timers and self._timers[0][3].cancelled():
                heappop(self._timers)
            if not self._timers:
                raise LivelockError(f"at {self._now:.3f} s everybody waits and no timer is set")
            self._now = max(self._now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now:
            _, _, owner, handle = heappop(self._timers)
            self._queue.append((owner, handle))
        self._steps += len(self._queue)
        if self._steps > LIVELOCK_STEPS:
            self._steps = 0
            raise LivelockError(f"{LIVELOCK_STEPS} steps up to {self._now:.3f} s, and no end")
        for _ in range(len(self._queue)):
            owner, handle = self._queue.popleft()
            if owner is not None and owner.paused:
                owner.aside.append(handle)
            elif not handle.cancelled():
                handle._run()


def _owner(context: contextvars.Context | None) -> Tasks | None:
    return OWNER.get() if context is None else context.get(OWNER)
