"""`levtao report` and `levtao simulate` as a user starts them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import environment, levtao
from tests.market import write_bars
from tests.report.lines import gamed


def test_a_back_test_writes_its_page_and_says_the_same_as_without(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.csv", 2, 2.5)
    out = tmp_path / "out.html"
    done = levtao("backtest", "--prices", path, "--multiplier", 3, "--multiplier", 2, "--json", "--report", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == levtao("backtest", "--prices", path, "--multiplier", 3, "--multiplier", 2, "--json").stdout
    text = out.read_text()
    assert "Which multiplier of TAO" in text
    assert "a back-test of bars.csv" in text
    assert len(text) < 8_000_000


def test_the_events_of_a_back_test_make_a_page(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.csv", 2, 2.5)
    levtao("backtest", "--prices", path, "--multiplier", 3, "--json", "--events", tmp_path / "events.jsonl")
    out = tmp_path / "out.html"
    done = levtao("report", tmp_path / "events.jsonl", "--out", out, "--prices", path, "--market-cost-bps", 3)
    assert done.returncode == 0, done.stderr
    assert "the file of prices" in out.read_text()


def test_one_run_in_several_files_is_one_page(tmp_path: Path) -> None:
    log = gamed(days=6)
    navs = [line for line in log.lines if line["type"] == "nav_published"]
    rest = [line for line in log.lines if line["type"] != "nav_published"]
    for name, lines in (("navs", navs), ("events", rest)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = levtao("report", tmp_path / "navs.jsonl", tmp_path / "events.jsonl", "--out", tmp_path / "out.html")
    assert done.returncode == 0, done.stderr
    assert "Traded against" in (tmp_path / "out.html").read_text()


def test_what_is_wrong_with_a_report_s_files_is_one_line(tmp_path: Path) -> None:
    log = gamed(days=1).write(tmp_path / "log.jsonl")
    other = tmp_path / "other.jsonl"
    other.write_text(log.read_text().replace('"nav": "100', '"nav": "90'))
    (tmp_path / "bad.jsonl").write_text("nonsense\n")
    (tmp_path / "bad.csv").write_text("nonsense\n")
    for options, reason in (
        ((tmp_path / "bad.jsonl", "--out", tmp_path / "o.html"), "bad.jsonl: line 1: no output of the core"),
        ((tmp_path / "none.jsonl", "--out", tmp_path / "o.html"), "none.jsonl: No such file"),
        ((log, other, "--out", tmp_path / "o.html"), "two NAVs have one number"),
        ((log, "--out", tmp_path / "none" / "o.html"), "o.html: No such file"),
        ((log, "--out", tmp_path / "o.html", "--prices", tmp_path / "bad.csv"), "bad.csv: line 1: needs the columns"),
    ):
        done = levtao("report", *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_simulation_in_json_with_the_core_s_word_and_a_page(tmp_path: Path) -> None:
    out = tmp_path / "out.html"
    done = levtao(
        "simulate", "--multiplier", 3, "--multiplier", -2, "--volatility", 0.8, "--paths", 300, "--steps-a-day", 4,
        "--days", 1, "--days", 10, "--check-core", 2, "--json", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *rows, checked = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["multiplier"], row["days"]) for row in rows] == [(3, 1), (3, 10), (-2, 1), (-2, 10)]
    assert rows[0].keys() >= {"mean", "percentiles", "loss", "below_underlying", "terminated", "closed_percentiles"}
    assert checked["core_check"]["agrees"] is True
    text = out.read_text()
    assert "Against the underlying after 10 days" in text
    assert "agrees" in text


def test_a_volatility_is_measured_from_prices(tmp_path: Path) -> None:
    path = write_bars(tmp_path / "bars.csv", 2, 10)
    done = levtao("simulate", "--multiplier", 2, "--prices", path, "--paths", 50, "--days", 5, "--steps-a-day", 1)
    assert done.returncode == 0, done.stderr
    assert "measured from bars.csv" in done.stdout


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--multiplier", 3), "give either --volatility or --prices"),
        (("--multiplier", 1, "--volatility", 1), "multiplier is above 1 or below 0"),
        (("--multiplier", 3, "--volatility", 80), "volatility is a yearly share"),
        (("--multiplier", 3, "--volatility", 1, "--tails", 1), "more than 2 degrees of freedom"),
        (("--multiplier", 3, "--volatility", 1, "--paths", 5, "--check-core", 9), "no more paths than there are"),
        (("--multiplier", 3, "--prices", "none.csv"), "none.csv: No such file"),
    ],
)
def test_a_simulation_that_cannot_be_is_one_line(options: tuple[object, ...], reason: str) -> None:
    done = levtao("simulate", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_who_wants_no_page_does_not_wait_for_what_pages_need() -> None:
    heavy = "{'numpy', 'plotly', 'jinja2', 'narwhals'} & set(sys.modules)"
    code = f"import sys, levtao.cli, levtao.commands.backtest; print({heavy})"
    done = subprocess.run(  # noqa: S603 - this program
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    assert done.stdout == "set()\n"
