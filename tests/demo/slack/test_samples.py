"""The fake's documents have the shapes of facts/slack-samples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.facts import load

if TYPE_CHECKING:
    from tests.demo.slack.conftest import Stage

# What the samples leave out for brevity, or have in several forms.
PASSED_OVER = {"blocks", "client_msg_id", "bot_profile", "thread_ts", "parent_user_id", "reply_count"}


def shape(value: Any, *, over: set[str] = PASSED_OVER) -> Any:
    """Return the form of a JSON value: its keys and types."""
    if isinstance(value, dict):
        return {key: shape(inner, over=over) for key, inner in value.items() if key not in over}
    if isinstance(value, list):
        return [shape(inner, over=over) for inner in value[:1]]
    return type(value).__name__


def sample(name: str, index: int = 0) -> dict[str, Any]:
    """Return the payload of a sample."""
    document = load(f"slack-samples/{name}.json")
    envelope = document["envelopes"][index] if "envelopes" in document else document["envelope"]
    payload: dict[str, Any] = envelope["payload"]
    return payload


async def dm_text(stage: Stage) -> None:
    """Write to the app."""
    await stage.mia.says(stage.dm, "你好，我的订单还没有到")


async def public_channel(stage: Stage) -> None:
    """Write where the bot is."""
    await stage.mia.says(stage.support, "is anybody there?")


async def private_channel(stage: Stage) -> None:
    """Write in private."""
    await stage.leo.says(stage.private, "invoice question, please keep it between us")


async def thread_reply(stage: Stage) -> None:
    """Reply in a thread."""
    root = await stage.mia.says(stage.support, "it does not work")
    await stage.leo.says(stage.support, "same problem here", thread=root)


async def own_message(stage: Stage) -> None:
    """Let the app post."""
    stage.call("chat.postMessage", channel="C0SUPPORT1", text="Thanks, an agent will be with you shortly.")


async def own_message_customised(stage: Stage) -> None:
    """Let the app post under another name."""
    name = {"username": "Agent Wang", "icon_emoji": ":headphones:"}
    stage.call("chat.postMessage", channel="D0MIA00001", text="Agent Wang: hello", **name)


async def other_bot(stage: Stage) -> None:
    """Let another integration post."""
    await stage.north.other_bot_posts(stage.support, "Build 812 passed")


async def edited(stage: Stage) -> None:
    """Edit."""
    message = await stage.mia.says(stage.dm, "order 4711")
    await stage.mia.edits(message, "order 4712, sorry")


async def deleted(stage: Stage) -> None:
    """Delete."""
    message = await stage.mia.says(stage.dm, "order 4712, sorry")
    await stage.mia.deletes(message)


async def file_share_image(stage: Stage) -> None:
    """Share an image."""
    await stage.mia.shares(stage.dm, "screenshot.png", b"png", comment="this is what I see", mimetype="image/png")


async def mention_rich_text(stage: Stage) -> None:
    """Mention people."""
    await stage.mia.says(stage.support, "Hi <@U0LEO00001>, 3 < 4 && 5 > 4 :+1::skin-tone-3:")


async def slack_connect(stage: Stage) -> None:
    """Write as a foreigner."""
    await stage.eva.says(stage.joint, "hello from the partner company")


async def slack_connect_file(stage: Stage) -> None:
    """Share a file as a foreigner."""
    await stage.eva.shares(stage.joint, "log.txt", b"log", comment="the log file")


async def enterprise_install(stage: Stage) -> None:
    """Write in an organisation."""
    await stage.nina.says(stage.nina.dm("D0ORGDM001"), "help please")


async def channel_join(stage: Stage) -> None:
    """Join."""
    stage.support.members.pop("U0LEO00001")
    await stage.leo.joins(stage.support, invited_by=stage.mia)
    stage.slack.ledger.parcels.pop()  # member_joined_channel


async def app_uninstalled(stage: Stage) -> None:
    """Remove the app."""
    stage.slack.switches = replace(stage.slack.switches, uninstall_order="revoked_first")
    await stage.south.uninstalls()


async def tokens_revoked(stage: Stage) -> None:
    """Remove the app, the other event last."""
    stage.slack.switches = replace(stage.slack.switches, uninstall_order="uninstalled_first")
    await stage.south.uninstalls()


async def slash_command(stage: Stage) -> None:
    """Give a command."""
    await stage.mia.commands(stage.support, "/helpdesk", "talk to a human")


async def block_actions(stage: Stage) -> None:
    """Press a button."""
    stage.call("chat.postMessage", channel="D0MIA00001", text="How did we do?")
    await stage.mia.presses(stage.slack.ledger.posts[-1].message, "rate_5", value="5")


# What sample each act is about; its payload is the last one sent.
ACTS = {
    "02-dm-text": dm_text,
    "03-public-channel": public_channel,
    "04-private-channel": private_channel,
    "05-thread-reply": thread_reply,
    "06-own-message": own_message,
    "07-own-message-customised": own_message_customised,
    "08-other-bot": other_bot,
    "09-edited": edited,
    "10-deleted": deleted,
    "11-file-share-image": file_share_image,
    "12-mention-rich-text": mention_rich_text,
    "14-slack-connect": slack_connect,
    "15-slack-connect-file": slack_connect_file,
    "16-enterprise-install": enterprise_install,
    "17-channel-join": channel_join,
    "18-app-uninstalled": app_uninstalled,
    "19-tokens-revoked": tokens_revoked,
    "20-slash-command": slash_command,
    "21-block-actions": block_actions,
}


@pytest.mark.parametrize("name", ACTS)
async def test_each_document_has_its_samples_shape(stage: Stage, name: str) -> None:
    """What the fake sends for the act of a sample has the sample's keys and types."""
    await ACTS[name](stage)

    payload = dict(stage.slack.ledger.parcels[-1].payload)
    assert shape(sample(name)) == shape(payload)


