"""Who is told of what: installations, doubles, threads, and the app's coming and going."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.demo.slack.state import ChannelKind

if TYPE_CHECKING:
    import trio

    from tests.demo.slack.conftest import Stage


def kinds(stage: Stage) -> list[object]:
    """Return the types of the events sent so far."""
    return [event["type"] for event in stage.events]


async def test_a_direct_message_stays_the_same(stage: Stage) -> None:
    """One person and the app have one direct message."""
    assert stage.dm is stage.mia.dm()
    assert stage.leo.dm() is not stage.dm


async def test_nobody_hears_where_the_bot_is_not(stage: Stage) -> None:
    """Without the bot in a channel there is no event."""
    quiet = stage.north.add_channel(name="quiet", members=[stage.mia], with_app=False)
    await stage.mia.says(quiet, "<@U0NORTHBOT> psst")

    assert [] == stage.events


async def test_an_invited_bot_hears(stage: Stage) -> None:
    """The bot's own joining and leaving are told; in between it hears."""
    quiet = stage.north.add_channel(name="quiet", members=[stage.mia], with_app=False)
    await stage.mia.invites_app(quiet)
    await stage.mia.says(quiet, "hello")
    await stage.mia.removes_app(quiet)
    await stage.mia.says(quiet, "psst")

    assert ["message", "member_joined_channel", "message", "message", "member_left_channel"] == kinds(stage)
    assert ["channel_join", "channel_leave"] == [stage.events[at]["subtype"] for at in (0, 3)]
    assert ("U0NORTHBOT", "C") == (stage.events[1]["user"], stage.events[1]["channel_type"])


async def test_a_missing_scope_is_silence(stage: Stage) -> None:
    """An installation without the history scope of a kind of conversation hears nothing there."""
    stage.north.installation.scopes -= {"channels:history"}
    await stage.mia.says(stage.support, "hello")
    await stage.mia.says(stage.dm, "hello")

    assert ["im"] == [event["channel_type"] for event in stage.events]


@pytest.mark.parametrize(("order", "first"), [("message_first", "message"), ("mention_first", "app_mention")])
async def test_the_order_of_a_mention(stage: Stage, order: str, first: str) -> None:
    """Both events of a mention come in the order of the switch."""
    stage.slack.switches = replace(stage.slack.switches, mention_order=order)  # type: ignore[arg-type]  # a literal
    await stage.mia.says(stage.support, "<@U0NORTHBOT> hi")

    assert first == kinds(stage)[0]
    assert 2 == len(stage.events)


async def test_a_mention_in_a_direct_message_is_no_app_mention(stage: Stage) -> None:
    """app_mention never comes for direct messages."""
    await stage.mia.says(stage.dm, "<@U0NORTHBOT> hi")

    assert ["message"] == kinds(stage)


async def test_threads(stage: Stage) -> None:
    """A reply names the root, also when it answers a reply; a broadcast carries the root."""
    root = await stage.mia.says(stage.support, "root")
    reply = await stage.leo.says(stage.support, "reply", thread=root)
    await stage.mia.says(stage.support, "again", thread=reply)
    await stage.mia.says(stage.support, "loud", thread=root.ts, broadcast=True)

    assert [None, root.ts, root.ts, root.ts] == [event.get("thread_ts") for event in stage.events]
    assert "U0MIA00001" == stage.events[1]["parent_user_id"]
    assert ("thread_broadcast", "root") == (stage.events[3]["subtype"], stage.events[3]["root"]["text"])


async def test_timestamps_are_unique_in_a_channel_only(stage: Stage, autojump_clock: trio.abc.Clock) -> None:
    """Two messages of one moment differ in their channel; in two channels they share a ts."""
    first = await stage.mia.says(stage.support, "one")
    second = await stage.mia.says(stage.support, "two")
    elsewhere = await stage.mia.says(stage.dm, "three")

    assert first.ts < second.ts
    assert first.ts == elsewhere.ts
    assert first is stage.support.find(first.ts)
    assert stage.support.find("1.000001") is None


