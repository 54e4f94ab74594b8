"""What comes in from outside, as a list drawn from the seed: a market, its operators and participants, and garbage.

Only what depends on the engine's answers is missing: fills are the paper broker's, deliveries the desk's.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any

from engine.domain.commands import (
    Entitlement,
    HaltTrading,
    MergeUnits,
    ResumeTrading,
    SetParticipant,
    SetTokenTerms,
    SetUnderlyingTerms,
    WindDownToken,
)
from engine.domain.inputs import FillReported, FundingObserved, Input, QuoteObserved, SignalObserved, TokenQuoteObserved
from engine.domain.instants import SECOND, Instant
from engine.domain.requests import CreationRequested, RedemptionRequested, RequestWithdrawn
from engine.domain.terms import TokenTerms, UnderlyingTerms
from engine.wire.codec import encode_input
from tests.desk import MIDNIGHT, d
from tests.walk import ADDRESS, MULTIPLIERS, WHO

NAMES = ("TAO", "BTC", "SOL")
VENUES = ("a", "b")
MOVES = (0.0005, 0.002, 0.01, 0.03)


@dataclass(frozen=True, slots=True)
class Given:
    """An input on its way: appended at `at_s`, whatever it says of its own time."""

    at_s: float
    partition: int
    key: bytes
    value: bytes


class Market:
    """One underlying: its path, its tokens, and everything said about it."""

    def __init__(self, name: str, partition: int, random: Random, start: Instant, pace_s: float) -> None:
        """List its tokens."""
        self.name = name
        self.partition = partition
        self.random = random
        self.start = start
        self.pace_s = pace_s
        self.given: list[Given] = []
        self.tokens: dict[str, SetTokenTerms] = {}
        self._price = random.choice([0.5, 100.0, 60_000.0])
        self._move = random.choice(MOVES)
        self._version = 0
        self._requests = 0
        self._say(0, SetUnderlyingTerms(name, partition, 1, self._terms(), *WHO))
        for number in range(random.randint(1, 3)):
            self._list(f"{name}{number}")
        caps = tuple(Entitlement(token, per_order=d(50), in_total=d(1_000)) for token in self.tokens)
        self._say(0, SetParticipant(name, "ap", True, caps, *WHO))

    def _terms(self) -> UnderlyingTerms:
        pick = self.random.choice
        age_s = max(10, round(self.pace_s * 10))
        return UnderlyingTerms(
            min_venues=pick([1, 2]), max_age_s=age_s, publication_interval_s=pick([0, 1, 60, 600]),
            max_slice_notional=pick([None, d(5_000)]), slice_interval_s=pick([30, 5]), max_tries=pick([1, 3, 10]),
            lot=pick([d("0.001"), d(0)]), min_notional=pick([d(10), d(0)]), slippage=d("0.001"),
            commission=d("0.0005"),
        )  # fmt: skip

    def _list(self, name: str) -> None:
        pick = self.random.choice
        terms = TokenTerms(
            multiplier=d(pick(MULTIPLIERS)), seed_units=d(pick([0, 1, 100])),
            fills=pick(["reported", "reported", "assumed"]),
            yearly_fee=pick([d(0), d("0.05")]), basket_kind=pick(["perpetual", "spot"]), loan_rate=d("0.1"),
            strike=pick(["next_index", "next_index", "interval"]), strike_interval_s=60, creation_unit=d("0.01"),
            designated_participant="ap", premium_persist_s=5, nav_floor=pick([d(0), d(20)]),
        )  # fmt: skip
        self.tokens[name] = SetTokenTerms(self.name, name, 1, terms, *WHO)
        self._say(0, self.tokens[name])

    def step(self, at_s: float) -> None:
        """What happens at `at_s`."""
        kinds = ["quote"] * 14 + ["burst", "ask", "ask", "fund", "market", "operate", "odd", "silence"]
        getattr(self, f"_{self.random.choice(kinds)}")(at_s)

    def _say(self, at_s: float, given: Input) -> None:
        """Send it: once and at once, or late, or twice."""
        encoded = encode_input(given)
        late_s = self.random.choice([0.01, 0.5, 3.0, 30.0]) if at_s and self.random.random() < 0.05 else 0.0
        self.given.append(Given(round(at_s + late_s, 3), self.partition, self.name.encode(), encoded))
        if at_s and self.random.random() < 0.04:
            again_s = round(at_s + self.random.choice([0.0, 0.2, 60.0]), 3)
            self.given.append(Given(again_s, self.partition, self.name.encode(), encoded))

    def _instant(self, at_s: float) -> Instant:
        return self.start + round(at_s * SECOND)

    def _quote(self, at_s: float) -> None:
        random = self.random
        self._price *= (
            random.choice([0.8, 0.93, 1.07, 1.3]) if random.random() < 0.02 else 1 + random.gauss(0, self._move)
        )
        self._price = min(max(self._price, 0.01), 500_000)
        for venue in VENUES if random.random() < 0.85 else VENUES[:1]:
            bid = d(f"{self._price * random.choice([1, 1, 1, 1.002]):.4f}")
            ask = bid * random.choice([d(1), d("1.0005"), d("1.03") if random.random() < 0.1 else d("1.001")])
            self._say(at_s, QuoteObserved(self.name, venue, self._instant(at_s), bid, ask))

    def _burst(self, at_s: float) -> None:
        for number in range(4):
            self._quote(round(at_s + number * self.random.choice([0, 0.01, 1.0]), 3))

    def _silence(self, at_s: float) -> None:
        """Nobody quotes."""

    def _ask(self, at_s: float) -> None:
        random = self.random
        self._requests += 1
        request: dict[str, Any] = {
            "underlying": self.name, "request_id": f"r{self._requests}", "participant": "ap", "region": "EU",
            "token": random.choice(list(self.tokens)), "settlement": random.choice(["custodial", "on_chain"]),
            "address": ADDRESS,
        }  # fmt: skip
        units = d(random.choice(["0.5", "1", "5", "30"]))
        if random.random() < 0.6:
            self._say(at_s, CreationRequested(**request, units=units))
        else:
            self._say(at_s, RedemptionRequested(**request, units=units))
        if random.random() < 0.1:
            self._say(at_s, RequestWithdrawn(self.name, request["request_id"]))

    def _fund(self, at_s: float) -> None:
        minute = self._instant(at_s) // (60 * SECOND) * 60 * SECOND
        rate = d(self.random.choice(["0.0001", "-0.0003", "0.002"]))
        self._say(at_s, FundingObserved(self.name, self.random.choice(VENUES), minute, rate))

    def _market(self, at_s: float) -> None:
        bid = d(self.random.choice([50, 99, 101, 150]))
        token = self.random.choice(list(self.tokens))
        version = self.tokens[token].terms_version
        self._say(
            at_s, TokenQuoteObserved(self.name, token, "m", self._instant(at_s), bid, bid + 1, d(7), d(3), version)
        )

    def _operate(self, at_s: float) -> None:
        random = self.random
        name = random.choice(list(self.tokens))
        token = random.choice([name, None])
        known = self.tokens[name]
        newer = replace(
            known, terms_version=known.terms_version + 1, terms=replace(known.terms, yearly_fee=d("0.02")),
            effective=self._instant(at_s + random.choice([0, 90])),
        )  # fmt: skip
        match random.randrange(6):
            case 0 | 1:
                self._say(at_s, HaltTrading(self.name, *WHO, token=token))
                self._say(at_s + self.pace_s * random.randint(1, 20), ResumeTrading(self.name, *WHO, token=token))
            case 2:
                self.tokens[name] = replace(known, terms_version=newer.terms_version)
                self._say(
                    at_s, MergeUnits(self.name, name, d(random.choice(["10", "0.25"])), newer.terms_version, *WHO)
                )
            case 3:
                self.tokens[name] = newer
                self._say(at_s, newer)
            case 4 if random.random() < 0.3:
                self._say(at_s, WindDownToken(self.name, name, self._instant(at_s), *WHO))
            case _:
                self._say(at_s, SignalObserved(self.name, "volume", "test", "doubled", d(2)))

    def _odd(self, at_s: float) -> None:
        """What is no input, or one nobody could mean."""
        random = self.random
        match random.randrange(4):
            case 0:
                self._say(at_s, FillReported(self.name, "nobody-1-1", "f", Decimal(1), Decimal(100), Decimal(0)))
            case 1:
                late = self._instant(at_s + 60)
                self._say(at_s, QuoteObserved(self.name, "a", late, d(1), d(1)))
            case 2:
                self.given.append(Given(at_s, self.partition, b"NOBODY", b'{"type":"clock_ticked"}'))
            case _:
                self.given.append(Given(at_s, self.partition, self.name.encode(), random.randbytes(9)))


def draw(random: Random, partitions: int, steps: int, pace_s: float) -> tuple[Instant, list[Given]]:
    """When it begins, and all that comes, in order: a day's boundary lies somewhere in it."""
    start = MIDNIGHT - round(random.uniform(0, steps * pace_s) * SECOND)
    count = random.randint(1, 2)
    names = random.sample(NAMES, count)
    markets = [Market(name, number % partitions, random, start, pace_s) for number, name in enumerate(names)]
    for step in range(1, steps // count + 1):
        for market in markets:
            market.step(round(step * count * pace_s, 3))
    every = [given for market in markets for given in market.given]
    return start, sorted(every, key=lambda given: given.at_s)
