"""What OKX's answers look like, as documented, spot and perpetuals."""

from decimal import Decimal
from typing import Any

from tests.exchange.market import Market, plain
from tests.exchange.orders import Fill, PlacedOrder, RefusalReason
from tests.exchange.venue import FUNDING_EVERY_MS, Funding

STATES = {"filled": "filled", "cancelled": "canceled", "expired": "canceled"}
BOOKED_AFTER_MS = 15_588
KINDS = {"GTC": "limit", "IOC": "ioc", "FOK": "fok"}

REFUSALS: dict[RefusalReason, tuple[int, str, str]] = {
    "duplicate": (200, "51016", "Client order ID already exists."),
    "balance": (200, "51008", "Order failed. Insufficient USDT balance in account"),
    "quantity": (200, "51121", "Order quantity must be a multiple of the lot size."),
    "price": (200, "51000", "Parameter px error"),
    "notional": (200, "51020", "Your order should meet or exceed the minimum order amount."),
    "client_order_id": (200, "51000", "Parameter clOrdId error"),
    "market": (200, "51001", "Instrument ID does not exist."),
    "halted": (200, "51022", "Contract suspended."),
    "unknown": (200, "51603", "Order does not exist"),
    "unknown_cancel": (
        200, "51400", "Order cancellation failed as the order has been filled, canceled or does not exist."
    ),
    "key": (401, "50103", 'Request header "OK-ACCESS-KEY" can not be empty.'),
    "key_refused": (401, "50111", "Invalid OK-ACCESS-KEY"),
    "clock": (401, "50102", "Timestamp request expired"),
}  # fmt: skip


def kind(market: Market) -> str:
    return "SWAP" if market.swap else "SPOT"


def market_id(market: Market) -> str:
    return f"{market.base}-{market.quote}" + ("-SWAP" if market.swap else "")


def size(market: Market, quantity: str | Decimal) -> str:
    """On the wire: contracts of a perpetual, the base asset on spot."""
    if market.swap:
        return market.contracts(quantity)
    return plain(quantity) if isinstance(quantity, Decimal) else quantity


def listed(market: Market) -> dict[str, Any]:
    """An instrument."""
    swap = market.swap
    return {
        "instType": kind(market), "instId": market_id(market), "instIdCode": len(market.symbol),
        "uly": f"{market.base}-{market.quote}" if swap else "", "instFamily": "", "state": "live", "ruleType": "normal",
        "baseCcy": "" if swap else market.base, "quoteCcy": "" if swap else market.quote,
        "settleCcy": market.quote if swap else "", "ctVal": market.contract_size if swap else "",
        "ctMult": "1" if swap else "", "ctValCcy": market.base if swap else "", "ctType": "linear" if swap else "",
        "lotSz": size(market, market.lot_size), "minSz": size(market, market.minimum_quantity),
        "tickSz": market.tick_size, "lever": "20" if swap else "", "listTime": "1700000000000", "expTime": "",
        "maxLmtSz": "1000000", "maxMktSz": "1000000", "optType": "", "stk": "",
    }  # fmt: skip


def ticker(market: Market, now_ms: int) -> dict[str, Any]:
    """The volume of perpetuals is in contracts, in the base asset as `volCcy24h`; of spot that is the quote asset's."""
    return {
        "instType": kind(market), "instId": market_id(market), "last": market.last, "lastSz": "1",
        "askPx": market.ask, "askSz": size(market, market.ask_size), "bidPx": market.bid,
        "bidSz": size(market, market.bid_size), "open24h": market.last, "high24h": market.last, "low24h": market.last,
        "vol24h": size(market, market.volume), "volCcy24h": market.volume if market.swap else "0",
        "sodUtc0": market.last, "sodUtc8": market.last, "ts": str(market.quote_time_ms or now_ms),
    }  # fmt: skip


def best(market: Market) -> dict[str, Any]:
    """Of the channel `bbo-tbt`: price, size, a field that is always 0, how many orders."""
    return {
        "asks": [[market.ask, size(market, market.ask_size), "0", "1"]],
        "bids": [[market.bid, size(market, market.bid_size), "0", "1"]],
        "ts": str(market.quote_time_ms), "seqId": market.updates,
    }  # fmt: skip


