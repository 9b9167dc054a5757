"""The second channel: its two calls as in the samples, what their answers mean, and messages that nobody can read."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.message import (
    Accepted,
    CommandBody,
    CustomBody,
    IncomingMessage,
    LocationBody,
    MediaBody,
    OutgoingMessage,
    TextBody,
    UnknownBody,
)
from slackkefu.easemob.names import AppKey, im_user
from slackkefu.errors import (
    ConnectFailed,
    KefuOutcomeUnknown,
    KefuRefused,
    KefuUnavailable,
    LocalProtocolError,
    SlackkefuError,
)
from slackkefu.kefu import second_channel
from slackkefu.kefu.im_json import read_entity, read_received, write_entity
from slackkefu.kefu.incoming import read
from slackkefu.kefu.recovery import after_send_call
from slackkefu.kefu.second_channel import EXCHANGE_S, NEW_TABS, SecondChannel
from slackkefu.secret import Secret
from tests.easemob.fakes import START, answer, make_world
from tests.facts import load
from tests.kefu.samples import EXPECT, SERVICE_NUMBER, VISITOR, incoming

if TYPE_CHECKING:
    from trio.testing import MockClock

    from slackkefu.easemob.message import Body

MIA = im_user(VISITOR)
SENT = load("kefu-samples/rest/imgateway-send-request.json")
HI = OutgoingMessage(7, im_user(SERVICE_NUMBER), TextBody("hi"), SENT["ext"])


class Bench:
    """A second channel whose answers are given, and what it asked."""

    def __init__(self) -> None:
        self.answers: deque[httpx.Response | Exception] = deque()
        self.requests: list[httpx.Request] = []
        self.times: list[float] = []
        self.channel = SecondChannel(
            world=make_world(self._answer),
            url="https://kefu.example.com",
            tenant_id="1001",
            app_key=AppKey("demo-org", "demo-app"),
            service_number=im_user(SERVICE_NUMBER),
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.times.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        given_answer = self.answers.popleft() if self.answers else answer(200, {"status": "OK", "entities": []})
        if isinstance(given_answer, Exception):
            raise given_answer
        return given_answer

    async def receives(self, *entities: object) -> list[IncomingMessage]:
        """Receive *entities*, whatever they are."""
        self.answers.append(answer(200, {"status": "OK", "entities": entities}))
        return [each.message for each in await self.channel.receive(MIA)]


# Sending.


async def test_a_message_is_sent_as_in_the_sample(autojump_clock: MockClock) -> None:
    """Address and body are those of the sample; the id by which a repeat is known goes with it."""
    bench = Bench()
    accepted = await bench.channel.send(MIA, HI)
    (request,) = bench.requests

    assert Accepted(7, 0, 0) == accepted
    assert ("POST", "https://kefu.example.com/v1/imgateway/messages?tenantId=1001") == (
        request.method,
        str(request.url),
    )
    assert SENT == json.loads(request.content)


CUT = httpx.ReadError("cut")
REFUSED = httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("answers", "times"),
    [
        ([CUT], [0.0, 1.0]),
        ([CUT, answer(502)], [0.0, 1.0, 3.0]),
        ([REFUSED], [0.0, 1.0]),
    ],
)
async def test_a_lost_answer_is_asked_for_again(
    autojump_clock: MockClock, answers: list[httpx.Response | Exception], times: list[float]
) -> None:
    """The same request goes again, after growing pauses: the desk knows it by its id."""
    bench = Bench()
    bench.answers += answers
    await bench.channel.send(MIA, HI)

    assert times == bench.times
    assert 1 == len({request.content for request in bench.requests})


@pytest.mark.parametrize(
    ("given_answer", "expected", "requests"),
    [
        (CUT, KefuOutcomeUnknown, 3),
        (answer(500), KefuOutcomeUnknown, 3),
        (answer(504), KefuOutcomeUnknown, 3),
        (REFUSED, ConnectFailed, 2),
        (answer(503), KefuUnavailable, 1),
        (answer(429), KefuUnavailable, 1),
        (answer(403, {"message": "no"}), KefuUnavailable, 1),
        (answer(302), KefuUnavailable, 1),
        (answer(404, {"timestamp": 1, "status": 404, "error": "Not Found"}), KefuUnavailable, 1),
        (httpx.Response(200, content=b"<html>"), KefuUnavailable, 1),
        (answer(200, []), KefuUnavailable, 1),
        (answer(200, {"status": ""}), KefuUnavailable, 1),
        (answer(200, {"status": "FAIL", "errorCode": "WEBIM_338"}), KefuRefused, 1),
        (answer(400, {"status": "FAIL"}), KefuRefused, 1),
    ],
)
async def test_what_an_answer_means(
    autojump_clock: MockClock, given_answer: httpx.Response | Exception, expected: type[SlackkefuError], requests: int
) -> None:
    """Refused, not there, and unknown are three things; only what may have been carried out is asked for again."""
    bench = Bench()
    bench.answers += [given_answer] * 5
    with pytest.raises(SlackkefuError) as caught:
        await bench.channel.send(MIA, HI)

    assert (expected, requests) == (type(caught.value), len(bench.requests))


async def test_a_silent_desk_is_not_waited_for(autojump_clock: MockClock) -> None:
    """Each request has its time; then nobody knows whether it was carried out."""

    async def silence(request: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError(request)

    channel = SecondChannel(
        world=make_world(silence),
        url="https://kefu.example.com",
        tenant_id="1001",
        app_key=AppKey("demo-org", "demo-app"),
        service_number=im_user(SERVICE_NUMBER),
    )
    with pytest.raises(KefuOutcomeUnknown):
        await channel.receive(MIA)

    assert EXCHANGE_S == trio.current_time()


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (KefuOutcomeUnknown("call", "cut"), [1.0, 2.0, None]),
        (ConnectFailed("h", "refused"), [1.0, None]),
        (KefuUnavailable("call", "HTTP 503"), [None]),
        (KefuRefused("call", "FAIL"), [None]),
        (LocalProtocolError("odd"), [None]),
    ],
)
def test_whether_a_message_is_sent_again(error: SlackkefuError, waits: list[float | None]) -> None:
    """Only where that may help within seconds."""
    assert waits == [after_send_call(error, failures=number) for number in range(1, len(waits) + 1)]


def test_files_go_another_way() -> None:
    """They would have to be uploaded to kefu first."""
    assert SecondChannel.carries(TextBody("x"))
    assert SecondChannel.carries(CommandBody("TransferToKf"))
    assert not SecondChannel.carries(MediaBody("img", "https://im.example.com/x"))


async def test_a_line_goes_in_the_place_of_a_file(autojump_clock: MockClock) -> None:
    """Where nothing else has proved that it arrived; under the same id."""
    bench = Bench()
    line = TextBody("[文件 File] a.png")
    file = replace(HI, body=MediaBody("img", "https://im.example.com/x", filename="a.png"), instead=line)
    await bench.channel.send(MIA, file)
    sent = json.loads(bench.requests[0].content)

    assert [{"type": "txt", "msg": "[文件 File] a.png"}] == sent["bodies"]
    assert HI.ext == sent["ext"]


async def test_no_words_are_shown(autojump_clock: MockClock) -> None:
    """What the desk says of a message may quote it, and is shown nowhere."""
    bench = Bench()
    bench.answers.append(answer(200, {"status": "FAIL", "errorCode": "X_1", "errorDescription": "hi there"}))
    with pytest.raises(KefuRefused) as caught:
        await bench.channel.send(MIA, HI)

    assert "the desk answered FAIL X_1 to POST imgateway/messages" == str(caught.value)


# Receiving.


async def test_replies_are_asked_for_as_documented(autojump_clock: MockClock) -> None:
    """With everything that names the visitor, and one ``tabId`` as long as answers come (facts/kefu.md §3.2)."""
    bench = Bench()
    await bench.channel.receive(MIA)
    await trio.sleep(5)
    await bench.channel.receive(MIA)
    first, second = bench.requests
    expected = {
        "orgName": "demo-org",
        "appName": "demo-app",
        "easemobId": SERVICE_NUMBER,
        "tenantId": "1001",
        "visitorEasemobId": MIA,
        "tabId": str(int(START * 1000)),
    }

    assert ("GET", "/v1/imgateway/messages") == (first.method, first.url.path)
    assert expected == dict(first.url.params) == dict(second.url.params)


async def test_after_a_lost_answer_it_is_asked_as_another_tab(autojump_clock: MockClock) -> None:
    """Each time for a while, and for that visitor alone; a new tab that was answered stays."""
    bench = Bench()
    bench.answers += [CUT] * (NEW_TABS + 2)
    for _ in range(NEW_TABS + 2):
        with pytest.raises(KefuOutcomeUnknown):
            await bench.channel.receive(MIA)
    await bench.receives()
    await bench.receives()
    await bench.channel.receive(im_user("t1_u1_c1"))
    tabs = [int(request.url.params["tabId"]) for request in bench.requests]
    first, new = int(START * 1000), tabs[NEW_TABS]

    assert tabs == [first, *sorted({*tabs[1:NEW_TABS]}), new, new, new, new, first]
    assert NEW_TABS + 1 == len({*tabs})


async def test_what_never_left_needs_no_new_tab(autojump_clock: MockClock) -> None:
    """Nothing was handed out."""
    bench = Bench()
    bench.answers += [REFUSED, answer(503)]
    for _ in range(2):
        with pytest.raises(SlackkefuError):
            await bench.channel.receive(MIA)
    await bench.receives()

    assert 1 == len({request.url.params["tabId"] for request in bench.requests})


async def test_so_many_tabs_are_known(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond them the oldest is asked for as at first; what it is handed out again is recognised by its ``msgId``."""
    monkeypatch.setattr(second_channel, "KNOWN_TABS", 1)
    bench = Bench()
    bench.answers += [CUT, CUT]
    for visitor in (MIA, im_user("t1_u1_c1")):
        with pytest.raises(KefuOutcomeUnknown):
            await bench.channel.receive(visitor)
    await bench.receives()

    assert bench.requests[0].url.params["tabId"] == bench.requests[2].url.params["tabId"]


