"""
A play-book for the session engine: what goes in, and what must come out of it.

::

    with Play() as play:
        play.start()
        play.sent("login")
        play.hears(login_reply())
        play.told(LoggedIn(...))
        play.sent("unread")

Each step must name everything that the step before caused, in order; what nobody named fails the next step, or the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from slackkefu.easemob.events import Drained, LoggedIn
from slackkefu.easemob.login import Login
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.easemob.names import AppKey, Queue, im_user
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.easemob.session import Session
from slackkefu.easemob.timing import ATTENTIVE
from slackkefu.secret import Secret
from tests.easemob.downward import HOME, login_reply, unread

if TYPE_CHECKING:
    from types import TracebackType

    from slackkefu.easemob.events import Event
    from slackkefu.easemob.timing import Heartbeat

__all__ = ["KEFU", "LOGIN", "SYSTEM", "Play", "message", "summary"]

LOGIN = Login(AppKey("org", "app"), im_user("visitor"), Secret("YWMt-test"), "slackkefu-test")
KEFU = Queue.of(HOME, "kefu", "easemob.com", home=HOME)
SYSTEM = Queue.of(HOME, "", "easemob.com", home=HOME)


def message(meta_id: int = 1, words: str = "hello") -> OutgoingMessage:
    """Return a text to the service number."""
    return OutgoingMessage(meta_id, im_user("kefu"), TextBody(words))


def summary(frame: bytes) -> str:
    """Say in a few words what a frame of ours is."""
    envelope = pb.MSync.FromString(frame)
    if envelope.command != pb.MSync.SYNC:
        return {pb.MSync.PROVISION: "login", pb.MSync.UNREAD: "unread", pb.MSync.LOGOUT: "logout"}[envelope.command]
    sync = pb.CommSyncUL.FromString(envelope.payload)
    if sync.HasField("meta"):
        return f"message {sync.meta.id}"
    key = f" with {sync.key}" if sync.HasField("key") else ""
    return f"pull {sync.queue.name or '(system)'}{key}"


class Play:
    """One session and its clock."""

    def __init__(self, *, heartbeat: Heartbeat = ATTENTIVE, login: Login = LOGIN, clock_offset_s: float = 0) -> None:
        self.session = Session(login, heartbeat=heartbeat, clock_offset_s=clock_offset_s)
        self.now = 0.0
        self._sent: list[str] = []
        self._told: list[Event] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None
    ) -> None:
        if kind is None:
            self._take()
            self._nothing_left()

    # What goes in.

    def start(self) -> None:
        """Begin the login."""
        self._next()
        self.session.start(self.now)

    def online(self, *, drained: bool = True) -> None:
        """Log in, with nothing waiting unless *drained* is false: then the list is still to come."""
        self.start()
        self.sent("login")
        self.hears(login_reply())
        self.told(LoggedIn("slackkefu-test", "s-1", None, None))
        self.sent("unread")
        if drained:
            self.hears(unread())
            self.told(Drained())

    def hears(self, frame: bytes) -> None:
        """Give the session a frame."""
        self._next()
        self.session.receive_frame(frame, self.now)

    def at(self, now: float) -> None:
        """Let the clock go to *now*: the session is called exactly when it asked to be, and then once at *now*."""
        self._next()
        while (due := self.session.next_deadline) is not None and due <= now:
            self.now = max(due, self.now)
            self.session.timeout(self.now)
            if self.session.next_deadline == due:
                message = f"the session asks for {due} again and again"
                raise AssertionError(message)
        self.now = now
        self.session.timeout(now)

    def sends(self, outgoing: OutgoingMessage) -> None:
        """Hand in a message."""
        self._next()
        self.session.send(outgoing, self.now)

    def looks_through(self, queue: Queue = KEFU) -> None:
        """Say that the batch of *queue* was looked through."""
        self._next()
        self.session.looked_through(queue)

    def pulls_on(self, queue: Queue = KEFU) -> None:
        """Say that the batch of *queue* is settled."""
        self._next()
        self.session.pull_on(queue, self.now)

    def asks(self) -> None:
        """Ask what waits."""
        self._next()
        self.session.ask(self.now)

    def logs_out(self) -> None:
        """Begin the logout."""
        self._next()
        self.session.logout(self.now)

    def loses(self, reason: str = "connection lost") -> None:
        """End the connection."""
        self._next()
        self.session.connection_lost(reason)

    # What must come out.

    def sent(self, *frames: str) -> None:
        """Expect these frames, by their summary."""
        self._take()
        expected, got = list(frames), self._sent[: len(frames)]
        assert expected == got, f"sent {self._sent}, told {self._told}"
        del self._sent[: len(frames)]

    def told(self, *events: object) -> None:
        """Expect these events; errors are compared by kind and fields."""
        self._take()
        expected, got = [repr(event) for event in events], [repr(event) for event in self._told[: len(events)]]
        assert expected == got, f"sent {self._sent}, told {self._told}"
        del self._told[: len(events)]

    def _take(self) -> None:
        self._sent += [summary(frame) for frame in self.session.frames()]
        self._told += self.session.events()

    def _nothing_left(self) -> None:
        assert not self._sent, f"unexpectedly sent {self._sent}"
        assert not self._told, f"unexpectedly told {self._told}"

    def _next(self) -> None:
        """Begin a step: all that the last one caused has been named."""
        self._take()
        self._nothing_left()
