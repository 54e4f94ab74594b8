"""A market of the stand-in: what it trades, its filters, and its figures of the moment."""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation


@dataclass(slots=True)
class Market:
    """One market, named as ccxt names it: `TAO/USDT` is spot, `TAO/USDT:USDT` a linear perpetual.

    Prices and quantities are strings, sent as they are: `NaN` and negative ones too. Quantities are of the base
    asset; OKX counts perpetuals in contracts of `contract_size` on the wire.
    """

    symbol: str
    tick_size: str = "0.1"
    lot_size: str = "0.001"
    minimum_quantity: str = "0.001"
    minimum_notional: str = "5"
    contract_size: str = "1"
    bid: str = "400.0"
    bid_size: str = "10"
    ask: str = "400.1"
    ask_size: str = "10"
    quote_time_ms: int = 0
    updates: int = 0
    """How many quotes there have been: the venue's number of the last."""
    last: str = "400.0"
    mark_price: str = "400.05"
    index_price: str = "400.05"
    funding_rate: str = "0.0001"
    next_funding_ms: int = 0
    funding_history: list[tuple[int, str]] = field(default_factory=list)
    """Past settlements: epoch in milliseconds, and the rate."""
    open_interest: str = "1000"
    volume: str = "50000"
    """Of the last 24 hours, in the base asset."""

    @property
    def swap(self) -> bool:
        return ":" in self.symbol

    @property
    def base(self) -> str:
        return self.symbol.split("/")[0]

    @property
    def quote(self) -> str:
        return self.symbol.split("/")[1].split(":")[0]

    def contracts(self, quantity: str | Decimal) -> str:
        """A quantity of the base asset as contracts of a perpetual; what is no number, as it is."""
        try:
            return plain(Decimal(quantity) / Decimal(self.contract_size))
        except InvalidOperation:
            return str(quantity)


def plain(number: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def markets(*, contract_size: str) -> dict[str, Market]:
    """What every venue lists: TAO as spot and perpetual, and the leveraged token's own market."""
    listed = [
        Market("TAO/USDT"),
        Market("TAO/USDT:USDT", contract_size=contract_size),
        Market("TAO3L/USDT", tick_size="0.0001", bid="10.0000", ask="10.0100"),
    ]
    return {market.symbol: market for market in listed}
