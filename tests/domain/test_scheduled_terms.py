"""Section 8: terms change by a version, from their time exactly."""

import pytest

from engine.domain.commands import SetTokenTerms
from engine.domain.notices import TermsScheduled, UnitsMerged
from engine.domain.outputs import (
    FillBooked,
    InputRefused,
    NavPublished,
    OrderSent,
    RebalanceTriggered,
    TokenLaunched,
    TokenTermsChanged,
    UnderlyingTermsChanged,
)
from engine.domain.terms import TokenTerms
from tests.desk import Desk, d, none, only
from tests.domain.costs_scenes import WHO, halt, held, merge, moment, refused, resettled, retermed
from tests.domain.scenes import DAY_S, EXACTLY, NAME, near, spaced, values, worked


def test_terms_of_the_future_are_scheduled_and_come_at_their_time() -> None:
    desk = spaced(publication_interval_s=1)
    old, new = desk[NAME].terms_version, desk.version + 1
    said = retermed(desk, at=-60, max_leverage=d("3.5"))
    none(said, TokenTermsChanged)
    planned = only(said, TermsScheduled)
    assert values(planned.token, planned.terms_version, planned.effective, planned.by, planned.reason) == (
        NAME, new, moment(-60), "desk", "test"
    )  # fmt: skip
    said = desk.quote(180, -60.001)
    none(said, TokenTermsChanged)
    assert only(said, NavPublished).terms_version == old
    said = desk.quote(180, -60)
    changed = only(said, TokenTermsChanged)
    assert values(changed.token, changed.terms_version, changed.by) == (NAME, new, "desk")
    assert desk.all(NavPublished)[-1].terms_version == new
    none(desk.quote(180, -59), TokenTermsChanged)


@pytest.mark.parametrize(("at", "fires"), [(-60.000001, False), (-60, True), (-5, True)])
def test_they_are_in_force_exactly_from_their_time(at: float, fires: bool) -> None:
    desk = spaced()
    retermed(desk, at=-60, max_leverage=d("3.5"))
    said = desk.quote(168, at)
    assert any(isinstance(body, RebalanceTriggered) for body in said) == fires


def test_a_clock_brings_them_as_well_and_triggers_by_them() -> None:
    desk = spaced()
    retermed(desk, at=-60, max_leverage=d("3.5"))
    none(desk.quote(168, -65), RebalanceTriggered)
    said = desk.clock(-60)
    only(said, TokenTermsChanged)
    only(said, RebalanceTriggered)


@pytest.mark.parametrize("at", [-200, -300])
def test_terms_of_the_past_are_refused(at: float) -> None:
    desk = spaced()
    desk.quote(180, -100)
    for said in (retermed(desk, at=at, max_leverage=d("3.5")), resettled(desk, at=at, tolerance=d("0.02"))):
        assert refused(said, "effective_in_past")


def test_terms_without_a_time_are_in_force_at_once() -> None:
    desk = spaced()
    desk.quote(168, -100)
    said = [*retermed(desk, max_leverage=d("3.5")), *desk.quote(168, -99)]
    only(said, TokenTermsChanged)
    only(said, RebalanceTriggered)


@pytest.mark.parametrize("at", [None, -60])
def test_versions_of_a_token_only_go_up(at: float | None) -> None:
    desk = spaced()
    current = desk[NAME].terms_version
    for version in (current, current - 1):
        assert refused(retermed(desk, at=at, version=version), "terms_version_not_newer")
    none(retermed(desk, at=at, version=current + 3), InputRefused)
    desk.clock(-50)
    assert desk[NAME].terms_version == current + 3


@pytest.mark.parametrize("at", [None, -60])
def test_versions_of_an_underlying_only_go_up(at: float | None) -> None:
    desk = spaced()
    assert desk.book is not None
    current = desk.book.market.terms_version
    assert refused(resettled(desk, at=at, version=current), "terms_version_not_newer")
    none(resettled(desk, at=at, version=current + 3), InputRefused)
    desk.clock(-50)
    assert desk.book.market.terms_version == current + 3


def test_a_version_that_is_scheduled_is_taken() -> None:
    desk = spaced()
    retermed(desk, at=-60, version=9)
    assert refused(retermed(desk, at=-50, version=9), "terms_version_not_newer")


