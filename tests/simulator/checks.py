"""What must hold after every run, whatever went wrong while it ran. The first thing that does not is named."""

from collections import defaultdict
from collections.abc import Iterable

from engine.domain.events import Body
from engine.domain.numbers import exact
from engine.log.port import Record
from engine.runtime.partition import NO_FLOOD, InputRecord, OutputRecord, Partition
from engine.wire.codec import DecodeError, decode_input, decode_output
from engine.wire.topics import DEAD_LETTERS, EVENTS, INPUTS, NAVS, ORDERS
from tests.simulator.log import Commit
from tests.simulator.rules import Rules
from tests.simulator.world import Outcome

COMPARED = (ORDERS.name, EVENTS.name, NAVS.name, DEAD_LETTERS.name)


class ViolationError(AssertionError):
    """A check that failed, and how."""

    def __init__(self, check: str, text: str) -> None:
        """The check's name is what a shrunk plan has to violate too."""
        super().__init__(f"{check}: {text}")
        self.check = check


def verify(outcome: Outcome) -> None:
    """Raise ViolationError for the first thing that is wrong."""
    for number in range(outcome.plan.partitions):
        commits = [commit for commit in outcome.commits if commit.partition == number]
        _check_commits(commits)
        _check_records(outcome, number)
    for name, text in outcome.problems:
        raise ViolationError(name, text)
    for number in range(outcome.plan.partitions):
        _Fold(outcome, number).check()


def _check_commits(commits: list[Commit]) -> None:
    """Batches follow each other, hold the outputs of their inputs and no others, and are their writer's to make."""
    at = 0
    batch = 0
    for commit in commits:
        if commit.epoch != commit.newest_epoch:
            raise ViolationError(
                "fencing", f"{commit.who} committed at {commit.at_s:.3f} s after another had taken over"
            )
        checkpoint = commit.checkpoint
        if checkpoint is None:
            raise ViolationError("checkpoints", f"{commit.who} committed without one at {commit.at_s:.3f} s")
        if checkpoint.batch != batch + 1 or checkpoint.next_offset <= at:
            raise ViolationError("checkpoints", f"{checkpoint} follows batch {batch} up to input {at}")
        strange = [cause for cause in commit.causes if not at <= cause < checkpoint.next_offset]
        if strange:
            raise ViolationError("checkpoints", f"{checkpoint} covers from input {at}, but has outputs of {strange}")
        at, batch = checkpoint.next_offset, checkpoint.batch


def _check_records(outcome: Outcome, number: int) -> None:
    """What is there by itself: sequences without gaps, ids that are there once."""
    ids: set[bytes] = set()
    for topic in COMPARED:
        last: dict[bytes | None, int] = defaultdict(int)
        for record in outcome.log.partition(topic, number).records:
            head = dict(record.headers)["ce_id"]
            if head in ids:
                raise ViolationError("ids", f"{topic}/{number}: {head.decode()} is there twice")
            ids.add(head)
            sequence = int((record.value or b"").partition(b'"sequence":')[2].lstrip().partition(b",")[0])
            if sequence != last[record.key] + 1:
                raise ViolationError(
                    "sequences", f"{topic}/{number}: {sequence} of {record.key!r} follows {last[record.key]}"
                )
            last[record.key] = sequence


class _Fold:
    """The inputs of a partition folded once more, one by one, beside what the service made of them."""

    def __init__(self, outcome: Outcome, number: int) -> None:
        self.outcome = outcome
        self.number = number
        self.partition = Partition(number, dead_letter_limit=NO_FLOOD)
        self.rules = Rules()
        self.implied: dict[str, list[OutputRecord]] = {topic: [] for topic in COMPARED}
        self.digests: dict[int, str] = {0: self.partition.checkpoint.digest}
        self.stops = {commit.checkpoint.next_offset for commit in outcome.commits
                      if commit.partition == number and commit.checkpoint is not None}  # fmt: skip

    def check(self) -> None:
        """Fold, then compare outputs, checkpoints and everything that was ever written to Redis."""
        committed = max(self.stops, default=0)
        for record in self.outcome.log.partition(INPUTS.name, self.number).records[:committed]:
            self._take(record)
        for topic, implied in self.implied.items():
            _compare(f"{topic}/{self.number}", implied, self.outcome.log.partition(topic, self.number).records)
        for commit in self.outcome.commits:
            checkpoint = commit.checkpoint
            if commit.partition == self.number and checkpoint is not None:
                implied_digest = self.digests[checkpoint.next_offset]
                if checkpoint.digest != implied_digest:
                    raise ViolationError("states", f"{checkpoint} digests to something else than {implied_digest}")
        for write in self.outcome.writes:
            if write.partition != self.number:
                continue
            if write.watermark > write.committed:
                raise ViolationError("view", f"{write} was ahead of what was committed")
            if not write.digest == write.said_digest == self.digests.get(write.watermark):
                raise ViolationError("view", f"{write} is not what the inputs imply")

    def _take(self, record: Record) -> None:
        with exact():
            try:
                given = decode_input(record.key, record.value)
            except DecodeError:
                given = None
            book = None if given is None else self.partition.books.get(given.underlying)
            if book is not None:
                self.rules.before(book)
            outputs = self.partition.apply([InputRecord(*record[:4])])
            for output in outputs:
                self.implied[output.topic].append(output)
            if book is not None and given is not None:
                try:
                    self.rules.after(book, given, _bodies(outputs))
                except AssertionError as error:
                    raise ViolationError("rules", f"input {self.number}/{record.offset}: {error}") from error
            if self.partition.next_offset in self.stops:
                self.partition.changes()
                self.digests[self.partition.next_offset] = self.partition.checkpoint.digest


def _bodies(outputs: Iterable[OutputRecord]) -> list[Body]:
    """What was said, without dead letters."""
    return [decode_output(output.value).body for output in outputs if output.topic != DEAD_LETTERS.name]


def _compare(at: str, implied: list[OutputRecord], there: list[Record]) -> None:
    for mine, record in zip(implied, there, strict=False):
        same = (mine.key, mine.value, tuple(mine.headers), mine.timestamp_ms)
        if same != (record.key, record.value, record.headers, record.timestamp_ms):
            raise ViolationError(
                "fold", f"{at} offset {record.offset}: is {_short(record.value)}, implied {_short(mine.value)}"
            )
    if len(implied) != len(there):
        more = there[len(implied)].value if len(there) > len(implied) else implied[len(there)].value
        raise ViolationError(
            "fold", f"{at}: {len(there)} outputs, implied {len(implied)}; the first odd one {_short(more)}"
        )


def _short(value: bytes | None) -> str:
    return (value or b"")[:200].decode(errors="replace")
