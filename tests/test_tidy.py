"""Rules of the repository that no linter knows."""

import ast
import re
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("engine", "producers", "consumers", "levtao")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERYTHING = [
    path
    for pattern in ("*.py", "*.md", "*.toml", "*.yml", "dev")
    for path in ROOT.rglob(pattern)
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts) and path != Path(__file__)
]
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|for now|not implemented|NotImplementedError)\b")
IMPURE = re.compile(
    r"\bfloat\(|datetime\.now|utcnow|time\.time|^import (asyncio|random|os)\b|^from (asyncio|random|os)\b", re.MULTILINE
)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_short_and_so_do_its_functions(path: Path) -> None:
    assert lines(path) <= 400, "a noun is missing"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 70, f"{node.name} is long"


def test_the_median_module_is_short() -> None:
    assert median(lines(path) for path in MODULES if path.name != "__init__.py") <= 150


def test_nothing_is_left_unfinished() -> None:
    found = [str(path.relative_to(ROOT)) for path in EVERYTHING if UNFINISHED.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_core_has_no_clock_no_chance_and_no_floats() -> None:
    core = [path for path in MODULES if "domain" in path.parts]
    assert core
    assert [path.name for path in core if IMPURE.search(path.read_text(encoding="utf-8"))] == []


def test_no_lock_file_or_document_names_a_registry() -> None:
    hosts = re.compile(r"(pypi|pythonhosted|maven|sonatype|npmjs|crates)\.(org|io|apache\.org|com)", re.IGNORECASE)
    found = [path for path in [*EVERYTHING, *ROOT.glob("*.lock")] if hosts.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_there_is_one_match_over_the_inputs_that_acts() -> None:
    acting = [path.name for path in MODULES if "domain" in path.parts and "case QuoteObserved()" in path.read_text()]
    assert acting == ["machine.py"]
