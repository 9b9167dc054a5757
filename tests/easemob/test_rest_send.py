"""Tests of :mod:`slackkefu.easemob.rest_send` and its bodies, against the samples and a small cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from slackkefu.easemob.answers import may_be_done, read_server_id
from slackkefu.easemob.bodies import write_body
from slackkefu.easemob.message import (
    Accepted,
    Body,
    CommandBody,
    CustomBody,
    LocationBody,
    MediaBody,
    OutgoingMessage,
    TextBody,
    UnknownBody,
)
from slackkefu.easemob.names import im_user
from slackkefu.easemob.rest import RestClient
from slackkefu.easemob.rest_send import RestSend
from slackkefu.errors import (
    ConnectFailed,
    LocalProtocolError,
    RemoteProtocolError,
    RestError,
    RestOutcomeUnknown,
    RestPlanLimit,
    RestRateLimited,
    RestSendRefused,
    SendPossiblyDone,
    SlackkefuError,
)
from slackkefu.secret import Secret
from tests.easemob.fakes import APP_KEY, SECRET, Cluster, FixedEndpoints, MemoryStore, answer, error, make_world
from tests.facts import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio.testing import MockClock

VISITOR = im_user("t01abcdef2_u02bcdefg3_c03cdefgh4")
HELLO = OutgoingMessage(7, im_user("acme-service"), TextBody("Hello from Slack"), {"attr1": "v1"})


class Bench:
    """A client of a small cluster, and what sends by it."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.cluster = Cluster()
        self.endpoints = FixedEndpoints(rest=("https://im-rest.example.com", "https://other.example.com"))
        self.rest = RestClient(
            world=make_world(self.cluster),
            nursery=nursery,
            endpoints=self.endpoints,
            app_key=APP_KEY,
            client_id="CLIENT-ID-EXAMPLE",
            client_secret=SECRET,
            store=MemoryStore(),
        )
        self.send = RestSend(self.rest)

    async def told(self, *, script: tuple[httpx.Response | Exception, ...] = ()) -> SlackkefuError:
        """Send a message, whose answers are given, and return the error that comes of it."""
        await self.acquainted()
        self.cluster.scripted += script
        with pytest.raises(SlackkefuError) as caught:
            await self.send.send(VISITOR, HELLO)
        return caught.value

    async def acquainted(self) -> None:
        """Let REST have answered a moment ago."""
        await self.send._make_sure(HELLO.to)

    @property
    def sends(self) -> list[str]:
        """The requests that sent, by kind."""
        return [event for event in self.cluster.events if event.startswith("send")]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A client of a small cluster."""
    async with trio.open_nursery() as nursery:
        bench = Bench(nursery)
        yield bench
        await bench.rest.aclose()
        nursery.cancel_scope.cancel()


def sample(name: str, case: str) -> Any:
    """Return the request of a sample."""
    (found,) = [each for each in load(f"rest-samples/{name}.json")["cases"] if each["case"] == case]
    return found["request"]


async def test_the_form_of_today(bench: Bench, autojump_clock: MockClock) -> None:
    """Address, body and ext as in the sample; the answer's id and time are handed on."""
    hello = OutgoingMessage(7, im_user("acme-service"), TextBody("Hello from Slack, 你好"), {"attr1": "v1"})
    accepted = await bench.send.send(VISITOR, hello)
    request, written = bench.cluster.requests[-1], sample("message-send", "txt")

    assert Accepted(7, 1290000000000000112, 5) == accepted
    assert (written["method"], written["url"]) == (request.method, str(request.url))
    assert written["body"] | {"ext": {"attr1": "v1"}} == json.loads(request.content)


@pytest.mark.parametrize(
    "refusal",
    [
        error(404, "service_resource_not_found"),
        error(405, "method_not_allowed"),
        error(500, "web_application", "javax.ws.rs.WebApplicationException"),
    ],
)
async def test_the_form_of_2017(bench: Bench, autojump_clock: MockClock, refusal: httpx.Response) -> None:
    """A cluster that does not know the form of today gets the older one, at once from the second message on."""
    bench.cluster.refuse["send"] = lambda: refusal
    accepted = await bench.send.send(VISITOR, HELLO)
    await bench.send.send(VISITOR, HELLO)
    request, written = bench.cluster.requests[-1], sample("message-send-2017", "txt")

    assert Accepted(7, 0, 0) == accepted
    assert ["send", "send 2017", "send 2017"] == bench.sends
    assert f"{written['url']}?useMsgId=true" == str(request.url)
    assert written["body"] == json.loads(request.content)


