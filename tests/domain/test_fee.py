"""Section 2: the management fee, what it is net of, and when it is paid."""

from typing import Any

import pytest

from engine.domain.notices import FeePaid, UnitsMerged
from engine.domain.outputs import NavPublished, OrderSent, RebalanceTriggered, TokenClosed, TokenReset
from engine.domain.primary_events import RequestStruck, UnitsRedeemed
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain.costs_scenes import HALF_DAY_S, admitted, halt, held, merge, moment, redeems, resume, retermed
from tests.domain.scenes import DAY_S, NAME, kinds, near, spaced, values

FEE: dict[str, Any] = {"yearly_fee": d("0.365")}  # a thousandth a day


def feed(**terms: Any) -> Desk:
    """150 TAO for 20000, 100 units, half a day before the boundary, a thousandth a day."""
    return held(token=FEE | terms.pop("token", {}), **terms)


def test_it_is_paid_at_the_reset_before_the_goal_is_set() -> None:
    desk = feed()
    desk.quote(210, -1)
    said = desk.clock(0)
    fee, reset = only(said, FeePaid), only(said, TokenReset)
    assert said.index(fee) < said.index(reset)
    assert values(fee.token, fee.fee, fee.interest, fee.since) == (NAME, d("5.75"), 0, moment(-HALF_DAY_S))
    assert values(reset.equity, reset.price) == (d("11494.25"), 210)
    assert near(reset.goal, d(3) * d("11494.25") / 210)
    assert near(desk[NAME].basket * 210 + desk[NAME].cash, "11494.25")


def test_the_next_day_pays_for_the_next_day() -> None:
    desk = feed()
    desk.quote(210, -1)
    desk.clock(0)
    desk.quote(210, DAY_S - 1)
    fee = only(desk.clock(DAY_S), FeePaid)
    assert values(fee.fee, fee.since) == (d("11.49425"), MIDNIGHT)


def test_every_published_nav_is_net_of_it_and_leverage_is_not() -> None:
    desk = feed(publication_interval_s=1)
    nav = only(desk.quote(210, -HALF_DAY_S / 2), NavPublished)
    assert values(nav.accrued_fee, nav.nav, nav.inav) == (d("2.875"), d("114.97125"), d("114.97125"))
    assert near(nav.leverage, d(31500) / 11500)
    assert near(nav.drift, d(31500) / 11500 / 3 - 1)
    assert values(nav.cash, nav.rule_value) == (-20000, 115)
    assert near(nav.tracking_difference, d("114.97125") / 115 - 1)


