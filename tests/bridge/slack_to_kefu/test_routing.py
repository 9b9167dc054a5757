"""Every envelope is decided on, for its reason; loops cannot come about."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.slack_to_kefu.routing import Change, Deed, Forward, Ignored, Special, route
from slackkefu.bridge.table import Reason, Rule
from slackkefu.secret import Secret
from slackkefu.slack.envelope import parse_envelope
from slackkefu.slack.ids import EnterpriseId, TeamId, Ts, UserId
from slackkefu.slack.installation import Installation, InstallationKey, Installations
from tests.facts import FACTS, load

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.routing import Route
    from slackkefu.easemob.names import ImUser

CONTEXT = load("slack-samples/context.json")
SAMPLES = sorted(path.stem for path in (FACTS / "slack-samples").glob("[0-9]*.json"))

LOOPS = {
    "06-own-message": Reason.OWN_MESSAGE,
    "07-own-message-customised": Reason.OWN_MESSAGE,
    "08-other-bot": Reason.OTHER_BOT,
    "17-channel-join": Reason.SYSTEM_MESSAGE,
}
SPECIAL: dict[str, Rule] = {
    "09-edited": Rule.EDIT,
    "10-deleted": Rule.DELETION,
    "18-app-uninstalled": Rule.REMOVAL,
    "19-tokens-revoked": Rule.REMOVAL,
    "20-slash-command": Rule.DEED,
    "21-block-actions": Rule.DEED,
}
"""What this version does with what the samples call special."""


def installations() -> Installations:
    """Make the installations that the samples are about."""
    return Installations(
        Installation(
            key=InstallationKey(
                EnterpriseId(known["enterprise_id"]) if known["enterprise_id"] else None,
                TeamId(known["team_id"]) if known["team_id"] else None,
            ),
            team_name=name,
            bot_token=Secret(f"xoxb-{name}"),
            bot_id=known["bot_id"],
            bot_user_id=UserId(known["bot_user_id"]),
            app_id="",
            scopes=frozenset(),
        )
        for name, known in CONTEXT["installations"].items()
    )


def decide(frame: Any, *, channels: Any = "all", open_thread: tuple[str, str] | None = None) -> Route:
    """Route one frame; *open_thread* is an IM user and a thread in which a mention opened the conversation."""

    def listens(user: ImUser, thread_ts: Ts, _: Ts) -> bool:
        return (user, thread_ts) == open_thread

    return route(parse_envelope(frame), installations=installations(), channels=channels, listens=listens)


def message(**changes: Any) -> Any:
    """Make a frame with a plain message in a public channel, changed as told; None takes a field away."""
    frame = copy.deepcopy(load("slack-samples/03-public-channel.json")["envelope"])
    for name, value in changes.items():
        frame["payload"]["event"].pop(name, None)
        if value is not None:
            frame["payload"]["event"][name] = value
    return frame


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name: str) -> None:
    """Each sample of facts/slack-samples is forwarded, ignored or special as it says, under the right installation."""
    sample = load(f"slack-samples/{name}.json")
    expect = sample["expect"]
    frames = sample.get("envelopes") or [sample["envelope"]]
    for frame in frames:
        if not frame.get("envelope_id"):
            continue
        decision = decide(frame)
        if expect["action"] == "forward":
            assert isinstance(decision, Forward)
            assert expect["installation"] == {
                "enterprise_id": decision.installation.key.enterprise_id,
                "team_id": decision.installation.key.team_id,
            }
            assert expect["conversation"]["channel"] == decision.visitor.channel
            assert expect["conversation"]["user"] == decision.visitor.user
            thread = expect["conversation"].get("thread_ts")
            assert thread is None or thread == decision.thread_ts
            user_team = expect["conversation"].get("user_team", "")
            assert not user_team.startswith("T") or user_team == decision.visitor.team
        elif expect["action"] == "ignore":
            assert isinstance(decision, Ignored)
            assert LOOPS[name] is decision.reason
        else:
            wanted = SPECIAL[name]
            assert isinstance(decision, Change | Deed | Special)
            assert wanted is (Rule.DEED if isinstance(decision, Deed) else decision.rule)
            assert not isinstance(decision, Change) or expect["message_ts"] == decision.ts


MARKS: list[tuple[dict[str, Any], Reason]] = [
    ({"bot_id": "B0NORTHBOT"}, Reason.OWN_MESSAGE),
    ({"app_id": "A0SLKFAPP1"}, Reason.OWN_MESSAGE),
    ({"bot_profile": {"app_id": "A0SLKFAPP1"}}, Reason.OWN_MESSAGE),
    ({"user": "U0NORTHBOT"}, Reason.OWN_MESSAGE),
    ({"user": None, "bot_id": "B0NORTHBOT", "subtype": "bot_message"}, Reason.OWN_MESSAGE),
    ({"bot_id": "B0OTHER001"}, Reason.OTHER_BOT),
    ({"subtype": "bot_message"}, Reason.OTHER_BOT),
    ({"user": "USLACKBOT"}, Reason.SLACKBOT),
    ({"hidden": True}, Reason.HIDDEN),
    ({"user": None}, Reason.NO_USER),
    ({"subtype": "channel_topic"}, Reason.SYSTEM_MESSAGE),
    ({"subtype": "something_new"}, Reason.UNKNOWN_SUBTYPE),
    ({"text": "  ", "blocks": None}, Reason.EMPTY),
    ({"text": None, "blocks": None}, Reason.EMPTY),
    ({"user": "u-lower"}, Reason.UNMAPPABLE_ID),
    ({"user": "U" + "0" * 60}, Reason.UNMAPPABLE_ID),
    ({"ts": 17.5}, Reason.MALFORMED),
]


@pytest.mark.parametrize(("changes", "reason"), MARKS)
def test_marks(changes: dict[str, Any], reason: Reason) -> None:
    """A message with one of the marks of facts/slack.md §4, or without words, is ignored for that reason."""
    decision = decide(message(**changes))

    assert isinstance(decision, Ignored)
    assert reason is decision.reason


@given(
    st.sampled_from([{"bot_id": "B0NORTHBOT"}, {"app_id": "A0SLKFAPP1"}, {"user": "U0NORTHBOT"}]),
    st.fixed_dictionaries(
        {},
        optional={
            "subtype": st.sampled_from(["file_share", "me_message", "thread_broadcast", "bot_message"]),
            "channel_type": st.sampled_from(["im", "mpim", "group", "channel"]),
            "thread_ts": st.just("1759999000.000100"),
            "text": st.text(min_size=1),
            "user": st.sampled_from(["U0MIA00001", "U0NORTHBOT", "U0SOUTHBOT"]),
            "type": st.sampled_from(["message", "app_mention"]),
        },
    ),
    st.sampled_from(["all", "mention", "off"]),
)
def test_own_posts_never_pass(mark: dict[str, Any], rest: dict[str, Any], channels: str) -> None:
    """With any one mark of our own on it, nothing else in a message makes it pass."""
    assert not isinstance(decide(message(**{**rest, **mark}), channels=channels), Forward)


def test_our_bot_of_another_workspace_is_own() -> None:
    """In a shared channel the app's bot of the other workspace is the app as well, whatever marks are missing."""
    decision = decide(message(user="U0SOUTHBOT"))

    assert isinstance(decision, Ignored)
    assert Reason.OWN_MESSAGE is decision.reason