async def test_a_form_is_not_changed_by_a_refusal(bench: Bench, autojump_clock: MockClock) -> None:
    """Where both forms are refused nothing is learnt of the cluster."""
    bench.cluster.refuse |= {"send": lambda: error(404, "x"), "send 2017": lambda: error(404, "x")}

    assert isinstance(await bench.told(), RestError)
    bench.cluster.refuse.clear()
    await bench.send.send(VISITOR, HELLO)

    assert ["send", "send 2017", "send"] == bench.sends


LOST = httpx.ReadError("cut")


@pytest.mark.parametrize(
    "lost",
    [
        LOST,
        httpx.ReadTimeout("slow"),
        answer(502),
        answer(504),
        error(500, "internal_error"),
        httpx.Response(200, content=b"<html>"),
        answer(200, {"data": {"acme-service": "odd"}}),
        answer(200, {}),
    ],
)
async def test_what_may_have_arrived_is_not_repeated(
    bench: Bench, autojump_clock: MockClock, lost: httpx.Response | Exception
) -> None:
    """Without an answer that says what happened, the message is left, and its sender can be told "possibly"."""
    assert isinstance(await bench.told(script=(lost,)), SendPossiblyDone)
    assert ["send"] == bench.sends


async def test_what_never_left_is_sent_by_the_next_host(bench: Bench, autojump_clock: MockClock) -> None:
    """A connection that does not come about costs no message."""
    await bench.acquainted()
    bench.cluster.scripted.append(httpx.ConnectError("refused"))
    await bench.send.send(VISITOR, HELLO)

    assert ["https://im-rest.example.com"] == bench.endpoints.failed
    assert "other.example.com" == bench.cluster.requests[-1].url.host


async def test_after_a_refused_token_it_is_sent_once(bench: Bench, autojump_clock: MockClock) -> None:
    """A 401 carries nothing out: the message goes with a new token."""
    await bench.acquainted()
    bench.cluster.good.clear()
    await bench.send.send(VISITOR, HELLO)

    assert ["send", "send"] == bench.sends
    assert 2 == bench.cluster.count("app token")


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (error(400, "message_send_error", "message is too large"), RestSendRefused),
        (error(413, "Request Entity Too Large"), RestSendRefused),
        (error(429, "reach_limit"), RestRateLimited),
        (error(403, "message_send_error", "message send reach limit"), RestRateLimited),
        (answer(503), RestRateLimited),
        (error(429, "resource_limited"), RestPlanLimit),
        (error(403, "forbidden_op"), RestError),
        (answer(408), RestError),
        (httpx.ConnectError("refused"), ConnectFailed),
    ],
)
async def test_what_surely_did_not_arrive_says_so(
    bench: Bench, autojump_clock: MockClock, refusal: httpx.Response | Exception, expected: type[SlackkefuError]
) -> None:
    """A refusal, and a connection that does not come about, are the errors they are."""
    assert expected is type(await bench.told(script=(refusal, refusal, refusal)))


# Whether REST is there.


async def test_it_is_asked_whether_it_is_there(bench: Bench, autojump_clock: MockClock) -> None:
    """Before the first message, and after a minute without an answer; an unknown service number is an answer too."""
    for pause_s in (0, 50, 50, 100):
        await trio.sleep(pause_s)
        await bench.send.send(VISITOR, HELLO)

    assert ["app token", "get user", "send", "send", "send", "get user", "send"] == bench.cluster.events


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (answer(502), RestError),
        (answer(503), RestRateLimited),
        (LOST, RestOutcomeUnknown),
        (httpx.Response(200, content=b"<html>"), RemoteProtocolError),
        (httpx.ConnectError("refused"), ConnectFailed),
    ],
)
async def test_a_service_in_trouble_takes_no_message_with_it(
    bench: Bench, autojump_clock: MockClock, trouble: httpx.Response | Exception, expected: type[SlackkefuError]
) -> None:
    """As long as the question is not answered the message stays here, and nobody has to be told anything."""
    await bench.rest.check()
    for _ in range(5):
        bench.cluster.scripted += [trouble] * (3 if expected is ConnectFailed else 1)
        with pytest.raises(SlackkefuError) as caught:
            await bench.send.send(VISITOR, HELLO)

        assert expected is type(caught.value)
    await trio.sleep(60)
    await bench.send.send(VISITOR, HELLO)

    assert ["send"] == bench.sends


