"""Strategies made from the types of the inputs: every field its whole range, hostile numbers and times first."""

from dataclasses import MISSING, fields, is_dataclass, replace
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from engine.domain.commands import MergeUnits, SetTokenTerms, SetUnderlyingTerms
from engine.domain.fields import Digits
from engine.domain.inputs import Input
from engine.domain.instants import DAY, SECOND, parse_instant
from engine.domain.terms import TokenTerms, UnderlyingTerms
from tests.desk import MIDNIGHT

KINDS: tuple[type[Any], ...] = get_args(get_args(Input)[0])

LAST = parse_instant("9999-12-31T23:59:59.999999Z")
TIMES = st.one_of(
    st.integers(-3 * 3600, 30 * 3600).map(lambda second: MIDNIGHT + second * SECOND),
    st.integers(-5, 5).map(lambda day: MIDNIGHT + day * DAY),
    st.sampled_from([0, 1, MIDNIGHT - 1, MIDNIGHT + 1, LAST, LAST - DAY, LAST // DAY * DAY]),
    st.integers(0, LAST),
)
NAMES: dict[str, st.SearchStrategy[str]] = {
    "underlying": st.just("TAO"),
    "token": st.sampled_from(["A", "B", "C", "C", "Z"]),
    "venue": st.sampled_from(["a", "b", "c", "d"]),
    "participant": st.sampled_from(["ap", "other"]),
    "designated_participant": st.sampled_from(["ap", "other"]),
    "request_id": st.sampled_from(["r1", "r2", "r3", "r4"]),
    "delivery_id": st.sampled_from(["d1", "d2", "d3"]),
    "fork_id": st.sampled_from(["f1", "f2"]),
    "claim_id": st.sampled_from(["k1", "k2"]),
    "fill_id": st.sampled_from(["1", "2", "3", "4"]),
    "region": st.sampled_from(["EU", "CH"]),
    "address": st.sampled_from(["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xnone"]),
    "contract_address": st.sampled_from(["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]),
}
ORDINARY = ["1", "2", "3", "10", "100", "0.5", "0.001", "0.01", "-1", "-3", "101", "99", "200", "4", "0.9"]


@cache
def numbers(kind: Digits) -> st.SearchStrategy[Decimal]:
    """Decimals of a field: ordinary ones, the least and the most it takes, and any."""
    whole, places = min(kind.whole, 40), kind.places
    extremes = [Decimal(1).scaleb(-places), Decimal("9" * whole + "." + "9" * places), Decimal(10) ** (whole - 1)]
    if not kind.above_zero:
        extremes.append(Decimal(0))
    if not kind.positive:
        extremes += [each.copy_negate() for each in extremes]
    ordinary = [Decimal(each) for each in ORDINARY if not kind.positive or not each.startswith("-")]
    digits = st.integers(1, 10 ** min(whole + places, 60) - 1)
    anything = st.builds(lambda number, shift: Decimal(f"{number}E-{shift}"), digits, st.integers(0, places))
    fitting = anything.filter(lambda value: value.adjusted() < whole)
    return st.one_of(st.sampled_from(ordinary), st.sampled_from(ordinary), st.sampled_from(extremes), fitting)


def field(name: str, kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field, by its name where a name means something to the others, else by its type."""
    origin, parts = get_origin(kind), get_args(kind)
    if name in NAMES and origin is Annotated:
        return NAMES[name]
    if origin is Annotated:
        return _annotated(parts)
    if origin in (Union, UnionType):
        return st.one_of([st.none() if part is NoneType else field(name, part) for part in parts])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return st.lists(field(name.rstrip("s"), parts[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(field("venue", parts[0]), field("", parts[1]), max_size=2)
    if kind in (TokenTerms, UnderlyingTerms):
        return terms(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        return st.builds(kind, **{each: field(each, hint) for each, hint in hints(kind).items()})
    return {bool: st.booleans(), NoneType: st.none()}[kind]


def _annotated(parts: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    made = parts[0]
    if made is int and not hasattr(parts[1], "metadata"):
        return TIMES
    if made is Decimal:
        return numbers(parts[1])
    if made is int:
        least, most = (getattr(each, name) for each, name in zip(parts[1].metadata, ("ge", "le"), strict=True))
        small = st.integers(least, min(most, 5))
        return st.one_of(small, small, st.sampled_from([least, most]), st.integers(least, most))
    return st.sampled_from(["x", "y"])


@cache
def terms(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Terms that hold, with a few of the fields set; what cannot work falls back to the defaults."""
    base: dict[str, Any] = {"multiplier": Decimal(3)} if kind is TokenTerms else {"min_venues": 1}
    changes = {each: field(each, hint) for each, hint in hints(kind).items()}

    def made(change: dict[str, Any]) -> Any:
        try:
            return kind(**base | change)
        except ValueError:
            return kind(**base)

    names = st.lists(st.sampled_from(sorted(changes)), max_size=4, unique=True)
    return names.flatmap(lambda some: st.fixed_dictionaries({each: changes[each] for each in some})).map(made)


def hints(kind: type[Any]) -> dict[str, Any]:
    """The fields of a type that say something, with their types."""
    found = get_type_hints(kind, include_extras=True)
    return {each.name: found[each.name] for each in fields(kind) if each.name not in ("type", "version")}


@cache
def of_kind(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Inputs of a kind. What has a default is left at it most of the time."""
    needed = {each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING}
    made = {}
    for name, hint in hints(kind).items():
        drawn = st.just(0) if name == "partition" else field(name, hint)
        made[name] = drawn if name in needed else drawn | st.none() if NoneType in get_args(hint) else drawn
    return st.builds(kind, **made)


def versioned(given: Any, version: int) -> Any:
    """Terms and merges carry the version their predecessor leads to, so that they are not all refused."""
    if isinstance(given, SetUnderlyingTerms | SetTokenTerms | MergeUnits):
        return replace(given, terms_version=version)
    return given
