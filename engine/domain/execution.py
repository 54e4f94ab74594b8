"""From wants to orders: what is sent now, what waits, what is booked at once (specification, section 4)."""

from collections.abc import Iterable
from decimal import Decimal

from engine.domain.attribution import close_day
from engine.domain.book import Book
from engine.domain.costs import move
from engine.domain.index import Mid, basis
from engine.domain.instants import SECOND, Instant
from engine.domain.netting import Netted, Want, net, sendable
from engine.domain.numbers import ONE, ZERO, money, paid_out
from engine.domain.orders import book_parts, cancel, cross, send, traded
from engine.domain.outputs import Allocation, FillBooked, OrderSent, Side, TokenClosed
from engine.domain.rebalance import de_lever_demanded, is_urgent
from engine.domain.sight import Sight
from engine.domain.state import Holder, Order, Part, Request, Token
from engine.domain.terms import TokenTerms


def settle_wants(book: Book, seen: Sight, time: Instant, *, assumed_only: bool = False) -> None:
    """Net and send what is wanted and may act at the prices in sight; book assumed fills; close what ended."""
    price = seen.price
    if price is None:
        return
    acting: list[Holder] = [token for token in book.named(book.wanting) if _acts(book, token, seen)]
    acting += [flow for flow in book.flows() if flow.want and _flow_acts(book, flow, seen)]
    _assume(book, [each for each in acting if _terms(book, each).fills == "assumed"], price, seen.counted, time)
    if not assumed_only:
        reported = [each for each in acting if _terms(book, each).fills == "reported"]
        if _send_urgent(book, reported, price, seen.counted):
            _send_ordinary(book, reported, price, seen.counted)
    close_terminated(book, price)


def close_terminated(book: Book, price: Decimal) -> None:
    """Pay out every terminated token whose basket is closed, or too small a rest to be sent."""
    terms = book.market.terms
    for token in book.named(book.closing):
        if token.open or sendable(token.want, price, terms):
            continue
        rest = token.basket
        worth = money(rest * (price * terms.slipped(-rest)))
        move(book, token, -rest, worth)
        final_value = paid_out(max(ZERO, token.cash) / token.units)
        shortfall = max(ZERO, -token.cash)
        book.market.issuer_basket += rest
        book.market.issuer_cash += token.cash - worth - money(final_value * token.units)
        book.emit(TokenClosed(book.market.underlying, token.token, token.units, final_value, shortfall))
        book.emit(close_day(token, book.market, final_value, price))
        token.status, token.final_value, token.shortfall = "closed", final_value, shortfall
        token.units = token.cash = token.goal = ZERO
        token.nav_sequence_base += book.market.marks
        book.touch(token)


def _acts(book: Book, token: Token, seen: Sight) -> bool:
    return not token.abandoned and not book.halted(token) and (seen.with_index or de_lever_demanded(token, seen))


def _flow_acts(book: Book, flow: Request, seen: Sight) -> bool:
    return seen.with_index and not flow.abandoned and not book.halted(book.tokens[flow.token])


def _terms(book: Book, account: Holder) -> TokenTerms:
    """The terms of the token an account is of."""
    return account.terms if isinstance(account, Token) else book.tokens[account.token].terms


def _wants(accounts: Iterable[Holder]) -> list[Want]:
    return [_want(account) for account in accounts if account.want]


def _want(account: Holder) -> Want:
    if isinstance(account, Token):
        return Want(account.token, "rebalance", account.want)
    return Want(account.token, account.flow, account.want, account.request_id)


def _note_netted(book: Book, accounts: Iterable[Holder]) -> None:
    """A flow's rest that is too small to send is given up after one netting."""
    for account in accounts:
        if isinstance(account, Request) and not account.netted:
            account.netted = True
            book.note(account)


def _urgent(book: Book, accounts: Iterable[Holder], price: Decimal) -> list[Holder]:
    return [account for account in accounts if isinstance(account, Token) and is_urgent(book, account, price)]


