"""
Bringing: what a person did, on its way to the desk.

It goes on the visitor's ordinary lane, behind what they wrote before, with the custody that words have: synced in the
spill first, because Slack keeps and repeats none of it, and acknowledged then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, final

from slackkefu.bridge.book import installation_key
from slackkefu.bridge.identity import visitor_of
from slackkefu.bridge.slack_to_kefu.routing import Forward
from slackkefu.slack.envelope import Envelope, EventCallback, MessageEvent, parse_event_callback
from slackkefu.slack.ids import ChannelId, Ts, written_at
from slackkefu.slack.text import escape

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from slackkefu.bridge.book import Book
    from slackkefu.bridge.deeds.act import Act
    from slackkefu.bridge.slack_to_kefu.custody import MessageKey
    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.bridge.slack_to_kefu.receipts import Delivery
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.installation import Installations

__all__ = ["Bringing", "Spot", "Take"]

_UNSAID: Final = "…"
"""Stands for the words of a deed without any: a message has some."""


Take: TypeAlias = "Callable[[Forward, Delivery], Awaitable[bool]]"
"""Takes what a person did, as :meth:`slackkefu.bridge.slack_to_kefu.intake.Intake.take_deed` does."""


class Custody(Protocol):
    """What knows where messages are; the part of :class:`slackkefu.bridge.slack_to_kefu.receipts.Receipts`."""

    async def passed(self, key: MessageKey) -> bool:
        """Wait until a message has ended or is in the spill; False when it was given back."""
        ...


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something was done: what comes of it is answered there."""

    channel: ChannelId
    thread_ts: Ts | None


@final
class Bringing:
    """
    Brings deeds to the desk.

    Args:
        take: Takes them onto their lanes.
        custody: Knows when they are safe.
        book: The visitors' records.
        installations: Who installed the app.
        wall: Wall clock, seconds.

    """

    def __init__(
        self, *, take: Take, custody: Custody, book: Book, installations: Installations, wall: Callable[[], float]
    ) -> None:
        self._take = take
        self._custody = custody
        self._book = book
        self._installations = installations
        self._wall = wall

    async def bring(
        self, act: Act, user: ImUser, deed: ForDesk, *, label: str = "", at: Ts | None = None, spot: Spot | None = None
    ) -> bool:
        """
        Bring a deed to the desk; returns when it is safe on disk, or has reached it.

        The acknowledgement is handed over, unless there is no room.

        Args:
            act: The deed.
            user: Whose conversation it is about; one of our visitors.
            deed: What the desk gets.
            label: What was chosen, in words; the desk gets ``deed.words``.
            at: When it was done, by Slack's clock; None for now.
            spot: Where it was done, if that is in the visitor's conversation.

        Returns:
            Whether it is on its way for good.

        """
        forward, callback = self._forward(act, user, deed, label, at, spot)
        delivery = act.hand_over()
        if not await self._take(forward, _Handed(delivery, callback)):
            act.is_handed_over = False
            return False
        return await self._custody.passed(forward.key)

    def _forward(
        self, act: Act, user: ImUser, deed: ForDesk, label: str, at: Ts | None, spot: Spot | None
    ) -> tuple[Forward, EventCallback]:
        """Make the message that it is to the lane."""
        visitor, record = visitor_of(user), self._book.get(user)
        if visitor is None:
            raise ValueError("not one of our visitors")
        channel, thread_ts = ChannelId(visitor.channel), None
        is_direct, installation = visitor.channel.startswith("D"), act.installation
        if record is not None:
            channel, is_direct = ChannelId(record.channel), record.channel_type == "im"
            thread_ts = Ts(record.thread_ts) if record.thread_ts else None
            key = installation_key(record)
            installation = (self._installations.get(key) if key is not None else None) or installation
        if spot is not None and spot.channel == channel and (is_direct or spot.thread_ts):
            thread_ts = spot.thread_ts
        ts = at if at is not None and written_at(at) is not None else Ts(f"{self._wall():.6f}")
        event = {
            "type": "message",
            "channel": channel,
            "channel_type": "im" if is_direct else (record.channel_type if record is not None else ""),
            "user": visitor.user,
            "ts": ts,
            "thread_ts": thread_ts,
            "text": escape(label or deed.words) or _UNSAID,
        }
        callback = parse_event_callback({"type": "event_callback", "event": event})
        assert isinstance(callback, EventCallback)  # noqa: S101 - made in the line above
        assert isinstance(callback.event, MessageEvent)  # noqa: S101 - as above
        forward = Forward(
            visitor=visitor,
            user=user,
            installation=installation,
            event=callback.event,
            is_direct=is_direct,
            thread_ts=thread_ts,
            is_mention=False,
            deed=deed,
        )
        return forward, callback


@final
class _Handed:
    """The delivery of a deed, as that of the message it has become."""

    def __init__(self, delivery: Delivery, callback: EventCallback) -> None:
        self._delivery = delivery
        self.envelope = Envelope(
            envelope_id=delivery.envelope.envelope_id,
            kind="events_api",
            payload=callback,
            accepts_response_payload=False,
            retry_attempt=0,
            retry_reason="",
        )

    @property
    def received_at(self) -> float:
        """When it came (trio's clock)."""
        return self._delivery.received_at

    async def acknowledge(self, payload: Mapping[str, object] | None = None) -> bool:
        """Acknowledge the deed itself."""
        return await self._delivery.acknowledge(payload)
