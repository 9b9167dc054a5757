"""
Bot tokens that expire: what a refresh brings, when one is due, and whose a token is that was replaced.

With token rotation a bot token lives 12 hours and a refresh token brings the next pair, once (facts/slack.md §12). At
most two bot tokens of an installation are good at a time, so the next one is fetched in the second half of a life: by
its end the one before has died by itself, and calls that are still under way with it have long had their answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, final

from slackkefu.errors import RemoteProtocolError
from slackkefu.secret import Secret
from slackkefu.slack.fields import text_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.slack.installation import Installation, InstallationKey

__all__ = ["BEFORE_USE_S", "LIFE_S", "METHOD", "Holders", "Renewed", "due_in", "is_ending", "read_renewed"]

METHOD: Final = "oauth.v2.access"

LIFE_S: Final = 43_200.0
"""How long a token lives where nobody has said (facts/slack.md §12)."""

BEFORE_USE_S: Final = 120.0
"""A token that dies sooner is not used for a call before the next one has been asked for."""

MAX_LIFE_S: Final = 90 * 86_400.0

KEPT: Final = 16
"""Tokens an installation is known by: those of some days."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """What Slack gives for a refresh token."""

    bot_token: Secret
    refresh_token: Secret
    expires_at: float
    """Wall clock, seconds."""


def read_renewed(answer: Mapping[str, object], *, refresh_token: Secret, asked_at: float) -> Renewed:
    """
    Read the answer to a refresh.

    Args:
        answer: As Slack sent it.
        refresh_token: The one that was sent; it stays good where the answer has no other.
        asked_at: When it was sent, wall clock.

    Raises:
        RemoteProtocolError: There is no bot token in it.

    """
    token, kind, life_s = text_at(answer, "access_token"), text_at(answer, "token_type"), answer.get("expires_in")
    if not token or kind not in ("", "bot"):
        raise RemoteProtocolError(f"an answer to {METHOD} without a bot token")
    if isinstance(life_s, bool) or not isinstance(life_s, int | float) or not 0 < life_s <= MAX_LIFE_S:
        life_s = LIFE_S
    following = text_at(answer, "refresh_token")
    return Renewed(Secret(token), Secret(following) if following else refresh_token, asked_at + life_s)


def due_in(left_s: float, *, life_s: float, share: float) -> float:
    """
    Return in how many seconds a token is to be replaced; 0 where it is time already.

    Between half and three quarters of its life, so that hours remain in which a refresh may fail.

    Args:
        left_s: How long it still lives.
        life_s: How long it lives in all.
        share: Drawn for each token, from 0 to 1: many that came at once are not replaced at once.

    """
    margin_s = life_s * (0.25 + 0.25 * share)
    return max(left_s - margin_s, 0.0)


def is_ending(installation: Installation, *, now: float) -> bool:
    """Tell whether the token of *installation* must not be used before the next has been asked for."""
    return installation.expires_at is not None and now >= installation.expires_at - BEFORE_USE_S


@final
class Holders:
    """
    Whose a token is or was.

    An installation can lie in a lane for hours, and its token with it. So those that were replaced stay known for some
    days: by their digests, no token is kept.
    """

    def __init__(self) -> None:
        self._keys: dict[bytes, InstallationKey] = {}
        self._digests: dict[InstallationKey, deque[bytes]] = {}

    def note(self, token: Secret, key: InstallationKey) -> None:
        """Note that *token* is one of *key*'s."""
        digest = _digest(token)
        known = self._digests.setdefault(key, deque())
        if not token or digest in known:
            return
        known.append(digest)
        self._keys[digest] = key
        if len(known) > KEPT:
            self._keys.pop(known.popleft(), None)

    def of(self, token: Secret) -> InstallationKey | None:
        """Return whose *token* is; None for one that is nobody's, as far as is known."""
        return self._keys.get(_digest(token))


def _digest(token: Secret) -> bytes:
    return sha256(token.reveal().encode("utf-8", "surrogatepass")).digest()
