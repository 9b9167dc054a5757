"""
What people, channels and workspaces are called, and where messages are, without making anybody wait for it.

A name that is known is given at once. One that is not is asked for in the background, once however many want it; a
caller waits for it a moment (:data:`PATIENCE_S`) and goes on without it, and the next message has it. Answers are kept,
refreshed in the background when they are old, and replaced by what events bring along (``user_profile``,
``user_change``); failures are remembered for a while too (facts/slack.md trap 20).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

import structlog
import trio

from slackkefu.errors import LinkError, SlackError, SlackRateLimited
from slackkefu.slack.ids import UserId
from slackkefu.slack.profile import Profile, read_user

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from structlog.typing import FilteringBoundLogger

    from slackkefu.slack.ids import ChannelId, TeamId, Ts
    from slackkefu.slack.installation import Installation, InstallationKey
    from slackkefu.slack.web import WebClient

__all__ = ["Directory", "DirectoryStatistics"]

log: FilteringBoundLogger = structlog.get_logger()

PATIENCE_S: Final = 0.3
"""How long a message may wait for a name."""

FRESH_S: Final = 6 * 3600.0
"""How old an answer may be before it is asked for again; the old one is given meanwhile."""

FAILED_S: Final = 300.0
"""How long a name that could not be had is not asked for again."""

MAX_KNOWN: Final = 10_000
"""Answers of each kind kept; the longest unused go first."""

MAX_ASKING: Final = 50
"""Questions of each kind under way; beyond it names are simply unknown for now."""

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class DirectoryStatistics:
    """How the directory is doing; the counts are since the start."""

    known: int
    """Answers kept, of all kinds."""
    asking: int
    """Questions under way."""
    asked: int
    failed: int


@dataclass(frozen=True, slots=True)
class _Entry(Generic[ValueT]):
    """What is known under a key; no value means that asking failed."""

    value: ValueT | None
    stale_at: float


@final
class _Cache(Generic[KeyT, ValueT]):
    """Answers to one kind of question."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._entries: OrderedDict[KeyT, _Entry[ValueT]] = OrderedDict()
        self._asking: dict[KeyT, trio.Event] = {}
        self.asked = 0
        self.failed = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def asking(self) -> int:
        """Questions under way."""
        return len(self._asking)

    def peek(self, key: KeyT) -> ValueT | None:
        """Return what is known under *key*."""
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def __iter__(self) -> Iterator[KeyT]:
        return iter(self._entries)

    def drop(self, keys: Iterable[KeyT]) -> None:
        """Know nothing under *keys*."""
        for key in keys:
            self._entries.pop(key, None)

    def put(self, key: KeyT, value: ValueT | None, *, fresh_s: float = FRESH_S) -> None:
        """Know *value* (None: that there is no answer), and ask again after *fresh_s* if somebody wants it then."""
        self._entries[key] = _Entry(value, trio.current_time() + fresh_s)
        self._entries.move_to_end(key)
        if len(self._entries) > MAX_KNOWN:
            self._entries.popitem(last=False)

    async def get(
        self, key: KeyT, ask: Callable[[], Awaitable[ValueT]], nursery: trio.Nursery | None, *, patience_s: float
    ) -> ValueT | None:
        """Return what is known under *key*; ask where it is not, and wait for at most *patience_s*."""
        entry = self._entries.get(key)
        now = trio.current_time()
        if entry is not None:
            self._entries.move_to_end(key)
        if entry is None or entry.stale_at <= now:
            self._start_asking(key, ask, nursery)
            answered = self._asking.get(key)
            if answered is not None and (entry is None or entry.value is None):
                with trio.move_on_after(patience_s):
                    await answered.wait()
                entry = self._entries.get(key)
        return None if entry is None else entry.value

    def _start_asking(self, key: KeyT, ask: Callable[[], Awaitable[ValueT]], nursery: trio.Nursery | None) -> None:
        """Ask in the background, unless somebody does already or too many questions are under way."""
        if nursery is not None and key not in self._asking and len(self._asking) < MAX_ASKING:
            self._asking[key] = trio.Event()
            nursery.start_soon(self._ask, key, ask)

    async def _ask(self, key: KeyT, ask: Callable[[], Awaitable[ValueT]]) -> None:
        """Ask, and remember the answer or that there is none."""
        self.asked += 1
        try:
            self.put(key, await ask())
        except (SlackError, LinkError) as exc:
            self.failed += 1
            pause_s = max(exc.retry_after_s, 1.0) if isinstance(exc, SlackRateLimited) else FAILED_S
            # An old answer is better than none.
            self.put(key, self.peek(key), fresh_s=pause_s)
            log.info("directory.failed", kind=self._kind, error=str(exc), pause_s=round(pause_s))
        finally:
            self._asking.pop(key).set()


