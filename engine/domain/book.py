"""The issuer's book on one underlying: durable state, what is derived from it, and what the current input caused.

The book has no rules. It keeps the derived numbers in step with the state, above all the `quiet` range: while
the index stays inside it and no deadline is due, no token can need anything, so most quotes end right there.
"""

from collections import defaultdict
from decimal import Decimal

from engine.domain.exposure import price_at, zero_price
from engine.domain.index import IndexRule, Mid
from engine.domain.inputs import Position, SetTokenTerms, SetUnderlyingTerms
from engine.domain.instants import SECOND, Instant
from engine.domain.numbers import ONE, ZERO, whole_lots
from engine.domain.outputs import Body, Output
from engine.domain.state import Account, Market, Order, Token

ENDED_ORDERS_KEPT = 256
"""Fills of older orders are unknown."""

_EDGE = Decimal("1E-9")
"""The quiet range ends this much before a limit, so the exact test is always made near it."""

NEVER: Instant = 2**62
UNBOUNDED = Decimal("1E+40")
_ANY_PRICE = (ZERO, UNBOUNDED)
_NO_PRICE = (UNBOUNDED, ZERO)


class Book:
    """State of one underlying and the outputs of the input at hand."""

    __slots__ = (
        "_held_high",
        "_held_low",
        "_ranges",
        "changed",
        "closing",
        "due",
        "high",
        "low",
        "market",
        "mids",
        "orders",
        "out",
        "outputs",
        "position",
        "rule",
        "stale",
        "tokens",
        "touched",
        "wanting",
    )

    def __init__(self, market: Market, tokens: dict[str, Token], orders: dict[str, Order]) -> None:
        """Open a book on durable state, fresh or read back."""
        self.market = market
        self.tokens = dict(sorted(tokens.items()))
        self.orders = dict(sorted(orders.items(), key=lambda item: item[1].number))
        self.out = [order for order in self.orders.values() if order.outcome is None]
        self.position = Position(0, 0)
        self.outputs: list[Output] = []
        self.touched: set[str] = set()
        """Tokens something happened to in the input at hand; they are published at its end."""
        self.stale: set[str] = set()
        """Tokens whose quiet range has to be told afresh."""
        self.changed: set[str] = set()
        """Names of the durable records that changed; the shell clears it when it has them."""
        self.wanting = {token.token for token in self.tokens.values() if token.want}
        self.closing = {token.token for token in self.tokens.values() if token.status == "terminated"}
        self._ranges: dict[str, tuple[Decimal, Decimal]] = {}
        self._held_low, self._held_high = ZERO, UNBOUNDED
        self.low, self.high, self.due = UNBOUNDED, ZERO, 0
        self.use_terms()

    @classmethod
    def opened_by(cls, command: SetUnderlyingTerms) -> "Book":
        """A new, empty book."""
        market = Market(underlying=command.underlying, terms_version=0, terms=command.terms)
        return cls(market, {}, {})

    def use_terms(self) -> None:
        """Derive everything afresh: after opening, and after a change of terms."""
        self.rule = IndexRule.of(self.market.terms)
        self.mids: dict[str, Mid] = {}
        for venue, quote in self.market.quotes.items():
            mid = self.rule.mid(quote)
            if mid is not None:
                self.mids[venue] = mid
        self.stale.update(self.tokens)
        self.due = 0

    def list_token(self, command: SetTokenTerms) -> Token:
        """A new token, without units."""
        token = Token(token=command.token, underlying=command.underlying, terms_version=0, terms=command.terms)
        self.tokens[token.token] = token
        self.tokens = dict(sorted(self.tokens.items()))
        return token

    # What the input at hand caused

    @property
    def now(self) -> Instant:
        """The underlying's time."""
        time = self.market.time
        return 0 if time is None else time

    def emit(self, body: Body, time: Instant | None = None) -> None:
        """Say something under the underlying's key; `time` is the underlying's unless it lies at a boundary."""
        market = self.market
        if body.stream == "orders":
            market.orders_sequence += 1
            sequence = market.orders_sequence
        else:
            market.events_sequence += 1
            sequence = market.events_sequence
        self.outputs.append(Output(market.underlying, sequence, self.now if time is None else time, body))

    def touch(self, account: Account) -> None:
        """The account changed: its record is to be written and its token published at once."""
        if isinstance(account, Token):
            self.touched.add(account.token)
            self.stale.add(account.token)
            self.note(account)
            (self.wanting.add if account.want else self.wanting.discard)(account.token)
            (self.closing.add if account.status == "terminated" else self.closing.discard)(account.token)

    def note(self, record: Token | Order) -> None:
        """The record changed in a way nobody outside has to hear of at once."""
        self.changed.add(f"token:{record.token}" if isinstance(record, Token) else f"order:{record.order_id}")

    def record(self, name: str) -> Token | Order | None:
        """The record `changed` names, or None if it is gone."""
        kind, _, key = name.partition(":")
        return self.tokens.get(key) if kind == "token" else self.orders.get(key)

    def account(self, token: str) -> Account:
        """The account a part of an order or fill belongs to."""
        return self.tokens[token]

    def add_order(self, order: Order) -> None:
        """A new order is out."""
        self.orders[order.order_id] = order
        self.out.append(order)
        self.note(order)

    def retire_order(self, order: Order) -> None:
        """The order has ended; the oldest ended ones are forgotten."""
        self.out.remove(order)
        self.note(order)
        ended = [other for other in self.orders.values() if other.outcome is not None]
        for old in ended[: max(0, len(ended) - ENDED_ORDERS_KEPT)]:
            del self.orders[old.order_id]
            self.note(old)

    # What is derived

    def wanting_tokens(self) -> list[Token]:
        """Tokens that are not where they want to be, by name."""
        return [self.tokens[name] for name in sorted(self.wanting)]

    def exposed(self, low: Decimal, high: Decimal) -> list[Token]:
        """Live tokens that may need something at a price from `low` to `high`, by name."""
        ranges, stale = self._ranges, self.stale
        return [
            token
            for name, token in self.tokens.items()
            if token.status == "live" and (name in stale or not ranges[name][0] < low <= high < ranges[name][1])
        ]

    def refresh(self, price: Decimal | None) -> None:
        """Bring the quiet range and the next deadline up to date at the end of an input."""
        self.touched.clear()
        if self.stale:
            for name in self.stale:
                self._ranges[name] = self._quiet_range(self.tokens[name])
            self.stale.clear()
            self._held_low = max((low for low, _ in self._ranges.values()), default=ZERO)
            self._held_high = min((high for _, high in self._ranges.values()), default=UNBOUNDED)
        self.low = self._held_low
        self.high = min(self._held_high, self._sendable_from(price)) if self.wanting else self._held_high
        self.due = min(self._deadlines())

    def _sendable_from(self, price: Decimal | None) -> Decimal:
        """The lowest price at which a rest now too small in money could be sent, alone or netted with its like."""
        terms = self.market.terms
        together: dict[object, Decimal] = defaultdict(Decimal)
        for name in self.wanting:
            token = self.tokens[name]
            if token.origin == "emergency_leverage" or not token.terms.netted:
                together[name] = token.want
            if token.terms.netted:
                together[None, token.terms.fills] += token.want
        least = UNBOUNDED
        for rest in together.values():
            lots = abs(whole_lots(rest, terms.lot))
            if lots and (price is None or lots * price < terms.min_notional):
                least = min(least, terms.min_notional / lots)
        return least * (ONE - _EDGE)

    def _deadlines(self) -> list[Instant]:
        market, now = self.market, self.now
        terms = market.terms
        times = [market.next_boundary]
        if terms.publication_interval_s:
            times.append(0 if market.last_mark is None else market.last_mark + terms.publication_interval_s * SECOND)
        if market.last_sent is not None:
            gate = market.last_sent + terms.slice_interval_s * SECOND
            times.append(gate if gate > now else NEVER)
        if market.urgent_from > now:
            times.append(market.urgent_from)
        times += [order.expires + terms.report_grace_s * SECOND for order in self.out]
        return times

    def _quiet_range(self, token: Token) -> tuple[Decimal, Decimal]:
        """Between which prices this token needs nothing; an empty range where that is not worth telling."""
        if token.status in ("listed", "closed"):
            return _NO_PRICE if token.status == "listed" and token.terms.seed_units else _ANY_PRICE
        terms, basket, cash = token.terms, token.basket, token.cash
        ordinary = cash > ZERO if basket <= ZERO else cash < ZERO or terms.min_leverage is None
        if token.status == "terminated" or not ordinary:
            return _NO_PRICE
        limit = terms.de_lever_at
        losing = zero_price(basket, cash) if limit is None else price_at(limit, basket, cash)
        winning = None if terms.min_leverage is None else price_at(terms.min_leverage, basket, cash)
        low, high = (losing, winning) if basket > ZERO else (winning, losing)
        return (
            ZERO if low is None else low * (ONE + _EDGE),
            UNBOUNDED if high is None else high * (ONE - _EDGE),
        )