async def test_a_reply_is_read_as_its_im_copy_is(autojump_clock: MockClock) -> None:
    """The sample's message, but for the id that only IM has."""
    bench = Bench()
    (entity,) = load("kefu-samples/rest/imgateway-receive.json")["entities"]
    (message,) = await bench.receives(entity)

    assert IncomingMessage(0, SERVICE_NUMBER, MIA, 0, TextBody("您好"), entity["ext"]) == message
    assert "00000000-0000-4000-8000-000000000041" == read(message, service_number=SERVICE_NUMBER).msg_id


@pytest.mark.parametrize("name", sorted(name for name in EXPECT if incoming(name).to == VISITOR))
def test_every_sample_reads_the_same_by_either_way(name: str) -> None:
    """What a message of the desk means does not depend on the way it came."""
    sample = load(f"kefu-samples/{name}.json")
    entity = {"from": sample["from"], "to": sample["to"], "bodies": [sample["body"]], "ext": sample["ext"]}
    by_im, by_second = incoming(name), read_entity(read_received(write_entity(entity)), visitor=MIA)

    assert read(by_im, service_number=SERVICE_NUMBER) == read(by_second, service_number=SERVICE_NUMBER)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"type": "txt", "msg": None}, TextBody("")),
        ({"type": "TXT", "msg": "x"}, TextBody("x")),
        ({"type": "cmd", "action": "KF-ACK"}, CommandBody("KF-ACK")),
        ({"type": "custom", "customEvent": "e", "customExts": {"a": 1}}, CustomBody("e", {"a": 1})),
        ({"type": "custom"}, CustomBody("")),
        ({"type": "loc", "lat": "39.9", "lng": 116, "addr": "x"}, LocationBody(39.9, 116.0, "x")),
        ({"type": "loc", "lat": "nan", "lng": 116}, UnknownBody(-1)),
        ({"type": "loc", "lat": True, "lng": "?"}, UnknownBody(-1)),
        ({"type": "article"}, UnknownBody(-1)),
        (7, UnknownBody(-1)),
        (
            {"type": "file", "url": "/v1/Tenant/1/x", "filename": "a.pdf", "fileLength": "12", "secret": "s"},
            MediaBody("file", "/v1/Tenant/1/x", Secret("s"), "a.pdf", 12),
        ),
        (
            {"type": "img", "url": "u", "size": {"width": 3.0, "height": -1}, "length": None},
            MediaBody("img", "u", width=3),
        ),
    ],
)
def test_bodies_of_every_kind(body: object, expected: Body) -> None:
    """What may be missing, null, text or a number is read as what it is meant to be."""
    entity: dict[str, Any] = {"from": SERVICE_NUMBER, "bodies": [body]}

    assert expected == read_entity(entity, visitor=MIA).body


