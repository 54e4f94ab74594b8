"""What Binance's answers look like, as documented, spot and USD-M perpetuals."""

from typing import Any

from tests.exchange.market import Market, plain
from tests.exchange.orders import Fill, PlacedOrder, RefusalReason
from tests.exchange.venue import FUNDING_EVERY_MS, Funding

STATUSES = {"filled": "FILLED", "cancelled": "CANCELED", "expired": "EXPIRED"}
PERPETUAL_DELIVERY_MS = 4_133_404_800_000

SPOT_REFUSALS: dict[RefusalReason, tuple[int, int, str]] = {
    "duplicate": (400, -2010, "Duplicate order sent."),
    "balance": (400, -2010, "Account has insufficient balance for requested action."),
    "quantity": (400, -1013, "Filter failure: LOT_SIZE"),
    "price": (400, -1013, "Filter failure: PRICE_FILTER"),
    "notional": (400, -1013, "Filter failure: NOTIONAL"),
    "client_order_id": (
        400, -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    "market": (400, -1121, "Invalid symbol."),
    "halted": (400, -1013, "Market is closed."),
    "unknown": (400, -2013, "Order does not exist."),
    "unknown_cancel": (400, -2011, "Unknown order sent."),
    "key": (401, -2014, "API-key format invalid."),
    "key_refused": (401, -2015, "Invalid API-key, IP, or permissions for action."),
    "clock": (400, -1021, "Timestamp for this request is outside of the recvWindow."),
}  # fmt: skip
LINEAR_REFUSALS: dict[RefusalReason, tuple[int, int, str]] = SPOT_REFUSALS | {
    "duplicate": (400, -4116, "ClientOrderId is duplicated."),
    "balance": (400, -2019, "Margin is insufficient."),
    "quantity": (400, -1111, "Precision is over the maximum defined for this asset."),
    "price": (400, -4014, "Price not increased by tick size."),
    "notional": (400, -4164, "Order's notional must be no smaller than 5 (unless you choose reduce only)."),
    "client_order_id": (400, -4015, "Client order id length should be less than 36 chars"),
    "halted": (400, -4140, "Invalid symbol status for opening position."),
}


def market_id(market: Market) -> str:
    return market.base + market.quote


def listed(market: Market) -> dict[str, Any]:
    """A symbol of exchangeInfo."""
    common = {
        "symbol": market_id(market), "status": "TRADING", "baseAsset": market.base, "quoteAsset": market.quote,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK"],
    }  # fmt: skip
    price = {"filterType": "PRICE_FILTER", "minPrice": market.tick_size, "maxPrice": "1000000",
             "tickSize": market.tick_size}  # fmt: skip
    lot = {"filterType": "LOT_SIZE", "minQty": market.minimum_quantity, "maxQty": "100000",
           "stepSize": market.lot_size}  # fmt: skip
    if market.swap:
        notional = {"filterType": "MIN_NOTIONAL", "notional": market.minimum_notional}
        return common | {
            "pair": market_id(market), "contractType": "PERPETUAL", "deliveryDate": PERPETUAL_DELIVERY_MS,
            "onboardDate": 1_700_000_000_000, "marginAsset": market.quote, "pricePrecision": 4,
            "quantityPrecision": 3, "baseAssetPrecision": 8, "quotePrecision": 8, "filters": [price, lot, notional],
        }  # fmt: skip
    notional = {"filterType": "NOTIONAL", "minNotional": market.minimum_notional, "maxNotional": "9000000"}
    return common | {
        "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8, "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False, "permissions": [], "filters": [price, lot, notional],
    }  # fmt: skip


def ticker(market: Market, now_ms: int) -> dict[str, Any]:
    """Of 24 hours; the best bid and ask are in it on spot only."""
    common = {
        "symbol": market_id(market), "priceChange": "0", "priceChangePercent": "0", "weightedAvgPrice": market.last,
        "lastPrice": market.last, "lastQty": "1", "openPrice": market.last, "highPrice": market.last,
        "lowPrice": market.last, "volume": market.volume, "quoteVolume": "0", "openTime": now_ms - 86_400_000,
        "closeTime": now_ms, "firstId": 1, "lastId": 2, "count": 2,
    }  # fmt: skip
    return common if market.swap else common | book_ticker(market)


def book_ticker(market: Market) -> dict[str, Any]:
    """The best bid and ask: spot gives no time."""
    best = {"symbol": market_id(market), "bidPrice": market.bid, "bidQty": market.bid_size, "askPrice": market.ask,
            "askQty": market.ask_size}  # fmt: skip
    return best | ({"time": market.quote_time_ms} if market.swap else {})


def premium_index(market: Market, now_ms: int) -> dict[str, Any]:
    return {
        "symbol": market_id(market), "markPrice": market.mark_price, "indexPrice": market.index_price,
        "estimatedSettlePrice": market.index_price, "lastFundingRate": market.funding_rate,
        "interestRate": "0.00010000", "nextFundingTime": market.next_funding_ms, "time": now_ms,
    }  # fmt: skip


def funding_rates(market: Market) -> list[dict[str, Any]]:
    return [
        {"symbol": market_id(market), "fundingTime": time_ms, "fundingRate": rate, "markPrice": market.mark_price}
        for time_ms, rate in market.funding_history
    ]


def funding_interval(market: Market) -> dict[str, Any]:
    return {"symbol": market_id(market), "fundingIntervalHours": FUNDING_EVERY_MS // 3_600_000}


def income(funding: Funding, market: Market) -> dict[str, Any]:
    return {
        "symbol": market_id(market), "incomeType": "FUNDING_FEE", "income": funding.amount, "asset": funding.asset,
        "info": "FUNDING_FEE", "time": funding.time_ms, "tranId": funding.identity, "tradeId": "",
    }  # fmt: skip


def status(order: PlacedOrder) -> str:
    return STATUSES.get(order.status, "PARTIALLY_FILLED" if order.fills else "NEW")


def placed(order: PlacedOrder, market: Market) -> dict[str, Any]:
    """An order as create, query and cancel answer it."""
    common = {
        "symbol": market_id(market), "orderId": order.venue_order_id, "clientOrderId": order.client_order_id,
        "price": plain(order.price), "origQty": plain(order.quantity), "executedQty": plain(order.filled),
        "status": status(order), "timeInForce": order.time_in_force, "type": "LIMIT", "side": order.side.upper(),
        "stopPrice": "0", "time": order.time_ms, "updateTime": order.updated_ms or order.time_ms,
    }  # fmt: skip
    if market.swap:
        return common | {
            "avgPrice": plain(order.average), "cumQuote": plain(order.value), "reduceOnly": order.reduce_only,
            "positionSide": "BOTH", "origType": "LIMIT", "closePosition": False,
        }  # fmt: skip
    return common | {"orderListId": -1, "cummulativeQuoteQty": plain(order.value), "isWorking": True}


def booked(order: PlacedOrder, market: Market) -> dict[str, Any]:
    """The answer to a new order: on spot with its fills."""
    if market.swap:
        return placed(order, market)
    fills = [
        {"price": plain(fill.price), "qty": plain(fill.quantity), "commission": plain(fill.commission),
         "commissionAsset": fill.commission_asset, "tradeId": fill.trade_id}
        for fill in order.fills
    ]  # fmt: skip
    return placed(order, market) | {"transactTime": order.time_ms, "fills": fills}


def trade(order: PlacedOrder, fill: Fill, market: Market) -> dict[str, Any]:
    buys = order.side == "buy"
    common = {
        "symbol": market_id(market), "id": fill.trade_id, "orderId": order.venue_order_id, "price": plain(fill.price),
        "qty": plain(fill.quantity), "quoteQty": plain(fill.quantity * fill.price),
        "commission": plain(fill.commission), "commissionAsset": fill.commission_asset, "time": fill.time_ms,
    }  # fmt: skip
    if market.swap:
        return common | {"side": order.side.upper(), "buyer": buys, "maker": False, "positionSide": "BOTH",
                         "realizedPnl": "0"}  # fmt: skip
    return common | {"orderListId": -1, "isBuyer": buys, "isMaker": False, "isBestMatch": True}


def update(order: PlacedOrder, fill: Fill | None, market: Market, now_ms: int) -> dict[str, Any]:
    """An order's change over the user stream."""
    kinds = {"cancelled": "CANCELED", "expired": "EXPIRED"}
    fields: dict[str, Any] = {
        "s": market_id(market), "c": order.client_order_id, "S": order.side.upper(), "o": "LIMIT",
        "f": order.time_in_force, "q": plain(order.quantity), "p": plain(order.price),
        "x": "TRADE" if fill else kinds.get(order.status, "NEW"), "X": status(order), "i": order.venue_order_id,
        "l": plain(fill.quantity) if fill else "0", "z": plain(order.filled),
        "L": plain(fill.price) if fill else "0", "n": plain(fill.commission) if fill else "0",
        "N": fill.commission_asset if fill else None, "T": fill.time_ms if fill else now_ms,
        "t": fill.trade_id if fill else -1, "m": False,
    }  # fmt: skip
    if market.swap:
        swap = {"ap": plain(order.average), "sp": "0", "R": order.reduce_only, "ps": "BOTH", "rp": "0"}
        return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": now_ms, "o": fields | swap}
    spot = {"e": "executionReport", "E": now_ms, "P": "0", "C": "", "r": "NONE", "O": order.time_ms,
            "Z": plain(order.value), "Y": plain(fill.quantity * fill.price) if fill else "0"}  # fmt: skip
    return {"subscriptionId": 0, "event": fields | spot}
