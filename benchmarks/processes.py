"""Two engine processes on two underlyings against one, and what the cores were busy with meanwhile."""

import asyncio
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.servers import engine, fill, kafka_server, prepare, valkey_server
from benchmarks.workload import commands, quotes
from engine.log.kafka import KafkaLog
from levtao.embedded.kafka import KafkaServer

UNDERLYINGS = ("TAO", "BTC")
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor time a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _run(bootstrap: str, redis_url: str, number: int, until: int) -> tuple[float, float, float]:
    """One lane to its end in a process of its own: when it began and ended, and its processor time."""
    before = time.process_time()
    took = asyncio.run(engine(KafkaLog(bootstrap), redis_url, until, number))
    ended = time.monotonic()
    return ended - took, ended, time.process_time() - before


async def _filled(kafka: KafkaServer, count: int, tokens: int) -> int:
    log = await prepare(kafka, len(UNDERLYINGS))
    for number, underlying in enumerate(UNDERLYINGS):
        await fill(log, [*commands(tokens, underlying, number), *quotes(count, underlying=underlying)], number)
    return count + tokens + 1


def _measure(processes: int, count: int, tokens: int) -> tuple[float, float, float]:
    """Quotes a second of so many processes at once, and microseconds of processor a quote: engine, broker."""
    with kafka_server() as kafka, valkey_server() as valkey:
        until = asyncio.run(_filled(kafka, count, tokens))
        busy_s = cpu_s(kafka.pid)
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            numbers = range(processes)
            runs = [pool.submit(_run, kafka.bootstrap, valkey.url, number, until) for number in numbers]
            began, ended, engine_s = zip(*(run.result() for run in runs), strict=True)
        quotes_taken = processes * until
        rate = quotes_taken / (max(ended) - min(began))
        return rate, sum(engine_s) / quotes_taken * 1e6, (cpu_s(kafka.pid) - busy_s) / quotes_taken * 1e6


def run(count: int = 600_000, tokens: int = 100) -> None:
    """Print the rates and their ratio."""
    print(f"## Processes: {count:,} quotes an underlying, {tokens} tokens each, {os.cpu_count()} cores\n")
    print("| processes | quotes a second | engine, us a quote | broker, us a quote |\n| --- | --- | --- | --- |")
    rates = []
    for processes in (1, 2):
        rate, engine_us, broker_us = _measure(processes, count, tokens)
        rates.append(rate)
        print(f"| {processes} | {rate:,.0f} | {engine_us:.1f} | {broker_us:.1f} |", flush=True)
    print(f"\nratio {rates[1] / rates[0]:.2f}, with the processor each quote took\n")
