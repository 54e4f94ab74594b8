"""Messages as the exchanges document them, through ccxt's own parsers, to the last digit; and what is no quote."""

from decimal import Decimal
from typing import Any

import pytest

from engine.domain.instants import MILLISECOND, SECOND
from producers.feed.exchange import offline
from producers.feed.observations import Quote
from producers.feed.quotes import Changed, Market, QuoteReader, Reason, Tap
from producers.feed.settings import FeedError, Kind

T_MS = 1_760_055_000_123
RECEIVED = T_MS * MILLISECOND + 7_456

BINANCE = {"u": 400900217, "s": "TAOUSDT", "b": "347.10000000", "B": "31.21000000", "a": "347.20", "A": "40.66"}
BOOK: dict[str, Any] = {"e": "bookTicker", "E": T_MS, "T": T_MS - 3, **BINANCE}
OKX = {
    "arg": {"channel": "bbo-tbt", "instId": "TAO-USDT"},
    "data": [{"asks": [["347.2", "40.66", "0", "2"]], "bids": [["347.1", "31.21", "0", "4"]], "ts": str(T_MS),
              "seqId": 363996337}],
}  # fmt: skip
BYBIT = {
    "topic": "orderbook.1.TAOUSDT", "type": "snapshot", "ts": T_MS, "cts": T_MS - 2,
    "data": {"s": "TAOUSDT", "b": [["347.1", "31.21"]], "a": [["347.2", "40.66"]], "u": 18521288, "seq": 7961638724},
}  # fmt: skip
KUCOIN = {
    "topic": "/spotMarket/level1:TAO-USDT", "type": "message", "subject": "level1",
    "data": {"asks": ["347.2", "40.66"], "bids": ["347.1", "31.21"], "timestamp": T_MS},
}  # fmt: skip
KUCOIN_SWAP = {
    "topic": "/contractMarket/tickerV2:TAOUSDTM", "type": "message", "subject": "tickerV2",
    "data": {"symbol": "TAOUSDTM", "bestBidSize": 31, "bestBidPrice": "347.1", "bestAskPrice": "347.2",
             "bestAskSize": 40, "sequence": 1, "ts": T_MS * 1_000_000},
}  # fmt: skip
GATE = {
    "time": T_MS // 1000, "time_ms": T_MS + 4, "channel": "spot.book_ticker", "event": "update",
    "result": {"t": T_MS, "u": 9793320464, "s": "TAO_USDT", "b": "347.1", "B": "31.21", "a": "347.2", "A": "40.66"},
}  # fmt: skip
GATE_SWAP = {
    "time": T_MS // 1000, "time_ms": T_MS + 4, "channel": "futures.book_ticker", "event": "update",
    "result": {"t": T_MS, "u": 3502782378, "s": "TAO_USDT", "b": "347.1", "B": 31, "a": "347.2", "A": 40},
}  # fmt: skip
BITGET = {
    "action": "snapshot", "arg": {"instType": "SPOT", "channel": "ticker", "instId": "TAOUSDT"}, "ts": T_MS + 5,
    "data": [{"instId": "TAOUSDT", "lastPr": "347.15", "askPr": "347.2", "bidPr": "347.1", "bidSz": "31.21",
              "askSz": "40.66", "ts": str(T_MS)}],
}  # fmt: skip
KRAKEN = {
    "channel": "ticker", "type": "update",
    "data": [{"symbol": "TAO/USD", "bid": 347.1, "bid_qty": 31.21, "ask": 347.2, "ask_qty": 40.66, "last": 347.1,
              "volume": 2158.3, "vwap": 346.9, "low": 340.0, "high": 350.1, "change": -2.5, "change_pct": -0.7}],
}  # fmt: skip

SAID = [
    ("binance", "spot", "TAO/USDT", BINANCE, None),
    ("binance", "spot", "TAO/USDT", {"stream": "taousdt@bookTicker", "data": BINANCE}, None),
    ("binance", "swap", "TAO/USDT:USDT", BOOK, T_MS),
    ("binance", "swap", "TAO/USDT:USDT", {"stream": "taousdt@bookTicker", "data": BOOK}, T_MS),
    ("okx", "spot", "TAO/USDT", OKX, T_MS),
    ("okx", "swap", "TAO/USDT:USDT", OKX | {"arg": {"channel": "bbo-tbt", "instId": "TAO-USDT-SWAP"}}, T_MS),
    ("bybit", "spot", "TAO/USDT", BYBIT, T_MS),
    ("bybit", "swap", "TAO/USDT:USDT", BYBIT, T_MS),
    ("kucoin", "spot", "TAO/USDT", KUCOIN, T_MS),
    ("kucoin", "swap", "TAO/USDT:USDT", KUCOIN_SWAP, T_MS),
    ("gate", "spot", "TAO/USDT", GATE, T_MS),
    ("gate", "swap", "TAO/USDT:USDT", GATE_SWAP, T_MS),
    ("bitget", "spot", "TAO/USDT", BITGET, T_MS),
    ("kraken", "spot", "TAO/USD", KRAKEN, None),
]  # fmt: skip


def told(exchange_id: str, kind: Kind, symbol: str, message: Any) -> list[Changed]:
    exchange, line = offline(exchange_id, kind, symbol)
    return Tap(exchange, [Market(symbol, "TAO")]).take(line, message)


