"""What concerns the app and not one installation: connections, authorizations, OAuth (facts/slack.md §1, §3, §12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.demo.slack.model import Team
from slackkefu.demo.slack.shape import part
from slackkefu.demo.slack.web_api.call import Refused

if TYPE_CHECKING:
    from slackkefu.demo.slack.model import Installation
    from slackkefu.demo.slack.shape import Shape
    from slackkefu.demo.slack.state import State
    from slackkefu.demo.slack.web_api.call import Call

__all__ = ["list_authorizations", "oauth_access", "open_connection"]


def open_connection(state: State, call: Call) -> Shape:
    """``apps.connections.open``: a URL for one connection."""
    _need_app_scope(state, "connections:write")
    if not state.socket_mode and state.switches.disabled_link_error:
        raise Refused(state.switches.disabled_link_error)
    state.links.life_s = state.timing.ticket_s
    state.links.uses = 2 if state.switches.ticket_works_twice else 1
    ticket = state.links.issue(state.mint.uuid(), None, now=call.at)
    return {"url": f"{state.addresses.socket}?ticket={ticket}&app_id={state.settings.app_id}"}


def list_authorizations(state: State, call: Call) -> Shape:
    """``apps.event.authorizations.list``: every installation that may see an event."""
    _need_app_scope(state, "authorizations:read")
    context = call.required("event_context")
    for parcel in reversed(state.ledger.parcels):
        if parcel.payload.get("event_context") == context:
            break
    else:
        raise Refused("invalid_event_context")
    channel = state.channels.get(str(part(parcel.payload, "event").get("channel", "")))
    if channel is None:
        return {"authorizations": parcel.payload["authorizations"]}
    return {"authorizations": [installation.authorization() for installation in state.hearers(channel)]}


def oauth_access(state: State, call: Call) -> Shape:
    """
    ``oauth.v2.access``: a bot token for a code, ten minutes and once good, or for a refresh token.

    There is no ``bot_id`` in the answer.
    """
    given = call.basic or (call.text("client_id"), call.text("client_secret"))
    if given[0] != state.settings.client_id:
        raise Refused("invalid_client_id")
    if given[1] != state.settings.client_secret:
        raise Refused("bad_client_secret")
    match call.text("grant_type", "authorization_code"):
        case "authorization_code":
            return {"authed_user": {"id": state.mint.identity("U")}, **_token(state, _install(state, call))}
        case "refresh_token":
            refresh_token = call.required("refresh_token")
            grant = state.grants.refresh(refresh_token, now=call.at, timing=state.timing, switches=state.switches)
            if grant is None:
                raise Refused("invalid_refresh_token")
            state.hold(grant.installation, grant.token)
            return _token(state, grant.installation)
        case _:
            raise Refused("invalid_grant_type")


def _install(state: State, call: Call) -> Installation:
    """Install the app where a code was given for."""
    code = call.required("code")
    ticket = state.codes.look(code)
    if ticket is not None and ticket.subject.redirect_uri != call.text("redirect_uri"):
        # Whether the code is good still is not known; that it is makes no difference to who follows the link again.
        raise Refused("bad_redirect_uri")
    agreement = state.codes.redeem(code, now=call.at)
    if agreement is None:
        raise Refused("invalid_code")
    where = agreement.where
    if isinstance(where, Team) and any(
        known.alive and known.org_wide and known.organisation is where.organisation for known in state.installations
    ):
        raise Refused("cannot_install_an_org_installed_app")
    return state.install(where, scopes=agreement.scopes)


def _token(state: State, installation: Installation) -> Shape:
    """Return what is said of an installation's newest token."""
    team, organisation = installation.team, installation.organisation
    grant = state.grants.of(installation.token)
    expiry: Shape = {}
    if grant is not None:
        expiry = {"refresh_token": grant.refresh_token, "expires_in": round(grant.expires_at - state.mint.now())}
    return {
        "app_id": state.settings.app_id,
        "scope": ",".join(sorted(installation.scopes)),
        "token_type": "bot",
        "access_token": installation.token,
        "bot_user_id": installation.bot.id,
        "team": {"id": team.id, "name": team.name} if team is not None else None,
        "enterprise": {"id": organisation.id, "name": organisation.name} if organisation is not None else None,
        "is_enterprise_install": team is None,
        **expiry,
    }


def _need_app_scope(state: State, scope: str) -> None:
    provided = state.settings.app_scopes
    if scope not in provided:
        raise Refused("missing_scope", needed=scope, provided=",".join(sorted(provided)))
