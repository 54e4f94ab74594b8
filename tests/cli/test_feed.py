"""`levtao feed` and the replay of recordings, on the real broker and with a real engine."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import typer

from engine.domain.inputs import QuoteObserved
from engine.domain.instants import DAY, SECOND, parse_instant
from engine.log.kafka import KafkaLog
from engine.log.port import read_up_to
from engine.wire.codec import read_input
from engine.wire.topics import EVENTS, INPUTS, NAVS
from levtao.commands.feed import feed, markets_of
from levtao.commands.replay import Recorded, replay
from levtao.embedded.kafka import KafkaServer
from levtao.embedded.ports import free_port
from levtao.embedded.valkey import ValkeyServer
from levtao.service import settings_of
from levtao.settings import SettingsError
from producers.prices import UNREADABLE, opened
from tests.cli.program import environment
from tests.cli.stack import Service, outputs, wait_until_taken
from tests.desk import MIDNIGHT
from tests.eventually import eventually
from tests.exchange.server import StandIn
from tests.producers.feed.recorded import OFF, Said, index, record

RECORDED = """
[underlyings.TAO]
partition = 0
max_age_s = 10
publication_interval_s = 1
[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
seed_units = 1
fills = "assumed"
"""

FED = """
metrics = "{metrics}"
[underlyings.TAO]
partition = 0
[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
seed_units = 1
[feeds.binance]
exchange = "binance"
kind = "spot"
symbols = {{ TAO = "TAO/USDT" }}
tokens = {{ TAO3L = "TAO3L/USDT" }}
max_per_s = 1000
poll_s = 1
[feeds.binance-perp]
exchange = "binance"
kind = "swap"
symbols = {{ TAO = "TAO/USDT:USDT" }}
[feeds.okx]
exchange = "okx"
kind = "spot"
symbols = {{ TAO = "TAO/USDT" }}
"""


async def quotes_in(service: Service) -> list[Said]:
    async with KafkaLog(service.kafka).reader(INPUTS.name, 0, None) as reader:
        records = read_up_to(reader, await reader.end())
        found = [read_input(record.value) async for record in records]
    return [(each.venue, each.time, each.bid, each.ask) for each in found if isinstance(each, QuoteObserved)]


def replayed(service: Service, folder: Path, *more: object) -> str:
    files = [folder / f"{venue}.txt" for venue in ("binance-spot", "binance-swap", "okx-spot")]
    whose = ("--exchange", "binance", "--exchange", "binance", "--exchange", "okx")
    kinds = ("--market", "spot", "--market", "swap", "--market", "spot")
    return service.done("replay", *files, *whose, *kinds, *more)


@pytest.mark.kafka
def test_recordings_through_kafka_lose_and_invent_nothing_and_reset_at_the_exchanges_midnight(
    service: Service, tmp_path: Path
) -> None:
    service.config.write_text(RECORDED)
    service.done("topics", "apply")
    recording = record(tmp_path)
    with service.started("run"):
        said = replayed(service, tmp_path)
        wait_until_taken(service)
    expected = recording.expected()
    assert said.startswith(
        f"{len(expected)} quotes of TAO from {sum(map(len, recording.lines.values()))} messages sent;"
    )
    assert asyncio.run(quotes_in(service)) == expected

    [fix] = [event for event in asyncio.run(outputs(service, EVENTS.name)) if event["type"] == "fix_taken"]
    assert (fix["boundary"], fix["late"]) == ("2024-10-04T00:00:00Z", False)
    before = _first_at(expected, MIDNIGHT)
    assert Decimal(fix["price"]) == index(expected[:before], MIDNIGHT)
    listed = 2  # the terms come before the first quote
    assert int(fix["cause"].rpartition("/")[2]) == before + listed, "by the first quote of the day"
    collector = next(n for n, (local, _) in enumerate(_arrivals(recording.lines)) if local >= MIDNIGHT)
    assert before - collector > OFF // SECOND * 100, "the collector's midnight was three seconds of quotes before"

    published = [nav for nav in asyncio.run(outputs(service, NAVS.name)) if nav["type"] == "nav_published"]
    assert len(published) > 30
    for nav in published:
        taken = int(nav["cause"].rpartition("/")[2]) - listed + 1
        now = max(time for _, time, _, _ in expected[:taken])
        price = index(expected[:taken], now)
        assert (nav["price"] and Decimal(nav["price"])) == price
        assert (nav["nav"] is None) == (price is None)

    cut = ("--from", "2024-10-04T00:00:00Z", "--to", "2024-10-04T00:00:02Z")
    replayed(service, tmp_path, *cut, "--speed", 1)
    paced = [quote for quote in expected if MIDNIGHT <= quote[1] < MIDNIGHT + 2 * SECOND]
    assert asyncio.run(quotes_in(service))[len(expected) :] == paced
    stamps = asyncio.run(_stamps(service))[-len(paced) :]
    assert 1_000 < stamps[-1] - stamps[0] < 9_000, "two seconds of the exchange in two of ours"


def _first_at(quotes: list[Said], time: int) -> int:
    return next(n for n, quote in enumerate(quotes) if quote[1] >= time)


def _arrivals(lines: dict[str, list[tuple[int, str]]]) -> list[tuple[int, str]]:
    return sorted((local_ns // 1_000, text) for each in lines.values() for local_ns, text in each)


async def _stamps(service: Service) -> list[int]:
    async with KafkaLog(service.kafka).reader(INPUTS.name, 0, None) as reader:
        return [record.timestamp_ms async for record in read_up_to(reader, await reader.end())]


@pytest.mark.kafka
def test_the_recordings_of_the_project_through_kafka_reset_once_a_midnight(data: Path, service: Service) -> None:
    captures = {path: head for path in sorted(data.rglob("*")) if (head := _head(path)) is not None}
    assert captures, f"no captures of TAO at Binance in {data}"
    service.config.write_text(RECORDED.replace("partition = 0", "partition = 0\nmin_venues = 1"))
    service.done("topics", "apply")
    options = [part for head in captures.values() for part in ("--market", "swap" if '"E":' in head else "spot")]
    with service.started("run"):
        service.done("replay", *captures, "--exchange", "binance", *options, timeout_s=600)
        wait_until_taken(service)
    times = [time for _, time, _, _ in asyncio.run(quotes_in(service))]
    boundaries = {time // DAY for time in times} - {min(times) // DAY}
    fixes = [event for event in asyncio.run(outputs(service, EVENTS.name)) if event["type"] == "fix_taken"]
    assert {parse_instant(fix["boundary"]) // DAY for fix in fixes} == boundaries
    assert len(fixes) == len(boundaries)


_TICKER = re.compile(r'[0-9]{19} \{(?=.*"u":)(?=.*"s": ?"TAOUSDT")(?=.*"b": ?"[0-9.]+")')


def _head(path: Path) -> str | None:
    """The first book ticker of TAO in a capture of Binance."""
    try:
        with opened(path) as lines:
            return next((line for line in islice(lines, 2_000) if _TICKER.match(line)), None)
    except (OSError, *UNREADABLE):
        return None


@pytest.fixture
def fed(tmp_path: Path) -> Iterator[tuple[Service, KafkaServer]]:
    """A broker that can be taken away, and a Redis."""
    kafka = KafkaServer(tmp_path / "kafka").start()
    valkey = ValkeyServer(tmp_path / "valkey").start()
    service = Service(tmp_path, kafka.bootstrap, valkey.url)
    service.config.write_text(FED.format(metrics=f"127.0.0.1:{free_port()}"))
    service.done("topics", "apply")
    try:
        yield service, kafka
    finally:
        valkey.stop()
        kafka.stop()


@asynccontextmanager
async def feeding(service: Service, standin: StandIn, *options: object) -> AsyncIterator[None]:
    """`levtao feed` as a process at the stand-in; it ends in order when asked to."""
    command = [sys.executable, "-m", "tests.cli.feeding", str(standin.port), "feed", "--config", str(service.config)]
    with (service.folder / "feed.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, *map(str, options), stdout=log, stderr=log, env=environment(**service.reach)
        )
    try:
        for venue, symbol in (
            (standin.binance, "TAO/USDT"),
            (standin.binance, "TAO3L/USDT"),
            (standin.okx, "TAO/USDT"),
        ):
            await eventually(partial(venue.subscribed, symbol), f"{symbol} subscribed")
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await process.wait()
    assert process.returncode == 0, (service.folder / "feed.log").read_text()[-2_000:]


def scraped(service: Service) -> str:
    address = service.config.read_text().split('"')[1]
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


@pytest.mark.kafka
async def test_feed_records_shows_its_health_outlives_the_broker_and_ends_in_order(
    fed: tuple[Service, KafkaServer], tmp_path: Path
) -> None:
    service, kafka = fed
    async with StandIn.started() as standin:
        async with feeding(service, standin, "--record", tmp_path / "recordings"):
            await standin.binance.quote("TAO/USDT", "400.10", "400.20")
            await standin.okx.quote("TAO/USDT", "400.05", "400.15")

            async def written(*bids: str) -> bool:
                quotes = await quotes_in(service)
                return set(bids) <= {str(bid) for _, _, bid, _ in quotes}

            await eventually(lambda: written("400.1", "400.05"), "in the log")
            metrics = await asyncio.to_thread(scraped, service)
            assert 'levtao_feed_state{levtao_feed_state="up",venue="okx"} 1.0' in metrics
            assert 'levtao_feed_state{levtao_feed_state="connecting",venue="binance-perp"} 1.0' in metrics
            assert 'levtao_feed_quotes_total{clock="collector",venue="binance"} 1.0' in metrics

            await asyncio.to_thread(kafka.stop)
            for number in range(300):
                await standin.binance.quote("TAO/USDT", f"{401 + number}.5", "900")
            await asyncio.to_thread(kafka.start)
            await eventually(lambda: written("700.5"), "the newest, once the broker is back", deadline_s=60)
            bids = [bid for venue, _, bid, _ in await quotes_in(service) if venue == "binance"]
            assert len(bids) < 100, "what was newer went instead"
            assert bids == sorted(bids)
        lines = [
            line for path in (tmp_path / "recordings").glob("binance-2*.txt") for line in path.read_text().splitlines()
        ]
        assert sum('"u":' in line for line in lines) == 301, "all of it was recorded"
    log = [json.loads(line) for line in (service.folder / "feed.log").read_text().splitlines()]
    changes: list[Any] = [(line["venue"], line["state"]) for line in log if line["event"] == "feed"]
    assert sorted(changes) == [("binance", "up"), ("okx", "up")], "a line a change"


def test_neither_the_engine_nor_the_command_line_imports_ccxt() -> None:
    modules = "levtao.cli, levtao.settings, levtao.commands.serve, levtao.commands.feed, levtao.commands.replay"
    script = f"import {modules}, sys; print(*sorted({{'ccxt', 'aiohttp'}} & set(sys.modules)))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - Python
    assert done.stdout == "\n"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('exchange = "okx"', 'exchange = "nonsense"'), "feeds.okx.exchange: ccxt has no websockets of 'nonsense'"),
        (('exchange = "okx"', 'exchange = "coinbase"'),
         "feeds.okx.exchange: ccxt cannot watch best bids and asks of coinbase"),
        (('tokens = { TAO3L = "TAO3L/USDT" }', 'tokens = { TAO5L = "TAO5L/USDT" }'),
         "feeds.binance.tokens: TAO5L is not in the settings"),
        (('symbols = { TAO = "TAO/USDT:USDT" }', 'symbols = { DOGE = "DOGE/USDT:USDT" }'),
         "underlying DOGE is not in the settings (known: TAO)"),
        (("partition = 0", 'partition = 0\nvenues = ["binance", "okx"]'),
         "feeds.binance-perp: not among the venues of TAO (binance, okx)"),
        (('kind = "swap"', 'kind = "spot"'),
         "{path}: feeds.binance-perp: TAO/USDT:USDT is no spot market: TAO/USDT is spot, TAO/USDT:USDT a perpetual"),
        (("127.0.0.1:1", "127.0.0.1:65536"), "{path}: metrics: no port is above 65535"),
        (('symbols = { TAO = "TAO/USDT:USDT" }', ""), "{path}: feeds.binance-perp: symbols: name at least one"),
    ],
)  # fmt: skip
def test_what_cannot_be_fed_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], problem: str
) -> None:
    path = tmp_path / "levtao.toml"
    path.write_text(FED.format(metrics="127.0.0.1:1").replace(*change))
    with pytest.raises(typer.Exit) as ended:
        feed(settings_of(path, None, None), None)
    assert (ended.value.exit_code, capsys.readouterr()) == (2, ("", f"levtao: {problem.format(path=path)}\n"))


PERPETUALS = """
[underlyings.TAO]
partition = 0
{weights}
[tokens.TAO3L]
underlying = "TAO"
multiplier = 3
seed_units = 1
fills = "{fills}"
[feeds.binance]
exchange = "binance"
kind = "swap"
symbols = {{ TAO = "TAO/USDT:USDT" }}
[feeds.okx]
exchange = "okx"
kind = "swap"
symbols = {{ TAO = "TAO/USDT:USDT" }}
poll_s = {poll_s}
"""


def test_funding_of_several_venues_is_not_paid_by_each_in_full(tmp_path: Path) -> None:
    path = tmp_path / "levtao.toml"

    def fed(weights: str = "", fills: str = "assumed", poll_s: int = 60) -> Iterable[str]:
        path.write_text(PERPETUALS.format(weights=weights, fills=fills, poll_s=poll_s))
        return markets_of(settings_of(path, None, None))

    with pytest.raises(SettingsError, match=r"^underlyings\.TAO\.funding_weights: 2 perpetuals are fed, .* its share$"):
        fed()
    for sound in (fed('funding_weights = { binance = "0.5", okx = "0.5" }'), fed(fills="reported"), fed(poll_s=0)):
        assert list(sound) == ["binance", "okx"]


@pytest.mark.parametrize(
    ("exchanges", "kind", "symbols", "problem"),
    [
        ([], "spot", [], "holds messages: --exchange says whose"),
        (["binance", "okx"], "spot", [], "--exchange is given once, or once for each of the 1 files"),
        (["bitmex"], "spot", [], "captures of bitmex's spot markets are not read"),
        (["binance"], "spot", ["TAOUSDT"], "TAOUSDT is no spot market"),
        (["binance"], "spot", ["TAO/USDT:USDT"], "TAO/USDT:USDT is no spot market"),
        (["binance"], "swap", ["TAOUSDT"], "is no swap market"),
    ],
)
def test_a_recording_nobody_can_read_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    exchanges: list[str],
    kind: str,
    symbols: list[str],
    problem: str,
) -> None:
    path, capture = tmp_path / "levtao.toml", tmp_path / "c.txt"
    path.write_text(RECORDED)
    capture.write_text(f'{MIDNIGHT * 1_000} {{"u":1}}\n')
    how = Recorded("TAO", [], exchanges, [kind], symbols)
    with pytest.raises(typer.Exit) as ended:
        replay(settings_of(path, None, None), [capture], how, None, None, None)
    assert (ended.value.exit_code, problem in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(("exchanges", "symbols"), [(["binance"], []), ([], ["TAO/USDT"])])
def test_prices_are_not_taken_for_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], exchanges: list[str], symbols: list[str]
) -> None:
    path, prices = tmp_path / "levtao.toml", tmp_path / "p.csv"
    path.write_text(RECORDED)
    prices.write_text("time,price\n1760055000000,400\n")
    how = Recorded("TAO", [], exchanges, ["spot"], symbols)
    with pytest.raises(typer.Exit) as ended:
        replay(settings_of(path, None, None), [prices], how, None, None, None)
    assert (ended.value.exit_code, "are for recordings" in capsys.readouterr().err) == (2, True)


@pytest.mark.kafka
def test_a_recording_without_a_quote_is_said_to_have_none(service: Service, tmp_path: Path) -> None:
    service.config.write_text(RECORDED)
    service.done("topics", "apply")
    recording = record(tmp_path, seconds=2)
    ended = service.run("replay", recording.path("okx-spot"), "--exchange", "okx", "--symbol", "BTC/USDT")
    assert ended.returncode == 2
    assert ended.stdout.startswith("0 quotes of TAO from ")
    assert f"no quote in {recording.path('okx-spot')}: BTC/USDT of okx, spot: is that" in ended.stderr
