"""Every metric of the service: its name, what it says, and what to do when it is wrong. Labels are bounded."""

from prometheus_client import Counter, Enum, Gauge, Histogram, start_http_server

FEED_MESSAGES = Counter(
    "levtao_feed_messages_total",
    "Messages taken from a venue. Standing still: see levtao_feed_age_seconds.",
    ("venue",),
)

FEED_STATE = Enum(
    "levtao_feed_state",
    "How a venue is: `silent` and `down` are connected to anew by themselves; for long, look at the log for why.",
    ("venue",),
    states=("connecting", "up", "silent", "down"),
)

FEED_AGE_SECONDS = Gauge(
    "levtao_feed_age_seconds",
    "Since the last sound quote of a market came. Beyond the underlying's max_age_s the venue does not count.",
    ("venue", "market"),
)

FEED_DELAY_SECONDS = Gauge(
    "levtao_feed_delay_seconds",
    "From the venue's time of the last quote to its coming. Negative or of seconds: one of two clocks is off.",
    ("venue",),
)

FEED_QUOTES = Counter(
    "levtao_feed_quotes_total",
    "Sound quotes, by whose clock dated them: `venue`, or `collector` where the venue gives no time.",
    ("venue", "clock"),
)

FEED_DROPPED = Counter(
    "levtao_feed_dropped_total",
    "What did not go on, by reason. `superseded` is the rate bound or a lost log at work; others are the venue's.",
    ("venue", "reason"),
)

FEED_ODD = Counter(
    "levtao_feed_odd_total",
    "Quotes that went on though odd: `crossed`, `late` (dated over 2 s before they came), `early` (dated back).",
    ("venue", "kind"),
)

FEED_SENT = Counter("levtao_feed_sent_total", "Inputs of a venue that are in the log.", ("venue",))

FEED_CONNECTIONS_LOST = Counter(
    "levtao_feed_connections_lost_total",
    "Times a venue was connected to anew, by cause. Often `silent`: raise silent_s, or the market is quiet.",
    ("venue", "cause"),
)

FEED_GAP_SECONDS = Counter(
    "levtao_feed_gap_seconds_total", "Time without quotes of a venue around connections that were lost.", ("venue",)
)

FEED_REST_FAILURES = Counter(
    "levtao_feed_rest_failures_total",
    "Questions over REST that went unanswered, by ccxt's error, or `nothing`. Rate limits: raise poll_s.",
    ("venue", "question", "error"),
)

FEED_UNRECORDED = Counter(
    "levtao_feed_unrecorded_total", "Messages that could not be recorded. The disk is full or too slow.", ("venue",)
)


GATEWAY_REQUESTS = Counter(
    "levtao_gateway_requests_total",
    "Requests to the gateway by what became of them. `unavailable`: log or Redis is away. `failed`: a defect.",
    ("route", "role", "outcome"),
)

GATEWAY_AUTH_FAILURES = Counter(
    "levtao_gateway_auth_failures_total",
    "Requests without a good key. Rising: somebody guesses, or a desk uses a key that was taken out.",
)

GATEWAY_LIMITED = Counter(
    "levtao_gateway_limited_total",
    "Too many, by `key`, `address` (failed keys) or `connections` (of one address: name the proxy). A desk's own key: "
    "raise rate_per_s and burst.",
    ("by",),
)

GATEWAY_SECONDS = Histogram(
    "levtao_gateway_seconds", "From a good request to its answer. Slow: the log or Redis is.", ("route",)
)


EXECUTION_ORDERS = Counter(
    "levtao_execution_orders_total",
    "Orders by what became of them: `placed`; `filled`, `expired`, `cancelled`, `rejected` (the details say why).",
    ("venue", "outcome"),
)

EXECUTION_UNCLEAR = Counter(
    "levtao_execution_unclear_sends_total",
    "Placings without a clear answer, asked for by client id since. Rising: the venue or the way to it is ill.",
    ("venue",),
)

EXECUTION_TROUBLES = Counter(
    "levtao_execution_troubles_total",
    "Calls to a venue without a usable answer, by deed. All of `ask`: keys, clock or network.",
    ("venue", "deed"),
)

EXECUTION_FIRST_FILL_SECONDS = Histogram(
    "levtao_execution_first_fill_seconds",
    "From placing to the first fill heard of. Slow: the venue answers late, or orders rest.",
    ("venue",),
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)

EXECUTION_IN_FLIGHT = Gauge("levtao_execution_in_flight", "Orders being worked. At its limit (64) new ones wait.")

EXECUTION_OVERDUE = Gauge(
    "levtao_execution_overdue",
    "Orders a minute and more past their expiry without an end. Above 0 for long: look at them at the venue.",
)

EXECUTION_HELD = Gauge(
    "levtao_execution_held",
    "1 while nothing is placed: the kill switch is on, or the executor has halted itself and logged why.",
)

EXECUTION_FUNDING = Counter(
    "levtao_execution_funding_total",
    "Payments of funding sent to the engine. Standing still: no hedge, or no polling.",
    ("venue",),
)


def serve(address: str) -> None:
    """Answer Prometheus at HOST:PORT from a thread of its own. Raises OSError where that is taken."""
    host, _, port = address.rpartition(":")
    start_http_server(int(port), host)
