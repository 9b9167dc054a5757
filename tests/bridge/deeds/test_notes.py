"""Forms fit into Slack's limits in every language, and remember what they are about."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.deeds.notes import (
    MOST_REMEMBERED,
    Quote,
    note_form,
    note_place,
    note_text,
    question_form,
    quote_of,
)
from slackkefu.bridge.identity import Visitor
from slackkefu.bridge.slack_to_kefu.naming import Naming
from slackkefu.slack.envelope import Interaction, parse_envelope
from slackkefu.slack.ids import ChannelId, TeamId, UserId

if TYPE_CHECKING:
    from collections.abc import Mapping

MIA = Visitor(TeamId("T0NORTH001"), UserId("U0MIA00001"), ChannelId("C0SUPPORT1"))
NAMES = Naming(people={UserId("U0LEO00001"): "Leo"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def shortcut(message: object = None, **payload: Any) -> Interaction:
    """Make the shortcut of a message."""
    said = {"type": "message", "user": "U0LEO00001", "ts": "1760000000.000100", "text": "it is broken"}
    raw = {
        "type": "message_action",
        "team": {"id": "T0NORTH001", "domain": "north"},
        "channel": {"id": "C0SUPPORT1", "name": "support"},
        "message": said if message is None else message,
    }
    interaction = parse_envelope({"type": "interactive", "payload": raw | payload}).payload
    assert isinstance(interaction, Interaction)
    return interaction


def check(form: Mapping[str, Any]) -> None:
    """Check a form against Slack's limits (facts/slack.md §8)."""
    assert all(1 <= len(form[name]["text"]) <= 24 for name in ("title", "submit", "close"))
    assert len(form["private_metadata"]) <= MOST_REMEMBERED
    assert len(json.dumps(form)) < 250_000
    for block in form["blocks"]:
        texts = [block.get("text"), block.get("label"), *block.get("elements", ())]
        assert all(1 <= len(text["text"]) <= 2000 for text in texts if text is not None)


@pytest.mark.parametrize("locale", ["zh-CN", "en-US", ""])
def test_a_form_fits(locale: str) -> None:
    """In one language and in both, with much to quote and with nothing."""
    check(note_form(MIA, locale=locale))
    check(question_form(Quote(), locale=locale))
    check(question_form(Quote("Leo", '"\n' * 20_000, "https://north.slack.com/archives/C1/p1"), locale=locale))


def test_a_note_knows_its_place() -> None:
    """It is for the conversation it was opened in, and of whoever has written it."""
    form: Any = note_form(MIA, locale="")

    assert MIA == note_place(form["private_metadata"], MIA.user)
    assert "[留言 Note] a <b>" == note_text(" a <b>\n")


@given(st.text() | JSON.map(json.dumps))
def test_a_place_that_cannot_be_read(memory: str) -> None:
    """Whatever stands there gives a place or none."""
    place = note_place(memory, MIA.user)

    assert place is None or MIA.user == place.user


def test_a_question_about_a_message() -> None:
    """The desk gets the question, the message with its author, and its link."""
    quote = quote_of(shortcut(), NAMES)

    assert (
        "what now?\n[引用 Quote] Leo: it is broken\nhttps://north.slack.com/archives/C0SUPPORT1/p1760000000000100"
    ) == quote.asked("what now?")
    assert quote == Quote.remembered(quote.memory())


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (Quote("ci & co", "red", ""), {"ts": "1.2", "bot_id": "B1", "username": "ci & co", "text": "red"}),
        (
            Quote("U1", "@here @channel x @Leo", ""),
            {"ts": "1.2", "user": "U1", "text": "<!here> <!channel|@channel> x <@U0LEO00001>"},
        ),
        (Quote(), {"user": "U1", "text": "no ts"}),
        (Quote(), "nothing"),
        (Quote(), []),
    ],
)
def test_a_message_of_which_little_is_known(expected: Quote, message: object) -> None:
    """What can be read goes along, and nobody is called by it again."""
    assert expected == quote_of(shortcut(message, team=None), NAMES)


def test_a_link_needs_a_workspace_s_name() -> None:
    """Nothing that is not one gets into the link."""
    assert "" == quote_of(shortcut(team={"id": "T1", "domain": "evil.example/"}), NAMES).link
    assert "" == quote_of(shortcut(channel=None), NAMES).link


def test_a_quotation() -> None:
    """Every line of it is marked as one; a long one is cut."""
    assert ("> Leo: &lt;!here&gt;", "> b", "> https://x") == Quote("Leo", "<!here>\n\nb", "https://x").lines()
    assert () == Quote().lines()
    assert Quote("", "x" * 1000).lines()[0].endswith("…")


@given(JSON, JSON, JSON)
def test_any_message_gives_a_form(message: object, channel: object, team: object) -> None:
    """No shape of payload stops a question, and the form fits whatever is in it."""
    interaction = parse_envelope(
        {
            "type": "interactive",
            "payload": {"type": "message_action", "message": message, "channel": channel, "team": team},
        }
    ).payload

    assert isinstance(interaction, Interaction)
    check(question_form(quote_of(interaction, NAMES), locale=""))
