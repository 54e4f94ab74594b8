"""A venue that misbehaves in every way the stand-in knows: nothing unsound goes on, all is counted, it comes back."""

import asyncio
from time import monotonic, time_ns
from typing import Any

import pytest
from ccxt import DDoSProtection, NotSupported, RateLimitExceeded
from structlog.testing import capture_logs

from engine.domain.instants import SECOND
from producers.feed import backoff
from producers.feed.observations import Observation, OpenInterest, Quote
from producers.feed.quotes import Market
from producers.feed.settings import FeedSettings, Kind
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


async def test_a_venue_without_any_of_its_markets_says_which_and_is_tried_again(standin: StandIn, unique: str) -> None:
    settings = FeedSettings(exchange="binance", kind="spot", symbols={"X": "NONE/USDT"}, poll_s=0)
    feed = VenueFeed(unique, settings, [Market("NONE/USDT", "X")], lambda _: None, connect=connecting(standin))
    with capture_logs() as logs:
        async with running(feed.run()):
            lost = {"venue": unique, "cause": "failed"}
            await eventually(lambda: sample("levtao_feed_connections_lost_total", **lost) >= 2, "tried twice")
    assert [line["reason"] for line in logs] == ["binance has no NONE/USDT"]


async def test_an_unknown_market_takes_none_of_its_venue_with_it(standin: StandIn, unique: str) -> None:
    symbols = {"X": "NONE/USDT:USDT", "TAO": "TAO/USDT:USDT"}
    settings = FeedSettings(exchange="binance", kind="swap", symbols=symbols, poll_s=0.1)
    seen: list[Observation] = []
    markets = [Market(symbol, underlying) for underlying, symbol in symbols.items()]
    feed = VenueFeed(unique, settings, markets, seen.append, connect=connecting(standin))
    with capture_logs() as logs:
        async with running(feed.run()):
            await eventually(lambda: standin.binance.subscribed("TAO/USDT:USDT"), "subscribed")
            await standin.binance.quote("TAO/USDT:USDT", "400.5", "401.5")
            await eventually(lambda: {type(each) for each in seen} >= {Quote, OpenInterest}, "observed and asked")
            assert feed.health.state == "up"
    unknown = [line["symbols"] for line in logs if line["event"] == "feed_unknown_symbols"]
    assert unknown == [["NONE/USDT:USDT"]]


async def test_an_answer_that_ccxt_takes_for_not_supported_is_a_failure_like_any_other(
    standin: StandIn, unique: str
) -> None:
    refusals = 0

    def connect(settings: FeedSettings) -> Any:
        exchange = connecting(standin)(settings)
        if not refusals:
            exchange.watch_bids_asks = refused
        return exchange

    async def refused(*_: object) -> None:
        nonlocal refusals
        refusals += 1
        raise NotSupported("403 Forbidden")

    settings = FeedSettings(exchange="binance", kind="spot", symbols={"TAO": "TAO/USDT"}, poll_s=0)
    feed = VenueFeed(unique, settings, [Market("TAO/USDT", "TAO")], lambda _: None, connect=connect)
    with capture_logs() as logs:
        async with running(feed.run()):
            await eventually(lambda: standin.binance.subscribed("TAO/USDT"), "connected anew")
    assert [(line["state"], line["cause"], line["reason"]) for line in logs] == [("down", "failed", "403 Forbidden")]


async def test_venues_that_hang_up_again_and_again_are_not_stormed(standin: StandIn) -> None:
    async with watched(standin) as fed:
        for number in range(3):
            await fed.quote(f"40{number}.5", "410.5")
            await fed.saw(f"40{number}.5", "410.5")
            began = monotonic()
            await fed.venue.disconnect()
            await eventually(lambda: not fed.venue.subscribed(fed.symbol), "hung up")
        await eventually(lambda: fed.venue.subscribed(fed.symbol), "back")
        assert monotonic() - began > 0.9, "the third pause is 1 to 2 s, whatever was quoted between"


async def test_an_outage_longer_than_a_pause_is_over_within_the_longest(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_PAUSE_S", 0.4)
    async with watched(standin) as fed:
        await fed.quote("400.5", "401.5")
        await fed.saw("400.5", "401.5")
        fed.venue.faults.refuses_websockets = 503
        await fed.venue.disconnect(abruptly=True)
        await eventually(lambda: fed.lost("closed") >= 6, "tried for longer than a pause")
        fed.venue.faults.refuses_websockets = 0
        await eventually(lambda: fed.venue.subscribed(fed.symbol), "back", deadline_s=1.5)
        await fed.quote("402.5", "403.5")
        await fed.saw("402.5", "403.5")


async def test_a_frame_that_could_not_be_read_is_in_the_reason_of_a_silent_venue(standin: StandIn) -> None:
    with capture_logs() as logs:
        async with watched(standin, silent_s=0.7) as fed:
            await eventually(lambda: fed.venue.subscribed(fed.symbol), "subscribed")
            await fed.venue.send_text('{"b":')
            await eventually(lambda: fed.lost("silent") == 1, "given up", deadline_s=3)
    [reason] = [line["reason"] for line in logs if line["event"] == "feed"]
    assert reason.startswith("no sound quote for 0.7 s; the last unreadable frame: ")
    assert "Error(" in reason


@pytest.mark.parametrize("error", [DDoSProtection("429"), RateLimitExceeded("10006")])
async def test_both_of_ccxts_rate_limits_are_one(unique: str, error: Exception) -> None:
    def connect(_: FeedSettings) -> Any:
        raise error

    settings = FeedSettings(exchange="binance", kind="spot", symbols={"TAO": "TAO/USDT"}, poll_s=0)
    feed = VenueFeed(unique, settings, [Market("TAO/USDT", "TAO")], lambda _: None, connect=connect)
    async with running(feed.run()):
        lost = {"venue": unique, "cause": "rate_limited"}
        await eventually(lambda: sample("levtao_feed_connections_lost_total", **lost) == 1, "as a rate limit")
