"""There is a limit on everything: what is one too many is refused, what was kept longest is forgotten."""

from typing import Any

import pytest

from engine.domain import book, changes, costs, forks, orders
from engine.domain import primary as requests
from engine.domain.commands import SetTokenTerms
from engine.domain.exposure import price_at
from engine.domain.inputs import ClockTicked, TokenQuoteObserved
from engine.domain.instants import LATEST, parse_instant
from engine.domain.notices import FundingBooked, ParticipantSet, TermsScheduled, UnitsMerged
from engine.domain.numbers import exact
from engine.domain.outputs import FillBooked, InputRefused, OrderEnded, OrderSent
from engine.domain.primary_events import (
    CreationOrdered,
    RequestReceived,
    RequestReturned,
    RequestStruck,
)
from engine.domain.terms import TokenTerms
from engine.wire.codec import DecodeError, encode_input, read_input
from engine.wire.states import decode_record, encode_record
from tests.desk import Desk, d, none, only
from tests.domain.costs_scenes import announces, halt_creations, merge, paid, refused, resettled, retermed
from tests.domain.primary_scenes import (
    AP,
    accepted_creation,
    accepted_redemption,
    admit,
    create,
    filled,
    input_refusal,
    moment,
    primary,
    token_quote,
    withdraw,
)
from tests.domain.scenes import NAME, kinds, launched, spaced, values, worked

Patch = pytest.MonkeyPatch


def ordered(**terms: Any) -> tuple[Desk, OrderSent]:
    """A reset's order of 14.285 is out."""
    desk = worked(**terms)
    desk.quote(210, -1)
    return desk, only(desk.clock(0), OrderSent)


def test_scheduled_terms_are_at_most_so_many(monkeypatch: Patch) -> None:
    monkeypatch.setattr(changes, "MAX_SCHEDULED", 2)
    desk = spaced()
    only(retermed(desk, at=-60, yearly_fee=d("0.01")), TermsScheduled)
    only(retermed(desk, at=-50, yearly_fee=d("0.02")), TermsScheduled)
    assert refused(retermed(desk, at=-40, yearly_fee=d("0.03")), "too_many_requests")
    desk.clock(-60)
    only(retermed(desk, at=-40, yearly_fee=d("0.03")), TermsScheduled)


@pytest.mark.parametrize(("change", "of_underlying"), [({"multiplier": d(2)}, False), ({"reset_offset_s": 60}, True)])
def test_what_cannot_be_changed_cannot_be_scheduled_either(change: dict[str, Any], of_underlying: bool) -> None:
    desk = spaced()
    said = resettled(desk, at=-60, **change) if of_underlying else retermed(desk, at=-60, **change)
    assert refused(said, "terms_not_changeable")
    assert desk.book is not None
    assert desk.book.market.pending_terms == []


def test_the_first_floor_of_a_token_is_kept_through_terms_that_do_not_name_another() -> None:
    desk = spaced(token={"nav_floor": d(5)})
    merge(desk, 2)
    assert desk[NAME].nav_floor == 10
    retermed(desk, yearly_fee=d("0.01"))
    assert desk[NAME].nav_floor == 10
    retermed(desk, nav_floor=d(7))
    assert desk[NAME].nav_floor == 7


def test_participants_are_at_most_so_many_and_those_known_can_still_be_changed(monkeypatch: Patch) -> None:
    monkeypatch.setattr(changes, "MAX_PARTICIPANTS", 2)
    desk = primary()
    only(admit(desk, "B"), ParticipantSet)
    assert input_refusal(admit(desk, "C")) == "too_many_participants"
    assert only(admit(desk, "B", active=False), ParticipantSet).active is False


def test_a_participant_is_entitled_to_tokens_that_are_there() -> None:
    desk = primary()
    assert input_refusal(admit(desk, "B", NAME, "NOBODY")) == "unknown_token"
    assert desk.book is not None
    assert list(desk.book.participants) == [AP]


def test_a_merge_that_would_leave_no_unit_is_refused() -> None:
    desk = launched(3, seed="0.000000000000000001")
    assert refused(merge(desk, 2), "bad_ratio")
    assert desk[NAME].units == d("0.000000000000000001")


def test_the_oldest_funding_is_forgotten_and_would_be_booked_again(monkeypatch: Patch) -> None:
    monkeypatch.setattr(costs, "FUNDINGS_KEPT", 2)
    desk = worked()
    for second in (-230, -220):
        only(paid(desk, 1, second), FundingBooked)
    assert refused(paid(desk, 1, -230), "duplicate_funding")
    only(paid(desk, 1, -210), FundingBooked)
    assert refused(paid(desk, 1, -220), "duplicate_funding")
    only(paid(desk, 1, -230), FundingBooked)


