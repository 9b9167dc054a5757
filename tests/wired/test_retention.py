"""Who is not heard of any more is erased, and who wants to be forgotten is forgotten, wherever something of them is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu.bridge.slack_to_kefu.to_kefu import parts as parts_of
from slackkefu.demo.desk import DeskSwitches
from slackkefu.demo.easemob.ledger import RestCall
from slackkefu.demo.slack.faults import Refusal
from slackkefu.store.visitors import VisitorRecord, VisitorStore
from tests.wired.remains import remains
from tests.wired.town import greeted, town

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.bridge.slack_to_kefu.to_kefu import Part
    from tests.wired.town import Town

SOON_S = 30.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


async def ask(here: Town, do: str, **arguments: object) -> Mapping[str, object]:
    """Ask the daemon."""
    return await here.daemon.leaving.forgetting.handlers()[do](arguments)


def holding(root: Path, *ids: str) -> list[str]:
    """Return the files under *root* that hold one of *ids*, or are named by it."""
    marks = [each.encode() for each in ids]
    return [
        str(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and any(mark in path.read_bytes() or mark in str(path.relative_to(root)).encode() for mark in marks)
    ]


def removed(here: Town) -> list[str]:
    """Return whom Easemob has removed, or was asked to once more."""
    return [call.about for call in here.easemob.ledger.of(RestCall) if call.method == "DELETE"]


async def test_forty_days(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Who is quiet for 30 days goes, here and at Easemob, once; who was heard of stays; who comes back is welcome."""
    async with town(tmp_path) as here:
        mia, her_name = await greeted(here)
        leo = here.north.add_user(name="Leo")
        his_name = here.visitor(leo, leo.dm())
        await leo.says(leo.dm(), "me too")
        with trio.fail_after(SOON_S):
            await here.desk.heard("me too")
        await here.stop()
        await trio.sleep(30 * DAY_S - 2 * HOUR_S)
        await here.start()
        await leo.says(leo.dm(), "still there")
        with trio.fail_after(SOON_S):
            await here.desk.heard("still there")
        await trio.sleep(HOUR_S)

        assert [] == removed(here)

        await trio.sleep(2 * HOUR_S)

        assert [her_name] == removed(here)
        assert here.easemob.accounts.find(her_name) is None
        assert here.easemob.accounts.find(his_name) is not None
        assert [] == [each for each in holding(here.config.store.path, her_name) if "journal" not in each]
        assert (1, 1, 0) == (
            here.statistics["erasing"]().quiet,  # type: ignore[attr-defined]  # that group's class
            here.statistics["erasing"]().removed,  # type: ignore[attr-defined]  # as above
            here.statistics["erasing"]().pending,  # type: ignore[attr-defined]  # as above
        )

        await mia.says(mia.dm(), "back again")
        with trio.fail_after(SOON_S):
            await here.desk.heard("back again")
        here.desk.answers(her_name, "welcome")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert "welcome" == post.text
        assert [her_name] == removed(here)


