"""What the long-running commands share: settings to connections, signals to an orderly end, logs to one line each."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import monotonic
from typing import Any

import structlog
import typer

from consumers.stream import GapError
from engine.log.kafka import KafkaLog
from engine.log.port import Log, LogError
from engine.runtime.lane import DeadLetterFloodError, InputsGoneError
from engine.runtime.partition import HoleError
from engine.runtime.recovery import CorruptStateError, NotProvisionedError
from engine.runtime.view import ViewError
from engine.wire.topics import INPUTS
from levtao.problems import EXIT_INTERRUPTED, EXIT_STOPPED, EXIT_USAGE, stop
from levtao.settings import Settings, SettingsError, load
from producers.feed.settings import FeedError

SELDOM_S = 10.0

KNOWN = (
    LogError,
    ViewError,
    SettingsError,
    NotProvisionedError,
    CorruptStateError,
    DeadLetterFloodError,
    InputsGoneError,
    HoleError,
    GapError,
    FeedError,
)


def settings_of(config: Path | None, kafka: str | None, redis: str | None) -> Settings:
    """The settings, or the end of the process with the reason."""
    try:
        return load(config, kafka=kafka, redis=redis)
    except SettingsError as error:
        stop(str(error))


class Seldom(logging.Filter):
    """Lets each kind of aiokafka's lines through once in a while: a lost broker it tells hundreds of times a second."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Nothing has been said yet."""
        super().__init__()
        self._clock = clock
        self._again_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line of this kind is due; what is in it does not make it another."""
        if not record.name.startswith("aiokafka"):
            return True
        kind, now = (record.name, str(record.msg)), self._clock()
        if now < self._again_at.get(kind, now):
            return False
        self._again_at[kind] = now + SELDOM_S
        return True


def configure_logging(*, quiet: bool = False) -> None:
    """One JSON line an event on stderr; libraries, and everything when `quiet`, only when something is wrong."""
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    written: list[structlog.types.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=written, foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared]
        )
    )
    handler.addFilter(Seldom())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL if quiet else logging.ERROR)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR if quiet else logging.INFO),
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def kafka_log(settings: Settings) -> KafkaLog:
    """The log of the settings."""
    return KafkaLog(settings.kafka, settings.app, settings.session_timeout_s)


async def provisioned(log: Log, settings: Settings) -> None:
    """Raise NotProvisionedError unless the topics are there, with the partitions of the settings."""
    there = await log.partitions(INPUTS.name)
    _heed_interrupt()
    if there is None:
        raise NotProvisionedError(f"topic {INPUTS.name} is missing; `levtao topics apply` creates it")
    if there != settings.partitions:
        raise SettingsError(f"partitions: the settings say {settings.partitions}, Kafka has {there}")


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or to the first thing that cannot be gone past: one line and an exit code."""
    problem: BaseException | None = None
    interrupted = False
    try:
        asyncio.run(main)
    except* KNOWN as group:
        problem = _first(group)
    except* KeyboardInterrupt:
        interrupted = True
    if interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if problem is not None:
        stop(str(problem), EXIT_USAGE if isinstance(problem, SettingsError) else EXIT_STOPPED)


async def until_signalled(work: Coroutine[Any, Any, None], on_signal: Callable[[], None] | None = None) -> None:
    """Do `work` until it ends or SIGINT or SIGTERM comes; then call `on_signal`, or cancel it."""
    try:
        _heed_interrupt()
    except asyncio.CancelledError:
        work.close()
        raise
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    def end() -> None:
        if on_signal is None:
            task.cancel()
        else:
            on_signal()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    try:
        await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _heed_interrupt() -> None:
    """End after a Ctrl-C that came while a client was opened or closed: aiokafka swallows it there."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
