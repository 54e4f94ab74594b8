"""What each role may do, what it is answered, and what then stands in the log."""

import asyncio
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from redis.asyncio import Redis

from engine.domain.commands import HaltTrading, MergeUnits, SetUnderlyingTerms
from engine.domain.requests import CreationRequested, RequestWithdrawn
from producers.gateway.operations import OPERATIONS, Operation
from tests.producers.gateway.running import CREATE, HALT, HOLDERS, Running, running

EXAMPLES: dict[str, dict[str, Any]] = {
    "create": CREATE,
    "redeem": CREATE,
    "withdraw": {"underlying": "TAO", "request_id": "c-1"},
    "claim-fork": {
        "underlying": "TAO", "fork_id": "f", "claim_id": "k", "token": "TAO3L", "units": "1", "address": "5Grw",
    },
    "confirm-cash": {"underlying": "TAO", "request_id": "alpha/c-1", "delivery_id": "wire-1", "amount": "12000"},
    "confirm-units": {"underlying": "TAO", "request_id": "alpha/r-1", "units": "100"},
    "confirm-settlement": {"underlying": "TAO", "request_id": "alpha/r-1", "reference": "0x51"},
    "halt": HALT,
    "resume": HALT,
    "halt-creations": HALT | {"token": "TAO3L"},
    "resume-creations": HALT | {"token": "TAO3L"},
    "set-participant": HALT | {"participant": "alpha", "active": True, "entitlements": [{"token": "TAO3L"}]},
    "set-token-terms": HALT | {"token": "TAO3L", "terms_version": 2, "terms": {"multiplier": "3"}},
    "set-underlying-terms": HALT | {"terms_version": 2, "terms": {}},
    "merge": HALT | {"token": "TAO3L", "ratio": "10", "terms_version": 2},
    "split": HALT | {"token": "TAO3L", "ratio": "10", "terms_version": 2},
    "wind-down": HALT | {"token": "TAO3L", "last_reset": "2030-01-01T00:00:00Z"},
    "announce-fork": HALT
    | {"fork_id": "f", "asset": "TAO2", "halt_from": "2030-01-01T00:00:00Z", "ratio": "1", "policy": "claim"},
    "snapshot-fork": HALT | {"fork_id": "f"},
    "distribute-fork": HALT | {"fork_id": "f"},
    "signal": {"underlying": "TAO", "kind": "volume", "source": "desk", "text": "up", "value": "3.5"},
}  # fmt: skip


def opened(who: str, operation: Operation) -> bool:
    """By the words of the documentation, told apart from the code."""
    if operation.role != HOLDERS[who]["role"]:
        return False
    named: Any = HOLDERS[who].get("operations")
    return operation.name in named if named else operation.name != "claim-fork"


async def test_each_operation_is_open_to_its_role_alone(gateway: Running) -> None:
    expected: list[str] = []
    for operation in OPERATIONS.values():
        for who in HOLDERS:
            answer = await gateway.ask(who, operation.path, EXAMPLES[operation.name])
            if opened(who, operation):
                assert (answer.status_code, answer.json().get("offset")) == (202, len(expected)), answer.text
                expected.append(operation.input_type)
            else:
                assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed"), (who, operation)
    assert [given.type for given, _ in await gateway.inputs()] == expected
    assert set(expected) == {operation.input_type for operation in OPERATIONS.values()}


async def test_everybody_with_a_key_may_read(gateway: Running) -> None:
    for who, fields in HOLDERS.items():
        answer = await gateway.ask(who, "/v1/whoami")
        assert answer.status_code == 200
        assert answer.json()["role"] == fields["role"]
    assert (await gateway.ask("rita", "/v1/whoami")).json()["operations"] == []
    custodian = (await gateway.ask("custodian", "/v1/whoami")).json()
    assert custodian["operations"] == ["confirm-cash", "confirm-units", "confirm-settlement"]
    for path in ("/", "/openapi.json", "/livez", "/readyz"):
        assert (await gateway.ask(None, path)).status_code == 200


async def test_without_a_key_nothing_is_open_but_the_description(gateway: Running) -> None:
    paths: dict[str, Any] = {"/v1/whoami": None, "/v1/outcomes/x": None}
    paths |= {OPERATIONS[role, name].path: EXAMPLES[name] for role, name in list(OPERATIONS)[::4]}
    for answer in await asyncio.gather(*(gateway.ask(None, path, body) for path, body in paths.items())):
        assert (answer.status_code, answer.json()["reason"]) == (401, "not_authenticated")
    assert await gateway.inputs() == []


