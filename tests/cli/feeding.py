"""`levtao` with every exchange at a stand-in: `python -m tests.cli.feeding PORT ARGUMENTS`."""

import sys
from types import SimpleNamespace
from typing import Any

from levtao.cli import main
from producers.feed import exchange
from producers.feed.settings import FeedSettings
from tests.exchange.server import LOOPBACK, rebase

made = exchange.open_exchange
standin: Any = SimpleNamespace(port=int(sys.argv[1]), address=f"{LOOPBACK}:{sys.argv[1]}")


def at_the_standin(settings: FeedSettings) -> Any:
    opened = made(settings)
    rebase(opened, standin)
    return opened


if __name__ == "__main__":
    exchange.open_exchange = at_the_standin
    sys.argv = ["levtao", *sys.argv[2:]]
    main()
