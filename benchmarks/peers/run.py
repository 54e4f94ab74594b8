"""The same quotes through each peer and through the whole service, on one broker, one after the other."""

import asyncio
import json
import subprocess
import sys
import tempfile
import venv
from hashlib import sha256
from pathlib import Path

from benchmarks.throughput import engine, fill
from benchmarks.workload import UNDERLYING, commands, quotes
from engine.log.kafka import KafkaLog
from engine.log.port import Entry
from engine.runtime.recovery import provision
from engine.wire.codec import encode_input
from engine.wire.topics import TOPICS
from levtao.embedded.kafka import KafkaServer
from levtao.embedded.valkey import ValkeyServer

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


async def _prepare(log: KafkaLog, count: int) -> None:
    await log.create({IN: {}, OUT: {}}, 1)
    async with log.writer() as writer:
        batch = [Entry(UNDERLYING.encode(), encode_input(each)) for each in quotes(count)]
        for start in range(0, count, 5_000):
            await writer.append(IN, 0, batch[start : start + 5_000])


async def _service(log: KafkaLog, redis_url: str, count: int, tokens: int, app: str, **terms: int) -> float:
    inputs = [*commands(tokens, UNDERLYING, 0, **terms), *quotes(count)]
    await log.create({topic.name: topic.config() for topic in TOPICS}, 1)
    await provision(log, app, 0)
    await fill(log, inputs)
    return len(inputs) / await engine(log, redis_url, len(inputs))


def run(count: int = 300_000) -> None:
    """Print the table."""
    print(f"## {count:,} quotes: parse, keep the last price, say when it moved 0.1 %\n")
    print("| program | quotes a second |\n| --- | --- |")
    with tempfile.TemporaryDirectory(prefix="levtao-bench-") as folder:
        kafka = KafkaServer(Path(folder) / "kafka", heap="1g").start()
        try:
            asyncio.run(_prepare(KafkaLog(kafka.bootstrap), count))
            for title, (name, program) in PEERS.items():
                print(f"| {title} | {peer(name, program, kafka.bootstrap, count):,.0f} |", flush=True)
        finally:
            kafka.stop()
    for title, tokens, terms in (
        ("levtao, exactly once, 1 token, no NAVs by the clock", 1, {"publication_interval_s": 0}),
        ("levtao, exactly once, 100 tokens, NAVs each second", 100, {}),
    ):
        with tempfile.TemporaryDirectory(prefix="levtao-bench-") as folder:
            kafka = KafkaServer(Path(folder) / "kafka", heap="1g").start()
            valkey = ValkeyServer(Path(folder) / "valkey").start()
            try:
                log = KafkaLog(kafka.bootstrap)
                rate = asyncio.run(_service(log, valkey.url, count, tokens, "levtao", **terms))
                print(f"| {title} | {rate:,.0f} |", flush=True)
            finally:
                valkey.stop()
                kafka.stop()
    print()
