"""While a visitor's login fails words go another way, each once and in order; what is forbidden goes none."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import DeskSwitches, HostFault
from slackkefu.demo.easemob import ImMessage, Switches
from slackkefu.demo.easemob.ledger import Accepted, RestCall
from slackkefu.demo.slack import Hang
from tests.wired.town import SERVICE_NUMBER, town

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from structlog.testing import LogCapture

    from slackkefu.demo.slack import Person
    from tests.wired.town import Town

SOON_S = 60.0
LIMIT = (7, "Sorry, the app day live count limit")
BANNED = (12, "user is forbidden")
ALWAYS = 10_000


def heard(here: Town) -> list[str]:
    """Return what visitors said to the desk, in order; without the line that says that it comes late."""
    return [line.text.splitlines()[-1] for line in here.desk.everything_heard()]


def sends(here: Town) -> list[int]:
    """Return the HTTP status of each message that was sent by REST; 0 for one whose answer was lost."""
    return [call.status for call in here.easemob.ledger.of(RestCall) if call.path.startswith("/messages")]


def logins_work(here: Town) -> None:
    """Take back every refusal of a login that was armed."""
    here.easemob.faults._logins.clear()


def im_is_away(here: Town) -> None:
    """Cut all IM connections, and let nobody connect."""
    here.network.hosts["im.easemob.test"].refuse = "no route"
    for line in here.network.lines_to("im.easemob.test"):
        line.reset()


def im_is_back(here: Town) -> None:
    """Let everybody connect."""
    here.network.hosts["im.easemob.test"].refuse = ""


def told(here: Town) -> tuple[int, int]:
    """Return to how many it was told that their message surely, and that it possibly, did not arrive."""
    telling = here.statistics["telling"]()
    return telling.told_surely, telling.told_possibly  # type: ignore[attr-defined]  # that group's class


def refusals(log: LogCapture) -> Iterator[tuple[str, str]]:
    """Return what was refused, by visitor."""
    return ((entry["visitor"], entry["problem"]) for entry in log.entries if entry["event"] == "kefu.refused")


# The way out.


@pytest.mark.parametrize("switches", [{}, {"send_form": "2017"}], ids=str)
async def test_rest_is_the_way_out(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: dict[str, Any]
) -> None:
    """A visitor refused for limits reaches the desk by REST, all parts in order, and goes by IM again when it may."""
    async with town(tmp_path, switches=Switches(**switches)) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        here.easemob.faults.refuse_login(*LIMIT, times=ALWAYS)
        long = "x" * 1900 + " " + "y" * 1900
        for words in ("one", long, "three"):
            await mia.says(dm, words)
        with trio.fail_after(SOON_S):
            await here.desk.heard("three")
            await here.slack.acknowledged()

        assert ["one", "x" * 1900, "y" * 1900, "three"] == heard(here)
        assert [200] * 4 == [status for status in sends(here) if status != 500]
        assert (4, 1) == (here.statistics["ways"]().rest, here.statistics["ways"]().round)  # type: ignore[attr-defined]  # that group's class

        here.desk.answers(here.visitor(mia, dm), "answer")
        logins_work(here)
        await trio.sleep(120)
        for words in ("four", "five"):
            await mia.says(dm, words)
            await trio.sleep(10)

        assert ["four", "five"] == heard(here)[-2:]
        assert 0 == here.statistics["ways"]().round  # type: ignore[attr-defined]  # that group's class
        assert ["answer"] == [post.text for post in here.slack.ledger.posts]


@pytest.mark.parametrize("private_api", [False, True])
async def test_neither_a_user_nor_a_token_is_needed(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, private_api: bool
) -> None:
    """A visitor for whom the plan has no user, and one whose tokens are not taken, reach the desk."""
    async with town(tmp_path, settles=False, switches=Switches(plan_users=2), private_api=private_api) as here:
        mia, leo = here.north.add_user(name="Mia"), here.north.add_user(name="Leo")
        here.easemob.faults.refuse_login(1, "Sorry, token expired", times=ALWAYS)
        for person in (mia, leo):
            await person.says(person.dm(), f"from {person.name}")
            with trio.fail_after(SOON_S):
                await here.desk.heard(f"from {person.name}")

        assert 2 == sum(here.easemob.accounts.find(name) is not None for name in here.desk.conversations) + 1
        assert ((0, 2) if private_api else (2, 0)) == (len(sends(here)), len(here.kefu.of("POST")))


async def test_a_network_that_takes_logins_only_sometimes(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """While the IM servers cannot be reached, words go by REST after half a minute, and then at once."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        await mia.says(dm, "first")
        with trio.fail_after(SOON_S):
            await here.desk.heard("first")
        await trio.sleep(5)
        im_is_away(here)
        await trio.sleep(5)
        took = []
        for words in ("second", "third"):
            began = trio.current_time()
            await mia.says(dm, words)
            with trio.fail_after(SOON_S):
                await here.desk.heard(words)
            took.append(round(trio.current_time() - began))
        im_is_back(here)
        await trio.sleep(300)
        await mia.says(dm, "fourth")
        with trio.fail_after(SOON_S):
            await here.desk.heard("fourth")

        assert [30, 0] == took
        assert ["first", "second", "third", "fourth"] == heard(here)
        assert [200, 200] == sends(here)


