"""A seeded walk through everything that can come in: what a hostile week would look like in a few hundred inputs."""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from engine.domain.inputs import Input, Position
from engine.domain.outputs import OrderSent
from tests.desk import Desk, d

MULTIPLIERS = ("3", "-3", "2", "-1", "5", "-2", "1.5", "10")


@dataclass
class Walk:
    """Drives a desk at random; what it fed can be fed again from `inputs`."""

    seed: int
    steps: int = 200
    desk: Desk = field(init=False)
    now_s: float = field(default=-600.0, init=False)
    price: float = field(default=100.0, init=False)

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
        )  # fmt: skip

    def _step(self) -> None:
        random = self.random
        kinds = ["quote"] * 12 + ["clock", "fill", "fill", "fill", "end", "odd", "change_terms"]
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
