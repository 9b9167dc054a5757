"""One live login with its socket, over memory streams in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.easemob.connection import MAX_HOPS, MAX_UNACKNOWLEDGED, Connection
from slackkefu.easemob.message import Accepted, Batch, IncomingMessage
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.easemob.timing import RELAXED, Heartbeat
from slackkefu.errors import (
    ConnectFailed,
    LinkClosed,
    LocalProtocolError,
    LoginRefused,
    SendOutcomeUnknown,
    SendRefused,
    SessionKicked,
)
from slackkefu.secret import Secret
from slackkefu.world import World
from tests.easemob.downward import ack, batch, jid, login_reply, logout, notice, statistic, text, unread
from tests.easemob.peer import URL, on_stage
from tests.easemob.playbook import LOGIN, message
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from structlog.testing import LogCapture
    from trio.testing import MockClock

    from slackkefu.easemob.message import OutgoingMessage


class Sender:
    """A task that sends one message and keeps what became of it."""

    def __init__(self) -> None:
        self.outcome: Accepted | Exception | None = None
        self.answered = False
        self.at = 0.0
        self.scope = trio.CancelScope()

    async def send(self, connection: Connection, outgoing: OutgoingMessage) -> None:
        """Send it."""
        with self.scope:
            try:
                self.outcome = await connection.send(outgoing)
            except (SendRefused, SendOutcomeUnknown, LinkClosed) as exc:
                self.outcome = exc
            self.answered = True
            self.at = trio.current_time()


# Coming up.


async def test_starting_hands_back_when_the_login_is_good(autojump_clock: MockClock) -> None:
    """run() says started once the login is answered, and what the server said can be looked up."""
    async with on_stage() as stage:
        connection = stage.connection()
        started = trio.Event()

        async def start() -> None:
            await stage.nursery.start(connection.run)
            started.set()

        stage.nursery.start_soon(start)
        peer = await stage.peer()
        await peer.hears("login")
        assert not started.is_set()
        await peer.says(login_reply(resource="r-2", auth_token={"token": "YWMt-new", "expires_in": 1000}))
        await started.wait()

        assert connection.login_told is not None
        assert ("r-2", Secret("YWMt-new")) == (connection.login_told.resource, connection.login_told.token_replaced)
        await peer.hears("unread")
        assert [("localhost", 8080, False)] == stage.network.opened


async def test_a_refused_login_is_raised(autojump_clock: MockClock) -> None:
    """A refusal ends run() with its code and reason."""
    async with on_stage() as stage:
        stage.nursery.start_soon(stage.run, stage.connection())
        peer = await stage.peer()
        await peer.hears("login")
        await peer.says(login_reply(13, "too many"))
        how = await stage.end()

        assert isinstance(how, LoginRefused)
        assert (13, "too many") == (how.code, how.reason)


async def test_nobody_answers_the_dial(autojump_clock: MockClock) -> None:
    """A handshake that is not answered in 10 s is a failed connection."""
    async with on_stage() as stage:

        async def silent(_stream: trio.abc.Stream) -> None:
            await trio.sleep_forever()

        world = World(network=MemoryNetwork(stage.nursery, silent))

        with pytest.raises(ConnectFailed, match="localhost:8080: no connection in 10 s"):
            await Connection(world=world, url=URL, login=LOGIN, on_batch=stage._keep).run()
        assert 10 == pytest.approx(trio.current_time(), abs=0.1)


async def test_nobody_answers_the_login(autojump_clock: MockClock) -> None:
    """A login that is not answered in 10 s is a failed connection, as is one that is cut off."""
    async with on_stage() as stage:
        stage.nursery.start_soon(stage.run, stage.connection())
        peer = await stage.peer()
        await peer.hears("login")
        how = await stage.end()

        assert isinstance(how, ConnectFailed)
        assert "no answer to the login in 10 s" == how.reason
    async with on_stage() as stage:
        stage.nursery.start_soon(stage.run, stage.connection())
        peer = await stage.peer()
        await peer.websocket.aclose(1011, "no")
        assert isinstance(await stage.end(), ConnectFailed)


# Redirects.


async def test_a_redirect_is_followed_with_a_full_login(autojump_clock: MockClock) -> None:
    """Scheme and path stay, host and port are the redirect's; the login is made anew there."""
    async with on_stage() as stage:
        connection = stage.connection()
        stage.nursery.start_soon(stage.run, connection)
        first = await stage.peer()
        await first.hears("login")
        await first.says(login_reply(5, redirect=("127.0.0.2", 6717)))
        second = await stage.peer()
        await second.lets_in()

        assert [("localhost", 8080, False), ("127.0.0.2", 6717, False)] == stage.network.opened
        assert "/websocket" == second.websocket.path
        assert "127.0.0.2:6717" == connection.address


