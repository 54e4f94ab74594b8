"""The whole service against only consuming and validating: the same process, the same messages, the same broker."""

import asyncio
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from benchmarks.servers import engine, fill, kafka_server, prepare, valkey_server, verified
from benchmarks.workload import commands, quotes
from engine.log.kafka import KafkaLog
from engine.runtime.lane import LaneSettings
from engine.wire.codec import decode_input
from engine.wire.topics import INPUTS

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


async def _round(count: int, tokens: int) -> Round:
    with kafka_server() as kafka, valkey_server() as valkey:
        log = await prepare(kafka)
        inputs = [*commands(tokens), *quotes(count)]
        await fill(log, inputs)
        consume_s = [await _consume(log, len(inputs), read) for read in READS]
        engine_s = await engine(log, valkey.url, len(inputs))
        consume_s += [await _consume(log, len(inputs), read) for read in READS]
        return Round(min(consume_s), engine_s, await verified(log, valkey.url))


def run(count: int = 300_000, tokens: int = 100, rounds: int = 3) -> None:
    """Print the rates and their ratio, round by round."""
    print(
        f"## {count:,} quotes, 1 ms apart, 3 venues, {tokens} tokens, NAVs each second, exactly once, Redis written\n"
    )
    print("| round | only consuming and validating | whole service | ratio |\n| --- | --- | --- | --- |")
    ratios = []
    for number in range(rounds):
        done = asyncio.run(_round(count, tokens))
        total = count + tokens + 1
        ratios.append(done.consume_s / done.engine_s)
        print(
            f"| {number + 1} | {total / done.consume_s:,.0f}/s | {total / done.engine_s:,.0f}/s | {ratios[-1]:.2f} |",
            flush=True,
        )
    print(f"\nmedian ratio {median(ratios):.2f}; outputs {done.outputs}, verified\n")
