"""The chain on the real parts: prices through Kafka and Redis give what the back-test gives, to the last digit.

And they do when the engine is killed twenty times at random and Redis is emptied twice while it runs.
"""

import asyncio
import json
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from engine.wire.topics import EVENTS, NAVS, ORDERS
from tests.cli.program import levtao
from tests.cli.stack import Service, end, opened, outputs, wait_until_taken
from tests.eventually import eventually
from tests.market import write_bars

MULTIPLIERS = ("2", "3", "5", "-1", "-2", "-3")
KILLS = 20
FLUSHES = 2
RECORDED = "tao_usdt_binance_spot_5m_2024.csv.gz"

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]


def settings(fills: str) -> str:
    """The settings a back-test assumes, as a file for the service."""
    assumed = 'fills = "assumed"\nnetted = false\n' if fills == "assumed" else ""
    units = 1 if fills == "assumed" else 1000
    # Flat out, an hour of the file passes in a moment: give the broker until the next day.
    patience = "" if fills == "assumed" else "order_expiry_s = 86400\nmax_slice_notional = 10000\n"
    lots = "lot = 0\nmin_notional = 0\n" if fills == "assumed" else ""
    text = "session_timeout_s = 1\nview_every_s = 0\n"
    text += "[underlyings.TAO]\npartition = 0\nvenues = ['file']\nmin_venues = 1\nmax_age_s = 600\n"
    text += lots + patience
    for multiplier in MULTIPLIERS:
        name = f"TAO{multiplier.lstrip('-')}{'S' if multiplier.startswith('-') else 'L'}"
        text += f'[tokens.{name}]\nunderlying = "TAO"\nmultiplier = {multiplier}\nseed_units = {units}\n{assumed}'
    return text


@pytest.fixture(params=["made_up", "listing", "recorded", "recorded_listing"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, tuple[str, ...]]:
    """A file of bars, and how to cut it: whole, and from the midnight where inverse tokens die at once."""
    if request.param.startswith("recorded"):
        folder: Path = request.getfixturevalue("data")
        return folder / RECORDED, ("--from", "2024-04-14T00:00:00Z") if request.param.endswith("listing") else ()
    days, cut = (20, ()) if request.param == "made_up" else (15, ("--from", "2024-04-11T12:00:00Z"))
    path = write_bars(tmp_path / "bars.csv", 11, days, crash_day=4)
    if request.param == "made_up":
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join([lines[0], *lines[2:]]))
    return path, cut


def harass(service: Service, random: Random, total: int) -> None:
    """Kill the engine at random places of its work on `total` inputs, and empty Redis in between."""
    flush_at = set(random.sample(range(KILLS), FLUSHES))
    started_at = []
    for number, place in enumerate(sorted(random.sample(range(total * 19 // 20), KILLS))):
        engine = service.start("run")
        started_at.append(opened(service, number + 1))
        asyncio.run(reached(service, place))
        time.sleep(random.uniform(0, 0.05))  # the moment of death is the thing that is random
        if number in flush_at:
            asyncio.run(flush(service))
        engine.kill()
        engine.wait()
    assert started_at[-1] < total, "the work was done before the last kill"
    assert len(set(started_at)) > KILLS // 3, f"killed mostly before it did anything: {started_at}"


async def reached(service: Service, place: int) -> None:
    """Until the view has taken the input at `place`."""
    redis = Redis.from_url(service.redis)

    async def taken() -> bool:
        return int(await redis.hget("levtao:{0}:meta", "next") or 0) >= place

    try:
        await eventually(taken, f"input {place} taken", 120)
    finally:
        await redis.aclose()


async def flush(service: Service) -> None:
    redis = Redis.from_url(service.redis)
    await redis.flushall()
    await redis.aclose()


def backtest_events(path: Path, cut: tuple[str, ...], folder: Path) -> list[dict[str, Any]]:
    """Every output of the back-test."""
    events = folder / "events.jsonl"
    options = [part for multiplier in MULTIPLIERS for part in ("--multiplier", multiplier)]
    done = levtao("backtest", "--prices", path, "--events", events, *options, *cut)
    assert done.returncode == 0, done.stderr
    with events.open() as lines:
        return [json.loads(line) for line in lines]


WHO = {"by", "reason"}


def values(events: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [{k: v for k, v in event.items() if k not in WHO} for event in events if event["type"] in kinds]


@pytest.mark.parametrize("harassed", [False, True], ids=["calm", "killed"])
def test_prices_through_the_service_are_the_back_test_to_the_last_digit(
    service: Service, file: tuple[Path, tuple[str, ...]], harassed: bool
) -> None:
    path, cut = file
    service.config.write_text(settings("assumed"))
    service.done("topics", "apply")
    expected = backtest_events(path, cut, service.folder)
    ticks = 1 + max(int(event["cause"].rpartition("/")[2]) for event in expected)
    if harassed:
        # A tick is 75 s of the file: forty seconds for all of it, or the engine is through before it has been killed.
        replaying = service.start("replay", path, *cut, "--speed", ticks * 75 // 40)
        harass(service, Random(1), ticks)
        assert replaying.wait(300) == 0
    with service.started("run"):
        opened(service, KILLS + 1 if harassed else 1)
        if not harassed:
            service.done("replay", path, *cut, timeout_s=600)
        wait_until_taken(service)
    assert values(asyncio.run(outputs(service, NAVS.name)), "nav_published") == values(expected, "nav_published")
    assert values(asyncio.run(outputs(service, ORDERS.name)), "order_sent") == values(expected, "order_sent")
    kinds = ("token_reset", "rebalance_triggered", "fill_booked", "token_terminated", "token_closed", "fix_taken")
    assert values(asyncio.run(outputs(service, EVENTS.name)), *kinds) == values(expected, *kinds)
    assert "imply every output there is, byte for byte" in service.done("verify")


def test_with_the_paper_broker_and_kills_the_log_still_verifies(service: Service, tmp_path: Path) -> None:
    service.config.write_text(settings("reported"))
    service.done("topics", "apply")
    path = write_bars(tmp_path / "bars.csv", 12, 10, crash_day=4)
    broker = service.start("broker", "--seed", 5, "--latency-ms", 1, 20)
    try:
        replaying = service.start("replay", path, "--speed", 20_000)
        harass(service, Random(2), len(path.read_text().splitlines()) * 4)
        with service.started("run"):
            opened(service, KILLS + 1)
            assert replaying.wait(300) == 0
            wait_until_taken(service)
    finally:
        end(broker)
    assert broker.returncode == 0
    events = asyncio.run(outputs(service, EVENTS.name))
    fills = [event for event in events if event["type"] == "fill_booked"]
    assert len(fills) > 30, f"only {len(fills)} fills: the loop was not closed"
    assert len({(fill["order_id"], fill["fill_id"]) for fill in fills}) == len(fills), "a fill was booked twice"
    assert "Redis equal" in service.done("verify")
