"""Runs the tests over changed rules: `./dev mutants`. A change no test notices has survived.

Everything is imported and collected once. For each change a fork of that process puts the changed code into the
functions it belongs to and runs the tests that reach the changed line, quickest first, until one fails.
"""

import ast
import gc
import json
import os
import resource
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from coverage import CoverageData

from tests.mutation.mutate import Edit, code_of, edits

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT / "engine" / "domain"
FOLDER = ROOT / ".mutants"
MODULES = (
    "flows", "strikes", "primary", "execution", "orders", "netting", "rebalance", "costs", "calendar", "index",
    "exposure", "attribution", "corporate", "changes", "halts", "forks", "premium", "capacity", "publication",
    "launch", "quiet", "machine", "book", "numbers", "state", "terms", "requests", "primary_events", "sight",
    "instants", "addresses", "commands", "fields",
)  # fmt: skip
MEMORY_BYTES = 4 << 30
KILLED, SURVIVED, TIMEOUT, BROKEN = "killed", "survived", "timeout", "broken"


class Running(NamedTuple):
    """A fork at work on a change."""

    module: str
    edit: Edit
    tests: int
    since: float
    killer: int


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mutants")
    group.addoption("--mutants", default="", help="Modules of the domain, by name, with commas.")
    group.addoption("--longest-s", type=float, default=1e9, help="Leave out tests that take longer.")
    group.addoption("--survivors", action="store_true", help="Only what survived the last run over the module.")
    group.addoption("--limit-s", type=float, default=0.0, help="No new change after so long; 0 for no limit.")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keeps how long each test took when coverage was measured."""
    if report.when == "call":
        DURATIONS[report.nodeid] = report.duration


DURATIONS: dict[str, float] = {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.getoption("--mutants") and session.config.getoption("--cov-context", None):
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "durations.json").write_text(json.dumps(DURATIONS))


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Instead of the tests: every change of the modules asked for."""
    asked = session.config.getoption("--mutants")
    if not asked or session.testsfailed:
        return None
    modules = MODULES if asked == "all" else asked.split(",")
    Run(session).over(modules, again=session.config.getoption("--survivors"))
    return True


