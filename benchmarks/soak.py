"""Ten million quotes through one engine: what its memory does."""

import asyncio
import multiprocessing
import time
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.servers import engine, fill, kafka_server, prepare, valkey_server
from benchmarks.workload import commands, quotes
from engine.log.kafka import KafkaLog

PART = 500_000


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _run(bootstrap: str, redis_url: str, until: int) -> None:
    asyncio.run(engine(KafkaLog(bootstrap), redis_url, until))


async def _feed(log: KafkaLog, count: int, tokens: int, pid: int) -> list[float]:
    """Write everything while the engine takes it; its memory after each part."""
    await fill(log, commands(tokens))
    stream, memory = quotes(count), []
    while part := list(islice(stream, PART)):
        await fill(log, part)
        memory.append(memory_mb(pid))
        print(f"| {len(memory) * PART:,} | {memory[-1]:.0f} MB |", flush=True)
    return memory


def run(count: int = 10_000_000, tokens: int = 100) -> None:
    """Print the engine's memory as the quotes go by."""
    print(f"## Soak: {count:,} quotes, {tokens} tokens, NAVs each second\n")
    print("| quotes written | memory of the engine |\n| --- | --- |")
    with kafka_server() as kafka, valkey_server() as valkey:
        log = asyncio.run(prepare(kafka))
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(target=_run, args=(kafka.bootstrap, valkey.url, count + tokens + 1))
        process.start()
        started = time.monotonic()
        memory = asyncio.run(_feed(log, count, tokens, process.pid or 0))
        process.join()
        took = time.monotonic() - started
    third = len(memory) // 3
    early, late = median(memory[third : 2 * third]), median(memory[2 * third :])
    print(
        f"\n{count / took:,.0f} quotes/s with the feed beside it; memory {early:.0f} MB in the second third, ", end=""
    )
    print(f"{late:.0f} MB in the last: {late / early:.2f}\n")
