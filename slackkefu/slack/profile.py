"""
What Slack tells about a person.

The same fields come with an event (``user_profile``), from ``users.info`` and in ``user_change``; any of them may be
absent, null or empty (facts/slack.md §8). ``name``, the old handle, is never used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Profile", "read_profile", "read_user"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A person; every field is empty where Slack tells nothing."""

    display_name: str = field(default="", repr=False)
    real_name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    title: str = field(default="", repr=False)
    timezone: str = field(default="", repr=False)
    """An IANA name."""
    locale: str = field(default="", repr=False)
    """Like ``en-US``; told only by ``users.info``, when asked for."""
    team: str = ""
    """The person's home: ``T…`` or ``E…``."""

    @property
    def name(self) -> str | None:
        """What to call the person; None rather than blank."""
        return self.display_name or self.real_name or None


def read_profile(raw: object) -> Profile | None:
    """Read a ``profile`` or ``user_profile`` object; None if it is no object."""
    if not isinstance(raw, Mapping):
        return None
    return Profile(
        display_name=_line(raw.get("display_name")),
        real_name=_line(raw.get("real_name")),
        email=_line(raw.get("email")),
        phone=_line(raw.get("phone")),
        title=_line(raw.get("title")),
        team=_line(raw.get("team")),
    )


def read_user(raw: object) -> Profile | None:
    """Read a whole user object, as in ``users.info`` and ``user_change``; None if it is no object."""
    if not isinstance(raw, Mapping):
        return None
    profile = read_profile(raw.get("profile")) or Profile()
    return Profile(
        display_name=profile.display_name,
        real_name=profile.real_name or _line(raw.get("real_name")),
        email=profile.email,
        phone=profile.phone,
        title=profile.title,
        timezone=_line(raw.get("tz")),
        locale=_line(raw.get("locale")),
        team=_line(raw.get("team_id")) or profile.team,
    )


def _line(value: object) -> str:
    """Return *value* as one trimmed line if it is text, else nothing."""
    return " ".join(value.split()) if isinstance(value, str) else ""
