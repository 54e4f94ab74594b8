"""Instances of ccxt's classes as a feed needs them: exact, with few markets, and checked for what they can do.

Everything that knows ccxt by name is here. It takes a second to import: only commands that feed do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeVar

import ccxt.pro
from ccxt import (
    BadResponse,
    BadSymbol,
    BaseError,
    DDoSProtection,
    NetworkError,
    RateLimitExceeded,
    RequestTimeout,
)

from producers.feed.settings import FeedError, FeedSettings, Kind

__all__ = [
    "BadSymbol",
    "BaseError",
    "DDoSProtection",
    "Line",
    "NetworkError",
    "RateLimitExceeded",
    "asked",
    "offline",
    "open_exchange",
    "refuse",
    "skip_unreadable",
]

_Answer = TypeVar("_Answer")

LOADED = {"spot": {"spot"}, "swap": {"swap", "linear"}}
"""What ccxt calls the markets of a kind where it is asked to load them."""

IDS = {
    "binance": ("{}{}", "{}{}"),
    "bitget": ("{}{}", "{}{}"),
    "bybit": ("{}{}", "{}{}"),
    "gate": ("{}_{}", "{}_{}"),
    "kraken": ("{}/{}", None),
    "kucoin": ("{}-{}", "{}{}M"),
    "okx": ("{}-{}", "{}-{}-SWAP"),
}
"""How an exchange spells its markets, spot and linear perpetual: for messages read without asking it."""

ADDRESSES = {
    ("binance", "spot"): "wss://stream.binance.com:9443/ws",
    ("binance", "swap"): "wss://fstream.binance.com/ws",
    ("bybit", "spot"): "wss://stream.bybit.com/v5/public/spot",
    ("bybit", "swap"): "wss://stream.bybit.com/v5/public/linear",
}
"""Where ccxt tells spot from perpetual by the address a message came from."""


def open_exchange(settings: FeedSettings) -> Any:
    """An instance of the exchange's class, not yet connected."""
    exchange = getattr(ccxt.pro, settings.exchange)({"newUpdates": True})
    exchange.number = str
    exchange.has["fetchCurrencies"] = False
    fetched = exchange.options.get("fetchMarkets")
    if isinstance(fetched, dict) and isinstance(fetched.get("types"), list):
        fetched["types"] = [each for each in fetched["types"] if each in LOADED[settings.kind]]
    return exchange


def refuse(name: str, settings: FeedSettings) -> None:
    """Raise FeedError for what ccxt cannot do, as far as can be told without asking the exchange."""
    place = f"feeds.{name}"
    if settings.exchange not in ccxt.pro.exchanges:
        raise FeedError(f"{place}.exchange: ccxt has no websockets of {settings.exchange!r}")
    has = getattr(ccxt.pro, settings.exchange)().has
    if not has.get("watchBidsAsks"):
        raise FeedError(f"{place}.exchange: ccxt cannot watch best bids and asks of {settings.exchange}")
    if not has.get(settings.kind):
        raise FeedError(f"{place}.kind: {settings.exchange} has no {settings.kind} markets in ccxt")
    if settings.exchange == "mexc" and settings.kind == "swap":
        raise FeedError(f"{place}.kind: ccxt watches best bids and asks of mexc's spot markets only")
    if settings.exchange == "mexc" and find_spec("google.protobuf") is None:
        raise FeedError(f"{place}.exchange: mexc sends protobuf; install the package `protobuf`")


async def asked(question: Awaitable[_Answer], deadline_s: float | None = None) -> _Answer:
    """What ccxt answers. Raises BaseError, also for what trips ccxt's own parsers, or when it takes too long."""
    try:
        async with asyncio.timeout(deadline_s):
            return await question
    except BaseError:
        raise
    except TimeoutError:
        raise RequestTimeout(f"no answer within {deadline_s} s") from None
    except Exception as error:
        raise BadResponse(repr(error)) from error


def skip_unreadable(exchange: Any, note: Callable[[Exception], None]) -> None:
    """Have frames that ccxt cannot handle noted and skipped: it would stop listening without a word."""
    make = exchange.client

    def client(url: str) -> Any:
        made = make(url)
        if not isinstance(made.handle_message, partial):
            made.handle_message = partial(_handle, made.handle_message, note)
        return made

    exchange.client = client


def _handle(handle: Callable[[Any], None], note: Callable[[Exception], None], frame: Any) -> None:
    try:
        handle(frame)
    except Exception as error:  # noqa: BLE001 - whatever a venue may send, and whatever ccxt makes of it
        note(error)


class Line:
    """What ccxt's handlers ask of a connection, where there is none: messages come from a file."""

    def __init__(self, url: str) -> None:
        """A connection to `url`, if there were one."""
        self.url = url
        self.futures: dict[str, Any] = {}
        self.subscriptions: dict[str, Any] = {}
        self.lastPong = 0

    def resolve(self, result: Any, message_hash: str) -> Any:
        """Nobody waits for a result."""
        return result

    def reject(self, result: Any, message_hash: str | None = None) -> Any:
        """Nobody waits for an error."""
        return result


def offline(exchange_id: str, kind: Kind, symbol: str) -> tuple[Any, Line]:
    """An instance that knows one market and asks nobody, and the connection its messages come by.

    Raises FeedError for an exchange whose spelling of markets is not known here.
    """
    spelling = IDS.get(exchange_id, (None, None))[kind == "swap"]
    if spelling is None:
        known = ", ".join(sorted(name for name, spelt in IDS.items() if spelt[kind == "swap"]))
        raise FeedError(f"captures of {exchange_id}'s {kind} markets are not read (known: {known})")
    base, _, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    exchange = getattr(ccxt.pro, exchange_id)()
    exchange.number = str
    market_id = spelling.format(base, quote)
    swap = kind == "swap"
    market = exchange.safe_market_structure(
        {"id": market_id, "lowercaseId": market_id.lower(), "symbol": symbol, "base": base, "quote": quote,
         "baseId": base, "quoteId": quote, "settle": settle or None, "type": kind, "spot": not swap, "swap": swap,
         "contract": swap, "linear": swap or None, "inverse": False if swap else None, "active": True,
         "precision": {}, "limits": {}}
    )  # fmt: skip
    exchange.set_markets([market])
    return exchange, Line(ADDRESSES.get((exchange_id, kind), f"wss://{exchange_id}/{kind}"))
