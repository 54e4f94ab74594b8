"""The OpenAPI document as a page for people: no script, nothing from elsewhere, so it can be read offline."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from producers.gateway.openapi import REFERENCE
from producers.gateway.words import kind_of


class Field(NamedTuple):
    """A field of a body, as a reader wants it."""

    name: str
    kind: str
    required: bool
    what: str


def page(document: dict[str, Any]) -> str:
    """The page; everything put in is escaped."""
    environment = Environment(
        loader=PackageLoader("producers.gateway"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["code"] = _code
    schemas = document["components"]["schemas"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            schema = _body(told, schemas)
            parts = [_shown(name, schemas) for name in _parts(schema)]
            entry = {"path": path, "method": method.upper(), "fields": list(_fields(schema)), "parts": parts}
            groups.setdefault(told["tags"][0], []).append(entry | {"summary": told["summary"], "told": told})
    answers = [_shown(name, schemas) for name in ("Written", "Outcome", "Refusal")]
    return environment.get_template("page.html.j2").render(info=document["info"], groups=groups, answers=answers)


def _code(text: str) -> Markup:
    """Text with what stands between backticks shown as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before


def _body(told: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    if "requestBody" not in told:
        return {}
    reference = told["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    found: dict[str, Any] = schemas[reference.removeprefix(REFERENCE)]
    return found


def _parts(schema: dict[str, Any]) -> list[str]:
    """The names of the schemas the fields refer to."""
    fields = schema.get("properties", {}).values()
    found = [field.get("$ref") or field.get("items", {}).get("$ref") for field in fields]
    return [reference.removeprefix(REFERENCE) for reference in found if reference]


def _shown(name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = schemas[name]
    return {"name": name, "what": schema.get("description", ""), "fields": list(_fields(schema))}


def _fields(schema: dict[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        what = " ".join(field.get("description", "").split())
        yield Field(name, kind_of(field), name in required, what)
