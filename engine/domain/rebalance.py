"""What sets a token's goal: the daily reset at the fix, the leverage limits between, the end of its value.

Specification, sections 2 and 3. Goals are set here and nowhere chased; orders come of them in `execution`.
"""

from decimal import Decimal
from typing import NamedTuple

from engine.domain.book import Book
from engine.domain.exposure import equity, fallen_to, leverage, reached, target
from engine.domain.index import Mid, basis, middle
from engine.domain.instants import DAY, Instant
from engine.domain.netting import sendable
from engine.domain.numbers import ONE, ZERO, money
from engine.domain.outputs import FixTaken, RebalanceTriggered, TokenReset, TokenTerminated, Trigger
from engine.domain.state import Origin, Token

EMERGENCIES = ("emergency_leverage", "termination")
DE_LEVERS = ("max_leverage", "emergency_leverage")


class Sight(NamedTuple):
    """What prices the input at hand lets the book act on.

    With an index every rule may act at `price`. Without one, `price` is the median of the usable mids and only
    what every usable mid alone demands may act: `low` and `high` are the extreme mids.
    """

    price: Decimal | None
    with_index: bool
    low: Decimal
    high: Decimal
    counted: tuple[Mid, ...]

    @property
    def demanded_by(self) -> tuple[Decimal, ...]:
        """The prices at which a limit must be reached before it acts."""
        return (self.low,) if self.low == self.high else (self.low, self.high)


def sight(book: Book, usable: list[Mid], counted: list[Mid], index: Decimal | None) -> Sight:
    """What can be acted on, from the usable mids, those counted and the index price if there is one."""
    if index is not None:
        return Sight(index, with_index=True, low=index, high=index, counted=tuple(counted))
    if len(usable) < book.rule.min_venues:
        return Sight(None, with_index=False, low=ZERO, high=ZERO, counted=())
    return Sight(middle(usable), with_index=False, low=usable[0].price, high=usable[-1].price, counted=tuple(usable))


def take_fix(book: Book, price: Decimal, counted: list[Mid], boundary: Instant, *, on_time: bool) -> None:
    """The fix of the boundaries waiting: benchmarks move, tokens are reset."""
    market = book.market
    boundaries, market.boundaries_waiting = market.boundaries_waiting, 0
    late = not on_time or boundaries > 1
    time = boundary if on_time else book.now
    book.emit(FixTaken(market.underlying, boundary, boundaries, late, price, basis(counted)), time)
    for token in book.tokens.values():
        if token.status == "listed":
            continue
        multiplier = token.terms.multiplier
        token.benchmark = grown(token.benchmark, multiplier, token.benchmark_price, price)
        token.benchmark_price = price
        book.note(token)
        if token.status != "live":
            continue
        worth = equity(token.basket, token.cash, price)
        before = leverage(token.basket, token.cash, price)
        _set_goal(book, token, "reset", price)
        book.emit(
            TokenReset(
                underlying=market.underlying,
                token=token.token,
                boundary=boundary,
                boundaries=boundaries,
                late=late,
                price=price,
                equity=money(worth),
                leverage=before,
                goal=token.goal,
                want=token.want,
                benchmark=token.benchmark,
                rule_value=token.rule_value,
            ),
            time,
        )


def last_boundary(book: Book) -> Instant:
    """The latest boundary that has passed."""
    return book.market.next_boundary - DAY


def terminate_spent(book: Book, seen: Sight) -> None:
    """End every live token whose equity is gone at the prices in sight."""
    if seen.price is None:
        return
    for token in book.exposed(seen.low, seen.high):
        if any(equity(token.basket, token.cash, price) > ZERO for price in seen.demanded_by):
            continue
        _move_rule_value(token, seen.price)
        token.status, token.goal, token.origin = "terminated", ZERO, "termination"
        token.tries, token.abandoned = 0, False
        book.touch(token)
        worth = money(equity(token.basket, token.cash, seen.price))
        book.emit(TokenTerminated(book.market.underlying, token.token, seen.with_index, seen.price, worth))


