"""What is only a courtesy is tried more and more seldom where it fails, and no fault of it goes any further."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from slackkefu.bridge.kefu_to_slack.attempts import Attempts
from slackkefu.bridge.kefu_to_slack.desk_watch import Kind
from slackkefu.errors import KefuRefused, KefuUnavailable, SlackApiError, StoreBroken
from slackkefu.slack.ids import TeamId
from slackkefu.slack.installation import InstallationKey

if TYPE_CHECKING:
    from structlog.testing import LogCapture
    from trio.testing import MockClock


@pytest.mark.parametrize(
    ("error", "event"),
    [(KefuUnavailable("GET x", "HTTP 503"), "desk_life.failed"), (RuntimeError("a fault of ours"), "desk_life.fault")],
)
async def test_what_fails_is_tried_more_seldom(
    autojump_clock: MockClock, log: LogCapture, error: Exception, event: str
) -> None:
    """Pauses grow, other kinds go on, and one line a minute says so."""
    attempts = Attempts()
    times: list[float] = []

    async def work() -> None:
        times.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        raise error

    async def fine() -> None:
        await trio.lowlevel.checkpoint()

    began = trio.current_time()
    for _ in range(60):
        await attempts.make(Kind.QUEUE, work)
        await attempts.make(Kind.DUTY, fine)
        await trio.sleep(5)

    assert [0, 10, 30, 70, 150] == [at - began for at in times]
    assert (65, 5) == (attempts.made, attempts.failed)
    assert [event] * 3 == [each["event"] for each in log.entries]
    assert (True, False) == (attempts.pauses(Kind.QUEUE), attempts.pauses(Kind.DUTY))


async def test_a_refusal_is_about_one_session(autojump_clock: MockClock) -> None:
    """Others are asked about; of what is about the whole desk it is a failure like any other."""
    attempts = Attempts()

    async def refuse() -> None:
        await trio.lowlevel.checkpoint()
        raise KefuRefused("GET x", "WEBIM_001")

    for kind in (Kind.TYPING, Kind.QUEUE, Kind.DUTY):
        await attempts.make(kind, refuse)

    assert [False, False, True] == [attempts.pauses(kind) for kind in (Kind.TYPING, Kind.QUEUE, Kind.DUTY)]


async def test_a_broken_store() -> None:
    """After a sync that failed nobody knows what is on disk: that goes on."""

    async def work() -> None:
        await trio.lowlevel.checkpoint()
        raise StoreBroken(Path("journal"), "EIO")

    with pytest.raises(StoreBroken):
        await Attempts().make(Kind.GREETING, work)


async def test_another_workspace(autojump_clock: MockClock) -> None:
    """What one workspace does not let us do another may."""
    attempts = Attempts()
    done: list[int] = []

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise SlackApiError("assistant.threads.setStatus", "missing_scope")

    async def work() -> None:
        await trio.lowlevel.checkpoint()
        done.append(len(done))

    north, south = (InstallationKey(None, TeamId(team)) for team in ("T1", "T2"))
    await attempts.make(Kind.STATUS, fail, at=north)
    for key in (north, south):
        await attempts.make(Kind.STATUS, work, at=key)

    assert [0] == done
