"""Workspaces that remove the app and install it again: nothing is lost, and nobody else notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
import trio
import trio.testing

from slackkefu.bridge.agent_lines import reached_again, stopped
from slackkefu.demo.slack import Drop, Refusal, Switches, Timing
from slackkefu.slack.ids import UserId
from tests.installed import keep
from tests.wired.test_many_workspaces import add_south
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.slack import Person, Workspace
    from tests.wired.town import Town

SOON_S = 30.0
LATER_S = 300.0
HOUR_S = 3600.0

Order = Literal["revoked_first", "uninstalled_first"]
STOPPED = stopped("app_removed")
NEEDS_REINSTALL = stopped("needs_reinstall")


async def served(here: Town, south: Workspace, name: str = "Ben") -> tuple[Person, str]:
    """Let somebody of the south be served by an agent; return them, and their name at the desk."""
    ben = south.add_user(name=name)
    await ben.says(ben.dm(), f"hello from {name}")
    with trio.fail_after(SOON_S):
        await here.desk.heard(f"hello from {name}")
    visitor = here.visitor(ben, ben.dm())
    here.desk.answers(visitor, f"hello {name}")
    await shows(here, f"hello {name}")
    return ben, visitor


def unreachable(here: Town) -> dict[str, int]:
    """Return how many cannot be reached, by reason."""
    counts = here.statistics["reach"]().stopped  # type: ignore[attr-defined]  # its class
    return {reason: count for reason, count in counts.items() if count}


async def shows(here: Town, *texts: str, within_s: float = SOON_S) -> None:
    """Wait until all *texts* stand in Slack."""
    with trio.fail_after(within_s):
        for text in texts:
            while text not in posted(here):
                await here.slack.posted(len(here.slack.ledger.posts) + 1)


def posted(here: Town) -> list[str]:
    """Return what stands in Slack, in order."""
    return [post.text for post in here.slack.ledger.posts]


def heard(here: Town, visitor: str) -> list[str]:
    """Return what the desk has heard of a visitor."""
    return [line.text for line in here.desk.conversation(visitor).heard]


def waiting(here: Town, visitor: str) -> int:
    """Return how much waits at Easemob."""
    return here.easemob.waiting(visitor)


def sessions(here: Town) -> tuple[int, int]:
    """Return how many visitors are logged in, and how many are stopped."""
    found = here.statistics["easemob_sessions"]()
    return found.live, found.stopped  # type: ignore[attr-defined]  # the pool's class


@pytest.mark.parametrize("order", ["revoked_first", "uninstalled_first"])
async def test_answers_wait_for_the_app_to_be_back(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, order: Order
) -> None:
    """They stay at Easemob, nobody is logged in for them, the agent is told once, and then they come in order."""
    async with town(tmp_path, started=False, slack_switches=Switches(uninstall_order=order)) as here:
        south = add_south(here)
        await here.start()
        _, visitor = await served(here, south)
        await south.uninstalls()
        await trio.sleep(LATER_S)

        assert [STOPPED] == heard(here, visitor)[1:]
        assert (0, 1) == sessions(here)

        for number in range(3):
            here.desk.answers(visitor, f"answer {number}")
        logins = here.statistics["easemob_sessions"]().logins  # type: ignore[attr-defined]  # the pool's class
        await trio.sleep(24 * HOUR_S)

        assert ["hello Ben"] == posted(here)
        assert waiting(here, visitor) >= 3
        assert [STOPPED] == heard(here, visitor)[1:]
        assert (0, logins) == (
            here.statistics["lanes_to_slack"]().waiting,  # type: ignore[attr-defined]  # the lanes' class
            here.statistics["easemob_sessions"]().logins,  # type: ignore[attr-defined]  # the pool's class
        )
        assert {"app_removed": 1} == unreachable(here)

        await here.installs(south)
        await shows(here, "answer 0", "answer 1", "answer 2", within_s=120)

        assert ["hello Ben", "answer 0", "answer 1", "answer 2"] == posted(here)
        await here.stop()


async def test_the_agent_hears_that_it_is_over(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """In a session that is open still the agent is told when the customer can be reached, and of the next time anew."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        _, visitor = await served(here, south)
        for _ in range(2):
            await south.uninstalls()
            await trio.sleep(LATER_S)
            await here.installs(south)
            await trio.sleep(LATER_S)

        assert [STOPPED, reached_again()] * 2 == heard(here, visitor)[1:]
        await here.stop()


