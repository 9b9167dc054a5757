"""Slack's end: all that calls the Web API. Who listens to Slack is in :mod:`slackkefu.parts.taking_in`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from slackkefu.bridge.languages import Languages
from slackkefu.slack.directory import Directory
from slackkefu.slack.files import Files
from slackkefu.slack.reading import Reading
from slackkefu.slack.uploads import Uploads
from slackkefu.slack.views import Views
from slackkefu.slack.web import WebClient

if TYPE_CHECKING:
    import trio

    from slackkefu.parts.core import Client, Core, Statistics

__all__ = ["SlackEnd", "slack_end"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SlackEnd:
    """What speaks to Slack."""

    web: WebClient
    files: Files
    uploads: Uploads
    views: Views
    reading: Reading
    directory: Directory
    languages: Languages

    async def start(self, nursery: trio.Nursery) -> None:
        """Start what runs."""
        await nursery.start(self.directory.run)

    def clients(self) -> tuple[Client, ...]:
        """Return what is to be closed."""
        return self.web, self.files, self.views

    def statistics(self) -> Statistics:
        """Return what tells how each is."""
        return {"names": self.directory.statistics}


def slack_end(core: Core) -> SlackEnd:
    """Make what speaks to Slack."""
    config, world = core.config.slack, core.world
    web = WebClient(world=world, api_url=config.api_url, app_token=config.app_token)
    directory = Directory(web=web)
    return SlackEnd(
        web=web,
        files=Files(world=world, web=web, api_url=config.api_url),
        uploads=Uploads(world=world, web=web),
        views=Views(world=world, web=web, api_url=config.api_url),
        reading=Reading(web=web),
        directory=directory,
        languages=Languages(directory, default=config.language),
    )