@final
class Directory:
    """
    Names, as each installation sees them.

    Args:
        web: The Web API, whose pacing the questions obey.

    """

    def __init__(self, *, web: WebClient) -> None:
        self._web = web
        self._nursery: trio.Nursery | None = None
        self._users: _Cache[tuple[InstallationKey, UserId], Profile] = _Cache("user")
        self._channels: _Cache[tuple[InstallationKey, ChannelId], str] = _Cache("channel")
        self._teams: _Cache[tuple[InstallationKey, TeamId | None], str] = _Cache("team")
        self._links: _Cache[tuple[InstallationKey, ChannelId, Ts], str] = _Cache("permalink")

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask in the background until cancelled. While this does not run, only what is known is given."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    async def user(self, installation: Installation, user: UserId, *, patience_s: float = PATIENCE_S) -> Profile | None:
        """Return who *user* is, or None where that is not known in time."""

        async def ask() -> Profile:
            told = await self._web.users_info(installation, user)
            known = self._users.peek((installation.key, user))
            # Of foreign people Slack may tell less here than in an event (facts/slack.md §13).
            return known if known is not None and told.name is None else told

        return await self._users.get((installation.key, user), ask, self._asks(installation), patience_s=patience_s)

    async def user_name(
        self, installation: Installation, user: UserId, *, patience_s: float = PATIENCE_S
    ) -> str | None:
        """Return what *user* is called, or None where that is not known in time; never blank."""
        profile = await self.user(installation, user, patience_s=patience_s)
        return None if profile is None else profile.name

    async def channel_name(
        self, installation: Installation, channel: ChannelId, *, patience_s: float = PATIENCE_S
    ) -> str | None:
        """Return what *channel* is called, without ``#``, or None; direct messages have no name."""

        async def ask() -> str:
            return await self._web.conversation_name(installation, channel)

        name = await self._channels.get(
            (installation.key, channel), ask, self._asks(installation), patience_s=patience_s
        )
        return name or None

    async def workspace_name(
        self, installation: Installation, team: TeamId | None = None, *, patience_s: float = PATIENCE_S
    ) -> str | None:
        """
        Return what a workspace is called, or None.

        Args:
            installation: Whose eyes to see with.
            team: The workspace; by default the installation's own, whose name it mostly brings along.
            patience_s: How long to wait for it, seconds.

        """
        if team is None or team == installation.key.team_id:
            if installation.team_name:
                return installation.team_name
            team = None

        async def ask() -> str:
            return await self._web.team_name(installation, team)

        name = await self._teams.get((installation.key, team), ask, self._asks(installation), patience_s=patience_s)
        return name or None

    async def permalink(
        self, installation: Installation, channel: ChannelId, ts: Ts, *, patience_s: float = PATIENCE_S
    ) -> str | None:
        """Return the address of a message, for people who may read it, or None."""

        async def ask() -> str:
            return await self._web.permalink(installation, channel, ts)

        key = (installation.key, channel, ts)
        return await self._links.get(key, ask, self._asks(installation), patience_s=patience_s) or None

    def _asks(self, installation: Installation) -> trio.Nursery | None:
        """Return where to ask; None where an installation has no token any more, and what is known must do."""
        return self._nursery if installation.bot_token else None

    def learn(self, installation: Installation, user: UserId, profile: Profile) -> None:
        """
        Know what an event told about its author.

        It tells less than ``users.info``: the name is good at once, and the rest is asked for when somebody wants it.
        """
        key = (installation.key, user)
        known = self._users.peek(key) or Profile()
        if profile.name is not None and known.name != profile.name:
            named = replace(known, display_name=profile.display_name, real_name=profile.real_name)
            self._users.put(key, named, fresh_s=0.0)

    def user_changed(self, installation: Installation, raw: Mapping[str, object]) -> None:
        """Know what a ``user_change`` event says; *raw* is the event, whose ``user`` is a whole object (trap 7)."""
        user = raw.get("user")
        profile = read_user(user)
        user_id = user.get("id") if isinstance(user, dict) else None
        if profile is not None and isinstance(user_id, str) and user_id:
            key = (installation.key, UserId(user_id))
            known = self._users.peek(key) or profile
            # The language is told by users.info only.
            self._users.put(key, replace(profile, locale=profile.locale or known.locale))

    def forget(self, user: UserId) -> None:
        """Know nothing of *user* any more, through whichever installation."""
        self._users.drop([key for key in self._users if key[1] == user])

    def statistics(self) -> DirectoryStatistics:
        """Return how things are now."""
        caches = (self._users, self._channels, self._teams, self._links)
        return DirectoryStatistics(
            known=len(self._users) + len(self._channels) + len(self._teams) + len(self._links),
            asking=sum(cache.asking for cache in caches),
            asked=sum(cache.asked for cache in caches),
            failed=sum(cache.failed for cache in caches),
        )
