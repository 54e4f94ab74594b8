"""`levtao gateway` and `levtao gateway-key`: requests and commands over HTTP, and the keys they are made with."""

import asyncio
import socket
from collections.abc import Mapping

import structlog
import typer
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine import metrics
from engine.runtime.view import connect, refuse_eviction
from levtao.problems import stop
from levtao.service import configure_logging, kafka_log, provisioned, run, until_signalled
from levtao.settings import Settings
from producers.gateway.access import Access
from producers.gateway.app import Gateway
from producers.gateway.inlet import Inlet
from producers.gateway.keys import Key, Keyring, KeysError, load, new_key
from producers.gateway.once import Once
from producers.gateway.server import Server, listen, server

_log = structlog.get_logger("levtao.gateway")


def gateway(settings: Settings) -> None:
    """Answer requests until a signal."""
    here = settings.gateway
    try:
        keys = load(here.keys)
        listening = listen(here.host, here.port)
        if settings.metrics is not None:
            metrics.serve(settings.metrics)
    except KeysError as error:
        stop(str(error))
    except OSError as error:
        stop(f"gateway: cannot listen at {here.host} port {here.port}, or metrics: {error.strerror}")
    configure_logging()
    with listening:
        run(_gateway(settings, keys, listening))


async def _gateway(settings: Settings, keys: Mapping[str, Key], listening: socket.socket) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    async with connect(settings.redis) as redis:
        await refuse_eviction(redis)
        inlet = Inlet(log, settings.partition_of)

        async def missing() -> list[str]:
            return [*([] if inlet.is_open else ["log"]), *([] if await _answers(redis) else ["redis"])]

        partitions = {name: listing.partition for name, listing in settings.underlyings.items()}
        once = Once(redis, log, inlet.write, settings.app)
        answering = Gateway(Access(Keyring(keys), settings.gateway), once, log, partitions, missing)
        http = server(answering.app(), settings.gateway.proxies)
        host, port, *_ = listening.getsockname()
        _log.info("gateway_open", host=host, port=port, keys=len(keys))
        await until_signalled(_serve(inlet, http, listening), http.stop)
    _log.info("stopped")


async def _serve(inlet: Inlet, http: Server, listening: socket.socket) -> None:
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(inlet.run())
        await http.serve(sockets=[listening])
        writing.cancel()


async def _answers(redis: "Redis") -> bool:
    try:
        return bool(await redis.ping())
    except (RedisError, TimeoutError, OSError):
        return False


def key(name: str, fields: Mapping[str, object]) -> None:
    """Print the lines that let a new key in; the key itself, this once, on stderr."""
    try:
        presented, lines = new_key(name, fields)
    except KeysError as error:
        stop(str(error))
    typer.echo(presented, err=True)
    typer.echo(lines)
