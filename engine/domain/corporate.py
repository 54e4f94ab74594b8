"""Units merged or split, for every holder alike (specification, section 8): what is per unit moves, no value does."""

from dataclasses import replace
from decimal import Decimal

from engine.domain.attribution import scale_day
from engine.domain.book import Book
from engine.domain.commands import MergeUnits, terms_of
from engine.domain.costs import nav, pay_costs
from engine.domain.instants import Instant
from engine.domain.notices import UnitsMerged
from engine.domain.numbers import ONE, money, text, toward_zero
from engine.domain.outputs import Refusal
from engine.domain.state import Token

MOST_MERGED = Decimal(10**15)
"""So many units of the first series may have become one, or one so many."""
FLOOR = "nav floor"
"""Who merges units where the NAV has fallen below the floor of the terms."""


def merge(book: Book, command: MergeUnits) -> Refusal | None:
    """`ratio` units become one, from here on."""
    token = book.tokens.get(command.token)
    if token is None:
        return "unknown_token"
    if token.ended:
        return "not_live"
    if not _leaves_numbers(token, command.ratio):
        return "bad_ratio"
    if command.terms_version <= book.newest_version(token.token):
        return "terms_version_not_newer"
    token.terms_version = command.terms_version
    token.nav_floor = money(token.nav_floor * command.ratio)
    _merge(book, token, command.ratio, command.by, command.reason, book.now)
    return None


def merge_below_floor(book: Book, token: Token, value: Decimal, time: Instant) -> None:
    """Merge at a reset where a unit is worth less than the floor. The floor stays: it is what made the merge.

    Terms that are scheduled come into force all the same, under the number after theirs.
    """
    if value >= token.nav_floor or not _leaves_numbers(token, Decimal(token.terms.floor_merge)):
        return
    token.terms_version += 1
    market = book.market
    market.pending_terms = [
        replace(each, terms_version=each.terms_version + 1) if terms_of(each) == token.token else each
        for each in market.pending_terms
    ]
    reason = f"a unit is worth less than {text(token.nav_floor)}"
    _merge(book, token, Decimal(token.terms.floor_merge), FLOOR, reason, time)


def _leaves_numbers(token: Token, ratio: Decimal) -> bool:
    """Whether units, initial NAV and the factor of all merges are still numbers of their size afterwards."""
    factor = token.factor * ratio
    if not ONE / MOST_MERGED <= factor < MOST_MERGED or not money(token.initial_nav * ratio):
        return False
    return not token.units or bool(toward_zero(token.units / ratio))


def _merge(book: Book, token: Token, ratio: Decimal, by: str, reason: str, time: Instant) -> None:
    price = book.market.price
    if token.units and price is not None:
        pay_costs(book, token, price, time)
    token.units = toward_zero(token.units / ratio)
    token.factor = money(token.factor * ratio)
    token.initial_nav = money(token.initial_nav * ratio)
    token.benchmark, token.rule_value = money(token.benchmark * ratio), money(token.rule_value * ratio)
    scale_day(token.day, ratio)
    token.quote, token.quote_valid_from = None, token.terms_version
    token.beyond = token.beyond_since = None
    for request in book.requests.values():
        if request.token == token.token and request.ended is None:
            request.units, request.created = toward_zero(request.units / ratio), toward_zero(request.created / ratio)
            if request.flow == "redemption":
                request.delivered = toward_zero(request.delivered / ratio)
            book.touch(request)
    _scale_caps(book, token, ratio)
    book.touch(token)
    known = token.units and price is not None and book.market.no_index is None
    worth = money(nav(token, price, time)) if known and price is not None else None
    book.emit(
        UnitsMerged(
            underlying=book.market.underlying,
            token=token.token,
            ratio=ratio,
            factor=token.factor,
            units=token.units,
            nav=worth,
            terms_version=token.terms_version,
            by=by,
            reason=reason,
        ),
        time,
    )


def _scale_caps(book: Book, token: Token, ratio: Decimal) -> None:
    for participant in book.participants.values():
        participant.entitlements = {
            name: each.scaled(ratio) if name == token.token else each for name, each in participant.entitlements.items()
        }
        for tally in (each for each in participant.tallies if each.token == token.token):
            tally.today, tally.total = toward_zero(tally.today / ratio), toward_zero(tally.total / ratio)
        book.note(participant)
