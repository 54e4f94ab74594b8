"""The program as a user starts it: a process of its own, with its output and exit code."""

import os
import subprocess
import sys
from pathlib import Path

SETTINGS_KEYS = ("LEVTAO_KAFKA", "LEVTAO_REDIS")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "levtao", *(str(argument) for argument in arguments)]


def environment(**extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEVTAO_")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1", "COLUMNS": "120"} | extra


def levtao(*arguments: object, cwd: Path | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(  # noqa: S603 - this program
        command(*arguments), capture_output=True, text=True, check=False, cwd=cwd, env=environment(**extra), timeout=240
    )
