"""Corners of strikes and flow accounts: what is at the edge of a rule is on the side the rule says."""

from typing import Any

import pytest

from engine.domain.notices import FeePaid
from engine.domain.outputs import InputRefused, OrderSent
from engine.domain.primary_events import (
    RequestReceived,
    RequestReturned,
    RequestSettled,
    RequestStruck,
    SeriesEnded,
    UnitsCreated,
    UnitsRedeemed,
)
from tests.desk import d, none, only
from tests.domain.costs_scenes import halt_creations, resume_creations
from tests.domain.primary_scenes import (
    AP,
    EVM,
    accepted_creation,
    accepted_redemption,
    admit,
    create,
    deliver,
    filled,
    halt,
    issuer_cash,
    lock,
    primary,
    redeem,
    refusal,
    request,
    resume,
    withdraw,
)
from tests.domain.scenes import DAY_S, NAME, kinds, near, values

DAILY: dict[str, Any] = {"strike": "daily_reset"}
HOURLY: dict[str, Any] = {"strike": "interval", "strike_interval_s": 3600}


@pytest.mark.parametrize(("early_s", "struck"), [(300, True), (299.999999, False)])
def test_the_cut_off_itself_is_in_time(early_s: float, struck: bool) -> None:
    desk = primary(token=DAILY, max_age_s=600)
    desk.clock(DAY_S - early_s)
    accepted_creation(desk, 1)
    desk.quote(200, DAY_S - 1)
    assert bool(kinds(desk.clock(DAY_S), RequestStruck)) is struck


def test_a_daily_strike_takes_no_quote_from_before_the_acceptance() -> None:
    desk = primary(token=DAILY, max_age_s=3600)
    desk.quote(200, DAY_S - 400)
    accepted_creation(desk, 1)
    none(desk.clock(DAY_S), RequestStruck)
    desk.quote(200, 2 * DAY_S - 1)
    only(desk.clock(2 * DAY_S), RequestStruck)


def test_a_daily_strike_is_of_tokens_that_strike_daily() -> None:
    desk = primary(token=HOURLY | {"strike_interval_s": 7 * 3600})
    desk.quote(200, 21 * 3600)
    accepted_creation(desk, 1)
    desk.quote(200, DAY_S - 1)
    none(desk.clock(DAY_S), RequestStruck)
    only(desk.quote(200, 28 * 3600), RequestStruck)


def test_a_creation_waits_at_the_fix_while_creations_are_halted() -> None:
    desk = accepted_creation(primary(token=DAILY), 1)
    halt_creations(desk)
    desk.quote(200, DAY_S - 1)
    none(desk.clock(DAY_S), RequestStruck)
    resume_creations(desk)
    desk.quote(200, 2 * DAY_S - 1)
    only(desk.clock(2 * DAY_S), RequestStruck)


def test_what_was_accepted_in_a_halt_waits_for_the_next_mark_all_the_same() -> None:
    desk = primary(token=HOURLY)
    halt(desk)
    accepted_creation(desk, 1)
    desk.quote(200, 1001)
    none([*resume(desk), *desk.quote(200, 1002), *desk.quote(200, 3599)], RequestStruck)
    only(desk.quote(200, 3600), RequestStruck)


def test_a_flow_is_netted_once_before_it_counts_as_too_small() -> None:
    desk = primary(min_notional=d(1000))
    accepted_creation(desk, 10, "big")
    big = only(desk.quote(200, 1001), OrderSent)
    accepted_creation(desk, 1, "small")
    said = desk.quote(200, 1002)
    only(said, RequestStruck)
    none(said, UnitsCreated)
    assert only(filled(desk, big, 200), UnitsCreated).request_id == "big"
    assert only(desk.quote(200, 1031), UnitsCreated).request_id == "small"


def test_a_creation_too_small_for_a_basket_joins_at_once() -> None:
    desk = primary(price=1_000_000, token={"creation_unit": d("0.000000000000000001")})
    accepted_creation(desk, "0.000000000000000001", cash=1)
    said = desk.quote(1_000_000, 1001)
    assert only(said, UnitsCreated).basket == 0
    assert only(said, RequestSettled).units == d("0.000000000000000001")


def test_the_fee_is_paid_where_units_join() -> None:
    desk = accepted_creation(primary(token={"yearly_fee": d("0.365")}, max_age_s=3600), 10)
    order = only(desk.quote(200, 1001), OrderSent)
    struck_at = issuer_cash(desk)
    desk.clock(1051)
    said = filled(desk, order, 200)
    paid = only(said, FeePaid)
    assert near(paid.fee, 10_000 * d("0.001") * 51 / DAY_S, 12)
    made = only(said, UnitsCreated)
    assert near(issuer_cash(desk) - struck_at, paid.fee + made.fee, 15)
    assert near(made.nav, 100 - paid.fee / 100, 15)


