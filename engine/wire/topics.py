"""The topics: one table of what they are called, how they are keyed and how long they live."""

from dataclasses import dataclass

from engine.domain.outputs import Stream

_DAY_MS = 86_400_000

SEGMENT_BYTES = 64 << 20
"""Of a compacted topic. The segment being written is never compacted, and a lane without a view reads all of it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. All of them have the same number of partitions, and only lane p writes partition p of an output."""

    name: str
    key: str
    retention_days: int | None
    """None keeps the last record of each key for ever (compaction)."""
    max_message_bytes: int = 1 << 20
    append_time: bool = False
    """The broker stamps records itself; else they carry the stamp of the input that caused them."""

    def config(self) -> dict[str, str]:
        """Broker settings of the topic."""
        settings = {
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "LogAppendTime" if self.append_time else "CreateTime",
        }
        if self.retention_days is None:
            return settings | {
                "cleanup.policy": "compact",
                "min.cleanable.dirty.ratio": "0.1",
                "segment.bytes": str(SEGMENT_BYTES),
            }
        return settings | {"cleanup.policy": "delete", "retention.ms": str(self.retention_days * _DAY_MS)}


LARGE = 16 << 20
"""An order of ten thousand tokens has ten thousand allocations."""

INPUTS = Topic("levtao.inputs.v1", key="underlying", retention_days=30, append_time=True)
ORDERS = Topic("levtao.orders.v1", key="underlying", retention_days=30, max_message_bytes=LARGE)
EVENTS = Topic("levtao.events.v1", key="underlying", retention_days=30, max_message_bytes=LARGE)
NAVS = Topic("levtao.navs.v1", key="token", retention_days=7)
DEAD_LETTERS = Topic("levtao.deadletters.v1", key="partition", retention_days=30)
STATES = Topic("levtao.states.v1", key="record", retention_days=None, max_message_bytes=LARGE)

TOPICS = (INPUTS, ORDERS, EVENTS, NAVS, DEAD_LETTERS, STATES)
OUTPUTS: dict[Stream, Topic] = {"orders": ORDERS, "events": EVENTS, "navs": NAVS}