async def test_what_may_have_arrived_by_im_does_not_go_by_rest(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A message whose acknowledgement was lost waits for the login, where it is recognised, and those behind it too."""
    async with town(tmp_path, desk_switches=DeskSwitches(knows_repeats=False)) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        await mia.says(dm, "first")
        with trio.fail_after(SOON_S):
            await here.desk.heard("first")
        await trio.sleep(5)
        here.easemob.faults.cut_after_sends = 1
        here.network.hosts["im.easemob.test"].refuse = "no route"
        for words in ("second", "third"):
            await mia.says(dm, words)
        await trio.sleep(600)

        assert ["first", "second"] == heard(here)

        im_is_back(here)
        await trio.sleep(300)

        assert ["first", "second", "third"] == heard(here)


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_lost_answer_of_rest_is_not_repeated(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, carried_out: bool
) -> None:
    """A message that REST may have taken is not sent again, its sender is told "possibly", and the next ones go on."""
    async with town(tmp_path, desk_switches=DeskSwitches(knows_repeats=False)) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        here.easemob.faults.refuse_login(*LIMIT, times=ALWAYS)
        here.easemob.faults.fail_rest("/messages", 0, carried_out=carried_out)
        for words in ("one", "two"):
            await mia.says(dm, words)
        with trio.fail_after(SOON_S):
            await here.desk.heard("two")
            await here.slack.acknowledged()
        logins_work(here)
        await trio.sleep(3600)

        assert (["one", "two"] if carried_out else ["two"]) == heard(here)
        assert [0, 200] == sends(here)
        assert [(here.visitor(mia, dm), "no_answer")] == [*refusals(log)]
        assert 1 == here.statistics["ways"]().possibly  # type: ignore[attr-defined]  # that group's class
        assert (0, 1) == told(here)


@pytest.mark.parametrize("private_api", [False, True])
async def test_an_easemob_wholly_in_trouble_is_waited_for(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, private_api: bool
) -> None:
    """While neither logins nor REST nor the desk's host work for an hour, nothing is given up; then it all arrives."""
    async with town(tmp_path, private_api=private_api) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "first")
        with trio.fail_after(SOON_S):
            await here.desk.heard("first")
        await trio.sleep(5)
        im_is_away(here)
        here.easemob.faults.fail_rest("", 502, times=ALWAYS)
        for method in ("GET", "POST"):
            here.kefu.fail(method, HostFault(502), times=ALWAYS)
        for number in range(12):
            await mia.says(mia.dm(), f"message {number}")
            await trio.sleep(300)
        im_is_back(here)
        here.easemob.faults._calls.clear()
        here.kefu._faults.clear()
        await trio.sleep(600)

        assert ["first", *(f"message {number}" for number in range(12))] == heard(here)
        assert (0, 0) == told(here)


@pytest.mark.parametrize("private_api", [False, True])
@pytest.mark.parametrize("refusal", ["banned", "blocked", "muted", "sensitive words"])
async def test_what_is_forbidden_goes_no_other_way(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, refusal: str, private_api: bool
) -> None:
    """A visitor whom the tenant banned, blocked or muted, and words it does not let pass, go no other way either."""
    async with town(tmp_path, private_api=private_api) as here:
        mia = here.north.add_user(name="Mia")
        if refusal == "banned":
            here.easemob.faults.refuse_login(*BANNED, times=ALWAYS)
        else:
            here.easemob.faults.refuse_send(*{"blocked": (1, "blocked"), "muted": (15, "")}.get(refusal, (7, refusal)))
        await mia.says(mia.dm(), "hello")
        await trio.sleep(600)

        assert ([], [], []) == (heard(here), sends(here), here.kefu.of("POST"))
        assert 1 == len([*refusals(log)])
        assert (1, 0) == told(here)


# The second channel.

POSITIONS = [
    {"reading_acknowledges": acknowledges, "lists_delivered": lists, "knows_repeats": True}
    for acknowledges in (True, False)
    for lists in (True, False)
]


