"""Where the facts are unsure, the bridge works whichever way they turn out: one run for each switch of the fakes."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import DeskSwitches
from slackkefu.demo.easemob import Switches
from slackkefu.demo.slack import Switches as SlackSwitches
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path


EASEMOB: list[dict[str, Any]] = [
    {},
    {"inherit": False},
    {"milliseconds": True},
    {"token_life_s": 30.0},
    {"one_app_token": True},
    {"creation_s": 0.5},
    {"names_kept": True},
    {"names_kept": True, "inherit": False},
    {"limit_status": 503, "calls_per_second": 3},
    {"limit_status": 429, "calls_per_second": 3},
    {"dollar_prefix": "required"},
    {"dollar_prefix": "refused"},
    {"dollar_prefix": "refused", "token_refusals": "status"},
    {"token_refusals": "status"},
    {"expires_in": "s"},
    {"expires_in": "relative"},
    {"expires_in": "absent"},
    {"token_replaced": True},
    {"same_resource": "closed"},
    {"logout_reply": False},
    {"kick": "unrequested"},
    {"page_size": 1},
    {"page_size": 1, "pull_without_key": "empty", "last_with_metas": True},
    {"pull_without_key": "empty"},
    {"last_with_metas": True},
    {"end_of_queue": "zero key"},
    {"resource_in": "notice"},
    {"resource_in": "page"},
    {"status_in_pages": False},
    {"zlib": True},
    {"stray_metas": True},
    {"stray_metas": True, "page_size": 1},
    {"online_mark": True},
    {"carbons": False},
    {"repeated_id": "new message"},
    {"max_message_bytes": 3072},
]
DESK: list[dict[str, Any]] = [
    {"acknowledges": False},
    {"acknowledged_kinds": frozenset({"img"})},
    {"knows_repeats": False},
    {"events": "txt"},
    {"events": "none"},
    {"takes": "robot"},
    {"takes": "nobody"},
    {"names": False},
    {"escaped": 0},
    {"escaped": 2},
    {"greeting": "welcome"},
]


SLACK: list[dict[str, Any]] = [
    {},
    {"any_connection_acknowledges": False},
    {"late_acknowledgement_counts": True},
    {"warning_before_refresh": False},
    {"says_connection_time": False},
    {"spread": "round_robin"},
    {"delayed_events": True},
    {"mention_order": "message_first"},
    {"mention_order": "mention_first"},
    {"authorization": "random"},
    {"echoes_posts": False},
    {"echo_carries_metadata": True},
    {"profile_in_events": True},
    {"team_in_events": True},
    {"unknown_threads": True},
    {"reply_opens_thread": True},
]


def _name(switches: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in switches.items()) or "default"


async def converse(tmp_path: Path, *, switches: Switches, desk_switches: DeskSwitches) -> None:
    """Let a customer and an agent talk, over a restart in the middle, and see that all of it arrives once."""
    async with town(tmp_path, switches=switches, desk_switches=desk_switches) as here:
        mia = here.north.add_user(name="Mia")
        dm = mia.dm()
        visitor = here.visitor(mia, dm)
        for number in range(3):
            await mia.says(dm, f"question {number}")
        with trio.fail_after(120):
            await here.desk.heard("question 2")
        here.desk.answers(visitor, "a < b & c")
        here.desk.answers(visitor, "second")
        await here.stop()
        here.desk.answers(visitor, "third")
        await here.start()
        await mia.says(dm, "thanks")
        with trio.fail_after(300):
            await here.desk.heard("thanks")
            await here.slack.until(lambda: [post for post in here.slack.ledger.posts if post.text == "third"])
        heard = [line.text for line in here.desk.everything_heard()]
        answers = [post.shown for post in here.slack.ledger.posts if post.text not in ("welcome", "")]

        assert ["question 0", "question 1", "question 2", "thanks"] == heard
        assert ["a < b & c", "second", "third"] == answers
        assert () == here.easemob.ledger.complaints()


@pytest.mark.parametrize("switches", EASEMOB, ids=_name)
async def test_easemob(tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: dict[str, Any]) -> None:
    """Every reading of Easemob's facts carries a conversation."""
    await converse(tmp_path, switches=Switches(**switches), desk_switches=DeskSwitches())


@pytest.mark.parametrize("switches", DESK, ids=_name)
async def test_desk(tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: dict[str, Any]) -> None:
    """Every reading of kefu's facts carries a conversation."""
    await converse(tmp_path, switches=Switches(), desk_switches=DeskSwitches(**switches))


@pytest.mark.parametrize("switches", SLACK, ids=_name)
async def test_slack(tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: dict[str, Any]) -> None:
    """Every reading of Slack's facts carries a conversation in a channel, over a change of connections."""
    async with town(tmp_path, slack_switches=SlackSwitches(**switches)) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        visitor = here.visitor(leo, support)
        await trio.sleep(120)
        root = await leo.says(support, f"<@{here.north.installation.bot.id}> one")
        await leo.says(support, "two", thread=root)
        here.slack.refresh()
        await trio.sleep(3)
        await leo.says(support, "three", thread=root)
        with trio.fail_after(600):
            await here.desk.heard("three")
        for words in ("first", "second"):
            here.desk.answers(visitor, words)
        with trio.fail_after(60):
            posts = await here.slack.posted(2)
            await here.slack.acknowledged()
        await trio.sleep(600)

        assert ["one", "two", "three"] == [line.text for line in here.desk.everything_heard()]
        assert [("first", root.ts), ("second", root.ts)] == [(post.text, post.thread) for post in posts]
        assert 2 == len(here.slack.ledger.posts)


UNTRIED_AT_SLACK = {
    # Tried in test_connect.py, test_joining.py, test_organisation.py and slack/test_rotation.py.
    "access_names_organisation",
    "coming_shows",
    "grace_gives",
    "leaving_shows",
    "org_author",
    "retry_authorization",
    "superseded_token_error",
    "unsharing_tells",
    # History, buttons, and what a removed app answers: tried where these are.
    "buttons_take_answer",
    "dead_token_error",
    "history_lag_s",
    "replies_readable",
    "strict_history",
    "uninstall_order",
    # Never asked for twice, and has tests of its own.
    "ticket_works_twice",
    "disabled_link_error",
    # Tried in wired/test_files.py.
    "says_file_length",
    # Tried in slack/test_reading.py.
    "history_pages",
    "strict_limit_refused",
    # Tried in test_media.py.
    "new_file_known",
    "second_completion",
}

UNTRIED = {
    # These concern what the daemon does not use.
    "password_required",
    "batch_refused_whole",
    "permanent_expires_in",
    "open_file_secret",
    "farewell",
    # Tried in easemob/test_rest.py, demo/easemob and wired/test_retention.py.
    "unknown_removal",
    "mail_outlives_user",
    # These have tests of their own.
    "restricts",
    "websocket_section",
    "numbers_as_text",
    "plan_users",
    "unknown_app_status",
    "offline_count",
    "max_devices",
    "too_many_devices",
    "idle_limit_s",
    "send_form",
    "reading_acknowledges",
    "lists_delivered",
}


def test_every_switch_is_tried() -> None:
    """A switch that is added to a fake is tried here, or says why not."""
    known = {field.name for field in (*fields(Switches), *fields(DeskSwitches))}
    tried = {name for switches in (*EASEMOB, *DESK) for name in switches}

    assert known == tried | UNTRIED
    assert {field.name for field in fields(SlackSwitches)} == {
        name for each in SLACK for name in each
    } | UNTRIED_AT_SLACK
