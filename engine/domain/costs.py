"""What holding costs: the management fee, interest on a loan, funding (specification, sections 2 and 6)."""

from collections.abc import Iterable
from decimal import Decimal

from engine.domain.book import Book
from engine.domain.exposure import equity
from engine.domain.inputs import FundingObserved, FundingPaid
from engine.domain.instants import DAY, SECOND, Instant
from engine.domain.notices import FeePaid, FundingBooked, FundingShare, SignalNoted
from engine.domain.numbers import ONE, ZERO, money, paid_in, paid_out, share_out
from engine.domain.outputs import Refusal
from engine.domain.state import Held, Holder, Past, Token

YEAR = 365 * DAY
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
FUNDINGS_KEPT = 4_096
HELD_KEPT = 2_048
MAX_PENDING = 1_024


def accrued_fee(token: Token, price: Decimal, now: Instant) -> Decimal:
    """The fee since it was last paid: `(q P + c) rate days/365`."""
    rate = token.terms.yearly_fee
    if not rate or token.status != "live":
        return ZERO
    return max(ZERO, equity(token.basket, token.cash, price)) * rate * (now - token.fee_since) / YEAR


def accrued_interest(token: Token, now: Instant) -> Decimal:
    """The interest on a spot basket's loan since it was last paid."""
    if not _borrows(token):
        return token.interest
    return token.interest + max(ZERO, -token.cash) * token.terms.loan_rate * (now - token.interest_since) / YEAR


def nav(token: Token, price: Decimal, now: Instant) -> Decimal:
    """Value per unit, net of what has accrued."""
    worth = equity(token.basket, token.cash, price) - accrued_fee(token, price, now) - accrued_interest(token, now)
    return worth / token.units


def pay_costs(book: Book, token: Token, price: Decimal, now: Instant) -> None:
    """Pay the accrued fee to the issuer and the interest to the lender: at each reset, and before units change."""
    fee, interest = paid_out(accrued_fee(token, price, now)), paid_out(accrued_interest(token, now))
    since, token.fee_since, token.interest_since, token.interest = token.fee_since, now, now, ZERO
    book.note(token)
    if not fee and not interest:
        return
    token.cash -= fee + interest
    token.moved = True
    book.market.issuer_cash += fee
    token.day.fee -= money(fee / token.units)
    token.day.interest -= money(interest / token.units)
    book.touch(token)
    book.emit(FeePaid(book.market.underlying, token.token, fee, interest, since), now)


def move(book: Book, account: Holder, quantity: Decimal, cash: Decimal) -> None:
    """Move basket and cash of an account, remembering what it held for funding that is reported late."""
    now = book.now
    if isinstance(account, Token):
        account.moved = True
        if _borrows(account) and cash:
            account.interest, account.interest_since = money(accrued_interest(account, now)), now
    if quantity and book.market.terms.late_funding_h:
        oldest = now - book.market.terms.late_funding_h * HOUR
        held = [each for each in account.held if each.time >= oldest]
        account.held = [*held, Held(now, account.basket)][-HELD_KEPT:]
    account.basket += quantity
    account.cash += cash
    book.touch(account)


def take_funding(book: Book, given: FundingObserved | FundingPaid) -> Refusal | None:
    """A venue's rate or what it took: booked when its time has come, late if it had come before. Never twice."""
    market = book.market
    key = f"{given.type}/{given.venue}/{given.time}"
    ahead = market.time is None or given.time > book.now
    refusal = _funding_refusal(book, given, key, ahead=ahead)
    if refusal is not None:
        return refusal
    _remember(book, key, given.time)
    if ahead:
        market.pending_funding.append(given)
    else:
        book_funding(book, given, _past_price(book, given.time))
    return None


def _funding_refusal(book: Book, given: FundingObserved | FundingPaid, key: str, *, ahead: bool) -> Refusal | None:
    market = book.market
    if key in market.fundings:
        return "duplicate_funding"
    if isinstance(given, FundingPaid) and all(token.terms.fills == "assumed" for token in book.tokens.values()):
        return "funding_amount_not_assumed"
    if ahead:
        return "too_many_requests" if len(market.pending_funding) >= MAX_PENDING else None
    if given.time < book.now - market.terms.late_funding_h * HOUR or not market.terms.late_funding_h:
        return "funding_too_late"
    return "funding_off_minute" if isinstance(given, FundingObserved) and given.time % MINUTE else None


