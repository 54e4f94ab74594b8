"""Sections 1, 3 and 5: wind-down, and what becomes of requests and flows when their token ends."""

from typing import Any

from engine.domain.commands import WindDownToken
from engine.domain.outputs import (
    InputRefused,
    OrderSent,
    TokenClosed,
    TokenTerminated,
    WantAbandoned,
)
from engine.domain.primary_events import (
    RequestReceived,
    RequestReturned,
    RequestSettled,
    RequestStruck,
    UnitsCreated,
    UnitsRedeemed,
)
from tests.desk import Desk, d, none, only
from tests.domain.primary_scenes import (
    accepted_creation,
    accepted_redemption,
    admit,
    create,
    deliver,
    filled,
    issuer_cash,
    moment,
    primary,
    refusal,
    request,
)
from tests.domain.scenes import DAY_S, NAME, kinds, values

ASSUMED: dict[str, Any] = {"fills": "assumed"}
QUIET: dict[str, Any] = {"max_leverage": "none"}


def wind_down(desk: Desk, at: float = DAY_S) -> list[Any]:
    return desk.feed(WindDownToken("TAO", NAME, moment(at), by="test", reason="test"))


def test_unstruck_requests_of_a_terminated_token_end_with_it() -> None:
    desk = primary(min_venues=1, token=QUIET)
    accepted_creation(desk, 10)
    accepted_redemption(desk, 10)
    only(create(desk, 5, "c2"), RequestReceived)
    deliver(desk, 7, "c2")
    said = desk.quote(130, 1001)
    only(said, TokenTerminated)
    none(said, RequestStruck)
    back = {returned.request_id: values(returned.cash, returned.reason) for returned in kinds(said, RequestReturned)}
    assert back == {"c1": (1101, "token_ended"), "c2": (7, "token_ended")}
    order = only(said, OrderSent)
    said = filled(desk, order, 140)
    assert only(said, TokenClosed).final_value == 10
    paid = only(said, RequestReturned)
    assert values(paid.request_id, paid.units, paid.cash, paid.reason) == ("r1", 0, 100, "token_ended")


def test_struck_flows_of_a_terminated_token_sell_and_end_with_their_own_account() -> None:
    desk = primary(token=QUIET)
    accepted_creation(desk, 10)
    order = only(desk.quote(202, 1001), OrderSent)
    desk.fill(order, 5, 202)
    accepted_redemption(desk, 20)
    only(desk.quote(202, 1002), RequestStruck)
    desk.end(order, "rejected")
    said = desk.quote(130, 1003)
    only(said, TokenTerminated)
    none(said, OrderSent)
    sale = only(desk.quote(130, 1040), OrderSent)
    assert values(sale.side, sale.quantity) == ("sell", 155)
    said = filled(desk, sale, 131)
    none(said, UnitsCreated)
    assert desk[NAME].basket == request(desk, "c1").basket == request(desk, "r1").basket == 0
    assert only(said, RequestReturned).cash == 1101 - 5 * 202 + 5 * 131
    assert only(said, RequestSettled).cash == 0  # -4000 + 30 * 131 is below
    assert issuer_cash(desk) == (-4000 + 30 * 131) + (-16000 + 120 * 131)


def test_a_struck_creation_of_a_terminated_token_gets_its_money_less_what_it_lost() -> None:
    desk = primary(token=QUIET)
    accepted_creation(desk, 10)
    order = only(desk.quote(202, 1001), OrderSent)
    desk.fill(order, 14, 202)
    said = [*desk.quote(130, 1002), *desk.end(order)]
    only(said, TokenTerminated)
    sale = only([*said, *desk.quote(130, 1035)], OrderSent)
    assert values(sale.side, sale.quantity) == ("sell", 164)
    said = filled(desk, sale, 131)
    returned = only(said, RequestReturned)
    assert values(returned.request_id, returned.units, returned.cash) == ("c1", 0, 1101 - 14 * 71)
    assert issuer_cash(desk) == min(0, 150 * 131 - 20000)


def test_a_struck_redemption_of_a_terminated_token_pays_no_fee() -> None:
    desk = accepted_redemption(primary(token=QUIET), 10)
    order = only(desk.quote(202, 1001), OrderSent)
    desk.end(order)
    said = desk.quote(130, 1040)
    only(said, TokenTerminated)
    sale = only(said, OrderSent)
    assert sale.quantity == 150
    settled = only(filled(desk, sale, 140), RequestSettled)
    assert values(settled.request_id, settled.cash) == ("r1", -2000 + 15 * 140)
    assert only(list(desk.all(UnitsRedeemed)), UnitsRedeemed).fee == 0


def test_wind_down_resets_to_nothing_at_the_announced_time() -> None:
    desk = primary()
    wind_down(desk, 2 * DAY_S)
    desk.quote(204, DAY_S - 1)
    filled(desk, only(desk.clock(DAY_S), OrderSent), 204)
    bought = desk[NAME].basket - 150
    said = [*desk.quote(202, 2 * DAY_S - 1), *desk.clock(2 * DAY_S)]
    assert desk[NAME].goal == 0
    assert desk.all(TokenTerminated)[0].reason == "wound_down"
    sale = kinds(said, OrderSent)[-1]
    assert values(sale.side, sale.quantity) == ("sell", 150 + bought)
    closed = only(filled(desk, sale, 200, 50), TokenClosed)
    assert values(closed.units, closed.final_value, closed.shortfall) == (100, d("99.5") - bought * 4 / 100, 0)
    assert desk[NAME].status == "closed"


def test_redemptions_stay_open_until_the_last_reset() -> None:
    desk = primary(token=ASSUMED)
    wind_down(desk)
    assert refusal(create(desk)) == "winding_down"
    accepted_redemption(desk, 10)
    assert only(desk.quote(202, 1001), UnitsRedeemed).payout == 1030 * d("0.999")
    accepted_redemption(desk, 20, "late")
    said = desk.quote(203, DAY_S + 1)
    closed = only(said, TokenClosed)
    assert closed.units == 90
    assert only(said, RequestReturned).cash == 20 * closed.final_value


def test_a_token_without_units_winds_down_to_nothing() -> None:
    desk = Desk.open()
    desk.token(NAME, 3, seed=0)
    desk.quote(200, 1000)
    admit(desk)
    wind_down(desk)
    desk.quote(200, DAY_S - 1)
    said = [*desk.clock(DAY_S), *desk.quote(200, DAY_S + 1)]
    none(said, OrderSent)
    none(said, WantAbandoned)
    none(said, InputRefused)
    assert refusal(create(desk)) in ("winding_down", "terminated")
