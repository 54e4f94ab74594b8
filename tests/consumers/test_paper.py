"""The paper broker: the same reports for the same order, never beyond the order or its limit, nothing twice."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers import recorded_book
from consumers.paper import PaperBroker, PaperSettings, Report, plan
from engine.domain.events import Output
from engine.domain.inputs import FillReported, OrderEndReported, Position, QuoteObserved
from engine.domain.outputs import CancelRequested, CountedQuote, OrderEnded, OrderSent
from engine.log.memory import MemoryLog
from engine.log.port import Entry
from engine.wire.codec import encode_input, encode_outputs
from engine.wire.topics import EVENTS, INPUTS, ORDERS
from tests.desk import MIDNIGHT, d
from tests.eventually import eventually

QUICK = PaperSettings(latency_s=(0.0, 0.001), reject=0.0, unfilled=0.0)


def order(number: int = 1, quantity: str = "2.5", side: str = "buy", **changes: object) -> OrderSent:
    fields = {
        "underlying": "TAO", "order_id": f"TAO-{number}-0", "side": side, "quantity": d(quantity),
        "limit_price": d(101 if side == "buy" else 99), "expires": MIDNIGHT + 60_000_000, "urgent": False,
        "fills": "reported", "decision_price": d(100), "basis": (), "allocations": (), "crosses": (),
        "terms_version": 1,
    }  # fmt: skip
    return OrderSent(**fields | changes)  # type: ignore[arg-type]


@given(
    st.integers(0, 10**6),
    st.sampled_from(["0.001", "1", "37.123456789012345678"]),
    st.sampled_from(["buy", "sell"]),
    st.floats(0, 500),
)
def test_fills_add_up_to_no_more_than_the_order_at_no_worse_than_its_limit(
    number: int, quantity: str, side: str, slippage_bps: float
) -> None:
    sent = order(number, quantity, side)
    settings = PaperSettings(slippage_bps=slippage_bps, partial=0.8, unfilled=0.3, reject=0.1)
    steps = plan(sent, d(100), settings)
    assert steps == plan(sent, d(100), settings)
    reports = [step.report for step in steps]
    fills = [report for report in reports if isinstance(report, FillReported)]
    ends = [report for report in reports if isinstance(report, OrderEndReported)]
    filled = sum((fill.quantity for fill in fills), d(0))
    assert len({fill.fill_id for fill in fills}) == len(fills)
    assert all(fill.quantity > 0 and fill.commission >= 0 for fill in fills)
    assert all(fill.price <= 101 if side == "buy" else fill.price >= 99 for fill in fills)
    assert (filled == sent.quantity) != bool(ends)
    assert filled <= sent.quantity


class Book:
    """A log with orders on it, and what the broker sends."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.sent: list[Report] = []
        self._sequence = 0

    async def open(self) -> "Book":
        await self.log.create({INPUTS.name: {}, ORDERS.name: {}, EVENTS.name: {}}, 1)
        return self

    async def say(
        self, body: OrderSent | CancelRequested | OrderEnded, at: int = MIDNIGHT, cause: int | None = None
    ) -> None:
        self._sequence += 1
        output = Output("TAO", self._sequence, at, body)
        [encoded] = encode_outputs([output], Position(0, self._sequence if cause is None else cause))
        topic = ORDERS if body.stream == "orders" else EVENTS
        async with self.log.writer() as writer:
            await writer.append(topic.name, 0, [Entry(encoded.key, encoded.value)])

    async def take(self, reports: Sequence[Report]) -> None:
        self.sent += reports

    async def quote(self, venue: str, bid: int, ask: int, time: int = MIDNIGHT) -> None:
        async with self.log.writer() as writer:
            entry = Entry(b"TAO", encode_input(QuoteObserved("TAO", venue, time, d(bid), d(ask))))
            await writer.append(INPUTS.name, 0, [entry])

    def filled(self, number: int) -> object:
        fills = [fill for fill in self.sent if isinstance(fill, FillReported) and fill.order_id == f"TAO-{number}-0"]
        return sum((fill.quantity for fill in fills), d(0))


@pytest.fixture
async def book() -> Book:
    return await Book().open()


async def working(book: Book, settings: PaperSettings) -> asyncio.Task[None]:
    return asyncio.create_task(PaperBroker(book.log, [0], book.take, settings).run())


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def test_it_fills_orders_as_they_come(book: Book) -> None:
    task = await working(book, QUICK)
    for number in (1, 2):
        await book.say(order(number))
    await eventually(lambda: book.filled(1) == book.filled(2) == d("2.5"), "both orders are filled")
    await ended(task)


