"""Settings: a TOML file, overruled by LEVTAO_* of the environment, overruled by the command line.

What cannot work is refused before anything starts, in one line that names the file, the key and the reason.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from consumers.execution.settings import ExecutionListing
from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.fields import Name
from engine.domain.inputs import Input
from engine.domain.terms import TokenTerms, UnderlyingTerms
from engine.runtime.lane import LaneSettings
from engine.wire.codec import DecodeError, encode_input, read_input
from producers.feed.settings import FeedSettings
from producers.gateway.settings import GatewaySettings
from producers.signals import WatchSettings

DEFAULT_FILE = Path("levtao.toml")

LARGEST_PORT = 65_535

STOP_SHARE = 0.4
"""Of the session: a lane has so long to end, and as long again once it is cut off; then the group takes us for dead."""


def _with_port(address: str) -> str:
    if int(address.rpartition(":")[2]) > LARGEST_PORT:
        raise ValueError(f"no port is above {LARGEST_PORT}")
    return address


Address = Annotated[str, Field(pattern=r"^[^\s:,]+:\d+$"), AfterValidator(_with_port)]
"""HOST:PORT."""


class SettingsError(ValueError):
    """What is wrong, in one line."""


class _Listing(BaseModel):
    model_config = ConfigDict(extra="allow")

    terms_version: int = Field(default=1, ge=1)


class UnderlyingListing(_Listing):
    """An underlying in the settings: where it lives, and its terms beside it."""

    partition: int = Field(ge=0)


class TokenListing(_Listing):
    """A token in the settings: what it is of, and its terms beside it."""

    underlying: Name


class Settings(BaseSettings):
    """Everything a process needs to know. The tables of underlyings and tokens are what `topics apply` lists."""

    model_config = SettingsConfigDict(env_prefix="LEVTAO_", extra="forbid", use_attribute_docstrings=True)

    kafka: str = Field(default="127.0.0.1:9092", pattern=r"^[^\s:,]+:\d+(,[^\s:,]+:\d+)*$")
    """HOST:PORT, or several with commas."""
    redis: str = Field(default="redis://127.0.0.1:6379/0", pattern=r"^(rediss?|unix)://")
    """URL of the Redis that holds the view."""
    app: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9-]+$")] = "levtao"
    """Name of the group, of the transactional ids and of the keys in Redis: one for each deployment on a broker."""
    partitions: int = Field(default=1, ge=1, le=1024)
    """Of every topic, for life."""
    replication: int = Field(default=1, ge=1, le=9)
    """Copies of every topic; in production 3."""
    session_timeout_s: float = Field(default=10.0, gt=0, le=300)
    """How long a silent engine keeps its partitions; a standby takes over after this."""
    dead_letter_limit: int = Field(default=100, ge=1)
    """So many undecodable inputs among the last `dead_letter_window` stop the service."""
    dead_letter_window: int = Field(default=10_000, ge=1)
    """See `dead_letter_limit`."""
    view_every_s: float = Field(default=0.2, ge=0, le=60)
    """Redis is written no more often: what is committed between is written once, as it is then."""
    metrics: Address | None = None
    """HOST:PORT where Prometheus is answered; none answers nowhere."""
    kill_switch: Path | None = None
    """While this file exists `levtao execute` places nothing, cancels what is open, and rejects what comes."""
    underlyings: dict[Name, UnderlyingListing] = {}
    tokens: dict[Name, TokenListing] = {}
    execution: dict[Name, ExecutionListing] = {}
    feeds: dict[Name, FeedSettings] = {}
    signals: WatchSettings = WatchSettings()
    gateway: GatewaySettings = GatewaySettings()

    def lane(self) -> LaneSettings:
        """What a lane needs of this."""
        return LaneSettings(
            app=self.app,
            dead_letter_limit=self.dead_letter_limit,
            dead_letter_window=self.dead_letter_window,
            view_every_s=self.view_every_s,
            stop_deadline_s=STOP_SHARE * self.session_timeout_s,
        )

    def partition_of(self, underlying: str) -> int:
        """Where an underlying lives. Raises SettingsError for one that is not in the table."""
        listing = self.underlyings.get(underlying)
        if listing is None:
            known = ", ".join(sorted(self.underlyings)) or "none"
            raise SettingsError(f"underlying {underlying} is not in the settings (known: {known})")
        return listing.partition

    def commands(self) -> list[Input]:
        """The commands that list what the settings name, underlyings first. Raises SettingsError."""
        who = "settings"
        commands: list[Input] = []
        for name, listing in self.underlyings.items():
            terms = _terms(TypeAdapter(UnderlyingTerms), listing, f"underlyings.{name}")
            if listing.partition >= self.partitions:
                raise SettingsError(
                    f"underlyings.{name}.partition: {listing.partition} of {self.partitions} partitions"
                )
            commands.append(
                SetUnderlyingTerms(name, listing.partition, listing.terms_version, terms, by=who, reason="applied")
            )
        for name, token in self.tokens.items():
            token_terms = _terms(TypeAdapter(TokenTerms), token, f"tokens.{name}")
            if token.underlying not in self.underlyings:
                raise SettingsError(f"tokens.{name}.underlying: {token.underlying} is not among the underlyings")
            commands.append(
                SetTokenTerms(token.underlying, name, token.terms_version, token_terms, by=who, reason="applied")
            )
        for name in self.execution:
            if name not in self.underlyings:
                raise SettingsError(f"execution.{name}: {name} is not among the underlyings")
        for command in commands:
            try:
                read_input(encode_input(command))
            except DecodeError as error:
                raise SettingsError(f"{getattr(command, 'token', command.underlying)}: {error.detail}") from None
        return commands


def load(file: Path | None, **overrides: str | None) -> Settings:
    """The settings of a process. Raises SettingsError.

    Without `file` the default one is read if it is there. `overrides` come from the command line.
    """
    path = file or DEFAULT_FILE
    written: dict[str, Any] = {}
    if file is not None or path.exists():
        try:
            written = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{path}: {error}") from None
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = _with_file(written)(**given)
        settings.commands()
    except ValidationError as error:
        raise SettingsError(f"{_origin(str(error.errors()[0]['loc'][0]), given, path)}: {_first(error)}") from None
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from None
    return settings


def _origin(name: str, given: dict[str, Any], path: Path) -> str:
    """Where a setting was read, in the order in which one overrules the other."""
    if name in given:
        return f"--{name}"
    key = f"LEVTAO_{name.upper()}"
    return f"environment: {key}" if key in os.environ else str(path)


def _with_file(written: dict[str, Any]) -> type[Settings]:
    """The settings, taking from the file what neither the command line nor the environment says."""

    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=written)

    return FromFile


def _terms(adapter: TypeAdapter[Any], listing: _Listing, place: str) -> Any:
    try:
        return adapter.validate_python(listing.model_extra or {})
    except ValidationError as error:
        raise SettingsError(f"{place}.{_first(error)}") from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("text", "exact") and "[" not in str(part))
    reason = first["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason
