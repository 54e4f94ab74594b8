"""`./dev bench [NAME ...]`: all of them, or those named."""

import sys
from collections.abc import Callable

from benchmarks import backtest, latency, processes, soak, stages, throughput, tokens
from benchmarks.peers import run as peers

BENCHMARKS: dict[str, Callable[[], None]] = {
    "stages": stages.run,
    "backtest": backtest.run,
    "throughput": throughput.run,
    "latency": latency.run,
    "tokens": tokens.run,
    "processes": processes.run,
    "soak": soak.run,
    "peers": peers.run,
}


def main() -> None:
    """Run what was asked for."""
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"bench: no {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        BENCHMARKS[name]()


main()
