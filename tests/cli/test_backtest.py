"""`levtao backtest`: against an independent program, against worked numbers, and what it says of bad files."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levtao.backtest import Backtest, Settings
from producers.prices import Tick
from tests.cli.program import levtao
from tests.desk import d
from tests.market import write_bars
from tests.reference.backtest import Rows
from tests.reference.backtest import backtest as reference

MIDNIGHT_MS = 1_712_880_000_000
BASIS_POINT = d("0.0001")


def prices(path: Path, *rows: tuple[object, object]) -> Path:
    path.write_text("time,price\n" + "".join(f"{time},{price}\n" for time, price in rows))
    return path


def run(path: Path, *options: object) -> list[dict[str, Any]]:
    done = levtao("backtest", "--prices", path, "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def near(value: str, expected: object) -> bool:
    return abs(Decimal(value) - d(expected)) <= d("1e-12")


def bars_of(text: str) -> Rows:
    rows = (line.split(",") for line in text.splitlines()[1:])
    return [(int(row[0]), row[1], row[2], row[3], row[4]) for row in rows]


def random_rows(random: Random) -> Rows:
    """Prices with gaps over midnights, jumps, repeats, and times that repeat or go back."""
    time = random.choice([MIDNIGHT_MS - 43_200_000, MIDNIGHT_MS - 5_000, MIDNIGHT_MS])
    price = random.choice([350.0, 0.05, 60_000.0])
    volatility = random.choice([0.001, 0.02, 0.1, 0.4])
    step = random.choice([1_000, 60_000, 300_000, 3_600_000, 86_400_000])
    rows: list[tuple[int, str]] = []
    for _ in range(random.randint(1, 250)):
        rows.append((time, f"{price:.{random.choice([2, 4, 8])}f}" if price > 0.02 else f"{price:.12f}"))
        if random.random() > 0.3:
            jump = random.choice([0.5, 2, 0.3, 1.7]) if random.random() < 0.01 else 1 + random.gauss(0, volatility)
            price = max(1e-9, price * jump)
        time += random.choice([step, step, step, 0, step // 2, step * random.choice([1, 1, 10, 500]), -step])
    return [row for row in rows if Decimal(row[1]) > 0] or [(MIDNIGHT_MS, "100")]


@given(st.integers(0, 10**9))
def test_an_independent_program_finds_the_same(seed: int) -> None:
    random = Random(seed)
    rows = random_rows(random)
    multiplier: str = random.choice(["3", "-3", "2", "-1", "5", "-2", "1.5", "-0.5", "10", "-10", "1.01"])
    close = d(multiplier).copy_abs() * d("1.1")
    limit: Any = random.choice(["default", "none", "default", close])
    max_age_s = random.choice([600, 86_400, 1, 100_000])
    slippage, commission = random.choice([("0", "0"), ("0", "0"), ("5", "3"), ("12.5", "0"), ("300", "100")])
    lot, least = random.choice([("0", "0"), ("0", "0"), ("0.001", "10"), ("0.1", "0"), ("1", "0"), ("0", "20")])
    expected = reference(
        rows, multiplier=multiplier, max_leverage=limit, max_age_s=max_age_s,
        slippage_bps=slippage, commission_bps=commission, lot=lot, min_notional=least,
    )  # fmt: skip
    settings = Settings(
        multipliers=(d(multiplier),), max_leverage=limit, max_age_s=max_age_s,
        slippage=d(slippage) * BASIS_POINT, commission=d(commission) * BASIS_POINT, lot=d(lot), min_notional=d(least),
    )  # fmt: skip
    last = -1
    ticks = []
    for row in rows:
        if row[0] >= last:
            last = row[0]
            ticks.append(Tick(last * 1_000, d(row[1])))
    [found] = Backtest(settings).run(ticks)
    for name, value in expected.items():
        if isinstance(value, Decimal):
            assert abs(Decimal(found[name]) - value) <= d("1e-12") * max(d(1), abs(value)), name
        else:
            assert found[name] == value, name


def test_bars_are_cut_into_ticks_as_an_independent_program_cuts_them(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.csv", 5, 12, crash_day=6)
    rows = bars_of(path.read_text())
    multipliers = ["3", "-3", "2", "-1", "5", "-2"]
    found = run(path, *[part for multiplier in multipliers for part in ("--multiplier", multiplier)])
    for multiplier, summary in zip(multipliers, found, strict=True):
        expected = reference(rows, multiplier=multiplier)
        for name, value in expected.items():
            assert near(summary[name], value) if isinstance(value, Decimal) else summary[name] == value, name


@pytest.mark.parametrize(("price", "nav"), [("105", 115), ("95", 85), ("110", 130)])
def test_three_times_a_day_s_return(tmp_path: Path, price: str, nav: int) -> None:
    path = prices(tmp_path / "p.csv", ("2024-04-12T09:00:00Z", 100), ("2024-04-12T09:01:00Z", price))
    [long] = run(path, "--multiplier", 3)
    assert near(long["nav"], nav)
    assert near(long["benchmark"], nav)
    assert long["daily_resets"] == long["intraday_resets"] == long["late_resets"] == 0
    assert near(long["turnover"], 0)


def test_a_de_lever_at_the_limit_and_a_reset_at_the_fix(tmp_path: Path) -> None:
    path = prices(
        tmp_path / "p.csv",
        ("2024-04-12T23:58:00Z", 90),
        ("2024-04-12T23:59:00Z", 80),
        ("2024-04-13T00:00:00Z", 100),
    )
    [long] = run(path, "--multiplier", 3)
    worth = 100 - d(300) / 90 * 10
    assert near(long["lowest_nav"], worth)
    assert near(long["nav"], worth * (1 + 3 * d("0.25")))
    assert (long["daily_resets"], long["intraday_resets"], long["late_resets"]) == (1, 1, 0)
    assert near(long["turnover"], d(300) / 90 * 80 - 3 * worth)
    assert near(long["benchmark"], (1 - 3 * d(10) / 90) * 100 * (1 + 3 * d("0.25")))


def test_a_gap_beyond_all_value_ends_the_token_with_a_shortfall_and_never_below_zero(tmp_path: Path) -> None:
    path = prices(tmp_path / "p.csv", (MIDNIGHT_MS + 1_000, 100), (MIDNIGHT_MS + 2_000, 60), (MIDNIGHT_MS + 3_000, 90))
    long, short = run(path, "--multiplier", 3, "--multiplier", -3)
    assert near(long["nav"], 0)
    assert near(long["lowest_nav"], 0)
    assert near(long["shortfall"], 20)
    assert long["terminated_at"] == MIDNIGHT_MS + 2_000
    assert near(long["turnover"], 0)
    assert near(long["benchmark"], 70)
    assert short["terminated_at"] is None
    assert short["multiplier"] == "-3"


def test_no_limit_is_no_intraday_rebalance(tmp_path: Path) -> None:
    path = prices(tmp_path / "p.csv", (MIDNIGHT_MS, 100), (MIDNIGHT_MS + 1, 70))
    [long] = run(path, "--multiplier", 3, "--max-leverage", "none")
    assert long["intraday_resets"] == 0
    assert near(long["nav"], 10)
    assert near(long["leverage"], 21)


def test_a_gap_over_midnight_is_one_late_reset_however_many_boundaries_it_has(tmp_path: Path) -> None:
    path = prices(tmp_path / "p.csv", ("2024-04-12T22:00:00Z", 100), ("2024-04-15T07:00:00Z", 104))
    [long] = run(path, "--multiplier", 2)
    assert (long["daily_resets"], long["late_resets"]) == (1, 1)
    assert near(long["nav"], 108)
    assert near(long["leverage"], 2)


def test_decimals_have_at_least_twelve_places(tmp_path: Path) -> None:
    [long] = run(prices(tmp_path / "p.csv", (MIDNIGHT_MS, 100)), "--multiplier", 3)
    for name in ("nav", "benchmark", "turnover", "lowest_nav", "shortfall", "leverage"):
        assert len(long[name].partition(".")[2]) >= 12


def test_a_zipped_file_and_a_plain_one_are_the_same(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.csv", 1, 0.2)
    (tmp_path / "bars.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert run(path, "--multiplier", 3) == run(tmp_path / "bars.csv.gz", "--multiplier", 3)


def test_from_and_to_cut_the_file(tmp_path: Path) -> None:
    path = prices(tmp_path / "p.csv", *((MIDNIGHT_MS + hour * 3_600_000, 100 + hour) for hour in range(6)))
    [cut] = run(path, "--multiplier", 2, "--from", "2024-04-12T01:00:00Z", "--to", "2024-04-12T03:00:00Z")
    assert near(cut["nav"], 100 * (1 + 2 * (d(102) / 101 - 1)))


def test_every_output_of_the_core_is_a_line_of_the_events_file(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.csv", 2, 1.5)
    [with_events] = run(path, "--multiplier", 3, "--events", tmp_path / "events.jsonl")
    assert [with_events] == run(path, "--multiplier", 3)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    kinds = {event["type"] for event in events}
    assert {"token_launched", "fix_taken", "token_reset", "order_sent", "fill_booked", "nav_published"} <= kinds
    assert sum(event["type"] == "token_reset" for event in events) == with_events["daily_resets"]
    last = [event for event in events if event["type"] == "nav_published"][-1]
    assert near(with_events["nav"], last["nav"])


def test_a_person_gets_a_table(tmp_path: Path) -> None:
    done = levtao("backtest", "--prices", write_bars(tmp_path / "bars.csv", 2, 0.5), "--multiplier", 3)
    assert done.returncode == 0
    assert "NAV 100 at the first" in done.stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: needs the columns time,price or open_time,open,high,low,close"),
        ("when,what\n1,2\n", "line 1: needs the columns"),
        ("time,price\n", "no price between"),
        ("time,price\n1,x\n", "line 2: price 'x' is no number"),
        ("time,price\n1,5\n2,NaN\n", "line 3: price 'NaN' is not between 0 and 10^15"),
        ("time,price\n1,0\n", "line 2: price '0' is not between"),
        ("time,price\n1,-5\n", "line 2: price '-5' is not between"),
        ("time,price\nnoon,5\n", "line 2: Invalid isoformat string: 'noon'"),
        ("time,price\n1712880000000000,5\n", "line 2: time 1712880000000000 is no epoch in milliseconds"),
        ("time,price\n2024-04-12T00:00:00,5\n", "line 2: a time needs its offset from UTC"),
        ("time,price\n1\n", "line 2: too few columns"),
        ("open_time,open,high,low,close\n1,2,3,1,2\n", "bars need two rows"),
        ("open_time,open,high,low,close\n5,2,3,1,2\n5,2,3,1,2\n", "the second bar does not come after the first"),
    ],
)
def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    done = levtao("backtest", "--prices", tmp_path / "p.csv", "--multiplier", 3, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--multiplier", "5", "--max-leverage", "4"], "max_leverage 4 is not above the multiplier's size 5"),
        (["--multiplier", "1"], "multiplier is above 1 or below 0"),
        (["--multiplier", "11"], "multiplier is at most 10"),
        (["--multiplier", "x"], "'x' is no number"),
        (["--multiplier", "3", "--lot", "-1"], "'-1' is below 0"),
        (["--multiplier", "3", "--slippage-bps", "-1"], "'-1' is below 0"),
        (["--multiplier", "3", "--from", "noon"], "'noon' is no RFC 3339 time"),
        (["--multiplier", "3", "--multiplier", "3.0"], "TAO3L is asked for twice"),
    ],
)
def test_bad_options_are_named_with_exit_code_2(tmp_path: Path, options: list[str], reason: str) -> None:
    done = levtao("backtest", "--prices", prices(tmp_path / "p.csv", (1, 5)), *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr


@pytest.mark.parametrize("kept", [b"\x1f\x8b\x08", b"\x9e\xff\n", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, kept: bytes | None) -> None:
    whole = gzip.compress(b"time,price\n1,5\n" * 9)
    (tmp_path / "p.csv").write_bytes(whole[:-30] if kept is None else kept)
    done = levtao("backtest", "--prices", tmp_path / "p.csv", "--multiplier", 3)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"levtao: {tmp_path / 'p.csv'}: line 1: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("options", [["--report", "out.html"], ["--enter", "2024-01-01"], ["--lot", "1"]])
def test_a_scenario_passes_over_no_option_in_silence(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "s.jsonl").write_text("")
    done = levtao("backtest", "--scenario", tmp_path / "s.jsonl", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("levtao: --scenario ")


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    done = levtao("backtest", "--prices", tmp_path / "none.csv", "--multiplier", 3)
    assert done.returncode == 2
    assert "none.csv: No such file or directory" in done.stderr


def test_the_recorded_months_of_tao_as_an_independent_program_sees_them(data: Path) -> None:
    path = data / "tao_usdt_binance_spot_5m_2024.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = bars_of(file.read())
    found = run(path, "--multiplier", 3, "--multiplier", -3)
    for multiplier, summary in zip(["3", "-3"], found, strict=True):
        expected = reference(rows, multiplier=multiplier)
        for name, value in expected.items():
            assert near(summary[name], value) if isinstance(value, Decimal) else summary[name] == value, name
