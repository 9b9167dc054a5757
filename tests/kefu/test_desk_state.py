"""How the desk is: asked as its own page asks, answers as in the samples, and nothing of what nobody understands."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.names import AppKey, ImUser, im_user
from slackkefu.easemob.rest import UserToken
from slackkefu.errors import ConnectFailed, KefuError, KefuOutcomeUnknown, KefuRefused, KefuUnavailable
from slackkefu.kefu.desk_state import QUEUE, TYPING, DeskState, Typing, Waiting
from slackkefu.secret import Secret
from tests.easemob.fakes import answer, make_world
from tests.facts import load
from tests.kefu.samples import SERVICE_NUMBER, VISITOR

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio.testing import MockClock

MIA = im_user(VISITOR)
SESSION = "6f1c2a34-0b1d-4c55-9a77-0d3a1e5b7c01"


class Bench:
    """A desk whose answers are given, and what it was asked."""

    def __init__(self, *answers: object) -> None:
        self.answers = deque(answers)
        self.requests: list[httpx.Request] = []
        self.state = DeskState(
            world=make_world(self._answer),
            url="https://kefu.example.com",
            tenant_id="1001",
            app_key=AppKey("demo-org", "demo-app"),
            service_number=im_user(SERVICE_NUMBER),
            tokens=self,
        )

    async def user_token(self, user: ImUser) -> UserToken:
        """Return Mia's token."""
        await trio.lowlevel.checkpoint()
        assert user == MIA
        return UserToken(Secret("of-mia"), 0.0, fresh=False)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await trio.lowlevel.checkpoint()
        given_answer = self.answers.popleft()
        if isinstance(given_answer, Exception):
            raise given_answer
        return given_answer if isinstance(given_answer, httpx.Response) else answer(200, given_answer)


QUESTIONS: dict[str, Callable[[DeskState], Awaitable[object]]] = {
    "features": lambda state: state.switched_off(),
    "typing": lambda state: state.typing(MIA, SESSION),
    "queue": lambda state: state.waiting(SESSION),
    "duty": lambda state: state.is_off_duty(),
}


async def test_an_agent_who_writes(autojump_clock: MockClock) -> None:
    """Asked with the visitor's token, as the sample answers; without tips nobody writes."""
    bench = Bench(load("kefu-samples/rest/agent-input-state.json"), {"timestamp": "7", "input_state_tips": ""})

    assert Typing(1490000000123, is_typing=True) == await bench.state.typing(MIA, SESSION)
    assert Typing(7, is_typing=False) == await bench.state.typing(MIA, SESSION)
    url = bench.requests[0].url
    assert ("kefu.example.com", f"/v1/webimplugin/sessions/{SESSION}/agent-input-state") == (url.host, url.path)
    assert {
        "tenantId": "1001",
        "orgName": "demo-org",
        "appName": "demo-app",
        "userName": VISITOR,
        "token": "of-mia",
    } == {**url.params}


async def test_the_queue(autojump_clock: MockClock) -> None:
    """A number, or "no" for none, as in the samples; no token goes along."""
    names = ("waitings-data", "waitings-data-none")
    bench = Bench(*(load(f"kefu-samples/rest/{name}.json") for name in names))

    assert Waiting(1490000000456, 3) == await bench.state.waiting(SESSION)
    assert Waiting(1490000000789, 0) == await bench.state.waiting(SESSION)
    assert {"tenantId": "1001", "queueId": "", "serviceSessionId": SESSION} == {**bench.requests[0].url.params}


async def test_duty_hours(autojump_clock: MockClock) -> None:
    """``true`` is off duty, as in the sample; our channel's number is asked for once."""
    off = load("kefu-samples/rest/show-message-off-duty.json")
    bench = Bench(load("kefu-samples/rest/target-channels.json"), off, off | {"entity": False})

    assert [True, False] == [await bench.state.is_off_duty(), await bench.state.is_off_duty()]
    assert ["targetChannels", "show-message", "show-message"] == [
        request.url.path.rpartition("/")[2] for request in bench.requests
    ]
    assert "17" == bench.requests[1].url.params["channelId"]


async def test_another_channel_is_not_ours(autojump_clock: MockClock) -> None:
    """Without a channel of our app and service number nothing is asked about duty hours."""
    (channel,) = load("kefu-samples/rest/target-channels.json")
    bench = Bench([channel | {"imServiceNumber": "another"}])

    with pytest.raises(KefuUnavailable):
        await bench.state.is_off_duty()


async def test_features(autojump_clock: MockClock) -> None:
    """What says ``Disable`` is off, in a bare list or around one; all else is on."""
    features = [{"grayName": TYPING, "status": "Disable"}, {"grayName": QUEUE, "status": "Enable"}, {"grayName": "x"}]
    bench = Bench(features, {"status": "OK", "entities": features}, {"status": "OK", "entity": None})

    assert [{TYPING}, {TYPING}, set()] == [await bench.state.switched_off() for _ in range(3)]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (httpx.ReadError("cut"), KefuOutcomeUnknown),
        (httpx.ConnectError("refused"), ConnectFailed),
        (answer(503), KefuUnavailable),
        (answer(404, {"timestamp": 1, "status": 404, "error": "Not Found"}), KefuRefused),
        (answer(500, {}), KefuUnavailable),
        (httpx.Response(200, content=b"<html>"), KefuUnavailable),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example/"}), KefuUnavailable),
        ({"status": "FAIL", "errorCode": "WEBIM_001"}, KefuRefused),
    ],
)
async def test_what_is_no_answer(
    autojump_clock: MockClock, question: str, said: object, expected: type[Exception]
) -> None:
    """Each has its error, which holds nothing of the request; nothing is asked twice, or elsewhere."""
    bench = Bench(said)

    with pytest.raises(expected) as raised:
        await QUESTIONS[question](bench.state)
    assert 1 == len(bench.requests)
    assert "of-mia" not in str(raised.value)
    assert VISITOR not in str(raised.value)
    assert (1, 0) == ((asked := bench.state.statistics()).requests, asked.answered)


async def test_a_slow_desk(autojump_clock: MockClock) -> None:
    """What takes longer than a question may is no answer."""
    bench = Bench()

    async def never(_request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError

    bench.state = DeskState(
        world=make_world(never),
        url="https://kefu.example.com",
        tenant_id="1001",
        app_key=AppKey("demo-org", "demo-app"),
        service_number=im_user(SERVICE_NUMBER),
        tokens=bench,
    )

    with pytest.raises(KefuOutcomeUnknown):
        await bench.state.waiting(SESSION)
    assert trio.current_time() < 6
    await bench.state.aclose()
    with pytest.raises(ConnectFailed):
        await bench.state.waiting(SESSION)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    "status",
                    "entity",
                    "entities",
                    "timestamp",
                    "input_state_tips",
                    "visitorUserWaitingNumber",
                    "visitorUserWaitingTimestamp",
                    "grayName",
                    "channelId",
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(_JSON, st.sampled_from(sorted(QUESTIONS)))
def test_any_answer(said: Any, question: str) -> None:
    """Whatever comes is an answer of a known kind, or an error of the desk's."""

    async def ask() -> object:
        try:
            return await QUESTIONS[question](Bench(said, said).state)
        except KefuError:
            return None

    found = trio.run(ask)

    assert isinstance(found, Typing | Waiting | frozenset | bool | None)
    assert not isinstance(found, Waiting) or found.count >= 0
