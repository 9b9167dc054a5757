"""
The official JavaScript client, easemob-websdk, logs in to our Easemob and talks.

It is a program we did not write, and holds the fake honest: what it takes for MSYNC, the fake has to speak. Real
sockets, real time; each test is over within 20 s.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu.demo.desk import Desk, DeskSwitches
from slackkefu.demo.easemob import FakeEasemob, ImMessage, Switches
from slackkefu.demo.easemob.ledger import Acknowledged, Ended, Heartbeat, LoggedIn, LoggedOut, Noticed, Pulled
from slackkefu.net.network import TcpNetwork
from tests.demo.easemob.raw import RawClient, send
from tests.facts import load
from tests.peers.puppet import websdk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVICE = "kefu_service"
VISITOR = "t0aaaaaa1_u0bbbbbb1_d0cccccc1"


@asynccontextmanager
async def running(**switches: Any) -> AsyncIterator[FakeEasemob]:
    """Run a fake on real sockets, for 20 s at most."""
    easemob = FakeEasemob(switches=Switches(**switches))
    easemob.register(SERVICE, password="service")
    easemob.register(VISITOR, password="visitor")
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            await nursery.start(easemob.serve_loopback)
            yield easemob
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("prefix", ["$t$", ""])
async def test_as_service_number_it_gets_a_visitor_and_answers(prefix: str) -> None:
    """A visitor's text arrives with its nested ``ext.weichat`` value by value, and the answer goes back."""
    visitor_ext = load("kefu-samples/visitor-text-sent.json")["ext"]
    agent_ext = load("kefu-samples/agent-text.json")["ext"]
    async with running() as easemob, websdk(easemob) as puppet:
        await puppet.logs_in(SERVICE, password="service")
        visitor = await RawClient.log_in(TcpNetwork(), easemob, VISITOR, prefix=prefix)
        await visitor.ask(send(ImMessage(VISITOR, SERVICE, "txt", {"msg": "你好 <b>"}, visitor_ext), 77))
        heard = await puppet.hears("text")

        assert (VISITOR, SERVICE, "你好 <b>", visitor_ext) == (heard["from"], heard["to"], heard["text"], heard["ext"])
        server_id = await puppet.says(VISITOR, "您好", agent_ext)
        notice = await visitor.hear()
        assert SERVICE == notice.queue.name
        assert [ImMessage(SERVICE, VISITOR, "txt", {"msg": "您好"}, agent_ext)] == await visitor.read_all(SERVICE)
        assert int(server_id) > 2**53
        assert () == easemob.ledger.complaints()
        await visitor.websocket.aclose()


async def test_as_visitor_it_talks_with_the_desk() -> None:
    """Its text opens a session; acknowledgement, events and the agent's answer reach it; NOTICE, pull and key pull."""
    async with running() as easemob, websdk(easemob) as puppet:
        desk = Desk(easemob, service_number="desk", switches=DeskSwitches(escaped=0))
        await puppet.logs_in(VISITOR, password="visitor")
        weichat = {"visitor": {"userNickname": "Ann"}, "msg_id_for_ack": "one"}
        await puppet.says("desk", "where is my order?", {"weichat": weichat})
        heard = await desk.heard("where is my order?")
        acknowledged = await puppet.hears("command", action="KF-ACK")
        opened = await puppet.hears("command", action="ServiceSessionOpenedEvent")
        desk.answers(VISITOR, "on its <way>")
        answer = await puppet.hears("text")

        assert {"userNickname": "Ann"} == heard.card
        assert "one" == acknowledged["ext"]["weichat"]["ack_for_msg_id"]
        assert heard.session == opened["ext"]["weichat"]["service_session"]["serviceSessionId"]
        assert "on its <way>" == answer["text"]
        ledger = easemob.ledger
        await ledger.heard(Acknowledged, lambda line: int(answer["id"]) in line.ids)
        assert ledger.of(Noticed)
        assert [int(answer["id"])] == [
            id_ for line in ledger.of(Pulled) for id_ in line.ids if id_ == int(answer["id"])
        ]
        assert int(answer["id"]) in [line.key for line in ledger.of(Pulled)]
        assert () == ledger.complaints()
        assert 1 == ledger.tokens(VISITOR)


