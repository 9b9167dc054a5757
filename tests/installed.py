"""What an installation of the app in another workspace leaves in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.secret import Secret
from slackkefu.slack.ids import EnterpriseId, TeamId, UserId
from slackkefu.slack.installation import Installation, InstallationKey, to_bot
from slackkefu.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from slack_sdk.oauth.installation_store.models.bot import Bot

    from slackkefu.demo.slack.grants import Grants
    from slackkefu.demo.slack.model import Installation as Installed
    from slackkefu.world import World

__all__ = ["bot_of", "keep"]


def keep(path: Path, world: World, *installed: Installed, grants: Grants | None = None) -> None:
    """
    Put installations into the store in *path*, as OAuth does; the daemon must not run.

    Args:
        path: The store.
        world: The calendar, and the disk.
        installed: As the fake Slack has them.
        grants: What refreshes their tokens, where those expire.

    """
    with open_store(path, world) as store:
        for each in installed:
            store.installations.save_bot(bot_of(each, at=world.wall(), grants=grants))


def bot_of(installed: Installed, *, at: float, grants: Grants | None = None) -> Bot:
    """
    Make of an installation what OAuth gives.

    Args:
        installed: As the fake Slack has it.
        at: The time.
        grants: What refreshes its tokens, where those expire.

    """
    team, organisation = installed.team, installed.organisation
    grant = grants.of(installed.token) if grants is not None else None
    installation = Installation(
        key=InstallationKey(
            EnterpriseId(organisation.id) if organisation is not None else None,
            TeamId(team.id) if team is not None else None,
        ),
        team_name=team.name if team is not None else "",
        bot_token=Secret(installed.token),
        bot_id=installed.bot_id,
        bot_user_id=UserId(installed.bot.id),
        app_id=installed.app_id,
        scopes=frozenset(installed.scopes),
        refresh_token=Secret(grant.refresh_token) if grant is not None else None,
        expires_at=grant.expires_at if grant is not None else None,
    )
    return to_bot(installation, at)
