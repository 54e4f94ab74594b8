"""Between bytes and the core's inputs and outputs. Decoding trusts nothing; encoding has one spelling a value."""

import json
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from engine.domain.events import Body, Output
from engine.domain.inputs import Input, Position
from engine.domain.instants import Instant, format_instant, parse_instant
from engine.domain.outputs import RULES_VERSION, NavPublished
from engine.wire.navs import NavEncoder
from engine.wire.topics import INPUTS

MAX_INPUT_BYTES = 1 << 16

Undecodable: TypeAlias = Literal[
    "not_json",
    "unknown_type",
    "unknown_version",
    "invalid_field",
    "too_large",
    "wrong_key",
    "wrong_partition",
    "unknown_underlying",
    "token_of_another_underlying",
]

_input: TypeAdapter[Input] = TypeAdapter(Input)
_validate = _input.validator.validate_json
"""What the adapter's method calls, without its options: a tenth of the time a quote takes to be read."""
_body: TypeAdapter[Body] = TypeAdapter(Annotated[Body, Field(discriminator="type")])
_navs = NavEncoder()
_ENVELOPE = {"id": str, "sequence": int, "time": str, "cause": str, "rules": str}


class DecodeError(Exception):
    """Bytes that are no input: the reason code, and what a person needs beside it."""

    def __init__(self, reason: Undecodable, detail: str) -> None:
        """Keep the parts apart."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def decode_input(key: bytes | None, value: bytes | None) -> Input:
    """The input of this key that these bytes are. Raises DecodeError, and nothing else, for whatever they may be."""
    given = read_input(value)
    if key != given.underlying.encode():
        raise DecodeError("wrong_key", f"keyed {key!r:.80}, but of underlying {given.underlying}")
    return given


def read_input(value: bytes | None) -> Input:
    """The input these bytes are, whatever its key. Raises DecodeError."""
    if value is None:
        raise DecodeError("not_json", "no value")
    if len(value) > MAX_INPUT_BYTES:
        raise DecodeError("too_large", f"{len(value)} bytes, at most {MAX_INPUT_BYTES}")
    try:
        given: Input = _validate(value)
    except ValidationError as error:
        raise DecodeError(*_explain(error)) from None
    return given


def encode_input(given: Input) -> bytes:
    """The canonical bytes of an input."""
    return _input.dump_json(given)


def _explain(error: ValidationError) -> tuple[Undecodable, str]:
    first = error.errors(include_url=False, include_context=False)[0]
    kind, place = first["type"], ".".join(str(part) for part in first["loc"][1:])
    detail = f"{place}: {first['msg']}" if place else first["msg"]
    if kind == "json_invalid":
        return "not_json", detail
    if kind in ("union_tag_invalid", "union_tag_not_found", "dataclass_type", "model_attributes_type"):
        return "unknown_type", detail
    if place == "version":
        return "unknown_version", detail
    return "invalid_field", detail[:256]


class Event(NamedTuple):
    """An output as a reader gets it: what was said, and where it stands."""

    id: str
    sequence: int
    time: Instant
    cause: str
    rules: str
    body: Body


class Encoded(NamedTuple):
    """An output as bytes."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def cause_of(position: Position) -> str:
    """An input's place as text: topic/partition/offset."""
    return f"{INPUTS.name}/{position.partition}/{position.offset}"


def cause_offset(cause: str) -> int:
    """The input's offset of such a text."""
    return int(cause.rpartition("/")[2])


def encode_outputs(outputs: list[Output], position: Position) -> list[Encoded]:
    """The outputs of one input as bytes. Ids are the input's place and a number: the same after every restart."""
    cause = cause_of(position)
    encoded = []
    for number, (key, sequence, instant, body) in enumerate(outputs):
        identity = f"{position.partition}-{position.offset}-{number}"
        time = format_instant(instant)
        head = (
            f'{{"type":"{body.type}","id":"{identity}","sequence":{sequence},"time":"{time}",'
            f'"cause":"{cause}","rules":"{RULES_VERSION}",'
        )
        if isinstance(body, NavPublished):
            value = f"{head}{_navs.encode(body)}}}".encode()
        else:
            rest = _body.dump_json(body)
            value = head.encode() + rest[1 : -len(f',"type":"{body.type}"}}')] + b"}"
        headers = cloud_headers(identity, body.type, cause, key, time)
        encoded.append(Encoded(key.encode(), value, headers))
    return encoded


def cloud_headers(
    identity: str, kind: str, cause: str, subject: str, time: str | None = None
) -> list[tuple[str, bytes]]:
    """CloudEvents 1.0 in binary mode, and the input that caused it."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", identity.encode()),
        ("ce_type", f"levtao.{kind}.v1".encode()),
        ("ce_source", b"/levtao/engine"),
        ("ce_subject", subject.encode()),
        ("ce_cause", cause.encode()),
        ("content-type", b"application/json"),
    ]
    return headers if time is None else [*headers, ("ce_time", time.encode())]


def decode_output(value: bytes) -> Event:
    """An output read back. Fields this version does not know are left out, so a newer engine can be read.

    Raises ValueError for bytes that are no output.
    """
    try:
        fields: dict[str, Any] = json.loads(value)
    except RecursionError:
        raise ValueError("no output: nested without end") from None
    if not isinstance(fields, dict) or any(type(fields.get(name)) is not kind for name, kind in _ENVELOPE.items()):
        raise ValueError("no output: a part of the envelope is missing, or of another type")
    identity, sequence, time, cause, rules = (fields.pop(name) for name in _ENVELOPE)
    return Event(identity, sequence, parse_instant(time), cause, rules, _body.validate_python(fields))
