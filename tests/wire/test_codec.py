"""Bytes to inputs: what is taken, what is refused and why; outputs there and back."""

import json
from decimal import Decimal
from typing import Annotated, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from engine.domain.commands import SetTokenTerms
from engine.domain.fields import Digits
from engine.domain.inputs import Position, QuoteObserved
from engine.domain.outputs import OrderSent
from engine.domain.terms import TokenTerms
from engine.wire.codec import MAX_INPUT_BYTES, DecodeError, decode_input, decode_output, encode_input, encode_outputs
from engine.wire.schemas import schemas, text
from tests.desk import Desk, d

QUOTE: dict[str, Any] = {
    "type": "quote_observed",
    "version": 1,
    "underlying": "TAO",
    "venue": "binance",
    "time": "2025-10-10T21:18:00.123456Z",
    "bid": "347.10",
    "ask": "347.12",
}


def decode(fields: object, key: bytes | None = b"TAO") -> object:
    return decode_input(key, json.dumps(fields).encode())


def test_a_quote_is_read_exactly() -> None:
    assert decode(QUOTE) == QuoteObserved("TAO", "binance", 1_760_131_080_123_456, d("347.10"), d("347.12"))


def test_a_time_with_an_offset_is_the_same_instant() -> None:
    assert decode(QUOTE | {"time": "2025-10-10T23:18:00.123456+02:00"}) == decode(QUOTE)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "quote_dreamt"}, "unknown_type"),
        ({"type": None}, "unknown_type"),
        ({"version": 2}, "unknown_version"),
        ({"bid": "NaN"}, "invalid_field"),
        ({"bid": "Infinity"}, "invalid_field"),
        ({"bid": "0"}, "invalid_field"),
        ({"bid": "-1"}, "invalid_field"),
        ({"bid": 347.1}, "invalid_field"),
        ({"bid": 347}, "invalid_field"),
        ({"bid": "1e5"}, "invalid_field"),
        ({"bid": "1_000"}, "invalid_field"),
        ({"bid": " 1"}, "invalid_field"),
        ({"bid": "٣"}, "invalid_field"),
        ({"bid": "1" * 16}, "invalid_field"),
        ({"bid": None}, "invalid_field"),
        ({"time": "2025-10-10T21:18:00"}, "invalid_field"),
        ({"time": "2025-13-10T21:18:00Z"}, "invalid_field"),
        ({"time": "1960-01-01T00:00:00Z"}, "invalid_field"),
        ({"time": 1_760_131_080}, "invalid_field"),
        ({"venue": "v" * 33}, "invalid_field"),
        ({"venue": ""}, "invalid_field"),
        ({"venue": "a b"}, "invalid_field"),
        ({"unheard": "of"}, "invalid_field"),
        ({"underlying": "BTC"}, "wrong_key"),
    ],
)
def test_what_is_no_input_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(QUOTE | change)
    assert refused.value.reason == reason
    assert refused.value.detail


@pytest.mark.parametrize("missing", sorted(QUOTE.keys() - {"version"}))
def test_every_field_is_needed(missing: str) -> None:
    with pytest.raises(DecodeError):
        decode({name: value for name, value in QUOTE.items() if name != missing})


@pytest.mark.parametrize("value", [b"", b"{", b"\xff\xfe", b"null", b"[]", b"1", b'"x"', b"{}", b"[" * 50_000, None])
def test_bytes_that_are_no_object_are_refused(value: bytes | None) -> None:
    with pytest.raises(DecodeError):
        decode_input(b"TAO", value)


def test_an_input_without_key_and_one_too_large_are_refused() -> None:
    with pytest.raises(DecodeError, match="wrong_key"):
        decode(QUOTE, None)
    with pytest.raises(DecodeError, match="too_large"):
        decode_input(b"TAO", b" " * (MAX_INPUT_BYTES + 1))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(value: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_input(b"TAO", value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*QUOTE, "terms", "token"]), JSON), st.sampled_from(sorted(schemas())))
