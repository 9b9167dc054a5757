"""
Tokens and passwords on disk: Easemob bans apps that fetch tokens too often (facts/easemob-rest.md §3).

They rest as plain text in files for their owner alone (0600 in a 0700 folder), like every credential a daemon must be
able to use unattended. A damaged file counts as no token, since a token can be fetched again; so does a user's that
cannot be read, for it must not keep a visitor from the desk. The app token is another matter: one that cannot be read
is for an operator, because asking for a new one at every start gets the app banned.
"""

from __future__ import annotations

import errno
import math
from functools import partial
from typing import TYPE_CHECKING, Final, final

import msgspec
import structlog

from slackkefu.credentials import StoredToken, StoredUser
from slackkefu.errors import StoreError
from slackkefu.secret import Secret
from slackkefu.store.records import Damage, Records

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.world import Disk

__all__ = ["JsonTokenStore", "damaged_tokens"]

log = structlog.get_logger()

FOLDER: Final = "tokens"
USERS: Final = "tokens/users"

_APP: Final = "app"

_USER_LOSS: Final = "this visitor's token is fetched again; a password in it is lost, and reset when it is needed"

_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Reasons why a file cannot be read that are not about the file."""


class _Token(msgspec.Struct, frozen=True):
    value: Secret
    obtained_at: float
    expires_at: float | None
    """None for never: JSON has no infinity."""


class _User(msgspec.Struct, frozen=True):
    token: _Token | None = None
    password: Secret | None = None


@final
class JsonTokenStore:
    """Tokens as JSON files; what :mod:`slackkefu.easemob` asks of a token store."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self._app, self._users = _records(root)
        self._disk = disk

    async def load_app(self) -> StoredToken | None:
        """Return the app token, if there is one; raises StoreError."""
        found = await self._disk.run(partial(self._app.get, _APP))
        return None if found is None or isinstance(found, Damage) else _stored(found)

    async def save_app(self, token: StoredToken) -> None:
        """Keep the app token; on disk when this returns. Raises StoreUnwritable."""
        await self._disk.run(partial(self._app.put, _APP, _kept(token)))

    async def load_user(self, user: str) -> StoredUser | None:
        """Return what lets *user* in, if anything is known; raises StoreError for what passes by itself."""
        try:
            found = await self._disk.run(partial(self._users.get, user))
        except StoreError as exc:
            if isinstance(exc.__cause__, OSError) and exc.__cause__.errno in _PASSING:
                raise
            log.warning("store.unreadable", record=user, problem=str(exc), meaning=_USER_LOSS)
            return None
        if found is None or isinstance(found, Damage):
            return None
        return StoredUser(token=None if found.token is None else _stored(found.token), password=found.password)

    async def save_user(self, user: str, value: StoredUser) -> None:
        """Keep what lets *user* in; on disk when this returns. Raises StoreUnwritable."""
        record = _User(token=None if value.token is None else _kept(value.token), password=value.password)
        await self._disk.run(partial(self._users.put, user, record))

    async def delete_user(self, user: str) -> None:
        """Forget what lets *user* in, also where it is damaged; raises StoreUnwritable."""
        await self._disk.run(partial(self._users.delete, user))

    def users(self) -> list[str]:
        """Return everybody of whom something is kept, damaged or not; blocks. Raises StoreError."""
        return self._users.names()


def damaged_tokens(root: Path) -> list[Damage]:
    """Return what is damaged, moving nothing: for whoever does not own the store. Blocks; raises StoreError."""
    return [damage for records in _records(root) for damage in records.peek()[1]]


def _records(root: Path) -> tuple[Records[_Token], Records[_User]]:
    return (
        Records(root, FOLDER, _Token, names=_APP, loss="the app token is fetched again"),
        Records(root, USERS, _User, names=r"[a-z0-9][a-z0-9_.-]{0,63}", loss=_USER_LOSS),
    )


def _stored(token: _Token) -> StoredToken:
    ends = math.inf if token.expires_at is None else token.expires_at
    return StoredToken(value=token.value, obtained_at=token.obtained_at, expires_at=ends)


def _kept(token: StoredToken) -> _Token:
    ends = None if math.isinf(token.expires_at) else token.expires_at
    return _Token(value=token.value, obtained_at=token.obtained_at, expires_at=ends)
