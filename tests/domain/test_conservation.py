"""Basket, cash and units change only by market fills, funding, interest, and what participants and issuer put in."""

from decimal import Decimal
from typing import Any

import pytest

from engine.domain.book import Book
from engine.domain.events import Body
from engine.domain.inputs import Input
from engine.domain.machine import step
from engine.domain.notices import FeePaid, FundingBooked, UnitsMerged
from engine.domain.numbers import ZERO, exact, money
from engine.domain.outputs import FillBooked, OrderSent, TokenClosed, TokenLaunched, WantsCrossed
from engine.domain.primary_events import RequestReturned, RequestSettled, RequestStruck, UnitsCreated
from engine.domain.requests import CashDelivered
from tests.walk import Walk

PLACE = Decimal("1E-18")


def basket(book: Book) -> Decimal:
    accounts = [*book.tokens.values(), *book.requests.values()]
    return book.market.issuer_basket + sum((each.basket for each in accounts), ZERO)


def cash(book: Book) -> Decimal:
    """Of tokens, flows and issuer, with what participants have delivered and what they are owed."""
    total = book.market.issuer_cash + sum((token.cash for token in book.tokens.values()), ZERO)
    for request in book.requests.values():
        if request.ended is None:
            total += request.cash + request.returned + (request.delivered if request.flow == "creation" else ZERO)
    return total


def moved(body: Body) -> tuple[Decimal, Decimal]:
    """What an output says came from outside: basket and cash."""
    match body:
        case FillBooked():
            sign = 1 if body.side == "buy" else -1
            quantity = sum((share.quantity for share in body.shares), ZERO)
            paid = sum((share.cash for share in body.shares), ZERO)
            assert quantity == sign * body.quantity
            assert abs(paid + quantity * body.price + body.commission) <= PLACE
            return quantity, paid
        case WantsCrossed():
            assert sum((share.quantity for share in body.shares), ZERO) == ZERO
            assert sum((share.cash for share in body.shares), ZERO) == ZERO
        case OrderSent():
            sign = 1 if body.side == "buy" else -1
            assert sum((part.quantity for part in body.allocations), ZERO) == sign * body.quantity
        case FundingBooked():
            return ZERO, body.unshared + sum((share.cash for share in body.shares), ZERO)
        case FeePaid():
            return ZERO, -body.interest
        case TokenClosed():
            return ZERO, -money(body.units * body.final_value)
        case RequestSettled():
            return ZERO, -body.cash
        case RequestReturned(flow="creation"):
            return ZERO, -body.cash
    return ZERO, ZERO


def units_moved(body: Body, seeded: set[str]) -> tuple[str, Decimal] | None:
    match body:
        case TokenLaunched() if body.token in seeded:
            seeded.discard(body.token)
            return body.token, body.units
        case UnitsCreated():
            return body.token, body.units
        case RequestStruck(flow="redemption"):
            return body.token, -body.units
        case TokenClosed():
            return body.token, -body.units
    return None


def check(book: Book, given: Input, before: tuple[Decimal, Decimal], bodies: list[Body], seeded: set[str]) -> None:
    came = [moved(body) for body in bodies]
    cash_in = given.amount if isinstance(given, CashDelivered) and not _refused(bodies) else ZERO
    came += [(each.basket, each.cash) for each in bodies if isinstance(each, TokenLaunched) and each.token in seeded]
    assert basket(book) - before[0] == sum((each for each, _ in came), ZERO)
    assert cash(book) - before[1] == cash_in + sum((each for _, each in came), ZERO)


def _refused(bodies: list[Body]) -> bool:
    return any(body.type == "input_refused" for body in bodies)


@pytest.mark.parametrize("seed", range(40))
def test_nothing_comes_from_nowhere(seed: int) -> None:
    walk = Walk(seed, steps=250)
    opening: Any = walk.inputs[0][0]
    book = Book.opened_by(opening)
    units: dict[str, Decimal] = {}
    with exact():
        for given, position in walk.inputs:
            before = basket(book), cash(book)
            seeded = {token.token for token in book.tokens.values() if not token.series}
            bodies = [output.body for output in step(book, given, position)]
            check(book, given, before, bodies, seeded)
            merged = {body.token for body in bodies if isinstance(body, UnitsMerged)}
            for change in [each for body in bodies if (each := units_moved(body, seeded)) is not None]:
                units[change[0]] = units.get(change[0], ZERO) + change[1]
            for token in book.tokens.values():
                if token.token in merged:
                    units[token.token] = token.units
                assert token.units == units.get(token.token, ZERO)
                assert token.units >= ZERO
