"""What kefu says becomes posts that show it and ping nobody."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.kefu_to_slack.to_slack import InChannel, InPrivate, elsewhere, posts
from slackkefu.slack.ids import ChannelId, Ts, UserId
from slackkefu.slack.web import Post

DIRECT = InChannel(ChannelId("D1"), None)
THREAD = InChannel(ChannelId("C1"), Ts("1.1"))
PRIVATE = InPrivate(UserId("U1"), about=ChannelId("C1"))


def test_a_short_text_is_one_post() -> None:
    """A text that fits is posted as it is, where it belongs, with its identity."""
    assert (Post(channel="C1", text="hello", thread_ts=Ts("1.1"), metadata_id="m-1/0"),) == posts(
        "hello", place=THREAD, identity="m-1"
    )


def test_a_private_answer_names_the_channel() -> None:
    """An answer for which no thread is known goes to the visitor alone and says what it is about."""
    assert (Post(channel="U1", text="<#C1> hello", metadata_id="m-1/0"),) == posts(
        "hello", place=PRIVATE, identity="m-1"
    )


def test_nothing_can_ping() -> None:
    """Slack's control sequences in an agent's text arrive as the characters they are."""
    (post,) = posts("<!channel> <@U1> <https://evil.example|me> & more", place=DIRECT, identity="m")

    assert "&lt;!channel&gt; &lt;@U1&gt; &lt;https://evil.example|me&gt; &amp; more" == post.text


@given(st.text(alphabet=st.sampled_from("a<>&@!# \n你"), max_size=9000))
def test_long_texts_are_cut_whole(text: str) -> None:
    """Whatever the text, each post fits Slack's limit, holds no open bracket, and together they hold every word."""
    made = posts(text, place=DIRECT, identity="m")

    assert all(0 < len(post.text) <= 3900 for post in made)
    assert not any("<" in post.text or ">" in post.text for post in made)
    assert re.sub(r"\s", "", text) == re.sub(r"\s", "", html.unescape("".join(post.text for post in made)))
    assert [f"m/{index}" for index in range(len(made))] == [post.metadata_id for post in made]


def test_a_refused_channel_leads_to_the_visitor_alone() -> None:
    """An answer refused in a channel goes to the visitor alone, never openly elsewhere."""
    assert PRIVATE == elsewhere(THREAD, "is_archived", user=UserId("U1"), is_direct=False)
    assert PRIVATE == elsewhere(THREAD, "thread_not_found", user=UserId("U1"), is_direct=False)


def test_a_lost_thread_in_a_direct_message_costs_only_the_thread() -> None:
    """A direct message is answered outside of a thread that is gone."""
    place = InChannel(ChannelId("D1"), Ts("1.1"))

    assert DIRECT == elsewhere(place, "thread_not_found", user=UserId("U1"), is_direct=True)


def test_there_is_an_end() -> None:
    """What is refused where it was to go last, or for the message's own sake, goes nowhere else."""
    user = UserId("U1")

    assert [None, None, None] == [
        elsewhere(PRIVATE, "channel_not_found", user=user, is_direct=False),
        elsewhere(DIRECT, "channel_not_found", user=user, is_direct=True),
        elsewhere(THREAD, "msg_too_long", user=user, is_direct=False),
    ]


def test_a_text_of_escapes_alone_still_fits() -> None:
    """Characters that grow most when escaped are cut so that each post fits."""
    made = posts("&" * 4000, place=DIRECT, identity="m")

    assert all(len(post.text) <= 3900 for post in made)
    assert "&amp;" * 4000 == "".join(post.text for post in made)
