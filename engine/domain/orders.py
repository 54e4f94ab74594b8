"""Orders out: sending, fills in any order, ends, tries (specification, section 4)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from engine.domain.attribution import note_trade
from engine.domain.book import Book
from engine.domain.costs import move
from engine.domain.exposure import reached
from engine.domain.inputs import FillReported, OrderEndReported
from engine.domain.instants import SECOND, Instant
from engine.domain.netting import Want, cash_of, rank
from engine.domain.numbers import ZERO, fill_up, money, share_out, toward_zero
from engine.domain.outputs import (
    BookedShare,
    CancelRequested,
    FillBooked,
    OrderEnded,
    Outcome,
    Refusal,
    WantAbandoned,
    WantsCrossed,
)
from engine.domain.state import Holder, Order, Part, Request, Token, Traded

MAX_FILLS = 10_000
"""Fills one order can have."""

URGENT_RETRY = SECOND
"""An emergency order of which nothing was filled is not sent again before this: an executor that refuses at once
would else be asked for ever at the same instant."""


def cross(book: Book, wants: Sequence[Want], price: Decimal, time: Instant) -> None:
    """Book opposite wants against each other at `price`, without commission. Cash and quantity sum to zero."""
    shares: list[BookedShare] = []
    for sign in (1, -1):
        side = sorted((want for want in wants if want.quantity * sign > ZERO), key=rank)
        sizes = [abs(want.quantity) for want in side]
        for want, cash in zip(side, cash_of(sizes, price), strict=True):
            account = book.account(want.token, want.request)
            shares.append(_book(book, want, traded(account), -sign * cash, price, ZERO))
    book.emit(WantsCrossed(book.market.underlying, price, tuple(shares)), time)


def book_parts(book: Book, parts: Sequence[Part], sign: int, price: Decimal, fee: Decimal) -> tuple[BookedShare, ...]:
    """Book `parts` of one side at `price`; cash and the commission `fee` are shared pro rata, to the last digit."""
    sizes = [part.quantity for part in parts]
    shares: list[BookedShare] = []
    for part, value, commission in zip(parts, cash_of(sizes, price), share_out(fee, sizes), strict=True):
        want = Want(part.token, part.purpose, sign * part.quantity, part.request)
        shares.append(_book(book, want, part.traded, -sign * value - commission, price, commission))
    return tuple(shares)


def traded(account: Holder) -> Traded:
    """Why an account trades now, and the price that was decided at."""
    if isinstance(account, Request):
        return Traded("flow", account.decided_at)
    if account.origin == "termination":
        return Traded("closing", account.decided_at)
    return Traded("reset" if account.origin == "reset" else "intraday", account.decided_at)


def _book(book: Book, want: Want, why: Traded, cash: Decimal, price: Decimal, commission: Decimal) -> BookedShare:
    """Move basket and cash of the account a want is of; what reaches one that was paid out is the issuer's."""
    account = book.account(want.token, want.request)
    ended = account.status != "struck" if isinstance(account, Request) else not account.units
    if ended:
        book.market.issuer_basket += want.quantity
        book.market.issuer_cash += cash
    else:
        move(book, account, want.quantity, cash)
        if isinstance(account, Token):
            note_trade(account, why, want.quantity, price, commission)
    return BookedShare(want.token, want.purpose, want.quantity, cash, want.request, to_issuer=ended)


def fill(book: Book, report: FillReported) -> Refusal | None:
    """Book a reported fill, also one of an order that ended; a duplicate or unknown one changes nothing."""
    order = book.orders.get(report.order_id)
    if order is None:
        return "unknown_order"
    if report.fill_id in order.fill_ids:
        return "duplicate_fill"
    if order.filled + report.quantity > order.quantity:
        return "fill_exceeds_order"
    if len(order.fill_ids) >= MAX_FILLS:
        return "too_many_fills"
    late = order.outcome is not None
    taken = list(_distribute(order, report.quantity))
    order.filled += report.quantity
    order.fill_ids.append(report.fill_id)
    for part, size in taken:
        part.filled += size
        if not late:
            _open(book, order, part, -size)
    commission = money(report.commission)
    filled = [replace(part, quantity=size) for part, size in taken]
    shares = book_parts(book, filled, order.sign, report.price, commission)
    book.note(order)
    book.emit(
        FillBooked(
            underlying=book.market.underlying,
            order_id=order.order_id,
            fill_id=report.fill_id,
            side=order.side,
            quantity=report.quantity,
            price=report.price,
            commission=commission,
            late=late,
            shares=shares,
        )
    )
    if not late and order.filled == order.quantity:
        end(book, order, "filled", "")
    return None


