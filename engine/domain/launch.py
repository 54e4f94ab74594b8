"""How a token gets its first units (specification, section 1)."""

from decimal import Decimal

from engine.domain.book import Book
from engine.domain.exposure import equity, target
from engine.domain.numbers import ZERO, money
from engine.domain.outputs import TokenLaunched
from engine.domain.rebalance import Sight


def launch_seeded(book: Book, seen: Sight) -> None:
    """Launch listed tokens that the issuer seeds: basket and cash come in kind, at target at the index price."""
    if not seen.with_index or seen.price is None:
        return
    price: Decimal = seen.price
    for token in book.tokens.values():
        if token.status != "listed" or not token.terms.seed_units:
            continue
        worth = money(token.terms.seed_units * token.terms.initial_nav)
        token.status, token.units = "live", token.terms.seed_units
        token.basket = token.goal = target(token.terms.multiplier, ZERO, worth, price)
        token.cash = worth - money(token.basket * price)
        token.benchmark = token.rule_value = token.terms.initial_nav
        token.benchmark_price = token.rule_price = price
        token.nav_sequence_base -= book.market.marks
        book.touch(token)
        nav = money(equity(token.basket, token.cash, price) / token.units)
        book.emit(TokenLaunched(book.market.underlying, token.token, token.units, nav, price, token.basket, token.cash))
