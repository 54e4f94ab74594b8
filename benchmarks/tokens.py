"""Ten against ten thousand tokens on one underlying: deciding, publishing, midnight, and a restart."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from time import perf_counter

from redis.asyncio import Redis

from benchmarks.servers import fill, kafka_server, prepare, reached, running, valkey_server, verified
from benchmarks.workload import START, UNDERLYING, VENUES, commands, quotes
from engine.domain.commands import SetTokenTerms
from engine.domain.inputs import Input, QuoteObserved
from engine.domain.instants import DAY, MILLISECOND, SECOND
from engine.domain.terms import TokenTerms
from engine.log.kafka import KafkaLog
from engine.runtime.engine import spare_gc
from engine.runtime.lane import Lane
from engine.runtime.partition import InputRecord, Partition
from engine.wire.codec import encode_input

FEW, MANY = 10, 10_000
MIDNIGHT = START + DAY // 2
BATCH = 2_000


def _quote(number: int, time: int, price: str) -> QuoteObserved:
    return QuoteObserved(UNDERLYING, VENUES[number % len(VENUES)], time, Decimal(price), Decimal(price))


def _tight() -> SetTokenTerms:
    """A token that orders whenever the price steps by a hundredth."""
    terms = TokenTerms(
        multiplier=Decimal(3),
        fills="assumed",
        seed_units=Decimal(10),
        max_leverage=Decimal("3.01"),
        min_leverage=Decimal("2.99"),
    )
    return SetTokenTerms(UNDERLYING, "TIGHT", 1, terms, by="benchmark", reason="benchmark")


def _stepping(count: int) -> list[Input]:
    """Every hundredth quote steps over a limit of the tight token."""
    prices = ("101.00", "100.00")
    return [_quote(number, START + number * MILLISECOND, prices[number // 100 % 2]) for number in range(count)]


def _decide(tokens: int, market: Sequence[Input]) -> float:
    """Microseconds a quote from bytes to encoded outputs, NAVs off, no I/O."""
    inputs = [*commands(tokens, publication_interval_s=0), _tight(), *market]
    values = [encode_input(each) for each in inputs]
    records = [InputRecord(offset, 2**50, UNDERLYING.encode(), value) for offset, value in enumerate(values)]
    begin = len(inputs) - len(market) + len(market) // 10
    partition = Partition(0)
    partition.apply(records[:begin])
    partition.changes()
    started = perf_counter()
    for start in range(begin, len(records), BATCH):
        partition.apply(records[start : start + BATCH])
        partition.changes()
    return (perf_counter() - started) / (len(records) - begin) * 1e6


def _decisions(rounds: int = 3) -> None:
    print("## Deciding, NAVs off, in memory: microseconds a quote, best of three\n")
    print(f"| market | {FEW} tokens | {MANY:,} tokens | ratio |\n| --- | --- | --- | --- |")
    for name, market in (("calm", list(quotes(100_000))), ("an order every 100 quotes", _stepping(100_000))):
        few, many = (min(_decide(tokens, market) for _ in range(rounds)) for tokens in (FEW, MANY))
        print(f"| {name} | {few:.2f} | {many:.2f} | {many / few:.2f} |", flush=True)
    print()


async def _take(log: KafkaLog, lane: Lane, redis: Redis, inputs: Sequence[Input], sent: int) -> tuple[float, float]:
    """Send inputs to a log with so many; seconds until they are committed, and until they are in Redis as well."""
    started = perf_counter()
    await fill(log, inputs)
    next_offset = sent + len(inputs)
    await reached(lane, next_offset)
    committed = perf_counter() - started
    while int(await redis.hget("levtao:{0}:meta", "next") or 0) < next_offset:
        await asyncio.sleep(0.005)
    return committed, perf_counter() - started


async def _service() -> None:
    with kafka_server() as kafka, valkey_server() as valkey:
        log = await prepare(kafka)
        inputs: list[Input] = [*commands(MANY), *(_quote(each, MIDNIGHT - 12 * SECOND, "100.00") for each in range(3))]
        sent = len(inputs)
        async with running(log, valkey.url) as (lane, redis):
            await _take(log, lane, redis, inputs, 0)
            marks = []
            for mark in range(10):
                at = MIDNIGHT - (10 - mark) * SECOND
                marks.append(await _take(log, lane, redis, [_quote(0, at, "100.00")], sent))
                sent += 1
            await _take(log, lane, redis, [_quote(1, MIDNIGHT - SECOND // 2, "101.00")], sent)
            midnight = await _take(log, lane, redis, [_quote(0, MIDNIGHT, "101.00")], sent + 1)
            sent += 2
        print(f"## {MANY:,} tokens on the real broker and Redis\n")
        print("| what | committed | in Redis too |\n| --- | --- | --- |")
        committed, seen = (sorted(each[part] for each in marks)[len(marks) // 2] for part in (0, 1))
        print(f"| every NAV once, median of {len(marks)} | {committed * 1000:.0f} ms | {seen * 1000:.0f} ms |")
        print(f"| midnight | {midnight[0] * 1000:.0f} ms | {midnight[1] * 1000:.0f} ms |", flush=True)
        await fill(log, [_quote(1, MIDNIGHT + MILLISECOND, "101.00")])
        sent += 1
        started = perf_counter()
        async with running(log, valkey.url) as (lane, redis):
            await lane.ready.wait()
            opened = perf_counter() - started
            await reached(lane, sent)
            decided = perf_counter() - started
        print(f"| restart: open {opened * 1000:.0f} ms, first decision committed | {decided * 1000:.0f} ms | |")
        print(f"\noutputs {await verified(log, valkey.url)}, verified\n")


def run() -> None:
    """Print the figures."""
    spare_gc()
    _decisions()
    asyncio.run(_service())
