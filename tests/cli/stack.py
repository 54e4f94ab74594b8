"""The service as processes: real Kafka, real Redis, engines that can be killed."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from engine.log.kafka import KafkaLog
from engine.log.port import read_up_to
from engine.wire.topics import INPUTS
from tests.cli.program import command, environment


@dataclass
class Service:
    """A settings file and where the servers are. Every service has its own topics, on a broker of its own."""

    folder: Path
    kafka: str
    redis: str

    @property
    def config(self) -> Path:
        return self.folder / "levtao.toml"

    @property
    def reach(self) -> dict[str, str]:
        return {"LEVTAO_KAFKA": self.kafka, "LEVTAO_REDIS": self.redis}

    def run(self, *arguments: object, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        return subprocess.run(  # noqa: S603 - this program
            command(*arguments, "--config", self.config), capture_output=True, text=True, check=False,
            env=environment(**self.reach), timeout=timeout_s,
        )  # fmt: skip

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """A command that goes on; its log lines are in a file of its own."""
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - this program
                command(*arguments, "--config", self.config), stdout=log, stderr=log, env=environment(**self.reach)
            )

    @contextmanager
    def started(self, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
        """A command for the time of the block; it has to end in order when asked to."""
        process = self.start(*arguments)
        try:
            yield process
        finally:
            end(process)
        assert process.returncode == 0, (self.folder / f"{arguments[0]}.log").read_text()[-2000:]

    def done(self, *arguments: object, timeout_s: float = 240) -> str:
        """The output of a command that has to succeed."""
        ran = self.run(*arguments, timeout_s=timeout_s)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and no mercy for one that does not hear it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


async def outputs(service: Service, topic: str, partition: int = 0) -> list[dict[str, Any]]:
    """Everything on a partition of a topic."""
    async with KafkaLog(service.kafka).reader(topic, partition, None) as reader:
        records = read_up_to(reader, await reader.end())
        return [json.loads(record.value) async for record in records if record.value is not None]


async def inputs_end(service: Service, partition: int = 0) -> int:
    """How many inputs there are."""
    async with KafkaLog(service.kafka).reader(INPUTS.name, partition, None) as reader:
        return await reader.end()


async def watermark(service: Service, partition: int = 0) -> int:
    """How many of them the view has."""
    redis = Redis.from_url(service.redis)
    try:
        return int(await redis.hget(f"levtao:{{{partition}}}:meta", "next") or 0)
    finally:
        await redis.aclose()


def wait_until(holds: Callable[[], bool], what: str, deadline_s: float = 60) -> None:
    """Return as soon as `holds` does; fail with `what` if it does not in time."""
    until = time.monotonic() + deadline_s
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.05)


def wait_until_taken(service: Service, deadline_s: float = 300, partition: int = 0) -> None:
    """Until the view has every input, and none comes any more."""

    def taken() -> bool:
        last = asyncio.run(inputs_end(service, partition))
        return asyncio.run(watermark(service, partition)) == last == asyncio.run(inputs_end(service, partition))

    wait_until(taken, "every input taken", deadline_s)


def logged(service: Service, event: str, log: str = "run") -> list[dict[str, Any]]:
    """The lines of an event in a command's log."""
    lines = (service.folder / f"{log}.log").read_text().splitlines()
    return [json.loads(line) for line in lines if f'"{event}"' in line]


def opened(service: Service, times: int) -> int:
    """Where the engine's lane started, once lanes have been opened so many times in all."""
    wait_until(lambda: len(logged(service, "lane_open")) >= times, f"{times} lanes opened")
    return int(logged(service, "lane_open")[times - 1]["next_offset"])