def test_it_is_on_the_value_of_the_moment() -> None:
    desk = feed(publication_interval_s=1)
    desk.quote(210, -HALF_DAY_S / 2)
    nav = only(desk.quote(190, -HALF_DAY_S / 2 + 1), NavPublished)
    assert near(nav.accrued_fee, d(8500) * d("0.001") * (HALF_DAY_S // 2 + 1) / DAY_S)


def test_the_indicative_nav_is_net_of_it_without_an_index() -> None:
    desk = feed(publication_interval_s=1)
    desk.quote(210, -HALF_DAY_S / 2 - 60)
    nav = only(desk.clock(-HALF_DAY_S / 2), NavPublished)
    assert values(nav.nav, nav.inav) == (None, d("114.97125"))


@pytest.mark.parametrize(("price", "fires"), [("160.01", False), (160, True)])
def test_triggers_use_the_value_before_it(price: Any, fires: bool) -> None:
    desk = spaced(token=FEE, at=-HALF_DAY_S)
    fired = kinds(desk.quote(price, -1), RebalanceTriggered)
    assert bool(fired) == fires
    if fired:
        assert values(fired[0].equity, fired[0].leverage, fired[0].goal) == (4000, 4, 75)


def test_no_fee_no_event() -> None:
    desk = held()
    desk.quote(210, -1)
    assert [fee.fee for fee in kinds(desk.clock(0), FeePaid)] in ([], [0])


def test_nothing_accrues_before_the_launch() -> None:
    desk = Desk.open()
    desk.token(NAME, 3, seed=100, **FEE)
    desk.clock(-HALF_DAY_S)
    desk.quote(200, -3600)
    desk.quote(200, -1)
    fee = only(desk.clock(0), FeePaid)
    assert values(fee.since) == (moment(-3600),)
    assert near(fee.fee, d(10000) * d("0.001") * 3600 / DAY_S)


def test_a_redemption_is_struck_at_a_nav_net_of_it_which_is_paid_before() -> None:
    desk = feed()
    admitted(desk)
    desk.quote(210, -HALF_DAY_S / 2 - 60)
    redeems(desk, 10)
    said = desk.quote(210, -HALF_DAY_S / 2)
    fee, struck = only(said, FeePaid), only(said, RequestStruck)
    assert said.index(fee) < said.index(struck)
    assert fee.fee == d("2.875")
    assert values(struck.nav, struck.basket, struck.cash) == (d("114.97125"), 15, d("1149.7125") - 15 * 210)
    assert near(only(said, UnitsRedeemed).payout, d("1149.7125") * d("0.999"), 12)
    assert near((desk[NAME].basket * 210 + desk[NAME].cash) / 90, "114.97125")
    desk.quote(210, -1)
    later = only(desk.clock(0), FeePaid)
    assert values(later.since) == (moment(-HALF_DAY_S / 2),)
    assert near(later.fee, 90 * d("114.97125") * d("0.00025"))


def test_it_is_paid_before_units_are_merged() -> None:
    desk = feed()
    desk.quote(210, -HALF_DAY_S / 2)
    said = merge(desk, 10)
    fee, merged = only(said, FeePaid), only(said, UnitsMerged)
    assert said.index(fee) < said.index(merged)
    assert values(fee.fee, merged.nav) == (d("2.875"), d("1149.7125"))


def test_two_days_of_a_halted_token_are_paid_at_its_late_reset() -> None:
    desk = feed(publication_interval_s=1)
    halt(desk)
    desk.quote(200, -1)
    desk.clock(0)
    desk.quote(200, DAY_S - 1)
    desk.clock(DAY_S)
    resume(desk)
    desk.quote(200, DAY_S + HALF_DAY_S)
    total = sum(fee.fee for fee in desk.all(FeePaid)) + desk.all(NavPublished)[-1].accrued_fee
    assert near(total, 20, 1)  # two days of ten, less what a fee paid on the way saves


def test_it_is_waived_where_the_value_is_gone() -> None:
    desk = spaced(token=FEE | {"max_leverage": "none"}, at=-HALF_DAY_S)
    order = only(desk.quote(120, -60), OrderSent)
    closed = only(desk.fill(order, 100, 130), TokenClosed)
    assert values(closed.final_value, closed.shortfall) == (10, 0)
    none(desk.clock(0), FeePaid)


def test_a_new_rate_counts_from_when_it_is_in_force() -> None:
    desk = feed()
    desk.quote(210, -HALF_DAY_S / 2)
    retermed(desk, yearly_fee=d("0.73"))
    desk.quote(210, -1)
    desk.clock(0)
    total = sum(fee.fee for fee in desk.all(FeePaid))
    assert near(total, d("2.875") + d("5.75"), 2)


def test_the_price_of_the_fix_is_the_price_of_the_fee() -> None:
    desk = feed()
    desk.quote(210, -1)
    said = desk.quote(230, 5)
    assert only(said, FeePaid).fee == d("5.75")


def test_fees_of_a_short_are_on_its_value() -> None:
    desk = held(-3, token=FEE)
    desk.quote(190, -1)
    fee = only(desk.clock(0), FeePaid)
    assert fee.fee == d(40000 - 150 * 190) * d("0.0005")
