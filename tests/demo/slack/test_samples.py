"""The fake's documents have the shapes of facts/slack-samples."""

from __future__ import annotations

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


def sample(number: str, index: int = 0) -> dict[str, Any]:
    """Return the payload of a sample."""
    names = {
        "02": "02-dm-text",
        "03": "03-public-channel",
        "04": "04-private-channel",
        "05": "05-thread-reply",
        "06": "06-own-message",
        "07": "07-own-message-customised",
        "08": "08-other-bot",
        "09": "09-edited",
        "10": "10-deleted",
        "11": "11-file-share-image",
        "12": "12-mention-rich-text",
        "13": "13-mention-twice",
        "14": "14-slack-connect",
        "15": "15-slack-connect-file",
        "16": "16-enterprise-install",
        "17": "17-channel-join",
        "18": "18-app-uninstalled",
        "19": "19-tokens-revoked",
        "20": "20-slash-command",
        "21": "21-block-actions",
    }
    document = load(f"slack-samples/{names[number]}.json")
    envelope = document["envelopes"][index] if "envelopes" in document else document["envelope"]
    payload: dict[str, Any] = envelope["payload"]
    return payload


async def act(number: str, stage: Stage) -> None:
    """Do what sample *number* is about; its payload is the last one sent."""
    slack = stage.slack
    match number:
        case "02":
            await stage.mia.says(stage.dm, "你好，我的订单还没有到")
        case "03":
            await stage.mia.says(stage.support, "is anybody there?")
        case "04":
            await stage.leo.says(stage.private, "invoice question, please keep it between us")
        case "05":
            root = await stage.mia.says(stage.support, "it does not work")
            await stage.leo.says(stage.support, "same problem here", thread=root)
        case "06":
            stage.call("chat.postMessage", channel="C0SUPPORT1", text="Thanks, an agent will be with you shortly.")
        case "07":
            stage.call(
                "chat.postMessage",
                channel="D0MIA00001",
                text="Agent Wang: hello",
                username="Agent Wang",
                icon_emoji=":headphones:",
            )
        case "08":
            await stage.north.other_bot_posts(stage.support, "Build 812 passed")
        case "09":
            message = await stage.mia.says(stage.dm, "order 4711")
            await stage.mia.edits(message, "order 4712, sorry")
        case "10":
            message = await stage.mia.says(stage.dm, "order 4712, sorry")
            await stage.mia.deletes(message)
        case "11":
            await stage.mia.shares(
                stage.dm, "screenshot.png", b"png", comment="this is what I see", mimetype="image/png"
            )
        case "12":
            await stage.mia.says(stage.support, "Hi <@U0LEO00001>, 3 < 4 && 5 > 4 :+1::skin-tone-3:")
        case "14":
            await stage.eva.says(stage.joint, "hello from the partner company")
        case "15":
            await stage.eva.shares(stage.joint, "log.txt", b"log", comment="the log file")
        case "16":
            await stage.nina.says(stage.nina.dm("D0ORGDM001"), "help please")
        case "17":
            stage.support.members.pop("U0LEO00001")
            await stage.leo.joins(stage.support, invited_by=stage.mia)
            slack.ledger.parcels.pop()  # member_joined_channel
        case "18" | "19":
            slack.switches = type(slack.switches)(
                uninstall_order="revoked_first" if number == "18" else "uninstalled_first"
            )
            await stage.south.uninstalls()
        case "20":
            await stage.mia.commands(stage.support, "/helpdesk", "talk to a human")
        case "21":
            stage.call("chat.postMessage", channel="D0MIA00001", text="How did we do?")
            await stage.mia.presses(slack.ledger.posts[-1].message, "rate_5", value="5")


@pytest.mark.parametrize(
    "number",
    [f"{number:02}" for number in range(2, 22) if number != 13],
)
async def test_each_document_has_its_samples_shape(stage: Stage, number: str) -> None:
    """What the fake sends for the act of a sample has the sample's keys and types."""
    await act(number, stage)

    payload = dict(stage.slack.ledger.parcels[-1].payload)
    assert shape(sample(number)) == shape(payload)


async def test_a_mention_comes_twice_with_two_event_ids(stage: Stage) -> None:
    """A mention in a channel the bot is in gives a message and an app_mention of one ts, in the samples' shapes."""
    message = await stage.leo.says(stage.support, "<@U0NORTHBOT> can I get a human?")

    parcels = {parcel.event["type"]: parcel for parcel in stage.slack.ledger.of(message)}
    assert {"message", "app_mention"} == set(parcels)
    assert parcels["message"].event_id != parcels["app_mention"].event_id
    assert parcels["message"].event["ts"] == parcels["app_mention"].event["ts"]
    assert shape(sample("13", 0)) == shape(dict(parcels["message"].payload))
    assert shape(sample("13", 1)) == shape(dict(parcels["app_mention"].payload))


@pytest.mark.parametrize(
    ("number", "paths"),
    [
        ("02", ["team_id", "api_app_id", "event.channel", "event.user", "event.text", "event.channel_type"]),
        ("04", ["event.channel_type", "event.channel"]),
        ("06", ["event.bot_id", "event.user", "event.app_id"]),
        ("07", ["event.subtype", "event.username", "event.icons", "event.bot_id"]),
        ("14", ["team_id", "context_team_id", "event.user_team", "is_ext_shared_channel", "authorizations"]),
        ("15", ["event.files.mode", "event.files.file_access"]),
        ("16", ["team_id", "enterprise_id", "context_enterprise_id", "event.user_team", "authorizations"]),
        ("17", ["event.text", "event.inviter", "event.subtype"]),
        ("18", ["event.type", "team_id", "authorizations"]),
        ("19", ["event.type", "event.tokens"]),
        ("20", ["command", "channel_name", "is_enterprise_install"]),
        ("21", ["type", "team", "channel", "is_enterprise_install", "actions.action_id"]),
    ],
)
async def test_telling_fields_have_the_samples_values(stage: Stage, number: str, paths: list[str]) -> None:
    """Where a sample turns on the value of a field, the fake gives that value."""
    await act(number, stage)

    payload = dict(stage.slack.ledger.parcels[-1].payload)
    for path in paths:
        expected, given = sample(number), payload
        for key in path.split("."):
            expected, given = (each[0] if isinstance(each, list) else each for each in (expected, given))
            expected, given = expected[key], given[key]
        assert expected == given, path
