"""
What facts/msync.md §1 says to get right first: one test an item, named after it.

The details are tested where they live; these tests show each item as a user of the whole would meet it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing

from slackkefu.easemob.events import BatchReceived, LoggedIn, Redirected
from slackkefu.easemob.message import Accepted, Batch, IncomingMessage, IncomingOther, OutgoingMessage, TextBody
from slackkefu.easemob.names import im_user
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.easemob.session import Session
from slackkefu.easemob.statuses import send_verdict
from slackkefu.easemob.wire import PullReply, login_frame, read_frame, send_frame
from slackkefu.errors import SendRefused, SessionKicked
from tests.easemob.downward import HOME, ack, batch, jid, login_reply, meta, statistic, text
from tests.easemob.peer import on_stage
from tests.easemob.playbook import LOGIN, Play, message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock


async def test_item_01_one_binary_message_is_one_bare_msync(autojump_clock: MockClock) -> None:
    """The first WebSocket message is binary and is an MSync from its first byte to its last."""
    async with on_stage() as stage:
        stage.nursery.start_soon(stage.run, stage.connection())
        peer = await stage.peer()
        raw = await peer.websocket.receive()

        assert isinstance(raw, bytes)
        assert raw == pb.MSync.FromString(raw).SerializeToString()
        assert pb.MSync.PROVISION == pb.MSync.FromString(raw).command


async def test_item_02_a_batch_is_acknowledged_by_the_key_pull_after_it_is_kept(autojump_clock: MockClock) -> None:
    """What was kept first is pulled past second: at the key pull the handler has returned."""
    async with on_stage() as stage:
        kept: list[str] = []

        def keeping(name: str) -> Callable[[Batch], Awaitable[None]]:
            async def handler(_batch: Batch) -> None:
                await trio.sleep(5)
                kept.append(name)

            return handler

        _, peer = await stage.up(jid(), on_batch=keeping("all"))
        await peer.hears("pull kefu")
        await peer.says(batch(jid(), text(1), next_key=77, is_last=True))
        await peer.hears("pull kefu with 77")

        assert ["all"] == kept


def test_item_03_ids_are_exact_beyond_2_53() -> None:
    """Ids and keys that a double cannot hold come through and go back unchanged, also inside ext."""
    big = 1585377081150146023
    pairs = [pb.KeyValue(key="weichat", type=pb.KeyValue.JSON_STRING, string_value=f'{{"msgId":{big}}}')]
    with Play() as play:
        play.online()
        play.hears(batch(jid(), text(big, ext=pairs), next_key=big + 2))
        (event,) = play.session.events()
        assert isinstance(event, BatchReceived)
        (got,) = event.batch.metas
        assert isinstance(got, IncomingMessage)
        assert (big, {"weichat": {"msgId": big}}) == (got.meta_id, got.ext)
        play.pulls_on()
        play.sent(f"pull kefu with {big + 2}")
        play.sends(message(2**63 - 1))
        play.sent(f"message {2**63 - 1}")
        play.hears(ack(2**63 - 1, server_id=big))
        play.told(Accepted(2**63 - 1, big, 7))


def test_item_04_ordinary_text_has_no_sub_type() -> None:
    """A text leaves without sub_type; with 0 there, receivers would see a combined forward."""
    up = pb.MSync.FromString(send_frame(message(), LOGIN, trace_id=1))
    body = pb.MessageBody.FromString(pb.CommSyncUL.FromString(up.payload).meta.payload)

    assert not body.contents[0].HasField("sub_type")
    assert body.contents[0].HasField("type")


def test_item_05_zeros_are_written_and_absence_is_zero() -> None:
    """Command, namespace, content type and route type are written even as 0, and read as 0 when absent."""
    up = pb.MSync.FromString(send_frame(message(), LOGIN, trace_id=1))
    sent = pb.CommSyncUL.FromString(up.payload).meta
    content = pb.MessageBody.FromString(sent.payload).contents[0]
    absent = pb.CommSyncDL(metas=[pb.Meta(id=1)])
    down = pb.MSync(payload=absent.SerializeToString()).SerializeToString()

    assert [True] * 5 == [
        up.HasField("command"),
        up.HasField("version"),
        sent.HasField("ns"),
        sent.HasField("routetype"),
        content.HasField("type"),
    ]
    reply = read_frame(down, HOME)
    assert isinstance(reply, PullReply)
    assert (IncomingOther(1, "statistic"),) == reply.metas
    assert reply.status.ok


def test_item_06_meta_id_tells_an_acknowledgement_from_a_batch() -> None:
    """CommSyncDL with a meta id is the answer to a message, even with metas and a queue; without, it is a batch."""
    both = pb.CommSyncDL(meta_id=5, server_id=6, metas=[text(1)], queue=jid(), next_key=1)
    with Play() as play:
        play.online()
        play.sends(message(5))
        play.sent("message 5")
        play.hears(pb.MSync(command=pb.MSync.SYNC, payload=both.SerializeToString()).SerializeToString())
        play.told(Accepted(5, 6, 0))
        both.meta_id = 0
        play.hears(pb.MSync(command=pb.MSync.SYNC, payload=both.SerializeToString()).SerializeToString())
        (event,) = play.session.events()
        assert isinstance(event, BatchReceived)


async def test_item_07_a_login_that_was_pushed_out_does_not_push_back(autojump_clock: MockClock) -> None:
    """After "logged in on another device" the connection ends with that, and nothing dials again by itself."""
    async with on_stage() as stage:
        _, peer = await stage.up()
        await peer.says(batch(jid(""), statistic(2), next_key=9))
        how = await stage.end()
        await trio.sleep(600)

        assert isinstance(how, SessionKicked)
        assert 2 == how.operation
        assert 1 == len(stage.network.opened)


async def test_item_08_a_redirect_at_login_is_followed(autojump_clock: MockClock) -> None:
    """Status 5 in the login's answer is no refusal: the login is made where it points."""
    with Play() as play:
        play.start()
        play.sent("login")
        play.hears(login_reply(5, redirect=("im2.example", 443)))
        play.told(Redirected("im2.example", 443))
    async with on_stage() as stage:
        connection = stage.connection()
        stage.nursery.start_soon(stage.run, connection)
        first = await stage.peer()
        await first.hears("login")
        await first.says(login_reply(5, redirect=("127.0.0.2", 443)))
        await (await stage.peer()).lets_in()
        await trio.testing.wait_all_tasks_blocked()

        assert connection.login_told is not None
        assert connection.drained


