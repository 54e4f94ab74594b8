"""Section 5: who may ask for what."""

from typing import Any

import pytest

from engine.domain.commands import WindDownToken
from engine.domain.instants import DAY
from engine.domain.outputs import TokenTerminated
from engine.domain.primary_events import (
    RequestReceived,
    RequestReturned,
    UnitsCreated,
)
from tests.desk import MIDNIGHT, d, only
from tests.domain.primary_scenes import (
    EVM,
    SS58,
    accepted_creation,
    accepted_redemption,
    admit,
    create,
    input_refusal,
    primary,
    redeem,
    refusal,
    withdraw,
)
from tests.domain.scenes import DAY_S, NAME, values

ASKS = pytest.mark.parametrize("ask", [create, redeem])


def test_a_creation_is_received_with_the_cash_it_needs() -> None:
    received = only(create(primary(), 10), RequestReceived)
    assert (received.flow, received.token, received.participant) == ("creation", NAME, "AP")
    assert values(received.units, received.cash_offered) == (10, None)
    assert received.cash_required == 1101  # 10 * 100 * (1 + 0.001 + 0.1)


def test_the_cash_needed_follows_the_fee_and_the_buffer_of_the_terms() -> None:
    desk = primary(token={"creation_fee": d("0.02"), "buffer": d("0.25")})
    assert only(create(desk, 3), RequestReceived).cash_required == 381


def test_a_redemption_is_received_with_its_units() -> None:
    received = only(redeem(primary(), 10), RequestReceived)
    assert (received.flow, received.units) == ("redemption", d(10))
    assert (received.cash_offered, received.cash_required) == (None, None)


@ASKS
def test_a_stranger_is_refused(ask: Any) -> None:
    assert refusal(ask(primary(), participant="Somebody")) == "participant_unknown"


@ASKS
def test_an_inactive_participant_is_refused_until_it_is_active(ask: Any) -> None:
    desk = primary()
    admit(desk, active=False)
    assert refusal(ask(desk)) == "participant_inactive"
    admit(desk)
    only(ask(desk), RequestReceived)


@ASKS
def test_a_participant_without_the_token_is_refused(ask: Any) -> None:
    desk = primary()
    desk.token("OTHER", 2, seed=0)
    admit(desk, "New", "OTHER")
    assert refusal(ask(desk, participant="New")) == "participant_not_allowed"
    admit(desk, "AP", "OTHER")
    assert refusal(ask(desk)) == "participant_not_allowed"


@ASKS
def test_a_region_that_is_not_served_is_refused(ask: Any) -> None:
    desk = primary(token={"regions": ("EU", "CH")})
    assert refusal(ask(desk, region="US")) == "region"
    only(ask(desk, region="CH"), RequestReceived)


@ASKS
@pytest.mark.parametrize("region", ["EU", "US"])
def test_no_regions_serve_every_region(ask: Any, region: str) -> None:
    only(ask(primary(), region=region), RequestReceived)


@ASKS
@pytest.mark.parametrize(("registered", "other"), [(EVM, SS58), (SS58, EVM), (EVM, EVM.lower())])
def test_another_contract_than_the_registered_one_is_refused(ask: Any, registered: str, other: str) -> None:
    desk = primary(token={"contract_address": registered})
    assert refusal(ask(desk, contract_address=other)) == "contract_address"
    only(ask(desk, contract_address=registered), RequestReceived)


@ASKS
def test_the_contract_may_be_left_out(ask: Any) -> None:
    only(ask(primary(token={"contract_address": EVM})), RequestReceived)


@ASKS
def test_a_contract_is_refused_where_none_is_registered(ask: Any) -> None:
    assert refusal(ask(primary(), contract_address=EVM)) == "contract_address"


@ASKS
def test_on_chain_settlement_needs_an_address_with_a_right_checksum(ask: Any) -> None:
    desk = primary()
    assert refusal(ask(desk, settlement="on_chain")) == "address_missing"
    assert refusal(ask(desk, settlement="on_chain", address=EVM.lower())) == "address_checksum"
    only(ask(desk, settlement="on_chain", address=SS58), RequestReceived)


@pytest.mark.parametrize("given", [{"units": None, "cash": None}, {"units": 10, "cash": d(1000)}])
def test_a_creation_names_units_or_cash(given: dict[str, Any]) -> None:
    assert refusal(create(primary(), given["units"], cash=given["cash"])) == "units_or_cash"


@ASKS
@pytest.mark.parametrize(("unit", "units"), [(1, "1.5"), (10, 15), ("0.25", "0.3")])
def test_units_are_a_multiple_of_the_creation_unit(ask: Any, unit: Any, units: Any) -> None:
    desk = primary(token={"creation_unit": d(unit)})
    assert refusal(ask(desk, units)) == "creation_unit"
    only(ask(desk, d(unit) * 2), RequestReceived)


