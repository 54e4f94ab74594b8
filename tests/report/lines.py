"""A log of outputs written by hand, with everything a report can show: its numbers are known, its market is gamed.

Each day the price runs from 100 to 101 in the hour before midnight and is back at 100 an hour after it. At midnight
TAO3L decides at 101 to buy 1.5: half a unit meets TAO2L's sale, the rest comes in two slices.
"""

import json
from pathlib import Path
from typing import Any

from engine.domain.instants import DAY, SECOND, Instant, format_instant

START: Instant = 20_000 * DAY
DAYS = 12
HOUR_S = 3_600


class Log:
    """Lines in the order they are said."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.sequences: dict[str, int] = {}

    def say(self, kind: str, seconds: float, **fields: Any) -> None:
        key = fields["token"] if kind == "nav_published" else kind
        self.sequences[key] = self.sequences.get(key, 0) + 1
        self.lines.append(
            {
                "type": kind,
                "id": f"0-{len(self.lines)}-0",
                "sequence": self.sequences[key],
                "time": format_instant(START + round(seconds * SECOND)),
                "cause": f"levtao.inputs.v1/0/{len(self.lines)}",
                "rules": "1",
                "underlying": "TAO",
                **fields,
            }
        )

    def write(self, path: Path) -> Path:
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return path


def price_at(seconds: float) -> float:
    away = abs((seconds + DAY / SECOND / 2) % 86_400 - 43_200)
    return 100 + max(0.0, 1 - away / HOUR_S)


def nav(log: Log, seconds: float, token: str, lever: int) -> None:
    price = price_at(seconds)
    value = 100 + lever * (price - 100)
    log.say(
        "nav_published", seconds, token=token, status="live", nav=f"{value:.6f}", inav=f"{value:.6f}",
        price=f"{price:.6f}", leverage=str(lever), drift="0", units="10", basket=f"{10 * lever}",
        cash=f"{-1000 * (lever - 1)}", benchmark="100", rule_value="100.5",
        max_leverage_price=str(100 * (1 - 1 / lever) / (1 - 3 / (4 * lever))), emergency_price=None,
        min_leverage_price=None, terms_version=1,
    )  # fmt: skip


def midnight(log: Log, day: int) -> None:
    at = day * 86_400
    log.say(
        "fix_taken", at, boundary=format_instant(START + day * DAY), boundaries=1, late=False, price="101", basis=[]
    )
    reset: dict[str, Any] = {"boundaries": 1, "late": day == 3, "price": "101", "equity": "1000", "leverage": "2.9"}
    log.say("token_reset", at, token="TAO3L", want="1.5", goal="30", **reset)
    log.say("token_reset", at, token="TAO2L", want="-0.5", goal="20", **reset)
    half = [share("TAO3L", "0.5", "-50.5"), share("TAO2L", "-0.5", "50.5")]
    log.say("wants_crossed", at, price="101", shares=half)
    sent(log, at, f"a{day}", "0.6", "101", [{"token": "TAO3L", "purpose": "rebalance", "quantity": "0.6"}])
    filled(log, at + 1, f"a{day}", "0.6", "101.1", [share("TAO3L", "0.6", "-60.67")])
    sent(log, at + 30, f"b{day}", "0.4", "100.8", [{"token": "TAO3L", "purpose": "rebalance", "quantity": "0.4"}])
    filled(log, at + 31, f"b{day}", "0.4", "100.9", [share("TAO3L", "0.4", "-40.37")])


def share(token: str, quantity: str, cash: str, **more: str) -> dict[str, str]:
    return {"token": token, "purpose": "rebalance", "quantity": quantity, "cash": cash} | more


def sent(log: Log, at: float, order: str, quantity: str, price: str, allocations: list[dict[str, str]]) -> None:
    log.say(
        "order_sent", at, order_id=order, side="buy", quantity=quantity, limit_price="102", urgent=False,
        expires=format_instant(START + round(at + 60) * SECOND), fills="reported", decision_price=price, basis=[],
        allocations=allocations, crosses=[], terms_version=1,
    )  # fmt: skip


def filled(log: Log, at: float, order: str, quantity: str, price: str, shares: list[dict[str, str]]) -> None:
    log.say(
        "fill_booked", at, order_id=order, fill_id="1", side="buy", quantity=quantity, price=price,
        commission="0.01", late=False, shares=shares,
    )  # fmt: skip


def creation(log: Log, at: float) -> None:
    log.say(
        "request_struck", at, request_id="R1", flow="creation", token="TAO3L", units="1", price="100", nav="100",
        basket="3", cash="-200", open="0", goal="3",
    )  # fmt: skip
    mark = {"purpose": "creation", "request": "R1"}
    sent(log, at, "c1", "3", "100", [{"token": "TAO3L", "quantity": "3"} | mark])
    filled(log, at + 1, "c1", "3", "100.2", [share("TAO3L", "3", "-300.63", **mark)])
    log.say("units_created", at + 1, token="TAO3L", request_id="R1", units="1")
    log.say(
        "funding_booked", at + 2, venue="binance", funding_time=format_instant(START), rate="0.0001", price="100",
        amount=None, shares=[{"token": "TAO3L", "basket": "3", "cash": "-0.03", "request": None, "to_issuer": False}],
        unshared="0",
    )  # fmt: skip


def attributed(log: Log, day: int, *, off: str = "0.2") -> None:
    log.say(
        "day_attributed", day * 86_400, token="TAO3L", since=format_instant(START + (day - 1) * DAY),
        nav_before="100", nav="103", price_before="100", price="101", move="3", drift="0.1", reset_timing="0.2",
        intraday_timing="0", reset_cost="-0.1", intraday_cost="0", funding="-0.3", fee="-0.1", interest=off,
        day_high="103", day_low="99", tracking_difference_day="-0.001", tracking_difference="-0.004",
        benchmark="100", rule_value="100.5",
    )  # fmt: skip


def gamed(*, days: int = DAYS, with_days: bool = True) -> Log:
    log = Log()
    for token, lever in (("TAO2L", "2"), ("TAO3L", "3")):
        log.say("token_terms_changed", 0, token=token, multiplier=lever, terms_version=1, by="test", reason="<script>")
    step = 300
    for number in range(days * 86_400 // step + 1):
        at = number * step
        if at % 86_400 == 0 and at:
            if with_days:
                attributed(log, at // 86_400)
            midnight(log, at // 86_400)
        nav(log, at, "TAO2L", 2)
        nav(log, at, "TAO3L", 3)
        if at == 4 * 86_400 + 43_200:
            creation(log, at)
    return log
