"""`levtao verify`: prove the outputs and Redis from the inputs."""

import json

import typer

from engine.log.port import Log
from engine.runtime.verify import DifferenceError, Verified, verify
from engine.runtime.view import View, connect
from engine.wire.topics import INPUTS
from levtao.problems import EXIT_DIFFERS, stop
from levtao.progress import progress
from levtao.service import kafka_log, provisioned, run
from levtao.settings import Settings


def verify_all(settings: Settings, *, with_redis: bool, as_json: bool) -> None:
    """Verify every partition; exit code 1 and the first difference if there is one."""
    run(_verify_all(settings, with_redis=with_redis, as_json=as_json))


async def _verify_all(settings: Settings, *, with_redis: bool, as_json: bool) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    async with connect(settings.redis) as redis:
        for number in range(settings.partitions):
            view = View(redis, number, settings.app) if with_redis else None
            try:
                done = await verified(log, view, number)
            except DifferenceError as error:
                stop(f"partition {number} differs: {error}", EXIT_DIFFERS)
            typer.echo(json.dumps(_as_object(done)) if as_json else sentence(done))


async def verified(log: Log, view: View | None, number: int) -> Verified:
    """Verify one partition under a progress bar. Raises DifferenceError."""
    async with log.reader(INPUTS.name, number, None) as reader:
        total = await reader.end()
    with progress(f"verifying partition {number}", total) as bar:
        return await verify(log, view, number, bar.advance)


def sentence(done: Verified) -> str:
    """What was proven, for a person."""
    outputs = ", ".join(f"{count:,} on {topic}" for topic, count in sorted(done.outputs.items())) or "none"
    seen = "no view" if done.view_at is None else f"Redis equal at input {done.view_at:,}"
    return (
        f"partition {done.partition}: {done.inputs:,} inputs imply every output there is, byte for byte "
        f"({outputs}); {done.records:,} records of state; {seen}"
    )


def _as_object(done: Verified) -> dict[str, object]:
    return {
        "partition": done.partition,
        "inputs": done.inputs,
        "outputs": dict(done.outputs),
        "records": done.records,
        "view_at": done.view_at,
    }
