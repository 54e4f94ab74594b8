"""The machine: one input after another through the book of an underlying. The only `match` over inputs.

Order of work inside one input (specification, head): what time brings, the input itself, index, end of spent tokens
and late resets, joins, payouts and strikes, triggers, netting and sending, what that completes, publication.
"""

from decimal import Decimal

from engine.domain.book import Book
from engine.domain.calendar import advance, calendar_due, deadlines
from engine.domain.changes import set_participant, set_terms
from engine.domain.commands import (
    AnnounceFork,
    Command,
    HaltCreations,
    HaltTrading,
    MergeUnits,
    ResumeCreations,
    ResumeTrading,
    SetParticipant,
    SetTokenTerms,
    SetUnderlyingTerms,
    TakeForkSnapshot,
    WindDownToken,
)
from engine.domain.corporate import merge
from engine.domain.costs import take_funding
from engine.domain.events import Output
from engine.domain.execution import settle_wants
from engine.domain.flows import settle_flows
from engine.domain.forks import announce, claim, distribute, take_snapshot
from engine.domain.halts import halt, hold_creations, resume, wind_down
from engine.domain.index import Mid
from engine.domain.inputs import (
    ClockTicked,
    FillReported,
    FundingObserved,
    FundingPaid,
    Input,
    OrderEndReported,
    Position,
    QuoteObserved,
    SignalObserved,
    TokenQuoteObserved,
)
from engine.domain.instants import LATEST, SECOND, Instant
from engine.domain.launch import launch_seeded
from engine.domain.notices import SignalNoted
from engine.domain.numbers import text
from engine.domain.orders import end_overdue, fill, report_end
from engine.domain.outputs import IndexLost, IndexRegained, InputRefused, NoIndex, Refusal
from engine.domain.premium import control_premium, take_quote
from engine.domain.primary import confirm, deliver_cash, lock_units, receive, withdraw
from engine.domain.publication import publish
from engine.domain.rebalance import reset_owed, take_fix, terminate_spent, trigger
from engine.domain.requests import (
    CashDelivered,
    CreationRequested,
    ForkClaimed,
    RedemptionRequested,
    RequestWithdrawn,
    SettlementConfirmed,
    UnitsLocked,
)
from engine.domain.sight import Sight, sight
from engine.domain.strikes import strike_daily, strike_due
from engine.domain.terms import MAX_VENUES

FUTURE = 2 * SECOND
"""How far an input may be dated after its record was appended to the log."""


TIMED = (QuoteObserved, ClockTicked)
"""Inputs that move the underlying's time."""

DATED = (TokenQuoteObserved, FundingObserved, FundingPaid)
"""Inputs that have a time and do not move the underlying's."""

_ABOUT = {
    "order_id": "order",
    "fill_id": "fill",
    "outcome": "",
    "request_id": "request",
    "fork_id": "fork",
    "claim_id": "claim",
    "participant": "participant",
    "venue": "venue",
    "token": "",
    "terms_version": "version",
}
"""What a refusal says of an input, by its fields."""


def absorb(book: Book, given: Input, offset: int, appended: Instant | None) -> bool:
    """Keep a quote of which nothing can come but a new index; whether it was one. If not, it goes through `step`.

    `Book.catch_up` works the index out. Decimals are compared in the context of `numbers.exact`.
    """
    if not isinstance(given, QuoteObserved):
        return False
    calm = book.calm or book.tell_calm()
    market, venue, time = book.market, given.venue, given.time
    known = market.quotes.get(venue)
    if (
        known is None
        or not known.time <= time < calm.until
        or not calm.low <= given.bid <= given.ask <= calm.high
        or (appended is not None and time > appended + FUTURE)
    ):
        return False
    market.quotes[venue] = given
    market.logged[venue] = offset
    if market.time is None or time > market.time:
        market.time = time
    book.behind = True
    return True


def step(book: Book, given: Input, position: Position) -> list[Output]:
    """Take one input and return everything that came of it, in order.

    Decimals are computed in the caller's context, which has to be that of `numbers.exact`.
    """
    book.catch_up()
    book.calm = None
    book.position = position
    outputs: list[Output] = []
    book.outputs = outputs
    timed = False
    if isinstance(given, TIMED):
        timed = True
        refusal = "time_in_future" if _is_early(given.time, position.appended) else _untimely(book, given)
        if refusal is not None:
            _refuse(book, given, refusal)
            return outputs
        advance(book, given.time)
        refusal = _take(book, given)
    else:
        early = isinstance(given, DATED) and _is_early(given.time, position.appended)
        refusal = "time_in_future" if early else _take(book, given)
    if refusal is not None:
        _refuse(book, given, refusal)

    market, rule, now = book.market, book.rule, book.now
    usable = rule.usable(book.mids.values(), now)
    counted = rule.counted(usable)
    price = rule.price(counted)
    if (
        timed
        and now < book.due
        and isinstance(price, Decimal)
        and book.low < price < book.high
        and market.no_index is None
        and market.price is not None
        and not book.stale
    ):
        market.note_price(price)
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
    if index is not None:
        _reset_late(book, seen, index, counted)
    launch_seeded(book, seen)
    settle_flows(book, seen)
    strike_due(book, seen)
    trigger(book, seen, price_moved=index is None or index != last_price)
    end_overdue(book)
    settle_wants(book, seen, book.now)
    settle_flows(book, seen)
    control_premium(book, seen)
    publish(book, seen)
    book.calendar_due = calendar_due(book)
    book.refresh(index, deadlines(book))


