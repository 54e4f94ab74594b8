"""What is fed from where: the tables `[feeds.NAME]` of the settings."""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.domain.fields import Name

Kind = Literal["spot", "swap"]
_SYMBOL = r"^[A-Z0-9]+/[A-Z0-9]+(:[A-Z0-9]+)?$"
Symbol = Annotated[str, Field(pattern=_SYMBOL)]
"""A market as ccxt names it: TAO/USDT is spot, TAO/USDT:USDT a linear perpetual."""


class FeedError(ValueError):
    """What cannot be fed, in one line."""


def refuse_symbol(symbol: str, kind: Kind) -> None:
    """Raise FeedError unless it names a market of that kind as ccxt does."""
    if re.match(_SYMBOL, symbol) is None or (":" in symbol) != (kind == "swap"):
        raise FeedError(f"{symbol} is no {kind} market: TAO/USDT is spot, TAO/USDT:USDT a perpetual")


class FeedSettings(BaseModel):
    """One venue. Its name is the venue of the quotes: spot and perpetual of an exchange are two venues."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    exchange: Annotated[str, Field(pattern=r"^[a-z0-9]+$")]
    """The exchange, by ccxt's id."""
    kind: Kind
    """`spot`, or `swap` for linear perpetuals; never both in one venue."""
    symbols: dict[Name, Symbol] = {}
    """Underlyings, each with ccxt's symbol of its market there."""
    tokens: dict[Name, Symbol] = {}
    """Leveraged tokens of the settings that have a market of their own there, likewise."""
    max_per_s: float = Field(default=10.0, gt=0, le=1000)
    """No more quotes of a market are sent; the newest is."""
    silent_s: float = Field(default=20.0, ge=0.1, le=3600)
    """A venue without a sound quote for so long is connected to anew."""
    poll_s: float = Field(default=60.0, ge=0, le=86_400)
    """Time between two questions over REST for funding, open interest and volume; 0 asks none."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        listed = [*self.symbols.values(), *self.tokens.values()]
        if not listed:
            raise ValueError("symbols: name at least one")
        if len(set(listed)) < len(listed):
            raise ValueError("symbols: a market may be named once")
        for symbol in listed:
            refuse_symbol(symbol, self.kind)
        return self
