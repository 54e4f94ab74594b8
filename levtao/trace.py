"""The audit trail of one order: back to the inputs, prices, decisions and terms behind it, forward to what came of it.

It is put together from the published outputs and the input log alone, never from the engine: what a desk could do too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from engine.domain.instants import format_instant, parse_instant
from engine.wire.codec import cause_offset

Event: TypeAlias = dict[str, Any]

QUOTES_WITHIN = 50_000
"""So many inputs before the order are searched for the quotes it was priced by."""

TERMS = ("underlying_terms_changed", "token_terms_changed")
DECISIONS = ("token_reset", "rebalance_triggered", "token_terminated")
EXECUTIONS = ("fill_booked", "order_ended", "cancel_requested")


@dataclass(slots=True)
class Trail:
    """One order and everything tied to it, as it was published."""

    order: Event
    quotes: list[Event] = field(default_factory=list)
    """What it was priced by; `offset` is the quote's in the input log, null where it was not found."""
    decisions: list[Event] = field(default_factory=list)
    """The last decision of each token in it before it was sent."""
    terms: list[Event] = field(default_factory=list)
    """The changes that put the terms in force."""
    requests: list[Event] = field(default_factory=list)
    """The lives of the creations and redemptions in it."""
    executions: list[Event] = field(default_factory=list)
    inputs: dict[int, Event] = field(default_factory=dict)
    """The inputs that caused any of it, by offset."""

    @property
    def events(self) -> list[Event]:
        """All of it but the inputs."""
        return [*self.terms, *self.decisions, self.order, *self.executions, *self.requests]


def offset_of(event: Event) -> int:
    """The offset of the input that caused an event."""
    return cause_offset(event["cause"])


def trail(events: Iterable[Event], order_id: str) -> Trail | None:
    """Everything about an order in the outputs; None where it is not among them."""
    found: Trail | None = None
    decided: dict[str, Event] = {}
    terms: dict[str | None, Event] = {}
    lives: dict[str, list[Event]] = {}
    for event in sorted(events, key=_place):
        kind = event["type"]
        if "request_id" in event:
            lives.setdefault(event["request_id"], []).append(event)
        if kind == "order_sent" and event["order_id"] == order_id:
            names = list(dict.fromkeys(part["token"] for part in _parts(event)))
            found = Trail(event)
            found.decisions = [decided[name] for name in names if name in decided]
            found.terms = [terms[name] for name in (None, *names) if name in terms]
        elif kind in EXECUTIONS and event["order_id"] == order_id and found is not None:
            found.executions.append(event)
        elif kind in TERMS:
            terms[event.get("token")] = event
        elif kind in DECISIONS:
            decided[event["token"]] = event
    if found is not None:
        flows = dict.fromkeys(part["request"] for part in _parts(found.order) if part.get("request"))
        found.requests = [event for name in flows for event in lives.get(name, [])]
    return found


def add_inputs(found: Trail, inputs: Mapping[int, bytes]) -> None:
    """Tie the trail to the input log: the causes, and the quotes the order was priced by."""
    causes = sorted({offset_of(event) for event in found.events})
    found.inputs = {offset: json.loads(inputs[offset]) for offset in causes if offset in inputs}
    sent = offset_of(found.order)
    at: dict[tuple[str, str], int] = {}
    for offset in range(max(0, sent - QUOTES_WITHIN), sent + 1):
        quote = _quote(inputs.get(offset, b""))
        if quote.get("underlying") == found.order["underlying"]:
            at[quote["venue"], quote["time"]] = offset
    basis = found.order["basis"]
    found.quotes = [each | {"offset": at.get((each["venue"], each["time"]))} for each in basis]


def _parts(order: Event) -> list[Event]:
    return [*order["allocations"], *order["crosses"]]


def _place(event: Event) -> tuple[int, int]:
    return offset_of(event), int(event["id"].rpartition("-")[2])


def _quote(value: bytes) -> Event:
    """The quote these bytes are, or nothing; its time in the spelling the outputs use."""
    if b'"quote_observed"' not in value:
        return {}
    try:
        quote: Event = json.loads(value)
        return quote | {"time": format_instant(parse_instant(quote["time"]))}
    except (ValueError, TypeError, KeyError):
        return {}
