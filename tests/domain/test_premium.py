"""Section 5: premium control. The engine invites the designated participant when the market strays from the NAV."""

from typing import Any

import pytest

from engine.domain.events import Body
from engine.domain.outputs import NavPublished
from engine.domain.primary_events import (
    CreationOrdered,
    InvitationEnded,
    PremiumAlert,
    RedemptionOrdered,
    RequestReceived,
)
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import create, halt, primary, redeem, refusal, token_quote
from tests.domain.scenes import DAY_S, kinds, near, values

INVITING: dict[str, Any] = {"designated_participant": "AP"}


def watched(**given: Any) -> Desk:
    """n = 100 at 1000, quotes fresh for an hour; AP is the designated participant."""
    token = INVITING | given.pop("token", {})
    return primary(token=token, **{"max_age_s": 3600, "publication_interval_s": 1} | given)


def hold(desk: Desk, bid: Any, ask: Any, since: int, until: int, **given: Any) -> list[Body]:
    """The token's market stands still, quoted every five seconds."""
    said: list[Body] = []
    for at in range(since, until + 1, 5):
        said += at_market(desk, bid, ask, at, **given)
    return said


def at_market(desk: Desk, bid: Any, ask: Any, at: float, **given: Any) -> list[Body]:
    """The clock ticks and the token's market is quoted."""
    return [*desk.clock(at), *token_quote(desk, bid, ask, at, **given)]


def invited(**given: Any) -> tuple[Desk, CreationOrdered]:
    desk = watched(**given)
    return desk, only(hold(desk, "101.5", 102, 1000, 1030), CreationOrdered)


def test_premium_and_discount_are_of_the_bid_and_the_ask() -> None:
    desk = watched()
    at_market(desk, "100.5", "101.25", 1001)
    nav = kinds(desk.clock(1002), NavPublished)[-1]
    assert values(nav.premium, nav.discount) == (d("0.005"), d("0.0125"))


@pytest.mark.parametrize(("age", "known"), [(9, True), (11, False)])
def test_a_token_quote_is_good_for_ten_seconds(age: int, known: bool) -> None:
    desk = watched()
    at_market(desk, "100.5", 101, 1001)
    nav = kinds(desk.clock(1001 + age), NavPublished)[-1]
    assert (nav.premium is not None) is known


def test_a_premium_that_persists_invites_to_create() -> None:
    desk = watched()
    none(hold(desk, "101.5", 102, 1000, 1025), CreationOrdered)
    told = only(at_market(desk, "101.5", 102, 1030), CreationOrdered)
    assert values(told.token, told.participant, told.units, told.nav) == ("TAO3L", "AP", 25, 100)
    assert near(told.premium, "0.015")
    assert told.expires > 0


def test_a_discount_that_persists_invites_to_redeem() -> None:
    desk = watched()
    none(hold(desk, 98, "98.5", 1000, 1025), RedemptionOrdered)
    told = only(at_market(desk, 98, "98.5", 1030), RedemptionOrdered)
    assert values(told.participant, told.units, told.nav) == ("AP", 35, 100)
    assert near(told.discount, "-0.015")


@pytest.mark.parametrize(("bid", "ask"), [(101, 102), ("99.5", "100.5"), (98, 99), (98, 102)])
def test_within_the_band_nobody_is_invited(bid: Any, ask: Any) -> None:
    said = hold(watched(), bid, ask, 1000, 1100)
    none(said, CreationOrdered)
    none(said, RedemptionOrdered)


def test_a_premium_that_goes_away_starts_again() -> None:
    desk = watched()
    hold(desk, "101.5", 102, 1000, 1025)
    at_market(desk, 100, 101, 1026)
    none(hold(desk, "101.5", 102, 1027, 1056), CreationOrdered)
    only(hold(desk, "101.5", 102, 1057, 1060), CreationOrdered)


def test_the_clock_can_make_it_persist() -> None:
    desk = watched()
    hold(desk, "101.5", 102, 1000, 1025)
    only(desk.clock(1030), CreationOrdered)


def test_band_and_persistence_are_terms() -> None:
    desk = watched(token={"premium_band": d("0.03"), "premium_alert": d("0.05"), "premium_persist_s": 10})
    none(hold(desk, "102.9", 104, 1000, 1060), CreationOrdered)
    none(hold(desk, "103.1", 104, 1061, 1070), CreationOrdered)
    only(hold(desk, "103.1", 104, 1071, 1075), CreationOrdered)


