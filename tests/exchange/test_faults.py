"""Each fault of the stand-in, as the unmodified ccxt sees it."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from tests.eventually import eventually
from tests.exchange.faults import (
    Action,
    AnswerLost,
    Hangs,
    NotJson,
    RateLimited,
    Rejected,
    RequestLost,
    RestFault,
    ServerError,
    Unavailable,
)
from tests.exchange.server import StandIn
from tests.exchange.venue import Venue

SPOT = "TAO/USDT"
SWAP = "TAO/USDT:USDT"
TRADING = ["binance", "okx"]
NAMED = {"clientOrderId": "order1"}

Connect = Callable[..., Any]


async def buy(exchange: Any, symbol: str = SPOT, amount: str = "20", price: str = "412.3") -> Any:
    return await exchange.create_order(symbol, "limit", "buy", amount, price, NAMED)


async def watching(exchange: Any, venue: Venue, symbol: str = SPOT) -> "asyncio.Task[Any]":
    """A call of `watch_bids_asks` that waits for its first quote."""
    await exchange.load_markets()
    before = venue.subscribed(symbol)
    task = asyncio.create_task(exchange.watch_bids_asks([symbol]))
    await eventually(lambda: venue.subscribed(symbol) > before, "subscribed")
    return task


@pytest.mark.parametrize(
    ("name", "symbol", "fault", "error"),
    [
        ("binance", SPOT, Rejected("balance"), ccxt.InsufficientFunds),
        ("binance", SWAP, Rejected("balance"), ccxt.InsufficientFunds),
        ("okx", SWAP, Rejected("balance"), ccxt.InsufficientFunds),
        ("binance", SPOT, Rejected("quantity"), ccxt.InvalidOrder),
        ("binance", SWAP, Rejected("quantity"), ccxt.BadRequest),
        ("okx", SPOT, Rejected("quantity"), ccxt.InvalidOrder),
        ("binance", SWAP, Rejected("notional"), ccxt.InvalidOrder),
        ("binance", SPOT, Rejected("halted"), ccxt.MarketClosed),
        ("binance", SPOT, RateLimited(), ccxt.DDoSProtection),
        ("okx", SPOT, RateLimited(), ccxt.RateLimitExceeded),
        ("binance", SPOT, ServerError(503), ccxt.ExchangeNotAvailable),
        ("okx", SPOT, ServerError(502), ccxt.ExchangeNotAvailable),
        ("binance", SPOT, RequestLost(), ccxt.ExchangeNotAvailable),
        ("okx", SPOT, RequestLost(), ccxt.ExchangeNotAvailable),
        ("binance", SPOT, Hangs(), ccxt.RequestTimeout),
    ],
)
async def test_an_order_that_was_not_booked(
    standin: StandIn, connect: Connect, name: str, symbol: str, fault: RestFault, error: type[Exception]
) -> None:
    exchange, venue = connect(name, timeout=2000), standin.venue(name)
    await exchange.load_markets()
    exchange.timeout = 200
    venue.faults.on("create", fault)
    with pytest.raises(error):
        await buy(exchange, symbol)
    assert venue.placed == []
    await buy(exchange, symbol)
    assert len(venue.placed) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (AnswerLost(), ccxt.ExchangeNotAvailable),
        (Hangs(done=True), ccxt.RequestTimeout),
        (Unavailable(), (ccxt.RequestTimeout, ccxt.ExchangeNotAvailable)),
        (Unavailable(done=False), (ccxt.RequestTimeout, ccxt.ExchangeNotAvailable)),
    ],
)
@pytest.mark.parametrize("symbol", [SPOT, SWAP])
@pytest.mark.parametrize("name", TRADING)
async def test_an_order_of_which_nobody_knows(
    standin: StandIn, connect: Connect, name: str, symbol: str, fault: RestFault, error: type[Exception]
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    await exchange.load_markets()
    exchange.timeout = 200
    venue.faults.on("create", fault)
    with pytest.raises(error):
        await buy(exchange, symbol)
    exchange.timeout = 10_000
    if fault.done:
        assert (await exchange.fetch_order(None, symbol, NAMED))["status"] == "open"
    else:
        with pytest.raises(ccxt.OrderNotFound):
            await exchange.fetch_order(None, symbol, NAMED)
    assert len(venue.placed) == fault.done


@pytest.mark.parametrize("name", TRADING)
async def test_a_page_for_an_answer_passes_for_an_order_without_an_id(
    standin: StandIn, connect: Connect, name: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    venue.faults.on("create", NotJson())
    # trap: no error at all; only the missing id tells it from an order that was taken
    order = await buy(exchange)
    assert (order["id"], order["status"]) == (None, None)
    assert venue.placed == []


async def test_a_lost_answer_to_a_question_is_asked_for_again_behind_the_back(
    standin: StandIn, connect: Connect
) -> None:
    exchange, venue = connect("binance"), standin.binance
    await buy(exchange)
    venue.requests.clear()
    venue.faults.on("query", AnswerLost())
    venue.faults.on("cancel", AnswerLost())
    # trap: aiohttp sends GET and DELETE once more where the connection breaks, so a cancel can go twice
    assert (await exchange.fetch_order(None, SPOT, NAMED))["status"] == "open"
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.cancel_order(None, SPOT, NAMED)
    assert venue.requests == ["query", "query", "cancel", "cancel"]
    venue.faults.on("query", RequestLost(), times=2)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await exchange.fetch_order(None, SPOT, NAMED)
    assert venue.orders["order1"].status == "cancelled"


@pytest.mark.parametrize("name", TRADING)
async def test_only_binance_says_how_long_a_rate_limit_lasts(standin: StandIn, connect: Connect, name: str) -> None:
    exchange, venue = connect(name), standin.venue(name)
    venue.faults.on("query", RateLimited(retry_after_s=7), times=2)
    for _ in range(2):
        with pytest.raises((ccxt.DDoSProtection, ccxt.RateLimitExceeded)):
            await exchange.fetch_order(None, SPOT, NAMED)
        assert exchange.last_response_headers.get("Retry-After") == {"binance": "7", "okx": None}[name]
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.fetch_order(None, SPOT, NAMED)


@pytest.mark.parametrize(
    ("action", "fault", "error"),
    [
        ("ticker", RateLimited(), (ccxt.DDoSProtection, ccxt.RateLimitExceeded)),
        ("ticker", ServerError(500), ccxt.ExchangeNotAvailable),
        ("ticker", Unavailable(), ccxt.BaseError),  # trap: of Bybit's `Server Timeout` ccxt makes a plain ExchangeError
    ],
)
@pytest.mark.parametrize("name", ["binance", "okx", "bybit"])
async def test_questions_fail_too(
    standin: StandIn, connect: Connect, name: str, action: Action, fault: RestFault, error: type[Exception]
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    venue.faults.on(action, fault)
    with pytest.raises(error):
        await exchange.fetch_ticker(SPOT)
    assert (await exchange.fetch_ticker(SPOT))["last"] == "400.0"


async def test_an_answer_that_comes_late(standin: StandIn, connect: Connect) -> None:
    exchange, venue = connect("binance"), standin.binance
    await exchange.load_markets()
    exchange.timeout = 100
    venue.faults.delay_s = 30
    with pytest.raises(ccxt.RequestTimeout):
        await exchange.fetch_ticker(SPOT)
    venue.faults.delay_s = 0
    await exchange.fetch_ticker(SPOT)


@pytest.mark.parametrize(
    ("name", "amount", "price"),
    [("binance", "0.01", "412.3"), ("okx", "0.0005", "412.3"), ("binance", "20", "412.35")],
)
async def test_filters_are_the_venues_own(
    standin: StandIn, connect: Connect, name: str, amount: str, price: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    await exchange.load_markets()
    exchange.amount_to_precision = lambda _, number: number
    exchange.price_to_precision = lambda _, number: number
    with pytest.raises((ccxt.InvalidOrder, ccxt.BadRequest)):
        await buy(exchange, SPOT, amount, price)
    assert venue.placed == []


@pytest.mark.parametrize("name", TRADING)
async def test_what_is_not_there_cannot_be_spent(standin: StandIn, connect: Connect, name: str) -> None:
    exchange, venue = connect(name), standin.venue(name)
    venue.balances["USDT"] = Decimal(100)
    with pytest.raises(ccxt.InsufficientFunds):
        await buy(exchange)
    assert venue.placed == []


@pytest.mark.parametrize("name", TRADING)
async def test_a_key_that_is_refused(standin: StandIn, connect: Connect, name: str) -> None:
    exchange, venue = connect(name), standin.venue(name)
    venue.faults.refuses_keys = True
    with pytest.raises(ccxt.AuthenticationError):
        await buy(exchange)
    venue.faults.refuses_keys = False
    await buy(exchange)
    venue.faults.refuses_keys = True
    # trap: once a private call on spot has succeeded ccxt takes Binance's refusal of the key for a rate limit
    with pytest.raises(ccxt.DDoSProtection if name == "binance" else ccxt.AuthenticationError):
        await exchange.fetch_order(None, SPOT, NAMED)


@pytest.mark.parametrize(("name", "skew_ms"), [("binance", 60_000), ("binance", -60_000), ("okx", 60_000)])
async def test_a_clock_that_is_off(standin: StandIn, connect: Connect, name: str, skew_ms: int) -> None:
    exchange, venue = connect(name), standin.venue(name)
    venue.faults.clock_skew_ms = skew_ms
    with pytest.raises(ccxt.InvalidNonce):
        await buy(exchange)
    exchange.options["adjustForTimeDifference"] = True
    await exchange.load_time_difference()
    await buy(exchange)
    assert len(venue.placed) == 1


@pytest.mark.parametrize("abruptly", [False, True])
@pytest.mark.parametrize("name", ["binance", "okx", "bybit"])
async def test_a_disconnect_is_an_error_and_the_next_call_connects_again(
    standin: StandIn, connect: Connect, name: str, abruptly: bool
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    first = await watching(exchange, venue)
    await venue.disconnect(abruptly=abruptly)
    with pytest.raises(ccxt.NetworkError):
        await first
    again = await watching(exchange, venue)
    await venue.quote(SPOT, "412", "412.1")
    await again
    assert Decimal(exchange.bidsasks[SPOT]["bid"]) == 412


@pytest.mark.parametrize("name", TRADING)
async def test_silence_is_no_error_until_pings_are_missed(standin: StandIn, connect: Connect, name: str) -> None:
    exchange, venue = connect(name), standin.venue(name)
    # trap: at their own 180 and 18 s it is minutes until ccxt misses two pings, so silence needs a deadline
    exchange.streaming = exchange.streaming | {"keepAlive": 100}
    first = await watching(exchange, venue)
    await venue.quote(SPOT, "412", "412.1")
    await first
    venue.faults.silent = True
    silent = asyncio.create_task(exchange.watch_bids_asks([SPOT]))
    await venue.quote(SPOT, "413", "413.1")
    with pytest.raises(ccxt.RequestTimeout):
        await silent
    assert exchange.bidsasks[SPOT]["bid"] == "412"


async def test_a_handshake_that_is_refused(standin: StandIn, connect: Connect) -> None:
    exchange, venue = connect("binance"), standin.binance
    venue.faults.refuses_websockets = 429
    with pytest.raises(ccxt.NetworkError):
        await exchange.watch_bids_asks([SPOT])
    venue.faults.refuses_websockets = 0
    # ccxt waits as long as `Retry-After` said, a second
    again = await watching(exchange, venue)
    await venue.quote(SPOT, "412", "412.1")
    await again


@pytest.mark.parametrize("name", TRADING)
async def test_of_a_burst_the_caller_gets_the_first_and_the_cache_has_the_last(
    standin: StandIn, connect: Connect, name: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    task = await watching(exchange, venue)
    await venue.burst(SPOT, [(str(400 + number), str(401 + number)) for number in range(500)])
    assert (await task)[SPOT]["bid"] == "400"
    await eventually(lambda: exchange.bidsasks[SPOT]["bid"] == "899", "the newest of the burst")


@pytest.mark.parametrize("frame", ['{"b":', "a bare NaN"])
@pytest.mark.parametrize("name", TRADING)
async def test_one_frame_that_is_not_json_ends_all_without_an_error(
    standin: StandIn, connect: Connect, name: str, frame: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    broken = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda *_: broken.set())
    await venue.quote(SPOT, "411", "411.1")
    task = await watching(exchange, venue)
    # a bare NaN is no JSON for orjson, which ccxt takes where it is installed; Python's own parser makes a float of it
    await (venue.send_nan(SPOT) if frame == "a bare NaN" else venue.send_text(frame))
    await asyncio.wait_for(broken.wait(), 5)
    waiting = asyncio.create_task(exchange.watch_bids_asks([SPOT])) if task.done() else task
    await venue.quote(SPOT, "412", "412.1")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.3)
    assert exchange.bidsasks.get(SPOT, {}).get("bid") != "412"
    assert venue.connected == 1
    waiting.cancel()


@pytest.mark.parametrize("name", ["binance", "okx", "bybit"])
async def test_a_frame_that_does_not_even_begin_like_json_is_passed_over(
    standin: StandIn, connect: Connect, name: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    task = await watching(exchange, venue)
    await venue.send_text("<html>")
    await venue.quote(SPOT, "412", "412.1")
    await task
    assert Decimal(exchange.bidsasks[SPOT]["bid"]) == 412


@pytest.mark.parametrize(
    ("bid", "ask", "seen"),
    [
        ("NaN", "412.1", ("NaN", "412.1")),
        ("-412", "-411", ("-412", "-411")),
        ("413", "412", ("413", "412")),
        ("0", "412.1", (None, "412.1")),
    ],
)
@pytest.mark.parametrize("name", TRADING)
async def test_prices_that_are_none_and_crossed_books_come_through(
    standin: StandIn, connect: Connect, name: str, bid: str, ask: str, seen: tuple[str | None, str]
) -> None:
    exchange, venue = connect(name), standin.venue(name)
    task = await watching(exchange, venue)
    await venue.quote(SPOT, bid, ask)
    await task
    assert (exchange.bidsasks[SPOT]["bid"], exchange.bidsasks[SPOT]["ask"]) == seen


@pytest.mark.parametrize("name", TRADING)
async def test_repeated_old_and_stale_quotes_come_through_in_the_order_they_were_sent(
    standin: StandIn, connect: Connect, name: str
) -> None:
    exchange, venue = connect(name), standin.venue(name)

    async def seen(bid: str) -> None:
        await eventually(lambda: exchange.bidsasks.get(SWAP, {}).get("bid") == bid, bid)

    await watching(exchange, venue, SWAP)
    await venue.quote(SWAP, "411", "411.1")
    await venue.quote(SWAP, "412", "412.1", time_ms=1_700_000_000_000)
    await seen("412")
    assert exchange.bidsasks[SWAP]["timestamp"] == 1_700_000_000_000
    await venue.send_older(SWAP)
    await seen("411")
    await venue.repeat(SWAP)
    await seen("412")
    assert venue.markets[SWAP].updates == 2
