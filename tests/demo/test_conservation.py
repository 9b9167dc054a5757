"""The conservation ledger reads from the two fakes what was sent and what has arrived, and no more than they know."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.demo.conservation import judge_town
from slackkefu.demo.desk import Desk
from slackkefu.demo.easemob import FakeEasemob, ImMessage
from slackkefu.demo.slack import FakeSlack
from slackkefu.demo.slack.ledger import Post
from slackkefu.demo.slack.model import HostedFile

if TYPE_CHECKING:
    from slackkefu.demo.judge import Verdict
    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.model import Channel


@dataclass
class Calendar:
    """A calendar that goes when told to."""

    now: float = 1_760_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Place:
    """The two fakes, and a bridge between them that does only what a test tells it."""

    slack: FakeSlack
    easemob: FakeEasemob
    desk: Desk
    mia: Person
    wall: Calendar

    def visitor(self, channel: Channel) -> str:
        """Return Mia's name in *channel*."""
        return f"t0north001_u0mia00001_{channel.id}".lower()

    def bring(self, channel: Channel, *texts: str) -> None:
        """Bring *texts* to the desk."""
        for text in texts:
            self.easemob.post(ImMessage(self.visitor(channel), self.desk.service_number, "txt", {"msg": text}, {}))

    def post(self, channel: Channel, text: str, identity: str, **more: str) -> None:
        """Post *text* in Slack."""
        metadata: dict[str, Any] = {"event_type": "kefu", "event_payload": {"id": identity}}
        arguments = {"metadata": metadata}
        (installation,) = self.slack.state.installations
        message = self.slack.state.post(installation, channel, text=text, arguments=arguments)
        self.slack.ledger.posts.append(Post(self.wall.now, installation, channel, message, arguments, **more))

    def share(self, channel: Channel, name: str) -> None:
        """Share a file in Slack."""
        (installation,) = self.slack.state.installations
        file = HostedFile("F0FILE0001", name, "image/png", b"x", installation.bot, 0)
        message = self.slack.state.share(installation, channel, [file], text="", thread_ts=None)
        self.slack.ledger.posts.append(Post(self.wall.now, installation, channel, message, {}))

    def judge(self) -> Verdict:
        """Judge it all."""
        return judge_town(self.slack, self.easemob, self.desk)


@pytest.fixture
def place() -> Place:
    """A workspace with Mia in it, and a desk."""
    wall = Calendar()
    slack = FakeSlack(wall=wall, chance=Random(1))
    easemob = FakeEasemob(wall=wall)
    north = slack.add_workspace("T0NORTH001", name="North")
    north.install()
    return Place(slack, easemob, Desk(easemob), north.add_user("U0MIA00001", name="Mia"), wall)


async def test_a_direct_message(place: Place) -> None:
    """It is lost until the desk has heard it, and doubled when it has heard it twice."""
    dm = place.mia.dm()
    await place.mia.says(dm, "hello 😀")

    assert [(f"to the desk: {place.visitor(dm)}", "hello :grinning:")] == [*place.judge().lost]

    place.wall.now += 30
    place.bring(dm, "hello 😀")
    verdict = place.judge()

    assert verdict.is_clean
    assert (1, 30.0) == (len(verdict.late), verdict.longest_s)

    place.bring(dm, "hello 😀")

    assert 1 == len(place.judge().doubled)


async def test_a_long_message(place: Place) -> None:
    """It has arrived with its last piece; white space at the cuts does not matter."""
    dm = place.mia.dm()
    words = " ".join(f"word {number}" for number in range(200))
    await place.mia.says(dm, words)
    place.bring(dm, words[:700].strip())

    assert 1 == len(place.judge().lost)

    place.bring(dm, words[700:].strip())

    assert place.judge().is_clean

    place.bring(dm, words[:700].strip(), words[700:].strip())

    assert 1 == len(place.judge().doubled)


async def test_a_long_message_that_comes_late(place: Place) -> None:
    """Its first piece says when it was written, for all of it."""
    dm = place.mia.dm()
    words = " ".join(f"word {number}" for number in range(200))
    await place.mia.says(dm, words)
    await place.mia.says(dm, "later")
    place.bring(dm, "later", words[:700].strip(), words[700:].strip())

    assert 1 == len(place.judge().reordered)

    await place.mia.says(dm, f"again {words}")
    await place.mia.says(dm, "latest")
    place.bring(dm, "latest", f"[补发 Late · 2025-10-09 08:53 UTC]\nagain {words[:700].strip()}", words[700:].strip())

    assert 1 == len(place.judge().reordered)


async def test_a_long_message_and_its_edit(place: Place) -> None:
    """That both begin alike takes no piece away from either: the text has arrived once, and its correction is none."""
    dm = place.mia.dm()
    words = " ".join(f"word {number}" for number in range(200))
    message = await place.mia.says(dm, words)
    await place.mia.edits(message, f"{words} edited")
    pieces = words[:700].strip(), words[700:].strip()
    edited = f"[更正 Edited · 2025-10-09 08:53 UTC]\n{pieces[0]}", f"{pieces[1]} edited"
    place.bring(dm, *pieces, *edited)
    verdict = place.judge()

    assert (1, (), ()) == (verdict.arrived, verdict.lost, verdict.doubled)


