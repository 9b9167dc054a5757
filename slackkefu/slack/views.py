"""
What people see besides messages: modals, the home tab, and answers by ``response_url``.

A modal is opened against a trigger, which is good once and for three seconds; what took longer is refused by Slack, and
whoever pressed the button presses it again. A ``response_url`` takes five answers within half an hour, and needs no
token: whoever has it can post, so it is a secret, and nothing is ever sent to one that is not Slack's own
(facts/slack.md §8, §11).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, final
from urllib.parse import urlsplit

import httpx

from slackkefu.errors import ConnectFailed, SlackApiError, SlackOutcomeUnknown
from slackkefu.net.network import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.secret import Secret
    from slackkefu.slack.ids import UserId
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.web import WebClient
    from slackkefu.world import World

__all__ = ["RESPONSE_URL", "Views"]

RESPONSE_URL: Final = "response_url"
"""What stands for the method in errors of an answer."""

ANSWER_S: Final = 10.0
"""Longest time for one answer by ``response_url``."""

_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_CODE: Final = re.compile(r"[a-z_]{1,64}")
_HTTP_SERVER_ERROR: Final = 500


@final
class Views:
    """
    Opens, changes and publishes views, and answers by ``response_url``.

    Args:
        world: Where the HTTP client comes from.
        web: The Web API.
        api_url: Its address; answers go to the same one, or to the host ``hooks`` beside it.

    """

    def __init__(self, *, world: World, web: WebClient, api_url: str) -> None:
        self._web = web
        self._origins = _origins(api_url)
        self._http = world.network.http_client(base_url="", timeout_s=ANSWER_S)

    def __repr__(self) -> str:
        return f"<Views of {self._web!r}>"

    async def aclose(self) -> None:
        """Close the HTTP client."""
        await self._http.aclose()

    async def open(self, installation: Installation, trigger: Secret, view: Mapping[str, object]) -> None:
        """
        Open a modal for whoever pulled *trigger*.

        Raises:
            SlackError, LinkError: As :meth:`WebClient.call`; a trigger that is too old or used is a SlackApiError.

        """
        arguments = {"trigger_id": trigger.reveal(), "view": view}
        await self._web.call("views.open", arguments, token=installation.bot_token)

    async def update(
        self, installation: Installation, view_id: str, view: Mapping[str, object], *, version: str = ""
    ) -> None:
        """
        Show another view in the place of an open one.

        Args:
            installation: Whose app.
            view_id: The open one.
            view: The other one.
            version: The ``hash`` of the view that is to be replaced: Slack refuses when it has changed since.

        Raises:
            SlackError, LinkError: As :meth:`WebClient.call`.

        """
        arguments = {"view_id": view_id, "hash": version or None, "view": view}
        await self._web.call("views.update", arguments, token=installation.bot_token)

    async def publish(self, installation: Installation, user: UserId, view: Mapping[str, object]) -> None:
        """Show *view* as the home tab of *user*; errors as :meth:`WebClient.call`."""
        await self._web.call("views.publish", {"user_id": user, "view": view}, token=installation.bot_token)

    async def answer(self, url: Secret, message: Mapping[str, object]) -> None:
        """
        Answer by a ``response_url``.

        Args:
            url: As Slack gave it.
            message: ``text`` and the rest; seen by that person alone unless it says otherwise.

        Raises:
            SlackApiError: It is not an address of Slack's, and nothing was sent; or Slack does not take it.
            ConnectFailed: Nothing was sent.
            SlackOutcomeUnknown: It may have been taken.

        """
        if not self._is_slacks(url.reveal()):
            raise SlackApiError(RESPONSE_URL, "foreign_address")
        content = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            response = await self._http.post(url.reveal(), content=content, headers=headers)
        except _NOT_SENT as exc:
            raise ConnectFailed("Slack's response_url", reason_of(exc)) from None
        except httpx.HTTPError as exc:
            # Not chained: the error holds the request, and with it the address.
            raise SlackOutcomeUnknown(RESPONSE_URL, type(exc).__name__) from None
        if response.status_code >= _HTTP_SERVER_ERROR:
            raise SlackOutcomeUnknown(RESPONSE_URL, f"HTTP {response.status_code}")
        if not response.is_success:
            said = response.text.strip()
            code = said if _CODE.fullmatch(said) else f"http_{response.status_code}"
            raise SlackApiError(RESPONSE_URL, code)

    def _is_slacks(self, url: str) -> bool:
        """Tell whether *url* leads where Slack's answers go; one with a name and password in it never does."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        return (parts.scheme, parts.netloc.lower()) in self._origins


def _origins(api_url: str) -> frozenset[tuple[str, str]]:
    """Return scheme and host of the addresses that answers may go to: ``hooks.slack.com`` for ``slack.com``."""
    parts = urlsplit(api_url)
    host = parts.netloc.lower()
    return frozenset({(parts.scheme, host), (parts.scheme, f"hooks.{host}")})