async def test_after_a_restart_it_works_what_had_not_ended_with_the_same_fill_ids(book: Book) -> None:
    await book.say(order(1))
    await book.say(order(2))
    await book.say(OrderEnded("TAO", "TAO-1-0", "filled", d("2.5"), d(0), ""))
    task = await working(book, QUICK)
    await eventually(lambda: book.filled(2) == d("2.5"), "the open order is filled")
    await ended(task)
    before = list(book.sent)
    task = await working(book, QUICK)
    await eventually(lambda: len(book.sent) == 2 * len(before), "it is worked again")
    await ended(task)
    assert book.sent == before * 2
    assert book.filled(1) == 0


async def test_a_cancel_stops_it(book: Book) -> None:
    task = await working(book, PaperSettings(latency_s=(30.0, 31.0), reject=0.0))
    await book.say(order(1))
    await book.say(CancelRequested("TAO", "TAO-1-0", "why not"))
    await eventually(lambda: book.sent, "the end is reported")
    assert book.sent == [OrderEndReported("TAO", "TAO-1-0", "cancelled", "paper: as asked")]
    await ended(task)


async def test_an_order_past_its_expiry_is_refused(book: Book) -> None:
    await book.say(order(1), MIDNIGHT)
    await book.say(order(2, expires=MIDNIGHT + 10**9), MIDNIGHT + 10**8)
    task = await working(book, QUICK)
    await eventually(lambda: book.filled(2) == d("2.5"), "the later order is filled")
    assert OrderEndReported("TAO", "TAO-1-0", "expired", "paper: past its expiry") in book.sent
    assert book.filled(1) == 0
    await ended(task)


async def test_orders_whose_fills_are_assumed_are_not_its_business(book: Book) -> None:
    await book.say(order(1, fills="assumed"))
    await book.say(order(2))
    task = await working(book, QUICK)
    await eventually(lambda: book.filled(2) == d("2.5"), "the other order is filled")
    assert book.filled(1) == 0
    await ended(task)


def counted(*venues: str) -> tuple[CountedQuote, ...]:
    return tuple(CountedQuote(venue, d(100), MIDNIGHT) for venue in venues)


async def prices(book: Book, number: int) -> list[object]:
    task = await working(book, QUICK_AT_THE_TOUCH)
    await eventually(lambda: any(report.order_id == f"TAO-{number}-0" for report in book.sent), "it was worked")
    await ended(task)
    return [fill.price for fill in book.sent if isinstance(fill, FillReported)]


QUICK_AT_THE_TOUCH = PaperSettings(latency_s=(0.0, 0.001), reject=0.0, unfilled=0.0, partial=0.0, slippage_bps=0.0)


@pytest.mark.parametrize(("side", "price"), [("buy", 100), ("sell", 99)])
async def test_it_fills_at_the_best_opposite_price_of_the_venues_that_counted(
    book: Book, side: str, price: int
) -> None:
    await book.quote("okx", 98, 100)
    await book.quote("bybit", 99, 101)
    await book.quote("strange", 105, 90)
    await book.say(order(1, side=side, basis=counted("okx", "bybit")), cause=2)
    assert await prices(book, 1) == [d(price)]


async def test_what_was_quoted_after_the_order_was_decided_is_not_met(book: Book) -> None:
    await book.quote("okx", 99, 100)
    await book.quote("okx", 90, 91)
    await book.say(order(1, basis=counted("okx")), cause=0)
    await book.say(order(2, basis=counted("okx")), cause=1)
    await prices(book, 2)
    assert [fill.price for fill in book.sent if isinstance(fill, FillReported)] == [d(100), d(91)]


async def test_a_venue_whose_quote_is_not_in_the_log_any_more_is_met_at_its_mid(book: Book) -> None:
    await book.quote("okx", 99, 90, time=MIDNIGHT + 1)
    await book.say(order(1, basis=counted("okx", "bybit")), cause=0)
    assert await prices(book, 1) == [d(100)]


async def test_a_book_beyond_the_limit_fills_nothing(book: Book) -> None:
    await book.quote("okx", 101, 102)
    await book.say(order(1, basis=counted("okx")), cause=0)
    assert await prices(book, 1) == []
    assert book.sent == [OrderEndReported("TAO", "TAO-1-0", "expired", "paper: 102 is beyond the limit")]


async def test_of_a_long_way_to_an_order_only_the_last_part_is_read(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_book, "BEFORE", 3)
    await book.quote("okx", 98, 99)
    for _ in range(5):
        await book.quote("bybit", 99, 101)
    await book.say(order(1, basis=counted("okx", "bybit")), cause=5)
    assert await prices(book, 1) == [d(100)]