def test_item_09_the_resource_is_the_one_we_were_given() -> None:
    """Every login of a store names the same device in both places; another name of the server's is adopted and told."""
    for _ in range(2):
        up = pb.MSync.FromString(login_frame(LOGIN, trace_id=1))

        assert "slackkefu-test" == up.guid.client_resource == pb.Provision.FromString(up.payload).resource
    session = Session(LOGIN)
    session.start(0)
    session.receive_frame(login_reply(resource="slackkefu-renamed"), 0)
    assert "slackkefu-renamed" == session.resource
    assert LoggedIn("slackkefu-renamed", "s-1", None, None) == session.events()[0]


def test_item_10_receipts_are_no_empty_messages() -> None:
    """Read receipts, recalls and their like hold one empty Content, and are told by their type all the same."""
    types = [pb.MessageBody.READ_ACK, pb.MessageBody.DELIVER_ACK, pb.MessageBody.RECALL, pb.MessageBody.CHANNEL_ACK]
    bodies = [pb.MessageBody(type=kind, contents=[pb.MessageBody.Content()], ack_message_id=8) for kind in types]
    metas = [meta(pb.Meta.CHAT, body.SerializeToString(), meta_id=n) for n, body in enumerate(bodies, start=1)]
    reply = read_frame(batch(jid(), *metas, next_key=4), HOME)

    assert isinstance(reply, PullReply)
    assert [
        IncomingOther(1, "read_receipt", "kefu", 8),
        IncomingOther(2, "delivery_receipt", "kefu", 8),
        IncomingOther(3, "recall", "kefu", 8),
        IncomingOther(4, "conversation_read", "kefu", 8),
    ] == list(reply.metas)


async def test_item_11_a_message_over_the_size_limit_is_refused_for_good(autojump_clock: MockClock) -> None:
    """Text and ext share one limit; over it the sender is told so, not to try again, and the connection goes on."""
    async with on_stage() as stage:
        connection, peer = await stage.up()
        refused: list[SendRefused] = []

        async def send() -> None:
            try:
                await connection.send(
                    OutgoingMessage(1, im_user("kefu"), TextBody("x" * 100), {"weichat": {"y": "y" * 6000}})
                )
            except SendRefused as exc:
                refused.append(exc)

        stage.nursery.start_soon(send)
        await peer.hears("message 1")
        await peer.says(ack(1, 7, "Sorry, data is too large"))
        await trio.testing.wait_all_tasks_blocked()

        verdict = send_verdict(refused[0].code, refused[0].reason)
        assert ("too_large", False) == (verdict.kind, verdict.again)
        assert [] == stage.ended
