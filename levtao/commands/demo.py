"""`levtao demo`: the whole chain in one terminal, on a made-up path through a day that was real."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from time import monotonic
from typing import Literal

from redis.asyncio import Redis
from rich.console import Console
from rich.live import Live

from consumers.paper import PaperBroker, PaperSettings, Report
from consumers.stream import OutputStream
from engine.domain.instants import SECOND
from engine.log.kafka import KafkaLog
from engine.log.memory import MemoryLog
from engine.log.port import Log, Writer
from engine.runtime.engine import Engine
from engine.runtime.verify import DifferenceError
from engine.runtime.view import View, connect
from engine.wire.topics import EVENTS, INPUTS, NAVS, ORDERS
from levtao.commands.serve import apply
from levtao.commands.verify import sentence, verified
from levtao.embedded.kafka import KafkaServer, KafkaUnavailableError
from levtao.embedded.valkey import ValkeyServer, ValkeyUnavailableError
from levtao.problems import EXIT_DIFFERS, stop
from levtao.screen import Screen
from levtao.service import configure_logging, run
from levtao.settings import Settings, load
from producers.inputs import InputWriter
from producers.synthetic import BTC_CRASH, PACE, TAO_CRASH, quotes

REFRESHES_A_SECOND = 8
SETTLE_S = 0.6
"""Nothing new for so long: the chain has come to rest."""


@dataclass(frozen=True, slots=True)
class Demo:
    """How to show it."""

    seed: int
    speed: float
    broker: Literal["embedded", "local"]


def show(demo: Demo) -> None:
    """Run the demo, then verify what it left behind. Exit code 1 if that is not what its inputs imply."""
    configure_logging(quiet=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started it deaf
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_interrupt)
    with tempfile.TemporaryDirectory(prefix="levtao-demo-") as folder:
        try:
            valkey = ValkeyServer(Path(folder) / "valkey").start()
        except ValkeyUnavailableError as error:
            stop(str(error))
        try:
            kafka = KafkaServer(Path(folder) / "kafka").start() if demo.broker == "local" else None
        except KafkaUnavailableError as error:
            valkey.stop()
            stop(str(error))
        try:
            settings = load(Path(str(files("levtao").joinpath("demo.toml"))), redis=valkey.url)
            run(_show(demo, settings, MemoryLog() if kafka is None else KafkaLog(kafka.bootstrap)))
        finally:
            valkey.stop()
            if kafka is not None:
                kafka.stop()


def _as_interrupt(*_: object) -> None:
    """Whatever ends the demo, its servers end with it."""
    signal.raise_signal(signal.SIGINT)


async def _show(demo: Demo, settings: Settings, log: Log) -> None:
    console = Console()
    screen = Screen("levtao demo: TAO's 10 October", console)
    await apply(log, settings)
    async with connect(settings.redis) as redis, log.writer() as writer:
        broker = await _chain(demo, settings, log, redis, writer, screen)
        console.print("\nThe day is over. At its end:", style="bold")
        console.print(screen.tokens())
        _summary(console, screen, broker)
        for number in range(settings.partitions):
            try:
                done = await verified(log, View(redis, number, settings.app), number)
            except DifferenceError as error:
                stop(f"partition {number} differs: {error}", EXIT_DIFFERS)
            console.print(f"verified: {sentence(done)}", style="green", highlight=False, soft_wrap=True)


async def _chain(demo: Demo, settings: Settings, log: Log, redis: Redis, writer: Writer, screen: Screen) -> PaperBroker:
    """Feed, engine, paper broker and screen, side by side until the day is over and everything is settled."""
    inputs = InputWriter(writer, settings.partition_of)

    async def report(reports: Sequence[Report]) -> None:
        await inputs.write(reports)

    partitions = range(settings.partitions)
    paper = PaperSettings(seed=demo.seed, latency_s=(0.004, 0.02))
    broker = PaperBroker(log, partitions, report, paper)
    engine = Engine(log, redis, settings.lane())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(engine.run())
        others = [tasks.create_task(broker.run())]
        others += [
            tasks.create_task(_watch(log, topic.name, partitions, screen.take)) for topic in (NAVS, ORDERS, EVENTS)
        ]
        async with _live(screen):
            await _feed(demo, inputs)
            await _settled(log, engine, screen, partitions)
        for task in others:
            task.cancel()
        engine.stop()
        await running
    return broker


async def _feed(demo: Demo, inputs: InputWriter) -> None:
    """The day's quotes, at the pace of the show."""
    due = monotonic()
    last = None
    for step in quotes((TAO_CRASH, BTC_CRASH), PACE, demo.seed):
        if last is not None:
            due += (step.time - last) / SECOND / step.speed / demo.speed
        last = step.time
        await asyncio.sleep(max(0.0, due - monotonic()))
        await inputs.write(step.quotes)


async def _watch(log: Log, topic: str, partitions: Sequence[int], take: Callable[..., None]) -> None:
    async with OutputStream(log, topic, partitions) as stream:
        async for received in stream:
            take(received)


async def _settled(log: Log, engine: Engine, screen: Screen, partitions: Sequence[int]) -> None:
    """Wait until every input is taken and nothing new has come for a while."""
    quiet_since, seen = monotonic(), (0, 0)
    while monotonic() - quiet_since < SETTLE_S:
        await asyncio.sleep(SETTLE_S / 10)
        left = 0
        for number in partitions:
            async with log.reader(INPUTS.name, number, None) as reader:
                lane = engine.lanes.get(number)
                left += await reader.end() - (lane.next_offset if lane is not None else 0)
        now = (left, sum(screen.counts.values()))
        if left or now != seen:
            quiet_since, seen = monotonic(), now


@asynccontextmanager
async def _live(screen: Screen) -> AsyncIterator[None]:
    """The screen, refreshed while the block runs; lines instead of it where there is no terminal."""
    if not screen.console.is_terminal:
        yield
        return
    with Live(screen, console=screen.console, auto_refresh=False, screen=False, vertical_overflow="crop") as live:
        task = asyncio.create_task(_refresh(live, screen))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _refresh(live: Live, screen: Screen) -> None:
    while True:
        live.update(screen, refresh=True)
        await asyncio.sleep(1 / REFRESHES_A_SECOND)


def _summary(console: Console, screen: Screen, broker: PaperBroker) -> None:
    count = screen.counts.get
    console.print(
        f"{count('order_sent', 0)} orders, {count('fill_booked', 0)} fills, {broker.rejects} rejected, "
        f"{count('rebalance_triggered', 0)} de-levers, {count('token_reset', 0)} daily resets, "
        f"{count('token_terminated', 0)} tokens ended; lowest NAVs "
        + ", ".join(f"{token} {nav:.2f}" for token, nav in sorted(screen.lowest.items())),
        highlight=False,
        soft_wrap=True,
    )
