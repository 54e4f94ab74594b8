"""Flow accounts to their end: joins of creations, payouts of redemptions, and what came to nothing (section 5).

The flow pays its own way, holders nothing: what a creation brings and what a redemption takes is its own basket and
cash, at its own fills.
"""

from decimal import Decimal

from engine.domain.book import Book
from engine.domain.costs import move, pay_costs
from engine.domain.exposure import equity
from engine.domain.launch import launch
from engine.domain.netting import sendable
from engine.domain.numbers import ZERO, money, paid_in, paid_out, toward_zero, whole_lots
from engine.domain.primary import count, give_back, settle
from engine.domain.primary_events import RestReturned, Returned, SettlementInstructed, UnitsCreated, UnitsRedeemed
from engine.domain.sight import Sight
from engine.domain.state import Request, Token
from engine.domain.terms import TokenTerms, UnderlyingTerms


def settle_flows(book: Book, seen: Sight) -> None:
    """Join and pay out what is hedged; give back what waits for a token that has ended."""
    for request in book.queued():
        _give_back_ended(book, book.tokens[request.token], request)
    price = seen.index_price
    if price is None:
        return
    for request in book.flows():
        if request.open or not _is_done(book, request, price):
            continue
        token = book.tokens[request.token]
        if request.flow == "redemption":
            _pay_out(book, token, request, price)
        elif request.unwinding:
            _end_unwinding(book, token, request, price)
        else:
            _join(book, token, request, price)


def _is_done(book: Book, request: Request, price: Decimal) -> bool:
    """Whether nothing more is to be traded: all of it is, or the rest was netted once and is too small to send."""
    if request.abandoned or not request.want:
        return True
    return request.netted and not sendable(request.want, price, book.market.terms)


def _give_back_ended(book: Book, token: Token, request: Request) -> None:
    """Of a token that ends: unstruck creations return at once, unstruck redemptions get the final value."""
    if request.flow == "creation" and token.ended:
        give_back(book, request, "token_ended")
    elif token.status == "closed":
        give_back(book, request, "token_ended", paid_out(request.delivered * token.final_value))


def _join(book: Book, token: Token, request: Request, price: Decimal) -> None:
    """The flow's basket, cash and units join the token, for what makes the units worth their NAV.

    What the delivered cash does not reach, or the tries did not fill, is sold again.
    """
    if token.units:
        pay_costs(book, token, price, book.now)
    value = equity(token.basket, token.cash, price) / token.units if token.units else token.initial_nav
    terms, wanted = token.terms, request.units
    units, charge = wanted, ZERO
    if request.abandoned:
        units = whole_lots(wanted * (request.basket / request.goal), terms.creation_unit)
    else:
        charge = _charge(request.want, price, book.market.terms)
    basket, cash, paid, fee = _brought(request, units, value, price, terms)
    if paid + charge + fee > request.delivered:
        units = whole_lots(units * max(ZERO, request.delivered - charge) / (paid + fee), terms.creation_unit)
        basket, cash, paid, fee = _brought(request, units, value, price, terms)
    if units != wanted:
        count(book, request, units - wanted)
    if units:
        _take_in(book, token, price, units, basket, cash + paid + charge)
        book.market.issuer_cash += fee
        request.delivered -= paid + charge + fee
        book.emit(
            UnitsCreated(
                underlying=book.market.underlying,
                request_id=request.request_id,
                token=token.token,
                units=units,
                nav=paid_out(value),
                price=price,
                basket=basket,
                cash=cash,
                paid=paid,
                charge=charge,
                fee=fee,
            )
        )
        move(book, request, -basket, -cash)
    request.units, request.created = units, units
    request.goal, request.unwinding, request.abandoned, request.netted = ZERO, True, False, False
    request.decided_at = price
    book.touch(request)
    if not request.basket:
        _end_unwinding(book, token, request, price)


