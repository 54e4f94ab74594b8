"""OKX: spot and perpetuals, REST and websockets."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from tests.exchange import okx_shapes as shape
from tests.exchange.faults import Action
from tests.exchange.market import Market, plain
from tests.exchange.orders import Fill, PlacedOrder, RefusalReason, Refused
from tests.exchange.sockets import Socket
from tests.exchange.venue import Call, Figure, Frame, Route, Venue

CLIENT_ORDER_ID = re.compile(r"[A-Za-z0-9]{1,32}")
REQUEST_VALID_MS = 30_000
RECENT_MS = 3 * 86_400_000
"""`trade/fills` goes back so far."""
TIMES_IN_FORCE = {kind: time_in_force for time_in_force, kind in shape.KINDS.items()}
OF_ORDERS: frozenset[Action] = frozenset({"create", "cancel"})
LOGGED_IN = "logged in"


class Okx(Venue):
    """Perpetuals in contracts; what is refused of an order is told with status 200, inside `data`."""

    id = "okx"
    domains = ("okx.com",)
    ids_stay_taken = True
    contract_size = "0.1"
    states_first = True

    def __init__(self) -> None:
        super().__init__()
        self.archive_lag_ms = 0
        """The trades of three months are listed so much later than those of three days: OKX says minutes."""
        for market in self.markets.values():
            market.minimum_notional = "0"

    def market_id(self, market: Market) -> str:
        return shape.market_id(market)

    def routes(self) -> dict[tuple[str, str], Route]:
        now = self.now_ms
        routes = {
            ("GET", "public/time"): Route("time", lambda _: _data({"ts": str(now())})),
            ("GET", "public/instruments"): Route("markets", self._kind(shape.listed)),
            ("GET", "asset/currencies"): Route("markets", lambda _: _data()),
            ("GET", "market/ticker"): Route("ticker", self._one(lambda market: shape.ticker(market, now()))),
            ("GET", "market/tickers"): Route("ticker", self._kind(lambda market: shape.ticker(market, now()))),
            ("GET", "public/mark-price"): Route("mark", self._one(lambda market: shape.mark_price(market, now()))),
            ("GET", "public/funding-rate"): Route(
                "funding", self._one(lambda market: shape.funding_rate(market, now()))
            ),
            ("GET", "public/funding-rate-history"): Route("funding", self._funding_history),
            ("GET", "public/open-interest"): Route(
                "open_interest", self._one(lambda market: shape.open_interest(market, now()))
            ),
            ("POST", "trade/order"): Route("create", self._create),
            ("POST", "trade/batch-orders"): Route("create", self._create),
            ("POST", "trade/cancel-order"): Route("cancel", self._cancel),
            ("GET", "trade/order"): Route("query", self._query),
            ("GET", "trade/orders-pending"): Route("open_orders", self._open_orders),
            ("GET", "trade/fills"): Route("trades", self._recent_trades),
            ("GET", "trade/fills-history"): Route("trades", self._archived_trades),
            ("GET", "account/bills"): Route("income", self._bills),
            ("GET", "account/bills-archive"): Route("income", self._bills),
            ("GET", "account/balance"): Route("balance", self._balance),
            ("GET", "account/positions"): Route("positions", self._positions),
        }
        return {(method, f"api/v5/{path}"): route for (method, path), route in routes.items()}

    def check(self, call: Call) -> None:
        if not {"OK-ACCESS-KEY", "OK-ACCESS-SIGN", "OK-ACCESS-PASSPHRASE"} <= set(call.headers):
            raise Refused("key")
        if self.faults.refuses_keys:
            raise Refused("key_refused")
        stated_ms = datetime.fromisoformat(call.headers["OK-ACCESS-TIMESTAMP"]).timestamp() * 1000
        if abs(self.now_ms() - stated_ms) > REQUEST_VALID_MS:
            raise Refused("clock")

    def refusal(self, action: Action, reason: RefusalReason, call: Call) -> tuple[int, Any]:
        status, code, text = shape.REFUSALS[reason]
        if status == 200 and action in OF_ORDERS:
            refused = {"clOrdId": call.asked.get("clOrdId", ""), "ordId": "", "sCode": code, "sMsg": text, "tag": ""}
            return status, {"code": "1", "msg": "All operations failed", "data": [refused]}
        return status, {"code": code, "msg": text, "data": []}

    def rate_limited(self) -> Any:
        return {"code": "50011", "msg": "Too Many Requests", "data": []}

    def unavailable(self) -> tuple[int, Any]:
        text = "API endpoint request timeout (does not mean that the request was successful or failed)."
        return 400, {"code": "50004", "msg": text, "data": []}

    def _market(self, call: Call) -> Market:
        identity = call.asked["instId"]
        return self.market_of(identity, swap=identity.endswith("-SWAP"))

    def _one(self, of: Callable[[Market], Any]) -> Callable[[Call], Any]:
        return lambda call: _data(of(self._market(call)))

    def _kind(self, of: Callable[[Market], Any]) -> Callable[[Call], Any]:
        """Of every market of the kind asked for."""
        return lambda call: _data(
            *(of(market) for market in self.markets.values() if shape.kind(market) == call.asked["instType"])
        )

    def _funding_history(self, call: Call) -> Any:
        rates = shape.funding_rates(self._market(call))
        newer_than = int(call.asked.get("before", 0))
        return _data(*(rate for rate in rates if int(rate["fundingTime"]) > newer_than))

    async def _create(self, call: Call) -> Any:
        asked = call.asked
        market = self._market(call)
        if not CLIENT_ORDER_ID.fullmatch(asked["clOrdId"]):
            raise Refused("client_order_id")
        quantity = Decimal(asked["sz"]) * (Decimal(market.contract_size) if market.swap else 1)
        order = self.new_order(
            market, asked["clOrdId"], asked["side"], quantity, Decimal(asked["px"]), TIMES_IN_FORCE[asked["ordType"]],
            reduce_only=asked.get("reduceOnly", "").lower() == "true",
        )  # fmt: skip
        await self.accept(order)
        return _data(_acknowledged(order))

    def _found(self, call: Call) -> tuple[PlacedOrder, Market]:
        market = self._market(call)
        return self.book.find(market.symbol, call.asked.get("clOrdId"), call.asked.get("ordId")), market

    async def _cancel(self, call: Call) -> Any:
        try:
            order, _ = self._found(call)
        except Refused as refused:
            raise Refused("unknown_cancel") from refused
        await self.cancel(order)
        return _data(_acknowledged(order))

    def _query(self, call: Call) -> Any:
        return _data(shape.placed(*self._found(call)))

    def _open_orders(self, call: Call) -> Any:
        orders = [shape.placed(order, self.markets[order.symbol]) for order in self.placed if order.status == "open"]
        return _data(*(order for order in orders if call.asked.get("instId", order["instId"]) == order["instId"]))

    def _recent_trades(self, call: Call) -> Any:
        return self._trades(call, self.now_ms() - RECENT_MS, self.now_ms())

    def _archived_trades(self, call: Call) -> Any:
        return self._trades(call, 0, self.now_ms() - self.archive_lag_ms)

    def _trades(self, call: Call, since_ms: int, until_ms: int) -> Any:
        trades = [shape.trade(order, fill, self.markets[order.symbol]) for order in self.placed for fill in order.fills]
        wanted = ("instType", "instId", "ordId")
        found = [
            trade
            for trade in trades
            if all(call.asked.get(name, trade[name]) == trade[name] for name in wanted)
            and max(int(call.asked.get("begin", 0)), since_ms) <= int(trade["ts"]) <= until_ms
        ]
        return _page(call, found)

    def _bills(self, call: Call) -> Any:
        wanted = call.asked.get("type", "8") == "8"
        bills = [shape.bill(funding, self.markets[funding.symbol]) for funding in self.fundings]
        return _page(call, bills if wanted else [])

    def _balance(self, call: Call) -> Any:
        details = [
            {"ccy": asset, "eq": plain(free), "cashBal": plain(free), "availEq": plain(free), "availBal": plain(free),
             "frozenBal": "0", "uTime": str(self.now_ms())}
            for asset, free in self.balances.items()
        ]  # fmt: skip
        return _data({"uTime": str(self.now_ms()), "totalEq": "0", "details": details})

    def _positions(self, call: Call) -> Any:
        return _data(*(
            {"instType": "SWAP", "instId": shape.market_id(self.markets[symbol]), "posSide": "net", "mgnMode": "cross",
             "pos": self.markets[symbol].contracts(quantity), "avgPx": self.markets[symbol].mark_price,
             "markPx": self.markets[symbol].mark_price, "upl": "0", "uplRatio": "0", "lever": "20", "imr": "1",
             "mmr": "1", "mgnRatio": "1", "notionalUsd": "0", "liqPx": "", "ccy": "USDT", "posId": "1",
             "cTime": str(self.now_ms()), "uTime": str(self.now_ms())}
            for symbol, quantity in self.book.positions.items()
        ))  # fmt: skip

    def frames(self, market: Market, figure: Figure, time_ms: int | None = None) -> list[Frame]:
        now_ms = self.now_ms() if time_ms is None else time_ms
        told = partial(_told, shape.market_id(market))
        if figure == "quote":
            return [told("bbo-tbt", shape.best(market)), told("tickers", shape.ticker(market, now_ms))]
        if figure == "volume":
            return [told("tickers", shape.ticker(market, now_ms))]
        if figure == "mark":
            return [told("mark-price", shape.mark_price(market, now_ms))]
        if figure == "funding":
            return [told("funding-rate", shape.funding_rate(market, now_ms))]
        return [told("open-interest", shape.open_interest(market, now_ms))]

    def order_frames(self, order: PlacedOrder, fill: Fill | None) -> list[Frame]:
        market = self.markets[order.symbol]
        arg = {"channel": "orders", "instType": shape.kind(market), "uid": "1"}
        return [("orders", json.dumps({"arg": arg, "data": [shape.placed(order, market, fill)]}))]

    async def hear(self, socket: Socket, text: str) -> None:
        if self.faults.silent and text == "ping":
            return
        if text == "ping":
            await socket.send("pong")
            return
        said = json.loads(text)
        if said["op"] == "login":
            socket.channels.add(LOGGED_IN)
            await self._tell(socket, {"event": "login", "code": "0", "msg": "", "connId": "1"})
        for arg in said["args"] if said["op"] != "login" else ():
            await self._asked(socket, said["op"], arg)

    async def _asked(self, socket: Socket, operation: str, arg: dict[str, str]) -> None:
        """One channel to subscribe to or to leave."""
        channel = "orders" if arg["channel"] == "orders" else f"{arg['channel']}:{arg.get('instId')}"
        if channel == "orders" and LOGGED_IN not in socket.channels:
            await self._tell(socket, {"event": "error", "code": "60011", "msg": "Please log in", "connId": "1"})
        elif "instId" in arg and arg["instId"] not in map(self.market_id, self.markets.values()):
            text = f"Wrong URL or channel:{arg['channel']},instId:{arg['instId']} doesn't exist."
            await self._tell(socket, {"event": "error", "code": "60018", "msg": text, "connId": "1"})
        else:
            await self._tell(socket, {"event": operation, "arg": arg, "connId": "1"})
            if operation == "unsubscribe":
                socket.channels.discard(channel)
            else:
                await self.subscribe(socket, [channel])

    async def _tell(self, socket: Socket, what: object) -> None:
        if not self.faults.silent:
            await socket.send(json.dumps(what))


def _data(*data: Any) -> Any:
    return {"code": "0", "msg": "", "data": list(data)}


def _page(call: Call, listed: list[dict[str, Any]]) -> Any:
    """Newest first, at most a hundred, those before the bill `after` and after the bill `before`."""
    older, newer = int(call.asked.get("after", 1 << 62)), int(call.asked.get("before", 0))
    found = [each for each in listed if newer < int(each["billId"]) < older]
    found.sort(key=lambda each: -int(each["billId"]))
    return _data(*found[: min(int(call.asked.get("limit", 100)), 100)])


def _told(identity: str, channel: str, datum: Any) -> Frame:
    return f"{channel}:{identity}", json.dumps({"arg": {"channel": channel, "instId": identity}, "data": [datum]})


def _acknowledged(order: PlacedOrder) -> dict[str, Any]:
    """The answer to a new order or a cancel says that it came, not what became of it."""
    return {
        "clOrdId": order.client_order_id, "ordId": str(order.venue_order_id), "tag": "", "ts": str(order.time_ms),
        "sCode": "0", "sMsg": "Order placed",
    }  # fmt: skip
