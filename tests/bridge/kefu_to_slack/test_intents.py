"""An intent is open from the run that wrote it until its message has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import trio
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.kefu_to_slack.intents import Intended, Intents
from slackkefu.easemob.names import ImUser
from slackkefu.slack.ids import ChannelId, Ts
from slackkefu.slack.uploads import Upload
from slackkefu.slack.web import Post, Posted
from slackkefu.store.entries import Answered, Standing
from tests.bridge.people import MIA, Journal

if TYPE_CHECKING:
    from slackkefu.slack.uploads import Source

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
    """What was intended and has not ended is open after a restart, with its time and place; nothing else is."""
    journal = Journal()
    this = Intents(journal=journal, wall=lambda: 7.0)
    await this.intend(USER, replace(post("m"), thread_ts=Ts("1.1")))

    assert this.left_open(USER, post("m")) is None

    after = restored(journal)

    assert Intended(7.0, Ts("1.1")) == after.left_open(USER, post("m"))
    assert after.left_open(USER, post("m", part=1)) is None
    assert after.left_open(USER, post("m", channel="D2")) is None
    assert after.left_open(ImUser("another"), post("m")) is None


async def test_a_file() -> None:
    """Of a part that is a file it is known which, also over a restart; of one that was brought anew, the last."""
    journal = Journal()
    this = Intents(journal=journal, wall=lambda: 7.0)
    part = Upload(channel="D1", file=cast("Source", None), metadata_id="m/0")
    await this.intend(USER, part, file_id="F1")
    intended = await this.intend(USER, part, file_id="F2")

    assert Intended(7.0, None, "F2") == intended == restored(journal).left_open(USER, part)

    this.posted(USER, part, intended, at=Posted(ChannelId("D1"), Ts("9.9")))

    assert (Standing("D1", "9.9", file_id="F2"),) == this.standing(USER, "m")


async def test_an_id_with_a_slash() -> None:
    """Kefu's id may be any text."""
    journal = Journal()
    await Intents(journal=journal, wall=lambda: 7.0).intend(USER, post("a/b/c", part=12))

    assert Intended(7.0, None) == restored(journal).left_open(USER, post("a/b/c", part=12))


async def test_the_first_time_and_the_last_thread_count() -> None:
    """A part that was refused in its thread, and then tried without it, is looked for there, from the first try on."""
    journal = Journal()
    await Intents(journal=journal, wall=lambda: 7.0).intend(USER, replace(post("m"), thread_ts=Ts("1.1")))
    await Intents(journal=journal, wall=lambda: 8.0).intend(USER, post("m"))

    assert Intended(7.0, None) == restored(journal).left_open(USER, post("m"))


async def test_a_try_that_was_interrupted() -> None:
    """After it the parts it intended are open, those it posted known to be there, and those refused never tried."""
    intents = Intents(journal=Journal(), wall=lambda: 7.0)
    for part in range(3):
        intended = await intents.intend(USER, post("m", part))
        if part == 0:
            intents.posted(USER, post("m", part), intended)
    intents.refused(USER, post("m", 2))

    assert [None] * 3 == [intents.left_open(USER, post("m", part)) for part in range(3)]

    intents.interrupted(USER, "m")

    assert [Intended(7.0, None, is_posted=True), Intended(7.0, None), None] == [
        intents.left_open(USER, post("m", part)) for part in range(3)
    ]

    intents.ended(USER, "m")

    assert intents.left_open(USER, post("m")) is None


async def test_where_it_stands() -> None:
    """Where a message's posts stand is known until it ends, those of an interrupted try included."""
    intents = Intents(journal=Journal(), wall=lambda: 7.0)
    for part, posted in enumerate((Posted(ChannelId("D1"), Ts("1.1")), Posted(ChannelId("D1"), None), None)):
        intended = await intents.intend(USER, post("m", part))
        intents.posted(USER, post("m", part), intended, at=posted)
    intents.interrupted(USER, "m")
    named = replace(post("m", 3), username="Lin")
    intents.posted(USER, named, await intents.intend(USER, named), at=Posted(ChannelId("D1"), Ts("1.2")))

    file = post("m", 4)
    intents.posted(USER, file, await intents.intend(USER, file, file_id="F1"))

    assert (
        Standing("D1", "1.1"),
        Standing("D1", "1.2", is_named=True),
        Standing("", "", file_id="F1"),
    ) == intents.standing(USER, "m")

    intents.ended(USER, "m")

    assert () == intents.standing(USER, "m")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20))
def test_any_order(steps: list[tuple[str, bool]]) -> None:
    """In any order of intents and endings, what is open is what was intended after its last ending."""
    journal, is_open = Journal(), dict.fromkeys("abc", False)
    intents = Intents(journal=journal, wall=lambda: 7.0)

    async def write() -> None:
        for message, ends in steps:
            is_open[message] = not ends
            if ends:
                await journal.append(Answered(user=MIA, msg_id=message, outcome="posted", at=1.0))
            else:
                await intents.intend(USER, post(message))

    trio.run(write)
    after = restored(journal)

    assert is_open == {each: after.left_open(USER, post(each)) is not None for each in "abc"}
