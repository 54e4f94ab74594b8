"""Operators and participants as processes: the gateway over HTTP and the same as commands, and what the engine says."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from engine.wire.topics import INPUTS
from levtao.cli import app
from producers.gateway.operations import OPERATIONS
from tests.cli.stack import Service, logged, wait_until

SETTINGS = """
session_timeout_s = 1
[underlyings.TAO]
partition = 0
min_venues = 1
[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
terms_version = {version}
[gateway]
port = 0
keys = "{keys}"
"""
WHO = ("--by", "alice", "--reason", "a test", "--underlying", "TAO")


def key(folder: Path, *arguments: str) -> str:
    """A new key; its lines go to the file as a desk would put them there."""
    made = called("gateway-key", *arguments)
    assert made.exit_code == 0, made.stderr
    path = folder / "keys.toml"
    path.touch(0o600)
    with path.open("a") as file:
        file.write(made.stdout)
    return made.stderr.strip()


def called(*arguments: object) -> Result:
    """A command in this process: starting one takes longer than all it does."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def reach(service: Service) -> tuple[object, ...]:
    return "--config", service.config, "--kafka", service.kafka, "--redis", service.redis


def asked(service: Service, *arguments: str, code: int = 0) -> dict[str, Any]:
    ran = called(*arguments, "--json", "--wait", *reach(service))
    assert ran.exit_code == code, ran.output
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


@pytest.mark.kafka
def test_the_gateway_and_the_commands(service: Service) -> None:
    service.config.write_text(SETTINGS.format(version=1, keys=service.folder / "keys.toml"))
    operator = key(service.folder, "--role", "operator", "--name", "alice")
    participant = key(service.folder, "--role", "participant", "--name", "alpha-1", "--participant", "alpha")
    service.done("topics", "apply")
    with service.started("gateway"), service.started("run"):
        wait_until(lambda: bool(logged(service, "gateway_open", "gateway")), "the gateway listens")
        [opened] = logged(service, "gateway_open", "gateway")
        assert opened["host"] == "127.0.0.1"
        url = f"http://127.0.0.1:{opened['port']}"
        wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200, "the gateway is ready")
        over_http(url, operator, participant)
        by_command(service)
        for secret in (operator, participant):
            assert secret.partition(".")[2] not in (service.folder / "gateway.log").read_text()
    assert "Redis equal" in service.done("verify")
    unheard(service)


