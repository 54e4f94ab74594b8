"""The executor: works the orders of the partitions it holds through venues, and reports what became of them.

It keeps nothing: what is under way is in the log and at the venue (`recovery`), what is to be done is for `working` to
say. Here it is done, one task an order. The group on the orders topic gives every partition to one executor; one whose
group has not answered for a while places nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import structlog

from consumers.execution.deeds import (
    Ask,
    Busy,
    Cancel,
    Deed,
    Done,
    End,
    Heard,
    Now,
    Place,
    Placed,
    Report,
    Seen,
    Stop,
    Trade,
    Unclear,
    Wait,
)
from consumers.execution.funding import follow_funding
from consumers.execution.port import Venue
from consumers.execution.recovery import under_way
from consumers.execution.ticket import write_ticket
from consumers.execution.working import Working, hear, next_deed
from consumers.stream import OutputStream
from engine import metrics
from engine.domain.inputs import FillReported, FundingPaid, OrderEndReported
from engine.domain.instants import SECOND, Instant
from engine.domain.numbers import exact, money
from engine.domain.outputs import CancelRequested, OrderSent
from engine.log.port import Log, LogError, Member
from engine.wire.topics import ORDERS

IN_FLIGHT = 64
WATCH_S = 1.0
OVERDUE = 60 * SECOND
STOP_S = 15.0
"""An executor that is to end has so long to cancel what is open, and to find out whether what is in doubt is."""
STOP_POLL_S = 0.05

STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Where there is one, a clock that goes on while the machine sleeps: the group's does."""

_log = structlog.get_logger("levtao.execute")

Result: TypeAlias = FillReported | OrderEndReported | FundingPaid
Send: TypeAlias = Callable[[Sequence[Result]], Awaitable[None]]


