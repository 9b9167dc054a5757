"""What is posted to a ``response_url``: five times within half an hour, without a token (facts/slack.md §11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.demo.slack.ledger import Post
from slackkefu.demo.slack.model import Message

if TYPE_CHECKING:
    from slackkefu.demo.slack.shape import Document
    from slackkefu.demo.slack.state import State

__all__ = ["answer_hook"]


def answer_hook(state: State, name: str, body: Document | None, *, at: float) -> tuple[int, str]:
    """
    Take what the app sends to the response URL *name*.

    Args:
        state: The Slack.
        name: The URL's path.
        body: What was sent; None when it was no JSON object.
        at: Calendar time.

    Returns:
        HTTP status and text of the answer.

    """
    ticket = state.hooks.look(name)
    if ticket is None:
        return 404, "no_such_url"
    if body is None:
        return 400, "invalid_payload"
    if ticket.uses_left < 1 or state.hooks.is_late(ticket, now=at):
        return 404, "used_url" if ticket.uses_left < 1 else "expired_url"
    text = str(body.get("text") or "")
    if not text and not body.get("blocks") and not body.get("delete_original"):
        return 400, "no_text"
    state.hooks.redeem(name, now=at)
    hook = ticket.subject
    installation = state.installed_in(hook.user.team)
    if installation is None:
        return 404, "app_missing_action_url"
    if body.get("response_type") == "in_channel":
        message = state.post(installation, hook.channel, text=text, arguments={"blocks": body.get("blocks")})
        state.ledger.posts.append(Post(at, installation, hook.channel, message, body))
    else:
        message = Message(
            hook.channel, state.mint.ts(hook.channel.id), text, user=installation.bot, installation=installation
        )
        state.ledger.posts.append(Post(at, installation, hook.channel, message, body, ephemeral_to=hook.user.id))
    return 200, "ok"
