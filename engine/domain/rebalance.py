"""What sets a token's goal: the daily reset at the fix, the leverage limits between, the end of its value.

Specification, sections 2 and 3. Goals are set here and nowhere chased; orders come of them in `execution`.
"""

from decimal import Decimal
from typing import Literal

from engine.domain.attribution import close_day, start_day
from engine.domain.book import Book
from engine.domain.corporate import merge_below_floor
from engine.domain.costs import pay_costs
from engine.domain.exposure import equity, fallen_to, grown, leverage, reached, target
from engine.domain.index import Mid, basis
from engine.domain.instants import Instant
from engine.domain.netting import sendable
from engine.domain.numbers import ZERO, money
from engine.domain.outputs import FixTaken, RebalanceTriggered, TokenReset, TokenTerminated, Trigger
from engine.domain.sight import Sight
from engine.domain.state import Origin, Token

EMERGENCIES = ("emergency_leverage", "termination")
DE_LEVERS = ("max_leverage", "emergency_leverage")


def take_fix(book: Book, price: Decimal, counted: list[Mid], boundary: Instant, *, on_time: bool) -> list[Token]:
    """The fix of the boundaries waiting: benchmarks move, tokens are reset; a halted one owes its reset.

    Returns the tokens the fix is for: those that were reset, and those that wait for their first units.
    """
    market = book.market
    boundaries, market.boundaries_waiting = market.boundaries_waiting, 0
    late = not on_time or boundaries > 1
    time = boundary if on_time else book.now
    book.emit(FixTaken(market.underlying, boundary, boundaries, late, price, basis(counted)), time)
    done = []
    for token in book.tokens.values():
        if token.status == "listed":
            done.append(token)
            continue
        multiplier = token.terms.multiplier
        token.benchmark = grown(token.benchmark, multiplier, token.benchmark_price, price)
        token.benchmark_price = price
        book.note(token)
        if token.status != "live":
            continue
        token.owes_resets += boundaries
        if book.halted(token):
            book.touch(token)
        else:
            _reset(book, token, price, boundary, time, late=late or token.owes_resets > boundaries)
            done.append(token)
    market.day_high = market.day_low = price
    return done


def reset_owed(book: Book, price: Decimal) -> list[Token]:
    """The resets that came due while their token was halted: late, at the first index after. Returns the tokens."""
    owing = [token for token in book.named(book.owing) if not book.halted(token)]
    for token in owing:
        _reset(book, token, price, book.last_boundary, book.now, late=True)
    return owing


def _reset(book: Book, token: Token, price: Decimal, boundary: Instant, time: Instant, *, late: bool) -> None:
    """Pay what accrued, close the day, set the goal; at an announced last reset the goal is zero."""
    boundaries, token.owes_resets = token.owes_resets, 0
    pay_costs(book, token, price, time)
    worth = equity(token.basket, token.cash, price)
    before = _leverage(token, price)
    value = max(ZERO, worth / token.units)
    _move_rule_value(token, price)
    book.emit(close_day(token, book.market, value, price), time)
    start_day(token, value, price, time)
    token.wound_down = token.last_reset is not None and boundary >= token.last_reset
    _set_goal(book, token, "reset", price)
    book.emit(
        TokenReset(
            underlying=book.market.underlying,
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
    if token.wound_down:
        terminate(book, token, price, with_index=True, time=time)
    else:
        merge_below_floor(book, token, value, time)


def terminate_spent(book: Book, seen: Sight) -> None:
    """End every live token whose equity is gone at the prices in sight, halted or not."""
    if seen.price is None:
        return
    for token in book.exposed(seen.low, seen.high):
        if all(equity(token.basket, token.cash, price) <= ZERO for price in seen.demanded_by):
            terminate(book, token, seen.price, with_index=seen.with_index, time=book.now)


def terminate(book: Book, token: Token, price: Decimal, *, with_index: bool, time: Instant) -> None:
    """End a token: its goal is zero from here, and so is that of every flow it has."""
    _move_rule_value(token, price)
    token.status, token.goal, token.origin, token.decided_at = "terminated", ZERO, "termination", price
    token.tries, token.abandoned, token.owes_resets = 0, False, 0
    book.touch(token)
    worth = money(equity(token.basket, token.cash, price))
    reason: Literal["wound_down", "value_gone"] = "wound_down" if token.wound_down else "value_gone"
    book.emit(TokenTerminated(book.market.underlying, token.token, reason, with_index, price, worth), time)
    for request in book.flows():
        if request.token == token.token:
            request.unwinding, request.abandoned, request.goal, request.decided_at = True, False, ZERO, price
            book.touch(request)


def trigger(book: Book, seen: Sight, *, price_moved: bool) -> None:
    """Set a new goal for every live token that has reached a leverage limit.

    Limits are looked at after a change of price, basket or cash; without one nothing fires twice.
    """
    price = seen.price
    if price is None:
        return
    for token in book.exposed(seen.low, seen.high):
        if not token.basket or not (price_moved or token.moved) or book.halted(token):
            continue
        if token.moved:
            book.looked_at(token)
        fired = _fired(book, token, seen, price)
        if fired is None:
            continue
        name, limit = fired
        worth = equity(token.basket, token.cash, price)
        before = _leverage(token, price)
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
        and not token.wound_down
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
    goal = target(token.terms.multiplier, token.basket, token.cash, price)
    token.goal = ZERO if token.wound_down else goal
    token.origin, token.decided_at = origin, price
    token.tries, token.abandoned = 0, False
    book.touch(token)


def _leverage(token: Token, price: Decimal) -> Decimal | None:
    """As it is published: cut to 18 places."""
    lever = leverage(token.basket, token.cash, price)
    return None if lever is None else money(lever)


def _move_rule_value(token: Token, price: Decimal) -> None:
    """The rule value follows the token's own decisions at their prices, without cost."""
    token.rule_value = grown(token.rule_value, token.terms.multiplier, token.rule_price, price)
    token.rule_price = price
