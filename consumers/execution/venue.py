"""A market of an exchange through ccxt: what it takes, and its answers as values. Every call has a deadline.

Nothing here decides; nothing is raised but a cancellation. ccxt sends a placing once: it does not retry, and aiohttp
does not repeat a POST. Numbers are strings all the way to Decimal.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from consumers.execution.deeds import Busy, Done, Missing, Placed, Refused, Seen, Status, Trade, Unclear
from consumers.execution.keys import Keys
from consumers.execution.port import Payment, VenueError
from consumers.execution.settings import ExecutionListing
from consumers.execution.ticket import Rules, Ticket
from engine import metrics
from engine.domain.instants import MILLISECOND, SECOND, Instant
from engine.domain.numbers import ZERO, exact, money, text

CALL_S = 15.0
PLACE_S = 5.0
"""A placing is given up after this, waiting for its turn included, or after half a session where that is shorter. It
begins within half a session after the group was asked, so none leaves this process once another has taken over."""
ANSWER_MS = 8_000
RECEIVE_WINDOW_MS = 5_000
MAX_PAGES = 100
RECENT_MS = 71 * 3_600_000
"""OKX lists the trades of three days; the archive, of three months, is behind."""
HOUR = 3_600 * SECOND
WORDS = 200

STATUSES: dict[str, Status] = {
    "open": "open", "canceling": "open", "closed": "closed", "canceled": "cancelled", "expired": "expired",
    "rejected": "rejected",
}  # fmt: skip
DUPLICATE = re.compile(r'"sCode":\s*"51016"|"code":\s*-4116\b|"msg":\s*"Duplicate order sent')
"""A client order id is taken."""
BEING_SETTLED = re.compile(r'"s?[cC]ode":\s*"510(29|30)"')
"""Nothing was done, and will be in a while: OKX takes no orders while it settles funding."""
REFUSALS = (
    ccxt.InsufficientFunds,
    ccxt.InvalidOrder,
    ccxt.BadRequest,
    ccxt.ArgumentsRequired,
    ccxt.AuthenticationError,
    ccxt.OperationRejected,
    ccxt.NotSupported,
)
"""What an order can be refused with for good. Any other error does not say that it was not booked."""
TOO_MANY = (ccxt.DDoSProtection, ccxt.RateLimitExceeded)
"""Nothing was done."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What differs between exchanges."""

    settle: int
    """How long after it was signed a placing can still be booked, with the time it takes to be seen; microseconds."""
    swap_markets: str
    order_key: str
    """The parameter that asks for the trades of one order."""
    page: int
    """Trades in an answer, at most."""
    next_page: Callable[[str, Sequence[Any]], dict[str, str]]
    recent_trades: str | None
    """Where ccxt asks an archive that lags: ccxt's method for the trades of the last days."""
    options: Mapping[str, Any]
    config: Mapping[str, Any]


EXCHANGES = {
    "binance": Exchange(
        settle=RECEIVE_WINDOW_MS * MILLISECOND + 5 * SECOND,
        swap_markets="linear",
        order_key="orderId",
        page=1_000,
        next_page=lambda _, page: {"fromId": str(max(int(trade["id"]) for trade in page) + 1)},
        recent_trades=None,
        options={"recvWindow": RECEIVE_WINDOW_MS, "fetchMargins": False},
        config={"rateLimiterAlgorithm": "rollingWindow"},  # as it counts itself: nothing waits before the limit
    ),
    "okx": Exchange(
        settle=30 * SECOND + 5 * SECOND,
        swap_markets="swap",
        order_key="ordId",
        page=100,
        next_page=lambda order, page: {
            "ordId": order,
            "after": str(min(int(trade["info"]["billId"]) for trade in page)),
        },
        recent_trades="private_get_trade_fills",
        options={"createOrder": "privatePostTradeOrder"},
        config={},
    ),
}


