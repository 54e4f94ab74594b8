"""The service as processes: real Kafka, real Redis, engines that can be killed."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cli.program import command, environment


@dataclass
class Service:
    """A settings file and where the servers are. Every service has its own topics, on a broker of its own."""

    folder: Path
    kafka: str
    redis: str

    @property
    def config(self) -> Path:
        return self.folder / "levtao.toml"

    @property
    def reach(self) -> dict[str, str]:
        return {"LEVTAO_KAFKA": self.kafka, "LEVTAO_REDIS": self.redis}

    def run(self, *arguments: object, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        return subprocess.run(  # noqa: S603 - this program
            command(*arguments, "--config", self.config), capture_output=True, text=True, check=False,
            env=environment(**self.reach), timeout=timeout_s,
        )  # fmt: skip

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        """A command that goes on; its log lines are in a file of its own."""
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - this program
                command(*arguments, "--config", self.config), stdout=log, stderr=log, env=environment(**self.reach)
            )

    @contextmanager
    def started(self, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
        """A command for the time of the block; it has to end in order when asked to."""
        process = self.start(*arguments)
        try:
            yield process
        finally:
            end(process)
        assert process.returncode == 0, (self.folder / f"{arguments[0]}.log").read_text()[-2000:]

    def done(self, *arguments: object, timeout_s: float = 240) -> str:
        """The output of a command that has to succeed."""
        ran = self.run(*arguments, timeout_s=timeout_s)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and no mercy for one that does not hear it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
