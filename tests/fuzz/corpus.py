"""Valid examples and ways to spoil them: as bytes, and as the JSON they are."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from engine.wire.codec import encode_outputs
from levtao.scenario import Scenario
from tests.walk import Walk

ROOT = Path(__file__).parents[2]
LIFE = (ROOT / "docs" / "examples" / "life.jsonl").read_bytes().splitlines()

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["-1", "0", "1e5", "9" * 20, "NaN", "2025-10-10T00:00:00Z", "9999-12-31T23:59:59-23:59", "none"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
DEEP = [b"[" * 3_000, b'{"a":' * 3_000 + b"1" + b"}" * 3_000, b"[" * 3_000 + b"]" * 3_000]
SPECKS = st.binary(max_size=8) | st.sampled_from(
    [b"\x00", b"\xff", b'"', b"{", b"}", b"[", b"\n", b",", b"\\ud800", b"1e999", b"9" * 5_000, b"NaN", *DEEP]
)


@cache
def outputs() -> list[bytes]:
    """Outputs of the example and of a walk, one of each kind and then some."""
    said = list(Scenario().run(LIFE))
    walk = Walk(7)
    places = {position.offset: position for _, position in walk.inputs}
    said += [encode_outputs([output], places[0])[0].value for output in walk.desk.outputs]
    kinds: dict[str, list[bytes]] = {}
    for line in said:
        kinds.setdefault(json.loads(line)["type"], []).append(line)
    return [line for lines in kinds.values() for line in lines[:3]]


def spoilt_bytes(examples: list[bytes]) -> st.SearchStrategy[bytes]:
    """An example with a piece of it replaced, at any place."""

    def cut(example: bytes, start: float, length: int, speck: bytes) -> bytes:
        at = int(start * len(example))
        return example[:at] + speck + example[at + length :]

    places = st.floats(0, 1, exclude_max=True)
    return st.builds(cut, st.sampled_from(examples), places, st.integers(0, 12), SPECKS)


def spoilt_fields(examples: list[bytes]) -> st.SearchStrategy[bytes]:
    """An example whose fields are taken away, or hold anything, at any depth."""
    change = st.tuples(st.integers(0, 60), st.sampled_from(["drop", "put", "put", "swap"]), JSON)
    return st.builds(_changed, st.sampled_from(examples), st.lists(change, min_size=1, max_size=3))


def _changed(example: bytes, changes: list[tuple[int, str, Any]]) -> bytes:
    made = json.loads(example)
    for which, how, value in changes:
        places = list(_places(made))
        if places:
            places[which % len(places)](how, value)
    return json.dumps(made).encode()


def _places(made: Any) -> Any:
    """Every place of the JSON, as something that changes it."""
    keys = list(made) if isinstance(made, dict) else range(len(made)) if isinstance(made, list) else ()
    for key in keys:
        yield _change(made, key)
        yield from _places(made[key])


def _change(parent: Any, key: Any) -> Callable[[str, Any], None]:
    def change(how: str, value: Any) -> None:
        if how == "drop":
            del parent[key]
        elif how == "swap":
            parent[key] = [parent[key]]
        else:
            parent[key] = value

    return change