class CcxtVenue:
    """One market, with its markets loaded."""

    def __init__(self, client: Any, listing: ExecutionListing, rules: Rules, place_s: float) -> None:
        """Wrap a client; `open_venue` makes one."""
        self.name = listing.venue_name
        self.symbol = listing.symbol
        self.rules = rules
        self.resting = listing.style == "gtc"
        self.funded = ":" in listing.symbol
        """Whether funding is paid on what is held."""
        self.exchange = EXCHANGES[listing.exchange]
        self.settle = self.exchange.settle
        self._client = client
        self._place_s = place_s

    async def ask(self, ticket: Ticket, have: Decimal) -> Missing | Seen | Busy | Unclear:
        """The order by its client id, with its trades where more than `have` was filled."""
        try:
            async with asyncio.timeout(CALL_S):
                order = await self._client.fetch_order(None, self.symbol, {"clientOrderId": ticket.client_id})
                status, filled = STATUSES[order["status"]], Decimal(order["filled"])
                _hold(order["side"] == ticket.side, "its side is another")
                _hold(filled * ticket.unit <= ticket.quantity, "more than was asked is filled")
                trades = await self._trades(order) if filled > have else ()
        except ccxt.OrderNotFound:
            return Missing()
        except ccxt.InvalidNonce as error:
            await self._set_clock()
            return self._nothing("ask", error)
        except Exception as error:  # noqa: BLE001 - whatever an answer does to ccxt is no answer: a value with its reason
            return self._nothing("ask", error)
        return Seen(status, filled, trades)

    async def place(self, ticket: Ticket) -> Placed | Refused | Busy | Unclear:
        """Send the order, once."""
        how = {"clientOrderId": ticket.client_id, "timeInForce": "GTC" if ticket.resting else "IOC"}
        try:
            async with asyncio.timeout(self._place_s):
                order = await self._client.create_order(
                    self.symbol, "limit", ticket.side, text(ticket.contracts), text(ticket.price), how
                )
                _hold(bool(order["id"]), "the answer names no order")  # ccxt takes a gateway's page for an empty one
        except REFUSALS as error:
            if DUPLICATE.search(str(error)):
                return Placed()
            return Busy(said(error)) if BEING_SETTLED.search(str(error)) else Refused(said(error))
        except Exception as error:  # noqa: BLE001 - likewise
            return self._nothing("place", error)
        return Placed()

    async def cancel(self, ticket: Ticket) -> Done | Busy | Unclear:
        """Ask for its end. Whether it was done, or had ended before, is for `ask` to say."""
        try:
            async with asyncio.timeout(CALL_S):
                await self._client.cancel_order(None, self.symbol, {"clientOrderId": ticket.client_id})
        except REFUSALS:
            return Done()
        except Exception as error:  # noqa: BLE001 - likewise
            return self._nothing("cancel", error)
        return Done()

    async def payments(self, since: Instant) -> Sequence[Payment] | Busy | Unclear:
        """Funding since an instant, added up where an instant has several."""
        paid: dict[Instant, Decimal] = {}
        try:
            async with asyncio.timeout(CALL_S):
                rows = await self._client.fetch_funding_history(self.symbol, since // MILLISECOND, 100)
            for row in rows:
                _hold(row["code"] == self.rules.quote, f"funding is in {row['code']}, not in {self.rules.quote}")
                time = row["timestamp"] * MILLISECOND // HOUR * HOUR  # booked some seconds after the hour it is for
                paid[time] = paid.get(time, ZERO) - Decimal(row["amount"])
        except Exception as error:  # noqa: BLE001 - likewise
            return self._nothing("payments", error)
        return [Payment(time, amount) for time, amount in sorted(paid.items())]

    async def _trades(self, order: Any) -> tuple[Trade, ...]:
        """Every trade of an order."""
        found: dict[str, Trade] = {}
        order_id = order["id"]
        recent = self._client.milliseconds() - order["timestamp"] < RECENT_MS
        asked = {self.exchange.order_key: order_id}
        for _ in range(MAX_PAGES):
            page = await self._page(asked, recent=recent)
            found |= {trade["id"]: self._trade(trade) for trade in page if trade["order"] == order_id}
            if len(page) < self.exchange.page:
                break
            asked = self.exchange.next_page(order_id, page)
        return tuple(found.values())

    async def _page(self, asked: Mapping[str, str], *, recent: bool) -> Sequence[Any]:
        """So many trades, as ccxt has them."""
        if not recent or self.exchange.recent_trades is None:
            page: Sequence[Any] = await self._client.fetch_my_trades(self.symbol, None, self.exchange.page, asked)
            return page
        market = self._client.market(self.symbol)
        answer = await getattr(self._client, self.exchange.recent_trades)({"instId": market["id"], **asked})
        parsed: Sequence[Any] = self._client.parse_trades(self._client.safe_list(answer, "data", []), market)
        return parsed

    def _trade(self, trade: Any) -> Trade:
        """With its commission in quote currency: one in the base asset is converted at the trade's own price."""
        contracts, price, total = Decimal(trade["amount"]), Decimal(trade["price"]), ZERO
        fees = trade["fees"] or [trade["fee"]]
        for fee in fees:
            if fee is None or fee["cost"] is None:
                return Trade(trade["id"], contracts, price, None)
            cost, asset = Decimal(fee["cost"]), fee["currency"]
            if cost and asset not in (self.rules.quote, self.rules.base):
                return Trade(trade["id"], contracts, price, None)
            with exact():
                total += cost if asset == self.rules.quote else money(cost * price)
        return Trade(trade["id"], contracts, price, total)

    async def _set_clock(self) -> None:
        """Measure anew how far the venue's clock is from ours."""
        try:
            async with asyncio.timeout(CALL_S):
                await self._client.load_time_difference()
        except Exception as error:  # noqa: BLE001 - likewise; it is tried again when the venue complains again
            self._nothing("clock", error)

    def _nothing(self, deed: str, error: Exception) -> Busy | Unclear:
        metrics.EXECUTION_TROUBLES.labels(self.name, deed).inc()
        return Busy(said(error)) if isinstance(error, TOO_MANY) else Unclear(said(error))


@asynccontextmanager
async def open_venue(
    listing: ExecutionListing, keys: Keys | None, place_s: float = PLACE_S
) -> AsyncIterator[CcxtVenue]:
    """A market ready to be traded, with keys the venue takes, or without to rehearse. Raises VenueError."""
    exchange = EXCHANGES[listing.exchange]
    client = getattr(ccxt, listing.exchange)({"enableRateLimit": True, "timeout": ANSWER_MS, **exchange.config})
    client.number = str
    kinds = [exchange.swap_markets if ":" in listing.symbol else "spot"]
    client.options |= exchange.options
    client.options |= {"fetchMarkets": {"types": kinds}, "adjustForTimeDifference": True}
    client.has["fetchCurrencies"] = False
    if keys is not None:
        client.apiKey, client.secret, client.password = keys.key, keys.secret, keys.password
    if listing.api_url is not None:
        _rebase(client, listing.api_url)
    try:
        try:
            async with asyncio.timeout(CALL_S * 2):
                await client.load_markets()
        except (ccxt.BaseError, TimeoutError) as error:
            raise VenueError(f"{listing.venue_name}: its markets cannot be loaded: {said(error)}") from None
        rules = _rules(client.markets.get(listing.symbol), listing)
        if keys is not None:
            await _try_keys(client, listing)
        yield CcxtVenue(client, listing, rules, place_s)
    finally:
        await client.close()


async def _try_keys(client: Any, listing: ExecutionListing) -> None:
    """Ask something that only the account's own keys are answered. Raises VenueError."""
    try:
        client.check_required_credentials()
        async with asyncio.timeout(CALL_S):
            await client.fetch_balance({"type": "swap" if ":" in listing.symbol else "spot"})
    except (ccxt.BaseError, TimeoutError) as error:
        raise VenueError(f"{listing.venue_name}: its account cannot be read: {said(error)}") from None


def _rules(market: Any, listing: ExecutionListing) -> Rules:
    if market is None:
        raise VenueError(f"{listing.venue_name}: there is no market {listing.symbol}")
    if not market["spot"] and not (market["swap"] and market["linear"] and market["settle"] == market["quote"]):
        raise VenueError(f"{listing.venue_name}: {listing.symbol} is neither spot nor a linear perpetual")
    precision, limits = market["precision"], market["limits"]
    most = limits["amount"]["max"]
    if not (precision["amount"] and precision["price"] and (market["spot"] or market["contractSize"])):
        raise VenueError(f"{listing.venue_name}: {listing.symbol} has no lot, no tick or no contract size")
    return Rules(
        base=market["base"],
        quote=market["quote"],
        unit=Decimal(market["contractSize"] or 1),
        step=Decimal(precision["amount"]),
        tick=Decimal(precision["price"]),
        least=Decimal(limits["amount"]["min"] or 0),
        most=Decimal(most) if most and Decimal(most) else None,
        least_notional=Decimal(limits["cost"]["min"] or 0),
    )


def _rebase(client: Any, address: str) -> None:
    """Send everything to `address`.

    ccxt's Binance tells error codes by the address they came from: it is told the one they were meant for.
    """

    def rebased(urls: Any) -> Any:
        if isinstance(urls, dict):
            return {name: rebased(url) for name, url in urls.items()}
        return re.sub(r"^https://", f"{address}/", urls) if isinstance(urls, str) else urls

    client.urls["api"] = rebased(client.urls["api"])
    handle = client.handle_errors

    def handle_errors(code: int, reason: str, url: str, *rest: Any) -> Any:
        return handle(code, reason, url.replace(f"{address}/", "https://"), *rest)

    client.handle_errors = handle_errors


def _hold(holds: bool, what: str) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise ValueError(what)


def said(error: BaseException) -> str:
    """An error in a line, short, and without what requests are signed with."""
    words = re.sub(r"\?\S*", "", " ".join(str(error).split()))
    return f"{type(error).__name__}: {words}"[:WORDS]
