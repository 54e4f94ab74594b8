"""Section 8: units merged and split; every value per unit moves along and nothing else does."""

from decimal import Decimal

import pytest

from engine.domain.notices import UnitsMerged
from engine.domain.outputs import FillBooked, NavPublished, OrderSent, TokenReset
from engine.domain.primary_events import RequestReceived, RequestRefused, RequestStruck, UnitsRedeemed
from tests.desk import Desk, d, none, only
from tests.domain.costs_scenes import (
    admitted,
    asks_to_redeem,
    creates,
    halt,
    held,
    locks,
    market_quote,
    merge,
    redeems,
    refused,
)
from tests.domain.scenes import DAY_S, NAME, kinds, near, spaced, values, worked

RATIO = pytest.mark.parametrize(
    "ratio", ["10", "2", "0.1", "0.5", "3", "0.33333333333333333333333333333333333333333333333333"]
)


@RATIO
def test_units_are_divided_and_values_multiplied(ratio: str) -> None:
    desk = worked(token={"nav_floor": d(7)})
    desk.quote(210, -100)
    merged = only(merge(desk, ratio), UnitsMerged)
    n = d(ratio)
    assert values(merged.ratio, merged.by, merged.reason, merged.terms_version) == (n, "desk", "test", desk.version)
    assert near(merged.units, 100 / n, 17)
    assert near(merged.nav, 115 * n, 13)
    token = desk[NAME]
    assert values(token.basket, token.cash, token.goal) == (150, -20000, 150)
    assert values(token.units, token.factor) == (merged.units, merged.factor)
    assert near(token.factor, n, 17)
    assert near(token.initial_nav, 100 * n, 13)
    assert near(token.benchmark, 100 * n, 13)
    assert near(token.rule_value, 100 * n, 13)
    assert near(token.nav_floor, 7 * n, 13)


def test_ten_for_one_is_exact() -> None:
    desk = worked(publication_interval_s=1)
    desk.quote(210, -100)
    nav = only(merge(desk, 10), NavPublished)
    assert values(nav.units, nav.nav, nav.benchmark, nav.rule_value) == (10, 1150, 1150, 1150)
    assert values(nav.tracking_difference, nav.leverage) == (0, d(31500) / 11500) or near(nav.tracking_difference, 0)


def test_merges_multiply() -> None:
    desk = worked()
    merge(desk, 10)
    merge(desk, "0.5")
    assert values(desk[NAME].factor, desk[NAME].units) == (5, 20)


def test_a_ratio_of_nothing_is_refused() -> None:
    assert refused(merge(worked(), 0), "bad_ratio")


def test_versions_only_go_up() -> None:
    desk = worked()
    current = desk[NAME].terms_version
    for version in (current, current - 1):
        assert refused(merge(desk, 10, version=version), "terms_version_not_newer")
    only(merge(desk, 10, version=current + 5), UnitsMerged)
    assert desk[NAME].terms_version == current + 5
    assert refused(merge(desk, 10, version=current + 5), "terms_version_not_newer")


def test_an_unknown_or_ended_token_is_refused() -> None:
    desk = spaced(token={"max_leverage": "none"})
    assert refused(merge(desk, 10, "NOBODY"), "unknown_token")
    desk.quote(120, -100)
    assert refused(merge(desk, 10), "not_live")


def test_without_an_index_there_is_no_nav_to_name() -> None:
    desk = worked()
    desk.clock(-100)
    merged = only(merge(desk, 10), UnitsMerged)
    assert values(merged.nav, merged.units) == (None, 10)


def test_no_halt_is_needed_and_one_does_not_hinder() -> None:
    desk = worked()
    halt(desk)
    only(merge(desk, 10), UnitsMerged)
    assert desk[NAME].halted


def test_open_orders_are_untouched() -> None:
    desk = spaced()
    order = only(desk.quote(160, -100), OrderSent)
    said = merge(desk, 10)
    none(said, OrderSent)
    assert values(desk[NAME].open, desk[NAME].goal) == (-25, 75)
    only(desk.fill(order, 25, 160), FillBooked)
    nav = desk.all(NavPublished)[-1]
    assert values(nav.basket, nav.units, nav.nav) == (75, 10, 400)


def test_a_queued_redemption_is_converted() -> None:
    desk = held()
    admitted(desk)
    redeems(desk, 10)
    merge(desk, 10)
    said = desk.quote(210, -100)
    struck, redeemed = only(said, RequestStruck), only(said, UnitsRedeemed)
    assert values(struck.units, struck.nav, struck.basket) == (1, 1150, 15)
    assert values(redeemed.units, redeemed.payout) == (1, 1150 * d("0.999"))
    assert desk[NAME].units == 9


def test_a_redemption_not_yet_accepted_is_converted() -> None:
    desk = held()
    admitted(desk)
    asks_to_redeem(desk, 20)
    merge(desk, 10)
    locks(desk, 2)
    assert only(desk.quote(210, -100), RequestStruck).units == 2


def test_a_queued_creation_is_converted() -> None:
    desk = held()
    admitted(desk)
    creates(desk, 20, 4000)
    merge(desk, 10)
    assert only(desk.quote(210, -100), RequestStruck).units == 2
    assert desk[NAME].units == 12


