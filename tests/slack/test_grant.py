"""From a code to an installation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.errors import ConnectFailed, RemoteProtocolError, SlackApiError, SlackOutcomeUnknown, SlackSetupError
from slackkefu.secret import Secret
from slackkefu.slack.grant import bot_of, exchange, read_grant
from slackkefu.slack.ids import EnterpriseId, TeamId, UserId
from slackkefu.slack.installation import InstallationKey, from_bot
from slackkefu.slack.oauth import Code
from slackkefu.slack.web import Identity
from slackkefu.world import InlineDisk, World
from tests.memory_network import virtual_wall
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from trio.testing import MockClock

CODE = Code(Secret("1.2.abc"), "https://localhost:18443/slack/oauth_redirect")

WORKSPACE: dict[str, Any] = {
    "ok": True,
    "app_id": "A0SLKFAPP1",
    "authed_user": {"id": "U0MIA00001"},
    "scope": "chat:write, commands",
    "token_type": "bot",
    "access_token": "xoxb-north",
    "bot_user_id": "U0BOT00001",
    "team": {"id": "T0NORTH001", "name": "North"},
    "enterprise": None,
    "is_enterprise_install": False,
}
ORGANISATION = WORKSPACE | {
    "team": None,
    "enterprise": {"id": "E0CORP00001", "name": "Corp"},
    "is_enterprise_install": True,
}
IN_ORGANISATION = WORKSPACE | {"enterprise": {"id": "E0CORP00001", "name": "Corp"}}
ROTATING = WORKSPACE | {"access_token": "xoxe.xoxb-1", "refresh_token": "xoxe-1", "expires_in": 43_200}


def identity(enterprise_id: str | None = None, team_id: str | None = "T0NORTH001", **more: Any) -> Identity:
    """Say whose a token is."""
    key = InstallationKey(EnterpriseId(enterprise_id) if enterprise_id else None, TeamId(team_id) if team_id else None)
    values = {"team_name": "North", "bot_user_id": UserId("U0BOT00001"), "bot_id": "B0BOT00001"} | more
    return Identity(key=key, scopes=frozenset({"team:read"}), **values)


@dataclass
class Slack:
    """A Slack that answers, or fails, as told."""

    answers: list[Mapping[str, object] | Exception] = field(default_factory=lambda: [WORKSPACE])
    identities: list[Identity | Exception] = field(default_factory=lambda: [identity()])
    asked: list[Mapping[str, str]] = field(default_factory=list)

    async def oauth_access(self, fields: Mapping[str, str]) -> Mapping[str, object]:
        """Answer the next."""
        self.asked.append(fields)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def auth_test(self, token: Secret) -> Identity:
        """Answer the next."""
        answer = self.identities.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def world(chance: Random) -> World:
    """Virtual time."""
    return World(network=MemoryNetwork(), disk=InlineDisk(), wall=virtual_wall(), chance=chance)


async def test_a_workspace(autojump_clock: MockClock, world: World) -> None:
    """Code and redirect address go there; token, names, bot and all scopes the token has come back."""
    slack = Slack()
    bot = await exchange(CODE, web=slack, world=world)

    assert [{"code": "1.2.abc", "redirect_uri": CODE.redirect_url}] == slack.asked
    assert ("T0NORTH001", None, "North") == (bot.team_id, bot.enterprise_id, bot.team_name)
    assert ("xoxb-north", "B0BOT00001", "U0BOT00001") == (bot.bot_token, bot.bot_id, bot.bot_user_id)
    assert ["chat:write", "commands", "team:read"] == bot.bot_scopes
    assert "A0SLKFAPP1" == bot.app_id
    assert world.wall() == pytest.approx(bot.installed_at)
    assert (None, None, False) == (bot.bot_refresh_token, bot.bot_token_expires_at, bot.is_enterprise_install)


def test_an_organisation() -> None:
    """An organisation-wide grant has no workspace; one workspace of an organisation has both names."""
    whole = bot_of(read_grant(ORGANISATION, asked_at=0), identity("E0CORP00001", None), installed_at=1)
    single = bot_of(read_grant(IN_ORGANISATION, asked_at=0), identity("E0CORP00001"), installed_at=1)

    assert InstallationKey(EnterpriseId("E0CORP00001"), None) == from_bot(whole).key
    assert (None, "Corp", True) == (whole.team_name, whole.enterprise_name, whole.is_enterprise_install)
    assert InstallationKey(EnterpriseId("E0CORP00001"), TeamId("T0NORTH001")) == from_bot(single).key
    assert ("North", "Corp") == (single.team_name, single.enterprise_name)


def test_rotation_is_kept() -> None:
    """A token that expires comes with the one that renews it, and the time is counted from the question."""
    bot = bot_of(read_grant(ROTATING, asked_at=1000.5), identity(), installed_at=1005)

    assert ("xoxe-1", 44_200) == (bot.bot_refresh_token, bot.bot_token_expires_at)


@pytest.mark.parametrize("life_s", [None, "43200", True, 0, -5, 1e300])
def test_a_life_that_is_none(life_s: object) -> None:
    """A strange life time is as good as none: Slack will say when the token has expired."""
    assert read_grant(ROTATING | {"expires_in": life_s}, asked_at=0).expires_at is None


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": "xoxp-user"},
        {"access_token": None},
        {"team": None},
        {"team": {"id": 5}},
        {"team": "T0NORTH001"},
        {"is_enterprise_install": True},
    ],
)
def test_an_answer_that_grants_nothing(change: dict[str, object]) -> None:
    """Without a bot token, or without saying where, there is nothing to keep."""
    with pytest.raises(RemoteProtocolError, match="answer to oauth"):
        read_grant(WORKSPACE | change, asked_at=0)


@pytest.mark.parametrize(
    "other",
    [identity(team_id="T0OTHER001"), identity(bot_user_id=UserId("U0ELSE00001")), identity(bot_id="")],
)
def test_two_answers_that_do_not_fit(other: Identity) -> None:
    """A token that is of another workspace or bot than was granted is not kept."""
    with pytest.raises(RemoteProtocolError, match="kept"):
        bot_of(read_grant(WORKSPACE, asked_at=0), other, installed_at=1)


async def test_slack_is_away_for_a_moment(autojump_clock: MockClock, world: World) -> None:
    """Both calls are made again, as the code lives for minutes; a used-up one says that the app may be there."""
    away = ConnectFailed("slack.com", "refused")
    slack = Slack([away, away, WORKSPACE], [away, SlackOutcomeUnknown("auth.test", "HTTP 502"), identity()])

    assert "B0BOT00001" == (await exchange(CODE, web=slack, world=world)).bot_id

    lost = SlackOutcomeUnknown("oauth.v2.access", "HTTP 502")
    with pytest.raises(SlackSetupError, match="may be installed at Slack and not here"):
        await exchange(CODE, web=Slack([lost, SlackApiError("oauth.v2.access", "invalid_code")]), world=world)


AWAY = ConnectFailed("slack.com", "refused")


@pytest.mark.parametrize(
    ("slack", "said"),
    [
        (Slack([AWAY] * 200), "answered nothing to oauth.v2.access.*The code was never sent"),
        (
            Slack([SlackOutcomeUnknown("oauth.v2.access", "HTTP 502"), *[AWAY] * 200]),
            "answered nothing to oauth.v2.access.*Open the same link again",
        ),
        (Slack(identities=[AWAY] * 200), "answered nothing to auth.test.*Open the same link again"),
    ],
)
async def test_slack_stays_away(autojump_clock: MockClock, world: World, slack: Slack, said: str) -> None:
    """After a minute it ends, and says what may have happened and what to do."""
    with pytest.raises(SlackSetupError, match=said):
        await exchange(CODE, web=slack, world=world)


async def test_slack_says_no(autojump_clock: MockClock, world: World) -> None:
    """A refusal is not repeated, and says what to do."""
    slack = Slack([SlackApiError("oauth.v2.access", "bad_client_secret")])
    with pytest.raises(SlackSetupError, match=r"slack\.client_secret is not the app's"):
        await exchange(CODE, web=slack, world=world)

    assert 1 == len(slack.asked)
