"""Section 5: what makes a request irrevocable."""

from typing import Any

import pytest

from engine.domain.outputs import OrderSent
from engine.domain.primary_events import (
    DeliveryNoted,
    RequestAccepted,
    RequestReturned,
    RequestStruck,
)
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    accepted_redemption,
    confirm,
    create,
    deliver,
    input_refusal,
    lock,
    primary,
    redeem,
    request,
    withdraw,
)
from tests.domain.scenes import DAY_S, values


@pytest.mark.parametrize("amount", [1101, 1500])
def test_a_creation_is_accepted_once_its_cash_is_there(amount: int) -> None:
    desk = primary()
    create(desk)
    said = deliver(desk, amount)
    assert only(said, RequestAccepted).delivered == amount
    assert request(desk, "c1").status == "accepted"


def test_cash_may_come_in_parts() -> None:
    desk = primary()
    create(desk)
    noted = only(deliver(desk, "1100.999999999999999999"), DeliveryNoted)
    assert values(noted.delivered, noted.cash_required) == (d("1100.999999999999999999"), 1101)
    assert request(desk, "c1").status == "requested"
    assert only(deliver(desk, "0.000000000000000001"), RequestAccepted).delivered == 1101


def test_a_delivery_counts_once() -> None:
    desk = primary()
    create(desk)
    deliver(desk, 600, delivery="one")
    assert input_refusal(deliver(desk, 600, delivery="one")) == "duplicate_delivery"
    only(deliver(desk, 501, delivery="two"), RequestAccepted)


def test_the_cash_is_measured_at_the_last_index() -> None:
    desk = primary()
    create(desk)
    desk.quote(210, 1001)  # n = 115
    only(deliver(desk, 1266), DeliveryNoted)
    assert only(deliver(desk, "0.15"), RequestAccepted).delivered == d("1266.15")


def test_a_cash_request_is_accepted_with_its_cash() -> None:
    desk = primary()
    create(desk, None, cash=d(500))
    only(deliver(desk, 499), DeliveryNoted)
    only(deliver(desk, 1), RequestAccepted)


def test_a_redemption_is_accepted_with_its_units() -> None:
    desk = primary()
    redeem(desk, 10)
    assert only(lock(desk, 10), RequestAccepted).delivered == 10
    assert request(desk, "r1").status == "accepted"


@pytest.mark.parametrize("units", [9, 11])
def test_other_units_than_asked_for_are_not_taken(units: int) -> None:
    desk = primary()
    redeem(desk, 10)
    assert input_refusal(lock(desk, units)) == "units_not_as_requested"


def test_cash_and_units_for_nothing_are_reported() -> None:
    desk = primary()
    assert input_refusal(deliver(desk, 100)) == "unknown_request"
    assert input_refusal(lock(desk, 10)) == "unknown_request"
    assert input_refusal(withdraw(desk, "c1")) == "unknown_request"
    assert input_refusal(confirm(desk, "c1")) == "unknown_request"


def test_a_request_is_withdrawn_with_what_was_delivered() -> None:
    desk = primary()
    create(desk)
    deliver(desk, 400)
    returned = only(withdraw(desk, "c1"), RequestReturned)
    assert values(returned.cash, returned.units, returned.reason) == (400, 0, "withdrawn")
    none(desk.quote(200, 1001), RequestStruck)


@pytest.mark.parametrize("accepted", [accepted_creation, accepted_redemption])
def test_an_accepted_request_is_irrevocable(accepted: Any) -> None:
    desk: Desk = accepted(primary(), 10, "x")
    assert input_refusal(withdraw(desk, "x")) == "request_not_open"
    assert only(desk.quote(200, 1001), RequestStruck).request_id == "x"


def test_a_request_not_accepted_is_never_struck() -> None:
    desk = primary()
    create(desk)
    redeem(desk)
    said = [*desk.quote(200, 1001), *desk.quote(201, 1002)]
    none(said, OrderSent)
    none([*said, *desk.quote(201, DAY_S), *desk.quote(201, DAY_S + 40)], RequestStruck)
