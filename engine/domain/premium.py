"""Premium control: the token's own market against its NAV (specification, section 5).

Beyond the band for long enough, the designated participant is invited to create (a premium) or redeem (a discount);
beyond the second band there is an alert.
"""

from decimal import Decimal
from typing import NamedTuple

from engine.domain.book import Book
from engine.domain.capacity import room
from engine.domain.costs import nav
from engine.domain.inputs import TokenQuoteObserved
from engine.domain.instants import SECOND
from engine.domain.numbers import ONE, ZERO, money, whole_lots
from engine.domain.outputs import Refusal
from engine.domain.primary_events import CreationOrdered, Ending, Flow, InvitationEnded, PremiumAlert, RedemptionOrdered
from engine.domain.sight import Sight
from engine.domain.state import Invitation, Token

FRESH = 10 * SECOND
"""A token quote prices a premium while it is younger than this."""


class Premium(NamedTuple):
    """The token's market against its value: bid / NAV - 1 and ask / NAV - 1."""

    premium: Decimal
    discount: Decimal
    nav: Decimal


def take_quote(book: Book, quote: TokenQuoteObserved) -> Refusal | None:
    """Keep the last quote of the token's market. It is stamped with the terms version, since units may be merged."""
    token = book.tokens.get(quote.token)
    if token is None:
        return "unknown_token"
    if token.quote is not None and quote.time < token.quote.time:
        return "time_going_backwards"
    if quote.bid > quote.ask:
        return "crossed_quote"
    if quote.terms_version < token.quote_valid_from:
        return "terms_version_not_newer"
    token.quote = quote
    book.note(token)
    book.stale.add(token.token)
    book.sort(token)
    return None


def premium_of(book: Book, token: Token, price: Decimal | None) -> Premium | None:
    """Premium and discount, with a valid index and a fresh quote; None otherwise."""
    quote = token.quote
    if quote is None or price is None or token.status != "live" or book.now - quote.time >= FRESH:
        return None
    value = nav(token, price, book.now)
    return Premium(quote.bid / value - ONE, quote.ask / value - ONE, value) if value > ZERO else None


def control_premium(book: Book, seen: Sight) -> None:
    """Look at every token that has a market of its own."""
    for token in book.named(book.watched):
        at = premium_of(book, token, seen.index_price)
        band = token.terms.premium_band
        flow: Flow | None = None
        if at is not None:
            flow = "creation" if at.premium > band else "redemption" if at.discount < -band else None
        _alert(book, token, at)
        _end_invitation(book, token, flow)
        if flow != token.beyond:
            token.beyond, token.beyond_since = flow, None if flow is None else book.now
            book.note(token)
        if at is not None and flow is not None:
            _invite(book, token, flow, at)


def _alert(book: Book, token: Token, at: Premium | None) -> None:
    strayed = ZERO if at is None else at.premium if at.premium > ZERO else min(ZERO, at.discount)
    beyond = abs(strayed) > token.terms.premium_alert
    if beyond and at is not None and not token.alerted:
        book.emit(PremiumAlert(book.market.underlying, token.token, money(strayed), money(at.nav)))
    if beyond != token.alerted:
        token.alerted = beyond
        book.note(token)


def _end_invitation(book: Book, token: Token, flow: Flow | None) -> None:
    open_one = token.invitation
    if open_one is None:
        return
    reason: Ending
    if open_one.answered:
        reason = "answered"
    elif book.now >= open_one.expires:
        reason = "expired"
    elif flow != open_one.flow:
        reason = "back_in_band"
    else:
        return
    token.invitation, token.beyond, token.beyond_since = None, None, None
    book.note(token)
    book.emit(InvitationEnded(book.market.underlying, open_one.invitation, token.token, reason))


def _invite(book: Book, token: Token, flow: Flow, at: Premium) -> None:
    """One invitation at a time, as large as the market's depth and the participant's caps allow."""
    name = token.terms.designated_participant
    since = token.beyond_since
    if name is None or token.invitation is not None or since is None or book.halted(token):
        return
    if book.now - since < token.terms.premium_persist_s * SECOND:
        return
    units = _size(book, token, flow, name, at)
    if not units:
        return
    identity = f"{token.token}-{book.position.offset}-{len(book.outputs)}"
    expires = book.now + book.market.terms.order_expiry_s * SECOND
    token.invitation = Invitation(identity, flow, expires)
    book.note(token)
    underlying, strayed, value = (
        book.market.underlying,
        at.premium if flow == "creation" else at.discount,
        money(at.nav),
    )
    kind = CreationOrdered if flow == "creation" else RedemptionOrdered
    book.emit(kind(underlying, identity, token.token, name, units, money(strayed), value, expires))


def _size(book: Book, token: Token, flow: Flow, name: str, at: Premium) -> Decimal:
    participant, quote = book.participants.get(name), token.quote
    allowed = None if participant is None or not participant.active else participant.entitlements.get(token.token)
    if participant is None or allowed is None or quote is None:
        return ZERO
    if flow == "creation" and (token.creations_halted or token.last_reset is not None):
        return ZERO
    limits = [quote.bid_depth if flow == "creation" else quote.ask_depth]
    limits += [left for _, left in participant.caps(allowed, flow, book.market.next_boundary)]
    left = room(book, token) if flow == "creation" else None
    if left is not None:
        limits.append(left / at.nav)
    if flow == "redemption":
        limits.append(book.redeemable(token))
    return max(ZERO, whole_lots(min(limits), token.terms.creation_unit))
