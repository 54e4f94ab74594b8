"""A venue that misbehaves in every way the stand-in knows: nothing unsound goes on, all is counted, it comes back."""

import asyncio
from time import time_ns
from typing import Any

import pytest
from ccxt import NotSupported

from engine.domain.instants import SECOND
from producers.feed.quotes import Market
from producers.feed.settings import FeedError, FeedSettings, Kind
from producers.feed.venue import VenueFeed
from tests.eventually import eventually
from tests.exchange.faults import RateLimited
from tests.exchange.server import StandIn
from tests.producers.feed.live import connecting, running, sample, watched

VENUES = [
    ("binance", "spot"),
    ("binance", "swap"),
    ("okx", "spot"),
    ("okx", "swap"),
    ("bybit", "spot"),
    ("bybit", "swap"),
]


@pytest.mark.parametrize(("exchange", "kind"), VENUES)
async def test_what_a_venue_says_is_observed_exactly_and_what_is_unsound_is_counted_by_reason(
    standin: StandIn, exchange: str, kind: Kind
) -> None:
    async with watched(standin, exchange, kind) as fed:
        await fed.quote("400.10", "400.3", bid_size="7", ask_size="8")
        await fed.saw("400.1" if exchange == "bybit" else "400.10", "400.3")
        first = fed.quotes[-1]
        assert (first.venue, first.underlying, first.token) == (fed.name, "TAO", None)
        assert first.dated is ((exchange, kind) != ("binance", "spot"))
        clock = "venue" if first.dated else "collector"
        assert sample("levtao_feed_quotes_total", venue=fed.name, clock=clock) == 1
        assert abs(first.received - time_ns() // 1_000) < 5 * SECOND
        assert -SECOND < first.received - first.time < 5 * SECOND

        await fed.venue.burst(fed.symbol, [("401.5", "402.5"), ("403.5", "404.5"), ("405.5", "406.5")])
        await fed.saw("405.5", "406.5")
        assert fed.prices[1:] == [("401.5", "402.5"), ("403.5", "404.5"), ("405.5", "406.5")], "all of a burst"

        sound = list(fed.prices)
        await fed.venue.repeat(fed.symbol)
        await eventually(lambda: fed.dropped("duplicate") == 1, "a duplicate")
        await fed.venue.send_older(fed.symbol)
        await eventually(lambda: fed.dropped("older") + fed.dropped("duplicate") == 2, "an older one")
        for bid, reason in (("NaN", "not_a_number"), ("-4", "negative"), ("0", "no_price")):
            await fed.quote(bid, "400")
            await fed.did_drop(reason)
        await fed.venue.send_text("<html>")
        await fed.venue.send_text('{"b":')
        await fed.venue.send_nan(fed.symbol)
        await eventually(lambda: fed.dropped("unreadable") >= 2, "frames that are not JSON")
        assert fed.prices == sound
        assert fed.is_in("up")

        await fed.quote("410.25", "410.5")
        await fed.saw("410.25", "410.5", deadline_s=2)
        assert [fed.lost(cause) for cause in ("closed", "silent", "failed", "rate_limited")] == [0, 0, 0, 0]


@pytest.mark.parametrize("exchange", ["binance", "okx", "bybit"])
@pytest.mark.parametrize("abruptly", [False, True])
async def test_a_lost_connection_is_back_within_two_seconds(standin: StandIn, exchange: str, abruptly: bool) -> None:
    async with watched(standin, exchange) as fed:
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        await fed.venue.disconnect(abruptly=abruptly)
        await eventually(lambda: fed.lost("closed") == 1, "noticed", deadline_s=2)
        assert fed.is_in("down")
        await eventually(lambda: fed.venue.subscribed(fed.symbol), "subscribed again", deadline_s=2)
        await fed.quote("402.5", "403.5")
        await fed.saw("402.5", "403.5", deadline_s=2)
        assert fed.is_in("up")
        assert sample("levtao_feed_gap_seconds_total", venue=fed.name) > 0
        assert fed.venue.requests.count("markets") <= 3, "markets are loaded once, not at every connection"


@pytest.mark.parametrize("exchange", ["binance", "okx", "bybit"])
async def test_a_silent_venue_is_connected_to_anew_by_its_deadline(standin: StandIn, exchange: str) -> None:
    async with watched(standin, exchange, silent_s=0.7) as fed:
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        fed.venue.faults.silent = True
        await eventually(lambda: fed.lost("silent") == 1, "given up", deadline_s=2)
        assert fed.is_in("silent")
        assert sample("levtao_feed_age_seconds", venue=fed.name, market="TAO") >= 0.7
        fed.venue.faults.silent = False

        async def quoted() -> bool:
            await fed.venue.quote(fed.symbol, "402.5", "403.5")
            return fed.prices[-1] == ("402.5", "403.5")

        await eventually(quoted, "quotes again", deadline_s=4)
        assert fed.is_in("up")


async def test_only_unsound_quotes_are_silence_too(standin: StandIn) -> None:
    async with watched(standin, silent_s=0.7) as fed:
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        for _ in range(20):
            await fed.venue.quote(fed.symbol, "NaN", "401.5")
            await asyncio.sleep(0.05)
        await eventually(lambda: fed.lost("silent") == 1, "given up", deadline_s=2)


async def test_a_rate_limit_at_the_door_is_waited_out(standin: StandIn) -> None:
    standin.binance.faults.on("markets", RateLimited())
    async with watched(standin) as fed:
        await eventually(lambda: fed.lost("rate_limited") == 1, "refused once", deadline_s=3)
        standin.binance.faults.refuses_websockets = 429
        await eventually(lambda: fed.lost("closed") >= 1, "refused at the websocket", deadline_s=5)
        standin.binance.faults.refuses_websockets = 0
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        assert fed.is_in("up")


async def test_crossed_and_late_quotes_go_on_for_the_engine_to_judge_and_are_counted(standin: StandIn) -> None:
    async with watched(standin, "okx") as fed:
        await fed.quote("401.5", "400.5", time_ms=fed.venue.now_ms() - 30_000)
        await fed.saw("401.5", "400.5")
        assert (fed.odd("crossed"), fed.odd("late"), fed.odd("early")) == (1, 1, 0)
        assert sample("levtao_feed_delay_seconds", venue=fed.name) > 29


@pytest.mark.parametrize(("exchange", "kind"), [("okx", "spot"), ("binance", "swap"), ("bybit", "spot")])
async def test_a_venue_whose_clock_is_ahead_is_dated_back_so_that_the_core_takes_it(
    standin: StandIn, exchange: str, kind: Kind
) -> None:
    async with watched(standin, exchange, kind) as fed:
        fed.venue.faults.clock_skew_ms = 600
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        assert fed.odd("early") == 0
        assert fed.quotes[-1].time > fed.quotes[-1].received, "within a second a venue's clock is its own"
        fed.venue.faults.clock_skew_ms = 60_000
        await fed.quote("402.5", "403.5")
        await fed.saw("402.5", "403.5")
        assert fed.odd("early") == 1
        assert fed.quotes[-1].time == fed.quotes[-1].received + SECOND
        fed.venue.faults.clock_skew_ms = 0
        await fed.quote("404.5", "405.5")
        await eventually(lambda: fed.dropped("older") == 1, "it went back in time")

        async def quoted() -> bool:
            await fed.venue.quote(fed.symbol, "406.5", "407.5")
            return fed.prices[-1] == ("406.5", "407.5")

        await eventually(quoted, "taken again once its time has come", deadline_s=3)


async def test_a_slow_clock_is_kept_and_counted_as_late(standin: StandIn) -> None:
    async with watched(standin, "okx", "swap") as fed:
        fed.venue.faults.clock_skew_ms = -20_000
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        assert fed.quotes[-1].received - fed.quotes[-1].time > 19 * SECOND
        assert fed.odd("late") == 1


async def test_an_unknown_market_is_said_and_tried_again(standin: StandIn, unique: str) -> None:
    settings = FeedSettings(exchange="binance", kind="spot", symbols={"X": "NONE/USDT"}, poll_s=0)
    feed = VenueFeed(unique, settings, [Market("NONE/USDT", "X")], lambda _: None, connect=connecting(standin))
    async with running(feed.run()):
        lost = {"venue": unique, "cause": "failed"}
        await eventually(lambda: sample("levtao_feed_connections_lost_total", **lost) >= 2, "tried twice")


async def test_what_ccxt_cannot_do_ends_the_feed(standin: StandIn) -> None:
    def connect(settings: FeedSettings) -> Any:
        exchange = connecting(standin)(settings)
        exchange.watch_bids_asks = cannot
        return exchange

    async def cannot(*_: object) -> None:
        raise NotSupported("binance cannot")

    settings = FeedSettings(exchange="binance", kind="spot", symbols={"TAO": "TAO/USDT"}, poll_s=0)
    with pytest.raises(FeedError, match="binance cannot"):
        await VenueFeed("v", settings, [Market("TAO/USDT", "TAO")], lambda _: None, connect=connect).run()
