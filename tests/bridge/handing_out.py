"""A second channel that hands out what it is told to, and a way to Slack that notes what it is given."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, final

import trio

from slackkefu.easemob.message import IncomingMessage, TextBody
from slackkefu.easemob.names import ImUser, Queue
from slackkefu.kefu.im_json import read_entity, read_received
from slackkefu.kefu.second_channel import Received
from tests.bridge.people import MIA

if TYPE_CHECKING:
    from slackkefu.easemob.message import Batch
    from slackkefu.errors import SlackkefuError

__all__ = ["QUEUE", "Channel", "Delivery", "received"]

QUEUE = Queue.of("acme#support", "kefu_service", "easemob.com", home="acme#support")


def received(text: str, *, msg_id: str | None = "", action: str = "", visitor: str = MIA) -> Received:
    """Make a message as the second channel hands it out; its id is its text unless another, or None, is given."""
    body = {"type": "cmd", "action": action} if action else {"type": "txt", "msg": text}
    weichat = {} if msg_id is None else {"msgId": msg_id or text}
    entity = {"from": "kefu_service", "to": visitor, "bodies": [body], "ext": {"weichat": weichat, "about": text}}
    content = json.dumps(entity).encode()
    return Received(read_entity(read_received(content), visitor=ImUser(visitor)), content)


@final
class Channel:
    """The second channel: hands out what waits, in *takes_s*, and remembers who was asked for when."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Received]] = {}
        self.problems: deque[SlackkefuError] = deque()
        self.takes_s = 0.0
        self.asked: list[tuple[str, float]] = []
        self.at_once = 0
        self.most_at_once = 0

    async def receive(self, visitor: ImUser, /) -> list[Received]:
        """Hand out what waits for *visitor*."""
        self.asked.append((visitor, trio.current_time()))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await trio.sleep(self.takes_s)
        finally:
            self.at_once -= 1
        if self.problems:
            raise self.problems.popleft()
        return self.waiting.pop(visitor, [])

    def times(self, visitor: str = MIA) -> list[float]:
        """Return when *visitor* was asked for."""
        return [at for user, at in self.asked if user == visitor]


@final
class Delivery:
    """The way to Slack: takes *takes_s* for each message, or refuses as it is told."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.problems: deque[SlackkefuError] = deque()
        self.begun: list[IncomingMessage] = []
        self.ended: list[IncomingMessage] = []

    async def __call__(self, user: ImUser, batch: Batch) -> None:
        """Bring a batch to its end."""
        assert QUEUE == batch.queue
        (message,) = batch.metas
        assert isinstance(message, IncomingMessage)
        if self.problems:
            await trio.lowlevel.checkpoint()
            raise self.problems.popleft()
        self.begun.append(message)
        await trio.sleep(self.takes_s)
        self.ended.append(message)

    @property
    def texts(self) -> list[str]:
        """What has ended, in order."""
        return [message.body.text for message in self.ended if isinstance(message.body, TextBody)]
