"""The closed form against the tables of estimated returns that fund prospectuses print."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from levtao.closed_form import multiple

TENTH_OF_A_POINT = 0.001

PRINTED = [
    (2, 0.10, 0.0, -1.0),
    (2, 0.25, 0.0, -6.1),
    (2, 0.50, 0.0, -22.1),
    (2, 0.75, 0.0, -43.0),
    (2, 1.00, 0.0, -63.2),
    (2, 0.25, 0.20, 35.3),
    (2, 0.25, -0.20, -39.9),
    (3, 0.25, 0.0, -17.1),
    (3, 0.50, 0.0, -52.8),
    (3, 0.25, 0.20, 43.3),
    (-1, 0.10, 0.0, -1.0),
    (-1, 0.50, 0.0, -22.1),
    (-1, 0.25, -0.20, 17.4),
    (-2, 0.25, 0.0, -17.1),
    (-2, 0.50, 0.0, -52.8),
    (-3, 0.25, 0.0, -31.3),
]
"""Multiplier, yearly volatility, one-year index return, printed fund return in percent."""


@pytest.mark.parametrize(("multiplier", "volatility", "moved", "printed"), PRINTED)
def test_the_tables_of_prospectuses(multiplier: float, volatility: float, moved: float, printed: float) -> None:
    assert multiple(1 + moved, multiplier, volatility**2) - 1 == pytest.approx(printed / 100, abs=TENTH_OF_A_POINT)


class Cell(NamedTuple):
    """One cell of the recorded tables, all as shares of 1."""

    multiplier: float
    volatility: float
    moved: float
    printed: float


COLUMNS = {
    "multiplier": (r"multipl", r"lever", r"^l$", r"beta"),
    "volatility": (r"vol", r"sigma"),
    "printed": (r"estimat", r"fund", r"etf", r"token"),
    "moved": (r"index", r"underlying", r"benchmark", r"one.?year|1.?y", r"perform", r"return"),
}
"""What a column's name has in it, the surest first. Only columns of numbers count, and each is taken once."""


def columns_of(rows: list[dict[str, str]]) -> dict[str, str]:
    """Which column is which, by its name; a failure says what was not found."""
    left, found = [name for name, value in rows[0].items() if is_number(value)], {}
    for wanted, patterns in COLUMNS.items():
        matching = [name for pattern in patterns for name in left if re.search(pattern, name, re.IGNORECASE)]
        assert matching, f"no column of numbers for {wanted} among {list(rows[0])}"
        found[wanted] = matching[0]
        left.remove(matching[0])
    return found


def is_number(text: str) -> bool:
    try:
        number_of(text)
    except ValueError:
        return False
    return True


def number_of(text: str) -> float:
    """A number with or without a percent or an x, with ASCII or typographic minus."""
    return float(re.sub(r"[%x,\s]", "", text.replace("\u2212", "-"), flags=re.IGNORECASE))


def cells(rows: list[dict[str, str]]) -> Iterator[Cell]:
    """The cells, with percent told from shares by the size of the numbers in each column."""
    names = columns_of(rows)
    numbers = {wanted: [number_of(row[name]) for row in rows] for wanted, name in names.items()}
    for wanted in ("volatility", "moved", "printed"):
        if max(abs(value) for value in numbers[wanted]) > (2 if wanted != "printed" else 60):
            numbers[wanted] = [value / 100 for value in numbers[wanted]]
    for row in zip(*(numbers[wanted] for wanted in Cell._fields), strict=True):
        yield Cell(*row)


def test_the_recorded_prospectuses_to_a_tenth_of_a_point(data: Path) -> None:
    path = data / "prospectus_estimated_returns.csv"
    if not path.is_file():
        pytest.skip(f"the recorded prospectus tables are not at {path}")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    found = list(cells(rows))
    assert found
    off = [
        cell
        for cell in found
        if abs(multiple(1 + cell.moved, cell.multiplier, cell.volatility**2) - 1 - cell.printed)
        > TENTH_OF_A_POINT + 1e-9
    ]
    assert off == []


def table(header: str, *, percent: bool) -> list[dict[str, str]]:
    """The printed values as a file might have them."""
    by, mark = (100, "%") if percent else (1, "")
    rows = [
        f"{lever},{vol * by:g}{mark},{moved * by:g}{mark},{printed / 100 * by:.3f}{mark}"
        for lever, vol, moved, printed in PRINTED
    ]
    return list(csv.DictReader([header, *rows]))


@pytest.mark.parametrize(
    "header",
    [
        "multiplier,volatility,index_return,estimated_return",
        "Leverage,Annualised Volatility,One Year Index Performance,Estimated Fund Return",
        "leverage,vol_pct,underlying_return_pct,estimated_return_pct",
        "multiplier,index_volatility,index_performance_1y,fund_return",
        "L,sigma,r_index,estimate",
    ],
)
@pytest.mark.parametrize("percent", [True, False])
def test_such_a_table_is_read_whatever_its_columns_are_called(header: str, percent: bool) -> None:
    found = list(cells(table(header, percent=percent)))
    assert len(found) == len(PRINTED)
    for cell, (lever, volatility, moved, printed) in zip(found, PRINTED, strict=True):
        assert cell == pytest.approx((lever, volatility, moved, printed / 100))


def test_a_table_without_a_column_fails_by_name() -> None:
    with pytest.raises(AssertionError, match="no column of numbers for volatility"):
        columns_of([{"multiplier": "2", "index_return": "0.1", "estimated_return": "0.2"}])