def test_an_edit_of_an_own_post_is_own() -> None:
    """The marks of an edit sit in the inner message; an edit of our own post is never a customer's."""
    frame = copy.deepcopy(load("slack-samples/09-edited.json")["envelope"])
    frame["payload"]["event"]["message"].update(user="U0NORTHBOT", bot_id="B0NORTHBOT")
    decision = decide(frame)

    assert isinstance(decision, Ignored)
    assert Reason.OWN_MESSAGE is decision.reason


def change(frame: Any, **fields: Any) -> Any:
    """Change the event of an edit or a deletion as told; None takes a field away."""
    event = frame["payload"]["event"]
    for name, value in fields.items():
        event.pop(name, None)
        if value is not None:
            event[name] = value
    return frame


def test_a_deletion_names_its_message() -> None:
    """A deletion is about the message that it names, also where Slack does not show that any more."""
    raw = load("slack-samples/10-deleted.json")["envelope"]
    for frame in (raw, change(copy.deepcopy(raw), previous_message=None)):
        decision = decide(frame)

        assert isinstance(decision, Change)
        assert (Rule.DELETION, "1759999500.000200") == (decision.rule, decision.ts)
        assert "-/T0NORTH001/D0MIA00001/1759999500.000200" == str(decision.key)


def test_a_deletion_of_an_own_post_is_own() -> None:
    """A deleted post of ours is no customer's message."""
    frame = copy.deepcopy(load("slack-samples/10-deleted.json")["envelope"])
    frame["payload"]["event"]["previous_message"]["bot_id"] = "B0NORTHBOT"
    decision = decide(frame)

    assert isinstance(decision, Ignored)
    assert Reason.OWN_MESSAGE is decision.reason


