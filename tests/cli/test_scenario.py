"""`levtao backtest --scenario` and `levtao trace`: the whole core driven and checked from outside, without Kafka."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from engine.domain.inputs import Input
from engine.domain.instants import format_instant
from engine.wire.codec import decode_input, decode_output, encode_input
from tests.cli.program import levtao
from tests.runtime.test_partition import fold, log_of
from tests.walk import Walk

LIFE = Path(__file__).parents[2] / "docs" / "examples" / "life.jsonl"


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("life") / "out.jsonl"
    done = levtao("backtest", "--scenario", LIFE, "--events", out)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(f"78 inputs, {len(out.read_bytes().splitlines())} outputs\n")
    return out


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_the_example_has_every_input_and_each_is_one() -> None:
    lines = LIFE.read_bytes().splitlines()
    given = [decode_input(b"TAO", line) for line in lines]
    assert {type(each) for each in given} == set(get_args(get_args(Input)[0]))


def test_the_example_goes_from_launch_to_the_final_value(life: Path) -> None:
    said = [event["type"] for event in events(life)]
    course = [
        "request_accepted",
        "request_struck",
        "order_sent",
        "units_created",
        "request_settled",
        "creation_ordered",
    ]
    course += ["units_redeemed", "settlement_instructed", "trading_halted", "fork_snapshot_taken", "fork_claim_paid"]
    course += ["trading_resumed", "token_reset", "units_merged", "rebalance_triggered", "token_terminated"]
    at = -1
    for kind in [*course, "token_closed"]:
        at = said.index(kind, at + 1)
    assert "dead_letter" not in said


def test_every_line_is_an_output_of_the_wire_format(life: Path) -> None:
    for line in life.read_bytes().splitlines():
        decode_output(line)


@pytest.mark.parametrize("seed", [11, 12])
def test_a_scenario_gives_what_the_service_publishes_for_the_same_records(seed: int, tmp_path: Path) -> None:
    records = [record for record in log_of(Walk(seed, steps=120)) if (record.value or b"").endswith(b"}")]
    scenario, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = []
    for record in records:
        assert record.timestamp_ms is not None
        fields = json.loads(record.value or b"")
        stamp = f"{record.timestamp_ms // 1000}.{record.timestamp_ms % 1000:03d}"
        lines.append(json.dumps(fields | {"appended": _rfc3339(stamp)}))
    scenario.write_text("\n".join(lines) + "\n")
    assert levtao("backtest", "--scenario", scenario, "--events", out).returncode == 0
    implied, _ = fold([record._replace(offset=n) for n, record in enumerate(records)], [])
    assert out.read_bytes().splitlines() == [output.value for output in implied]


def _rfc3339(seconds: str) -> str:
    whole, _, millis = seconds.partition(".")
    return format_instant(int(whole) * 1_000_000 + int(millis) * 1_000)


def test_what_is_no_input_is_a_dead_letter_and_the_rest_goes_on(tmp_path: Path) -> None:
    scenario = tmp_path / "in.jsonl"
    opening = LIFE.read_bytes().splitlines()[:2]
    scenario.write_bytes(b"\n".join([b"{", b"[]", b'{"type":"nonsense","underlying":"TAO"}', *opening]) + b"\n")
    done = levtao("backtest", "--scenario", scenario)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["type"] for event in said] == ["dead_letter"] * 3 + [
        "underlying_terms_changed",
        "token_terms_changed",
    ]
    assert [event.get("reason") for event in said[:3]] == ["not_json", "invalid_field", "unknown_type"]
    assert "3 of them dead letters" in done.stderr
    assert done.returncode == 0


def test_an_input_dated_after_its_append_time_is_refused(tmp_path: Path) -> None:
    scenario = tmp_path / "in.jsonl"
    quote = {
        "type": "quote_observed",
        "version": 1,
        "underlying": "TAO",
        "venue": "binance",
        "bid": "350",
        "ask": "350",
    }
    late = quote | {"time": "2025-10-09T12:00:02.001Z", "appended": "2025-10-09T12:00:00Z"}
    scenario.write_bytes(LIFE.read_bytes().splitlines()[0] + b"\n" + json.dumps(late).encode() + b"\n")
    [_, refused] = [json.loads(line) for line in levtao("backtest", "--scenario", scenario).stdout.splitlines()]
    assert refused["reason"] == "time_in_future"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--scenario", "absent.jsonl"], "absent.jsonl: No such file or directory"),
        (["--scenario", LIFE, "--multiplier", "3"], "--scenario brings its own prices and terms"),
        (["--scenario", LIFE, "--json"], "--json needs --events FILE"),
        ([], "a back-test needs --prices FILE and --multiplier L, or --scenario FILE"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(options: list[object], problem: str, tmp_path: Path) -> None:
    done = levtao("backtest", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_appended_that_is_no_time_names_its_line(tmp_path: Path) -> None:
    scenario = tmp_path / "in.jsonl"
    scenario.write_text('{}\n{"appended": "noon"}\n')
    done = levtao("backtest", "--scenario", scenario)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "line 2: appended: 'noon' is no RFC 3339 time" in done.stderr


def test_from_an_order_back_to_its_inputs_and_forward_to_settlement(life: Path) -> None:
    orders = [event for event in events(life) if event["type"] == "order_sent"]
    redemption = next(order for order in orders if order["allocations"][0]["purpose"] == "redemption")
    done = levtao("trace", redemption["order_id"], "--scenario", LIFE, "--events", life, "--json")
    found = json.loads(done.stdout)
    inputs = [json.loads(line) for line in LIFE.read_bytes().splitlines()]
    for quote in found["quotes"]:
        assert inputs[quote["offset"]]["venue"] == quote["venue"]
    assert {event["type"] for event in found["terms"]} == {"underlying_terms_changed", "token_terms_changed"}
    assert [event["type"] for event in found["executions"]] == ["fill_booked", "order_ended"]
    lives = [event["type"] for event in found["requests"]]
    assert lives[:3] == ["request_received", "request_accepted", "request_struck"]
    assert lives[-2:] == ["settlement_instructed", "request_settled"]
    fill = found["executions"][0]
    assert found["inputs"][fill["cause"].rpartition("/")[2]]["fill_id"] == fill["fill_id"]


def test_a_rebalance_traces_back_to_the_limit_that_was_reached(life: Path) -> None:
    emergency = next(event for event in events(life) if event["type"] == "order_sent" and event["urgent"])
    done = levtao("trace", emergency["order_id"], "--scenario", LIFE, "--events", life, "--json")
    [decision] = json.loads(done.stdout)["decisions"]
    assert (decision["type"], decision["trigger"]) == ("rebalance_triggered", "emergency_leverage")
    shown = levtao("trace", emergency["order_id"], "--scenario", LIFE, "--events", life)
    assert "rebalance_triggered" in shown.stdout
    assert shown.returncode == 0


@pytest.mark.parametrize(("text", "code"), [("no input\n" * 99, 2), ("", 0)])
def test_a_trace_through_files_that_do_not_belong_together_says_so(
    life: Path, tmp_path: Path, text: str, code: int
) -> None:
    (tmp_path / "other").write_text(text)
    order = next(event["order_id"] for event in events(life) if event["type"] == "order_sent")
    done = levtao("trace", order, "--scenario", tmp_path / "other", "--events", life)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == code // 2


def test_an_order_there_is_not_is_said_so(life: Path) -> None:
    done = levtao("trace", "TAO-1-1", "--scenario", LIFE, "--events", life)
    assert (done.returncode, done.stderr) == (1, "levtao: no order TAO-1-1\n")


def test_the_example_is_written_canonically_enough_to_come_back() -> None:
    for line in LIFE.read_bytes().splitlines():
        given = decode_input(b"TAO", line)
        assert decode_input(b"TAO", encode_input(given)) == given
