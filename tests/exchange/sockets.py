"""The websockets of a venue: who has subscribed to what, and everything that is pushed."""

from dataclasses import dataclass, field

from aiohttp import web

from tests.exchange.faults import Faults


@dataclass(eq=False, slots=True)
class Socket:
    """One connection: its address as the client asked for it, and its channels."""

    host: str
    path: str
    query: dict[str, str]
    request: web.Request
    response: web.WebSocketResponse
    channels: set[str] = field(default_factory=set)

    async def send(self, text: str) -> None:
        """Without an error where the client has gone: it will hear no more."""
        if not self.response.closed:
            try:
                await self.response.send_str(text)
            except ConnectionError:
                self.channels.clear()

    def abort(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


@dataclass(slots=True)
class Sockets:
    """All connections to a venue."""

    faults: Faults
    open: set[Socket] = field(default_factory=set)
    latest: dict[str, str] = field(default_factory=dict)
    """What was last pushed on a channel, also when nobody had subscribed."""

    async def push(self, channel: str, text: str) -> None:
        """A frame to everyone who has subscribed."""
        self.latest[channel] = text
        if not self.faults.silent:
            for socket in [socket for socket in self.open if channel in socket.channels]:
                await socket.send(text)

    async def send_to_all(self, text: str) -> None:
        for socket in list(self.open):
            await socket.send(text)

    def subscribed(self, channel: str) -> int:
        return sum(channel in socket.channels for socket in self.open)

    async def disconnect(self, *, abruptly: bool) -> None:
        for socket in list(self.open):
            self.open.discard(socket)
            if abruptly:
                socket.abort()
            else:
                await socket.response.close(code=1001, message=b"going away")

    async def pong(self, socket: Socket, message: object) -> None:
        """Answer a ping of the protocol, unless silent."""
        if not self.faults.silent and isinstance(message, bytes | bytearray):
            await socket.response.pong(bytes(message))
