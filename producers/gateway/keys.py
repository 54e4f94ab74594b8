"""API keys: whose they are, what they open, and whether one that was presented is one of them.

A key is `<id>.<secret>`. The file keeps a salted SHA-256 of each secret, never the secret. A slow hash would protect
secrets people think of; these are 32 random bytes, which nobody guesses at any speed.
"""

import hashlib
import hmac
import re
import stat
import tomllib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes, token_urlsafe
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from engine.domain.fields import Name
from producers.gateway.operations import OPERATIONS, Author, Operation, Role

SALT_BYTES = 16
FORBIDDEN_MODE = stat.S_IRWXG | stat.S_IRWXO
PATTERN = r"^sha256:[A-Za-z0-9_-]{22}==:[A-Za-z0-9_-]{43}=$"
ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
"""Shorter than a secret: an id can be shown."""


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
        if any((self.role, name) not in OPERATIONS for name in self.operations):
            raise ValueError(f"operations: one is nothing that role {self.role} may ask for")
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
    """The hash of a secret as the file keeps it."""
    found = hashlib.sha256(salt + secret.encode()).digest()
    return f"sha256:{urlsafe_b64encode(salt).decode()}:{urlsafe_b64encode(found).decode()}"


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
    except UnicodeDecodeError:
        raise KeysError(f"{path}: not UTF-8") from None
    if mode & FORBIDDEN_MODE:
        raise KeysError(f"{path}: others may read or change it ({stat.filemode(mode)}); chmod 600 {path}")
    try:
        return _validated(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"\(at [a-z0-9, ]+\)$", str(error))
        raise KeysError(f"{path}: no TOML, or a key twice {place[0] if place else ''}".rstrip()) from None
    except KeysError as error:
        raise KeysError(f"{path}: {error}") from None


def _validated(written: Mapping[str, object]) -> dict[str, Key]:
    """Errors say the place and show nothing else: it may be a secret put into the wrong line."""
    for number, name in enumerate(written, 1):
        if not re.fullmatch(ID_PATTERN, name):
            raise KeysError(f"key {number}: an id is up to 32 letters, digits, - and _, not beginning with those")
    try:
        return TypeAdapter(dict[str, Key]).validate_python(written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise KeysError(f"{'.'.join(_place(first['loc']))}: {first['msg'].removeprefix('Value error, ')}") from None


def _place(parts: tuple[int | str, ...]) -> Iterator[str]:
    name, *rest = parts
    yield str(name)
    for part in rest:
        yield str(part) if isinstance(part, int) or part in Key.model_fields else "a field"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Tells whose a presented key is."""

    keys: Mapping[str, Key]

    def verify(self, presented: str) -> Caller | None:
        """Whose it is; None for a wrong secret and for an unknown id, in the same time."""
        name, _, secret = presented.partition(".")
        key = self.keys.get(name)
        expected = DECOY if key is None else key.hash
        salt = urlsafe_b64decode(expected.split(":")[1])
        if not hmac.compare_digest(hashed(secret, salt), expected) or key is None:
            return None
        return Caller(name, key)
