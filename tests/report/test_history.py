"""From lines to a token's course: what is gathered, and what is refused."""

from pathlib import Path

import pytest

from engine.domain.events import Output
from engine.domain.inputs import Position
from engine.domain.instants import DAY, SECOND
from engine.wire.codec import encode_outputs
from levtao.backtest import Backtest, Settings
from levtao.report.course import CourseError, course_of
from levtao.report.history import History
from levtao.report.records import RecordError, of_file, of_line, of_outputs
from producers.prices import PriceFile
from tests.desk import d
from tests.market import write_bars
from tests.report.lines import START, Log, gamed, nav, sent


def history(path: Path) -> History:
    found = History()
    for record in of_file(path):
        found.take(record)
    found.settle()
    return found


def test_a_running_core_and_its_file_are_gathered_alike(tmp_path: Path) -> None:
    direct, from_lines = History(), History()

    def hear(outputs: list[Output], position: Position) -> None:
        for record in of_outputs(outputs, position):
            direct.take(record)
        for encoded in encode_outputs(outputs, position):
            from_lines.take(of_line(encoded.value))

    file = PriceFile(write_bars(tmp_path / "bars.csv", 5, 3, crash_day=1))
    Backtest(Settings(multipliers=(d(3), d(-2)), publication_interval_s=600), hear).run(file.ticks())
    for each in (direct, from_lines):
        each.settle()
    assert direct.tokens.keys() == from_lines.tokens.keys() == {"TAO3L", "TAO2S"}
    assert direct.fixes == from_lines.fixes
    assert direct.records == from_lines.records
    for name, token in direct.tokens.items():
        other = from_lines.tokens[name]
        assert token.published.time == other.published.time
        columns = [{key: column.tobytes() for key, column in each.published.columns.items()} for each in (token, other)]
        assert columns[0] == columns[1]
        assert token.executions == other.executions
        assert token.bands == other.bands


def test_bands_are_told_by_the_prices_at_which_they_are_reached(tmp_path: Path) -> None:
    found = History()
    file = PriceFile(write_bars(tmp_path / "bars.csv", 5, 1))

    def hear(outputs: list[Output], position: Position) -> None:
        for record in of_outputs(outputs, position):
            found.take(record)

    Backtest(Settings(multipliers=(d(3), d(-1)), publication_interval_s=600), hear).run(file.ticks())
    [long] = found.tokens["TAO3L"].bands
    assert (long.max_leverage, long.emergency, long.min_leverage) == (4, 6, None)
    assert found.tokens["TAO1S"].bands[-1].max_leverage == pytest.approx(4 / 3, abs=1e-6)


def test_trades_go_to_the_decision_they_were_made_for(tmp_path: Path) -> None:
    token = history(gamed().write(tmp_path / "log.jsonl")).tokens["TAO3L"]
    reset = token.executions[0]
    assert (reset.kind, reset.price, reset.leverage) == ("reset", d(101), 2.9)
    assert [fill.price for fill in reset.fills] == [d("101.1"), d("100.9")]
    assert [(cross.quantity, cross.price) for cross in reset.crosses] == [(d("0.5"), d(101))]
    assert reset.fills[0].commission == d("0.01")
    [flow] = [each for each in token.executions if each.request == "R1"]
    assert (flow.kind, flow.fills[0].quantity) == ("creation", d(3))
    assert [each.kind for each in token.executions].count("late reset") == 1
    assert [record.type for record in token.flows] == ["units_created"]
    assert [(record.type, record.fields["cash"]) for record in token.paid] == [("funding_booked", "-0.03")]


def test_a_flow_s_share_without_its_request_goes_to_the_last_flow(tmp_path: Path) -> None:
    log = gamed(days=5)
    for line in log.lines:
        for part in (*line.get("allocations", ()), *line.get("shares", ())):
            part.pop("request", None)
    token = history(log.write(tmp_path / "log.jsonl")).tokens["TAO3L"]
    [flow] = [each for each in token.executions if each.kind == "creation"]
    assert (flow.request, flow.fills[0].quantity) == ("R1", d(3))


def test_the_order_of_files_and_lines_does_not_matter(tmp_path: Path) -> None:
    log = gamed()
    whole = history(log.write(tmp_path / "log.jsonl"))
    log.lines.reverse()
    assert history(log.write(tmp_path / "back.jsonl")).tokens["TAO3L"].executions == whole.tokens["TAO3L"].executions


def test_a_file_that_starts_in_the_middle_still_tells_the_multiplier_and_its_trades(tmp_path: Path) -> None:
    log = Log()
    nav(log, 0, "TAO3L", 3)
    sent(log, 1, "a", "1", "100", [{"token": "TAO3L", "purpose": "rebalance", "quantity": "1"}])
    found = history(log.write(tmp_path / "log.jsonl"))
    token = found.tokens["TAO3L"]
    assert course_of(found, token, None).multiplier == 3
    assert [each.kind for each in token.executions] == ["earlier"]


def test_incidents_are_those_a_desk_should_have_seen(tmp_path: Path) -> None:
    log = gamed(days=4)
    log.say("index_lost", 90_000, reason="divergent")
    log.say("order_ended", 90_001, order_id="a1", outcome="overdue", filled="0", unfilled="1", detail="")
    log.say("order_ended", 90_002, order_id="b1", outcome="filled", filled="1", unfilled="0", detail="")
    log.say("something_new", 90_003, colour="red")
    found = history(log.write(tmp_path / "log.jsonl")).incidents
    assert [(each.time - START) // SECOND for each in found if each.what == "index lost"] == [90_000]
    assert [each.detail for each in found if each.what == "order ended"] == ["order id a1, outcome overdue"]
    assert [each.time for each in found if each.what == "late: token reset"] == [START + 3 * DAY] * 2


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"type": "x", "id": "0-0-0"}', "[1]", ""])
def test_a_line_that_is_no_output_is_named(tmp_path: Path, text: str) -> None:
    path = gamed(days=1).write(tmp_path / "log.jsonl")
    path.write_text(path.read_text().splitlines()[0] + f"\n{text}\n")
    with pytest.raises(RecordError, match=r"log\.jsonl: line 2: no output of the core"):
        history(path)


def test_what_is_read_twice_counts_once(tmp_path: Path) -> None:
    path = gamed(days=3).write(tmp_path / "log.jsonl")
    twice = History()
    for record in [*of_file(path), *of_file(path)]:
        twice.take(record)
    twice.settle()
    once = history(path)
    assert twice.tokens["TAO3L"].executions == once.tokens["TAO3L"].executions
    courses = [course_of(each, each.tokens["TAO3L"], None) for each in (once, twice)]
    assert courses[0].times.tolist() == courses[1].times.tolist()


def test_outputs_of_two_runs_are_no_course(tmp_path: Path) -> None:
    log = gamed(days=1)
    log.write(tmp_path / "one.jsonl")
    for line in log.lines:
        if line["type"] == "nav_published":
            line["nav"] = "50"
    log.write(tmp_path / "two.jsonl")
    found = History()
    for record in [*of_file(tmp_path / "one.jsonl"), *of_file(tmp_path / "two.jsonl")]:
        found.take(record)
    found.settle()
    with pytest.raises(CourseError, match="TAO3L: two NAVs have one number"):
        course_of(found, found.tokens["TAO3L"], None)
