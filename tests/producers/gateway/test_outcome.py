"""From a request to what the engine made of it: found in the outputs by the input's place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from engine.domain.inputs import Position, QuoteObserved
from engine.log.memory import MemoryLog
from engine.log.port import LogError
from engine.runtime.engine import Engine
from engine.runtime.lane import LaneSettings
from producers.gateway.outcome import find_outcome
from producers.inputs import InputWriter
from tests.desk import d
from tests.eventually import eventually
from tests.producers.gateway.running import CREATE, HALT, Running

TERMS = HALT | {"terms_version": 1, "terms": {"min_venues": 1, "max_age_s": 600}}
TOKEN = HALT | {"token": "TAO3L", "terms_version": 1, "terms": {"multiplier": "3"}}
ADMITTED = HALT | {"participant": "alpha", "active": True, "entitlements": [{"token": "TAO3L"}]}


@asynccontextmanager
async def engine(gateway: Running, redis: "Redis") -> AsyncIterator[None]:
    """An engine on the gateway's log for the time of the block."""
    service = Engine(gateway.log, redis, LaneSettings(backoff_s=0.05))
    running = asyncio.create_task(service.run())
    try:
        yield
    finally:
        service.stop()
        await asyncio.wait([running])
        running.result()


async def asked(gateway: Running, who: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What became of a request in the end."""
    answer = await gateway.ask(who, path, body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = {}

    async def known() -> bool:
        told = await gateway.ask(who, f"/v1/outcomes/{answer.json()['request_id']}")
        assert told.status_code == 200, told.text
        found.update(told.json())
        return bool(found["status"] != "pending")

    await eventually(known, "an outcome")
    assert all(event["id"].startswith(answer.json()["outcomes"]) for event in found["events"])
    return found


async def test_requests_and_commands_and_what_came_of_them(gateway: Running, redis: "Redis") -> None:
    pending = await gateway.ask("alice", "/v1/operator/set-underlying-terms", TERMS, request_id="terms")
    told = (await gateway.ask("alice", "/v1/outcomes/terms")).json()
    assert told == {
        "request_id": "terms", "partition": 0, "offset": 0, "status": "pending", "code": None, "detail": None,
        "events": [],
    }  # fmt: skip
    assert pending.json()["outcomes"] == "0-0-"
    async with engine(gateway, redis):
        listed = await asked(gateway, "alice", "/v1/operator/set-token-terms", TOKEN)
        assert (listed["status"], listed["events"][0]["type"]) == ("accepted", "token_terms_changed")
        refused = await asked(gateway, "alpha-1", "/v1/participant/create", CREATE)
        assert (refused["status"], refused["code"]) == ("refused", "participant_unknown")
        await asked(gateway, "alice", "/v1/operator/set-participant", ADMITTED)
        created = await asked(gateway, "alpha-1", "/v1/participant/create", CREATE)
        assert (created["status"], created["code"]) == ("accepted", None)
        assert [event["type"] for event in created["events"]] == ["request_received"]
        again = await asked(gateway, "alpha-1", "/v1/participant/create", CREATE)
        assert (again["status"], again["code"]) == ("refused", "duplicate_request")
        halted = await asked(gateway, "alice", "/v1/operator/halt", HALT)
        assert (halted["status"], halted["events"][0]["by"]) == ("accepted", "alice")
        twice = await asked(gateway, "alice", "/v1/operator/halt", HALT)
        assert (twice["status"], twice["code"]) == ("refused", "already_halted")
        buried = await asked(gateway, "alice", "/v1/operator/halt", HALT | {"underlying": "BTC"})
        assert (buried["status"], buried["code"]) == ("refused", "unknown_underlying")
        withdrawn = await asked(
            gateway, "alpha-1", "/v1/participant/withdraw", {"underlying": "TAO", "request_id": "c-1"}
        )
        assert [event["type"] for event in withdrawn["events"]] == ["request_returned"]


async def test_who_may_look_at_whose_requests(gateway: Running) -> None:
    await gateway.ask("alpha-1", "/v1/participant/create", CREATE, request_id="mine")
    assert (await gateway.ask("alpha-1", "/v1/outcomes/mine")).status_code == 200
    assert (await gateway.ask("alpha-1", "/v1/outcomes/mine?key=alpha-1")).status_code == 200
    for who in ("alice", "rita", "custodian"):
        assert (await gateway.ask(who, "/v1/outcomes/mine?key=alpha-1")).status_code == 200
        assert (await gateway.ask(who, "/v1/outcomes/mine")).status_code == 404
    for who in ("beta-1",):
        assert (await gateway.ask(who, "/v1/outcomes/mine?key=alpha-1")).json()["reason"] == "not_allowed"
        assert (await gateway.ask(who, "/v1/outcomes/mine")).json()["reason"] == "unknown_request"
    for odd in ("../alpha-1", "%0a", "%00", "x" * 70, ""):
        answer = await gateway.ask("alice", f"/v1/outcomes/mine?key={odd}")
        assert (answer.status_code, answer.json()["reason"]) == (400, "request_id")
    for own in ("alice", "cli:alice"):
        assert (await gateway.ask("alice", f"/v1/outcomes/nothing?key={own}")).status_code == 404


async def test_a_key_bound_to_underlyings_sees_what_came_of_those_only(gateway: Running) -> None:
    for underlying in ("TAO", "BTC"):
        await gateway.ask("alice", "/v1/operator/halt", HALT | {"underlying": underlying}, request_id=underlying)
    assert (await gateway.ask("tao-desk", "/v1/outcomes/TAO?key=alice")).status_code == 200
    answer = await gateway.ask("tao-desk", "/v1/outcomes/BTC?key=alice")
    assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed")
    assert (await gateway.ask("rita", "/v1/outcomes/BTC?key=alice")).status_code == 200


async def test_an_outcome_is_found_among_many_wherever_it_is(gateway: Running, redis: "Redis") -> None:
    """Thousands of outputs of other inputs before and after it."""
    await gateway.ask("alice", "/v1/operator/set-underlying-terms", TERMS)
    await gateway.ask("alice", "/v1/operator/set-token-terms", TOKEN)
    places = {}
    async with gateway.log.writer() as writer:
        inputs = InputWriter(writer, lambda _: 0)
        crossed = QuoteObserved("TAO", "v", 1_700_000_000_000_000, d(2), d(1))
        for number in range(5):
            await inputs.write([crossed] * 700)
            halted = await gateway.ask("alice", f"/v1/operator/{('halt', 'resume')[number % 2]}", HALT)
            places[number] = Position(0, halted.json()["offset"])
        await inputs.write([crossed] * 700)
    async with engine(gateway, redis):
        for number, position in places.items():
            found = await find_outcome(gateway.log, position, wait_s=20)
            assert found is not None
            assert [event["type"] for event in found.events] == [("trading_halted", "trading_resumed")[number % 2]]
        assert await find_outcome(gateway.log, Position(0, 1_000_000), wait_s=0) is None


async def test_a_log_that_is_away_is_said_to_be() -> None:
    with pytest.raises(LogError, match="no partition"):
        await find_outcome(MemoryLog(), Position(0, 0), wait_s=0)