async def test_the_answer_says_where_it_is_and_how_its_outcomes_are_called(gateway: Running) -> None:
    answer = await gateway.ask("alice", "/v1/operator/halt", HALT, request_id="halt-1")
    assert answer.json() == {
        "request_id": "halt-1", "topic": "levtao.inputs.v1", "partition": 0, "offset": 0, "outcomes": "0-0-",
        "repeated": False,
    }  # fmt: skip
    [(given, headers)] = await gateway.inputs()
    assert given == HaltTrading("TAO", by="alice", reason="a test")
    assert dict(headers)["request-id"].startswith(b"alice/halt-1 ")


async def test_the_same_request_at_two_gateways_at_once(gateway: Running, redis: "Redis") -> None:
    async with running(gateway.log, redis) as other:
        asked = [each.ask("alice", "/v1/operator/halt", HALT, request_id="h") for each in (gateway, other) * 3]
        answers = [answer for answer in await asyncio.gather(*asked) if answer.status_code == 202]
        answers.append(await other.ask("alice", "/v1/operator/halt", HALT, request_id="h"))
        assert {answer.json()["offset"] for answer in answers} == {0}
        assert len(await gateway.inputs()) == 1
        changed = await other.ask("alice", "/v1/operator/halt", HALT | {"reason": "b"}, request_id="h")
        assert (changed.status_code, changed.json()["reason"]) == (409, "other_body")
        moved = await gateway.ask("alice", "/v1/operator/resume", HALT, request_id="h")
        assert (moved.status_code, moved.json()["reason"]) == (409, "other_body")


async def test_who_asks_is_never_taken_from_the_body(gateway: Running) -> None:
    for name, value in {"by": "mallory", "type": "halt_trading", "version": 1}.items():
        answer = await gateway.ask("alice", "/v1/operator/halt", HALT | {name: value})
        assert (answer.status_code, answer.json()["reason"]) == (400, "filled_in")
    answer = await gateway.ask("alpha-1", "/v1/participant/create", CREATE | {"participant": "beta"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "filled_in")
    assert await gateway.inputs() == []


async def test_the_ids_of_a_participant_are_its_own(gateway: Running) -> None:
    """Nobody can take an id another would use, or withdraw what is another's."""
    for who in ("alpha-1", "beta-1"):
        assert (await gateway.ask(who, "/v1/participant/create", CREATE)).status_code == 202
    for identity in ("c-1", "alpha/c-1", "beta/c-1"):
        body = {"underlying": "TAO", "request_id": identity}
        assert (await gateway.ask("alpha-1", "/v1/participant/withdraw", body)).status_code == 202
    found = [given for given, _ in await gateway.inputs()]
    created = [(given.participant, given.request_id) for given in found if isinstance(given, CreationRequested)]
    assert created == [("alpha", "alpha/c-1"), ("beta", "beta/c-1")]
    withdrawn = [given.request_id for given in found if isinstance(given, RequestWithdrawn)]
    assert withdrawn == ["alpha/c-1", "alpha/c-1", "alpha/beta/c-1"]


async def test_a_key_may_be_bound_to_underlyings(gateway: Running) -> None:
    refused = await gateway.ask("tao-desk", "/v1/operator/halt", HALT | {"underlying": "BTC"})
    assert (refused.status_code, refused.json()["reason"]) == (403, "not_allowed")
    assert (await gateway.ask("alice", "/v1/operator/halt", HALT | {"underlying": "BTC"})).json()["partition"] == 1
    assert await gateway.inputs(0) == []
    unknown = await gateway.ask("alice", "/v1/operator/halt", HALT | {"underlying": "DOGE"})
    assert (unknown.status_code, unknown.json()["reason"]) == (422, "unknown_underlying")


async def test_the_partition_comes_from_the_settings_and_a_split_is_a_merge_the_other_way(gateway: Running) -> None:
    terms = HALT | {"underlying": "BTC", "terms_version": 1, "terms": {}}
    assert (await gateway.ask("alice", "/v1/operator/set-underlying-terms", terms)).status_code == 202
    [(given, _)] = await gateway.inputs(1)
    assert isinstance(given, SetUnderlyingTerms)
    assert given.partition == 1
    for ratio in ("4", "70"):
        body = EXAMPLES["split"] | {"ratio": ratio}
        assert (await gateway.ask("alice", "/v1/operator/split", body)).status_code == 202
    split = [given.ratio for given, _ in await gateway.inputs() if isinstance(given, MergeUnits)]
    assert [str(ratio)[:8] for ratio in split] == ["0.25", "0.014285"]
    assert abs(split[1] * 70 - 1) < split[0] / 10**40
    nothing = await gateway.ask("alice", "/v1/operator/split", EXAMPLES["split"] | {"ratio": "0"})
    assert (nothing.status_code, nothing.json()["reason"]) == (422, "invalid_field")


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"reason": 1.5}, 422, "invalid_field"),
        ({"reason": "x" * 257}, 422, "invalid_field"),
        ({"nobody": "asked"}, 422, "invalid_field"),
        ({"underlying": "no spaces"}, 422, "invalid_field"),
        ({"token": {"a": [1] * 20_000}}, 422, "invalid_field"),
        ({"reason": "x" * 70_000}, 413, "too_large"),
    ],
)
async def test_a_body_that_is_no_input_is_refused_in_one_line(
    gateway: Running, changes: dict[str, Any], status: int, reason: str
) -> None:
    answer = await gateway.ask("alice", "/v1/operator/halt", HALT | changes)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert "\n" not in answer.json()["detail"]
    assert len(answer.text) < 500
    assert await gateway.inputs() == []


