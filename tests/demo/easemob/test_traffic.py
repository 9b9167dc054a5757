"""What clients send to the MSYNC server and pull from it, in bare frames, in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from slackkefu.demo.easemob.ledger import (
    Accepted,
    Acknowledged,
    Noticed,
    Overflowed,
    Pulled,
    Refused,
)
from slackkefu.demo.easemob.mailbox import OFFLINE_LIMIT
from slackkefu.demo.easemob.messages import decode
from slackkefu.easemob.proto import msync_pb2 as pb
from tests.demo.easemob.raw import RawClient, envelope, pull, send
from tests.demo.easemob.running import NOW, is_over, running, text

if TYPE_CHECKING:
    from trio.testing import MockClock

Status = pb.Status


# Sending.


async def test_a_send_is_acknowledged_and_delivered(autojump_clock: MockClock) -> None:
    """The acknowledgement names our id, the final id and the time; the receiver gets a NOTICE (facts/msync.md §8)."""
    async with running() as (easemob, network):
        mia = await RawClient.log_in(network, easemob, "mia")
        leo = await RawClient.log_in(network, easemob, "leo")
        reply = await leo.ask(send(text("hi", weichat={"visitor": {"userNickname": "Leo"}}), 77))
        notice = await mia.hear()

        assert (Status.OK, 77) == (reply.status.error_code, reply.meta_id)
        assert reply.server_id > 2**53
        assert int(NOW * 1000) == reply.timestamp
        assert ("leo", "") == (notice.queue.name, notice.queue.client_resource)
        page = await mia.pull("leo")
        meta = page.metas[0]
        assert (reply.server_id, "leo", "device-1") == (
            meta.id,
            getattr(meta, "from").name,
            getattr(meta, "from").client_resource,
        )
        assert [text("hi", weichat={"visitor": {"userNickname": "Leo"}})] == await mia.read_all("leo")
        assert () == easemob.ledger.complaints()


async def test_ids_rise_also_when_the_clock_stands_still(autojump_clock: MockClock) -> None:
    """Server ids rise one by one, far beyond 2^53 (facts/msync.md §1.3)."""
    async with running() as (easemob, _):
        ids = [easemob.post(text("hi")) for _ in range(5)]

        assert sorted(set(ids)) == ids


@pytest.mark.parametrize(("position", "delivered"), [("recognised", 1), ("new message", 2)])
async def test_a_repeated_id_is_the_same_message_or_another(
    position: str, delivered: int, autojump_clock: MockClock
) -> None:
    """Whether the server recognises a repeat is unknown (facts/msync.md §8)."""
    async with running(repeated_id=position) as (easemob, network):
        leo = await RawClient.log_in(network, easemob, "leo")
        first = await leo.ask(send(text("hi"), 77))
        second = await leo.ask(send(text("hi"), 77))

        assert delivered == easemob.waiting("mia")
        assert (delivered == 1) == (first.server_id == second.server_id)
        assert [False, True] == [accepted.repeated for accepted in easemob.ledger.of(Accepted)]


async def test_refused_sends_say_why(autojump_clock: MockClock) -> None:
    """Too large, without a receiver, to a group, or by an armed fault: a status other than OK (facts/msync.md §8)."""
    async with running(max_message_bytes=300) as (easemob, network):
        leo = await RawClient.log_in(network, easemob, "leo")
        large = await leo.ask(send(text("x" * 400), 1))
        nobody = await leo.ask(send(text("x", to=""), 2))
        group = pb.Meta(id=3, to=pb.JID(name="g1", domain="conference.easemob.com"), ns=pb.Meta.CHAT)
        grouped = await leo.ask(envelope(pb.MSync.SYNC, pb.CommSyncUL(meta=group)))
        easemob.faults.refuse_send(15, "muted")
        muted = await leo.ask(send(text("x"), 4))

        assert [
            (7, "Sorry, data is too large"),
            (3, "missing parameter"),
            (1, "group not found"),
            (15, "muted"),
        ] == [(reply.status.error_code, reply.status.reason) for reply in (large, nobody, grouped, muted)]
        assert [1, 2, 3, 4] == [refused.client_id for refused in easemob.ledger.of(Refused)]


async def test_a_lost_acknowledgement_is_not_a_lost_message(autojump_clock: MockClock) -> None:
    """The message is delivered, and its sender hears nothing, or loses the connection."""
    async with running() as (easemob, network):
        leo = await RawClient.log_in(network, easemob, "leo")
        easemob.faults.lost_acknowledgements = 1
        await leo.websocket.send(send(text("one"), 1))
        assert 2 == (await leo.ask(send(text("two"), 2))).meta_id
        easemob.faults.cut_after_sends = 1
        await leo.websocket.send(send(text("three"), 3))

        assert await is_over(leo)
        assert 3 == easemob.waiting("mia")
        assert [False, True, False] == [accepted.acknowledged for accepted in easemob.ledger.of(Accepted)]


async def test_statistics_of_a_client_are_taken_and_not_delivered(autojump_clock: MockClock) -> None:
    """The web client uploads one after each login (facts/msync.md §7.1)."""
    async with running() as (easemob, network):
        leo = await RawClient.log_in(network, easemob, "leo")
        meta = pb.Meta(id=9, ns=pb.Meta.STATISTIC, to=pb.JID(name="mia"))
        reply = await leo.ask(envelope(pb.MSync.SYNC, pb.CommSyncUL(meta=meta)))

        assert 9 == reply.meta_id
        assert 0 == easemob.waiting("mia")


async def test_what_a_client_must_not_do_is_complained_of(autojump_clock: MockClock) -> None:
    """A false sender, sub_type on a text, an empty ext key: each a complaint, and the message passes."""
    async with running() as (easemob, network):
        leo = await RawClient.log_in(network, easemob, "leo")
        content = pb.MessageBody.Content(
            type=pb.MessageBody.Content.TEXT, text="x", sub_type=pb.MessageBody.Content.COMBINE
        )
        body = pb.MessageBody(type=pb.MessageBody.CHAT, contents=[content], ext=[pb.KeyValue(key="")])
        meta = pb.Meta(id=1, to=pb.JID(name="mia"), ns=pb.Meta.CHAT, payload=body.SerializeToString())
        await leo.ask(envelope(pb.MSync.SYNC, pb.CommSyncUL(meta=meta)))
        await leo.websocket.send(envelope(pb.MSync.SYNC, pb.CommSyncUL()))
        await leo.unread()

        assert 5 == len(easemob.ledger.complaints())
        assert 1 == easemob.waiting("mia")


async def test_other_devices_get_a_copy(autojump_clock: MockClock) -> None:
    """What one device sends is copied to the user's others, as a meta from themselves (facts/msync.md §5)."""
    async with running() as (easemob, network):
        one = await RawClient.log_in(network, easemob, "leo", resource="one")
        two = await RawClient.log_in(network, easemob, "leo", resource="two")
        await one.ask(send(text("hi"), 1))

        assert "mia" == (await two.hear()).queue.name
        assert [text("hi")] == await two.read_all("mia")
        assert {} == await one.unread()


