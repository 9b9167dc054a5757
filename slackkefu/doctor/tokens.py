"""Tokens that live as long as the examination: the store's are neither used nor replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio

if TYPE_CHECKING:
    from slackkefu.credentials import StoredToken, StoredUser

__all__ = ["MemoryTokens"]


@final
class MemoryTokens:
    """What :class:`slackkefu.easemob.rest.RestClient` asks of a token store, in memory."""

    def __init__(self) -> None:
        self._app: StoredToken | None = None
        self._users: dict[str, StoredUser] = {}

    async def load_app(self) -> StoredToken | None:
        """Return the app token, if there is one."""
        await trio.lowlevel.checkpoint()
        return self._app

    async def save_app(self, token: StoredToken) -> None:
        """Keep the app token."""
        await trio.lowlevel.checkpoint()
        self._app = token

    async def load_user(self, user: str) -> StoredUser | None:
        """Return what lets *user* in, if anything is known."""
        await trio.lowlevel.checkpoint()
        return self._users.get(user)

    async def save_user(self, user: str, value: StoredUser) -> None:
        """Keep what lets *user* in."""
        await trio.lowlevel.checkpoint()
        self._users[user] = value
