"""Section 5: forward pricing. A request joins the first strike that nobody could have known when it was accepted."""

from typing import Any

import pytest

from engine.domain.commands import HaltCreations, ResumeCreations
from engine.domain.outputs import IndexLost, OrderSent
from engine.domain.primary_events import RequestAccepted, RequestStruck
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    accepted_redemption,
    create,
    deliver,
    halt,
    lock,
    moment,
    primary,
    redeem,
    resume,
)
from tests.domain.scenes import DAY_S, NAME, kinds, near, values

ACCEPTED = pytest.mark.parametrize("accepted", [accepted_creation, accepted_redemption])
DAILY: dict[str, Any] = {"strike": "daily_reset"}
HOURLY: dict[str, Any] = {"strike": "interval", "strike_interval_s": 3600}
TWO: dict[str, Any] = {"min_venues": 2}


def two_venues(**token: Any) -> Desk:
    """The scene of `primary` with quotes of a and b at 1000."""
    desk = primary(token=token)
    desk.quote(200, 1000, "b")
    desk.terms(**TWO)
    return desk


def names(bodies: list[Any]) -> list[str]:
    return [struck.request_id for struck in kinds(bodies, RequestStruck)]


@ACCEPTED
def test_the_input_that_accepts_never_strikes(accepted: Any) -> None:
    desk = accepted(primary(), 10, "x")
    assert desk.all(RequestStruck) == []


@ACCEPTED
def test_the_next_index_strikes(accepted: Any) -> None:
    desk = accepted(primary(), 10, "x")
    struck = only(desk.quote(202, 1001), RequestStruck)
    assert values(struck.request_id, struck.price, struck.nav) == ("x", 202, 103)


@ACCEPTED
def test_a_clock_does_not_strike_at_an_old_quote(accepted: Any) -> None:
    desk = accepted(primary(), 10, "x")
    none(desk.clock(1005), RequestStruck)
    only(desk.quote(202, 1006), RequestStruck)


@ACCEPTED
def test_a_quote_logged_after_but_dated_at_or_before_the_acceptance_does_not_strike(accepted: Any) -> None:
    desk = primary()
    desk.clock(1004)
    accepted(desk, 10, "x")
    none(desk.quote(202, 1003), RequestStruck)
    none(desk.quote(202, 1004), RequestStruck)
    only(desk.quote(202, 1004.000001), RequestStruck)


@ACCEPTED
def test_one_of_two_counted_quotes_from_before_does_not_strike(accepted: Any) -> None:
    desk = accepted(two_venues(), 10, "x")
    none(desk.quote(202, 1001, "a"), RequestStruck)
    none(desk.quote(202, 1002, "a"), RequestStruck)
    struck = only(desk.quote("201.8", 1003, "b"), RequestStruck)
    assert struck.price == d("201.9")


@ACCEPTED
def test_a_quote_that_does_not_count_may_be_old(accepted: Any) -> None:
    desk = two_venues()
    desk.quote(200, 1000, "c")
    accepted(desk, 10, "x")
    none(desk.quote(200, 1001, "a"), RequestStruck)
    none(desk.quote(200, 1002, "b"), RequestStruck)  # c counts and is old
    only(desk.clock(1010.5), RequestStruck)  # c is no longer fresh


@ACCEPTED
def test_an_old_quote_outside_the_deviation_does_not_count(accepted: Any) -> None:
    desk = two_venues()
    desk.quote(230, 1000, "c")
    accepted(desk, 10, "x")
    none(desk.quote(200, 1001, "a"), RequestStruck)
    only(desk.quote(200, 1002, "b"), RequestStruck)


@pytest.mark.parametrize(("dated", "strikes"), [(1004, False), (1005, False), (1005.5, True)])
def test_a_quote_is_dated_after_the_append_time_of_the_acceptance(dated: float, strikes: bool) -> None:
    desk = primary()
    create(desk, at=1002)
    only(deliver(desk, 1101, at=1005), RequestAccepted)
    assert bool(names(desk.quote(202, dated, appended=1005.6))) is strikes


