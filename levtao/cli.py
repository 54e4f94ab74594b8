"""The command line. Commands import what they need when they are called."""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from levtao import cli_analysis, cli_gateway
from levtao.options import MULTIPLIER, ZERO, Commission, From, MaxLeverage, Slippage, To, amount_option, instant_option
from levtao.problems import stop

app = typer.Typer(
    name="levtao",
    help="Leveraged tokens kept at their promise: prices in, orders out, every decision provable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def levtao() -> None:
    """Event-driven rebalancing of leveraged tokens."""


@app.command()
def backtest(
    prices: Annotated[
        Path | None, typer.Option(help="CSV, plain or gzipped: time,price or open_time,open,high,low,close.")
    ] = None,
    multiplier: Annotated[list[Decimal] | None, MULTIPLIER] = None,
    scenario: Annotated[
        Path | None, typer.Option(help="Any inputs of the wire format, one a line, instead of prices.")
    ] = None,
    max_leverage: MaxLeverage = "default",
    max_age: Annotated[int, typer.Option(help="Seconds a price stays fresh.", min=0)] = 600,
    slippage_bps: Slippage = ZERO,
    commission_bps: Commission = ZERO,
    lot: Annotated[Decimal, typer.Option(parser=amount_option, help="Lot size; 0 for none.", metavar="X")] = ZERO,
    min_notional: Annotated[
        Decimal, typer.Option(parser=amount_option, help="Smallest order, in quote currency.", metavar="X")
    ] = ZERO,
    start: From = None,
    end: To = None,
    events: Annotated[Path | None, typer.Option(help="Write every output of the core here, one a line.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write a page of charts and tables here.")] = None,
    enter: Annotated[
        int | None, typer.Option(parser=instant_option, help="When somebody buys; needs --exit.", metavar="TIME")
    ] = None,
    leave: Annotated[
        int | None, typer.Option("--exit", parser=instant_option, help="When they sell.", metavar="TIME")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a token.")] = False,
) -> None:
    """Run the core over past prices and sum up each token: NAV 100, one unit, at target at the first price."""
    from levtao.commands import backtest as command

    if scenario is not None:
        from levtao.commands import scenario as scenario_command

        if prices is not None or multiplier:
            stop("--scenario brings its own prices and terms: leave --prices and --multiplier out")
        if report is not None:
            stop("--scenario has no page of its own: write --events FILE, then `levtao report FILE --out PAGE`")
        own = (max_leverage == "default", max_age == 600, *(each == 0 for each in (slippage_bps, commission_bps)))
        if not all((*own, lot == 0, min_notional == 0, *(each is None for each in (start, end, enter, leave)))):
            stop("--scenario goes with --events and --json and nothing else: its terms and times are in the file")
        scenario_command.run(scenario, events, as_json=json)
        return
    if prices is None or not multiplier:
        stop("a back-test needs --prices FILE and --multiplier L, or --scenario FILE")
    command.run(
        prices,
        multiplier,
        max_leverage=max_leverage,
        max_age_s=max_age,
        slippage_bps=slippage_bps,
        commission_bps=commission_bps,
        lot=lot,
        min_notional=min_notional,
        start=start,
        end=end,
        events=events,
        report=report,
        enter=enter,
        leave=leave,
        as_json=json,
    )


app.command("report")(cli_analysis.report)
app.command("simulate")(cli_analysis.simulate)
app.command("gateway")(cli_gateway.gateway)
app.command("gateway-key")(cli_gateway.gateway_key)
app.command("operator", add_help_option=False, context_settings=cli_gateway.PASSED_ON)(cli_gateway.operator)
app.command("participant", add_help_option=False, context_settings=cli_gateway.PASSED_ON)(cli_gateway.participant)

Config = Annotated[Path | None, typer.Option(help="Settings; levtao.toml if there is one.")]
Kafka = Annotated[str | None, typer.Option(help="HOST:PORT, instead of the settings'.", metavar="HOST:PORT")]
RedisUrl = Annotated[str | None, typer.Option(help="Instead of the settings'.", metavar="URL")]

topics = typer.Typer(help="Topics of the broker.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens and their terms.", no_args_is_help=True)
app.add_typer(topics, name="topics")
app.add_typer(tokens, name="tokens")


@topics.command("apply")
def topics_apply(config: Config = None, kafka: Kafka = None, redis: RedisUrl = None) -> None:
    """Prepare a broker: topics, first checkpoints, and on an empty one the listed underlyings and tokens."""
    from levtao.commands import serve
    from levtao.service import settings_of

    serve.topics_apply(settings_of(config, kafka, redis))


@tokens.command("apply")
def tokens_apply(config: Config = None, kafka: Kafka = None, redis: RedisUrl = None) -> None:
    """Send the terms of the settings; those with a newer terms_version take effect."""
    from levtao.commands import serve
    from levtao.service import settings_of

    serve.tokens_apply(settings_of(config, kafka, redis))


@app.command()
def run(config: Config = None, kafka: Kafka = None, redis: RedisUrl = None) -> None:
    """Run the engine until a signal; start it twice for a standby."""
    from levtao.commands import serve
    from levtao.service import settings_of

    serve.engine(settings_of(config, kafka, redis))


@app.command()
def clock(
    config: Config = None,
    kafka: Kafka = None,
    redis: RedisUrl = None,
    interval: Annotated[float, typer.Option(help="Seconds between two ticks.", min=0.01)] = 1.0,
) -> None:
    """Tell every underlying the time, until a signal."""
    from levtao.commands import serve
    from levtao.service import settings_of

    serve.clock(settings_of(config, kafka, redis), interval)


@app.command()
def broker(
    config: Config = None,
    kafka: Kafka = None,
    redis: RedisUrl = None,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    latency_ms: Annotated[tuple[float, float], typer.Option(help="Of a report, least and most.")] = (5, 50),
    slippage_bps: Annotated[float, typer.Option(help="At most, beyond the best opposite price.", min=0)] = 5,
    commission_bps: Annotated[
        Decimal, typer.Option(parser=amount_option, help="Of the notional.", metavar="X")
    ] = Decimal(2),
    partial: Annotated[float, typer.Option(help="Share of orders filled in pieces.", min=0, max=1)] = 0.3,
    unfilled: Annotated[float, typer.Option(help="Share of those that end with a part unfilled.", min=0, max=1)] = 0.05,
    reject: Annotated[float, typer.Option(help="Share of orders rejected.", min=0, max=1)] = 0.02,
) -> None:
    """Fill orders on paper, until a signal."""
    from consumers.paper import PaperSettings
    from levtao.commands import serve
    from levtao.service import settings_of

    paper = PaperSettings(
        seed=seed,
        latency_s=(latency_ms[0] / 1000, latency_ms[1] / 1000),
        slippage_bps=slippage_bps,
        commission_bps=commission_bps,
        partial=partial,
        unfilled=unfilled,
        reject=reject,
    )
    serve.broker(settings_of(config, kafka, redis), paper)


class MarketKind(StrEnum):
    """Kinds of markets, as ccxt calls them."""

    SPOT = "spot"
    SWAP = "swap"


@app.command()
def feed(
    config: Config = None,
    kafka: Kafka = None,
    redis: RedisUrl = None,
    record: Annotated[
        Path | None, typer.Option(help="Write what arrives here, a file a venue and day.", metavar="DIR")
    ] = None,
) -> None:
    """Send what exchanges quote, by the feeds of the settings, until a signal."""
    from levtao.commands import feed as command
    from levtao.service import settings_of

    command.feed(settings_of(config, kafka, redis), record)


@app.command()
def execute(
    config: Config = None,
    kafka: Kafka = None,
    redis: RedisUrl = None,
    live: Annotated[bool, typer.Option("--live", help="Place orders; else only say what would be placed.")] = False,
    secrets: Annotated[
        Path | None, typer.Option(help="VENUE.key, .secret and .password, for nobody else to read.", metavar="DIR")
    ] = None,
) -> None:
    """Work orders on exchanges and report fills and funding, until a signal; a rehearsal without --live."""
    from levtao.commands import execute as command
    from levtao.service import settings_of

    command.execute(settings_of(config, kafka, redis), live=live, secrets=secrets)


@app.command()
def replay(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="A CSV of time,price or open_time,open,high,low,close; or recordings of messages. Plain or gzipped."
        ),
    ],
    underlying: Annotated[str, typer.Option(help="Whose prices they are.")] = "TAO",
    venue: Annotated[
        list[str] | None,
        typer.Option(help="The venue they are quoted at: else `file`; of recordings EXCHANGE-MARKET."),
    ] = None,
    exchange: Annotated[
        list[str] | None, typer.Option(help="Whose messages a recording holds, by ccxt's id: once, or once a file.")
    ] = None,
    market: Annotated[list[MarketKind] | None, typer.Option(help="Likewise; spot if not given.")] = None,
    symbol: Annotated[
        list[str] | None, typer.Option(help="Likewise, as ccxt spells it; UNDERLYING/USDT if not given.")
    ] = None,
    speed: Annotated[float | None, typer.Option(help="Event seconds a second; flat out without.", min=0.001)] = None,
    start: From = None,
    end: To = None,
    config: Config = None,
    kafka: Kafka = None,
    redis: RedisUrl = None,
) -> None:
    """Send past prices as quotes: a file of them, or recordings of what exchanges sent, merged by time."""
    from levtao.commands import replay as command
    from levtao.service import settings_of

    how = command.Recorded(underlying, venue or [], exchange or [], market or [MarketKind.SPOT], symbol or [])
    command.replay(settings_of(config, kafka, redis), files, how, speed, start, end)


