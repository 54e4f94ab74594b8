"""What the executor reports, as the core takes it: once, however often it is said."""

from collections.abc import Callable
from typing import Any

from consumers.execution.executor import clocks
from engine.domain.outputs import FillBooked, InputRefused, OrderEnded, OrderSent
from tests.consumers.execution.test_executor import SYMBOL, rigged  # noqa: F401 - a fixture
from tests.desk import MIDNIGHT, Desk, d, only

Opened = Callable[..., Any]


async def test_reports_repeated_change_nothing_and_the_token_holds_what_the_venue_does(rigged: Opened) -> None:  # noqa: F811
    rig = await rigged("okx", "ioc")
    rig.exchange.fills_at_once = True
    rig.exchange.markets[SYMBOL].bid = "352.0"
    desk = Desk.open(lot=d("0.1"))
    desk.token("TAO3L", 3, seed=10)
    desk.quote(400, 0)
    held = desk["TAO3L"].basket
    sent = only(desk.quote(352, 1), OrderSent)
    rig.late = MIDNIGHT - clocks().wall
    await rig.book.say(sent, MIDNIGHT)
    async with rig.running():
        await rig.ended(sent.order_id)
    said = [body for report in rig.sent for body in desk.feed(report)]
    assert only(said, OrderEnded).outcome == "filled"
    assert desk["TAO3L"].basket - held == rig.exchange.book.positions[SYMBOL] == -sent.quantity
    booked = only(said, FillBooked)
    assert booked.commission == sent.quantity * d(352) * d("0.0004")
    again = [body for report in rig.sent for body in desk.feed(report)]
    assert [body.reason for body in again if isinstance(body, InputRefused)] == ["duplicate_fill"]
    assert len(again) == 1
