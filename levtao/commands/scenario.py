"""`levtao backtest --scenario`: any inputs through the core, its outputs to a file."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

from levtao.problems import stop
from levtao.scenario import Scenario, ScenarioError


def run(scenario: Path, events: Path | None, *, as_json: bool) -> None:
    """Feed the file to the core; the outputs go to `events`, or to stdout without it."""
    if events is None and as_json:
        stop("--json needs --events FILE: stdout cannot hold both")
    fold = Scenario()
    try:
        with ExitStack() as stack:
            lines = stack.enter_context(scenario.open("rb"))
            out = sys.stdout.buffer if events is None else stack.enter_context(events.open("wb"))
            out.writelines(value + b"\n" for value in fold.run(lines))
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
    except ScenarioError as error:
        stop(f"{scenario}: {error}")
    if as_json:
        for summary in fold.summaries():
            sys.stdout.write(json.dumps(summary) + "\n")
    dead = f", {fold.dead_letters} of them dead letters" if fold.dead_letters else ""
    sys.stderr.write(f"{scenario}: {fold.lines} inputs, {fold.outputs} outputs{dead}\n")
