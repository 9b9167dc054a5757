"""Words that were written into a form go as those of a message do, and rest on disk like them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
from slackkefu.bridge.slack_to_kefu.naming import Naming
from slackkefu.bridge.slack_to_kefu.spilled import restore, write
from slackkefu.bridge.slack_to_kefu.to_kefu import parts
from slackkefu.easemob.message import OutgoingMessage, TextBody
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.outgoing import VisitorCard
from slackkefu.slack.envelope import EventCallback
from slackkefu.slack.installation import Installations
from slackkefu.slack.text import escape
from tests.bridge.people import NORTH, envelope, forward

WORDS = "\n".join(f"{number} <call> me" for number in range(500))


def carried(*, in_parts: bool) -> list[Any]:
    """Return the bodies that carry what was written."""
    written = replace(forward(escape(WORDS)), deed=ForDesk(words=WORDS, in_parts=in_parts))
    made = parts(
        written, card=VisitorCard("U0MIA00001"), language=None, names=Naming(), service_number=ImUser("kefu_service")
    )
    return [each.body for each in made if isinstance(each, OutgoingMessage)]


def test_words_of_any_length() -> None:
    """Nothing of them is lost, where the answer to a program would be cut."""
    bodies = carried(in_parts=True)

    assert all(isinstance(body, TextBody) and len(body.text.encode()) <= 2000 for body in bodies)
    assert WORDS == "\n".join(body.text.strip("\n") for body in bodies)
    assert 1 == len(carried(in_parts=False))


def test_they_come_back_from_the_disk() -> None:
    """As what they were: words, that Slack keeps nowhere."""
    written = replace(forward("hello"), deed=ForDesk(words="hello", in_parts=True))
    payload = envelope("hello").payload
    assert isinstance(payload, EventCallback)
    restored = restore(write(written, payload), Installations([NORTH]))

    assert written == restored
    assert not written.stands_in_slack
