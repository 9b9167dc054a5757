"""
The page on which somebody agrees to the app: ``/oauth/v2/authorize`` (facts/slack.md §12).

What is wrong with the link is shown on the page, and comes back to nobody. Who agrees, or does not, is sent to the
redirect address with a code or an error; nothing connects to that address.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote, urlencode

from slackkefu.demo.slack.model import Organisation, Team

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.demo.slack.state import State

__all__ = ["Agreement", "Question", "WrongLink", "decide", "page", "read_link"]

_CHOICE: Final = '<li><a href="?{query}">{what}</a></li>'


@final
class WrongLink(Exception):
    """The page shows an error."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@final
@dataclass(frozen=True, slots=True)
class Question:
    """What a link asks."""

    scopes: frozenset[str]
    state: str
    redirect_uri: str
    """Where to go from here."""
    sent_redirect_uri: str
    """As the link has it; empty where it leaves it to the app's settings."""
    team: str
    """The workspace that is chosen at first."""


@final
@dataclass(frozen=True, slots=True)
class Agreement:
    """What a code stands for."""

    where: Team | Organisation
    redirect_uri: str = ""
    """Has to be named again with the code; empty where the link had none."""
    scopes: frozenset[str] | None = None
    """None: those of the app's settings."""


def read_link(state: State, values: Mapping[str, str]) -> Question:
    """Read the query of a link; raises WrongLink."""
    settings = state.settings
    if values.get("client_id") != settings.client_id:
        raise WrongLink("invalid_client_id")
    scopes = frozenset(filter(None, values.get("scope", "").split(",")))
    if not scopes:
        raise WrongLink("no_scopes")
    if not scopes <= settings.scopes:
        raise WrongLink("invalid_scope")
    sent = values.get("redirect_uri", "")
    if sent and not any(_is_below(sent, registered) for registered in settings.redirect_urls):
        raise WrongLink("bad_redirect_uri")
    if not sent and not settings.redirect_urls:
        raise WrongLink("bad_redirect_uri")
    redirect_uri = sent or settings.redirect_urls[0]
    return Question(scopes, values.get("state", ""), redirect_uri, sent, values.get("team", ""))


def decide(state: State, question: Question, where: Team | Organisation | None) -> str:
    """
    Agree in *where*, or with None refuse; return the address that the browser is sent to.

    Raises:
        WrongLink: The app cannot be had there.

    """
    if where is None:
        return _back(question, error="access_denied")
    settings = state.settings
    if not settings.distributed and where.id != settings.home:
        raise WrongLink("invalid_team_for_non_distributed_app")
    if isinstance(where, Organisation) and not settings.org_deploy:
        raise WrongLink("app_not_org_deployable")
    agreement = Agreement(where, question.sent_redirect_uri, question.scopes)
    return _back(question, code=state.codes.issue(state.mint.hex(32), agreement, now=state.mint.now()))


def page(state: State, question: Question, values: Mapping[str, str]) -> str:
    """Return the page: every place to choose from, the one the link names first."""
    places: list[Team | Organisation] = [*state.teams.values(), *state.organisations.values()]
    places.sort(key=lambda place: place.id != question.team)
    choices = [
        _CHOICE.format(query=html.escape(urlencode({**values, "agree": place.id})), what=html.escape(place.name))
        for place in places
    ]
    choices.append(_CHOICE.format(query=html.escape(urlencode({**values, "agree": "no"})), what="Cancel"))
    asked = html.escape(", ".join(sorted(question.scopes)))
    name = html.escape(state.settings.name)
    return f"<!DOCTYPE html><title>Slack</title><h1>{name} asks for {asked}</h1><ul>{''.join(choices)}</ul>"


def _back(question: Question, **values: str) -> str:
    values = {**values, "state": question.state} if question.state else values
    return f"{question.redirect_uri}?{urlencode(values, quote_via=quote)}"


def _is_below(address: str, registered: str) -> bool:
    return address == registered or address.startswith(registered.rstrip("/") + "/")
