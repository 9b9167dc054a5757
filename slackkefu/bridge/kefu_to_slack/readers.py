"""Who reads what is posted for a visitor, and in which language."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from slackkefu.bridge.kefu_to_slack.addresses import address_of

if TYPE_CHECKING:
    from slackkefu.bridge.book import Book
    from slackkefu.bridge.languages import Languages
    from slackkefu.easemob.names import ImUser
    from slackkefu.slack.installation import Installations

__all__ = ["Readers"]


@final
class Readers:
    """
    The visitors, as readers.

    Args:
        book: Their records.
        installations: Who installed the app.
        languages: What people are spoken to in.

    """

    def __init__(self, *, book: Book, installations: Installations, languages: Languages) -> None:
        self._book = book
        self._installations = installations
        self._languages = languages

    async def locale_of(self, user: ImUser) -> str:
        """Return the locale to speak to a visitor in; empty for both languages, also where there is no way to them."""
        address = address_of(user, self._book.get(user))
        installation = self._installations.get(address.key) if address is not None else None
        return "" if address is None or installation is None else await self._languages.of(installation, address.user)
