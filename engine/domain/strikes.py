"""Strikes: where accepted requests join the market, each with a flow account of its own (specification, section 5).

Forward pricing: a request joins the first strike whose counted quotes were all logged and dated after its acceptance.
"""

from collections.abc import Iterable
from decimal import Decimal

from engine.domain.book import Book
from engine.domain.costs import move, nav, pay_costs
from engine.domain.instants import SECOND, Instant
from engine.domain.numbers import ZERO, paid_out, toward_zero
from engine.domain.orders import hand_over
from engine.domain.primary import count, give_back, units_for
from engine.domain.primary_events import RequestStruck, SeriesEnded
from engine.domain.sight import Sight
from engine.domain.state import Request, Token


def strike_due(book: Book, seen: Sight) -> None:
    """Strike what waits for the next index or for a mark of its interval."""
    if seen.index_price is None:
        return
    for request in _accepted(book):
        token = book.tokens[request.token]
        if token.terms.strike != "daily_reset" and _open(book, token, request) and _due(book, token, request, seen):
            _strike(book, token, request, seen.index_price)


def strike_daily(book: Book, tokens: Iterable[Token], price: Decimal, seen: Sight, boundary: Instant) -> None:
    """Strike at their fix what waits for the reset of `tokens` and was accepted before the cut-off."""
    names = {token.token for token in tokens if token.terms.strike == "daily_reset"}
    for request in _accepted(book):
        token = book.tokens[request.token]
        in_time = request.accepted_after <= boundary - token.terms.strike_cut_off_s * SECOND
        if token.token in names and in_time and _open(book, token, request) and _priced_after(book, request, seen):
            _strike(book, token, request, price)


def _accepted(book: Book) -> list[Request]:
    """Accepted requests in the order they were accepted."""
    waiting = [request for request in book.queued() if request.status == "accepted"]
    return sorted(waiting, key=lambda request: request.accepted_offset)


def _open(book: Book, token: Token, request: Request) -> bool:
    """Whether nothing holds the request back: halts do, orders out do not."""
    if book.halted(token) or token.ended:
        return False
    return request.flow == "redemption" or not token.creations_halted


def _due(book: Book, token: Token, request: Request, seen: Sight) -> bool:
    """Whether this input is a strike for the request. A mark's strike is the first index at or after it."""
    if token.terms.strike == "interval":
        interval = token.terms.strike_interval_s * SECOND
        mark = book.now - book.now % interval
        if mark <= max(request.strike_mark, request.accepted_after - request.accepted_after % interval):
            return False
        request.strike_mark = mark
        book.note(request)
    return _priced_after(book, request, seen)


def _priced_after(book: Book, request: Request, seen: Sight) -> bool:
    logged = book.market.logged
    return all(
        logged[mid.venue] > request.accepted_offset and mid.time > request.accepted_after for mid in seen.counted
    )


def _strike(book: Book, token: Token, request: Request, price: Decimal) -> None:
    value = nav(token, price, book.now) if token.units else token.initial_nav
    if request.cash_offered is not None:
        units = units_for(token, request.cash_offered, value)
        count(book, request, units - request.units)
        request.units = units
    if not request.units:
        give_back(book, request, "too_small")
        return
    request.become("struck")
    request.decided_at = price
    if request.flow == "creation":
        if token.units:
            request.goal = toward_zero(request.units * token.goal / token.units)
        else:
            request.goal = toward_zero(token.terms.multiplier * request.units * value / price)
    else:
        value = _take_out(book, token, request, price)
    book.touch(request)
    book.emit(
        RequestStruck(
            underlying=book.market.underlying,
            request_id=request.request_id,
            flow=request.flow,
            token=token.token,
            units=request.units,
            price=price,
            nav=paid_out(value),
            basket=request.basket,
            cash=request.cash,
            open=request.open,
            goal=request.goal,
        )
    )
    if not token.units and token.status == "live":
        _end_series(book, token)


def _take_out(book: Book, token: Token, request: Request, price: Decimal) -> Decimal:
    """Move the redemption's share of everything into its flow account. Returns the NAV per unit it left at."""
    pay_costs(book, token, price, book.now)
    value = nav(token, price, book.now)
    share = request.units / token.units
    hand_over(book, token, request)
    quantity = toward_zero(token.basket * share)
    cash = paid_out(request.units * value - quantity * price)
    token.goal = toward_zero(token.goal * (token.units - request.units) / token.units)
    token.units -= request.units
    move(book, token, -quantity, -cash)
    move(book, request, quantity, cash)
    return value


def _end_series(book: Book, token: Token) -> None:
    """The last holder is out: what rounding left goes to the issuer; the next creation is at the initial NAV."""
    market = book.market
    market.issuer_basket += token.basket
    market.issuer_cash += token.cash
    book.emit(SeriesEnded(market.underlying, token.token, token.series, token.basket, token.cash))
    token.status, token.origin = "listed", None
    token.basket = token.cash = token.goal = ZERO
    token.nav_sequence_base += market.marks
    token.tries, token.abandoned, token.owes_resets = 0, False, 0
    book.touch(token)
