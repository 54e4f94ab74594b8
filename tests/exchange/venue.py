"""A venue of the stand-in: its markets, its book of orders, its faults."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, cast

from tests.exchange.faults import Action, Faults
from tests.exchange.market import Market, markets
from tests.exchange.orders import Fill, OrderBook, PlacedOrder, RefusalReason, Refused, Side, TimeInForce
from tests.exchange.sockets import Socket, Sockets

Frame = tuple[str, str]
"""A channel and the text pushed on it."""
Figure = Literal["quote", "mark", "funding", "open_interest", "volume"]
RICH = Decimal(10_000_000)
FUNDING_EVERY_MS = 8 * 3_600_000


@dataclass(frozen=True, slots=True)
class Call:
    """A REST request: its path without the host, what was asked by query or body, and its headers."""

    method: str
    path: str
    asked: Mapping[str, str]
    items: Sequence[Mapping[str, Any]]
    """The objects of a JSON body."""
    headers: Mapping[str, str]


class Route(NamedTuple):
    """What a path does."""

    action: Action
    answer: Callable[[Call], Any]


class Funding(NamedTuple):
    """A payment of funding to the account."""

    identity: int
    symbol: str
    amount: str
    asset: str
    time_ms: int


class Venue(ABC):
    """What tests turn. Every figure is a string of a decimal number, sent as it is."""

    id: str
    """As ccxt calls the exchange."""
    domains: tuple[str, ...]
    ids_stay_taken: bool
    contract_size: str = "1"
    states_retry_after: bool = False
    """Whether a rate limit says how long to wait."""
    states_first: bool
    """Whether a subscription is answered with what was pushed last."""

    def __init__(self) -> None:
        self.markets: dict[str, Market] = markets(contract_size=self.contract_size)
        """By ccxt's symbols: TAO/USDT, TAO/USDT:USDT, TAO3L/USDT."""
        self.faults = Faults()
        self.sockets = Sockets(self.faults)
        self.book = OrderBook(self.ids_stay_taken, balances={"USDT": RICH, "TAO": RICH, "TAO3L": RICH})
        self.requests: list[Action] = []
        """What REST requests were for, in order; refused ones too."""
        self.unknown: list[str] = []
        """REST requests the stand-in has no answer for: they get 404."""
        self.fundings: list[Funding] = []
        self.fills_at_once = False
        """Orders fill at the quote up to its size, when they come and when it changes, and an IOC's rest expires;
        else they rest until `fill`."""
        self.commission_rate = Decimal("0.0004")
        """Of such fills, in the quote asset."""
        self._pushed: dict[str, list[list[Frame]]] = {}
        now_ms = self.now_ms()
        for market in self.markets.values():
            market.next_funding_ms = now_ms - now_ms % FUNDING_EVERY_MS + FUNDING_EVERY_MS

    @property
    def orders(self) -> dict[str, PlacedOrder]:
        """The last order booked of each client order id."""
        return self.book.orders

    @property
    def placed(self) -> list[PlacedOrder]:
        """Everything that was booked: an order doubled is in here twice."""
        return self.book.placed

    @property
    def balances(self) -> dict[str, Decimal]:
        return self.book.balances

    @property
    def connected(self) -> int:
        """How many websockets are open."""
        return len(self.sockets.open)

    def subscribed(self, symbol: str) -> int:
        """How many websockets have subscribed to the market's quotes."""
        return max(self.sockets.subscribed(channel) for channel, _ in self.frames(self.markets[symbol], "quote"))

    def now_ms(self) -> int:
        """The venue's clock."""
        return time.time_ns() // 1_000_000 + self.faults.clock_skew_ms

    def market_of(self, identity: str, *, swap: bool) -> Market:
        """By the venue's own name of it. Raises Refused."""
        for market in self.markets.values():
            if self.market_id(market) == identity and market.swap is swap:
                return market
        raise Refused("market")

    async def quote(
        self, symbol: str, bid: str, ask: str, bid_size: str = "10", ask_size: str = "10", time_ms: int | None = None
    ) -> None:
        """The best bid and ask, pushed to subscribers; what REST tickers answer too."""
        await self._push(self._quoted(symbol, bid, ask, bid_size, ask_size, time_ms))
        if self.fills_at_once:
            for order in [order for order in self.placed if order.symbol == symbol and order.status == "open"]:
                await self._push(self._match(order, self.markets[symbol]))

    def _quoted(
        self, symbol: str, bid: str, ask: str, bid_size: str, ask_size: str, time_ms: int | None
    ) -> list[Frame]:
        market = self.markets[symbol]
        market.bid, market.ask, market.bid_size, market.ask_size = bid, ask, bid_size, ask_size
        market.quote_time_ms = self.now_ms() if time_ms is None else time_ms
        market.updates += 1
        frames = self.frames(market, "quote")
        self._pushed[symbol] = [*self._pushed.get(symbol, [])[-1:], frames]
        return frames

    async def mark(self, symbol: str, price: str, index: str | None = None, time_ms: int | None = None) -> None:
        """The mark price, pushed to subscribers of it, answered by REST."""
        market = self.markets[symbol]
        market.mark_price, market.index_price = price, price if index is None else index
        await self._push(self.frames(market, "mark", time_ms))

    async def funding(self, symbol: str, rate: str, next_ms: int | None = None, time_ms: int | None = None) -> None:
        """The rate of the funding to come and when it is settled."""
        market = self.markets[symbol]
        market.funding_rate = rate
        market.next_funding_ms = market.next_funding_ms if next_ms is None else next_ms
        await self._push(self.frames(market, "funding", time_ms))

    def settle_funding(self, symbol: str, rate: str, paid: str, time_ms: int | None = None) -> None:
        """A settlement: the rate goes into the market's history, what the account was `paid` (negative where it
        paid) into its income."""
        market = self.markets[symbol]
        settled_ms = self.now_ms() if time_ms is None else time_ms
        market.funding_history.append((settled_ms, rate))
        self.fundings.append(Funding(9000 + len(self.fundings), symbol, paid, market.quote, settled_ms))

    async def open_interest(self, symbol: str, quantity: str) -> None:
        """In the base asset."""
        self.markets[symbol].open_interest = quantity
        await self._push(self.frames(self.markets[symbol], "open_interest"))

    async def volume(self, symbol: str, quantity: str) -> None:
        """Of the last 24 hours, in the base asset."""
        self.markets[symbol].volume = quantity
        await self._push(self.frames(self.markets[symbol], "volume"))

    async def fill(
        self, client_order_id: str, quantity: str, price: str | None = None,
        commission: str = "0", commission_asset: str | None = None,
    ) -> Fill:  # fmt: skip
        """The order trades so much, at its own price if no other; listed by REST, pushed over the user stream.

        Commission is in the quote asset if no other. Raises AssertionError where the order has less left.
        """
        order = self.orders[client_order_id]
        market = self.markets[order.symbol]
        at = order.price if price is None else Decimal(price)
        asset = market.quote if commission_asset is None else commission_asset
        fill = self.book.fill(order, market, Decimal(quantity), at, Decimal(commission), asset, self.now_ms())
        await self._push(self.order_frames(order, fill))
        return fill

    async def end(self, client_order_id: str, status: Literal["cancelled", "expired"] = "cancelled") -> None:
        """The venue ends an order by itself."""
        order = self.orders[client_order_id]
        self.book.end(order, status, self.now_ms())
        await self._push(self.order_frames(order, None))

    async def disconnect(self, *, abruptly: bool = False) -> None:
        """All websockets are closed, by a close frame (1001) or, abruptly, without a word."""
        await self.sockets.disconnect(abruptly=abruptly)

    async def burst(self, symbol: str, quotes: Sequence[tuple[str, str]]) -> None:
        """Quotes (bid, ask) in one go, so that the client finds them together in its buffer."""
        frames = [frame for bid, ask in quotes for frame in self._quoted(symbol, bid, ask, "10", "10", None)]
        await self._push(frames)

    async def send_text(self, text: str) -> None:
        """A frame with this text to every websocket: `{"b":` is one that is not JSON."""
        await self.sockets.send_to_all(text)

    async def send_nan(self, symbol: str) -> None:
        """The last quote with a bare NaN for the bid: no JSON, but Python's own parser takes it."""
        market = self.markets[symbol]
        for channel, text in self._pushed[symbol][-1]:
            await self._push([(channel, text.replace(json.dumps(market.bid), "NaN"))])

    async def repeat(self, symbol: str) -> None:
        """The last quote again, the same to the byte."""
        await self._push(self._pushed[symbol][-1])

    async def send_older(self, symbol: str) -> None:
        """The quote before the last again, after it."""
        await self._push(self._pushed[symbol][-2])

    async def _push(self, frames: Sequence[Frame]) -> None:
        for channel, text in frames:
            await self.sockets.push(channel, text)

    async def subscribe(self, socket: Socket, channels: Sequence[str]) -> None:
        """The socket hears of these from here on, and first what was last pushed where the venue does that."""
        socket.channels.update(channels)
        for channel in channels:
            if self.states_first and channel in self.sockets.latest and not self.faults.silent:
                await socket.send(self.sockets.latest[channel])

    async def accept(self, order: PlacedOrder) -> None:
        """Book an order, and fill it where orders fill at once. Raises Refused."""
        market = self.markets[order.symbol]
        self.book.place(order, market)
        frames = self.order_frames(order, None)
        if self.fills_at_once:
            frames = [*frames, *self._match(order, market)]
        await self._push(frames)

    def _match(self, order: PlacedOrder, market: Market) -> list[Frame]:
        buys = order.side == "buy"
        price, size = (Decimal(market.ask), market.ask_size) if buys else (Decimal(market.bid), market.bid_size)
        frames: list[Frame] = []
        crosses = order.price >= price if buys else order.price <= price
        if crosses and not (order.time_in_force == "FOK" and Decimal(size) < order.remaining):
            quantity = min(order.remaining, Decimal(size))
            commission = quantity * price * self.commission_rate
            fill = self.book.fill(order, market, quantity, price, commission, market.quote, self.now_ms())
            frames = self.order_frames(order, fill)
        if order.status == "open" and order.time_in_force != "GTC":
            self.book.end(order, "expired", self.now_ms())
            frames = [*frames, *self.order_frames(order, None)]
        return frames

    async def cancel(self, order: PlacedOrder) -> None:
        """As the client asked for. Raises Refused where it has ended."""
        self.book.cancel(order, self.now_ms())
        await self._push(self.order_frames(order, None))

    def new_order(
        self, market: Market, client_order_id: str, side: str, quantity: Decimal, price: Decimal,
        time_in_force: str, *, reduce_only: bool,
    ) -> PlacedOrder:  # fmt: skip
        """As it was asked for; not booked yet."""
        return PlacedOrder(
            symbol=market.symbol, client_order_id=client_order_id, venue_order_id=0,
            side=cast("Side", side.lower()), quantity=quantity, price=price,
            time_in_force=cast("TimeInForce", time_in_force), reduce_only=reduce_only, time_ms=self.now_ms(),
        )  # fmt: skip

    def channels_of(self, socket: Socket) -> list[str]:
        """What a connection hears by its address alone."""
        return []

    @abstractmethod
    def market_id(self, market: Market) -> str:
        """The venue's own name of it."""

    @abstractmethod
    def routes(self) -> dict[tuple[str, str], Route]:
        """Of REST, by method and path."""

    @abstractmethod
    def check(self, call: Call) -> None:
        """Whether a signed request has a key, and a time near the venue's. Raises Refused."""

    @abstractmethod
    def refusal(self, action: Action, reason: RefusalReason, call: Call) -> tuple[int, Any]:
        """The status and body it is refused with."""

    @abstractmethod
    def rate_limited(self) -> Any:
        """The body of a 429."""

    @abstractmethod
    def unavailable(self) -> tuple[int, Any]:
        """The status and body of a request whose outcome the venue itself does not know."""

    @abstractmethod
    def frames(self, market: Market, figure: Figure, time_ms: int | None = None) -> list[Frame]:
        """What is pushed when a figure changes."""

    @abstractmethod
    def order_frames(self, order: PlacedOrder, fill: Fill | None) -> list[Frame]:
        """What is pushed over the user stream when an order changes."""

    @abstractmethod
    async def hear(self, socket: Socket, text: str) -> None:
        """A message of a client."""
