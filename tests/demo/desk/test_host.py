"""The desk's own host: the second channel as the samples have it, its faults, and its open questions as switches."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import trio

from slackkefu.demo.desk import Desk, DeskSwitches, HostFault, KefuHost
from slackkefu.demo.easemob import FakeEasemob, ImMessage
from slackkefu.demo.serve import AnswerLost
from tests.facts import load

VISITOR = "t0aaaaaa1_u0bbbbbb1_d0cccccc1"
PATH = "/v1/imgateway/messages"


class Room:
    """A desk with its host, and a page that asks it."""

    def __init__(self, **switches: Any) -> None:
        self.easemob = FakeEasemob(app_key="demo-org#demo-app")
        self.desk = Desk(self.easemob, switches=DeskSwitches(events="none", acknowledges=False, **switches))
        self.host = KefuHost(self.desk, self.easemob)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.host.asgi), base_url="http://kefu")

    async def sends(self, **changes: Any) -> Any:
        """Send the sample, changed."""
        request = load("kefu-samples/rest/imgateway-send-request.json") | changes
        return (await self.client.post(PATH, params={"tenantId": "1001"}, json=request)).json()

    async def asks(self, tab: str = "1", **changes: str) -> Any:
        """Ask for what was said to the visitor."""
        query = {
            "orgName": "demo-org",
            "appName": "demo-app",
            "easemobId": "kefu_service",
            "tenantId": "1001",
            "visitorEasemobId": VISITOR,
            "tabId": tab,
        }
        return (await self.client.get(PATH, params=query | changes)).json()

    async def texts(self, tab: str = "1") -> list[str]:
        """Ask, and return the words."""
        return [entity["bodies"][0]["msg"] for entity in (await self.asks(tab))["entities"]]


async def test_a_visitor_is_heard(autojump_clock: trio.testing.MockClock) -> None:
    """The sample's request opens a session, without a login and without a user at Easemob (facts/kefu.md §3.2)."""
    room = Room()
    answer = await room.sends()

    assert "OK" == answer["status"]
    assert ["hi"] == [line.text for line in room.desk.conversation(VISITOR).heard]
    assert [("POST", VISITOR, 200, ("5b0d1f00-3c3c-4d4d-8e8e-777788889999",))] == [
        (call.method, call.visitor, call.status, call.ids) for call in room.host.calls
    ]


async def test_a_repeat_is_known_whichever_way_it_comes(autojump_clock: trio.testing.MockClock) -> None:
    """The same ``msg_id_for_ack`` over both channels is one message, unless the desk knows no repeats."""
    for knows_repeats, expected in ((True, ["hi"]), (False, ["hi"] * 3)):
        room = Room(knows_repeats=knows_repeats)
        await room.sends()
        await room.sends()
        ext = load("kefu-samples/rest/imgateway-send-request.json")["ext"]
        room.easemob.post(ImMessage(VISITOR, "kefu_service", "txt", {"msg": "hi"}, ext))

        assert expected == [line.text for line in room.desk.everything_heard()]


@pytest.mark.parametrize("changes", [{"tenantId": "1"}, {"to": "other"}, {"orgName": "x"}, {"from": ""}])
async def test_another_tenants_message_is_refused(
    autojump_clock: trio.testing.MockClock, changes: dict[str, str]
) -> None:
    """Nothing of it is heard."""
    room = Room()

    assert "FAIL" == (await room.sends(**changes))["status"]
    assert not room.desk.everything_heard()


async def test_an_answer_is_handed_out_as_in_the_sample(autojump_clock: trio.testing.MockClock) -> None:
    """The entity has the members of the sample, and the ``msgId`` of the IM copy."""
    room = Room()
    (expected,) = load("kefu-samples/rest/imgateway-receive.json")["entities"]
    copies: list[ImMessage] = []
    room.easemob.attach(VISITOR, copies.append)
    room.desk.answers(VISITOR, "您好")
    (entity,) = (await room.asks())["entities"]

    assert set(expected) == set(entity)
    assert expected["bodies"] == entity["bodies"]
    assert set(expected["ext"]["weichat"]) == set(entity["ext"]["weichat"])
    assert [copies[0].ext] == [entity["ext"]]
    assert load("kefu-samples/rest/imgateway-receive-empty.json") == await room.asks(visitorEasemobId="other")
    assert "FAIL" == (await room.asks(tenantId="2"))["status"]


async def test_reading_acknowledges_for_each_tab(autojump_clock: trio.testing.MockClock) -> None:
    """Each tab gets everything once; where reading acknowledges nothing, each time."""
    for acknowledges, again in ((True, []), (False, ["one"])):
        room = Room(reading_acknowledges=acknowledges)
        room.desk.answers(VISITOR, "one")

        assert (["one"], again, ["one"]) == (await room.texts(), await room.texts(), await room.texts("2"))


async def test_what_im_has_delivered(autojump_clock: trio.testing.MockClock) -> None:
    """It is listed here too, or not."""
    for lists_delivered, expected in ((True, ["one"]), (False, [])):
        room = Room(lists_delivered=lists_delivered)
        room.easemob.attach(VISITOR, lambda _: None)
        room.desk.answers(VISITOR, "one")

        assert expected == await room.texts()


async def test_faults(autojump_clock: trio.testing.MockClock) -> None:
    """A request may be answered with a status, late, or not at all, carried out or not."""
    room = Room()
    room.host.fail("POST", HostFault(503))
    room.host.fail("POST", HostFault(502, b"<html>", carried_out=True, delay_s=5))
    request = load("kefu-samples/rest/imgateway-send-request.json")

    assert 503 == (await room.client.post(PATH, json=request)).status_code
    assert not room.desk.everything_heard()
    assert 502 == (await room.client.post(PATH, json=request)).status_code
    assert (5, 1) == (trio.current_time(), len(room.desk.everything_heard()))

    room.host.fail("GET", HostFault(carried_out=True))
    room.desk.answers(VISITOR, "gone")
    with pytest.raises(AnswerLost):
        await room.asks()

    assert [] == await room.texts()
    assert [503, 502, 0, 200] == [call.status for call in room.host.calls]
