"""What every life driven by a list of actions can do: prices, time, days, fills and ends of its last orders."""

from decimal import Decimal

from engine.domain.outputs import OrderSent
from tests.desk import Desk, d


class Driven:
    """A desk at a time and a price; fills and ends name orders counted back from the last one sent."""

    desk: Desk
    time: float
    price: Decimal

    def quote(self, wait: float, move: str, venues: str) -> None:
        self.time = round(self.time + wait, 6)
        self.price = max(d(1), (self.price * d(move)).quantize(d("0.0001")))
        for venue in venues:
            self.desk.quote(self.price, self.time, venue)

    def clock(self, wait: float) -> None:
        self.time = round(self.time + wait, 6)
        self.desk.clock(self.time)

    def day(self, move: str, after: float) -> None:
        boundary = (self.time // 86_400 + 1) * 86_400
        self.quote(boundary - 1 - self.time, move, "ab")
        self.clock(1 + after)

    def sent(self, back: int) -> OrderSent | None:
        orders = [order for order in self.desk.all(OrderSent) if order.fills == "reported"]
        return orders[-1 - back] if back < len(orders) else None

    def fill(self, back: int, part: str, move: str) -> None:
        order = self.sent(back)
        if order is not None:
            quantity = (order.quantity * d(part)).quantize(d("1e-18"))
            self.desk.fill(order, quantity, self.price * d(move), commission=d("0.013"))

    def end(self, back: int, outcome: str) -> None:
        order = self.sent(back)
        if order is not None:
            self.desk.end(order, outcome)
