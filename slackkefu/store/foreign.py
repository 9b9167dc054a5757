"""
Installations in a folder of slack_sdk's ``FileInstallationStore``, to be taken over.

Its layout is ``[<client id>/]<organisation or none>-<workspace or none>/bot-latest``, one JSON object; with history
beside it ``bot-<time>``, the older the smaller (facts/slack.md §15). It writes in place, so a crash leaves a file that
is cut off; where that has happened the newest whole file of the same place is taken. A place without ``bot-latest`` is
one whose app was removed: what is left there has dead tokens, and is left alone. Nothing is changed in the folder.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

import msgspec

from slackkefu.errors import StoreError
from slackkefu.store.installations import read_bot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slack_sdk.oauth.installation_store import Bot

__all__ = ["Found", "read_folder"]

MAX_BYTES: Final = 1 << 20

_PLACE: Final = re.compile(r"(E[A-Z0-9]+|none)-(T[A-Z0-9]+|none)")
_LATEST: Final = "bot-latest"
_HISTORY: Final = re.compile(r"bot-[0-9.]+")
_NONE: Final = "none"


@final
@dataclass(frozen=True, slots=True)
class Found:
    """One place in the folder."""

    path: Path
    """The place's folder."""
    client_id: str = ""
    """Of the folder around it; empty where there is none."""
    bot: Bot | None = field(default=None, repr=False)
    problem: str = ""
    """What is wrong; with a bot: why it is not the one of ``bot-latest``."""

    @property
    def where(self) -> str:
        """The organisation or workspace, as the folder's name has it."""
        enterprise_id, _, team_id = self.path.name.partition("-")
        return enterprise_id if team_id == _NONE else team_id


def read_folder(root: Path) -> list[Found]:
    """
    Return every place in *root*; blocks on files.

    Raises:
        StoreError: The folder cannot be read.

    """
    try:
        return [*_places(root)]
    except OSError as exc:
        raise StoreError(root, f"cannot be read ({exc.strerror}). Nothing was imported.") from exc


def _places(root: Path) -> Iterator[Found]:
    for outer in sorted(root.iterdir()):
        if not outer.is_dir():
            continue
        if _PLACE.fullmatch(outer.name):
            yield _read(outer, "")
        else:
            yield from (
                _read(inner, outer.name)
                for inner in sorted(outer.iterdir())
                if inner.is_dir() and _PLACE.fullmatch(inner.name)
            )


def _read(place: Path, client_id: str) -> Found:
    if not (place / _LATEST).exists():
        return Found(place, client_id, problem=f"no {_LATEST}: the app was removed there")
    try:
        return Found(place, client_id, _bot(place / _LATEST))
    except ValueError as exc:
        problem = f"{_LATEST} is damaged ({exc})"
    whole: list[Bot] = []
    for path in place.iterdir():
        if _HISTORY.fullmatch(path.name):
            with contextlib.suppress(ValueError):
                whole.append(_bot(path))
    if not whole:
        return Found(place, client_id, problem=f"{problem}, and there is no whole file beside it")
    newest = max(whole, key=lambda bot: bot.installed_at)
    return Found(place, client_id, newest, f"{problem}; the newest whole file beside it was taken")


def _bot(path: Path) -> Bot:
    """Read one file; raises ValueError with a reason that shows nothing of it."""
    try:
        if not path.is_file():
            # Also not a pipe, which would be waited for.
            raise ValueError("it is no file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ValueError(f"it cannot be read: {exc.strerror}") from None
    if not content.strip():
        raise ValueError("the file is empty")
    if len(content) > MAX_BYTES:
        raise ValueError("the file is too large")
    try:
        bot = read_bot(msgspec.json.decode(content))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    team_id = None if bot.is_enterprise_install else bot.team_id
    if f"{bot.enterprise_id or _NONE}-{team_id or _NONE}" != path.parent.name:
        raise ValueError("it is about another place than its folder's name says")
    return bot