def report_end(book: Book, report: OrderEndReported) -> Refusal | None:
    """Take the executor's word that an order is done."""
    order = book.orders.get(report.order_id)
    if order is None:
        return "unknown_order"
    if order.outcome is not None:
        return None if order.outcome in (report.outcome, "overdue") else "order_already_ended"
    if report.outcome == "filled":
        return None  # its last fills are on their way: ending it now would order them again
    end(book, order, report.outcome, report.detail)
    return None


def end(book: Book, order: Order, outcome: Outcome, detail: str) -> None:
    """Nothing more of this order is out; what it left unfilled is one try of each account it was for."""
    order.outcome = outcome
    if order.urgent and not order.filled:
        book.market.urgent_from = order.sent + URGENT_RETRY
    book.retire_order(order)
    book.emit(
        OrderEnded(
            underlying=book.market.underlying,
            order_id=order.order_id,
            outcome=outcome,
            filled=order.filled,
            unfilled=order.quantity - order.filled,
            detail=detail,
        )
    )
    for part in order.parts:
        if part.unfilled:
            _open(book, order, part, -part.unfilled)
            _count_try(book, book.account(part.token, part.request))


def end_overdue(book: Book) -> None:
    """End the orders whose executor has been silent too long."""
    grace = book.market.terms.report_grace_s * SECOND
    for order in [order for order in book.out if book.now >= order.expires + grace]:
        end(book, order, "overdue", "no report within the grace after expiry")


def send(book: Book, order: Order) -> None:
    """The order goes out: its parts are open from now."""
    book.add_order(order)
    for part in order.parts:
        _open(book, order, part, part.quantity)


def cancel(book: Book, order: Order, reason: str) -> None:
    """Ask for the end of an order, once."""
    if order.cancel_requested:
        return
    order.cancel_requested = True
    book.note(order)
    book.emit(CancelRequested(book.market.underlying, order.order_id, reason))


def hand_over(book: Book, token: Token, request: Request) -> None:
    """Move a redemption's share of its token's open orders, `units / S`, to its flow account."""
    for order in book.out:
        for part in [part for part in order.parts if part.token == token.token and part.purpose == "rebalance"]:
            moved = toward_zero(part.unfilled * request.units / token.units)
            if not moved:
                continue
            _open(book, order, part, -moved)
            part.quantity -= moved
            flow = Part(token.token, "redemption", moved, Traded("flow", request.decided_at), request.request_id)
            order.parts.append(flow)
            order.parts.sort(key=lambda each: rank(Want(each.token, each.purpose, ZERO, each.request)))
            _open(book, order, flow, moved)
            book.note(order)


def _open(book: Book, order: Order, part: Part, change: Decimal) -> None:
    account = book.account(part.token, part.request)
    account.open += order.sign * change
    if order.urgent and isinstance(account, Token):
        account.open_urgent += order.sign * change
    book.touch(account)


def _count_try(book: Book, account: Holder) -> None:
    account.tries += 1
    if account.abandoned or account.tries < book.market.terms.max_tries:
        return
    if isinstance(account, Token) and account.origin in ("reset", "min_leverage") and not _must_de_lever(book, account):
        account.abandoned = True
        book.emit(WantAbandoned(book.market.underlying, account.token, account.tries, account.want))
    if isinstance(account, Request) and account.flow == "creation" and not account.unwinding:
        account.abandoned = True
        rest, name = account.want, account.request_id
        book.emit(WantAbandoned(book.market.underlying, account.token, account.tries, rest, name))


def _must_de_lever(book: Book, token: Token) -> bool:
    """Whether the token is at its leverage limit at the last index: then its tries are not bounded."""
    limit, price = token.terms.de_lever_at, book.market.price
    return limit is not None and price is not None and reached(limit, token.basket, token.cash, price)


def _distribute(order: Order, quantity: Decimal) -> Iterable[tuple[Part, Decimal]]:
    """A fill's parts: first to rebalances, then to flows, pro rata within each class."""
    rest = quantity
    for rebalancing in (True, False):
        parts = [part for part in order.parts if part.unfilled and (part.purpose == "rebalance") is rebalancing]
        room = [part.unfilled for part in parts]
        taken = min(rest, sum(room, ZERO))
        if not taken:
            continue
        rest -= taken
        for part, size in zip(parts, fill_up(taken, room), strict=True):
            if size:
                yield part, size
