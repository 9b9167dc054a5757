"""
Where a file of kefu's stands, and what that place deserves.

A file lies at the desk, at Easemob's IM, or wherever somebody says (facts/kefu.md §2.7). Whose place an address is
decides everything: only Easemob's REST hosts are sent secret and token, and only our own two may have addresses that
are not public. Addresses are read by the one parser that requests are made with, so nothing can look like one place and
be another.

Plain functions.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, final

import httpx

from slackkefu.kefu.fields import absolute_url
from slackkefu.net.address import is_loopback
from slackkefu.net.public import is_public

if TYPE_CHECKING:
    from slackkefu.easemob.names import AppKey

__all__ = ["Hosting", "Place", "link_of"]

_PORTS: Final = {"http": 80, "https": 443}

_Origin: TypeAlias = tuple[str, str, int]


class Place(enum.Enum):
    """Whose place an address is."""

    IM = enum.auto()
    """Our app's attachments at Easemob: secret and token may go there."""
    OWN = enum.auto()
    """Anything else on the desk's or Easemob's hosts."""
    STRANGERS = enum.auto()
    """Anybody's: public addresses only."""


@final
@dataclass(frozen=True, slots=True)
class Hosting:
    """The hosts that an operator has named, or that Easemob's discovery has."""

    kefu_url: str
    """Of the desk; may be empty."""
    rest_urls: tuple[str, ...]
    """Of Easemob's REST servers, without the app."""
    app_key: AppKey

    def located(self, url: str) -> httpx.URL | None:
        """
        Return where *url* leads, or None when it is no address of the web.

        A bare path is the desk's. Everything is fetched encrypted, as kefu's own client does; only an operator's own
        address may be plain (:mod:`slackkefu.net.address`).
        """
        full = absolute_url(url, kefu_url=self.kefu_url)
        return self._encrypted(full) if full is not None else None

    def onward(self, at: httpx.URL, location: str) -> httpx.URL | None:
        """Return where a redirect from *at* leads; None for nowhere on the web."""
        try:
            return self._encrypted(str(at.join(location)))
        except (httpx.InvalidURL, ValueError):
            return None

    def place(self, url: httpx.URL) -> Place:
        """Say whose place *url* is."""
        at = _origin(url)
        if at in map(_origin_of, self.rest_urls):
            ours = url.path.startswith(f"/{self.app_key.org}/{self.app_key.app}/chatfiles/")
            return Place.IM if ours else Place.OWN
        return Place.OWN if self.kefu_url and at == _origin_of(self.kefu_url) else Place.STRANGERS

    def _encrypted(self, full: str) -> httpx.URL | None:
        try:
            url = httpx.URL(full)
            # A host that only looks like an international one is found out when it is read.
            is_usable = url.scheme in _PORTS and url.host and not url.userinfo
        except (httpx.InvalidURL, ValueError):
            return None
        if not is_usable:
            return None
        if url.scheme == "http" and self.place(url) is Place.STRANGERS:
            return url.copy_with(scheme="https", port=None if url.port in _PORTS.values() else url.port)
        return url


def link_of(url: httpx.URL) -> str:
    """Return the link for a person to follow; empty where it would give a secret away, or lead nowhere for them."""
    is_number = url.host.replace(".", "").isdecimal() or ":" in url.host
    leads_nowhere = is_loopback(url.host) or (is_number and not is_public(url.host))
    return "" if leads_nowhere or "share-secret" in url.params else str(url)


def _origin_of(url: str) -> _Origin | None:
    try:
        return _origin(httpx.URL(url))
    except httpx.InvalidURL:
        return None


def _origin(url: httpx.URL) -> _Origin:
    return url.scheme, url.host.lower(), url.port or _PORTS.get(url.scheme, 0)
