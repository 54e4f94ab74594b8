"""The view in Redis: committed exposure state per token, readable by a desk, and a quick start for a lane.

It is written after the commit and never trusted beyond it: it may be empty, late or set back at any moment. A delta
is taken only on top of the watermark it was made for; otherwise the next write is a full one.

Keys of a partition share a hash tag, so that one script covers a lane in a cluster:
`levtao:{0}:meta`, `levtao:{0}:names`, `levtao:{0}:token:TAO3L`, `levtao:{0}:market:TAO`, `levtao:{0}:order:...`.

Each record is a hash: `state` is the record as in the changelog, and `nav` beside a token the record it published last,
to the byte as in the topic, so what a desk sees here it can place there.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from typing import NamedTuple

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from engine.wire.states import FORMAT, Checkpoint

TIMEOUT_S = 5.0
_SCRIPT = files("engine.runtime").joinpath("view.lua").read_text()
_READ_SCRIPT = """
local meta = redis.call('HMGET', KEYS[1], 'next', 'position', 'digest', 'format')
local records = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  records[#records + 1] = name
  records[#records + 1] = redis.call('HGET', string.sub(KEYS[1], 1, #KEYS[1] - 4) .. name, 'state') or ''
end
return {meta, records}
"""
_READ_ALL_SCRIPT = """
local records = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  records[#records + 1] = {name, redis.call('HGETALL', string.sub(KEYS[1], 1, #KEYS[1] - 4) .. name)}
end
return {redis.call('HGET', KEYS[1], 'next'), records}
"""


class ViewError(Exception):
    """Redis did not do it. The view is healed by the next full write."""


@contextmanager
def _answering(doing: str) -> Iterator[None]:
    """Whatever goes wrong between us and Redis is a ViewError that says what we were at."""
    try:
        yield
    except (RedisError, TimeoutError, OSError) as error:
        raise ViewError(f"{doing}: {type(error).__name__}: {error}") from error


class Snapshot(NamedTuple):
    """What the view holds of a partition, read in one piece."""

    next_offset: int
    position: int
    digest: str
    records: dict[str, bytes]


class FullSnapshot(NamedTuple):
    """Everything a desk can see of a partition, read in one piece."""

    next_offset: int
    records: dict[str, dict[str, bytes]]


class View:
    """The view of one partition."""

    def __init__(self, redis: "Redis", partition: int, app: str = "levtao") -> None:
        """Use `redis` for the partition's keys."""
        self._redis = redis
        prefix = f"{app}:{{{partition}}}:"
        self._keys = [prefix + "meta", prefix + "names"]
        self._write = redis.register_script(_SCRIPT)
        self._read = redis.register_script(_READ_SCRIPT)
        self._read_all = redis.register_script(_READ_ALL_SCRIPT)

    async def read(self) -> Snapshot | None:
        """All of it at one moment, or None if it is empty or of another format. Raises ViewError."""
        with _answering(f"reading {self._keys[0]}"):
            meta, flat = await self._read(keys=self._keys)
        if meta[0] is None or meta[3] != str(FORMAT).encode():
            return None
        try:
            records = {name.decode(): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
            return Snapshot(int(meta[0]), int(meta[1]), meta[2].decode(), records)
        except (ValueError, TypeError, AttributeError) as error:
            raise ViewError(f"reading {self._keys[0]}: not what an engine wrote: {error}") from error

    async def read_all(self) -> FullSnapshot | None:
        """Every field of every record at one moment, or None if the view is empty. Raises ViewError."""
        with _answering(f"reading {self._keys[0]}"):
            next_offset, found = await self._read_all(keys=self._keys)
        if next_offset is None:
            return None
        try:
            records = {
                name.decode(): {key.decode(): value for key, value in zip(flat[::2], flat[1::2], strict=True)}
                for name, flat in found
            }
            return FullSnapshot(int(next_offset), records)
        except ValueError as error:
            raise ViewError(f"reading {self._keys[0]}: not what an engine wrote: {error}") from error

    async def drop(self) -> None:
        """Forget the watermark, so that the next full write is taken whatever was there. Raises ViewError."""
        with _answering(f"dropping {self._keys[0]}"):
            await self._redis.delete(self._keys[0])

    async def write(
        self,
        changes: Mapping[str, bytes | None],
        navs: Mapping[str, bytes],
        checkpoint: Checkpoint,
        position: int,
        *,
        onto: int | None,
    ) -> bool:
        """Write changes on top of watermark `onto`, or everything if it is None; whether it was taken.

        A delta is refused where the watermark is another one, a full write where it would set the view back.
        Raises ViewError.
        """
        mode = ("delta", onto) if onto is not None else ("full", "")
        arguments: list[bytes | str | int] = [*mode, checkpoint.next_offset, position, checkpoint.digest, FORMAT]
        for name, value in changes.items():
            arguments += [name, 0] if value is None else [name, 2, "state", value]
        for token, nav in navs.items():
            arguments += [f"token:{token}", 2, "nav", nav]
        with _answering(f"writing {self._keys[0]}"):
            verdict = await self._write(keys=self._keys, args=arguments)
        return bool(verdict[0] == b"written")


@asynccontextmanager
async def connect(url: str) -> AsyncIterator["Redis"]:
    """A client that answers or fails soon: no retries, since a retried script runs again."""
    redis = Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
    )
    try:
        yield redis
    finally:
        await redis.aclose()


async def refuse_eviction(redis: "Redis") -> None:
    """Raise ViewError if this Redis may throw keys away: a view with holes is worse than none."""
    with _answering("asking Redis for its policy"):
        answer = await redis.config_get("maxmemory-policy")
    policy = answer.get("maxmemory-policy")
    if policy != "noeviction":
        raise ViewError(f"Redis has maxmemory-policy {policy}; it must be noeviction")
