"""JSON Schemas of every input, output and record of state, generated from the types they are validated with.

`python -m engine.wire.schemas schemas` writes them; a test holds the committed ones against the types.
"""

import json
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter

from engine.domain.events import Body
from engine.domain.inputs import Input
from engine.domain.state import Market, Order, Participant, Request, Token
from engine.wire.states import Checkpoint
from engine.wire.topics import OUTPUTS

ENVELOPE: dict[str, Any] = {
    "id": {"type": "string", "description": "Partition, offset and number: the same after every restart."},
    "sequence": {"type": "integer", "minimum": 1, "description": "Gapless per topic and key."},
    "time": {"type": "string", "format": "date-time", "description": "Event time."},
    "cause": {"type": "string", "description": "The input: topic/partition/offset."},
    "rules": {"type": "string", "description": "Version of the rules that decided."},
}

DEAD_LETTER: dict[str, Any] = {
    "title": "DeadLetter",
    "description": "An input that could not be decoded, as it was.",
    "type": "object",
    "properties": {
        "type": {"const": "dead_letter", "type": "string"},
        "id": ENVELOPE["id"],
        "sequence": ENVELOPE["sequence"],
        "cause": ENVELOPE["cause"],
        "reason": {"type": "string"},
        "detail": {"type": "string"},
        "size_bytes": {"type": "integer", "minimum": 0},
        "key_base64": {"type": "string"},
        "value_base64": {"type": "string"},
    },
    "required": ["type", "id", "sequence", "cause", "reason", "detail", "size_bytes", "key_base64", "value_base64"],
}


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by the path it is committed under."""
    found: dict[str, dict[str, Any]] = {"outputs/dead_letter.json": DEAD_LETTER}
    for kind in get_args(get_args(Input)[0]):
        schema = TypeAdapter(kind).json_schema(mode="validation")
        schema["required"] = ["type", *schema["required"]]
        found[f"inputs/{_type(schema)}.json"] = schema
    for kind in get_args(Body):
        schema = TypeAdapter(kind).json_schema(mode="serialization")
        schema["properties"] = {"type": schema["properties"].pop("type")} | ENVELOPE | schema["properties"]
        schema["required"] = ["type", *ENVELOPE, *(name for name in schema["required"] if name != "type")]
        schema["x-topic"] = OUTPUTS[kind.stream].name
        found[f"outputs/{_type(schema)}.json"] = schema
    for kind in (Market, Token, Order, Request, Participant, Checkpoint):
        found[f"states/{kind.__name__.lower()}.json"] = TypeAdapter(kind).json_schema(mode="serialization")
    return {path: {"$schema": "https://json-schema.org/draft/2020-12/schema"} | found[path] for path in sorted(found)}


def _type(schema: dict[str, Any]) -> str:
    return str(schema["properties"]["type"]["const"])


def text(schema: dict[str, Any]) -> str:
    """A schema as it is committed."""
    return json.dumps(schema, indent=2) + "\n"


def main(folder: Path) -> None:
    """Write the schemas, and remove those of types that are gone."""
    wanted = schemas()
    for old in folder.rglob("*.json"):
        if str(old.relative_to(folder)) not in wanted:
            old.unlink()
    for path, schema in wanted.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text(schema), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
