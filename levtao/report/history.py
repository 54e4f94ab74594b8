"""What happened to each token, gathered from records: its published values, its decisions and its trades."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import prod
from typing import Any, NamedTuple

from engine.domain.instants import Instant
from engine.domain.numbers import ONE
from levtao.report.records import Record, RecordError, amount, number

REBALANCES = {"token_reset": "reset", "rebalance_triggered": "intraday"}
FLOW_KINDS = ("creation", "redemption")
FLOWS = ("units_created", "units_redeemed")
ALERTS = (
    "want_abandoned", "index_lost", "index_regained", "token_terminated", "token_closed", "cancel_requested",
    "input_refused", "token_terms_changed", "underlying_terms_changed", "units_merged", "trading_halted",
    "trading_resumed", "creations_halted", "wind_down_announced", "fork_announced", "premium_alert",
)  # fmt: skip
"""What goes into the page's list of incidents, beside late resets and fills and overdue orders."""

UNFIT = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What comes of a record that is not as the core says it."""


class Trade(NamedTuple):
    """What a fill or a cross moved for one token: signed quantity and cash, commission within the cash."""

    time: Instant
    order_id: str | None
    quantity: Decimal
    price: Decimal
    cash: Decimal

    @property
    def notional(self) -> Decimal:
        """Value traded, in quote currency."""
        return abs(self.quantity) * self.price

    @property
    def commission(self) -> Decimal:
        """What the broker took, in quote currency; within half an 18th place."""
        return -self.cash - self.quantity * self.price


class Sent(NamedTuple):
    """A token's part of an order."""

    time: Instant
    order_id: str
    quantity: Decimal
    decision_price: Decimal
    limit_price: Decimal
    urgent: bool


@dataclass(slots=True)
class Execution:
    """A decision and everything traded for it: a reset, a rebalance between resets, or a flow."""

    token: str
    kind: str
    """reset, late reset, intraday, emergency, end, creation or redemption."""
    time: Instant
    price: Decimal
    """The decision price."""
    request: str | None = None
    leverage: float | None = None
    """The leverage it found; None for flows."""
    sent: list[Sent] = field(default_factory=list)
    fills: list[Trade] = field(default_factory=list)
    crosses: list[Trade] = field(default_factory=list)


class Incident(NamedTuple):
    """Something a desk should have seen."""

    time: Instant
    what: str
    detail: str


_COLUMNS = ("nav", "price", "leverage", "benchmark", "rule_value", "units", "basket")


@dataclass(slots=True)
class Published:
    """A token's published records as columns of floats. Times in microseconds, NAVs per unit in quote currency."""

    time: "array[int]" = field(default_factory=lambda: array("q"))
    sequence: "array[int]" = field(default_factory=lambda: array("q"))
    place: "array[int]" = field(default_factory=lambda: array("q"))
    """Where among the outputs of the partition, as `_in_partition` counts."""
    columns: "dict[str, array[float]]" = field(default_factory=lambda: {name: array("d") for name in _COLUMNS})


class Merge(NamedTuple):
    """So many units became one, at this place among the outputs of the partition; below 1 for a split."""

    time: Instant
    place: int
    ratio: Decimal


class Bands(NamedTuple):
    """The leverages at which a token acts, from `time` on; None where it never does."""

    time: Instant
    max_leverage: float | None
    emergency: float | None
    min_leverage: float | None