@pytest.mark.parametrize(("caps", "units"), [({"per_order": 12}, 12), ({"per_day": 7}, 7), ({"in_total": 3}, 3)])
def test_an_invitation_is_at_most_what_the_caps_leave(caps: dict[str, Any], units: int) -> None:
    _, told = invited(caps=caps)
    assert told.units == units


def test_an_invitation_is_in_creation_units() -> None:
    _, told = invited(token={"creation_unit": d(10)})
    assert told.units == 20


def test_an_invitation_of_nothing_is_not_made() -> None:
    none(hold(watched(token={"creation_unit": d(30)}), "101.5", 102, 1000, 1100), CreationOrdered)


def test_a_redemption_is_invited_for_no_more_than_is_outstanding() -> None:
    desk = watched(seed=20)
    assert only(hold(desk, 98, "98.5", 1000, 1030), RedemptionOrdered).units == 20


@pytest.mark.parametrize("designated", [None, "Somebody"])
def test_without_an_admitted_designated_participant_nobody_is_invited(designated: str | None) -> None:
    said = hold(watched(token={"designated_participant": designated}), "101.5", 102, 1000, 1100)
    none(said, CreationOrdered)


def test_one_invitation_is_open_at_a_time() -> None:
    desk, told = invited()
    end = told.expires
    assert desk.book is not None
    said = hold(desk, "101.5", 102, 1035, min(1200, (end - desk.book.market.next_boundary) // 10**6 + DAY_S - 1))
    none(said, CreationOrdered)


def test_the_answer_is_a_request_that_names_it() -> None:
    desk, told = invited()
    said = create(desk, 25, invitation=told.invitation)
    only(said, RequestReceived)
    assert only(said, InvitationEnded).reason == "answered"


def test_an_unknown_invitation_is_no_answer() -> None:
    desk, told = invited()
    assert refusal(create(desk, 5, invitation="nobody-invited")) == "invitation"
    assert refusal(redeem(desk, 5, invitation=told.invitation)) == "invitation"


def test_an_invitation_is_answered_once() -> None:
    desk, told = invited()
    only(create(desk, 25, invitation=told.invitation), RequestReceived)
    assert refusal(create(desk, 1, "c2", invitation=told.invitation)) == "invitation"


def test_an_invitation_expires() -> None:
    desk, told = invited()
    assert desk.book is not None
    seconds = (told.expires - desk.book.market.next_boundary) // 10**6 + DAY_S
    none(hold(desk, "101.5", 102, 1035, seconds - 1), InvitationEnded)
    said = at_market(desk, "101.5", 102, seconds)
    assert only(said, InvitationEnded).reason == "expired"
    assert refusal(create(desk, 5, invitation=told.invitation)) == "invitation"


def test_an_invitation_ends_when_the_market_is_back() -> None:
    desk, told = invited()
    ended = only(at_market(desk, 100, 101, 1031), InvitationEnded)
    assert (ended.invitation, ended.reason) == (told.invitation, "back_in_band")


def test_after_one_has_ended_another_is_made() -> None:
    desk, told = invited()
    at_market(desk, 100, 101, 1031)
    again = only(hold(desk, "101.5", 102, 1032, 1062), CreationOrdered)
    assert again.invitation != told.invitation


def test_without_an_index_nobody_is_invited() -> None:
    desk = primary(token=INVITING)
    said = hold(desk, "101.5", 102, 1000, 1100)
    none(said, CreationOrdered)


def test_while_halted_nobody_is_invited() -> None:
    desk = watched()
    halt(desk)
    none(hold(desk, "101.5", 102, 1000, 1100), CreationOrdered)


@pytest.mark.parametrize(("bid", "ask"), [("102.1", 103), (96, "97.9")])
def test_beyond_the_second_band_a_desk_is_alerted_once(bid: Any, ask: Any) -> None:
    desk = watched()
    none(hold(desk, "101.9", 103, 1000, 1000), PremiumAlert)
    alert = only(hold(desk, bid, ask, 1001, 1021), PremiumAlert)
    assert alert.nav == 100
    at_market(desk, 100, 101, 1022)
    only(at_market(desk, bid, ask, 1023), PremiumAlert)


def test_a_quote_stamped_with_older_terms_is_ignored_after_a_merge_only() -> None:
    desk = watched()
    only(hold(desk, "101.5", 102, 1000, 1030, terms_version=1), CreationOrdered)
