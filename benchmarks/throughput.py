"""The whole service against only consuming and validating: the same process, the same messages, the same broker."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.workload import commands, quotes
from engine.domain.inputs import Input
from engine.log.kafka import KafkaLog
from engine.log.port import Entry
from engine.runtime.engine import spare_gc
from engine.runtime.lane import Lane, LaneSettings
from engine.runtime.recovery import provision
from engine.runtime.verify import verify
from engine.runtime.view import View, connect
from engine.wire.codec import decode_input, encode_input
from engine.wire.topics import INPUTS, TOPICS
from levtao.embedded.kafka import KafkaServer
from levtao.embedded.valkey import ValkeyServer

READS = 2_000, LaneSettings().max_read
"""So many records at once: the lane reads the second, only consuming is fastest with the first."""


@dataclass(frozen=True, slots=True)
class Round:
    """One broker, one file of quotes, both programs over it."""

    consume_s: float
    engine_s: float
    outputs: dict[str, int]


async def _consume(log: KafkaLog, until: int, read: int) -> float:
    """Read and validate every input, so many at once."""
    async with log.reader(INPUTS.name, 0, None) as reader:
        started = perf_counter()
        seen = 0
        while seen < until:
            for record in await reader.read(read, 0.2):
                decode_input(record.key, record.value)
                seen += 1
        return perf_counter() - started


async def fill(log: KafkaLog, inputs: Sequence[Input], number: int = 0) -> None:
    """Write the inputs to a partition of their topic."""
    async with log.writer() as writer:
        for start in range(0, len(inputs), 5_000):
            chunk = inputs[start : start + 5_000]
            entries = [Entry(each.underlying.encode(), encode_input(each)) for each in chunk]
            await writer.append(INPUTS.name, number, entries)


async def engine(log: KafkaLog, redis_url: str, until: int, number: int = 0) -> float:
    """A lane as `levtao run` runs it, from its first read until the last input is committed."""
    spare_gc()
    async with connect(redis_url) as redis:
        lane = Lane(log, redis, number, LaneSettings())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(lane.run())
            await lane.ready.wait()
            started = perf_counter()
            while lane.next_offset < until:
                await asyncio.sleep(0.002)
            took = perf_counter() - started
            lane.stop()
    return took


async def _round(folder: Path, count: int, tokens: int) -> Round:
    kafka = KafkaServer(folder / "kafka", heap="1g").start()
    valkey = ValkeyServer(folder / "valkey").start()
    try:
        log = KafkaLog(kafka.bootstrap)
        await log.create({topic.name: topic.config() for topic in TOPICS}, 1)
        await provision(log, "levtao", 0)
        inputs = [*commands(tokens), *quotes(count)]
        await fill(log, inputs)
        consume_s = [await _consume(log, len(inputs), read) for read in READS]
        engine_s = await engine(log, valkey.url, len(inputs))
        consume_s += [await _consume(log, len(inputs), read) for read in READS]
        async with connect(valkey.url) as redis:
            proof = await verify(log, View(redis, 0), 0, lambda _: None)
        return Round(min(consume_s), engine_s, dict(proof.outputs))
    finally:
        valkey.stop()
        kafka.stop()


def run(count: int = 300_000, tokens: int = 100, rounds: int = 3) -> None:
    """Print the rates and their ratio, round by round."""
    print(
        f"## {count:,} quotes, 1 ms apart, 3 venues, {tokens} tokens, NAVs each second, exactly once, Redis written\n"
    )
    print("| round | only consuming and validating | whole service | ratio |\n| --- | --- | --- | --- |")
    ratios = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="levtao-bench-") as folder:
            done = asyncio.run(_round(Path(folder), count, tokens))
        total = count + tokens + 1
        ratios.append(done.consume_s / done.engine_s)
        print(
            f"| {number + 1} | {total / done.consume_s:,.0f}/s | {total / done.engine_s:,.0f}/s | {ratios[-1]:.2f} |",
            flush=True,
        )
    print(f"\nmedian ratio {median(ratios):.2f}; outputs {done.outputs}, verified\n")
