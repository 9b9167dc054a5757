"""
Installations of the Slack app, behind slack_sdk's ``InstallationStore`` interface.

One file a workspace or organisation: the bot, and who installed it. The interface is the face to the disk for whatever
installs the app; the daemon itself routes by an index in memory, built from :meth:`JsonInstallationStore.bots`.

A damaged file is an error that names it, never "not installed": the app would answer a customer with silence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, final

import msgspec
from slack_sdk.oauth.installation_store import Bot, Installation, InstallationStore

from slackkefu.errors import StoreError
from slackkefu.secret import Secret
from slackkefu.store.records import Damage, Records, hide

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["JsonInstallationStore", "read_bot"]

FOLDER: Final = "installations"

_LOSS: Final = "this workspace gets no messages until the app is installed there again"
_NONE: Final = "none"
_YEAR_10000: Final = 253_402_300_800
_ID: Final = "(?:[A-Z][A-Z0-9]{1,31}|none)"


class _Common(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What slack_sdk keeps of a bot as of an installation."""

    app_id: str | None = None
    enterprise_id: str | None = None
    enterprise_name: str | None = None
    team_id: str | None = None
    team_name: str | None = None
    bot_scopes: tuple[str, ...] | None = None
    bot_refresh_token: Secret | None = None
    bot_token_expires_at: int | None = None
    is_enterprise_install: bool = False
    installed_at: float
    custom_values: dict[str, object] = {}


class _Bot(_Common, frozen=True, kw_only=True, omit_defaults=True):
    """The bot in one workspace or organisation."""

    bot_token: Secret
    bot_id: str
    bot_user_id: str


class _Installer(_Common, frozen=True, kw_only=True, omit_defaults=True):
    """One person's installation."""

    user_id: str
    bot_token: Secret | None = None
    bot_id: str | None = None
    bot_user_id: str | None = None
    enterprise_url: str | None = None
    user_token: Secret | None = None
    user_scopes: tuple[str, ...] | None = None
    user_refresh_token: Secret | None = None
    user_token_expires_at: int | None = None
    incoming_webhook_url: Secret | None = None
    incoming_webhook_channel: str | None = None
    incoming_webhook_channel_id: str | None = None
    incoming_webhook_configuration_url: str | None = None
    token_type: str | None = None


class _Place(msgspec.Struct, frozen=True):
    """One file: a workspace or an organisation."""

    bot: _Bot | None = None
    installers: tuple[_Installer, ...] = ()
    """The latest last."""


