"""The issuer's book on one underlying: durable state, what is derived from it, and what the current input caused.

The book has no rules. It keeps the derived numbers in step with the state, above all the quiet range: while
the index stays inside it and no deadline is due, no token can need anything, so most quotes end right there.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TypeVar

from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms, terms_of
from engine.domain.events import Body, Output
from engine.domain.exposure import Ladder
from engine.domain.index import IndexRule, middle
from engine.domain.inputs import Position
from engine.domain.instants import DAY, LATEST, Instant
from engine.domain.numbers import ZERO
from engine.domain.quiet import NO_CALM, NO_PRICE, UNBOUNDED, Calm, QuietRanges, calm_around, quiet_range, sendable_from
from engine.domain.state import Holder, Market, Order, Participant, Record, Request, Token, record_name

ENDED_ORDERS_KEPT = 256
"""Fills of older orders are unknown."""

ENDED_REQUESTS_KEPT = 4_096
"""The ids of older requests are forgotten."""

QUEUED = ("requested", "accepted")


class Book:
    """State of one underlying and the outputs of the input at hand."""

    __slots__ = (
        "_ladders",
        "_ranges",
        "behind",
        "calendar_due",
        "calm",
        "changed",
        "closing",
        "due",
        "high",
        "low",
        "market",
        "mids",
        "moving",
        "orders",
        "out",
        "outputs",
        "owing",
        "participants",
        "position",
        "queue",
        "requests",
        "rule",
        "seeded",
        "stale",
        "struck",
        "tokens",
        "touched",
        "wanting",
        "watched",
    )

    def __init__(self, market: Market, records: Iterable[Record] = ()) -> None:
        """Open a book on durable state, fresh or read back."""
        kept = list(records)
        self.market = market
        self.tokens = {each.token: each for each in sorted(_only(kept, Token), key=lambda each: each.token)}
        self.orders = {each.order_id: each for each in sorted(_only(kept, Order), key=lambda each: each.number)}
        self.requests = {each.request_id: each for each in sorted(_only(kept, Request), key=lambda each: each.number)}
        self.participants = {each.participant: each for each in _only(kept, Participant)}
        self.out = [order for order in self.orders.values() if order.outcome is None]
        self.position = Position(0, 0)
        self.outputs: list[Output] = []
        self.touched: set[str] = set()
        """Tokens something happened to in the input at hand; they are published at its end."""
        self.stale: set[str] = set()
        """Tokens whose quiet range has to be told afresh."""
        self.changed: set[str] = set()
        """Names of the durable records that changed; the shell clears it when it has them."""
        self.queue = {each.request_id for each in self.requests.values() if each.status in QUEUED}
        """Requests that wait for what they need, or for a strike."""
        self.struck = {each.request_id for each in self.requests.values() if each.status == "struck"}
        self.wanting: set[str] = set()
        self.moving: set[str] = set()
        """Live tokens whose limits are to be looked at, whatever the price does."""
        self.closing: set[str] = set()
        self.seeded: set[str] = set()
        """Tokens the issuer launches at the next index."""
        self.owing: set[str] = set()
        """Tokens that owe a reset."""
        self.watched: set[str] = set()
        """Tokens with a market of their own."""
        for token in self.tokens.values():
            self.sort(token)
        self._ranges = QuietRanges()
        self._ladders: dict[str, Ladder] = {}
        self.low, self.high, self.due = UNBOUNDED, ZERO, 0
        self.calendar_due: Instant = 0
        """Time may move up to here without anything coming due."""
        self.calm: Calm | None = None
        """Where quotes are only kept; None if it has to be told afresh."""
        self.behind = False
        """Quotes were only kept: mids and index price are those before them."""
        self.use_terms()

    @classmethod
    def opened_by(cls, command: SetUnderlyingTerms) -> "Book":
        """A new, empty book."""
        return cls(Market(underlying=command.underlying, terms_version=0, terms=command.terms))

    def use_terms(self) -> None:
        """Derive everything afresh: after opening, and after a change of terms."""
        market = self.market
        self.rule = IndexRule.of(market.terms)
        if market.terms.venues:
            market.quotes = {venue: quote for venue, quote in market.quotes.items() if venue in market.terms.venues}
            market.logged = {venue: offset for venue, offset in market.logged.items() if venue in market.quotes}
        self.take_mids()
        self.stale.update(self.tokens)
        self.due = self.calendar_due = 0

    def take_mids(self) -> None:
        """The middle of every venue's quote that has one."""
        mids = [self.rule.mid(quote) for quote in self.market.quotes.values()]
        self.mids = {mid.venue: mid for mid in mids if mid is not None}

    def list_token(self, command: SetTokenTerms) -> Token:
        """A new token, without units."""
        terms = command.terms
        token = Token(
            token=command.token,
            underlying=command.underlying,
            terms_version=0,
            terms=terms,
            initial_nav=terms.initial_nav,
            nav_floor=terms.nav_floor,
        )
        in_order = not self.tokens or next(reversed(self.tokens)) < token.token
        self.tokens[token.token] = token
        if not in_order:
            self.tokens = dict(sorted(self.tokens.items()))
        return token

    # What the input at hand caused

    @property
    def now(self) -> Instant:
        """The underlying's time."""
        time = self.market.time
        return 0 if time is None else time

    @property
    def last_boundary(self) -> Instant:
        """The latest boundary that has passed."""
        return self.market.next_boundary - DAY

    def newest_version(self, token: str | None) -> int:
        """The newest terms version of a token, or of the underlying for None, in force or scheduled; 0 for none."""
        known = self.tokens.get(token) if token is not None else self.market
        in_force = 0 if known is None else known.terms_version
        scheduled = (each.terms_version for each in self.market.pending_terms if terms_of(each) == token)
        return max([in_force, *scheduled])

    def halted(self, token: Token) -> bool:
        """Whether an operator has halted the token, or all of the underlying."""
        return token.halted or self.market.halted

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

    def touch(self, account: Holder) -> None:
        """The account changed: its record is to be written, and a token published at once."""
        if isinstance(account, Token):
            self.touched.add(account.token)
            self.stale.add(account.token)
            self._ladders.pop(account.token, None)
            self.note(account)
            self.sort(account)
        else:
            self.note(account)
            _put(self.queue, account.request_id, when=account.status in QUEUED)
            _put(self.struck, account.request_id, when=account.status == "struck")

    def sort(self, token: Token) -> None:
        """Note what the token waits for, so that nobody has to look at all of them."""
        name, status = token.token, token.status
        _put(self.wanting, name, when=bool(token.want))
        _put(self.moving, name, when=token.moved and status == "live")
        _put(self.closing, name, when=status == "terminated")
        _put(self.seeded, name, when=bool(status == "listed" and token.terms.seed_units and not token.series))
        _put(self.owing, name, when=bool(token.owes_resets))
        _put(self.watched, name, when=token.quote is not None or token.invitation is not None)

    def looked_at(self, token: Token) -> None:
        """The token's limits were looked at since it moved."""
        token.moved = False
        self.moving.discard(token.token)
        self.note(token)

    def note(self, record: Record) -> None:
        """The record changed in a way nobody outside has to hear of at once."""
        self.changed.add(record_name(record))

    def record(self, name: str) -> Record | None:
        """The record `changed` names, or None if it is gone."""
        kind, _, key = name.partition(":")
        match kind:
            case "token":
                return self.tokens.get(key)
            case "order":
                return self.orders.get(key)
            case "request":
                return self.requests.get(key.partition(":")[2])
            case _:
                return self.participants.get(key.partition(":")[2])

    def records(self) -> Iterator[Record]:
        """All durable state."""
        yield self.market
        yield from self.tokens.values()
        yield from self.orders.values()
        yield from self.requests.values()
        yield from self.participants.values()

    def account(self, token: str, request: str | None) -> Token | Request:
        """The account a part of an order or fill belongs to."""
        return self.tokens[token] if request is None else self.requests[request]

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

    def forget_requests(self) -> None:
        """The oldest ended requests are forgotten, unless an order may still be filled for them."""
        ended = [each for each in self.requests.values() if each.ended is not None]
        excess = len(ended) - ENDED_REQUESTS_KEPT
        if excess <= 0:
            return
        traded = {part.request for order in self.orders.values() for part in order.parts}
        for old in ended[:excess]:
            if old.request_id not in traded:
                del self.requests[old.request_id]
                self.note(old)

    # What is derived

    def flows(self) -> list[Request]:
        """Struck requests, in the order they were made."""
        return sorted((self.requests[name] for name in self.struck), key=lambda each: each.number)

    def queued(self) -> list[Request]:
        """Requests that wait, in the order they were made."""
        return sorted((self.requests[name] for name in self.queue), key=lambda each: each.number)

    def creations_of(self, token: Token) -> list[Request]:
        """Creations whose units are still to come into `token`."""
        return [
            each for each in (*self.queued(), *self.flows()) if each.token == token.token and each.flow == "creation"
        ]

    def redeemable(self, token: Token) -> Decimal:
        """Units outstanding less those of queued redemptions."""
        queued = [each for each in self.queued() if each.token == token.token and each.flow == "redemption"]
        return token.units - sum((each.units for each in queued), ZERO)

    def exposed(self, low: Decimal, high: Decimal) -> list[Token]:
        """Live tokens that may need something at a price from `low` to `high`, by name."""
        names = self.stale | self.moving | self._ranges.outside(low, high)
        return [token for token in self.named(names) if token.status == "live"]

    def named(self, names: Iterable[str]) -> list[Token]:
        """The tokens of those names, by name."""
        return [self.tokens[name] for name in sorted(names)]

    def ladder(self, token: Token) -> Ladder:
        """Where the token reaches its limits, with what it holds now."""
        known = self._ladders.get(token.token)
        if known is None:
            known = self._ladders[token.token] = Ladder.of(token.terms, token.basket, token.cash)
        return known

    def tell_calm(self) -> Calm:
        """Where quotes are only kept from here on."""
        market, now = self.market, self.now
        usable = self.rule.usable(self.mids.values(), now)
        due = min(self.due, self.calendar_due, LATEST)
        if market.price is None or market.no_index is not None or self.stale or not usable or due <= now:
            self.calm = NO_CALM
        else:
            low, high = max(self.low, market.day_low), min(self.high, market.day_high)
            self.calm = calm_around(market.price, self.rule, usable, low, high, due)
        return self.calm

    def catch_up(self) -> None:
        """Work out the mids and the index price of quotes that were only kept: in calm all that are fresh count."""
        if self.behind:
            self.behind = False
            self.take_mids()
            self.market.note_price(middle(self.rule.usable(self.mids.values(), self.now)))

    def refresh(self, price: Decimal | None, deadlines: Iterable[Instant]) -> None:
        """Bring the quiet range and the next deadline up to date at the end of an input."""
        self.touched.clear()
        for names in (self.wanting, self.moving, self.closing, self.seeded, self.owing):
            if not names:
                names.clear()  # a set that was large is as slow to look through as it was until it is cleared
        if self.stale:
            self._ranges.put({name: quiet_range(self.tokens[name]) for name in self.stale})
            self.stale.clear()
        self.low, self.high = self._ranges.common
        if self.queue or self.struck:
            self.low, self.high = NO_PRICE
        elif self.wanting:
            wants = [self.tokens[name] for name in self.wanting]
            self.high = min(self.high, sendable_from(wants, price, self.market.terms))
        self.due = 0 if self.moving else min(deadlines)


def _put(names: set[str], name: str, *, when: bool) -> None:
    """Have the name in the set when it belongs there, and else not."""
    if when:
        names.add(name)
    else:
        names.discard(name)


T = TypeVar("T")


def _only(records: list[Record], kind: type[T]) -> list[T]:
    return [record for record in records if isinstance(record, kind)]
