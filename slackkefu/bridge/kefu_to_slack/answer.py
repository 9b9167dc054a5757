"""
An answer: one message of kefu's in our hands, until it has ended.

What it is, however often and by whichever way it comes, kefu's own id says; where it has none the ``Meta.id`` does
(facts/kefu.md §2.11). A message that came by another way than MSYNC has no ``Meta.id``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, final

import trio

from slackkefu.bridge.identity import digest
from slackkefu.easemob.message import MediaBody, TextBody
from slackkefu.kefu import incoming
from slackkefu.kefu.messages import Nothing, Recall

if TYPE_CHECKING:
    from slackkefu.easemob.message import IncomingMessage
    from slackkefu.easemob.names import ImUser
    from slackkefu.kefu.messages import KefuMessage

__all__ = ["Answer"]


@final
class Answer:
    """
    A message of kefu's.

    Args:
        meta: As it came.
        service_number: Who alone may speak to a visitor.

    """

    __slots__ = ("_service_number", "ended", "is_dropped", "is_left", "message", "meta", "msg_id", "recalls", "wanted")

    def __init__(self, meta: IncomingMessage, *, service_number: ImUser) -> None:
        self.meta = meta
        self._service_number = service_number
        self.message = self._meaning()
        """What it means; None when reading it makes us fail."""
        self.msg_id = (self.message and self.message.msg_id) or ""
        """kefu's id; ours for a message that has neither that nor a ``Meta.id``; empty for one that has the latter."""
        self.recalls = _recalled_by(self.message)
        """kefu's id of the message that it takes back; mostly empty."""
        if self.recalls:
            # One recall, whichever way and in whichever form it comes: not the message, whose id it may carry.
            self.msg_id = f"recall/{self.recalls}"
        if not self.msg_id and not meta.meta_id:
            self.msg_id = digest(f"{meta.timestamp_ms} {self.content()!r}").hex()
        self.ended = trio.Event()
        self.is_dropped = False
        """Whom it is for was forgotten: nothing is done with it."""
        self.is_left = False
        """Whether it has not ended, but is left to Easemob: its visitor cannot be reached now."""
        self.wanted = 0
        """How many batches wait for it; with the last one that is gone Easemob has it still."""

    def __repr__(self) -> str:
        return f"<Answer {self.identity}{' ended' if self.ended.is_set() else ''}>"

    @property
    def identity(self) -> str:
        """What it is."""
        return self.msg_id or str(self.meta.meta_id)

    def read(self) -> KefuMessage:
        """Return what it means; raises what reading it raises."""
        if self.message is None:
            self.message = incoming.read(self.meta, service_number=self._service_number)
        return self.message

    def content(self) -> bytes:
        """Return it as JSON, for a person to look at; without what opens its file."""
        body = self.meta.body
        known = {
            "meta_id": self.meta.meta_id,
            "msg_id": self.message.msg_id if self.message is not None else None,
            "timestamp_ms": self.meta.timestamp_ms,
            "kind": type(body).__name__,
            "text": body.text if isinstance(body, TextBody) else "",
            "filename": body.filename if isinstance(body, MediaBody) else "",
        }
        try:
            return json.dumps({**known, "ext": self.meta.ext}, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError):
            # What cannot be written may be what makes us fail.
            return json.dumps(known).encode()

    def _meaning(self) -> KefuMessage | None:
        try:
            return incoming.read(self.meta, service_number=self._service_number)
        except Exception:  # noqa: BLE001 - whoever brings it over reads it again, and says what is wrong
            return None


def _recalled_by(message: KefuMessage | None) -> str:
    """Return the id of the message that *message* takes back; empty when it takes none."""
    if isinstance(message, Recall):
        return message.of
    return (message.msg_id or "") if isinstance(message, Nothing) and message.reason == "recalled" else ""
