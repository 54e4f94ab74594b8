"""The commands of the gateway, and those that write what it would. Commands import what they need when called."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

PASSED_ON: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
"""The arguments are those of commands that are made from a table only when one of them is called."""


class Role(StrEnum):
    """What a key opens."""

    PARTICIPANT = "participant"
    OPERATOR = "operator"
    READER = "reader"


def gateway(
    config: Annotated[Path | None, typer.Option(help="Settings; levtao.toml if there is one.")] = None,
    kafka: Annotated[str | None, typer.Option(help="HOST:PORT, instead of the settings'.", metavar="HOST:PORT")] = None,
    redis: Annotated[str | None, typer.Option(help="Instead of the settings'.", metavar="URL")] = None,
) -> None:
    """Take requests and commands over HTTP, until a signal."""
    from levtao.commands import gateway as command
    from levtao.service import settings_of

    command.gateway(settings_of(config, kafka, redis))


def gateway_key(
    role: Annotated[Role, typer.Option(help="What it opens.")],
    name: Annotated[str, typer.Option(help="Its id, and who an operator's commands are signed by.")],
    participant: Annotated[str | None, typer.Option(help="Whose it is, for a participant's key.")] = None,
    underlying: Annotated[list[str] | None, typer.Option(help="Only for this one; may be repeated.")] = None,
    operation: Annotated[list[str] | None, typer.Option(help="Only for this one; may be repeated.")] = None,
) -> None:
    """Make an API key: itself on stderr, this once; on stdout the lines for the file of keys."""
    from levtao.commands import gateway as command

    fields: dict[str, Any] = {"role": role.value}
    if participant is not None:
        fields["participant"] = participant
    if underlying:
        fields["underlyings"] = tuple(underlying)
    if operation:
        fields["operations"] = tuple(operation)
    command.key(name, fields)


def operator(context: typer.Context) -> None:
    """Halt, resume, terms, participants, merges, forks, signals: `levtao operator --help` tells."""
    from levtao.commands.operator import application

    application("operator")(context.args, prog_name="levtao operator")


def participant(context: typer.Context) -> None:
    """Create, redeem, withdraw, claim: `levtao participant --help` tells."""
    from levtao.commands.operator import application

    application("participant")(context.args, prog_name="levtao participant")
