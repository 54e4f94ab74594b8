"""The stand-in's own book of orders: what was placed, how often it was sent, filled, cancelled."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tests.exchange.market import Market

Side = Literal["buy", "sell"]
Status = Literal["open", "filled", "cancelled", "expired"]
TimeInForce = Literal["GTC", "IOC", "FOK"]
RefusalReason = Literal[
    "duplicate", "balance", "quantity", "price", "notional", "client_order_id", "market", "halted",
    "unknown", "unknown_cancel", "key", "key_refused", "clock",
]  # fmt: skip

MARGIN = Decimal("0.1")
"""What a perpetual asks of its notional."""


class Refused(Exception):  # noqa: N818 - a venue's answer, not a failure of the stand-in
    """What a venue answers instead of doing it; each venue has its own code and text for a reason."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason)
        self.reason: RefusalReason = reason


@dataclass(frozen=True, slots=True)
class Fill:
    """A trade of an order. The quantity is of the base asset, the commission positive where it is paid."""

    trade_id: int
    quantity: Decimal
    price: Decimal
    commission: Decimal
    commission_asset: str
    time_ms: int


@dataclass(slots=True, kw_only=True)
class PlacedOrder:
    """An order that was booked. `sent` counts the requests with its client order id, refused duplicates too."""

    symbol: str
    client_order_id: str
    venue_order_id: int
    side: Side
    quantity: Decimal
    """Of the base asset."""
    price: Decimal
    time_in_force: TimeInForce
    reduce_only: bool
    time_ms: int
    sent: int = 1
    status: Status = "open"
    updated_ms: int = 0
    fills: list[Fill] = field(default_factory=list)

    @property
    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), Decimal(0))

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def value(self) -> Decimal:
        """Of the fills, in the quote asset."""
        return sum((fill.quantity * fill.price for fill in self.fills), Decimal(0))

    @property
    def average(self) -> Decimal:
        """The mean price of the fills; 0 without any."""
        return self.value / self.filled if self.fills else Decimal(0)


@dataclass(slots=True)
class OrderBook:
    """The orders of one account."""

    ids_stay_taken: bool
    """Whether a client order id is refused for good. Binance refuses it only while its order is open: one that has
    filled, expired or been cancelled can be doubled by sending it again."""
    placed: list[PlacedOrder] = field(default_factory=list)
    """Everything that was booked, in order: an order doubled is in here twice."""
    orders: dict[str, PlacedOrder] = field(default_factory=dict)
    """The last booked of each client order id."""
    balances: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Decimal] = field(default_factory=dict)
    """Of perpetuals, by symbol, in the base asset, negative where short."""
    trades: int = 0

    def place(self, order: PlacedOrder, market: Market) -> None:
        """Book it. Raises Refused."""
        earlier = self.orders.get(order.client_order_id)
        if earlier is not None:
            earlier.sent += 1
            if self.ids_stay_taken or earlier.status == "open":
                raise Refused("duplicate")
            order.sent = earlier.sent
        self._filter(order, market)
        order.venue_order_id = 1000 + len(self.placed)
        self.placed.append(order)
        self.orders[order.client_order_id] = order

    def _filter(self, order: PlacedOrder, market: Market) -> None:
        if order.price <= 0 or order.price % Decimal(market.tick_size):
            raise Refused("price")
        if order.quantity < Decimal(market.minimum_quantity) or order.quantity % Decimal(market.lot_size):
            raise Refused("quantity")
        value = order.quantity * order.price
        if value < Decimal(market.minimum_notional) and not order.reduce_only:
            raise Refused("notional")
        needs = {True: (market.quote, value * MARGIN), False: (market.quote, value)}[market.swap]
        if order.side == "sell" and not market.swap:
            needs = market.base, order.quantity
        if not order.reduce_only and self.balances.get(needs[0], Decimal(0)) < needs[1]:
            raise Refused("balance")

    def find(self, symbol: str, client_order_id: str | None, venue_order_id: str | None) -> PlacedOrder:
        """By its client order id or else by the venue's. Raises Refused."""
        for order in reversed(self.placed):
            named = client_order_id == order.client_order_id if client_order_id else False
            if order.symbol == symbol and (named or venue_order_id == str(order.venue_order_id)):
                return order
        raise Refused("unknown")

    def cancel(self, order: PlacedOrder, now_ms: int) -> None:
        """Raises Refused where it has ended."""
        if order.status != "open":
            raise Refused("unknown_cancel")
        self.end(order, "cancelled", now_ms)

    def end(self, order: PlacedOrder, status: Status, now_ms: int) -> None:
        assert order.status == "open", "it has ended before"
        order.status, order.updated_ms = status, now_ms

    def fill(
        self, order: PlacedOrder, market: Market, quantity: Decimal, price: Decimal,
        commission: Decimal, commission_asset: str, now_ms: int,
    ) -> Fill:  # fmt: skip
        """A trade of so much; the account has what it brings. Raises AssertionError where the order has less left."""
        assert order.status == "open", "it has ended before"
        assert quantity <= order.remaining, "the order has less left"
        self.trades += 1
        fill = Fill(5000 + self.trades, quantity, price, commission, commission_asset, now_ms)
        order.fills.append(fill)
        order.updated_ms = now_ms
        if not order.remaining:
            order.status = "filled"
        signed = quantity if order.side == "buy" else -quantity
        if market.swap:
            self._add(self.positions, market.symbol, signed)
        else:
            self._add(self.balances, market.base, signed)
            self._add(self.balances, market.quote, -signed * price)
        self._add(self.balances, commission_asset, -commission)
        return fill

    @staticmethod
    def _add(amounts: dict[str, Decimal], name: str, amount: Decimal) -> None:
        amounts[name] = amounts.get(name, Decimal(0)) + amount
