"""A network that can be slow, silent or cut: TCP relays on loopback, in a thread of their own."""

import asyncio
import threading
from contextlib import suppress

from levtao.embedded.ports import LOOPBACK

CHUNK_BYTES = 64 << 10
LOOK_S = 0.02
END_TXN = (26).to_bytes(2, "big")
"""How a call of Kafka that ends a transaction begins, behind its length."""


class Proxy:
    """A relay to one port. Its fields may be set from any thread and act on what passes from then on."""

    def __init__(self, target_port: int, *, of_kafka: bool) -> None:
        """Prepare; `Network.relay` starts it."""
        self.port = 0
        self.delay_s = 0.0
        """Each call, and each piece of up to 64 KiB of what else passes, is held back for so long, either way."""
        self.stalled = False
        """Nothing passes and nothing is lost: what waits goes on when this ends."""
        self.cut = False
        """Connections are broken, new ones too."""
        self.commits_late_s = 0.0
        """Every second call that ends a transaction loses its connection, and arrives so much later all the same."""
        self._target_port = target_port
        self._of_kafka = of_kafka
        self._spared = False

    async def listen(self) -> asyncio.Server:
        """Accept connections on a port of its own."""
        server = await asyncio.start_server(self._relay, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, onward = await asyncio.open_connection(LOOPBACK, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        onwards = self._pump_calls(reader, onward, writer) if self._of_kafka else self._pump(reader, onward)
        ways = [asyncio.create_task(way) for way in (onwards, self._pump(there, writer))]
        try:
            while not self.cut and not any(way.done() for way in ways):
                await asyncio.wait(ways, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.transport.abort()
            onward.transport.abort()

    async def _pump_calls(
        self, reader: asyncio.StreamReader, onward: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        """Kafka's calls, one by one."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                size = await reader.readexactly(4)
                call = await reader.readexactly(int.from_bytes(size, "big"))
                await self._held_up()
                if self.commits_late_s and call.startswith(END_TXN):
                    self._spared = not self._spared
                    if not self._spared:
                        back.transport.abort()
                        await asyncio.sleep(self.commits_late_s)
                onward.write(size + call)
                await onward.drain()
                if back.is_closing():
                    await asyncio.sleep(LOOK_S)  # the call is to be read before its connection ends

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await self._held_up()
                writer.write(data)
                await writer.drain()

    async def _held_up(self) -> None:
        await asyncio.sleep(self.delay_s)
        while self.stalled:
            await asyncio.sleep(LOOK_S)


class Network:
    """The thread all relays run in."""

    def __init__(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._relays: list[tuple[Proxy, asyncio.Server]] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()

    def relay(self, target_port: int, *, of_kafka: bool = False) -> Proxy:
        """A new relay to a port on loopback."""
        proxy = Proxy(target_port, of_kafka=of_kafka)
        self._relays.append((proxy, asyncio.run_coroutine_threadsafe(proxy.listen(), self._loop).result(10)))
        return proxy

    def close(self) -> None:
        """End every relay."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        for proxy, server in self._relays:
            server.close()
            proxy.cut = True
        passing = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*passing, return_exceptions=True)