@dataclass(slots=True)
class TokenHistory:
    """One token's course."""

    token: str
    underlying: str
    multiplier: float | None = None
    status: str = "listed"
    terms_version: int = 0
    published: Published = field(default_factory=Published)
    bands: list[Bands] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    days: list[Record] = field(default_factory=list)
    """`day_attributed`, as it came."""
    flows: list[Record] = field(default_factory=list)
    paid: list[Record] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)

    def in_last_units(self, record: Record) -> Decimal:
        """What makes an amount per unit of that record one per unit of the end, across merges."""
        place = _in_partition(record)
        return prod((merge.ratio for merge in self.merges if place < merge.place), start=ONE)

    def publish(self, record: Record) -> None:
        """Take a `nav_published`."""
        said, published = record.fields, self.published
        published.time.append(record.time)
        published.sequence.append(said.get("sequence", 0))
        published.place.append(_in_partition(record))
        for name, column in published.columns.items():
            column.append(number(said[name]))
        self.status = said["status"]
        if self.multiplier is None and said["leverage"] is not None:
            self.multiplier = round(number(said["leverage"]) / (1 + number(said["drift"])), 6)
        if not self.bands or self.bands[-1].max_leverage is None or said["terms_version"] != self.terms_version:
            self._note_bands(record)

    def _note_bands(self, record: Record) -> None:
        """The bands are published as prices; the leverage the basket has there is the limit."""
        said = record.fields
        basket, cash = number(said["basket"]), number(said["cash"])
        found = []
        for name in ("max_leverage_price", "emergency_price", "min_leverage_price"):
            exposure = 0.0 if said[name] is None else basket * number(said[name])
            found.append(round(abs(exposure / (exposure + cash)), 6) if exposure and exposure + cash else None)
        known = self.bands[-1][1:] if self.bands else None
        if tuple(found) != known and (any(found) or not self.bands):
            self.bands.append(Bands(record.time, *found))
        self.terms_version = said["terms_version"]

    def execution(self, share: Mapping[str, Any], at: Instant, price: Decimal) -> Execution:
        """The decision a share belongs to: its request's, else the last of its purpose, else one before the log."""
        purpose, request = share["purpose"], share.get("request")
        for execution in reversed(self.executions):
            if (execution.kind in FLOW_KINDS) == (purpose in FLOW_KINDS) and request in (None, execution.request):
                return execution
        kind = purpose if purpose in FLOW_KINDS else "earlier"
        self.executions.append(Execution(self.token, kind, at, price, request))
        return self.executions[-1]