async def test_a_redirect_after_the_login_is_followed_too(autojump_clock: MockClock) -> None:
    """Redirected by the list, senders wait for the second login and started is said once."""
    async with on_stage() as stage:
        connection, first = await stage.up()
        await first.says(unread(code=5, redirect=("127.0.0.2", 0)))
        second = await stage.peer()
        sender = Sender()
        stage.nursery.start_soon(sender.send, connection, message(1))
        await second.lets_in()
        await second.hears("message 1")
        await second.says(ack(1, server_id=5))
        await trio.testing.wait_all_tasks_blocked()

        assert Accepted(1, 5, 7) == sender.outcome
        assert ("127.0.0.2", 80, False) == stage.network.opened[1]


@pytest.mark.parametrize("circle", [True, False])
async def test_redirects_end(circle: bool, autojump_clock: MockClock) -> None:
    """A host that was tried before is not tried again, and after five hops there is no sixth."""
    async with on_stage() as stage:
        stage.nursery.start_soon(stage.run, stage.connection())
        hops = 0
        while not stage.ended:
            with trio.move_on_after(5):
                peer = await stage.peer()
                await peer.hears("login")
                host = ("localhost", 8080) if circle else (f"127.0.1.{hops}", 443)
                await peer.says(login_reply(5, redirect=host))
                hops += 1

        assert (1 if circle else MAX_HOPS + 1) == hops
        assert isinstance(stage.ended[0], ConnectFailed)


async def test_a_redirect_never_leads_into_the_clear(autojump_clock: MockClock) -> None:
    """From a plain address of this machine no redirect leads to a plain one of another: the token would be seen."""
    async with on_stage() as stage:
        stage.nursery.start_soon(stage.run, stage.connection())
        peer = await stage.peer()
        await peer.hears("login")
        await peer.says(login_reply(5, redirect=("im2.example", 80)))
        how = await stage.end()

        assert isinstance(how, ConnectFailed)
        assert "ws:// to another machine" in how.reason


async def test_an_encrypted_address_stays_encrypted(autojump_clock: MockClock) -> None:
    """A redirect of a wss address is followed with TLS, at the redirect's port or the usual one."""
    async with on_stage() as stage:
        connection = Connection(
            world=stage.world, url="wss://im.example:6717/websocket", login=LOGIN, on_batch=stage._keep
        )
        stage.nursery.start_soon(stage.run, connection)
        peer = await stage.peer()
        await peer.hears("login")
        await peer.says(login_reply(5, redirect=("im2.example", 0)))
        await (await stage.peer()).hears("login")

        assert [("im.example", 6717, True), ("im2.example", 443, True)] == stage.network.opened


# Batches.


async def test_a_batch_is_acknowledged_after_the_handler(autojump_clock: MockClock) -> None:
    """The key pull leaves when on_batch has returned, and not before."""
    async with on_stage() as stage:
        settled = trio.Event()

        async def handler(_batch: Batch) -> None:
            await settled.wait()

        connection, peer = await stage.up(jid(), on_batch=handler)
        await peer.hears("pull kefu")
        await peer.says(batch(jid(), text(1), next_key=4))
        with trio.move_on_after(20) as limit:
            await peer.hears("pull kefu with 4")
        assert limit.cancelled_caught
        assert not connection.drained
        settled.set()
        await peer.hears("pull kefu with 4")
        await peer.says(batch(jid()))
        await connection.wait_drained()

        assert connection.drained


async def test_who_wants_to_know_is_told_each_time_that_nothing_waits(autojump_clock: MockClock) -> None:
    """After the first list, after a batch, and after a question."""
    async with on_stage() as stage:
        told: list[str] = []
        connection, peer = await stage.up(on_drained=lambda: told.append("drained"))
        await peer.says(notice(jid()))
        await peer.hears("pull kefu")
        await peer.says(batch(jid(), text(1), next_key=4))
        await peer.hears("pull kefu with 4")
        await peer.says(batch(jid()))
        await connection.wait_drained()
        connection.ask()
        await peer.hears("unread")
        assert not connection.drained
        await peer.says(unread())
        await connection.wait_drained()

        assert ["drained"] * 3 == told


