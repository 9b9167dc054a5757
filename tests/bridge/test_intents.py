"""An intent is open from the run that wrote it until its message has ended."""

from __future__ import annotations

import trio
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.intents import Intents
from slackkefu.easemob.names import ImUser
from slackkefu.slack.web import Post
from slackkefu.store.entries import Answered
from tests.bridge.people import MIA, Journal

USER = ImUser(MIA)


def post(message: str, part: int = 0, channel: str = "D1") -> Post:
    """Make a part of a message."""
    return Post(channel=channel, text="hi", metadata_id=f"{message}/{part}")


def restored(journal: Journal) -> Intents:
    """Make the intents of the next run."""
    intents = Intents(journal=Journal(), wall=lambda: 99.0)
    intents.restore(journal.entries)
    return intents


async def test_an_open_intent() -> None:
    """What was intended and has not ended is open after a restart, with its time; nothing else is."""
    journal = Journal()
    this = Intents(journal=journal, wall=lambda: 7.0)
    await this.intend(USER, post("m"))

    assert this.left_open_at(USER, post("m")) is None

    after = restored(journal)

    assert 7.0 == after.left_open_at(USER, post("m"))
    assert after.left_open_at(USER, post("m", part=1)) is None
    assert after.left_open_at(USER, post("m", channel="D2")) is None
    assert after.left_open_at(ImUser("another"), post("m")) is None


async def test_an_id_with_a_slash() -> None:
    """Kefu's id may be any text."""
    journal = Journal()
    await Intents(journal=journal, wall=lambda: 7.0).intend(USER, post("a/b/c", part=12))

    assert 7.0 == restored(journal).left_open_at(USER, post("a/b/c", part=12))


async def test_the_first_try_counts() -> None:
    """A post that was tried in two runs is looked for from the first on."""
    journal = Journal()
    await Intents(journal=journal, wall=lambda: 7.0).intend(USER, post("m"))
    await Intents(journal=journal, wall=lambda: 8.0).intend(USER, post("m"))

    assert 7.0 == restored(journal).left_open_at(USER, post("m"))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20))
def test_any_order(steps: list[tuple[str, bool]]) -> None:
    """In any order of intents and endings, what is open is what was intended after its last ending."""
    journal, is_open = Journal(), dict.fromkeys("abc", False)
    intents = Intents(journal=journal, wall=lambda: 7.0)

    async def write() -> None:
        for message, ends in steps:
            is_open[message] = not ends
            if ends:
                await journal.append(Answered(user=MIA, msg_id=message, outcome="ended", at=1.0))
            else:
                await intents.intend(USER, post(message))

    trio.run(write)
    after = restored(journal)

    assert is_open == {each: after.left_open_at(USER, post(each)) is not None for each in "abc"}
