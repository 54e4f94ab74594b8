"""`levtao feed`: what exchanges say into the log."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from engine import metrics
from engine.domain.commands import SetTokenTerms, SetUnderlyingTerms
from engine.domain.terms import UnderlyingTerms
from engine.log.port import Writer
from levtao.commands.serve import keep_writing
from levtao.problems import stop
from levtao.service import configure_logging, kafka_log, provisioned, run, until_signalled
from levtao.settings import Settings, SettingsError
from producers.feed.quotes import Market
from producers.feed.settings import FeedError
from producers.inputs import InputWriter
from producers.signals import Watcher


def feed(settings: Settings, record: Path | None) -> None:
    """Feed until a signal; with `record`, write down in that folder what arrives."""
    try:
        from producers.feed.exchange import refuse  # noqa: PLC0415 - ccxt is an extra
    except ImportError as error:
        stop(f"feeding needs ccxt ({error}): install levtao[exchanges]")
    try:
        markets = markets_of(settings)
        for name, fed in settings.feeds.items():
            refuse(name, fed)
    except (FeedError, SettingsError) as error:
        stop(str(error))
    try:
        if record is not None:
            record.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        stop(f"{record}: {error.strerror}")
    try:
        if settings.metrics is not None:
            metrics.serve(settings.metrics)
    except OSError as error:
        stop(f"metrics: {settings.metrics}: {error.strerror}")
    configure_logging()
    run(_feed(settings, markets, record))


def markets_of(settings: Settings) -> dict[str, list[Market]]:
    """What each venue is to observe. Raises SettingsError for what the engine would refuse quote by quote."""
    if not settings.feeds:
        raise SettingsError("feeds: the settings name none")
    listed = {each.underlying: each.terms for each in settings.commands() if isinstance(each, SetUnderlyingTerms)}
    _refuse_funding_paid_twice(settings, listed)
    markets: dict[str, list[Market]] = {}
    for venue, fed in settings.feeds.items():
        for underlying in fed.symbols:
            settings.partition_of(underlying)
            heard = listed[underlying].venues
            if heard and venue not in heard:
                known = ", ".join(heard)
                raise SettingsError(f"feeds.{venue}: not among the venues of {underlying} ({known})")
        for token in fed.tokens:
            if token not in settings.tokens:
                raise SettingsError(f"feeds.{venue}.tokens: {token} is not in the settings")
        markets[venue] = [
            *(Market(symbol, underlying) for underlying, symbol in fed.symbols.items()),
            *(
                Market(symbol, settings.tokens[token].underlying, token, settings.tokens[token].terms_version)
                for token, symbol in fed.tokens.items()
            ),
        ]
    return markets


def _refuse_funding_paid_twice(settings: Settings, listed: Mapping[str, UnderlyingTerms]) -> None:
    """Raise SettingsError where each of several venues' funding would be booked on the whole of an assumed hedge."""
    assumed = {
        each.underlying
        for each in settings.commands()
        if isinstance(each, SetTokenTerms) and each.terms.fills == "assumed"
    }
    polled = [fed for fed in settings.feeds.values() if fed.kind == "swap" and fed.poll_s]
    venues = Counter(underlying for fed in polled for underlying in fed.symbols)
    for underlying in sorted(assumed):
        if venues[underlying] > 1 and not listed[underlying].funding_weights:
            raise SettingsError(
                f"underlyings.{underlying}.funding_weights: {venues[underlying]} perpetuals are fed, and tokens with "
                "assumed fills would pay the funding of each in full; give each venue its share"
            )


async def _feed(settings: Settings, markets: Mapping[str, list[Market]], record: Path | None) -> None:
    from producers.feed.feed import Feed  # noqa: PLC0415 - ccxt is an extra
    from producers.feed.outbox import Outbox  # noqa: PLC0415 - likewise
    from producers.feed.record import Recorder  # noqa: PLC0415 - likewise

    log = kafka_log(settings)
    await provisioned(log, settings)
    outbox = Outbox()
    recorder = None if record is None else Recorder(record)
    fed = Feed(settings.feeds, markets, outbox, recorder, Watcher(settings.signals).observe)

    async def write(writer: Writer) -> None:
        await outbox.run(InputWriter(writer, settings.partition_of))

    async def work() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fed.run())
            tasks.create_task(keep_writing(log, write))

    await until_signalled(work())
