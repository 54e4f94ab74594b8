"""Section 7: which quotes make the index price, what waits without one, and which quotes are refused."""

from decimal import Decimal
from typing import Any

import pytest

from engine.domain.inputs import ClockTicked
from engine.domain.outputs import (
    FixTaken,
    IndexLost,
    IndexRegained,
    InputRefused,
    NavPublished,
    OrderSent,
    TokenLaunched,
    TokenReset,
)
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain.scenes import NAME, kinds, worked

Quoted = tuple[str, Any, Any]
"""Venue, bid, ask."""


def index_of(*quotes: Quoted, at: float = -100, **terms: Any) -> Decimal | None:
    """The index after these quotes, shown by the launch of a token; None if there is none."""
    desk = Desk.open(**terms)
    for venue, bid, ask in quotes:
        desk.quote(bid, -100, venue, ask=ask)
    desk.clock(at)
    launches = kinds(desk.token(NAME, 2), TokenLaunched)
    return launches[0].price if launches else None


def flat(*prices: Any) -> list[Quoted]:
    return [(f"v{number}", price, price) for number, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("prices", "index"),
    [
        ((100,), "100"),
        ((100, 101), "100.5"),
        ((100, 101, 103), "101"),
        ((103, 100, 101), "101"),
        ((100, 101, 102, 103), "101.5"),
        ((100, 101, 102, 103, 104), "102"),
        ((100, 101, 102, 103, 150), "101.5"),
        ((100, 100.5, 200), "100.25"),
    ],
)
def test_the_index_is_the_median_of_the_counted_mids(prices: tuple[Any, ...], index: str) -> None:
    assert index_of(*flat(*prices)) == d(index)


def test_a_mid_is_between_bid_and_ask() -> None:
    assert index_of(("a", "99.2", "100.4")) == d("99.8")


@pytest.mark.parametrize(
    ("bid", "ask", "usable"),
    [(99, 101, False), ("99.001", "100.999", True), (100, 100, True), (98, 102, False), (101, 100, False)],
)
def test_a_quote_is_usable_with_a_spread_under_the_limit_and_not_crossed(bid: Any, ask: Any, usable: bool) -> None:
    assert (index_of(("a", bid, ask)) is not None) is usable


@pytest.mark.parametrize(
    ("outlier", "counts"), [(105, True), ("105.0001", False), (95, True), ("94.9999", False), (100, True)]
)
def test_a_quote_counts_up_to_the_deviation_inclusive(outlier: Any, counts: bool) -> None:
    assert (index_of(*flat(100, 100, outlier), min_venues=3) is not None) is counts


def test_the_deviation_is_from_the_median_of_all_usable_mids() -> None:
    assert index_of(*flat(100, 100, 104, 109, 109)) == 104  # 4 and 5 away: all count
    assert index_of(*flat(100, 100, 106, 112, 112)) == 106  # 6 away: only the middle one does
    assert index_of(*flat(100, 100, 106, 112, 112), min_venues=2) is None


@pytest.mark.parametrize(
    ("prices", "index"),
    [
        ((100, 101), "100.5"),
        ((101, 100), "100.5"),
        ((100, "101.0001"), None),
        ((100, "101.005"), None),  # within 1 % of the higher and of the middle, not of the lower
        ((100, "101.5", 120), None),  # two of three count
        ((100, "100.8", 120), "100.4"),
        ((100, "101.5", "103"), "101.5"),  # three count: no such rule
    ],
)
@pytest.mark.parametrize("min_venues", [1, 2])
def test_two_counted_quotes_are_within_one_percent_of_the_lower(
    prices: tuple[Any, ...], index: str | None, min_venues: int
) -> None:
    assert index_of(*flat(*prices), min_venues=min_venues) == (None if index is None else d(index))


@pytest.mark.parametrize(("min_venues", "valid"), [(1, True), (2, True), (3, True), (4, False)])
def test_fewer_counted_venues_than_the_minimum_make_no_index(min_venues: int, valid: bool) -> None:
    assert (index_of(*flat(100, 100, 100, 150), min_venues=min_venues) is not None) is valid


@pytest.mark.parametrize(("at", "fresh"), [(-100, True), (-90, True), (-89.999999, False)])
def test_a_quote_is_fresh_up_to_its_maximal_age_at_the_time_of_the_input(at: float, fresh: bool) -> None:
    assert (index_of(*flat(100), at=at) is not None) is fresh


@pytest.mark.parametrize(("quoted_at", "index"), [(-110, "102"), (-110.000001, "102.5")])
def test_a_stale_quote_no_longer_counts_and_the_others_do(quoted_at: float, index: str) -> None:
    desk = Desk.open()
    desk.quote(100, quoted_at, "a")
    desk.quote(102, -105, "b")
    desk.quote(103, -100, "c")
    assert only(desk.token(NAME, 2), TokenLaunched).price == d(index)


def test_the_last_quote_of_a_venue_replaces_the_one_before() -> None:
    assert index_of(("a", 100, 100), ("a", 90, 90)) == 90
    assert index_of(("a", 100, 100), ("a", 90, 110)) is None


