"""The MSYNC server, spoken to in bare frames, in virtual time."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from slackkefu.demo.easemob import FakeEasemob, ImMessage, Switches
from slackkefu.demo.easemob.ledger import (
    Accepted,
    Acknowledged,
    Ended,
    LoggedIn,
    LoggedOut,
    LoginRefused,
    Noticed,
    Overflowed,
    Pulled,
    Refused,
)
from slackkefu.demo.easemob.mailbox import OFFLINE_LIMIT
from slackkefu.demo.easemob.messages import decode
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.errors import ConnectFailed, LinkClosed
from tests.demo.easemob.raw import MemoryLine, RawClient, envelope, provision, pull, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

NOW = 1_753_000_000.0
Status = pb.Status


@asynccontextmanager
async def running(**switches: Any) -> AsyncIterator[tuple[FakeEasemob, MemoryLine]]:
    """Run a fake with two users; hand out the network that leads to it."""
    easemob = FakeEasemob(switches=Switches(**switches), wall=lambda: NOW + trio.current_time())
    easemob.register("mia")
    easemob.register("leo")
    async with trio.open_nursery() as nursery:
        yield easemob, MemoryLine(easemob, nursery)
        nursery.cancel_scope.cancel()


def text(words: str, sender: str = "leo", to: str = "mia", **ext: Any) -> ImMessage:
    """Return a text."""
    return ImMessage(sender, to, "txt", {"msg": words}, ext)


async def is_over(client: RawClient) -> bool:
    """Tell whether the server has closed the connection, whatever it says before."""
    with trio.move_on_after(60) as scope:
        try:
            while True:
                await client.websocket.receive()
        except LinkClosed:
            pass
    return not scope.cancelled_caught


# Login.


async def test_a_login_is_answered_with_resource_session_and_token(autojump_clock: MockClock) -> None:
    """A good token gets status OK, the resource, a session id and the token's end (facts/msync.md §5)."""
    async with running() as (easemob, network):
        client = await RawClient.connect(network, easemob, "mia")
        token = easemob.accounts.issue("mia", expires_at=NOW + 600)
        reply = await client.ask(provision("Mia", token.value))

        assert (Status.OK, "device-1") == (reply.status.error_code, reply.resource)
        assert reply.session_id
        assert {"token": token.value, "expires_in": int((NOW + 600) * 1000)} == json.loads(reply.auth_token)
        assert (LoggedIn("mia", "device-1", prefixed=True),) == easemob.ledger.of(LoggedIn)
        assert ("device-1",) == easemob.online("MIA")


@pytest.mark.parametrize(("form", "expected"), [("s", NOW + 600), ("relative", 600), ("absent", None)])
async def test_the_token_end_comes_in_other_forms(form: str, expected: float | None, autojump_clock: MockClock) -> None:
    """``expires_in`` may be absolute seconds, seconds from now, or missing (facts/msync.md §5)."""
    async with running(expires_in=form, token_replaced=True) as (easemob, network):
        client = await RawClient.connect(network, easemob, "mia")
        token = easemob.accounts.issue("mia", expires_at=NOW + 600)
        reply = await client.ask(provision("mia", token.value))

        if expected is None:
            assert b"" == reply.auth_token
        else:
            answer = json.loads(reply.auth_token)
            assert int(expected) == answer["expires_in"]
            assert token.value != answer["token"]


@pytest.mark.parametrize(
    ("position", "prefix", "status"),
    [("required", "$t$", 0), ("required", "", 1), ("refused", "", 0), ("refused", "$t$", 1), ("either", "", 0)],
)
async def test_the_token_prefix_is_a_switch(position: str, prefix: str, status: int, autojump_clock: MockClock) -> None:
    """Both spellings of the token are official; a server may take one or both (facts/msync.md §5)."""
    async with running(dollar_prefix=position) as (easemob, network):
        client = await RawClient.connect(network, easemob, "mia")
        token = easemob.accounts.issue("mia", expires_at=4e9)
        reply = await client.ask(provision("mia", token.value, prefix=prefix))

        assert status == reply.status.error_code


