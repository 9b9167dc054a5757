"""
One app's users and tokens.

Names are not case-sensitive: ``Aa`` and ``aa`` are one user (facts/msync.md §12, facts/easemob-rest.md §5.1). Pure:
the wall clock comes in as an argument. Refusals are raised as :class:`AccountError`, which REST turns into its
answer.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AccountError", "Accounts", "Token", "User"]

MAX_NAME_BYTES: Final = 64
MAX_NICKNAME: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")


class AccountError(Exception):
    """A refusal, with what REST answers (facts/easemob-rest.md §2.3)."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(status, error, description)
        self.status = status
        self.error = error
        self.description = description


@dataclass(slots=True, eq=False)
class User:
    """One IM user."""

    name: str
    """Lower case."""
    registered_as: str
    password: str | None = field(repr=False)
    created_ms: int
    uuid: str
    nickname: str = ""
    activated: bool = True


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token."""

    value: str = field(repr=False)
    user: str
    """Empty for an app token."""
    expires_at: float
    """Wall clock, seconds; ``inf`` for one that never ends."""


@final
class Accounts:
    """Users and tokens of one app."""

    def __init__(self, *, label: str, client_id: str, client_secret: str, plan_users: int | None = None) -> None:
        self._label = label
        self._client = (client_id, client_secret)
        self._plan_users = plan_users
        self._users: dict[str, User] = {}
        self._tokens: dict[str, Token] = {}
        self._issued = 0

    # Users.

    def find(self, name: str) -> User | None:
        """Return the user *name*, in any case."""
        return self._users.get(name.lower())

    def check_name(self, name: object) -> str:
        """
        Return *name* as a string.

        Raises:
            AccountError: It is missing, too long or has other characters.

        """
        if not isinstance(name, str) or not name:
            raise AccountError(400, "illegal_argument", "Entity user requires a property named username")
        if len(name.encode()) > MAX_NAME_BYTES:
            raise AccountError(400, "illegal_argument", "USERNAME_TOO_LONG")
        if not _NAME.fullmatch(name):
            raise AccountError(400, "illegal_argument", f"username [{name}] is not legal")
        return name

    def create(self, name: str, *, password: str | None, nickname: str = "", now: float) -> User:
        """
        Register a user whose name has been checked and is free.

        Raises:
            AccountError: The plan allows no more users, or the nickname is too long.

        """
        if len(nickname) > MAX_NICKNAME:
            raise AccountError(400, "illegal_argument", "NICKNAME_TOO_LONG")
        if self._plan_users is not None and len(self._users) >= self._plan_users:
            raise AccountError(
                429,
                "resource_limited",
                "You have exceeded the limit of the Free edition. Please upgrade to higher edition.",
            )
        folded = name.lower()
        user = User(
            folded, name, password, int(now * 1000), str(uuid.uuid5(uuid.NAMESPACE_DNS, folded)), nickname=nickname
        )
        self._users[folded] = user
        return user

    def delete(self, name: str) -> None:
        """Remove a user and its tokens."""
        self._users.pop(name.lower(), None)
        self.revoke(name)

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    # Tokens.

    def check_client(self, client_id: object, client_secret: object) -> None:
        """Hold app credentials against ours; raise AccountError where they are missing or differ."""
        if not client_id:
            raise AccountError(400, "illegal_argument", "client_id must be provided.")
        if not client_secret:
            raise AccountError(400, "illegal_argument", "client_secret must be provided")
        if client_id != self._client[0]:
            raise AccountError(400, "invalid_grant", "client_id does not match")
        if client_secret != self._client[1]:
            raise AccountError(400, "invalid_grant", "client_secret does not match")

    def issue(self, user: str, *, expires_at: float) -> Token:
        """Make a new token of *user*, or of the app when empty."""
        self._issued += 1
        value = f"fake-{self._label}-{'user' if user else 'app'}-{self._issued:06d}"
        token = Token(value, user.lower(), expires_at)
        self._tokens[value] = token
        return token

    def revoke(self, user: str = "") -> None:
        """End all tokens of *user*, or of the app when empty."""
        for value in [value for value, token in self._tokens.items() if token.user == user.lower()]:
            del self._tokens[value]

    def expire(self, user: str = "") -> None:
        """Let all tokens of *user*, or of the app when empty, have expired."""
        for value, token in self._tokens.items():
            if token.user == user.lower():
                self._tokens[value] = Token(value, token.user, 0.0)

    def judge(self, value: str, *, now: float) -> Token | Literal["expired", "corrupt", "unknown"]:
        """Return the good token of that *value*, or what is wrong with it."""
        token = self._tokens.get(value)
        if token is None:
            return "unknown" if value.startswith("fake-") else "corrupt"
        return token if token.expires_at > now else "expired"
