"""A field of a JSON Schema in a word or two, for people."""

from typing import Any


def kind_of(field: dict[str, Any]) -> str:
    """What a field takes."""
    match field:
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"anyOf": list(kinds)} | {"oneOf": list(kinds)}:
            return " or ".join(dict.fromkeys(kind_of(kind) for kind in kinds if kind.get("type") != "null"))
        case {"enum": list(values)}:
            return ", ".join(str(value) for value in values)
        case {"const": value}:
            return str(value)
        case {"type": "array", "items": dict(items)}:
            return f"list of {kind_of(items)}"
        case _:
            return _plain(field)


def is_text(field: dict[str, Any]) -> bool:
    """Whether it takes JSON text, among others."""
    return field.get("type") == "string" or any(is_text(kind) for kind in field.get("anyOf", ()))


def _plain(field: dict[str, Any]) -> str:
    match field:
        case {"format": "date-time"}:
            return "time"
        case {"pattern": str(pattern)} if "[0-9]{1," in pattern:
            return "decimal"
        case {"type": list(kinds)}:
            return " or ".join(_plain({"type": kind}) for kind in kinds if kind != "null")
        case {"type": kind}:
            return {"string": "text", "integer": "number", "boolean": "true or false"}.get(str(kind), str(kind))
        case _:
            return "any"
