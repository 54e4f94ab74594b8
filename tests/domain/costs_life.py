"""A book driven by a list of actions: trading, and everything around it."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.commands import Entitlement, SetParticipant, WindDownToken
from engine.domain.inputs import Position
from engine.domain.numbers import text
from engine.domain.requests import SettlementConfirmed
from tests.desk import Desk, d
from tests.domain import costs_scenes as scenes
from tests.domain import primary_ledger
from tests.domain.driven import Driven

Action = tuple[Any, ...]

EXAMPLES = 25
TOKENS = ("T0", "T1", "T2")

STEP = st.sampled_from([0.0, 0.4, 1.0, 1.0, 3.0, 9.0, 31.0, 95.0, 3600.0, 43200.0])
MOVE = st.sampled_from(["0.8", "0.9", "0.94", "0.98", "0.99", "0.999", "1", "1.003", "1.02", "1.06", "1.1"])
TOKEN = st.sampled_from(TOKENS)
WHICH = st.sampled_from([*TOKENS, None])
MINUTE = st.integers(-30, 3)
FLAG = st.booleans()
TRADE = [
    st.tuples(st.just("quote"), STEP, MOVE, st.sampled_from(["ab", "ab", "a", "b"])),
    st.tuples(st.just("quote"), STEP, MOVE, st.sampled_from(["ab", "ab", "a", "b"])),
    st.tuples(st.just("day"), MOVE, st.sampled_from([0.0, 4.0, 40.0])),
    st.tuples(st.just("day"), MOVE, st.just(0.0)),
    st.tuples(st.just("clock"), STEP),
    st.tuples(st.just("fill"), st.integers(0, 3), st.sampled_from(["0.1", "0.37", "1", "1.5"]), MOVE),
    st.tuples(st.just("fill"), st.just(0), st.just("1"), st.just("1")),
    st.tuples(st.just("end"), st.integers(0, 3), st.sampled_from(["expired", "cancelled", "rejected"])),
]
AROUND = [
    st.tuples(st.just("rate"), st.sampled_from(["0.001", "-0.0007", "0.0123456789"]), MINUTE, st.sampled_from("ab")),
    st.tuples(st.just("paid"), st.sampled_from(["3", "-1.5", "0.1234567"]), MINUTE, st.sampled_from("ab")),
    st.tuples(st.just("halt"), WHICH, FLAG),
    st.tuples(st.just("halt"), WHICH, FLAG),
    st.tuples(st.just("merge"), TOKEN, st.sampled_from(["10", "0.1", "3"])),
    st.tuples(st.just("terms"), TOKEN, st.sampled_from([None, 5.0, 60.0, 86400.0]), st.sampled_from(["0", "0.2"])),
    st.tuples(st.just("venue_terms"), st.sampled_from([None, 5.0, 60.0]), st.sampled_from(["0.01", "0.03"])),
    st.tuples(st.just("signal"), TOKEN),
    st.tuples(st.just("fork"), st.sampled_from([0.0, 30.0]), st.sampled_from(["distribute", "claim", "none"])),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("distribute")),
    st.tuples(st.just("claim"), TOKEN),
    st.tuples(st.just("market"), TOKEN, st.sampled_from(["0.95", "1.03"])),
]
FLOWS = [
    st.tuples(st.just("redeem"), TOKEN, st.integers(1, 9)),
    st.tuples(st.just("redeem"), TOKEN, st.integers(1, 40)),
    st.tuples(st.just("create"), TOKEN, st.integers(1, 9)),
    st.tuples(st.just("creations"), TOKEN, FLAG),
    st.tuples(st.just("caps"), st.sampled_from([5, 20])),
    st.tuples(st.just("wind_down"), TOKEN, st.sampled_from([50.0, 90_000.0])),
]
TERMS = st.fixed_dictionaries(
    {
        "min_venues": st.sampled_from([1, 1, 2]),
        "lot": st.sampled_from([d(0), d("0.001"), d("0.5")]),
        "min_notional": st.sampled_from([d(0), d(10)]),
        "max_slice_notional": st.sampled_from([None, d(300)]),
        "max_tries": st.sampled_from([1, 3]),
        "publication_interval_s": st.sampled_from([0, 1]),
        "slippage": st.sampled_from([d(0), d("0.001")]),
        "commission": st.sampled_from([d(0), d("0.0007")]),
        "late_funding_h": st.sampled_from([0, 26]),
    }
)


class Life(Driven):
    """Fills and ends name orders counted from the last one sent; funding minutes count from now."""

    def __init__(self, terms: dict[str, Any], tokens: list[tuple[str, int, str, str]], actions: list[Action]) -> None:
        self.desk = Desk.open(**terms)
        self.time, self.price, self.requests = -4_000.0, d(100), 0
        for number, (multiplier, seed, fills, kind) in enumerate(tokens):
            self.quote(1.0, "1.025", "ab")
            self.desk.token(
                TOKENS[number], multiplier, seed=seed, fills=fills, basket_kind=kind, yearly_fee=d("0.1"),
                loan_rate=d("0.2"), nav_floor=d(60),
            )  # fmt: skip
        entitled = tuple(Entitlement(name) for name in TOKENS if self.listed(name))
        self.desk.feed(SetParticipant("TAO", "AP", active=True, entitlements=entitled, **scenes.WHO))
        for kind, *rest in actions:
            getattr(self, kind)(*rest)

    def listed(self, token: str | None) -> bool:
        return self.desk.book is not None and (token is None or token in self.desk.book.tokens)

    def day(self, move: str, after: float) -> None:
        super().day(move, after)
        self.quote(0.5, "1", "ab")

    def rate(self, of: str, minute: int, venue: str) -> None:
        scenes.rate(self.desk, of, (self.time // 60 + minute) * 60, venue)

    def paid(self, amount: str, minute: int, venue: str) -> None:
        scenes.paid(self.desk, amount, (self.time // 60 + minute) * 60, venue)

    def halt(self, token: str | None, on: bool) -> None:
        (scenes.halt if on else scenes.resume)(self.desk, token)

    def creations(self, token: str, on: bool) -> None:
        (scenes.halt_creations if on else scenes.resume_creations)(self.desk, token)

    def merge(self, token: str, ratio: str) -> None:
        scenes.merge(self.desk, ratio, token)

    def terms(self, token: str, later: float | None, fee: str) -> None:
        if self.listed(token):
            at = None if later is None else self.time + later
            scenes.retermed(self.desk, token, at=at, yearly_fee=d(fee))

    def venue_terms(self, later: float | None, tolerance: str) -> None:
        at = None if later is None else self.time + later
        scenes.resettled(self.desk, at=at, tolerance=d(tolerance))

    def signal(self, token: str) -> None:
        scenes.signal(self.desk, token=token)

    def fork(self, later: float, policy: str) -> None:
        scenes.announces(self.desk, self.time + later, policy, claim_until=self.time + 90_000)

    def snapshot(self) -> None:
        scenes.snapshot(self.desk)

    def distribute(self) -> None:
        scenes.distributes(self.desk)

    def claim(self, token: str) -> None:
        scenes.claims(self.desk, 1, f"K{self.desk.offset}", token=token)

    def market(self, token: str, of: str) -> None:
        scenes.market_quote(self.desk, d(of) * 100, d(of) * 101, self.time, self.desk.version, token)

    def caps(self, units: int) -> None:
        entitled = tuple(Entitlement(name, d(units), d(2 * units), d(50)) for name in TOKENS if self.listed(name))
        self.desk.feed(SetParticipant("TAO", "AP", active=True, entitlements=entitled, **scenes.WHO))

    def wind_down(self, token: str, later: float) -> None:
        self.desk.feed(WindDownToken("TAO", token, scenes.moment(self.time + later), **scenes.WHO))

    def redeem(self, token: str, units: int) -> None:
        self.requests += 1
        scenes.redeems(self.desk, units, f"R{self.requests}", token)

    def create(self, token: str, units: int) -> None:
        self.requests += 1
        scenes.creates(self.desk, units, 100_000, f"R{self.requests}", token)
        self.desk.feed(SettlementConfirmed("TAO", f"R{self.requests}", "paid"))


def lives(*actions: Any, baskets: tuple[str, ...] = ("perpetual", "spot")) -> st.SearchStrategy[Any]:
    """Terms, tokens and what happens to them."""
    listed = st.tuples(
        st.sampled_from(["2", "3", "-1", "-3"]),
        st.sampled_from([1, 7, 40]),
        st.sampled_from(["reported", "assumed"]),
        st.sampled_from(baskets),
    )
    return st.tuples(
        TERMS, st.lists(listed, min_size=1, max_size=3), st.lists(st.one_of(*actions), min_size=20, max_size=50)
    )


def every_life(*actions: Any) -> Callable[[Callable[[Desk], None]], Callable[[], None]]:
    """The check, for many books after many inputs of these kinds."""

    def decorate(check: Callable[[Desk], None]) -> Callable[[], None]:
        @settings(max_examples=EXAMPLES, deadline=None)
        @given(lives(*actions))
        def run(life: tuple[dict[str, Any], list[tuple[str, int, str, str]], list[Action]]) -> None:
            check(Life(*life).desk)

        run.__name__ = check.__name__
        return run

    return decorate


def replayed(desk: Desk, before_each: Callable[[Desk, Position], None]) -> Desk:
    """The same inputs again, with something done to the book before each."""
    again = Desk()
    for said, position in desk.inputs:
        if again.book is not None:
            before_each(again, position)
        again.feed(said, appended=position.appended)
    return again


def rebuilt(desk: Desk, _: Position | None = None) -> None:
    """The book as a restart finds it: read back from the bytes of its records."""
    assert desk.book is not None
    desk.book = primary_ledger.rebuilt(desk.book)


def spoken(desk: Desk) -> str:
    """Everything that was said, its decimals in their one spelling."""
    return re.sub(r"Decimal\('([^']*)'\)", lambda found: text(Decimal(found[1])), repr(desk.outputs))


def total(values: Any) -> Decimal:
    """The sum of decimals."""
    return sum(values, Decimal(0))