async def test_copies_are_a_switch(autojump_clock: MockClock) -> None:
    """Without copies the other devices hear nothing."""
    async with running(carbons=False) as (easemob, network):
        one = await RawClient.log_in(network, easemob, "leo", resource="one")
        two = await RawClient.log_in(network, easemob, "leo", resource="two")
        await one.ask(send(text("hi"), 1))

        assert {} == await two.unread()


# Receiving.


async def test_only_a_pull_with_the_key_acknowledges(autojump_clock: MockClock) -> None:
    """A batch stays until a pull moves past it with its key, also over reconnects (facts/msync.md §1.2)."""
    async with running() as (easemob, network):
        message_id = easemob.post(text("hi"))
        first = await RawClient.log_in(network, easemob, "mia")
        assert {"leo": 1} == await first.unread()
        assert message_id == (await first.pull("leo")).next_key
        easemob.cut("mia")
        second = await RawClient.log_in(network, easemob, "mia")
        assert {"leo": 1} == await second.unread()
        page = await second.pull("leo")
        assert 1 == easemob.waiting("mia")
        last = await second.pull("leo", page.next_key)

        assert (0, True, False) == (len(last.metas), last.is_last, last.HasField("next_key"))
        assert 0 == easemob.waiting("mia")
        assert {} == await second.unread()
        assert (Acknowledged("mia", "device-1", "leo", (message_id,)),) == easemob.ledger.of(Acknowledged)
        assert [None, None, message_id] == [pulled.key for pulled in easemob.ledger.of(Pulled)]


async def test_pages_are_small_by_switch(autojump_clock: MockClock) -> None:
    """The next page follows the key of the one before."""
    async with running(page_size=2) as (easemob, network):
        for number in range(5):
            easemob.post(text(str(number)))
        mia = await RawClient.log_in(network, easemob, "mia")

        assert ["0", "1", "2", "3", "4"] == [message.text for message in await mia.read_all("leo")]
        assert [2, 2, 1, 0] == [len(pulled.ids) for pulled in easemob.ledger.of(Pulled)]


@pytest.mark.parametrize(("position", "count"), [("repeats", 1), ("empty", 0)])
async def test_a_second_pull_without_key_repeats_or_brings_nothing(
    position: str, count: int, autojump_clock: MockClock
) -> None:
    """Both are said of the real server (facts/msync.md §7.3)."""
    async with running(pull_without_key=position) as (easemob, network):
        easemob.post(text("hi"))
        mia = await RawClient.log_in(network, easemob, "mia")
        first = await mia.pull("leo")
        second = await mia.pull("leo")

        assert 1 == len(first.metas)
        assert count == len(second.metas)
        easemob.post(text("more"))
        await mia.hear()
        third = await mia.pull("leo", first.next_key)
        assert ["more"] == [decode("leo", "mia", meta.payload).text for meta in third.metas]


