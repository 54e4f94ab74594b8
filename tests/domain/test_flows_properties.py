"""Sections 5 and 9: whatever happens between a strike and its last fill, holders neither gain nor lose."""

from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from engine.domain.commands import SetUnderlyingTerms
from engine.domain.events import Body
from engine.domain.primary_events import (
    RequestReceived,
)
from tests.desk import Desk, d
from tests.domain.driven import Driven
from tests.domain.primary_ledger import Ledger, rebuilt
from tests.domain.primary_scenes import (
    EVM,
    admit,
    confirm,
    create,
    deliver,
    funding_rate,
    halt,
    lock,
    paid_funding,
    redeem,
    resume,
    withdraw,
)

BODY: TypeAdapter[Body] = TypeAdapter(Body)
Action = tuple[Any, ...]
Listing = tuple[str, int, dict[str, Any]]

STEP = st.sampled_from([0.0, 0.4, 1.0, 1.0, 3.0, 31.0, 31.0, 95.0, 3600.0, 43200.0])
MOVE = st.sampled_from(["0.9", "0.97", "0.99", "0.999", "1", "1", "1.001", "1.003", "1.01", "1.02", "1.07"])
VENUES = st.sampled_from(["ab", "ab", "ab", "a", "b"])
UNITS = st.sampled_from(["1", "2.5", "3", "7", "10", "40", "100"])
WHICH = st.integers(0, 2)
QUOTE = st.tuples(st.just("quote"), STEP, MOVE, VENUES)
CREATE = st.tuples(st.just("create"), WHICH, UNITS, st.sampled_from(["units", "units", "cash", "on_chain"]))
REDEEM = st.tuples(st.just("redeem"), WHICH, UNITS, st.sampled_from(["units", "units", "on_chain"]))
FILL = st.tuples(st.just("fill"), st.integers(0, 2), st.sampled_from(["0.1", "0.37", "0.5", "1"]), MOVE)
WHOLE = st.tuples(st.just("fill"), st.just(0), st.just("1"), st.sampled_from(["0.999", "1", "1.002"]))
RARE = st.one_of(
    st.tuples(st.just("clock"), STEP),
    st.tuples(st.just("end"), st.integers(0, 2), st.sampled_from(["expired", "cancelled", "rejected"])),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("fund"), st.sampled_from(["3.21", "-0.777777777777777777", "12"])),
    st.tuples(st.just("rate"), st.sampled_from(["0.0001", "-0.00035"])),
    st.tuples(st.just("day"), MOVE, st.sampled_from([0.0, 4.0])),
    st.tuples(st.just("withdraw"), st.integers(0, 3)),
    st.tuples(st.just("confirm"), st.integers(0, 3)),
    st.tuples(st.just("again")),
)
ACTION = st.one_of(QUOTE, QUOTE, CREATE, REDEEM, FILL, WHOLE, RARE)
TOKEN = st.tuples(
    st.sampled_from(["2", "3", "-1", "-3", "5"]),
    st.sampled_from([0, 1, 7, 40, 100]),
    st.fixed_dictionaries(
        {
            "fills": st.sampled_from(["reported", "reported", "assumed"]),
            "strike": st.sampled_from(["next_index", "next_index", "next_index", "interval", "daily_reset"]),
            "strike_interval_s": st.sampled_from([60, 3600]),
            "yearly_fee": st.sampled_from([d(0), d("0.05")]),
            "creation_unit": st.sampled_from([d(1), d("0.5")]),
        }
    ),
)
TERMS = st.fixed_dictionaries(
    {
        "min_venues": st.sampled_from([1, 1, 2]),
        "lot": st.sampled_from([d(0), d("0.001"), d("0.5")]),
        "min_notional": st.sampled_from([d(0), d(10), d(200)]),
        "max_slice_notional": st.sampled_from([None, None, d(700)]),
        "max_tries": st.sampled_from([1, 2, 10]),
        "slippage": st.sampled_from([d(0), d("0.001")]),
        "commission": st.sampled_from([d(0), d("0.0007")]),
    }
)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A life is shrunk by hand: there are too many parts of it to try."""
LIVES = st.tuples(TERMS, st.lists(TOKEN, min_size=1, max_size=3), st.lists(ACTION, min_size=20, max_size=60))


class Life(Driven):
    """A ledger driven by a list of actions; requests, fills and ends are named by counting back from the last."""

    def __init__(
        self,
        terms: dict[str, Any],
        tokens: list[tuple[str, int, dict[str, Any]]],
        actions: list[Action],
        every: int = 0,
    ) -> None:
        self.desk = Ledger(rebuild_every=every)
        self.desk.terms(publication_interval_s=60, **terms)
        self.time, self.price, self.asked, self.tokens = 1000.0, d(100), 0, len(tokens)
        for number, (multiplier, seed, extra) in enumerate(tokens):
            self.desk.token(f"T{number}", multiplier, seed=seed, **extra)
        for venue in ("a", "b"):
            self.desk.quote(self.price, self.time, venue)
        admit(self.desk, "AP", *(f"T{number}" for number in range(self.tokens)))
        self.desk.begin()
        for kind, *rest in actions:
            getattr(self, kind)(*rest)

    def create(self, which: int, units: str, how: str) -> None:
        self.asked += 1
        name, token = f"q{self.asked}", f"T{which % self.tokens}"
        extra: dict[str, Any] = {"settlement": "on_chain", "address": EVM} if how == "on_chain" else {}
        if how == "cash":
            said = create(self.desk, None, name, token=token, cash=d(units) * 104, **extra)
        else:
            said = create(self.desk, units, name, token=token, **extra)
        for received in [body for body in said if isinstance(body, RequestReceived)]:
            amount = received.cash_offered if received.cash_required is None else received.cash_required
            assert amount is not None
            assert amount >= 0
            first = (amount / 4).quantize(d("1e-18"))
            for part in (first, amount - first):
                if part:
                    deliver(self.desk, part, name)

    def redeem(self, which: int, units: str, how: str) -> None:
        self.asked += 1
        name, token = f"q{self.asked}", f"T{which % self.tokens}"
        extra: dict[str, Any] = {"settlement": "on_chain", "address": EVM} if how == "on_chain" else {}
        if d(units) == 100 and self.desk[token].units:
            units = str(self.desk[token].units)
        redeem(self.desk, units, name, token=token, **extra)
        lock(self.desk, units, name)

    def withdraw(self, back: int) -> None:
        withdraw(self.desk, f"q{max(1, self.asked - back)}")

    def confirm(self, back: int) -> None:
        confirm(self.desk, f"q{max(1, self.asked - back)}")

    def fill(self, back: int, part: str, move: str) -> None:
        order = self.sent(back)
        assert self.desk.book is not None
        if order is not None:
            out = self.desk.book.orders.get(order.order_id)
            left = order.quantity if out is None else out.quantity - out.filled
            quantity = (left * d(part)).quantize(d("1e-18"))
            if quantity > 0:
                self.desk.fill(order, quantity, self.price * d(move), commission=d("0.013"))

    def pause(self, on: bool) -> None:
        halt(self.desk) if on else resume(self.desk)

    def fund(self, amount: str) -> None:
        paid_funding(self.desk, amount, self.time // 60 * 60)

    def rate(self, rate: str) -> None:
        funding_rate(self.desk, rate, self.time // 60 * 60)

    def again(self) -> None:
        last, _ = self.desk.inputs[-1]
        if not isinstance(last, SetUnderlyingTerms):
            self.desk.feed(last)


def said_by(desk: Desk) -> list[tuple[str, int, int, bytes]]:
    """The outputs as they are written."""
    return [(*output[:3], BODY.dump_json(output.body)) for output in desk.outputs]


def feed_again(desk: Desk, every: int = 0) -> list[tuple[str, int, int, bytes]]:
    """The outputs of the same inputs in a new book, read back from its records after every so many."""
    again = Desk()
    for number, (said, position) in enumerate(desk.inputs):
        again.feed(said, appended=position.appended)
        assert again.book is not None
        if every and number % every == 0:
            again.book = rebuilt(again.book)
    return said_by(again)


@settings(max_examples=300, deadline=None, phases=PHASES)
@given(LIVES)
def test_nothing_appears_or_vanishes_and_holders_pay_for_nobody(life: Any) -> None:
    Life(*life)


@settings(max_examples=60, deadline=None, phases=PHASES)
@given(LIVES, st.integers(1, 5))
def test_a_book_read_back_after_any_step_goes_on_alike(life: Any, every: int) -> None:
    terms, tokens, actions = life
    desk = Life(terms, tokens, actions).desk
    said = said_by(desk)
    assert feed_again(desk) == said
    assert feed_again(desk, every) == said
    assert said_by(Life(terms, tokens, actions, every).desk) == said
