"""
Which language a person is spoken to in: their own by Slack, or what the operator chose where Slack tells nothing.

Slack does not tell the locale of people of other companies (facts/slack.md §8), nor that of anybody while it does not
answer; nobody waits longer for it than for a name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from slackkefu.keys import LanguageChoice
    from slackkefu.slack.directory import Directory
    from slackkefu.slack.ids import UserId
    from slackkefu.slack.installation import Installation

__all__ = ["Languages"]


@final
class Languages:
    """
    The languages of people.

    Args:
        directory: Who they are.
        default: What people are spoken to in whose locale is not known.

    """

    def __init__(self, directory: Directory, *, default: LanguageChoice) -> None:
        self._directory = directory
        self.default: str = "" if default == "both" else default
        """The locale for those of whom nothing is known, and for many at once."""

    async def of(self, installation: Installation, user: UserId) -> str:
        """Return the locale to speak to *user* in, as :func:`~slackkefu.bridge.sentences.say` takes it."""
        profile = await self._directory.user(installation, user)
        return (profile.locale if profile is not None else "") or self.default
