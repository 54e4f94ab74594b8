"""What comes due as the underlying's time moves: funding, halts before a fork, the daily boundary, scheduled terms.

All of it is done before the input that moved the time is applied, each at its own instant.
"""

from collections.abc import Iterator
from decimal import Decimal

from engine.domain.book import Book
from engine.domain.changes import apply_scheduled
from engine.domain.costs import MINUTE, book_funding, note_price
from engine.domain.execution import settle_wants
from engine.domain.forks import halt_before_fork
from engine.domain.index import Mid
from engine.domain.instants import DAY, SECOND, Instant, next_boundary
from engine.domain.quiet import NEVER
from engine.domain.rebalance import take_fix
from engine.domain.sight import sight
from engine.domain.strikes import strike_daily


def advance(book: Book, time: Instant) -> None:
    """Move the underlying's time; it never goes back."""
    market = book.market
    if market.time is None:
        market.time = time
        market.next_boundary = next_boundary(time, market.terms.reset_offset_s)
    elif time <= market.time:
        return
    if time >= book.calendar_due:
        while (due := _next_due(book)) <= time:
            _move_to(book, due)
            _do_what_is_due(book, due, time)
        _move_to(book, time)
        book.calendar_due = min(_next_due(book), _next_minute(book))
    market.time = time


def deadlines(book: Book) -> Iterator[Instant]:
    """Instants from which the next input may make something happen even if the price does not."""
    market, now = book.market, book.now
    terms = market.terms
    yield market.next_boundary
    if terms.publication_interval_s:
        yield 0 if market.last_mark is None else market.last_mark + terms.publication_interval_s * SECOND
    if market.last_sent is not None:
        gate = market.last_sent + terms.slice_interval_s * SECOND
        yield gate if gate > now else NEVER
    if market.urgent_from > now:
        yield market.urgent_from
    for order in book.out:
        yield order.expires + terms.report_grace_s * SECOND


def calendar_due(book: Book) -> Instant:
    """Up to here time can move without anything coming due."""
    return 0 if book.market.time is None else min(_next_due(book), _next_minute(book))


def _next_due(book: Book) -> Instant:
    market = book.market
    return min(
        market.next_boundary,
        min((each.time for each in market.pending_funding), default=NEVER),
        min((each.effective or 0 for each in market.pending_terms), default=NEVER),
        min((each.halt_from for each in market.forks.values() if each.stage == "announced"), default=NEVER),
    )


def _next_minute(book: Book) -> Instant:
    return book.now - book.now % MINUTE + MINUTE if book.market.terms.late_funding_h else NEVER


def _do_what_is_due(book: Book, due: Instant, time: Instant) -> None:
    """Funding first, on what was held before; then halts, the boundary, and terms that are in force from here."""
    market = book.market
    for funding in [each for each in market.pending_funding if each.time <= due]:
        market.pending_funding.remove(funding)
        price, _ = _index_at(book, due)
        book_funding(book, funding, price or market.price)
    for fork in [each for each in market.forks.values() if each.stage == "announced" and each.halt_from <= due]:
        halt_before_fork(book, fork)
    if market.next_boundary <= due:
        _pass_boundary(book, time)
    for command in [each for each in market.pending_terms if (each.effective or 0) <= due]:
        market.pending_terms.remove(command)
        apply_scheduled(book, command)


def _pass_boundary(book: Book, time: Instant) -> None:
    """Take the fix if the input that passed one boundary came soon enough after it and there is an index then."""
    market = book.market
    boundary = next_boundary(time, market.terms.reset_offset_s) - DAY
    passed = (boundary - market.next_boundary) // DAY + 1
    market.boundaries_waiting += passed
    market.next_boundary = boundary + DAY
    if passed > 1 or time - boundary > book.rule.max_age:
        return
    price, counted = _index_at(book, boundary)
    if price is None:
        return
    seen = sight(book, counted, counted, price)
    strike_daily(book, take_fix(book, price, counted, boundary, on_time=True), price, seen, boundary)
    settle_wants(book, seen, boundary, assumed_only=True)


def _move_to(book: Book, time: Instant) -> None:
    """Move the time, remembering the index at each whole minute for funding that is reported late."""
    market = book.market
    if market.terms.late_funding_h and market.price is not None:
        minute = book.now - book.now % MINUTE + MINUTE
        newest = max((mid.time for mid in book.mids.values()), default=0) + book.rule.max_age + MINUTE
        while minute <= min(time, newest):
            price, _ = _index_at(book, minute)
            note_price(book, minute, price or market.price)
            minute += MINUTE
        if minute <= time:
            note_price(book, minute, market.price)
    market.time = time


def _index_at(book: Book, time: Instant) -> tuple[Decimal | None, list[Mid]]:
    counted = book.rule.counted(book.rule.usable(book.mids.values(), time))
    price = book.rule.price(counted)
    return (price if isinstance(price, Decimal) else None), counted