def _brought(
    request: Request, units: Decimal, value: Decimal, price: Decimal, terms: TokenTerms
) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """What `units` of a request bring to the token: basket and cash of the flow, the payment, and the issuer's fee."""
    if not units:
        return ZERO, ZERO, ZERO, ZERO
    basket, cash = request.basket, request.cash
    if units < request.units:
        part = toward_zero(request.goal * units / request.units)
        basket = min(part, request.basket, key=abs)
        cash = money(request.cash * basket / request.basket) if request.basket else ZERO
    paid = paid_in(units * value - equity(basket, cash, price))
    return basket, cash, paid, money(terms.creation_fee * units * value)


def _take_in(book: Book, token: Token, price: Decimal, units: Decimal, basket: Decimal, cash: Decimal) -> None:
    first = not token.units
    token.units += units
    token.goal += basket
    move(book, token, basket, cash)
    if first:
        launch(book, token, price)


def _end_unwinding(book: Book, token: Token, request: Request, price: Decimal) -> None:
    """A creation is at its end: cash that was not needed goes back, with what the excess was sold for."""
    _leave_rest(book, token, request, price)
    left = request.delivered + request.cash
    request.returned = max(ZERO, left)
    book.market.issuer_cash += min(ZERO, left)
    request.delivered = request.cash = ZERO
    if request.created:
        _hedged(book, request)
    else:
        reason: Returned = "token_ended" if token.ended else "nothing_filled"
        give_back(book, request, reason, request.returned)


def _pay_out(book: Book, token: Token, request: Request, price: Decimal) -> None:
    """A redemption is sold: the participant gets its cash less the fee; below zero the issuer bears it."""
    rest = request.basket
    charge = _leave_rest(book, token, request, price)
    gross, request.cash = request.cash, ZERO
    fee = ZERO if request.unwinding else money(token.terms.redemption_fee * max(ZERO, gross))
    request.returned = max(ZERO, gross - fee)
    bears = max(ZERO, -gross)
    book.market.issuer_cash += fee - bears
    book.touch(request)
    book.emit(
        UnitsRedeemed(
            underlying=book.market.underlying,
            request_id=request.request_id,
            token=token.token,
            units=request.units,
            price=price,
            payout=request.returned,
            fee=fee,
            charge=charge,
            returned_basket=rest,
            issuer_bears=bears,
        )
    )
    _hedged(book, request)


def _leave_rest(book: Book, token: Token, request: Request, price: Decimal) -> Decimal:
    """Return a rest too small to trade to the token, at the index price, with the charge for it.

    To the issuer, where the token has no holders any more or is ending itself. Returns the charge.
    """
    rest = request.basket
    if not rest:
        return ZERO
    charge = _charge(request.want, price, book.market.terms)
    cash = paid_out(rest * price) - charge
    move(book, request, -rest, cash)
    to_issuer = token.status != "live"
    if to_issuer:
        book.market.issuer_basket += rest
        book.market.issuer_cash -= cash
    else:
        move(book, token, rest, -cash)
    if request.flow == "creation":
        underlying, name = book.market.underlying, request.request_id
        book.emit(RestReturned(underlying, name, token.token, rest, cash, charge, to_issuer))
    return charge


def _hedged(book: Book, request: Request) -> None:
    """Custodial requests settle at once; on-chain ones when their transfer is confirmed."""
    request.become("hedged")
    book.touch(request)
    if request.settlement == "custodial" or request.address is None:
        settle(book, request, "")
        return
    book.emit(
        SettlementInstructed(
            underlying=book.market.underlying,
            request_id=request.request_id,
            token=request.token,
            address=request.address,
            units=request.created,
            cash=request.returned,
        )
    )


def _charge(quantity: Decimal, price: Decimal, terms: UnderlyingTerms) -> Decimal:
    """What trading a rest would have cost: slippage, and commission at the slipped price."""
    size = abs(quantity) * price
    return paid_in(size * terms.slippage + size * terms.slipped(quantity) * terms.commission)
