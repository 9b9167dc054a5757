"""The methods of the Web API, without HTTP: what each wants, gives and refuses (facts/slack.md §8, §9, §10)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from slackkefu.demo.slack.state import ALL_SCOPES, ChannelKind, HostedFile
from slackkefu.demo.slack.switches import Switches, Timing
from slackkefu.demo.slack.web_api.methods import METHODS

if TYPE_CHECKING:
    from tests.demo.slack.conftest import Stage

POST = "chat.postMessage"


@pytest.mark.parametrize(
    ("method", "token", "error"),
    [
        ("auth.test", "", "not_authed"),
        ("auth.test", "xoxb-nobody", "invalid_auth"),
        ("auth.test", "xapp-test", "not_allowed_token_type"),
        ("apps.connections.open", "", "not_authed"),
        ("apps.connections.open", "xoxb-north", "not_allowed_token_type"),
        ("apps.connections.open", "xapp-other", "invalid_auth"),
        ("no.such.method", "xoxb-north", "unknown_method"),
    ],
)
async def test_tokens_are_checked(stage: Stage, method: str, token: str, error: str) -> None:
    """Each kind of wrong token has its own error."""
    assert error == stage.error(method, token)


@pytest.mark.parametrize(
    ("method", "scope", "arguments"),
    [(name, method.scope, {}) for name, method in METHODS.items() if method.scope]
    + [
        ("conversations.history", "im:history", {"channel": "D0MIA00001"}),
        ("conversations.history", "channels:history", {"channel": "C0SUPPORT1"}),
        ("conversations.history", "groups:history", {"channel": "C0PRIVATE9"}),
        ("conversations.info", "channels:read", {"channel": "C0SUPPORT1"}),
        ("conversations.open", "im:write", {"users": "U0MIA00001"}),
        ("conversations.open", "mpim:write", {"users": "U0MIA00001,U0LEO00001"}),
        ("users.conversations", "im:read", {"types": "im"}),
        (POST, "chat:write.customize", {"channel": "C0SUPPORT1", "text": "x", "username": "Agent Wang"}),
    ],
)
async def test_scopes_are_checked(stage: Stage, method: str, scope: str, arguments: dict[str, Any]) -> None:
    """A missing scope is named, with those that are there."""
    stage.north.installation.scopes = ALL_SCOPES - {scope}

    answer = stage.call(method, **arguments)
    assert ("missing_scope", scope) == (answer["error"], answer["needed"])
    assert scope not in answer["provided"].split(",")


async def test_auth_test_names_the_installation(stage: Stage) -> None:
    """auth.test gives team, bot user and bot id; of an organisation, its own id."""
    north = stage.call("auth.test")
    grid = stage.call("auth.test", "xoxb-grid")

    assert ("T0NORTH001", "U0NORTHBOT", "B0NORTHBOT") == (north["team_id"], north["user_id"], north["bot_id"])
    assert "enterprise_id" not in north
    assert ("E0GRID0001", True, "Grid") == (grid["enterprise_id"], grid["is_enterprise_install"], grid["team"])


async def test_bots_info_names_the_app(stage: Stage) -> None:
    """bots.info tells of which app the own bot is; of another bot it knows nothing here."""
    bot = stage.call("bots.info", bot="B0NORTHBOT")["bot"]

    assert ("A0SLKFAPP1", "U0NORTHBOT") == (bot["app_id"], bot["user_id"])
    assert "bot_not_found" == stage.error("bots.info", bot="B0SOUTHBOT")


async def test_a_post_is_kept_and_written_down(stage: Stage) -> None:
    """A post has its place and time, comes back as stored, and is in the ledger."""
    metadata = {"event_type": "slackkefu_message", "event_payload": {"id": "m-1"}}
    answer = stage.call(POST, channel="C0SUPPORT1", text="hello", metadata=metadata, mrkdwn=False)

    (post,) = stage.slack.ledger.posts
    assert "C0SUPPORT1" == answer["channel"]
    assert ("hello", metadata, "B0NORTHBOT") == (
        answer["message"]["text"],
        answer["message"]["metadata"],
        answer["message"]["bot_id"],
    )
    assert (answer["ts"], "m-1", None) == (post.message.ts, post.metadata_id, post.thread)
    assert False is post.arguments["mrkdwn"]
    assert [post] == stage.slack.ledger.posts_in(stage.support)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"text": "x"}, "invalid_arguments"),
        ({"channel": "C0NOWHERE1", "text": "x"}, "channel_not_found"),
        ({"channel": "U0NOBODY01", "text": "x"}, "channel_not_found"),
        ({"channel": "U0NORTHBOT", "text": "x"}, "cannot_dm_bot"),
        ({"channel": "C0SUPPORT1"}, "no_text"),
        ({"channel": "C0SUPPORT1", "text": ""}, "no_text"),
        ({"channel": "C0SUPPORT1", "text": ["x"]}, "invalid_arguments"),
        ({"channel": "C0SUPPORT1", "text": "x", "reply_broadcast": "maybe"}, "invalid_arguments"),
        ({"channel": "C0SUPPORT1", "text": "x", "blocks": "["}, "invalid_blocks_format"),
        ({"channel": "C0SUPPORT1", "text": "x", "blocks": {}}, "invalid_blocks_format"),
        ({"channel": "C0SUPPORT1", "text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"channel": "C0SUPPORT1", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"channel": "C0SUPPORT1", "text": "x", "markdown_text": "y"}, "markdown_text_conflict"),
        ({"channel": "C0SUPPORT1", "markdown_text": "y" * 12_001}, "msg_too_long"),
        ({"channel": "C0SUPPORT1", "text": "x", "metadata": "{"}, "invalid_metadata_format"),
        ({"channel": "C0SUPPORT1", "text": "x", "metadata": []}, "invalid_metadata_format"),
        ({"channel": "C0SUPPORT1", "text": "x", "metadata": {"event_type": "t"}}, "invalid_metadata_schema"),
        ({"channel": "C0SUPPORT1", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
    ],
)
async def test_posts_that_are_refused(stage: Stage, arguments: dict[str, Any], error: str) -> None:
    """Each fault of a post has Slack's error, and nothing is posted."""
    assert error == stage.error(POST, **arguments)
    assert [] == list(stage.slack.ledger.posts)


