"""
From a code to an installation: what Slack grants, and whose it is.

Three steps that Slack carries out in this order: the code is exchanged for a bot token, once; the token is asked whose
it is, because the grant does not say its ``bot_id`` (facts/slack.md §12); and only then there is something to keep. A
stop in between loses nothing but time: the same link can be agreed to again, and Slack installs nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, final

import structlog
import trio
from slack_sdk.oauth.installation_store.models.bot import Bot

from slackkefu.errors import (
    ConnectFailed,
    OperatorError,
    RemoteProtocolError,
    SlackApiError,
    SlackkefuError,
    SlackSetupError,
)
from slackkefu.net.backoff import backoff
from slackkefu.secret import Secret
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import EnterpriseId, TeamId
from slackkefu.slack.installation import InstallationKey
from slackkefu.slack.oauth import refused
from slackkefu.slack.recovery import LookFirst, Retry, after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from slackkefu.slack.oauth import Code
    from slackkefu.slack.web import Identity
    from slackkefu.world import World

__all__ = ["Grant", "bot_of", "exchange", "read_grant"]

log = structlog.get_logger()

T = TypeVar("T")

METHOD: Final = "oauth.v2.access"

TRY_S: Final = 60.0
"""How long each of the two calls is tried again while Slack cannot be reached: a code lives for ten minutes."""

_BOT_TOKENS: Final = ("xoxb-", "xoxe.xoxb-")
_MAX_LIFE_S: Final = 90 * 86_400.0

_LOST: Final = (
    "Slack may have installed the app, but it is not known here. Open the same link again and agree: nothing is "
    "installed twice by that."
)

_UNSENT: Final = (
    "The code was never sent: within ten minutes of agreeing, the same address completes it. After that open the same "
    "link again and agree."
)


class Web(Protocol):
    """The part of :class:`slackkefu.slack.web.WebClient` that is needed."""

    async def oauth_access(self, fields: Mapping[str, str]) -> Mapping[str, object]:
        """Exchange a code for a bot token."""
        ...

    async def auth_test(self, token: Secret) -> Identity:
        """Ask whose *token* is."""
        ...


@final
@dataclass(frozen=True, slots=True)
class Grant:
    """What Slack gives for a code; all but the ``bot_id``."""

    bot_token: Secret
    app_id: str
    key: InstallationKey
    team_name: str
    enterprise_name: str
    bot_user_id: str
    scopes: frozenset[str]
    refresh_token: Secret | None
    """Only where the app has token rotation, and so for:"""
    expires_at: float | None
    """Wall clock, seconds."""


def read_grant(answer: Mapping[str, object], *, asked_at: float) -> Grant:
    """
    Read the answer to ``oauth.v2.access``.

    Args:
        answer: As Slack sent it.
        asked_at: When it was asked for, wall clock, seconds.

    Raises:
        RemoteProtocolError: It gives no bot token, or does not say where.

    """
    token = text_at(answer, "access_token")
    if not token.startswith(_BOT_TOKENS):
        raise RemoteProtocolError(f"Slack's answer to {METHOD} has no bot token in it")
    whole = answer.get("is_enterprise_install") is True
    enterprise_id = EnterpriseId(text_at(answer.get("enterprise"), "id")) or None
    team_id = None if whole else TeamId(text_at(answer.get("team"), "id")) or None
    if (enterprise_id if whole else team_id) is None:
        raise RemoteProtocolError(f"Slack's answer to {METHOD} does not say where the app was installed")
    refresh_token, life_s = text_at(answer, "refresh_token"), answer.get("expires_in")
    is_ending = isinstance(life_s, int | float) and not isinstance(life_s, bool) and 0 < life_s <= _MAX_LIFE_S
    return Grant(
        bot_token=Secret(token),
        app_id=text_at(answer, "app_id"),
        key=InstallationKey(enterprise_id, team_id),
        team_name=text_at(answer.get("team"), "name"),
        enterprise_name=text_at(answer.get("enterprise"), "name"),
        bot_user_id=text_at(answer, "bot_user_id"),
        scopes=frozenset(filter(None, map(str.strip, text_at(answer, "scope").split(",")))),
        refresh_token=Secret(refresh_token) if refresh_token else None,
        expires_at=asked_at + float(life_s) if is_ending and isinstance(life_s, int | float) else None,
    )


def bot_of(grant: Grant, identity: Identity, *, installed_at: float) -> Bot:
    """
    Make what slack_sdk's stores keep; it holds the tokens in clear.

    Args:
        grant: What was given for the code.
        identity: Whose the token says it is.
        installed_at: Wall clock, seconds.

    Raises:
        RemoteProtocolError: The two do not fit, or there is no ``bot_id``.

    """
    granted, known = grant.key.team_id or grant.key.enterprise_id, identity.key.team_id or identity.key.enterprise_id
    if granted != known or (grant.bot_user_id and grant.bot_user_id != identity.bot_user_id):
        raise RemoteProtocolError(f"Slack granted {granted}, and its token says that it is of {known}; nothing is kept")
    if not identity.bot_id:
        raise RemoteProtocolError(f"Slack does not name the bot of {granted}; nothing is kept")
    whole = grant.key.team_id is None
    return Bot(
        app_id=grant.app_id or None,
        enterprise_id=grant.key.enterprise_id,
        enterprise_name=grant.enterprise_name or (identity.team_name if whole else None) or None,
        team_id=grant.key.team_id,
        team_name=None if whole else grant.team_name or identity.team_name or None,
        bot_token=grant.bot_token.reveal(),
        bot_id=identity.bot_id,
        bot_user_id=identity.bot_user_id,
        # An install adds scopes and takes none away: what the token has is more than what was asked for now.
        bot_scopes=sorted(grant.scopes | identity.scopes),
        bot_refresh_token=None if grant.refresh_token is None else grant.refresh_token.reveal(),
        bot_token_expires_at=None if grant.expires_at is None else int(grant.expires_at),
        is_enterprise_install=whole,
        installed_at=float(installed_at),
    )


async def exchange(code: Code, *, web: Web, world: World) -> Bot:
    """
    Exchange *code*, and ask whose the token is.

    A cancellation, or a crash, may leave the app installed at Slack and nothing here; the link is good again.

    Raises:
        SlackSetupError: Slack says no, or cannot be reached; says what to do.
        RemoteProtocolError: Slack's answers are none.

    """
    asked_at = world.wall()
    fields = {"code": code.code.reveal(), "redirect_uri": code.redirect_url}
    answer = await _patiently(METHOD, lambda: web.oauth_access(fields), world)
    grant = read_grant(answer, asked_at=asked_at)
    identity = await _patiently("auth.test", lambda: web.auth_test(grant.bot_token), world)
    return bot_of(grant, identity, installed_at=world.wall())


def _pause_of(error: SlackkefuError) -> float:
    match after(error):
        case Retry(pause_s) | LookFirst(pause_s):
            return pause_s
        case _:
            return 0.0


async def _patiently(method: str, call: Callable[[], Awaitable[T]], world: World) -> T:
    """Call until Slack has answered, or for :data:`TRY_S`; raises SlackSetupError."""
    pauses = backoff(world.chance, first_s=1.0, cap_s=10.0)
    deadline = trio.current_time() + TRY_S
    is_unsent = method == METHOD
    while True:
        try:
            return await call()
        except SlackApiError as exc:
            raise refused(method, exc.code) from exc
        except OperatorError:
            raise
        except SlackkefuError as exc:
            # After a lost answer too: the worst that a repeat meets is a code that has been used up.
            is_unsent = is_unsent and isinstance(exc, ConnectFailed)
            pause = max(next(pauses), _pause_of(exc))
            if trio.current_time() + pause > deadline:
                raise SlackSetupError(method, "nothing", f"({exc}) {_UNSENT if is_unsent else _LOST}") from exc
            log.warning("slack.unreachable", method=method, problem=str(exc), again_in_s=round(pause, 1))
        await trio.sleep(pause)
