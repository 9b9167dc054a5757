"""Who can be reached: as it follows from who has installed the app, and which channels it is in."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from slackkefu.bridge.book import Book, wrote
from slackkefu.bridge.workspaces.reach import Reach, Why
from slackkefu.easemob.names import ImUser
from slackkefu.secret import Secret
from slackkefu.slack.ids import ChannelId
from slackkefu.slack.installation import Installations
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, MIA_CHANNEL, NORTH, Shelf, forward, installation

SOUTH = installation("south")
DEAD = replace(NORTH, bot_token=Secret(""), needs_reinstall="account_inactive")
CHANNEL = ChannelId("C0SUPPORT1")


class Scene:
    """Mia, who writes in her direct messages and in a channel, and Ben of another workspace."""

    def __init__(self) -> None:
        direct = wrote(None, forward(), now=0.0)
        channel = wrote(None, forward(channel=CHANNEL, channel_type="channel"), now=0.0)
        ben = msgspec.structs.replace(
            channel, im_user="ben", installation_team_id=SOUTH.key.team_id, team=SOUTH.key.team_id
        )
        self.installations = Installations([NORTH, SOUTH])
        self.book = Book([direct, channel, ben], store=Shelf(), disk=InlineDisk())
        self.told: list[tuple[str, Why | None]] = []
        self.reach = self.anew()

    def anew(self) -> Reach:
        """Make it, as at a start."""
        return Reach(
            installations=self.installations,
            book=self.book,
            on_change=lambda user, why: self.told.append((user, why)),
        )

    def stopped(self) -> dict[str, int]:
        """Count by reason."""
        return {why: count for why, count in self.reach.statistics().stopped.items() if count}


@pytest.mark.parametrize(("why", "is_known"), [(Why.APP_REMOVED, False), (Why.NEEDS_REINSTALL, True)])
def test_a_workspace_that_goes_and_comes_back(why: Why, is_known: bool) -> None:
    """Everybody there is stopped once, with the reason, and goes on once; nobody elsewhere is told of."""
    scene = Scene()
    scene.installations.remove(NORTH.key)
    if is_known:
        scene.installations.put(DEAD)
    scene.reach.changed(NORTH.key)
    scene.reach.changed(NORTH.key)

    assert [(MIA, why), (MIA_CHANNEL, why)] == scene.told
    assert {why.value: 2} == scene.stopped()

    scene.installations.put(NORTH)
    scene.reach.changed(NORTH.key)
    scene.reach.changed(NORTH.key)

    assert [(MIA, None), (MIA_CHANNEL, None)] == scene.told[2:]
    assert {} == scene.stopped()


def test_a_channel_that_the_app_leaves() -> None:
    """Only who writes there through that installation is stopped, and goes on when the app is back."""
    scene = Scene()
    scene.reach.left(NORTH.key, CHANNEL)
    scene.reach.left(NORTH.key, CHANNEL)
    scene.reach.joined(NORTH.key, CHANNEL)

    assert [(MIA_CHANNEL, Why.LEFT_CHANNEL), (MIA_CHANNEL, None)] == scene.told


def test_both_at_once() -> None:
    """A workspace that is back is not enough for a channel that is not; each reason is told when it begins."""
    scene = Scene()
    scene.reach.left(NORTH.key, CHANNEL)
    scene.installations.remove(NORTH.key)
    scene.reach.changed(NORTH.key)
    scene.installations.put(NORTH)
    scene.reach.changed(NORTH.key)

    expected = [Why.LEFT_CHANNEL, Why.APP_REMOVED, Why.LEFT_CHANNEL]
    assert expected == [why for user, why in scene.told if user == MIA_CHANNEL]
    assert [Why.APP_REMOVED, None] == [why for user, why in scene.told if user == MIA]


def test_a_word_from_the_channel_shows_that_the_app_is_there() -> None:
    """Slack tells nothing of a channel that the app is not in, so whoever writes there can be answered there."""
    scene = Scene()
    scene.reach.left(NORTH.key, CHANNEL)
    record = wrote(scene.book.get(ImUser(MIA_CHANNEL)), forward(channel=CHANNEL, channel_type="channel"), now=1.0)
    scene.book.remember(record)
    scene.reach.look(ImUser(MIA_CHANNEL))

    assert [(MIA_CHANNEL, Why.LEFT_CHANNEL), (MIA_CHANNEL, None)] == scene.told


def test_a_restart_finds_it_as_it_was() -> None:
    """Who could not be reached before cannot be now, and whose agent waits for the news gets it."""
    scene = Scene()
    scene.reach.left(NORTH.key, CHANNEL)
    mia = scene.book.get(ImUser(MIA))
    assert mia is not None
    scene.book.remember(msgspec.structs.replace(mia, stop_told="s-1"))
    scene.told = []
    scene.anew().restore()

    assert [(MIA, None), (MIA_CHANNEL, Why.LEFT_CHANNEL)] == scene.told


def test_strangers_are_nobodys_business() -> None:
    """Whose name is none of a visitor's is not stopped: whoever posts finds that out."""
    scene = Scene()

    assert scene.reach.why_not(ImUser("somebody")) is None
    assert Why.APP_REMOVED is scene.reach.why_not(ImUser("t0west00001_u0eva00001_d0eva00001"))


def test_who_is_forgotten_is_not_counted() -> None:
    """An erased visitor is stopped no more."""
    scene = Scene()
    scene.installations.remove(NORTH.key)
    scene.reach.changed(NORTH.key)
    scene.reach.forget(ImUser(MIA))

    assert {"app_removed": 1} == scene.stopped()