async def test_the_last_page_may_say_so_beside_its_metas(autojump_clock: MockClock) -> None:
    """``is_last`` with metas, and an end told by key 0 (facts/msync.md §7.1, §7.3)."""
    async with running(last_with_metas=True, end_of_queue="zero key", page_size=1) as (easemob, network):
        easemob.post(text("1"))
        easemob.post(text("2"))
        mia = await RawClient.log_in(network, easemob, "mia")
        pages = [await mia.pull("leo")]
        for _ in range(2):
            pages.append(await mia.pull("leo", pages[-1].next_key))

        assert [False, True, False] == [page.is_last for page in pages]
        assert (0, True) == (pages[-1].next_key, pages[-1].HasField("next_key"))


@pytest.mark.parametrize(("position", "notice", "page"), [("notice", "phone", ""), ("page", "", "phone")])
async def test_the_resource_of_a_queue_comes_and_goes(
    position: str, notice: str, page: str, autojump_clock: MockClock
) -> None:
    """It may be in the NOTICE and not in the page, or the other way round (facts/msync.md §7.2)."""
    async with running(resource_in=position) as (easemob, network):
        mia = await RawClient.log_in(network, easemob, "mia")
        leo = await RawClient.log_in(network, easemob, "leo", resource="phone")
        await leo.ask(send(text("hi"), 1))

        assert notice == (await mia.hear()).queue.client_resource
        assert page == (await mia.pull("leo")).queue.client_resource


async def test_payloads_may_be_compressed_and_without_status(autojump_clock: MockClock) -> None:
    """Zlib after the login, and pages and heartbeats without a status (facts/msync.md §3, §5)."""
    async with running(zlib=True, status_in_pages=False, online_mark=True) as (easemob, network):
        easemob.post(text("hi"))
        mia = await RawClient.log_in(network, easemob, "mia")
        await mia.websocket.send(pull("leo"))
        frame = await mia.websocket.receive()
        assert isinstance(frame, bytes)
        assert 1 == pb.MSync.FromString(frame).compress_algorimth
        page = await mia.pull("leo")

        assert not page.HasField("status")
        assert {"is_online": 0} == json.loads(page.metas[0].meta)


async def test_strays_lie_between_the_messages(autojump_clock: MockClock) -> None:
    """Other namespaces, unknown types and undecodable payloads are in the same pages, with rising ids."""
    async with running(stray_metas=True) as (easemob, network):
        mia = await RawClient.log_in(network, easemob, "mia")
        for number in range(13):
            easemob.post(text(str(number)))
            await mia.hear()
            await mia.hear()
        page = await mia.pull("leo")

        assert 20 == len(page.metas)
        assert {0, 1, 2, 3, 4, 5, 6} == {meta.ns for meta in page.metas}
        assert sorted(meta.id for meta in page.metas) == [meta.id for meta in page.metas]


async def test_notices_and_pulls_can_get_lost(autojump_clock: MockClock) -> None:
    """The heartbeat lists what a lost NOTICE should have told (facts/msync.md §7.3)."""
    async with running() as (easemob, network):
        mia = await RawClient.log_in(network, easemob, "mia")
        easemob.faults.lost_notices = 1
        easemob.faults.lost_pulls = 1
        easemob.post(text("hi"))
        await mia.websocket.send(pull("leo"))

        assert {"leo": 1} == await mia.unread()
        assert () == easemob.ledger.of(Noticed)


async def test_a_heartbeat_may_redirect(autojump_clock: MockClock) -> None:
    """REDIRECT comes in the UNREAD reply as well (facts/msync.md §9)."""
    async with running() as (easemob, network):
        mia = await RawClient.log_in(network, easemob, "mia")
        easemob.faults.redirect_heartbeat("other.test", 444)
        reply = await mia.ask(envelope(pb.MSync.UNREAD, pb.CommUnreadUL()))

        assert (Status.REDIRECT, 444) == (reply.status.error_code, reply.status.redirect_info[0].port)


async def test_pages_and_notices_can_come_unasked(autojump_clock: MockClock) -> None:
    """The last page once more, and a NOTICE for nothing (facts/msync.md §7.3)."""
    async with running() as (easemob, network):
        easemob.post(text("hi"))
        mia = await RawClient.log_in(network, easemob, "mia")
        page = await mia.pull("leo")
        easemob.repeat_page("mia")
        assert page == await mia.hear()
        easemob.notice("mia", "nobody")

        assert "nobody" == (await mia.hear()).queue.name


async def test_too_many_waiting_messages_are_lost_and_written_down(autojump_clock: MockClock) -> None:
    """The 501st evicts the oldest (facts/easemob-rest.md §9.3)."""
    async with running() as (easemob, _):
        first = easemob.post(text("first"))
        for _ in range(OFFLINE_LIMIT):
            easemob.post(text("hi"))

        assert OFFLINE_LIMIT == easemob.waiting("mia")
        assert (Overflowed("mia", first),) == easemob.ledger.of(Overflowed)