@pytest.mark.parametrize(
    ("user", "valid", "refusals", "status", "reason"),
    [
        ("mia", "no", "reason", 1, "Sorry, token or password does not match login info"),
        ("mia", "old", "reason", 1, "Sorry, token expired"),
        ("mia", "leo's", "reason", 1, "Sorry, token or password does not match login info"),
        ("zoe", "yes", "reason", 1, "Sorry, user not found"),
        ("mia", "no", "status", 2, "unauthorized"),
        ("mia", "old", "status", 6, "token expired"),
        ("", "yes", "reason", 3, "missing parameter"),
    ],
)
async def test_bad_logins_are_refused_with_their_reason(
    user: str, valid: str, refusals: str, status: int, reason: str, autojump_clock: MockClock
) -> None:
    """Token problems come as status 1 with a reason, or as a status of their own (facts/msync.md §6)."""
    async with running(token_refusals=refusals) as (easemob, network):
        client = await RawClient.connect(network, easemob, user)
        owner = "leo" if valid == "leo's" else "mia"
        token = easemob.accounts.issue(owner, expires_at=0 if valid == "old" else 4e9)
        reply = await client.ask(provision(user, "nonsense" if valid == "no" else token.value))

        assert (status, reason) == (reply.status.error_code, reply.status.reason)
        assert await is_over(client)
        assert (LoginRefused(user, "device-1", status, reason),) == easemob.ledger.of(LoginRefused)


async def test_a_wrong_app_key_and_a_banned_user_are_refused(autojump_clock: MockClock) -> None:
    """Both are final (facts/msync.md §6)."""
    async with running() as (easemob, network):
        token = easemob.accounts.issue("mia", expires_at=4e9).value
        other = await (await RawClient.connect(network, easemob, "mia")).ask(provision("mia", token, app_key="x#y"))
        user = easemob.accounts.find("mia")
        assert user is not None
        user.activated = False
        banned = await (await RawClient.connect(network, easemob, "mia")).ask(provision("mia", token))

        assert [4, 12] == [other.status.error_code, banned.status.error_code]


async def test_armed_refusals_and_redirects_meet_the_next_login(autojump_clock: MockClock) -> None:
    """A fault answers one login of its user, others pass (facts/msync.md §9)."""
    async with running() as (easemob, network):
        easemob.faults.refuse_login(7, "Sorry, the app month live count limit", user="mia")
        easemob.faults.redirect_login("other.test", 443, user="mia")
        await RawClient.log_in(network, easemob, "leo")
        replies = [
            await (await RawClient.connect(network, easemob, "mia")).ask(provision("mia", "any")) for _ in range(2)
        ]

        assert [7, Status.REDIRECT] == [reply.status.error_code for reply in replies]
        assert [("other.test", 443)] == [(info.host, info.port) for info in replies[1].status.redirect_info]


@pytest.mark.parametrize(
    "frame", [b"\xff\xff", envelope(pb.MSync.UNREAD, pb.CommUnreadUL()), send(text("early"), 1)], ids=str
)
async def test_nothing_comes_before_the_login(frame: bytes, autojump_clock: MockClock) -> None:
    """A connection whose first frame is no login is closed, with a complaint."""
    async with running() as (easemob, network):
        client = await RawClient.connect(network, easemob, "mia")
        await client.websocket.send(frame)

        assert await is_over(client)
        assert 1 == len(easemob.ledger.complaints())


async def test_a_second_login_on_one_connection_is_a_fault(autojump_clock: MockClock) -> None:
    """It closes the connection."""
    async with running() as (easemob, network):
        client = await RawClient.log_in(network, easemob, "mia")
        await client.websocket.send(provision("mia", "x"))

        assert await is_over(client)


async def test_other_paths_and_refused_handshakes_do_not_open(autojump_clock: MockClock) -> None:
    """Only /websocket opens, and a fault may answer the handshake with 503."""
    async with running() as (easemob, network):
        easemob.faults.refused_handshakes = 1
        with pytest.raises(ConnectFailed):
            await RawClient.connect(network, easemob, "mia")
        await RawClient.connect(network, easemob, "mia")

        assert 0 == easemob.faults.refused_handshakes


# Devices.


@pytest.mark.parametrize("kick", ["queue", "unrequested"])
async def test_the_same_resource_twice_ends_the_older(kick: str, autojump_clock: MockClock) -> None:
    """The older login is told by STATISTIC 2, with the newer one's reason, and closed (facts/msync.md §1.7, §9)."""
    async with running(kick=kick) as (easemob, network):
        older = await RawClient.log_in(network, easemob, "mia")
        await RawClient.log_in(network, easemob, "mia", reason="moved")
        first = await older.hear()
        if kick == "queue":
            assert "" == first.queue.name
            assert {"": 1} == await older.unread()
            first = await older.pull("")
        body = pb.StatisticsBody.FromString(first.metas[0].payload)

        assert (2, "moved") == (body.operation, body.reason)
        assert await is_over(older)
        assert ("device-1",) == easemob.online("mia")