@dataclass(slots=True)
class History:
    """All tokens' courses, and what concerns their underlyings. `read` takes records in any order of files."""

    tokens: dict[str, TokenHistory] = field(default_factory=dict)
    fixes: dict[str, set[Instant]] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    rules: set[str] = field(default_factory=set)
    records: int = 0
    _events: list[Record] = field(default_factory=list)
    _orders: dict[tuple[str, str, str, str | None], Execution] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Hear one output. Published values become columns at once, the rest waits for `settle`."""
        self.records += 1
        said = record.fields
        self.rules.add(str(said.get("rules", "")))
        if record.type == "nav_published":
            try:
                self._token(said["token"], said["underlying"]).publish(record)
            except UNFIT as error:
                raise RecordError(f"output {said.get('id')}: no published value ({error!r:.120})") from None
        else:
            self._events.append(record)

    def settle(self) -> None:
        """Put the events in the order the core said them and tell each to its token, once however often it was read.

        Raises RecordError for an event that is not as the core says it.
        """
        told: list[Record] = []
        for record in sorted(self._events, key=lambda event: event.place):
            if told and told[-1].place != record.place:
                told.clear()
            if record not in told:
                told.append(record)
                try:
                    self._tell(record)
                except UNFIT as error:
                    identity = record.fields.get("id")
                    raise RecordError(f"output {identity}: no {_words(record.type)} ({error!r:.120})") from None
        self._events.clear()
        self.incidents.sort()

    def _token(self, name: str, underlying: str) -> TokenHistory:
        found = self.tokens.get(name)
        if found is None:
            found = self.tokens[name] = TokenHistory(name, underlying)
        return found

    def _tell(self, record: Record) -> None:
        kind, said = record.type, record.fields
        token = self._token(said["token"], said["underlying"]) if "token" in said else None
        if token is not None:
            self._tell_token(token, record)
        elif kind == "fix_taken":
            self.fixes.setdefault(said["underlying"], set()).add(record.time)
        elif kind == "order_sent":
            self._send(record)
        elif kind == "fill_booked":
            self._trade(record, said["shares"], crossed=False)
        elif kind == "wants_crossed":
            self._trade(record, said["shares"], crossed=True)
        elif kind == "funding_booked":
            for share in said["shares"]:
                of_venue = {name: said[name] for name in ("venue", "funding_time", "rate", "price")}
                self._token(share["token"], said["underlying"]).paid.append(record._replace(fields=of_venue | share))
        if kind in ALERTS or (kind == "order_ended" and said["outcome"] == "overdue"):
            what = "creations resumed" if said.get("halted") is False else _words(kind)
            self.incidents.append(Incident(record.time, what, _detail(said)))
        if said.get("late") and kind in ("token_reset", "fill_booked"):
            self.incidents.append(Incident(record.time, f"late: {_words(kind)}", _detail(said)))

    def _tell_token(self, token: TokenHistory, record: Record) -> None:
        kind, said = record.type, record.fields
        if kind == "token_terms_changed":
            token.multiplier = number(said["multiplier"])
        elif kind in REBALANCES:
            found = None if said["leverage"] is None else abs(number(said["leverage"]))
            at = amount(said["price"])
            token.executions.append(Execution(token.token, _kind(record), record.time, at, leverage=found))
        elif kind == "token_terminated":
            token.executions.append(Execution(token.token, "end", record.time, amount(said["price"])))
        elif kind == "request_struck":
            at, request = amount(said["price"]), said["request_id"]
            token.executions.append(Execution(token.token, said["flow"], record.time, at, request))
        elif kind == "day_attributed":
            token.days.append(record)
        elif kind == "units_merged":
            token.merges.append(Merge(record.time, _in_partition(record), amount(said["ratio"])))
        elif kind in FLOWS:
            token.flows.append(record)
        elif kind == "fee_paid":
            token.paid.append(record)

    def _send(self, record: Record) -> None:
        said = record.fields
        decided, limit, order = amount(said["decision_price"]), amount(said["limit_price"]), said["order_id"]
        for share in said["allocations"]:
            token = self._token(share["token"], said["underlying"])
            execution = token.execution(share, record.time, decided)
            sent = Sent(record.time, order, amount(share["quantity"]), decided, limit, said["urgent"])
            execution.sent.append(sent)
            self._orders[order, token.token, share["purpose"], share.get("request")] = execution

    def _trade(self, record: Record, shares: Iterable[Any], *, crossed: bool) -> None:
        said = record.fields
        price, order = amount(said["price"]), said.get("order_id")
        for share in shares:
            token = self._token(share["token"], said["underlying"])
            trade = Trade(record.time, order, amount(share["quantity"]), price, amount(share["cash"]))
            if crossed:
                token.execution(share, record.time, price).crosses.append(trade)
            else:
                sent = self._orders.get((str(order), token.token, share["purpose"], share.get("request")))
                (sent or token.execution(share, record.time, price)).fills.append(trade)


def _kind(record: Record) -> str:
    """A rebalance by the name a desk calls it."""
    if record.type == "token_reset":
        return "late reset" if record.fields["late"] else "reset"
    return "emergency" if record.fields["trigger"] == "emergency_leverage" else "intraday"


def _in_partition(record: Record) -> int:
    """A record's place among the outputs of its partition as one number: the input's offset, then its own number."""
    offset, number = record.place[-2:]
    return offset << 20 | number


def _words(kind: str) -> str:
    return kind.replace("_", " ")


_TELLING = ("token", "order_id", "reason", "by", "detail", "tries", "outcome", "price", "multiplier", "ratio",
            "last_reset", "fork_id", "asset", "premium", "discount", "final_value", "shortfall")  # fmt: skip


def _detail(said: Any) -> str:
    """The fields that say what happened, as text."""
    telling = _TELLING if said.get("token") or said.get("order_id") else ("underlying", *_TELLING)
    parts = [f"{name.replace('_', ' ')} {_shown(said[name])}" for name in telling if said.get(name) not in (None, "")]
    return ", ".join(parts)


def _shown(value: Any) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
