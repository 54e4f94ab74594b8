"""Corners of the primary market that one example each keeps."""

from engine.domain.outputs import OrderSent, TokenClosed
from engine.domain.primary_events import (
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
    value,
)
from tests.domain.scenes import values


def test_a_closed_token_takes_no_redemption() -> None:
    desk = primary(token={"max_leverage": "none"})
    only(filled(desk, only(desk.quote(130, 1001), OrderSent), 140), TokenClosed)
    assert refusal(create(desk)) == "terminated"
    assert refusal(redeem(desk)) in ("terminated", "units_outstanding")


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
