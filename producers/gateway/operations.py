"""What can be asked for: one table, from which come the routes, the schemas of their bodies, and the commands.

Of an input's fields the gateway fills in who asks (`by`, or `participant` for a participant itself) and where it goes
(`partition`); the body says the rest. Ids a participant chooses are its own: they begin with its name and a slash, so
none can touch or take the ids of another.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import TypeAdapter
from pydantic_core import from_json

from engine.domain.commands import (
    AnnounceFork,
    DistributeFork,
    HaltCreations,
    HaltTrading,
    MergeUnits,
    ResumeCreations,
    ResumeTrading,
    SetParticipant,
    SetTokenTerms,
    SetUnderlyingTerms,
    TakeForkSnapshot,
    WindDownToken,
)
from engine.domain.inputs import Input, SignalObserved
from engine.domain.numbers import ONE, exact
from engine.domain.outputs import Refusal
from engine.domain.requests import (
    CashDelivered,
    CreationRequested,
    ForkClaimed,
    RedemptionRequested,
    RequestWithdrawn,
    SettlementConfirmed,
    UnitsLocked,
)
from engine.wire.codec import DecodeError, encode_input, read_input
from producers.gateway.refusals import RefusedError

Role = Literal["participant", "operator", "reader"]
Body: TypeAlias = dict[str, Any]

OWN_IDS = ("request_id", "claim_id")
MAX_ID = 64
FINEST = Decimal("1E-50")
"""A share has no more places."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a role may ask for: its name in routes and commands, and the input it becomes."""

    name: str
    kind: type[Any]
    role: Role
    again: Refusal | None
    """How the core refuses a second one with the same content; None where it is carried out again."""
    by_name: bool = False
    """Only for keys that name it: more than the role alone should open."""
    summary: str = ""
    """What it does, where the input's own words are not enough."""

    @property
    def path(self) -> str:
        """The route."""
        return f"/v1/{self.role}/{self.name}"

    @property
    def input_type(self) -> str:
        """The input's name on the wire."""
        return str(self.kind.__dataclass_fields__["type"].default)

    @property
    def filled(self) -> tuple[str, ...]:
        """The fields that are not the body's to say."""
        return ("type", "version", "by", "partition", *(("participant",) if self.role == "participant" else ()))

    @property
    def meaning(self) -> str:
        """What it does, in a sentence or two."""
        return self.summary or " ".join(str(self.kind.__doc__).split())


OPERATIONS: dict[tuple[Role, str], Operation] = {
    (operation.role, operation.name): operation
    for operation in (
        Operation("create", CreationRequested, "participant", "duplicate_request"),
        Operation("redeem", RedemptionRequested, "participant", "duplicate_request"),
        Operation("withdraw", RequestWithdrawn, "participant", "request_not_open"),
        Operation("claim-fork", ForkClaimed, "participant", "duplicate_claim", by_name=True),
        Operation("confirm-cash", CashDelivered, "operator", "duplicate_delivery"),
        Operation("confirm-units", UnitsLocked, "operator", "request_not_open"),
        Operation("confirm-settlement", SettlementConfirmed, "operator", "request_not_open"),
        Operation("halt", HaltTrading, "operator", "already_halted"),
        Operation("resume", ResumeTrading, "operator", "not_halted"),
        Operation("halt-creations", HaltCreations, "operator", "already_halted"),
        Operation("resume-creations", ResumeCreations, "operator", "not_halted"),
        Operation("set-participant", SetParticipant, "operator", None),
        Operation("set-token-terms", SetTokenTerms, "operator", "terms_version_not_newer"),
        Operation("set-underlying-terms", SetUnderlyingTerms, "operator", "terms_version_not_newer"),
        Operation("merge", MergeUnits, "operator", "terms_version_not_newer", summary="`ratio` units become one."),
        Operation(
            "split",
            MergeUnits,
            "operator",
            "terms_version_not_newer",
            summary="One unit becomes `ratio`, more than one.",
        ),
        Operation("wind-down", WindDownToken, "operator", None),
        Operation("announce-fork", AnnounceFork, "operator", "duplicate_fork"),
        Operation("snapshot-fork", TakeForkSnapshot, "operator", "fork_out_of_order"),
        Operation("distribute-fork", DistributeFork, "operator", "fork_out_of_order"),
        Operation("signal", SignalObserved, "operator", None),
    )
}


