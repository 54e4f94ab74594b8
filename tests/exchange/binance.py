"""Binance: spot and USD-M perpetuals, REST and websockets."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from tests.exchange import binance_shapes as shape
from tests.exchange.faults import Action
from tests.exchange.market import Market, plain
from tests.exchange.orders import Fill, PlacedOrder, RefusalReason, Refused
from tests.exchange.sockets import Socket
from tests.exchange.venue import Call, Figure, Frame, Route, Venue

CLIENT_ORDER_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
RECEIVE_WINDOW_MS = 5000
AHEAD_MS = 1000
LISTEN_KEY = "listen-key-of-the-stand-in"


class Binance(Venue):
    """Its book ticker has no time on spot; a client order id is free again once its order has ended."""

    id = "binance"
    domains = ("binance.com",)
    ids_stay_taken = False
    states_retry_after = True
    states_first = False

    def market_id(self, market: Market) -> str:
        return shape.market_id(market)

    def routes(self) -> dict[tuple[str, str], Route]:
        nothing: list[Any] = []
        routes = {
            ("GET", "dapi/v1/exchangeInfo"): Route("markets", lambda _: {"symbols": nothing}),
            ("GET", "sapi/v1/margin/allPairs"): Route("markets", lambda _: nothing),
            ("GET", "sapi/v1/margin/isolated/allPairs"): Route("markets", lambda _: nothing),
            ("GET", "sapi/v1/capital/config/getall"): Route("markets", self._coins),
            ("GET", "fapi/v1/premiumIndex"): Route("mark", partial(self._each, self._premium, swap=True)),
            ("GET", "fapi/v1/fundingRate"): Route("funding", self._funding_history),
            ("GET", "fapi/v1/fundingInfo"): Route("funding", self._funding_intervals),
            ("GET", "fapi/v1/openInterest"): Route("open_interest", self._open_interest),
            ("GET", "fapi/v1/income"): Route("income", self._income),
            ("GET", "fapi/v1/userTrades"): Route("trades", partial(self._trades, swap=True)),
            ("GET", "fapi/v1/leverageBracket"): Route("positions", self._brackets),
            ("GET", "fapi/v3/account"): Route("balance", self._margin_account),
            ("GET", "fapi/v3/positionRisk"): Route("positions", self._positions),
            ("POST", "fapi/v1/listenKey"): Route("stream", lambda _: {"listenKey": LISTEN_KEY}),
            ("PUT", "fapi/v1/listenKey"): Route("stream", lambda _: {"listenKey": LISTEN_KEY}),
            ("GET", "api/v3/myTrades"): Route("trades", partial(self._trades, swap=False)),
            ("GET", "api/v3/account"): Route("balance", self._account),
        }
        for at, swap in (("api/v3", False), ("fapi/v1", True)):
            routes |= {
                ("GET", f"{at}/ping"): Route("time", lambda _: {}),
                ("GET", f"{at}/time"): Route("time", lambda _: {"serverTime": self.now_ms()}),
                ("GET", f"{at}/exchangeInfo"): Route("markets", partial(self._listed, swap=swap)),
                ("GET", f"{at}/ticker/24hr"): Route("ticker", partial(self._each, self._ticker, swap=swap)),
                ("GET", f"{at}/ticker/bookTicker"): Route("ticker", partial(self._each, shape.book_ticker, swap=swap)),
                ("POST", f"{at}/order"): Route("create", partial(self._create, swap=swap)),
                ("GET", f"{at}/order"): Route("query", partial(self._query, swap=swap)),
                ("DELETE", f"{at}/order"): Route("cancel", partial(self._cancel, swap=swap)),
                ("GET", f"{at}/openOrders"): Route("open_orders", partial(self._open_orders, swap=swap)),
            }
        return routes

    def check(self, call: Call) -> None:
        if "X-MBX-APIKEY" not in call.headers:
            raise Refused("key")
        if self.faults.refuses_keys:
            raise Refused("key_refused")
        if call.path.endswith("listenKey"):
            return
        if "signature" not in call.asked:
            raise Refused("key")
        behind_ms = self.now_ms() - int(call.asked["timestamp"])
        if not -AHEAD_MS < behind_ms <= int(call.asked.get("recvWindow", RECEIVE_WINDOW_MS)):
            raise Refused("clock")

    def refusal(self, action: Action, reason: RefusalReason, call: Call) -> tuple[int, Any]:
        refusals = shape.LINEAR_REFUSALS if call.path.startswith("fapi/") else shape.SPOT_REFUSALS
        status, code, text = refusals[reason]
        return status, {"code": code, "msg": text}

    def rate_limited(self) -> Any:
        return {"code": -1003, "msg": "Too many requests; current limit is 1200 requests per minute."}

    def unavailable(self) -> tuple[int, Any]:
        text = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
        return 504, {"code": -1007, "msg": text}

    def _coins(self, call: Call) -> Any:
        return [{"coin": coin, "name": coin, "trading": True, "networkList": []} for coin in self.balances]

    def _listed(self, call: Call, *, swap: bool) -> Any:
        symbols = [shape.listed(market) for market in self.markets.values() if market.swap is swap]
        return {"timezone": "UTC", "serverTime": self.now_ms(), "rateLimits": [], "symbols": symbols}

    def _each(self, of: Callable[[Market], Any], call: Call, *, swap: bool) -> Any:
        """Of the one market asked for, or of several as a list."""
        if "symbol" in call.asked:
            return of(self.market_of(call.asked["symbol"], swap=swap))
        named = json.loads(call.asked.get("symbols", "null"))
        return [
            of(market)
            for market in self.markets.values()
            if market.swap is swap and (named is None or self.market_id(market) in named)
        ]

    def _ticker(self, market: Market) -> Any:
        return shape.ticker(market, self.now_ms())

    def _premium(self, market: Market) -> Any:
        return shape.premium_index(market, self.now_ms())

    def _funding_history(self, call: Call) -> Any:
        rates = shape.funding_rates(self.market_of(call.asked["symbol"], swap=True))
        return [rate for rate in rates if _within(call, rate["fundingTime"])]

    def _funding_intervals(self, call: Call) -> Any:
        return [shape.funding_interval(market) for market in self.markets.values() if market.swap]

    def _open_interest(self, call: Call) -> Any:
        market = self.market_of(call.asked["symbol"], swap=True)
        return {"symbol": self.market_id(market), "openInterest": market.open_interest, "time": self.now_ms()}

    def _income(self, call: Call) -> Any:
        return [
            shape.income(funding, self.markets[funding.symbol])
            for funding in self.fundings
            if call.asked.get("symbol", self.market_id(self.markets[funding.symbol]))
            == self.market_id(self.markets[funding.symbol])
            and _within(call, funding.time_ms)
            and call.asked.get("incomeType", "FUNDING_FEE") == "FUNDING_FEE"
        ]

    async def _create(self, call: Call, *, swap: bool) -> Any:
        asked = call.asked
        market = self.market_of(asked["symbol"], swap=swap)
        if not CLIENT_ORDER_ID.fullmatch(asked["newClientOrderId"]):
            raise Refused("client_order_id")
        order = self.new_order(
            market, asked["newClientOrderId"], asked["side"], Decimal(asked["quantity"]), Decimal(asked["price"]),
            asked["timeInForce"], reduce_only=asked.get("reduceOnly", "").lower() == "true",
        )  # fmt: skip
        await self.accept(order)
        return shape.booked(order, market)

    def _found(self, call: Call, *, swap: bool) -> tuple[PlacedOrder, Market]:
        market = self.market_of(call.asked["symbol"], swap=swap)
        return self.book.find(market.symbol, call.asked.get("origClientOrderId"), call.asked.get("orderId")), market

    def _query(self, call: Call, *, swap: bool) -> Any:
        return shape.placed(*self._found(call, swap=swap))

    async def _cancel(self, call: Call, *, swap: bool) -> Any:
        try:
            order, market = self._found(call, swap=swap)
        except Refused as refused:
            raise Refused("unknown_cancel") from refused
        await self.cancel(order)
        return shape.placed(order, market)

    def _open_orders(self, call: Call, *, swap: bool) -> Any:
        orders = [order for order in self.placed if order.status == "open" and self.markets[order.symbol].swap is swap]
        found = [shape.placed(order, self.markets[order.symbol]) for order in orders]
        return [order for order in found if call.asked.get("symbol", order["symbol"]) == order["symbol"]]

    def _trades(self, call: Call, *, swap: bool) -> Any:
        market = self.market_of(call.asked["symbol"], swap=swap)
        trades = [
            shape.trade(order, fill, market)
            for order in self.placed
            for fill in order.fills
            if order.symbol == market.symbol
            and call.asked.get("orderId", str(order.venue_order_id)) == str(order.venue_order_id)
        ]
        trades = [trade for trade in trades if _within(call, trade["time"])]
        trades = [trade for trade in trades if trade["id"] >= int(call.asked.get("fromId", 0))]
        return sorted(trades, key=lambda trade: int(trade["id"]))[: min(int(call.asked.get("limit", 500)), 1000)]

    def _account(self, call: Call) -> Any:
        held = [{"asset": asset, "free": plain(free), "locked": "0"} for asset, free in self.balances.items()]
        return {"balances": held, "updateTime": self.now_ms(), "canTrade": True, "accountType": "SPOT"}

    def _margin_account(self, call: Call) -> Any:
        free = plain(self.balances["USDT"])
        asset = {"asset": "USDT", "walletBalance": free, "marginBalance": free, "availableBalance": free,
                 "initialMargin": "0", "updateTime": self.now_ms()}  # fmt: skip
        return {"assets": [asset], "positions": self._positions(call)}

    def _positions(self, call: Call) -> Any:
        return [
            {"symbol": self.market_id(self.markets[symbol]), "positionSide": "BOTH", "positionAmt": plain(quantity),
             "entryPrice": self.markets[symbol].mark_price, "markPrice": self.markets[symbol].mark_price,
             "breakEvenPrice": self.markets[symbol].mark_price, "unRealizedProfit": "0", "liquidationPrice": "0",
             "notional": plain(quantity * Decimal(self.markets[symbol].mark_price)), "marginAsset": "USDT",
             "initialMargin": "1", "maintMargin": "1", "isolatedMargin": "0", "isolatedWallet": "0",
             "updateTime": self.now_ms()}
            for symbol, quantity in self.book.positions.items()
        ]  # fmt: skip

    def _brackets(self, call: Call) -> Any:
        bracket = {"bracket": 1, "initialLeverage": 20, "notionalCap": 10_000_000, "notionalFloor": 0,
                   "maintMarginRatio": 0.01, "cum": 0}  # fmt: skip
        return [
            {"symbol": self.market_id(market), "brackets": [bracket]} for market in self.markets.values() if market.swap
        ]

    def frames(self, market: Market, figure: Figure, time_ms: int | None = None) -> list[Frame]:
        now_ms = self.now_ms() if time_ms is None else time_ms
        identity = self.market_id(market)
        stream = f"{_product(swap=market.swap)}:{identity.lower()}"
        if figure == "quote":
            best: dict[str, Any] = {"u": market.updates, "s": identity, "b": market.bid, "B": market.bid_size,
                                    "a": market.ask, "A": market.ask_size}  # fmt: skip
            if market.swap:
                best |= {"e": "bookTicker", "T": market.quote_time_ms, "E": market.quote_time_ms}
            return [(f"{stream}@bookTicker", json.dumps(best))]
        if figure in {"mark", "funding"}:
            text = json.dumps({
                "e": "markPriceUpdate", "E": now_ms, "s": identity, "p": market.mark_price, "P": market.mark_price,
                "i": market.index_price, "r": market.funding_rate, "T": market.next_funding_ms,
            })  # fmt: skip
            return [(f"{stream}@markPrice", text), (f"{stream}@markPrice@1s", text)]
        if figure == "volume":
            mini = {"e": "24hrMiniTicker", "E": now_ms, "s": identity, "c": market.last, "o": market.last,
                    "h": market.last, "l": market.last, "v": market.volume, "q": "0"}  # fmt: skip
            full = mini | {"e": "24hrTicker", "p": "0", "P": "0", "w": market.last, "O": now_ms, "C": now_ms}
            if not market.swap:
                full |= {"b": market.bid, "B": market.bid_size, "a": market.ask, "A": market.ask_size}
            return [(f"{stream}@miniTicker", json.dumps(mini)), (f"{stream}@ticker", json.dumps(full))]
        return []

    def order_frames(self, order: PlacedOrder, fill: Fill | None) -> list[Frame]:
        market = self.markets[order.symbol]
        text = json.dumps(shape.update(order, fill, market, self.now_ms()))
        return [(f"{_product(swap=market.swap)}:user", text)]

    def channels_of(self, socket: Socket) -> list[str]:
        """The user stream of perpetuals has its key in the address."""
        return ["linear:user"] if socket.query.get("listenKey") == LISTEN_KEY else []

    async def hear(self, socket: Socket, text: str) -> None:
        said = json.loads(text)
        answer: Any = {"result": None, "id": said["id"]}
        product = _product(swap=socket.host.startswith("fstream"))
        if said["method"] == "SUBSCRIBE":
            await self.subscribe(socket, [f"{product}:{name}" for name in said["params"]])
        elif said["method"] == "UNSUBSCRIBE":
            socket.channels.difference_update(f"{product}:{name}" for name in said["params"])
        elif said["method"] == "userDataStream.subscribe.signature":
            await self.subscribe(socket, ["spot:user"])
            answer = {"id": said["id"], "status": 200, "result": {"subscriptionId": 0}}
        if not self.faults.silent:
            await socket.send(json.dumps(answer))


def _product(*, swap: bool) -> str:
    return "linear" if swap else "spot"


def _within(call: Call, time_ms: int) -> bool:
    asked = call.asked
    return int(asked.get("startTime", 0)) <= time_ms <= int(asked.get("endTime", time_ms))
