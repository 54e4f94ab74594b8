"""The reference pages of the docs, from the types themselves: every topic and event, every setting.

`python -m levtao.reference docs` writes them; a test holds the committed ones against the types.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from consumers.execution.settings import ExecutionListing
from engine.domain.terms import TokenTerms, UnderlyingTerms
from engine.wire.schemas import ENVELOPE, schemas
from engine.wire.topics import DEAD_LETTERS, INPUTS, STATES, TOPICS
from levtao.settings import Settings
from producers.feed.settings import FeedSettings
from producers.gateway.operations import OPERATIONS
from producers.gateway.settings import GatewaySettings
from producers.signals import WatchSettings

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "life.jsonl"
SCENARIOS = ROOT / "docs" / "scenarios.md"
GATEWAY = ROOT / "docs" / "gateway.md"
BELOW = "## Inputs\n"
"""What is above this line in SCENARIOS is written by hand."""
BELOW_GATEWAY = "## Routes\n"
"""The same for GATEWAY."""
NOTE = "Written by `python -m levtao.reference docs`; change the types instead.\n"


def events() -> str:
    """Every topic, input and output."""
    lines = ["# Topics and events", "", NOTE]
    lines += ["| topic | key | kept | largest record |", "| --- | --- | --- | --- |"]
    for topic in TOPICS:
        kept = "the last of each key" if topic.retention_days is None else f"{topic.retention_days} days"
        lines.append(f"| `{topic.name}` | {topic.key} | {kept} | {topic.max_message_bytes >> 20} MiB |")
    lines += ["", "All topics have the same number of partitions, fixed for life; only lane p writes partition p of an"]
    lines += [
        "output. Values are JSON: decimals as text, times in RFC 3339. The schemas are in [schemas](../schemas).",
        "",
    ]
    found = schemas()
    lines += [f"## Inputs: `{INPUTS.name}`", ""]
    for path, schema in found.items():
        if path.startswith("inputs/"):
            lines += _entry(schema, hidden=("type", "version", "underlying"))
    lines += ["Every input has `type`, `version` (1) and `underlying`, which is also its key.", ""]
    for topic in TOPICS:
        if topic in (INPUTS, STATES):
            continue
        lines += [f"## Outputs: `{topic.name}`", ""]
        for path, schema in found.items():
            if path.startswith("outputs/") and schema.get("x-topic", DEAD_LETTERS.name) == topic.name:
                lines += _entry(schema, hidden=("type", "underlying", *ENVELOPE))
    lines += ["## Around every output", "", "| field | what |", "| --- | --- |"]
    lines += [f"| `{name}` | {schema['description']} |" for name, schema in ENVELOPE.items()]
    lines += ["", "The headers are CloudEvents 1.0 in binary mode (`ce_id`, `ce_type`, `ce_source`, `ce_time`,"]
    lines += ["`ce_subject`) with `ce_cause` beside them. A field may be added within v1; readers pass over what they"]
    lines += ["do not know.", ""]
    return "\n".join(lines)


def scenarios() -> str:
    """How to drive the core from a file, with an example of every input."""
    examples: dict[str, str] = {}
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        examples.setdefault(json.loads(line)["type"], line)
    by_hand, _, _ = SCENARIOS.read_text(encoding="utf-8").partition(BELOW)
    lines = [by_hand + BELOW, NOTE]
    for path, schema in schemas().items():
        kind = Path(path).stem
        if path.startswith("inputs/"):
            lines += [f"### `{kind}`", "", schema["description"].partition("\n\n")[0].replace("\n", " "), ""]
            lines += ["```json", examples[kind], "```", ""]
    return "\n".join(lines)


def gateway() -> str:
    """How the gateway is used, with a table of its routes."""
    by_hand, _, _ = GATEWAY.read_text(encoding="utf-8").partition(BELOW_GATEWAY)
    lines = [by_hand + BELOW_GATEWAY, NOTE]
    lines += ["| POST | becomes | what | a second one |", "| --- | --- | --- | --- |"]
    for operation in OPERATIONS.values():
        again = "is carried out again" if operation.again is None else f"refused: `{operation.again}`"
        named = " Only for keys that name it." if operation.by_name else ""
        lines.append(f"| `{operation.path}` | `{operation.input_type}` | {operation.meaning}{named} | {again} |")
    lines += ["", "A second one is another input with the same content, where nothing else came between the two."]
    return "\n".join([*lines, ""])


def settings() -> str:
    """Every setting and term."""
    lines = ["# Settings", "", NOTE]
    lines += [
        "A TOML file (`--config`, else `levtao.toml` if there is one); `LEVTAO_KAFKA` and the like overrule it, and"
    ]
    lines += ["the command line overrules both. Decimals are text or whole numbers.", ""]
    top = Settings.model_json_schema()
    lines += _fields("The process", top, hidden=("underlyings", "tokens", "execution", "feeds", "gateway", "signals"))
    listed = "`partition` (where it lives for good), `terms_version`, and:"
    lines += _fields("`[underlyings.NAME]`", TypeAdapter(UnderlyingTerms).json_schema(), intro=listed)
    listed = "`underlying`, `terms_version`, and:"
    lines += _fields("`[tokens.NAME]`", TypeAdapter(TokenTerms).json_schema(), intro=listed)
    listed = "What `levtao feed` observes, and as which venue ([how](feeds.md)):"
    lines += _fields("`[feeds.NAME]`", FeedSettings.model_json_schema(), intro=listed)
    listed = "What `levtao feed` tells desks of, beside prices:"
    lines += _fields("`[signals]`", WatchSettings.model_json_schema(), intro=listed)
    listed = "Where `levtao execute` sends the orders of an underlying ([how](execution.md)):"
    lines += _fields("`[execution.UNDERLYING]`", ExecutionListing.model_json_schema(), intro=listed)
    listed = "Where `levtao gateway` listens ([how](gateway.md)):"
    lines += _fields("`[gateway]`", GatewaySettings.model_json_schema(), intro=listed)
    return "\n".join(lines)


def _entry(schema: dict[str, Any], hidden: Iterable[str]) -> Iterator[str]:
    yield f"### `{schema['properties']['type']['const']}`"
    yield ""
    yield " ".join(schema["description"].split())
    yield ""
    shown = {name: field for name, field in schema["properties"].items() if name not in hidden}
    yield "Fields: " + ", ".join(f"`{name}` ({_kind(field, schema)})" for name, field in shown.items()) + "."
    yield ""


def _fields(title: str, schema: dict[str, Any], hidden: Iterable[str] = (), intro: str = "") -> Iterator[str]:
    yield f"## {title}"
    yield ""
    if intro:
        yield intro
        yield ""
    yield "| setting | default | what |"
    yield "| --- | --- | --- |"
    for name, field in schema["properties"].items():
        if name not in hidden:
            default = "" if "default" not in field else f"`{_default(field['default'])}`"
            yield f"| `{name}` | {default} | {' '.join(field.get('description', '').split())} |"
    yield ""


def _default(value: Any) -> str:
    if value is None or value == []:
        return "none"
    return str(value)


_SIMPLE = {"string": "text", "integer": "number", "boolean": "yes or no", "null": "null"}


def _kind(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """A field's type in a word or two."""
    match field:
        case {"$ref": str(reference)}:
            kind = reference.rpartition("/")[2]
        case {"anyOf": choices}:
            kind = " or ".join(_kind(each, schema) for each in choices)
        case {"enum": choices}:
            kind = " | ".join(str(each) for each in choices)
        case {"type": "array", "items": items}:
            kind = f"list of {_kind(items, schema)}"
        case {"format": "date-time"}:
            kind = "time"
        case {"type": "string", "pattern": str(pattern)} if "(\\." in pattern:
            kind = "decimal"
        case _:
            kind = _SIMPLE.get(field.get("type", ""), "any")
    return kind


def pages() -> dict[str, str]:
    """The pages by file name."""
    return {"events.md": events(), "settings.md": settings(), "scenarios.md": scenarios(), "gateway.md": gateway()}


def main(folder: Path) -> None:
    """Write the pages."""
    for name, page in pages().items():
        (folder / name).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
