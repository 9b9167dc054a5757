"""
Who logs in, and the JSON text about tokens that may come back (facts/msync.md §5).

The server may replace the token and may tell its end, in one of three spellings.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slackkefu.secret import Secret

if TYPE_CHECKING:
    from slackkefu.easemob.names import AppKey, ImUser

__all__ = ["Login", "TokenReply", "read_auth_token"]

_MS: Final = 10**11
"""A time of 1973 counted in ms; below it a number is in seconds."""
_EPOCH_S: Final = 10**9
"""A time of 2001 counted in s, or a life of 31 years; below it a number is relative."""
_PLAUSIBLE_MS: Final = 20 * 365 * 86_400 * 1000
"""An end later than this says nothing."""


@dataclass(frozen=True, slots=True)
class Login:
    """One user's login from one device."""

    app_key: AppKey
    user: ImUser
    token: Secret
    """The user token as REST gave it."""
    resource: str
    """The device: made once and kept; a new one is a new device (facts/msync.md §1.9)."""
    dollar_prefix: bool = True
    """
    The web client's spelling: ``$t$`` before the token, in ``MSync.auth`` and in ``auth_token``. Without it the newer
    spelling: no ``auth``, bare token in ``auth_token``. Both are official; the first has the longer use (``?``, §5).
    """

    @property
    def wire_token(self) -> str:
        """The token as it is spelled on the wire: a secret."""
        return f"$t${self.token.reveal()}" if self.dollar_prefix else self.token.reveal()


@dataclass(frozen=True, slots=True)
class TokenReply:
    """What the server says about tokens in its answer to the login."""

    token: Secret | None = None
    """Another token to use from now on; None when it gave none, or the one we have."""
    expires_at_ms: int | None = None
    """When the token ends, ms since the epoch; None when not said."""


def read_auth_token(raw: bytes, login: Login, now_ms: int) -> TokenReply:
    """
    Read ``auth_token`` of the login's answer: JSON ``{"token": …, "expires_in": …}``, or nothing.

    ``expires_in`` is read in its three spellings: absolute ms, absolute s, relative s (facts/msync.md §5). Whatever
    cannot be read says nothing: the login was good.
    """
    try:
        document = json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return TokenReply()
    token = document.get("token")
    replaced = None
    if isinstance(token, str) and token and token.removeprefix("$t$") != login.token.reveal():
        replaced = Secret(token.removeprefix("$t$"))
    return TokenReply(replaced, _end_ms(document.get("expires_in"), now_ms))


def _end_ms(given: object, now_ms: int) -> int | None:
    """Return the end that *given* means, in ms since the epoch, or None when it means nothing."""
    try:
        number = int(given) if isinstance(given, int | float | str) else 0
    except (ValueError, OverflowError):
        return None
    if number <= 0:
        return None
    if number >= _MS:
        end_ms = number
    elif number >= _EPOCH_S:
        end_ms = number * 1000
    else:
        end_ms = now_ms + number * 1000
    return end_ms if end_ms < now_ms + _PLAUSIBLE_MS else None
