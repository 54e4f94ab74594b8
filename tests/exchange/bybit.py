"""Bybit: market data of spot and linear perpetuals, REST and websockets. It takes no orders."""

import json
from decimal import Decimal
from typing import Any

from tests.exchange.faults import Action
from tests.exchange.market import Market, plain
from tests.exchange.orders import Fill, PlacedOrder, RefusalReason
from tests.exchange.sockets import Socket
from tests.exchange.venue import FUNDING_EVERY_MS, Call, Figure, Frame, Route, Venue


class Bybit(Venue):
    """Its best bid and ask are an order book one deep, always whole."""

    id = "bybit"
    domains = ("bybit.com",)
    ids_stay_taken = True
    states_first = True

    def market_id(self, market: Market) -> str:
        return market.base + market.quote

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "v5/market/time"): Route("time", lambda _: self._result({"timeSecond": self.now_ms() // 1000})),
            ("GET", "v5/market/instruments-info"): Route("markets", self._instruments),
            ("GET", "v5/market/tickers"): Route("ticker", self._tickers),
            ("GET", "v5/market/open-interest"): Route("open_interest", self._open_interest),
            ("GET", "v5/market/funding/history"): Route("funding", self._funding_history),
            ("GET", "v5/asset/coin/query-info"): Route("markets", lambda _: self._result({"rows": []})),
        }

    def check(self, call: Call) -> None:
        """Nothing it answers is private."""

    def refusal(self, action: Action, reason: RefusalReason, call: Call) -> tuple[int, Any]:
        return 200, {"retCode": 10001, "retMsg": "params error: symbol invalid", "result": {}, "time": self.now_ms()}

    def rate_limited(self) -> Any:
        return {"retCode": 10006, "retMsg": "Too many visits!", "result": {}, "time": self.now_ms()}

    def unavailable(self) -> tuple[int, Any]:
        return 200, {"retCode": 10000, "retMsg": "Server Timeout", "result": {}, "time": self.now_ms()}

    def _result(self, result: Any) -> Any:
        return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.now_ms()}

    def _asked(self, call: Call) -> list[Market]:
        """The one market asked for, or all of the category."""
        swap = call.asked["category"] == "linear"
        if "symbol" in call.asked:
            return [self.market_of(call.asked["symbol"], swap=swap)]
        return [market for market in self.markets.values() if market.swap is swap]

    def _instruments(self, call: Call) -> Any:
        category = call.asked["category"]
        wanted = category in {"spot", "linear"} and call.asked.get("status") != "PreLaunch"
        listed = [self._listed(market) for market in self._asked(call)] if wanted else []
        return self._result({"category": category, "list": listed})

    def _listed(self, market: Market) -> dict[str, Any]:
        common = {
            "symbol": self.market_id(market), "status": "Trading", "baseCoin": market.base, "quoteCoin": market.quote,
            "priceFilter": {"tickSize": market.tick_size, "minPrice": market.tick_size, "maxPrice": "1000000"},
        }  # fmt: skip
        lot = {"minOrderQty": market.minimum_quantity, "maxOrderQty": "100000"}
        if market.swap:
            return common | {
                "contractType": "LinearPerpetual", "settleCoin": market.quote, "launchTime": "1700000000000",
                "deliveryTime": "0", "fundingInterval": FUNDING_EVERY_MS // 60_000, "priceScale": "1",
                "leverageFilter": {"minLeverage": "1", "maxLeverage": "20", "leverageStep": "0.01"},
                "lotSizeFilter": lot | {"qtyStep": market.lot_size, "minNotionalValue": market.minimum_notional},
            }  # fmt: skip
        steps = {"basePrecision": market.lot_size, "quotePrecision": "0.0000001"}
        return common | {"marginTrading": "none", "lotSizeFilter": lot | steps | {"minOrderAmt": "5"}}

    def _ticker(self, market: Market, *, pushed: bool = False) -> dict[str, Any]:
        """The best bid and ask are in it but for spot over the websocket."""
        common = {
            "symbol": self.market_id(market), "lastPrice": market.last, "prevPrice24h": market.last,
            "price24hPcnt": "0", "highPrice24h": market.last, "lowPrice24h": market.last, "volume24h": market.volume,
            "turnover24h": "0",
        }  # fmt: skip
        best = {"bid1Price": market.bid, "bid1Size": market.bid_size, "ask1Price": market.ask,
                "ask1Size": market.ask_size}  # fmt: skip
        if not market.swap:
            return common | {"usdIndexPrice": market.index_price} | ({} if pushed else best)
        return common | best | {
            "markPrice": market.mark_price, "indexPrice": market.index_price, "fundingRate": market.funding_rate,
            "nextFundingTime": str(market.next_funding_ms), "openInterest": market.open_interest,
            "openInterestValue": plain(Decimal(market.open_interest) * Decimal(market.mark_price)),
        }  # fmt: skip

    def _tickers(self, call: Call) -> Any:
        listed = [self._ticker(market) for market in self._asked(call)]
        return self._result({"category": call.asked["category"], "list": listed})

    def _open_interest(self, call: Call) -> Any:
        market = self._asked(call)[0]
        known = {"openInterest": market.open_interest, "timestamp": str(self.now_ms())}
        return self._result({"symbol": self.market_id(market), "category": "linear", "list": [known]})

    def _funding_history(self, call: Call) -> Any:
        market = self._asked(call)[0]
        rates = [
            {"symbol": self.market_id(market), "fundingRate": rate, "fundingRateTimestamp": str(time_ms)}
            for time_ms, rate in reversed(market.funding_history)
        ]
        return self._result({"category": "linear", "list": rates})

    def frames(self, market: Market, figure: Figure, time_ms: int | None = None) -> list[Frame]:
        now_ms = self.now_ms() if time_ms is None else time_ms
        identity = self.market_id(market)
        product = "linear" if market.swap else "spot"
        told = {"topic": f"tickers.{identity}", "type": "snapshot", "cs": market.updates, "ts": now_ms,
                "data": self._ticker(market, pushed=True)}  # fmt: skip
        ticker = (f"{product}:tickers.{identity}", json.dumps(told))
        if figure != "quote":
            return [ticker]
        best = {"s": identity, "b": [[market.bid, market.bid_size]], "a": [[market.ask, market.ask_size]],
                "u": market.updates, "seq": market.updates}  # fmt: skip
        book = {"topic": f"orderbook.1.{identity}", "type": "snapshot", "ts": market.quote_time_ms, "data": best,
                "cts": market.quote_time_ms}  # fmt: skip
        return [(f"{product}:orderbook.1.{identity}", json.dumps(book)), ticker]

    def order_frames(self, order: PlacedOrder, fill: Fill | None) -> list[Frame]:
        return []

    async def hear(self, socket: Socket, text: str) -> None:
        if self.faults.silent:
            return
        said = json.loads(text)
        answer = {"success": True, "ret_msg": "", "conn_id": "1", "req_id": said.get("req_id"), "op": said["op"]}
        channels = [f"{socket.path.rpartition('/')[2]}:{topic}" for topic in said.get("args", [])]
        if said["op"] == "ping":
            answer["ret_msg"] = "pong"
        await socket.send(json.dumps(answer))
        if said["op"] == "subscribe":
            await self.subscribe(socket, channels)
        elif said["op"] == "unsubscribe":
            socket.channels.difference_update(channels)