async def test_nobody_is_told_whom_no_agent_serves(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A text is a question to a robot, and opens a session where none is: neither is said anything."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        ben, eva = south.add_user(name="Ben"), south.add_user(name="Eva")
        for person in (ben, eva):
            await person.says(person.dm(), "hello")
        await trio.sleep(SOON_S)
        here.desk.robot_answers(here.visitor(ben, ben.dm()), "beep")
        here.desk.closes(here.visitor(eva, eva.dm()))
        await shows(here, "beep")
        await south.uninstalls()
        await trio.sleep(LATER_S)

        assert ["hello", "hello"] == [line.text for line in here.desk.everything_heard()]
        await here.stop()


async def test_a_second_workspace_is_not_disturbed(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """With one place for all, the other workspace's customers are served at once, however much waits for the first."""
    async with town(tmp_path, started=False, max_sessions=1) as here:
        south = add_south(here)
        await here.start()
        mia = here.north.add_user(name="Mia")
        _, visitor = await served(here, south)
        await south.uninstalls()
        here.desk.answers(visitor, "waits")
        await trio.sleep(LATER_S)
        for number in range(5):
            await mia.says(mia.dm(), f"question {number}")
            with trio.fail_after(SOON_S):
                await here.desk.heard(f"question {number}")
            here.desk.answers(here.visitor(mia, mia.dm()), f"reply {number}")
            await shows(here, f"reply {number}")

        assert "waits" not in posted(here)
        here.desk.closes(here.visitor(mia, mia.dm()))
        here.desk.closes(visitor)
        await trio.sleep(SOON_S)
        await here.installs(south)
        await shows(here, "waits", within_s=HOUR_S)
        await here.stop()


async def test_a_token_that_dies_before_anybody_tells(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A disabled workspace is found by the first call that it refuses; the agent learns what is to be done."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        _, visitor = await served(here, south)
        await south.uninstalls(tells=False)
        here.desk.answers(visitor, "waits")
        await trio.sleep(LATER_S)

        assert [NEEDS_REINSTALL] == heard(here, visitor)[1:]
        assert (0, 1) == sessions(here)
        assert "xoxb-south" not in stored(here)

        await south.tells_of_removal()
        await trio.sleep(SOON_S)
        assert 0 == here.statistics["installations"]().need_reinstall  # type: ignore[attr-defined]  # its class

        await here.installs(south)
        await shows(here, "waits", within_s=120)
        await here.stop()


def stored(here: Town) -> str:
    """Return what is on disk of installations."""
    return "".join(path.read_text() for path in (here.config.store.path / "installations").iterdir())


async def test_nobody_asks_in_vain(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While the app is away neither Slack nor the desk's own API is asked about anybody there, however long it is."""
    async with town(tmp_path, started=False, private_api=True, session_status=True) as here:
        south = add_south(here)
        await here.start()
        _, visitor = await served(here, south)
        await south.uninstalls()
        here.desk.answers(visitor, "waits")
        await trio.sleep(LATER_S)
        before = asked(here)
        await trio.sleep(6 * HOUR_S)

        assert before == asked(here)
        await here.installs(south)
        await shows(here, "waits", within_s=120)
        await here.stop()


def asked(here: Town) -> tuple[int, int, int]:
    """Count the questions to the desk's own API, and the calls of Slack's Web API."""
    polls, shown = here.statistics["polling"](), here.statistics["desk_life"]()
    calls = [call for call in here.slack.ledger.calls if call.method != "apps.connections.open"]
    return polls.asked, shown.tried, len(calls)  # type: ignore[attr-defined]  # their classes


async def test_late_and_repeated_news_removes_nothing(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """With Delayed Events Slack tells of an uninstall for a day (facts/slack.md §2), also when the app is back."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        _, visitor = await served(here, south)
        await south.uninstalls()
        await trio.sleep(SOON_S)
        await here.installs(south)
        for _ in range(4):
            await trio.sleep(HOUR_S)
            await south.tells_of_removal()
        await trio.sleep(SOON_S)
        here.desk.answers(visitor, "still here")
        await shows(here, "still here", within_s=120)

        assert here.statistics["installations"]().not_removed >= 4  # type: ignore[attr-defined]  # its class
        await here.stop()


@pytest.mark.parametrize("is_killed", [False, True])
async def test_restarts(tmp_path: Path, autojump_clock: trio.testing.MockClock, is_killed: bool) -> None:
    """A restart while the app is away finds it so; one after a reinstall goes on, without being told."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        _, visitor = await served(here, south)
        await south.uninstalls()
        await trio.sleep(LATER_S)
        here.desk.answers(visitor, "first")
        await (here.kill() if is_killed else here.stop())
        await here.start()
        here.desk.answers(visitor, "second")
        await trio.sleep(LATER_S)

        assert ["hello Ben"] == posted(here)
        assert (0, 1) == sessions(here)

        await (here.kill() if is_killed else here.stop())
        keep(here.config.store.path, here.world, south.install())
        await here.start()
        await shows(here, "first", "second", within_s=120)

        assert ["hello Ben", "first", "second"] == posted(here)
        await here.stop()


async def test_an_uninstall_while_the_daemon_was_away(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Slack tells nobody; each installation is asked about at the start, without delaying it."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        _, visitor = await served(here, south)
        await here.stop()
        await south.uninstalls()
        await trio.sleep(2 * HOUR_S)
        await here.start()
        await trio.sleep(LATER_S)
        here.desk.answers(visitor, "waits")
        await trio.sleep(LATER_S)

        assert ["hello Ben"] == posted(here)
        assert 1 == here.statistics["installations"]().need_reinstall  # type: ignore[attr-defined]  # its class
        await here.installs(south)
        await shows(here, "waits", within_s=120)
        await here.stop()


async def test_what_was_taken_goes_to_the_desk(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Words that were acknowledged reach the desk over a restart; a file's bytes do not, and a line says why."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        ben, visitor = await served(here, south)
        here.easemob.faults.black_hole = True
        await ben.says(ben.dm(), "words")
        await ben.shares(ben.dm(), "picture.png", b"x" * 100)
        await ben.says(ben.dm(), "more words")
        await trio.sleep(10)
        await south.uninstalls()
        await trio.sleep(10)
        await here.kill()
        here.easemob.faults.black_hole = False
        await here.start()
        await trio.sleep(LATER_S)
        texts = [text.splitlines()[-1] for text in heard(here, visitor)]

        assert ["hello from Ben", "words", "more words"] == [
            text for text in texts if "words" in text or "hello" in text
        ]
        assert 1 == sum("picture.png" in text and "the workspace has removed the app" in text for text in texts)
        await here.stop()


async def test_what_was_written_while_the_app_was_away_is_nobodys(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Nobody there had agreed to it: neither the direct message nor the channel of that time is read afterwards."""
    async with town(tmp_path, started=False, channels="all") as here:
        south = add_south(here)
        await here.start()
        ben, _ = await served(here, south)
        channel, direct = south.add_channel(name="support", members=[ben]), ben.dm()
        await ben.says(channel, "before")
        with trio.fail_after(SOON_S):
            await here.desk.heard("before")
        await south.uninstalls()
        await trio.sleep(10)
        for where in (channel, direct):
            here.slack.state.write(ben.user, where, "among ourselves")
        await trio.sleep(10)
        await here.installs(south)
        await ben.invites_app(channel)
        await trio.sleep(10)
        await here.kill()
        for where in (channel, direct):
            await ben.says(where, "afterwards")
        await trio.sleep(HOUR_S)
        await here.start()
        await trio.sleep(LATER_S)
        texts = [line.text.splitlines()[-1] for line in here.desk.everything_heard()]

        assert 2 == texts.count("afterwards")
        assert "among ourselves" not in texts
        await here.stop()


async def test_an_answer_whose_post_may_stand_is_not_doubled(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A post whose answer was lost just before the app went is looked for when it is back, and found."""
    async with town(tmp_path, started=False) as here:
        south = add_south(here)
        await here.start()
        _, visitor = await served(here, south)
        here.slack.faults.web.next("chat.postMessage", Drop())
        here.desk.answers(visitor, "once")
        await trio.sleep(1)
        await south.uninstalls()
        await trio.sleep(LATER_S)
        await here.installs(south)
        await trio.sleep(LATER_S)

        assert 1 == posted(here).count("once")
        await here.stop()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(1, 5))
async def test_a_storm_of_installs_and_uninstalls(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int
) -> None:
    """While the app comes and goes agents write on: all of it arrives once, in order, and the north notices nothing."""
    timing = Timing(retries_s=(0.1, 20.0, 60.0))
    switches = Switches(uninstall_order="random")
    async with town(tmp_path, started=False, seed=seed, slack_switches=switches, slack_timing=timing) as here:
        south = add_south(here)
        await here.start()
        chance = here.world.chance
        mia, people = here.north.add_user(name="Mia"), [await served(here, south, f"P{number}") for number in range(3)]
        await mia.says(mia.dm(), "hello from the north")
        await trio.sleep(5)
        number = 0
        for _ in range(6):
            await south.uninstalls(tells=chance.random() < 0.7)
            for _ in range(chance.randint(1, 6)):
                number += 1
                here.desk.answers(chance.choice(people)[1], f"answer {number}")
                here.desk.answers(here.visitor(mia, mia.dm()), f"to the north {number}")
                await trio.sleep(chance.uniform(0, 30))
                if chance.random() < 0.3:
                    await south.tells_of_removal()
            await here.installs(south)
            if chance.random() < 0.5:
                await south.tells_of_removal()
            number += 1
            here.desk.answers(chance.choice(people)[1], f"answer {number}")
            await trio.sleep(chance.uniform(0, 60))
            if chance.random() < 0.3:
                await here.kill()
                await here.start()
        await here.settle()

        to_north = [text for text in posted(here) if text.startswith("to the north")]
        assert len(to_north) == len([*dict.fromkeys(to_north)])
        assert (0, 0) == (sessions(here)[1], here.statistics["replies"]().stopped)  # type: ignore[attr-defined]  # its class
        await here.stop()


async def test_words_need_no_token(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """What is written while the token is lost reaches the desk; the answers wait for the app to be installed again."""
    async with town(tmp_path, started=False, introduction=True) as here:
        south = add_south(here)
        await here.start()
        ben, visitor = await served(here, south)
        eva = south.add_user(name="Eva")
        here.slack.faults.web.next("auth.test", Refusal("token_revoked"))
        await here.daemon.installing.mark_dead(
            here.daemon.core.installations.of_bot(ben_bot(south))[0].key, cause="lost"
        )
        await trio.sleep(SOON_S)
        before = asked(here)
        await ben.says(ben.dm(), "anybody there?")
        await eva.says(eva.dm(), "hello from Eva")
        with trio.fail_after(SOON_S):
            await here.desk.heard("anybody there?")
            await here.desk.heard("hello from Eva")
        here.desk.answers(visitor, "yes")
        here.desk.answers(here.visitor(eva, eva.dm()), "hello Eva")
        await trio.sleep(HOUR_S)

        assert before == asked(here)

        await here.kill()
        await here.start()
        await ben.says(ben.dm(), "still there?")
        with trio.fail_after(SOON_S):
            await here.desk.heard("still there?")
        await trio.sleep(HOUR_S)
        await here.installs(south)
        await shows(here, "yes", "hello Eva", within_s=120)
        posts = len(here.slack.ledger.posts)
        await eva.says(eva.dm(), "thank you")
        await trio.sleep(SOON_S)

        assert 1 == len(here.slack.ledger.posts) - posts
        await here.stop()


def ben_bot(south: Workspace) -> UserId:
    """Return the app's bot user there."""
    return UserId(south.installation.bot.id)
