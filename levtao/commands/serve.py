"""Commands that prepare, run and feed the service: topics and tokens apply, send, run, clock, broker."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import time_ns

import structlog
import typer

from consumers.paper import PaperBroker, PaperSettings, Report
from engine.domain.inputs import Input
from engine.domain.instants import Instant
from engine.log.port import Log, LogError, Writer
from engine.runtime.engine import Engine, spare_gc
from engine.runtime.recovery import provision
from engine.runtime.view import ViewError, connect, refuse_eviction
from engine.wire.codec import DecodeError, read_input
from engine.wire.topics import TOPICS
from levtao.problems import stop
from levtao.service import configure_logging, kafka_log, provisioned, run, until_signalled
from levtao.settings import Settings, SettingsError
from producers.clock import run_clock
from producers.inputs import InputWriter

WRITER_BACKOFF_S = 1.0

_log = structlog.get_logger("levtao")


def topics_apply(settings: Settings) -> None:
    """Create what is missing; on an empty broker also list what the settings name."""
    run(_topics_apply(settings))


async def apply(log: Log, settings: Settings) -> int:
    """Topics, first checkpoints, and the terms of the settings on partitions that had none; how many had none."""
    await log.create({topic.name: topic.config() for topic in TOPICS}, settings.partitions, settings.replication)
    fresh = {number for number in range(settings.partitions) if await provision(log, settings.app, number)}
    commands = [given for given in settings.commands() if settings.partition_of(given.underlying) in fresh]
    async with log.writer() as writer:
        await InputWriter(writer, settings.partition_of).write(commands)
    return len(fresh)


async def _topics_apply(settings: Settings) -> None:
    fresh = await apply(kafka_log(settings), settings)
    typer.echo(
        f"{len(TOPICS)} topics with {settings.partitions} partitions, {fresh} of them new, "
        f"for {len(settings.underlyings)} underlyings and {len(settings.tokens)} tokens"
    )


def tokens_apply(settings: Settings) -> None:
    """Send the terms of the settings; the engine takes those that are newer."""
    run(_tokens_apply(settings))


async def _tokens_apply(settings: Settings) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    commands = settings.commands()
    async with log.writer() as writer:
        await InputWriter(writer, settings.partition_of).write(commands)
    typer.echo(f"{len(commands)} terms sent; those with a newer terms_version take effect")


def send(settings: Settings, file: Path) -> None:
    """Send the inputs of a file, one a line; none is sent where one is wrong."""
    inputs = []
    try:
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                given = read_input(line.strip())
                settings.partition_of(given.underlying)
            except (DecodeError, SettingsError) as error:
                stop(f"{file}: line {number}: {error}")
            inputs.append(given)
    except OSError as error:
        stop(f"{file}: {error.strerror}")
    run(_send(settings, inputs))


async def _send(settings: Settings, inputs: Sequence[Input]) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    async with log.writer() as writer:
        await InputWriter(writer, settings.partition_of).write(inputs)
    typer.echo(f"{len(inputs)} inputs sent")


def engine(settings: Settings) -> None:
    """Run the engine until a signal."""
    configure_logging()
    run(_engine(settings))


async def _engine(settings: Settings) -> None:
    spare_gc()
    log = kafka_log(settings)
    await provisioned(log, settings)
    async with connect(settings.redis) as redis:
        try:
            await refuse_eviction(redis)
        except ViewError as error:
            if "must be" in str(error):
                raise
            _log.warning("redis_absent", reason=str(error))
        service = Engine(log, redis, settings.lane())
        await until_signalled(service.run(), service.stop)
    _log.info("stopped")


def clock(settings: Settings, interval_s: float) -> None:
    """Tick for every underlying until a signal."""
    configure_logging()
    run(_clock(settings, interval_s))


async def _clock(settings: Settings, interval_s: float) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)

    async def tick(writer: Writer) -> None:
        await run_clock(settings.underlyings, InputWriter(writer, settings.partition_of), wall_clock, interval_s)

    await until_signalled(keep_writing(log, tick))


async def keep_writing(
    log: Log, work: Callable[[Writer], Awaitable[None]], backoff_s: float = WRITER_BACKOFF_S
) -> None:
    """Do `work` with a writer until cancelled; when the log is lost, begin anew with another writer.

    Only for work whose repeated inputs change nothing: ticks, and reports with ids.
    """
    while True:
        try:
            async with log.writer() as writer:
                await work(writer)
        except* LogError as lost:
            _log.warning("log_lost", reason="; ".join(str(error) for error in lost.exceptions))
        await asyncio.sleep(backoff_s)


def wall_clock() -> Instant:
    """The machine's time."""
    return time_ns() // 1000


def broker(settings: Settings, paper: PaperSettings) -> None:
    """Fill orders on paper until a signal."""
    configure_logging()
    run(_broker(settings, paper))


async def _broker(settings: Settings, paper: PaperSettings) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)

    async def trade(writer: Writer) -> None:
        inputs = InputWriter(writer, settings.partition_of)

        async def send(reports: Sequence[Report]) -> None:
            await inputs.write(reports)

        await PaperBroker(log, range(settings.partitions), send, paper).run()

    await until_signalled(keep_writing(log, trade))