@pytest.mark.parametrize(("limit", "price"), [("1", None), ("2", "240"), ("0.5", None)])
def test_a_long_basket_on_a_loan_is_never_levered_once_or_less(limit: str, price: str | None) -> None:
    with exact():
        assert price_at(d(limit), d(100), d(-12000)) == (None if price is None else d(price))


def test_a_basket_of_nothing_has_no_ladder() -> None:
    with exact():
        assert price_at(d(4), d(0), d(100)) is None


def test_forks_are_at_most_so_many(monkeypatch: Patch) -> None:
    monkeypatch.setattr(forks, "MAX_FORKS", 0)
    assert refused(announces(spaced(), -60), "too_many_requests")


def test_a_fork_is_announced_for_what_is_to_come_and_in_a_ratio() -> None:
    desk = spaced()
    assert refused(announces(desk, -200.000001), "effective_in_past")
    assert refused(announces(desk, -60, ratio=0), "bad_ratio")


@pytest.mark.parametrize("text", ["2025-10-10T21:18:00", "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00+00:01"])
def test_a_time_has_an_offset_and_is_not_before_1970(text: str) -> None:
    with pytest.raises(ValueError, match="a time "):
        parse_instant(text)


def test_fills_of_an_order_are_at_most_so_many(monkeypatch: Patch) -> None:
    monkeypatch.setattr(orders, "MAX_FILLS", 2)
    desk, order = ordered()
    for _ in range(2):
        only(desk.fill(order, "0.001", 210), FillBooked)
    assert refused(desk.fill(order, "0.001", 210), "too_many_fills")
    only(desk.end(order), OrderEnded)


def test_filled_is_not_taken_for_an_end_before_the_last_fill() -> None:
    desk, order = ordered()
    assert desk.end(order, "filled") == []
    assert only(desk.fill(order, order.quantity, 210), FillBooked).quantity == order.quantity
    assert kinds(desk.all(OrderEnded), OrderEnded)[0].outcome == "filled"


def test_the_oldest_ended_order_is_forgotten(monkeypatch: Patch) -> None:
    monkeypatch.setattr(book, "ENDED_ORDERS_KEPT", 1)
    desk, first = ordered(max_tries=100)
    desk.end(first, "rejected")
    desk.quote(210, 31)
    [second] = desk.all(OrderSent)[1:]
    assert desk.end(first, "rejected") == []
    desk.end(second, "rejected")
    assert refused(desk.fill(first, 1, 210), "unknown_order")
    assert only(desk.fill(second, 1, 210), FillBooked).late


def test_the_oldest_ended_request_is_forgotten_and_its_id_is_free(monkeypatch: Patch) -> None:
    monkeypatch.setattr(book, "ENDED_REQUESTS_KEPT", 1)
    desk = primary()
    for name in ("a", "b"):
        only(create(desk, 1, name), RequestReceived)
        only(withdraw(desk, name), RequestReturned)
    assert input_refusal(create(desk, 1, "b")) == "duplicate_request"
    only(create(desk, 1, "a"), RequestReceived)


def test_a_request_is_remembered_while_an_order_may_still_be_filled_for_it(monkeypatch: Patch) -> None:
    desk = accepted_creation(primary(), 1, "traded")
    filled(desk, only(desk.quote(200, 1001), OrderSent), 200)
    monkeypatch.setattr(book, "ENDED_REQUESTS_KEPT", 0)
    only(create(desk, 1, "other"), RequestReceived)
    only(withdraw(desk, "other"), RequestReturned)
    only(create(desk, 1, "other"), RequestReceived)
    assert input_refusal(create(desk, 1, "traded")) == "duplicate_request"


def test_requests_wait_in_a_queue_of_limited_length(monkeypatch: Patch) -> None:
    monkeypatch.setattr(requests, "MAX_QUEUED", 2)
    desk = primary()
    for name in ("a", "b"):
        only(create(desk, 1, name), RequestReceived)
    assert input_refusal(create(desk, 1, "c")) == "too_many_requests"
    withdraw(desk, "a")
    only(create(desk, 1, "c"), RequestReceived)