@pytest.mark.parametrize(("bot_id", "reason"), [(None, None), ("B0NORTHBOT", Reason.OWN_MESSAGE)])
def test_a_tombstone_is_a_deletion(bot_id: str | None, reason: Reason | None) -> None:
    """The deleted root of a thread leaves a tombstone of Slackbot's, which comes as an edit (facts/slack.md §4)."""
    frame = copy.deepcopy(load("slack-samples/09-edited.json")["envelope"])
    event = frame["payload"]["event"]
    event["message"].update(subtype="tombstone", user="USLACKBOT", hidden=True, text="This message was deleted.")
    event["previous_message"] |= {"bot_id": bot_id}
    decision = decide(frame)

    if reason is None:
        assert isinstance(decision, Change)
        assert (Rule.DELETION, event["message"]["ts"]) == (decision.rule, decision.ts)
    else:
        assert isinstance(decision, Ignored)
        assert reason is decision.reason


def test_a_link_preview_is_no_edit() -> None:
    """A message changed by Slack itself, without ``edited``, is not an edit."""
    frame = copy.deepcopy(load("slack-samples/09-edited.json")["envelope"])
    del frame["payload"]["event"]["message"]["edited"]
    decision = decide(frame)

    assert isinstance(decision, Ignored)
    assert Reason.NOT_AN_EDIT is decision.reason


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ({"envelope_id": "1", "type": "brand_new", "payload": {}}, Reason.UNKNOWN_PAYLOAD),
        ({"envelope_id": "1", "type": "events_api"}, Reason.MALFORMED),
        ({"envelope_id": "1", "type": "events_api", "payload": {"event": 3}}, Reason.MALFORMED),
        ({"envelope_id": "1", "type": "events_api", "payload": {"event": {"type": "novel"}}}, Reason.UNKNOWN_EVENT),
        (
            {"envelope_id": "1", "type": "events_api", "payload": {"type": "app_rate_limited", "team_id": "T1"}},
            Reason.EVENTS_HELD_BACK,
        ),
    ],
)
def test_what_is_not_understood_is_named(frame: Any, reason: Reason) -> None:
    """Unknown and unreadable payloads are ignored for a named reason, never an exception."""
    decision = decide(frame)

    assert isinstance(decision, Ignored)
    assert reason is decision.reason


def test_an_unknown_workspace_is_ignored() -> None:
    """A message for an installation that is not ours is not forwarded under another's."""
    frame = message()
    frame["payload"]["authorizations"][0]["team_id"] = "T0STRANGER"
    decision = decide(frame)

    assert isinstance(decision, Ignored)
    assert Reason.UNKNOWN_INSTALLATION is decision.reason


def test_other_events_need_their_installation() -> None:
    """An event that the bridge acts on is special for its installation, and ignored for a stranger's."""
    known, stranger = (message(type="channel_id_changed") for _ in range(2))
    stranger["payload"]["authorizations"][0]["team_id"] = "T0STRANGER"
    here, elsewhere = decide(known), decide(stranger)

    assert isinstance(here, Special)
    assert Rule.RENUMBERING is here.rule
    assert isinstance(elsewhere, Ignored)
    assert Reason.UNKNOWN_INSTALLATION is elsewhere.reason