def clocks() -> Now:
    """The machine's clocks."""
    return Now(time.time_ns() // 1000, time.clock_gettime_ns(STEADY) // 1000)


@dataclass(slots=True)
class Job:
    """An order being worked."""

    working: Working
    venue: Venue
    placed_at: Instant | None = None
    """By the steady clock, for as long as no fill was heard of."""
    called: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to end a wait."""

    def fill_report(self, trade: Trade) -> FillReported:
        """A trade as the engine takes it: in units of the underlying."""
        ticket = self.working.ticket
        assert trade.commission is not None  # noqa: S101 - only such trades are reported
        with exact():
            quantity, commission = trade.contracts * ticket.unit, money(trade.commission)
        return FillReported(
            ticket.underlying, ticket.order_id, trade.trade_id, quantity, trade.price, commission, self.venue.name
        )


@dataclass(slots=True, kw_only=True)
class Executor:
    """Works orders until stopped. `venues` and `partition_of` are by underlying; orders of others are left alone."""

    log: Log
    app: str
    group: str
    venues: Mapping[str, Venue]
    partition_of: Callable[[str], int]
    session_timeout_s: float = 10.0
    """Of the group. Nothing is placed when it was last asked with success longer ago than half of this."""
    kill_switch: Path | None = None
    """While this file exists nothing is placed, what is open is cancelled, and what comes is rejected."""
    now: Callable[[], Now] = clocks
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _halted: str | None = None
    _switched: bool = False
    _sure_until: Instant = 0
    _jobs: dict[str, Job] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))
    _group: asyncio.TaskGroup | None = None
    _serving: dict[int, asyncio.Task[None]] = field(default_factory=dict)
    _send: Send | None = None

    async def run(self, send: Send) -> None:
        """Work until stopped, reporting through `send`. Raises LogError, GapError (in a group)."""
        self._send = send
        async with asyncio.TaskGroup() as self._group:
            watching = self._group.create_task(self._watch())
            async with self.log.member(self.group, ORDERS.name, self) as member:
                try:
                    while not self.stopping.is_set():
                        await member.poll(min(1.0, self.session_timeout_s / 8))
                        await self._be_sure(member)
                    await self._wind_down()
                finally:
                    await self.revoked()
            watching.cancel()
        self.stopped.set()

    def assigned(self, partitions: frozenset[int]) -> None:
        """Begin with these."""
        _log.info("assigned", partitions=sorted(partitions))
        if self._group is not None:
            for number in sorted(partitions):
                self._serving[number] = self._group.create_task(self._serve(number), name=f"execute-{number}")

    async def revoked(self) -> None:
        """Drop everything as it is: whoever goes on asks the venue."""
        serving = list(self._serving.values())
        self._serving.clear()
        for task in serving:
            task.cancel()
        if serving:
            await asyncio.wait(serving)

    async def _be_sure(self, member: Member) -> None:
        """Ask the group. Where it answers, what is assigned is this process's for a while from before it was asked."""
        if not self._serving:
            return
        asked, half = self.now().steady, self.session_timeout_s / 2
        try:
            async with asyncio.timeout(half):
                await member.confirm()
        except (LogError, TimeoutError) as error:
            _log.warning("group_silent", reason=str(error) or f"no answer within {half:g} s")
        else:
            self._sure_until = asked + round(half * SECOND)

    async def _serve(self, number: int) -> None:
        """Go on with what is under way on a partition, then take orders as they come."""
        found = await under_way(self.log, number, self.now().wall)
        async with (
            asyncio.TaskGroup() as tasks,
            OutputStream(self.log, ORDERS.name, [number], {number: found.next_offset}) as orders,
        ):
            for underlying, venue in self.venues.items():
                if venue.funded and self.partition_of(underlying) == number and self._send is not None:
                    tasks.create_task(follow_funding(underlying, venue, self._send, lambda: self.now().wall))
            for order in found.orders:
                await self._take(tasks, order, found.stops.get(order.order_id), doubted=True)
            async for received in orders:
                body = received.event.body
                if isinstance(body, CancelRequested) and body.order_id in self._jobs:
                    self._stop(self._jobs[body.order_id], Stop(body.reason))
                elif isinstance(body, OrderSent) and body.fills == "reported":
                    await self._take(tasks, body, None, doubted=False)

    async def _take(self, tasks: asyncio.TaskGroup, order: OrderSent, stop: Stop | None, *, doubted: bool) -> None:
        """Work an order beside the others, when there is room. `doubted`: a process before may have sent it."""
        venue = self.venues.get(order.underlying)
        if venue is None:
            return
        await self._room.acquire()
        ticket, problem = write_ticket(self.app, order, venue.rules, resting=venue.resting)
        doubt = self.now().steady + venue.settle if doubted else 0
        working = Working(
            ticket=ticket, settle=venue.settle, doubt_until=doubt, refusal=problem, stop=stop or self._held()
        )
        job = self._jobs[order.order_id] = Job(working, venue)
        task = tasks.create_task(self._work(job), name=order.order_id)
        task.add_done_callback(lambda _: self._leave(order.order_id))

    def _leave(self, order_id: str) -> None:
        self._room.release()
        del self._jobs[order_id]

    async def _work(self, job: Job) -> None:
        while (deed := next_deed(job.working, self.now())) is not None:
            began = self.now().steady
            heard = await self._do(job, deed)
            job.working = hear(job.working, deed, heard, began, self.now())

    async def _do(self, job: Job, deed: Deed) -> Heard:
        """Do it, and say what was heard."""
        ticket = job.working.ticket
        heard: Heard = Done()
        match deed:
            case Wait(micros):
                with suppress(TimeoutError):
                    async with asyncio.timeout(micros / SECOND):
                        await job.called.wait()
                job.called.clear()
            case Ask(have):
                heard = await job.venue.ask(ticket, have)
                if isinstance(heard, Seen):
                    self._look_at(job, heard)
            case Place():
                heard = await self._place(job)
            case Cancel():
                heard = await job.venue.cancel(ticket)
            case Report(trades):
                await self._report([job.fill_report(trade) for trade in trades])
            case End(outcome, detail):
                await self._report([OrderEndReported(ticket.underlying, ticket.order_id, outcome, detail[:256])])
                metrics.EXECUTION_ORDERS.labels(job.venue.name, outcome).inc()
        return heard

    async def _place(self, job: Job) -> Heard:
        """Place it, if nothing has come between."""
        await self._look_at_switch()
        if job.working.stop is not None:
            return Busy(job.working.stop.reason)
        if self.stopping.is_set() or self.now().steady > self._sure_until:
            return Busy("stopping, or not sure that this process still holds the partition")
        began = self.now().steady
        heard = await job.venue.place(job.working.ticket)
        if isinstance(heard, Placed):
            job.placed_at = began
            metrics.EXECUTION_ORDERS.labels(job.venue.name, "placed").inc()
        elif isinstance(heard, Unclear):
            metrics.EXECUTION_UNCLEAR.labels(job.venue.name).inc()
            _log.warning("unclear_placing", order_id=job.working.ticket.order_id, reason=heard.reason)
        return heard

    def _look_at(self, job: Job, seen: Seen) -> None:
        """Halt where a fill cannot be booked; note how long the first one took."""
        for trade in seen.trades:
            if trade.commission is None:
                rules = job.venue.rules
                self._halt(
                    f"{job.venue.name}: trade {trade.trade_id} has no commission, or one that is neither in "
                    f"{rules.quote} nor in {rules.base}"
                )
        if seen.filled and job.placed_at is not None:
            seconds = (self.now().steady - job.placed_at) / SECOND
            metrics.EXECUTION_FIRST_FILL_SECONDS.labels(job.venue.name).observe(seconds)
            job.placed_at = None

    async def _report(self, results: Sequence[Result]) -> None:
        assert self._send is not None  # noqa: S101 - set before anything runs
        await self._send(results)

    def _held(self) -> Stop | None:
        """Why nothing is placed, None if nothing holds it."""
        if self._halted is not None:
            return Stop(f"executor halted: {self._halted}", "rejected")
        return Stop("kill switch", "rejected") if self._switched else None

    def _halt(self, reason: str) -> None:
        """Place nothing any more, cancel what is open, and say so with every order that comes, until a restart."""
        if self._halted is None:
            self._halted = reason
            _log.error("halted", reason=reason)
            self._stop_all()

    def _stop(self, job: Job, stop: Stop) -> None:
        now = self.now()
        if job.working.stop is None:
            job.called.set()
        job.working = hear(job.working, Wait(0), stop, now.steady, now)

    def _stop_all(self) -> None:
        held = self._held()
        metrics.EXECUTION_HELD.set(held is not None)
        if held is not None:
            for job in self._jobs.values():
                self._stop(job, held)

    async def _watch(self) -> None:
        """Look at the kill switch each second, and count what has not ended in time."""
        while True:
            await self._look_at_switch()
            wall = self.now().wall
            late = [job for job in self._jobs.values() if wall > job.working.ticket.expires + OVERDUE]
            metrics.EXECUTION_IN_FLIGHT.set(len(self._jobs))
            metrics.EXECUTION_OVERDUE.set(len(late))
            await asyncio.sleep(WATCH_S)

    async def _look_at_switch(self) -> None:
        switched = self.kill_switch is not None and await asyncio.to_thread(is_on, self.kill_switch)
        if switched != self._switched:
            _log.warning("kill_switch", on=switched)
        self._switched = switched
        self._stop_all()

    async def _wind_down(self) -> None:
        """Cancel what is at the venue, and report it, within bounds. What is not placed is left to the next run."""
        until = self.now().steady + round(STOP_S * SECOND)
        while self.now().steady < until:
            doubted = any(self.now().steady < job.working.doubt_until for job in self._jobs.values())
            placed = [job for job in self._jobs.values() if job.working.state != "unknown"]
            if not placed and not doubted:
                return
            for job in placed:
                if job.working.state in ("there", "open", "closed"):
                    self._stop(job, Stop("the executor was stopped"))
            await asyncio.sleep(STOP_POLL_S)


def is_on(kill_switch: Path) -> bool:
    """Whether the file exists. One that cannot be looked at counts as there."""
    try:
        kill_switch.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
