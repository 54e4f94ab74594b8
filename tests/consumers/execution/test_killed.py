"""`levtao execute` as a process, with the real Kafka and the stand-in: killed at every point, rehearsing, refusing."""

import asyncio
import json
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from consumers.execution.executor import clocks
from consumers.execution.ticket import client_id
from engine.domain.events import Output
from engine.domain.inputs import ClockTicked, Position
from engine.domain.instants import SECOND
from engine.domain.outputs import OrderSent
from engine.log.kafka import KafkaLog
from engine.log.port import Entry, Reader
from engine.wire.codec import encode_input, encode_outputs
from engine.wire.topics import INPUTS, ORDERS, TOPICS
from levtao.embedded.kafka import KafkaServer
from tests.cli.program import command, environment, levtao
from tests.consumers.test_paper import order
from tests.desk import d
from tests.eventually import eventually
from tests.exchange.faults import Action, Hangs, ServerError
from tests.exchange.server import StandIn
from tests.exchange.venue import Venue

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

SETTINGS = """
session_timeout_s = 1
kill_switch = "{folder}/stop"
[underlyings.TAO]
partition = 0
[execution.TAO]
exchange = "binance"
symbol = "TAO/USDT:USDT"
style = "gtc"
api_url = "http://{address}"
"""


@dataclass
class Deployment:
    """A broker, an exchange, a settings file and keys."""

    folder: Path
    log: KafkaLog
    exchange: Venue
    inputs: Reader
    server: KafkaServer
    reported: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    said: int = 0

    def command(self, *arguments: object) -> list[str]:
        return command("execute", "--config", self.folder / "levtao.toml", "--kafka", self.log.bootstrap, *arguments)

    @contextmanager
    def started(self, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
        """A process for the time of the block, then killed if it still runs."""
        with (self.folder / "execute.log").open("ab") as log:
            process = subprocess.Popen(self.command(*arguments), stdout=log, stderr=log, env=environment())  # noqa: S603 - this program
        try:
            yield process
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()

    @property
    def live(self) -> tuple[object, ...]:
        return "--live", "--secrets", self.folder

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = (self.folder / "execute.log").read_text().splitlines()
        return [json.loads(line) for line in lines if f'"{event}"' in line]

    async def ask_for(self, number: int, limit: str) -> OrderSent:
        """An order of the engine's, and the input that caused it."""
        expires = clocks().wall // SECOND * SECOND + 120 * SECOND
        sent = order(number, "2.5", limit_price=d(limit), expires=expires)
        async with self.log.writer() as writer:
            cause = await writer.append(INPUTS.name, 0, [Entry(b"TAO", encode_input(ClockTicked("TAO", expires)))])
            self.said += 1
            [said] = encode_outputs([Output("TAO", self.said, clocks().wall, sent)], Position(0, cause or 0))
            await writer.append(ORDERS.name, 0, [Entry(said.key, said.value)])
        return sent

    async def reports(self) -> dict[str, list[dict[str, Any]]]:
        """What was reported of each order by now, in order."""
        for record in await self.inputs.read(1_000, 0.1):
            given = json.loads(record.value or b"{}")
            if "order_id" in given:
                self.reported[given["order_id"]].append(given)
        return self.reported

    async def is_reported(self, order_id: str) -> bool:
        return order_id in await self.reports()

    async def have_ended(self, names: set[str]) -> bool:
        found = await self.reports()
        return {name for name, given in found.items() if given[-1]["type"] == "order_end_reported"} == names


@pytest.fixture
async def deployed(tmp_path: Path, standin: StandIn) -> AsyncIterator[Deployment]:
    server = KafkaServer(tmp_path / "kafka").start()
    try:
        log = KafkaLog(server.bootstrap)
        await log.create({topic.name: topic.config() for topic in TOPICS}, 1)
        (tmp_path / "levtao.toml").write_text(SETTINGS.format(folder=tmp_path, address=standin.address))
        for name in ("binance.key", "binance.secret"):
            (tmp_path / name).write_text(f"the {name}".replace(" ", "-"))
            (tmp_path / name).chmod(0o600)
        async with log.reader(INPUTS.name, 0, None) as inputs:
            yield Deployment(tmp_path, log, standin.binance, inputs, server)
    finally:
        server.stop()


async def test_killed_at_any_point_it_doubles_no_order_and_misses_no_fill(deployed: Deployment) -> None:
    exchange = deployed.exchange
    exchange.fills_at_once = True
    sent: list[OrderSent] = []
    points: list[dict[Action, Hangs]] = [
        {"query": Hangs(done=False), "create": Hangs(done=False)},
        {"create": Hangs(done=True), "trades": Hangs(done=False)},
    ]
    for hangs in points:
        with deployed.started(*deployed.live):
            for point, fault in hangs.items():
                await eventually(lambda: not exchange.faults.planned.get(point), "no other hangs there")  # noqa: B023
                before = exchange.requests.count(point)
                exchange.faults.on(point, fault)
                sent.append(await deployed.ask_for(len(sent) + 1, "400.1"))
                await eventually(lambda: exchange.requests.count(point) > before, f"it hangs in {point}")  # noqa: B023
        exchange.faults.planned.clear()
    with deployed.started(*deployed.live):
        sent.append(await deployed.ask_for(5, "399"))
        name = client_id("levtao", sent[-1])
        await eventually(lambda: name in exchange.orders, "the last is placed")
        await exchange.fill(name, "1")
        await eventually(lambda: deployed.is_reported("TAO-5-0"), "its first fill is reported")
    await exchange.fill(name, "1.5")
    with deployed.started(*deployed.live) as process:
        names = {each.order_id for each in sent}
        await eventually(lambda: deployed.have_ended(names), "all have ended", 60)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    assert sorted(each.client_order_id for each in exchange.placed) == sorted(client_id("levtao", s) for s in sent)
    reports = await deployed.reports()
    for each in sent:
        *fills, end = reports[each.order_id]
        booked = exchange.orders[client_id("levtao", each)].fills
        assert {fill["fill_id"]: d(fill["quantity"]) for fill in fills} == {
            str(fill.trade_id): fill.quantity for fill in booked
        }
        assert end["outcome"] == "filled"
        assert sum(fill.quantity for fill in booked) == d("2.5")
    assert "the-binance" not in (deployed.folder / "execute.log").read_text()


async def test_while_the_group_is_silent_nothing_is_placed(deployed: Deployment) -> None:
    exchange = deployed.exchange
    with deployed.started(*deployed.live):
        await deployed.ask_for(1, "399")
        await eventually(lambda: exchange.placed, "it works")
        [placed] = exchange.placed
        await exchange.end(placed.client_order_id)
        await eventually(lambda: deployed.have_ended({"TAO-1-0"}), "it has ended")
        exchange.faults.on("query", ServerError(503), times=2)  # a second and a half
        asked = exchange.requests.count("query")
        await deployed.ask_for(2, "399")
        await eventually(lambda: exchange.requests.count("query") > asked, "it asks")
        deployed.server.pause()
        try:
            await eventually(lambda: exchange.requests.count("query") >= asked + 4, "it has asked again since")
            assert [order.client_order_id for order in exchange.placed] == [placed.client_order_id]
        finally:
            deployed.server.resume()


async def test_without_live_it_says_what_it_would_do_and_does_nothing(deployed: Deployment) -> None:
    with deployed.started() as process:
        sent = await deployed.ask_for(1, "400.17")
        await eventually(lambda: deployed.logged("would_report"), "it has said so")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0
    [would] = deployed.logged("would_place")
    assert (would["client_id"], would["contracts"], would["price"]) == (client_id("levtao", sent), "2.5", "400.1")
    assert await deployed.reports() == {}
    assert set(deployed.exchange.requests) <= {"time", "markets"}


def test_it_does_not_start_where_it_must_not(tmp_path: Path) -> None:
    (tmp_path / "levtao.toml").write_text(SETTINGS.format(folder=tmp_path, address="127.0.0.1:1"))
    (tmp_path / "binance.key").write_text("k")
    (tmp_path / "binance.key").chmod(0o644)
    config = ("--config", tmp_path / "levtao.toml")
    for arguments, problem in (
        (("--live",), "--live needs --secrets DIR, with <venue>.key and <venue>.secret in it"),
        (("--live", "--secrets", tmp_path), f"{tmp_path}/binance.key: others can read it (mode 0644); chmod 600"),
        (("--live", "--secrets", "/nowhere"), "/nowhere/binance.key: No such file or directory"),
    ):
        done = levtao("execute", *config, *arguments)
        assert (done.returncode, done.stderr) == (2, f"levtao: {problem}\n")
    (tmp_path / "levtao.toml").write_text("")
    done = levtao("execute", *config)
    assert done.stderr == "levtao: nothing to execute: the settings have no [execution.UNDERLYING]\n"
    (tmp_path / "levtao.toml").write_text('[execution.TAO]\nexchange = "okx"\nsymbol = "TAO/USDT"\n')
    assert "execution.TAO: TAO is not among the underlyings" in levtao("execute", *config).stderr
