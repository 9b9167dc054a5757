"""
Where the app is installed, and which installation an inbound payload belongs to.

The token to use is the one of ``authorizations[0]``, never that of the outer ``team_id``, which in a Slack Connect
channel may be a workspace that never installed the app (facts/slack.md §3, trap 1). Payloads without
``authorizations`` (commands, buttons, some lifecycle events) name theirs by ``team_id`` and ``enterprise_id``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, final

from slack_sdk.oauth.installation_store.models.bot import Bot

from slackkefu.secret import Secret
from slackkefu.slack.ids import EnterpriseId, TeamId, UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "Authorization",
    "Authorized",
    "Installation",
    "InstallationKey",
    "Installations",
    "from_bot",
    "key_of",
    "to_bot",
]


NEEDS_REINSTALL: Final = "needs_reinstall"
"""Among slack_sdk's ``custom_values`` of a bot: why its token works no more."""

SERVED_SINCE: Final = "served_since"
"""Among them: since when the app is there without a break."""


@dataclass(frozen=True, slots=True)
class InstallationKey:
    """The name of an installation: a workspace, or an organisation as a whole."""

    enterprise_id: EnterpriseId | None
    """The organisation, where there is one."""
    team_id: TeamId | None
    """The workspace; None for an organisation-wide installation."""

    def __str__(self) -> str:
        return f"{self.enterprise_id or '-'}/{self.team_id or '-'}"


@dataclass(frozen=True, slots=True)
class Installation:
    """The app in one workspace or organisation."""

    key: InstallationKey
    team_name: str
    """Name of the workspace, or of the organisation; may be empty."""
    bot_token: Secret
    bot_id: str
    """``B…``: marks the app's own posts, also those without a user."""
    bot_user_id: UserId
    app_id: str
    scopes: frozenset[str]
    refresh_token: Secret | None = None
    """Gets the next bot token, once, where the app has token rotation (facts/slack.md §12)."""
    expires_at: float | None = None
    """When the bot token dies, wall clock, seconds; None for one that does not expire."""
    needs_reinstall: str = ""
    """Why the app has to be installed here again; empty while its token works."""
    installed_at: float = 0.0
    """When it was installed last, wall clock, seconds; 0 where nobody noted it."""
    served_since: float = 0.0
    """Since when it is there without a break: what was written before is nobody's business. 0 as above."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """One element of an event's ``authorizations``."""

    enterprise_id: EnterpriseId | None
    team_id: TeamId | None
    user_id: UserId | None
    is_bot: bool
    is_enterprise_install: bool


class Authorized(Protocol):
    """What an inbound payload says about the installation it is meant for."""

    @property
    def authorizations(self) -> tuple[Authorization, ...]:
        """As sent; empty where Slack sends none."""
        ...

    @property
    def team_id(self) -> TeamId | None:
        """The outer workspace."""
        ...

    @property
    def enterprise_id(self) -> EnterpriseId | None:
        """The outer organisation."""
        ...

    @property
    def is_enterprise_install(self) -> bool:
        """Whether the payload itself (a command, a button) says that the installation is organisation-wide."""
        ...


