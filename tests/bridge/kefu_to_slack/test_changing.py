"""A change is repeated until Slack has made it, or refuses it for good."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.book import Book
from slackkefu.bridge.kefu_to_slack.changing import OPERATOR, OPERATOR_S, Changing
from slackkefu.bridge.kefu_to_slack.posting import APP_REMOVED, BLOCKED_S, NO_ADDRESS
from slackkefu.easemob.names import ImUser
from slackkefu.errors import ConnectFailed, SlackApiError, SlackOutcomeUnknown, SlackRateLimited, VisitorUnreachable
from slackkefu.slack.installation import Installations
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, NORTH, Shelf, world

if TYPE_CHECKING:
    from slackkefu.slack.installation import Installation

METHOD = "chat.update"
REMOVED = SlackApiError(METHOD, "account_inactive")


class Scene:
    """Somebody who makes changes, and a Slack whose first answers are given."""

    def __init__(self, *answers: Exception) -> None:
        self.answers = deque(answers)
        self.tried: list[float] = []
        self.installations = Installations([NORTH])
        book = Book([], store=Shelf(), disk=InlineDisk())
        self.changing = Changing(world=world(), installations=self.installations, book=book)

    async def change(self, user: str = MIA, *, patience_s: float = OPERATOR_S) -> str | None:
        """Make a change."""
        return await self.changing.until_done(ImUser(user), self._once, patience_s=patience_s)

    async def _once(self, installation: Installation) -> None:
        assert NORTH == installation
        await trio.lowlevel.checkpoint()
        self.tried.append(trio.current_time())
        if self.answers:
            raise self.answers.popleft()


@pytest.mark.parametrize(
    ("expected", "tries", "answers"),
    [
        (None, 1, []),
        (None, 2, [SlackOutcomeUnknown(METHOD, "HTTP 502")]),
        (None, 2, [ConnectFailed("slack.com", "no route")]),
        (None, 2, [SlackRateLimited(METHOD, 30.0)]),
        (None, 2, [REMOVED]),
        ("cant_update_message", 1, [SlackApiError(METHOD, "cant_update_message")]),
        ("is_archived", 2, [SlackRateLimited(METHOD, 1.0), SlackApiError(METHOD, "is_archived")]),
    ],
)
async def test_until_done(
    autojump_clock: trio.testing.MockClock, expected: str | None, tries: int, answers: list[Exception]
) -> None:
    """What did or may not have happened is done again; what is refused for good is not."""
    scene = Scene(*answers)

    assert expected == await scene.change()
    assert tries == len(scene.tried)


async def test_a_pause_of_slacks(autojump_clock: trio.testing.MockClock) -> None:
    """It is kept."""
    scene = Scene(SlackRateLimited(METHOD, 30.0))
    await scene.change()

    assert scene.tried[1] - scene.tried[0] >= 30.0


async def test_a_slack_that_is_away_for_hours(autojump_clock: trio.testing.MockClock) -> None:
    """It is waited for, however long."""
    scene = Scene(*[ConnectFailed("slack.com", "no route")] * 300)

    assert await scene.change() is None
    assert trio.current_time() > 3 * OPERATOR_S


@pytest.mark.parametrize(
    ("expected", "answer"), [("account_inactive", REMOVED), (OPERATOR, SlackApiError(METHOD, "missing_scope"))]
)
async def test_what_only_people_can_mend(
    autojump_clock: trio.testing.MockClock, expected: str, answer: SlackApiError
) -> None:
    """They have an hour; nothing holds up a visitor for ever."""
    scene = Scene(*[answer] * 1000)

    assert expected == await scene.change()
    assert OPERATOR_S <= trio.current_time() <= OPERATOR_S + BLOCKED_S


async def test_an_app_that_was_removed(autojump_clock: trio.testing.MockClock) -> None:
    """What has to be made waits with its lane for the app to be back; a courtesy is not made."""
    scene = Scene()
    scene.installations.remove(NORTH.key)
    with pytest.raises(VisitorUnreachable):
        await scene.change()

    assert APP_REMOVED == await scene.change(patience_s=0.0)
    assert [] == scene.tried


async def test_a_stranger() -> None:
    """Who is none of our visitors has nothing that could be changed."""
    assert NO_ADDRESS == await Scene().change("somebody")
