"""
Installations as an operator sees and changes them: listed, kept, removed, taken over.

What comes in is checked here, whoever asks. What goes out holds no token.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

from slackkefu.bridge.book import installation_key
from slackkefu.bridge.workspaces.installing import Installing as DaemonInstalling
from slackkefu.errors import ConnectFailed, WrongUse
from slackkefu.slack.features import BOT_SCOPES
from slackkefu.slack.installation import from_bot
from slackkefu.store.installations import read_bot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from slack_sdk.oauth.installation_store import Bot

    from slackkefu.secret import Secret
    from slackkefu.slack.installation import Installation, InstallationKey, Installations
    from slackkefu.slack.web import Identity
    from slackkefu.store.installations import JsonInstallationStore
    from slackkefu.store.visitors import VisitorRecord
    from slackkefu.world import Disk, World

__all__ = ["Asked", "InstallationDeeds", "Installing", "Nobody", "OnDisk", "place_of"]

CAUSE: Final = "operator"


class Installing(Protocol):
    """Who changes who is served: :class:`slackkefu.bridge.workspaces.installing.Installing`, or :class:`OnDisk`."""

    async def install(self, bot: Bot) -> Installation:
        """Keep *bot*, and serve it."""
        ...

    async def remove(self, key: InstallationKey, *, cause: str) -> bool:
        """Forget an installation and erase its tokens; tell whether there was one."""
        ...


class Asked(Protocol):
    """Who says whether a token works; the part of :class:`slackkefu.slack.web.WebClient`."""

    async def auth_test(self, token: Secret) -> Identity:
        """Ask whose *token* is."""
        ...


@final
class Nobody:
    """Says nothing: of a command that calls nobody."""

    async def auth_test(self, token: Secret) -> Identity:
        """Raise ConnectFailed."""
        raise ConnectFailed("Slack", "this command calls nobody")


@final
class OnDisk:
    """
    Changes installations of a store that no daemon works on, as the daemon would.

    Args:
        installations: What the store holds.
        store: Where it is; its lock is held.
        world: Disk, wall clock and chance.
        web: Says whether a token works.

    """

    def __init__(self, installations: Installations, store: JsonInstallationStore, world: World, *, web: Asked) -> None:
        self._installing = DaemonInstalling(installations=installations, store=store, world=world, web=web)
        self._store = store
        self._disk = world.disk

    async def install(self, bot: Bot) -> Installation:
        """Keep *bot*; on disk when this returns."""
        return await self._installing.install(bot)

    async def remove(self, key: InstallationKey, *, cause: str) -> bool:
        """Forget an installation and erase its tokens; gone from the disk when this returns."""
        is_removed = await self._installing.remove(key, cause=cause)
        if self._installing.statistics().unwritten:
            # The daemon would try until the disk takes it; here its problem is told.
            erase = partial(self._store.delete_all, enterprise_id=key.enterprise_id, team_id=key.team_id)
            await self._disk.run(erase)
        return is_removed


def place_of(key: InstallationKey) -> str:
    """Return the one id that names an installation for an operator: the workspace's, or the organisation's."""
    return str(key.team_id or key.enterprise_id)


@final
class InstallationDeeds:
    """
    The handlers of ``installations.*``.

    Args:
        installations: Who installed the app.
        installing: Changes that.
        store: Where it is kept, for what is damaged there.
        visitors: Everybody who has written.
        disk: Where blocking file work runs.

    """

    def __init__(
        self,
        *,
        installations: Installations,
        installing: Installing,
        store: JsonInstallationStore,
        visitors: Callable[[], Iterable[VisitorRecord]],
        disk: Disk,
    ) -> None:
        self._installations = installations
        self._installing = installing
        self._store = store
        self._visitors = visitors
        self._disk = disk

    def handlers(self) -> Mapping[str, Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]]:
        """Return the handlers by their names."""
        return {
            "installations.list": self.list,
            "installations.install": self.install,
            "installations.remove": self.remove,
        }

    async def list(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """Return every installation, the one installed last at the end, and the files that are damaged."""
        _, damages = await self._disk.run(self._store.bots)
        visitors = Counter(installation_key(record) for record in self._visitors())
        rows = [_row(each, visitors[each.key]) for each in self._known()]
        return {"installations": rows, "damaged": [str(damage.path) for damage in damages]}

    async def install(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """
        Keep ``bot``; with ``only_newer`` only where nothing as new, or newer, is kept there.

        Raises:
            WrongUse: It is no bot.

        """
        try:
            bot = read_bot(arguments.get("bot"))
        except ValueError as exc:
            raise WrongUse(f"what was to be installed is no installation: {exc}") from None
        place = place_of(from_bot(bot).key)
        known = self._find(place)
        if arguments.get("only_newer") is True and known is not None and known.installed_at >= bot.installed_at:
            return {"place": place, "kept": "older", "installed_at": known.installed_at}
        await self._installing.install(bot)
        return {"place": place, "kept": "new" if known is None else "again"}

    async def remove(self, arguments: Mapping[str, object]) -> Mapping[str, object]:
        """
        Forget the installation in ``place``; also what is left of a damaged one, which may hold a token.

        Raises:
            WrongUse: There is none; says which there are.

        """
        place = str(arguments.get("place"))
        known = self._find(place)
        is_removed = known is not None and await self._installing.remove(known.key, cause=CAUSE)
        if not is_removed and not await self._disk.run(partial(self._store.delete_damaged, place)):
            raise WrongUse(self._no_such(place))
        return {"place": place}

    def _known(self) -> Sequence[Installation]:
        return sorted(self._installations.all_known(), key=lambda known: known.installed_at)

    def _find(self, place: str) -> Installation | None:
        return next((known for known in self._known() if place_of(known.key) == place), None)

    def _no_such(self, place: str) -> str:
        within = [str(each.key.team_id) for each in self._known() if each.key.enterprise_id == place]
        if within:
            return (
                f"the app is not installed in the organisation {place} as a whole, but in some of its workspaces: "
                f"{', '.join(within)}"
            )
        there = ", ".join(place_of(each.key) for each in self._known()) or "nowhere"
        return f"the app is not installed in {place[:40]}; it is installed in: {there}"


def _row(installation: Installation, visitors: int) -> Mapping[str, object]:
    """Return what an operator may know of an installation."""
    return {
        "place": place_of(installation.key),
        "team_id": installation.key.team_id,
        "enterprise_id": installation.key.enterprise_id,
        "is_organisation": installation.key.team_id is None,
        "name": installation.team_name,
        "app_id": installation.app_id,
        "bot_id": installation.bot_id,
        "bot_user_id": installation.bot_user_id,
        "scopes": sorted(installation.scopes),
        # Where nobody has noted the scopes, nobody knows which are missing.
        "missing_scopes": sorted(BOT_SCOPES.keys() - installation.scopes) if installation.scopes else [],
        "is_rotating": installation.refresh_token is not None,
        "expires_at": installation.expires_at,
        "needs_reinstall": installation.needs_reinstall,
        "installed_at": installation.installed_at,
        "visitors": visitors,
    }