def _assume(book: Book, accounts: list[Holder], price: Decimal, counted: Iterable[Mid], time: Instant) -> None:
    """Book the wants of assumed-fill accounts at once: netted together, or each alone."""
    together = [account for account in accounts if _terms(book, account).netted]
    groups = [[account] for account in accounts if not _terms(book, account).netted]
    groups += [_urgent(book, together, price), together]
    for group in groups:
        urgent = bool(group) and len(_urgent(book, group, price)) == len(group)
        netted = net(_wants(group), price, book.market.terms, whole=True)
        _note_netted(book, group)
        if netted.crossed:
            cross(book, netted.crossed, price, time)
        if not netted.parts:
            continue
        order = _order(book, netted, price, counted, time, urgent=urgent, assumed=True)
        at = price * book.market.terms.slipped(netted.quantity)
        commission = money(abs(netted.quantity) * at * book.market.terms.commission)
        shares = book_parts(book, order.parts, order.sign, at, commission)
        book.emit(
            FillBooked(
                underlying=order.underlying,
                order_id=order.order_id,
                fill_id="assumed",
                side=order.side,
                quantity=order.quantity,
                price=at,
                commission=commission,
                late=False,
                shares=shares,
            ),
            time,
        )


def _send_urgent(book: Book, accounts: list[Holder], price: Decimal, counted: Iterable[Mid]) -> bool:
    """Send the emergencies as one whole order; say whether ordinary wants may be looked at after it."""
    wants = _wants(_urgent(book, accounts, price))
    netted = net(wants, price, book.market.terms, whole=True)
    if not netted.crossed and not netted.parts:
        return True
    if book.now < book.market.urgent_from:
        return False
    sign = 1 if netted.quantity > ZERO else -1
    opposite = [order for order in book.out if order.sign != sign] if netted.parts else []
    if opposite:
        for order in opposite:
            if not order.urgent:
                cancel(book, order, "an emergency of the opposite side waits")
        return False
    _place(book, netted, price, counted, urgent=True)
    return True


def _send_ordinary(book: Book, accounts: list[Holder], price: Decimal, counted: Iterable[Mid]) -> None:
    """Send the next ordinary order if none is out and its time has come."""
    market = book.market
    if book.out:
        return
    if market.last_sent is not None and book.now < market.last_sent + market.terms.slice_interval_s * SECOND:
        return
    netted = net(_wants(accounts), price, market.terms, whole=False)
    _note_netted(book, accounts)
    _place(book, netted, price, counted, urgent=False)


def _place(book: Book, netted: Netted, price: Decimal, counted: Iterable[Mid], *, urgent: bool) -> None:
    if netted.crossed:
        cross(book, netted.crossed, price, book.now)
    if not netted.parts:
        return
    send(book, _order(book, netted, price, counted, book.now, urgent=urgent, assumed=False))
    if not urgent:
        book.market.last_sent = book.now


def _order(
    book: Book, netted: Netted, price: Decimal, counted: Iterable[Mid], time: Instant, *, urgent: bool, assumed: bool
) -> Order:
    """The order of a netting, emitted."""
    market = book.market
    terms = market.terms
    quantity = netted.quantity
    side: Side = "buy" if quantity > ZERO else "sell"
    tolerance = terms.emergency_tolerance if urgent else terms.tolerance
    order = Order(
        order_id=f"{market.underlying}-{book.position.offset}-{len(book.outputs)}",
        number=market.orders_sequence + 1,
        underlying=market.underlying,
        side=side,
        quantity=abs(quantity),
        decision_price=price,
        sent=time,
        expires=time + terms.order_expiry_s * SECOND,
        urgent=urgent,
        parts=[_part(book, part) for part in netted.parts],
    )
    book.emit(
        OrderSent(
            underlying=market.underlying,
            order_id=order.order_id,
            side=side,
            quantity=order.quantity,
            limit_price=money(price * (ONE + order.sign * tolerance)),
            expires=order.expires,
            urgent=urgent,
            fills="assumed" if assumed else "reported",
            decision_price=price,
            basis=basis(counted),
            allocations=tuple(Allocation(*part) for part in netted.parts),
            crosses=tuple(Allocation(*want) for want in netted.crossed),
            terms_version=market.terms_version,
        ),
        time,
    )
    return order


def _part(book: Book, want: Want) -> Part:
    why = traded(book.account(want.token, want.request))
    return Part(want.token, want.purpose, abs(want.quantity), why, want.request)
