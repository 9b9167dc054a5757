"""Words that came before the mention that makes them words for the desk are not forgotten."""

from __future__ import annotations

from typing import Any

from slackkefu.bridge.slack_to_kefu import overheard as module
from slackkefu.bridge.slack_to_kefu.overheard import Overheard
from slackkefu.bridge.slack_to_kefu.routing import Ignored
from slackkefu.bridge.table import Reason
from slackkefu.easemob.names import ImUser
from tests.bridge.people import MIA_CHANNEL, envelope, forward

USER = ImUser(MIA_CHANNEL)
IN_CHANNEL = {"channel": "C0SUPPORT1", "channel_type": "channel"}
ROOT = "1760000000.000001"
MENTION = "<@U0NORTHBOT> hello"


def overhear(heard: Overheard, **changes: Any) -> None:
    """Leave words in the thread alone."""
    ignored = Ignored(Reason.NOT_MENTIONED, may_follow=USER)
    heard.note(ignored, envelope(**{**IN_CHANNEL, "number": 2, "thread_ts": ROOT, **changes}))


def overtaken(heard: Overheard, text: str = MENTION, *, retry: int = 0, **changes: Any) -> bool:
    """Let a message come, and ask whether words of its thread came before it."""
    fields = {**IN_CHANNEL, **changes}
    return heard.was_overtaken(forward(text, **fields), envelope(text, retry=retry, **fields))


def test_a_mention_after_words_of_its_thread() -> None:
    """The mention that opens a thread in which its author has written is told, once."""
    heard = Overheard()
    overhear(heard)

    assert overtaken(heard)
    assert not overtaken(heard)


def test_a_mention_that_comes_in_time() -> None:
    """Nothing is read for a mention that was not overtaken, nor for one in another thread."""
    heard = Overheard()
    before = overtaken(heard)
    overhear(heard, thread_ts="1750000000.000001")

    assert not before
    assert not overtaken(heard)


def test_a_mention_that_is_repeated() -> None:
    """A mention that comes late may have been overtaken in the run before, which nobody remembers."""
    assert overtaken(Overheard(), retry=1)


def test_what_is_no_mention() -> None:
    """Plain words and direct messages open no thread, so nothing waits for them."""
    assert not overtaken(Overheard(), "hello", retry=1)
    assert not overtaken(Overheard(), retry=1, channel="D0MIA00001", channel_type="im")


def test_what_no_mention_would_make_ours() -> None:
    """What was left alone for another reason, and what is in no thread, is not remembered."""
    heard = Overheard()
    heard.note(Ignored(Reason.OTHER_BOT), envelope(**IN_CHANNEL, number=2, thread_ts=ROOT))
    overhear(heard, thread_ts=None)

    assert not overtaken(heard)


def test_only_so_many() -> None:
    """The oldest are forgotten."""
    heard = Overheard()
    overhear(heard)
    for number in range(module.REMEMBERED):
        overhear(heard, thread_ts=f"1750000000.{number:06}")

    assert not overtaken(heard)
