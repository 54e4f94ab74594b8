"""How a command ends when something is wrong: one clear line on stderr and a stable exit code."""

from typing import NoReturn

import typer

EXIT_DIFFERS = 1
"""Something was checked and found wrong."""
EXIT_USAGE = 2
"""Settings, options or files are wrong; nothing was done."""
EXIT_STOPPED = 3
"""The service stopped itself, loudly."""
EXIT_INTERRUPTED = 130
"""Ctrl-C before the work was done, as shells number it."""


def stop(problem: str, code: int = EXIT_USAGE) -> NoReturn:
    """Say the problem in one line and end with `code`."""
    typer.echo(f"levtao: {problem}", err=True)
    raise typer.Exit(code)