async def test_an_edit_shows_both_texts_and_its_mark(stage: Stage) -> None:
    """message_changed has the new text, the old one, the mark, and an outer ts of its own."""
    message = await stage.mia.says(stage.dm, "order 4711")
    await stage.mia.edits(message, "order <4712>")

    event = stage.events[-1]
    assert ("order &lt;4712&gt;", "order 4711") == (event["message"]["text"], event["previous_message"]["text"])
    assert event["ts"] == event["message"]["edited"]["ts"] != message.ts
    assert "user" not in event


async def test_a_deletion_takes_the_message_out(stage: Stage) -> None:
    """message_deleted names the message, which is gone from the channel and its thread."""
    root = await stage.mia.says(stage.support, "root")
    reply = await stage.mia.says(stage.support, "reply", thread=root)
    await stage.mia.deletes(reply)

    assert reply.ts == stage.events[-1]["deleted_ts"]
    assert [root] == stage.support.messages
    assert [] == stage.support.threads[root.ts]


async def test_me_messages_and_other_bots(stage: Stage) -> None:
    """/me and other integrations have their subtypes."""
    await stage.mia.acts(stage.support, "waves")
    await stage.north.other_bot_posts(stage.support, "Build passed")

    assert ["me_message", "bot_message"] == [event["subtype"] for event in stage.events]
    assert "user" not in stage.events[1]


async def test_the_apps_own_posts_come_back(stage: Stage) -> None:
    """Posts, edits and deletions of the app come back as events, with its bot_id, unless the switch is off."""
    ts = stage.call(
        "chat.postMessage", channel="C0SUPPORT1", text="hi", metadata={"event_type": "t", "event_payload": {}}
    )["ts"]
    stage.call("chat.update", channel="C0SUPPORT1", ts=ts, text="hi!")
    stage.call("chat.delete", channel="C0SUPPORT1", ts=ts)
    assert [None, "message_changed", "message_deleted"] == [event.get("subtype") for event in stage.events]
    assert "B0NORTHBOT" == stage.events[0]["bot_id"]
    assert "metadata" not in stage.events[0]

    stage.slack.switches = replace(stage.slack.switches, echoes_posts=False)
    ts = stage.call("chat.postMessage", channel="C0SUPPORT1", text="hi")["ts"]
    stage.call("chat.delete", channel="C0SUPPORT1", ts=ts)
    assert 3 == len(stage.events)


async def test_an_echo_may_carry_metadata(stage: Stage) -> None:
    """With the switch, the echo of a post shows its metadata."""
    stage.slack.switches = replace(stage.slack.switches, echo_carries_metadata=True)
    metadata = {"event_type": "t", "event_payload": {"id": "1"}}
    stage.call("chat.postMessage", channel="C0SUPPORT1", text="hi", metadata=metadata)

    assert metadata == stage.events[0]["metadata"]


async def test_foreigners_come_with_a_profile(stage: Stage) -> None:
    """In Slack Connect the outer team is the foreign one, and the profile comes along; the installation is ours."""
    await stage.eva.says(stage.joint, "hello")

    (parcel,) = stage.slack.ledger.parcels
    assert ("T0PARTNER1", True) == (parcel.payload["team_id"], parcel.payload["is_ext_shared_channel"])
    assert "T0NORTH001" == authorized(stage, 0)
    assert "eva" == stage.events[0]["user_profile"]["display_name"]


async def test_profiles_and_teams_by_switch(stage: Stage) -> None:
    """With the switches, messages of the own workspace carry profile and teams as well."""
    stage.slack.switches = replace(stage.slack.switches, profile_in_events=True, team_in_events=True)
    await stage.mia.says(stage.dm, "hello")

    assert "Mia" == stage.events[0]["user_profile"]["real_name"]
    assert "T0NORTH001" == stage.events[0]["user_team"] == stage.events[0]["source_team"]


async def test_two_installations_in_a_channel_and_one_event(stage: Stage) -> None:
    """Of two installations in a shared channel one is named: the first, or by the switch either."""
    shared = stage.north.add_channel(name="both", members=[stage.mia], shared_with=[stage.south])
    await stage.mia.says(shared, "hello")
    assert 1 == len(stage.events)
    assert "T0NORTH001" == authorized(stage, 0)

    stage.slack.switches = replace(stage.slack.switches, authorization="random")
    for _ in range(20):
        await stage.mia.says(shared, "hello")
    assert {"T0NORTH001", "T0SOUTH001"} == {authorized(stage, index) for index in range(21)}