async def test_what_grows_beyond_an_input_when_spelled_out_is_refused_here_and_not_buried_there(
    gateway: Running,
) -> None:
    many = EXAMPLES["set-participant"] | {"entitlements": [{"token": f"T{number}"} for number in range(2_500)]}
    assert len(json.dumps(many)) < 60_000
    answer = await gateway.ask("alice", "/v1/operator/set-participant", many)
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")
    assert await gateway.inputs() == []


async def test_nothing_else_is_there(gateway: Running) -> None:
    assert (await gateway.ask("alice", "/v1/operator/create", CREATE)).json()["reason"] == "unknown_route"
    assert (await gateway.ask("alice", "/v1/operator/halt")).json()["reason"] == "wrong_method"
    refused = await gateway.client.delete("/v1/whoami")
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert (await gateway.ask("alice", "/v1/operator/halt")).headers["allow"] == "POST"
    for path in ("/v1/operator/halt/", "/livez/"):
        assert (await gateway.ask(None, path)).json()["reason"] == "unknown_route"


async def test_the_openapi_document_is_sound_and_says_what_is_taken(gateway: Running) -> None:
    document = (await gateway.ask(None, "/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert {path for path in document["paths"] if "{" not in path and "whoami" not in path} == {
        operation.path for operation in OPERATIONS.values()
    }
    refusals = {
        path: {status for each in told.values() for status in each["responses"]}
        for path, told in document["paths"].items()
    }
    assert refusals["/v1/whoami"] == {"200", "400", "401", "429"}
    assert "404" in refusals["/v1/outcomes/{request_id}"]
    assert not {"404", "405"} & refusals["/v1/operator/halt"]
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    for operation in OPERATIONS.values():
        schema = {"$ref": f"#/components/schemas/{operation.role}-{operation.name}", "components": {"schemas": schemas}}
        checked = Draft202012Validator(schema)
        checked.validate(EXAMPLES[operation.name])
        filled = {"by": "alice", "participant": "x"}["participant" if operation.role == "participant" else "by"]
        name = "participant" if operation.role == "participant" else "by"
        assert not checked.is_valid(EXAMPLES[operation.name] | {name: filled})


async def test_the_page_needs_nothing_from_elsewhere(gateway: Running) -> None:
    answer = await gateway.ask(None, "/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert "src=" not in answer.text
    for operation in OPERATIONS.values():
        assert operation.path in answer.text


async def test_not_ready_without_the_log(gateway: Running) -> None:
    assert (await gateway.ask(None, "/readyz")).json() == {"ready": True, "missing": []}
    gateway.inlet._writer = None
    answer = await gateway.ask(None, "/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["log"])
    refused = await gateway.ask("alice", "/v1/operator/halt", HALT)
    assert (refused.status_code, refused.json()["reason"]) == (503, "unavailable")
    assert refused.headers["retry-after"]
    assert (await gateway.ask(None, "/livez")).status_code == 200
