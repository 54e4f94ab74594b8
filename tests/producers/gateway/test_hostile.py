"""Callers without a key, with somebody else's, with too much, too slowly or too often."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from time import monotonic

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from engine.log.memory import MemoryLog
from engine.wire.codec import MAX_INPUT_BYTES
from producers.gateway import server
from producers.gateway.operations import OPERATIONS
from tests.eventually import eventually
from tests.producers.gateway.running import HALT, Running, keys, provisioned, running
from tests.producers.gateway.test_routes import EXAMPLES

PATH = "/v1/operator/halt"
ROUTES = [operation.path for operation in OPERATIONS.values()]


@pytest.fixture
async def hasty(redis: "Redis") -> AsyncIterator[Running]:
    """A gateway that does not wait long for a body."""
    log = MemoryLog()
    await provisioned(log)
    async with running(log, redis, body_deadline_s=0.3) as started:
        yield started


def failures() -> float:
    return REGISTRY.get_sample_value("levtao_gateway_auth_failures_total") or 0.0


async def test_every_wrong_key_is_answered_alike_and_as_late(gateway: Running) -> None:
    """An id that exists, one that does not, a forged, cut or swapped secret: nothing tells them apart."""
    presented = keys()[1]
    secret = presented["alice"].partition(".")[2]
    wrong = ["", "Bearer", "Basic YTpi", f"Bearer alice.{'x' * 43}", f"Bearer nobody.{secret}"]
    wrong += [f"Bearer {presented['alice'][:-1]}", f"Bearer rita.{secret}", "Bearer alice.\xe4\xff"]
    before = failures()

    async def ask(authorization: str) -> tuple[int, bytes, float]:
        came = monotonic()
        given = {b"authorization": authorization.encode("latin-1"), b"idempotency-key": b"x"}
        answer = await gateway.client.post(PATH, headers=given, json=HALT)
        return answer.status_code, answer.content, monotonic() - came

    answers = await asyncio.gather(*(ask(authorization) for authorization in wrong))
    assert {(status, content) for status, content, _ in answers} == {
        (401, b'{"reason":"not_authenticated","detail":"the key is missing or wrong"}')
    }
    assert all(took >= 0.5 for _, _, took in answers)
    assert failures() - before == len(wrong)
    assert (await gateway.ask("alice", PATH, HALT)).status_code == 202
    assert len(await gateway.inputs()) == 1


async def test_an_address_that_guesses_is_told_to_wait_and_a_good_key_never_is(gateway: Running) -> None:
    """The first use of a key, too, and while others still guess from behind the same address."""
    before = failures()

    async def guess(number: int) -> tuple[httpx.Response, float]:
        came = monotonic()
        return await gateway.ask(f"alice.{number}", "/v1/whoami"), monotonic() - came

    guessing = asyncio.gather(*(guess(number) for number in range(14)))
    good = await asyncio.gather(*(gateway.ask("alice", PATH, HALT) for _ in range(14)))
    assert {answer.status_code for answer in good} == {202}
    guessed = await guessing
    assert sorted(answer.status_code for answer, _ in guessed) == [401] * 10 + [429] * 4
    assert all(took >= 0.5 for _, took in guessed)
    assert failures() - before == 14
    limited = next(answer for answer, _ in guessed if answer.status_code == 429)
    assert limited.json()["reason"] == "limited"
    assert int(limited.headers["retry-after"]) >= 1
    assert (await gateway.ask("rita", "/v1/whoami")).status_code == 200


async def test_a_key_that_asks_too_often_waits_and_others_do_not(redis: "Redis") -> None:
    log = MemoryLog()
    await provisioned(log)
    async with running(log, redis, rate_per_s=0.5, burst=3) as gateway:
        answers = [await gateway.ask("alice", PATH, HALT) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 429]
        assert answers[4].headers["retry-after"] in ("1", "2", "3")
        assert (await gateway.ask("rita", "/v1/whoami")).status_code == 200
        assert len(await gateway.inputs()) == 3


async def test_of_proxies_only_those_named_say_who_connects(redis: "Redis") -> None:
    """Else anybody could be somebody new at every guess."""
    log = MemoryLog()
    await provisioned(log)
    for proxies, expected in (((), 4), (("127.0.0.1",), 0)):
        async with running(log, redis, proxies=proxies) as gateway:
            asked = (
                gateway.ask("no.key", "/v1/whoami", **{"x-forwarded-for": f"192.0.2.{number}"}) for number in range(14)
            )
            statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
            assert statuses.count(429) == expected
            mapped = (
                gateway.ask("no.key", "/v1/whoami", **{"x-forwarded-for": f"::ffff:198.51.100.{number}"})
                for number in range(11)
            )
            statuses = [answer.status_code for answer in await asyncio.gather(*mapped)]
            assert (429 in statuses) is not bool(proxies)
            odd = ("2001:db8::1", "fe80::1%eth0", "a:b:c", "x" * 500, ", ,")
            asked = (gateway.ask("no.key", "/v1/whoami", **{"x-forwarded-for": forwarded}) for forwarded in odd)
            assert {answer.status_code for answer in await asyncio.gather(*asked)} <= {401, 429}


async def test_a_body_is_read_no_further_than_an_input_may_be_long(gateway: Running) -> None:
    exact = json.dumps(HALT)
    padded = exact.encode() + b" " * (MAX_INPUT_BYTES - len(exact))
    headers = {"authorization": f"Bearer {keys()[1]['alice']}", "content-type": "application/json"}
    fits = await gateway.client.post(PATH, headers=headers | {"idempotency-key": "a"}, content=padded)
    assert fits.status_code == 202

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 4096

    answered = 0
    for content in (padded + b" ", b"[" * (1 << 20), endless()):
        try:
            answer = await gateway.client.post(PATH, headers=headers | {"idempotency-key": "b"}, content=content)
        except httpx.TransportError:
            continue
        assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")
        assert answer.headers["connection"] == "close"
        answered += 1
    assert answered >= 1
    assert len(await gateway.inputs()) == 1


async def test_deep_json_is_refused_and_not_followed(gateway: Running) -> None:
    for body in (b"[" * 60_000, b'{"a":' * 10_000, b'{"token":' + b"[" * 30_000 + b"]" * 30_000 + b"}"):
        answer = await post(gateway, body)
        assert (answer.status_code, answer.json()["reason"]) == (400, "not_json")


async def post(gateway: Running, body: bytes, path: str = PATH, **headers: str) -> httpx.Response:
    given = {"authorization": f"Bearer {keys()[1]['alice']}", "content-type": "application/json"}
    return await gateway.client.post(path, headers=given | {"idempotency-key": "z"} | headers, content=body)


async def test_what_is_not_json_is_refused(gateway: Running) -> None:
    for body in (
        b"",
        b"{",
        b"nul",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"\x00",
        b'{"a": %s}' % (b"1" * 5000),
        b'{"a": 1, "a": 2}',
        b'{"a": [{"b": 1, "\\u0062": 1}]}',
    ):
        answer = await post(gateway, body)
        assert (answer.status_code, answer.json()["reason"]) == (400, "not_json"), body
    other = await post(gateway, b"{}", **{"content-type": "text/plain"})
    assert (other.status_code, other.json()["reason"]) == (415, "not_json_type")
    for identity in ("", "x" * 65, "a b", "a/b", "../x"):
        answer = await post(gateway, json.dumps(HALT).encode(), **{"idempotency-key": identity})
        assert (answer.status_code, answer.json()["reason"]) == (400, "request_id")
    assert await gateway.inputs() == []


async def raw(gateway: Running, *pieces: bytes, every_s: float = 0.0) -> bytes:
    """What is answered to these bytes, sent one after another, until the connection is closed."""
    reader, writer = await asyncio.open_connection(*gateway.address)

    async def send() -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_s)

    sending = asyncio.create_task(send())
    try:
        async with asyncio.timeout(15):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        writer.close()


async def test_a_body_that_trickles_in_is_given_up(hasty: Running) -> None:
    head = HEAD.format(path=PATH, key=keys()[1]["alice"], length=60_000) + "\r\n"
    came = monotonic()
    answered = await raw(hasty, head.encode(), *([b" "] * 500), every_s=0.02)
    assert answered.startswith(b"HTTP/1.1 408")
    assert b"slow_body" in answered
    assert monotonic() - came < 5
    assert (await hasty.ask("alice", PATH, HALT)).status_code == 202


async def test_a_connection_that_brings_no_request_is_closed(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_DEADLINE_S", 0.3)
    assert await raw(gateway) == b""
    trickled = [b"GET / HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 500]
    came = monotonic()
    assert await raw(gateway, *trickled, every_s=0.02) == b""
    once = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    assert (await raw(gateway, once, *trickled, every_s=0.02)).count(b"HTTP/1.1") == 1
    assert monotonic() - came < 8
    assert (await raw(gateway, b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("asked", [1, 200])
async def test_a_connection_whose_answers_are_never_read_is_closed(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    """Whether one answer is left over, or so many that the next has to wait."""
    monkeypatch.setattr(server, "REQUEST_DEADLINE_S", 0.3)
    seen: list[server.PromptProtocol] = []
    monkeypatch.setattr(server.PromptProtocol, "connection_made", narrow(server.PromptProtocol.connection_made, seen))
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, gateway.address)
        await loop.sock_sendall(client, b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * asked)
        await eventually(lambda: seen and seen[0] in seen[0].connections, "the connection is there")
        await eventually(lambda: seen[0] not in seen[0].connections, "the connection is closed", 5)


def narrow(made: Callable[..., None], seen: list[server.PromptProtocol]) -> Callable[..., None]:
    """`connection_made` with next to no room in the kernel, and what it was called for."""

    def connection_made(self: server.PromptProtocol, transport: asyncio.Transport) -> None:
        seen.append(self)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        made(self, transport)

    return connection_made


async def test_one_address_cannot_take_every_connection(redis: "Redis") -> None:
    log = MemoryLog()
    await provisioned(log)
    for proxies, taken in (((), server.CONNECTIONS_OF_ONE - 1), (("127.0.0.1",), 80)):
        async with running(log, redis, proxies=proxies) as gateway:
            assert (await gateway.ask(None, "/livez")).status_code == 200
            opened = [await asyncio.open_connection(*gateway.address) for _ in range(80)]
            assert (await gateway.ask("alice", PATH, HALT)).status_code == 202
            assert sum(not reader.at_eof() and reader.exception() is None for reader, _ in opened) == taken
            for _, writer in opened:
                writer.close()


HEAD = (
    "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: s\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n"
)


@pytest.mark.parametrize(
    "second",
    ["Transfer-Encoding: chunked", "Authorization: Bearer x", "Idempotency-Key: t", "Content-Type: application/json"],
)
async def test_a_head_that_can_be_read_in_two_ways_is_refused_and_what_follows_is_not_read(
    gateway: Running, second: str
) -> None:
    body = json.dumps(HALT).encode()
    if second.startswith("Transfer"):
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = HEAD.format(path=PATH, key=keys()[1]["alice"], length=len(body)) + f"{second}\r\n\r\n"
    answered = await raw(gateway, head.encode() + body + b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answered.startswith(b"HTTP/1.1 400")
    assert b"ambiguous_head" in answered
    assert answered.count(b"HTTP/1.1") == 1
    assert await gateway.inputs() == []


async def test_strangers_cannot_fill_the_log_of_the_process(gateway: Running, caplog: pytest.LogCaptureFixture) -> None:
    await raw(gateway, b"nonsense\r\n\r\n")
    upgrade = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n"
    assert (await raw(gateway, upgrade)).startswith(b"HTTP/1.1 200")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert (await gateway.ask(None, "/livez")).status_code == 200


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["TAO", "1", "-1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
names = sorted({name for body in EXAMPLES.values() for name in body} | {"by", "type", "version", "participant"})
bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(names), json_values, max_size=8).map(lambda value: json.dumps(value).encode()),
    st.builds(
        lambda kind, name, value: json.dumps(EXAMPLES[kind] | {name: value}).encode(),
        st.sampled_from(sorted(EXAMPLES)), st.sampled_from(names), json_values,
    ),
)  # fmt: skip


async def test_whatever_is_sent_is_taken_or_refused_for_a_reason(redis: "Redis") -> None:
    log = MemoryLog()
    await provisioned(log)
    async with running(log, redis, rate_per_s=10_000, burst=100_000) as gateway:
        loop = asyncio.get_running_loop()
        asked = 0

        @settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
        @given(path=st.sampled_from(ROUTES), who=st.sampled_from(["alice", "alpha-1"]), body=bodies)
        def whatever(path: str, who: str, body: bytes) -> None:
            nonlocal asked
            asked += 1
            headers = {"authorization": f"Bearer {keys()[1][who]}", "idempotency-key": f"f-{asked}"}
            sent = post(gateway, body, path, **headers)
            answer = asyncio.run_coroutine_threadsafe(sent, loop).result(30)
            assert answer.status_code == 202 or 400 <= answer.status_code < 500, answer.text
            assert answer.status_code == 202 or set(answer.json()) == {"reason", "detail"}

        await asyncio.to_thread(whatever)
        for partition in (0, 1):
            await gateway.inputs(partition)


async def test_no_secret_is_ever_logged(
    gateway: Running, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    presented = keys()[1]
    forged = f"alice.{'f' * 43}"
    await gateway.ask("alice", PATH, HALT)
    await gateway.ask("alice", PATH, HALT | {"reason": 1})
    await gateway.ask("rita", PATH, HALT)
    answer = await gateway.ask(forged, PATH, HALT)
    texts = [caplog.text, *capfd.readouterr(), answer.text]
    texts += [str(headers) for _, headers in await gateway.inputs()]
    for secret in (*(value.partition(".")[2] for value in presented.values()), "f" * 43):
        assert not any(secret in text for text in texts)
    assert any("written" in text for text in texts)
