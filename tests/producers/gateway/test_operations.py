"""The table against the inputs and the core: what is offered, and what a second one does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from engine.domain.inputs import Input
from engine.domain.requests import RequestWithdrawn
from engine.wire.codec import read_input
from levtao.scenario import Scenario
from producers.gateway.operations import OPERATIONS, Author, Operation, body_schema, to_input
from producers.gateway.refusals import RefusedError
from producers.gateway.words import is_text, kind_of
from tests.producers.gateway.test_routes import EXAMPLES

LIFE = Path(__file__).parents[3] / "docs" / "examples" / "life.jsonl"
FEEDS = {
    "quote_observed", "clock_ticked", "fill_reported", "order_end_reported", "token_quote_observed",
    "funding_observed", "funding_paid",
}  # fmt: skip
"""Inputs of feeds and executors: nobody asks for them."""
CLAIMS_OVER = b'{"type": "clock_ticked", "version": 1, "underlying": "TAO", "time": "2025-12-01T00:00:00Z"}'


def test_everything_people_may_ask_for_is_offered() -> None:
    inputs = {kind.__dataclass_fields__["type"].default for kind in get_args(get_args(Input)[0])}
    assert {operation.input_type for operation in OPERATIONS.values()} == inputs - FEEDS


def lives() -> Iterator[tuple[int, str, dict[str, Any]]]:
    for number, line in enumerate(LIFE.read_text(encoding="utf-8").splitlines()):
        fields = json.loads(line)
        yield number, fields["type"], fields


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_a_second_one_does_what_the_table_says(operation: Operation) -> None:
    """Each in the example of a life is given to the core twice."""
    lines = LIFE.read_bytes().splitlines()
    seen = 0
    for number, kind, _ in lives():
        if kind != operation.input_type:
            continue
        scenario = Scenario()
        list(scenario.run([*lines[:number], *([CLAIMS_OVER] if kind == "distribute_fork" else [])]))
        once, twice = ([json.loads(said) for said in scenario.run([line])] for line in (lines[number], lines[number]))
        if once[0]["type"] in ("input_refused", "request_refused"):
            continue
        seen += 1
        refused = [event["reason"] for event in twice if event["type"] == "input_refused"]
        assert refused == ([operation.again] if operation.again else []), number
    assert seen


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda operation: operation.name)
def test_what_the_schema_needs_and_forbids_is_what_is_taken(operation: Operation) -> None:
    author = Author(operation.role, "alpha")
    body = EXAMPLES[operation.name]
    schema = body_schema(operation)
    assert set(body) <= set(schema["properties"])
    assert to_input(operation, body, author, {"TAO": 0}).type == operation.input_type
    for name in schema["required"]:
        with pytest.raises(RefusedError) as caught:
            to_input(operation, {key: value for key, value in body.items() if key != name}, author, {"TAO": 0})
        assert caught.value.reason in ("invalid_field", "unknown_underlying")
    for name in operation.filled:
        with pytest.raises(RefusedError, match="filled_in"):
            to_input(operation, body | {name: "x"}, author, {"TAO": 0})


@pytest.mark.parametrize("words", ["", "  ", "\n", "a\x1b[2J", "a\N{RIGHT-TO-LEFT OVERRIDE}b", "a\x00"])
def test_who_and_why_can_be_read(words: str) -> None:
    halt, partitions = OPERATIONS["operator", "halt"], {"TAO": 0}
    with pytest.raises(RefusedError, match="invalid_field: reason: blank"):
        to_input(halt, EXAMPLES["halt"] | {"reason": words}, Author("operator", "alice"), partitions)
    with pytest.raises(RefusedError, match="invalid_field: by: blank"):
        to_input(halt, EXAMPLES["halt"], Author("operator", words), partitions)
    to_input(halt, EXAMPLES["halt"] | {"reason": "Größe, 大"}, Author("operator", "Ann Ä"), partitions)


@pytest.mark.parametrize("ratio", ["0", "0.5", "1", "1.000", "0.00000000000000001"])
def test_a_split_makes_more_of_one(ratio: str) -> None:
    split = OPERATIONS["operator", "split"]
    with pytest.raises(RefusedError, match="invalid_field: ratio: a split makes more than one unit of one"):
        to_input(split, EXAMPLES["split"] | {"ratio": ratio}, Author("operator", "alice"), {"TAO": 0})


@pytest.mark.parametrize("identity", ["", "alpha/", "c" * 59, "alpha/" + "c" * 59])
def test_a_participants_id_is_looked_at_without_its_name(identity: str) -> None:
    withdraw, alpha = OPERATIONS["participant", "withdraw"], Author("participant", "alpha")
    with pytest.raises(RefusedError, match="invalid_field: request_id: 1 to 58 characters"):
        to_input(withdraw, {"underlying": "TAO", "request_id": identity}, alpha, {"TAO": 0})
    longest = to_input(withdraw, {"underlying": "TAO", "request_id": "c" * 58}, alpha, {"TAO": 0})
    assert longest == RequestWithdrawn("TAO", f"alpha/{'c' * 58}")
    assert "at most 64 characters in all" in body_schema(withdraw)["properties"]["request_id"]["description"]


def test_what_is_written_is_what_the_engine_reads() -> None:
    given = to_input(OPERATIONS["operator", "halt"], EXAMPLES["halt"], Author("operator", "alice"), {"TAO": 0})
    line = b'{"type": "halt_trading", "version": 1, "underlying": "TAO", "by": "alice", "reason": "a test"}'
    assert given == read_input(line)


@pytest.mark.parametrize(
    ("field", "words", "text"),
    [
        ({"$ref": "#/$defs/Entitlement"}, "Entitlement", False),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "time", True),
        ({"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,18})?$"}, "decimal", True),
        ({"enum": ["a", "b"], "type": "string"}, "a, b", True),
        ({"type": "array", "items": {"type": "integer"}}, "list of number", False),
        ({"type": ["string", "null"]}, "text", False),
        ({"const": 1}, "1", False),
        ({}, "any", False),
    ],
)
def test_a_field_in_words(field: dict[str, Any], words: str, *, text: bool) -> None:
    assert (kind_of(field), is_text(field)) == (words, text)