async def test_nested_values_come_as_strings_too(stage: Stage) -> None:
    """In forms, nested values are JSON strings and flags are words."""
    root = await stage.mia.says(stage.support, "root")
    stage.call(
        POST,
        channel="C0SUPPORT1",
        text="x",
        thread_ts=root.ts,
        reply_broadcast="true",
        metadata='{"event_type": "t", "event_payload": {"id": "1"}}',
    )

    (post,) = stage.slack.ledger.posts
    assert ("1", "thread_broadcast", root.ts) == (post.metadata_id, post.message.subtype, post.thread)


async def test_a_text_over_forty_thousand_is_cut_without_a_word(stage: Stage) -> None:
    """chat.postMessage cuts, chat.update refuses over four thousand."""
    answer = stage.call(POST, channel="C0SUPPORT1", text="x" * 40_001)

    assert answer["ok"]
    assert 40_000 == len(stage.slack.ledger.posts[0].text)
    assert "msg_too_long" == stage.error("chat.update", channel="C0SUPPORT1", ts=answer["ts"], text="x" * 4_001)


async def test_who_may_post_where(stage: Stage) -> None:
    """Membership, privacy, archives and direct messages are kept apart."""
    state = stage.slack.state
    public = stage.north.add_channel(name="public", with_app=False)
    hidden = stage.north.add_channel(name="hidden", kind=ChannelKind.PRIVATE, members=[stage.mia], with_app=False)
    assert "not_in_channel" == stage.error(POST, channel=public.id, text="x")
    assert "channel_not_found" == stage.error(POST, channel=hidden.id, text="x")
    assert "channel_not_found" == stage.error(POST, "xoxb-south", channel="C0SUPPORT1", text="x")
    assert "channel_not_found" == stage.error(POST, "xoxb-south", channel="U0MIA00001", text="x")

    stage.north.install(scopes=frozenset({"chat:write.public"}))
    assert stage.call(POST, channel=public.id, text="x")["ok"]
    stage.support.archived = True
    assert "is_archived" == stage.error(POST, channel="C0SUPPORT1", text="x")
    stage.mia.user.deleted = True
    assert "user_disabled" == stage.error(POST, channel="D0MIA00001", text="x")
    state.settings = replace(state.settings, messages_tab=False)
    assert "messages_tab_disabled" == stage.error(POST, channel="U0LEO00001", text="x")


async def test_a_user_id_opens_the_direct_message(stage: Stage) -> None:
    """Posting to a user gives the channel of the direct message, also for a foreigner who shares a channel."""
    assert "D0MIA00001" == stage.call(POST, channel="U0MIA00001", text="x")["channel"]
    assert stage.call(POST, channel="U0EVA00001", text="x")["channel"].startswith("D")
    stage.joint.members.pop("U0EVA00001")
    stage.slack.state.channels = {
        name: channel
        for name, channel in stage.slack.state.channels.items()
        if name != stage.slack.ledger.posts[-1].channel.id
    }
    assert "channel_not_found" == stage.error(POST, channel="U0EVA00001", text="x")


