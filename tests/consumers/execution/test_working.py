"""An order's states: each transition by example, then any interleaving of answers, silence and restarts."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.execution import working
from consumers.execution.deeds import (
    Ask,
    Busy,
    Cancel,
    Deed,
    Done,
    End,
    Heard,
    Missing,
    Now,
    Place,
    Placed,
    Refused,
    Report,
    Seen,
    Status,
    Stop,
    Trade,
    Unclear,
    Wait,
)
from consumers.execution.ticket import Ticket
from consumers.execution.working import Working, hear, next_deed
from engine.domain.instants import SECOND
from tests.desk import MIDNIGHT, d

EXPIRES = MIDNIGHT + 60 * SECOND
WINDOW = 5 * SECOND
"""A placing is booked so long after it was sent at most, or never."""
LAG = 5 * SECOND
"""What is booked or filled is seen so long after at most."""
SETTLE = WINDOW + LAG


def ticket(*, resting: bool = True, quantity: str = "3", unit: str = "1", contracts: str = "3") -> Ticket:
    return Ticket(
        underlying="TAO", order_id="TAO-1-0", client_id="lt1", side="buy", quantity=d(quantity), unit=d(unit),
        contracts=d(contracts), price=d(400), expires=EXPIRES, resting=resting,
    )  # fmt: skip


def order(**changes: Any) -> Working:
    return Working(ticket=changes.pop("ticket", ticket()), settle=SETTLE, **changes)


def at(seconds: float) -> Now:
    return Now(MIDNIGHT + round(seconds * SECOND), round(seconds * SECOND))


def told(known: Working, seconds: float, heard: Heard, deed: Deed | None = None, began: float | None = None) -> Working:
    done = deed or next_deed(known, at(seconds)) or Wait(0)
    return hear(known, done, heard, at(seconds if began is None else began).steady, at(seconds))


def trade(number: int = 1, contracts: str = "1", commission: str | None = "0.1") -> Trade:
    return Trade(str(number), d(contracts), d(400), None if commission is None else d(commission))


def seen(status: Status, *trades: Trade, filled: str | None = None) -> Seen:
    return Seen(status, sum((each.contracts for each in trades), d(0)) if filled is None else d(filled), trades)


def test_nothing_is_placed_that_was_not_asked_for_and_missing() -> None:
    assert next_deed(order(), at(0)) == Ask(d(0))
    absent = told(order(), 0, Missing())
    assert next_deed(absent, at(0)) == Place()
    assert next_deed(absent, at(5)) == Ask(d(0)), "the answer is stale: the process may have been frozen"
    assert next_deed(told(absent, 5, Missing()), at(5)) == Place()


def test_what_the_venue_has_is_never_placed() -> None:
    there = told(told(order(), 0, Missing()), 0, Placed())
    for _ in range(20):
        assert there.state == "there"
        there = told(there, 1_000, Missing(), Ask(d(0)))


def test_missing_is_no_proof_while_an_earlier_placing_may_arrive() -> None:
    doubted = told(told(order(), 0, Missing()), 1, Unclear("hung up"))
    assert (doubted.state, doubted.doubt_until) == ("unknown", 11 * SECOND)
    assert told(doubted, 10.9, Missing()).state == "unknown"
    assert told(doubted, 11.5, Missing(), began=10.9).state == "unknown", "it was asked too early"
    assert next_deed(told(doubted, 11, Missing()), at(11)) == Place()


def test_an_order_of_before_a_restart_is_in_doubt_at_first() -> None:
    known = order(doubt_until=10 * SECOND)
    assert told(known, 9.9, Missing()).state == "unknown"
    assert told(known, 10, Missing()).state == "absent"


def test_too_many_requests_are_no_placing_but_a_reason_to_wait_longer_each_time() -> None:
    known, waits = order(), []
    for number in range(7):
        known = told(known, 20 * number, Missing())
        known = told(known, 20 * number, Busy("429"), Place())
        assert known.state == "unknown"
        assert known.doubt_until == 0
        waits.append((known.again_at - at(20 * number).steady) / SECOND)
    assert waits == [0.5, 1, 2, 4, 8, 10, 10]


def test_a_refusal_is_believed_when_the_venue_has_no_such_order() -> None:
    refused = told(told(order(), 0, Missing()), 0, Refused("margin is insufficient"))
    assert next_deed(refused, at(0)) == Ask(d(0))
    assert next_deed(told(refused, 0, Missing()), at(0)) == End("rejected", "margin is insufficient")
    assert next_deed(told(refused, 0, seen("open")), at(0)) == Wait(working.POLL), "the refusal was of a duplicate"


def test_fills_are_reported_as_they_come_and_the_end_after_all_of_them() -> None:
    known = told(order(state="there"), 0, seen("open", trade(1)))
    assert next_deed(known, at(0)) == Report((trade(1),))
    known = told(known, 0, Done())
    known = told(known, 1, seen("closed", trade(1), filled="3"), Ask(d(1)))
    assert next_deed(known, at(1)) == Wait(working.POLL), "two contracts are not listed yet"
    known = told(known, 2, seen("closed", trade(1), trade(2, "2")), Ask(d(1)))
    assert next_deed(known, at(2)) == Report((trade(2, "2"),))
    known = told(known, 2, Done())
    assert next_deed(known, at(2)) == End("filled", "")
    assert next_deed(told(known, 2, Done()), at(2)) is None


def test_at_its_expiry_it_is_cancelled_and_looked_at_again() -> None:
    known = told(order(state="there"), 59, seen("open", trade(1)))
    known = told(known, 59, Done())
    assert next_deed(known, at(59)) == Wait(working.POLL)
    assert next_deed(known, at(60)) == Cancel()
    for answer in (Done(), Unclear("hung up"), Busy("429")):
        assert told(known, 60, answer).state == "there"
    known = told(told(known, 60, Done()), 61, seen("cancelled", trade(1)))
    assert next_deed(known, at(61)) == End("expired", "cancelled at its expiry")


@pytest.mark.parametrize(
    ("changes", "now", "end"),
    [
        ({"refusal": "below the minimum"}, 0, End("rejected", "below the minimum")),
        ({"stop": Stop("why not")}, 0, End("cancelled", "why not")),
        ({"stop": Stop("kill switch", "rejected")}, 0, End("rejected", "kill switch")),
        ({}, 58, End("expired", "past its expiry, or too near to it, and the venue does not have it")),
    ],
)
def test_what_is_not_to_be_placed_is_ended_when_the_venue_does_not_have_it(
    changes: dict[str, Any], now: float, end: End
) -> None:
    assert next_deed(order(**changes), at(now)) == Ask(d(0))
    assert next_deed(told(order(**changes), now, Missing()), at(now)) == end
    found = told(order(**changes), now, seen("closed", trade(1, "3")))
    assert next_deed(told(found, now, Done()), at(now)) == End("filled", "")


@pytest.mark.parametrize(
    ("given", "status", "stop", "now", "end"),
    [
        (ticket(quantity="3.5"), "closed", None, 1, "cancelled"),
        (ticket(quantity="9", contracts="9"), "cancelled", Stop("as asked"), 1, "cancelled"),
        (ticket(quantity="9", contracts="9"), "rejected", None, 1, "rejected"),
        (ticket(quantity="9", contracts="9", resting=False), "cancelled", None, 1, "expired"),
        (ticket(quantity="9", contracts="9"), "expired", None, 1, "expired"),
        (ticket(quantity="9", contracts="9"), "cancelled", None, 60, "expired"),
        (ticket(quantity="9", contracts="9"), "cancelled", None, 1, "cancelled"),
        (ticket(quantity="0.3", unit="0.1"), "closed", None, 1, "filled"),
    ],
)
def test_how_an_order_ended(given: Ticket, status: Status, stop: Stop | None, now: float, end: str) -> None:
    fills = trade(1, "3")
    known = told(order(ticket=given, state="there", stop=stop), now, seen(status, fills))
    deed = next_deed(told(known, now, Done()), at(now))
    assert isinstance(deed, End)
    assert deed.outcome == end


def test_a_fill_that_cannot_be_booked_is_not_reported_and_neither_is_the_end() -> None:
    odd = trade(2, "2", commission=None)
    known = told(order(state="there"), 0, seen("closed", trade(1), odd))
    assert next_deed(known, at(0)) == Report((trade(1),))
    known = told(known, 0, Done())
    assert next_deed(known, at(0)) == Wait(working.LONGEST_WAIT)
    known = told(known, 20, seen("closed", trade(1), trade(2, "2", "0")))
    assert next_deed(known, at(20)) == Report((trade(2, "2", "0"),))


def test_a_stop_and_an_expiry_do_not_wait_for_what_was_to_come() -> None:
    known = told(order(state="there"), 0, seen("open"))
    for _ in range(6):
        known = told(known, 0, Unclear("503"), Ask(d(0)))
    assert next_deed(known, at(1)) == Wait(9 * SECOND)
    assert next_deed(known, at(55)) == Ask(d(0))
    late = told(known, 55, Unclear("503"), Ask(d(0)))
    assert next_deed(late, at(55)) == Wait(5 * SECOND), "until it expires"
    assert next_deed(late, at(60)) == Cancel()
    stopped = told(known, 1, Stop("kill switch"), Wait(0))
    assert next_deed(stopped, at(1)) == Cancel()
    stopped = told(stopped, 1, Unclear("503"))
    assert isinstance(next_deed(told(stopped, 2, Stop("kill switch"), Wait(0)), at(2)), Wait), "but it is not hurried"


def test_a_clock_that_is_set_does_not_shorten_a_doubt() -> None:
    doubted = told(told(order(), 0, Missing()), 1, Unclear("hung up"))
    leapt = Now(EXPIRES - 30 * SECOND, at(2).steady)
    assert next_deed(hear(doubted, Ask(d(0)), Missing(), leapt.steady, leapt), leapt) == Wait(working.POLL)


@dataclass
class World:
    """A venue, the way to it and the log, all as bad as can be; and the process, which may die at any moment.

    Of a client order id the venue refuses a second only while the first is open, as Binance does.
    """

    random: Random
    resting: bool
    now: int = 0
    calm: bool = False
    under_way: list[int] = field(default_factory=list)
    """When placings nobody waits for any more arrive."""
    booked: list[int] = field(default_factory=list)
    status: Status = "open"
    fills: list[tuple[int, Trade]] = field(default_factory=list)
    reported: dict[str, Trade] = field(default_factory=dict)
    ends: list[End] = field(default_factory=list)

    def chance(self, of: float) -> bool:
        return not self.calm and self.random.random() < of

    def book(self) -> bool:
        """Whether the placing is taken."""
        if self.booked and self.status == "open":
            return False
        self.booked.append(self.now)
        self.status = "open"
        if not self.resting:
            self.fill(self.random.randint(0, 3))
            self.status = "expired" if len(self.fills) < 3 else "closed"
        return True

    def fill(self, count: int) -> None:
        for _ in range(count):
            if self.booked and self.status == "open" and len(self.fills) < 3 * len(self.booked):
                self.fills.append((self.now, trade(len(self.fills))))
                self.status = "closed" if len(self.fills) == 3 * len(self.booked) else "open"

    def pass_time(self, micros: int) -> None:
        until = self.now + micros
        for due in sorted(due for due in self.under_way if due <= until):
            self.under_way.remove(due)
            self.now = due
            self.book()
        self.now = until
        if self.chance(0.2):
            self.fill(1)
        if self.chance(0.02) and self.booked and self.status == "open":
            self.status = "cancelled"

    def do(self, deed: Deed) -> Heard:
        heard: Heard = Done()
        match deed:
            case Wait(micros):
                self.pass_time(micros)
            case Place():
                heard = self.place()
            case Cancel():
                if not self.chance(0.3) and self.booked and self.status == "open":
                    self.status = "cancelled"
                heard = Unclear("lost") if self.chance(0.3) else Done()
            case Ask():
                heard = self.ask()
            case Report(trades):
                self.reported |= {each.trade_id: each for each in trades}
            case End():
                self.ends.append(deed)
        return heard

    def place(self) -> Heard:
        if self.chance(0.1):
            return Busy("429")
        if self.chance(0.2):
            if self.chance(0.5):
                self.under_way.append(self.now + self.random.randint(0, WINDOW))
            self.pass_time(self.random.randint(0, 2 * SECOND))
            return Unclear("no answer")
        if self.chance(0.1):
            return Refused("balance")
        taken = self.book()
        if self.chance(0.2):
            return Unclear("answer lost")
        return Placed() if taken or self.chance(0.5) else Refused("a duplicate by another name")

    def ask(self) -> Heard:
        if self.chance(0.2):
            return Unclear("no answer") if self.chance(0.5) else Busy("429")
        if not self.booked or (self.now < self.booked[0] + LAG and self.chance(0.8)):
            return Missing()
        seen_by_now = tuple(each for when, each in self.fills if when + LAG <= self.now or not self.chance(0.5))
        return Seen(self.status, d(len(self.fills)), seen_by_now)


@settings(max_examples=500)
@given(seed=st.integers(0, 10**9), resting=st.booleans(), stops=st.booleans())
def test_whatever_happens_it_is_booked_once_at_most_and_every_fill_is_reported_before_the_end(
    seed: int, resting: bool, stops: bool
) -> None:
    world = World(Random(seed), resting)
    fresh = replace(order(), ticket=ticket(resting=resting))
    known = fresh
    for step in range(2_000):
        world.calm = step > 300
        deed = next_deed(known, Now(MIDNIGHT + world.now, world.now))
        if deed is None:
            break
        began = world.now
        heard = world.do(deed)
        world.pass_time(world.random.randint(0, SECOND))
        known = hear(known, deed, heard, began, Now(MIDNIGHT + world.now, world.now))
        if stops and world.chance(0.02):
            known = hear(known, Wait(0), Stop("as asked"), world.now, Now(MIDNIGHT + world.now, world.now))
        if world.chance(0.03) and not world.ends:
            if isinstance(deed, Ask) and known.state == "absent":
                world.under_way.append(world.now + world.random.randint(0, WINDOW))  # it died in the midst of placing
            known = replace(fresh, doubt_until=world.now + SETTLE, stop=known.stop)
    assert len(world.booked) <= 1
    assert len(world.ends) == 1
    assert world.reported == {each.trade_id: each for _, each in world.fills}
    assert not world.under_way
    assert world.booked or world.ends[0].outcome != "filled"
