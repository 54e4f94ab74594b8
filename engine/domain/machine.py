"""The machine: one input after another through the book of an underlying. The only `match` over inputs.

Order of work inside one input (specification, head): boundary, the input itself, index, end of spent tokens
and late resets, launches, triggers, netting and sending, publication.
"""

from decimal import Decimal

from engine.domain.book import Book
from engine.domain.execution import settle_wants
from engine.domain.index import Mid
from engine.domain.inputs import (
    ClockTicked,
    FillReported,
    Input,
    OrderEndReported,
    Position,
    QuoteObserved,
    SetTokenTerms,
    SetUnderlyingTerms,
)
from engine.domain.instants import DAY, SECOND, Instant, next_boundary
from engine.domain.launch import launch_seeded
from engine.domain.orders import end_overdue, fill, report_end
from engine.domain.outputs import (
    IndexLost,
    IndexRegained,
    InputRefused,
    NoIndex,
    Output,
    Refusal,
    TokenTermsChanged,
    UnderlyingTermsChanged,
)
from engine.domain.publication import publish
from engine.domain.rebalance import last_boundary, sight, take_fix, terminate_spent, trigger
from engine.domain.terms import MAX_VENUES

FUTURE = 2 * SECOND
"""How far an input may be dated after its record was appended to the log."""


def step(book: Book, given: Input, position: Position) -> list[Output]:
    """Take one input and return everything that came of it, in order.

    Decimals are computed in the caller's context, which has to be that of `numbers.exact`.
    """
    book.position = position
    outputs: list[Output] = []
    book.outputs = outputs
    timed = False
    if isinstance(given, QuoteObserved | ClockTicked):
        timed = True
        refusal = _untimely(book, given, position)
        if refusal is not None:
            _refuse(book, given, refusal)
            return outputs
        _advance(book, given.time)
    refusal = _take(book, given)
    if refusal is not None:
        _refuse(book, given, refusal)

    usable = book.rule.usable(book.mids.values(), book.now)
    counted = book.rule.counted(usable)
    price = book.rule.price(counted)
    if (
        timed
        and isinstance(price, Decimal)
        and book.low < price < book.high
        and book.now < book.due
        and book.market.no_index is None
        and book.market.price is not None
        and not book.stale
    ):
        book.market.price = price
        return outputs
    _act(book, usable, counted, price)
    return outputs


def _act(book: Book, usable: list[Mid], counted: list[Mid], price: Decimal | NoIndex) -> None:
    """Everything after the index: ends, late resets, launches, triggers, orders, publication."""
    market = book.market
    last_price = market.price
    index = _note_index(book, price)
    seen = sight(book, usable, counted, index)
    terminate_spent(book, seen)
    if market.boundaries_waiting and index is not None:
        take_fix(book, index, counted, last_boundary(book), on_time=False)
    launch_seeded(book, seen)
    trigger(book, seen, price_moved=index is None or index != last_price)
    end_overdue(book)
    settle_wants(book, seen, book.now)
    publish(book, seen)
    book.refresh(index)


def _untimely(book: Book, given: QuoteObserved | ClockTicked, position: Position) -> Refusal | None:
    """Why an input's own time rules it out, if it does."""
    if position.appended is not None and given.time > position.appended + FUTURE:
        return "time_in_future"
    if isinstance(given, ClockTicked):
        last = book.market.clock_time
        return "time_going_backwards" if last is not None and given.time < last else None
    quotes, venues = book.market.quotes, book.market.terms.venues
    known = quotes.get(given.venue)
    if known is not None:
        return "time_going_backwards" if given.time < known.time else None
    if venues and given.venue not in venues:
        return "unknown_venue"
    return "too_many_venues" if len(quotes) >= MAX_VENUES else None


