"""The primary market up to acceptance: who may ask for what, and what has to be delivered (specification, section 5).

    requested -> refused | accepted -> struck -> hedged -> settled; or returned

A refusal leaves nothing behind but its event. From acceptance a request is irrevocable; `flows` takes it on from there.
"""

from dataclasses import replace
from decimal import Decimal

from engine.domain.addresses import is_address
from engine.domain.book import Book
from engine.domain.capacity import room
from engine.domain.commands import Entitlement
from engine.domain.costs import nav
from engine.domain.numbers import ONE, ZERO, money, text, whole_lots
from engine.domain.outputs import Refusal
from engine.domain.primary_events import (
    Cap,
    DeliveryNoted,
    Flow,
    RefusalCode,
    RequestAccepted,
    RequestReceived,
    RequestRefused,
    RequestReturned,
    RequestSettled,
    Returned,
)
from engine.domain.requests import (
    CashDelivered,
    CreationRequested,
    RedemptionRequested,
    RequestWithdrawn,
    SettlementConfirmed,
    UnitsLocked,
)
from engine.domain.state import Participant, Request, Token

MAX_QUEUED = 10_000
MAX_DELIVERIES = 100

LEFT: dict[Cap, str] = {
    "cap_per_order": "at most {}",
    "cap_per_day": "{} are left today",
    "cap_in_total": "{} are left",
}
"""What a participant hears of a cap."""

Asked = CreationRequested | RedemptionRequested


def receive(book: Book, given: Asked) -> Refusal | None:
    """Take a request, or refuse it with the first code that applies, in the order of the specification."""
    token = book.tokens.get(given.token)
    if token is None:
        return "unknown_token"
    if given.request_id in book.requests:
        return "duplicate_request"
    if len(book.queue) >= MAX_QUEUED:
        return "too_many_requests"
    flow: Flow = "creation" if isinstance(given, CreationRequested) else "redemption"
    code, detail, units = _admit(book, token, given, flow)
    if code is not None:
        book.emit(
            RequestRefused(given.underlying, given.request_id, flow, token.token, given.participant, code, detail[:256])
        )
        return None
    cash = given.cash if isinstance(given, CreationRequested) else None
    book.market.requests += 1
    request = book.requests[given.request_id] = Request(
        request_id=given.request_id,
        number=book.market.requests,
        underlying=given.underlying,
        token=token.token,
        participant=given.participant,
        flow=flow,
        units=units,
        cash_offered=cash,
        region=given.region,
        settlement=given.settlement,
        address=given.address,
        invitation=given.invitation,
        requested=book.now,
        day=book.market.next_boundary,
    )
    count(book, request, units)
    book.touch(request)
    if token.invitation is not None and given.invitation == token.invitation.invitation:
        token.invitation = replace(token.invitation, answered=True)
        book.note(token)
    required = _cash_required(book, token, request) if flow == "creation" else None
    book.emit(
        RequestReceived(given.underlying, given.request_id, flow, token.token, given.participant, units, cash, required)
    )
    return None


def deliver_cash(book: Book, given: CashDelivered) -> Refusal | None:
    """Count cash for a creation; accept it once there is enough at the last NAV."""
    request = book.requests.get(given.request_id)
    if request is None or request.flow != "creation":
        return "unknown_request"
    if given.delivery_id in request.deliveries:
        return "duplicate_delivery"
    if request.status != "requested" or len(request.deliveries) >= MAX_DELIVERIES:
        return "request_not_open"
    request.deliveries.append(given.delivery_id)
    request.delivered += given.amount
    book.touch(request)
    required = _cash_required(book, book.tokens[request.token], request)
    if request.delivered < required:
        book.emit(DeliveryNoted(given.underlying, request.request_id, request.token, request.delivered, required))
        return None
    _accept(book, request)
    return None


def lock_units(book: Book, given: UnitsLocked) -> Refusal | None:
    """The units of a redemption are out of the participant's hands: accept it."""
    request = book.requests.get(given.request_id)
    if request is None or request.flow != "redemption":
        return "unknown_request"
    if request.status != "requested":
        return "request_not_open"
    if given.units != request.units:
        return "units_not_as_requested"
    request.delivered = given.units
    _accept(book, request)
    return None


def withdraw(book: Book, given: RequestWithdrawn) -> Refusal | None:
    """Take a request back before it is accepted; what was delivered returns."""
    request = book.requests.get(given.request_id)
    if request is None:
        return "unknown_request"
    if request.status != "requested":
        return "request_not_open"
    give_back(book, request, "withdrawn")
    return None


def confirm(book: Book, given: SettlementConfirmed) -> Refusal | None:
    """The on-chain settlement has arrived."""
    request = book.requests.get(given.request_id)
    if request is None:
        return "unknown_request"
    if request.status != "hedged":
        return "request_not_open"
    settle(book, request, given.reference)
    return None


def settle(book: Book, request: Request, reference: str) -> None:
    """Release units and cash: the end of a request that came to something."""
    request.become("settled")
    request.ended = book.now
    book.touch(request)
    book.emit(
        RequestSettled(
            underlying=book.market.underlying,
            request_id=request.request_id,
            flow=request.flow,
            token=request.token,
            participant=request.participant,
            units=request.created if request.flow == "creation" else request.units,
            cash=request.returned,
            reference=reference,
        )
    )
    book.forget_requests()


