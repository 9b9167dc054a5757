"""What agents read between a customer's words: both languages in one line, and nothing that was taken back."""

from __future__ import annotations

import pytest

from slackkefu.bridge.agent_lines import deleted, edited, late, source, written
from slackkefu.slack.ids import Ts


def test_late() -> None:
    """The line for agents speaks both languages, and has the same length for every time."""
    assert "[补发 Late · 2026-11-26 09:41 UTC]" == late(1_795_686_060.0)
    assert len(late(0.0)) == len(late(9_999_999_999.0))


def test_what_agents_are_told_of_changes() -> None:
    """One line in both languages: which message, and of a deleted one nothing else."""
    ts = Ts("1760000000.000001")

    assert "[更正 Edited · 2025-10-09 08:53 UTC]" == edited(ts)
    assert "2025-10-09 08:53 UTC" == written(ts)
    assert 2 == deleted(ts).count("2025-10-09 08:53 UTC")
    assert "[更正 Edited · no time]" == edited(Ts("no time"))
    assert len(deleted(Ts("x" * 1000))) < 200


@pytest.mark.parametrize(
    ("kind", "name", "title"),
    [
        ("im", "D1", "Slack · 私信 Direct message"),
        ("mpim", "mpdm", "Slack · 群聊 Group conversation"),
        ("channel", "support", "Slack · #support"),
        ("", "support", "Slack · #support"),
    ],
)
def test_where_somebody_writes(kind: str, name: str, title: str) -> None:
    """A channel by its name, other conversations by what they are."""
    assert title == source(kind, name)