async def test_a_batch_that_takes_hours_leaves_nothing_to_wait_for(autojump_clock: MockClock) -> None:
    """When its handler says that it was looked through, the connection is drained, long before it is settled."""
    async with on_stage() as stage:
        told: list[str] = []

        async def handler(batch: Batch) -> None:
            await trio.sleep(1)
            batch.looked_through()
            await trio.sleep(3600)

        connection, peer = await stage.up(jid(), on_batch=handler, on_drained=lambda: told.append("drained"))
        await peer.hears("pull kefu")
        await peer.says(batch(jid(), text(1), next_key=4))
        await trio.testing.wait_all_tasks_blocked()

        assert ([], False) == (told, connection.drained)

        await connection.wait_drained()

        assert (["drained"], 1) == (told, round(trio.current_time()))


async def test_queues_are_worked_on_side_by_side(autojump_clock: MockClock) -> None:
    """One batch a queue is in work; another queue's does not wait for it."""
    async with on_stage() as stage:
        running: list[str] = []

        async def handler(got: Batch) -> None:
            running.append(got.queue.name)
            await trio.sleep_forever()

        _, peer = await stage.up(jid("a"), jid("b"), on_batch=handler)
        await peer.hears("pull a", "pull b")
        await peer.says(batch(jid("a"), text(1), next_key=1), batch(jid("b"), text(2), next_key=2))
        await peer.says(batch(jid("a"), text(3), next_key=3))
        await trio.testing.wait_all_tasks_blocked()

        assert ["a", "b"] == running


async def test_a_failing_handler_ends_the_connection(autojump_clock: MockClock) -> None:
    """What on_batch raises is what run() raises; nothing is pulled past."""
    async with on_stage() as stage:

        async def handler(_batch: Batch) -> None:
            await trio.lowlevel.checkpoint()
            raise OSError("disk full")

        _, peer = await stage.up(jid(), on_batch=handler)
        await peer.hears("pull kefu")
        await peer.says(batch(jid(), text(1), next_key=4))
        with pytest.raises(LinkClosed):
            await peer.hears("pull kefu with 4")
        how = await stage.end()

        assert isinstance(how, OSError)


async def test_the_end_cancels_handlers(autojump_clock: MockClock) -> None:
    """When the connection is lost, a batch in work is cancelled: it comes again with the next login."""
    async with on_stage() as stage:
        cancelled: list[bool] = []

        async def handler(_batch: Batch) -> None:
            try:
                await trio.sleep_forever()
            finally:
                cancelled.append(True)

        connection, peer = await stage.up(jid(), on_batch=handler)
        await peer.hears("pull kefu")
        await peer.says(batch(jid(), text(1), next_key=4))
        await trio.testing.wait_all_tasks_blocked()
        await peer.websocket.aclose(1001)
        how = await stage.end()

        assert isinstance(how, LinkClosed)
        assert "1001" in how.reason
        assert [True] == cancelled
        with pytest.raises(LinkClosed):
            await connection.wait_drained()


async def test_text_messages_are_passed_over(log: LogCapture, autojump_clock: MockClock) -> None:
    """A text message, an unreadable frame and an unknown command change nothing; each is named in the log."""
    async with on_stage() as stage:
        _, peer = await stage.up()
        await peer.says("hello", b"\xff", b"\x40\x2a", notice(jid()))
        await peer.hears("pull kefu")

        what = [entry["what"] for entry in log.entries if entry["event"] == "msync.passed_over"]
        assert ["text_message", "undecodable_frame", "unknown_command"] == what


# Sending.


async def test_messages_of_many_tasks_are_told_apart(autojump_clock: MockClock) -> None:
    """Each sender gets the answer to its own message, whatever the order."""
    async with on_stage() as stage:
        connection, peer = await stage.up()
        senders = [Sender() for _ in range(3)]
        for number, sender in enumerate(senders, start=1):
            stage.nursery.start_soon(sender.send, connection, message(number))
            await trio.testing.wait_all_tasks_blocked()
        await peer.hears("message 1", "message 2", "message 3")
        await peer.says(ack(3, server_id=33), ack(1, 7, "traffic limit"))
        await trio.testing.wait_all_tasks_blocked()

        assert Accepted(3, 33, 7) == senders[2].outcome
        assert isinstance(senders[0].outcome, SendRefused)
        assert not senders[1].answered
        await peer.hears("unread")
        assert isinstance(senders[1].outcome, SendOutcomeUnknown)
        assert 15 == pytest.approx(senders[1].at, abs=1)


