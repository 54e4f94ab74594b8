"""The same quotes through each peer and through the whole service, on one broker, one after the other."""

import asyncio
import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.servers import engine, fill, kafka_server, prepare, valkey_server
from benchmarks.workload import commands, quotes
from engine.domain.inputs import Input
from engine.log.kafka import KafkaLog
from levtao.embedded.kafka import KafkaServer

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".venv" / "peers"
IN, OUT = "peers.in", "peers.out"
PEERS = {
    "bare aiokafka, nothing kept": (None, "bare.py"),
    "Quix Streams, exactly once": ("quix", "quix.py"),
    "Bytewax, no recovery": ("bytewax", "bytewax_peer.py"),
    "Faust, at least once": ("faust", "faust_peer.py"),
}
DEADLINE_S = 600


def python_of(name: str | None) -> str:
    """The interpreter of a peer's environment, made from its lock where it is missing."""
    if name is None:
        return sys.executable
    lock = HERE / f"{name}.lock"
    folder = ENVIRONMENTS / f"{name}-{sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]
        subprocess.run([*pip, "--requirement", str(lock)], check=True)
        (folder / "installed").touch()
    return str(python)


def peer(name: str | None, program: str, bootstrap: str, count: int) -> float:
    """Messages a second of a peer."""
    arguments = [python_of(name), str(HERE / program), bootstrap, IN, OUT, str(count)]
    done = subprocess.run(arguments, cwd=HERE, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    results = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not results:
        sys.exit(f"bench: {program} gave no result: {done.stderr[-500:]}")
    return count / float(json.loads(results[-1])["seconds"])


async def _offer(kafka: KafkaServer, count: int) -> None:
    """What the peers read, and where they write."""
    log = KafkaLog(kafka.bootstrap)
    await log.create({IN: {}, OUT: {}}, 1)
    await fill(log, list(quotes(count)), topic=IN)


async def _service(kafka: KafkaServer, redis_url: str, inputs: Sequence[Input]) -> float:
    """Inputs a second of the whole service."""
    log = await prepare(kafka)
    await fill(log, inputs)
    return len(inputs) / await engine(log, redis_url, len(inputs))


def run(count: int = 300_000) -> None:
    """Print the table."""
    print(f"## {count:,} quotes: parse, keep the last price, say when it moved 0.1 %\n")
    print("| program | quotes a second |\n| --- | --- |")
    with kafka_server() as kafka:
        asyncio.run(_offer(kafka, count))
        for title, (name, program) in PEERS.items():
            print(f"| {title} | {peer(name, program, kafka.bootstrap, count):,.0f} |", flush=True)
    for title, book in (
        ("levtao, exactly once, 1 token, no NAVs by the clock", commands(1, publication_interval_s=0)),
        ("levtao, exactly once, 100 tokens, NAVs each second", commands(100)),
    ):
        with kafka_server() as kafka, valkey_server() as valkey:
            rate = asyncio.run(_service(kafka, valkey.url, [*book, *quotes(count)]))
            print(f"| {title} | {rate:,.0f} |", flush=True)
    print()
