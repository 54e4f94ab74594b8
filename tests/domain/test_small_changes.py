"""Small changes of the rules that no other test notices: what is kept, in which order, what a refusal says."""

from collections.abc import Callable
from decimal import Decimal
from hashlib import blake2b

import pytest

from engine.domain import book as books
from engine.domain.addresses import is_ss58
from engine.domain.book import Book
from engine.domain.events import Body
from engine.domain.instants import DAY, MILLISECOND, SECOND, format_instant, next_boundary, parse_instant
from engine.domain.notices import TermsScheduled
from engine.domain.numbers import exact, fill_up, share_out, text
from engine.domain.outputs import (
    FillBooked,
    FixTaken,
    IndexLost,
    InputRefused,
    OrderSent,
    RebalanceTriggered,
    TokenTermsChanged,
    UnderlyingTermsChanged,
)
from engine.domain.primary_events import RequestReceived, RequestReturned, RequestSettled, RequestStruck
from engine.domain.quiet import NO_PRICE
from engine.domain.state import Market, Order, Participant, Record, Request, Token, record_name
from tests.desk import MIDNIGHT, Desk, d, none, only
from tests.domain import costs_scenes as around
from tests.domain.costs_life import rebuilt
from tests.domain.primary_scenes import (
    AP,
    accepted_creation,
    accepted_redemption,
    admit,
    create,
    filled,
    primary,
    redeem,
    refusal,
    token_quote,
    withdraw,
)
from tests.domain.scenes import DAY_S, NAME, kinds, spaced, values, worked
from tests.domain.test_capacity import LIMITED
from tests.domain.test_quiet_ranges import kept


def test_an_index_that_never_was_is_not_lost() -> None:
    desk = Desk.open(min_venues=2)
    assert desk.quote(200, -100) == []
    assert desk.clock(-50) == []


def test_a_rest_too_small_is_sent_once_its_price_makes_it_worth_the_minimum() -> None:
    desk = worked(token={"max_leverage": "none"})
    desk.quote(210, -1)
    order = only(desk.clock(0), OrderSent)
    desk.fill(order, order.quantity - d("0.04"), 210)
    desk.end(order)
    desk.quote(240, 31)
    assert len(desk.all(OrderSent)) == 1
    for at in range(40, 400, 5):
        desk.quote("249.9", at)
    assert len(desk.all(OrderSent)) == 1
    assert only(desk.quote("250.1", 401), OrderSent).quantity == d("0.04")


def test_everything_is_looked_at_while_a_flow_is_on_its_way() -> None:
    desk = accepted_redemption(primary())
    assert (kept(desk).low, kept(desk).high) == NO_PRICE
    desk.quote(200, 1001)
    assert request_states(desk) == {"r1": "struck"}
    assert (kept(desk).low, kept(desk).high) == NO_PRICE


def request_states(desk: Desk) -> dict[str, str]:
    """The requests there are."""
    return {name: each.status for name, each in kept(desk).requests.items()}


def busy() -> Desk:
    """Two tokens, orders ended and out, requests of every kind."""
    desk = primary(token={"max_leverage": "none"}, slice_interval_s=0)
    desk.token("A", 2, seed=10)
    admit(desk, AP, "A", NAME)
    desk.quote(200, 1001)
    create(desk, 1, "z-asked")
    accepted_redemption(desk, 10, "y-struck")
    [first] = kinds(desk.quote(201, 1002), OrderSent)
    desk.end(first)
    create(desk, 1, "x-asked")
    withdraw(desk, "x-asked")
    desk.quote(202, 1003)
    accepted_redemption(desk, 1, "b-accepted", token="A")
    token_quote(desk, 100, 101, 1003)
    return desk


SORTED = ("queue", "struck", "wanting", "moving", "closing", "seeded", "owing", "watched")


def test_a_book_opened_on_what_was_kept_has_it_in_the_same_order() -> None:
    book = kept(busy())
    again = Book(book.market, [*book.records()][:0:-1])
    assert list(again.records()) == list(book.records())
    assert [list(each) for each in (again.tokens, again.orders, again.requests)] == [
        list(each) for each in (book.tokens, book.orders, book.requests)
    ]
    assert len(again.orders) > len(again.out) == 1
    assert again.out == book.out
    assert {name: getattr(again, name) for name in SORTED} == {name: getattr(book, name) for name in SORTED}
    assert again.queue == {"z-asked", "b-accepted"}
    assert again.struck == {"y-struck"}
    assert again.watched == {NAME}