def trigger(book: Book, seen: Sight, *, price_moved: bool) -> None:
    """Set a new goal for every live token that has reached a leverage limit.

    Limits are looked at after a change of price, basket or cash; without one nothing fires twice.
    """
    price = seen.price
    if price is None:
        return
    for token in book.exposed(seen.low, seen.high):
        if not token.basket or not (price_moved or token.moved):
            continue
        if token.moved:
            token.moved = False
            book.note(token)
        fired = _fired(book, token, seen, price)
        if fired is None:
            continue
        name, limit = fired
        worth = equity(token.basket, token.cash, price)
        before = leverage(token.basket, token.cash, price)
        _set_goal(book, token, name, price)
        book.emit(
            RebalanceTriggered(
                underlying=book.market.underlying,
                token=token.token,
                trigger=name,
                limit=limit,
                with_index=seen.with_index,
                price=price,
                equity=money(worth),
                leverage=before,
                goal=token.goal,
                want=token.want,
                rule_value=token.rule_value,
            )
        )


def de_lever_demanded(token: Token, seen: Sight) -> bool:
    """Whether every price in sight alone demands a de-lever or the end of the token."""
    limit = token.terms.de_lever_at
    if token.status == "terminated" or limit is None:
        return all(equity(token.basket, token.cash, price) <= ZERO for price in seen.demanded_by)
    return all(reached(limit, token.basket, token.cash, price) for price in seen.demanded_by)


def want_open(book: Book, token: Token, price: Decimal) -> bool:
    """Whether the token's want is still being worked: part of an order out, or a rest that could be sent alone."""
    return bool(token.open) or bool(sendable(token.want, price, book.market.terms))


def is_urgent(book: Book, token: Token, price: Decimal) -> bool:
    """Whether the token's want is an emergency not yet closed."""
    return (
        token.origin in EMERGENCIES
        and token.terms.emergency_at is not None
        and bool(sendable(token.want, price, book.market.terms))
    )


def _fired(book: Book, token: Token, seen: Sight, price: Decimal) -> tuple[Trigger, Decimal] | None:
    """The limit that acts now, if one does."""
    terms, basket, cash = token.terms, token.basket, token.cash
    open_want = want_open(book, token, price)
    emergency, limit = terms.emergency_at, terms.de_lever_at
    if (
        emergency is not None
        and not (open_want and token.origin == "emergency_leverage")
        and all(reached(emergency, basket, cash, at) for at in seen.demanded_by)
        and not _would_reverse(token, price)
    ):
        return "emergency_leverage", emergency
    if (
        limit is not None
        and not (open_want and token.origin in DE_LEVERS)
        and all(reached(limit, basket, cash, at) for at in seen.demanded_by)
    ):
        return "max_leverage", limit
    if (
        terms.min_leverage is not None
        and seen.with_index
        and not (open_want and token.origin == "min_leverage")
        and fallen_to(terms.min_leverage, basket, cash, price)
    ):
        return "min_leverage", terms.min_leverage
    return None


def _would_reverse(token: Token, price: Decimal) -> bool:
    """Whether a goal set now would trade against the token's own emergency order still out."""
    goal = target(token.terms.multiplier, token.basket, token.cash, price)
    return token.open_urgent * (goal - token.basket - token.open) < ZERO


def _set_goal(book: Book, token: Token, origin: Origin, price: Decimal) -> None:
    _move_rule_value(token, price)
    token.goal = target(token.terms.multiplier, token.basket, token.cash, price)
    token.origin = origin
    token.tries, token.abandoned = 0, False
    book.touch(token)


def _move_rule_value(token: Token, price: Decimal) -> None:
    """The rule value follows the token's own decisions at their prices, without cost."""
    token.rule_value = grown(token.rule_value, token.terms.multiplier, token.rule_price, price)
    token.rule_price = price


def grown(value: Decimal, multiplier: Decimal, old_price: Decimal, price: Decimal) -> Decimal:
    """A value that follows `multiplier` times the return from `old_price` to `price`, never below zero."""
    return max(ZERO, money(value * (ONE + multiplier * (price / old_price - ONE))))
