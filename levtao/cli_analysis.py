"""Options of the commands that look at what was, or might have been: report and simulate."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    events: Annotated[
        list[Path], typer.Argument(help="Outputs of the core, one JSON object a line, plain or gzipped.")
    ],
    out: Annotated[Path, typer.Option(help="The page to write.")],
    prices: Annotated[
        Path | None, typer.Option(help="CSV of the underlying's prices, for ranges finer than the published ones.")
    ] = None,
    market_cost_bps: Annotated[
        float | None, typer.Option(help="What a trade in the market costs; as measured on the fills without.", min=0)
    ] = None,
) -> None:
    """Write one page of charts and tables from outputs of the core, to be opened anywhere without a network."""
    from levtao.commands import report as command

    command.report(events, out, prices, market_cost_bps)
