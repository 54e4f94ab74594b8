"""Orders out: sending, fills in any order, ends, tries (specification, section 4)."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby

from engine.domain.book import Book
from engine.domain.inputs import FillReported, OrderEndReported
from engine.domain.instants import SECOND, Instant
from engine.domain.netting import Want, cash_of, rank
from engine.domain.numbers import ZERO, fill_up, money, share_out
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
from engine.domain.state import Account, Order, Part, Token

MAX_FILLS = 10_000
"""Fills one order can have."""

URGENT_RETRY = SECOND
"""An emergency order of which nothing was filled is not sent again before this: an executor that refuses at once
would else be asked for ever at the same instant."""


def book_move(book: Book, account: Account, quantity: Decimal, cash: Decimal) -> None:
    """Move basket and cash of an account; what reaches a closed token is the issuer's."""
    if isinstance(account, Token):
        if account.status == "closed":
            book.market.issuer_basket += quantity
            book.market.issuer_cash += cash
            return
        account.moved = True
    account.basket += quantity
    account.cash += cash
    book.touch(account)


def cross(book: Book, wants: Sequence[Want], price: Decimal, time: Instant) -> None:
    """Book opposite wants against each other at `price`, without commission. Cash and quantity sum to zero."""
    shares: list[BookedShare] = []
    for sign in (1, -1):
        side = sorted((want for want in wants if want.quantity * sign > ZERO), key=rank)
        sizes = [abs(want.quantity) for want in side]
        for want, cash in zip(side, cash_of(sizes, price), strict=True):
            book_move(book, book.account(want.token), want.quantity, -sign * cash)
            shares.append(BookedShare(want.token, want.purpose, want.quantity, -sign * cash))
    book.emit(WantsCrossed(book.market.underlying, price, tuple(shares)), time)


def book_parts(book: Book, parts: Sequence[Want], price: Decimal, commission: Decimal) -> tuple[BookedShare, ...]:
    """Book signed `parts` of one side at `price`; cash and commission are shared pro rata, to the last digit."""
    sizes = [abs(part.quantity) for part in parts]
    sign = 1 if parts[0].quantity > ZERO else -1
    shares: list[BookedShare] = []
    for part, value, fee in zip(parts, cash_of(sizes, price), share_out(commission, sizes), strict=True):
        cash = -sign * value - fee
        book_move(book, book.account(part.token), part.quantity, cash)
        shares.append(BookedShare(part.token, part.purpose, part.quantity, cash))
    return tuple(shares)


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
    wants = [Want(part.token, part.purpose, order.sign * size) for part, size in taken]
    shares = book_parts(book, wants, report.price, money(report.commission))
    book.note(order)
    book.emit(
        FillBooked(
            underlying=book.market.underlying,
            order_id=order.order_id,
            fill_id=report.fill_id,
            side=order.side,
            quantity=report.quantity,
            price=report.price,
            commission=money(report.commission),
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
            _count_try(book, book.account(part.token))


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


def _open(book: Book, order: Order, part: Part, change: Decimal) -> None:
    account = book.account(part.token)
    account.open += order.sign * change
    if order.urgent and isinstance(account, Token):
        account.open_urgent += order.sign * change
    book.touch(account)


def _count_try(book: Book, account: Account) -> None:
    account.tries += 1
    if not isinstance(account, Token) or account.abandoned:
        return
    if account.origin in ("reset", "min_leverage") and account.tries >= book.market.terms.max_tries:
        account.abandoned = True
        book.emit(WantAbandoned(book.market.underlying, account.token, account.tries, account.want))


def _distribute(order: Order, quantity: Decimal) -> Iterable[tuple[Part, Decimal]]:
    """A fill's parts: first to rebalances, then to flows, pro rata within each class."""
    rest = quantity
    for _, same_class in groupby(order.parts, key=lambda part: part.purpose != "rebalance"):
        parts = [part for part in same_class if part.unfilled]
        room = [part.unfilled for part in parts]
        taken = min(rest, sum(room, ZERO))
        if not taken:
            continue
        rest -= taken
        for part, size in zip(parts, fill_up(taken, room), strict=True):
            if size:
                yield part, size
