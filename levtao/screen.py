"""What a person sees of the service in a terminal: tokens with NAV and ladder, orders and events as they happen."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from consumers.stream import Received
from engine.domain.instants import SECOND, Instant, format_instant
from engine.domain.outputs import (
    CancelRequested,
    FillBooked,
    FixTaken,
    IndexLost,
    IndexRegained,
    NavPublished,
    OrderEnded,
    OrderSent,
    RebalanceTriggered,
    TokenClosed,
    TokenLaunched,
    TokenTerminated,
    WantAbandoned,
)

LINES = 9
"""Of each panel, at most; fewer where the terminal is low, for what is newest stands last."""
DUST = Decimal("0.0005")
"""Smaller parts of an order are not shown."""
STYLES = {"buy": "green", "sell": "red"}


@dataclass(slots=True)
class Screen:
    """The latest of everything, from the output topics and from nowhere else."""

    title: str
    console: Console
    navs: dict[str, NavPublished] = field(default_factory=dict)
    lowest: dict[str, Decimal] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    time: Instant = 0
    _orders: deque[Text] = field(default_factory=lambda: deque(maxlen=LINES))
    _events: deque[Text] = field(default_factory=lambda: deque(maxlen=LINES))

    def take(self, received: Received) -> None:
        """An output arrived."""
        event = received.event
        body = event.body
        self.time = max(self.time, event.time)
        self.counts[body.type] = self.counts.get(body.type, 0) + 1
        if isinstance(body, NavPublished):
            self.navs[body.token] = body
            if body.nav is not None:
                self.lowest[body.token] = min(body.nav, self.lowest.get(body.token, body.nav))
            return
        line = _line(body)
        if line is None:
            return
        text = Text.assemble((f"{_clock(event.time)[-8:]} ", "dim"), line)
        (self._orders if body.stream == "orders" or isinstance(body, FillBooked | OrderEnded) else self._events).append(
            text
        )
        if not self.console.is_terminal:
            self.console.print(text)

    def __rich__(self) -> RenderableType:
        """All of it at once."""
        heading = Text.assemble((self.title, "bold"), "  ", (_clock(self.time), "cyan"))
        prices = {nav.underlying: nav.price for nav in self.navs.values() if nav.price is not None}
        for underlying, price in sorted(prices.items(), reverse=True):
            heading.append(f"  {underlying} {_short(price)}", "bold yellow")
        borders = 4
        left = self.console.height - 1 - (len(self.navs) + borders) - borders
        lines = max(1, min(LINES, left // 2))
        return Group(
            heading,
            self.tokens(),
            _panel("orders and fills", self._orders, lines),
            _panel("resets, de-levers, halts", self._events, lines),
        )

    def tokens(self) -> Table:
        """One row a token."""
        table = Table(expand=False)
        for heading in ("token", "NAV", "leverage", "drift", "de-lever at", "zero at", "open", "status"):
            table.add_column(heading, justify="left" if heading in ("token", "status") else "right", no_wrap=True)
        for nav in sorted(self.navs.values(), key=lambda each: each.token):
            drift = "" if nav.drift is None else f"{nav.drift * 100:+.1f} %"
            table.add_row(
                nav.token,
                "no index" if nav.nav is None else f"{nav.nav:,.2f}",
                _short(nav.leverage),
                Text(drift, "red" if nav.drift is not None and abs(nav.drift) > Decimal("0.2") else ""),
                _short(nav.max_leverage_price),
                _short(nav.zero_price),
                _short(nav.open) if nav.open else "",
                nav.status,
            )
        return table


def _panel(title: str, said: deque[Text], lines: int) -> Panel:
    """The newest lines, one each, however long."""
    newest = Text("\n", no_wrap=True, overflow="ellipsis").join([*said][-lines:])
    return Panel(newest, title=title, title_align="left", height=lines + 2)


def _line(body: object) -> Text | None:
    describe = _LINES.get(type(body))
    return None if describe is None else describe(body)


def _sent(body: OrderSent) -> Text:
    shown = [f"{part.token} {_short(part.quantity)}" for part in body.allocations if abs(part.quantity) >= DUST]
    parts = ", ".join(shown)
    urgent = " EMERGENCY" if body.urgent else ""
    crossed = f", {len(body.crosses)} wants crossed" if body.crosses else ""
    return Text.assemble(
        (
            f"{body.side:4} {_short(body.quantity)} {body.underlying} limit {_short(body.limit_price)}{urgent}",
            STYLES[body.side],
        ),
        f"  for {parts}{crossed}",
    )


def _filled(body: FillBooked) -> Text:
    late = " (late)" if body.late else ""
    return Text(f"     filled {_short(body.quantity)} {body.underlying} at {_short(body.price)}{late}")


def _ended(body: OrderEnded) -> Text | None:
    return (
        None if body.outcome == "filled" else Text(f"     {body.outcome}, {_short(body.unfilled)} unfilled", "yellow")
    )


def _triggered(body: RebalanceTriggered) -> Text:
    limit = body.trigger.replace("_", " ")
    return Text(
        f"{body.token} reached {limit} {_short(body.limit)} at {_short(body.price)}: want {_short(body.want)}",
        "magenta",
    )


def _fixed(body: FixTaken) -> Text:
    return Text(f"{body.underlying} fix {_short(body.price)}{' late' if body.late else ''}: tokens reset", "cyan")


def _terminated(body: TokenTerminated) -> Text:
    how = "has no value left" if body.reason == "value_gone" else "is wound down"
    return Text(f"{body.token} {how} at {_short(body.price)}", "bold red")


_LINES: dict[type, Callable[..., Text | None]] = {
    OrderSent: _sent,
    CancelRequested: lambda body: Text(f"     cancel {body.order_id}: {body.reason}", "yellow"),
    FillBooked: _filled,
    OrderEnded: _ended,
    RebalanceTriggered: _triggered,
    FixTaken: _fixed,
    TokenLaunched: lambda body: Text(f"{body.token} launched: {_short(body.units)} units at {_short(body.nav)}"),
    TokenTerminated: _terminated,
    TokenClosed: lambda body: Text(
        f"{body.token} closed: {_short(body.final_value)} a unit, shortfall {_short(body.shortfall)}", "bold red"
    ),
    IndexLost: lambda body: Text(f"{body.underlying} has no index: {body.reason.replace('_', ' ')}", "yellow"),
    IndexRegained: lambda body: Text(f"{body.underlying} has an index again: {_short(body.price)}", "yellow"),
    WantAbandoned: lambda body: Text(f"{body.token} gave up after {body.tries} tries, rest {_short(body.rest)}", "red"),
}


def _clock(time: Instant) -> str:
    return format_instant(time - time % SECOND).replace("T", " ").removesuffix("Z")


def _short(value: Decimal | None) -> str:
    """Four significant digits or so, for a person."""
    if value is None:
        return "-"
    places = 0 if abs(value) >= 10_000 else 1 if abs(value) >= 1_000 else 2 if abs(value) >= 10 else 3
    return f"{value:,.{places}f}"
