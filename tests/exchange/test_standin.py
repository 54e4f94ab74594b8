"""The stand-in as the unmodified ccxt sees it: market data and orders."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import pytest

from tests.eventually import eventually
from tests.exchange.server import StandIn, rebased
from tests.exchange.venue import Venue

SPOT = "TAO/USDT"
SWAP = "TAO/USDT:USDT"
LEVERAGED = "TAO3L/USDT"
VENUES = ["binance", "okx", "bybit"]
TRADING = ["binance", "okx"]
EIGHT_HOURS_MS = 28_800_000

Connect = Callable[..., Any]


async def quoted(exchange: Any, venue: Venue, symbol: str, *quotes: tuple[str, str]) -> Any:
    """What ccxt hands over for the first of the quotes, sent once it has subscribed."""
    before = venue.subscribed(symbol)
    watching = asyncio.create_task(exchange.watch_bids_asks([symbol]))
    await eventually(lambda: venue.subscribed(symbol) > before, "subscribed")
    await venue.burst(symbol, quotes)
    return await watching


@pytest.mark.parametrize("name", VENUES)
async def test_markets_and_their_filters_are_loaded(standin: StandIn, connect: Connect, name: str) -> None:
    exchange = connect(name)
    markets = await exchange.load_markets()
    assert set(markets) == {SPOT, SWAP, LEVERAGED}
    assert markets[SPOT]["spot"]
    assert markets[SWAP]["swap"]
    assert markets[SWAP]["linear"]
    assert markets[SPOT]["precision"] == {**markets[SPOT]["precision"], "amount": "0.001", "price": "0.1"}
    assert markets[SWAP]["contractSize"] == ("0.1" if name == "okx" else "1")
    assert standin.venue(name).unknown == []


@pytest.mark.parametrize("symbol", [SPOT, SWAP, LEVERAGED])
@pytest.mark.parametrize("name", TRADING)
async def test_the_best_bid_and_ask_come_as_exact_strings(
    standin: StandIn, connect: Connect, name: str, symbol: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    await quoted(exchange, venue, symbol, ("412.30000000000000001", "412.4"))
    seen = exchange.bidsasks[symbol]
    assert (seen["bid"], seen["ask"]) == ("412.30000000000000001", "412.4")
    # trap: Binance's book ticker has no time on spot, and ccxt puts none in its place
    timeless = name == "binance" and symbol != SWAP
    assert seen["timestamp"] == (None if timeless else venue.markets[symbol].quote_time_ms)


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
async def test_bybits_best_bid_and_ask_have_been_floats_on_the_way(
    standin: StandIn, connect: Connect, symbol: str
) -> None:
    exchange = connect("bybit")
    await quoted(exchange, standin.bybit, symbol, ("412.30000000000000001", "412.4"))
    # trap: it makes them from an order book of floats, and `info` is that book, not what was sent
    assert exchange.bidsasks[symbol]["bid"] == "412.3"
    assert exchange.bidsasks[symbol]["info"]["bids"] == [[412.3, 10.0]]


@pytest.mark.parametrize("name", VENUES)
async def test_spot_and_perpetual_of_the_same_underlying_are_kept_apart(
    standin: StandIn, connect: Connect, name: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    await quoted(exchange, venue, SPOT, ("411", "411.1"))
    await quoted(exchange, venue, SWAP, ("413", "413.1"))
    assert [Decimal(exchange.bidsasks[symbol]["bid"]) for symbol in (SPOT, SWAP)] == [Decimal(411), Decimal(413)]


@pytest.mark.parametrize("name", VENUES)
async def test_figures_are_answered(standin: StandIn, connect: Connect, name: str) -> None:
    exchange, venue = connect(name), standin.venue(name)
    await venue.funding(SWAP, "-0.00025", next_ms=1_800_000_000_000)
    await venue.mark(SWAP, "412.35", "412.31")
    await venue.open_interest(SWAP, "1234.5")
    await venue.volume(SWAP, "77000")
    venue.settle_funding(SWAP, "0.0003", "-1.25", time_ms=1_700_000_000_000)
    funding = await exchange.fetch_funding_rate(SWAP)
    assert (funding["fundingRate"], funding["fundingTimestamp"]) == ("-0.00025", 1_800_000_000_000)
    history = await exchange.fetch_funding_rate_history(SWAP, since=1_699_999_999_999)
    assert [(past["timestamp"], past["fundingRate"]) for past in history] == [(1_700_000_000_000, "0.0003")]
    interest, ticker = await exchange.fetch_open_interest(SWAP), await exchange.fetch_ticker(SWAP)
    # trap: OKX's perpetuals are counted in contracts, and ccxt hands contracts over as base volume and as amount
    contracts = Decimal("0.1") if name == "okx" else 1
    assert Decimal(interest["openInterestAmount"]) * contracts == Decimal("1234.5")
    assert Decimal(ticker["baseVolume"]) * contracts == 77000
    mark = await exchange.fetch_mark_price(SWAP) if exchange.has.get("fetchMarkPrice") else ticker
    assert mark["markPrice"] == "412.35"
    assert abs(await exchange.fetch_time() - venue.now_ms()) < 5000
    assert venue.unknown == []


@pytest.mark.parametrize("name", TRADING)
async def test_mark_price_and_funding_are_pushed(standin: StandIn, connect: Connect, name: str) -> None:
    exchange, venue = connect(name), standin.venue(name)
    await venue.funding(SWAP, "0.0002")
    await venue.mark(SWAP, "412.35", time_ms=1_700_000_000_000)
    watching = asyncio.create_task(exchange.watch_mark_price(SWAP))
    await eventually(lambda: venue.connected, "connected")
    channel = venue.frames(venue.markets[SWAP], "mark")[-1][0]
    await eventually(lambda: venue.sockets.subscribed(channel), "subscribed")
    await venue.mark(SWAP, "413", time_ms=1_700_000_000_001)
    mark = await watching
    # OKX states the price of before first, when it is subscribed to
    assert mark["markPrice"] == {"binance": "413", "okx": "412.35"}[name]
    if name == "okx":
        assert (await exchange.watch_funding_rate(SWAP))["fundingRate"] == "0.0002"
    else:
        assert mark["info"]["r"] == "0.0002"


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
@pytest.mark.parametrize("name", TRADING)
async def test_an_order_is_followed_by_its_client_order_id(
    standin: StandIn, connect: Connect, name: str, symbol: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    await exchange.load_markets()
    contract = Decimal(exchange.market(symbol)["contractSize"] or 1)
    amount = str(Decimal("1.5") / contract)
    named = {"clientOrderId": "order1"}
    created = await exchange.create_order(symbol, "limit", "buy", amount, "412.3", named | {"timeInForce": "IOC"})
    booked = venue.orders["order1"]
    assert (booked.quantity, booked.price, booked.time_in_force) == (Decimal("1.5"), Decimal("412.3"), "IOC")
    assert created["clientOrderId"] == "order1"
    await venue.fill("order1", "0.9", "412.2", "0.01")
    await venue.fill("order1", "0.1", "412.1", "0.002", "BNB")
    order = await exchange.fetch_order(None, symbol, named)
    assert (order["status"], Decimal(order["filled"]) * contract) == ("open", Decimal(1))
    assert Decimal(order["average"]) == Decimal("412.19")
    # trap: OKX's answer to a new order has an id and no status, and Binance's trades are asked for by the venue's id
    of_order = {"orderId" if name == "binance" else "ordId": created["id"]}
    trades = await exchange.fetch_my_trades(symbol, params=of_order)
    assert [(trade["price"], trade["fee"]) for trade in trades] == [
        ("412.2", {"currency": "USDT", "cost": "0.01"}),
        ("412.1", {"currency": "BNB", "cost": "0.002"}),
    ]
    assert [Decimal(trade["amount"]) * contract for trade in trades] == [Decimal("0.9"), Decimal("0.1")]
    await exchange.cancel_order(None, symbol, named)
    assert (await exchange.fetch_order(None, symbol, named))["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order(None, symbol, named)
    assert (booked.status, booked.sent, len(venue.placed)) == ("cancelled", 1, 1)
    assert venue.unknown == []


@pytest.mark.parametrize("name", TRADING)
async def test_trades_come_in_pages(standin: StandIn, connect: Connect, name: str) -> None:
    exchange, venue = connect(name), standin.venue(name)
    for order in ("a", "b"):
        await exchange.create_order(SPOT, "limit", "buy", "20", "412.3", {"clientOrderId": order})
    for number in range(1, 6):
        await venue.fill("a", str(number))
        await venue.fill("b", "0.5")
    identity = venue.orders["a"].venue_order_id
    seen: list[list[str]] = []
    asked: dict[str, Any] = {"orderId" if name == "binance" else "ordId": identity}
    while page := await exchange.fetch_my_trades(SPOT, None, 2, asked):
        seen.append(sorted(trade["amount"] for trade in page))
        # trap: Binance goes on from the oldest, OKX from the newest; either way ccxt sorts a page oldest first
        if name == "binance":
            asked["fromId"] = int(page[-1]["id"]) + 1
        else:
            asked["after"] = page[0]["info"]["billId"]
    assert seen == {"binance": [["1", "2"], ["3", "4"], ["5"]], "okx": [["4", "5"], ["2", "3"], ["1"]]}[name]


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
@pytest.mark.parametrize("name", TRADING)
async def test_an_order_that_is_not_there_is_not_found(connect: Connect, name: str, symbol: str) -> None:
    exchange = connect(name)
    for asking in (exchange.fetch_order, exchange.cancel_order):
        with pytest.raises(ccxt.OrderNotFound):
            await asking(None, symbol, {"clientOrderId": "nobody"})


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
@pytest.mark.parametrize("name", TRADING)
async def test_a_client_order_id_is_taken_while_its_order_is_open(
    standin: StandIn, connect: Connect, name: str, symbol: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    order = (symbol, "limit", "sell", "20", "412.3", {"clientOrderId": "once"})
    await exchange.create_order(*order)
    with pytest.raises(ccxt.InvalidOrder):
        await exchange.create_order(*order)
    assert (len(venue.placed), venue.orders["once"].sent) == (1, 2)
    await venue.end("once", "expired")
    # trap: Binance lets go of the id once the order has ended, so sending again doubles it
    if name == "binance":
        await exchange.create_order(*order)
    else:
        with pytest.raises(ccxt.InvalidOrder):
            await exchange.create_order(*order)
    assert (len(venue.placed), venue.orders["once"].sent) == ({"binance": 2, "okx": 1}[name], 3)


@pytest.mark.parametrize("name", TRADING)
async def test_orders_at_once_fill_up_to_the_quote_and_the_rest_expires(
    standin: StandIn, connect: Connect, name: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    venue.fills_at_once = True
    await venue.quote(SPOT, "412", "412.5", ask_size="0.4")
    taking = {"timeInForce": "IOC"}
    await exchange.create_order(SPOT, "limit", "buy", "1", "413", taking | {"clientOrderId": "partly"})
    await exchange.create_order(SPOT, "limit", "buy", "1", "412.4", taking | {"clientOrderId": "never"})
    await exchange.create_order(SPOT, "limit", "buy", "1", "412.4", {"clientOrderId": "resting"})
    await exchange.create_order(SPOT, "limit", "sell", "1", "400", taking | {"clientOrderId": "wholly"})
    assert {cid: (order.status, order.filled, order.average) for cid, order in venue.orders.items()} == {
        "partly": ("expired", Decimal("0.4"), Decimal("412.5")),
        "never": ("expired", 0, 0),
        "resting": ("open", 0, 0),
        "wholly": ("filled", 1, 412),
    }
    assert venue.orders["partly"].fills[0].commission == Decimal("0.066")
    assert [order["clientOrderId"] for order in await exchange.fetch_open_orders(SPOT)] == ["resting"]
    await venue.quote(SPOT, "412", "412.4")
    assert venue.orders["resting"].status == "filled"
    # trap: OKX calls the rest of an IOC cancelled, Binance expired
    ended = await exchange.fetch_order(None, SPOT, {"clientOrderId": "partly"})
    assert ended["status"] == {"binance": "expired", "okx": "canceled"}[name]


@pytest.mark.parametrize("name", TRADING)
async def test_funding_paid_and_positions_are_the_accounts(standin: StandIn, connect: Connect, name: str) -> None:
    exchange, venue = connect(name, options={"defaultType": "swap"}), standin.venue(name)
    venue.settle_funding(SWAP, "0.0003", "-1.25", time_ms=1_700_000_000_000)
    venue.settle_funding(SWAP, "-0.0001", "0.5", time_ms=1_700_000_000_000 + EIGHT_HOURS_MS)
    paid = await exchange.fetch_funding_history(SWAP, since=1_700_000_060_000)
    assert [(each["amount"], each["code"]) for each in paid] == [("0.5", "USDT")]
    await exchange.create_order(SWAP, "limit", "sell", "20", "412.3", {"clientOrderId": "short"})
    await venue.fill("short", "2")
    position = (await exchange.fetch_positions([SWAP]))[0]
    assert (position["side"], Decimal(position["contracts"])) == ("short", Decimal({"binance": 2, "okx": 20}[name]))
    assert Decimal((await exchange.fetch_balance())["USDT"]["total"]) == venue.balances["USDT"]
    assert venue.unknown == []


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
@pytest.mark.parametrize("name", TRADING)
async def test_changes_of_orders_come_over_the_user_stream(
    standin: StandIn, connect: Connect, name: str, symbol: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    await exchange.load_markets()
    watching = asyncio.create_task(exchange.watch_orders(symbol))
    channel = "orders" if name == "okx" else {SPOT: "spot:user", SWAP: "linear:user"}[symbol]
    await eventually(lambda: venue.sockets.subscribed(channel), "subscribed")
    await exchange.create_order(symbol, "limit", "buy", "20", "412.3", {"clientOrderId": "watched"})
    assert [(order["clientOrderId"], order["status"]) for order in await watching] == [("watched", "open")]
    watching = asyncio.create_task(exchange.watch_orders(symbol))
    await venue.fill("watched", str(venue.orders["watched"].quantity), commission="0.1")
    assert [(order["clientOrderId"], order["status"]) for order in await watching] == [("watched", "closed")]


@pytest.mark.parametrize("name", ["binanceusdm", "bitget", "gate", "kraken", "kucoin", "mexc"])
async def test_every_address_of_any_class_is_rebased(connect: Connect, name: str) -> None:
    def addresses(urls: Any) -> list[str]:
        return [each for url in urls.values() for each in addresses(url)] if isinstance(urls, dict) else [urls]

    rebased_to = addresses(connect(name).urls["api"])
    assert rebased_to
    assert all(url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:")) for url in rebased_to)


async def test_requests_without_a_key_are_refused(standin: StandIn) -> None:
    urls = rebased(["https://api.binance.com/api/v3/order", "https://www.okx.com/api/v5/trade/order"], standin.port)
    async with aiohttp.ClientSession() as session:
        answers = [await session.get(url, params={"symbol": "TAOUSDT", "instId": "TAO-USDT"}) for url in urls]
        assert [answer.status for answer in answers] == [401, 401]
        assert [(await answer.json())["code"] for answer in answers] == [-2014, "50103"]


async def test_what_the_stand_in_cannot_answer_is_told(standin: StandIn, connect: Connect) -> None:
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await connect("binance").fetch_ohlcv(SPOT)
    assert standin.binance.unknown == ["GET api/v3/klines"]
