"""The workload everything is measured on: quotes of one underlying, a millisecond apart, three venues, many tokens."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.inputs import Input, QuoteObserved
from engine.domain.instants import DAY, MILLISECOND
from engine.domain.terms import TokenTerms, UnderlyingTerms

VENUES = ("binance", "bybit", "okx")
MULTIPLIERS = tuple(Decimal(multiplier) for multiplier in (2, 3, 5, -1, -2, -3))
START = 20_000 * DAY + DAY // 2
UNDERLYING = "TAO"


def commands(tokens: int, underlying: str = UNDERLYING, number: int = 0, **terms: int) -> list[Input]:
    """A book with so many tokens, fills assumed."""
    by = {"by": "benchmark", "reason": "benchmark"}
    opening = SetUnderlyingTerms(underlying, number, 1, UnderlyingTerms(venues=VENUES, **terms), **by)  # type: ignore[arg-type]
    listed = [
        SetTokenTerms(underlying, f"T{each:05d}", 1, _token(each), **by)  # type: ignore[arg-type]
        for each in range(tokens)
    ]
    return [opening, *listed]


def _token(number: int) -> TokenTerms:
    return TokenTerms(
        multiplier=MULTIPLIERS[number % len(MULTIPLIERS)], fills="assumed", seed_units=Decimal(1000 + number)
    )


def quotes(count: int, seed: int = 1, underlying: str = UNDERLYING) -> Iterator[QuoteObserved]:
    """A calm random walk: 1 ms apart in event time, the venues in turn."""
    random = Random(seed)
    price = 350.0
    for number in range(count):
        price *= 1 + random.gauss(0, 0.00002)
        bid = Decimal(f"{price:.2f}")
        yield QuoteObserved(underlying, VENUES[number % 3], START + number * MILLISECOND, bid, bid + Decimal("0.02"))