async def test_it_reconnects_after_a_cut_and_loses_nothing() -> None:
    """What is sent while it is away waits, is listed by its heartbeat, pulled and acknowledged."""
    async with running() as easemob, websdk(easemob) as puppet:
        await puppet.logs_in(VISITOR, password="visitor")
        easemob.cut(VISITOR)
        easemob.post(ImMessage(SERVICE, VISITOR, "txt", {"msg": "while away"}))
        await puppet.hears("connected")
        heard = await puppet.hears("text")

        assert "while away" == heard["text"]
        await easemob.ledger.heard(Heartbeat, lambda line: line.queues == (SERVICE,))
        await easemob.ledger.heard(Acknowledged, lambda line: int(heard["id"]) in line.ids)
        assert 2 == len(easemob.ledger.of(LoggedIn))
        assert 0 == easemob.waiting(VISITOR)


@pytest.mark.parametrize(
    "switches",
    [
        {"page_size": 2},
        {"end_of_queue": "zero key"},
        {"resource_in": "page"},
        {"online_mark": True},
        {"expires_in": "absent"},
    ],
    ids=lambda switches: next(iter(switches)),
)
async def test_it_reads_a_queue_in_every_form(switches: dict[str, Any]) -> None:
    """Small pages, the other end of a queue, resources: all texts arrive once and in order."""
    async with running(**switches) as easemob, websdk(easemob) as puppet:
        for number in range(5):
            easemob.post(ImMessage(SERVICE, VISITOR, "txt", {"msg": str(number)}))
        await puppet.logs_in(VISITOR, password="visitor")
        texts = [(await puppet.hears("text"))["text"] for _ in range(5)]
        await easemob.ledger.heard(Acknowledged)

        assert ["0", "1", "2", "3", "4"] == texts
        with trio.move_on_after(0.3):
            await puppet.hears("text")
            pytest.fail("a text arrived twice")


@pytest.mark.parametrize("kick", ["queue", "unrequested"])
async def test_it_understands_a_kick(kick: str) -> None:
    """A STATISTIC ends it for good, whether it waits in the system queue or comes unasked (facts/msync.md §9)."""
    async with running(kick=kick) as easemob, websdk(easemob) as puppet:
        await puppet.logs_in(VISITOR, password="visitor")
        easemob.kick(VISITOR, 4)
        why = await puppet.hears("disconnected")

        assert 217 == why["code"]
        assert "kicked with 4" == (await easemob.ledger.heard(Ended)).why


async def test_it_is_told_why_a_login_fails() -> None:
    """The reason of a refused login becomes the client's own error number (facts/msync.md §6)."""
    async with running() as easemob, websdk(easemob) as puppet:
        easemob.faults.refuse_login(13, "too many devices")
        token = easemob.accounts.issue(VISITOR, expires_at=4e9).value
        await puppet.does("login", user=VISITOR, token=token)
        error = await puppet.hears("error")

        assert 214 == error["type"]


async def test_a_refused_text_is_told_apart() -> None:
    """A message too large is refused with the reason the client knows as 511 (facts/msync.md §3)."""
    async with running(max_message_bytes=300) as easemob, websdk(easemob) as puppet:
        await puppet.logs_in(VISITOR, password="visitor")
        await puppet.does("text", to=SERVICE, text="x" * 400, tag="large")
        refused = await puppet.hears("refused", tag="large")

        assert 511 == refused["type"]


async def test_it_logs_out_when_told_to() -> None:
    """Its LOGOUT arrives, with its reason, and the program ends."""
    async with running() as easemob, websdk(easemob) as puppet:
        await puppet.logs_in(VISITOR, password="visitor")
        await puppet.does("close")

        assert "inner:logout" == (await easemob.ledger.heard(LoggedOut)).reason
