"""The HTTP server around the gateway's routes. It ends when told to, and closes connections that bring no request."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine import metrics
from producers.gateway.access import network

REQUEST_DEADLINE_S = 10.0
"""From a connection, or the last answer on it, to the head of a request that is there in full."""
GRACE_S = 5
CONNECTIONS = 256
CONNECTIONS_OF_ONE = 64
"""From one address (of IPv6: one network); where proxies are named, that is theirs to bound."""
MAX_HEAD_BYTES = 16 << 10


class Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: the command has them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    def stop(self) -> None:
        """Answer what is under way and end."""
        self.should_exit = True


class PromptProtocol(H11Protocol):
    """Uvicorn waits as long as it takes for a head that trickles in, and for answers to be read; this does not."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is due."""
        super().connection_made(transport)
        peers = [
            network(each.client[0]) for each in self.connections if isinstance(each, PromptProtocol) and each.client
        ]
        if self.client and not self.config.proxy_headers and peers.count(network(self.client[0])) > CONNECTIONS_OF_ONE:
            metrics.GATEWAY_LIMITED.labels("connections").inc()
            transport.abort()
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Once a request has begun, its body's deadline is the gateway's."""
        super().data_received(data)
        if self._is_answering() and not self.flow.write_paused and self._due is not None:
            self._due.cancel()

    def on_response_complete(self) -> None:
        """The next request is due, and the answer has to have been read."""
        super().on_response_complete()
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        super().connection_lost(exc)
        if self._due is not None:
            self._due.cancel()

    def _expect(self) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = self.loop.call_later(REQUEST_DEADLINE_S, self._give_up)

    def _give_up(self) -> None:
        if not self._is_answering() or self.flow.write_paused:
            self.transport.abort()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


def listen(host: IPv4Address | IPv6Address, port: int) -> socket.socket:
    """A socket to listen at. Raises OSError where the address is taken or not this machine's."""
    family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
    return socket.create_server((str(host), port), family=family, backlog=CONNECTIONS)


def server(app: Starlette, proxies: Sequence[object]) -> Server:
    """A server of `app` that believes what `proxies` say of who connects."""
    config = uvicorn.Config(
        app,
        http=PromptProtocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=",".join(str(proxy) for proxy in proxies),
        limit_concurrency=CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=GRACE_S,
    )
    return Server(config)