def _advance(book: Book, time: Instant) -> None:
    """Move the underlying's time; when it passes boundaries, take their fix before the input is applied."""
    market = book.market
    if market.time is None:
        market.time = time
        market.next_boundary = next_boundary(time, market.terms.reset_offset_s)
        return
    if time <= market.time:
        return
    if time < market.next_boundary:
        market.time = time
        return
    boundary = next_boundary(time, market.terms.reset_offset_s) - DAY
    passed = (boundary - market.next_boundary) // DAY + 1
    market.boundaries_waiting += passed
    market.next_boundary = boundary + DAY
    market.time = boundary
    if passed == 1 and time - boundary <= book.rule.max_age:
        counted = book.rule.counted(book.rule.usable(book.mids.values(), boundary))
        price = book.rule.price(counted)
        if isinstance(price, Decimal):
            take_fix(book, price, counted, boundary, on_time=True)
            seen = sight(book, counted, counted, price)
            settle_wants(book, seen, boundary, assumed_only=True)
    market.time = time


def _take(book: Book, given: Input) -> Refusal | None:
    """Apply the input itself; the reason if it is refused."""
    match given:
        case QuoteObserved():
            return _take_quote(book, given)
        case ClockTicked():
            book.market.clock_time = given.time
            return None
        case FillReported():
            return fill(book, given)
        case OrderEndReported():
            return report_end(book, given)
        case SetUnderlyingTerms():
            return _set_underlying_terms(book, given)
        case SetTokenTerms():
            return _set_token_terms(book, given)


def _take_quote(book: Book, quote: QuoteObserved) -> Refusal | None:
    """A crossed quote is the venue's last all the same: the venue has no usable price until its next one."""
    book.market.quotes[quote.venue] = quote
    mid = book.rule.mid(quote)
    if mid is None:
        book.mids.pop(quote.venue, None)
        return "crossed_quote" if quote.bid > quote.ask else None
    book.mids[quote.venue] = mid
    return None


def _set_underlying_terms(book: Book, command: SetUnderlyingTerms) -> Refusal | None:
    market = book.market
    if command.terms_version <= market.terms_version:
        return "terms_version_not_newer"
    if market.time is not None and command.terms.reset_offset_s != market.terms.reset_offset_s:
        return "terms_not_changeable"
    market.terms_version, market.terms = command.terms_version, command.terms
    book.use_terms()
    book.emit(UnderlyingTermsChanged(market.underlying, command.terms_version, command.by, command.reason))
    return None


def _set_token_terms(book: Book, command: SetTokenTerms) -> Refusal | None:
    token = book.tokens.get(command.token)
    if token is None:
        token = book.list_token(command)
    elif command.terms_version <= token.terms_version:
        return "terms_version_not_newer"
    elif token.status != "listed" and command.terms.multiplier != token.terms.multiplier:
        return "terms_not_changeable"
    token.terms_version, token.terms, token.moved = command.terms_version, command.terms, True
    book.touch(token)
    book.emit(
        TokenTermsChanged(
            underlying=command.underlying,
            token=command.token,
            multiplier=command.terms.multiplier,
            terms_version=command.terms_version,
            by=command.by,
            reason=command.reason,
        )
    )
    return None


def _note_index(book: Book, price: Decimal | NoIndex) -> Decimal | None:
    """Say when the index is lost or there again; the price if there is one."""
    market = book.market
    if isinstance(price, Decimal):
        if market.no_index is not None:
            book.emit(IndexRegained(market.underlying, price))
        market.no_index, market.price = None, price
        return price
    if market.no_index is None and market.price is not None:
        market.no_index = price
        book.emit(IndexLost(market.underlying, price))
    return None


def _refuse(book: Book, given: Input, reason: Refusal) -> None:
    book.emit(InputRefused(book.market.underlying, reason, given.type, _detail(book, given)))


def _detail(book: Book, given: Input) -> str:
    """What a person needs beside the reason."""
    match given:
        case QuoteObserved():
            return f"{given.venue} {given.bid}/{given.ask}"
        case FillReported():
            return f"order {given.order_id} fill {given.fill_id}"
        case OrderEndReported():
            return f"order {given.order_id} {given.outcome}"
        case SetTokenTerms():
            return f"{given.token} version {given.terms_version}"
        case SetUnderlyingTerms():
            return f"version {given.terms_version}, in force {book.market.terms_version}"
        case ClockTicked():
            return ""
