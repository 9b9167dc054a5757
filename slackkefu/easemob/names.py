"""
Names on the Easemob side: app keys, users, queues.

User names do not keep case (facts/msync.md §12), so a name is folded to lower case once, where it enters, and compared
plainly from there on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NewType

__all__ = ["DOMAIN", "AppKey", "ImUser", "Queue", "im_user"]

DOMAIN: Final = "easemob.com"
"""Domain of every user's JID, also on self-hosted clusters (facts/msync.md §12)."""

ImUser = NewType("ImUser", str)
"""Name of an IM user, in lower case; make one with :func:`im_user`."""


def im_user(name: str) -> ImUser:
    """Return *name* as an IM user's name: folded to lower case."""
    return ImUser(name.lower())


@dataclass(frozen=True, slots=True)
class AppKey:
    """``org#app``: which application at Easemob."""

    org: str
    app: str

    @classmethod
    def parse(cls, text: str) -> AppKey:
        """
        Read ``org#app``.

        Raises:
            ValueError: there is not exactly one ``#`` with something on both sides.

        """
        org, mark, app = text.partition("#")
        if not (org and mark and app) or "#" in app:
            message = "an app key is org#app"
            raise ValueError(message)
        return cls(org, app)

    def __str__(self) -> str:
        return f"{self.org}#{self.app}"


@dataclass(frozen=True, slots=True)
class Queue:
    """
    One of a user's queues at the server: a conversation, or the system queue (facts/msync.md §7.2).

    Queues are equal when app key, name and domain are: the resource may come with one frame and be missing in the next.
    """

    app_key: str
    name: str
    """Folded name of the peer; empty for the system queue."""
    domain: str
    given: tuple[str, str, str, str] = field(compare=False, repr=False)
    """App key, name, domain and resource as the server wrote them, empty where absent; pulls echo these."""

    @classmethod
    def of(cls, app_key: str, name: str, domain: str, resource: str = "", *, home: str) -> Queue:
        """Make the queue of a JID as given; an absent app key means *home*, an absent domain means :data:`DOMAIN`."""
        return cls(app_key or home, name.lower(), domain or DOMAIN, (app_key, name, domain, resource))
