"""From wants to orders: what is sent now, what waits, what is booked at once (specification, section 4)."""

from collections.abc import Iterable
from decimal import Decimal

from engine.domain.book import Book
from engine.domain.index import Mid, basis
from engine.domain.instants import SECOND, Instant
from engine.domain.netting import Netted, Want, net, sendable
from engine.domain.numbers import ONE, ZERO, money, paid_out
from engine.domain.orders import book_move, book_parts, cancel, cross, send
from engine.domain.outputs import Allocation, FillBooked, OrderSent, Side, TokenClosed
from engine.domain.rebalance import Sight, de_lever_demanded, is_urgent
from engine.domain.state import Order, Part, Token


def settle_wants(book: Book, seen: Sight, time: Instant, *, assumed_only: bool = False) -> None:
    """Net and send what is wanted and may act at the prices in sight; book assumed fills; close what ended."""
    price = seen.price
    if price is None:
        return
    acting = [token for token in book.wanting_tokens() if _acts(token, seen)]
    _assume(book, [token for token in acting if token.terms.fills == "assumed"], price, seen.counted, time)
    if not assumed_only:
        reported = [token for token in acting if token.terms.fills == "reported"]
        if _send_urgent(book, reported, price, seen.counted):
            _send_ordinary(book, reported, price, seen.counted)
    close_terminated(book, price)


def close_terminated(book: Book, price: Decimal) -> None:
    """Pay out every terminated token whose basket is closed, or too small a rest to be sent."""
    terms = book.market.terms
    for name in sorted(book.closing):
        token = book.tokens[name]
        if token.open or sendable(token.want, price, terms):
            continue
        rest = token.basket
        worth = money(rest * _assumed_price(book, -rest, price))
        book_move(book, token, -rest, worth)
        final_value = paid_out(max(ZERO, token.cash) / token.units)
        shortfall = max(ZERO, -token.cash)
        book.market.issuer_basket += rest
        book.market.issuer_cash += token.cash - worth - final_value * token.units
        book.emit(TokenClosed(book.market.underlying, token.token, token.units, final_value, shortfall))
        token.status, token.final_value, token.shortfall = "closed", final_value, shortfall
        token.units = token.cash = token.goal = ZERO
        token.nav_sequence_base += book.market.marks
        book.touch(token)


def _acts(token: Token, seen: Sight) -> bool:
    return not token.abandoned and (seen.with_index or de_lever_demanded(token, seen))


def _wants(tokens: Iterable[Token]) -> list[Want]:
    return [Want(token.token, "rebalance", token.want) for token in tokens if token.want]


def _assume(book: Book, tokens: list[Token], price: Decimal, counted: Iterable[Mid], time: Instant) -> None:
    """Book the wants of assumed-fill tokens at once: netted together, or each alone."""
    together = [token for token in tokens if token.terms.netted]
    groups = [[token] for token in tokens if not token.terms.netted]
    groups += [[token for token in together if is_urgent(book, token, price)], together]
    for group in groups:
        urgent = bool(group) and all(is_urgent(book, token, price) for token in group)
        netted = net(_wants(group), price, book.market.terms, whole=True)
        if netted.crossed:
            cross(book, netted.crossed, price, time)
        if not netted.parts:
            continue
        order = _order(book, netted, price, counted, time, urgent=urgent, assumed=True)
        at = _assumed_price(book, netted.quantity, price)
        commission = money(abs(netted.quantity) * at * book.market.terms.commission)
        shares = book_parts(book, netted.parts, at, commission)
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


def _send_urgent(book: Book, tokens: list[Token], price: Decimal, counted: Iterable[Mid]) -> bool:
    """Send the emergencies as one whole order; say whether ordinary wants may be looked at after it."""
    wants = _wants(token for token in tokens if is_urgent(book, token, price))
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


def _send_ordinary(book: Book, tokens: list[Token], price: Decimal, counted: Iterable[Mid]) -> None:
    """Send the next ordinary order if none is out and its time has come."""
    market = book.market
    if book.out:
        return
    if market.last_sent is not None and book.now < market.last_sent + market.terms.slice_interval_s * SECOND:
        return
    netted = net(_wants(tokens), price, market.terms, whole=False)
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
        parts=[Part(part.token, part.purpose, abs(part.quantity)) for part in netted.parts],
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


def _assumed_price(book: Book, quantity: Decimal, price: Decimal) -> Decimal:
    """`P (1 + sign(dQ) slippage)`."""
    slippage = book.market.terms.slippage
    return price * (ONE + slippage) if quantity > ZERO else price * (ONE - slippage)