def book_funding(book: Book, given: FundingObserved | FundingPaid, price: Decimal | None) -> None:
    """Book funding whose time has come, at the index price of that time."""
    if isinstance(given, FundingObserved):
        _book_rate(book, given, price)
    else:
        _book_paid(book, given)


def _book_rate(book: Book, given: FundingObserved, price: Decimal | None) -> None:
    """`c -= q w_v P rate_v` of every account with assumed fills, on what it held strictly before.

    Without a price, nothing was ever held.
    """
    underlying = book.market.underlying
    accounts = list(_accounts(book, "assumed"))
    if not accounts:
        text = f"{given.venue} funding rate"
        book.emit(SignalNoted(underlying, "funding_rate", given.venue, text, given.rate, None))
        return
    weights = book.market.terms.funding_weights
    weight = weights.get(given.venue, ZERO) if weights else ONE
    shares = []
    for account in accounts:
        basket = _held_before(account, given.time)
        cash = paid_in(-basket * weight * (price or ZERO) * given.rate)
        if cash:
            shares.append(_charge(book, account, basket, cash))
    book.emit(FundingBooked(underlying, given.venue, given.time, price, given.rate, None, tuple(shares), unshared=ZERO))


def _book_paid(book: Book, given: FundingPaid) -> None:
    """What a venue took for the hedge: shared by what each account with reported fills held strictly before."""
    held = [(account, _held_before(account, given.time)) for account in _accounts(book, "reported")]
    holders = [(account, basket) for account, basket in held if basket]
    baskets = [basket for _, basket in holders]
    net = sum(baskets, ZERO)
    shares: list[FundingShare] = []
    unshared = ZERO
    if net:
        parts = share_out(-money(given.amount), baskets)
        shares += [_charge(book, account, basket, cash) for (account, basket), cash in zip(holders, parts, strict=True)]
    else:
        unshared = -money(given.amount)
        book.market.issuer_cash += unshared
    book.emit(
        FundingBooked(
            book.market.underlying, given.venue, given.time, None, None, money(given.amount), tuple(shares), unshared
        )
    )


def note_price(book: Book, minute: Instant, price: Decimal | None) -> None:
    """Remember the index of a whole minute, where it differs from the one before."""
    market = book.market
    if price is None or (market.past and market.past[-1].price == price):
        return
    oldest = minute - market.terms.late_funding_h * HOUR
    market.past.append(Past(minute, price))
    while len(market.past) > 1 and market.past[1].time <= oldest:
        del market.past[0]


def _past_price(book: Book, time: Instant) -> Decimal | None:
    """The index at an earlier whole minute."""
    return next((each.price for each in reversed(book.market.past) if each.time <= time), None)


def _accounts(book: Book, fills: str) -> Iterable[Holder]:
    """Everything that may have held a basket of tokens with such fills."""
    yield from (token for token in book.tokens.values() if token.terms.fills == fills)
    yield from (request for request in book.requests.values() if book.tokens[request.token].terms.fills == fills)


def _held_before(account: Holder, time: Instant) -> Decimal:
    """The basket strictly before `time`."""
    return next((each.basket for each in account.held if each.time >= time), account.basket)


def _charge(book: Book, account: Holder, basket: Decimal, cash: Decimal) -> FundingShare:
    """Book an account's share: of a joined creation its token's, of what has been paid out the issuer's."""
    if isinstance(account, Token):
        bearer: Holder = account
        gone, request = not account.units, None
    else:
        bearer = account if account.status == "struck" else book.tokens[account.token]
        request = account.request_id
        gone = bearer is not account and (account.flow == "redemption" or not book.tokens[account.token].units)
    if gone:
        book.market.issuer_cash += cash
        return FundingShare(account.token, basket, cash, request, to_issuer=True)
    move(book, bearer, ZERO, cash)
    if isinstance(bearer, Token):
        bearer.day.funding += money(cash / bearer.units)
    return FundingShare(account.token, basket, cash, request)


def _remember(book: Book, key: str, time: Instant) -> None:
    fundings = book.market.fundings
    fundings[key] = time
    while len(fundings) > FUNDINGS_KEPT:
        del fundings[next(iter(fundings))]


def _borrows(token: Token) -> bool:
    return bool(token.terms.loan_rate) and token.terms.basket_kind == "spot"