def give_back(book: Book, request: Request, reason: Returned, cash: Decimal | None = None) -> None:
    """End a request that came to nothing; what was delivered goes back, or `cash` for it."""
    creation = request.flow == "creation"
    returned = cash if cash is not None else request.delivered if creation else ZERO
    units = ZERO if creation or cash is not None else request.delivered
    count(book, request, -request.units)
    request.become("returned")
    request.ended, request.returned = book.now, returned
    book.touch(request)
    book.emit(
        RequestReturned(
            underlying=book.market.underlying,
            request_id=request.request_id,
            flow=request.flow,
            token=request.token,
            participant=request.participant,
            cash=returned,
            units=units,
            reason=reason,
        )
    )
    book.forget_requests()


def count(book: Book, request: Request, units: Decimal) -> None:
    """Count `units` (signed) of a request for the caps of its participant."""
    participant = book.participants[request.participant]
    participant.count(request.token, request.flow, units, day=request.day, today=book.market.next_boundary)
    book.note(participant)


def unit_value(book: Book, token: Token) -> Decimal:
    """NAV per unit at the last index price, never negative; the initial one where there are no units."""
    price = book.market.price
    return token.initial_nav if not token.units or price is None else max(ZERO, nav(token, price, book.now))


def _accept(book: Book, request: Request) -> None:
    appended = book.position.appended
    request.become("accepted")
    request.accepted_offset = book.position.offset
    request.accepted_after = book.now if appended is None else max(appended, book.now)
    book.touch(request)
    book.emit(RequestAccepted(book.market.underlying, request.request_id, request.token, request.delivered))


def _cash_required(book: Book, token: Token, request: Request) -> Decimal:
    """What was offered, or the units at the last NAV with fee and buffer."""
    if request.cash_offered is not None:
        return request.cash_offered
    return money(request.units * _cash_per_unit(token, unit_value(book, token)))


def units_for(token: Token, cash: Decimal, value: Decimal) -> Decimal:
    """The whole creation units that `cash` pays for at a NAV per unit of `value`, with fee and buffer."""
    cost = _cash_per_unit(token, value)
    return whole_lots(cash / cost, token.terms.creation_unit) if cost > ZERO else ZERO


def _cash_per_unit(token: Token, value: Decimal) -> Decimal:
    return value * (ONE + token.terms.creation_fee + token.terms.buffer)


def _admit(book: Book, token: Token, given: Asked, flow: Flow) -> tuple[RefusalCode | None, str, Decimal]:
    """The first reason against a request, what a person needs beside it, and its units (for cash an estimate)."""
    participant = book.participants.get(given.participant)
    if participant is None:
        return "participant_unknown", given.participant, ZERO
    if not participant.active:
        return "participant_inactive", given.participant, ZERO
    allowed = participant.entitlements.get(token.token)
    if allowed is None:
        return "participant_not_allowed", f"{given.participant} for {token.token}", ZERO
    if token.terms.regions and given.region not in token.terms.regions:
        return "region", f"{given.region} is not one of {', '.join(token.terms.regions)}", ZERO
    address = _address_refusal(token, given)
    if address is not None:
        return *address, ZERO
    if token.ended:
        return "terminated", token.status, ZERO
    units, refusal = _units(book, token, given)
    if refusal is not None:
        return *refusal, ZERO
    refusal = _over_cap(book, participant, allowed, flow, units) or _closed(book, token, given, flow, units)
    return (None, "", units) if refusal is None else (*refusal, ZERO)


def _address_refusal(token: Token, given: Asked) -> tuple[RefusalCode, str] | None:
    if given.contract_address is not None and given.contract_address != token.terms.contract_address:
        return "contract_address", f"the registered one is {token.terms.contract_address or 'none'}"
    if given.settlement == "on_chain":
        if given.address is None:
            return "address_missing", "on-chain settlement needs an address"
        if not is_address(given.address):
            return "address_checksum", given.address
    return None


def _units(book: Book, token: Token, given: Asked) -> tuple[Decimal, tuple[RefusalCode, str] | None]:
    """The units asked for, and the reason against that number."""
    unit = token.terms.creation_unit
    if isinstance(given, CreationRequested):
        if (given.units is None) is (given.cash is None):
            return ZERO, ("units_or_cash", "a creation names either units or cash")
        if given.units is None:
            return units_for(token, given.cash or ZERO, unit_value(book, token)), None
        if given.units % unit:
            return ZERO, ("creation_unit", f"not a multiple of {text(unit)}")
        return given.units, None
    left = book.redeemable(token)
    if given.units % unit and given.units != left:
        return ZERO, ("creation_unit", f"neither a multiple of {text(unit)} nor all that is left, {text(left)}")
    if given.units > left:
        return ZERO, ("units_outstanding", f"{text(left)} are left")
    return given.units, None


def _over_cap(
    book: Book, participant: Participant, allowed: Entitlement, flow: Flow, units: Decimal
) -> tuple[RefusalCode, str] | None:
    caps = participant.caps(allowed, flow, book.market.next_boundary)
    return next(((cap, LEFT[cap].format(text(left))) for cap, left in caps if units > left), None)


def _closed(book: Book, token: Token, given: Asked, flow: Flow, units: Decimal) -> tuple[RefusalCode, str] | None:
    """Whether the token takes no such request any more, or its market no more of it."""
    if flow == "creation":
        if token.last_reset is not None:
            return "winding_down", "creations have stopped"
        left = room(book, token)
        if left is not None and units * unit_value(book, token) > left:
            return "capacity", f"the market can take {text(max(ZERO, money(left)))} more"
    invited = token.invitation
    if given.invitation is not None and (
        invited is None or invited.invitation != given.invitation or invited.flow != flow or invited.answered
    ):
        return "invitation", "it is not open"
    return None
