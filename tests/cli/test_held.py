"""`levtao backtest --enter --exit`: what a buyer got between two instants."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import levtao
from tests.desk import d

CLASSIC: list[tuple[str, float]] = [
    ("2024-04-11T12:00:00Z", 90),
    ("2024-04-11T23:59:59Z", 100),
    ("2024-04-12T00:00:00Z", 100),
    ("2024-04-12T13:30:00Z", 110),
    ("2024-04-13T00:00:00Z", 110),
    ("2024-04-13T00:05:00Z", 121),
]


def prices(folder: Path, rows: Sequence[tuple[str, float]]) -> Path:
    path = folder / "p.csv"
    path.write_text("time,price\n" + "".join(f"{time},{price}\n" for time, price in rows))
    return path


def held(folder: Path, enter: str, leave: str, *options: object, rows: Any = None) -> list[dict[str, Any]]:
    path = prices(folder, rows or CLASSIC)
    done = levtao(
        "backtest", "--prices", path, "--json", "--enter", enter, "--exit", leave, "--max-age", 86_400, *options
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["held"] for line in done.stdout.splitlines()]


def test_three_times_ten_percent_between_two_resets_is_thirty(tmp_path: Path) -> None:
    [got] = held(tmp_path, "2024-04-12T00:00:00Z", "2024-04-12T14:00:00Z", "--multiplier", 3)
    assert abs(d(got["return"]) - d("0.3")) < d("1e-15")
    assert abs(d(got["entry_leverage"]) - 3) < d("1e-15")
    assert d(got["underlying_return"]) == d("0.1")
    assert abs(d(got["effective_multiple"]) - 3) < d("1e-15")
    assert (got["daily_resets"], got["intraday_resets"], got["late_resets"]) == (0, 0, 0)


def test_who_comes_late_in_the_day_gets_the_leverage_that_is_left(tmp_path: Path) -> None:
    rows = [("2024-04-12T00:00:00Z", 100), ("2024-04-12T10:00:00Z", 110), ("2024-04-12T20:00:00Z", 121)]
    [got] = held(tmp_path, "2024-04-12T10:00:00Z", "2024-04-12T20:00:00Z", "--multiplier", 3, rows=rows)
    assert abs(d(got["entry_leverage"]) - d(330) / 130) < d("1e-15")
    assert abs(d(got["effective_multiple"]) - d(330) / 130) < d("1e-15")


def test_holding_over_a_reset_compounds(tmp_path: Path) -> None:
    [long, short] = held(
        tmp_path, "2024-04-12T00:00:00Z", "2024-04-13T00:05:00Z", "--multiplier", 3, "--multiplier", -1
    )
    assert abs(d(long["return"]) - (d("1.3") ** 2 - 1)) < d("1e-15")
    assert long["daily_resets"] == 1
    assert abs(d(short["return"]) - (d("0.9") ** 2 - 1)) < d("1e-15")
    assert d(short["entry_leverage"]) < 0


def test_the_summary_is_otherwise_unchanged(tmp_path: Path) -> None:
    path = prices(tmp_path, CLASSIC)
    plain = json.loads(levtao("backtest", "--prices", path, "--json", "--multiplier", 3).stdout)
    options = ("--enter", "2024-04-12T00:00:00Z", "--exit", "2024-04-13T00:05:00Z")
    done = json.loads(levtao("backtest", "--prices", path, "--json", "--multiplier", 3, *options).stdout)
    assert done.pop("held")["exited_at"] == 1_712_966_700_000
    assert done == plain


def test_a_person_gets_a_second_table(tmp_path: Path) -> None:
    options = ("--enter", "2024-04-12T00:00:00Z", "--exit", "2024-04-12T14:00:00Z", "--max-age", 86_400)
    done = levtao("backtest", "--prices", prices(tmp_path, CLASSIC), "--multiplier", 3, *options)
    assert "+30.00 %" in done.stdout
    assert "bought at --enter" in done.stdout


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--enter", "2024-04-12"), "--enter and --exit come together"),
        (("--exit", "2024-04-12"), "--enter and --exit come together"),
        (("--enter", "2024-04-13", "--exit", "2024-04-12"), "--exit is not after --enter"),
        (("--enter", "2024-04-10", "--exit", "2024-04-12"), "no price at or before --enter 2024-04-10T00:00:00Z"),
        (
            ("--enter", "2024-04-12", "--exit", "2024-04-20"),
            "no price within 600 s before --exit 2024-04-20T00:00:00Z: the last is of 2024-04-13T00:05:00Z",
        ),
        (("--enter", "noon", "--exit", "2024-04-20"), "'noon' is no RFC 3339 time"),
    ],
)
def test_a_purchase_that_cannot_be_is_one_line(tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    done = levtao("backtest", "--prices", prices(tmp_path, CLASSIC), "--multiplier", 3, "--json", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in " ".join(done.stderr.split())
