"""A venue's answers as values, through the unmodified ccxt, in the shapes of Binance and OKX."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from consumers.execution.deeds import Busy, Done, Missing, Placed, Refused, Seen, Trade, Unclear
from consumers.execution.port import Payment, VenueError
from consumers.execution.ticket import Ticket, write_ticket
from engine.domain.instants import SECOND
from tests.consumers.test_paper import order
from tests.desk import MIDNIGHT, d
from tests.exchange import binance_shapes, okx_shapes
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

DAY_MS = 86_400_000
VENUES = ["binance", "okx"]
both = pytest.mark.parametrize("name", VENUES)
Opened = Callable[..., Any]


def ticket(venue: Any, quantity: str = "2.5", limit: str = "400.06", side: str = "buy") -> Ticket:
    written, problem = write_ticket(
        "levtao", order(1, quantity, side, limit_price=d(limit)), venue.rules, resting=venue.resting
    )
    assert problem is None
    return written


@both
async def test_an_order_is_booked_as_it_was_meant(standin: StandIn, opened: Opened, name: str) -> None:
    venue = await opened(name)
    asked = ticket(venue, "2.5678")
    assert await venue.ask(asked, d(0)) == Missing()
    assert await venue.place(asked) == Placed()
    [placed] = standin.venue(name).placed
    assert (placed.client_order_id, placed.symbol) == (asked.client_id, "TAO/USDT:USDT")
    assert (placed.side, placed.price, placed.time_in_force) == ("buy", d("400.0"), "GTC")
    assert placed.quantity == asked.contracts * asked.unit
    assert 0 <= d("2.5678") - placed.quantity < asked.unit
    assert await venue.ask(asked, d(0)) == Seen("open", d(0))


@both
async def test_fills_come_in_contracts_with_their_commission(standin: StandIn, opened: Opened, name: str) -> None:
    venue = await opened(name)
    asked = ticket(venue)
    await venue.place(asked)
    exchange = standin.venue(name)
    await exchange.fill(asked.client_id, "1", "399.9", commission="0.16")
    await exchange.fill(asked.client_id, "0.5", "400.0", commission="-0.02")
    known = await venue.ask(asked, d(0))
    unit = asked.unit
    assert known == Seen(
        "open", d("1.5") / unit,
        (Trade("5001", 1 / unit, d("399.9"), d("0.16")), Trade("5002", d("0.5") / unit, d(400), d("-0.02"))),
    )  # fmt: skip
    assert await venue.ask(asked, d("1.5") / unit) == Seen("open", d("1.5") / unit), "no trades are asked for in vain"
    assert await venue.cancel(asked) == Done()
    assert (await venue.ask(asked, d("1.5") / unit)).status == "cancelled"
    assert await venue.cancel(asked) == Done(), "it had ended before: asking tells"


@both
async def test_commission_in_the_base_asset_is_converted_at_the_trades_price(
    standin: StandIn, opened: Opened, name: str
) -> None:
    venue = await opened(name, "TAO/USDT")
    asked = ticket(venue)
    await venue.place(asked)
    await standin.venue(name).fill(asked.client_id, "1", "399.9", commission="0.001", commission_asset="TAO")
    await standin.venue(name).fill(asked.client_id, "1", "399.9", commission="0.002", commission_asset="BNB")
    await standin.venue(name).fill(asked.client_id, "0.5", "399.9", commission="0", commission_asset="BNB")
    known = await venue.ask(asked, d(0))
    assert [trade.commission for trade in known.trades] == [d("0.3999"), None, 0]


@both
async def test_all_trades_are_found_however_many_there_are(standin: StandIn, opened: Opened, name: str) -> None:
    venue = await opened(name)
    asked = ticket(venue)
    await venue.place(asked)
    for _ in range(25):
        await standin.venue(name).fill(asked.client_id, "0.1")
    known = await venue.ask(asked, d(0))
    assert (known.status, len(known.trades)) == ("closed", 25)


@both
@pytest.mark.parametrize("reason", ["balance", "quantity", "price", "notional"])
async def test_a_refusal_has_the_venues_reason(standin: StandIn, opened: Opened, name: str, reason: Any) -> None:
    venue = await opened(name)
    standin.venue(name).faults.on("create", Rejected(reason))
    answer = await venue.place(ticket(venue))
    assert isinstance(answer, Refused)
    assert len(answer.reason) <= 200
    assert "a secret" not in answer.reason


async def test_a_refusal_is_a_duplicates_by_its_code_alone(
    standin: StandIn, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue, exchange = await opened("okx"), standin.okx
    refusal = exchange.refusal

    def elsewhere(*how: Any) -> tuple[int, Any]:
        status, body = refusal(*how)
        return status, body | {"inTime": "1695190491451016", "outTime": "1695190491-4116"}

    monkeypatch.setattr(exchange, "refusal", elsewhere)
    exchange.faults.on("create", Rejected("balance"))
    assert isinstance(await venue.place(ticket(venue)), Refused)
    assert await venue.place(ticket(venue)) == Placed()
    assert await venue.place(ticket(venue)) == Placed(), "a duplicate"


@pytest.mark.parametrize("code", ["51029", "51030"])
async def test_an_exchange_that_settles_is_busy(
    standin: StandIn, opened: Opened, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    venue = await opened("okx")
    monkeypatch.setitem(okx_shapes.REFUSALS, "balance", (200, code, "It is being settled. Please try again later."))
    standin.okx.faults.on("create", Rejected("balance"))
    assert isinstance(await venue.place(ticket(venue)), Busy)


async def test_trades_of_an_old_order_are_in_the_archive(standin: StandIn, opened: Opened) -> None:
    venue, exchange = await opened("okx"), standin.okx
    asked = ticket(venue)
    await venue.place(asked)
    await exchange.fill(asked.client_id, "1")
    assert len((await venue.ask(asked, d(0))).trades) == 1, "the archive does not have it yet"
    [placed] = exchange.placed
    placed.time_ms -= 4 * DAY_MS
    placed.fills[0] = replace(placed.fills[0], time_ms=placed.time_ms)
    assert len((await venue.ask(asked, d(0))).trades) == 1, "only the archive has it"


@both
async def test_a_trade_without_a_commission_cannot_be_booked(
    standin: StandIn, opened: Opened, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = await opened(name)
    asked = ticket(venue)
    await venue.place(asked)
    await standin.venue(name).fill(asked.client_id, "1")
    shapes, field = {"binance": (binance_shapes, "commission"), "okx": (okx_shapes, "fee")}[name]
    trade = shapes.trade
    monkeypatch.setattr(shapes, "trade", lambda *of: {k: v for k, v in trade(*of).items() if k != field})
    assert [trade.commission for trade in (await venue.ask(asked, d(0))).trades] == [None]


@both
async def test_a_refused_duplicate_counts_as_placed(standin: StandIn, opened: Opened, name: str) -> None:
    venue = await opened(name)
    asked = ticket(venue)
    assert [await venue.place(asked), await venue.place(asked)] == [Placed(), Placed()]
    assert len(standin.venue(name).placed) == 1
    spot = await opened(name, "TAO/USDT")
    asked = write_ticket("levtao", order(2, "2", limit_price=d(400)), spot.rules, resting=True)[0]
    assert [await spot.place(asked), await spot.place(asked)] == [Placed(), Placed()]
    assert len(standin.venue(name).placed) == 2


@both
@pytest.mark.parametrize(
    ("fault", "booked", "kind"),
    [
        (RateLimited(), False, Busy),
        (ServerError(503), False, Unclear),
        (AnswerLost(), True, Unclear),
        (RequestLost(), False, Unclear),
        (Hangs(done=True), True, Unclear),
        (NotJson(), False, Unclear),
        (Unavailable(done=True), True, Unclear),
    ],
)
async def test_whatever_may_have_been_booked_is_unclear(
    standin: StandIn, opened: Opened, name: str, fault: RestFault, booked: bool, kind: type[Any]
) -> None:
    venue = await opened(name)
    asked = ticket(venue)
    standin.venue(name).faults.on("create", fault)
    answer = await venue.place(asked)
    assert type(answer) is kind, answer
    assert len(standin.venue(name).placed) == booked
    assert len(answer.reason) <= 200
    assert "signature" not in answer.reason
    assert isinstance(await venue.ask(asked, d(0)), Seen if booked else Missing)


@both
@pytest.mark.parametrize("action", ["query", "trades", "cancel"])
@pytest.mark.parametrize("fault", [ServerError(502), RateLimited()])
async def test_no_answer_is_a_value_whatever_was_asked(
    standin: StandIn, opened: Opened, name: str, action: Action, fault: RestFault
) -> None:
    venue = await opened(name)
    asked = ticket(venue)
    await venue.place(asked)
    await standin.venue(name).fill(asked.client_id, "1")
    standin.venue(name).faults.on(action, fault)
    answer = await (venue.cancel(asked) if action == "cancel" else venue.ask(asked, d(0)))
    assert isinstance(answer, Busy if isinstance(fault, RateLimited) else Unclear)


@both
async def test_a_gateways_page_is_no_answer(standin: StandIn, opened: Opened, name: str) -> None:
    venue = await opened(name)
    asked = ticket(venue)
    await venue.place(asked)
    await standin.venue(name).fill(asked.client_id, "1")
    standin.venue(name).faults.on("query", NotJson())
    assert isinstance(await venue.ask(asked, d(0)), Unclear)
    standin.venue(name).faults.on("trades", NotJson())
    assert await venue.ask(asked, d(0)) == Seen("open", 1 / asked.unit), "a fill without a trade: it is not over"


@both
async def test_refused_keys_are_no_missing_order(standin: StandIn, opened: Opened, name: str) -> None:
    venue = await opened(name)
    standin.venue(name).faults.refuses_keys = True
    assert isinstance(await venue.ask(ticket(venue), d(0)), Unclear)
    assert isinstance(await venue.place(ticket(venue)), Refused)


@both
async def test_a_clock_that_went_off_is_measured_anew(standin: StandIn, opened: Opened, name: str) -> None:
    venue = await opened(name)
    standin.venue(name).faults.clock_skew_ms = -60_000
    assert isinstance(await venue.ask(ticket(venue), d(0)), Unclear)
    assert await venue.ask(ticket(venue), d(0)) == Missing()
    assert await venue.place(ticket(venue)) == Placed()


@both
async def test_funding_that_was_paid_is_positive(standin: StandIn, opened: Opened, name: str) -> None:
    venue = await opened(name)
    hour_ms = MIDNIGHT // 1000
    standin.venue(name).settle_funding("TAO/USDT:USDT", "0.0001", "-1.23456789", hour_ms)
    standin.venue(name).settle_funding("TAO/USDT:USDT", "-0.0001", "0.5", hour_ms + 3_600_000)
    paid = await venue.payments(MIDNIGHT - 1)
    assert paid == [Payment(MIDNIGHT, d("1.23456789")), Payment(MIDNIGHT + 3_600_000_000, d("-0.5"))]
    assert await venue.payments(MIDNIGHT + 60 * SECOND) == paid[1:]
    standin.venue(name).faults.on("income", ServerError())
    assert isinstance(await venue.payments(MIDNIGHT), Unclear)


@both
async def test_keys_that_are_refused_or_incomplete_are_an_error_in_one_line(
    standin: StandIn, opened: Opened, name: str
) -> None:
    from consumers.execution.keys import Keys  # noqa: PLC0415 - ccxt takes a second
    from consumers.execution.settings import ExecutionListing  # noqa: PLC0415
    from consumers.execution.venue import open_venue  # noqa: PLC0415

    listing = ExecutionListing(exchange=name, symbol="TAO/USDT", api_url=f"http://{standin.address}")
    with pytest.raises(VenueError, match=f"^{name}: its account cannot be read: AuthenticationError: .*credential$"):
        async with open_venue(listing, Keys("key" if name == "okx" else "", "secret")):
            pass
    standin.venue(name).faults.refuses_keys = True
    for symbol in ("TAO/USDT", "TAO/USDT:USDT"):
        with pytest.raises(VenueError, match=f"^{name}: its account cannot be read: [^\n]*$"):
            await opened(name, symbol)


@pytest.mark.parametrize("lacking", ["lot_size", "tick_size", "contract_size"])
async def test_a_market_without_its_measures_is_an_error(standin: StandIn, opened: Opened, lacking: str) -> None:
    setattr(standin.okx.markets["TAO/USDT:USDT"], lacking, "")
    with pytest.raises(VenueError, match="no lot, no tick or no contract size"):
        await opened("okx")


async def test_a_market_that_is_not_there_is_an_error(opened: Opened) -> None:
    with pytest.raises(VenueError, match="binance: there is no market TAO/EUR"):
        await opened("binance", "TAO/EUR")
