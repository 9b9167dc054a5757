"""A file is shared once: its id is written down before, and asked for after whatever went wrong."""

from __future__ import annotations

from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest
import trio
import trio.testing

from slackkefu.bridge.kefu_to_slack.hearing import Hearing
from slackkefu.bridge.kefu_to_slack.intents import Intended
from slackkefu.bridge.kefu_to_slack.making import Counts
from slackkefu.bridge.kefu_to_slack.sharing import APPEARS_S, LOOKS_S, PATIENCE_S, Sharing
from slackkefu.bridge.slack_to_kefu.routing import Ignored
from slackkefu.bridge.table import Reason
from slackkefu.errors import (
    ConnectFailed,
    LinkClosed,
    MediaUnavailable,
    SlackApiError,
    SlackkefuError,
    SlackOutcomeUnknown,
    SlackRateLimited,
)
from slackkefu.kefu.recovery import FETCHES
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.recovery import UPLOAD, UPLOADS, GiveUp, LookFirst, Retry
from slackkefu.slack.uploads import Upload
from slackkefu.slack.web import Posted
from tests.bridge.people import NORTH, envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from slackkefu.slack.installation import Installation
    from slackkefu.slack.uploads import Bytes, Source, Uploads

DM = ChannelId("D0MIA00001")
COMPLETE = "files.completeUploadExternal"
HERE = Posted(DM, Ts("9.9"))


class Slack:
    """A Slack with uploads, and a file on its way there; each call meets the next problem of its kind."""

    def __init__(self, left: Intended | None = None) -> None:
        self.done: list[str] = []
        self.problems: dict[str, deque[SlackkefuError]] = {}
        self.takes_s = 0.0
        self.hangs = False
        self.stands_at: Posted | None = HERE
        self.counts = Counts()
        self.hearing = Hearing(renew=lambda: None)
        self.room = trio.CapacityLimiter(1)
        self.sharing = Sharing(
            uploads=cast("Uploads", self),
            hearing=self.hearing,
            room=self.room,
            counts=self.counts,
            upload=Upload(channel="U0MIA00001", file=cast("Source", self), metadata_id="m/0", alt_text="a picture"),
            left=left,
            intend=self._intend,
        )

    def meets(self, what: str, *problems: SlackkefuError) -> None:
        """Let the next calls of a kind meet these."""
        self.problems.setdefault(what, deque()).extend(problems)

    async def _do(self, what: str, named: str = "") -> None:
        await trio.sleep(self.takes_s)
        self.done.append(f"{what} {named}".strip())
        if self.problems.get(what):
            raise self.problems[what].popleft()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Bytes]:
        """Open the file."""
        await self._do("open")
        yield cast("Bytes", self)

    async def conversation(self, installation: Installation, channel: str) -> ChannelId:
        """Open the direct message."""
        assert (NORTH, "U0MIA00001") == (installation, channel)
        await trio.lowlevel.checkpoint()
        return DM

    async def bring(self, installation: Installation, content: Bytes, *, alt_text: str) -> str:
        """Take the bytes."""
        assert ("a picture", 1) == (alt_text, self.room.borrowed_tokens)
        await self._do("bring")
        return f"F{self.done.count('bring')}"

    async def complete(self, installation: Installation, file_id: str, upload: Upload, channel: ChannelId) -> None:
        """Share the file."""
        assert DM == channel
        await self._do("complete", file_id)

    async def shares(self, installation: Installation, file_id: str, channel: ChannelId) -> Posted | None:
        """Say where it stands."""
        await self._do("look", file_id)
        if self.hangs:
            await trio.sleep_forever()
        return self.stands_at

    async def _intend(self, file_id: str) -> Intended:
        await self._do("intend", file_id)
        return Intended(7.0, None, file_id)

    def hears(self, file_id: str) -> None:
        """Let the echo of a file come."""
        event = envelope(None, ts="9.9", bot_id="B0NORTHBOT", files=[{"id": file_id}]).payload
        self.hearing.took(event, Ignored(Reason.OWN_MESSAGE))

    async def goes(self) -> None:
        """Try once."""
        await self.sharing.go(NORTH)

    async def fails(self) -> SlackkefuError:
        """Try once, in vain."""
        with pytest.raises(SlackkefuError) as caught:
            await self.goes()
        return caught.value


