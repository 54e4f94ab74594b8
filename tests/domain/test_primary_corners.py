"""Corners of the primary market that one example each keeps."""

from engine.domain.addresses import is_evm
from engine.domain.outputs import OrderSent, TokenClosed
from engine.domain.primary_events import (
    RequestReceived,
    RequestReturned,
    RequestSettled,
    RequestStruck,
    UnitsCreated,
)
from tests.desk import d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    cash_creation,
    create,
    filled,
    primary,
    redeem,
    refusal,
    request,
    value,
)
from tests.domain.scenes import kinds, values


def test_when_tries_run_out_too_the_delivered_cash_is_the_maximum() -> None:
    desk = accepted_creation(primary(max_tries=1, max_age_s=100), 10)  # 1101, at n = 100
    order = only(desk.quote(240, 1001), OrderSent)  # n = 160
    desk.fill(order, 12, 240)  # 8 units, worth 1280
    said = [*desk.end(order), *desk.quote(240, 1040)]
    for sale in kinds(said, OrderSent):
        said += filled(desk, sale, 240)
    made = only(said, UnitsCreated)
    assert made.paid + made.charge + made.fee <= 1101
    assert made.units == 6
    assert request(desk, "c1").delivered >= 0
    assert only(said, RequestSettled).cash >= 0
    assert value(desk, 240) >= 160


def test_a_closed_token_takes_no_redemption() -> None:
    desk = primary(token={"max_leverage": "none"})
    only(filled(desk, only(desk.quote(130, 1001), OrderSent), 140), TokenClosed)
    assert refusal(create(desk)) == "terminated"
    assert refusal(redeem(desk)) == "terminated"


def test_the_digits_of_an_address_are_ascii() -> None:
    assert not is_evm("0x" + "٣" * 40)


def test_the_capacity_may_be_used_to_the_last_unit() -> None:
    desk = primary(max_slice_notional=d(10_000), de_lever_time_s=60)  # up to 45000, 450 units
    only(create(desk, 350), RequestReceived)


def test_what_the_delivered_cash_does_not_reach_is_not_made() -> None:
    desk = accepted_creation(primary(max_age_s=100), 10)
    order = only(desk.quote(240, 1001), OrderSent)
    said = filled(desk, order, 240)
    made = only(said, UnitsCreated)
    assert made.units == 6  # 7 * 160.16 = 1121.12
    sale = only([*said, *desk.quote(240, 1040)], OrderSent)
    assert sale.quantity == 6
    said = filled(desk, sale, 238)
    assert only(said, RequestSettled).cash == 1101 - 6 * d("160.16") + 6 * -2
    assert value(desk, 240) == 160


def test_cash_that_buys_no_unit_at_the_strike_is_returned() -> None:
    desk = cash_creation(primary(), "110.1")
    said = desk.quote(202, 1001)
    none(said, RequestStruck)
    returned = only(said, RequestReturned)
    assert values(returned.reason, returned.cash, returned.units) == ("too_small", d("110.1"), 0)