def test_no_fields_raise_anything_else(fields: dict[str, Any], path: str) -> None:
    kind = path.rpartition("/")[2].removesuffix(".json")
    try:
        decode(QUOTE | {"type": kind} | fields)
    except DecodeError:
        return


def test_inputs_come_back_as_they_went() -> None:
    desk = _eventful()
    for sent, _ in desk.inputs:
        assert decode_input(b"TAO", encode_input(sent)) == sent


def test_terms_keep_no_limit_apart_from_the_default() -> None:
    for limit in ("none", "default"):
        sent = SetTokenTerms("TAO", "X", 1, TokenTerms(multiplier=d(3), max_leverage=limit), by="", reason="")
        assert decode_input(b"TAO", encode_input(sent)) == sent
    assert TokenTerms(multiplier=d(3), max_leverage="none").de_lever_at is None
    assert TokenTerms(multiplier=d(3)).de_lever_at == 4


def test_outputs_are_read_back_and_fit_their_committed_schemas() -> None:
    desk = _eventful()
    wanted = schemas()
    seen = set()
    for number, output in enumerate(desk.outputs):
        position = Position(0, number)
        [encoded] = encode_outputs([output], position)
        event = decode_output(encoded.value)
        assert event.body == output.body
        assert (event.sequence, event.time) == (output.sequence, output.time)
        assert event.cause == f"levtao.inputs.v1/0/{number}"
        jsonschema.validate(json.loads(encoded.value), wanted[f"outputs/{output.body.type}.json"])
        headers = dict(encoded.headers)
        assert headers["ce_id"].decode() == event.id == f"0-{number}-0"
        assert headers["ce_subject"] == encoded.key
        seen.add(output.body.type)
    assert len(seen) >= 15, f"too few kinds of output to prove anything: {sorted(seen)}"


def test_a_reader_takes_fields_it_does_not_know() -> None:
    desk = Desk.open()
    [encoded] = encode_outputs(desk.outputs[:1], Position(0, 0))
    grown = json.dumps(json.loads(encoded.value) | {"new": 1}).encode()
    assert decode_output(grown) == decode_output(encoded.value)


def test_the_committed_schemas_are_those_of_the_types(pytestconfig: pytest.Config) -> None:
    folder = pytestconfig.rootpath / "schemas"
    committed = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.json")}
    assert committed == {path: text(schema) for path, schema in schemas().items()}, (
        "run `python -m engine.wire.schemas schemas` and commit what it writes"
    )


@pytest.mark.parametrize("value", ["0.1", 1, d("1.5")])
def test_an_exact_number_is_taken_from_python(value: object) -> None:
    assert _digits().validate_python(value) == d(value)


@pytest.mark.parametrize("value", [0.1, True, "1e3", None, d("-1")])
def test_an_inexact_number_is_refused_from_python(value: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        _digits().validate_python(value)


def _digits() -> TypeAdapter[Decimal]:
    return TypeAdapter(Annotated[Decimal, Digits(whole=5, places=5, positive=True)])


def _eventful() -> Desk:
    """A desk to which most things happen."""
    desk = Desk.open(min_venues=2, publication_interval_s=1, max_tries=1)
    desk.token("L3", 3, seed=100)
    desk.token("S3", -3, seed=10)
    desk.token("A2", 2, seed=1, fills="assumed")

    def both(price: int, at: int) -> None:
        desk.quote(price, at, "a")
        desk.quote(price, at, "b")

    both(100, -2)
    both(104, -1)
    both(104, 1)
    [order] = desk.all(OrderSent)[-1:]
    desk.fill(order, "0.001", 104, "f")
    desk.fill(order, "0.001", 104, "f")
    desk.end(order, "rejected")
    both(104, 21)
    desk.quote(105, 22, "b", ask=104)
    both(104, 23)
    both(75, 60)
    both(60, 61)
    both(300, 62)
    desk.clock(40_000)
    both(300, 40_001)
    desk.terms(max_age_s=20)
    return desk