def authorized(stage: Stage, index: int) -> object:
    """Return the workspace that an event's ``authorizations`` names."""
    payload: Any = stage.slack.ledger.parcels[index].payload
    (entry,) = payload["authorizations"]
    return entry["team_id"]


async def test_installing_again_adds_scopes(stage: Stage) -> None:
    """A second installation of a workspace is the first one with more scopes."""
    first = stage.north.installation
    first.scopes = frozenset({"chat:write"})
    assert first is stage.north.install(scopes=frozenset({"im:history"}))
    assert {"chat:write", "im:history"} == first.scopes


@pytest.mark.parametrize("order", ["revoked_first", "uninstalled_first"])
async def test_the_app_is_removed(stage: Stage, order: str) -> None:
    """The token is dead before either event, and nothing is heard afterwards."""
    stage.slack.switches = replace(stage.slack.switches, uninstall_order=order)  # type: ignore[arg-type]  # a literal
    await stage.north.uninstalls()
    await stage.mia.says(stage.dm, "anybody?")

    expected = ["tokens_revoked", "app_uninstalled"]
    assert (expected if order == "revoked_first" else expected[::-1]) == kinds(stage)
    assert "account_inactive" == stage.error("auth.test")
    with pytest.raises(ValueError, match="not installed"):
        _ = stage.north.installation


async def test_installing_after_removal_is_a_new_installation(stage: Stage) -> None:
    """After its removal the app comes back with a new token."""
    old = stage.north.installation
    await stage.north.uninstalls()

    assert stage.north.install() is not old
    assert stage.north.installation.token != old.token


async def test_the_bot_is_known_again(stage: Stage) -> None:
    """It comes back as the same user, with its direct messages, and has to be let into channels anew."""
    channel = stage.north.add_channel(name="support", members=[stage.mia])
    bot = stage.north.installation.bot
    await stage.north.uninstalls()
    stage.north.install()

    assert bot is stage.north.installation.bot
    assert stage.dm is stage.mia.dm()
    assert bot.id not in channel.members


async def test_a_removal_that_is_told_late_and_again(stage: Stage) -> None:
    """However often Slack tells, it says when the app was removed; a disabled workspace is told of at no time."""
    await stage.north.uninstalls(tells=False)
    assert [] == kinds(stage)
    stage.north.install()
    for _ in range(2):
        await stage.north.tells_of_removal()
    payloads = [parcel.payload for parcel in stage.slack.ledger.parcels]

    assert 4 == len(payloads)
    assert 4 == len({payload["event_id"] for payload in payloads})
    assert 1 == len({payload["event_time"] for payload in payloads})


async def test_an_organisation(stage: Stage) -> None:
    """An organisation-wide installation serves whom it was granted, and access events name workspaces only inside."""
    other = stage.grid.add_workspace("T0GRIDWS02", name="Gridother")
    with pytest.raises(ValueError, match="not installed"):
        assert other.installation

    await stage.grid.grants(other)

    assert other.installation is stage.grid_team.installation

    await stage.grid.withdraws(other)
    with pytest.raises(ValueError, match="not installed"):
        assert other.installation

    payload = stage.slack.ledger.parcels[0].payload
    assert ["team_access_granted", "team_access_revoked"] == kinds(stage)
    assert ["T0GRIDWS02"] == stage.events[0]["team_ids"]
    assert "team_id" not in payload
    assert "authorizations" not in payload


async def test_a_workspaces_own_installation_goes_first(stage: Stage) -> None:
    """Where organisation and workspace both installed the app, the workspace's own serves it."""
    own = stage.grid_team.install()

    assert own is stage.grid_team.installation


async def test_an_organisation_without_workspaces_cannot_install(stage: Stage) -> None:
    """There has to be a workspace first."""
    empty = stage.slack.add_organisation(name="Empty")

    with pytest.raises(ValueError, match="needs a workspace"):
        empty.install()


async def test_people_open_the_app_and_change_their_names(stage: Stage) -> None:
    """app_home_opened names the direct message; user_change carries the whole user."""
    await stage.mia.opens_app()
    await stage.mia.changes_profile(display_name="mimi")

    opened, changed = stage.events
    assert ("app_home_opened", "D0MIA00001", "messages") == (opened["type"], opened["channel"], opened["tab"])
    assert ("user_change", "mimi") == (changed["type"], changed["user"]["profile"]["display_name"])


