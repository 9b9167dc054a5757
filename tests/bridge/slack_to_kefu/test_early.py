"""What comes before its installation is kept for it: a short while, and not more than so much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from slackkefu.bridge.slack_to_kefu.early import IN_ALL, KEEP_S, Early
from slackkefu.slack.ids import EnterpriseId, TeamId
from slackkefu.slack.installation import InstallationKey

if TYPE_CHECKING:
    from slackkefu.bridge.slack_to_kefu.receipts import Delivery

SOUTH, WEST = InstallationKey(None, TeamId("T0SOUTH001")), InstallationKey(None, TeamId("T0WEST0001"))
MOVED = InstallationKey(EnterpriseId("E0GRID0001"), SOUTH.team_id)


@dataclass(frozen=True)
class Came:
    """An envelope that came at a moment."""

    received_at: float


def came(at: float) -> Delivery:
    """Make one."""
    return cast("Delivery", Came(at))


def test_each_gets_its_own_once() -> None:
    """In the order in which they came, whether or not the workspace is known to be in an organisation."""
    early = Early()
    for key, at in ((SOUTH, 1), (WEST, 2), (SOUTH, 3)):
        early.keep(key, came(at), now=at)

    assert [came(1), came(3)] == early.take(MOVED, now=3)
    assert [] == early.take(SOUTH, now=3)
    assert [came(2)] == early.take(WEST, now=3)


def test_not_for_long() -> None:
    """What is older than that goes to nobody."""
    early = Early()
    early.keep(SOUTH, came(0), now=0)
    early.keep(SOUTH, came(1), now=1)

    assert [came(1)] == early.take(SOUTH, now=KEEP_S + 0.5)


def test_not_without_end() -> None:
    """Of too much the oldest goes."""
    early = Early()
    for number in range(IN_ALL + 1):
        early.keep(SOUTH, came(number / 1000), now=number / 1000)

    assert [came(number / 1000) for number in range(1, IN_ALL + 1)] == early.take(SOUTH, now=1)


def test_what_is_old_leaves_memory() -> None:
    """Also where nothing comes any more: there are people's words in it."""
    early = Early()
    early.keep(SOUTH, came(0), now=0)
    early.forget_old(KEEP_S + 1)

    assert "<Early, 0 kept>" == repr(early)