class Run:
    """One run over many changes."""

    def __init__(self, session: pytest.Session) -> None:
        self.until = time.monotonic() + (session.config.getoption("--limit-s") or 1e9)
        self.longest_s: float = session.config.getoption("--longest-s")
        self.items = {item.nodeid: item for item in session.items}
        durations = json.loads((FOLDER / "durations.json").read_text())
        self.seconds = {name: durations.get(name, 1.0) for name in self.items}
        self.fresh = self.items.keys() - durations.keys()
        """Tests since the coverage was measured: they may reach anything."""
        self.items = {name: item for name, item in self.items.items() if self.seconds[name] <= self.longest_s}
        self.data = CoverageData(str(FOLDER / "coverage"))
        self.data.read()
        self.functions = _functions()
        gc.freeze()
        self.running: dict[int, Running] = {}
        self.killers: dict[str, Counter[str]] = defaultdict(Counter)

    def over(self, modules: Sequence[str], *, again: bool) -> None:
        if self.fails(sorted(self.fresh)):
            pytest.exit("a test fails without any change: nothing would survive", 1)
        sources = {module: (DOMAIN / f"{module}.py").read_text(encoding="utf-8") for module in modules}
        for module, source in sources.items():
            kept = FOLDER / f"{module}.jsonl"
            only = _survivors(kept) if again else None
            self.log = kept.open("w")
            self.tally: Counter[str] = Counter()
            path = DOMAIN / f"{module}.py"
            tree = ast.parse(source)
            lines = {
                line: [context.partition("|")[0] for context in contexts if context]
                for line, contexts in self.data.contexts_by_lineno(str(path)).items()
            }
            found = [edit for edit in edits(tree) if only is None or _name(edit) in only]
            left = 0
            for number, edit in enumerate(found):
                if time.monotonic() > self.until:
                    left = len(found) - number
                    break
                self.start(module, path, tree, edit, lines)
            while self.running:
                self.collect()
            self.log.close()
            rest = f", {left} not reached" if left else ""
            print(f"{module}: {len(found) - left} mutants, {dict(sorted(self.tally.items()))}{rest}", flush=True)

    def start(self, module: str, path: Path, tree: ast.Module, edit: Edit, lines: dict[int, list[str]]) -> None:
        while len(self.running) >= (os.cpu_count() or 1):
            self.collect()
        known = self.killers[f"{module}.{edit.function}"]
        tests = {name for name in lines.get(edit.line, ()) if name in self.items} | self.fresh
        if not edit.first_line:
            tests = {name for names in lines.values() for name in names if name in self.items} | self.fresh
        order = sorted(tests, key=lambda name: (-known[name], self.seconds[name]))
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            os._exit(self.child(path, tree, edit, order, writer))
        os.close(writer)
        self.running[child] = Running(module, edit, len(order), time.monotonic(), reader)

    def child(self, path: Path, tree: ast.Module, edit: Edit, order: list[str], writer: int) -> int:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        try:
            edit.swap()
            self.put(path, compile(tree, str(path), "exec"), edit)
        except Exception as error:  # noqa: BLE001 - told to the parent
            os.write(writer, repr(error).encode())
            return 2
        killer = self.killer(order)
        os.write(writer, killer.encode())
        return 1 if killer else 0

    def fails(self, order: list[str]) -> bool:
        """Whether one of the tests fails as things are."""
        child = os.fork()
        if not child:
            os._exit(bool(self.killer(order)))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0

    def killer(self, order: list[str]) -> str:
        """The first test that fails; none is an empty name."""
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        for name, after in zip(order, [*order[1:], None], strict=False):
            signal.setitimer(signal.ITIMER_REAL, 10 + 10 * self.seconds[name])
            following = None if after is None else self.items[after]
            if any(report.failed for report in runtestprotocol(self.items[name], log=False, nextitem=following)):
                return name
        return ""

    def put(self, path: Path, code: CodeType, edit: Edit) -> None:
        """The changed code into the functions that had the old, or the changed constant wherever it is known."""
        if edit.first_line:
            new = code_of(code, edit.function, edit.first_line)
            for function in self.functions[str(path), edit.function, edit.first_line]:
                function.__code__ = new
            return
        _rebind(path.stem, edit.function, code)

    def collect(self) -> None:
        """Wait for a fork and note what became of its change."""
        child, status = os.wait()
        if child not in self.running:
            return
        run = self.running.pop(child)
        said = os.read(run.killer, 4096).decode()
        os.close(run.killer)
        code = os.waitstatus_to_exitcode(status)
        result = {0: SURVIVED, 1: KILLED, 2: BROKEN}.get(code, TIMEOUT)
        self.tally[result] += 1
        edit = run.edit
        if result == KILLED:
            self.killers[f"{run.module}.{edit.function}"][said] += 1
        else:
            print(f"{result} {run.module}.py:{edit.line} {edit.function}: {edit.what} ({run.tests} tests) {said}")
        seconds = round(time.monotonic() - run.since, 2)
        fields = {"mutant": _name(edit), "line": edit.line, "result": result}
        self.log.write(json.dumps(fields | {"tests": run.tests, "seconds": seconds, "by": said}) + "\n")
        self.log.flush()


def _name(edit: Edit) -> str:
    """A change, wherever its line moves."""
    return f"{edit.function}:{edit.line - edit.first_line}:{edit.column}: {edit.what}"


def _survivors(path: Path) -> set[str]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {line["mutant"] for line in lines if line["result"] != KILLED}


def _functions() -> dict[tuple[str, str, int], list[FunctionType]]:
    found: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(str(DOMAIN)):
            code = each.__code__
            found[code.co_filename, code.co_qualname, code.co_firstlineno].append(each)
    return found


def _rebind(module: str, name: str, code: CodeType) -> None:
    fresh: dict[str, Any] = {"__name__": f"engine.domain.{module}"}
    old = _known(module)[name]
    exec(code, fresh)  # noqa: S102 - the project's own module, changed
    for each in _engine():
        if each.get(name) is old:
            each[name] = fresh[name]


def _known(module: str) -> dict[str, Any]:
    import sys  # noqa: PLC0415

    return vars(sys.modules[f"engine.domain.{module}"])


def _engine() -> Iterator[dict[str, Any]]:
    import sys  # noqa: PLC0415

    for name, module in list(sys.modules.items()):
        if name.startswith("engine."):
            yield vars(module)
