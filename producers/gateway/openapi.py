"""The OpenAPI document: every route with the schema of its body, from the table and the inputs themselves."""

import json
from typing import Any

from producers.gateway.once import REQUEST_ID_PATTERN
from producers.gateway.operations import OPERATIONS, Operation, body_schema
from producers.gateway.refusals import REASONS

KEY_PATTERN = r"^(cli:)?[A-Za-z0-9._-]{1,64}$"
WRITING = (400, 401, 403, 408, 409, 413, 415, 422, 429, 503)
REFERENCE = "#/components/schemas/"

DESCRIPTION = (
    "Requests of authorised participants and commands of operators, written to the input log. An answer says where an "
    "input stands, not what the core makes of it: that appears in the outputs under ids that begin with `outcomes`, "
    "and at `/v1/outcomes/{request_id}`. Decimals are text, times RFC 3339."
)
READS = {
    "/v1/whoami": ("Caller", "Whose key this is, and what it opens.", (400, 401, 429)),
    "/v1/outcomes/{request_id}": (
        "Outcome",
        "What came of a request of the last day. Operators and readers name another's key.",
        (400, 401, 403, 404, 429, 503),
    ),
}
MADE_BY = "The id of the key that made it, of a command `cli:` and who gave it; your own without."
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
ANSWERS: dict[str, dict[str, Any]] = {
    "Written": {
        "type": "object",
        "description": "Where the input of a request stands.",
        "required": ["request_id", "topic", "partition", "offset", "outcomes", "repeated"],
        "properties": {
            "request_id": _TEXT,
            "topic": _TEXT,
            "partition": _COUNT,
            "offset": _COUNT,
            "outcomes": _TEXT | {"description": "Its outcomes have ids (`ce_id`) that begin so."},
            "repeated": {"type": "boolean", "description": "It had been written before; nothing was written now."},
        },
    },
    "Outcome": {
        "type": "object",
        "description": "What came of the input at once.",
        "required": ["request_id", "partition", "offset", "status", "code", "detail", "events"],
        "properties": {
            "request_id": _TEXT,
            "partition": _COUNT,
            "offset": _COUNT,
            "status": {"enum": ["accepted", "refused", "pending"]},
            "code": {"type": ["string", "null"], "description": "Why it was refused."},
            "detail": {"type": ["string", "null"]},
            "events": {"type": "array", "items": {"type": "object"}, "description": "As on the topics."},
        },
    },
    "Caller": {
        "type": "object",
        "required": ["key", "role", "participant", "underlyings", "operations"],
        "properties": {
            "key": _TEXT,
            "role": _TEXT,
            "participant": {"type": ["string", "null"]},
            "underlyings": {"type": "array", "items": _TEXT, "description": "Empty for any."},
            "operations": {"type": "array", "items": _TEXT},
        },
    },
    "Refusal": {
        "type": "object",
        "required": ["reason", "detail"],
        "properties": {"reason": {"enum": list(REASONS)}, "detail": _TEXT},
    },
}


def document() -> dict[str, Any]:
    """The whole document."""
    schemas: dict[str, Any] = dict(ANSWERS)
    paths: dict[str, Any] = {}
    for operation in OPERATIONS.values():
        body = json.loads(json.dumps(body_schema(operation)).replace("#/$defs/", REFERENCE))
        schemas |= body.pop("$defs", {})
        schemas[_title(operation)] = body
        paths[operation.path] = {"post": _post(operation)}
    for path, (answer, summary, refused) in READS.items():
        responses = _responses("200", answer, refused)
        paths[path] = {"get": {"summary": summary, "tags": ["everybody"], "responses": responses}}
        if "{" in path:
            paths[path]["get"]["parameters"] = [
                _parameter("request_id", "path", "The `Idempotency-Key` it was made with."),
                _parameter("key", "query", MADE_BY, KEY_PATTERN, required=False),
            ]
    return {
        "openapi": "3.1.0",
        "info": {"title": "levtao gateway", "version": "1", "description": DESCRIPTION},
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`<id>.<secret>`"}},
        },
    }


def _post(operation: Operation) -> dict[str, Any]:
    named = " Only for keys that name this operation." if operation.by_name else ""
    return {
        "operationId": _title(operation),
        "summary": operation.meaning,
        "description": f"Becomes the input `{operation.input_type}`.{named}",
        "tags": [operation.role],
        "parameters": [
            _parameter("Idempotency-Key", "header", "What becomes the same input under the same id is written once.")
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": REFERENCE + _title(operation)}}},
        },
        "responses": _responses("202", "Written", WRITING),
    }


def _parameter(
    name: str, place: str, what: str, pattern: str = REQUEST_ID_PATTERN, *, required: bool = True
) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": place, "required": required, "description": what, "schema": schema}


def _responses(status: str, answer: str, refusals: tuple[int, ...]) -> dict[str, Any]:
    refusal = {"description": "Refused: why, in one line.", **_content("Refusal")}
    refused = {str(code): refusal for code in refusals}
    return {status: {"description": ANSWERS[answer].get("description", answer), **_content(answer)}} | refused


def _content(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": REFERENCE + schema}}}}


def _title(operation: Operation) -> str:
    return f"{operation.role}-{operation.name}"
