"""
Speaking: under whose name and with whose face a message of kefu's is posted.

A human agent speaks by name, and so does an account that campaigns are sent from; a robot too, and is marked as one,
named or not. The desk's own system speaks through the app itself, and so does whoever the desk does not name: what it
hides stays hidden (facts/kefu.md §2.9).

Another name than the app's needs the scope ``chat:write.customize`` (facts/slack.md §8). Where it is missing the name
is put in front of the words. That is remembered, so that only one post in :data:`WITHOUT_S` finds it out.

A name is somebody's own words: it is cut, and nothing in it is invisible, turns the writing direction, or means
something to Slack.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urlsplit

import structlog
import trio

from slackkefu.bridge.sentences import ROBOT
from slackkefu.errors import SlackApiError
from slackkefu.kefu.fields import absolute_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.errors import SlackkefuError
    from slackkefu.kefu.speaker import Speaker
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import Post

__all__ = ["APP", "Speaking", "Voice", "name_of", "voice_of"]

log = structlog.get_logger()

SCOPE: Final = "chat:write.customize"

WITHOUT_S: Final = 3600.0
"""How long a refused name is not tried again with the same installation; one that is made anew is tried at once."""

MAX_NAME: Final = 60
MAX_URL: Final = 1000

_LIKE: Final[Mapping[int, str]] = MappingProxyType(str.maketrans({"<": "‹", ">": "›", "&": "＆"}))
"""What Slack gives a meaning to (facts/slack.md §6), and what looks like it."""


@final
@dataclass(frozen=True, slots=True)
class Voice:
    """Who seems to speak."""

    name: str = field(default="", repr=False)
    """Empty for the app itself."""
    face: str = field(default="", repr=False)
    """Address of a picture; empty for the app's own."""


APP: Final = Voice()


def voice_of(by: Speaker, *, kefu_url: str) -> Voice:
    """
    Return the voice of whoever wrote a message.

    Args:
        by: Who wrote it.
        kefu_url: Address of the desk, for pictures that are a bare path; may be empty.

    """
    name = name_of(by)
    return Voice(name, _face(by.avatar or "", kefu_url)) if name else APP


def name_of(by: Speaker) -> str:
    """Return the name of an agent, robot or account as it may be shown, in text too; empty where there is none."""
    if by.kind not in ("agent", "robot", "account"):
        return ""
    shown = "".join(each for each in by.name or "" if unicodedata.category(each)[0] != "C")
    name = " ".join(shown.translate(_LIKE).split())
    if len(name) > MAX_NAME:
        name = name[: MAX_NAME - 1] + "…"
    return name if by.kind != "robot" else " · ".join(filter(None, (name, ROBOT)))


def _face(avatar: str, kefu_url: str) -> str:
    """Return the address of a picture, which may begin with ``//`` or be a bare path (facts/kefu.md §2.7)."""
    url = absolute_url(f"https:{avatar}" if avatar.startswith("//") else avatar, kefu_url=kefu_url) or ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme == "https" and "@" not in parts.netloc and len(url) <= MAX_URL else ""


@final
class Speaking:
    """Which installations let us speak under another name."""

    def __init__(self) -> None:
        self._without_until: dict[Installation, float] = {}

    def fit(self, installation: Installation, post: Post) -> Post:
        """Return *post* as *installation* may make it: with the name in front of the words where it must be."""
        if not post.username or self._may(installation):
            return post
        context = {"type": "context", "elements": [{"type": "plain_text", "text": post.username}]}
        return replace(
            post,
            username="",
            icon_url="",
            text=f"{post.username}: {post.text}",
            blocks=(context, *post.blocks) if post.blocks else (),
        )

    def refused(self, installation: Installation, post: Post, error: SlackkefuError) -> bool:
        """Tell whether *error* says that *post* has a name and may not, and remember it."""
        if not post.username or not isinstance(error, SlackApiError) or error.code != "missing_scope":
            return False
        if error.needed and SCOPE not in error.needed:
            return False
        now = trio.current_time()
        self._without_until = {each: until for each, until in self._without_until.items() if until > now}
        self._without_until[installation] = now + WITHOUT_S
        log.warning(
            "slack.no_names",
            installation=str(installation.key),
            meaning="agents' names stand in front of their words",
            advice=f"add the scope {SCOPE} to the manifest and install the app again",
        )
        return True

    def _may(self, installation: Installation) -> bool:
        if installation.scopes and SCOPE not in installation.scopes:
            return False
        return self._without_until.get(installation, float("-inf")) <= trio.current_time()
