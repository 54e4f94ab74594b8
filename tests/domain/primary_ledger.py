"""A desk that checks its books after every input: nothing appears or vanishes, and holders pay for nobody."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.domain.book import Book
from engine.domain.events import Body
from engine.domain.inputs import Input
from engine.domain.instants import Instant
from engine.domain.notices import FeePaid, FundingBooked
from engine.domain.numbers import exact
from engine.domain.outputs import (
    FillBooked,
    OrderSent,
    TokenClosed,
    TokenLaunched,
    TokenTerminated,
    WantsCrossed,
)
from engine.domain.primary_events import (
    DeliveryNoted,
    RequestAccepted,
    RequestReturned,
    RequestSettled,
    RequestStruck,
    SettlementInstructed,
    UnitsCreated,
    UnitsRedeemed,
)
from engine.domain.requests import CashDelivered
from engine.domain.state import Market, record_name
from engine.wire.states import decode_record, encode_record
from tests.desk import Desk
from tests.domain.scenes import kinds

ZERO = Decimal(0)
TINY = Decimal("1e-17")
ENDED = ("hedged", "settled", "returned")


def total(values: Any) -> Decimal:
    return sum(values, ZERO)


def rebuilt(book: Book) -> Book:
    """The book read back from the bytes of its records."""
    read = [decode_record(record_name(record), encode_record(record)) for record in book.records()]
    [market] = [record for record in read if isinstance(record, Market)]
    return Book(market, [record for record in read if not isinstance(record, Market)])


@dataclass
class Held:
    """What a token held before an input."""

    units: Decimal
    basket: Decimal
    cash: Decimal


class Unit:
    """What a unit is worth at `price` by the outputs alone, if flows cost it nothing."""

    def __init__(self, name: str, price: Decimal, before: Held, over: set[str]) -> None:
        self.name, self.price, self.over = name, price, over
        self.units = self.least = before.units
        self.basket = before.basket
        self.value = (before.basket * price + before.cash) / before.units

    def take(self, body: Body) -> None:
        """Move by one output, in the order they came."""
        match body:
            case FillBooked() | WantsCrossed():
                for share in body.shares:
                    if self._own(share):
                        self.value += (share.quantity * self.price + share.cash) / self.units
                        self.basket += share.quantity
            case FundingBooked():
                self.value += total(share.cash for share in body.shares if self._own(share)) / self.units
            case FeePaid() if body.token == self.name:
                self.value -= (body.fee + body.interest) / self.units
            case RequestStruck() if body.token == self.name and body.flow == "redemption":
                self.units -= body.units
                self.least = min(self.least, self.units)
                self.basket -= body.basket
            case UnitsCreated() if body.token == self.name:
                self.units += body.units
                self.basket += body.basket
                self.value += body.charge / self.units
            case UnitsRedeemed() if body.token == self.name:
                self.basket += body.returned_basket
                self.value += body.charge / self.units
            case _:
                pass

    def _own(self, share: Any) -> bool:
        return (
            share.token == self.name and not share.to_issuer and (share.request is None or share.request in self.over)
        )


@dataclass
class Ledger(Desk):
    """Everyone's cash, units and basket, kept by the outputs alone and compared with the book after every input."""

    custody: dict[str, Decimal] = field(default_factory=dict)
    """Delivered for creations and not yet paid on, or owed for redemptions."""
    outside: Decimal = ZERO
    """What participants and holders were paid less what participants delivered."""
    units: dict[str, Decimal] = field(default_factory=dict)
    struck: set[str] = field(default_factory=set)
    paid_for: set[str] = field(default_factory=set)
    over: set[str] = field(default_factory=set)
    checking: bool = False
    rebuild_every: int = 0

    def begin(self) -> None:
        """From here on, after the seeds, everything is checked."""
        assert self.book is not None
        self.units = {name: token.units for name, token in self.book.tokens.items()}
        self.checking = True

    def feed(self, given: Input, *, appended: Instant | None = None) -> list[Body]:
        if not self.checking:
            return super().feed(given, appended=appended)
        assert self.book is not None
        cash, basket = self._all_cash(), self._all_basket()
        held = {name: Held(token.units, token.basket, token.cash) for name, token in self.book.tokens.items()}
        over = {name for name, each in self.book.requests.items() if each.status in ENDED}
        said = super().feed(given, appended=appended)
        with exact():
            self._note(given, said)
            self._check_conservation(said, cash, basket)
            for name, before in held.items():
                self._check_holders(said, name, before, over)
        self._check_orders(said)
        if self.rebuild_every and self.offset % self.rebuild_every == 0:
            self.book = rebuilt(self.book)
        return said

    def _all_cash(self) -> Decimal:
        assert self.book is not None
        flows = total(each.cash for name, each in self.book.requests.items() if name not in self.over)
        tokens = total(token.cash for token in self.book.tokens.values())
        return tokens + flows + self.book.market.issuer_cash + total(self.custody.values()) + self.outside

    def _all_basket(self) -> Decimal:
        assert self.book is not None
        flows = total(each.basket for name, each in self.book.requests.items() if name not in self.over)
        return total(token.basket for token in self.book.tokens.values()) + flows + self.book.market.issuer_basket

    def _note(self, given: Input, said: list[Body]) -> None:
        for body in said:
            match body:
                case DeliveryNoted() | RequestAccepted() if isinstance(given, CashDelivered):
                    self.custody[given.request_id] = self.custody.get(given.request_id, ZERO) + given.amount
                    self.outside -= given.amount
                case RequestStruck():
                    self.struck.add(body.request_id)
                    self.units[body.token] -= body.units if body.flow == "redemption" else ZERO
                case TokenClosed():
                    self.outside += body.final_value * body.units
                    assert self.units[body.token] == body.units
                    self.units[body.token] = ZERO
                case _:
                    self._note_end(body)

    def _note_end(self, body: Body) -> None:
        match body:
            case UnitsCreated():
                self.custody[body.request_id] -= body.paid + body.charge + body.fee
                assert self.custody[body.request_id] >= 0, "paid more than was delivered"
                self.units[body.token] += body.units
                self.paid_for.add(body.request_id)
            case UnitsRedeemed():
                self.custody[body.request_id] = body.payout
                assert body.payout >= 0
                self.paid_for.add(body.request_id)
            case SettlementInstructed():
                assert body.request_id in self.paid_for
                self.custody[body.request_id] = body.cash
            case RequestSettled():
                assert body.request_id in self.paid_for
                self._release(body.request_id, body.cash)
            case RequestReturned():
                unstruck = body.flow == "redemption" and body.request_id not in self.struck
                self._release(body.request_id, ZERO if unstruck else body.cash)
            case _:
                pass

    def _release(self, name: str, cash: Decimal) -> None:
        assert cash >= 0
        assert name not in self.over
        assert self.book is not None
        self.outside += cash
        self.custody.pop(name, None)
        self.over.add(name)

    def _check_conservation(self, said: list[Body], cash: Decimal, basket: Decimal) -> None:
        assert self.book is not None
        booked = [share for fill in kinds(said, FillBooked) for share in fill.shares]
        crossed = [share for cross in kinds(said, WantsCrossed) for share in cross.shares]
        funded = [share.cash for each in kinds(said, FundingBooked) for share in each.shares]
        funded += [each.unshared for each in kinds(said, FundingBooked)]
        assert total(share.cash for share in crossed) == total(share.quantity for share in crossed) == 0
        assert self._all_basket() - basket == total(share.quantity for share in booked)
        assert self._all_cash() - cash == total(share.cash for share in booked) + total(funded), said
        assert {name: token.units for name, token in self.book.tokens.items()} == self.units
        for fill in kinds(said, FillBooked):
            sign = 1 if fill.side == "buy" else -1
            assert total(share.quantity for share in fill.shares) == sign * fill.quantity
            moved = total(share.cash for share in fill.shares) + sign * fill.quantity * fill.price + fill.commission
            assert abs(moved) < Decimal("1e-15")

    def _check_holders(self, said: list[Body], name: str, before: Held, over: set[str]) -> None:
        """A unit's value moved by its own token's trades, funding and fees, and by the charge: by nothing else."""
        assert self.book is not None
        token, price = self.book.tokens[name], self.book.market.price
        ended: list[TokenLaunched | TokenTerminated | TokenClosed] = [
            *kinds(said, TokenLaunched),
            *kinds(said, TokenTerminated),
            *kinds(said, TokenClosed),
        ]
        if not before.units or not token.units or price is None or any(end.token == name for end in ended):
            return
        step = Unit(name, price, before, over)
        for body in said:
            step.take(body)
        now = (token.basket * price + token.cash) / token.units
        if step.value <= 0:
            return
        terms = self.book.market.terms
        assert step.units == token.units
        back = abs(token.basket - step.basket) * price / step.least
        unseen = back * (terms.slippage + (1 + terms.slippage) * terms.commission)  # of what a creation could not sell
        dust = max(step.value * TINY, 5 * Decimal("1e-18") / step.least)
        assert now >= step.value - Decimal("1e-30"), (name, now - step.value, said)
        assert now <= step.value + unseen * (1 + TINY) + dust, (name, now - step.value, unseen, said)

    def _check_orders(self, said: list[Body]) -> None:
        for order in kinds(said, OrderSent):
            sign = 1 if order.side == "buy" else -1
            assert total(part.quantity for part in order.allocations) == sign * order.quantity
            assert total(part.quantity for part in order.crosses) == 0
