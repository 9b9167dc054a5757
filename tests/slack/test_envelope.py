"""Inbound envelopes, typed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.secret import Secret
from slackkefu.slack.envelope import (
    AppRateLimited,
    EventCallback,
    Interaction,
    Malformed,
    MessageEvent,
    OtherEvent,
    OtherPayload,
    SlashCommand,
    parse_envelope,
    parse_event_callback,
)
from slackkefu.slack.ids import EnterpriseId, TeamId, UserId
from slackkefu.slack.installation import Installation, InstallationKey, Installations, key_of
from tests.facts import load
from tests.slack.samples import MISSING, envelopes, frame, frames, paths, replaced
from tests.slack.test_profile import JSON

ENVELOPES = list(envelopes())


def context() -> Installations:
    """Make the installations the samples speak of."""
    return Installations(
        Installation(
            key=InstallationKey(raw["enterprise_id"], raw["team_id"]),
            team_name=name,
            bot_token=Secret(f"xoxb-{name}"),
            bot_id=raw["bot_id"],
            bot_user_id=UserId(raw["bot_user_id"]),
            app_id="A0SLKFAPP1",
            scopes=frozenset(),
        )
        for name, raw in load("slack-samples/context.json")["installations"].items()
    )


@pytest.mark.parametrize(("name", "raw"), ENVELOPES, ids=[name for name, _ in ENVELOPES])
def test_every_sample_is_read(name: str, raw: dict[str, Any]) -> None:
    """Each sample has its type, and the installation that the facts expect."""
    envelope = parse_envelope(raw)
    expected = load(f"slack-samples/{name}.json")["expect"]["installation"]

    assert envelope.envelope_id == raw["envelope_id"]
    assert envelope.kind == raw["type"]
    assert isinstance(envelope.payload, EventCallback | SlashCommand | Interaction)
    if isinstance(envelope.payload, EventCallback):
        assert isinstance(envelope.payload.event, MessageEvent | OtherEvent)
    owner = context().owner_of(envelope.payload)
    assert owner is not None
    assert owner.key == InstallationKey(expected["enterprise_id"], expected["team_id"])


def event_callback(raw: dict[str, Any]) -> EventCallback:
    """Read an events_api frame that can be read."""
    payload = parse_envelope(raw).payload
    assert isinstance(payload, EventCallback)
    return payload


def test_trap_1_the_outer_team_is_not_the_installation() -> None:
    """Sample 14: outside stands the partner's workspace, the token is the one of authorizations[0]."""
    payload = event_callback(frame(14))

    assert payload.team_id == "T0PARTNER1"
    assert key_of(payload) == InstallationKey(None, TeamId("T0NORTH001"))
    assert payload.is_ext_shared_channel


def test_trap_4_a_retry_has_another_envelope_and_the_same_event() -> None:
    """Sample 25: only event_id tells the retry; it is an envelope like any other."""
    first, retry = (parse_envelope(raw) for raw in frames("25-retry"))

    assert first.envelope_id != retry.envelope_id
    assert (0, "") == (first.retry_attempt, first.retry_reason)
    assert (1, "timeout") == (retry.retry_attempt, retry.retry_reason)
    assert first.payload == retry.payload


def test_trap_4_a_mention_comes_twice() -> None:
    """Sample 13: two event ids, one channel and ts; only the second says that it is a mention."""
    first, second = (event_callback(raw) for raw in frames("13-mention-twice"))

    assert first.event_id != second.event_id
    assert isinstance(first.event, MessageEvent)
    assert isinstance(second.event, MessageEvent)
    assert (first.event.channel, first.event.ts) == (second.event.channel, second.event.ts)
    assert (False, True) == (first.event.is_mention_event, second.event.is_mention_event)
    assert ("channel", "") == (first.event.channel_type, second.event.channel_type)


