"""`levtao replay`: a file of prices into the log."""

from pathlib import Path

import typer

from engine.domain.commands import SetUnderlyingTerms
from engine.domain.instants import Instant
from levtao.problems import stop
from levtao.progress import progress
from levtao.service import kafka_log, provisioned, run
from levtao.settings import Settings, SettingsError
from producers.inputs import InputWriter
from producers.prices import PriceFile, PriceFileError
from producers.replay import Replay


def replay(settings: Settings, path: Path, how: Replay, start: Instant | None, end: Instant | None) -> None:
    """Send the file's ticks and say how many."""
    try:
        _refuse_unheard(settings, how)
        total = sum(1 for _ in PriceFile(path, start, end).ticks())
        run(_replay(settings, PriceFile(path, start, end), how, total))
    except OSError as error:
        stop(f"{path}: {error.strerror}")
    except (PriceFileError, SettingsError) as error:
        stop(str(error))


def _refuse_unheard(settings: Settings, how: Replay) -> None:
    """Raise SettingsError for quotes the engine would refuse one by one; say it where one venue makes no index."""
    settings.partition_of(how.underlying)
    listed = (each for each in settings.commands() if isinstance(each, SetUnderlyingTerms))
    terms = next(each.terms for each in listed if each.underlying == how.underlying)
    if terms.venues and how.venue not in terms.venues:
        known = ", ".join(terms.venues)
        raise SettingsError(f"venue {how.venue} is not among those of {how.underlying} ({known}); --venue names one")
    if terms.min_venues > 1:
        typer.echo(f"levtao: {how.underlying} has no index below {terms.min_venues} venues: replay as many", err=True)


async def _replay(settings: Settings, file: PriceFile, how: Replay, total: int) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    async with log.writer() as writer:
        with progress(f"replaying {file.path.name}", total) as bar:
            sent = await how.run(file.ticks(), InputWriter(writer, settings.partition_of), bar.advance)
    typer.echo(f"{sent} quotes of {how.underlying} at {how.venue} sent, {file.dropped} rows dropped")
