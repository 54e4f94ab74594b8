"""Changes of terms and of participants: by versioned commands, at once or from an announced time on."""

from engine.domain.book import Book
from engine.domain.commands import SetParticipant, SetTokenTerms, SetUnderlyingTerms, terms_of
from engine.domain.costs import pay_costs
from engine.domain.notices import ParticipantSet, TermsScheduled
from engine.domain.outputs import InputRefused, Refusal, TokenTermsChanged, UnderlyingTermsChanged
from engine.domain.state import Participant, Token

MAX_SCHEDULED = 256
MAX_PARTICIPANTS = 1_000
COSTS = ("yearly_fee", "loan_rate", "basket_kind")


def set_terms(book: Book, command: SetTokenTerms | SetUnderlyingTerms) -> Refusal | None:
    """Put terms in force, or note them for when they are to be. A book that is new takes them at once."""
    token = terms_of(command)
    if command.terms_version <= book.newest_version(token):
        return "terms_version_not_newer"
    effective = command.effective
    opening = token is None and not book.market.terms_version
    if effective is None or opening or (effective == book.now and book.market.time is not None):
        return _apply(book, command)
    if effective < book.now:
        return "effective_in_past"
    if len(book.market.pending_terms) >= MAX_SCHEDULED:
        return "too_many_requests"
    refusal = _refusal(book, command)
    if refusal is None:
        book.market.pending_terms.append(command)
        by, reason = command.by, command.reason
        book.emit(TermsScheduled(command.underlying, token, command.terms_version, effective, by, reason))
    return refusal


def apply_scheduled(book: Book, command: SetTokenTerms | SetUnderlyingTerms) -> None:
    """The time of scheduled terms has come; what happened since may have made them impossible."""
    known = book.tokens.get(command.token) if isinstance(command, SetTokenTerms) else book.market
    outdated = known is not None and command.terms_version <= known.terms_version
    refusal = "terms_version_not_newer" if outdated else _apply(book, command)
    if refusal is not None:
        detail = f"scheduled version {command.terms_version}"
        book.emit(InputRefused(book.market.underlying, refusal, command.type, detail))


def set_participant(book: Book, command: SetParticipant) -> Refusal | None:
    """Admit a participant, or change what it may do; what it has done so far is kept."""
    known = book.participants.get(command.participant)
    if known is None and len(book.participants) >= MAX_PARTICIPANTS:
        return "too_many_participants"
    names = [each.token for each in command.entitlements]
    if any(name not in book.tokens for name in names):
        return "unknown_token"
    if known is None:
        known = book.participants[command.participant] = Participant(
            participant=command.participant, underlying=command.underlying, active=False, entitlements={}
        )
    known.active, known.entitlements = command.active, {each.token: each for each in command.entitlements}
    book.note(known)
    book.emit(
        ParticipantSet(
            command.underlying, command.participant, command.active, tuple(names), command.by, command.reason
        )
    )
    return None


def _refusal(book: Book, command: SetTokenTerms | SetUnderlyingTerms) -> Refusal | None:
    """What cannot be changed once it matters: the day of an underlying, the promise of a token."""
    if isinstance(command, SetUnderlyingTerms):
        market = book.market
        changed = command.terms.reset_offset_s != market.terms.reset_offset_s
        return "terms_not_changeable" if market.time is not None and changed else None
    token = book.tokens.get(command.token)
    if token is None or token.status == "listed":
        return None
    changed = command.terms.multiplier != token.terms.multiplier or command.terms.fills != token.terms.fills
    return "terms_not_changeable" if changed else None


def _apply(book: Book, command: SetTokenTerms | SetUnderlyingTerms) -> Refusal | None:
    refusal = _refusal(book, command)
    if refusal is not None:
        return refusal
    if isinstance(command, SetTokenTerms):
        _apply_to_token(book, command)
        return None
    market = book.market
    market.terms_version, market.terms = command.terms_version, command.terms
    book.use_terms()
    book.emit(UnderlyingTermsChanged(market.underlying, command.terms_version, command.by, command.reason))
    return None


def _apply_to_token(book: Book, command: SetTokenTerms) -> None:
    token = book.tokens.get(command.token)
    if token is None:
        token = book.list_token(command)
    _pay_by_old_terms(book, token, command)
    if not token.units and not token.series:
        token.initial_nav = command.terms.initial_nav
    if command.terms.nav_floor != token.terms.nav_floor:
        token.nav_floor = command.terms.nav_floor
    token.terms_version, token.terms, token.moved = command.terms_version, command.terms, True
    book.touch(token)
    book.emit(
        TokenTermsChanged(
            underlying=command.underlying,
            token=command.token,
            multiplier=command.terms.multiplier,
            terms_version=command.terms_version,
            by=command.by,
            reason=command.reason,
        )
    )


def _pay_by_old_terms(book: Book, token: Token, command: SetTokenTerms) -> None:
    """A new rate counts from here: what accrued so far is paid at the last index price."""
    changed = any(getattr(token.terms, name) != getattr(command.terms, name) for name in COSTS)
    if changed and token.status == "live" and book.market.price is not None:
        pay_costs(book, token, book.market.price, book.now)