async def test_threads_are_named_by_their_root(stage: Stage) -> None:
    """A reply's ts and an unknown root are refused; the switches take them; a deleted root with replies is a thread."""
    root = await stage.mia.says(stage.support, "root")
    reply = await stage.mia.says(stage.support, "reply", thread=root)
    where = {"channel": "C0SUPPORT1", "text": "x"}
    assert root.ts == stage.call(POST, **where, thread_ts=root.ts)["message"]["thread_ts"]
    assert "cannot_reply_to_message" == stage.error(POST, **where, thread_ts=reply.ts)
    await stage.mia.deletes(root)
    assert stage.call(POST, **where, thread_ts=root.ts)["ok"]

    stage.slack.switches = replace(stage.slack.switches, reply_opens_thread=True, unknown_threads=True)
    assert stage.call(POST, **where, thread_ts=reply.ts)["ok"]
    assert stage.call(POST, **where, thread_ts="1.000001")["ok"]


@pytest.mark.parametrize(
    ("text", "more", "rings"),
    [
        ("hello @here", {}, ()),
        ("hello &lt;!here&gt;", {}, ()),
        ("<!channel> and <@U0MIA00001>", {}, ("<!channel>", "<@U0MIA00001>")),
        ("<!subteam^S0AGENTS01|@agents>", {}, ("<!subteam^S0AGENTS01|@agents>",)),
        ("hello @here", {"link_names": True}, ("@here",)),
        ("hello @here", {"parse": "full"}, ("@here",)),
        ("mail mia@example.com", {"parse": "full"}, ()),
    ],
)
async def test_the_ledger_sees_whom_a_post_rings(
    stage: Stage, text: str, more: dict[str, Any], rings: tuple[str, ...]
) -> None:
    """What notifies people is seen in a post, whether by its text or by its arguments."""
    stage.call(POST, channel="C0SUPPORT1", text=text, **more)

    assert rings == stage.slack.ledger.posts[0].rings


async def test_an_ephemeral_post_is_in_no_history(stage: Stage) -> None:
    """One member sees it; a stranger to the channel cannot be shown anything."""
    stage.call("chat.postEphemeral", channel="C0SUPPORT1", user="U0MIA00001", text="only you")

    assert "U0MIA00001" == stage.slack.ledger.posts[0].ephemeral_to
    assert [] == stage.support.messages
    eve = stage.north.add_user(name="Eve")
    assert "user_not_in_channel" == stage.error("chat.postEphemeral", channel="C0SUPPORT1", user=eve.id, text="x")


async def test_editing_and_deleting_own_messages_only(stage: Stage) -> None:
    """Own messages change and go; others' do not, nor those posted under another name; text removes blocks."""
    blocks = [{"type": "divider"}]
    ts = stage.call(POST, channel="C0SUPPORT1", text="x", blocks=blocks)["ts"]
    theirs = await stage.mia.says(stage.support, "mine")
    named = stage.call(POST, channel="C0SUPPORT1", text="x", username="Agent Wang")["ts"]
    here = {"channel": "C0SUPPORT1"}

    with_blocks = stage.call("chat.update", **here, ts=ts, text="y", blocks=blocks)
    assert "edited" not in with_blocks["message"]
    metadata = {"event_type": "t", "event_payload": {}}
    changed = stage.call("chat.update", **here, ts=ts, text="z", metadata=metadata)
    assert ("z", metadata) == (changed["message"]["text"], changed["message"]["metadata"])
    assert "blocks" not in changed["message"]
    assert "U0NORTHBOT" == changed["message"]["edited"]["user"]
    assert "cant_update_message" == stage.error("chat.update", **here, ts=theirs.ts, text="y")
    assert "message_not_found" == stage.error("chat.update", **here, ts="1.000001", text="y")
    assert "cant_delete_message" == stage.error("chat.delete", **here, ts=theirs.ts)
    assert "cant_delete_message" == stage.error("chat.delete", **here, ts=named)
    assert stage.call("chat.delete", **here, ts=ts)["ok"]
    assert stage.support.find(ts) is None


async def test_reactions(stage: Stage) -> None:
    """A reaction is added once, to a message that is there, by a name without colons, and removed once."""
    message = await stage.mia.says(stage.support, "hi")
    here = {"channel": "C0SUPPORT1", "timestamp": message.ts}
    assert stage.call("reactions.add", **here, name="eyes")["ok"]
    assert "already_reacted" == stage.error("reactions.add", **here, name="eyes")
    assert "invalid_name" == stage.error("reactions.add", **here, name=":eyes:")
    assert "message_not_found" == stage.error("reactions.add", channel="C0SUPPORT1", timestamp="1.1", name="eyes")

    (shown,) = stage.call("conversations.history", channel="C0SUPPORT1")["messages"]
    assert [{"name": "eyes", "users": ["U0NORTHBOT"], "count": 1}] == shown["reactions"]

    assert stage.call("reactions.remove", **here, name="eyes")["ok"]
    assert "no_reaction" == stage.error("reactions.remove", **here, name="eyes")
    assert "message_not_found" == stage.error("reactions.remove", channel="C0SUPPORT1", timestamp="1.1", name="eyes")
    assert {} == message.reactions


