"""Rules of the primary market that were broken once, found by tests written from the specification alone."""

from decimal import ROUND_DOWN

from engine.domain.addresses import is_evm
from engine.domain.outputs import OrderSent
from engine.domain.primary_events import RequestReceived, RequestSettled, RequestStruck, UnitsCreated
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    admit,
    create,
    deliver,
    filled,
    issuer_cash,
    paid_funding,
    primary,
    request,
    value,
)
from tests.domain.scenes import NAME, kinds, values


def test_when_tries_run_out_too_the_delivered_cash_is_the_maximum() -> None:
    desk = accepted_creation(primary(max_tries=1, max_age_s=100), 10)  # 1101, at n = 100
    order = only(desk.quote(240, 1001), OrderSent)  # n = 160
    desk.fill(order, 12, 240)  # 8 units, worth 1280
    said = [*desk.end(order), *desk.quote(240, 1040)]
    for sale in kinds(said, OrderSent):
        said += filled(desk, sale, 240)
    made = only(said, UnitsCreated)
    assert made.paid + made.charge + made.fee <= 1101
    assert made.units <= 6  # 7 * 160.16 = 1121.12
    assert issuer_cash(desk) == made.fee
    assert request(desk, "c1").delivered >= 0
    assert only(said, RequestSettled).cash >= 0
    assert value(desk, 240) >= 160


def test_a_charge_is_part_of_what_the_delivered_cash_has_to_reach() -> None:
    fine = {"creation_unit": d("0.000001")}
    desk = accepted_creation(primary(lot=d(1), slippage=d("0.2"), token=fine), 11)  # 1211.1, at n = 100
    order = only(desk.quote(202, 1001), OrderSent)
    assert order.quantity == 16  # of 16.5
    desk.quote(240, 1002)  # n = 160: 11 units are worth 1760
    made = only(filled(desk, order, 240), UnitsCreated)
    assert made.paid + made.charge + made.fee <= d("1211.1")
    assert issuer_cash(desk) == made.fee


def test_the_digits_of_an_address_are_ascii() -> None:
    assert not is_evm("0x" + "٣" * 40)


def test_the_capacity_may_be_used_to_the_last_unit() -> None:
    desk = primary(max_slice_notional=d(10_000), de_lever_time_s=60)  # up to 45000, 450 units
    only(create(desk, 350), RequestReceived)


def test_a_token_struck_at_the_daily_reset_is_launched_at_a_fix_too() -> None:
    desk = Desk.open()
    desk.token(NAME, 3, seed=0, strike="daily_reset")
    desk.quote(200, -1000)
    admit(desk)
    create(desk)
    deliver(desk, 1101)
    none(desk.quote(202, -600), RequestStruck)
    desk.quote(206, -1)
    struck = only(desk.clock(0), RequestStruck)
    assert values(struck.price, struck.nav) == (206, 100)
    assert struck.goal == (d(3000) / 206).quantize(d("1E-18"), ROUND_DOWN)


def test_a_creation_asked_for_when_the_value_is_gone_needs_no_negative_cash() -> None:
    desk = primary(max_age_s=10)
    desk.clock(1100)  # no index: nobody judges the value
    paid_funding(desk, 1_000_000, 1080)
    assert only(create(desk, 10), RequestReceived).cash_required == 0
