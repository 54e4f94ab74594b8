"""API keys: whose they are, what they open, and whether one that was presented is one of them.

A key is `<id>.<secret>`. The file keeps a salted scrypt hash of each secret, never the secret. What was found right
once is remembered by its SHA-256, so the slow hash is computed once a key and for every wrong one.
"""

import asyncio
import hashlib
import hmac
import re
import stat
import tomllib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes, token_urlsafe
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from engine.domain.fields import Name
from producers.gateway.operations import OPERATIONS, Author, Operation, Role

SALT_BYTES = 16
AT_ONCE = 2
"""Slow hashes computed side by side: each takes 16 MiB and a core."""
FORBIDDEN_MODE = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO
PATTERN = r"^scrypt-16384-8-1:[A-Za-z0-9_-]{22}==:[A-Za-z0-9_-]{43}=$"


class KeysError(Exception):
    """What is wrong with the file of keys, in one line."""


class Key(BaseModel):
    """What a key opens, and the hash of its secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    hash: Annotated[str, Field(pattern=PATTERN)]
    participant: Name | None = None
    underlyings: tuple[Name, ...] = ()
    operations: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.role == "participant") is not (self.participant is not None):
            raise ValueError("a participant's key names the participant, no other does")
        unknown = [name for name in self.operations if (self.role, name) not in OPERATIONS]
        if unknown:
            raise ValueError(f"operations: {unknown[0]} is nothing a {self.role} may ask for")
        return self

    def opens(self, operation: Operation) -> bool:
        """Whether it may be used for that."""
        if operation.role != self.role:
            return False
        return operation.name in self.operations if self.operations else not operation.by_name

    def opens_underlying(self, underlying: str) -> bool:
        """Whether it may be used for that underlying."""
        return not self.underlyings or underlying in self.underlyings


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key was presented."""

    name: str
    key: Key

    @property
    def author(self) -> Author:
        """Who its inputs are by."""
        return Author(self.key.role, self.key.participant or self.name)


def hashed(secret: str, salt: bytes) -> str:
    """The hash of a secret as the file keeps it. Takes a twentieth of a second."""
    found = hashlib.scrypt(secret.encode(), salt=salt, n=16384, r=8, p=1, maxmem=64 << 20, dklen=32)
    return f"scrypt-16384-8-1:{urlsafe_b64encode(salt).decode()}:{urlsafe_b64encode(found).decode()}"


DECOY = hashed("nobody's", bytes(SALT_BYTES))
"""What the secret of an unknown id is compared with, in the time any other takes."""


def new_key(name: str, key: Mapping[str, object]) -> tuple[str, str]:
    """A new key, and the lines of the file for it. Raises KeysError where that key could not be."""
    secret = token_urlsafe(32)
    fields = dict(key) | {"hash": hashed(secret, token_bytes(SALT_BYTES))}
    _validated({name: fields})
    lines = [f"[{name}]"]
    for field_name, value in fields.items():
        written = "[" + ", ".join(f'"{each}"' for each in value) + "]" if isinstance(value, tuple) else f'"{value}"'
        lines.append(f"{field_name} = {written}")
    return f"{name}.{secret}", "\n".join(lines)


def load(path: Path) -> dict[str, Key]:
    """The keys of a file. Raises KeysError, also where others than its owner may read it."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror}") from None
    if mode & FORBIDDEN_MODE:
        raise KeysError(f"{path}: others may read or change it ({stat.filemode(mode)}); chmod 600 {path}")
    try:
        return _validated(tomllib.loads(text))
    except (ValueError, RecursionError):
        raise KeysError(f"{path}: no TOML") from None
    except KeysError as error:
        raise KeysError(f"{path}: {error}") from None


def _validated(written: Mapping[str, object]) -> dict[str, Key]:
    """Errors name the place and never the value: it may be a secret put into the wrong line."""
    try:
        found = TypeAdapter(dict[Name, Key]).validate_python(written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise KeysError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None
    for name in found:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise KeysError(f"{name}: an id is letters, digits, - and _")
    return found


@dataclass(slots=True)
class Keyring:
    """Tells whose a presented key is."""

    keys: Mapping[str, Key]
    _proven: dict[str, bytes] = field(default_factory=dict)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def known(self, presented: str) -> Caller | None:
        """Whose it is, if it has been verified before."""
        name = presented.partition(".")[0]
        if not hmac.compare_digest(self._proven.get(name, b""), _digest(presented)):
            return None
        return Caller(name, self.keys[name])

    async def verify(self, presented: str) -> Caller | None:
        """Whose it is; None for a wrong secret and for an unknown id, in the same time."""
        name, _, secret = presented.partition(".")
        key = self.keys.get(name)
        expected = DECOY if key is None else key.hash
        salt = urlsafe_b64decode(expected.split(":")[1])
        async with self._room:
            found = await asyncio.to_thread(hashed, secret, salt)
        if not hmac.compare_digest(found, expected) or key is None:
            return None
        self._proven[name] = _digest(presented)
        return Caller(name, key)


def _digest(presented: str) -> bytes:
    return hashlib.sha256(presented.encode()).digest()