def test_trap_7_app_rate_limited_has_no_event() -> None:
    """The payload that says events are being dropped is typed as such."""
    payload = {"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1518467820, "api_app_id": "A1"}

    assert parse_event_callback(payload) == AppRateLimited(TeamId("T1"), 1518467820)
    assert parse_event_callback({"type": "app_rate_limited"}) == AppRateLimited(None, None)


def test_trap_7_the_team_of_a_button_may_be_null() -> None:
    """Organisation-wide, the workspace stands with the user and the organisation outside."""
    raw = frame(21)
    raw["payload"] |= {"team": None, "enterprise": {"id": "E1", "name": "Grid"}, "is_enterprise_install": True}
    payload = parse_envelope(raw).payload

    assert isinstance(payload, Interaction)
    assert ("T0NORTH001", "E1", True) == (payload.team_id, payload.enterprise_id, payload.is_enterprise_install)
    assert key_of(payload) == InstallationKey(EnterpriseId("E1"), None)


def test_a_forms_installation_stands_in_the_view() -> None:
    """view.app_installed_team_id names the installation, whoever's the user is (facts/slack.md §11)."""
    raw = frame(21)
    raw["payload"] |= {"type": "view_submission", "view": {"app_installed_team_id": "T9"}}
    payload = parse_envelope(raw).payload

    assert isinstance(payload, Interaction)
    assert ("T9", "T0NORTH001") == (payload.team_id, payload.user_team)


def test_trap_7_the_user_of_user_change_is_an_object() -> None:
    """Events other than messages are handed on as they are."""
    raw = frame(18)
    raw["payload"]["event"] = {"type": "user_change", "user": {"id": "U1"}, "event_ts": "1515449522000016"}
    event = event_callback(raw).event

    assert isinstance(event, OtherEvent)
    assert ("user_change", {"id": "U1"}) == (event.type, event.raw["user"])


def test_a_slash_command_says_true_in_letters() -> None:
    """is_enterprise_install comes as text in commands (facts/slack.md §11)."""
    raw = frame(20)
    small = parse_envelope(raw).payload
    raw["payload"] |= {"is_enterprise_install": "true", "enterprise_id": "E1"}
    large = parse_envelope(raw)

    assert isinstance(small, SlashCommand)
    assert isinstance(large.payload, SlashCommand)
    assert (False, True) == (small.is_enterprise_install, large.payload.is_enterprise_install)
    assert key_of(large.payload) == InstallationKey(EnterpriseId("E1"), None)
    assert ("/helpdesk", "talk to a human") == (small.command, small.text)
    assert large.accepts_response_payload


def test_secrets_and_words_of_commands_are_not_shown() -> None:
    """response_url and trigger_id let anybody answer; texts are words."""
    for number in (2, 18, 20, 21):
        shown = repr(parse_envelope(frame(number)))

        assert "hooks.slack.com" not in shown
        assert "placeholder" not in shown
        assert "talk to" not in shown
        assert "你好" not in shown


@pytest.mark.parametrize("authorizations", [None, []])
def test_without_authorizations_the_outer_ids_stand(authorizations: object) -> None:
    """Some lifecycle events have none (facts/slack.md §3)."""
    raw = frame(18)
    raw["payload"]["authorizations"] = authorizations

    assert key_of(event_callback(raw)) == InstallationKey(None, TeamId("T0SOUTH001"))


@pytest.mark.parametrize("authorizations", ["x", [5], [{"team_id": 7}], {"team_id": "T1"}])
def test_unreadable_authorizations_are_never_taken_for_none(authorizations: object) -> None:
    """Whose token to use hangs on them: unreadable means malformed."""
    raw = frame(2)
    raw["payload"]["authorizations"] = authorizations
    payload = parse_envelope(raw).payload

    assert isinstance(payload, Malformed)
    assert "authorizations" in payload.reason


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        ("events_api", None, "not an object"),
        ("events_api", {}, "no event"),
        ("slash_commands", [], "not an object"),
        ("slash_commands", {}, "no command"),
        ("interactive", "{}", "not an object"),
        ("interactive", {"type": 4}, "no type"),
    ],
)
def test_unreadable_payloads(kind: str, payload: object, reason: str) -> None:
    """An envelope whose payload cannot be read is still an envelope (trap 5)."""
    envelope = parse_envelope({"envelope_id": "e", "type": kind, "payload": payload})

    assert envelope.envelope_id == "e"
    assert isinstance(envelope.payload, Malformed)
    assert reason in envelope.payload.reason


@pytest.mark.parametrize(("event", "reason"), [(None, "not an object"), ({}, "no type"), ({"type": 1}, "no type")])
def test_an_unreadable_event_keeps_its_installation(event: object, reason: str) -> None:
    """Around an event that cannot be read, the rest is known."""
    raw = frame(2)
    raw["payload"]["event"] = event
    payload = event_callback(raw)

    assert payload.event_id == "Ev00E89BE00"
    assert isinstance(payload.event, Malformed)
    assert reason in payload.event.reason


@pytest.mark.parametrize("kind", ["workflow_step", "", None, 7])
def test_unknown_kinds_are_envelopes(kind: object) -> None:
    """Whatever Slack may add has an envelope_id to acknowledge (trap 5)."""
    envelope = parse_envelope({"envelope_id": "e", "type": kind, "payload": {"x": 1}, "retry_attempt": "2"})

    assert envelope.payload == OtherPayload({"x": 1})
    assert envelope.retry_attempt == 0


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """Draw a sample's frame with any value at any place."""
    _, raw = draw(st.sampled_from(ENVELOPES))
    path = draw(st.sampled_from([path for path in paths(raw) if path]))
    new = draw(JSON | st.just("x" * 100_000))
    return replaced(raw, path, MISSING if draw(st.booleans()) else new)


@given(broken())
def test_any_value_at_any_place(raw: dict[str, object]) -> None:
    """Whatever stands in a frame, the answer is an envelope, and its installation can be asked for."""
    payload = parse_envelope(raw).payload
    if isinstance(payload, EventCallback | SlashCommand | Interaction):
        context().owner_of(payload)


def test_reading_is_quick() -> None:
    """A big message is read in well under a millisecond (best of many: the machine may be busy)."""
    raw = frame(12)
    best = 1.0
    for _ in range(50):
        started = time.perf_counter()
        parse_envelope(raw)
        best = min(best, time.perf_counter() - started)

    assert best < 0.001