async def test_the_same_resource_twice_may_just_close_the_older(autojump_clock: MockClock) -> None:
    """By switch nobody tells the older one anything (facts/msync.md §1.7)."""
    async with running(same_resource="closed") as (easemob, network):
        older = await RawClient.log_in(network, easemob, "mia")
        await RawClient.log_in(network, easemob, "mia")

        with pytest.raises(LinkClosed):
            await older.hear()


@pytest.mark.parametrize(("how", "left"), [("oldest out", ("two", "three")), ("newest out", ("one", "three"))])
async def test_too_many_devices_push_one_out(how: str, left: tuple[str, ...], autojump_clock: MockClock) -> None:
    """Over the limit an older device goes; which one is unknown (facts/msync.md §5)."""
    async with running(too_many_devices=how, max_devices=2) as (easemob, network):
        for name in ("one", "two", "three"):
            await RawClient.log_in(network, easemob, "mia", resource=name)

        assert left == easemob.online("mia")


async def test_too_many_devices_may_be_refused(autojump_clock: MockClock) -> None:
    """By switch the newest login fails with 13 (facts/msync.md §5)."""
    async with running(too_many_devices="refused", max_devices=1) as (easemob, network):
        await RawClient.log_in(network, easemob, "mia", resource="one")
        client = await RawClient.connect(network, easemob, "mia")
        token = easemob.accounts.issue("mia", expires_at=4e9).value
        reply = await client.ask(provision("mia", token, resource="two"))

        assert 13 == reply.status.error_code


async def test_a_kick_that_nobody_fetches_closes_all_the_same(autojump_clock: MockClock) -> None:
    """The socket of a kicked device is closed after a while, and what it sends meanwhile is not taken."""
    async with running() as (easemob, network):
        client = await RawClient.log_in(network, easemob, "mia")
        easemob.kick("mia", 4, "console")
        await client.websocket.send(send(text("late", "mia", "leo"), 1))

        assert await is_over(client)
        assert () == easemob.ledger.of(Accepted)
        assert (Ended("mia", "device-1", "kicked with 4"),) == easemob.ledger.of(Ended)


async def test_an_idle_connection_is_closed_by_switch(autojump_clock: MockClock) -> None:
    """The server's idle limit is unknown; a heartbeat keeps a connection alive (facts/msync.md §9)."""
    async with running(idle_limit_s=60) as (easemob, network):
        client = await RawClient.log_in(network, easemob, "mia")
        await trio.sleep(50)
        await client.unread()
        await trio.sleep(50)
        await client.unread()
        await trio.sleep(61)

        assert await is_over(client)


@pytest.mark.parametrize("reply", [True, False])
async def test_logout_ends_the_login(reply: bool, autojump_clock: MockClock) -> None:
    """LOGOUT is answered or not, and the connection closed (facts/msync.md §9)."""
    async with running(logout_reply=reply) as (easemob, network):
        client = await RawClient.log_in(network, easemob, "mia")
        await client.websocket.send(envelope(pb.MSync.LOGOUT, pb.Logout(reason="inner:logout")))
        if reply:
            assert Status.OK == (await client.hear()).status.error_code

        assert await is_over(client)
        assert (LoggedOut("mia", "device-1", "inner:logout"),) == easemob.ledger.of(LoggedOut)
        assert () == easemob.online("mia")


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


# REST beside it.