def _reset_late(book: Book, seen: Sight, index: Decimal, counted: list[Mid]) -> None:
    """The fix of boundaries that wait for one, and resets that waited for the end of a halt."""
    if book.market.boundaries_waiting:
        boundary = book.last_boundary
        strike_daily(book, take_fix(book, index, counted, boundary, on_time=False), index, seen, boundary)
    late = reset_owed(book, index)
    if late:
        strike_daily(book, late, index, seen, book.last_boundary)


def _is_early(time: Instant, appended: Instant | None) -> bool:
    """Whether an input is dated too long after it was appended to the log, or at the end of all calendars."""
    return time >= LATEST or (appended is not None and time > appended + FUTURE)


def _untimely(book: Book, given: QuoteObserved | ClockTicked) -> Refusal | None:
    """Why an input's own time or venue rules it out, if it does."""
    if isinstance(given, ClockTicked):
        last = book.market.clock_time
        return "time_going_backwards" if last is not None and given.time < last else None
    quotes, venues = book.market.quotes, book.market.terms.venues
    if venues and given.venue not in venues:
        return "unknown_venue"
    known = quotes.get(given.venue)
    if known is not None:
        return "time_going_backwards" if given.time < known.time else None
    return "too_many_venues" if len(quotes) >= MAX_VENUES else None


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
        case TokenQuoteObserved():
            return take_quote(book, given)
        case FundingObserved() | FundingPaid():
            return take_funding(book, given)
        case SignalObserved():
            return _note_signal(book, given)
        case CreationRequested() | RedemptionRequested():
            return receive(book, given)
        case CashDelivered():
            return deliver_cash(book, given)
        case UnitsLocked():
            return lock_units(book, given)
        case RequestWithdrawn():
            return withdraw(book, given)
        case SettlementConfirmed():
            return confirm(book, given)
        case ForkClaimed():
            return claim(book, given)
        case _:
            return _obey(book, given)


def _obey(book: Book, given: Command) -> Refusal | None:
    """Carry out a command."""
    match given:
        case SetUnderlyingTerms() | SetTokenTerms():
            return set_terms(book, given)
        case SetParticipant():
            return set_participant(book, given)
        case HaltTrading():
            return halt(book, given)
        case ResumeTrading():
            return resume(book, given)
        case HaltCreations() | ResumeCreations():
            return hold_creations(book, given)
        case WindDownToken():
            return wind_down(book, given)
        case MergeUnits():
            return merge(book, given)
        case AnnounceFork():
            return announce(book, given)
        case TakeForkSnapshot():
            return take_snapshot(book, given)
        case _:
            return distribute(book, given)


def _note_signal(book: Book, given: SignalObserved) -> Refusal | None:
    """Pass a signal on to desks and the audit."""
    if given.token is not None and given.token not in book.tokens:
        return "unknown_token"
    book.emit(SignalNoted(given.underlying, given.kind, given.source, given.text, given.value, given.token))
    return None


def _take_quote(book: Book, quote: QuoteObserved) -> Refusal | None:
    """A crossed quote is the venue's last all the same: the venue has no usable price until its next one."""
    book.market.quotes[quote.venue] = quote
    book.market.logged[quote.venue] = book.position.offset
    mid = book.rule.mid(quote)
    if mid is None:
        book.mids.pop(quote.venue, None)
        return "crossed_quote" if quote.bid > quote.ask else None
    book.mids[quote.venue] = mid
    return None


def _note_index(book: Book, price: Decimal | NoIndex) -> Decimal | None:
    """Say when the index is lost or there again; the price if there is one."""
    market = book.market
    if isinstance(price, Decimal):
        if market.no_index is not None:
            book.emit(IndexRegained(market.underlying, price))
        market.no_index = None
        market.note_price(price)
        return price
    if market.no_index is None and market.price is not None:
        market.no_index = price
        book.emit(IndexLost(market.underlying, price))
    return None


def _refuse(book: Book, given: Input, reason: Refusal) -> None:
    book.emit(InputRefused(book.market.underlying, reason, given.type, _detail(book, given)))


def _detail(book: Book, given: Input) -> str:
    """What a person needs beside the reason: what the input was about."""
    if isinstance(given, QuoteObserved):
        return f"{given.venue} {text(given.bid)}/{text(given.ask)}"
    if isinstance(given, SetUnderlyingTerms):
        return f"version {given.terms_version}, in force {book.market.terms_version}"
    about = ((label, getattr(given, name, None)) for name, label in _ABOUT.items())
    return " ".join(f"{label} {value}".strip() for label, value in about if value is not None)
