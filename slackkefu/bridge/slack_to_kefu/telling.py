"""
Telling: who wrote a message that did not reach the desk comes to know it.

The message gets a mark that everybody sees, and its writer a short note that nobody else sees. The mark decides: Slack
takes it once, however often it is made, so a message whose mark stands is *told*, and only when that is on disk the
note is posted. So a crash can cost the note, and never doubles it. Where the app may not mark (no ``reactions:write``),
an accepted note counts instead.

What is to be told is on disk with the end of its message (:class:`~slackkefu.store.entries.Untold`), and is tried until
it is told or :data:`KEEP_S` old, over restarts too. Only so much is in hand, of one workspace and of all
(:data:`MOST`); the rest counts as untold, stays on disk, and is taken up by the next run where that comes in time. One
workspace is told one thing at a time; its limits hold up no other, and nothing here holds up a lane. Neither mark nor
note comes back as a message: the app subscribes to no event about reactions, and a note that one person sees makes
none.

What is proved to have arrived after all loses its mark, and is told no more.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from slackkefu.bridge.lanes import Lanes
from slackkefu.bridge.proof.awaited import Conclusion
from slackkefu.bridge.sentences import Sentence, say, when
from slackkefu.bridge.slack_to_kefu.custody import Outcome
from slackkefu.bridge.slack_to_kefu.receipts import key_of
from slackkefu.easemob.agenda import Alarm
from slackkefu.errors import SlackApiError, SlackkefuError, SlackOutcomeUnknown, StoreBroken, StoreUnwritable
from slackkefu.net.backoff import backoff
from slackkefu.slack.ids import Ts, UserId
from slackkefu.slack.recovery import GiveUp, InstallationDead, LookFirst, Retry, after
from slackkefu.store.entries import Concluded, Settled, Told, Untold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slackkefu.bridge.languages import Languages
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.receipts import Journal
    from slackkefu.slack.installation import Installation, InstallationKey, Installations
    from slackkefu.slack.web import WebClient
    from slackkefu.store.entries import Certainty, SlackEntry
    from slackkefu.world import World

__all__ = ["Telling", "TellingStatistics", "untold"]

log = structlog.get_logger()

MARK: Final = "warning"
"""The name of the emoji that marks a message."""

_SENTENCES: Final[Mapping[Certainty, Sentence]] = MappingProxyType(
    {"surely": Sentence.NOT_ARRIVED, "possibly": Sentence.PERHAPS_NOT_ARRIVED}
)
_OF_CHANGES: Final[Mapping[Certainty, Sentence]] = MappingProxyType(
    {"surely": Sentence.CHANGE_NOT_ARRIVED, "possibly": Sentence.CHANGE_PERHAPS_NOT_ARRIVED}
)

_NOT_TOLD: Final = frozenset({Outcome.DELIVERED, Outcome.IGNORED, Outcome.WITHDRAWN, Outcome.APP_REMOVED})
"""How a message ends that nobody is told of; that the desk has to confirm it yet is another matter."""

KEEP_S: Final = 24 * 3600.0
"""How long telling is tried; the journal keeps what is to be told for a little longer."""

BLOCKED_S: Final = 60.0
"""Pause where only an operator helps, or where a workspace has more to be told than fits into its lane."""

PER_LANE: Final = 1000
IN_ALL: Final = 10_000
"""Most that is due now, of one workspace and of all; what is more waits for its next turn."""

MOST_OF_ONE: Final = 5000
MOST: Final = 20_000
"""Most that is in hand, of one workspace and of all."""


def untold(
    key: MessageKey, *, user: UserId, thread_ts: Ts | None, certainty: Certainty, reason: str, at: float
) -> Untold:
    """
    Make the entry that says that a message is to be told.

    Args:
        key: The message.
        user: Who wrote it.
        thread_ts: The root of the thread it was written in, if it was in one.
        certainty: How sure it is that it did not arrive.
        reason: Why it did not; a stable name.
        at: Wall clock, seconds.

    """
    return Untold(
        enterprise_id=key.installation.enterprise_id,
        team_id=key.installation.team_id,
        channel=key.channel,
        ts=key.ts,
        revision=key.revision,
        thread_ts=thread_ts if thread_ts != key.ts else None,
        user=user,
        certainty=certainty,
        reason=reason,
        at=at,
    )


@dataclass(frozen=True, slots=True)
class TellingStatistics:
    """What became of the messages that did not surely arrive; the counts are since the start."""

    pending: int
    """Messages whose writers are still to be told."""
    told_surely: int
    """Messages whose writers were told that they did not arrive."""
    told_possibly: int
    """Messages whose writers were told that they may not have arrived."""
    taken_back: int
    """Messages that had arrived after all: nobody was told yet, or the mark is gone again."""
    untold: int
    """Messages whose writers could not be told; the log names each, but for those there was no room for."""


@dataclass(slots=True)
class _Matter:
    """One message that is to be told, and how far that is."""

    entry: Untold
    until: float
    """When it is given up (trio's clock)."""
    pauses: Iterator[float]
    marked: bool | None = None
    """Whether Slack takes the mark; None until it has said so."""
    noted: bool | None = None
    """Whether Slack takes the note; None until it has said so."""
    has_arrived: bool = False
    """Whether the desk has it after all: nobody is told any more, and a mark is taken back."""
    problem: str = ""
    """Why it takes neither."""
    is_concluded: bool = False
    """How it ended is on disk and counted; at most the note is missing."""

    @property
    def is_told(self) -> bool:
        return bool(self.marked or self.noted)


@final
class Telling:
    """
    Tells people which of their messages did not reach the desk.

    Args:
        world: Wall clock and chance.
        web: Slack's Web API.
        installations: Whose token to use.
        languages: What the writers are spoken to in.
        journal: Where it is written down that a message was told.

    """

    def __init__(
        self, *, world: World, web: WebClient, installations: Installations, languages: Languages, journal: Journal
    ) -> None:
        self._world = world
        self._web = web
        self._installations = installations
        self._languages = languages
        self._journal = journal
        self._matters: dict[MessageKey, _Matter] = {}
        # How many of each workspace; and which of them were said to have too many.
        self._of: Counter[InstallationKey] = Counter()
        self._full: set[InstallationKey] = set()
        self._due: Alarm[MessageKey] = Alarm()
        self._lanes: Lanes[InstallationKey, MessageKey] = Lanes(self._work, per_lane=PER_LANE, in_all=IN_ALL)
        self._told: dict[Certainty, int] = dict.fromkeys(_SENTENCES, 0)
        self._untold = 0
        self._taken_back = 0

    def __repr__(self) -> str:
        return f"<Telling of {len(self._matters)}>"

    def restore(self, entries: Iterable[object]) -> None:
        """
        Take over what the run before has left untold.

        A crash may have cut the end of a message off behind the entry that it was to be told with: that message has not
        ended, and is brought over anew.
        """
        cut: dict[MessageKey, Untold] = {}
        left: dict[MessageKey, Untold] = {}
        for entry in entries:
            if isinstance(entry, Untold):
                cut[key_of(entry)] = entry
            elif isinstance(entry, Settled | Concluded) and _is_end(entry):
                begun = cut.pop(key_of(entry), None)
                if begun is not None and entry.outcome not in _NOT_TOLD:
                    left[key_of(entry)] = begun
            elif isinstance(entry, Told):
                left.pop(key_of(entry), None)
        for entry in left.values():
            self.take(entry)

    def take(self, entry: SlackEntry) -> None:
        """Tell what is on disk as untold, from now on; any other entry is passed over."""
        if isinstance(entry, Untold) and key_of(entry) not in self._matters and self._take(entry) is None:
            self._turn_away(key_of(entry))

    def take_back(self, entry: Untold) -> None:
        """
        Take back what was told, or is about to be, of a message that has arrived after all.

        Its mark goes; a note cannot be taken back. After a restart nothing is taken back any more.
        """
        matter = self._matters.get(key_of(entry))
        if matter is None:
            matter = self._take(entry)
            if matter is None:
                log.warning("telling.not_taken_back", channel=entry.channel, ts=entry.ts, problem="too_many")
                return
            matter.is_concluded = True
        matter.has_arrived = True

    def has(self, user: UserId) -> bool:
        """Tell whether *user* is still to be told of something."""
        return any(matter.entry.user == user for matter in self._matters.values())

    def forget(self, user: UserId) -> None:
        """Tell *user* nothing any more."""
        for key in [key for key, matter in self._matters.items() if matter.entry.user == user]:
            self._due.drop(key)
            self._leave(key)

    def _take(self, entry: Untold) -> _Matter | None:
        """Put one in hand, due now; None where there is no room."""
        key = key_of(entry)
        if self._of[key.installation] >= MOST_OF_ONE or len(self._matters) >= MOST:
            return None
        self._of[key.installation] += 1
        now = trio.current_time()
        until = now + KEEP_S - (self._world.wall() - entry.at)
        matter = self._matters[key] = _Matter(entry, until, backoff(self._world.chance, first_s=1.0, cap_s=600.0))
        self._due.put(key, now)
        return matter

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Tell until cancelled; what is not told by then is on disk."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._lanes.run)
            task_status.started()
            while True:
                for key in await self._due.due():
                    if not self._lanes.put(key.installation, key):
                        self._due.put(key, trio.current_time() + BLOCKED_S)

    def statistics(self) -> TellingStatistics:
        """Count."""
        return TellingStatistics(
            pending=sum(not matter.is_concluded for matter in self._matters.values()),
            told_surely=self._told["surely"],
            told_possibly=self._told["possibly"],
            taken_back=self._taken_back,
            untold=self._untold,
        )

    # Room.

    def _turn_away(self, key: MessageKey) -> None:
        """Leave one to the next run, and say so once until there is much room again."""
        self._untold += 1
        if key.installation not in self._full:
            self._full.add(key.installation)
            meaning = "writers do not know that messages did not arrive, unless a restart within a day tells them"
            log.error("telling.full", installation=str(key.installation), meaning=meaning)

    def _leave(self, key: MessageKey) -> None:
        """Be done with one."""
        if self._matters.pop(key, None) is None:
            return
        self._of[key.installation] -= 1
        if self._of[key.installation] <= MOST_OF_ONE // 2 and len(self._matters) <= MOST // 2:
            self._full.discard(key.installation)

    # The work of a workspace's lane.

    async def _work(self, _: InstallationKey, key: MessageKey) -> None:
        """Go on with one message as far as Slack and the disk let us now."""
        matter = self._matters.get(key)
        if matter is None:
            # Its writer was forgotten meanwhile.
            return
        try:
            await self._go_on(key, matter)
        except StoreBroken:
            raise
        except SlackkefuError as error:
            pause_s = _pause_after(error)
        except Exception:
            # The edge of a task: one message that cannot be told now must not keep the others from being told.
            log.exception("telling.fault", channel=key.channel, ts=key.ts)
            pause_s = BLOCKED_S
        else:
            self._leave(key)
            return
        if self._matters.get(key) is not matter:
            return
        now = trio.current_time()
        if now < matter.until:
            self._due.put(key, min(now + max(next(matter.pauses), pause_s), matter.until))
        else:
            await self._give_up(matter)
            self._leave(key)

    async def _go_on(self, key: MessageKey, matter: _Matter) -> None:
        """
        Tell, or take back.

        Raises:
            SlackkefuError: It is to be tried again later.

        """
        installation = self._installations.get(key.installation)
        if installation is None:
            matter.marked = matter.noted = False
            matter.problem = "app_removed"
            await self._conclude(matter)
            return
        if not matter.has_arrived:
            await self._say(installation, matter)
        # It may have arrived meanwhile.
        if matter.has_arrived:
            await self._unsay(installation, matter)

    async def _say(self, installation: Installation, matter: _Matter) -> None:
        """Mark, write down, post the note; raises SlackkefuError."""
        if matter.marked is None:
            matter.marked = await self._mark(installation, matter)
        if not matter.marked and matter.noted is None:
            matter.noted = await self._note(installation, matter)
        await self._conclude(matter)
        if matter.noted is None:
            # The mark stands, and the note may be there already: a second one would tell it twice.
            with suppress(SlackOutcomeUnknown):
                matter.noted = await self._note(installation, matter)

    async def _unsay(self, installation: Installation, matter: _Matter) -> None:
        """Take the mark back, which may stand, and tell no more; raises SlackkefuError."""
        # A bot takes back its own reaction only, and one that is not there is as good as taken back.
        is_gone = matter.marked is False or await self._is_taken(
            "reactions.remove", _reaction(matter), installation, matter
        )
        matter.marked = matter.noted = False
        matter.problem = "arrived"
        await self._conclude(matter)
        self._taken_back += is_gone
        log.info("telling.taken_back", channel=matter.entry.channel, ts=matter.entry.ts, is_gone=is_gone)

    async def _mark(self, installation: Installation, matter: _Matter) -> bool:
        return await self._is_taken("reactions.add", _reaction(matter), installation, matter)

    async def _note(self, installation: Installation, matter: _Matter) -> bool:
        entry = matter.entry
        locale = await self._languages.of(installation, UserId(entry.user))
        sentences = _OF_CHANGES if entry.revision else _SENTENCES
        arguments = {
            "channel": entry.channel,
            "user": entry.user,
            "thread_ts": entry.thread_ts,
            "text": say(sentences[entry.certainty], locale=locale, when=when(Ts(entry.ts))),
        }
        return await self._is_taken("chat.postEphemeral", arguments, installation, matter)

    async def _is_taken(
        self, method: str, arguments: Mapping[str, object], installation: Installation, matter: _Matter
    ) -> bool:
        """Tell whether Slack takes a call or refuses it for good; raises SlackkefuError when it says neither."""
        try:
            await self._web.call(method, arguments, token=installation.bot_token, channel=matter.entry.channel)
        except SlackApiError as error:
            if error.code in ("already_reacted", "no_reaction"):
                return True
            # A missing scope costs this way of telling only (facts/slack.md §9), and no time mends it.
            if error.code != "missing_scope" and not isinstance(after(error), GiveUp | InstallationDead):
                raise
            matter.problem = error.code
            log.info("telling.refused", method=method, channel=matter.entry.channel, code=error.code)
            return False
        return True

    async def _conclude(self, matter: _Matter) -> None:
        """Write down how it ended, once, and count it; raises StoreUnwritable."""
        if matter.is_concluded:
            return
        entry = matter.entry
        told = Told(
            enterprise_id=entry.enterprise_id,
            team_id=entry.team_id,
            channel=entry.channel,
            ts=entry.ts,
            revision=entry.revision,
            outcome="told" if matter.is_told else matter.problem,
            at=self._world.wall(),
        )
        await self._journal.append(told)
        matter.is_concluded = True
        self._count(matter)

    async def _give_up(self, matter: _Matter) -> None:
        """End what could not be told in time; where the mark stands only the note is missing."""
        if not matter.is_told:
            matter.problem = "too_late"
        try:
            await self._conclude(matter)
        except StoreUnwritable:
            # The next run tries once more.
            self._count(matter)

    def _count(self, matter: _Matter) -> None:
        """Count how it ended, and say so."""
        entry = matter.entry
        names = {"channel": entry.channel, "ts": entry.ts, "certainty": entry.certainty, "reason": entry.reason}
        if matter.has_arrived:
            return
        if matter.is_told:
            self._told[entry.certainty] += 1
            log.info("telling.told", **names)
        else:
            self._untold += 1
            log.error("telling.untold", **names, problem=matter.problem, meaning="its writer does not know of it")


def _reaction(matter: _Matter) -> dict[str, object]:
    """Return the arguments that name the mark."""
    return {"channel": matter.entry.channel, "timestamp": matter.entry.ts, "name": MARK}


def _pause_after(error: SlackkefuError) -> float:
    """Return how long to wait at least before it is tried again."""
    step = after(error)
    pause_s = step.after_s if isinstance(step, Retry | LookFirst) else BLOCKED_S
    log.info("telling.again", problem=str(error), in_s=round(pause_s, 1))
    return pause_s


def _is_end(entry: Settled | Concluded) -> bool:
    """Tell whether *entry* says how a message has ended, or that it was told what the desk has not confirmed."""
    return entry.outcome == Conclusion.TOLD if isinstance(entry, Concluded) else True
