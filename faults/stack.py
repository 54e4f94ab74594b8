"""Everything that runs: servers, relays, two engines as processes, and whoever starts them again when they end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis

from faults.proxy import Network, Proxy
from faults.servers import Broker, Clock, RedisServer
from levtao.embedded.ports import LOOPBACK, free_port

ROOT = Path(__file__).parents[1]
ENGINES = ("a", "b")
SESSION_TIMEOUT_S = 2.0
DEAD_LETTERS = 1_000, 10_000
RESTART_AFTER_S = 1.0
STOP_DEADLINE_S = 30.0
PAUSE_S = 0.02

SETTINGS = f"""
partitions = 2
session_timeout_s = {SESSION_TIMEOUT_S}
dead_letter_limit = {DEAD_LETTERS[0]}
dead_letter_window = {DEAD_LETTERS[1]}
[underlyings.TAO]
partition = 0
min_venues = 1
order_expiry_s = 5
report_grace_s = 5
slice_interval_s = 1
[underlyings.BTC]
partition = 1
min_venues = 1
order_expiry_s = 5
report_grace_s = 5
slice_interval_s = 1
""" + "".join(
    f"""
[tokens.{name}]
underlying = "{name[:3]}"
multiplier = {multiplier}
seed_units = 1000
max_leverage = "{abs(multiplier)}.02"
min_leverage = "{abs(multiplier) - 1}.98"
fills = "{fills}"
"""
    for name, multiplier, fills in (
        ("TAO3L", 3, "reported"), ("TAO2S", -2, "reported"), ("TAO2L", 2, "assumed"),
        ("BTC3L", 3, "reported"), ("BTC2S", -2, "reported"), ("BTC5L", 5, "assumed"),
    )
)  # fmt: skip


@dataclass
class Engine:
    """One `levtao run`, with its own ways to Kafka and Redis and its own clock."""

    name: str
    kafka: Proxy
    redis: Proxy
    clock: Clock
    folder: Path
    mutant: str | None
    process: subprocess.Popen[bytes] | None = None
    ended_at: float = 0.0
    killed: bool = False

    @property
    def log(self) -> Path:
        """Its log lines."""
        return self.folder / f"engine-{self.name}.log"

    def start(self) -> None:
        """Start it, with its defect if it has one."""
        program = ["-m", "levtao"] if self.mutant is None else ["-m", "faults.mutants", self.mutant]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LEVTAO_")}
        reach = {
            "LEVTAO_KAFKA": f"{LOOPBACK}:{self.kafka.port}",
            "LEVTAO_REDIS": f"redis://{LOOPBACK}:{self.redis.port}/0",
            "PYTHONPATH": str(ROOT),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *program, "run", "--config", str(self.folder / "levtao.toml")],
                stdout=log,
                stderr=log,
                env=kept | reach | self.clock.environment,
            )
        self.killed = False

    def send(self, number: signal.Signals) -> None:
        """A signal, if it is there to hear it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9; `Stack.tend` starts it again."""
        self.killed = True
        self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


@dataclass
class Stack:
    """A whole service in `folder`. Every engine of it has the same defect, or none."""

    folder: Path
    mutant: str | None = None
    problems: list[str] = field(default_factory=list)
    burst: Callable[[], None] = lambda: None
    """Makes the feed send a lot at once."""

    def __enter__(self) -> Self:
        """Start the servers, prepare the topics, start the engines."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.network = Network()
        self.broker_clock = Clock(self.folder, "broker")
        doors = {f"DOOR_{name.upper()}": free_port() for name in ENGINES}
        self.broker = Broker(self.folder / "kafka", doors, self.broker_clock)
        self.redis = RedisServer(self.folder / "redis")
        self.engines = [
            Engine(
                name, self.network.relay(port, of_kafka=True), self.network.relay(self.redis.port),
                Clock(self.folder, name), self.folder, self.mutant,
            )
            for name, port in zip(ENGINES, doors.values(), strict=True)
        ]  # fmt: skip
        self.broker.advertise({door: engine.kafka.port for door, engine in zip(doors, self.engines, strict=True)})
        (self.folder / "levtao.toml").write_text(SETTINGS)
        try:
            self.redis.start()
            self.broker.start()
            self._apply()
            for engine in self.engines:
                engine.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self.close()

    def _apply(self) -> None:
        reach = ["--config", str(self.folder / "levtao.toml"), "--kafka", self.broker.bootstrap]
        command = [sys.executable, "-m", "levtao", "topics", "apply", *reach]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)

    def tend(self) -> None:
        """Start again what has ended, as an init would; what ended by itself is noted, unless it had no Kafka."""
        for engine in self.engines:
            if engine.process is None or engine.process.poll() is None:
                continue
            if not engine.ended_at:
                engine.ended_at = time.monotonic()
                last = engine.log.read_text(errors="replace").splitlines()[-1:]
                if not engine.killed and "reaching Kafka" not in "".join(last):
                    self.problems.append(f"engine {engine.name} ended by itself: {''.join(last)[:300]}")
            if time.monotonic() - engine.ended_at > RESTART_AFTER_S:
                engine.ended_at = 0.0
                engine.start()

    def hold(self, seconds: float) -> None:
        """Let a fault last."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tend()
            time.sleep(PAUSE_S)

    def client(self) -> "Redis":
        """A client of Redis that goes there directly."""
        return Redis.from_url(self.redis.url, socket_timeout=2.0)

    def stop_engines(self) -> None:
        """SIGTERM; one that does not end in time or in order is a problem."""
        for engine in self.engines:
            engine.send(signal.SIGTERM)
        for engine in self.engines:
            if engine.process is None:
                continue
            try:
                code: int | str = engine.process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                code = "nothing"
            if code:
                self.problems.append(f"engine {engine.name}, asked to end, answered {code}")

    def errors(self) -> list[str]:
        """What the engines logged that must never be logged, whatever is done to them."""
        found = []
        for engine in self.engines:
            for line in engine.log.read_text(errors="replace").splitlines():
                said = json.loads(line) if line.startswith("{") else {}
                error = said.get("level") == "error" and not said.get("logger", "").startswith("aiokafka")
                if error or "exception was never retrieved" in line:
                    found.append(f"engine {engine.name} logged {line[:300]}")
        return found

    def close(self) -> None:
        """Kill whatever is left."""
        for engine in self.engines:
            engine.kill()
        self.redis.kill()
        self.broker.kill()
        self.network.close()