async def test_one_lost_answer_is_enough_to_ask(bench: Bench, autojump_clock: MockClock) -> None:
    """The next message is not sent into the same trouble."""
    assert isinstance(await bench.told(script=(LOST, LOST)), SendPossiblyDone)
    with pytest.raises(RestOutcomeUnknown):
        await bench.send.send(VISITOR, HELLO)

    assert ["send"] == bench.sends


async def test_no_words_are_shown(bench: Bench, autojump_clock: MockClock) -> None:
    """What Easemob says of a message may quote it, and is shown nowhere."""
    told = await bench.told(script=(error(400, "message_send_error", "Hello from Slack is too large"),))

    assert "Hello" not in f"{told} {bench.send!r} {bench.rest!r}"


# What answers say.


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (RestOutcomeUnknown("call", "cut"), True),
        (RemoteProtocolError("odd"), True),
        (RestError("call", 500, "internal_error"), True),
        (RestError("call", 500, "web_application"), False),
        (RestRateLimited("call", 503, ""), False),
        (RestError("call", 404, ""), False),
        (ConnectFailed("h", "refused"), False),
    ],
)
def test_what_may_be_done(problem: SlackkefuError, expected: bool) -> None:
    """Only where nobody said that it was not."""
    assert expected == may_be_done(problem)


def test_the_id_of_a_message() -> None:
    """It may be text beyond 2^53, or missing."""
    assert 1290000000000000112 == read_server_id("call", {"data": {"Acme-Service": "1290000000000000112"}})
    assert 0 == read_server_id("call", {"data": {"acme-service": "success"}})
    with pytest.raises(RemoteProtocolError):
        read_server_id("call", {"data": []})


# Bodies.

URL = "https://im-rest.example.com/acme/support/chatfiles/7c1d0001-2a7f-11ef-93aa-0242ac120002"
THUMB = "https://im-rest.example.com/acme/support/chatfiles/7c1d0002-2a7f-11ef-93aa-0242ac120002"
SHARE = Secret("SHARE-SECRET-EXAMPLE")


@pytest.mark.parametrize(
    ("case", "body"),
    [
        ("txt", TextBody("Hello from Slack, 你好")),
        ("img", MediaBody("img", URL, SHARE, "screen.png", width=1280, height=720)),
        ("audio", MediaBody("audio", URL, SHARE, "voice.amr", duration_s=10)),
        ("video", MediaBody("video", URL, SHARE, "clip.mp4", 58103, 12, thumbnail_path=THUMB, thumbnail_secret=SHARE)),
        ("file", MediaBody("file", URL, SHARE, "report.pdf")),
        ("cmd", CommandBody("typing")),
        ("custom", CustomBody("slack.reaction", {"name": "thumbsup"})),
    ],
)
def test_bodies_are_written_as_in_the_samples(case: str, body: Body) -> None:
    """Each kind of body has the fields of its sample."""
    request = sample("message-send", case)["body"]

    assert {"type": request["type"], **request["body"]} == write_body(body)


def test_a_place_is_written_in_text() -> None:
    """Its numbers are text, as in the sample."""
    written = sample("message-send", "loc")["body"]["body"]
    body = write_body(LocationBody(39.9, 116.4, "Beijing"))

    assert {**written, "lat": "39.9", "lng": "116.4", "type": "loc"} == body


def test_a_body_of_unknown_kind_is_a_fault_of_ours() -> None:
    """It is not sent as something else."""
    with pytest.raises(LocalProtocolError):
        write_body(UnknownBody(8))