@final
class Installations:
    """
    All installations, in memory.

    One whose token works no more is *known*, and otherwise as good as absent: nobody is served through it.

    Workspace ids are unique in all of Slack, so a workspace that has moved into an organisation since it was installed
    is found without it.
    """

    def __init__(self, installations: Iterable[Installation] = ()) -> None:
        self._workspaces: dict[TeamId, Installation] = {}
        self._organisations: dict[EnterpriseId, Installation] = {}
        self._bots: dict[UserId, dict[InstallationKey, Installation]] = {}
        # Of organisations: the workspaces that are known, and those of them where the app may not work now.
        self._teams: dict[EnterpriseId, frozenset[TeamId]] = {}
        self._withdrawn: dict[EnterpriseId, frozenset[TeamId]] = {}
        self._told: list[Callable[[Installation], None]] = []
        for installation in installations:
            self.put(installation)

    def __iter__(self) -> Iterator[Installation]:
        return iter([each for each in self.all_known() if not each.needs_reinstall])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def all_known(self) -> list[Installation]:
        """Return every installation, also those that have to be made again."""
        return [*self._workspaces.values(), *self._organisations.values()]

    def get(self, key: InstallationKey) -> Installation | None:
        """Return the installation named *key*, if its token works."""
        known = self.known(key)
        return None if known is None or known.needs_reinstall else known

    def known(self, key: InstallationKey) -> Installation | None:
        """Return the installation named *key*, also one that has to be made again."""
        if key.team_id is not None:
            return self._workspaces.get(key.team_id)
        if key.enterprise_id is not None:
            return self._organisations.get(key.enterprise_id)
        return None

    def in_any_case(self, key: InstallationKey) -> Installation:
        """Return the installation named *key*; where there is none what stands for it, and may call nothing."""
        gone = Installation(key, "", Secret(""), "", UserId(""), "", frozenset(), needs_reinstall="app_removed")
        return self.known(key) or gone

    def has_bot(self, user: UserId | None) -> bool:
        """Tell whether *user* is the app's own bot user, in whichever installation: two of them can share a channel."""
        return user in self._bots

    def of_bot(self, user: UserId) -> list[Installation]:
        """Return the installations whose bot user this is."""
        return [*self._bots.get(user, {}).values()]

    def bots_among(self, users: Iterable[UserId]) -> frozenset[UserId]:
        """Return those of *users* that are the app's own bot users, in whichever installation."""
        return frozenset(filter(self.has_bot, users))

    # Where an organisation lets its installation work (facts/slack.md §13).

    def grant(self, key: InstallationKey, teams: Iterable[TeamId]) -> None:
        """Know that an organisation has granted workspaces."""
        self._know(key, teams, is_withdrawn=False)

    def withdraw(self, key: InstallationKey, teams: Iterable[TeamId]) -> None:
        """Know that an organisation has taken workspaces away."""
        self._know(key, teams, is_withdrawn=True)

    def is_withdrawn(self, key: InstallationKey, team: TeamId) -> bool:
        """Tell whether the installation *key* may not work in a workspace."""
        if key.enterprise_id is None or key.team_id is not None:
            return False
        return team in self._withdrawn.get(key.enterprise_id, frozenset())

    def granted_to(self, teams: frozenset[TeamId]) -> Installation | None:
        """Return the organisation's installation whose workspaces these are; the only one where nobody knows."""
        found = [each for each, known in self._teams.items() if known & teams] or [*self._organisations]
        return self.get(InstallationKey(found[0], None)) if len(found) == 1 else None

    def _know(self, key: InstallationKey, teams: Iterable[TeamId], *, is_withdrawn: bool) -> None:
        named, organisation = frozenset(teams), key.enterprise_id
        if organisation is None or key.team_id is not None:
            return
        before = self._withdrawn.get(organisation, frozenset())
        self._teams[organisation] = self._teams.get(organisation, frozenset()) | named
        self._withdrawn[organisation] = before | named if is_withdrawn else before - named

    # Coming and going.

    def put(self, installation: Installation) -> None:
        """
        Add *installation*, or replace the one of the same name.

        Raises:
            ValueError: Its key names nothing.

        """
        key = installation.key
        self.remove(key)
        if key.team_id is not None:
            self._workspaces[key.team_id] = installation
        elif key.enterprise_id is not None:
            self._organisations[key.enterprise_id] = installation
        else:
            msg = "an installation has a workspace or an organisation"
            raise ValueError(msg)
        self._bots.setdefault(installation.bot_user_id, {})[key] = installation
        for tell in self._told:
            tell(installation)

    def listen(self, tell: Callable[[Installation], None]) -> None:
        """Let *tell* know of each installation that is put here from now on."""
        self._told.append(tell)

    def remove(self, key: InstallationKey) -> None:
        """Forget the installation named *key*, and only that one; harmless when it is gone already."""
        gone = self.known(key)
        if gone is None:
            return
        if gone.key.team_id is not None:
            del self._workspaces[gone.key.team_id]
        elif gone.key.enterprise_id is not None:
            del self._organisations[gone.key.enterprise_id]
        del self._bots[gone.bot_user_id][gone.key]
        if not self._bots[gone.bot_user_id]:
            del self._bots[gone.bot_user_id]

    def owner_of(self, payload: Authorized) -> Installation | None:
        """
        Return the installation *payload* is meant for, whose token may be used about it.

        Without authorizations, a payload that names a workspace never stands for a whole organisation unless it says
        so: forgetting an installation must not take a bigger one along (facts/slack.md trap 18).
        """
        return self.get(key_of(payload))


def key_of(payload: Authorized) -> InstallationKey:
    """Return the name of the installation *payload* is meant for (facts/slack.md §3)."""
    named = payload.authorizations[0] if payload.authorizations else payload
    return InstallationKey(named.enterprise_id, None if named.is_enterprise_install else named.team_id)


def from_bot(bot: Bot) -> Installation:
    """Make an installation of slack_sdk's stored *bot*."""
    return Installation(
        key=InstallationKey(
            EnterpriseId(bot.enterprise_id) if bot.enterprise_id else None,
            TeamId(bot.team_id) if bot.team_id and not bot.is_enterprise_install else None,
        ),
        team_name=(bot.enterprise_name if bot.is_enterprise_install else bot.team_name) or "",
        bot_token=Secret(bot.bot_token),
        bot_id=bot.bot_id,
        bot_user_id=UserId(bot.bot_user_id),
        app_id=bot.app_id or "",
        scopes=frozenset(bot.bot_scopes or ()),
        refresh_token=Secret(bot.bot_refresh_token) if bot.bot_refresh_token else None,
        expires_at=bot.bot_token_expires_at,
        needs_reinstall=str(bot.custom_values.get(NEEDS_REINSTALL, "")),
        installed_at=bot.installed_at,
        served_since=_seconds(bot.custom_values.get(SERVED_SINCE)),
    )


def to_bot(installation: Installation, installed_at: float) -> Bot:
    """
    Make the value slack_sdk's stores keep; it holds the token in clear.

    Args:
        installation: What to store.
        installed_at: Wall clock, seconds since the epoch.

    """
    key = installation.key
    organisation_wide = key.team_id is None
    return Bot(
        app_id=installation.app_id,
        enterprise_id=key.enterprise_id,
        enterprise_name=installation.team_name if organisation_wide else None,
        team_id=key.team_id,
        team_name=None if organisation_wide else installation.team_name,
        bot_token=installation.bot_token.reveal(),
        bot_id=installation.bot_id,
        bot_user_id=installation.bot_user_id,
        bot_scopes=sorted(installation.scopes),
        bot_refresh_token=None if installation.refresh_token is None else installation.refresh_token.reveal(),
        bot_token_expires_at=None if installation.expires_at is None else int(installation.expires_at),
        is_enterprise_install=organisation_wide,
        installed_at=installed_at,
        custom_values={
            name: value
            for name, value in (
                (NEEDS_REINSTALL, installation.needs_reinstall),
                (SERVED_SINCE, installation.served_since),
            )
            if value
        },
    )


def _seconds(value: object) -> float:
    """Return a time that was kept, or 0."""
    return float(value) if isinstance(value, int | float) else 0.0