@final
class JsonInstallationStore(InstallationStore):
    """
    Installations as JSON files.

    Every method may raise StoreError: ids that are none of Slack's, a damaged file, a disk that does not take it.
    """

    def __init__(self, root: Path) -> None:
        self._records = Records(root, FOLDER, _Place, names=f"{_ID}-{_ID}", loss=_LOSS)

    def bots(self) -> tuple[list[Bot], list[Damage]]:
        """Return every bot, the one installed last at the end, and what is damaged."""
        places, damages = self._records.all()
        return _in_order(places), damages

    def peek(self) -> tuple[list[Bot], list[Damage]]:
        """Return the same, moving nothing that is damaged: for whoever does not own the store. Raises StoreError."""
        places, damages = self._records.peek()
        return _in_order(places), damages

    def keep_only(self, bot: Bot) -> None:
        """Keep a bot and nothing else there: tokens of who installed it before are gone when this returns."""
        name = _name(bot.enterprise_id, bot.team_id, whole=bot.is_enterprise_install)
        self._records.put(name, _Place(msgspec.convert(bot, _Bot, from_attributes=True, dec_hook=hide)))

    def delete_damaged(self, place: str) -> bool:
        """Remove what cannot be read of the workspace or organisation *place*; tell whether there was any."""
        _, damages = self._records.all()
        names = [damage.name for damage in damages if _place_of(damage.name) == place]
        for name in names:
            self._records.delete(name)
        return bool(names)

    # The interface of slack_sdk.

    def save(self, installation: Installation) -> None:
        """Keep an installation and its bot; also mends a damaged file."""
        name = _name(installation.enterprise_id, installation.team_id, whole=installation.is_enterprise_install)
        place = self._place(name, mend=True)
        new = msgspec.convert(installation, _Installer, from_attributes=True, dec_hook=hide)
        bot = place.bot
        if installation.bot_token is not None:
            bot = msgspec.convert(installation.to_bot(), _Bot, from_attributes=True, dec_hook=hide)
        others = tuple(installer for installer in place.installers if installer.user_id != new.user_id)
        self._records.put(name, _Place(bot, (*others, new)))

    def save_bot(self, bot: Bot) -> None:
        """Keep a bot; also mends a damaged file."""
        name = _name(bot.enterprise_id, bot.team_id, whole=bot.is_enterprise_install)
        place = self._place(name, mend=True)
        new = msgspec.convert(bot, _Bot, from_attributes=True, dec_hook=hide)
        self._records.put(name, _Place(new, place.installers))

    def find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        """Return the bot of a workspace or organisation; None when the app is not installed there."""
        bot = self._place(_name(enterprise_id, team_id, whole=is_enterprise_install)).bot
        return None if bot is None else _sdk_bot(bot)

    def find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        """Return the latest installation there, or that of *user_id*."""
        place = self._place(_name(enterprise_id, team_id, whole=is_enterprise_install))
        found = [installer for installer in place.installers if user_id in {None, installer.user_id}]
        return _sdk_installation(found[-1]) if found else None

    def delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Forget the bot."""
        name = _name(enterprise_id, team_id)
        self._keep(name, _Place(None, self._place(name, mend=True).installers))

    def delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """Forget the installation of *user_id*, or all there."""
        name = _name(enterprise_id, team_id)
        place = self._place(name, mend=True)
        others = tuple(installer for installer in place.installers if user_id not in {None, installer.user_id})
        self._keep(name, _Place(place.bot, others))

    def delete_all(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Forget all there, at once; also what is damaged."""
        self._records.delete(_name(enterprise_id, team_id))

    # Inside.

    def _place(self, name: str, *, mend: bool = False) -> _Place:
        """Return what is kept under *name*; a damaged one counts as empty only where it is about to be written."""
        place = self._records.get(name)
        if isinstance(place, Damage):
            if not mend:
                raise StoreError(place.path, f"a damaged installation ({place.reason}): {_LOSS}.")
            place = None
        return place or _Place()

    def _keep(self, name: str, place: _Place) -> None:
        if place == _Place():
            self._records.delete(name)
        else:
            self._records.put(name, place)


def read_bot(raw: object) -> Bot:
    """
    Make a bot of what slack_sdk's ``Bot`` has as its fields, from outside.

    Raises:
        ValueError: It is none; says what is wrong and shows nothing of it.

    """
    bot = msgspec.convert(raw, _Bot, dec_hook=hide)
    name = _name(bot.enterprise_id, bot.team_id, whole=bot.is_enterprise_install)
    if not re.fullmatch(f"{_ID}-{_ID}", name) or name == f"{_NONE}-{_NONE}":
        raise ValueError("it names neither a workspace nor an organisation")
    if not re.fullmatch(r"[!-~]+", bot.bot_token.reveal()):
        raise ValueError("its bot_token is none")
    if not all(0 <= at < _YEAR_10000 for at in (bot.installed_at, bot.bot_token_expires_at or 0)):
        raise ValueError("a time in it is none")
    return _sdk_bot(bot)


def _in_order(places: Mapping[str, _Place]) -> list[Bot]:
    bots = sorted((place.bot for place in places.values() if place.bot), key=lambda bot: bot.installed_at)
    return [_sdk_bot(bot) for bot in bots]


def _name(enterprise_id: str | None, team_id: str | None, *, whole: bool | None = False) -> str:
    """Name the file; an organisation-wide installation has no workspace, whatever the call carries."""
    return f"{enterprise_id or _NONE}-{(not whole and team_id) or _NONE}"


def _place_of(name: str) -> str:
    """Return the id that names an installation for people, as its file's name has it."""
    enterprise_id, _, team_id = name.partition("-")
    return enterprise_id if team_id == _NONE else team_id


def _sdk_bot(bot: _Bot) -> Bot:
    return Bot(**_fields(bot))  # type: ignore[arg-type] # the fields are the arguments, checked when read


def _sdk_installation(installer: _Installer) -> Installation:
    return Installation(**_fields(installer))  # type: ignore[arg-type] # as above


def _fields(record: _Common) -> dict[str, object]:
    plain = {name: value.reveal() if isinstance(value, Secret) else value for name, value in _items(record)}
    return plain | {name: list(value) for name, value in plain.items() if isinstance(value, tuple)}


def _items(record: _Common) -> list[tuple[str, object]]:
    return [(name, getattr(record, name)) for name in record.__struct_fields__]