def test_every_record_is_found_by_its_name() -> None:
    book = kept(busy())
    found: list[Record] = [each for each in book.records() if not isinstance(each, Market)]
    assert {type(each) for each in found} == {Token, Order, Request, Participant}
    assert all(book.record(record_name(each)) is each for each in found)


def test_a_book_read_back_looks_at_its_limits() -> None:
    desk = spaced()
    rebuilt(desk)
    desk.quote(170, -150)
    only(desk.quote(160, -100), RebalanceTriggered)


def test_what_is_said_of_a_new_book_is_of_no_time_and_the_first_of_its_stream() -> None:
    desk = Desk()
    only(desk.terms(), UnderlyingTermsChanged)
    assert [(each.time, each.sequence) for each in desk.outputs] == [(0, 1)]
    assert desk.token(NAME, 3)


def test_sequences_of_orders_and_events_are_counted_apart() -> None:
    desk = busy()
    streams = [each.body.stream for each in desk.outputs]
    market = kept(desk).market
    assert (market.orders_sequence, market.events_sequence) == (streams.count("orders"), streams.count("events"))


def test_the_quotes_of_a_venue_taken_off_are_forgotten_with_their_offsets() -> None:
    desk = Desk.open(venues=("a", "b"))
    desk.quote(200, -100, "a")
    desk.quote(200, -100, "b")
    desk.terms(venues=("b",))
    assert (list(kept(desk).market.quotes), kept(desk).market.logged) == (["b"], {"b": desk.offset - 2})


def test_tokens_are_kept_by_name_however_they_were_listed() -> None:
    desk = Desk.open()
    for name in "CABD":
        desk.token(name, 3)
    assert list(kept(desk).tokens) == list("ABCD")


def test_the_first_version_of_a_token_is_one_and_scheduled_ones_of_another_do_not_count() -> None:
    desk = spaced()
    only(around.retermed(desk, at=-60, version=9, yearly_fee=d("0.01")), TermsScheduled)
    desk.version = 0
    only(desk.token("A", 3), TokenTermsChanged)
    assert desk["A"].terms_version == 1
    only(around.retermed(desk, "A", version=2, yearly_fee=d("0.01")), TokenTermsChanged)


def test_an_order_that_is_out_is_never_forgotten_for_those_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "ENDED_ORDERS_KEPT", 1)
    desk = spaced()
    ordinary = only(desk.quote(160, -100), OrderSent)
    urgent = only(desk.quote(144, -99), OrderSent)
    desk.end(urgent, "rejected")
    only(desk.fill(ordinary, 1, 144), FillBooked)


def test_the_records_of_what_is_forgotten_are_to_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "ENDED_ORDERS_KEPT", 1)
    monkeypatch.setattr(books, "ENDED_REQUESTS_KEPT", 1)
    desk = spaced()
    admit(desk)
    orders = [only(desk.quote(price, at), OrderSent) for price, at in ((160, -100), (144, -99))]
    for order, name in zip(orders, "ab", strict=True):
        create(desk, 1, name)
        kept(desk).changed.clear()
        desk.end(order, "rejected")
        withdraw(desk, name)
    assert {f"order:{orders[0].order_id}", "request:TAO:a"} <= kept(desk).changed
    assert list(kept(desk).requests) == ["b"]


def test_a_request_that_waits_is_never_forgotten_for_those_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "ENDED_REQUESTS_KEPT", 1)
    desk = primary()
    for name in ("a", "b"):
        create(desk, 1, name)
    withdraw(desk, "b")
    only(withdraw(desk, "a"), RequestReturned)


def two() -> Desk:
    """A second token, A, of 100 units."""
    desk = primary()
    desk.token("A", 2, seed=100)
    admit(desk, AP, "A", NAME)
    desk.quote(200, 1000.5)
    return desk


def test_only_redemptions_of_the_token_itself_are_taken_off_what_can_be_redeemed() -> None:
    desk = two()
    redeem(desk, 95, "r1")
    create(desk, 5, "c1", token="A")
    only(redeem(desk, 98, "r2", token="A"), RequestReceived)
    assert refusal(redeem(desk, 6, "r3")) == "units_outstanding"
    only(redeem(desk, 5, "r4"), RequestReceived)


def test_caps_of_a_token_one_way_are_not_used_up_by_another_or_the_other_way() -> None:
    desk = two()
    admit(desk, AP, "A", NAME, per_day=10, in_total=15)
    for name, token, ask in (("1", NAME, redeem), ("2", "A", redeem), ("3", NAME, create), ("4", "A", create)):
        only(ask(desk, 10, name, token=token), RequestReceived)
        assert refusal(ask(desk, 1, f"{name}+", token=token)) == "cap_per_day"


