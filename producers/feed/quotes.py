"""What ccxt makes of messages, as quotes or as the reason for none. The same live and from a recording."""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple

from engine.domain.instants import MILLISECOND, SECOND, Instant
from engine.domain.numbers import ZERO
from producers.feed.observations import Quote

AHEAD = SECOND
"""A venue's clock may be so far ahead of ours. The core refuses what is dated 2 s after its record was appended."""

EXACT_DIGITS = 15
"""So many digits survive a binary float, and some of ccxt's parsers use one (Bybit's, Kraken's)."""

SMALLEST, LARGEST = Decimal("1E-40"), Decimal("1E+15")

Reason = Literal["no_price", "not_a_number", "negative", "out_of_range", "inexact", "undated", "older", "duplicate"]
"""Why a best bid and ask became no quote."""


class Market(NamedTuple):
    """A market of a venue, and what it is a market of: an underlying, or one of its tokens."""

    symbol: str
    underlying: str
    token: str | None = None
    terms_version: int = 1

    @property
    def name(self) -> str:
        """The underlying or the token."""
        return self.token or self.underlying


class Changed(NamedTuple):
    """A ticker as ccxt parsed it, and the number the venue gave the update, if any."""

    market: Market
    ticker: Any
    number: int | None


class Tap:
    """Stands where ccxt hands over a parsed message, and tells which best bids and asks it changed.

    What a `watch` call returns is not enough: in a burst that is the first of several.
    """

    def __init__(self, exchange: Any, markets: list[Market]) -> None:
        """Listen to an instance for some of its markets."""
        self._exchange = exchange
        self._handle = exchange.handle_message
        self._markets = markets
        self._seen: dict[str, Any] = {}

    def take(self, client: Any, message: Any) -> list[Changed]:
        """Let ccxt handle the message; what it changed. Raises whatever ccxt's handler does."""
        self._handle(client, message)
        changed = []
        for market in self._markets:
            ticker = self._ticker(market.symbol)
            if ticker is not None and ticker is not self._seen.get(market.symbol):
                self._seen[market.symbol] = ticker
                changed.append(Changed(market, ticker, _update(message)))
        return changed

    def _ticker(self, symbol: str) -> Any:
        """The best bid and ask. Kraken's are among the tickers, and so may those of a recording be."""
        best = self._exchange.bidsasks.get(symbol)
        if best is None:
            best = self._exchange.tickers.get(symbol)
            if best is None or (best["bid"] is None and best["ask"] is None):
                return None
        return best


class _Last(NamedTuple):
    """The last quote of a market."""

    quote: Quote
    number: int | None


@dataclass(slots=True)
class QuoteReader:
    """Turns the tickers of a venue into quotes, in their order. A venue's clock is held against the receiver's."""

    venue: str
    _last: dict[str, _Last] = field(default_factory=dict)

    def begin(self) -> None:
        """A new connection: the venue may number its quotes anew."""
        self._last = {symbol: last._replace(number=None) for symbol, last in self._last.items()}

    def read(self, changed: Changed, received: Instant | None) -> Quote | Reason:
        """The quote, or why there is none. One that the venue does not date is dated when it was received."""
        market, ticker, number = changed
        prices = _price(ticker["bid"]), _price(ticker["ask"])
        for price in prices:
            if not isinstance(price, Decimal):
                return price
        said = _time(ticker)
        dated, time = said is not None, received if said is None else said
        if time is None:
            return "undated"
        if received is not None:
            time = min(time, received + AHEAD)
        bid, ask = (price for price in prices if isinstance(price, Decimal))
        quote = Quote(
            self.venue, market.underlying, market.token, time, time if received is None else received,
            bid, ask, _size(ticker["bidVolume"]), _size(ticker["askVolume"]), dated,
        )  # fmt: skip
        reason = self._repeats(market.symbol, quote, number)
        if reason is None:
            self._last[market.symbol] = _Last(quote, number)
            return quote
        return reason

    def _repeats(self, symbol: str, quote: Quote, number: int | None) -> Literal["older", "duplicate"] | None:
        """Whether a quote is not newer than the last: by the venue's time, or its number where that does not say."""
        last = self._last.get(symbol)
        if last is None:
            return None
        before = last.quote
        if quote.time < before.time:
            return "older"
        if quote.dated and quote.time > before.time:
            return None
        if number is not None and last.number is not None:
            return "older" if number < last.number else "duplicate" if number == last.number else None
        same = (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (
            before.bid, before.ask, before.bid_size, before.ask_size,
        )  # fmt: skip
        return "duplicate" if quote.dated and same else None


def is_ahead(ticker: Any, received: Instant) -> bool:
    """Whether the venue dates it further in the future than its clock may be off."""
    return (_time(ticker) or 0) > received + AHEAD


def _time(ticker: Any) -> Instant | None:
    """The venue's time, of a ticker that has one; what lies before 1970 is none."""
    time_ms = None if ticker["timestamp"] is None else int(ticker["timestamp"])
    return time_ms * MILLISECOND if time_ms is not None and time_ms >= 0 else None


def _price(text: str | None) -> Decimal | Reason:
    """A price as it was written. ccxt leaves none where the venue says 0."""
    if text is None:
        return "no_price"
    price = decimal(text)
    if price is None:
        return "not_a_number"
    if price <= ZERO:
        return "negative" if price else "no_price"
    if not SMALLEST <= price < LARGEST:
        return "out_of_range"
    digits = price.as_tuple().digits
    if len(digits) > EXACT_DIGITS and any(digits[EXACT_DIGITS:]):
        return "inexact"
    return price


def _size(text: str | None) -> Decimal:
    """A size as it was written, 0 where there is none that makes sense."""
    size = None if text is None else decimal(text)
    return size if size is not None and ZERO <= size < LARGEST else ZERO


def decimal(text: str) -> Decimal | None:
    """A finite number as it was written, if it is one."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def whole(message: Any, *names: str) -> int | None:
    """The first whole number a message has by one of these names, in what it carries or beside it."""
    data = message.get("data", message.get("result", message)) if isinstance(message, dict) else message
    for part in (data[0] if isinstance(data, list) and data else data, message):
        for name in names:
            found = part.get(name) if isinstance(part, dict) else None
            if isinstance(found, int) or (isinstance(found, str) and found.isdecimal()):
                return int(found)
    return None


def _update(message: Any) -> int | None:
    """The venue's own number of an update: `u` of Binance, Bybit and Gate, `seqId` of OKX."""
    return whole(message, "u", "seqId")
