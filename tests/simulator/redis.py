"""Redis in memory: what the three scripts of the view and `DEL` do to the keys of a partition, no more.

A test holds it against a real server. Every write is remembered, so that the server can be set back, and reported.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import ConnectionError as NoRedisError

from engine.runtime import view
from tests.simulator.process import Process

KEPT = 20
SLOW_S = view.TIMEOUT_S * 2

Answer = list[Any]


@dataclass(slots=True)
class Held:
    """The keys of one partition."""

    meta: dict[str, bytes] = field(default_factory=dict)
    records: dict[str, dict[bytes, bytes]] = field(default_factory=dict)

    def copy(self) -> "Held":
        """The same, apart."""
        return Held(dict(self.meta), {name: dict(fields) for name, fields in self.records.items()})


@dataclass(slots=True)
class Server:
    """The one Redis. `on_write` hears of every write that was taken: the meta key and what is held then."""

    on_write: Callable[[str, Held], None] = lambda _key, _held: None
    down_until_s: float = -1.0
    slow_until_s: float = -1.0
    _held: dict[str, Held] = field(default_factory=dict)
    _past: list[dict[str, Held]] = field(default_factory=list)

    def at(self, meta: str) -> Held:
        """What is held under a partition's meta key."""
        return self._held.setdefault(meta, Held())

    def flush(self) -> None:
        """Forget everything."""
        self._held.clear()

    def set_back(self, writes: int) -> None:
        """Lose the last writes, as a server that was killed before it synced."""
        if self._past:
            self._held = {key: held.copy() for key, held in self._past[-min(writes, len(self._past))].items()}

    def read(self, keys: Sequence[str], args: Sequence[bytes | str | int]) -> Answer:
        """The script that reads meta and states."""
        held = self.at(keys[0])
        flat = [part for name, fields in held.records.items() for part in (name.encode(), fields.get(b"state", b""))]
        return [[held.meta.get(name) for name in ("next", "position", "digest", "format")], flat]

    def read_all(self, keys: Sequence[str], args: Sequence[bytes | str | int]) -> Answer:
        """The script that reads every field."""
        held = self.at(keys[0])
        found = [
            [name.encode(), [part for item in fields.items() for part in item]] for name, fields in held.records.items()
        ]
        return [held.meta.get("next"), found]

    def write(self, keys: Sequence[str], args: Sequence[bytes | str | int]) -> Answer:
        """`view.lua`."""
        mode, onto, *rest = (arg if isinstance(arg, bytes) else str(arg).encode() for arg in args)
        held = self.at(keys[0])
        at = held.meta.get("next")
        self._remember()
        if mode == b"delta":
            if at != onto:
                return [b"refused", at or b""]
        elif at is not None and int(at) > int(rest[0]):
            return [b"refused", at]
        else:
            held.records.clear()
        place = 4
        while place < len(rest):
            name, size = rest[place].decode(), int(rest[place + 1])
            pairs = rest[place + 2 : place + 2 + size]
            if size == 0:
                held.records.pop(name, None)
            else:
                held.records.setdefault(name, {}).update(zip(pairs[::2], pairs[1::2], strict=True))
            place += 2 + size
        held.meta = dict(zip(("next", "position", "digest", "format"), rest[:4], strict=True))
        self.on_write(keys[0], held)
        return [b"written", rest[0]]

    def delete(self, key: str) -> None:
        """`DEL` of a meta key."""
        self.at(key).meta.clear()

    def _remember(self) -> None:
        self._past.append({key: held.copy() for key, held in self._held.items()})
        del self._past[:-KEPT]


SCRIPTS = {view._SCRIPT: "write", view._READ_SCRIPT: "read", view._READ_ALL_SCRIPT: "read_all"}


class Client:
    """The part of redis-py's client that the view uses, for one process."""

    def __init__(self, server: Server, process: Process | None = None) -> None:
        """Without a process nothing fails."""
        self._server = server
        self._process = process

    def register_script(self, script: str) -> Callable[..., Any]:
        """A script to call with keys and arguments."""
        name = SCRIPTS[script]

        async def call(keys: Sequence[str], args: Sequence[bytes | str | int] = ()) -> Answer:
            answer: Answer = await self._do(lambda: getattr(self._server, name)(keys, args))
            return answer

        return call

    async def delete(self, key: str) -> None:
        """Delete a key."""
        await self._do(lambda: self._server.delete(key))

    async def _do(self, act: Callable[[], Any]) -> Any:
        process = self._process
        if process is None:
            return act()
        server = self._server

        async def effect() -> Any:
            if process.loop.time() < server.down_until_s:
                raise NoRedisError("down")
            return act()

        slow_s = SLOW_S if process.loop.time() < server.slow_until_s else 0.0
        async with asyncio.timeout(view.TIMEOUT_S):
            return await process.call("view", effect, NoRedisError, slow_s)