def test_a_creation_whose_tries_ran_out_pays_no_charge_for_a_rest() -> None:
    desk = accepted_creation(primary(max_tries=1, slippage=d("0.01"), commission=d("0.01")), 10)
    order = only(desk.quote(200, 1001), OrderSent)
    desk.fill(order, "4.5", 200)
    said = [*desk.end(order), *desk.quote(200, 1040)]
    assert values(only(said, UnitsCreated).units, only(said, UnitsCreated).charge) == (3, 0)


def test_units_that_were_not_made_do_not_count_against_the_caps() -> None:
    desk = accepted_creation(primary(max_tries=1, caps={"in_total": 10}), 10)
    order = only(desk.quote(200, 1001), OrderSent)
    desk.fill(order, "4.5", 200)
    desk.end(order)
    desk.quote(200, 1040)
    assert refusal(create(desk, 8, "c2")) == "cap_in_total"
    only(create(desk, 7, "c3"), RequestReceived)


def test_an_ended_token_is_why_a_struck_creation_returns() -> None:
    desk = accepted_creation(primary(), 10)
    order = only(desk.quote(200, 1001), OrderSent)
    said = [*desk.quote(130, 1002), *desk.end(order), *desk.quote(130, 1040)]
    for sale in kinds(said, OrderSent):
        said += filled(desk, sale, 130)
    assert {each.reason for each in kinds(said, RequestReturned)} == {"token_ended"}


def test_the_last_units_out_leave_nothing_behind_and_the_issuer_the_rest() -> None:
    desk = accepted_redemption(primary(seed=3, price=7), 3)
    ended = only(desk.quote(7, 1001), SeriesEnded)
    token = desk[NAME]
    assert values(token.basket, token.cash, token.goal, token.units) == (0, 0, 0, 0)
    assert values(token.status, token.tries, token.abandoned, token.owes_resets) == ("listed", 0, False, 0)
    assert desk.book is not None
    assert values(desk.book.market.issuer_basket, desk.book.market.issuer_cash) == (ended.basket, ended.cash)
    assert "token:" + NAME in desk.book.changed


@pytest.mark.parametrize(("settlement", "address"), [("custodial", EVM), ("custodial", None), ("on_chain", EVM)])
def test_only_an_on_chain_settlement_waits_for_its_transfer(settlement: str, address: str | None) -> None:
    desk = primary(token={"fills": "assumed"})
    accepted_redemption(desk, 10, settlement=settlement, address=address)
    said = desk.quote(200, 1001)
    only(said, UnitsRedeemed)
    assert bool(kinds(said, RequestSettled)) is (settlement == "custodial")


@pytest.mark.parametrize(("flow", "other"), [("creation", "c1"), ("redemption", "r1")])
def test_cash_is_for_creations_and_units_are_for_redemptions(flow: str, other: str) -> None:
    desk = primary()
    if flow == "creation":
        only(create(desk, 1, "c1"), RequestReceived)
        said = lock(desk, 1, "c1")
    else:
        only(redeem(desk, 1, "r1"), RequestReceived)
        said = deliver(desk, 1000, "r1")
    assert only(said, InputRefused).reason == "unknown_request"
    assert request(desk, other).delivered == 0


def test_deliveries_are_at_most_so_many() -> None:
    desk = primary()
    only(create(desk, 10), RequestReceived)
    for _ in range(100):
        none(deliver(desk, 1), InputRefused)
    assert only(deliver(desk, 1), InputRefused).reason == "request_not_open"
    assert only(withdraw(desk, "c1"), RequestReturned).cash == 100


def test_requests_are_numbered_in_the_order_they_came() -> None:
    desk = primary()
    admit(desk, AP)
    for name in ("z", "a", "m"):
        only(create(desk, 1, name), RequestReceived)
    assert [request(desk, name).number for name in ("z", "a", "m")] == [1, 2, 3]


def test_a_mark_passed_without_a_quote_since_the_acceptance_is_passed() -> None:
    desk = primary(token=HOURLY, max_age_s=3600)
    desk.clock(3599)
    accepted_creation(desk, 1)
    none([*desk.clock(3600), *desk.quote(200, 3601)], RequestStruck)
    only(desk.quote(200, 7200), RequestStruck)


def test_the_next_mark_is_counted_from_the_last_and_not_from_the_acceptance() -> None:
    desk = primary(token=HOURLY)
    desk.quote(200, 3000)
    accepted_creation(desk, 1)
    only(desk.quote(200, 3600), RequestStruck)