async def test_a_message_of_which_its_writer_was_told(place: Place) -> None:
    """The app's mark on it says that it has not arrived: it is told, not lost. Other people's marks say nothing."""
    dm = place.mia.dm()
    first, second = await place.mia.says(dm, "first"), await place.mia.says(dm, "second")
    first.reactions["warning"] = [place.slack.state.installations[0].bot.id]
    second.reactions["warning"] = [place.mia.id]
    verdict = place.judge()

    assert ["first"] == [text for _, text in verdict.told]
    assert ["second"] == [text for _, text in verdict.lost]


async def test_a_channel(place: Place) -> None:
    """A mention is for the desk, and what follows of the same person's in its thread, until the desk closes."""
    bot = place.slack.state.installations[0].bot
    channel = place.slack.state.add_channel(
        None, place.mia.dm().kind.PUBLIC, "support", teams=[place.mia.user.team], members=[place.mia.user, bot]
    )
    await place.mia.says(channel, "among ourselves")
    root = await place.mia.says(channel, f"<@{bot.id}> one")
    await place.mia.says(channel, "two", thread=root)
    place.bring(channel, "one")

    assert ["two"] == [text for _, text in place.judge().lost]

    place.wall.now += 1
    place.bring(channel, "two")
    place.desk.closes(place.visitor(channel))
    place.wall.now += 1
    await place.mia.says(channel, "three", thread=root)
    verdict = place.judge()

    assert verdict.is_clean
    assert (2, 2) == (verdict.sent, verdict.arrived)


async def test_an_answer(place: Place) -> None:
    """It is known by its id, and has arrived only where its visitor is answered."""
    dm = place.mia.dm()
    other = place.slack.add_workspace("T0SOUTH001", name="South").add_user(name="Eve")
    identity = place.desk.answers(place.visitor(dm), "on its way")
    place.post(dm, "on its way", "another's/0")
    place.post(place.slack.state.direct(other.user, place.slack.state.installations[0]), "on its way", f"{identity}/0")
    place.post(dm, "on its way", f"{identity}/0", ephemeral_to=place.mia.id)

    assert ["on its way"] == [text for _, text in place.judge().lost]

    place.post(dm, "on its way", f"{identity}/0")

    assert place.judge().is_clean

    place.post(dm, "on its way", f"{identity}/0")

    assert ["on its way"] == [text for _, text in place.judge().doubled]


async def test_a_long_answer(place: Place) -> None:
    """It has arrived with its last piece; one piece twice is a double."""
    dm = place.mia.dm()
    identity = place.desk.answers(place.visitor(dm), "one two")
    place.post(dm, "one", f"{identity}/0")

    assert 1 == len(place.judge().lost)

    place.post(dm, "two", f"{identity}/1")

    assert place.judge().is_clean

    place.post(dm, "two", f"{identity}/1")

    assert 1 == len(place.judge().doubled)


async def test_a_file(place: Place) -> None:
    """A file has arrived when it is shared, or with the line that stands for it; twice is once too often."""
    dm = place.mia.dm()
    visitor = place.visitor(dm)
    identities = [place.desk.sends_file(visitor, "img", "/x", name=name) for name in ("a.png", "b.png")]
    verdict = place.judge()

    assert ["a.png", "b.png"] == [text for _, text in verdict.lost]

    place.share(dm, "a.png")
    place.post(dm, "[图片 Image] b.png", f"{identities[1]}/1")

    assert place.judge().is_clean

    place.share(dm, "a.png")

    assert ["a.png"] == [text for _, text in place.judge().doubled]


async def test_a_file_out_of_order(place: Place) -> None:
    """Words that stand before a file that was sent before them are out of order."""
    dm = place.mia.dm()
    visitor = place.visitor(dm)
    place.desk.sends_file(visitor, "img", "/x", name="a.png")
    identity = place.desk.answers(visitor, "do you see it?")
    place.post(dm, "do you see it?", f"{identity}/0")
    place.share(dm, "a.png")

    assert ["a.png"] == [text for _, text in place.judge().reordered]


async def test_a_recalled_answer(place: Place) -> None:
    """It need not arrive; a post that carries no message of the desk's is neither an answer nor a double."""
    dm = place.mia.dm()
    visitor = place.visitor(dm)
    identity = place.desk.answers(visitor, "taken back")
    place.desk.answers(visitor, "kept")
    place.desk.recalls(visitor, identity)
    place.post(dm, "kept", f"recall/{identity}/0")
    place.post(dm, "kept", "session/s-1/0")

    assert ["kept"] == [text for _, text in place.judge().lost]


async def test_an_agent_who_was_told(place: Place) -> None:
    """What the desk hears that nobody wrote speaks for the answers of its service session, and for no others."""
    dm = place.mia.dm()
    place.desk.answers(place.visitor(dm), "before")
    place.desk.closes(place.visitor(dm))
    place.desk.answers(place.visitor(dm), "lost")
    place.bring(dm, "[not delivered]")
    verdict = place.judge()

    assert ["lost"] == [text for _, text in verdict.told]
    assert ["before"] == [text for _, text in verdict.lost]
