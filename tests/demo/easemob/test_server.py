"""The MSYNC server, spoken to in bare frames, in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from slackkefu.demo.easemob.ledger import (
    Accepted,
    Ended,
    LoggedIn,
    LoggedOut,
    LoginRefused,
)
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.errors import ConnectFailed, LinkClosed
from tests.demo.easemob.raw import RawClient, envelope, provision, send
from tests.demo.easemob.running import NOW, is_over, running, text

if TYPE_CHECKING:
    from trio.testing import MockClock

Status = pb.Status


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


@pytest.mark.parametrize(("unknown_removal", "error"), [(404, "service_resource_not_found"), (400, "management")])
@pytest.mark.parametrize("mail_outlives_user", [False, True])
async def test_a_user_who_was_removed(
    autojump_clock: MockClock, unknown_removal: int, error: str, *, mail_outlives_user: bool
) -> None:
    """A second removal is refused in one of two ways; a new user of the name finds nothing waiting, or what waited."""
    async with running(unknown_removal=unknown_removal, mail_outlives_user=mail_outlives_user) as (easemob, _):
        easemob.post(text("hello"))
        token = easemob.accounts.issue("", expires_at=4e9).value
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(easemob.asgi),
            base_url="http://rest.easemob.test/acme/support/users",
            headers={"Authorization": f"Bearer {token}"},
        ) as rest:
            first, second = await rest.delete("/mia"), await rest.delete("/mia")
        easemob.register("mia")

        assert (200, "mia") == (first.status_code, first.json()["entities"][0]["username"])
        assert (unknown_removal, error) == (second.status_code, second.json()["error"])
        assert mail_outlives_user == bool(easemob.waiting("mia"))


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
