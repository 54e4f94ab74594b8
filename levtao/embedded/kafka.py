"""A real Kafka broker, one node, as a child process. Needs Java 17 and Maven; without them it says so."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from levtao.embedded.ports import LOOPBACK, free_port, listening

VERSION = "4.1.0"
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 15.0
POLL_S = 0.05


class KafkaUnavailableError(RuntimeError):
    """Java or Maven is missing, the download failed, or the broker did not start."""


def missing() -> list[str]:
    """The programs a local broker needs and this machine has not."""
    return [program for program in ("java", "mvn") if shutil.which(program) is None]


def libraries() -> Path:
    """The folder of Kafka's jars, fetched once into the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "levtao" / f"kafka-{VERSION}"
    if cache.is_dir():
        return cache
    lacking = missing()
    if lacking:
        raise KafkaUnavailableError(f"a local Kafka needs Java 17 and Maven; missing: {', '.join(lacking)}")
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as work:
        pom = Path(work) / "pom.xml"
        pom.write_text(files("levtao.embedded").joinpath("kafka-pom.xml").read_text())
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={work}/libs"]
        done = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(pom), *goal], capture_output=True, text=True, check=False, timeout=600
        )
        if done.returncode:
            raise KafkaUnavailableError(f"Maven could not fetch Kafka {VERSION}: {done.stdout[-500:]}")
        Path(work, "libs").rename(cache)
    return cache


class KafkaServer:
    """A broker on a loopback port with its data in `directory`. Killing and starting it again keeps the data."""

    def __init__(self, directory: Path, port: int | None = None, heap: str = "512m") -> None:
        """Prepare; nothing runs yet."""
        self.directory = directory
        self.port = port or free_port()
        self.heap = heap
        self._controller_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """HOST:PORT for clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """The broker's process."""
        if self._process is None:
            raise KafkaUnavailableError("the broker is not running")
        return self._process.pid

    def start(self) -> "KafkaServer":
        """Start and wait until it answers. Raises KafkaUnavailableError."""
        config = self.directory / "server.properties"
        if not config.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            config.write_text(self._properties())
            self._java("kafka.tools.StorageTool", "format", "-t", "bGV2dGFvLWVtYmVkZGVkMQ", "-c", str(config))
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(config)), stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not listening(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaUnavailableError(f"the broker did not start; see {self.directory / 'server.log'}")
            time.sleep(POLL_S)
        return self

    def stop(self) -> None:
        """Shut down in order, or by force if that takes too long."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze it, as a stopped machine would."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _command(self, main: str, *arguments: str) -> list[str]:
        options = [f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4", "-cp", f"{libraries()}/*"]
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return ["java", *options, quiet, main, *arguments]

    def _java(self, main: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(main, *arguments), capture_output=True, text=True, check=False, timeout=START_DEADLINE_S
        )
        if done.returncode:
            raise KafkaUnavailableError(f"{main}: {done.stderr[-500:]}")

    def _properties(self) -> str:
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.directory / "data",
            "num.partitions": 1,
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 500,
            "message.max.bytes": 32 << 20,
            "replica.fetch.max.bytes": 32 << 20,
            "socket.request.max.bytes": 64 << 20,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())
