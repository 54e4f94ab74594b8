"""What a command brings along: nothing of what only others need."""

import subprocess
import sys

import pytest

from tests.cli.program import environment

EXCHANGES = {"ccxt", "aiohttp"}
WEB = {"starlette", "uvicorn", "jinja2"}
SERVICE = {"aiokafka", "redis"}


def brought(modules: str) -> set[str]:
    """The packages that are there once these modules are imported."""
    code = f"import sys, {modules}; print(*(name for name in sys.modules if '.' not in name))"
    ran = subprocess.run(  # noqa: S603 - this program
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment()
    )
    return set(ran.stdout.split())


def test_help_needs_no_service() -> None:
    assert brought("levtao.cli") & (EXCHANGES | WEB | SERVICE | {"pydantic"}) == set()


@pytest.mark.parametrize(
    "modules", ["levtao.settings", "levtao.commands.serve", "levtao.commands.verify", "levtao.commands.demo"]
)
def test_the_engine_does_not_wait_for_ccxt_or_the_gateway(modules: str) -> None:
    assert brought(modules) & (EXCHANGES | WEB) == set()
