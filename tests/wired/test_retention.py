"""Who is not heard of any more is erased, and who wants to be forgotten is forgotten, wherever something of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from slackkefu import app
from slackkefu.bridge.slack_to_kefu.to_kefu import parts as parts_of
from slackkefu.demo.desk import DeskSwitches
from slackkefu.demo.easemob.ledger import RestCall
from slackkefu.demo.slack.faults import Refusal
from tests.wired.town import greeted, town

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slackkefu.bridge.slack_to_kefu.routing import Forward
    from slackkefu.bridge.slack_to_kefu.to_kefu import Part
    from slackkefu.parts import Core, Parts
    from tests.wired.town import Town

SOON_S = 30.0
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Parts]:
    """Keep the parts of each daemon, the latest last, for what is asked by its control socket: no socket is virtual."""
    parts: list[Parts] = []
    build = app.build

    def keep(core: Core, *, nursery: trio.Nursery) -> Parts:
        parts.append(build(core, nursery=nursery))
        return parts[-1]

    monkeypatch.setattr(app, "build", keep)
    return parts


async def ask(parts: list[Parts], do: str, **arguments: object) -> Mapping[str, object]:
    """Ask the latest daemon."""
    return await parts[-1].leaving.forgetting.handlers()[do](arguments)


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


async def test_forgotten(tmp_path: Path, autojump_clock: trio.testing.MockClock, built: list[Parts]) -> None:
    """Of a person who was forgotten no file says anything, and what they write then is somebody new's."""
    async with town(tmp_path) as here:
        mia, name = await greeted(here)
        here.desk.answers(name, "hi")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        told = await ask(built, "visitors.forget", team="T0NORTH001", user=mia.id)

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
    built: list[Parts],
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
        would = await ask(built, "visitors.forget", team="T0NORTH001", user=mia.id, count=True)
        told = await ask(built, "visitors.forget", team="T0NORTH001", user=mia.id)

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
