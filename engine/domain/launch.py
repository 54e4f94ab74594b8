"""How a token gets its first units: by the first creation, or in kind by the issuer (specification, section 1)."""

from decimal import Decimal

from engine.domain.attribution import start_day
from engine.domain.book import Book
from engine.domain.costs import move
from engine.domain.exposure import equity, target
from engine.domain.numbers import ZERO, money
from engine.domain.outputs import TokenLaunched
from engine.domain.sight import Sight
from engine.domain.state import Token


def launch_seeded(book: Book, seen: Sight) -> None:
    """Launch listed tokens that the issuer seeds: basket and cash come in kind, at target at the index price."""
    price = seen.index_price
    if price is None:
        return
    for token in book.named(book.seeded):
        if book.halted(token):
            continue
        worth = money(token.terms.seed_units * token.initial_nav)
        token.units = token.terms.seed_units
        token.goal = target(token.terms.multiplier, ZERO, worth, price)
        move(book, token, token.goal, worth - money(token.goal * price))
        launch(book, token, price)


def launch(book: Book, token: Token, price: Decimal) -> None:
    """Start a series on what the token holds now: benchmark and rule value at the initial NAV and this price."""
    token.status, token.series, token.origin, token.decided_at = "live", token.series + 1, None, price
    token.benchmark = token.rule_value = token.initial_nav
    token.benchmark_price = token.rule_price = price
    token.nav_sequence_base -= book.market.marks
    token.fee_since = token.interest_since = book.now
    token.interest, token.held = ZERO, token.held[-1:]
    start_day(token, token.initial_nav, price, book.now)
    book.touch(token)
    nav = money(equity(token.basket, token.cash, price) / token.units)
    book.emit(
        TokenLaunched(
            book.market.underlying, token.token, token.series, token.units, nav, price, token.basket, token.cash
        )
    )
