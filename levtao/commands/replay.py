"""`levtao replay`: files of prices, or recordings of what exchanges sent, into the log."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from engine.domain.commands import SetUnderlyingTerms
from engine.domain.inputs import QuoteObserved
from engine.domain.instants import Instant
from levtao.problems import stop
from levtao.progress import progress
from levtao.service import kafka_log, provisioned, run
from levtao.settings import Settings, SettingsError
from producers.feed.messages import holds_messages
from producers.feed.settings import FeedError, refuse_symbol
from producers.inputs import InputWriter
from producers.prices import FILE_VENUE, PriceFile, PriceFileError
from producers.replay import Replay, send_paced

if TYPE_CHECKING:
    from producers.feed.captures import Captures

_Given = TypeVar("_Given")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the command line says of the files. Of recordings, each list holds one for all files or one for each."""

    underlying: str
    venues: Sequence[str]
    exchanges: Sequence[str]
    kinds: Sequence[str]
    symbols: Sequence[str]


def replay(
    settings: Settings,
    files: Sequence[Path],
    how: Recorded,
    speed: float | None,
    start: Instant | None,
    end: Instant | None,
) -> None:
    """Send the quotes of the files and say how many."""
    try:
        kinds = {holds_messages(path) for path in files}
        if kinds == {True}:
            _recordings(settings, files, how, speed, start, end)
        elif how.exchanges or how.symbols:
            stop("--exchange and --symbol are for recordings: these are files of prices, or not all hold messages")
        elif len(files) == 1:
            venue = _of(how.venues, files, "venue") or [FILE_VENUE]
            _prices(settings, files[0], Replay(underlying=how.underlying, venue=venue[0], speed=speed), start, end)
        else:
            stop("one file of prices at a time; several only of recordings")
    except OSError as error:
        stop(f"{error.filename or files[0]}: {error.strerror}")
    except (PriceFileError, SettingsError, FeedError) as error:
        stop(str(error))


def _prices(settings: Settings, path: Path, how: Replay, start: Instant | None, end: Instant | None) -> None:
    _refuse_unheard(settings, how.underlying, {how.venue})
    total = sum(1 for _ in PriceFile(path, start, end).ticks())
    run(_send_prices(settings, PriceFile(path, start, end), how, total))


async def _send_prices(settings: Settings, file: PriceFile, how: Replay, total: int) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    async with log.writer() as writer:
        with progress(f"replaying {file.path.name}", total) as bar:
            sent = await how.run(file.ticks(), InputWriter(writer, settings.partition_of), bar.advance)
    typer.echo(f"{sent} quotes of {how.underlying} at {how.venue} sent, {file.dropped} rows dropped")


def _recordings(
    settings: Settings,
    files: Sequence[Path],
    how: Recorded,
    speed: float | None,
    start: Instant | None,
    end: Instant | None,
) -> None:
    try:
        from producers.feed.captures import Captures, Source  # noqa: PLC0415 - ccxt is an extra
    except ImportError as error:
        stop(f"reading recordings needs ccxt ({error}): install levtao[exchanges]")
    exchanges = _of(how.exchanges, files, "exchange")
    if not exchanges:
        stop(f"{files[0]} holds messages: --exchange says whose")
    kinds = _of(how.kinds, files, "market")
    symbols = _of(how.symbols, files, "symbol") or [f"{how.underlying}/USDT"] * len(files)
    venues = _of(how.venues, files, "venue") or [f"{name}-{kind}" for name, kind in zip(exchanges, kinds, strict=True)]
    sources = [
        Source(path, exchange, "swap", _perpetual(symbol), venue)
        if kind == "swap"
        else Source(path, exchange, "spot", symbol, venue)
        for path, exchange, kind, symbol, venue in zip(files, exchanges, kinds, symbols, venues, strict=True)
    ]
    for source in sources:
        refuse_symbol(source.symbol, source.kind)
    _refuse_unheard(settings, how.underlying, set(venues))
    captures = Captures(how.underlying, sources)
    run(_send_recordings(settings, captures, captures.survey(), speed, start, end))


async def _send_recordings(
    settings: Settings,
    captures: "Captures",
    total: int,
    speed: float | None,
    start: Instant | None,
    end: Instant | None,
) -> None:
    log = kafka_log(settings)
    await provisioned(log, settings)
    quotes = _between(captures.quotes(), start, end)
    async with log.writer() as writer:
        with progress(f"replaying {len(captures.sources)} recordings", total) as bar:
            shown = 0

            def show(_: int) -> None:
                nonlocal shown
                bar.advance(captures.read - shown)
                shown = captures.read

            sent = await send_paced(quotes, speed, InputWriter(writer, settings.partition_of), show)
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(captures.dropped.items())) or "nothing"
    typer.echo(f"{sent} quotes of {captures.underlying} from {total} messages sent; dropped: {dropped}")
    silent = [source for source in captures.sources if not captures.quoted[source.venue]]
    if silent:
        found = "; ".join(f"{path}: {symbol} of {exchange}, {kind}" for path, exchange, kind, symbol, _ in silent)
        stop(f"no quote in {found}: is that what it holds?")


def _between(quotes: Iterator[QuoteObserved], start: Instant | None, end: Instant | None) -> Iterator[QuoteObserved]:
    for quote in quotes:
        if (start is None or quote.time >= start) and (end is None or quote.time < end):
            yield quote


def _perpetual(symbol: str) -> str:
    """TAO/USDT as a perpetual is TAO/USDT:USDT."""
    return symbol if ":" in symbol else f"{symbol}:{symbol.partition('/')[2]}"


def _of(given: Sequence[_Given], files: Sequence[Path], option: str) -> Sequence[_Given]:
    """One for each file; none where none was given."""
    if len(given) == 1:
        return [given[0]] * len(files)
    if given and len(given) != len(files):
        stop(f"--{option} is given once, or once for each of the {len(files)} files")
    return given


def _refuse_unheard(settings: Settings, underlying: str, venues: set[str]) -> None:
    """Raise SettingsError for quotes the engine would refuse one by one; say it where they make no index."""
    settings.partition_of(underlying)
    listed = (each for each in settings.commands() if isinstance(each, SetUnderlyingTerms))
    terms = next(each.terms for each in listed if each.underlying == underlying)
    for venue in sorted(venues):
        if terms.venues and venue not in terms.venues:
            known = ", ".join(terms.venues)
            raise SettingsError(f"venue {venue} is not among those of {underlying} ({known}); --venue names one")
    if terms.min_venues > len(venues):
        typer.echo(f"levtao: {underlying} has no index below {terms.min_venues} venues: replay as many", err=True)