async def test_where_a_message_is_read(stage: Stage) -> None:
    """chat.getPermalink gives an address in the workspace, with the thread of a reply."""
    where = {"channel": "C0SUPPORT1"}
    root = stage.call("chat.postMessage", **where, text="one")["ts"]
    reply = stage.call("chat.postMessage", **where, text="two", thread_ts=root)["ts"]
    links = [stage.call("chat.getPermalink", **where, message_ts=ts)["permalink"] for ts in (root, reply)]

    assert links[0].endswith(f".slack.com/archives/C0SUPPORT1/p{root.replace('.', '')}")
    assert links[1].endswith(f"/p{reply.replace('.', '')}?thread_ts={root}&cid=C0SUPPORT1")
    assert "message_not_found" == stage.error("chat.getPermalink", **where, message_ts="1.1")


async def test_what_a_conversation_is(stage: Stage) -> None:
    """conversations.info says privacy, sharing and membership by flags."""
    support = stage.call("conversations.info", channel="C0SUPPORT1")["channel"]
    private = stage.call("conversations.info", channel="C0PRIVATE9")["channel"]
    joint = stage.call("conversations.info", channel="C0JOINT001")["channel"]
    dm = stage.call("conversations.info", channel="D0MIA00001")["channel"]

    assert (True, False, True) == (support["is_channel"], support["is_private"], support["is_member"])
    assert (True, True) == (private["is_channel"], private["is_private"])
    assert (True, True) == (joint["is_shared"], joint["is_ext_shared"])
    assert (True, "U0MIA00001") == (dm["is_im"], dm["user"])


async def test_opening_conversations(stage: Stage) -> None:
    """conversations.open gives the same conversation each time, for one or several people."""
    stage.north.install(scopes=frozenset({"mpim:write"}))
    one = stage.call("conversations.open", users="U0MIA00001")["channel"]["id"]
    assert "D0MIA00001" == one
    group = stage.call("conversations.open", users="U0MIA00001,U0LEO00001")["channel"]["id"]
    assert group == stage.call("conversations.open", users="U0LEO00001,U0MIA00001")["channel"]["id"]
    assert group == stage.call("conversations.open", channel=group)["channel"]["id"]
    assert "user_not_found" == stage.error("conversations.open", users="U0NOBODY01")
    assert "user_not_found" == stage.error("conversations.open", users="U0MIA00001,U0NOBODY01")
    assert "too_many_users" == stage.error("conversations.open", users=",".join(["U0MIA00001"] * 9))