@pytest.mark.parametrize(("exchange", "kind", "symbol", "message", "time_ms"), SAID)
def test_best_bid_and_ask_of_an_exchange(
    exchange: str, kind: Kind, symbol: str, message: Any, time_ms: int | None
) -> None:
    [changed] = told(exchange, kind, symbol, message)
    quote = QuoteReader("v").read(changed, RECEIVED)
    assert isinstance(quote, Quote)
    assert (quote.venue, quote.underlying, quote.bid, quote.ask) == ("v", "TAO", Decimal("347.1"), Decimal("347.2"))
    assert (quote.bid_size, quote.ask_size) in {(Decimal("31.21"), Decimal("40.66")), (Decimal(31), Decimal(40))}
    assert (quote.dated, quote.received) == (time_ms is not None, RECEIVED)
    assert quote.time == (RECEIVED if time_ms is None else time_ms * MILLISECOND)


@pytest.mark.parametrize("message", [{"result": None, "id": 1}, {"e": "trade", "s": "TAOUSDT", "p": "1", "q": "1"}, {}])
def test_other_messages_change_nothing(message: Any) -> None:
    try:
        assert told("binance", "spot", "TAO/USDT", message) == []
    except (KeyError, TypeError):
        assert message.get("e") == "trade", "ccxt trips over trades nobody subscribed to"


def test_another_market_changes_nothing() -> None:
    assert told("binance", "spot", "TAO/USDT", BINANCE | {"s": "BTCUSDT"}) == []


def test_a_capture_of_one_exchange_only_is_read_by_its_spelling() -> None:
    with pytest.raises(FeedError, match="captures of bitmex's spot markets are not read"):
        offline("bitmex", "spot", "TAO/USDT")
    with pytest.raises(FeedError, match="kraken's swap"):
        offline("kraken", "swap", "TAO/USD:USD")


def ticker(bid: str | None, ask: str | None, time_ms: int | None = T_MS, size: str | None = "1") -> dict[str, Any]:
    return {"bid": bid, "ask": ask, "timestamp": time_ms, "bidVolume": size, "askVolume": size}


def read(
    reader: QuoteReader, said: dict[str, Any], number: int | None = None, received: int = RECEIVED
) -> Quote | Reason:
    return reader.read(Changed(Market("TAO/USDT", "TAO"), said, number), received)


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (None, "no_price"), ("0", "no_price"), ("0.000", "no_price"), ("-0", "no_price"), ("-347.1", "negative"),
        ("NaN", "not_a_number"), ("Infinity", "not_a_number"), ("-Infinity", "not_a_number"), ("", "not_a_number"),
        ("347,1", "not_a_number"), ("1e15", "out_of_range"), ("1e-41", "out_of_range"),
        ("347.12345678901234", "inexact"), ("347.1000000000000000", None), ("1e-40", None), ("999999999999999", None),
    ],
)  # fmt: skip
def test_a_price_is_one_or_it_is_counted_by_reason(price: str | None, reason: Reason | None) -> None:
    for said in (ticker(price, "999999999999999"), ticker("1e-40", price)):
        found = read(QuoteReader("v"), said)
        assert isinstance(found, Quote) if reason is None else found == reason


@pytest.mark.parametrize("size", [None, "NaN", "-1", "nonsense", "1e99"])
def test_a_size_that_makes_no_sense_is_nothing(size: str | None) -> None:
    found = read(QuoteReader("v"), ticker("1", "2", size=size))
    assert isinstance(found, Quote)
    assert (found.bid_size, found.ask_size) == (Decimal(0), Decimal(0))


def test_order_is_by_the_venues_time_and_within_it_by_its_number() -> None:
    reader = QuoteReader("v")
    assert isinstance(read(reader, ticker("1", "2", T_MS), 10), Quote)
    assert read(reader, ticker("3", "4", T_MS - 1), 11) == "older"
    assert read(reader, ticker("3", "4", T_MS), 9) == "older"
    assert read(reader, ticker("3", "4", T_MS), 10) == "duplicate"
    assert isinstance(read(reader, ticker("3", "4", T_MS), 11), Quote)
    assert isinstance(read(reader, ticker("5", "6", T_MS + 1), 1), Quote), "numbers begin anew when a venue restarts"
    assert read(reader, ticker("5", "6", T_MS + 1)) == "duplicate"
    assert isinstance(read(reader, ticker("5", "7", T_MS + 1)), Quote)


def test_what_the_venue_does_not_date_is_ordered_by_its_number_until_the_next_connection() -> None:
    reader = QuoteReader("v")
    assert isinstance(read(reader, ticker("1", "2", None), 10, RECEIVED), Quote)
    assert read(reader, ticker("3", "4", None), 9, RECEIVED + 1) == "older"
    assert read(reader, ticker("1", "2", None), 10, RECEIVED + 1) == "duplicate"
    reader.begin()
    assert isinstance(read(reader, ticker("3", "4", None), 9, RECEIVED + 2), Quote)
    assert read(reader, ticker("3", "4", None), 12, RECEIVED + 1) == "older", "our clock was put back"


def test_a_venues_clock_is_held_against_the_receivers_where_there_is_one() -> None:
    ahead = Changed(Market("TAO/USDT", "TAO"), ticker("1", "2", T_MS + 60_000), None)
    received, undated = (QuoteReader("v").read(ahead, local) for local in (RECEIVED, None))
    assert isinstance(received, Quote)
    assert isinstance(undated, Quote)
    assert received.time == RECEIVED + SECOND
    assert undated.time == (T_MS + 60_000) * MILLISECOND


def test_a_time_before_1970_is_none() -> None:
    found = read(QuoteReader("v"), ticker("1", "2", -5_000))
    assert isinstance(found, Quote)
    assert (found.time, found.dated) == (RECEIVED, False)


def test_without_any_time_there_is_no_quote() -> None:
    changed = Changed(Market("TAO/USDT", "TAO"), ticker("1", "2", None), None)
    assert QuoteReader("v").read(changed, None) == "undated"
