"""What the desk tells of itself has the shape of the samples, and is true of this desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from slackkefu.demo.desk import Desk, DeskSwitches, HostFault, KefuHost
from slackkefu.demo.easemob import FakeEasemob, ImMessage
from slackkefu.demo.serve import AnswerLost
from tests.facts import load

if TYPE_CHECKING:
    import trio

VISITOR = "t0aaaaaa1_u0bbbbbb1_d0cccccc1"
QUEUE = "/v1/visitors/waitings/data"
DUTY = "/v1/webimplugin/tenants/show-message"


class Room:
    """A desk that nobody sits at, with a visitor who has written, and a page that asks it."""

    def __init__(self) -> None:
        self.easemob = FakeEasemob(app_key="demo-org#demo-app")
        self.desk = Desk(self.easemob, switches=DeskSwitches(events="none", acknowledges=False, takes="nobody"))
        self.host = KefuHost(self.desk, self.easemob)
        self.pages = self.host.pages
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.host.asgi), base_url="http://kefu")
        self.desk.take(ImMessage(VISITOR, "kefu_service", "txt", {"msg": "hi"}, {}))
        session = self.desk.conversation(VISITOR).session
        assert session is not None
        self.session = session.id
        self.token = self.easemob.accounts.issue(VISITOR, expires_at=float("inf")).value

    async def asks(self, path: str, **query: str) -> Any:
        """Ask for a page."""
        return (await self.client.get(path, params={"tenantId": "1001", **query})).json()

    async def typing(self, **query: str) -> Any:
        """Ask whether the agent writes."""
        path = f"/v1/webimplugin/sessions/{self.session}/agent-input-state"
        return await self.asks(path, **{"token": self.token, "userName": VISITOR, **query})


async def test_the_shapes(autojump_clock: trio.testing.MockClock) -> None:
    """Each answer has the members of its sample."""
    room = Room()
    room.pages.is_off_duty = True
    room.pages.types(VISITOR)
    channels = await room.asks("/v1/webimplugin/targetChannels")
    sample = load("kefu-samples/rest/target-channels.json")[0]

    assert {*channels[-1]} <= {*sample}
    assert load("kefu-samples/rest/show-message-off-duty.json") == await room.asks(DUTY, channelId="17")
    for name, answer in (
        ("agent-input-state", await room.typing()),
        ("waitings-data", await room.asks(QUEUE, serviceSessionId=room.session)),
        ("waitings-data-none", await room.asks(QUEUE, serviceSessionId="another")),
    ):
        expected = load(f"kefu-samples/rest/{name}.json")
        assert {*expected["entity"]} == {*answer["entity"]}
        assert [type(each) for each in expected["entity"].values()] == [
            type(each) for each in answer["entity"].values()
        ]


async def test_it_is_true(autojump_clock: trio.testing.MockClock) -> None:
    """So many wait as nobody has taken, and the agent writes when it does."""
    room = Room()
    before = (await room.asks(QUEUE, serviceSessionId=room.session))["entity"]["visitorUserWaitingNumber"]
    quiet = (await room.typing())["entity"]["input_state_tips"]
    room.desk.answers(VISITOR, "hello")
    after = (await room.asks(QUEUE, serviceSessionId=room.session))["entity"]["visitorUserWaitingNumber"]
    room.pages.types(VISITOR)

    assert (1, "no", "", "正在输入") == (before, after, quiet, (await room.typing())["entity"]["input_state_tips"])


@pytest.mark.parametrize("query", [{"token": ""}, {"token": "x"}, {"userName": "another"}, {"tenantId": "1"}])
async def test_strangers_are_refused(autojump_clock: trio.testing.MockClock, query: dict[str, str]) -> None:
    """Whether an agent writes only its own visitor is told."""
    room = Room()

    assert "FAIL" == (await room.typing(**query))["status"]


async def test_faults(autojump_clock: trio.testing.MockClock) -> None:
    """Armed ones happen so many times, or until they are taken back; what a page says can be given."""
    room = Room()
    room.pages.fail("duty", HostFault(status=503), times=1)
    room.pages.fail("duty", HostFault(), times=9)

    assert 503 == (await room.client.get(DUTY)).status_code
    with pytest.raises(AnswerLost):
        await room.client.get(DUTY)
    room.pages.recover()
    room.pages.says["duty"] = b"[1]"
    assert [1] == await room.asks(DUTY)
    assert ["duty"] * 3 == [call.page for call in room.pages.calls]