class Author(NamedTuple):
    """Who asks: what an operator's commands are signed with, or the participant that acts for itself."""

    role: Role
    name: str


@cache
def body_schema(operation: Operation) -> dict[str, Any]:
    """The JSON Schema of the body: the input's own, less what is filled in. What it refers to is in its `$defs`."""
    schema = TypeAdapter(operation.kind).json_schema(mode="validation")
    schema["properties"] = {name: field for name, field in schema["properties"].items() if name not in operation.filled}
    schema["required"] = [name for name in schema["required"] if name not in operation.filled]
    for name in OWN_IDS if operation.role == "participant" else ():
        if name in schema["properties"]:
            schema["properties"][name]["description"] = (
                f"Your own: it is written with your name and a slash before it, at most {MAX_ID} characters in all."
            )
    if "reason" in schema["properties"]:
        schema["properties"]["reason"]["description"] = "Why: neither blank nor with what cannot be printed."
    schema["title"] = operation.name
    schema["description"] = operation.meaning
    return schema


def to_input(operation: Operation, body: Body, author: Author, partitions: Mapping[str, int]) -> Input:
    """The input a body asks for; `partitions` says where each underlying lives. Raises RefusedError."""
    given = [name for name in operation.filled if name in body]
    if given:
        raise RefusedError("filled_in", f"{given[0]}: it is filled in, the body does not say it")
    known = operation.kind.__dataclass_fields__
    fields = body | {"type": operation.input_type, "version": 1}
    if "by" in known:
        fields["by"] = author.name
    if author.role == "participant":
        if "participant" in known:
            fields["participant"] = author.name
        fields |= {name: _own(name, author.name, fields[name]) for name in OWN_IDS if name in fields}
    if "partition" in known:
        fields["partition"] = partitions.get(str(fields.get("underlying")), 0)
    try:
        found = read_input(json.dumps(fields).encode())
        if operation.name == "split" and isinstance(found, MergeUnits):
            found = replace(found, ratio=_inverse(found.ratio))
        found = read_input(encode_input(found))
    except DecodeError as error:
        raise RefusedError(error.reason, error.detail) from None
    _check_words(found)
    if found.underlying not in partitions:
        raise RefusedError("unknown_underlying", f"{found.underlying} is not in the settings")
    return found


def _check_words(found: Input) -> None:
    """Who and why are for people: they have to be able to read it."""
    for name in ("by", "reason"):
        words = getattr(found, name, "-")
        if not words.strip() or not words.isprintable():
            raise RefusedError("invalid_field", f"{name}: blank, or with what cannot be printed")


def read_json(text: bytes | str) -> Any:
    """What JSON text says, exactly once. Raises RefusedError."""
    try:
        from_json(text, allow_inf_nan=False)
        return json.loads(text, object_pairs_hook=_each_once)
    except ValueError as error:
        raise RefusedError("not_json", str(error)) from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _own(name: str, participant: str, identity: Any) -> Any:
    """An id in the participant's own space; whoever spells it out in full means the same."""
    if not isinstance(identity, str):
        return identity
    space = f"{participant}/"
    bare, most = identity.removeprefix(space), MAX_ID - len(space)
    if not 0 < len(bare) <= most:
        raise RefusedError("invalid_field", f"{name}: 1 to {most} characters, with {space} before them {MAX_ID}")
    return space + bare


def _inverse(ratio: Decimal) -> Decimal:
    if ratio <= ONE:
        raise RefusedError("invalid_field", "ratio: a split makes more than one unit of one")
    with exact():
        return (ONE / ratio).quantize(FINEST)
