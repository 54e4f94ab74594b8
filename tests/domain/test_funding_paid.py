"""Section 6: funding in amounts, for reported fills, and what it does to flows and leverage."""

from typing import Any

import pytest

from engine.domain.notices import FundingBooked, SignalNoted
from engine.domain.outputs import OrderSent, RebalanceTriggered, TokenTerminated
from engine.domain.primary_events import UnitsCreated, UnitsRedeemed
from tests.desk import Desk, d, none, only
from tests.domain.costs_scenes import admitted, creates, held, paid, rate, redeems, refused
from tests.domain.scenes import EXACTLY, NAME, near, spaced, values, worked


def test_with_reported_fills_a_rate_is_a_signal() -> None:
    desk = worked()
    desk.clock(-60)
    said = rate(desk, "0.0001", -60)
    none(said, FundingBooked)
    assert only(said, SignalNoted).value == d("0.0001")
    assert desk[NAME].cash == -20000


def test_with_reported_fills_the_amount_is_booked() -> None:
    desk = worked()
    desk.clock(-60)
    booked = only(paid(desk, "3.5", -60), FundingBooked)
    assert values(booked.amount, booked.rate, booked.unshared) == (d("3.5"), None, 0)
    assert [(share.basket, share.cash) for share in booked.shares] == [(d(150), d("-3.5"))]
    assert refused(paid(desk, 1, -60), "duplicate_funding")
    assert desk[NAME].cash == d("-20003.5")


def test_an_amount_is_shared_by_signed_baskets() -> None:
    desk = worked()
    desk.token("SHORT", -1, seed=100)
    assert desk["SHORT"].basket == -50
    desk.clock(-60)
    booked = only(paid(desk, 10, -60), FundingBooked)
    assert {share.token: share.cash for share in booked.shares} == {NAME: -15, "SHORT": 5}
    assert values(desk[NAME].cash, desk["SHORT"].cash) == (-20015, 20005)


def test_an_amount_where_nothing_net_was_held_is_the_issuers() -> None:
    desk = worked()
    desk.token("SHORT", -1, seed=300)
    desk.clock(-60)
    booked = only(paid(desk, 10, -60), FundingBooked)
    assert values(booked.shares, abs(booked.unshared)) == ((), 10)
    assert values(desk[NAME].cash, desk["SHORT"].cash) == (-20000, 60000)


def test_an_amount_is_shared_among_those_with_reported_fills() -> None:
    desk = worked()
    desk.token("PAPER", 3, seed=100, fills="assumed")
    desk.clock(-60)
    only(paid(desk, 10, -60), FundingBooked)
    assert values(desk[NAME].cash, desk["PAPER"].cash) == (-20010, -20000)
    only(rate(desk, "0.001", -60, "b"), FundingBooked)
    assert values(desk[NAME].cash, desk["PAPER"].cash) == (-20010, -20030)


def test_an_amount_without_reported_fills_is_refused() -> None:
    desk = held()
    desk.clock(-60)
    assert refused(paid(desk, 10, -60), "funding_amount_not_assumed")


def test_an_amount_in_the_log_before_its_time_is_booked() -> None:
    desk = worked()
    desk.clock(-61)
    paid(desk, 10, -60)
    desk.clock(-60)
    assert desk[NAME].cash == -20010


@pytest.mark.parametrize(("amount", "fires"), [("74.9", False), (75, True)])
def test_funding_is_judged_by_the_triggers(amount: Any, fires: bool) -> None:
    desk = spaced()
    desk.quote(161, -60)
    said = paid(desk, amount, -120)  # 16100 over 4100 less the amount
    assert any(isinstance(body, RebalanceTriggered) for body in said) == fires


def test_funding_that_spends_the_value_terminates() -> None:
    desk = spaced(**EXACTLY)
    desk.quote(161, -60)
    assert only(paid(desk, 4100, -120), TokenTerminated).equity == 0


