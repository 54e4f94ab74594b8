"""What names somebody the book does not know is refused with the reason, and what it does know is found by name."""

from typing import Any

import pytest

from engine.domain.commands import HaltCreations, ResumeTrading, WindDownToken
from engine.domain.inputs import SignalObserved
from engine.domain.instants import DAY
from engine.domain.outputs import OrderSent
from engine.domain.primary_events import RestReturned
from engine.domain.state import record_name
from tests.desk import MIDNIGHT, d, only
from tests.domain.costs_scenes import distributes, snapshot
from tests.domain.primary_scenes import accepted_creation, input_refusal, primary

WHO: dict[str, Any] = {"by": "test", "reason": "test"}
TO_NOBODY: list[Any] = [
    HaltCreations("TAO", "NOBODY", **WHO),
    ResumeTrading("TAO", token="NOBODY", **WHO),
    WindDownToken("TAO", "NOBODY", MIDNIGHT + DAY, **WHO),
    SignalObserved("TAO", "regulatory_notice", "gazette", "of a token", token="NOBODY"),
]


@pytest.mark.parametrize("given", TO_NOBODY, ids=lambda given: given.type)
def test_a_token_nobody_has_listed_is_unknown(given: Any) -> None:
    assert input_refusal(primary().feed(given)) == "unknown_token"


@pytest.mark.parametrize("command", [snapshot, distributes])
def test_a_fork_nobody_has_announced_is_unknown(command: Any) -> None:
    assert input_refusal(command(primary(), "F9")) == "unknown_fork"


def test_every_record_is_found_by_its_name() -> None:
    desk = accepted_creation(primary(), 10)
    desk.quote(200, 1001)
    assert desk.book is not None
    _, *records = desk.book.records()
    assert {record_name(record).partition(":")[0] for record in records} == {"token", "order", "request", "participant"}
    assert all(desk.book.record(record_name(record)) is record for record in records)


def test_a_rest_left_of_an_excess_goes_back_to_the_token() -> None:
    desk = accepted_creation(primary(max_tries=1, max_age_s=100, lot=d(1)), 11)
    desk.quote(202, 1001)
    order = desk.all(OrderSent)[-1]
    desk.fill(order, 5, 202)  # of 16.5: 3 of 11 units, which are worth a basket of 4.5
    said = [*desk.end(order), *desk.quote(202, 1040)]
    assert only(said, RestReturned).basket == d("0.5")