@pytest.mark.parametrize("cut", [True, False])
def test_several_that_are_scheduled_come_in_the_order_of_their_times(cut: bool) -> None:
    desk = spaced()
    retermed(desk, at=-60, max_leverage=d("3.6"))
    retermed(desk, at=-50, max_leverage=d("3.5"))
    resettled(desk, at=-55, tolerance=d("0.02"))
    if cut:
        only(desk.clock(-60), TokenTermsChanged)
        only(desk.clock(-55), UnderlyingTermsChanged)
        only(desk.clock(-50), TokenTermsChanged)
    else:
        changed = [body for body in desk.clock(-40) if isinstance(body, TokenTermsChanged | UnderlyingTermsChanged)]
        assert [type(body) for body in changed] == [TokenTermsChanged, UnderlyingTermsChanged, TokenTermsChanged]
    assert desk[NAME].terms.max_leverage == d("3.5")


def test_terms_of_the_underlying_are_scheduled_alike() -> None:
    desk = spaced()
    planned = only(resettled(desk, at=-60, tolerance=d("0.02")), TermsScheduled)
    assert values(planned.token, planned.effective) == (None, moment(-60))
    only(desk.quote(180, -60), UnderlyingTermsChanged)
    assert only(desk.quote(160, -59), OrderSent).limit_price == 160 * d("0.98")


def test_an_order_before_their_time_is_sent_by_the_old_ones() -> None:
    desk = spaced()
    resettled(desk, at=-60, tolerance=d("0.02"))
    order = only(desk.quote(160, -61), OrderSent)
    assert order.limit_price == 160 * d("0.99")


def test_the_fix_of_a_boundary_before_their_time_is_booked_by_the_old_ones() -> None:
    desk = held()
    desk.quote(210, -1)
    resettled(desk, at=5, slippage=d("0.01"))
    said = desk.quote(210, 8)
    assert only(said, FillBooked).price == 210
    only(said, UnderlyingTermsChanged)
    desk.quote(220, DAY_S - 1)
    assert near(only(desk.clock(DAY_S), FillBooked).price, 220 * d("1.01"))


def test_the_multiplier_cannot_change_once_there_are_units() -> None:
    desk = spaced()
    assert refused(retermed(desk, multiplier=d(2)), "terms_not_changeable")
    assert refused(retermed(desk, at=-60, multiplier=d(2)), "terms_not_changeable")
    desk.clock(-60)
    assert desk[NAME].terms.multiplier == 3


def test_the_multiplier_can_change_before_the_launch() -> None:
    desk = Desk.open()
    desk.token(NAME, 3)
    only(retermed(desk, multiplier=d(2)), TokenTermsChanged)
    assert desk.quote(200, -100)
    assert desk[NAME].basket == 1


def test_a_multiplier_scheduled_before_the_launch_does_not_come_after_it() -> None:
    desk = Desk.open(**EXACTLY)
    desk.token(NAME, 3)
    desk.clock(-200)
    retermed(desk, at=-50, multiplier=d(2))
    only(desk.quote(200, -100), TokenLaunched)
    desk.quote(200, -50)
    desk.quote(210, -40)
    assert desk[NAME].terms.multiplier == 3


def test_a_token_can_be_listed_for_a_time() -> None:
    desk = spaced()
    desk.version += 1
    terms = TokenTerms(multiplier=d(2), seed_units=d(5))
    said = desk.feed(SetTokenTerms("TAO", "NEW", desk.version, terms, effective=moment(-60), **WHO))
    only(said, TermsScheduled)
    none(desk.quote(180, -61), TokenLaunched)
    said = desk.quote(180, -60)
    assert values(only(said, TokenTermsChanged).token, only(said, TokenLaunched).token) == ("NEW", "NEW")


def test_a_term_scheduled_for_a_halt_comes_in_it() -> None:
    desk = spaced()
    retermed(desk, at=-60, max_leverage=d("3.5"))
    halt(desk)
    said = desk.quote(168, -60)
    only(said, TokenTermsChanged)
    none(said, RebalanceTriggered)


def test_units_merged_by_the_floor_do_not_undo_scheduled_terms() -> None:
    desk = worked(token={"nav_floor": d(90), "floor_merge": 5})
    retermed(desk, at=3600, max_leverage=d("3.5"))
    desk.quote(190, -1)
    only(desk.clock(0), UnitsMerged)
    said = desk.clock(3600)
    none(said, InputRefused)
    only(said, TokenTermsChanged)
    assert desk[NAME].terms.max_leverage == d("3.5")


def test_a_merge_cannot_take_a_version_that_is_scheduled() -> None:
    desk = worked()
    retermed(desk, at=-60, version=9)
    assert refused(merge(desk, 10, version=9), "terms_version_not_newer")