@pytest.mark.parametrize("switches", POSITIONS, ids=str)
async def test_the_second_channel_is_the_way_in_and_out(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: dict[str, Any]
) -> None:
    """Where it may be used, words and answers pass by it, each once, also when the answers come by IM later."""
    async with town(tmp_path, private_api=True, desk_switches=DeskSwitches(**switches)) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        visitor = here.visitor(mia, dm)
        here.easemob.faults.refuse_login(*LIMIT, times=ALWAYS)
        for number in range(3):
            await mia.says(dm, f"question {number}")
        with trio.fail_after(SOON_S):
            await here.desk.heard("question 2")
        for number in range(3):
            here.desk.answers(visitor, f"answer {number}")
        with trio.fail_after(SOON_S):
            await here.slack.posted(3)

        assert ["question 0", "question 1", "question 2"] == heard(here)
        assert [] == sends(here)
        assert (3, 0) == (here.statistics["ways"]().second_channel, here.statistics["ways"]().rest)  # type: ignore[attr-defined]  # that group's class

        logins_work(here)
        await trio.sleep(120)
        await mia.says(dm, "thanks")
        await trio.sleep(10)
        await mia.says(dm, "bye")
        here.desk.answers(visitor, "answer 3")
        await trio.sleep(1800)

        assert ["thanks", "bye"] == heard(here)[3:]
        assert [f"answer {number}" for number in range(4)] == [post.text for post in here.slack.ledger.posts]
        assert 0 == here.easemob.waiting(visitor)
        assert 0 == here.statistics["incoming"]().pending  # type: ignore[attr-defined]  # that group's class


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_lost_answer_of_the_second_channel_is_made_good(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, carried_out: bool
) -> None:
    """The message is sent again under its id, by which the desk knows it; nothing goes by REST meanwhile."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.refuse_login(*LIMIT, times=ALWAYS)
        here.kefu.fail("POST", HostFault(carried_out=carried_out), times=2)
        here.kefu.fail("POST", HostFault(502, carried_out=carried_out), times=2)
        for words in ("one", "two"):
            await mia.says(mia.dm(), words)
        with trio.fail_after(SOON_S):
            await here.desk.heard("two")

        assert ["one", "two"] == heard(here)
        assert [] == sends(here)


@pytest.mark.parametrize("fault", [HostFault(carried_out=True), HostFault(502, carried_out=True)], ids=str)
async def test_answers_handed_out_in_vain_are_asked_for_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, fault: HostFault
) -> None:
    """Where an answer to reading is lost, what was in it comes all the same, before what is said later, and once."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        visitor = here.visitor(mia, mia.dm())
        here.easemob.faults.refuse_login(*LIMIT, times=ALWAYS)
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.answers(visitor, "answer 0")
        with trio.fail_after(SOON_S):
            await here.slack.posted(1)
        here.kefu.fail("GET", fault, times=2)
        here.desk.answers(visitor, "answer 1")
        await trio.sleep(130)
        here.desk.answers(visitor, "answer 2")
        await trio.sleep(130)

        assert ["answer 0", "answer 1", "answer 2"] == [post.text for post in here.slack.ledger.posts]

        logins_work(here)
        await trio.sleep(1800)

        assert 3 == len(here.slack.ledger.posts)


@pytest.mark.parametrize("status", [404, 503])
async def test_a_second_channel_that_is_not_there_leaves_rest(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, status: int
) -> None:
    """An API that nobody promised may be gone; words go by REST then."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.refuse_login(*LIMIT, times=ALWAYS)
        here.kefu.fail("POST", HostFault(status, b"<html>"), times=ALWAYS)
        here.kefu.fail("GET", HostFault(status, b"<html>"), times=ALWAYS)
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")

        assert [200] == sends(here)


async def test_the_private_api_is_not_touched_unasked(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """With a tenant and an address but without ``kefu.private_api`` nobody calls the desk's own host."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.refuse_login(*LIMIT, times=3)
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        await trio.sleep(3600)

        assert here.config.kefu.url
        assert [] == here.kefu.calls


@pytest.mark.parametrize("private_api", [False, True])
async def test_what_im_loses_twice_goes_by_the_second_channel(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, private_api: bool
) -> None:
    """A message that the desk did not confirm twice, though logins work, goes by it; without it the writer is told."""
    async with town(tmp_path, private_api=private_api) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.faults.lose("are you there?", times=2)
        await mia.says(mia.dm(), "are you there?")
        await trio.sleep(1800)

        assert (["hello", "are you there?"] if private_api else ["hello"]) == heard(here)
        assert ((0, 0) if private_api else (0, 1)) == told(here)
        assert int(private_api) == len(here.kefu.of("POST"))


# The way in.


