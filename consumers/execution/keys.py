"""Keys of venues, from files nobody else can read. They are never printed, logged, or part of a repr."""

import stat
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 4096


class KeysError(Exception):
    """Why there are no keys, in one line that does not show them."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """What requests are signed with."""

    key: str
    secret: str
    password: str | None = None


def read_keys(folder: Path, venue: str) -> Keys:
    """The keys in `<venue>.key`, `<venue>.secret` and, if there is one, `<venue>.password`. Raises KeysError."""
    password = folder / f"{venue}.password"
    return Keys(
        _read(folder / f"{venue}.key"),
        _read(folder / f"{venue}.secret"),
        _read(password) if password.exists() else None,
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise KeysError(f"{path}: others can read it (mode {mode:04o}); chmod 600")
            content = file.read(MAX_BYTES)
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror}") from None
    try:
        written = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise KeysError(f"{path}: not plain text") from None
    if not written or any(character.isspace() for character in written):
        raise KeysError(f"{path}: one key, and nothing else, belongs in it")
    return written
