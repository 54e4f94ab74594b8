"""A creation from request to settlement through the processes, and its order's trail through the topics."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.wire.topics import EVENTS, ORDERS
from tests.cli.stack import Service, outputs, wait_until, wait_until_taken

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SETTINGS = """
session_timeout_s = 1
[underlyings.TAO]
partition = 0
min_venues = 1
max_age_s = 600
[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
"""
WHO = {"by": "ops", "reason": "test"}


def line(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "version": 1, "underlying": "TAO"} | fields)


def quote(second: int, price: str = "350") -> str:
    return line("quote_observed", venue="v", time=f"2025-10-09T12:00:{second:02d}Z", bid=price, ask=price)


def events(service: Service) -> list[dict[str, Any]]:
    return asyncio.run(outputs(service, EVENTS.name))


def test_a_creation_is_hedged_filled_settled_and_traced(service: Service) -> None:
    service.config.write_text(SETTINGS)
    service.done("topics", "apply")
    inputs = service.folder / "inputs.jsonl"
    asked = {"request_id": "c-1", "participant": "alpha", "token": "TAO3L", "region": "EU", "settlement": "custodial"}
    lines = [
        line("set_participant", participant="alpha", active=True, entitlements=[{"token": "TAO3L"}], **WHO),
        quote(0),
        line("creation_requested", units="100", **asked),
        line("cash_delivered", request_id="c-1", delivery_id="d-1", amount="12000"),
    ]
    inputs.write_text("\n".join(lines) + "\n")
    with service.started("run"), service.started("broker", "--reject", "0", "--unfilled", "0"):
        assert service.done("send", inputs) == "4 inputs sent\n"
        wait_until(lambda: any(e["type"] == "request_accepted" for e in events(service)), "the request is accepted")
        # Forward pricing: only a quote dated after the log took the acceptance may strike it.
        wait_until_taken(service)
        inputs.write_text(line("quote_observed", venue="v", time=_soon(), bid="350", ask="350") + "\n")
        service.done("send", inputs)
        wait_until(lambda: any(e["type"] == "request_settled" for e in events(service)), "the creation is settled")
        wait_until_taken(service)
    [settled] = [event for event in events(service) if event["type"] == "request_settled"]
    assert settled["units"] == "100"
    [order] = [each for each in asyncio.run(outputs(service, ORDERS.name)) if each["type"] == "order_sent"]
    found = json.loads(service.done("trace", order["order_id"], "--json"))
    assert [quote["offset"] is not None for quote in found["quotes"]] == [True]
    assert {event["type"] for event in found["requests"]} >= {"request_received", "units_created", "request_settled"}
    assert found["executions"][-1]["type"] == "order_ended"
    assert len(found["inputs"]) >= 6
    assert "Redis equal" in service.done("verify")


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")


def test_nothing_is_sent_where_one_line_is_wrong(service: Service) -> None:
    service.config.write_text(SETTINGS)
    service.done("topics", "apply")
    inputs = service.folder / "inputs.jsonl"
    inputs.write_text(quote(0) + "\n" + quote(1, "-1") + "\n")
    refused = service.run("send", inputs)
    assert refused.returncode == 2
    assert "line 2: invalid_field: bid" in refused.stderr
    inputs.write_text(quote(0).replace("TAO", "DOGE") + "\n")
    assert "line 1: underlying DOGE is not in the settings" in service.run("send", inputs).stderr