def test_the_caps_of_a_day_start_afresh_for_every_token() -> None:
    desk = two()
    admit(desk, AP, "A", NAME, per_day=10)
    create(desk, 10, "1")
    create(desk, 10, "2", token="A")
    desk.quote(200, DAY_S + 1)
    create(desk, 1, "3")
    only(create(desk, 9, "4"), RequestReceived)
    assert refusal(create(desk, 1, "5")) == "cap_per_day"
    only(create(desk, 10, "6", token="A"), RequestReceived)


REFUSED: list[tuple[Callable[[Desk], list[Body]], str, str]] = [
    (lambda desk: desk.fill("nobody", 1, 200, "f1"), "unknown_order", "order nobody fill f1"),
    (lambda desk: desk.end("nobody"), "unknown_order", "order nobody expired"),
    (lambda desk: desk.quote(200, -1, ask="201.50"), "time_going_backwards", "a 200/201.5"),
    (lambda desk: desk.clock(-1), "time_going_backwards", ""),
    (lambda desk: around.resettled(desk, version=1), "terms_version_not_newer", "version 1, in force 1"),
    (lambda desk: around.retermed(desk, version=1), "terms_version_not_newer", "TAO3L version 1"),
    (lambda desk: withdraw(desk, "c9"), "unknown_request", "request c9"),
    (lambda desk: around.claims(desk, 1), "unknown_fork", "fork F1 claim K1 TAO3L"),
    (lambda desk: admit(desk, "B", "nobody"), "unknown_token", "participant B"),
    (lambda desk: around.signal(desk, token="nobody"), "unknown_token", "nobody"),
    (lambda desk: around.rate(desk, 1, 0.5), "funding_off_minute", "venue a"),
]


@pytest.mark.parametrize(("act", "reason", "detail"), REFUSED)
def test_a_refusal_says_what_it_is_about(act: Callable[[Desk], list[Body]], reason: str, detail: str) -> None:
    desk = primary()
    desk.clock(1001)
    refused = only(act(desk), InputRefused)
    assert (refused.reason, refused.detail) == (reason, detail)


def test_a_clock_tick_of_the_same_time_is_taken() -> None:
    desk = Desk.open()
    assert [*desk.clock(-100), *desk.clock(-100)] == []


def test_venues_are_at_most_sixteen() -> None:
    desk = Desk.open()
    for number in range(16):
        assert desk.quote(200, -100, f"v{number}") == []
    assert only(desk.quote(200, -100, "v16"), InputRefused).reason == "too_many_venues"
    assert desk.quote(200, -99, "v15") == []


def test_a_quote_too_wide_to_count_is_no_crossed_one() -> None:
    assert Desk.open().quote(200, -100, ask=220) == []


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (SECOND, "1970-01-01T00:00:01Z"),
        (12 * MILLISECOND, "1970-01-01T00:00:00.012Z"),
        (12_034, "1970-01-01T00:00:00.012034Z"),
    ],
)
def test_an_instant_is_written_with_as_many_digits_as_it_needs(instant: int, written: str) -> None:
    assert format_instant(instant) == written
    assert parse_instant(written) == instant


def test_the_end_of_all_calendars_is_no_time() -> None:
    assert parse_instant("9999-12-31T23:59:59.999999Z") == 253_402_300_800 * SECOND - 1
    with pytest.raises(ValueError, match="after 9999"):
        parse_instant("9999-12-31T23:59:00-00:01")


@pytest.mark.parametrize(
    ("value", "written"),
    [("1.50", "1.5"), ("2.00", "2"), ("100", "100"), ("1E+2", "100"), ("1.0E-7", "0.0000001"), ("-0.0", "0")],
)
def test_a_number_has_one_spelling(value: str, written: str) -> None:
    assert text(Decimal(value)) == written


def test_numbers_between_two_of_fifty_digits_go_to_the_even_one() -> None:
    with exact():
        assert str(d(10**49) + d("1.5")) == str(10**49 + 2)
        assert str(d(10**49) + d("2.5")) == str(10**49 + 2)


def test_the_first_share_takes_what_the_others_were_cut_by() -> None:
    with exact():
        assert share_out(d("2E-18"), [d(1), d(1), d(1)]) == [d("2E-18"), 0, 0]


def test_the_room_is_filled_up_from_the_first() -> None:
    with exact():
        assert fill_up(d("5E-18"), [d("2E-18")] * 3) == [d("2E-18"), d("2E-18"), d("1E-18")]


