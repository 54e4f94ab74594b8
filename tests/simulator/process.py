"""A process of the simulated service. All it does to the outside goes through `call`, and there it can be struck.

A call takes time on the way and back. What is on its way arrives, whatever becomes of the process meanwhile.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from random import Random
from typing import TypeVar

from tests.simulator.faults import Fault
from tests.simulator.loop import Tasks, VirtualLoop

T = TypeVar("T")

LATENCY_S = (0.0, 0.0005, 0.002, 0.02)
HICCUP_S = 0.05
"""How much the process's clock may leap while it computes."""


class Process(Tasks):
    """One life of a process, from its start to its crash."""

    def __init__(self, name: str, loop: VirtualLoop, random: Random, armed: list[Fault], struck: Counter[str]) -> None:
        """`armed` are the faults waiting for this name; when they strike they are taken from there and counted."""
        super().__init__()
        self.name = name
        self.loop = loop
        self.random = random
        self.armed = armed
        self.struck = struck
        self.alive = True
        self.restart_s = 0.0
        self.cut_until_s = -1.0
        self.on_lost: Callable[[Process], None] = lambda _: None
        """Hears of crash, pause and cut: whoever counts on its heartbeats."""
        self._leapt_s = 0.0

    def clock(self) -> float:
        """Its clock: computing takes time now and then."""
        if self.random.random() < 0.05:
            self._leapt_s += self.random.uniform(0, HICCUP_S)
        return self.loop.time() + self._leapt_s

    def strike(self, fault: Fault) -> None:
        """Crash, pause or be cut off, now."""
        if not self.alive:
            return
        if fault.act == "crash":
            self.alive = False
            self.restart_s = fault.lasts_s
            self.loop.go_on(self)
            for task in list(self.tasks.values()):
                task.cancel()
        elif fault.act == "pause":
            if not self.paused:
                self.paused = True
                self.loop.call_later(fault.lasts_s, self.loop.go_on, self, context=Context())
        else:
            self.cut_until_s = max(self.cut_until_s, self.loop.time() + fault.lasts_s)
        self.on_lost(self)

    @property
    def lost(self) -> bool:
        """Whether nobody hears of it."""
        return not self.alive or self.paused or self.loop.time() < self.cut_until_s

    async def reach(self, point: str) -> None:
        """Come by a point where a fault may be waiting. A dead process gets no further."""
        for fault in self.armed:
            if fault.point == point and fault.at_s <= self.loop.time():
                self.armed.remove(fault)
                self.struck[f"{fault.act} {point}"] += 1
                self.strike(fault)
                break
        if self.paused:
            await asyncio.sleep(0)
        if not self.alive:
            raise asyncio.CancelledError

    def fails(self, kind: str) -> Fault | None:
        """How this call fails: a fault waiting for it, or the process is cut off."""
        now_s = self.loop.time()
        if now_s < self.cut_until_s:
            return Fault(now_s, "refuse", self.name, kind)
        for fault in self.armed:
            if fault.point == kind and fault.at_s <= now_s:
                self.armed.remove(fault)
                self.struck[f"{fault.act} {kind}"] += 1
                return fault
        return None

    async def call(
        self, kind: str, effect: Callable[[], Awaitable[T]], error: type[Exception], slow_s: float = 0.0
    ) -> T:
        """Ask the outside for something. Raises `error` where a fault says so, and what `effect` raises."""
        await self.reach(f"{kind}.before")
        fault = self.fails(kind)
        act = None if fault is None else fault.act
        if act == "refuse":
            await asyncio.sleep(self._latency())
            raise error(f"{kind}: refused")
        late_s = fault.lasts_s if fault is not None and act == "late" else 0.0
        answer = self.loop.create_task(_arrive(self._latency() + slow_s + late_s, effect), context=Context())
        answer.add_done_callback(_looked_at)
        await self.reach(f"{kind}.sent")
        if act == "late":
            await asyncio.sleep(self._latency())
            raise error(f"{kind}: no answer")
        result = await asyncio.shield(answer)
        await asyncio.sleep(self._latency())
        await self.reach(f"{kind}.after")
        if act == "unknown":
            raise error(f"{kind}: the answer was lost")
        return result

    def _latency(self) -> float:
        return self.random.choice(LATENCY_S)


async def _arrive(after_s: float, effect: Callable[[], Awaitable[T]]) -> T:
    await asyncio.sleep(after_s)
    return await effect()


def _looked_at(answer: "asyncio.Task[T]") -> None:
    """An error nobody waits for any more is no problem."""
    if not answer.cancelled():
        answer.exception()