async def test_history_is_newest_first_without_replies(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """Roots and broadcasts, newest first, with the thread's marks, and metadata only when asked for."""
    root = await stage.mia.says(stage.support, "root")
    await stage.leo.says(stage.support, "reply", thread=root)
    loud = await stage.leo.says(stage.support, "loud", thread=root, broadcast=True)
    stage.call(POST, channel="C0SUPPORT1", text="own", metadata={"event_type": "t", "event_payload": {}})

    answer = stage.call("conversations.history", channel="C0SUPPORT1")
    own, broadcast, first = answer["messages"]
    assert False is answer["has_more"]
    assert ["own", "loud", "root"] == [own["text"], broadcast["text"], first["text"]]
    assert "metadata" not in own
    assert (2, loud.ts, root.ts) == (first["reply_count"], first["latest_reply"], first["thread_ts"])
    assert "channel" not in first
    asked = stage.call("conversations.history", channel="C0SUPPORT1", include_all_metadata=True, limit=1)
    assert "t" == asked["messages"][0]["metadata"]["event_type"]


async def test_history_shows_only_the_result(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """After edits and deletions the history has what is left, with the mark of the edit (facts/slack.md §14)."""
    for where in (stage.dm, stage.support, stage.private):
        edited = await stage.mia.says(where, "first words")
        await stage.mia.deletes(await stage.mia.says(where, "taken back"))
        root = await stage.mia.says(where, "root")
        replies = [await stage.mia.says(where, f"reply {number}", thread=root) for number in range(3)]
        await stage.mia.edits(edited, "second words")
        await stage.mia.deletes(replies[2])

        asked: dict[str, Any] = {"channel": where.id, "include_all_metadata": True}
        shown, first = stage.call("conversations.history", **asked)["messages"]
        assert ("second words", "U0MIA00001") == (first["text"], first["edited"]["user"])
        assert first["edited"]["ts"] > replies[2].ts
        assert (2, replies[1].ts) == (shown["reply_count"], shown["latest_reply"])
        assert "edited" not in shown
        assert not {"channel", "channel_type", "event_id", "authorizations"} & {*shown}
        thread = stage.call("conversations.replies", ts=root.ts, **asked)["messages"]
        assert ["root", "reply 0", "reply 1"] == [message["text"] for message in thread]


async def test_a_thread_outlives_its_root(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """Of a deleted root a tombstone is left in the thread, and nothing in the history (facts/slack.md §4, §8)."""
    root = await stage.mia.says(stage.dm, "root")
    await stage.mia.says(stage.dm, "reply", thread=root)
    await stage.mia.deletes(root)

    assert [] == stage.call("conversations.history", channel="D0MIA00001")["messages"]
    stone, reply = stage.call("conversations.replies", channel="D0MIA00001", ts=root.ts)["messages"]
    assert ("tombstone", root.ts, root.ts) == (stone["subtype"], stone["ts"], stone["thread_ts"])
    assert "reply" == reply["text"]


async def test_history_windows_and_pages(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """oldest, latest and inclusive bound the window; cursors lead through the pages."""
    messages = [await stage.mia.says(stage.dm, str(number)) for number in range(5)]
    where = {"channel": "D0MIA00001"}

    def texts(**arguments: Any) -> list[str]:
        return [message["text"] for message in stage.call("conversations.history", **where, **arguments)["messages"]]

    assert ["4", "3"] == texts(oldest=messages[2].ts)
    assert ["4", "3", "2"] == texts(oldest=messages[2].ts, inclusive=True)
    assert ["1", "0"] == texts(latest=messages[2].ts)
    assert ["2", "1", "0"] == texts(latest=messages[2].ts, inclusive="1")
    assert ["4", "3", "2", "1", "0"] == texts(oldest="1760000000", inclusive=True)
    pages, cursor = [], ""
    while True:
        page = stage.call("conversations.history", **where, limit="2", cursor=cursor)
        pages.append([message["text"] for message in page["messages"]])
        if not page["has_more"]:
            break
        cursor = page["response_metadata"]["next_cursor"]
    assert [["4", "3"], ["2", "1"], ["0"]] == pages


async def test_pages_may_go_forward(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """By the switch, of a window without an end the oldest page comes first, each page still newest first."""
    messages = [await stage.mia.says(stage.dm, str(number)) for number in range(5)]
    stage.slack.switches = replace(stage.slack.switches, history_pages="forward")

    def texts(**arguments: Any) -> list[str]:
        answer = stage.call("conversations.history", channel="D0MIA00001", limit=2, **arguments)
        cursors.append(answer.get("response_metadata", {}).get("next_cursor", ""))
        return [message["text"] for message in answer["messages"]]

    cursors: list[str] = []
    assert ["2", "1"] == texts(oldest=messages[0].ts)
    assert ["4", "3"] == texts(oldest=messages[0].ts, cursor=cursors[0])
    assert ["3", "2"] == texts(oldest=messages[0].ts, latest=messages[4].ts)
    assert ["4", "3"] == texts()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"limit": 0}, "invalid_limit"),
        ({"limit": 1000}, "invalid_limit"),
        ({"limit": "many"}, "invalid_arguments"),
        ({"cursor": "bmV4dDp4"}, "invalid_cursor"),
        ({"cursor": "?"}, "invalid_cursor"),
        ({"oldest": "yesterday"}, "invalid_ts_oldest"),
    ],
)
async def test_windows_that_make_no_sense(stage: Stage, arguments: dict[str, Any], error: str) -> None:
    """Faulty limits, cursors and timestamps are refused."""
    await stage.mia.says(stage.dm, "x")

    assert error == stage.error("conversations.history", channel="D0MIA00001", **arguments)


async def test_history_needs_membership(stage: Stage) -> None:
    """A public channel without the bot shows itself, but not its history."""
    channel = stage.north.add_channel(name="public", with_app=False)

    assert "not_in_channel" == stage.error("conversations.history", channel=channel.id)
    assert False is stage.call("conversations.info", channel=channel.id)["channel"]["is_member"]


async def test_history_may_lag_and_be_strict(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """With the switches, a new message is missing for a while, and a page has at most 15."""
    stage.slack.switches = replace(stage.slack.switches, history_lag_s=5.0)
    await stage.mia.says(stage.dm, "new")
    assert [] == stage.call("conversations.history", channel="D0MIA00001")["messages"]

    stage.slack.switches = replace(stage.slack.switches, history_lag_s=0.0, strict_history=True)
    for number in range(20):
        await stage.mia.says(stage.dm, str(number))
    assert 15 == len(stage.call("conversations.history", channel="D0MIA00001", limit=200)["messages"])

    stage.slack.switches = replace(stage.slack.switches, strict_limit_refused=True)
    assert "invalid_limit" == stage.error("conversations.history", channel="D0MIA00001", limit=16)
    for limit in (None, 15):
        assert 15 == len(stage.call("conversations.history", channel="D0MIA00001", limit=limit)["messages"])


async def test_replies_are_oldest_first_with_the_root(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """conversations.replies gives the root and the replies; by the switch a bot is refused in channels, not in DMs."""
    root = await stage.mia.says(stage.support, "root")
    for text in ("one", "two"):
        await stage.leo.says(stage.support, text, thread=root)
    there = await stage.mia.says(stage.dm, "there")

    answer = stage.call("conversations.replies", channel="C0SUPPORT1", ts=root.ts)
    assert ["root", "one", "two"] == [message["text"] for message in answer["messages"]]
    assert "thread_not_found" == stage.error("conversations.replies", channel="C0SUPPORT1", ts="1.000001")
    stage.slack.switches = replace(stage.slack.switches, replies_readable=False)
    assert "not_allowed_token_type" == stage.error("conversations.replies", channel="C0SUPPORT1", ts=root.ts)
    assert stage.call("conversations.replies", channel="D0MIA00001", ts=there.ts)["ok"]


async def test_members_and_conversations(stage: Stage) -> None:
    """conversations.members lists ids; users.conversations lists what the bot is in, by kind."""
    assert ["U0MIA00001", "U0LEO00001", "U0NORTHBOT"] == stage.call("conversations.members", channel="C0SUPPORT1")[
        "members"
    ]
    stage.joint.archived = True

    def listed(**arguments: Any) -> list[str]:
        return [channel["id"] for channel in stage.call("users.conversations", **arguments)["channels"]]

    assert ["C0SUPPORT1", "C0JOINT001"] == listed()
    assert ["C0SUPPORT1"] == listed(exclude_archived=True)
    assert ["D0MIA00001", "C0PRIVATE9"] == listed(types="im,private_channel")
    assert [] == listed(types="mpim", team_id="T0NORTH001")
    other = stage.south.add_user(name="Sue").dm()
    assert other.id not in listed(types="im")
    assert listed(types="im") == ["D0MIA00001"]
    (dm,) = stage.call("users.conversations", types="im")["channels"]
    assert ("U0MIA00001", True, False) == (dm["user"], dm["is_im"], "is_member" in dm)
    assert "invalid_types" == stage.error("users.conversations", types="all")


async def test_an_organisations_token_names_the_workspace(stage: Stage) -> None:
    """users.conversations wants team_id with an organisation's token."""
    dm = stage.nina.dm()

    assert "missing_argument" == stage.error("users.conversations", "xoxb-grid", types="im")
    answer = stage.call("users.conversations", "xoxb-grid", types="im", team_id="T0GRIDWS01")
    assert [dm.id] == [channel["id"] for channel in answer["channels"]]


async def test_which_workspaces_a_token_is_for(stage: Stage) -> None:
    """auth.teams.list gives the workspaces of an organisation, in pages, and of a workspace itself."""
    other = stage.grid.add_workspace("T0GRIDWS02", name="Gridspace 2")
    assert ["T0GRIDWS01"] == [team["id"] for team in stage.call("auth.teams.list", "xoxb-grid")["teams"]]

    await stage.grid.grants(other)

    first = stage.call("auth.teams.list", "xoxb-grid", limit=1)
    second = stage.call("auth.teams.list", "xoxb-grid", cursor=first["response_metadata"]["next_cursor"])
    assert [{"id": "T0GRIDWS01", "name": "Gridspace"}] == first["teams"]
    assert ["T0GRIDWS02"] == [team["id"] for team in second["teams"]]
    assert "" == second["response_metadata"]["next_cursor"]
    assert ["T0NORTH001"] == [team["id"] for team in stage.call("auth.teams.list")["teams"]]


async def test_who_somebody_is(stage: Stage) -> None:
    """users.info gives the mail by scope, and of a foreigner less; a stranger is not found."""
    mia = stage.call("users.info", user="U0MIA00001", include_locale=True)["user"]
    eva = stage.call("users.info", user="U0EVA00001")["user"]
    stage.north.installation.scopes -= {"users:read.email"}

    assert ("mia@example.com", "zh-CN") == (mia["profile"]["email"], mia["locale"])
    assert eva["is_stranger"]
    assert "email" not in eva["profile"]
    assert "email" not in stage.call("users.info", user="U0MIA00001")["user"]["profile"]
    assert "user_not_found" == stage.error("users.info", "xoxb-south", user="U0MIA00001")


async def test_what_a_workspace_is(stage: Stage) -> None:
    """team.info gives the own workspace, or a named one, with its organisation."""
    assert "North" == stage.call("team.info")["team"]["name"]
    assert "E0GRID0001" == stage.call("team.info", team="T0GRIDWS01")["team"]["enterprise_id"]
    assert "team_not_found" == stage.error("team.info", team="T0NOWHERE1")


async def test_modals_and_homes(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """A trigger opens one modal within three seconds; the Home tab is published to a user."""
    view = {"type": "modal", "title": {"type": "plain_text", "text": "Rate us"}, "blocks": []}
    command = await stage.mia.commands(stage.dm, "/kefu")
    trigger = command.payload["trigger_id"]
    assert stage.call("views.open", trigger_id=trigger, view=view)["ok"]
    assert "modal" == stage.slack.state.modals["U0MIA00001"]["type"]
    assert "exchanged_trigger_id" == stage.error("views.open", trigger_id=trigger, view=view)
    assert "invalid_trigger_id" == stage.error("views.open", trigger_id="x", view=view)
    late = (await stage.mia.commands(stage.dm, "/kefu")).payload["trigger_id"]
    stage.slack.state.triggers.life_s = -1
    assert "expired_trigger_id" == stage.error("views.open", trigger_id=late, view=view)

    assert stage.call("views.publish", user_id="U0MIA00001", view={"type": "home", "blocks": []})["ok"]
    assert "home" == stage.slack.state.home_views["U0MIA00001"]["type"]
    big = {"type": "home", "private_metadata": "x" * 250_001}
    assert "view_too_large" == stage.error("views.publish", user_id="U0MIA00001", view=big)
    assert "invalid_arguments" == stage.error("views.publish", user_id="U0MIA00001", view={"type": "page"})


async def test_the_steps_of_an_upload(stage: Stage) -> None:
    """A file is shared once its bytes have come; without a channel it stays private; twice is refused."""
    first = stage.call("files.getUploadURLExternal", filename="a.txt", length="3")
    file = stage.slack.state.files[first["file_id"]]
    listed = [{"id": file.id, "title": "A"}]
    assert "file_not_found" == stage.error("files.completeUploadExternal", files=listed, channel_id="C0SUPPORT1")
    assert "file_not_found" == stage.error("files.info", file=file.id)
    file.content = b"abc"
    done = stage.call("files.completeUploadExternal", files=listed, channel_id="C0SUPPORT1", initial_comment="here")

    assert ("A", 3) == (done["files"][0]["title"], done["files"][0]["size"])
    assert ("file_share", "here") == (stage.events[-1]["subtype"], stage.events[-1]["text"])

    info = stage.call("files.info", file=file.id)["file"]

    assert (file.id, {"public": {"C0SUPPORT1": [{"ts": stage.events[-1]["ts"]}]}}) == (info["id"], info["shares"])
    assert "file_not_found" == stage.error("files.completeUploadExternal", files=listed)
    assert "missing_argument" == stage.error("files.getUploadURLExternal", filename="a.txt", length="0")
    assert "invalid_arguments" == stage.error("files.completeUploadExternal", files=[])


async def test_a_second_completion(stage: Stage) -> None:
    """A file that is completed twice is shared once, whatever is said to it."""
    stage.slack.switches = Switches(second_completion="ignored", new_file_known=True)
    first = stage.call("files.getUploadURLExternal", filename="a.png", length="3")
    file = stage.slack.state.files[first["file_id"]]
    file.content = b"abc"

    assert {} == stage.call("files.info", file=file.id)["file"]["shares"]

    for _ in range(2):
        stage.call("files.completeUploadExternal", files=[{"id": file.id}], channel_id="C0SUPPORT1")

    assert [file.id] == [event["files"][0]["id"] for event in stage.events]
    assert (1, 1, "image/png") == (len(stage.slack.ledger.posts), len(file.shares), file.mimetype)


async def test_a_file_is_deleted(stage: Stage) -> None:
    """The app deletes files of its own; the message they were shared in stays, without them."""
    first = stage.call("files.getUploadURLExternal", filename="a.png", length="3")
    stage.slack.state.files[first["file_id"]].content = b"abc"
    stage.call("files.completeUploadExternal", files=[{"id": first["file_id"]}], channel_id="C0SUPPORT1")
    (post,) = stage.slack.ledger.posts
    stage.slack.state.files["F0MIA"] = HostedFile("F0MIA", "b.png", "image/png", b"abc", stage.mia.user, 0)

    assert "cant_delete_file" == stage.error("files.delete", file="F0MIA")
    assert stage.call("files.delete", file=first["file_id"])["ok"]
    assert "file_not_found" == stage.error("files.delete", file=first["file_id"])
    assert [] == post.message.files
    assert post.message in post.channel.messages


async def test_a_share_appears_later(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """A file that Slack has taken is in no conversation for a while."""
    stage.slack.timing = Timing(share_s=2.0)
    first = stage.call("files.getUploadURLExternal", filename="a.png", length="3")
    stage.slack.state.files[first["file_id"]].content = b"abc"
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.slack.run)
        stage.call("files.completeUploadExternal", files=[{"id": first["file_id"]}], channel_id="C0SUPPORT1")
        await trio.sleep(1.9)

        assert {} == stage.call("files.info", file=first["file_id"])["file"]["shares"]

        await stage.slack.posted(1)

        assert ["public"] == [*stage.call("files.info", file=first["file_id"])["file"]["shares"]]
        nursery.cancel_scope.cancel()


async def test_where_an_upload_may_go(stage: Stage) -> None:
    """A file cannot be shared into a channel that is unknown or without the bot."""
    channel = stage.north.add_channel(name="public", with_app=False)
    for name, error in (("C0NOWHERE1", "channel_not_found"), (channel.id, "not_in_channel")):
        file_id = stage.call("files.getUploadURLExternal", filename="a.txt", length=3)["file_id"]
        stage.slack.state.files[file_id].content = b"abc"
        assert error == stage.error("files.completeUploadExternal", files=[{"id": file_id}], channels=name)


async def test_oauth(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """A code installs once; its answer has no bot_id; every fault of it has its error."""
    west = stage.slack.add_workspace("T0WEST0001", name="West")
    good = {"client_id": "client-test", "client_secret": "client-secret-test"}
    answer = stage.call("oauth.v2.access", "", **good, code=stage.slack.authorize(west))

    assert (west.installation.token, west.installation.bot.id) == (answer["access_token"], answer["bot_user_id"])
    assert ({"id": "T0WEST0001", "name": "West"}, None) == (answer["team"], answer["enterprise"])
    assert "bot_id" not in answer
    assert stage.call("auth.test", answer["access_token"])["ok"]
    code = stage.slack.authorize(west)
    assert "invalid_client_id" == stage.error("oauth.v2.access", "", client_id="x", code=code)
    assert "bad_client_secret" == stage.error("oauth.v2.access", "", client_id="client-test", code=code)
    assert stage.call("oauth.v2.access", "", **good, code=code)["ok"]
    assert "invalid_code" == stage.error("oauth.v2.access", "", **good, code=code)


async def test_oauth_for_an_organisation(stage: Stage) -> None:
    """An organisation's installation has no team in the answer."""
    good = {"client_id": "client-test", "client_secret": "client-secret-test"}
    answer = stage.call("oauth.v2.access", "", **good, code=stage.slack.authorize(stage.grid))

    assert (None, True) == (answer["team"], answer["is_enterprise_install"])
    assert "E0GRID0001" == answer["enterprise"]["id"]


async def test_who_may_see_an_event(stage: Stage) -> None:
    """apps.event.authorizations.list gives every installation in the channel; of other events the one named."""
    shared = stage.north.add_channel(name="both", members=[stage.mia], shared_with=[stage.south])
    await stage.mia.says(shared, "hello")
    await stage.mia.changes_profile(name="Mia M")
    contexts = [parcel.payload["event_context"] for parcel in stage.slack.ledger.parcels]

    def teams(context: object) -> list[str]:
        answer = stage.call("apps.event.authorizations.list", "xapp-test", event_context=context)
        return [entry["team_id"] for entry in answer["authorizations"]]

    assert [["T0NORTH001", "T0SOUTH001"], ["T0NORTH001"]] == [teams(context) for context in contexts]
    assert "invalid_event_context" == stage.error(
        "apps.event.authorizations.list", "xapp-test", event_context="4-unknown"
    )


async def test_the_app_tokens_scopes(stage: Stage) -> None:
    """An app-level token without connections:write opens no connection."""
    state = stage.slack.state
    state.settings = replace(state.settings, app_scopes=frozenset())

    assert "connections:write" == stage.call("apps.connections.open", "xapp-test")["needed"]


async def test_a_switched_off_socket_mode_may_be_refused(stage: Stage) -> None:
    """By the switch, apps.connections.open refuses while Socket Mode is off."""
    stage.slack.disable_socket_mode()
    assert stage.call("apps.connections.open", "xapp-test")["ok"]

    stage.slack.switches = replace(stage.slack.switches, disabled_link_error="forbidden_team")
    assert "forbidden_team" == stage.error("apps.connections.open", "xapp-test")
    stage.slack.enable_socket_mode()
    assert stage.call("apps.connections.open", "xapp-test")["ok"]


async def test_what_an_app_is_doing(stage: Stage) -> None:
    """It is read under a thread for two minutes, until it is taken back, or until the app posts there."""
    root = stage.call(POST, channel="C0SUPPORT1", text="root")["ts"]
    channel = stage.slack.state.channels["C0SUPPORT1"]
    where = {"channel_id": "C0SUPPORT1", "thread_ts": root}
    now = stage.slack.state.ledger.posts[-1].at

    def read(after_s: float = 0.0) -> str:
        return channel.status(root, now=now + after_s)

    seen = [read()]
    stage.call("assistant.threads.setStatus", **where, status="is typing")
    seen += [read(), read(121.0)]
    stage.call("assistant.threads.setStatus", **where, status="")
    seen.append(read())
    stage.call("assistant.threads.setStatus", **where, status="is typing")
    stage.call(POST, channel="C0SUPPORT1", text="done", thread_ts=root)
    seen.append(read())

    assert ["", "is typing", "", "", ""] == seen
    assert "thread_not_found" == stage.error(
        "assistant.threads.setStatus", channel_id="C0SUPPORT1", thread_ts="1.1", status="x"
    )
    assert "channel_not_found" == stage.error(
        "assistant.threads.setStatus", channel_id="C0NOWHERE1", thread_ts=root, status="x"
    )