def test_a_flow_account_is_converted_and_its_basket_is_not() -> None:
    desk = worked()
    admitted(desk)
    desk.quote(200, -120)
    redeems(desk, 10)
    order = only(desk.quote(200, -110), OrderSent)
    assert order.quantity == 15
    merge(desk, 10)
    said = desk.fill(order, 15, 200)
    redeemed = only(said, UnitsRedeemed)
    assert values(redeemed.units, redeemed.payout) == (1, 999)
    assert values(desk[NAME].units, desk[NAME].basket, desk[NAME].cash) == (9, 135, -18000)


@pytest.mark.parametrize(("units", "taken"), [(2, True), (3, False)])
def test_caps_are_converted(units: int, taken: bool) -> None:
    desk = held()
    admitted(desk, per_order=20)
    merge(desk, 10)
    said = asks_to_redeem(desk, units)
    assert len(kinds(said, RequestReceived)) == taken
    assert [no.code for no in kinds(said, RequestRefused)] == ([] if taken else ["cap_per_order"])


@pytest.mark.parametrize("cap", ["per_day", "in_total"])
def test_what_was_asked_for_is_converted(cap: str) -> None:
    desk = held()
    admitted(desk, NAME, **{cap: 50})
    asks_to_redeem(desk, 30, "R1")
    merge(desk, 10)
    assert only(asks_to_redeem(desk, 3, "R2"), RequestRefused).code == f"cap_{cap}"
    only(asks_to_redeem(desk, 2, "R3"), RequestReceived)


def test_the_premium_waits_for_a_market_quote_with_the_new_terms() -> None:
    desk = worked(publication_interval_s=1)
    old = desk[NAME].terms_version
    desk.quote(200, -100)
    market_quote(desk, 101, 102, -99.5, old)
    assert near(only(desk.quote(200, -99), NavPublished).premium, "0.01")
    merge(desk, 10)
    new = desk[NAME].terms_version
    assert only(desk.quote(200, -98), NavPublished).premium is None
    market_quote(desk, 101, 102, -97.5, old)
    assert only(desk.quote(200, -97), NavPublished).premium is None
    market_quote(desk, 1020, 1030, -96.5, new)
    nav = only(desk.quote(200, -96), NavPublished)
    assert near(nav.premium, "0.02")
    assert near(nav.discount, "0.03")


@pytest.mark.parametrize(("floor", "merged"), [(84, False), (85, False), ("85.01", True)])
def test_below_a_nav_floor_units_are_merged_at_the_reset(floor: object, merged: bool) -> None:
    desk = worked(token={"nav_floor": d(floor), "floor_merge": 5})
    none(desk.quote(190, -1), UnitsMerged)
    before = desk[NAME].terms_version
    said = desk.clock(0)
    only(said, TokenReset)
    assert len(kinds(said, UnitsMerged)) == merged
    if merged:
        event = only(said, UnitsMerged)
        assert values(event.ratio, event.units, event.nav) == (5, 20, 425)
        assert event.terms_version == desk[NAME].terms_version > before
        assert near(desk[NAME].benchmark, 425)


def test_an_automatic_merge_leaves_the_floor_where_it_is_and_is_not_made_again() -> None:
    desk = worked(token={"nav_floor": d(90), "floor_merge": 5})
    desk.quote(190, -1)
    only(desk.clock(0), UnitsMerged)
    assert desk[NAME].nav_floor == 90
    desk.quote(190, DAY_S - 1)
    none(desk.clock(DAY_S), UnitsMerged)


def test_the_floor_is_not_looked_at_between_resets() -> None:
    desk = worked(token={"nav_floor": d(90)})
    none([*desk.quote(190, -100), *desk.clock(-95), *desk.quote(205, -1), *desk.clock(0)], UnitsMerged)


def test_the_reset_after_a_merge_is_that_of_the_same_basket() -> None:
    plain, merged = worked(), worked()
    merge(merged, 10)
    resets = []
    for desk in (plain, merged):
        desk.quote(210, -1)
        resets.append(only(desk.clock(0), TokenReset))
    assert values(resets[0].goal, resets[0].want, resets[0].equity) == (
        resets[1].goal, resets[1].want, resets[1].equity
    )  # fmt: skip
    assert near(resets[1].benchmark, resets[0].benchmark * 10, 13)
    assert near(resets[1].rule_value, resets[0].rule_value * 10, 13)


def test_the_next_series_starts_at_the_merged_initial_nav() -> None:
    desk = held()
    admitted(desk)
    merge(desk, 10)
    redeems(desk, 10)
    desk.quote(205, -100)
    assert desk[NAME].units == 0
    creates(desk, 2, 3000)
    desk.quote(205, -90)
    assert values(desk[NAME].units, desk[NAME].benchmark, desk[NAME].rule_value) == (2, 1000, 1000)


def test_adjusted_history_is_continuous_over_days() -> None:
    plain, merged = held(commission=d("0.001")), held(commission=d("0.001"))
    for number, price in enumerate([210, 190, 205]):
        for desk in (plain, merged):
            desk.quote(price, number * DAY_S - 1)
        if number == 1:
            merge(merged, 4)
        for desk in (plain, merged):
            desk.clock(number * DAY_S)
    one, other = (desk[NAME] for desk in (plain, merged))
    assert near(other.benchmark, one.benchmark * 4, 13)
    assert near(other.rule_value, one.rule_value * 4, 13)
    assert near(worth(merged, 205), worth(plain, 205) * 4, 13)


def worth(desk: Desk, price: int) -> Decimal:
    """NAV per unit at a price."""
    return (desk[NAME].basket * price + desk[NAME].cash) / desk[NAME].units