async def test_what_nobody_can_read_costs_no_neighbour(autojump_clock: MockClock) -> None:
    """Malformed ones are counted and passed over; an event without a body, and one without an ext, are read."""
    bench = Bench()
    good = {"from": SERVICE_NUMBER, "to": VISITOR.upper(), "bodies": [{"type": "txt", "msg": "a"}], "ext": None}
    bad: tuple[object, ...] = (7, {}, {"bodies": []}, None, good | {"to": "t9_u9_d9"})
    event = {"from": SERVICE_NUMBER, "ext": {"weichat": {"event": {"eventName": "ServiceSessionClosedEvent"}}}}
    messages = await bench.receives(bad[0], good, *bad[1:], event)

    assert ["text", "event"] == [read(message, service_number=SERVICE_NUMBER).kind for message in messages]
    assert (7, 5) == (bench.channel.statistics().received, bench.channel.statistics().malformed)


@pytest.mark.parametrize("entities", [None, {}, "x"])
async def test_no_list_is_an_empty_one(autojump_clock: MockClock, entities: object) -> None:
    """An answer without messages is one."""
    bench = Bench()
    bench.answers.append(answer(200, {"status": "ok", "entities": entities}))

    assert () == await bench.channel.receive(MIA)


async def test_broken_characters_and_numbers_do_not_hide_the_rest(autojump_clock: MockClock) -> None:
    """Halves of surrogate pairs, bytes that are no UTF-8 and numbers that JSON does not know are mended."""
    bench = Bench()
    raw = (
        rb'{"status":"OK","entities":[{"from":"s","bodies":[{"type":"txt","msg":"\ud83d!"}],"ext":{"a":NaN,"b":1e999,"c":'
        + b"9" * 5000
        + rb"}},"
    )
    bench.answers.append(httpx.Response(200, content=raw + b'{"bodies":[{"type":"txt","msg":"\xff?"}]}]}'))
    first, second = await bench.channel.receive(MIA)

    assert (TextBody("\ufffd!"), {"a": None, "b": None, "c": None}) == (first.message.body, first.message.ext)
    assert TextBody("\ufffd?") == second.message.body
    assert [first.message, second.message] == [
        read_entity(read_received(each.content), visitor=MIA) for each in (first, second)
    ]