def test_only_creations_of_the_token_itself_are_coming_into_it() -> None:
    desk = primary(**LIMITED)
    desk.token("A", 3, seed=0)
    admit(desk, AP, "A", NAME)
    create(desk, 100, "c1", token="A")
    redeem(desk, 50, "r1")
    assert refusal(create(desk, 251, "c2")) == "capacity"
    only(create(desk, 249, "c2"), RequestReceived)


def test_a_reset_that_waited_for_the_end_of_a_halt_strikes_what_waited_for_the_reset() -> None:
    desk = primary(at=-2000, token={"strike": "daily_reset"})
    accepted_redemption(desk)
    desk.quote(200, -1000)
    around.halt(desk)
    desk.quote(200, -1)
    none(desk.quote(200, 1), RequestStruck)
    around.resume(desk)
    assert request_states(desk) == {"r1": "struck"}


@pytest.mark.parametrize(("highest", "fires"), [("159.9", True), ("160.1", False)])
def test_without_an_index_every_one_of_three_mids_has_to_reach_the_limit(highest: str, fires: bool) -> None:
    desk = Desk.open(min_venues=3)
    desk.token(NAME, 3, seed=100, initial_nav=d(60))
    for at, prices in ((-20, (180, 180, 180)), (-19, (170, 145, highest)), (-18, (140,))):
        for venue, price in zip("abc", prices, strict=False):
            desk.quote(price, at, venue)
    assert kept(desk).market.no_index == "too_few_venues"
    assert bool(desk.all(RebalanceTriggered)) is fires


def ss58(prefix: bytes, account: bytes = bytes(range(32))) -> str:
    """The address of an account on a network."""
    body = prefix + account
    body += blake2b(b"SS58PRE" + body, digest_size=64).digest()[:2]
    number, digits = int.from_bytes(body), ""
    while number:
        number, place = divmod(number, 58)
        digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[place] + digits
    return "1" * (len(body) - len(body.lstrip(b"\0"))) + digits


@pytest.mark.parametrize("prefix", [b"\x00", b"\x05", b"\x2a", b"\x3f", b"\x40\x00", b"\x41\x01", b"\x7f\xff"])
def test_the_network_of_an_address_takes_one_byte_or_two(prefix: bytes) -> None:
    assert is_ss58(ss58(prefix)) is True
    assert is_ss58(ss58(prefix, bytes(range(31)))) is False


def test_requests_that_wait_are_returned_in_the_order_they_were_made_when_the_token_ends() -> None:
    desk = primary()
    for name in ("b", "c", "a"):
        create(desk, 1, name)
    assert [each.request_id for each in kinds(desk.quote(100, 1001), RequestReturned)] == ["b", "c", "a"]


def test_terms_are_in_force_from_their_time_on_and_not_from_the_next_minute() -> None:
    desk = spaced(late_funding_h=0)
    desk.clock(-195)
    only(around.retermed(desk, at=-194.5, yearly_fee=d("0.01")), TermsScheduled)
    only(desk.clock(-194), TokenTermsChanged)


def test_a_creation_filled_while_there_was_no_index_joins_before_the_next_one_is_struck() -> None:
    desk = accepted_creation(primary())
    order = only(desk.quote(200, 1001), OrderSent)
    only(desk.clock(1020), IndexLost)
    filled(desk, order, 200)
    accepted_creation(desk, name="c2")
    said = desk.quote(200, 1021)
    assert said.index(only(said, RequestSettled)) < said.index(only(said, RequestStruck))


def test_a_boundary_passed_before_there_was_any_index_has_its_fix_at_the_first() -> None:
    desk = Desk.open()
    desk.clock(-10)
    none(desk.clock(5), FixTaken)
    fix = only(desk.quote(200, 6), FixTaken)
    assert values(fix.price, fix.late) == values(200, True)


def test_the_day_begins_at_its_offset() -> None:
    assert next_boundary(MIDNIGHT, 3_600) == MIDNIGHT + 3_600 * SECOND
    assert next_boundary(MIDNIGHT + 3_600 * SECOND, 3_600) == MIDNIGHT + DAY + 3_600 * SECOND


def test_caps_that_a_merge_leaves_in_parts_are_cut_toward_zero() -> None:
    desk = primary(caps={"per_order": 10, "per_day": 20, "in_total": 20})
    around.merge(desk, 3)
    caps = kept(desk).participants[AP].entitlements[NAME]
    assert (caps.per_order, caps.per_day, caps.in_total) == (d("3." + "3" * 18), d("6." + "6" * 18), d("6." + "6" * 18))