async def test_rest_sees_and_ends_logins(autojump_clock: MockClock) -> None:
    """Presence, devices, ending one device, all, and the user (facts/easemob-rest.md §5.3 to §5.5)."""
    async with running() as (easemob, network):
        one = await RawClient.log_in(network, easemob, "mia", resource="one")
        two = await RawClient.log_in(network, easemob, "mia", resource="two")
        token = easemob.accounts.issue("", expires_at=4e9).value
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(easemob.asgi),
            base_url="http://rest.easemob.test/acme/support/users",
            headers={"Authorization": f"Bearer {token}"},
        ) as rest:
            status = (await rest.get("/mia/status")).json()["data"]
            names = {"usernames": ["mia", "leo", "zoe"]}
            statuses = (await rest.post("/batch/status", json=names)).json()["data"]
            many = await rest.post("/batch/status", json={"usernames": ["mia"] * 101})
            devices = (await rest.get("/mia/resources")).json()["data"]
            await rest.delete("/mia/disconnect/one")
            assert ("two",) == easemob.online("mia")
            await rest.get("/mia/disconnect")
            assert () == easemob.online("mia")
            await RawClient.log_in(network, easemob, "leo")
            await rest.delete("/leo")

        assert {"mia": "online"} == status
        assert [{"mia": "online"}, {"leo": "offline"}, {"zoe": "offline"}] == statuses
        assert 400 == many.status_code
        assert ["one", "two"] == [device["res"] for device in devices]
        assert {"device_uuid": "uuid-1", "device_name": "raw", "res": "one"} == devices[0]
        assert await is_over(one)
        assert await is_over(two)
        assert ["kicked with 4", "kicked with 4", "kicked with 1"] == [end.why for end in easemob.ledger.of(Ended)]


async def test_a_copy_of_a_rest_message_is_asked_for(autojump_clock: MockClock) -> None:
    """``sync_device`` brings it to the sender's own devices, ROUTE_ONLINE only to who is there."""
    async with running() as (easemob, network):
        leo = await RawClient.log_in(network, easemob, "leo")
        token = easemob.accounts.issue("", expires_at=4e9).value
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(easemob.asgi),
            base_url="http://rest.easemob.test/acme/support",
            headers={"Authorization": f"Bearer {token}"},
        ) as rest:
            body = {"from": "leo", "to": ["mia"], "type": "txt", "body": {"msg": "x"}, "routetype": "ROUTE_ONLINE"}
            await rest.post("/messages/users", json=body)
            assert {} == await leo.unread()
            await rest.post("/messages/users", json=body | {"sync_device": True})

        assert "mia" == (await leo.hear()).queue.name
        assert 0 == easemob.waiting("mia")


# Weather.


async def test_a_black_hole_answers_nothing_until_it_is_over(autojump_clock: MockClock) -> None:
    """Connections stay open, and nothing that arrives meanwhile is answered, also later."""
    async with running() as (easemob, network):
        mia = await RawClient.log_in(network, easemob, "mia")
        easemob.faults.black_hole = True
        with trio.move_on_after(30) as scope:
            await mia.unread()
        assert scope.cancelled_caught
        easemob.faults.black_hole = False

        assert {} == await mia.unread()


async def test_answers_can_be_late(autojump_clock: MockClock) -> None:
    """Delays hold for logins and for later frames apart."""
    async with running() as (easemob, network):
        easemob.faults.login_delay_s = 5
        easemob.faults.reply_delay_s = 2
        mia = await RawClient.log_in(network, easemob, "mia")
        assert 5 == trio.current_time()
        await mia.unread()

        assert 7 == trio.current_time()


async def test_everybody_can_be_cut(autojump_clock: MockClock) -> None:
    """Also connections that are not logged in."""
    async with running() as (easemob, network):
        mia = await RawClient.log_in(network, easemob, "mia")
        other = await RawClient.connect(network, easemob, "leo")
        easemob.cut()

        assert await is_over(mia)
        assert await is_over(other)
        assert () == easemob.online("mia")


async def test_a_client_that_does_not_read_is_cut(autojump_clock: MockClock) -> None:
    """Its frames do not pile up without end."""
    async with running() as (easemob, network):
        await RawClient.log_in(network, easemob, "mia")
        for _ in range(4200):
            easemob.notice("mia", "leo")
        await trio.testing.wait_all_tasks_blocked()

        assert () == easemob.online("mia")
        assert [Ended("mia", "device-1", "does not read")] == list(easemob.ledger.of(Ended))


async def test_the_ledger_can_be_waited_for(autojump_clock: MockClock) -> None:
    """A line already written counts, one still to come wakes the waiter."""
    async with running() as (easemob, network):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(RawClient.log_in, network, easemob, "mia")
            entry = await easemob.ledger.heard(LoggedIn, lambda line: line.user == "mia")

        assert entry == await easemob.ledger.heard(LoggedIn)
        assert [entry] == list(easemob.ledger)