def mark_price(market: Market, now_ms: int) -> dict[str, Any]:
    return {"instType": kind(market), "instId": market_id(market), "markPx": market.mark_price, "ts": str(now_ms)}


def funding_rate(market: Market, now_ms: int) -> dict[str, Any]:
    return {
        "instType": "SWAP", "instId": market_id(market), "method": "current_period", "formulaType": "withRate",
        "fundingRate": market.funding_rate, "fundingTime": str(market.next_funding_ms), "nextFundingRate": "",
        "nextFundingTime": str(market.next_funding_ms + FUNDING_EVERY_MS), "premium": "0", "interestRate": "0.0001",
        "settState": "settled", "settFundingRate": market.funding_rate, "ts": str(now_ms),
    }  # fmt: skip


def funding_rates(market: Market) -> list[dict[str, Any]]:
    """Newest first."""
    return [
        {"instType": "SWAP", "instId": market_id(market), "fundingRate": rate, "realizedRate": rate,
         "fundingTime": str(time_ms), "method": "current_period", "formulaType": "withRate"}
        for time_ms, rate in reversed(market.funding_history)
    ]  # fmt: skip


def open_interest(market: Market, now_ms: int) -> dict[str, Any]:
    """In contracts (`oi`) and in the base asset (`oiCcy`)."""
    return {
        "instType": "SWAP", "instId": market_id(market), "oi": size(market, market.open_interest),
        "oiCcy": market.open_interest, "oiUsd": plain(Decimal(market.open_interest) * Decimal(market.mark_price)),
        "ts": str(now_ms),
    }  # fmt: skip


def bill(funding: Funding, market: Market) -> dict[str, Any]:
    """Dated when it was booked, some seconds after the funding time."""
    return {
        "billId": str(funding.identity), "type": "8", "subType": "174" if funding.amount[0] != "-" else "173",
        "instType": "SWAP", "instId": market_id(market), "ccy": funding.asset, "balChg": funding.amount,
        "posBalChg": "0", "pnl": funding.amount, "ts": str(funding.time_ms + BOOKED_AFTER_MS),
    }  # fmt: skip


def placed(order: PlacedOrder, market: Market, fill: Fill | None = None) -> dict[str, Any]:
    """An order as query and the channel `orders` state it; fees are negative where they are paid."""
    last = fill or (order.fills[-1] if order.fills else None)
    fees = sum((each.commission for each in order.fills), Decimal(0))
    return {
        "instType": kind(market), "instId": market_id(market), "ordId": str(order.venue_order_id),
        "clOrdId": order.client_order_id, "tag": "", "px": plain(order.price), "sz": size(market, order.quantity),
        "ordType": KINDS[order.time_in_force], "side": order.side, "posSide": "net" if market.swap else "",
        "tdMode": "cross" if market.swap else "cash", "accFillSz": size(market, order.filled),
        "avgPx": plain(order.average) if order.fills else "", "reduceOnly": str(order.reduce_only).lower(),
        "state": STATES.get(order.status, "partially_filled" if order.fills else "live"),
        "fee": plain(-fees), "feeCcy": last.commission_asset if last else "",
        "fillPx": plain(last.price) if last else "", "fillSz": size(market, last.quantity) if last else "0",
        "fillTime": str(last.time_ms) if last else "", "tradeId": str(last.trade_id) if last else "",
        "fillFee": plain(-last.commission) if last else "0", "fillFeeCcy": last.commission_asset if last else "",
        "execType": "T" if last else "", "cTime": str(order.time_ms), "uTime": str(order.updated_ms or order.time_ms),
    }  # fmt: skip


def trade(order: PlacedOrder, fill: Fill, market: Market) -> dict[str, Any]:
    return {
        "instType": kind(market), "instId": market_id(market), "tradeId": str(fill.trade_id),
        "ordId": str(order.venue_order_id), "clOrdId": order.client_order_id, "billId": str(fill.trade_id),
        "fillPx": plain(fill.price), "fillSz": size(market, fill.quantity), "side": order.side,
        "posSide": "net", "execType": "T", "fee": plain(-fill.commission), "feeCcy": fill.commission_asset,
        "ts": str(fill.time_ms), "fillTime": str(fill.time_ms),
    }  # fmt: skip
