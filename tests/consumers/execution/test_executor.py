"""The executor on the stand-in: what it places, follows, cancels and reports, whatever the venue does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from consumers.execution import executor as execution
from consumers.execution import working
from consumers.execution.deeds import Now
from consumers.execution.executor import Executor, Result, clocks
from consumers.execution.rehearsal import Rehearsal
from consumers.execution.ticket import client_id
from engine.domain.inputs import ClockTicked, FillReported, FundingPaid, OrderEndReported
from engine.domain.instants import DAY, SECOND
from engine.domain.outputs import CancelRequested, OrderEnded, OrderSent
from engine.log.port import Entry
from engine.wire.codec import encode_input
from engine.wire.topics import INPUTS
from tests.consumers.test_paper import Book, order
from tests.desk import d
from tests.eventually import eventually
from tests.exchange.faults import AnswerLost, Hangs, RateLimited, Rejected, RequestLost, RestFault, ServerError
from tests.exchange.server import StandIn
from tests.exchange.venue import Venue

HOUR = 3_600 * SECOND
VENUES = ["binance", "okx"]
both = pytest.mark.parametrize("name", VENUES)
Opened = Callable[..., Any]
SYMBOL = "TAO/USDT:USDT"


@dataclass
class Rig:
    """A log with orders on it, an executor, and the exchange behind it."""

    exchange: Venue
    venue: Any
    folder: Path
    book: Book = field(default_factory=Book)
    sent: list[Result] = field(default_factory=list)
    late: int = 0
    """How far the executor's wall clock is ahead."""

    @property
    def switch(self) -> Path:
        return self.folder / "stop"

    def now(self) -> Now:
        return Now(clocks().wall + self.late, clocks().steady)

    def executor(self, venue: Any = None, group: str = "x") -> Executor:
        return Executor(
            log=self.book.log, app="levtao", group=group, venues={"TAO": venue or self.venue},
            partition_of=lambda _: 0, session_timeout_s=2.0, kill_switch=self.switch, now=self.now,
        )  # fmt: skip

    async def take(self, results: Sequence[Result]) -> None:
        """As the log takes them."""
        self.sent += results
        async with self.book.log.writer() as writer:
            await writer.append(INPUTS.name, 0, [Entry(b"TAO", encode_input(result)) for result in results])

    @asynccontextmanager
    async def running(self, executor: Executor | None = None) -> AsyncIterator[Executor]:
        """For the time of the block; then it is cut off as it is."""
        ran = executor or self.executor()
        task = asyncio.create_task(ran.run(self.take))
        try:
            yield ran
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), task.exception()

    async def ask_for(self, number: int = 1, quantity: str = "2.5", **changes: Any) -> OrderSent:
        """An order of the engine's, good for a minute."""
        expires = clocks().wall // SECOND * SECOND + 60 * SECOND
        fields: dict[str, Any] = {"limit_price": d("400.1"), "expires": expires} | changes
        sent = order(number, quantity, **fields)
        await self.book.say(sent, clocks().wall)
        return sent

    def placed(self, sent: OrderSent) -> Any:
        """As the exchange has it, None if it has not."""
        return self.exchange.orders.get(client_id("levtao", sent))

    async def fill(self, sent: OrderSent, quantity: str, **how: Any) -> None:
        await eventually(lambda: self.placed(sent), "it is placed", 10)
        await self.exchange.fill(client_id("levtao", sent), quantity, **how)

    def fills(self, which: int | str = 1) -> list[FillReported]:
        """By the order's number, or its id."""
        name = which if isinstance(which, str) else f"TAO-{which}-0"
        return [each for each in self.sent if isinstance(each, FillReported) and each.order_id == name]

    def ends(self, which: int | str = 1) -> list[OrderEndReported]:
        name = which if isinstance(which, str) else f"TAO-{which}-0"
        return [each for each in self.sent if isinstance(each, OrderEndReported) and each.order_id == name]

    async def ended(self, which: int | str = 1, deadline_s: float = 15) -> OrderEndReported:
        await eventually(lambda: self.ends(which), f"the end of {which} is reported", deadline_s)
        [end] = self.ends(which)
        return end


