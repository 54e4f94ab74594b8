"""The group of engines: eager assignment, a session that ends when a member is not heard of, and quarrels on demand."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from contextvars import Context
from random import Random

from engine.log.port import LogError, Partitions
from tests.simulator.process import Process

SESSION_S = 10.0
IDLE_POLL_S = 300.0
"""A poll without news takes so long: heartbeats are not simulated one by one."""


class Membership:
    """One process in the group."""

    def __init__(self, group: "Group", process: Process, partitions: Partitions) -> None:
        """Known to the group from its first poll on."""
        self.joined = -1
        self.dealt = -1
        self.told = -1
        self.mine: frozenset[int] = frozenset()
        self.news = asyncio.Event()
        self.process = process
        self._group = group
        self._partitions = partitions

    async def poll(self, wait_s: float) -> None:
        """Wait for news; when the partitions are dealt anew give back the old ones first. Raises LogError."""
        await self.process.reach("poll.before")
        if self.process.fails("poll") is not None:
            raise LogError("poll: the group is lost")
        group = self._group
        if not group.knows(self) or self.joined != group.generation:
            await self._partitions.revoked()
            group.join(self)
        if self.dealt == group.generation != self.told:
            self.told = group.generation
            self._partitions.assigned(self.mine)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_POLL_S):
                    await self.news.wait()
        self.news.clear()
        await self.process.reach("poll.after")

    async def confirm(self) -> None:
        """See the port."""
        if self.process.lost or not self._group.knows(self) or self.joined != self._group.generation:
            raise LogError("confirm: the group is lost")

    async def note_progress(self, offsets: Mapping[int, int]) -> None:
        """Nothing depends on it."""


class Group:
    """Deals `count` partitions to whoever is there."""

    def __init__(self, count: int, random: Random) -> None:
        """Nobody yet."""
        self.generation = 0
        self.duel_until_s = -1.0
        self._count = count
        self._random = random
        self._members: list[Membership] = []

    def knows(self, member: Membership) -> bool:
        """Whether the member's session holds."""
        return member in self._members

    def join(self, member: Membership) -> None:
        """Take part in the next deal."""
        if member not in self._members:
            self._members.append(member)
            self.deal_anew()
        member.joined = self.generation
        self._deal()

    def leave(self, member: Membership) -> None:
        """Be dealt nothing any more."""
        if member in self._members:
            self._members.remove(member)
            self.deal_anew()

    def lost(self, process: Process) -> None:
        """Nothing is heard of a process: its session ends unless it comes back in time."""
        process.loop.call_later(SESSION_S, self._end_session, process, context=Context())

    def deal_anew(self) -> None:
        """Everybody has to give back and join again; who does not in time is out."""
        self.generation += 1
        for member in self._members:
            member.news.set()
        loop = asyncio.get_running_loop()
        loop.call_later(SESSION_S, self._expel_late, self.generation, context=Context())

    def stir(self) -> None:
        """Wake everybody up from an idle poll."""
        for member in self._members:
            member.news.set()

    def _deal(self) -> None:
        if any(member.joined != self.generation for member in self._members):
            return
        numbers = list(range(self._count))
        self._random.shuffle(numbers)
        duel = asyncio.get_running_loop().time() < self.duel_until_s
        for turn, member in enumerate(self._members):
            member.mine = frozenset(numbers if duel else numbers[turn :: len(self._members)])
            member.dealt = self.generation
            member.news.set()

    def _end_session(self, process: Process) -> None:
        for member in self._members:
            if member.process is process and process.lost:
                self.leave(member)
                return

    def _expel_late(self, generation: int) -> None:
        late = [member for member in self._members if member.joined != generation]
        if generation == self.generation and late:
            self._members = [member for member in self._members if member.joined == generation]
            self.deal_anew()
