"""Each request once: the same id with the same body is one input, whatever crashes and however often it is sent.

    unknown -> taken (from which offset on its input may be in the log) -> written (at which offset)

Who takes a request may write its input for as long as the lease lasts; it hands the input over in the first third of
it and the log's own deadline is another third, so it has given up when somebody else takes over. The input carries the
request in a header: whoever finds a request taken and not written looks in the log.

What this cannot see is what was handed to TCP and arrives after the lease (the path to the broker cut, or the broker
frozen, for over a minute): where the request was written again meanwhile, it is two inputs.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from re import fullmatch
from time import monotonic
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine.domain.inputs import Input, Position
from engine.log.port import Headers, Log, LogError, read_up_to
from engine.wire.codec import encode_input
from engine.wire.topics import INPUTS
from producers.gateway.inlet import InletClosedError
from producers.gateway.refusals import RefusedError

HEADER = "request-id"
REMEMBERED_S = 86_400
LEASE_S = 60.0
REQUEST_ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
SCANNED_MS = 600_000
"""An input is appended within a lease of its taking: the log is searched so far, unequal broker clocks allowed for."""
SCAN_DEADLINE_S = 30.0
WAITED_S = 3.0
POLL_S = 0.05
NOTHING = "; nothing written by this attempt"
"""All that can be said where Redis may have forgotten, or an earlier attempt may have got through."""

_TAKE = files("producers.gateway").joinpath("once.lua").read_text()
_AMEND = "return redis.call('HGET', KEYS[1], 'until') == ARGV[1] and redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])"
"""Answers nothing where the lease is another's."""

Write = Callable[[Input, Headers], Awaitable[Position]]


class Written(NamedTuple):
    """Where a request's input is, and whether it was there before."""

    position: Position
    repeated: bool

    def answer(self, request_id: str | None) -> dict[str, Any]:
        """What whoever asked is told."""
        partition, offset, _ = self.position
        place = {"request_id": request_id, "topic": INPUTS.name, "partition": partition, "offset": offset}
        return place | {"outcomes": f"{partition}-{offset}-", "repeated": self.repeated}


class Known(NamedTuple):
    """Where a request's input is, and which underlying it is about."""

    position: Position
    underlying: str


class _Request(NamedTuple):
    """A request as it is remembered, and the header of its input."""

    key: str
    body: str
    header: tuple[str, bytes]
    partition: int
    underlying: str


