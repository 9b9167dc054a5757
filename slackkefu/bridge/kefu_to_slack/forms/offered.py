"""
What an element of our messages carries along, so that a click can be answered from it alone.

Whose it is, what it belongs to and since when stand in the ``block_id``; what the desk gets stands in the element's
value. Slack hands out only blocks that we made, so neither needs a signature; but everybody who sees a message can
press its buttons, so whoever pressed is compared with whose it is (facts/slack.md §11).

Ids are kept as kefu gave them, where the answer needs them; where they are only compared, a digest stands for them, so
that an id of any length fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, cast, final

import msgspec

from slackkefu.bridge.identity import visitor_of
from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.easemob.names import ImUser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.easemob.message import Json

__all__ = ["ANSWER", "PREFIX", "Offered", "read_value", "session_mark", "write_value"]

PREFIX: Final = "kefu"
"""What our ``block_id``s begin with."""

ANSWER: Final = "answer"
"""The word of the ``action_id`` of elements whose value is what the desk gets."""

_NO_SESSION: Final = "-"


def session_mark(session_id: str | None) -> str:
    """Return what stands for a service session."""
    return _digest(session_id) if session_id else _NO_SESSION


def _digest(*parts: str) -> str:
    state = blake2b(digest_size=8, person=b"slackkefu.offer")
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(4, "big") + raw)
    return state.hexdigest()


@final
@dataclass(frozen=True, slots=True)
class Offered:
    """One thing that kefu has offered to one visitor: a menu, a hint, an invitation."""

    user: ImUser
    """To whom."""
    session: str
    """The mark of its service session; ``-`` for one that belongs to none, such as a greeting."""
    mark: str
    """Which it is."""
    at: int
    """When it was said, seconds since the epoch."""

    @classmethod
    def of(cls, user: ImUser, *, identity: str, kind: str, session_id: str | None, at: float) -> Offered:
        """
        Name what a message of kefu's offers.

        Args:
            user: The visitor.
            identity: kefu's id of the message.
            kind: Which of the things it offers.
            session_id: Its service session.
            at: When it was sent (wall clock).

        """
        return cls(user, session_mark(session_id), _digest(identity, kind), max(0, int(at)))

    @property
    def belongs_to_session(self) -> bool:
        """Whether it ends with a service session."""
        return self.session != _NO_SESSION

    def block_id(self, row: int = 0) -> str:
        """Return the ``block_id`` of one of its rows."""
        return f"{PREFIX}:{row}:{self.user}:{self.session}:{self.mark}:{self.at}"

    @classmethod
    def read(cls, block_id: str) -> Offered | None:
        """Read what :meth:`block_id` wrote; None when it is something else."""
        parts = block_id.split(":")
        if len(parts) != _PARTS or parts[0] != PREFIX or visitor_of(parts[2]) is None:
            return None
        at = parts[5]
        return cls(ImUser(parts[2]), parts[3], parts[4], int(at)) if at.isascii() and at.isdecimal() else None


_PARTS: Final = 6


class _Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the desk gets; short names, for an option has room for 150 characters."""

    x: dict[str, object] = {}
    w: str | None = None
    a: str = ""


def write_value(deed: ForDesk, *, label: str = "") -> str:
    """Write what the desk gets by an element with this *label*, which need not be written twice."""
    words = None if deed.words == label and not deed.action else deed.words
    return msgspec.json.encode(_Value(dict(deed.ext), words, deed.action)).decode()


def read_value(value: str, *, label: str = "") -> ForDesk | None:
    """Read what :func:`write_value` wrote; None when it is something else."""
    try:
        read = msgspec.json.decode(value, type=_Value)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    # It is JSON: it was read just now.
    ext = cast("Mapping[str, Json]", read.x)
    return ForDesk(words=label if read.w is None else read.w, ext=ext, action=read.a)