def over_http(url: str, operator: str, participant: str) -> None:
    def post(key: str, path: str, body: dict[str, Any], request_id: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {key}", "idempotency-key": request_id}
        answer = httpx.post(url + path, json=body, headers=headers, timeout=30)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def outcome(key: str, request_id: str) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def there() -> bool:
            headers = {"authorization": f"Bearer {key}"}
            found.update(httpx.get(f"{url}/v1/outcomes/{request_id}", headers=headers, timeout=30).json())
            return bool(found["status"] != "pending")

        wait_until(there, "an outcome")
        return found

    admitted = {"underlying": "TAO", "participant": "alpha", "active": True, "entitlements": [{"token": "TAO3L"}]}
    first = post(operator, "/v1/operator/set-participant", admitted | {"reason": "signed"}, "admit-1")
    assert (first["topic"], first["offset"], first["repeated"]) == (INPUTS.name, 2, False)
    again = post(operator, "/v1/operator/set-participant", admitted | {"reason": "signed"}, "admit-1")
    assert again == first | {"repeated": True}
    asked = {"underlying": "TAO", "request_id": "c-1", "token": "TAO3L", "region": "EU", "settlement": "custodial"}
    post(participant, "/v1/participant/create", asked | {"units": "10"}, "c-1")
    received = outcome(participant, "c-1")
    assert received["status"] == "accepted"
    assert received["events"][0]["request_id"] == "alpha/c-1"
    assert received["events"][0]["id"] == "0-3-0"


def by_command(service: Service) -> None:
    halted = asked(service, "operator", "halt", *WHO, "--token", "TAO3L")
    assert (halted["topic"], halted["offset"], halted["outcomes"]) == (INPUTS.name, 4, "0-4-")
    assert halted["outcome"]["status"] == "accepted"
    [event] = [each for each in halted["outcome"]["events"] if each["type"] == "trading_halted"]
    assert (event["by"], event["reason"], event["token"]) == ("alice", "a test", "TAO3L")
    twice = asked(service, "operator", "halt", *WHO, "--token", "TAO3L", code=1)
    assert (twice["outcome"]["status"], twice["outcome"]["code"]) == ("refused", "already_halted")
    shown = service.done("operator", "resume", *WHO, "--token", "TAO3L", "--wait")
    assert re.match(r"levtao\.inputs\.v1/0/6, outcomes 0-6-\*\naccepted\n  0-6-0 trading_resumed\n", shown)
    confirmed = ("operator", "confirm-cash", "--by", "custodian", "--underlying", "TAO", "--request-id", "alpha/c-1")
    paid = asked(service, *confirmed, "--delivery-id", "wire-1", "--amount", "50000")
    assert paid["outcome"]["events"][0]["type"] == "request_accepted"
    redeem = ("participant", "redeem", "--participant", "alpha", "--underlying", "TAO", "--token", "TAO3L")
    short = asked(
        service, *redeem, "--request-id", "r-1", "--region", "EU", "--settlement", "custodial", "--units", "5", code=1
    )
    assert short["outcome"]["code"] == "units_outstanding"
    service.config.write_text(SETTINGS.format(version=7, keys=service.folder / "keys.toml"))
    terms = asked(service, "operator", "set-token-terms", "--by", "alice", "--reason", "new", "--token", "TAO3L")
    assert terms["outcome"]["events"][0]["terms_version"] == 7
    signal = ("operator", "signal", "--by", "alice", "--underlying", "TAO", "--kind", "volume")
    exactly = (*signal, "--source", "desk", "--text", "thrice", "--value", "3.1", "--idempotency-key", "s-1")
    once = asked(service, *exactly)
    assert asked(service, *exactly) == once | {"repeated": True}
    other = called(*exactly, "--token", "TAO3L", *reach(service))
    assert (other.exit_code, "other_body" in other.stderr) == (3, True)
    odd = called(*signal, "--source", "desk", "--text", "x", "--idempotency-key", "s 1", *reach(service))
    assert (odd.exit_code, "request_id: Idempotency-Key" in odd.stderr) == (3, True)


def unheard(service: Service) -> None:
    """Without an engine there is no outcome: it is written all the same, and said to be."""
    ran = service.run("operator", "halt", *WHO, "--wait", "--wait-s", "0.2")
    assert ran.returncode == 3
    assert "outcomes 0-" in ran.stdout
    assert "no outcome within 0.2 s; it is written" in ran.stderr


def test_a_wrong_command_line_writes_nothing_and_says_why(tmp_path: Path) -> None:
    config = tmp_path / "levtao.toml"
    config.write_text(SETTINGS.format(version=1, keys="none"))
    merge = ("operator", "merge", *WHO, "--token", "TAO3L")
    cases: dict[tuple[str, ...], str] = {
        ("operator", "halt", *WHO, "--underlying", "DOGE"): "unknown_underlying: DOGE is not in the settings",
        (*merge, "--ratio", "-3", "--terms-version", "2"): "invalid_field: ratio",
        (*merge, "--ratio", "3", "--terms-version", "x"): "is no JSON (number)",
        (*merge, "--ratio", "3", "--terms-version", "[" * 100_000): "is no JSON (number)",
        (*merge, "--ratio", "3", "--terms-version", "9" * 5_000): "is no JSON (number)",
        ("operator", "split", *merge[2:], "--ratio", "1", "--terms-version", "2"): "invalid_field: ratio",
        ("operator", "halt", "--underlying", "TAO", "--by", " ", "--reason", "r"): "invalid_field: by: blank",
        ("operator", "set-token-terms", "--by", "a", "--reason", "r", "--token", "X"): "token X is not in the settings",
        ("operator", "wind-down", *WHO, "--token", "TAO3L", "--last-reset", "soon"): "invalid_field: last_reset",
        ("operator", "halt", "--underlying", "TAO", "--reason", "r"): "Missing option '--by'",
    }
    for arguments, problem in cases.items():
        ran = called(*arguments, "--config", config)
        assert (ran.exit_code, problem in ran.stderr) == (2, True), (arguments, ran.stderr)


def test_every_operation_is_a_command_with_an_option_for_each_field() -> None:
    for role in ("operator", "participant"):
        shown = called(role, "--help").stdout
        assert all(f"  {operation.name} " in shown for operation in OPERATIONS.values() if operation.role == role)
    shown = called("operator", "set-participant", "--help").stdout
    assert re.findall(r"--[a-z-]+", shown)[:6] == [
        "--underlying", "--participant", "--active", "--entitlements", "--reason", "--by",
    ]  # fmt: skip


def test_a_gateway_that_cannot_work_does_not_start(tmp_path: Path) -> None:
    config, keys = tmp_path / "levtao.toml", tmp_path / "keys.toml"
    config.write_text(SETTINGS.format(version=1, keys=keys))
    assert "No such file" in called("gateway", "--config", config).stderr
    keys.write_text("")
    keys.chmod(0o644)
    assert "chmod 600" in called("gateway", "--config", config).stderr
    keys.chmod(0o600)
    config.write_text(config.read_text().replace("port = 0", 'host = "192.0.2.1"'))
    assert "not loopback" in called("gateway", "--config", config).stderr
    config.write_text(config.read_text().replace('"192.0.2.1"', '"192.0.2.1"\nallow_remote = true'))
    ran = called("gateway", "--config", config)
    assert (ran.exit_code, "cannot listen at 192.0.2.1" in ran.stderr) == (2, True)


def test_the_command_line_and_the_engine_do_not_bring_the_server_along() -> None:
    program = (
        "import sys, levtao.cli, levtao.commands.serve, levtao.commands.operator\n"
        "sys.exit(any(name in sys.modules for name in ('starlette', 'uvicorn', 'ccxt', 'jinja2')))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert ran.returncode == 0, ran.stderr