async def test_nesting_without_end_is_no_answer(autojump_clock: MockClock) -> None:
    """It is not read, and nothing breaks."""
    bench = Bench()
    bench.answers.append(httpx.Response(200, content=b'{"status":' + b"[" * 100_000))
    with pytest.raises(KefuUnavailable):
        await bench.channel.receive(MIA)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ENTITY = st.fixed_dictionaries(
    {}, optional={"from": JSON, "to": st.just(VISITOR) | JSON, "bodies": JSON | st.lists(JSON), "ext": JSON}
)


@given(entity=ENTITY)
def test_any_entity_is_a_message_or_malformed(entity: dict[str, Any]) -> None:
    """Whatever an entity holds, it is read, and means something, or is a ValueError; what is kept reads the same."""
    raw = json.dumps(entity).encode()
    try:
        message = read_entity(read_received(raw), visitor=MIA)
    except ValueError:
        return

    assert read(message, service_number=SERVICE_NUMBER).kind
    assert message == read_entity(read_received(write_entity(read_received(raw))), visitor=MIA)


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_value_error(raw: bytes) -> None:
    """No answer of anybody's breaks the reader."""
    with suppress(ValueError):
        assert isinstance(read_received(raw), dict)


# Ending.


async def test_a_service_session_is_ended(autojump_clock: MockClock) -> None:
    """The call names the session, whatever is in its id, and brings no token along."""
    bench = Bench()
    bench.answers.append(answer(200, {"status": "OK"}))
    await bench.channel.stop("s/1?x")
    (request,) = bench.requests

    assert "https://kefu.example.com/v1/webimplugin/servicesessions/s%2F1%3Fx/stop?tenantId=1001" == str(request.url)
    assert "POST" == request.method
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("given_answer", "expected"),
    [
        (CUT, KefuOutcomeUnknown),
        (REFUSED, ConnectFailed),
        (answer(404), KefuUnavailable),
        (answer(200, {"status": "FAIL"}), KefuRefused),
    ],
)
async def test_a_service_session_that_is_not_ended(
    given_answer: httpx.Response | Exception, expected: type[Exception], autojump_clock: MockClock
) -> None:
    """It is asked for once: whoever wished for it may do so again."""
    bench = Bench()
    bench.answers.append(given_answer)
    with pytest.raises(expected):
        await bench.channel.stop("s-1")

    assert 1 == len(bench.requests)


# What a visitor thinks of a robot's answer.


@pytest.mark.parametrize(("is_useful", "kind"), [(True, 1), (False, 2)])
async def test_what_a_robots_answer_was_worth(autojump_clock: MockClock, is_useful: bool, kind: int) -> None:
    """It goes to the robot it is about, asked once; an id is no path."""
    bench = Bench()
    await bench.channel.rate_answer("r/1", "key-77", is_useful=is_useful)
    (request,) = bench.requests

    assert "/v1/webimplugin/tenants/1001/robot-agents/r%2F1/satisfaction-comment" == request.url.raw_path.decode()
    assert {"satisfactionCommentKey": "key-77", "type": kind} == json.loads(request.content)


async def test_a_robots_answer_that_was_rated_before(autojump_clock: MockClock) -> None:
    """What the desk says against it is its word, and it is not asked again."""
    bench = Bench()
    bench.answers.append(answer(200, {"status": "FAIL", "errorCode": "KEFU_ROBOT_INTEGRATION_0207"}))
    with pytest.raises(KefuRefused, match="KEFU_ROBOT_INTEGRATION_0207"):
        await bench.channel.rate_answer("r-1", "key-77", is_useful=True)

    assert 1 == len(bench.requests)
