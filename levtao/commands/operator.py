"""`levtao operator` and `levtao participant`: what the gateway takes, as commands made from the same table.

Each field of an input that is not filled in is an option; text, decimals and times are written as they are, anything
else as JSON. Terms come from the settings.
"""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.domain.inputs import Input
from engine.log.port import Log
from engine.runtime.view import connect
from engine.wire.codec import encode_input
from levtao.problems import EXIT_DIFFERS, EXIT_STOPPED, stop
from levtao.service import kafka_log, provisioned, run, settings_of
from levtao.settings import Settings
from producers.gateway.once import Once, Written
from producers.gateway.operations import OPERATIONS, Author, Body, Operation, Role, body_schema, read_json, to_input
from producers.gateway.outcome import Outcome, find_outcome
from producers.gateway.refusals import RefusedError
from producers.gateway.words import is_text, kind_of
from producers.inputs import InputWriter

FROM_SETTINGS: dict[str, tuple[str, ...]] = {
    "set_token_terms": ("underlying", "terms", "terms_version"),
    "set_underlying_terms": ("terms", "terms_version"),
}
"""Fields that are read from the settings, by the input's type."""
ROLES: dict[Role, str] = {
    "operator": "Commands of an operator, with who and why.",
    "participant": "Requests of an authorised participant.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line says besides the fields of the input."""

    author: Author
    idempotency_key: str | None
    wait: bool
    wait_s: float
    as_json: bool
    config: Path | None
    kafka: str | None
    redis: str | None


def application(role: Role) -> typer.Typer:
    """The commands of a role."""
    app = typer.Typer(
        help=ROLES[role], no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )  # fmt: skip
    for operation in OPERATIONS.values():
        if operation.role == role:
            app.command(operation.name, help=operation.meaning)(_command(operation))
    return app


def _command(operation: Operation) -> Callable[..., None]:
    """A function with an option for each field of the body, as typer reads them."""
    schema = body_schema(operation)
    listed = FROM_SETTINGS.get(operation.input_type, ())
    fields = {name: field for name, field in schema["properties"].items() if name not in listed}
    who = "by" if operation.role == "operator" else "participant"

    def ask(**given: Any) -> None:
        said = {name: given.pop(name) for name in fields}
        body = {name: _value(name, fields[name], value) for name, value in said.items() if value is not None}
        asked = Asked(Author(operation.role, given.pop(who)), **given)
        _ask(operation, body, asked)

    options = [_option(name, field, required=name in schema["required"]) for name, field in fields.items()]
    options.append(_option(who, {"type": "string", "description": "Who asks."}, required=True))
    options += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
        for name, kind, default, option in (
            (
                "idempotency_key",
                str | None,
                None,
                typer.Option(help="Written once, however often the command is given with this id; needs Redis."),
            ),
            ("wait", bool, False, typer.Option("--wait", help="Wait for the outcome, and end with 1 if it is no.")),
            ("wait_s", float, 30.0, typer.Option(help="At most so long.", min=0)),
            ("as_json", bool, False, typer.Option("--json", help="One JSON object.")),
            ("config", Path | None, None, typer.Option(help="Settings; levtao.toml if there is one.")),
            ("kafka", str | None, None, typer.Option(help="HOST:PORT, instead of the settings'.")),
            ("redis", str | None, None, typer.Option(help="URL, instead of the settings'.")),
        )
    ]
    ask.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    ask.__annotations__ = {option.name: option.annotation for option in options}
    return ask


def _option(name: str, field: dict[str, Any], *, required: bool) -> inspect.Parameter:
    kind: Any = str if required else str | None
    shown = kind_of(field)
    what = field.get("description") or (shown if "," in shown or not is_text(field) else None)
    metavar = "TEXT" if "," in shown else shown.upper() if is_text(field) else "JSON"
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else None,
        annotation=Annotated[kind, typer.Option(help=what, metavar=metavar)],
    )


def _value(name: str, field: dict[str, Any], written: str) -> Any:
    if is_text(field) or "enum" in field:
        return written
    try:
        return read_json(written)
    except RefusedError:
        stop(f"--{name.replace('_', '-')}: {written[:60]!r} is no JSON ({kind_of(field)})")


def _ask(operation: Operation, body: Body, asked: Asked) -> None:
    settings = settings_of(asked.config, asked.kafka, asked.redis)
    partitions = {name: listing.partition for name, listing in settings.underlyings.items()}
    try:
        given = to_input(operation, _with_terms(operation, body, settings), asked.author, partitions)
    except RefusedError as refused:
        stop(str(refused))
    run(_write(settings, given, asked))


def _with_terms(operation: Operation, body: Body, settings: Settings) -> Body:
    """The body with what the settings list for its token or underlying."""
    names = FROM_SETTINGS.get(operation.input_type)
    if names is None:
        return body
    about = "token" if "token" in body else "underlying"
    commands = [command for command in settings.commands() if command.type == operation.input_type]
    listed = next((command for command in commands if getattr(command, about) == body[about]), None)
    if listed is None:
        stop(f"{about} {body[about]} is not in the settings")
    fields = json.loads(encode_input(listed))
    return body | {name: fields[name] for name in names}


async def _write(settings: Settings, given: Input, asked: Asked) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    async with log.writer() as writer:
        inputs = InputWriter(writer, settings.partition_of)
        if asked.idempotency_key is None:
            done = Written(await inputs.write_one(given), repeated=False)
        else:
            done = await _once(settings, log, inputs, given, asked)
    outcome = await find_outcome(log, done.position, asked.wait_s) if asked.wait else None
    _print(done, outcome, asked)
    if asked.wait and outcome is None:
        stop(f"no outcome within {asked.wait_s:g} s; it is written, and the engine will take it", EXIT_STOPPED)
    if outcome is not None and outcome.status == "refused":
        raise typer.Exit(EXIT_DIFFERS)


async def _once(settings: Settings, log: Log, inputs: InputWriter, given: Input, asked: Asked) -> Written:
    who, request_id = f"cli:{asked.author.name}", asked.idempotency_key or ""
    async with connect(settings.redis) as redis:
        once = Once(redis, log, inputs.write_one, settings.app)
        try:
            return await once.submit(who, request_id, given, settings.partition_of(given.underlying))
        except RefusedError as refused:
            stop(str(refused), EXIT_STOPPED)


def _print(done: Written, outcome: Outcome | None, asked: Asked) -> None:
    answer = done.answer(asked.idempotency_key)
    if asked.as_json:
        came = None if outcome is None else outcome.told() | {"events": outcome.events}
        typer.echo(json.dumps(answer | {"outcome": came}))
        return
    again = ", written before" if done.repeated else ""
    typer.echo(f"{answer['topic']}/{answer['partition']}/{answer['offset']}{again}, outcomes {answer['outcomes']}*")
    if outcome is None:
        return
    why = "" if outcome.code is None else f": {outcome.code} ({outcome.detail})"
    typer.echo(f"{outcome.status}{why}")
    for event in outcome.events:
        typer.echo(f"  {event['id']} {event['type']}")