def test_loss_and_recovery_are_told_once_each_with_the_reason() -> None:
    desk = two_venues()
    said = [*desk.clock(-189), *desk.clock(-180), *desk.quote(180, -170, "a")]
    assert [lost.reason for lost in kinds(said, IndexLost)] == ["too_few_venues"]
    said = [*desk.quote(181, -169, "b"), *desk.quote(181, -168, "b")]
    assert [regained.price for regained in kinds(said, IndexRegained)] == [d("180.5")]
    said = [*desk.quote(185, -167, "b"), *desk.quote("184.9", -166, "b")]
    assert [lost.reason for lost in kinds(said, IndexLost)] == ["divergent"]


def two_venues(**token: Any) -> Desk:
    """The 3x token of 100 units with q=100, c=-12000 on two venues at 180."""
    desk = Desk.open(min_venues=2)
    desk.quote(180, -200, "a")
    desk.quote(180, -200, "b")
    desk.token(NAME, 3, seed=100, initial_nav=d(60), **token)
    assert desk[NAME].basket == 100
    return desk


def test_a_token_launches_at_the_first_valid_index() -> None:
    desk = Desk.open(min_venues=2)
    desk.token(NAME, 3)
    none(desk.quote(180, -200, "a"), TokenLaunched)
    none(desk.quote(183, -199, "b"), TokenLaunched)
    assert only(desk.quote(181, -198, "b"), TokenLaunched).price == d("180.5")


def test_a_token_launches_when_the_first_quotes_made_no_index() -> None:
    desk = Desk.open()
    desk.token(NAME, 3)
    none([*desk.quote(180, -200, ask=190), *desk.clock(-199)], TokenLaunched)
    assert only(desk.quote(180, -198), TokenLaunched).price == 180


def test_without_an_index_a_reset_waits_and_goes_on_by_itself() -> None:
    desk = two_venues()
    desk.quote(180, -1, "a")
    desk.quote(185, -1, "b")
    none(desk.clock(0), FixTaken)
    none(desk.quote(184, 5, "b"), FixTaken)
    said = desk.quote(181, 6, "b")
    assert only(said, FixTaken).late
    assert only(said, TokenReset).price == d("180.5")


def test_without_an_index_nav_is_null_and_the_indicative_nav_goes_on() -> None:
    desk = two_venues()
    desk.terms(publication_interval_s=1)
    nav = only(desk.clock(-150), NavPublished)
    assert (nav.nav, nav.price) == (None, None)
    assert nav.inav == 60


def test_no_order_is_sent_without_an_index() -> None:
    desk = two_venues(min_leverage=d(2))
    for venue in ("a", "b"):
        desk.quote(239, -100, venue)
    said = [*desk.quote(249, -99, "a"), *desk.quote(260, -98, "b")]
    none(said, OrderSent)


@pytest.mark.parametrize("refused_at", [-201, -200.000001])
def test_a_quote_older_than_the_last_of_its_venue_is_dropped(refused_at: float) -> None:
    desk = worked()
    said = desk.quote(150, refused_at)
    assert only(said, InputRefused).reason == "time_going_backwards"
    assert only(desk.token("B", 2), TokenLaunched).price == 200


def test_a_quote_of_the_same_time_is_taken() -> None:
    desk = worked()
    none(desk.quote(190, -200), InputRefused)
    assert only(desk.token("B", 2), TokenLaunched).price == 190


def test_a_quote_behind_the_time_of_the_underlying_is_taken_and_moves_no_time() -> None:
    desk = worked()
    none(desk.quote(202, -205, "b"), InputRefused)
    assert desk.book is not None
    assert desk.book.market.time == MIDNIGHT - 200_000_000
    assert only(desk.token("B", 2), TokenLaunched).price == 201
    desk.quote(204, -194, "a")  # b is 11 s old
    assert only(desk.token("C", 2), TokenLaunched).price == 204


@pytest.mark.parametrize(("ahead", "refused"), [(0, False), (2, False), (2.000001, True), (3600, True), (-3600, False)])
@pytest.mark.parametrize("kind", ["quote", "clock"])
def test_an_input_dated_more_than_two_seconds_after_its_append_time_is_refused(
    kind: str, ahead: float, refused: bool
) -> None:
    desk = worked()
    if kind == "quote":
        said = desk.quote(190, -100 + ahead if ahead > 0 else -100, appended=-100 - min(ahead, 0))
    else:
        time = MIDNIGHT + round((-100 + ahead if ahead > 0 else -100) * 1_000_000)
        said = desk.feed(ClockTicked("TAO", time), appended=MIDNIGHT - 100_000_000 - round(min(ahead, 0)) * 1_000_000)
    assert [body.reason for body in kinds(said, InputRefused)] == (["time_in_future"] if refused else [])
    assert desk.book is not None
    assert (desk.book.market.time == MIDNIGHT - 200_000_000) is refused


def test_a_refused_quote_from_the_future_moves_no_boundary() -> None:
    desk = worked()
    desk.quote(210, -1)
    none(desk.quote(999, 100, appended=-1), FixTaken)
    assert only(desk.clock(0), FixTaken).price == 210


def test_a_crossed_quote_is_reported_and_never_in_the_index() -> None:
    desk = two_venues()
    said = desk.quote(190, -199, "a", ask=189)
    assert only(said, InputRefused).reason == "crossed_quote"
    only([*said, *desk.clock(-198)], IndexLost)


def test_quotes_of_venues_not_in_the_terms_are_refused() -> None:
    desk = Desk.open(venues=("a", "b"))
    assert only(desk.quote(100, -100, "c"), InputRefused).reason == "unknown_venue"
    assert only(desk.token(NAME, 2) + desk.quote(101, -100, "a"), TokenLaunched).price == 101
