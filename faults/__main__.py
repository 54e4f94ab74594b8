"""`./dev faults`: a campaign, its table, and the verdict."""

import argparse
import signal
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from faults.campaign import Campaign, Outcome
from faults.catalogue import FAULTS
from faults.mutants import MUTANTS
from faults.proof import prove_all


def main() -> None:
    """Run one campaign and say what came of it."""
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0, help="at least; every fault comes at least once")
    parser.add_argument("--only", action="append", choices=sorted(FAULTS), help="again for more than one")
    parser.add_argument("--calm", action="store_true", help="no faults at all, a few seconds of inputs")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="a defect, which has to be caught")
    parser.add_argument("--prove", nargs="*", metavar="DEFECT", help="every defect, or these, until it is caught")
    parser.add_argument("--folder", type=Path, help="keep logs and data there")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))  # so that no server is left behind
    if given.prove is not None:
        sys.exit(not prove_all(given.prove))
    folder = given.folder or Path(tempfile.mkdtemp(prefix="levtao-faults-"))
    faults = [] if given.calm else given.only or sorted(FAULTS)
    print(f"seed {given.seed}, {len(faults)} faults, logs and data in {folder}", flush=True)
    outcome = Campaign(folder, given.seed, faults, given.minutes, given.mutant).run()
    print(table(outcome))
    for problem in outcome.problems:
        print(f"WRONG: {problem}")
    sys.exit(bool(outcome.problems))


def table(outcome: Outcome) -> str:
    """Recovery by fault, and how much was compared."""
    times: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for suffered in outcome.suffered:
        if suffered.recovered_s is not None:
            times[suffered.fault].append((suffered.lasted_s, suffered.recovered_s, suffered.silence_s))
    lines = ["", "| fault | times | lasted | recovered within | worst | silent for | worst |", "| --- " * 7 + "|"]
    for fault, figures in sorted(times.items()):
        lasted, recovered, silent = (sorted(column) for column in zip(*figures, strict=True))
        shown = (median(lasted), median(recovered), recovered[-1], median(silent), silent[-1])
        lines.append(f"| {fault} | {len(figures)} | " + " | ".join(f"{seconds:.1f} s" for seconds in shown) + " |")
    lines += [
        f"partition {number}: {done.inputs:,} inputs, {done.outputs:,} outputs, {done.checkpoints:,} transactions and "
        f"{done.looks:,} looks at Redis are those of an undisturbed run"
        for number, done in enumerate(outcome.checked)
    ]
    return "\n".join(lines)


main()
