"""Numbers of the report: against the back-test's own summary, and against worked ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.domain.events import Output
from engine.domain.inputs import Position
from engine.domain.instants import DAY, SECOND, format_instant
from engine.domain.numbers import exact
from levtao.backtest import Backtest, Settings
from levtao.report.course import Course, course_of, measure, months
from levtao.report.history import History
from levtao.report.quality import Market, Quality, average_path, measured_cost_bps, quality_of, verdict
from levtao.report.records import of_file, of_outputs
from levtao.report.series import Tape, as_of, day_marks, drawdown, realised_variance, returns, thin
from producers.prices import PriceFile
from tests.desk import d
from tests.market import write_bars
from tests.report.lines import START, Log, gamed


def tame(path: Path, seed: int, days: float, crash_day: int | None = None) -> Path:
    """Bars without the leap of a listing's first one, which ends every short token."""
    lines = write_bars(path, seed, days, crash_day).read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *lines[2:]]))
    return path


def backtested(path: Path, interval_s: int, *multipliers: str) -> tuple[list[dict[str, Any]], list[Course]]:
    """The summaries of a back-test, and the courses of its outputs."""
    found, tape = History(), Tape()

    def hear(outputs: list[Output], position: Position) -> None:
        for record in of_outputs(outputs, position):
            found.take(record)

    settings = Settings(
        multipliers=tuple(d(multiplier) for multiplier in multipliers), publication_interval_s=interval_s,
        slippage=d("0.0005"), commission=d("0.0004"),
    )  # fmt: skip
    summaries = Backtest(settings, hear).run(tape.watch(PriceFile(path).ticks()))
    found.settle()
    names = [f"TAO{multiplier.lstrip('-')}{'S' if multiplier.startswith('-') else 'L'}" for multiplier in multipliers]
    seen = tape if interval_s > 1 else None
    return summaries, [course_of(found, found.tokens[name], seen) for name in names]


def test_the_report_counts_what_the_back_test_counts(tmp_path: Path) -> None:
    summaries, courses = backtested(tame(tmp_path / "bars.csv", 5, 6, crash_day=3), 1, "3", "2", "-1")
    for summary, course in zip(summaries, courses, strict=True):
        with exact():
            found = measure(course)
        assert found.nav == pytest.approx(float(summary["nav"]), rel=1e-12)
        assert found.benchmark == pytest.approx(float(summary["benchmark"]), rel=1e-12)
        assert found.turnover == pytest.approx(float(summary["turnover"]), rel=1e-12)
        assert found.resets == summary["daily_resets"]
        assert found.intraday == summary["intraday_resets"]
        assert course.fine.nav.min() == pytest.approx(float(summary["lowest_nav"]), rel=1e-9)


def test_what_lies_between_two_records_follows_from_the_basket_and_the_price(tmp_path: Path) -> None:
    path = tame(tmp_path / "bars.csv", 5, 6, crash_day=3)
    _, every = backtested(path, 1, "3", "-2")
    _, seldom = backtested(path, 3_600, "3", "-2")
    for published, derived in zip(every, seldom, strict=True):
        assert len(derived.times) < len(published.times) / 5
        at = published.times[published.times <= derived.times[-1]]
        for name in ("nav", "leverage"):
            expected = as_of(published.fine.times, getattr(published.fine, name), at)
            got = as_of(derived.fine.times, getattr(derived.fine, name), at)
            known = np.isfinite(expected) & (expected != 0)
            assert np.allclose(got[known], expected[known], rtol=1e-9)


def test_thinning_keeps_both_ends_and_every_extreme() -> None:
    times = np.arange(100_000, dtype=np.int64) * SECOND
    values = np.sin(times / 1e9)
    values[54_321], values[12_345] = 9.0, -9.0
    kept, thinned = thin(times, values, 100)
    assert len(kept) <= 202
    assert (thinned.max(), thinned.min()) == (9.0, -9.0)
    assert (kept[0], kept[-1]) == (times[0], times[-1])
    assert kept[thinned.argmax()] == times[54_321]
    assert (np.diff(kept) > 0).all()


def test_series_of_worked_numbers() -> None:
    assert drawdown(np.array([1.0, 2.0, 1.0, 3.0, 0.0])).tolist() == [0, 0, -0.5, 0, -1]
    assert returns(np.array([1.0, 2.0, 0.0])).tolist() == [1, -1]
    assert np.isnan(returns(np.array([0.0, 1.0]))).all()
    assert realised_variance(np.exp(np.array([0.0, 0.1, -0.1]))).tolist() == pytest.approx([0, 0.01, 0.05])
    assert day_marks(5, 2 * DAY, {DAY, 3}).tolist() == [5, DAY, 2 * DAY]
    assert day_marks(DAY - 1, 2 * DAY + 1, set()).tolist() == [DAY - 1, DAY, 2 * DAY, 2 * DAY + 1]


