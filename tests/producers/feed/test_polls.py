"""Funding, mark price, open interest and volume, asked of the stand-in over REST."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from time import time_ns

import pytest

from engine.domain.instants import SECOND
from producers.feed.observations import Funding, MarkPrice, OpenInterest, Volume
from producers.feed.polls import _hours
from tests.eventually import eventually
from tests.exchange.faults import NotJson, RateLimited, ServerError
from tests.exchange.server import StandIn
from tests.producers.feed.live import Watched, sample, watched

HOUR_MS = 3_600_000


@asynccontextmanager
async def asking(standin: StandIn, exchange: str) -> AsyncIterator[Watched]:
    async with watched(standin, exchange, "swap", poll_s=0.3, silent_s=60) as fed:
        yield fed


def last(fed: Watched, kind: type) -> object:
    return next((each for each in reversed(fed.seen) if isinstance(each, kind)), None)


@pytest.mark.parametrize("exchange", ["binance", "okx", "bybit"])
async def test_what_a_perpetual_is_asked_for(standin: StandIn, exchange: str) -> None:
    venue = standin.venue(exchange)
    due_ms = (time_ns() // 1_000_000 // HOUR_MS + 3) * HOUR_MS
    await venue.funding("TAO/USDT:USDT", "0.000125", next_ms=due_ms)
    await venue.mark("TAO/USDT:USDT", "400.07")
    await venue.open_interest("TAO/USDT:USDT", "12345.6")
    await venue.volume("TAO/USDT:USDT", "1000")
    async with asking(standin, exchange) as fed:
        await eventually(lambda: last(fed, OpenInterest), "asked")
        interest, mark, funding = (last(fed, kind) for kind in (OpenInterest, MarkPrice, Funding))
        assert isinstance(interest, OpenInterest)
        assert (interest.venue, interest.underlying, interest.amount) == (fed.name, "TAO", Decimal("12345.6"))
        assert isinstance(mark, MarkPrice)
        assert mark.price == Decimal("400.07")
        assert isinstance(funding, Funding)
        assert (funding.rate, funding.funding_time, funding.realised) == (Decimal("0.000125"), due_ms * 1_000, False)
        assert funding.interval_h == 8
        volume = last(fed, Volume)
        assert isinstance(volume, Volume)
        if exchange == "okx":
            assert volume.quote_volume == Decimal(1000) * Decimal(venue.markets["TAO/USDT:USDT"].last), "of contracts"
        assert abs(volume.received - time_ns() // 1_000) < 20 * SECOND


@pytest.mark.parametrize("exchange", ["binance", "okx", "bybit"])
async def test_realised_funding_is_observed_once_an_instant_and_on_the_minute(standin: StandIn, exchange: str) -> None:
    venue = standin.venue(exchange)
    hour_ms = time_ns() // 1_000_000 // HOUR_MS * HOUR_MS
    venue.settle_funding("TAO/USDT:USDT", "0.0009", "0", time_ms=hour_ms - 27 * HOUR_MS)
    venue.settle_funding("TAO/USDT:USDT", "0.0008", "0", time_ms=hour_ms - 25 * HOUR_MS)
    venue.settle_funding("TAO/USDT:USDT", "0.0001", "0", time_ms=hour_ms - 9 * HOUR_MS + 3)
    venue.settle_funding("TAO/USDT:USDT", "-0.00025", "0", time_ms=hour_ms - HOUR_MS - 1)
    async with asking(standin, exchange) as fed:

        def realised() -> list[tuple[int, str]]:
            return [
                ((each.funding_time // 1_000 - hour_ms) // HOUR_MS, str(each.rate))
                for each in fed.seen
                if isinstance(each, Funding) and each.realised
            ]

        await eventually(lambda: len(realised()) >= 3, "asked")
        assert realised() == [(-25, "0.0008"), (-9, "0.0001"), (-1, "-0.00025")]
        assert all(each.time % (60 * SECOND) == 0 for each in fed.seen if isinstance(each, Funding) and each.realised)
        asked = venue.requests.count("funding")
        venue.settle_funding("TAO/USDT:USDT", "0.0003", "0", time_ms=hour_ms)
        await eventually(lambda: len(realised()) >= 4 and venue.requests.count("funding") > asked + 3, "asked again")
        assert realised()[3:] == [(0, "0.0003")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [(RateLimited(), "DDoSProtection"), (ServerError(), "ExchangeNotAvailable"), (NotJson(), "nothing")],
)
async def test_a_question_that_fails_is_counted_and_asked_again_and_quotes_go_on(
    standin: StandIn, fault: RateLimited | ServerError | NotJson, error: str
) -> None:
    standin.binance.faults.on("open_interest", fault, times=2)
    async with asking(standin, "binance") as fed:
        await fed.quote("400.5", "401.5")
        await eventually(lambda: last(fed, OpenInterest), "asked again")
        failed = {"venue": fed.name, "question": "open_interest", "error": error}
        assert sample("levtao_feed_rest_failures_total", **failed) == 2
        assert fed.prices == [("400.5", "401.5")]
        assert fed.is_in("up")


async def test_nothing_is_asked_where_nothing_should_be(standin: StandIn) -> None:
    async with watched(standin, "binance", "swap", poll_s=0) as fed:
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        assert set(standin.binance.requests) <= {"markets", "time"}


async def test_the_interval_is_that_of_the_last_two_realised_instants(standin: StandIn) -> None:
    hour_ms = time_ns() // 1_000_000 // HOUR_MS * HOUR_MS
    for ago in (9, 5, 1):
        standin.binance.settle_funding("TAO/USDT:USDT", "0.0001", "0", time_ms=hour_ms - ago * HOUR_MS)
    async with asking(standin, "binance") as fed:
        await eventually(lambda: last(fed, OpenInterest), "asked")
        coming = [each for each in fed.seen if isinstance(each, Funding) and not each.realised]
        assert {each.interval_h for each in coming} == {4}


@pytest.mark.parametrize(("said", "hours"), [("4h", 4), ("8h", 8), ("7200000", 8), ("0h", 8), ("h", 8), (None, 8)])
def test_an_interval_of_ccxt_is_hours_only_with_its_unit(said: str | None, hours: int) -> None:
    assert _hours(said) == hours


async def test_a_bad_row_loses_no_other(standin: StandIn) -> None:
    hour_ms = time_ns() // 1_000_000 // HOUR_MS * HOUR_MS
    for ago, rate in ((17, "0.0001"), (9, "nonsense"), (1, "0.0003")):
        standin.binance.settle_funding("TAO/USDT:USDT", rate, "0", time_ms=hour_ms - ago * HOUR_MS)
    async with asking(standin, "binance") as fed:
        await eventually(lambda: last(fed, OpenInterest), "asked")
        assert [str(each.rate) for each in fed.seen if isinstance(each, Funding) and each.realised] == [
            "0.0001", "0.0003",
        ]  # fmt: skip
        failed = {"venue": fed.name, "question": "realised_funding", "error": "nothing"}
        assert sample("levtao_feed_rest_failures_total", **failed) == 1


@pytest.mark.parametrize("amount", ["1e15", "-1e15", "1e-41", "NaN", "many"])
async def test_a_number_beyond_all_bounds_is_none(standin: StandIn, amount: str) -> None:
    await standin.binance.open_interest("TAO/USDT:USDT", amount)
    async with asking(standin, "binance") as fed:
        failed = {"venue": fed.name, "question": "open_interest", "error": "nothing"}
        await eventually(lambda: sample("levtao_feed_rest_failures_total", **failed) >= 1, "counted")
        assert last(fed, OpenInterest) is None
