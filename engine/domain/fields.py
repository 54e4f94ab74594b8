"""Field types of every input, output and state: what a value may look like before it enters the core.

Decimals are strings of plain digits in JSON (never numbers: a JSON number passes through a binary float
in most readers), times are RFC 3339, names are short and printable. Everything is bounded.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from engine.domain.instants import RFC3339_PATTERN, Instant, format_instant, parse_instant
from engine.domain.numbers import text

STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True)
class Digits:
    """A decimal as text: sign (unless `positive`), up to `whole` digits, up to `places` behind the point.

    From Python an exact `Decimal` or `int` is taken as well; a float is refused everywhere.
    """

    whole: int
    places: int
    positive: bool = False
    above_zero: bool = False

    @property
    def pattern(self) -> str:
        """The regular expression of the text."""
        sign = "" if self.positive else "-?"
        return rf"^{sign}[0-9]{{1,{self.whole}}}(\.[0-9]{{1,{self.places}}})?$"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Text by pattern, then Decimal by value; back to text canonically."""
        value = core_schema.decimal_schema(
            gt=Decimal(0) if self.above_zero else None,
            ge=Decimal(0) if self.positive and not self.above_zero else None,
        )
        from_text = core_schema.chain_schema([core_schema.str_schema(pattern=self.pattern, strict=True), value])
        exact = core_schema.chain_schema(
            [
                core_schema.union_schema(
                    [core_schema.is_instance_schema(Decimal), core_schema.int_schema(strict=True)],
                    custom_error_type="exact_decimal",
                    custom_error_message="a decimal is written as text or a whole number, never as a float",
                ),
                value,
            ]
        )
        return core_schema.json_or_python_schema(
            json_schema=from_text,
            python_schema=core_schema.tagged_union_schema(
                choices={"text": from_text, "exact": exact},
                discriminator=lambda given: "text" if isinstance(given, str) else "exact",
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                text, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A string with the pattern."""
        return {"type": "string", "pattern": self.pattern}


class _InstantText:
    """An instant as RFC 3339 text in JSON; from Python the instant itself is taken as well."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Text by pattern, then the parser of the domain; back to the canonical text."""
        from_text = core_schema.no_info_after_validator_function(
            parse_instant, core_schema.str_schema(pattern=RFC3339_PATTERN, strict=True)
        )
        return core_schema.json_or_python_schema(
            json_schema=from_text,
            python_schema=core_schema.union_schema([core_schema.int_schema(strict=True, ge=0), from_text]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                format_instant, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A string in the date-time format."""
        return {"type": "string", "format": "date-time"}


WIDE = 128
"""Whole digits of what the core computes: more than any input can lead to."""

Name = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""An underlying, a venue, a token."""

Reference = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$")]
"""An id somebody else refers to: an order, a fill, a request."""

Words = Annotated[str, Field(max_length=256)]
"""Free text of a person or another system."""

Moment = Annotated[Instant, _InstantText()]
Price = Annotated[Decimal, Digits(whole=15, places=40, positive=True, above_zero=True)]
Quantity = Annotated[Decimal, Digits(whole=15, places=18, positive=True, above_zero=True)]
Charge = Annotated[Decimal, Digits(whole=15, places=18)]
"""A commission or fee: positive is paid, negative is a rebate."""

Amount = Annotated[Decimal, Digits(whole=WIDE, places=18)]
"""Anything the core stores or publishes, signed: basket, cash, NAV."""

Size = Annotated[Decimal, Digits(whole=WIDE, places=18, positive=True)]
"""A quantity or number of units the core stores or publishes."""

Level = Annotated[Decimal, Digits(whole=WIDE, places=50, positive=True)]
"""A price the core computed: the middle of two quotes has more places than either."""

Units = Annotated[Decimal, Digits(whole=15, places=18, positive=True)]
"""Units of a token, or a quantity that may be zero, as somebody states them."""

Ratio = Annotated[Decimal, Digits(whole=WIDE, places=50)]
"""A pure number, signed."""

Share = Annotated[Decimal, Digits(whole=15, places=50, positive=True)]
"""A pure number, not negative: a tolerance, a rate, a limit."""

Seconds = Annotated[int, Field(ge=0, le=86_400 * 366)]
Count = Annotated[int, Field(ge=0, le=10**15)]
