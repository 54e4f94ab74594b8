"""`./dev` in front of a command: what ends the command is the command's business."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEV = Path(__file__).parents[1] / "dev"
SLOW_TO_END = """
import signal, sys, time
def end(*_):
    time.sleep(0.6)
    sys.exit(7)
signal.signal(signal.SIGINT, end)
print("up", flush=True)
time.sleep(30)
"""


@pytest.mark.parametrize("way", ["run", "become"])
def test_a_ctrl_c_leaves_the_command_its_time_and_its_exit_code(way: str) -> None:
    calling = f"import runpy, sys; runpy.run_path({str(DEV)!r})[{way!r}](sys.executable, '-c', {SLOW_TO_END!r})"
    with subprocess.Popen(  # noqa: S603 - this program
        [sys.executable, "-c", calling],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as called:
        assert called.stdout is not None
        assert called.stdout.readline() == "up\n"
        os.killpg(called.pid, signal.SIGINT)
        _, error = called.communicate(timeout=30)
    assert (called.returncode, error) == (7, "")
