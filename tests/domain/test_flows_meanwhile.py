"""Sections 5, 6 and 8: what happens between a strike and the last fill happens to the flow, not to the holders."""

from typing import Any

import pytest

from engine.domain.commands import MergeUnits
from engine.domain.notices import FundingBooked
from engine.domain.outputs import CancelRequested, FillBooked, IndexLost, OrderSent
from engine.domain.primary_events import RequestReceived, RequestSettled, RequestStruck, UnitsCreated, UnitsRedeemed
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    accepted_redemption,
    confirm,
    create,
    deliver,
    filled,
    halt,
    issuer_cash,
    paid_funding,
    primary,
    refusal,
    request,
    resume,
    value,
)
from tests.domain.scenes import NAME, values


def creating(part: Any = 6, **terms: Any) -> tuple[Desk, OrderSent]:
    """10 units struck at 202 (n = 103), so many of 15 filled at 202."""
    desk = accepted_creation(primary(**terms))
    order = only(desk.quote(202, 1001), OrderSent)
    if part:
        desk.fill(order, part, 202)
    return desk, order


def merge(desk: Desk, ratio: Any) -> list[Any]:
    desk.version += 1
    return desk.feed(MergeUnits("TAO", NAME, d(ratio), desk.version, by="test", reason="test"))


def test_funding_falls_on_the_account_for_what_it_holds() -> None:
    desk, order = creating(10)
    desk.quote(202, 1081)
    said = paid_funding(desk, 16, 1080)
    shares = {share.request: share.cash for share in only(said, FundingBooked).shares}
    assert shares == {None: -15, "c1": -1}
    assert value(desk, 202) == d("102.85")
    rest = only(desk.end(order), OrderSent)
    made = only(filled(desk, rest, 202), UnitsCreated)
    assert values(made.nav, made.paid) == (d("102.85"), d("1028.5") - (15 * 202 - 15 * 202 - 1))
    assert value(desk, 202) == d("102.85")


def test_funding_of_before_the_strike_is_the_tokens_alone() -> None:
    desk = primary()
    desk.quote(200, 1030)
    accepted_creation(desk)
    order = only(desk.quote(202, 1031), OrderSent)
    desk.fill(order, 10, 202)
    said = paid_funding(desk, 15, 1020)
    assert {share.request: share.cash for share in only(said, FundingBooked).shares} == {None: -15}


def test_late_funding_of_a_joined_account_falls_on_its_token() -> None:
    desk, order = creating(10)
    desk.quote(202, 1081)
    desk.fill(order, 5, 202)
    assert len(desk.all(UnitsCreated)) == 1
    before = desk[NAME].cash
    paid_funding(desk, 16, 1080)
    assert desk[NAME].cash == before - 16


def test_late_funding_of_a_paid_account_falls_on_the_issuer() -> None:
    desk = accepted_redemption(primary())
    order = only(desk.quote(202, 1001), OrderSent)
    desk.quote(202, 1081)
    filled(desk, order, 202)
    before, held = issuer_cash(desk), desk[NAME].cash
    paid_funding(desk, 15, 1080)
    assert issuer_cash(desk) == before - d("1.5")
    assert desk[NAME].cash == held - d("13.5")


def test_a_halt_cancels_the_order_of_a_flow_and_the_flow_waits() -> None:
    desk, order = creating()
    assert only(halt(desk), CancelRequested).order_id == order.order_id
    none(desk.end(order, "cancelled"), OrderSent)
    none(desk.quote(204, 1100), OrderSent)
    said = [*resume(desk), *desk.quote(204, 1101)]
    again = only(said, OrderSent)
    assert again.quantity == 9
    made = only(filled(desk, again, 204), UnitsCreated)
    assert values(made.nav, made.paid) == (106, 1060 - (15 * 204 - 6 * 202 - 9 * 204))
    assert value(desk, 204) == 106


def test_fills_of_a_cancelled_order_are_booked_for_the_flow() -> None:
    desk, order = creating()
    halt(desk)
    booked = only(desk.fill(order, 3, 203), FillBooked)
    assert [values(share.request, share.quantity) for share in booked.shares] == [("c1", 3)]
    assert request(desk, "c1").basket == 9


def test_a_last_fill_without_an_index_joins_when_there_is_one() -> None:
    desk, order = creating()
    only(desk.clock(1050), IndexLost)
    none(desk.fill(order, 9, 203), UnitsCreated)
    assert desk[NAME].units == 100
    made = only(desk.quote(206, 1060), UnitsCreated)
    assert values(made.nav, made.price) == (109, 206)
    assert value(desk, 206) == 109


def test_a_late_fill_of_an_ended_order_still_belongs_to_its_flow() -> None:
    desk, order = creating()
    desk.end(order)
    booked = only(desk.fill(order, 2, 203), FillBooked)
    assert booked.late
    assert request(desk, "c1").basket == 8
    assert only(desk.quote(202, 1040), OrderSent).quantity == 7


@pytest.mark.parametrize(("ratio", "units", "nav"), [(2, 5, 206), ("0.5", 20, "51.5"), (10, 1, 1030)])
def test_a_merge_converts_a_struck_creation_in_the_same_step(ratio: Any, units: int, nav: Any) -> None:
    desk, order = creating()
    merge(desk, ratio)
    assert values(desk[NAME].units, request(desk, "c1").units) == (d(100) / d(ratio), units)
    assert values(request(desk, "c1").basket, request(desk, "c1").goal, request(desk, "c1").open) == (6, 15, 9)
    made = only(desk.fill(order, 9, 202), UnitsCreated)
    assert values(made.units, made.nav, made.paid, made.fee) == (units, d(nav), 1030, d("1.03"))
    assert value(desk, 202) == d(nav)


def test_a_merge_converts_queued_requests_and_caps() -> None:
    desk = primary(caps={"per_day": 40})
    accepted_creation(desk, 20)
    accepted_redemption(desk, 10)
    merge(desk, 10)
    assert refusal(create(desk, 3, "c2")) == "cap_per_day"
    only(create(desk, 2, "c2"), RequestReceived)
    said = desk.quote(202, 1001)
    struck = {body.request_id: body.units for body in said if isinstance(body, RequestStruck)}
    assert struck == {"c1": 2, "r1": 1}
    assert desk[NAME].units == 9


def test_a_merge_converts_a_struck_redemption() -> None:
    desk = accepted_redemption(primary())
    order = only(desk.quote(202, 1001), OrderSent)
    merge(desk, 2)
    assert desk[NAME].units == 45
    made = only(filled(desk, order, 202), UnitsRedeemed)
    assert values(made.units, made.payout) == (5, d("1028.97"))


def test_a_request_is_settled_once() -> None:
    desk, order = creating(15)
    assert len(desk.all(RequestSettled)) == 1
    said = [
        *desk.fill(order, 1, 202),
        *desk.end(order),
        *desk.quote(202, 1040),
        *deliver(desk, 10),
        *confirm(desk, "c1"),
    ]
    none(said, RequestSettled)
    none(said, UnitsCreated)
    assert desk[NAME].units == 110
