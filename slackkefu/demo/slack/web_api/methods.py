"""
The table of methods: what runs, which token it wants, which scope, and whether it reads JSON bodies.

:func:`answer` is the whole Web API without HTTP: a method name, a token and arguments in, a document out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slackkefu.demo.slack.web_api import app_level, assistants, chat, conversations, files, people
from slackkefu.demo.slack.web_api.call import BotCall, Call, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from slackkefu.demo.slack.model import Installation
    from slackkefu.demo.slack.shape import Document, Shape
    from slackkefu.demo.slack.state import State

__all__ = ["METHODS", "Method", "answer"]


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the Web API; exactly one of the two functions is there."""

    bot: Callable[[State, BotCall], Shape] | None = None
    """Runs with a bot token."""
    app: Callable[[State, Call], Shape] | None = None
    """Runs with the app-level token."""
    open: Callable[[State, Call], Shape] | None = None
    """Runs without any token."""
    scope: str = ""
    """What a bot token needs; scopes by kind of conversation are asked for inside."""
    json: bool = False
    """Whether a JSON body is read; read methods and OAuth want forms (facts/slack.md §8)."""


METHODS: Final = {
    "apps.connections.open": Method(app=app_level.open_connection, json=True),
    "apps.event.authorizations.list": Method(app=app_level.list_authorizations, json=True),
    "assistant.threads.setStatus": Method(bot=assistants.set_status, scope="chat:write", json=True),
    "auth.teams.list": Method(bot=people.list_teams),
    "auth.test": Method(bot=people.auth_test, json=True),
    "bots.info": Method(bot=people.bot_info, scope="users:read"),
    "chat.delete": Method(bot=chat.delete, scope="chat:write", json=True),
    "chat.getPermalink": Method(bot=chat.permalink),
    "chat.postEphemeral": Method(bot=chat.post_ephemeral, scope="chat:write", json=True),
    "chat.postMessage": Method(bot=chat.post_message, scope="chat:write", json=True),
    "chat.update": Method(bot=chat.update, scope="chat:write", json=True),
    "conversations.history": Method(bot=conversations.history),
    "conversations.info": Method(bot=conversations.info),
    "conversations.members": Method(bot=conversations.members),
    "conversations.open": Method(bot=conversations.open_conversation, json=True),
    "conversations.replies": Method(bot=conversations.replies),
    "files.completeUploadExternal": Method(bot=files.complete_upload, scope="files:write", json=True),
    "files.delete": Method(bot=files.delete_file, scope="files:write", json=True),
    "files.getUploadURLExternal": Method(bot=files.get_upload_url, scope="files:write"),
    "files.info": Method(bot=files.file_info, scope="files:read"),
    "oauth.v2.access": Method(open=app_level.oauth_access),
    "reactions.add": Method(bot=chat.add_reaction, scope="reactions:write", json=True),
    "reactions.remove": Method(bot=chat.remove_reaction, scope="reactions:write", json=True),
    "team.info": Method(bot=people.team_info, scope="team:read"),
    "users.conversations": Method(bot=conversations.conversations_of),
    "users.info": Method(bot=people.user_info, scope="users:read"),
    "views.open": Method(bot=people.open_view, json=True),
    "views.publish": Method(bot=people.publish_view, json=True),
    "views.update": Method(bot=people.update_view, json=True),
}


def answer(state: State, call: Call, *, token: str) -> Shape:
    """
    Carry a call out and return the answer, ``ok`` included.

    Args:
        state: The Slack.
        call: Method and arguments.
        token: From the ``Authorization`` header; empty without one.

    """
    try:
        return {"ok": True} | _run(state, call, token)
    except Refused as refused:
        return refused.as_shape()


def caller_name(state: State, token: str) -> str:
    """Say whose *token* it is, for the ledger; never the token itself."""
    if token == state.settings.app_token:
        return "app"
    installation = state.installation_of(token)
    return installation.name if installation is not None else ""


def _run(state: State, call: Call, token: str) -> Shape:
    method = METHODS.get(call.method)
    if method is None:
        raise Refused("unknown_method", req_method=call.method)
    if method.open is not None:
        return method.open(state, call)
    if not token:
        raise Refused("not_authed")
    if method.app is not None:
        if token != state.settings.app_token:
            raise Refused("not_allowed_token_type" if state.installation_of(token) else "invalid_auth")
        return method.app(state, call)
    installation = _installation(state, token)
    bot_call = BotCall(call.method, call.arguments, call.at, installation=installation)
    if method.scope:
        bot_call.need(method.scope)
    assert method.bot is not None, "each method has a function"  # noqa: S101  (a fault of the table)
    return method.bot(state, bot_call)


def _installation(state: State, token: str) -> Installation:
    """Return whose bot token it is, or refuse as Slack does (facts/slack.md §9)."""
    if token == state.settings.app_token:
        raise Refused("not_allowed_token_type")
    installation = state.installation_of(token)
    if installation is None:
        raise Refused("invalid_auth")
    if not installation.alive:
        raise Refused(state.switches.dead_token_error)
    problem = state.grants.problem(token, now=state.mint.now(), switches=state.switches)
    if problem:
        raise Refused(problem)
    return installation


def readable(document: Document) -> Document:
    """Return *document* without its token, for the ledger."""
    return {key: value for key, value in document.items() if key != "token"}