def test_events_that_concern_nobody_are_ignored_by_name() -> None:
    """A known event without a meaning for the desk is told from an unknown one."""
    decision = decide(message(type="assistant_thread_started"))

    assert isinstance(decision, Ignored)
    assert (Reason.NOT_FOR_THE_DESK, "assistant_thread_started") == (decision.reason, decision.detail)


@pytest.mark.parametrize(("expected", "channel"), [(True, "D0MIA00001"), (False, "C0SUPPORT1")])
def test_without_a_channel_type_the_id_decides(expected: bool, channel: str) -> None:
    """Where Slack tells no ``channel_type`` only the ``D`` of a direct message's id is left."""
    decision = decide(message(channel_type=None, channel=channel))

    assert isinstance(decision, Forward)
    assert expected is decision.is_direct


# What of members' messages is for the desk.

THREAD = "1760000035.688655"


@pytest.mark.parametrize("channel_type", ["channel", "group", "mpim"])
@pytest.mark.parametrize(
    ("channels", "text", "passes"),
    [
        ("all", "hello", True),
        ("all", "<@U0NORTHBOT> hello", True),
        ("mention", "hello", False),
        ("mention", "<@U0NORTHBOT> hello", True),
        ("mention", "hello &lt;@U0NORTHBOT&gt;", False),
        ("mention", "<@U0SOUTHBOT> hello", True),
        ("mention", "<@U0OTHERBOT> hello", False),
        ("off", "<@U0NORTHBOT> hello", False),
    ],
)
def test_channels(channel_type: str, channels: str, text: str, passes: bool) -> None:
    """``slack.channels`` decides by ``channel_type`` what of members' messages passes."""
    assert passes is isinstance(decide(message(channel_type=channel_type, text=text), channels=channels), Forward)


@pytest.mark.parametrize("channels", ["all", "mention", "off"])
def test_direct_messages_always_pass(channels: str) -> None:
    """Whatever the setting, a direct message to the app is for the desk."""
    assert isinstance(decide(message(channel_type="im"), channels=channels), Forward)


@pytest.mark.parametrize(
    ("user", "thread_ts", "passes"),
    [("U0MIA00001", THREAD, True), ("U0LEO00001", THREAD, False), ("U0MIA00001", "1760000099.000001", False)],
)
def test_a_mention_opens_its_thread_for_its_visitor(user: str, thread_ts: str, passes: bool) -> None:
    """In an open thread that visitor's words pass without a mention; others', and other threads', do not."""
    frame = message(user=user, ts="1760000200.000001", thread_ts=thread_ts)
    decision = decide(frame, channels="mention", open_thread=("t0north001_u0mia00001_c0support1", THREAD))

    assert passes is isinstance(decision, Forward)


def test_app_mention_alone_is_enough() -> None:
    """An ``app_mention`` has no ``channel_type`` and is still a mention in a channel, answered in its thread."""
    decision = decide(message(type="app_mention", channel_type=None, text="hello"), channels="mention")

    assert isinstance(decision, Forward)
    assert (False, THREAD, True) == (decision.is_direct, decision.thread_ts, decision.is_mention)


def test_a_channel_answer_belongs_to_the_root() -> None:
    """The thread of an answer is the root, never the reply's own ts (facts/slack.md §5)."""
    decision = decide(message(ts="1760000200.000001", thread_ts=THREAD))

    assert isinstance(decision, Forward)
    assert THREAD == decision.thread_ts


def test_samples_are_all_here() -> None:
    """The folder of samples was found."""
    assert len(SAMPLES) == 25
    assert Path(FACTS / "slack-samples").is_dir()


def test_a_bot_that_goes_by_what_another_is_told() -> None:
    """Its going is known also where Slack tells it to an installation that is not served."""
    known = installations()
    (ours, *_) = known
    frame = message()
    frame["payload"]["event"] = {"type": "member_left_channel", "user": ours.bot_user_id, "channel": "C0JOINT001"}
    frame["payload"]["authorizations"][0]["team_id"] = "T0NOBODY01"

    decision = route(parse_envelope(frame), installations=known, channels="all", listens=lambda *_: False)

    assert isinstance(decision, Special)
    assert (Rule.LEAVING, ours) == (decision.rule, decision.installation)
