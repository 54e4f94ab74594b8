"""Settings of execution: where each underlying is traded, and how."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.fields import Name


class ExecutionListing(BaseModel):
    """The market an underlying's orders are sent to."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, frozen=True)

    exchange: Literal["binance", "okx"]
    """The exchange, by ccxt's id. Only those whose answers the tests know can be traded on."""
    symbol: str = Field(pattern=r"^[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9]+)?$", max_length=32)
    """The market by ccxt's symbol: `TAO/USDT:USDT` is the linear perpetual, `TAO/USDT` spot."""
    style: Literal["ioc", "gtc"] = "ioc"
    """`ioc` takes what is there at the limit, and nothing rests at the venue while nobody watches. `gtc` rests until
    the order's expiry, when the executor cancels it."""
    venue: Name | None = None
    """What fills and funding name as their venue, and the files with the keys are called; the exchange if not given."""
    api_url: str | None = Field(default=None, pattern=r"^https?://[^\s?#]+[^\s?#/]$")
    """Put before every address of the exchange instead of `https://`, for a gateway or a test:
    `http://127.0.0.1:8080` makes `http://127.0.0.1:8080/fapi.binance.com/fapi/v1/order`."""

    @property
    def venue_name(self) -> str:
        """The venue of the reports."""
        return self.venue or self.exchange