async def test_what_im_missed_is_found(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While a service session is open, an answer that never came over IM is found within ten minutes or so."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        visitor = here.visitor(mia, dm)
        await mia.says(dm, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.desk.answers(visitor, "over both")
        weichat = {"msgId": "00000000-0000-4000-8000-00000000cafe", "agent": None}
        lost = ImMessage(SERVICE_NUMBER, visitor, "txt", {"msg": "only here"}, {"weichat": weichat})
        here.kefu._list(lost, 1)
        with trio.fail_after(700):
            await here.slack.posted(2)

        assert ["over both", "only here"] == [post.text for post in here.slack.ledger.posts]
        assert 1 == len(here.kefu.of("GET"))


async def test_a_crash_between_reading_and_posting_loses_nothing(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Answers that were handed out and are not in Slack when the daemon ends are posted by the next run, once each."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        here.easemob.faults.refuse_login(*LIMIT, times=ALWAYS)
        await mia.says(dm, "hello")
        with trio.fail_after(SOON_S):
            await here.desk.heard("hello")
        here.slack.faults.web.storm("chat.postMessage", Hang())
        for number in range(3):
            here.desk.answers(here.visitor(mia, dm), f"answer {number}")
        await trio.sleep(60)

        assert not here.slack.ledger.posts
        assert 3 <= here.statistics["incoming"]().pending  # type: ignore[attr-defined]  # that group's class

        await here.stop()
        here.slack.faults.web.clear()
        await here.start()
        with trio.fail_after(SOON_S):
            await here.slack.posted(3)
        await trio.sleep(120)

        assert [f"answer {number}" for number in range(3)] == [post.text for post in here.slack.ledger.posts]
        assert 0 == here.statistics["incoming"]().pending  # type: ignore[attr-defined]  # that group's class

        await trio.sleep(3700)

        assert not [each for each in (tmp_path / "store" / "incoming").iterdir() if b"answer" in each.read_bytes()]


# All at once.

MINUTES = 10


async def logins_fail_at_times(here: Town, people: list[Person], chance: Random) -> None:
    """Let a visitor's login be refused for a while, cut connections, and disturb the other ways too."""
    while True:
        visitor = here.visitor(person := chance.choice(people), person.dm())
        match chance.randrange(7):
            case 0 | 1:
                here.easemob.faults.refuse_login(*LIMIT, user=visitor, times=chance.randint(1, 3))
                here.easemob.cut(visitor)
            case 2:
                im_is_away(here)
                await trio.sleep(chance.uniform(20, 90))
                im_is_back(here)
            case 3:
                here.easemob.faults.fail_rest("/messages", 429, "reach_limit")
            case 4:
                here.kefu.fail("POST", chance.choice([HostFault(carried_out=True), HostFault(502), HostFault(503)]))
            case 5:
                here.kefu.fail("GET", HostFault(503), times=2)
            case _:
                here.easemob.faults.cut_after_sends += 1
        await trio.sleep(chance.uniform(2, 20))


async def write(here: Town, people: list[Person]) -> None:
    """Let everybody write, and an agent answer."""
    for number in range(MINUTES * 60 // 3):
        person = people[number % len(people)]
        visitor = here.visitor(person, person.dm())
        await person.says(person.dm(), f"question {number}")
        if here.desk.conversation(visitor).heard:
            here.desk.answers(visitor, f"answer {number}")
        await trio.sleep(3)


@pytest.mark.parametrize("private_api", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_ways_that_change_again_and_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int, private_api: bool
) -> None:
    """Under load both ways, while now this way is open and now that, each message arrives once and in order."""
    chance = Random(seed)
    async with town(tmp_path, seed=seed, private_api=private_api) as here:
        people = [here.north.add_user(name=f"Person {number}") for number in range(5)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(logins_fail_at_times, here, people, chance)
            await write(here, people)
            nursery.cancel_scope.cancel()
        im_is_back(here)
        logins_work(here)
        await trio.sleep(3600)
        verdict = here.judge()
        ways = here.statistics["ways"]()
        print(verdict, ways)  # noqa: T201 - pytest shows it with a failure

        assert verdict.is_clean, verdict
        assert verdict.sent > 300
        assert 10 < (ways.second_channel if private_api else ways.rest)  # type: ignore[attr-defined]  # that group's class
        assert 0 == here.statistics["incoming"]().pending  # type: ignore[attr-defined]  # that group's class


async def test_no_message_is_taken_from_the_login(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While logins work every word goes by IM, also over a restart: the other ways are for when they do not."""
    async with town(tmp_path, private_api=True) as here:
        mia = here.north.add_user(name="Mia")
        for number in range(3):
            await mia.says(mia.dm(), f"{number}")
            with trio.fail_after(SOON_S):
                await here.desk.heard(f"{number}")
            await here.stop()
            await here.start()

        assert ([], []) == (sends(here), here.kefu.of("POST"))
        assert 3 == len([each for each in here.easemob.ledger.of(Accepted) if each.client_id is not None])