@pytest.mark.parametrize(("dated", "strikes"), [(1003.5, False), (1004, False), (1004.5, True)])
def test_or_after_the_time_of_the_underlying_where_that_is_later(dated: float, strikes: bool) -> None:
    desk = primary()
    redeem(desk, at=1002)
    desk.clock(1004)
    only(lock(desk, at=1003), RequestAccepted)
    assert bool(names(desk.quote(202, dated, appended=1005))) is strikes


def test_what_counts_is_the_acceptance_and_not_the_request() -> None:
    desk = primary()
    create(desk)
    desk.quote(202, 1001)
    deliver(desk, 1200)
    none(desk.clock(1002), RequestStruck)
    only(desk.quote(203, 1003), RequestStruck)


def test_a_request_moves_no_time() -> None:
    desk = primary()
    create(desk, at=5000)
    deliver(desk, 1101, at=5000)
    assert desk.book is not None
    assert desk.book.market.time == moment(1000)
    none(desk.quote(202, 1001, appended=5000.1), RequestStruck)
    only(desk.quote(202, 5000.5, appended=5000.6), RequestStruck)


def test_requests_are_struck_in_their_order() -> None:
    desk = primary()
    accepted_creation(desk, 10, "z")
    accepted_redemption(desk, 5, "a")
    accepted_creation(desk, 7, "m")
    assert names(desk.quote(202, 1001)) == ["z", "a", "m"]


def test_a_later_acceptance_waits_for_its_own_strike() -> None:
    desk = accepted_creation(primary(), 10, "c1")
    desk.quote(202, 1001)
    accepted_creation(desk, 10, "c2")
    assert names(desk.clock(1002)) == []
    assert names(desk.quote(203, 1003)) == ["c2"]


@ACCEPTED
@pytest.mark.parametrize("scope", [None, NAME])
def test_requests_queue_through_a_halt_in_order(accepted: Any, scope: str | None) -> None:
    desk = accepted(primary(), 10, "x")
    halt(desk, scope)
    accepted_creation(desk, 5, "b")
    accepted_redemption(desk, 5, "a")
    said = [*desk.quote(202, 1001), *desk.quote(203, 1002), *desk.quote(204, 1500)]
    none(said, RequestStruck)
    resumed = resume(desk, scope)
    assert names([*resumed, *desk.quote(201, 1501)]) == ["x", "b", "a"]


@ACCEPTED
def test_another_tokens_halt_holds_nothing_up(accepted: Any) -> None:
    desk = primary()
    desk.token("OTHER", 2)
    accepted(desk, 10, "x")
    halt(desk, "OTHER")
    only(desk.quote(202, 1001), RequestStruck)


@ACCEPTED
def test_requests_queue_while_there_is_no_index(accepted: Any) -> None:
    desk = two_venues()
    accepted(desk, 10, "x")
    only(desk.quote(202, 1011, "a"), IndexLost)
    none(desk.quote(202, 1012, "a"), RequestStruck)
    assert names(desk.quote(202, 1013, "b")) == ["x"]


@ACCEPTED
def test_divergent_quotes_strike_nothing(accepted: Any) -> None:
    desk = two_venues()
    accepted(desk, 10, "x")
    none([*desk.quote(200, 1001, "a"), *desk.quote("202.1", 1002, "b")], RequestStruck)
    struck = only(desk.quote(202, 1003, "b"), RequestStruck)
    assert struck.price == 201


def test_halted_creations_queue_and_redemptions_go_on() -> None:
    desk = primary()
    desk.feed(HaltCreations("TAO", NAME, by="test", reason="test"))
    accepted_creation(desk)
    accepted_redemption(desk)
    assert names(desk.quote(202, 1001)) == ["r1"]
    resumed = desk.feed(ResumeCreations("TAO", NAME, by="test", reason="test"))
    assert names([*resumed, *desk.quote(202, 1002)]) == ["c1"]


@ACCEPTED
def test_an_open_rebalance_delays_no_strike(accepted: Any) -> None:
    desk = primary()
    desk.quote(210, DAY_S - 1)
    only(desk.clock(DAY_S), OrderSent)
    accepted(desk, 10, "x")
    only(desk.quote(210, DAY_S + 2), RequestStruck)