@dataclass(frozen=True, slots=True)
class Once:
    """Writes requests once. `app` keeps deployments on one Redis apart."""

    redis: "Redis"
    log: Log
    write: Write
    app: str
    lease_s: float = LEASE_S
    waited_s: float = WAITED_S

    async def known(self, who: str, request_id: str) -> Known | None:
        """What is known of a request's input, None where nothing is. Raises RefusedError."""
        async with _reached(""):
            found: list[Any] = await self.redis.hmget(self._key(who, request_id), "partition", "offset", "underlying")
        if None in found:
            return None
        partition, offset, underlying = found
        return Known(Position(int(partition), int(offset)), underlying.decode())

    async def submit(self, who: str, request_id: str, given: Input, partition: int) -> Written:
        """Write `given`, or find where it is. Raises RefusedError."""
        body = hashlib.sha256(encode_input(given)).hexdigest()
        header = (HEADER, f"{who}/{request_id} {body}".encode())
        request = _Request(self._key(who, request_id), body, header, partition, given.underlying)
        deadline = monotonic() + self.lease_s / 3
        state, start, lease, last = await self._take(request)
        if state == "other_body":
            raise RefusedError("other_body", f"request {request_id} was made, for another input")
        if state == "written":
            return Written(Position(partition, last), repeated=True)
        if state != "mine":
            found, end = await self._find(request, start)
            if found is None and state == "under_way":
                found = await self._awaited(request)
                if found is None:
                    raise RefusedError("under_way", f"request {request_id} is being written", 1 + last // 1000)
            if found is not None:
                await self._settle(request, lease, found)
                return Written(Position(partition, found), repeated=True)
            if not await self._amend(request, lease, "from", end):
                raise RefusedError("under_way", f"another gateway has taken it over{NOTHING}", 1)
        if monotonic() > deadline:
            await self._amend(request, lease, "until", 0)
            raise RefusedError("unavailable", f"log and Redis took too long to answer{NOTHING}", 1)
        position = await self._append(request, lease, given)
        await self._settle(request, lease, position.offset)
        return Written(position, repeated=False)

    async def _append(self, request: _Request, lease: str, given: Input) -> Position:
        try:
            return await self.write(given, (request.header,))
        except InletClosedError as error:
            await self._amend(request, lease, "until", 0)
            raise RefusedError("unavailable", f"{error}{NOTHING}", 1) from None
        except LogError as error:
            again = f"{error}; it may be written or not, the same request again will tell"
            raise RefusedError("unavailable", again, round(self.lease_s)) from None

    def _key(self, who: str, request_id: str) -> str:
        if not fullmatch(REQUEST_ID_PATTERN, request_id):
            raise RefusedError("request_id", f"Idempotency-Key: an id of the form {REQUEST_ID_PATTERN}")
        return f"{self.app}:gateway:{who}/{request_id}"

    async def _take(self, request: _Request) -> tuple[str, int, str, int]:
        end = await self._end(request.partition)
        async with _reached():
            state, start, lease, last = await self.redis.eval(
                _TAKE, 1, request.key, request.body, end, round(self.lease_s * 1000), REMEMBERED_S
            )
        return state.decode(), int(start), lease.decode(), int(last)

    async def _amend(self, request: _Request, lease: str, name: str, value: int) -> bool:
        """Change what is remembered; False where somebody else has taken over."""
        async with _reached():
            return await self.redis.eval(_AMEND, 1, request.key, lease, name, value) is not None

    async def _settle(self, request: _Request, lease: str, offset: int) -> None:
        """Remember where it is. Where Redis is away by now, the log knows, and a repetition looks there."""
        with suppress(RefusedError):
            async with _reached(), self.redis.pipeline(transaction=True) as pipe:
                pipe.hset(
                    request.key,
                    mapping={
                        "body": request.body,
                        "from": offset,
                        "until": lease,
                        "partition": request.partition,
                        "underlying": request.underlying,
                        "offset": offset,
                    },
                )
                pipe.expire(request.key, REMEMBERED_S)
                await pipe.execute()

    async def _awaited(self, request: _Request) -> int | None:
        """The offset, if whoever is at it writes it soon."""
        until = monotonic() + self.waited_s
        while monotonic() < until:
            async with _reached():
                offset = await self.redis.hget(request.key, "offset")
            if offset is not None:
                return int(offset)
            await asyncio.sleep(POLL_S)
        return None

    async def _end(self, partition: int) -> int:
        try:
            async with self.log.reader(INPUTS.name, partition, 0) as reader:
                return await reader.end()
        except LogError as error:
            raise RefusedError("unavailable", f"{error}{NOTHING}", 1) from None

    async def _find(self, request: _Request, start: int) -> tuple[int | None, int]:
        """The offset of the request's input from `start` on, and up to where was looked."""
        try:
            async with (
                asyncio.timeout(SCAN_DEADLINE_S),
                self.log.reader(INPUTS.name, request.partition, start) as reader,
            ):
                end = await reader.end()
                latest = None
                async for record in read_up_to(reader, end):
                    if request.header in [(name, value) for name, value in record.headers]:
                        return record.offset, end
                    latest = latest or record.timestamp_ms + SCANNED_MS
                    if record.timestamp_ms > latest:
                        break
                return None, end
        except (LogError, TimeoutError) as error:
            raise RefusedError("unavailable", f"looking for it in the log: {error!r}{NOTHING}", 1) from None


@asynccontextmanager
async def _reached(then: str = NOTHING) -> AsyncIterator[None]:
    """Whatever goes wrong between us and Redis is a refusal."""
    try:
        yield
    except (RedisError, TimeoutError, OSError) as error:
        raise RefusedError("unavailable", f"Redis: {type(error).__name__}{then}", 1) from None
