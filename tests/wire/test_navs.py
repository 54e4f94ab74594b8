"""NAV records spelled out by hand say what pydantic would say."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from engine.domain.outputs import NavPublished
from engine.wire.navs import STANDING, NavEncoder
from tests.walk import Walk

NAV: TypeAdapter[NavPublished] = TypeAdapter(NavPublished)


def published(seed: int) -> list[NavPublished]:
    return [output.body for output in Walk(seed).desk.outputs if isinstance(output.body, NavPublished)]


def by_pydantic(nav: NavPublished) -> dict[str, Any]:
    return {name: value for name, value in NAV.dump_python(nav, mode="json").items() if name != "type"}


def test_every_field_is_there_once_and_as_pydantic_spells_it() -> None:
    encoder = NavEncoder()
    for seed in range(8):
        for nav in published(seed):
            pairs = json.loads("{" + encoder.encode(nav) + "}", object_pairs_hook=list)
            assert len(pairs) == len(dict(pairs))
            assert dict(pairs) == by_pydantic(nav)


def test_what_stands_still_is_told_anew_when_any_of_it_changes() -> None:
    encoder, nav = NavEncoder(), published(3)[-1]
    encoder.encode(nav)
    for name in STANDING:
        change: dict[str, Any] = {name: Decimal("12.5")}
        changed = replace(nav, **change)
        assert json.loads("{" + encoder.encode(changed) + "}")[name] == "12.5"
        assert json.loads("{" + encoder.encode(nav) + "}") == by_pydantic(nav)
