"""
The rules of one login, without its socket.

:class:`Session` takes frames, wishes and the time, and gives back frames to send and events to act on::

    session.start(now)                      what to send:     session.frames()
    session.receive_frame(frame, now)       what happened:    session.events()
    session.timeout(now)                    when to be back:  session.next_deadline

A session goes through five states; a step that is not in ``_NEXT`` is a fault of ours, a frame that the state does not
listen to (``_LISTENS``) is passed over and named in an event.

After the login it asks with UNREAD which queues have something waiting, and again as a heartbeat, so that a lost NOTICE
is made good. Batches are acknowledged only when the caller says so (:meth:`Session.pull_on`).

Where the facts leave a choice:

* A message without acknowledgement in 15 s is given up as *outcome unknown*; the session goes on, but is asked at once
  whether it still lives. One official client reconnects, the other does nothing (facts/msync.md §8).
* A pull without answer in 30 s, or a heartbeat after which nothing at all is heard, ends the session.
* A refused pull leaves its queue alone until it is listed or noticed again; a status about the login as such ends it.
* A kick in a batch without messages is acknowledged before the session ends, so that the next login does not meet it.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, final

from slackkefu.easemob.events import (
    BatchReceived,
    Dead,
    Drained,
    Event,
    Kicked,
    LoggedIn,
    LoggedOut,
    NeverLeft,
    PassedOver,
    Redirected,
    Refused,
    SendFailed,
)
from slackkefu.easemob.login import read_auth_token
from slackkefu.easemob.message import Accepted, Batch, IncomingMessage
from slackkefu.easemob.queues import Ask, Queues
from slackkefu.easemob.timing import ATTENTIVE, STANDARD, Heartbeat, Limits
from slackkefu.easemob.wire import (
    LoginReply,
    LogoutReply,
    Notice,
    PullReply,
    SendReply,
    Status,
    Unknown,
    UnreadReply,
    login_frame,
    logout_frame,
    pull_frame,
    read_frame,
    send_frame,
    unread_frame,
)
from slackkefu.errors import (
    LocalProtocolError,
    LoginRefused,
    RemoteProtocolError,
    SendOutcomeUnknown,
    SendRefused,
    SessionKicked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slackkefu.easemob.login import Login
    from slackkefu.easemob.message import OutgoingMessage
    from slackkefu.easemob.metas import Kick
    from slackkefu.easemob.names import Queue
    from slackkefu.easemob.wire import Down

__all__ = ["Session", "State"]


# The states.


class State(Enum):
    """Where a session stands."""

    NEW = auto()
    PROVISIONING = auto()
    """The login is on its way."""
    ONLINE = auto()
    LEAVING = auto()
    """The logout is on its way; nothing new is sent, acknowledgements are still taken."""
    OVER = auto()


class _Step(Enum):
    START = auto()
    ACCEPT = auto()
    REFUSE = auto()
    REDIRECT = auto()
    KICK = auto()
    LOG_OUT = auto()
    LEAVE = auto()
    DIE = auto()


_NEXT: Final[dict[tuple[State, _Step], State]] = {
    (State.NEW, _Step.START): State.PROVISIONING,
    (State.NEW, _Step.DIE): State.OVER,
    (State.PROVISIONING, _Step.ACCEPT): State.ONLINE,
    (State.PROVISIONING, _Step.REFUSE): State.OVER,
    (State.PROVISIONING, _Step.REDIRECT): State.OVER,
    (State.PROVISIONING, _Step.DIE): State.OVER,
    (State.ONLINE, _Step.REDIRECT): State.OVER,
    (State.ONLINE, _Step.KICK): State.OVER,
    (State.ONLINE, _Step.DIE): State.OVER,
    (State.ONLINE, _Step.LOG_OUT): State.LEAVING,
    (State.LEAVING, _Step.LEAVE): State.OVER,
}

_LISTENS: Final[dict[State, tuple[type[Down], ...]]] = {
    State.NEW: (),
    State.PROVISIONING: (LoginReply,),
    State.ONLINE: (UnreadReply, Notice, SendReply, PullReply, LogoutReply),
    State.LEAVING: (SendReply, LogoutReply),
}
"""Which frames mean something in which state; when over, nothing is looked at."""

_ABOUT_THE_LOGIN: Final = frozenset({2, 6, 11, 12, 13, 20})
"""Statuses that speak of the whole login, whatever they answer: token, device, ban (facts/msync.md §6)."""
_REDIRECT: Final = 5

_LOGOUT_REASON: Final = "client logout"


@final
class Session:
    """One login over one connection, as an engine."""

    __slots__ = (
        "_acknowledge",
        "_answer_by",
        "_asked_at",
        "_clock_offset_s",
        "_drained",
        "_events",
        "_heartbeat",
        "_home",
        "_limits",
        "_listed",
        "_login",
        "_out",
        "_queues",
        "_session_id",
        "_since",
        "_state",
        "_trace_id",
        "_unanswered",
        "heard_at",
        "resource",
    )

    def __init__(
        self,
        login: Login,
        *,
        heartbeat: Heartbeat = ATTENTIVE,
        limits: Limits = STANDARD,
        first_trace_id: int = 1,
        clock_offset_s: float = 0.0,
    ) -> None:
        """
        Make a session that has not begun.

        Args:
            login: Who, from which device, with which token.
            heartbeat: How often to ask; see :meth:`set_heartbeat`.
            limits: How long answers may take.
            first_trace_id: Number of the first frame, unsigned 64 bit; later frames count on.
            clock_offset_s: Seconds since the epoch at time 0 of the clock that *now* is read from.

        """
        self._login = login
        self._home = str(login.app_key)
        self._heartbeat = heartbeat
        self._limits = limits
        self._trace_id = first_trace_id
        self._clock_offset_s = clock_offset_s
        self._state = State.NEW
        # When the login or the logout was sent.
        self._since = 0.0
        # The heartbeat: when last asked, and whether nothing has been heard since.
        self._asked_at = 0.0
        self._answer_by = 0.0
        self._unanswered = False
        # Receiving. Drained is reported once each time it comes true, and not before the first list.
        self._queues = Queues()
        self._listed = False
        self._drained = False
        # Sending: meta ids without acknowledgement, oldest first, with the time they were handed in.
        self._acknowledge: dict[int, float] = {}
        self._session_id = ""
        # What is to be done by the caller: frames (with the meta id of those that are messages) and events.
        self._out: deque[tuple[bytes, int]] = deque()
        self._events: list[Event] = []
        self.resource = login.resource
        """The device as the server knows it."""
        self.heard_at = 0.0
        """When the last frame came, on the caller's clock."""

    def __repr__(self) -> str:
        return f"<Session {self._login.user} {self._state.name.lower()}, {len(self._acknowledge)} unacknowledged>"

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def drained(self) -> bool:
        """Whether all that waits has been handed out and looked through, as far as is known."""
        return self._drained

    @property
    def next_deadline(self) -> float | None:
        """When to call :meth:`timeout` at the latest; None when nothing is waited for."""
        return min(self._deadlines(), default=None)

    def events(self) -> list[Event]:
        """Take what has happened since the last call."""
        events, self._events = self._events, []
        return events

    def frames(self) -> Iterator[bytes]:
        """Take the frames to send, one by one: those not taken count as never sent."""
        while self._out:
            yield self._out.popleft()[0]

    # What the caller wishes.

    def start(self, now: float) -> None:
        """Log in; the first thing on a fresh connection."""
        self._step(_Step.START)
        self._since = self.heard_at = now
        self._put(login_frame(self._login, trace_id=self._next_trace_id()))

    def send(self, message: OutgoingMessage, now: float) -> None:
        """
        Send a message; :class:`Accepted`, :class:`SendFailed` or :class:`NeverLeft` follows.

        Raises:
            LocalProtocolError: not online, the same id is on its way already, or the message cannot be written.

        """
        if self._state is not State.ONLINE:
            raise LocalProtocolError(f"a message to send while {self._state.name.lower()}")
        if message.meta_id in self._acknowledge:
            raise LocalProtocolError("a message to send whose id is on its way already")
        frame = send_frame(message, self._login, trace_id=self._next_trace_id())
        self._acknowledge[message.meta_id] = now
        self._put(frame, message.meta_id)

    def looked_through(self, queue: Queue) -> None:
        """Take note that everything in the batch of *queue* that is in work has been looked at."""
        if self._state is State.ONLINE:
            self._queues.looked_through(queue)
            self._note_drained()

    def pull_on(self, queue: Queue, now: float) -> None:
        """
        Acknowledge the batch of *queue* that is in work: everything in it is settled.

        When the session is leaving or over, nothing happens: the batch comes again with the next login.

        Raises:
            LocalProtocolError: no batch of this queue is in work.

        """
        if self._state is State.ONLINE:
            self._follow(self._queues.pull_on(queue, now))
            self._note_drained()

    def ask(self, now: float) -> None:
        """
        Ask which queues have something waiting, without waiting for the heartbeat; not drained until it is answered.

        This finds what a lost NOTICE has hidden. When not online, nothing happens.
        """
        if self._state is State.ONLINE:
            self._listed = False
            self._note_drained()
            # A question on its way does as well; asking anew would put off the end of a deaf session.
            if not self._unanswered:
                self._ask_unread(now)

    def logout(self, now: float) -> None:
        """
        Log out; :class:`LoggedOut` follows soon, answered or not.

        Raises:
            LocalProtocolError: not online.

        """
        self._step(_Step.LOG_OUT)
        self._since = now
        frame = logout_frame(
            self._login,
            resource=self.resource,
            session_id=self._session_id,
            reason=_LOGOUT_REASON,
            trace_id=self._next_trace_id(),
        )
        self._put(frame)

    def set_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Ask at another pace from now on; :attr:`next_deadline` changes with it."""
        self._heartbeat = heartbeat
        self._answer_by = self._asked_at + heartbeat.answer_s

    # What the connection brings.

    def receive_frame(self, frame: bytes, now: float) -> None:
        """Take a frame. No bytes make this raise; what is of no use is named in :class:`PassedOver`."""
        if self._state is State.OVER:
            return
        self.heard_at = now
        self._unanswered = False
        try:
            down = read_frame(frame, self._home)
        except RemoteProtocolError:
            self._pass_over("undecodable_frame")
            return
        if isinstance(down, Unknown):
            self._pass_over("unknown_command", down.command)
        elif isinstance(down, _LISTENS[self._state]):
            self._read(down, now)
        else:
            self._pass_over(f"{type(down).__name__}_while_{self._state.name}".lower())

    def connection_lost(self, reason: str = "connection lost") -> None:
        """Take the end of the connection."""
        if self._state is State.LEAVING:
            self._leave()
        elif self._state is not State.OVER:
            self._die(reason)

    def timeout(self, now: float) -> None:
        """Do what is due by now."""
        if self._state is State.PROVISIONING and now >= self._since + self._limits.login_s:
            self._die(f"no answer to the login in {self._limits.login_s:g} s")
        elif self._state is State.LEAVING and now >= self._since + self._limits.logout_s:
            self._leave()
        elif self._state is State.ONLINE:
            self._timeout_online(now)

    # The clock.

    def _deadlines(self) -> Iterator[float]:
        if self._state is State.PROVISIONING:
            yield self._since + self._limits.login_s
        elif self._state is State.LEAVING:
            yield self._since + self._limits.logout_s
        elif self._state is State.ONLINE:
            yield self._heartbeat_due()
            if (since := self._queues.waiting_since) is not None:
                yield since + self._limits.pull_s
            if self._acknowledge:
                yield self._oldest_unacknowledged() + self._limits.acknowledge_s

    def _heartbeat_due(self) -> float:
        """Return when to ask, or, having asked, when to give up."""
        if self._unanswered:
            return self._answer_by
        return min(self.heard_at + self._heartbeat.quiet_s, self._asked_at + self._heartbeat.every_s)

    def _oldest_unacknowledged(self) -> float:
        return next(iter(self._acknowledge.values()))

    def _timeout_online(self, now: float) -> None:
        since = self._queues.waiting_since
        if since is not None and now >= since + self._limits.pull_s:
            self._die(f"no answer to a pull in {self._limits.pull_s:g} s")
            return
        if self._unanswered and now >= self._heartbeat_due():
            self._die(f"nothing heard in {now - self._asked_at:g} s after asking")
            return
        silent = False
        while self._acknowledge and now >= self._oldest_unacknowledged() + self._limits.acknowledge_s:
            meta_id = next(iter(self._acknowledge))
            del self._acknowledge[meta_id]
            silent = True
            error = SendOutcomeUnknown(f"none in {self._limits.acknowledge_s:g} s")
            self._events.append(SendFailed(meta_id, error))
        if not self._unanswered and (silent or now >= self._heartbeat_due()):
            self._ask_unread(now)
        if silent:
            # A message that nobody acknowledged makes deafness likely: there is less patience with this answer.
            self._answer_by = min(self._answer_by, now + self._limits.acknowledge_s)

    # What comes down, by kind.

    def _read(self, down: LoginReply | UnreadReply | Notice | SendReply | PullReply | LogoutReply, now: float) -> None:
        match down:
            case LoginReply():
                self._on_login(down, now)
            case UnreadReply():
                self._on_unread(down, now)
            case Notice():
                self._on_notice(down, now)
            case SendReply():
                self._on_acknowledgement(down)
            case PullReply():
                self._on_batch(down, now)
            case _:
                self._on_logout(down)

    def _on_login(self, reply: LoginReply, now: float) -> None:
        if self._redirected(reply.status):
            return
        if not reply.status.ok:
            self._end(_Step.REFUSE, Refused(LoginRefused(reply.status.code, reply.status.reason)))
            return
        self._step(_Step.ACCEPT)
        self.resource = reply.resource or self.resource
        self._session_id = reply.session_id
        wall_ms = int((now + self._clock_offset_s) * 1000)
        token = read_auth_token(reply.auth_token, self._login, wall_ms)
        self._events.append(LoggedIn(self.resource, self._session_id, token.token, token.expires_at_ms))
        self._ask_unread(now)

    def _on_unread(self, reply: UnreadReply, now: float) -> None:
        """Pull what is listed, in an answer to a heartbeat too: it makes a lost NOTICE good (facts/msync.md §7.3)."""
        if self._redirected(reply.status) or not self._still_welcome(reply.status, "unread"):
            return
        self._listed = True
        for queue, waiting in reply.queues.items():
            self._follow(self._queues.listed(queue, waiting, now))
        self._note_drained()

    def _on_notice(self, notice: Notice, now: float) -> None:
        if notice.queue is None:
            self._pass_over("notice_without_queue")
        elif self._is_this_device(notice.queue):
            # A carbon of what this very device sent; the web client ignores it, too (facts/msync.md §5).
            self._pass_over("notice_of_this_device")
        else:
            self._follow(self._queues.noticed(notice.queue, now))
            self._note_drained()

    def _on_acknowledgement(self, reply: SendReply) -> None:
        if self._acknowledge.pop(reply.meta_id, None) is None:
            self._pass_over("late_acknowledgement")
        elif reply.status.ok:
            self._events.append(Accepted(reply.meta_id, reply.server_id, reply.timestamp_ms))
        else:
            error = SendRefused(reply.status.code, reply.status.reason)
            self._events.append(SendFailed(reply.meta_id, error))

    def _on_batch(self, reply: PullReply, now: float) -> None:
        if reply.kick is not None:
            self._on_kick(reply, reply.kick, now)
        elif not reply.status.ok:
            self._queues.refused(reply)
            self._still_welcome(reply.status, "pull")
            self._note_drained()
        elif not self._queues.can_place(reply):
            self._pass_over("batch_without_place")
        else:
            self._follow(self._queues.replied(reply, now))
            self._note_drained()

    def _on_kick(self, reply: PullReply, kick: Kick, now: float) -> None:
        """End the session, whatever else the batch holds; messages in it are handed out, and come again if lost."""
        if any(isinstance(meta, IncomingMessage) for meta in reply.metas):
            self._follow(self._queues.replied(reply, now))
        elif reply.queue is not None and reply.next_key:
            self._put(pull_frame(reply.queue, reply.next_key, trace_id=self._next_trace_id()))
        self._end(_Step.KICK, Kicked(SessionKicked(kick.operation, kick.reason)))

    def _on_logout(self, reply: LogoutReply) -> None:
        if self._state is State.LEAVING:
            self._leave()
        else:
            # The server's own: both clients wait for the connection to end (facts/msync.md §9).
            self._pass_over("logout_by_server", reply.status.code)

    # Parts of the above.

    def _redirected(self, status: Status) -> bool:
        """Follow a redirect; one that leads nowhere is no redirect (facts/msync.md §9)."""
        if status.code != _REDIRECT or status.redirect is None:
            return False
        self._end(_Step.REDIRECT, Redirected(status.redirect.host, status.redirect.port))
        return True

    def _still_welcome(self, status: Status, what: str) -> bool:
        """Say whether the login still stands after *status*; a refusal of this one question is only named."""
        if status.code in _ABOUT_THE_LOGIN:
            self._die(f"{what} refused with status {status.code}")
            return False
        if not status.ok:
            self._pass_over(f"{what}_refused", status.code)
        return True

    def _is_this_device(self, queue: Queue) -> bool:
        return queue.name == self._login.user and queue.given[3] == self.resource

    def _ask_unread(self, now: float) -> None:
        self._asked_at = now
        self._answer_by = now + self._heartbeat.answer_s
        self._unanswered = True
        self._put(unread_frame(trace_id=self._next_trace_id()))

    def _follow(self, next_thing: Ask | Batch | None) -> None:
        """Do what the queues' rules say."""
        if isinstance(next_thing, Ask):
            self._put(pull_frame(next_thing.queue, next_thing.key, trace_id=self._next_trace_id()))
        elif next_thing is not None:
            self._events.append(BatchReceived(next_thing))

    def _note_drained(self) -> None:
        drained = self._state is State.ONLINE and self._listed and self._queues.pulled
        if drained and not self._drained:
            self._events.append(Drained())
        self._drained = drained

    def _pass_over(self, what: str, number: int = 0) -> None:
        self._events.append(PassedOver(what, number))

    def _next_trace_id(self) -> int:
        trace_id, self._trace_id = self._trace_id, (self._trace_id + 1) % 2**64
        return trace_id

    def _put(self, frame: bytes, meta_id: int = 0) -> None:
        self._out.append((frame, meta_id))

    # The end.

    def _leave(self) -> None:
        self._end(_Step.LEAVE, LoggedOut())

    def _die(self, reason: str) -> None:
        self._end(_Step.DIE, Dead(reason), silent=True)

    def _end(self, step: _Step, event: Event, *, silent: bool = False) -> None:
        """Go over, with a last word for every message on its way; if *silent*, nothing more can be sent."""
        self._step(step)
        unsent = [meta_id for _, meta_id in self._out if meta_id]
        self._out = deque(() if silent else (item for item in self._out if not item[1]))
        for meta_id in self._acknowledge:
            if meta_id in unsent:
                self._events.append(NeverLeft(meta_id))
            else:
                self._events.append(SendFailed(meta_id, SendOutcomeUnknown("the session ended before it")))
        self._acknowledge.clear()
        self._events.append(event)

    def _step(self, step: _Step) -> None:
        following = _NEXT.get((self._state, step))
        if following is None:
            raise LocalProtocolError(f"{step.name.lower()} while {self._state.name.lower()}")
        self._state = following
