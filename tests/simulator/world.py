"""The whole service in one process: engines, group, log, Redis, feed, clock, broker and desk, under virtual time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from consumers.paper import PaperBroker, PaperSettings
from engine.domain.inputs import Input
from engine.domain.instants import MILLISECOND, SECOND, Instant
from engine.log.memory import MemoryLog
from engine.log.port import Entry, LogError
from engine.runtime.engine import Engine
from engine.runtime.recovery import provision
from engine.wire.states import Digest
from engine.wire.topics import INPUTS, TOPICS
from producers.clock import run_clock
from producers.inputs import InputWriter
from tests.simulator.desk import Desk
from tests.simulator.faults import Fault
from tests.simulator.group import Group
from tests.simulator.log import Commit, ProcessLog, Shared
from tests.simulator.loop import OWNER, LivelockError, VirtualLoop
from tests.simulator.plan import Plan
from tests.simulator.process import Process
from tests.simulator.redis import Client, Held, Server

CLOCK_PACES = 7
SETTLE_S = 2_400.0
QUIET_S = 30.0
RESTART_S = 1.0
TRIES = 3
IDLE_PACES = 20

Main = Callable[[Process], Coroutine[Any, Any, None]]


class ViewWrite(NamedTuple):
    """A write to Redis that was taken: its watermark, what was committed at that moment, what is held since."""

    partition: int
    watermark: int
    committed: int
    said_digest: str
    digest: str


@dataclass(slots=True)
class Outcome:
    """What a run left behind, and what went wrong while it ran."""

    plan: Plan
    log: MemoryLog
    server: Server
    commits: list[Commit]
    writes: list[ViewWrite] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    """Faults that found somebody, by what and where."""
    lives: int = 0
    virtual_s: float = 0.0


class World:
    """One run of a plan."""

    def __init__(self, plan: Plan, loop: VirtualLoop) -> None:
        """Nothing runs yet."""
        self.plan = plan
        self.loop = loop
        log = MemoryLog(lambda: (plan.start + round(loop.time() * SECOND)) // MILLISECOND)
        self.shared = Shared(log, Group(plan.partitions, Random(f"{plan.seed}/group")))
        self.server = Server(self._view_written)
        self.outcome = Outcome(plan, log, self.server, self.shared.commits)
        self.processes: dict[str, Process] = {}
        self.engines: dict[str, Engine] = {}
        self.armed: dict[str, list[Fault]] = {}
        self.fed = 0
        self.idle_s = IDLE_PACES * max(1.0, plan.pace_s)
        self.desk = Desk(range(plan.partitions), Random(f"{plan.seed}/desk"))
        self._failed = asyncio.Event()
        self._ending = False

    async def run(self) -> Outcome:
        """From the empty log to rest."""
        plan, log = self.plan, self.shared.log
        await log.create({topic.name: topic.config() for topic in TOPICS}, plan.partitions)
        for number in range(plan.partitions):
            await provision(log, plan.settings.app, number)
            self.shared.committed[number] = 0
        mains: dict[str, Main] = dict.fromkeys(plan.engine_names, self._engine)
        mains |= {"broker": self._broker, "desk": self._desk, "feed": self._feed, "clock": self._clock}
        keeping = [self.loop.create_task(self._keep(name, main)) for name, main in mains.items()]
        breaking = self.loop.create_task(self._break())
        try:
            async with asyncio.timeout(plan.duration_s):
                await self._failed.wait()
        except TimeoutError:
            breaking.cancel()
            self._heal()
            await self._settle()
        breaking.cancel()
        await self._end(keeping)
        self.outcome.virtual_s = self.loop.time()
        self.outcome.problems += [("unhandled", problem) for problem in self.loop.problems]
        if self.desk.duplicates:
            self.outcome.problems.append(("stream", f"the desk saw {self.desk.duplicates} sequences twice"))
        return self.outcome

    def fail(self, check: str, text: str) -> None:
        """Something is wrong: the run ends here."""
        self.outcome.problems.append((check, f"at {self.loop.time():.3f} s: {text}"))
        self._failed.set()

    async def abandon(self) -> None:
        """End a run that does not end by itself."""
        for process in self.processes.values():
            process.strike(Fault(self.loop.time(), "crash", process.name))
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _keep(self, name: str, main: Main) -> None:
        """Run a process, and another one after it when it is gone."""
        life = 0
        while not self._ending:
            armed = self.armed.setdefault(name, [each for each in self.plan.faults if each.who == name and each.point])
            process = Process(name, self.loop, Random(f"{self.plan.seed}/{name}/{life}"), armed, self.outcome.struck)
            process.on_lost = self.shared.group.lost
            self.processes[name] = process
            self.outcome.lives += 1
            life += 1
            context = Context()
            context.run(OWNER.set, process)
            task = self.loop.create_task(main(process), context=context, name=name)
            await asyncio.wait([task])
            if not process.alive:
                await asyncio.sleep(process.restart_s)
                continue
            error = None if task.cancelled() else task.exception()
            if error is None:
                return
            if name in self.plan.engine_names or not _only_lost(error):
                self.fail("stopped", f"{name}: {_described(error)}")
                return
            await asyncio.sleep(RESTART_S)

    async def _engine(self, process: Process) -> None:
        redis = cast("Redis", Client(self.server, process))
        engine = Engine(ProcessLog(process, self.shared), redis, self.plan.settings, process.clock)
        self.engines[process.name] = engine
        await engine.run()

    async def _broker(self, process: Process) -> None:
        latency_s = process.random.choice([(0.005, 0.05), (0.1, 20.0)])
        settings = PaperSettings(seed=self.plan.seed, latency_s=latency_s, reject=0.05, unfilled=0.1)
        log = ProcessLog(process, self.shared, self.idle_s)
        await PaperBroker(log, range(self.plan.partitions), self._sender(process), settings).run()

    async def _desk(self, process: Process) -> None:
        await self.desk.run(ProcessLog(process, self.shared, self.idle_s), self._sender(process))

    def _sender(self, process: Process) -> Callable[[Sequence[Input]], Coroutine[Any, Any, None]]:
        """Inputs onto the log; after an error once more, as a producer does that knows no better."""

        async def send(inputs: Sequence[Input]) -> None:
            async with ProcessLog(process, self.shared).writer() as writer:
                out = InputWriter(writer, self.plan.underlyings.__getitem__)
                for _ in range(TRIES):
                    try:
                        await out.write(inputs)
                    except LogError:
                        await asyncio.sleep(RESTART_S)
                    else:
                        return

        return send

    async def _feed(self, process: Process) -> None:
        """The plan's inputs at their time, in order; those of one moment together."""
        inputs = self.plan.inputs
        async with ProcessLog(process, self.shared).writer() as writer:
            while self.fed < len(inputs):
                first = inputs[self.fed]
                await asyncio.sleep(max(0.0, first.at_s - self.loop.time()))
                together = [first]
                for each in inputs[self.fed + 1 :]:
                    if (each.at_s, each.partition) != (first.at_s, first.partition):
                        break
                    together.append(each)
                entries = [Entry(each.key, each.value) for each in together]
                try:
                    await writer.append(INPUTS.name, first.partition, entries)
                except LogError:
                    await asyncio.sleep(RESTART_S)
                    continue
                self.fed += len(together)

    async def _clock(self, process: Process) -> None:
        def now() -> Instant:
            return self.plan.start + round(self.loop.time() * SECOND)

        async with ProcessLog(process, self.shared).writer() as writer:
            out = InputWriter(writer, self.plan.underlyings.__getitem__)
            await run_clock(self.plan.underlyings, out, now, CLOCK_PACES * max(1.0, self.plan.pace_s))

    async def _break(self) -> None:
        """The faults that do not wait for a process to come by."""
        for fault in self.plan.faults:
            if fault.point:
                continue
            await asyncio.sleep(max(0.0, fault.at_s - self.loop.time()))
            until_s = self.loop.time() + fault.lasts_s
            group = self.shared.group
            self.outcome.struck[fault.act] += 1
            match fault.act:
                case "redis_down":
                    self.server.down_until_s = until_s
                case "redis_slow":
                    self.server.slow_until_s = until_s
                case "redis_flush":
                    self.server.flush()
                case "redis_set_back":
                    self.server.set_back(1 + int(fault.lasts_s) % 7)
                case "reassign":
                    group.deal_anew()
                case "duel":
                    group.duel_until_s = until_s
                    group.deal_anew()
                    self.loop.call_at(until_s, group.deal_anew, context=Context())
                case _:
                    self.processes[fault.who].strike(fault)

    def _heal(self) -> None:
        """Nothing goes wrong any more; who stood still goes on, and the clock of the market stops."""
        for armed in self.armed.values():
            armed.clear()
        self.server.down_until_s = self.server.slow_until_s = self.shared.group.duel_until_s = -1.0
        for name, process in self.processes.items():
            process.cut_until_s = -1.0
            if process.paused:
                self.loop.go_on(process)
            if name in ("feed", "clock"):
                for task in list(process.tasks.values()):
                    task.cancel()
        self.shared.group.deal_anew()

    async def _settle(self) -> None:
        """Everything is taken and in the view, and nothing more comes. Fails if that does not happen."""
        last: list[tuple[int, int, int]] = []
        while self.loop.time() < self.plan.duration_s + SETTLE_S and not self._failed.is_set():
            now = [self._standing(number) for number in range(self.plan.partitions)]
            if now == last and all(end == committed == held for end, committed, held in now):
                return
            last = now
            await asyncio.sleep(QUIET_S)
        if not self._failed.is_set():
            self.fail("liveness", f"(end, committed, in view) of each partition: {last}")

    def _standing(self, number: int) -> tuple[int, int, int]:
        meta = self.server.at(_meta_key(self.plan.settings.app, number)).meta
        end = self.shared.log.partition(INPUTS.name, number).end
        return end, self.shared.committed[number], int(meta.get("next", b"0"))

    async def _end(self, keeping: list["asyncio.Task[None]"]) -> None:
        self._ending = True
        for engine in self.engines.values():
            engine.stop()
        self.shared.group.stir()
        await asyncio.wait(keeping[: self.plan.engines], timeout=60)
        for process in self.processes.values():
            process.strike(Fault(self.loop.time(), "crash", process.name))
        await asyncio.wait(keeping)

    def _view_written(self, key: str, held: Held) -> None:
        number = int(key.partition("{")[2].partition("}")[0])
        digest = Digest()
        for name, fields in held.records.items():
            digest.put(name, fields.get(b"state", b""))
        write = ViewWrite(
            number, int(held.meta["next"]), self.shared.committed[number], held.meta["digest"].decode(), digest.text
        )
        self.outcome.writes.append(write)


def _meta_key(app: str, number: int) -> str:
    return f"{app}:{{{number}}}:meta"


def _only_lost(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_only_lost(each) for each in error.exceptions)
    return isinstance(error, LogError)


def _described(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_described(each) for each in error.exceptions)
    return repr(error)


def run(plan: Plan) -> Outcome:
    """Run a plan to its end."""
    loop = VirtualLoop()
    try:
        world = World(plan, loop)
        try:
            return loop.run_until_complete(world.run())
        except LivelockError as error:
            world.outcome.problems.append(("liveness", str(error)))
            loop.run_until_complete(world.abandon())
            return world.outcome
    finally:
        loop.close()