def struck(flow: str) -> tuple[Desk, OrderSent]:
    """Ten units created or redeemed: 15 TAO in an order of -150, at 200."""
    desk = worked()
    admitted(desk)
    desk.quote(200, -160)
    if flow == "creation":
        creates(desk, 10, 2000)
    else:
        redeems(desk, 10)
    order = only(desk.quote(200, -150), OrderSent)
    assert order.quantity == 15
    return desk, order


def test_a_redeeming_account_pays_for_what_it_still_holds() -> None:
    desk, order = struck("redemption")
    desk.clock(-120)
    booked = only(paid(desk, 10, -120), FundingBooked)
    assert {share.request: share.cash for share in booked.shares} == {None: d(-9), "R1": d(-1)}
    desk.quote(200, -115)
    redeemed = only(desk.fill(order, 15, 200), UnitsRedeemed)
    assert redeemed.payout == d(999) * d("0.999")
    assert values(desk[NAME].basket, desk[NAME].cash) == (135, -18009)


def test_a_creating_account_pays_for_what_it_already_holds_and_holders_nothing() -> None:
    desk, order = struck("creation")
    desk.fill(order, 10, 200)
    desk.clock(-120)
    booked = only(paid(desk, 16, -120), FundingBooked)
    assert {share.request: share.cash for share in booked.shares} == {None: d(-15), "C1": d(-1)}
    desk.quote(200, -115)
    created = only(desk.fill(order, 5, 200), UnitsCreated)
    assert near(created.nav, "99.85")
    assert near(created.paid, d("998.5") - (15 * 200 - 3000 - 1))
    assert near((desk[NAME].basket * 200 + desk[NAME].cash) / 110, "99.85")


def test_late_funding_of_a_joined_account_falls_on_its_token() -> None:
    desk, order = struck("creation")
    desk.fill(order, 10, 200)
    desk.quote(200, -115)
    only(desk.fill(order, 5, 200), UnitsCreated)
    cash = desk[NAME].cash
    booked = only(paid(desk, 16, -120), FundingBooked)
    assert sum(share.basket for share in booked.shares) == 160
    assert not any(share.to_issuer for share in booked.shares)
    assert desk[NAME].cash == cash - 16


def test_late_funding_of_a_paid_account_is_the_issuers() -> None:
    desk, order = struck("redemption")
    desk.quote(200, -115)
    only(desk.fill(order, 15, 200), UnitsRedeemed)
    cash = desk[NAME].cash
    booked = only(paid(desk, 10, -120), FundingBooked)
    assert {share.request: (share.cash, share.to_issuer) for share in booked.shares} == {
        None: (d(-9), False), "R1": (d(-1), True)
    }  # fmt: skip
    assert desk[NAME].cash == cash - 9


def test_before_the_strike_all_of_it_is_the_tokens() -> None:
    desk, _ = struck("redemption")
    booked = only(paid(desk, 10, -180), FundingBooked)
    assert [(share.basket, share.cash) for share in booked.shares] == [(d(150), d(-10))]


def test_an_amount_dated_after_its_record_is_refused() -> None:
    desk = worked()
    desk.clock(-61)
    assert refused(paid(desk, 1, -60, appended=-62.001), "time_in_future")


def test_what_was_seeded_later_pays_nothing_for_before() -> None:
    desk = worked()
    desk.quote(200, -150)
    desk.token("LATER", 3, seed=100)
    assert desk["LATER"].basket == 150
    booked = only(paid(desk, 10, -180), FundingBooked)
    assert {share.token: share.cash for share in booked.shares} == {NAME: d(-10)}
    assert desk["LATER"].cash == -20000


def test_nothing_is_shared_out_before_the_first_launch() -> None:
    desk = worked()
    booked = only(paid(desk, 10, -240), FundingBooked)
    assert values(booked.shares, abs(booked.unshared), desk[NAME].cash) == ((), 10, -20000)


def test_shares_of_an_amount_sum_to_it_whoever_comes_first() -> None:
    desk = worked()
    desk.token("AAA", 3, seed=0)
    desk.token("HALF", 3, seed=50)
    desk.clock(-60)
    booked = only(paid(desk, 1, -60), FundingBooked)
    assert sum(share.cash for share in booked.shares) == -1
    assert desk[NAME].cash + desk["HALF"].cash == -30001
