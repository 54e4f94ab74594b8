"""What must hold of the books after every input: conservation, bands, one reset a boundary, no value below zero."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from engine.domain.book import Book
from engine.domain.events import Body
from engine.domain.exposure import reached, target
from engine.domain.inputs import Input
from engine.domain.instants import DAY, Instant
from engine.domain.notices import UnitsMerged
from engine.domain.numbers import ZERO, whole_lots
from engine.domain.outputs import FillBooked, FixTaken, NavPublished, TokenClosed, TokenReset, WantsCrossed
from engine.domain.primary_events import UnitsCreated
from engine.domain.state import Token
from tests.domain.test_conservation import basket, cash, check, units_moved


class Rules:
    """Looks on while one partition is folded, input by input."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self._units: dict[str, Decimal] = defaultdict(Decimal)
        self._resets: set[tuple[str, Instant]] = set()
        self._last_fix: dict[str, Instant] = {}
        self._before: tuple[Decimal, Decimal] = (ZERO, ZERO)
        self._seeded: set[str] = set()
        self._due: list[str] = []

    def before(self, book: Book) -> None:
        """Note what there is before an input."""
        self._before = basket(book), cash(book)
        self._seeded = {token.token for token in book.tokens.values() if token.terms.seed_units and not token.series}
        self._due = [] if book.market.halted else [
            token.token for token in book.tokens.values() if token.status == "live" and not token.halted
        ]  # fmt: skip

    def after(self, book: Book, given: Input, bodies: list[Body]) -> None:
        """Hold what came of the input against the rules. Raises AssertionError."""
        check(book, given, self._before, bodies, self._seeded)
        self._check_units(book, bodies)
        self._check_resets(book, bodies)
        booked = _booked(bodies)
        for token in book.tokens.values():
            if token.token not in booked or not token.moved:
                check_bands(book, token)
        for nav in (body for body in bodies if isinstance(body, NavPublished)):
            assert nav.nav is None or nav.nav >= ZERO, f"NAV of {nav.token} is {nav.nav}"
            assert nav.inav is None or nav.inav >= ZERO, f"iNAV of {nav.token} is {nav.inav}"
        for body in bodies:
            assert not isinstance(body, TokenClosed) or body.final_value >= ZERO, f"{body} pays less than nothing"

    def _check_units(self, book: Book, bodies: list[Body]) -> None:
        merged = {body.token for body in bodies if isinstance(body, UnitsMerged)}
        for change in [each for body in bodies if (each := units_moved(body, self._seeded)) is not None]:
            self._units[change[0]] += change[1]
        for token in book.tokens.values():
            if token.token in merged:
                self._units[token.token] = token.units
            assert token.units == self._units[token.token], f"{token.token} has {token.units} units, not as said"
            assert token.units >= ZERO

    def _check_resets(self, book: Book, bodies: list[Body]) -> None:
        """Every boundary has one fix and every token that is live one reset for it."""
        resets = [body for body in bodies if isinstance(body, TokenReset)]
        for reset in resets:
            assert (reset.token, reset.boundary) not in self._resets, f"{reset.token} is reset twice"
            self._resets.add((reset.token, reset.boundary))
        for fix in bodies:
            if isinstance(fix, FixTaken):
                last = self._last_fix.get(fix.underlying, fix.boundary - fix.boundaries * DAY)
                assert fix.boundary - last == fix.boundaries * DAY, f"{fix} does not follow {last}"
                self._last_fix[fix.underlying] = fix.boundary
                done = {reset.token for reset in resets if reset.boundary == fix.boundary}
                missing = [name for name in self._due if name not in done and book.tokens[name].status == "live"]
                assert not missing, f"{missing} have no reset at {fix.boundary}"


def _booked(bodies: Sequence[Body]) -> set[str]:
    """Tokens whose basket changed: what is booked at the end of an input is looked at in the next."""
    shares = [share for body in bodies if isinstance(body, FillBooked | WantsCrossed) for share in body.shares]
    return {share.token for share in shares} | {body.token for body in bodies if isinstance(body, UnitsCreated)}


def check_bands(book: Book, token: Token) -> None:
    """Beyond its limit a token is not left alone, unless what it lacks is too small to be sent."""
    market, limit = book.market, token.terms.de_lever_at
    price = market.price
    if token.status != "live" or token.halted or market.halted or market.no_index or price is None or limit is None:
        return
    if not reached(limit, token.basket, token.cash, price) or token.open:
        return

    def sendable(quantity: Decimal) -> bool:
        lots = abs(whole_lots(quantity, market.terms.lot))
        return lots > ZERO and lots * price >= market.terms.min_notional

    lacking = target(token.terms.multiplier, token.basket, token.cash, price) - token.basket
    assert sendable(token.want) or not sendable(lacking), f"nothing is done for {token} at {price}, {market.terms}"
