"""A post that may be there is listened for first and looked for then; "not there" needs two witnesses."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.kefu_to_slack.echoes import APART_S
from slackkefu.bridge.kefu_to_slack.hearing import Hearing
from slackkefu.bridge.kefu_to_slack.looking import CLOCKS_APART_S, EARLIER_S, ECHO_S, PATIENCE_S, TURN_S, Found, Looking
from slackkefu.bridge.slack_to_kefu.routing import Ignored
from slackkefu.bridge.table import Reason
from slackkefu.errors import SlackApiError, SlackOutcomeUnknown, SlackRateLimited
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.reading import Reading
from slackkefu.slack.web import Post, Posted
from tests.bridge.people import NORTH, envelope
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.secret import Secret
    from slackkefu.slack.web import WebClient

DM = ChannelId("D0MIA00001")
HISTORY = "conversations.history"
WALL = virtual_wall()


class Web:
    """A Slack that gives the next answer to each call: whether the history shows the post, or an error."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = deque(answers)
        self.calls: list[tuple[str, float]] = []
        self.since: list[str] = []

    async def call(self, method: str, arguments: Mapping[str, object], *, token: Secret) -> Mapping[str, object]:
        """Answer."""
        await trio.lowlevel.checkpoint()
        self.calls.append((method, trio.current_time()))
        self.since.append(str(arguments.get("oldest")))
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        shown = [{"ts": "1.1", "metadata": {"event_payload": {"id": "m-1/0"}}}] if answer else []
        return {"channel": {"id": DM}, "messages": shown}


class Scene:
    """Somebody who looks, and an ear; *echoing* when echoes have come from the direct message before."""

    def __init__(self, *answers: bool | Exception, echoing: bool = False) -> None:
        self.web = Web(*answers)
        self.hearing = Hearing(renew=lambda: None)
        web = cast("WebClient", self.web)
        self.looking = Looking(web=web, reading=Reading(web=web), hearing=self.hearing)
        if echoing:
            self.echo("before", Ts(f"{WALL():.6f}"))

    def echo(self, text: str = "hi", ts: Ts | None = None) -> None:
        """Let an echo come."""
        now = ts or Ts(f"{WALL():.6f}")
        event = envelope(text, ts=now, bot_id="B0NORTHBOT").payload
        self.hearing.took(event, Ignored(Reason.OWN_MESSAGE))

    async def find(self, channel: str = DM, *, echo_after_s: float | None = None, is_new: bool = True) -> Found:
        """Look for a post that is tried now."""
        self.hearing.accepted(Posted(ChannelId("D9"), Ts(f"{WALL():.6f}")))
        post = Post(channel=channel, text="hi", metadata_id="m-1/0")
        async with trio.open_nursery() as nursery:
            with self.hearing.attempt(post, is_new=is_new) as attempt:
                self.hearing.tried(attempt)
                if echo_after_s is not None:
                    nursery.start_soon(self._echo_after, echo_after_s)
                found = await self.looking.find(NORTH, attempt, tried_at=WALL())
            nursery.cancel_scope.cancel()
        return found

    async def _echo_after(self, pause_s: float) -> None:
        await trio.sleep(pause_s)
        self.echo()


@pytest.mark.parametrize("after_s", [0.0, ECHO_S - 1])
async def test_the_echo_comes_first(autojump_clock: trio.testing.MockClock, after_s: float) -> None:
    """An echo that comes within moments settles it, and no call is spent."""
    scene = Scene()

    assert Found.HEARD is await scene.find(echo_after_s=after_s)
    assert [] == scene.web.calls
    assert after_s == trio.current_time()


async def test_the_echo_comes_while_slack_makes_us_wait(autojump_clock: trio.testing.MockClock) -> None:
    """Under strict limits the echo is listened for as long as the history lets wait."""
    scene = Scene(SlackRateLimited(HISTORY, 61.0))

    assert Found.HEARD is await scene.find(echo_after_s=40.0)
    assert 40.0 == trio.current_time()


async def test_without_an_echo_the_history_says_it(autojump_clock: trio.testing.MockClock) -> None:
    """After a few seconds without an echo the history is asked."""
    scene = Scene(True)

    assert Found.THERE is await scene.find()
    assert [(HISTORY, ECHO_S)] == scene.web.calls


@pytest.mark.parametrize(("is_new", "earlier_s"), [(True, APART_S + EARLIER_S), (False, CLOCKS_APART_S)])
async def test_how_far_back_is_looked(autojump_clock: trio.testing.MockClock, is_new: bool, earlier_s: float) -> None:
    """By Slack's own clock from the first try on; by ours, and from well before it, where an earlier run may have."""
    scene = Scene(True)
    await scene.find(is_new=is_new)

    assert [f"{WALL() - ECHO_S - earlier_s:.2f}"] == [f"{float(since):.2f}" for since in scene.web.since]


@pytest.mark.parametrize("second", [True, False])
async def test_two_looks_agree(autojump_clock: trio.testing.MockClock, second: bool) -> None:
    """One look that shows nothing is followed by another, which decides."""
    scene = Scene(False, second)

    assert (Found.THERE if second else Found.NOT_THERE) is await scene.find()
    assert 2 == len(scene.web.calls)


@pytest.mark.parametrize(("echoing", "expected"), [(True, Found.NOT_THERE), (False, Found.UNKNOWN)])
async def test_one_look_and_silence(autojump_clock: trio.testing.MockClock, echoing: bool, expected: Found) -> None:
    """Where only one look is allowed, silence is the second witness, but only where echoes come from."""
    scene = Scene(False, SlackRateLimited(HISTORY, 61.0), echoing=echoing)

    assert expected is await scene.find()
    assert PATIENCE_S == trio.current_time()


async def test_a_post_to_a_person(autojump_clock: trio.testing.MockClock) -> None:
    """Its echo comes from the direct message with them, which is opened to know which it is."""
    scene = Scene(SlackOutcomeUnknown("conversations.open", "HTTP 502"), True)

    assert Found.HEARD is await scene.find("U0MIA00001", echo_after_s=4.0)
    assert ["conversations.open"] * 2 == [method for method, _ in scene.web.calls]


async def test_a_person_who_cannot_be_reached(autojump_clock: trio.testing.MockClock) -> None:
    """Where the direct message cannot be opened nobody knows."""
    scene = Scene(SlackApiError("conversations.open", "missing_scope"))

    assert Found.UNKNOWN is await scene.find("U0MIA00001")


async def test_many_share_what_slack_allows(autojump_clock: trio.testing.MockClock) -> None:
    """Each post that is looked for gives the others more time, so a crash with many of them doubles none."""
    calls = 40
    wait_s = PATIENCE_S + (calls - 1) * TURN_S - 2 * ECHO_S
    scene = Scene(*[SlackRateLimited(HISTORY, wait_s)] * calls, *[True] * calls)
    found = []

    async def find() -> None:
        found.append(await scene.find())

    async with trio.open_nursery() as nursery:
        for _ in range(calls):
            nursery.start_soon(find)

    assert [Found.THERE] * calls == found


async def test_one_alone_is_not_patient(autojump_clock: trio.testing.MockClock) -> None:
    """Those who have been answered give nobody more time."""
    scene = Scene(True, SlackRateLimited(HISTORY, PATIENCE_S))
    await scene.find()

    assert Found.UNKNOWN is await scene.find()
