"""A seeded walk through everything that can come in: what a hostile week would look like in a few hundred inputs."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from engine.domain.commands import (
    AnnounceFork,
    DistributeFork,
    Entitlement,
    HaltCreations,
    HaltTrading,
    MergeUnits,
    ResumeCreations,
    ResumeTrading,
    SetParticipant,
    SetTokenTerms,
    TakeForkSnapshot,
    WindDownToken,
)
from engine.domain.inputs import (
    FundingObserved,
    FundingPaid,
    Input,
    Position,
    SignalObserved,
    TokenQuoteObserved,
)
from engine.domain.instants import SECOND
from engine.domain.outputs import OrderSent
from engine.domain.requests import (
    CashDelivered,
    CreationRequested,
    ForkClaimed,
    RedemptionRequested,
    RequestWithdrawn,
    SettlementConfirmed,
    UnitsLocked,
)
from tests.desk import MIDNIGHT, Desk, d

MULTIPLIERS = ("3", "-3", "2", "-1", "5", "-2", "1.5", "10")
WHO = ("test", "a walk")
ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
"""From the examples of EIP-55."""


@dataclass
class Walk:
    """Drives a desk at random; what it fed can be fed again from `inputs`."""

    seed: int
    steps: int = 200
    desk: Desk = field(init=False)
    now_s: float = field(default=-600.0, init=False)
    price: float = field(default=100.0, init=False)
    tokens: list[str] = field(default_factory=list, init=False)
    asked: list[tuple[str, str, Decimal]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.desk = Desk.open(**self._terms())
        for number in range(self.random.randint(1, 5)):
            self._list(number)
        for _ in range(self.steps):
            self._step()

    @property
    def inputs(self) -> list[tuple[Input, Position]]:
        return self.desk.inputs

    def _terms(self) -> dict[str, Any]:
        pick = self.random.choice
        return {
            "min_venues": pick([1, 2, 2]),
            "publication_interval_s": pick([0, 1, 60]),
            "max_slice_notional": pick([None, d(5_000), d(500)]),
            "lot": pick([d("0.001"), d("0.1"), d(0)]),
            "min_notional": pick([d(10), d(0), d(200)]),
            "slice_interval_s": pick([30, 0, 5]),
            "max_tries": pick([1, 3, 10]),
            "slippage": pick([d(0), d("0.001")]),
            "commission": pick([d(0), d("0.0005")]),
            "late_funding_h": pick([0, 26]),
            "de_lever_time_s": pick([None, None, 600]),
        }

    def _list(self, number: int) -> None:
        pick = self.random.choice
        multiplier = pick(MULTIPLIERS)
        fills = pick(["reported", "reported", "assumed"])
        extra: dict[str, Any] = {}
        if self.random.random() < 0.3:
            extra["min_leverage"] = abs(Decimal(multiplier)) * d("0.8")
        if self.random.random() < 0.2:
            extra["emergency_leverage"] = "none"
        self.desk.token(
            f"T{number}", multiplier, seed=pick([1, 10, 100]), fills=fills,
            netted=fills == "reported" or pick([True, False]), **extra,
            yearly_fee=pick([d(0), d("0.05")]), basket_kind=pick(["perpetual", "spot"]), loan_rate=d("0.1"),
            strike=pick(["next_index", "next_index", "interval", "daily_reset"]), strike_interval_s=60,
            creation_unit=pick([d(1), d("0.01")]), designated_participant="ap",
            nav_floor=pick([d(0), d(0), d(20)]), premium_persist_s=5,
        )  # fmt: skip
        self.tokens.append(f"T{number}")
        caps = tuple(Entitlement(token, per_order=d(50), in_total=d(1_000)) for token in self.tokens)
        self.desk.feed(SetParticipant("TAO", "ap", pick([True, True, True, False]), caps, *WHO))

    def _step(self) -> None:
        random = self.random
        kinds = ["quote"] * 12 + ["clock", "fill", "fill", "fill", "end", "odd", "change_terms"]
        kinds += ["ask", "ask", "deliver", "deliver", "deliver", "fund", "operate", "market"]
        getattr(self, f"_{random.choice(kinds)}")()

    def _pass(self) -> float:
        self.now_s += self.random.choice([0, 0.001, 0.5, 1, 1, 5, 31, 95, 600, 3_600, 40_000])
        return self.now_s

    def _quote(self) -> None:
        random = self.random
        self.price *= (
            random.choice([1, 1.001, 0.999, 1.01, 0.99, 1.05, 0.95, 1.3, 0.75]) if random.random() < 0.7 else 1
        )
        self.price = min(max(self.price, 0.5), 50_000)
        now = self._pass()
        for venue in random.sample("abc", random.randint(1, 3)):
            bid = d(f"{self.price * random.choice([1, 1, 1, 1.004, 0.9]):.4f}")
            ask = bid * random.choice([d(1), d("1.0005"), d("1.03"), d("0.999")])
            self.desk.quote(bid, now - random.choice([0, 0, 0, 3]), venue, ask=ask)

    def _clock(self) -> None:
        self.desk.clock(self._pass())

    def _orders(self) -> list[OrderSent]:
        return [order for order in self.desk.all(OrderSent) if order.fills == "reported"]

    def _fill(self) -> None:
        orders = self._orders()[-3:]
        if not orders:
            return
        order = self.random.choice(orders)
        share = self.random.choice([d(1), d(1), d("0.5"), d("0.333333333333333333")])
        quantity = (order.quantity * share).quantize(d("1E-18"))
        price = order.decision_price * self.random.choice([d(1), d("1.001"), d("0.999")])
        fill_id = self.random.choice([None, None, None, "same"])
        if quantity:
            self.desk.fill(order, quantity, price, fill_id, self.random.choice([0, "0.01", "-0.001"]))

    def _end(self) -> None:
        orders = self._orders()[-3:]
        if orders:
            self.desk.end(self.random.choice(orders), self.random.choice(["expired", "rejected", "cancelled"]))

    def _odd(self) -> None:
        random = self.random
        match random.randrange(4):
            case 0:
                self.desk.fill("nobody-1-1", 1, 100)
            case 1:
                self.desk.quote(self.price, self.now_s + 10, appended=self.now_s)
            case 2:
                self.desk.clock(self.now_s - 50)
            case 3:
                self.desk.end("nobody-1-1")

    def _change_terms(self) -> None:
        self.desk.terms(**self._terms())

    def _ask(self) -> None:
        random = self.random
        name, token, units = f"r{len(self.asked)}", random.choice(self.tokens), d(random.choice([1, 2, 5, 30]))
        who: dict[str, Any] = {
            "participant": "ap",
            "token": token,
            "region": "EU",
            "request_id": name,
            "underlying": "TAO",
        }
        who |= {"settlement": random.choice(["custodial", "custodial", "on_chain"]), "address": ADDRESS}
        if random.random() < 0.5:
            self.desk.feed(RedemptionRequested(**who, units=units))
            self.asked.append((name, "redemption", units))
        else:
            sized: dict[str, Any] = {"units": units} if random.random() < 0.7 else {"cash": units * 100}
            self.desk.feed(CreationRequested(**who, **sized))
            self.asked.append((name, "creation", units))

    def _deliver(self) -> None:
        if not self.asked:
            return
        random = self.random
        name, flow, units = random.choice(self.asked[-4:])
        match random.randrange(6):
            case 0:
                self.desk.feed(SettlementConfirmed("TAO", name, "0xabc"))
            case 1 if random.random() < 0.3:
                self.desk.feed(RequestWithdrawn("TAO", name))
            case _ if flow == "creation":
                amount = units * d(f"{self.price:.4f}") * d(random.choice(["0.5", "1.2", "4"]))
                self.desk.feed(CashDelivered("TAO", name, f"d{random.randrange(1_000)}", amount))
            case _:
                self.desk.feed(UnitsLocked("TAO", name, units))

    def _fund(self) -> None:
        random = self.random
        minute = int(self.now_s // 60 + random.choice([-500, -3, 0, 1, 60])) * 60
        time = max(0, MIDNIGHT + minute * SECOND)
        rate = random.choice([d("0.0001"), d("-0.0003"), d("0.002")])
        if random.random() < 0.6:
            self.desk.feed(FundingObserved("TAO", random.choice("ab"), time, rate))
        else:
            self.desk.feed(FundingPaid("TAO", random.choice("ab"), time, rate * 10_000))

    def _market(self) -> None:
        random, desk = self.random, self.desk
        token = desk[random.choice(self.tokens)]
        price = d(f"{max(0.01, 100 * random.choice([0.5, 1, 1.5])):.2f}")
        time = MIDNIGHT + round(self.now_s * SECOND)
        self.desk.feed(
            TokenQuoteObserved("TAO", token.token, "m", max(0, time), price, price + 1, d(7), d(3), token.terms_version)
        )

    def _operate(self) -> None:
        random, desk = self.random, self.desk
        token = random.choice([*self.tokens, None])
        name = token or self.tokens[0]
        version = desk[name].terms_version
        later = MIDNIGHT + round((self.now_s + random.choice([-1, 30, 700])) * SECOND)
        fork = f"f{random.randrange(3)}"
        halted = [None, *[each for each in self.tokens if desk[each].halted]]
        commands: list[Input] = [
            HaltTrading("TAO", *WHO, token=token), *[ResumeTrading("TAO", *WHO, token=each) for each in halted],
            HaltCreations("TAO", name, *WHO), ResumeCreations("TAO", name, *WHO),
            MergeUnits("TAO", name, random.choice([d(10), d("0.25"), d(3)]), version + 1, *WHO),
            AnnounceFork("TAO", fork, "TAO2", max(0, later), d(1), random.choice(["claim", "distribute"]), *WHO),
            TakeForkSnapshot("TAO", fork, *WHO), DistributeFork("TAO", fork, *WHO),
            ForkClaimed("TAO", fork, f"c{random.randrange(9)}", name, d("0.1"), ADDRESS),
            SetTokenTerms(
                "TAO", name, version + 1, replace(desk[name].terms, yearly_fee=d("0.02")), *WHO, effective=max(0, later)
            ),
            SignalObserved("TAO", "volume", "test", "doubled", d(2)),
        ]  # fmt: skip
        if random.random() < 0.1:
            commands = [WindDownToken("TAO", name, max(0, later), *WHO)]
        self.desk.feed(random.choice(commands))