def test_a_merge_is_no_gain(tmp_path: Path) -> None:
    log = Log()
    log.say("token_terms_changed", 0, token="TAO3L", multiplier="3", terms_version=1, by="test", reason="")
    value: dict[str, Any] = {"status": "live", "inav": None, "leverage": "3", "drift": "0", "cash": "-2000",
                             "terms_version": 1, "max_leverage_price": None, "emergency_price": None,
                             "min_leverage_price": None, "token": "TAO3L", "basket": "30"}  # fmt: skip
    day: dict[str, Any] = {"token": "TAO3L", "move": "1", "price_before": "100", "price": "100"}
    log.say("nav_published", 1, price="100", nav="10", benchmark="10", rule_value="10", units="100", **value)
    log.say("day_attributed", 2, since=format_instant(START), nav_before="10", nav="11", **day)
    log.say("nav_published", 3, price="100", nav="11", benchmark="11", rule_value="11", units="100", **value)
    log.say("units_merged", 3, token="TAO3L", ratio="10", by="ops", reason="too small")
    log.say("nav_published", 3, price="100", nav="110", benchmark="110", rule_value="110", units="10", **value)
    log.say("day_attributed", 4, since=format_instant(START), nav_before="110", nav="111", **day)
    log.say("nav_published", 4, price="100", nav="111", benchmark="111", rule_value="111", units="10", **value)
    history = History()
    for record in of_file(log.write(tmp_path / "run.jsonl")):
        history.take(record)
    history.settle()
    token = history.tokens["TAO3L"]
    course = course_of(history, token, None)
    assert course.columns["nav"].tolist() == [100, 110, 110, 111]
    assert course.columns["units"].tolist() == [10, 10, 10, 10]
    with exact():
        found = measure(course)
        assert [token.in_last_units(day) for day in token.days] == [d("10"), d("1")]
    assert found.total_return == pytest.approx(0.11)
    assert found.max_drawdown == 0
    assert [incident.what for incident in history.incidents[1:]] == ["units merged"]


def test_months_multiply_to_the_whole(tmp_path: Path) -> None:
    [summary], [course] = backtested(tame(tmp_path / "bars.csv", 5, 55), 1_800, "2")
    found = months(course)
    assert [month.month for month in found] == ["2024-04", "2024-05", "2024-06"]
    nav = course.columns["nav"]
    assert np.prod([1 + month.token for month in found]) == pytest.approx(nav[-1] / nav[0])
    assert summary["terminated_at"] is None


def gamed_quality(folder: Path, *, with_days: bool, cost_bps: float = 10) -> list[Quality]:
    found = History()
    for record in of_file(gamed(with_days=with_days).write(folder / "log.jsonl")):
        found.take(record)
    found.settle()
    with exact():
        course = course_of(found, found.tokens["TAO3L"], None)
        return quality_of(course, Market(course.times, course.columns["price"], cost_bps))


def test_an_execution_is_judged_against_its_decision_and_the_day(tmp_path: Path) -> None:
    reset = gamed_quality(tmp_path, with_days=False)[0]
    achieved = (0.6 * 101.1 + 0.4 * 100.9 + 0.5 * 101) / 1.5
    assert reset.quantity == pytest.approx(1.5)
    assert reset.achieved == pytest.approx(achieved)
    assert reset.slippage_bps == pytest.approx((achieved / 101 - 1) * 10_000)
    assert reset.commission_bps == pytest.approx(0.02 / (1.5 * 101) * 10_000)
    assert (reset.low, reset.high) == (100, 101)
    assert reset.place == pytest.approx(achieved - 100)
    assert reset.orders == 2
    assert reset.crossed == pytest.approx(50.5)
    assert reset.saved == pytest.approx(50.5 * 0.001)
    assert reset.sliced == pytest.approx(0.4 * (100.9 - 101))
    assert reset.chance_bps == 0


def test_chance_moves_the_price_by_an_hour_s_share_of_what_set_the_order_s_side(tmp_path: Path) -> None:
    flow, after = (each for each in gamed_quality(tmp_path, with_days=False)[4:6])
    assert flow.request == "R1"
    assert after.chance_bps == 0
    log = gamed(days=2, with_days=False)
    for line in log.lines:
        if line["type"] == "token_reset" and line["time"] > "2024-10-05T12":
            line["price"] = "103.02"
    found = History()
    for record in of_file(log.write(tmp_path / "log.jsonl")):
        found.take(record)
    found.settle()
    with exact():
        course = course_of(found, found.tokens["TAO3L"], None)
        [_, moved] = quality_of(course, Market(course.times, course.columns["price"], 0))
    assert moved.chance_bps == pytest.approx(200 / 24)


def test_the_day_s_range_is_that_of_its_attribution_where_there_is_one(tmp_path: Path) -> None:
    reset = gamed_quality(tmp_path, with_days=True)[0]
    assert (reset.low, reset.high) == (99, 103)


def test_a_market_that_trades_ahead_and_lets_go_is_named(tmp_path: Path) -> None:
    found = gamed_quality(tmp_path, with_days=True)
    path = average_path(found)
    assert path is not None
    assert path.mean[0] == pytest.approx((100 / 101 - 1) * 10_000, rel=1e-3)
    assert path.mean[-1] == pytest.approx((100 / 101 - 1) * 10_000, rel=1e-3)
    assert verdict(path).startswith("Traded against: the price runs +99.0 bp towards the order")
    assert average_path(found[:3]) is None
    assert "Too few resets" in verdict(None)


def test_a_market_without_a_pattern_is_not_accused(tmp_path: Path) -> None:
    _, [course] = backtested(tame(tmp_path / "bars.csv", 8, 40), 900, "2")
    times, prices = course.fine.times, course.fine.price
    with exact():
        found = quality_of(course, Market(times, prices, 0))
    path = average_path(found)
    assert path is not None
    assert path.expected_bps > 0
    assert verdict(path).startswith("No sign")


def test_what_the_market_costs_is_measured_on_the_fills(tmp_path: Path) -> None:
    _, courses = backtested(tame(tmp_path / "bars.csv", 5, 4), 900, "3")
    assert measured_cost_bps(courses) == pytest.approx(9, rel=1e-2)
    assert measured_cost_bps([]) is None


def test_days_of_the_gamed_log_start_where_they_should() -> None:
    assert START % DAY == 0