async def test_the_order_of_things(autojump_clock: trio.testing.MockClock) -> None:
    """Bytes first, then the file's id on disk, then the share; and it is seen before the way is over."""
    slack = Slack()
    await slack.goes()

    assert ["open", "bring", "intend F1", "complete F1", "look F1"] == slack.done
    assert (HERE, Intended(7.0, None, "F1")) == (slack.sharing.stands_at, slack.sharing.intended)
    assert (1, 1, 0) == (slack.counts.posted, slack.counts.files, slack.counts.looked)


async def test_an_echo_saves_the_look(autojump_clock: trio.testing.MockClock) -> None:
    """A file that is heard of needs no call."""
    slack = Slack()
    slack.hears("F1")
    await slack.goes()

    assert "look F1" not in slack.done
    assert (HERE, 0.0) == (slack.sharing.stands_at, trio.current_time())


async def test_one_that_does_not_appear(autojump_clock: trio.testing.MockClock) -> None:
    """What Slack has taken, and does not show in ten seconds, is shared all the same."""
    slack = Slack()
    slack.stands_at = None
    slack.meets("look", LinkClosed("Slack", "x"))
    await slack.goes()

    assert len(LOOKS_S) == slack.done.count("look F1")
    assert sum(LOOKS_S) == trio.current_time() < APPEARS_S
    assert slack.sharing.stands_at is None


