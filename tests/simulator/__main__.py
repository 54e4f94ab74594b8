"""`./dev simulate`: seed after seed until enough are done, one fails, or Ctrl-C."""

import argparse
import sys
from itertools import count
from time import monotonic

from tests.simulator.runs import report, silence, sweep

SHOWN_EVERY = 100


def main() -> int:
    """Run the seeds that are asked for; 1 if one fails."""
    parser = argparse.ArgumentParser(prog="dev simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, help="how many; without it until Ctrl-C")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    seeds = count(options.first) if options.seeds is None else range(options.first, options.first + options.seeds)
    began, done, days = monotonic(), 0, 0.0
    try:
        for result in sweep(seeds):
            done, days = done + 1, days + result.virtual_s / 86_400
            if result.check is not None:
                print(f"seed {result.seed} fails, shrinking its plan", flush=True)
                silence()
                print(report(result.seed, result.check, result.text))
                return 1
            if done % SHOWN_EVERY == 0:
                _say(done, days, monotonic() - began)
    except KeyboardInterrupt:
        return 130
    _say(done, days, monotonic() - began)
    return 0


def _say(done: int, days: float, took_s: float) -> None:
    print(
        f"{done} seeds, {days:.1f} virtual days: {done / took_s * 60:.0f} seeds a minute, "
        f"{days / took_s:.2f} virtual days a second",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