async def test_a_cancelled_sender_breaks_nothing(autojump_clock: MockClock) -> None:
    """A sender that gives up leaves the stream whole; a repeat with the same id waits for the same answer."""
    async with on_stage() as stage:
        connection, peer = await stage.up()
        first, second, third = Sender(), Sender(), Sender()
        stage.nursery.start_soon(first.send, connection, message(1))
        await trio.testing.wait_all_tasks_blocked()
        first.scope.cancel()
        stage.nursery.start_soon(second.send, connection, message(1))
        await trio.testing.wait_all_tasks_blocked()
        stage.nursery.start_soon(third.send, connection, message(2))
        await peer.hears("message 1", "message 2")
        await peer.says(ack(1, server_id=9), ack(2, server_id=10))
        await trio.testing.wait_all_tasks_blocked()

        assert first.scope.cancelled_caught
        assert [Accepted(1, 9, 7), Accepted(2, 10, 7)] == [second.outcome, third.outcome]


async def test_what_cannot_be_written_is_raised_and_room_is_kept(autojump_clock: MockClock) -> None:
    """A message that cannot be written is refused on the spot, any number of times, and others still leave."""
    async with on_stage() as stage:
        connection, peer = await stage.up()
        for _ in range(MAX_UNACKNOWLEDGED + 1):
            with pytest.raises(LocalProtocolError):
                await connection.send(message(0))
        stage.nursery.start_soon(Sender().send, connection, message(1))
        await peer.hears("message 1")


async def test_the_number_of_messages_on_their_way_is_bounded(autojump_clock: MockClock) -> None:
    """Further senders wait until an earlier message is answered, also when its sender has given up."""
    async with on_stage() as stage:
        connection, peer = await stage.up()
        senders = [Sender() for _ in range(MAX_UNACKNOWLEDGED + 1)]
        for number, sender in enumerate(senders, start=1):
            stage.nursery.start_soon(sender.send, connection, message(number))
            await trio.testing.wait_all_tasks_blocked()
        last = len(senders)
        twin = Sender()
        stage.nursery.start_soon(twin.send, connection, message(last))
        senders[0].scope.cancel()
        await peer.hears(*(f"message {number}" for number in range(1, last)))
        with trio.move_on_after(1) as limit:
            await peer.hears(f"message {last}")
        assert limit.cancelled_caught
        await peer.says(ack(1), ack(2))
        await peer.hears(f"message {last}")
        await peer.says(ack(last, server_id=3))
        await trio.testing.wait_all_tasks_blocked()

        assert [Accepted(last, 3, 7)] * 2 == [senders[-1].outcome, twin.outcome]


async def test_a_message_before_the_login_waits_for_it(autojump_clock: MockClock) -> None:
    """A sender may be earlier than the login; after the end it is told that the message never left."""
    async with on_stage() as stage:
        connection = stage.connection()
        sender = Sender()
        stage.nursery.start_soon(sender.send, connection, message(1))
        await trio.testing.wait_all_tasks_blocked()
        stage.nursery.start_soon(stage.run, connection)
        peer = await stage.peer()
        await peer.lets_in()
        await peer.hears("message 1")
        await peer.websocket.aclose()
        await stage.end()

        assert isinstance(sender.outcome, SendOutcomeUnknown)
        with pytest.raises(LinkClosed):
            await connection.send(message(2))


class FaultyStream(trio.abc.Stream):
    """A stream whose writing can be made to hang or to fail while its reading goes on."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.fault = ""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, hang or fail."""
        if self.fault == "hangs":
            await trio.sleep_forever()
        if self.fault == "breaks":
            raise trio.BrokenResourceError
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive as the stream below does."""
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        """Close the stream below."""
        await self._stream.aclose()


@pytest.mark.parametrize(
    ("fault", "reason"), [("hangs", "a frame did not leave in 15 s"), ("breaks", "connection lost")]
)
async def test_a_message_that_never_left_is_told_apart(
    fault: str, reason: str, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When writing hangs or fails, what was being written is unknown, and what stood behind it never left."""
    async with on_stage() as stage:
        streams: list[FaultyStream] = []
        open_stream = stage.network.open_stream

        async def open_faulty(host: str, port: int, *, tls: bool) -> trio.abc.Stream:
            streams.append(FaultyStream(await open_stream(host, port, tls=tls)))
            return streams[-1]

        monkeypatch.setattr(stage.network, "open_stream", open_faulty)
        connection, _ = await stage.up()
        streams[0].fault = fault
        stuck, behind = Sender(), Sender()
        # Handed in one after the other, before the writer has its turn.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stuck.send, connection, message(1))
            nursery.start_soon(behind.send, connection, message(2))
        how = await stage.end()

        assert isinstance(how, LinkClosed)
        assert reason == how.reason
        outcomes = {type(stuck.outcome), type(behind.outcome)}
        assert {SendOutcomeUnknown, LinkClosed} == outcomes


# The end.