@ACCEPTED
def test_strikes_at_intervals_come_at_their_marks(accepted: Any) -> None:
    desk = accepted(primary(token=HOURLY), 10, "x")
    none([*desk.quote(202, 1001), *desk.quote(203, 3599)], RequestStruck)
    struck = only(desk.quote(204, 3600), RequestStruck)
    assert struck.price == 204


@ACCEPTED
def test_the_first_index_after_a_mark_strikes(accepted: Any) -> None:
    desk = accepted(primary(token=HOURLY), 10, "x")
    desk.quote(202, 1001)
    assert only(desk.quote(203, 3700), RequestStruck).price == 203


@ACCEPTED
def test_a_clock_at_the_mark_strikes_at_quotes_since_the_acceptance(accepted: Any) -> None:
    desk = accepted(primary(token=HOURLY), 10, "x")
    desk.quote(203, 3595)
    assert only(desk.clock(3600), RequestStruck).price == 203


@ACCEPTED
def test_what_is_accepted_after_a_mark_waits_for_the_next(accepted: Any) -> None:
    desk = primary(token=HOURLY)
    desk.quote(200, 3601)
    accepted(desk, 10, "x")
    none([*desk.quote(202, 3602), *desk.quote(202, 7199)], RequestStruck)
    only(desk.quote(202, 7200), RequestStruck)


@ACCEPTED
@pytest.mark.parametrize("interval_s", [300, 900])
def test_marks_are_as_far_apart_as_the_terms_say(accepted: Any, interval_s: int) -> None:
    desk = accepted(primary(token=HOURLY | {"strike_interval_s": interval_s}), 10, "x")
    mark = (1000 // interval_s + 1) * interval_s
    none(desk.quote(202, mark - 0.001), RequestStruck)
    only(desk.quote(202, mark), RequestStruck)


@ACCEPTED
def test_the_daily_strike_is_at_the_fix(accepted: Any) -> None:
    desk = accepted(primary(token=DAILY), 10, "x")
    none([*desk.quote(202, 1001), *desk.quote(206, DAY_S - 1)], RequestStruck)
    struck = only(desk.clock(DAY_S), RequestStruck)
    assert values(struck.price, struck.nav) == (206, 109)


@ACCEPTED
@pytest.mark.parametrize(("before_s", "strikes"), [(301, True), (299, False), (10, False)])
def test_the_daily_strike_has_a_cut_off(accepted: Any, before_s: int, strikes: bool) -> None:
    desk = primary(token=DAILY)
    desk.quote(200, DAY_S - before_s)
    accepted(desk, 10, "x")
    desk.quote(202, DAY_S - 1)
    assert bool(names(desk.clock(DAY_S))) is strikes
    desk.quote(202, 2 * DAY_S - 1)
    assert bool(names(desk.clock(2 * DAY_S))) is not strikes


@ACCEPTED
def test_the_cut_off_is_a_term(accepted: Any) -> None:
    desk = primary(token=DAILY | {"strike_cut_off_s": 60})
    desk.quote(200, DAY_S - 70)
    accepted(desk, 10, "x")
    desk.quote(202, DAY_S - 1)
    only(desk.clock(DAY_S), RequestStruck)


@ACCEPTED
def test_at_the_daily_strike_the_token_has_been_reset(accepted: Any) -> None:
    desk = accepted(primary(token=DAILY), 10, "x")
    desk.quote(206, DAY_S - 1)
    struck = only(desk.clock(DAY_S), RequestStruck)
    goal = 3 * d(10900) / 206
    assert near(struck.goal, goal / 10 if struck.flow == "creation" else 0)
    assert near(desk[NAME].goal, goal if struck.flow == "creation" else goal * d("0.9"))


@ACCEPTED
def test_between_daily_strikes_nothing_is_struck(accepted: Any) -> None:
    desk = primary(token=DAILY)
    desk.quote(202, DAY_S - 1)
    desk.clock(DAY_S)
    accepted(desk, 10, "x")
    none([*desk.quote(203, DAY_S + 1), *desk.quote(203, DAY_S + 50_000)], RequestStruck)