async def test_a_rate_limit_has_no_event(stage: Stage) -> None:
    """app_rate_limited comes as an event envelope without an event."""
    parcel = await stage.north.exceeds_its_rate(1_760_000_040)

    assert ("app_rate_limited", 1_760_000_040) == (parcel.payload["type"], parcel.payload["minute_rate_limited"])
    assert {} == parcel.event


async def test_foreigners_cannot_command(stage: Stage) -> None:
    """People of a workspace without the app cannot use its commands, nor write to it."""
    with pytest.raises(ValueError, match="cannot use its commands"):
        await stage.eva.commands(stage.joint, "/kefu")
    with pytest.raises(ValueError, match="not installed"):
        stage.eva.dm()
    with pytest.raises(ValueError, match="not installed"):
        await stage.eva.opens_app()


async def test_a_modal_is_submitted(stage: Stage) -> None:
    """view_submission has the values and the installation, and takes an answer."""
    parcel = await stage.mia.submits({"type": "modal", "callback_id": "rate"}, {"b": {"a": {"value": "5"}}})

    view = parcel.payload["view"]
    assert parcel.accepts_answer
    assert {"values": {"b": {"a": {"value": "5"}}}} == view["state"]  # type: ignore[index]  # a dict
    assert "T0NORTH001" == view["app_installed_team_id"]  # type: ignore[index]  # a dict


async def test_a_command_in_an_organisation(stage: Stage) -> None:
    """In an organisation a command names it, and a click has no team."""
    dm = stage.nina.dm()
    command = await stage.nina.commands(dm, "/kefu")
    stage.call("chat.postMessage", "xoxb-grid", channel=dm.id, text="rate us")
    click = await stage.nina.presses(stage.slack.ledger.posts[-1].message, "rate_5")

    assert ("E0GRID0001", "true") == (command.payload["enterprise_id"], command.payload["is_enterprise_install"])
    assert click.payload["team"] is None
    assert "E0GRID0001" == click.payload["enterprise"]["id"]  # type: ignore[index]  # a dict


async def test_group_conversations_and_old_private_channels(stage: Stage) -> None:
    """channel_type says what a conversation is, whatever its id begins with."""
    group = stage.north.add_channel(name="mpdm", kind=ChannelKind.MPIM, members=[stage.mia, stage.leo])
    old = stage.north.add_channel("G0OLD00001", name="old", kind=ChannelKind.PRIVATE, members=[stage.mia])
    await stage.mia.says(group, "hi")
    await stage.mia.says(old, "hi")

    assert [("C", "mpim"), ("G", "group")] == [(event["channel"][0], event["channel_type"]) for event in stage.events]


async def test_a_retry_for_another_installation(stage: Stage) -> None:
    """By a switch a retry names another of the installations that share a channel; it is the same event."""
    stage.slack.switches = replace(stage.slack.switches, retry_authorization="next")
    shared = stage.north.add_channel(name="shared", members=[stage.mia], shared_with=[stage.grid_team])
    await stage.mia.says(shared, "hello")
    parcel = stage.slack.ledger.parcels[-1]

    (other,) = parcel.again
    assert parcel.payload["event_id"] == other["event_id"]
    assert parcel.payload["authorizations"] != other["authorizations"]


@pytest.mark.parametrize("tells", [True, False])
async def test_the_end_of_sharing(stage: Stage, tells: bool) -> None:
    """Who leaves keeps what was written, under a new id, and is out of the old one."""
    stage.slack.switches = replace(stage.slack.switches, unsharing_tells=tells)
    shared = stage.north.add_channel("C0SHARED01", name="shared", members=[stage.mia], shared_with=[stage.grid_team])
    said = await stage.mia.says(shared, "hello")
    kept = await stage.grid_team.stops_sharing(shared, channel_id="C0KEPT0001")

    assert [(said.ts, said.text)] == [(message.ts, message.text) for message in kept.messages]
    assert [stage.north.installation] == stage.slack.state.hearers(shared)
    assert [stage.grid_team.installation] == stage.slack.state.hearers(kept)
    assert tells is ("channel_id_changed" in kinds(stage))