def test_all_that_is_left_may_be_redeemed_whatever_its_multiple() -> None:
    desk = primary(seed="95.5", token={"creation_unit": d(10)})
    only(redeem(desk, "95.5"), RequestReceived)


def test_all_that_is_left_besides_queued_redemptions_may_be_redeemed() -> None:
    desk = primary(seed=95, token={"creation_unit": d(10)})
    only(redeem(desk, 20, "r1"), RequestReceived)
    assert refusal(redeem(desk, 80, "r2")) == "units_outstanding"
    only(redeem(desk, 75, "r3"), RequestReceived)


def test_units_above_those_outstanding_are_refused() -> None:
    assert refusal(redeem(primary(), 101)) == "units_outstanding"


def test_queued_redemptions_are_no_longer_there_to_redeem() -> None:
    desk = accepted_redemption(primary(), 60)
    assert refusal(redeem(desk, 41, "r2")) == "units_outstanding"
    only(redeem(desk, 40, "r3"), RequestReceived)


@ASKS
def test_the_cap_of_an_order(ask: Any) -> None:
    desk = primary(caps={"per_order": 10})
    assert refusal(ask(desk, 11, "x")) == "cap_per_order"
    only(ask(desk, 10, "y"), RequestReceived)
    only(ask(desk, 10, "z"), RequestReceived)


@ASKS
def test_the_cap_of_a_day_counts_what_is_queued_and_starts_again_at_the_boundary(ask: Any) -> None:
    desk = primary(caps={"per_day": 15})
    only(ask(desk, 10, "x"), RequestReceived)
    assert refusal(ask(desk, 6, "y")) == "cap_per_day"
    only(ask(desk, 5, "y"), RequestReceived)
    assert refusal(ask(desk, 1, "z")) == "cap_per_day"
    desk.quote(200, DAY_S)
    only(ask(desk, 15, "z"), RequestReceived)


@ASKS
def test_the_cap_in_total_is_never_reset(ask: Any) -> None:
    desk = primary(caps={"in_total": 15})
    only(ask(desk, 10, "x"), RequestReceived)
    desk.quote(200, DAY_S)
    assert refusal(ask(desk, 6, "y")) == "cap_in_total"
    only(ask(desk, 5, "y"), RequestReceived)


def test_caps_count_what_is_settled_too() -> None:
    desk = accepted_creation(primary(caps={"per_day": 15}, token={"fills": "assumed"}), 10)
    only(desk.quote(200, 1001), UnitsCreated)
    assert refusal(create(desk, 6, "c2")) == "cap_per_day"


@ASKS
def test_refused_and_withdrawn_requests_do_not_count(ask: Any) -> None:
    desk = primary(caps={"in_total": 10})
    assert refusal(ask(desk, 11, "x")) == "cap_in_total"
    only(ask(desk, 10, "y"), RequestReceived)
    only(withdraw(desk, "y"), RequestReturned)
    only(ask(desk, 10, "z"), RequestReceived)


def test_a_cash_request_counts_the_units_it_would_make() -> None:
    desk = primary(caps={"per_order": 10})
    assert refusal(create(desk, None, cash=d(1211.1))) == "cap_per_order"  # 11 * 110.1
    assert only(create(desk, None, cash=d(1101)), RequestReceived).units == 10


@ASKS
def test_a_terminated_token_takes_no_requests(ask: Any) -> None:
    desk = primary()
    only(desk.quote(130, 1001), TokenTerminated)
    assert refusal(ask(desk)) == "terminated"


def test_a_token_that_winds_down_takes_redemptions_only() -> None:
    desk = primary()
    desk.feed(WindDownToken("TAO", NAME, MIDNIGHT + 2 * DAY, by="test", reason="test"))
    assert refusal(create(desk)) == "winding_down"
    only(redeem(desk), RequestReceived)


@ASKS
def test_an_unknown_token_is_no_request(ask: Any) -> None:
    nowhere = {"token": "NONE"}
    assert input_refusal(ask(primary(), **nowhere)) == "unknown_token"


@ASKS
def test_a_request_is_taken_once(ask: Any) -> None:
    desk = primary(caps={"in_total": 15})
    only(ask(desk, 10, "x"), RequestReceived)
    assert input_refusal(ask(desk, 10, "x")) == "duplicate_request"
    assert input_refusal(create(desk, 2, "x")) == "duplicate_request"
    only(ask(desk, 5, "y"), RequestReceived)


def test_a_request_that_is_over_is_not_made_again() -> None:
    desk = accepted_creation(primary(token={"fills": "assumed"}))
    only(desk.quote(200, 1001), UnitsCreated)
    assert input_refusal(create(desk)) == "duplicate_request"
    assert desk["TAO3L"].units == 110
