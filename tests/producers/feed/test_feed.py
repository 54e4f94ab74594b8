"""Venues to inputs, and inputs to an engine: it prices on nothing stale or crossed, whatever the venues do."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from time import time_ns

from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.inputs import FundingObserved, Input, QuoteObserved, SignalObserved, TokenQuoteObserved
from engine.domain.outputs import NavPublished
from engine.domain.terms import TokenTerms, UnderlyingTerms
from engine.log.memory import MemoryLog
from engine.runtime.partition import Partition
from engine.wire.codec import decode_output, read_input
from engine.wire.topics import INPUTS
from producers.clock import run_clock
from producers.feed.feed import Feed
from producers.feed.observations import Observation, OpenInterest
from producers.feed.outbox import Outbox
from producers.feed.quotes import Market
from producers.feed.settings import FeedSettings
from producers.inputs import InputWriter
from tests.eventually import eventually
from tests.exchange.server import StandIn
from tests.producers.feed.live import connecting, running, sample
from tests.producers.feed.recorded import Said, index

HOUR_MS = 3_600_000
SPOT, SWAP, TOKEN = "TAO/USDT", "TAO/USDT:USDT", "TAO3L/USDT"


@dataclass
class Fed:
    """A feed of several venues into a log."""

    standin: StandIn
    log: MemoryLog
    feed: Feed

    def inputs(self) -> list[Input]:
        return [read_input(record.value or b"") for record in self.log.partition(INPUTS.name, 0).records]

    def quoted(self) -> list[tuple[str, str]]:
        return [(each.venue, str(each.bid)) for each in self.inputs() if isinstance(each, QuoteObserved)]

    async def subscribed(self) -> None:
        for settings in self.feed.settings.values():
            venue = self.standin.venue(settings.exchange)
            for symbol in [*settings.symbols.values(), *settings.tokens.values()]:
                await eventually(partial(venue.subscribed, symbol), f"{symbol} subscribed")


@asynccontextmanager
async def feeding(
    standin: StandIn, feeds: dict[str, FeedSettings], commands: Sequence[Input] = (), *, ticking: bool = False
) -> AsyncIterator[Fed]:
    """A feed of TAO and TAO3L (terms version 4), with a clock if asked for, after commands."""
    log = MemoryLog()
    await log.create({INPUTS.name: INPUTS.config()}, 1)
    markets = {
        name: [
            *(Market(symbol, underlying) for underlying, symbol in settings.symbols.items()),
            *(Market(symbol, "TAO", token, 4) for token, symbol in settings.tokens.items()),
        ]
        for name, settings in feeds.items()
    }

    def watch(seen: Observation) -> list[Input]:
        jumped = isinstance(seen, OpenInterest) and seen.amount > 5_000
        return [SignalObserved("TAO", "open_interest", "test", "jumped")] if jumped else []

    feed = Feed(feeds, markets, Outbox(), watch=watch, connect=connecting(standin))
    async with log.writer() as writer:
        inputs = InputWriter(writer, lambda _: 0)
        await inputs.write(commands)
        clock = [run_clock(["TAO"], inputs, lambda: time_ns() // 1_000, 0.1)] if ticking else []
        async with running(feed.run(), feed.outbox.run(inputs), *clock):
            fed = Fed(standin, log, feed)
            await fed.subscribed()
            yield fed


async def test_everything_that_becomes_an_input(standin: StandIn) -> None:
    hour_ms = time_ns() // 1_000_000 // HOUR_MS * HOUR_MS
    standin.binance.settle_funding(SWAP, "0.0001", "0", time_ms=hour_ms - HOUR_MS)
    await standin.binance.open_interest(SWAP, "5001")
    feeds = {
        "binance": FeedSettings(
            exchange="binance", kind="spot", symbols={"TAO": SPOT}, tokens={"TAO3L": TOKEN}, poll_s=0
        ),
        "binance-perp": FeedSettings(exchange="binance", kind="swap", symbols={"TAO": SWAP}, poll_s=60),
    }
    async with feeding(standin, feeds) as fed:
        await standin.binance.quote(SPOT, "400.10", "400.20")
        await standin.binance.quote(SWAP, "400.30", "400.40")
        await standin.binance.quote(TOKEN, "101.5", "102.5", bid_size="12.345", ask_size="0.0010000000000000009")
        await eventually(lambda: len(fed.inputs()) == 5, "all of them")
        found = {type(each): each for each in fed.inputs()}
        assert sorted(fed.quoted()) == [("binance", "400.1"), ("binance-perp", "400.3")]
        token = found[TokenQuoteObserved]
        assert isinstance(token, TokenQuoteObserved)
        assert (token.underlying, token.token, token.venue, token.bid, token.ask) == (
            "TAO", "TAO3L", "binance", Decimal("101.5"), Decimal("102.5"),
        )  # fmt: skip
        assert (token.bid_depth, token.ask_depth, token.terms_version) == (Decimal("12.345"), Decimal("0.001"), 4)
        funding = FundingObserved("TAO", "binance-perp", (hour_ms - HOUR_MS) * 1_000, Decimal("0.0001"))
        assert found[FundingObserved] == funding
        assert found[SignalObserved] == SignalObserved("TAO", "open_interest", "test", "jumped")


async def test_under_the_rate_bound_the_newest_is_kept(standin: StandIn, unique: str) -> None:
    settings = FeedSettings(exchange="binance", kind="spot", symbols={"TAO": SPOT}, max_per_s=5, poll_s=0)
    async with feeding(standin, {unique: settings}) as fed:
        for number in range(100):
            await standin.binance.quote(SPOT, f"{400 + number}.5", "600")
            await asyncio.sleep(0.005)
        await eventually(lambda: (unique, "499.5") in fed.quoted(), "the last one", deadline_s=2)
        assert 2 <= len(fed.quoted()) <= 8
        dropped = sample("levtao_feed_dropped_total", venue=unique, reason="superseded")
        assert dropped + len(fed.quoted()) == 100


TERMS: tuple[Input, ...] = (
    SetUnderlyingTerms("TAO", 0, 1, UnderlyingTerms(max_age_s=1, publication_interval_s=1), by="test", reason="test"),
    SetTokenTerms(
        "TAO", "TAO3L", 2, by="test", reason="test",
        terms=TokenTerms(multiplier=Decimal(3), seed_units=Decimal(1), fills="assumed", max_leverage="none"),
    ),
)  # fmt: skip


async def test_a_nav_is_never_computed_on_a_stale_or_crossed_price(standin: StandIn) -> None:
    feeds = {
        "binance": FeedSettings(exchange="binance", kind="spot", symbols={"TAO": SPOT}, poll_s=0, max_per_s=50),
        "perp": FeedSettings(exchange="binance", kind="swap", symbols={"TAO": SWAP}, poll_s=0, max_per_s=50),
        "okx": FeedSettings(exchange="okx", kind="spot", symbols={"TAO": SPOT}, poll_s=0, max_per_s=50),
    }
    async with feeding(standin, feeds, TERMS, ticking=True) as fed:
        for step in range(110):
            price = 400 + step % 7
            await standin.binance.quote(SPOT, f"{price}.1", f"{price}.2")
            if step < 25 or step >= 85:  # all is well
                await standin.binance.quote(SWAP, f"{price}.2", f"{price}.3")
                await standin.okx.quote(SPOT, f"{price}.0", f"{price}.1")
            elif step < 55:  # one is crossed and the other silent
                await standin.okx.quote(SPOT, "600", "300")
            else:  # one is stale and the other sends rubbish
                await standin.okx.quote(SPOT, "350.0", "350.1", time_ms=standin.okx.now_ms() - 1_500)
                await standin.binance.quote(SWAP, "NaN" if step % 2 else "-1", f"{price}.3")
            await asyncio.sleep(0.05)
        await eventually(lambda: fed.quoted()[-1][0] != "", "written")
    published = _navs(fed.log)
    priced = [nav for _, nav in published if nav.nav is not None]
    assert len(priced) >= 3
    assert any(nav.nav is None for _, nav in published), "there was no index for a while"
    for expected, nav in published:
        assert nav.price == expected
        assert nav.nav is None if expected is None else nav.nav is not None
    assert sample("levtao_feed_odd_total", venue="okx", kind="crossed") >= 30
    assert all(price not in {Decimal("350.05"), Decimal(450)} for price, _ in published)


def _navs(log: MemoryLog) -> list[tuple[Decimal | None, NavPublished]]:
    """Every NAV an engine publishes, beside the index at its input by an independent computation."""
    engine = Partition(0)
    quotes: list[Said] = []
    now = 0
    found: list[tuple[Decimal | None, NavPublished]] = []
    for record in log.partition(INPUTS.name, 0).records:
        given = read_input(record.value or b"")
        if isinstance(given, QuoteObserved):
            quotes.append((given.venue, given.time, given.bid, given.ask))
        now = max(now, getattr(given, "time", 0))
        outputs = [decode_output(output.value) for output in engine.apply([record])]
        expected = _index_at(quotes, now)
        found += [(expected, output.body) for output in outputs if output and isinstance(output.body, NavPublished)]
    return found


def _index_at(quotes: list[Said], now: int) -> Decimal | None:
    last = {quote[0]: quote for quote in quotes}
    return index([quote for quote in last.values() if now - quote[1] <= 1_000_000], now)
