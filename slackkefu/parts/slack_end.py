"""Slack's end: all that calls the Web API. Who listens to Slack is in :mod:`slackkefu.parts.taking_in`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from slackkefu.bridge.languages import Languages
from slackkefu.slack.directory import Directory
from slackkefu.slack.files import Files
from slackkefu.slack.reading import Reading
from slackkefu.slack.rotation import Rotation
from slackkefu.slack.uploads import Uploads
from slackkefu.slack.views import Views
from slackkefu.slack.web import OAuthClient, WebClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import trio

    from slackkefu.parts.core import Client, Core, Statistics
    from slackkefu.slack.installation import Installation, InstallationKey
    from slackkefu.slack.tokens import Renewed

__all__ = ["SlackEnd", "slack_end"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SlackEnd:
    """What speaks to Slack."""

    web: WebClient
    rotation: Rotation
    files: Files
    uploads: Uploads
    views: Views
    reading: Reading
    directory: Directory
    languages: Languages

    async def start(self, nursery: trio.Nursery) -> None:
        """Start what runs."""
        await nursery.start(self.rotation.run)
        await nursery.start(self.directory.run)

    def clients(self) -> tuple[Client, ...]:
        """Return what is to be closed."""
        return self.web, self.files, self.views

    def statistics(self) -> Statistics:
        """Return what tells how each is."""
        return {"names": self.directory.statistics, "tokens": self.rotation.statistics}


def slack_end(
    core: Core,
    *,
    renew: Callable[[Installation, Renewed], Awaitable[bool]],
    on_dead: Callable[[InstallationKey, str], Awaitable[None]],
    nursery: trio.Nursery,
) -> SlackEnd:
    """
    Make what speaks to Slack.

    Args:
        core: What every part may need.
        renew: Replaces the token of an installation by its next one.
        on_dead: Told of an installation whose token is gone for good.
        nursery: Where tokens are refreshed.

    """
    config, world = core.config.slack, core.world
    client = None if config.client_secret is None else OAuthClient(config.client_id, config.client_secret)
    rotation = Rotation(
        world=world,
        installations=core.installations,
        refresh=lambda token: web.refresh(token),  # noqa: PLW0108 - web comes later, and again
        check=lambda token: web.auth_test(token),  # noqa: PLW0108
        renew=renew,
        on_dead=on_dead,
        has_client=client is not None,
        nursery=nursery,
    )
    web = WebClient(world=world, api_url=config.api_url, app_token=config.app_token, tokens=rotation, client=client)
    directory = Directory(web=web)
    return SlackEnd(
        web=web,
        rotation=rotation,
        files=Files(world=world, web=web, api_url=config.api_url),
        uploads=Uploads(world=world, web=web),
        views=Views(world=world, web=web, api_url=config.api_url),
        reading=Reading(web=web),
        directory=directory,
        languages=Languages(directory, default=config.language),
    )