def test_a_market_quote_is_of_a_token_there_is_and_not_crossed() -> None:
    desk = primary()
    stranger = TokenQuoteObserved("TAO", "NOBODY", "dex", moment(1001), d(100), d(101), d(1), d(1), 1)
    assert input_refusal(desk.feed(stranger)) == "unknown_token"
    assert input_refusal(token_quote(desk, 101, 100, 1001)) == "crossed_quote"
    assert desk[NAME].quote is None
    token_quote(desk, 100, 100, 1001)
    assert input_refusal(token_quote(desk, 100, 101, 1000.999999)) == "time_going_backwards"
    assert token_quote(desk, 100, 102, 1001) == []


def test_an_open_rest_too_small_to_share_stays_with_the_token() -> None:
    desk = primary(at=-200)
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    desk.fill(order, order.quantity - d("0.000000000000000001"), 210)
    accepted_redemption(desk, 10)
    struck = only(desk.quote(210, 1), RequestStruck)
    assert values(struck.open, desk[NAME].open) == (0, d("0.000000000000000001"))
    assert struck.basket > 0


def test_a_fill_of_the_last_place_goes_to_the_first_alone() -> None:
    desk = worked()
    desk.token("TAO2L", 2, seed=100)
    desk.quote(200, -199)
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    assert [part.token for part in order.allocations] == ["TAO2L", NAME]
    fill = only(desk.fill(order, "0.000000000000000001", 210), FillBooked)
    assert [(share.token, share.quantity) for share in fill.shares] == [("TAO2L", d("0.000000000000000001"))]


def inviting(**terms: Any) -> Desk:
    """The market of the token is 1.5 % above its value for half a minute."""
    desk = primary(token={"designated_participant": AP}, max_age_s=3600, **terms)
    if "max_slice_notional" not in terms:
        halt_creations(desk)
    for second in range(1000, 1031, 5):
        desk.clock(second)
        token_quote(desk, "101.5", 102, second, bid_depth=100)
    return desk


def test_nobody_is_invited_to_create_while_creations_are_halted() -> None:
    assert inviting().all(CreationOrdered) == []


def test_an_invitation_is_within_the_capacity_of_the_market() -> None:
    [invited] = inviting(max_slice_notional=d("2500.0001"), de_lever_time_s=90).all(CreationOrdered)
    assert invited.units == 50


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.999999-23:59"])
def test_a_time_has_four_digits_of_year_in_utc(text: str) -> None:
    with pytest.raises(ValueError, match="after 9999"):
        parse_instant(text)


@pytest.mark.parametrize("early_us", [0, 1])
def test_time_ends_before_what_follows_from_it_could_not_be_written(early_us: int) -> None:
    desk = spaced()
    said = desk.feed(ClockTicked("TAO", LATEST - early_us))
    assert any(isinstance(body, InputRefused) and body.reason == "time_in_future" for body in said) is (early_us == 0)
    assert desk.book is not None
    assert encode_record(desk.book.market)


def test_merges_and_splits_leave_a_factor_that_can_be_read_back() -> None:
    desk = launched(3, seed=10**9)
    for ratio, refusal in (("100000000", None), ("10000000", "bad_ratio"), ("0.1", None)):
        said = merge(desk, ratio)
        assert [body.reason for body in kinds(said, InputRefused)] == ([] if refusal is None else [refusal])
        assert decode_record("token", encode_record(desk[NAME])) == desk[NAME]
    assert desk[NAME].factor == 10**7


def test_a_split_leaves_a_new_series_an_initial_value() -> None:
    desk = Desk.open()
    desk.token(NAME, 3, seed=0, initial_nav=d("0.000000000000000001"))
    assert refused(merge(desk, "0.1"), "bad_ratio")


@pytest.mark.parametrize("ratio", ["1000000000000000", "0.0000000000000001"])
def test_no_merge_or_split_is_wider_than_fifteen_digits(ratio: str) -> None:
    desk = Desk.open()
    desk.token(NAME, 3, seed=0)
    assert refused(merge(desk, ratio), "bad_ratio")
    none(merge(desk, "0.000000000000001"), InputRefused)


def test_a_floor_merges_nothing_that_would_leave_no_unit() -> None:
    desk = worked(seed="0.000000000000000005", token={"nav_floor": d(1000)})
    desk.quote(200, -1)
    none(desk.clock(0), UnitsMerged)
    assert desk[NAME].units == d("0.000000000000000005")


def test_an_initial_value_has_no_more_places_than_money() -> None:
    listing = SetTokenTerms("TAO", NAME, 1, TokenTerms(multiplier=d(3), initial_nav=d("1E-19")), by="t", reason="t")
    with pytest.raises(DecodeError, match="initial_nav"):
        read_input(encode_input(listing))
