"""`levtao trace`: the audit trail of one order, from the topics or from the files of a scenario."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from engine.log.port import Log, read_up_to
from engine.wire.topics import EVENTS, INPUTS, ORDERS
from levtao.problems import EXIT_DIFFERS, stop
from levtao.service import kafka_log, provisioned, run
from levtao.settings import Settings
from levtao.tables import show
from levtao.trace import QUOTES_WITHIN, Event, Trail, add_inputs, offset_of, trail

FIELDS_SHOWN = 12


def from_files(order_id: str, scenario: Path, events: Path, *, as_json: bool) -> None:
    """Trace an order of a scenario through its inputs and the outputs that were written."""
    try:
        lines = [json.loads(line) for line in events.read_bytes().splitlines()]
        inputs = dict(enumerate(scenario.read_bytes().splitlines()))
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
    except ValueError as error:
        stop(f"{events}: {error}")
    try:
        found = _found(trail((line for line in lines if "cause" in line), order_id), order_id)
        add_inputs(found, inputs)
    except (ValueError, KeyError, TypeError, AttributeError):
        stop(f"{events} is not what {scenario} gave: `levtao backtest --scenario` writes it with --events")
    _print(found, as_json=as_json)


def from_topics(settings: Settings, order_id: str, *, as_json: bool) -> None:
    """Trace an order through Kafka."""
    run(_from_topics(settings, order_id, as_json=as_json))


async def _from_topics(settings: Settings, order_id: str, *, as_json: bool) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    underlying = order_id.rpartition("-")[0].rpartition("-")[0]
    number = settings.partition_of(underlying)
    events: list[Event] = []
    for topic in (ORDERS, EVENTS):
        values = await _read(log, topic.name, number, None, None)
        events += [json.loads(value) for value in values.values()]
    found = _found(trail((event for event in events if event["underlying"] == underlying), order_id), order_id)
    sent = offset_of(found.order)
    inputs = await _read(log, INPUTS.name, number, max(0, sent - QUOTES_WITHIN), sent + 1)
    for offset in sorted({offset_of(event) for event in found.events} - inputs.keys()):
        inputs |= await _read(log, INPUTS.name, number, offset, offset + 1)
    add_inputs(found, inputs)
    _print(found, as_json=as_json)


async def _read(log: Log, topic: str, number: int, start: int | None, before: int | None) -> dict[int, bytes]:
    """The records from `start`, or the first there, up to `before`, or the last there."""
    kept: dict[int, bytes] = {}
    async with log.reader(topic, number, None) as reader:
        if start is not None:
            reader.seek(max(start, await reader.begin()))
        end = await reader.end() if before is None else min(before, await reader.end())
        async for record in read_up_to(reader, end):
            if record.value is not None:
                kept[record.offset] = record.value
    return kept


def _found(trail_of_order: Trail | None, order_id: str) -> Trail:
    if trail_of_order is None:
        stop(f"no order {order_id}", EXIT_DIFFERS)
    return trail_of_order


def _print(found: Trail, *, as_json: bool) -> None:
    if as_json:
        parts = {"order": found.order, "quotes": found.quotes, "decisions": found.decisions, "terms": found.terms}
        parts |= {"executions": found.executions, "requests": found.requests}
        inputs = {str(offset): value for offset, value in found.inputs.items()}
        sys.stdout.write(json.dumps(parts | {"inputs": inputs}) + "\n")
        return
    order = found.order
    title = f"{order['order_id']}  {order['side']} {order['quantity']} {order['underlying']}"
    tree = Tree(Text(f"{title} at {order['limit_price']} or better, sent {order['time']}", style="bold"))
    priced = tree.add(f"priced at {order['decision_price']} by")
    for quote in found.quotes:
        where = "not found in the log" if quote["offset"] is None else f"input {quote['offset']}"
        priced.add(Text(f"{quote['venue']} {quote['mid']} of {quote['time']}, {where}"))
    allocated = tree.add("for")
    for part in (*order["allocations"], *order["crosses"]):
        flow = f" of request {part['request']}" if part.get("request") else ""
        crossed = "" if part in order["allocations"] else ", crossed without the market"
        allocated.add(Text(f"{part['token']} {part['purpose']} {part['quantity']}{flow}{crossed}"))
    for heading, events in (
        ("decided by", found.decisions),
        ("under the terms of", found.terms),
        ("what came of it", found.executions),
        ("creations and redemptions in it", found.requests),
    ):
        branch = tree.add(heading if events else f"{heading}: nothing")
        for event in events:
            leaf = branch.add(Text(f"{event['time']}  {event['type']}  {' '.join(_fields(event))}"))
            if offset_of(event) in found.inputs:
                given = found.inputs[offset_of(event)]
                leaf.add(
                    Text(f"input {offset_of(event)}: {given.get('type')}  {' '.join(_fields(given))}", style="dim")
                )
    console = Console()
    if console.is_terminal:
        console.print(tree)
    else:
        show(tree)


def _fields(event: Event) -> Iterator[str]:
    """The plain fields of an event, those a person asks for first."""
    hidden = ("type", "id", "sequence", "time", "cause", "rules", "underlying", "version", "order_id")
    plain = [name for name, value in event.items() if name not in hidden and isinstance(value, str | int)]
    yield from (f"{name}={event[name]}" for name in plain[:FIELDS_SHOWN])
