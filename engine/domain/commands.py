"""Commands: what people decide. They come with who and why, and take effect at their place in the log."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

from engine.domain.fields import STRICT, Count, Moment, Name, Reference, Share, Size, Words
from engine.domain.numbers import toward_zero
from engine.domain.terms import TokenTerms, UnderlyingTerms


@dataclass(frozen=True, slots=True)
class SetUnderlyingTerms:
    """Run the book of an underlying by these terms, from here on or from `effective`. The first one opens the book.

    `partition` is where the issuer's table puts the underlying; on any other partition the command is refused.
    """

    __pydantic_config__ = STRICT

    underlying: Name
    partition: Count
    terms_version: Count
    terms: UnderlyingTerms
    by: Words
    reason: Words
    effective: Moment | None = None
    type: Literal["set_underlying_terms"] = "set_underlying_terms"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class SetTokenTerms:
    """Run a token by these terms, from here on or from `effective`. The first one lists the token."""

    __pydantic_config__ = STRICT

    underlying: Name
    token: Name
    terms_version: Count
    terms: TokenTerms
    by: Words
    reason: Words
    effective: Moment | None = None
    type: Literal["set_token_terms"] = "set_token_terms"
    version: Literal[1] = 1


def terms_of(command: SetTokenTerms | SetUnderlyingTerms) -> str | None:
    """The token whose terms these are; None for those of the underlying."""
    return command.token if isinstance(command, SetTokenTerms) else None


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What a participant may do with a token. Caps are units; null is no cap."""

    __pydantic_config__ = STRICT

    token: Name
    per_order: Size | None = None
    per_day: Size | None = None
    in_total: Size | None = None

    def scaled(self, ratio: Decimal) -> "Entitlement":
        """The same caps where `ratio` units have become one."""
        caps = (
            None if cap is None else toward_zero(cap / ratio) for cap in (self.per_order, self.per_day, self.in_total)
        )
        return Entitlement(self.token, *caps)


@dataclass(frozen=True, slots=True)
class SetParticipant:
    """Admit an authorised participant to this underlying's tokens, or change what it may do, from here on."""

    __pydantic_config__ = STRICT

    underlying: Name
    participant: Name
    active: bool
    entitlements: tuple[Entitlement, ...]
    by: Words
    reason: Words
    type: Literal["set_participant"] = "set_participant"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class HaltTrading:
    """Stop: orders out are cancelled, wants are held, requests queue. One token, or all of the underlying."""

    __pydantic_config__ = STRICT

    underlying: Name
    by: Words
    reason: Words
    token: Name | None = None
    type: Literal["halt_trading"] = "halt_trading"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class ResumeTrading:
    """Go on. Resets missed are made at the next index."""

    __pydantic_config__ = STRICT

    underlying: Name
    by: Words
    reason: Words
    token: Name | None = None
    type: Literal["resume_trading"] = "resume_trading"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class HaltCreations:
    """Creations of a token queue from here on; everything else goes on."""

    __pydantic_config__ = STRICT

    underlying: Name
    token: Name
    by: Words
    reason: Words
    type: Literal["halt_creations"] = "halt_creations"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class ResumeCreations:
    """Creations of a token go on."""

    __pydantic_config__ = STRICT

    underlying: Name
    token: Name
    by: Words
    reason: Words
    type: Literal["resume_creations"] = "resume_creations"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class WindDownToken:
    """End a token: creations stop, redemptions stay open; from the reset at `last_reset` on it is sold and paid out."""

    __pydantic_config__ = STRICT

    underlying: Name
    token: Name
    last_reset: Moment
    by: Words
    reason: Words
    type: Literal["wind_down_token"] = "wind_down_token"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class MergeUnits:
    """`ratio` units become one (a split into n has the ratio 1/n). NAV and all it is compared with move along."""

    __pydantic_config__ = STRICT

    underlying: Name
    token: Name
    ratio: Share
    terms_version: Count
    by: Words
    reason: Words
    type: Literal["merge_units"] = "merge_units"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class AnnounceFork:
    """The chain will fork: trading halts at `halt_from`; tokens that hold the underlying itself are entitled."""

    __pydantic_config__ = STRICT

    underlying: Name
    fork_id: Reference
    asset: Name
    halt_from: Moment
    ratio: Share
    policy: Literal["distribute", "claim", "none"]
    by: Words
    reason: Words
    claim_until: Moment | None = None
    type: Literal["announce_fork"] = "announce_fork"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class TakeForkSnapshot:
    """Note who is entitled to the forked asset: what each spot token holds, a unit."""

    __pydantic_config__ = STRICT

    underlying: Name
    fork_id: Reference
    by: Words
    reason: Words
    type: Literal["take_fork_snapshot"] = "take_fork_snapshot"
    version: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class DistributeFork:
    """Give the forked asset to the holders of the snapshot."""

    __pydantic_config__ = STRICT

    underlying: Name
    fork_id: Reference
    by: Words
    reason: Words
    type: Literal["distribute_fork"] = "distribute_fork"
    version: Literal[1] = 1


Command: TypeAlias = (
    SetUnderlyingTerms
    | SetTokenTerms
    | SetParticipant
    | HaltTrading
    | ResumeTrading
    | HaltCreations
    | ResumeCreations
    | WindDownToken
    | MergeUnits
    | AnnounceFork
    | TakeForkSnapshot
    | DistributeFork
)
