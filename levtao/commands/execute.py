"""`levtao execute`: orders to exchanges, fills and funding back. It rehearses unless told to trade."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from consumers.execution.executor import STOP_S as WIND_DOWN_S
from consumers.execution.executor import Executor, Result
from consumers.execution.keys import Keys, KeysError, read_keys
from consumers.execution.port import Venue, VenueError
from consumers.execution.rehearsal import Rehearsal
from engine import metrics
from engine.log.port import Writer
from engine.wire.codec import encode_input
from levtao.commands.serve import keep_writing
from levtao.problems import EXIT_STOPPED, stop
from levtao.service import configure_logging, kafka_log, provisioned, run, until_signalled
from levtao.settings import Settings
from producers.inputs import InputWriter

STOP_S = WIND_DOWN_S + 10.0
"""An executor that is to end is cut off after this, as when Kafka is away."""

_log = structlog.get_logger("levtao.execute")


def execute(settings: Settings, *, live: bool, secrets: Path | None) -> None:
    """Work orders until a signal: with `live` on the venues, else only saying what would be done."""
    if not settings.execution:
        stop("nothing to execute: the settings have no [execution.UNDERLYING]")
    if live and secrets is None:
        stop("--live needs --secrets DIR, with <venue>.key and <venue>.secret in it")
    keys: dict[str, Keys] = {}
    if live and secrets is not None:
        try:
            keys = {listing.venue_name: read_keys(secrets, listing.venue_name)
                    for listing in settings.execution.values()}  # fmt: skip
        except KeysError as error:
            stop(str(error))
    try:
        import ccxt  # noqa: F401, PLC0415 - whether it is there; it takes a second
    except ImportError as error:
        stop(f"executing needs ccxt ({error}): install levtao[exchanges]")
    try:
        if settings.metrics is not None:
            metrics.serve(settings.metrics)
    except OSError as error:
        stop(f"metrics: {settings.metrics}: {error.strerror}")
    configure_logging()
    problem: BaseException | None = None
    try:
        run(_execute(settings, keys, live=live))
    except VenueError as error:
        problem = error
    if problem is not None:
        stop(str(problem), EXIT_STOPPED)


async def _execute(settings: Settings, keys: dict[str, Keys], *, live: bool) -> None:
    from consumers.execution.venue import PLACE_S, open_venue  # noqa: PLC0415 - importing ccxt takes a second

    log = kafka_log(settings)
    await provisioned(log, settings)
    async with AsyncExitStack() as stack:
        venues: dict[str, Venue] = {}
        for underlying, listing in settings.execution.items():
            opened = open_venue(listing, keys.get(listing.venue_name), min(PLACE_S, settings.session_timeout_s / 2))
            venue = await stack.enter_async_context(opened)
            venues[underlying] = venue if live else Rehearsal(venue)
        executor = Executor(
            log=log,
            app=settings.app,
            group=f"{settings.app}-execution" if live else f"{settings.app}-rehearsal",
            venues=venues,
            partition_of=settings.partition_of,
            session_timeout_s=settings.session_timeout_s,
            kill_switch=settings.kill_switch,
        )
        _log.info("executing", live=live, venues={name: venue.name for name, venue in venues.items()})
        await until_signalled(_work(settings, executor, live=live), executor.stopping.set)
    _log.info("stopped")


async def _work(settings: Settings, executor: Executor, *, live: bool) -> None:
    """Run until the executor has stopped; anew with another writer where the log was lost."""

    async def trade(writer: Writer) -> None:
        inputs = InputWriter(writer, settings.partition_of)

        async def send(results: Sequence[Result]) -> None:
            if live:
                await inputs.write(results)
            else:
                for result in results:
                    _log.info("would_report", input=encode_input(result).decode())

        await executor.run(send)

    async with asyncio.TaskGroup() as tasks:
        trading = tasks.create_task(keep_writing(executor.log, trade))
        await executor.stopping.wait()
        try:
            async with asyncio.timeout(STOP_S):
                await executor.stopped.wait()
        except TimeoutError:
            _log.warning("cut_off", reason=f"not stopped within {STOP_S:g} s")
        trading.cancel()
