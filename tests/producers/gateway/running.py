"""A gateway on loopback for one test: uvicorn, keys for every role, a log, and a Redis."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from redis.asyncio import Redis

from engine.domain.inputs import Input
from engine.log.port import Headers, Log, read_up_to
from engine.runtime.recovery import provision
from engine.wire.codec import read_input
from engine.wire.topics import INPUTS, TOPICS
from producers.gateway.access import Access
from producers.gateway.app import Gateway
from producers.gateway.inlet import Inlet
from producers.gateway.keys import Key, Keyring, new_key
from producers.gateway.once import Once
from producers.gateway.server import listen, server
from producers.gateway.settings import GatewaySettings
from tests.eventually import eventually

PARTITIONS = {"TAO": 0, "BTC": 1}
HOLDERS: dict[str, dict[str, object]] = {
    "alice": {"role": "operator"},
    "tao-desk": {"role": "operator", "underlyings": ("TAO",)},
    "custodian": {"role": "operator", "operations": ("confirm-cash", "confirm-units", "confirm-settlement")},
    "alpha-1": {"role": "participant", "participant": "alpha"},
    "beta-1": {"role": "participant", "participant": "beta", "operations": ("create", "claim-fork")},
    "rita": {"role": "reader"},
}
HALT = {"underlying": "TAO", "reason": "a test"}
CREATE = {
    "underlying": "TAO", "request_id": "c-1", "token": "TAO3L", "region": "EU", "settlement": "custodial",
    "units": "100",
}  # fmt: skip


@cache
def keys() -> tuple[dict[str, Key], dict[str, str]]:
    """A key of every holder, as the file has it and as it is presented; the same in every gateway."""
    kept: dict[str, Key] = {}
    presented: dict[str, str] = {}
    for name, fields in HOLDERS.items():
        presented[name], lines = new_key(name, fields)
        kept[name] = Key.model_validate(fields | {"hash": lines.rpartition("= ")[2][1:-1]})
    return kept, presented


@dataclass
class Running:
    """Where it listens, what it writes to, and how to ask it."""

    client: httpx.AsyncClient
    log: Log
    inlet: Inlet
    address: tuple[str, int]
    _asked: int = 0

    async def ask(
        self, who: str | None, path: str, body: Any = None, *, request_id: str | None = None, **headers: str
    ) -> httpx.Response:
        """A POST with `body`, or a GET without one, with the key of `who`; ids are new unless given."""
        self._asked += 1
        given = {"authorization": f"Bearer {keys()[1].get(who, who)}"} if who else {}
        if body is None:
            return await self.client.get(path, headers=given | headers)
        given["idempotency-key"] = request_id or f"test-{self._asked}"
        return await self.client.post(path, headers=given | headers, json=body)

    async def inputs(self, partition: int = 0) -> list[tuple[Input, Headers]]:
        """Everything on a partition of the inputs."""
        return await written(self.log, partition)


async def written(log: Log, partition: int = 0) -> list[tuple[Input, Headers]]:
    """Everything on a partition of the inputs, with its headers."""
    async with log.reader(INPUTS.name, partition, None) as reader:
        records = read_up_to(reader, await reader.end())
        return [(read_input(record.value), record.headers) async for record in records]


async def provisioned(log: Log, partitions: int = 2) -> None:
    """Topics and first checkpoints."""
    await log.create({topic.name: topic.config() for topic in TOPICS}, partitions)
    for number in range(partitions):
        await provision(log, "levtao", number)


@asynccontextmanager
async def running(
    log: Log,
    redis: "Redis",
    partitions: Mapping[str, int] = PARTITIONS,
    *,
    body_deadline_s: float = 10.0,
    **settings: Any,
) -> AsyncIterator[Running]:
    """A gateway for the time of the block."""
    chosen = GatewaySettings(port=0, **({"rate_per_s": 1000, "burst": 1000} | settings))
    inlet = Inlet(log, partitions.__getitem__)

    async def missing() -> list[str]:
        return [] if inlet.is_open else ["log"]

    once = Once(redis, log, inlet.write, "levtao", waited_s=0.3)
    gateway = Gateway(Access(Keyring(keys()[0]), chosen), once, log, partitions, missing, body_deadline_s)
    with listen(chosen.host, 0) as listening:
        http = server(gateway.app(), chosen.proxies)
        host, port = listening.getsockname()
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(inlet.run())
            serving = tasks.create_task(http.serve(sockets=[listening]))
            async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=30) as client:
                await eventually(lambda: http.started and inlet.is_open, "the gateway answers")
                try:
                    yield Running(client, log, inlet, (host, port))
                finally:
                    http.stop()
                    await asyncio.wait([serving])
                    writing.cancel()