def counted(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits a tenth of what it waits in earnest."""
    monkeypatch.setattr(working, "POLL", working.POLL // 10)
    monkeypatch.setattr(working, "LONGEST_WAIT", working.LONGEST_WAIT // 10)
    monkeypatch.setattr(execution, "WATCH_S", execution.WATCH_S / 10)


@pytest.fixture
async def rigged(standin: StandIn, opened: Opened, tmp_path: Path) -> Opened:
    async def rig(name: str, style: str = "gtc", symbol: str = SYMBOL) -> Rig:
        made = Rig(standin.venue(name), await opened(name, symbol, style), tmp_path)
        await made.book.open()
        await made.book.log.create({INPUTS.name: {}}, 1)
        async with made.book.log.writer() as writer:  # what orders name as their causes
            await writer.append(INPUTS.name, 0, [Entry(b"TAO", encode_input(ClockTicked("TAO", 0)))] * 100)
        return made

    return rig


@both
async def test_an_order_is_placed_followed_and_ended(rigged: Opened, name: str) -> None:
    rig = await rigged(name)
    before = [counted("levtao_execution_orders_total", venue=name, outcome=each) for each in ("placed", "filled")]
    async with rig.running():
        sent = await rig.ask_for(1, "2.5")
        await rig.fill(sent, "1", price="399.9", commission="0.16")
        await eventually(rig.fills, "the first fill is reported")
        await rig.fill(sent, "1.5", price="400", commission="0.24")
        assert await rig.ended() == OrderEndReported("TAO", "TAO-1-0", "filled")
    assert rig.fills() == [
        FillReported("TAO", "TAO-1-0", "5001", d(1), d("399.9"), d("0.16"), name),
        FillReported("TAO", "TAO-1-0", "5002", d("1.5"), d(400), d("0.24"), name),
    ]
    assert [each.sent for each in rig.exchange.placed] == [1]
    after = [counted("levtao_execution_orders_total", venue=name, outcome=each) for each in ("placed", "filled")]
    assert [count - earlier for count, earlier in zip(after, before, strict=True)] == [1, 1]


@both
async def test_what_an_ioc_leaves_is_expired(rigged: Opened, name: str) -> None:
    rig = await rigged(name, "ioc")
    rig.exchange.fills_at_once = True
    async with rig.running():
        await rig.ask_for(1, "12")
        assert await rig.ended() == OrderEndReported(
            "TAO", "TAO-1-0", "expired", "what was left was not there at the limit"
        )
    assert [fill.quantity for fill in rig.fills()] == [d(10)]


@both
async def test_an_order_is_cancelled_at_its_expiry_and_its_fills_come_first(rigged: Opened, name: str) -> None:
    rig = await rigged(name)
    async with rig.running():
        sent = await rig.ask_for(1, "2.5")
        await rig.fill(sent, "1")
        await eventually(rig.fills, "the fill is reported")
        rig.late = 61 * SECOND
        assert (await rig.ended()).outcome == "expired"
    assert rig.placed(sent).status == "cancelled"
    assert [type(each) for each in rig.sent] == [FillReported, OrderEndReported]


@both
async def test_an_order_past_its_expiry_is_not_placed(rigged: Opened, name: str) -> None:
    rig = await rigged(name)
    rig.late = 61 * SECOND
    async with rig.running():
        await rig.ask_for(1)
        assert (await rig.ended()).outcome == "expired"
    assert rig.exchange.placed == []


@both
async def test_a_cancel_is_obeyed(rigged: Opened, name: str) -> None:
    rig = await rigged(name)
    async with rig.running():
        sent = await rig.ask_for(1)
        await rig.fill(sent, "1")
        await rig.book.say(CancelRequested("TAO", "TAO-1-0", "halted by the desk"))
        assert await rig.ended() == OrderEndReported("TAO", "TAO-1-0", "cancelled", "halted by the desk")
    assert [fill.quantity for fill in rig.fills()] == [d(1)]


@both
@pytest.mark.parametrize("reason", ["balance", "price"])
async def test_a_refused_order_is_rejected_with_the_venues_reason(rigged: Opened, name: str, reason: Any) -> None:
    rig = await rigged(name)
    rig.exchange.faults.on("create", Rejected(reason))
    async with rig.running():
        await rig.ask_for(1)
        end = await rig.ended()
    assert end.outcome == "rejected"
    assert len(end.detail) > 20
    assert rig.exchange.requests.count("create") == 1


async def test_an_order_below_the_venues_minimum_is_rejected_without_being_sent(rigged: Opened) -> None:
    rig = await rigged("binance")
    async with rig.running():
        await rig.ask_for(1, "0.01")
        end = await rig.ended()
    assert (end.outcome, end.detail) == ("rejected", "notional 4.001 is below the venue's minimum 5")
    assert "create" not in rig.exchange.requests


@both
@pytest.mark.parametrize(
    "fault",
    [RateLimited(), AnswerLost(), RequestLost(), Hangs(done=True), Hangs(done=False), ServerError(502)],
    ids=str,
)
async def test_no_order_is_doubled_whatever_becomes_of_its_placing(rigged: Opened, name: str, fault: RestFault) -> None:
    rig = await rigged(name, "ioc")
    rig.exchange.fills_at_once = True  # so that Binance would take it again
    rig.exchange.faults.on("create", fault)
    unclear = counted("levtao_execution_unclear_sends_total", venue=name)
    async with rig.running():
        await rig.ask_for(1, "2.5")
        assert (await rig.ended()).outcome == "filled"
    assert len(rig.exchange.placed) == 1
    assert counted("levtao_execution_unclear_sends_total", venue=name) - unclear == (fault != RateLimited())
    assert [fill.quantity for fill in rig.fills()] == [d("2.5")]


@both
async def test_the_venue_being_away_ends_nothing(rigged: Opened, name: str) -> None:
    rig = await rigged(name)
    async with rig.running():
        sent = await rig.ask_for(1)
        await rig.fill(sent, "1", commission="0.1")
        await eventually(rig.fills, "the fill is reported")
        rig.exchange.faults.on("query", ServerError(503), times=3)
        rig.exchange.faults.on("trades", ServerError(503), times=1)
        await rig.fill(sent, "1.5")
        assert (await rig.ended()).outcome == "filled"
    assert sum(fill.quantity for fill in rig.fills()) == d("2.5")


@both
@pytest.mark.parametrize("point", ["query", "create", "trades"])
async def test_cut_off_at_any_point_it_goes_on_where_the_venue_is(rigged: Opened, name: str, point: Any) -> None:
    rig = await rigged(name, "ioc")
    rig.exchange.fills_at_once = True
    rig.exchange.faults.on(point, Hangs(done=True))
    async with rig.running():
        sent = await rig.ask_for(1, "2.5")
        await eventually(lambda: point in rig.exchange.requests, "it has come so far")
        if point == "create":
            await eventually(lambda: rig.placed(sent), "it is booked")
    async with rig.running():
        assert (await rig.ended()).outcome == "filled"
    assert len(rig.exchange.placed) == 1
    assert [fill.quantity for fill in rig.fills()] == [d("2.5")]


async def test_what_was_ended_is_left_alone_after_a_restart_also_where_the_engine_is_behind(rigged: Opened) -> None:
    rig = await rigged("binance")
    rig.switch.touch()
    async with rig.running():
        await rig.ask_for(1)
        assert (await rig.ended()).detail == "kill switch"
    rig.switch.unlink()
    async with rig.running():
        await rig.ask_for(2)
        await eventually(lambda: rig.exchange.placed, "the next one is placed")
    assert len(rig.exchange.placed) == 1
    assert len(rig.ends(1)) == 1


async def test_fills_of_an_order_the_engine_gave_up_are_found_and_it_is_not_placed(rigged: Opened) -> None:
    rig = await rigged("binance")
    async with rig.running():
        sent = await rig.ask_for(1)
        await eventually(lambda: rig.placed(sent), "it is placed")
    await rig.exchange.fill(client_id("levtao", sent), "1")
    await rig.ask_for(2)
    for number in (1, 2):
        await rig.book.say(OrderEnded("TAO", f"TAO-{number}-0", "overdue", d(0), d("2.5"), ""))
    rig.late = 6 * DAY
    async with rig.running():
        assert (await rig.ended(1)).outcome == "cancelled"
        assert (await rig.ended(2)).outcome == "cancelled"
    assert rig.placed(sent).status == "cancelled", "it rested all the while"
    assert [fill.quantity for fill in rig.fills(1)] == [d(1)]
    assert len(rig.exchange.placed) == 1


async def test_what_is_too_old_is_left_alone_so_that_it_takes_no_room(rigged: Opened) -> None:
    rig = await rigged("binance")
    for number in range(1, execution.IN_FLIGHT + 2):
        await rig.ask_for(number)
    await rig.book.say(OrderEnded("TAO", "TAO-1-0", "overdue", d(0), d("2.5"), ""))
    rig.late = 8 * DAY
    async with rig.running() as executor:
        await rig.ask_for(100, expires=clocks().wall + rig.late + 60 * SECOND)
        await eventually(lambda: rig.exchange.placed, "the new one is placed")
        assert list(executor._jobs) == ["TAO-100-0"]
    assert rig.sent == []


async def test_a_cancel_of_before_a_restart_is_obeyed_after_it(rigged: Opened) -> None:
    rig = await rigged("binance")
    async with rig.running():
        sent = await rig.ask_for(1)
        await eventually(lambda: rig.placed(sent), "it is placed")
    await rig.book.say(CancelRequested("TAO", "TAO-1-0", "why not"))
    async with rig.running():
        assert (await rig.ended()).detail == "why not"


async def test_a_rehearsal_places_nothing_and_asks_nothing_private(rigged: Opened) -> None:
    rig = await rigged("binance")
    rig.exchange.requests.clear()
    async with rig.running(rig.executor(Rehearsal(rig.venue))):
        await rig.ask_for(1)
        assert await rig.ended() == OrderEndReported("TAO", "TAO-1-0", "rejected", "dry run")
    assert rig.exchange.requests == []


async def test_the_kill_switch_cancels_what_is_open_and_rejects_what_comes_until_it_is_gone(rigged: Opened) -> None:
    rig = await rigged("binance")
    async with rig.running():
        sent = await rig.ask_for(1)
        await rig.fill(sent, "1")
        rig.switch.touch()
        assert await rig.ended(1) == OrderEndReported("TAO", "TAO-1-0", "cancelled", "kill switch")
        await rig.ask_for(2)
        assert await rig.ended(2) == OrderEndReported("TAO", "TAO-2-0", "rejected", "kill switch")
        rig.switch.unlink()
        await asyncio.sleep(0)
        number = 3
        while len(rig.exchange.placed) < 2:  # it looks once a second
            await rig.ask_for(number)
            await eventually(lambda number=number: rig.ends(number) or len(rig.exchange.placed) > 1, "taken or not")  # type: ignore[misc]
            number += 1
    assert rig.placed(sent).status == "cancelled"
    assert [fill.quantity for fill in rig.fills(1)] == [d(1)]


async def test_a_kill_switch_thrown_just_before_the_placing_holds_it(rigged: Opened) -> None:
    rig = await rigged("binance")
    rig.exchange.faults.delay_s = 0.3
    async with rig.running():
        await rig.ask_for(1)
        await eventually(lambda: "query" in rig.exchange.requests, "it asks")
        rig.switch.touch()
        assert (await rig.ended()).outcome == "rejected"
    assert rig.exchange.placed == []


async def test_a_commission_that_cannot_be_booked_halts_the_executor(rigged: Opened) -> None:
    rig = await rigged("binance")
    async with rig.running():
        first = await rig.ask_for(1)
        second = await rig.ask_for(2)
        await rig.fill(first, "1", commission="0.001", commission_asset="BNB")
        end = await rig.ended(2)
        assert end.outcome == "cancelled"
        assert end.detail.startswith(
            "executor halted: binance: trade 5001 has no commission, or one that is neither in"
        )
        await rig.ask_for(3)
        assert (await rig.ended(3)).outcome == "rejected"
        await eventually(lambda: rig.placed(first).status == "cancelled", "it is cancelled too")
    assert rig.placed(second).status == "cancelled"
    assert (rig.fills(1), rig.ends(1)) == ([], [])
    await rig.book.say(OrderEnded("TAO", "TAO-1-0", "overdue", d(1), d("1.5"), ""))
    by_hand = FillReported("TAO", "TAO-1-0", "5001", d(1), d("400"), d("0.4"), "binance")
    await rig.take([by_hand, OrderEndReported("TAO", "TAO-1-0", "cancelled", "by hand")])
    async with rig.running():
        sent = await rig.ask_for(4)
        await rig.fill(sent, "2.5")
        assert (await rig.ended(4)).outcome == "filled", "what was booked by hand is not looked at again"


@both
async def test_funding_comes_back_once_an_instant(rigged: Opened, name: str) -> None:
    rig = await rigged(name)
    hour = clocks().wall // HOUR * HOUR
    rig.exchange.settle_funding(SYMBOL, "0.0001", "-1.5", hour // 1000)
    rig.exchange.settle_funding(SYMBOL, "0.0001", "-9", (hour - 2 * DAY) // 1000)
    async with rig.running():
        await eventually(lambda: rig.sent, "funding is reported")
    assert rig.sent == [FundingPaid("TAO", name, hour, d("1.5"))]


async def test_asked_to_stop_it_cancels_what_is_open_and_reports_it(rigged: Opened) -> None:
    rig = await rigged("binance")
    executor = rig.executor()
    task = asyncio.create_task(executor.run(rig.take))
    sent = await rig.ask_for(1)
    await rig.fill(sent, "1")
    executor.stopping.set()
    await asyncio.wait_for(task, 15)
    assert executor.stopped.is_set()
    assert (await rig.ended()).detail == "the executor was stopped"
    assert [fill.quantity for fill in rig.fills()] == [d(1)]


async def test_asked_to_stop_it_waits_for_what_is_in_doubt(rigged: Opened) -> None:
    rig = await rigged("binance")
    rig.venue.settle = 5 * SECOND
    rig.exchange.faults.on("create", AnswerLost())
    executor = rig.executor()
    task = asyncio.create_task(executor.run(rig.take))
    sent = await rig.ask_for(1)
    await eventually(lambda: rig.placed(sent), "it is booked")
    rig.exchange.faults.on("query", ServerError(503), times=2)
    executor.stopping.set()
    await asyncio.wait_for(task, 15)
    assert rig.placed(sent).status == "cancelled"
    assert [end.detail for end in rig.ends()] == ["the executor was stopped"]


async def test_a_stop_ends_a_long_wait(rigged: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await rigged("binance")
    async with rig.running():
        sent = await rig.ask_for(1)
        await eventually(lambda: rig.placed(sent), "it is placed")
        monkeypatch.setattr(working, "LONGEST_WAIT", 60 * SECOND)
        monkeypatch.setattr(working, "POLL", 30 * SECOND)
        before = rig.exchange.requests.count("query")
        await eventually(lambda: rig.exchange.requests.count("query") > before, "it asks, and waits long")
        rig.switch.touch()
        await eventually(lambda: rig.placed(sent).status == "cancelled", "it is cancelled at once", 5)


async def test_of_two_executors_one_works_and_the_other_takes_over(rigged: Opened) -> None:
    rig = await rigged("binance")
    async with rig.running(), rig.running():
        sent = await rig.ask_for(1)
        await eventually(lambda: rig.placed(sent), "it is placed")
        await rig.ask_for(2)
        await eventually(lambda: len(rig.exchange.placed) == 2, "so is the next")
    async with rig.running():
        await rig.fill(sent, "2.5")
        assert (await rig.ended(1)).outcome == "filled"
    assert [each.sent for each in rig.exchange.placed] == [1, 1]


async def test_other_underlyings_and_assumed_fills_are_left_alone(rigged: Opened) -> None:
    rig = await rigged("binance")
    async with rig.running():
        await rig.ask_for(1, fills="assumed")
        await rig.ask_for(2, underlying="BTC")
        await rig.ask_for(3)
        await eventually(lambda: rig.exchange.placed, "its own is placed")
    assert len(rig.exchange.placed) == 1


async def test_a_process_that_has_not_heard_of_its_group_places_nothing(rigged: Opened) -> None:
    rig = await rigged("binance")
    executor = rig.executor()
    async with rig.running(executor):
        await eventually(lambda: executor._sure_until, "it is in the group")
        members = rig.book.log._groups["x"].members
        [member] = members
        members.clear()  # nothing else tells it
        await eventually(lambda: clocks().steady > executor._sure_until, "half a session has passed")
        await rig.ask_for(1)
        await eventually(lambda: rig.exchange.requests.count("query") >= 3, "it would place it if it were sure")
        assert rig.exchange.placed == []
        members.append(member)
        await eventually(lambda: rig.exchange.placed, "now it is")