async def test_a_mention_comes_twice_with_two_event_ids(stage: Stage) -> None:
    """A mention in a channel the bot is in gives a message and an app_mention of one ts, in the samples' shapes."""
    message = await stage.leo.says(stage.support, "<@U0NORTHBOT> can I get a human?")

    parcels = {parcel.event["type"]: parcel for parcel in stage.slack.ledger.of(message)}
    assert {"message", "app_mention"} == set(parcels)
    assert parcels["message"].event_id != parcels["app_mention"].event_id
    assert parcels["message"].event["ts"] == parcels["app_mention"].event["ts"]
    assert shape(sample("13-mention-twice", 0)) == shape(dict(parcels["message"].payload))
    assert shape(sample("13-mention-twice", 1)) == shape(dict(parcels["app_mention"].payload))


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("02-dm-text", "team_id api_app_id event.channel event.user event.text event.channel_type"),
        ("04-private-channel", "event.channel_type event.channel"),
        ("06-own-message", "event.bot_id event.user event.app_id"),
        ("07-own-message-customised", "event.subtype event.username event.icons event.bot_id"),
        ("14-slack-connect", "team_id context_team_id event.user_team is_ext_shared_channel authorizations"),
        ("15-slack-connect-file", "event.files.0.mode event.files.0.file_access"),
        ("16-enterprise-install", "team_id enterprise_id context_enterprise_id event.user_team authorizations"),
        ("17-channel-join", "event.text event.inviter event.subtype"),
        ("18-app-uninstalled", "event.type team_id authorizations"),
        ("19-tokens-revoked", "event.type event.tokens"),
        ("20-slash-command", "channel_name is_enterprise_install"),
        ("21-block-actions", "type team channel is_enterprise_install actions.0.action_id"),
    ],
)
async def test_telling_fields_have_the_samples_values(stage: Stage, name: str, paths: str) -> None:
    """Where a sample turns on the value of a field, the fake gives that value."""
    await ACTS[name](stage)

    payload = dict(stage.slack.ledger.parcels[-1].payload)
    for path in paths.split():
        assert at(sample(name), path) == at(payload, path), path


def at(document: Any, path: str) -> Any:
    """Return the value at a dotted path."""
    for key in path.split("."):
        document = document[int(key) if key.isdecimal() else key]
    return document
