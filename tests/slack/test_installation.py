"""Installations, and which of them a payload belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from slackkefu.secret import Secret
from slackkefu.slack.ids import EnterpriseId, TeamId, UserId
from slackkefu.slack.installation import (
    Authorization,
    Installation,
    InstallationKey,
    Installations,
    from_bot,
    to_bot,
)

E1, T1, T2 = EnterpriseId("E1"), TeamId("T1"), TeamId("T2")


@dataclass(frozen=True)
class Payload:
    """The part of an inbound payload that names its installation."""

    authorizations: tuple[Authorization, ...] = ()
    team_id: TeamId | None = None
    enterprise_id: EnterpriseId | None = None
    is_enterprise_install: bool = False


def installation(enterprise_id: EnterpriseId | None, team_id: TeamId | None) -> Installation:
    """Make an installation with this key."""
    return Installation(
        key=InstallationKey(enterprise_id, team_id),
        team_name="North",
        bot_token=Secret("xoxb-north"),
        bot_id="B1",
        bot_user_id=UserId("U1"),
        app_id="A1",
        scopes=frozenset({"chat:write", "im:history"}),
    )


def authorization(
    enterprise_id: EnterpriseId | None, team_id: TeamId | None, *, is_enterprise_install: bool = False
) -> Authorization:
    """Make an authorization of the bot."""
    return Authorization(enterprise_id, team_id, UserId("U1"), is_bot=True, is_enterprise_install=is_enterprise_install)


NORTH, SOUTH, GRID = installation(None, T1), installation(None, T2), installation(E1, None)
ALL = Installations([NORTH, SOUTH, GRID])


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(Payload((authorization(None, T1),), TeamId("T9")), NORTH, id="slack connect: not the outer team"),
        pytest.param(Payload((authorization(None, T1), authorization(None, T2)), T2), NORTH, id="the first one"),
        pytest.param(
            Payload((authorization(E1, T1, is_enterprise_install=True),), T1), GRID, id="org-wide, whatever team_id"
        ),
        pytest.param(Payload((authorization(E1, T1),), T1), NORTH, id="workspace moved into an organisation"),
        pytest.param(Payload((authorization(None, TeamId("T9")),), T1), None, id="unknown: never the outer team"),
        pytest.param(Payload((authorization(None, None),)), None, id="names nothing"),
        pytest.param(Payload((), T2), SOUTH, id="no authorizations: team_id"),
        pytest.param(Payload((), None, E1), GRID, id="no authorizations, no team: the organisation"),
        pytest.param(Payload((), TeamId("T9"), E1), None, id="a workspace of the organisation is not all of it"),
        pytest.param(Payload((), TeamId("T9"), E1, is_enterprise_install=True), GRID, id="unless it says so"),
        pytest.param(Payload(), None, id="nothing at all"),
    ],
)
def test_the_owner_of_a_payload(payload: Payload, expected: Installation | None) -> None:
    """The installation is the one the payload names, by the rules of facts/slack.md §3, or none; trap 1."""
    assert expected == ALL.owner_of(payload)


def test_installations_come_and_go() -> None:
    """Putting replaces, removing takes exactly the named one and may be repeated (trap 18)."""
    installations = Installations([NORTH, SOUTH, GRID])
    newer = installation(E1, T1)
    installations.put(newer)
    assert newer is installations.get(NORTH.key)
    installations.remove(SOUTH.key)
    installations.remove(SOUTH.key)
    installations.remove(InstallationKey(None, None))

    assert [newer, GRID] == list(installations)
    assert len(installations) == 2
    installations.remove(GRID.key)
    assert [newer] == list(installations)


def test_an_installation_of_nothing_is_refused() -> None:
    """A key without workspace and organisation cannot be put."""
    with pytest.raises(ValueError, match="workspace or an organisation"):
        Installations([installation(None, None)])


def test_one_that_needs_a_reinstall_is_known_and_serves_nobody() -> None:
    """Nobody is served through a dead token, and the operator sees it all the same."""
    installations = Installations([replace(NORTH, needs_reinstall="token_revoked"), SOUTH])

    assert [SOUTH] == list(installations)
    assert len(installations) == 1
    assert installations.get(NORTH.key) is None
    assert installations.owner_of(Payload(team_id=T1)) is None
    assert "token_revoked" == getattr(installations.known(NORTH.key), "needs_reinstall", "")
    assert len(installations.all_known()) == 2

    installations.remove(NORTH.key)

    assert [SOUTH] == installations.all_known()


ROTATING = replace(NORTH, refresh_token=Secret("xoxe-1-north"), expires_at=1_760_043_200.0)
DEAD = replace(NORTH, needs_reinstall="token_revoked")


SINCE = replace(NORTH, served_since=1_759_000_000.0)


@pytest.mark.parametrize("one", [NORTH, GRID, installation(E1, T1), ROTATING, DEAD, SINCE])
def test_stored_and_read_again(one: Installation) -> None:
    """slack_sdk's stored form keeps everything."""
    one = replace(one, installed_at=1_760_000_000.0)

    assert one == from_bot(to_bot(one, one.installed_at))


def test_a_bot_of_an_organisation_has_no_team() -> None:
    """is_enterprise_install decides, whatever team_id the stored bot has."""
    bot = to_bot(GRID, 1.0)
    bot.team_id = "T1"

    assert GRID.key == from_bot(bot).key


def test_a_bot_with_holes() -> None:
    """Optional fields of a stored bot may be missing."""
    bot = to_bot(NORTH, 1.0)
    bot.app_id = bot.team_name = None

    assert ("", "") == (from_bot(bot).app_id, from_bot(bot).team_name)


def test_the_token_is_not_shown() -> None:
    """The repr of an installation hides its token; the key reads well in a log."""
    assert "xoxb-north" not in repr(NORTH)
    assert ("-/T1", "E1/-") == (str(NORTH.key), str(GRID.key))
