"""Files among the words: in their place, once, or a line for each that cannot be had."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from slackkefu.bridge.slack_to_kefu.cargo import Cargo
from slackkefu.easemob.message import MediaBody
from slackkefu.kefu.outgoing import mark_of
from slackkefu.store.entries import Awaiting
from tests.bridge.people import (
    forward,
)
from tests.bridge.slack_to_kefu.forwarding_bench import (
    CUT,
    LOST,
    NEVER,
    Way,
    withdraw,
)


def shared(*ids: str, text: str | None = "look", **changes: Any) -> dict[str, Any]:
    """Say what makes a message one with files."""
    files = [{"id": each, "name": f"{each}.png", "mimetype": "image/png", "url_private": "x"} for each in ids]
    return {"text": text, "subtype": "file_share", "files": files, **changes}


def bodies(way: Way) -> list[str]:
    """Return what was sent, in order: words, and files by where they lie."""
    sent = [message.body for _, message, _ in way.pool.sent]
    return [body.remote_path if isinstance(body, MediaBody) else getattr(body, "text", "") for body in sent]


async def test_words_then_files(autojump_clock: trio.testing.MockClock) -> None:
    """In order, each brought before it is sent; the desk has to confirm each by its kind."""
    way = Way()
    await way.carry(**shared("F1", "F2"))
    (awaited,) = [entry for entry in way.journal.entries if isinstance(entry, Awaiting)]

    assert ["look", "https://im.test/F1", "https://im.test/F2"] == bodies(way)
    assert ["F1", "F2"] == way.carrier.asked
    assert ["txt", "img", "img"] == [*awaited.marks.values()]
    assert [*awaited.marks] == [mark_of(message) for _, message, _ in way.pool.sent]


async def test_a_file_is_brought_once(autojump_clock: trio.testing.MockClock) -> None:
    """However often it has to be sent; the same is sent each time."""
    way = Way()
    way.pool.answers += [None, LOST, CUT, LOST]
    await way.carry(**shared("F1"))
    _, *sent = [message for _, message, _ in way.pool.sent]

    assert 4 == len(sent)
    assert [sent[0]] * 4 == sent
    assert ["F1"] == way.carrier.asked


@pytest.mark.parametrize(("tries", "is_final"), [(1, True), (3, False)])
async def test_a_line_in_a_file_s_place(autojump_clock: trio.testing.MockClock, tries: int, is_final: bool) -> None:
    """Is confirmed as words; before it is sent again a file that may still come is tried again."""
    way = Way()
    way.carrier.lines["F1"] = is_final
    way.pool.answers += [None, CUT, CUT]
    await way.carry(**shared("F1"))
    (awaited,) = [entry for entry in way.journal.entries if isinstance(entry, Awaiting)]

    assert ["look", *["[文件 File] F1.png"] * 3] == bodies(way)
    assert ["txt", "txt"] == [*awaited.marks.values()]
    assert ["F1"] * tries == way.carrier.asked


async def test_a_file_that_comes_after_all(autojump_clock: trio.testing.MockClock) -> None:
    """The line did not leave, and now the file is there: under the same ids."""
    way = Way()
    way.carrier.lines["F1"] = False
    way.pool.answers.append(CUT)
    parcel = way.take(**shared("F1", text=None))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.work, parcel)
        await trio.testing.wait_all_tasks_blocked()
        way.carrier.lines.clear()

    assert ["[文件 File] F1.png", "https://im.test/F1"] == bodies(way)
    assert 1 == len({message.meta_id for _, message, _ in way.pool.sent})


async def test_a_file_that_is_not_taken_as_a_message(autojump_clock: trio.testing.MockClock) -> None:
    """A line goes in its place, and what comes behind it; only who is refused altogether is told."""
    way = Way()
    way.pool.answers += [None, NEVER]
    await way.carry(**shared("F1", "F2"))
    way.pool.answers += [NEVER, NEVER]
    await way.carry(**shared("F3", text=None, number=2))

    assert ["look", "https://im.test/F1", "[文件 File] F1.png", "https://im.test/F2"] == bodies(way)[:4]
    assert ["https://im.test/F3", "[文件 File] F3.png"] == bodies(way)[4:]
    assert ["1760000000.000002"] == [entry.ts for entry in way.untold]


async def test_a_file_that_became_late_on_the_way(autojump_clock: trio.testing.MockClock) -> None:
    """When it was written is said before it, once; the files behind it need no more."""
    way = Way()
    way.carrier.takes_s |= {"F1": 400.0, "F2": 400.0}
    await way.carry(**shared("F1", "F2", text=None, ts=f"{1_760_000_000 + trio.current_time():.6f}"))

    assert ["https://im.test/F1", "https://im.test/F2"] == bodies(way)[1:]
    assert bodies(way)[0].startswith("[补发 Late · ")
    assert ["F1", "F2"] == way.carrier.asked


async def test_what_became_late_when_some_of_it_was_there(autojump_clock: trio.testing.MockClock) -> None:
    """Needs no word of it between one file and the next."""
    way = Way()
    way.carrier.takes_s["F2"] = 400.0
    await way.carry(**shared("F1", "F2", text=None, ts=f"{1_760_000_000 + trio.current_time():.6f}"))

    assert ["https://im.test/F1", "https://im.test/F2"] == bodies(way)


async def test_deleted_while_its_file_is_brought(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing has left, so nothing leaves."""
    way = Way()
    way.carrier.takes_s["F1"] = 60.0
    parcel = way.take(**shared("F1", text=None))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(way.work, parcel)
        await trio.sleep(30)
        assert await withdraw(way, parcel)

    assert [] == bodies(way)


async def test_a_file_made_again_is_still_to_be_brought(autojump_clock: trio.testing.MockClock) -> None:
    """Where it lay at Easemob nobody knows any more; the desk knows it by its mark."""
    way = Way()
    await way.carry(**shared("F1"))
    _, again = await way.forwarding.again(forward(**shared("F1")))

    assert isinstance(again, Cargo)
    assert mark_of(again) == mark_of(way.pool.sent[1][1])
    assert again.message.meta_id != way.pool.sent[1][1].meta_id