@app.command()
def send(
    file: Annotated[Path, typer.Argument(help="Inputs of the wire format, one a line.")],
    config: Config = None,
    kafka: Kafka = None,
    redis: RedisUrl = None,
) -> None:
    """Send requests, deliveries, commands or any other inputs; none where one is wrong."""
    from levtao.commands import serve
    from levtao.service import settings_of

    serve.send(settings_of(config, kafka, redis), file)


@app.command()
def verify(
    config: Config = None,
    kafka: Kafka = None,
    redis: RedisUrl = None,
    with_redis: Annotated[bool, typer.Option(help="Compare the view in Redis too.")] = True,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a partition.")] = False,
) -> None:
    """Fold the input log again and prove that the outputs and Redis are what it implies."""
    from levtao.commands import verify as command
    from levtao.service import settings_of

    command.verify_all(settings_of(config, kafka, redis), with_redis=with_redis, as_json=json)


@app.command()
def trace(
    order_id: Annotated[str, typer.Argument(help="As it is on the orders topic.")],
    scenario: Annotated[Path | None, typer.Option(help="Inputs of a scenario, instead of the topics.")] = None,
    events: Annotated[Path | None, typer.Option(help="The outputs that scenario gave.")] = None,
    config: Config = None,
    kafka: Kafka = None,
    redis: RedisUrl = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Walk from an order back to inputs, prices, decisions and terms, and forward to fills and settlement."""
    from levtao.commands import trace as command
    from levtao.service import settings_of

    if scenario is not None and events is not None:
        command.from_files(order_id, scenario, events, as_json=json)
    elif scenario is not None or events is not None:
        stop("--scenario FILE and --events FILE go together")
    else:
        command.from_topics(settings_of(config, kafka, redis), order_id, as_json=json)


class Broker(StrEnum):
    """Where the demo's log lives."""

    EMBEDDED = "embedded"
    LOCAL = "local"


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="Everything made up follows from it.")] = 1,
    speed: Annotated[float, typer.Option(help="Faster than a minute or so by this factor.", min=0.1)] = 1.0,
    broker: Annotated[
        Broker, typer.Option(help="In memory, or a real Kafka (needs Java and Maven).")
    ] = Broker.EMBEDDED,
) -> None:
    """Show the whole chain on a path through TAO's 10 October 2025, and verify what it did."""
    from levtao.commands import demo as command

    command.show(command.Demo(seed, speed, broker.value))


def main() -> None:
    """The `levtao` command."""
    app(prog_name="levtao")