async def test_a_clock_that_is_years_ahead(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A machine that comes up with a wrong calendar forgets nobody."""
    async with town(tmp_path) as here:
        await greeted(here)
        await here.stop()
        wall = here.world.wall
        here.world = replace(here.world, wall=lambda: wall() + 3650 * DAY_S)
        await here.start()
        await trio.sleep(4 * HOUR_S)

        assert [] == removed(here)
        assert 0 == here.statistics["erasing"]().quiet  # type: ignore[attr-defined]  # that group's class

        await here.stop()


async def test_forgotten(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Of a person who was forgotten no file says anything, and what they write then is somebody new's."""
    async with town(tmp_path) as here:
        mia, name = await greeted(here)
        here.desk.answers(name, "hi")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        told = await ask(here, "visitors.forget", team="T0NORTH001", user=mia.id)

        assert ([name], [], "") == (told["im_users"], told["leaving"], told["problem"])
        assert [] == holding(here.config.store.path, name, mia.id, mia.dm().id)
        assert [name] == removed(here)
        assert () == here.easemob.online(name)

        await mia.says(mia.dm(), "again")
        with trio.fail_after(SOON_S):
            await here.desk.heard("again")


EASEMOB = ("rest.easemob.test", "im.easemob.test")


def unreachable(here: Town) -> None:
    """Let nobody reach Easemob; what is open is cut."""
    for host in EASEMOB:
        here.network.hosts[host].refuse = "no route to host"
    for line in here.network.open_lines(*EASEMOB):
        line.reset()


def reachable(here: Town) -> None:
    """Let Easemob be reached again."""
    for host in EASEMOB:
        here.network.hosts.pop(host, None)


@pytest.mark.parametrize("restarts", [False, True])
async def test_something_in_every_place(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    restarts: bool,
) -> None:
    """Whatever of a person waits, is in question or is set aside goes, and nothing of anybody else's."""

    def fail(forward: Forward, **how: object) -> tuple[Part, ...]:
        if forward.event.text == "poison":
            raise ZeroDivisionError
        return parts_of(forward, **how)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr("slackkefu.bridge.slack_to_kefu.forwarding.parts", fail)
    async with town(tmp_path, desk_switches=DeskSwitches(acknowledges=True), settles=False) as here:
        mia, name = await greeted(here)
        leo = here.north.add_user(name="Leo")
        await leo.says(leo.dm(), "I am Leo")
        await mia.says(mia.dm(), "poison")
        here.desk.offers(name, "What is it about?", ["orders", "returns"])
        with trio.fail_after(SOON_S):
            await here.desk.heard("I am Leo")
            await here.slack.posted(1)
        await trio.sleep(10)
        here.desk.faults.lose("lost on the way")
        await mia.says(mia.dm(), "lost on the way")
        await trio.sleep(5)
        here.slack.faults.web.storm("chat.postMessage", Refusal("internal_error"))
        here.desk.answers(name, "an answer that Slack does not take")
        await trio.sleep(5)
        unreachable(here)
        for number in range(3):
            await mia.says(mia.dm(), f"waiting {number}")
        await leo.says(leo.dm(), "Leo waits")
        await trio.sleep(5)
        would = await ask(here, "visitors.forget", team="T0NORTH001", user=mia.id, count=True)
        told = await ask(here, "visitors.forget", team="T0NORTH001", user=mia.id)

        assert {"to_desk": 3, "to_slack": 1, "aside": 1} == would["dropped"] == told["dropped"]
        assert [name] == told["leaving"]
        assert told["problem"]

        root = here.config.store.path

        assert [f"erasures/{name}.json"] == holding(root, name, mia.id, mia.dm().id)
        assert [] == holding(root, "waiting 0", "poison", "Slack does not take", "What is it about?")
        assert holding(root, here.visitor(leo, leo.dm()))

        here.slack.faults.web.clear()
        if restarts:
            await here.kill()
            await here.start()
        await mia.says(mia.dm(), "somebody new")
        await trio.sleep(HOUR_S / 10)
        reachable(here)
        await trio.sleep(HOUR_S)
        heard = [line.text for line in here.desk.everything_heard()]

        # What is late says when it was written.
        assert {1} == {sum(words in text for text in heard) for words in ("somebody new", "Leo waits", "I am Leo")}
        assert {0} == {sum(words in text for text in heard) for words in ("waiting", "lost on the way", "poison")}
        assert [name] == removed(here)
        assert "an answer that Slack does not take" not in [post.text for post in await here.slack.posted(1)]
        assert [] == holding(root / "erasures", name)


def kept_for_a_day(here: Town) -> None:
    """Have visitors erased of whom nothing was heard for a day."""
    here.config = replace(here.config, store=replace(here.config.store, keep_days=1))


async def test_after_the_app_was_removed(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Who can be heard of no more goes in the same time, also with a word that waits for the desk: that goes too."""
    async with town(tmp_path, started=False, settles=False) as here:
        kept_for_a_day(here)
        await here.start()
        mia, name = await greeted(here)
        unreachable(here)
        await mia.says(mia.dm(), "waits for ever")
        await trio.sleep(10)
        await here.north.uninstalls()
        await trio.sleep(HOUR_S)
        here.skip(23 * HOUR_S)
        await trio.sleep(HOUR_S)
        reachable(here)
        await trio.sleep(3 * HOUR_S)

        assert [name] == removed(here)
        assert [] == holding(here.config.store.path / "spill", "waits for ever")
        assert [] == holding(here.config.store.path / "visitors", name)
        assert [] == holding(here.config.store.path / "erasures", name)
        await here.stop()


async def test_words_do_not_wait_for_ever(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What Easemob has not taken for ``store.keep_days`` leaves the disk, its writer is told, and then goes too."""
    async with town(tmp_path, started=False, settles=False) as here:
        kept_for_a_day(here)
        await here.start()
        mia, name = await greeted(here)
        unreachable(here)
        message = await mia.says(mia.dm(), "waits for ever")
        await trio.sleep(HOUR_S)
        here.skip(22 * HOUR_S)
        await trio.sleep(HOUR_S / 2)

        assert holding(here.config.store.path / "spill", "waits for ever")

        await trio.sleep(3 * HOUR_S)

        assert [] == holding(here.config.store.path / "spill", "waits for ever")
        assert message.reactions
        assert [] == holding(here.config.store.path / "visitors", name)
        await here.stop()


async def test_a_user_whom_an_operator_removes(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Who was removed at Easemob's console while they were logged in is made anew when they write."""
    async with town(tmp_path) as here:
        mia, name = await greeted(here)
        here.easemob.accounts.delete(name)
        here.easemob.kick(name, 1)
        await trio.sleep(5)

        assert () == here.easemob.online(name)

        await mia.says(mia.dm(), "still here")
        with trio.fail_after(5 * 60):
            while "still here" not in [line.text for line in here.desk.everything_heard()]:
                await here.desk.change()
        here.desk.answers(name, "so am I")
        with trio.fail_after(SOON_S):
            (post,) = await here.slack.posted(1)

        assert "so am I" == post.text


async def test_many_who_are_due(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """They go by and by, over a restart, none of them twice, and whoever writes meanwhile does not wait for it."""
    async with town(tmp_path, started=False) as here:
        kept_for_a_day(here)
        wall = here.world.wall
        store = VisitorStore(here.config.store.path)
        here.config.store.path.mkdir(mode=0o700)
        for folder in ("visitors", "damaged/visitors"):
            (here.config.store.path / folder).mkdir(parents=True, mode=0o700)
        names = [f"t0north001_u0quiet{number:04}_d0quiet{number:04}" for number in range(150)]
        for name in names:
            team, user, channel = name.upper().split("_")
            store.save(
                VisitorRecord(
                    im_user=name,
                    team=team,
                    user=user,
                    channel=channel,
                    installation_team_id=team,
                    last_active=wall() - 40 * DAY_S,
                )
            )
            here.easemob.register(name)
        await here.start()
        await trio.sleep(HOUR_S / 2 + 25)

        assert 30 < len(removed(here)) < 130

        await greeted(here)
        await here.kill()
        await here.start()
        await trio.sleep(HOUR_S)

        assert names == sorted({*removed(here)})
        assert 151 >= len(removed(here))
        assert [] == holding(here.config.store.path, "_u0quiet")


PASSING = ("_inbox._recent", "._echoes.", "_agenda._heap", "_pacing._full_at")
"""The latest envelopes and our own latest posts, so many of them; and times that were dropped, until their turn."""


async def test_no_part_remembers(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Of a person who was forgotten no part of the daemon knows anything, but for what is passing anyway."""
    desk = DeskSwitches(acknowledges=True)
    async with town(tmp_path, session_status=True, introduction=True, private_api=True, desk_switches=desk) as here:
        mia, name = await greeted(here)
        here.desk.offers(name, "What is it about?", ["orders", "returns"])
        here.desk.answers(name, "hi")
        await here.slack.posted(3)
        await mia.says(mia.dm(), "1")
        await trio.sleep(5)
        ids = (name, mia.id, mia.dm().id)
        before = remains(here.daemon, ids)
        await ask(here, "visitors.forget", team="T0NORTH001", user=mia.id)
        await trio.sleep(5)
        after = [way for way in remains(here.daemon, ids) if not any(passing in way for passing in PASSING)]

        assert len(before) > 5
        assert [] == after
