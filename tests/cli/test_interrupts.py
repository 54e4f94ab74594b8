"""Ctrl-C and other signals: nothing is left behind, and what was not finished does not say it was."""

import asyncio
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from engine.log.memory import MemoryLog
from levtao.service import provisioned, until_signalled
from levtao.settings import Settings
from tests.cli.program import command, environment
from tests.cli.stack import Service, inputs_end, wait_until
from tests.market import write_bars


class Swallowing(MemoryLog):
    """Answers though it was cancelled, as aiokafka does while it closes a client."""

    async def partitions(self, topic: str) -> int | None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        return 1


async def test_an_interrupt_that_opening_swallowed_is_heeded_after_it() -> None:
    task = asyncio.create_task(provisioned(Swallowing(), Settings()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_is_not_begun_after_an_interrupt() -> None:
    begun: list[bool] = []

    async def work() -> None:
        begun.append(True)

    async def main() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await until_signalled(work())

    task = asyncio.create_task(main())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not begun


@pytest.mark.kafka
def test_an_interrupted_replay_does_not_look_finished(service: Service, tmp_path: Path) -> None:
    service.config.write_text("[underlyings.TAO]\npartition = 0\nmin_venues = 1\n")
    service.done("topics", "apply")
    replaying = service.start("replay", write_bars(tmp_path / "bars.csv", 1, 2), "--speed", 100)
    wait_until(lambda: asyncio.run(inputs_end(service)) > 1, "a quote was sent")
    replaying.send_signal(signal.SIGINT)
    assert replaying.wait(30) == 130
    assert "Traceback" not in (service.folder / "replay.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_ended_takes_its_servers_with_it(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(  # noqa: S603 - this program
        command("demo"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(TMPDIR=str(tmp_path)),
    ) as demo:
        assert demo.stdout is not None
        assert "launched" in demo.stdout.readline()
        demo.send_signal(number)
        _, error = demo.communicate(timeout=30)
    assert (demo.returncode, error) == (130, "")
    assert not list(tmp_path.iterdir())