async def test_silence_ends_the_connection(autojump_clock: MockClock) -> None:
    """A peer that goes deaf is found within a minute; heard_at tells when it was last heard."""
    async with on_stage() as stage:
        connection, peer = await stage.up()
        await peer.hears("unread")
        how = await stage.end()

        assert isinstance(how, LinkClosed)
        assert 60 >= trio.current_time() - connection.heard_at
        assert "<Connection localhost:8080 <Session visitor over, 0 unacknowledged>>" == repr(connection)


async def test_the_heartbeat_can_be_changed_live(autojump_clock: MockClock) -> None:
    """A relaxed connection asks later, and an attentive one at once again."""
    async with on_stage() as stage:
        connection, peer = await stage.up(heartbeat=RELAXED)
        with trio.move_on_after(80) as limit:
            await peer.hears("unread")
        assert limit.cancelled_caught
        connection.set_heartbeat(Heartbeat(quiet_s=10, every_s=10, answer_s=10))
        with trio.fail_after(1):
            await peer.hears("unread")


async def test_a_kick_is_raised(autojump_clock: MockClock) -> None:
    """A kick ends run() with its operation, after its batch was acknowledged; nothing dials again."""
    async with on_stage() as stage:
        _, peer = await stage.up()
        await peer.says(batch(jid(""), statistic(4, "console"), next_key=9))
        await peer.hears("pull (system) with 9")
        how = await stage.end()

        assert isinstance(how, SessionKicked)
        assert (4, "console") == (how.operation, how.reason)
        assert 1 == len(stage.network.opened)


@pytest.mark.parametrize("answered", [True, False])
async def test_a_logout_ends_within_a_second(answered: bool, autojump_clock: MockClock) -> None:
    """logout() says goodbye and returns when all is closed, whether the server answers or not."""
    async with on_stage() as stage:
        connection, peer = await stage.up()
        before = trio.current_time()
        stage.nursery.start_soon(connection.logout)
        await peer.hears("logout")
        if answered:
            await peer.says(logout())
        await trio.testing.wait_all_tasks_blocked()
        await connection.logout()

        assert 1.01 >= trio.current_time() - before
        assert [None] == stage.ended
        with pytest.raises(LinkClosed):
            await connection.send(message(1))


async def test_a_logout_before_the_login_does_nothing(autojump_clock: MockClock) -> None:
    """There is nothing to log out from before the login."""
    async with on_stage() as stage:
        await stage.connection().logout()

        assert [] == stage.network.opened


async def test_a_cancellation_closes_the_socket(autojump_clock: MockClock) -> None:
    """A cancelled run() leaves no open socket behind, sends no logout, and answers every sender."""
    async with on_stage() as stage:
        connection = stage.connection()
        sender = Sender()
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.run)
                peer = await stage.peer()
                await peer.lets_in()
                stage.nursery.start_soon(sender.send, connection, message(1))
                await peer.hears("message 1")
                scope.cancel()
        assert scope.cancelled_caught
        with pytest.raises(LinkClosed):
            await peer.hears("logout")
        await trio.testing.wait_all_tasks_blocked()

        assert isinstance(sender.outcome, SendOutcomeUnknown)


async def test_a_peer_that_breaks_the_websocket_is_a_lost_connection(autojump_clock: MockClock) -> None:
    """A fault below MSYNC ends the connection like any loss."""
    async with on_stage() as stage:
        _, peer = await stage.up()
        await peer.websocket._stream.send_all(b"\xff\xff\xff\xff")
        how = await stage.end()

        assert isinstance(how, LinkClosed)
        assert "malformed" in how.reason


async def test_a_large_batch_does_not_lock_its_queue(autojump_clock: MockClock) -> None:
    """A frame of 10 MB, more metas than fit, one far too long: all is handed out by name and acknowledged."""
    async with on_stage() as stage:
        _, peer = await stage.up(jid())
        await peer.hears("pull kefu")
        metas = [text(number, "x" * 10_000) for number in range(1, 500)]
        await peer.says(batch(jid(), *metas, text(500, "x" * 5_000_000), next_key=500))
        await peer.hears("pull kefu with 500")

        assert [256, 244] == [len(got.metas) for got in stage.batches]
        assert 499 == sum(isinstance(item, IncomingMessage) for got in stage.batches for item in got.metas)


async def test_trace_ids_hold_the_time(autojump_clock: MockClock) -> None:
    """Frames are numbered from the wall clock on, as both official clients number them."""
    async with on_stage() as stage:
        stage.nursery.start_soon(stage.run, stage.connection())
        peer = await stage.peer()
        raw = await peer.websocket.receive()
        assert isinstance(raw, bytes)

        assert 1_800_000_000_000 == pb.MSync.FromString(raw).trace_id >> 22