async def test_a_look_that_hangs(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing that follows waits longer than ten seconds for a file that Slack has taken."""
    slack = Slack()
    slack.hangs = True
    await slack.goes()

    assert APPEARS_S == trio.current_time()


async def test_one_that_slack_has_discarded(autojump_clock: trio.testing.MockClock) -> None:
    """A file that Slack knows nothing of when it is completed is brought anew, some times."""
    slack = Slack()
    lost = SlackApiError(COMPLETE, "file_not_found")
    slack.stands_at = None
    slack.meets("look", *(SlackApiError("files.info", "file_not_found") for _ in range(20)))
    slack.meets("complete", lost, lost)

    assert isinstance(slack.sharing.after(await slack.fails()), Retry)

    await slack.goes()

    assert ["complete F1", "complete F1", "complete F2"] == [each for each in slack.done if "complete" in each]
    assert 0 == slack.counts.doubled_possible
    assert GiveUp("upload_failed") == [slack.sharing.after(lost) for _ in range(UPLOADS)][-1]


async def test_a_lost_answer_is_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    """After a lost answer the file is looked for, and what stands there is not brought again."""
    slack = Slack()
    slack.meets("complete", SlackOutcomeUnknown(COMPLETE, "HTTP 502"))
    error = await slack.fails()

    assert isinstance(slack.sharing.after(error), LookFirst)

    slack.done.clear()
    await slack.goes()

    assert ["look F1"] == slack.done
    assert (1, 1, 0) == (slack.counts.looked, slack.counts.found, slack.counts.doubled_possible)


async def test_what_is_not_there_is_completed_by_its_id(autojump_clock: trio.testing.MockClock) -> None:
    """A file that the run before has left, and that is nowhere, is completed: not fetched again, and never doubled."""
    slack = Slack(Intended(7.0, None, "F7"))
    slack.stands_at = None
    slack.meets("look", SlackApiError("files.info", "file_not_found"))
    await slack.goes()

    assert {"look F7", "complete F7"} == {*slack.done}
    assert (1, 0) == (slack.done.count("complete F7"), slack.counts.doubled_possible)


async def test_what_slack_does_not_complete_is_brought_anew(autojump_clock: trio.testing.MockClock) -> None:
    """A file that Slack has discarded is fetched and brought once more, under a new intent."""
    slack = Slack(Intended(7.0, None, "F7"))
    slack.stands_at = None
    slack.meets("look", *(SlackApiError("files.info", "file_not_found") for _ in range(20)))
    slack.meets("complete", SlackApiError(COMPLETE, "file_not_found"))
    await slack.goes()

    assert ["open", "bring", "intend F1", "complete F1"] == [each for each in slack.done if "F7" not in each][:4]
    assert 0 == slack.counts.doubled_possible


async def test_what_slack_knows_and_does_not_complete(autojump_clock: trio.testing.MockClock) -> None:
    """A file that Slack knows, shows nowhere and does not complete may appear yet, and then twice; that is counted."""
    slack = Slack(Intended(7.0, None, "F7"))
    slack.stands_at = None
    slack.meets("complete", SlackApiError(COMPLETE, "file_not_found"))
    await slack.goes()

    assert "complete F1" in slack.done
    assert 1 == slack.counts.doubled_possible


async def test_completed_after_the_look(autojump_clock: trio.testing.MockClock) -> None:
    """Where a second completion is refused because the first has happened, the file is found, and stands once."""
    slack = Slack(Intended(7.0, None, "F7"))
    slack.stands_at = None
    slack.meets("complete", SlackApiError(COMPLETE, "file_not_found"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slack.goes)
        await trio.sleep(sum(LOOKS_S) + 0.5)
        slack.stands_at = HERE

    assert "open" not in slack.done
    assert HERE == slack.sharing.stands_at


async def test_where_nobody_may_ask(autojump_clock: trio.testing.MockClock) -> None:
    """Without the scope for ``files.info``, and without an echo, a file may be doubled; that is counted."""
    slack = Slack(Intended(7.0, None, "F7"))
    slack.meets("look", *(SlackApiError("files.info", "missing_scope") for _ in range(20)))
    slack.meets("complete", SlackApiError(COMPLETE, "file_not_found"))
    await slack.goes()

    assert "complete F1" in slack.done
    assert 1 == slack.counts.doubled_possible


async def test_slack_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """While Slack does not say whether a file is there, nothing is completed again."""
    slack = Slack(Intended(7.0, None, "F7"))
    slack.meets("look", *(SlackRateLimited("files.info", 60.0) for _ in LOOKS_S))
    error = await slack.fails()

    assert Retry(60.0) == slack.sharing.after(error)
    assert "complete F7" not in slack.done

    await slack.goes()

    assert "complete F7" not in slack.done


async def test_a_problem_with_the_second_completion(autojump_clock: trio.testing.MockClock) -> None:
    """What says nothing about the file is tried again."""
    slack = Slack(Intended(7.0, None, "F7"))
    slack.stands_at = None
    slack.meets("complete", SlackApiError(COMPLETE, "invalid_auth"))

    assert isinstance(await slack.fails(), SlackApiError)
    assert "open" not in slack.done


async def test_a_file_that_trickles(autojump_clock: trio.testing.MockClock) -> None:
    """A file has ten minutes, and leaves its place then."""
    slack = Slack()
    slack.takes_s = PATIENCE_S
    error = await slack.fails()

    assert (PATIENCE_S, 0) == (trio.current_time(), slack.room.borrowed_tokens)
    assert GiveUp("too_slow") == slack.sharing.after(error)


def test_how_long_it_is_tried() -> None:
    """Fetching and bringing are given up after a while, each failure counted; other calls never for lasting long."""
    sharing = Slack().sharing
    passing = MediaUnavailable("http_503", is_passing=True)
    steps = [sharing.after(passing) for _ in range(FETCHES)]

    assert [Retry(1.0), Retry(2.0), GiveUp("http_503")] == [*steps[:2], steps[-1]]

    sharing = Slack().sharing
    for _ in range(20):
        assert isinstance(sharing.after(ConnectFailed("slack.com", "x")), Retry)
    steps = [sharing.after(SlackOutcomeUnknown(UPLOAD, "x")) for _ in range(UPLOADS)]

    assert [Retry(2.0)] * (UPLOADS - 1) + [GiveUp("upload_failed")] == steps
