"""The server of the stand-in, and how ccxt is pointed at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from tests.exchange.binance import Binance
from tests.exchange.bybit import Bybit
from tests.exchange.okx import Okx
from tests.exchange.rest import answer
from tests.exchange.sockets import Socket
from tests.exchange.venue import Venue

LOOPBACK = "127.0.0.1"
PLAIN = {"https": "http", "wss": "ws"}


def rebased(urls: Any, port: int) -> Any:
    """ccxt's `urls['api']`, however nested, on loopback and unencrypted; `https://host/path` becomes
    `http://127.0.0.1:port/host/path`.

    The host stays as the first part of the path: ccxt's Binance tells a spot websocket from a perpetual one by the
    `/stream` that `//stream.binance.com` has and `//fstream.binance.com` has not.
    """
    if isinstance(urls, dict):
        return {name: rebased(url, port) for name, url in urls.items()}
    if isinstance(urls, list):
        return [rebased(url, port) for url in urls]
    if not isinstance(urls, str):
        return urls
    scheme, _, rest = urls.partition("://")
    return f"{PLAIN.get(scheme, scheme)}://{LOOPBACK}:{port}/{rest}"


def rebase(exchange: Any, standin: "StandIn") -> None:
    """Point an instance of any ccxt class at the stand-in, before it is used.

    ccxt's Binance looks up what an error code means by the address it came from (`https://fapi.binance.com/`: -2019
    is InsufficientFunds there and nowhere else), so the address is put back where errors are told apart.
    """
    exchange.urls["api"] = rebased(exchange.urls["api"], standin.port)
    told = exchange.handle_errors

    def handle_errors(code: int, reason: str, url: str, *others: Any) -> Any:
        return told(code, reason, url.replace(f"http://{standin.address}/", "https://"), *others)

    exchange.handle_errors = handle_errors


class StandIn:
    """The exchange: one server, a venue for each shape it speaks.

    `async with StandIn.started() as standin:` then `rebase(ccxt.pro.binance({...}), standin)`.
    """

    def __init__(self) -> None:
        self.port = 0
        self.binance = Binance()
        self.okx = Okx()
        self.bybit = Bybit()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def venues(self) -> tuple[Venue, ...]:
        return self.binance, self.okx, self.bybit

    def venue(self, name: str) -> Venue:
        """By ccxt's id of the exchange."""
        return next(venue for venue in self.venues if venue.id == name)

    @classmethod
    @asynccontextmanager
    async def started(cls, port: int = 0) -> AsyncIterator["StandIn"]:
        """A server of its own, on a free port if no other, stopped at the end."""
        standin = cls()
        application = web.Application()
        application.router.add_route("*", "/{host}/{path:.*}", standin._serve)
        # without `handler_cancellation` a request that hangs would outlive the client that gave up
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, LOOPBACK, port).start()
            standin.port = runner.addresses[0][1]
            yield standin
        finally:
            for venue in standin.venues:
                await venue.disconnect(abruptly=True)
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        host = request.match_info["host"].partition(":")[0]
        for venue in self.venues:
            if host.endswith(venue.domains):
                if "upgrade" in request.headers.get("Connection", "").lower():
                    return await self._connect(venue, request, host)
                return await answer(venue, request, request.match_info["path"])
        return web.Response(status=404, text=f"no venue at {host}")

    async def _connect(self, venue: Venue, request: web.Request, host: str) -> web.StreamResponse:
        """A websocket, until either side ends it."""
        if venue.faults.refuses_websockets:
            return web.Response(status=venue.faults.refuses_websockets, headers={"Retry-After": "1"})
        response = web.WebSocketResponse(autoping=False, compress=False)
        await response.prepare(request)
        socket = Socket(host, request.match_info["path"], dict(request.query), request, response)
        venue.sockets.open.add(socket)
        try:
            await venue.subscribe(socket, venue.channels_of(socket))
            async for message in response:
                if message.type is WSMsgType.PING:
                    await venue.sockets.pong(socket, message.data)
                elif message.type is WSMsgType.TEXT:
                    await venue.hear(socket, message.data)
        finally:
            venue.sockets.open.discard(socket)
        return response
