"""The table has a row for each kind of thing the facts name, and somebody who acts on each row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

import slackkefu.bridge
from slackkefu.bridge.table import EVENTS, KEFU, PAYLOADS, SUBTYPES, Reason, Rule
from slackkefu.kefu.messages import KefuMessage, Media, MediaKind
from slackkefu.slack.features import BOT_EVENTS
from tests.kefu.samples import EXPECT

SOURCES = {path.name: path.read_text("utf-8") for path in Path(slackkefu.bridge.__file__).parent.rglob("*.py")}


def test_every_kefu_message_has_a_row() -> None:
    """Each type of kefu's messages is in the table under its kind, and nothing else is."""
    kinds = {each.kind for each in get_args(KefuMessage) if each is not Media} | {*get_args(MediaKind)}

    assert kinds == set(KEFU)


def test_every_kefu_sample_has_a_row() -> None:
    """Each kind that the samples expect is in the table; what the bridge itself sends is no kind of message."""
    kinds = {expected["kind"].partition("+")[0] for expected in EXPECT.values()}

    assert kinds - {"outgoing"} <= set(KEFU)


FROM_PEOPLE = ["", "file_share", "me_message", "thread_broadcast"]
CHANGES = {"message_changed": Rule.EDIT, "message_deleted": Rule.DELETION}
FROM_NOBODY = [
    "bot_message",
    "message_replied",
    "tombstone",
    "assistant_app_thread",
    "ekm_access_denied",
    "channel_join",
    "channel_leave",
    "channel_topic",
    "channel_purpose",
    "channel_name",
    "channel_archive",
    "channel_unarchive",
    "channel_convert_to_private",
    "channel_convert_to_public",
    "channel_posting_permissions",
    "group_join",
    "group_leave",
    "group_topic",
    "group_purpose",
    "group_name",
    "group_archive",
    "group_unarchive",
    "pinned_item",
    "unpinned_item",
    "reminder_add",
    "bot_add",
    "bot_remove",
    "file_comment",
    "file_mention",
    "document_mention",
    "reply_broadcast",
    "huddle_thread",
]
"""The table of facts/slack.md §4."""


def test_every_subtype_of_the_facts_has_its_row() -> None:
    """A person's subtypes pass, changes are changes, the others are ignored, each by name."""
    expected = {
        **dict.fromkeys(FROM_PEOPLE, Rule.FORWARD),
        **CHANGES,
        **dict.fromkeys(FROM_NOBODY, Rule.IGNORE),
    }

    assert expected == dict(SUBTYPES)


def test_every_event_of_the_manifest_has_a_row() -> None:
    """What the app subscribes to is known by name, and what is acted on is subscribed to; messages are ``message``."""
    subscribed = {name.partition(".")[0] for name in BOT_EVENTS}
    acted_on = {event for event, rule in EVENTS.items() if rule is not Rule.IGNORE}

    assert subscribed <= set(EVENTS)
    assert acted_on <= subscribed


def test_every_payload_of_the_facts_has_a_row() -> None:
    """Events, commands and clicks are the kinds of envelopes there are (facts/slack.md §1)."""
    assert {"events_api", "slash_commands", "interactive"} == set(PAYLOADS)


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_is_in_a_row_and_acted_on(rule: Rule) -> None:
    """No rule stands in the table without a row, and none without code that knows it."""
    rows = {*PAYLOADS.values(), *EVENTS.values(), *SUBTYPES.values(), *KEFU.values()}
    users = {name for name, source in SOURCES.items() if name != "table.py" and f"Rule.{rule.name}" in source}

    assert rule in rows
    assert users


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_given(reason: Reason) -> None:
    """Each reason is given somewhere, under a stable name."""
    users = {
        name
        for name, source in SOURCES.items()
        if name != "table.py" and re.search(rf"\bReason\.{reason.name}\b", source)
    }

    assert users
    assert reason.name.lower() == reason.value


def test_only_people_s_words_pass() -> None:
    """What is forwarded from Slack is exactly the short list."""
    assert FROM_PEOPLE == [subtype for subtype, rule in SUBTYPES.items() if rule is Rule.FORWARD]
    assert ["message", "app_mention"] == [event for event, rule in EVENTS.items() if rule is Rule.FORWARD]
