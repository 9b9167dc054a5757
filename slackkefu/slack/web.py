"""
Slack's Web API on one keep-alive HTTP client.

A call ends in an answer that says ``ok``, or in one of our errors, which tell three things apart: it did not happen
(:class:`~slackkefu.errors.ConnectFailed`, :class:`~slackkefu.errors.SlackRateLimited`,
:class:`~slackkefu.errors.SlackTokenPending`), Slack refused it
(:class:`~slackkefu.errors.SlackApiError`), or it may have happened
(:class:`~slackkefu.errors.SlackOutcomeUnknown`; for methods that only read a plain
:class:`~slackkefu.errors.LinkClosed`, since they can be repeated). What follows from an error is decided in
:mod:`slackkefu.slack.recovery`.

Budgets are kept by :mod:`slackkefu.slack.pacing`. Posts to one channel go one at a time, first come, first served;
after a 429 the same post is tried again before the next one, as long as its time limit allows.

Tokens stand in the ``Authorization`` header of one request and nowhere else. The one a call is given may have been
replaced since: the one that stands for it now is sent (:class:`Tokens`).
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol, final

import httpx
import structlog
import trio

from slackkefu import __version__
from slackkefu.errors import (
    ConnectFailed,
    LinkClosed,
    LinkError,
    SlackApiError,
    SlackError,
    SlackOutcomeUnknown,
    SlackRateLimited,
    SlackSetupError,
    SlackTokenPending,
)
from slackkefu.net.bounded import read_bounded
from slackkefu.net.network import reason_of
from slackkefu.secret import Secret
from slackkefu.slack.fields import text_at
from slackkefu.slack.ids import ChannelId, EnterpriseId, TeamId, Ts, UserId
from slackkefu.slack.installation import Installation, InstallationKey
from slackkefu.slack.message import METADATA_TYPE
from slackkefu.slack.pacing import BudgetKey, Pacing
from slackkefu.slack.profile import Profile, read_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from slackkefu.world import World

__all__ = [
    "NOT_SENT",
    "AsGiven",
    "Identity",
    "OAuthClient",
    "Post",
    "Posted",
    "Tokens",
    "Verdict",
    "WebClient",
    "pause_of",
]

log = structlog.get_logger()

CALL_S: Final = 30.0
"""Longest time for a call as a whole: waiting for its turn, connecting, answer, repeats after a 429."""

CONNECT_S: Final = 10.0

MAX_BYTES: Final = 1 << 25
"""Longest answer that is read; a page of the history is a hundredth of it."""

OAUTH_S: Final = 10.0
"""Longest time for an exchange of tokens: after a lost answer a second try has to come soon (facts/slack.md §12)."""

DEFAULT_PAUSE_S: Final = 10.0
"""Pause after a 429 that does not name one."""

MIN_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 3600.0
"""Shortest and longest pause taken at its word."""

READS: Final = frozenset(
    {
        "apps.connections.open",
        "auth.teams.list",
        "auth.test",
        "bots.info",
        "chat.getPermalink",
        "conversations.history",
        "conversations.info",
        "conversations.members",
        "conversations.replies",
        "files.getUploadURLExternal",
        "files.info",
        "team.info",
        "users.conversations",
        "users.info",
    }
)
"""
Methods that may be repeated without harm. Their arguments are sent as a form, those of all others as JSON
(facts/slack.md §7, §8).
"""

_TRANSIENT: Final = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
"""Codes after which the action may have happened, wholly or in part (facts/slack.md §9)."""

_RATE_LIMITED: Final = frozenset({"rate_limited", "ratelimited"})
_TOKEN: Final = re.compile(r"[!-~]+")
_HTTP_REQUEST_TIMEOUT: Final = 408
_HTTP_TOO_MANY: Final = 429
_HTTP_SERVER_ERROR: Final = 500

OAUTH: Final = "oauth.v2.access"

_NO_CLIENT: Final = (
    "There is no client secret to ask with: set slack.client_id and slack.client_secret; they stand on the app's page, "
    "Basic Information, App Credentials."
)

NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Errors of httpx after which nothing can have left; after all others something may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message to be posted."""

    channel: str
    """A conversation, or a user for their direct messages with the app."""
    text: str = field(repr=False)
    """Escaped for Slack already."""
    thread_ts: Ts | None = None
    """The root of the thread to post in."""
    metadata_id: str = ""
    """Our own id, by which the post is recognised later; members of the workspace can see it."""
    blocks: tuple[Mapping[str, object], ...] = field(default=(), repr=False)
    """What is shown instead of the text, which is then for notifications only; in Block Kit's JSON."""
    username: str = field(default="", repr=False)
    """Who seems to speak; the app itself where it is empty. Needs ``chat:write.customize``."""
    icon_url: str = field(default="", repr=False)
    """Their picture; needs the same."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a post has landed."""

    channel: ChannelId
    """The direct conversation, where a user was addressed."""
    ts: Ts | None
    """Names the post; None where Slack did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose a bot token is."""

    key: InstallationKey
    team_name: str
    bot_user_id: UserId
    bot_id: str
    scopes: frozenset[str]

    def installation(self, token: Secret, *, app_id: str = "") -> Installation:
        """Make the installation of a token that was configured by hand."""
        return Installation(
            key=self.key,
            team_name=self.team_name,
            bot_token=token,
            bot_id=self.bot_id,
            bot_user_id=self.bot_user_id,
            app_id=app_id,
            scopes=self.scopes,
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """An ``ok`` answer with the headers it came with."""

    body: Mapping[str, object]
    headers: httpx.Headers


class Verdict(Enum):
    """What may follow when a call was refused, as far as its token decides that."""

    FINAL = auto()
    """Nothing: the refusal is what it is."""
    REPEAT = auto()
    """The same call, with the token that stands there now."""
    PENDING = auto()
    """The same call, later: there is no token now."""


class Tokens(Protocol):
    """Which token a call is made with: :class:`~slackkefu.slack.rotation.Rotation`."""

    def holder(self, token: Secret) -> InstallationKey | None:
        """Return whose *token* is or was; None for any other."""
        ...

    async def current(self, token: Secret) -> Secret:
        """Return the token that stands for *token* now."""
        ...

    async def refused(self, token: Secret, code: str) -> Verdict:
        """Take note that a call was refused with *code*, and did not happen."""
        ...


@final
class AsGiven:
    """Tokens that are sent as they are."""

    def holder(self, token: Secret) -> InstallationKey | None:
        """Return None."""
        del token
        return None

    async def current(self, token: Secret) -> Secret:
        """Return *token*."""
        await trio.lowlevel.checkpoint()
        return token

    async def refused(self, token: Secret, code: str) -> Verdict:
        """Return that there is no other."""
        del token, code
        await trio.lowlevel.checkpoint()
        return Verdict.FINAL


@final
@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The app as a client of OAuth: what stands under Basic Information, App Credentials."""

    id: str
    secret: Secret


@final
class WebClient:
    """
    The Web API.

    Args:
        world: Where the HTTP client comes from.
        api_url: Base address, ending in ``/api/``.
        app_token: The app-level token, for Socket Mode only.
        tokens: Knows which token stands for which.
        client: For OAuth.

    """

    def __init__(
        self,
        *,
        world: World,
        api_url: str,
        app_token: Secret,
        tokens: Tokens | None = None,
        client: OAuthClient | None = None,
    ) -> None:
        self._app_token = app_token
        self.tokens: Final[Tokens] = tokens or AsGiven()
        """Which token stands for which now."""
        self._client = client
        self._address = api_url
        self._http = world.network.http_client(
            base_url=api_url, headers={"User-Agent": f"slackkefu/{__version__}"}, timeout_s=CALL_S
        )
        self._wall = world.wall
        self._ahead_s: float | None = None
        self._timeout = httpx.Timeout(CALL_S, connect=CONNECT_S, pool=CONNECT_S)
        self._pacing = Pacing()
        self._turns = _Turns()

    def __repr__(self) -> str:
        return f"<WebClient {self._address}>"

    @property
    def ahead_s(self) -> float | None:
        """By how much this machine's clock is ahead of Slack's, seconds; None before Slack has told its time."""
        return self._ahead_s

    async def aclose(self) -> None:
        """Close the HTTP client."""
        await self._http.aclose()

    async def call(
        self, method: str, arguments: Mapping[str, object], *, token: Secret, channel: str = ""
    ) -> Mapping[str, object]:
        """
        Call *method* and return the answer.

        A cancellation leaves unknown whether it happened.

        Args:
            method: Like ``chat.postMessage``.
            arguments: JSON values; those that are None are left out.
            token: Whose behalf it is on.
            channel: What it is about, for methods that Slack counts per channel.

        Raises:
            ConnectFailed: Nothing was sent.
            SlackRateLimited: Slack asks for a pause that is longer than the call may take. It did not happen.
            SlackApiError: Slack refused it.
            SlackTokenPending: There is no token to make it with now.
            SlackOutcomeUnknown: It may have happened (writes only).
            LinkClosed: No usable answer to a read.

        """
        return (await self._call(method, arguments, token, channel)).body

    async def post_message(self, installation: Installation, post: Post) -> Posted:
        """
        Post a text as it is: no markup, no previews, nothing in it becomes a mention (facts/slack.md §6).

        Raises:
            SlackError, LinkError: as :meth:`call`.

        """
        arguments: dict[str, object] = {
            "channel": post.channel,
            "text": post.text,
            "mrkdwn": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "thread_ts": post.thread_ts,
            "blocks": list(post.blocks) or None,
            "username": post.username or None,
            "icon_url": post.icon_url or None,
        }
        if post.metadata_id:
            arguments["metadata"] = {"event_type": METADATA_TYPE, "event_payload": {"id": post.metadata_id}}
        method = "chat.postMessage"
        answer = await self.call(method, arguments, token=installation.bot_token, channel=post.channel)
        channel, ts = text_at(answer, "channel"), text_at(answer, "ts")
        # An "ok" without a ts is still an "ok": to take it for a failure would post again and again.
        return Posted(ChannelId(channel or post.channel), Ts(ts) if ts else None)

    async def auth_test(self, token: Secret) -> Identity:
        """Ask whose *token* is; errors as :meth:`call`."""
        answer = await self._call("auth.test", {}, token, "")
        body = answer.body
        enterprise_id = EnterpriseId(text_at(body, "enterprise_id")) or None
        organisation_wide = body.get("is_enterprise_install") is True
        key = InstallationKey(enterprise_id, None if organisation_wide else TeamId(text_at(body, "team_id")) or None)
        if key == InstallationKey(None, None):
            raise self._lost("auth.test", "an answer that names no workspace")
        return Identity(
            key=key,
            team_name=text_at(body, "team"),
            bot_user_id=UserId(text_at(body, "user_id")),
            bot_id=text_at(body, "bot_id"),
            scopes=frozenset(filter(None, map(str.strip, answer.headers.get("x-oauth-scopes", "").split(",")))),
        )

    async def open_connection(self) -> Secret:
        """Ask for the address of a Socket Mode connection, which holds a ticket; errors as :meth:`call`."""
        method = "apps.connections.open"
        url = text_at(await self.call(method, {}, token=self._app_token), "url")
        if not url:
            raise LinkClosed(self._address, f"no address in the answer to {method}")
        return Secret(url)

    async def oauth_access(self, fields: Mapping[str, str]) -> Mapping[str, object]:
        """
        Exchange a code, or a refresh token, for a bot token.

        What is exchanged is good once: after a lost answer it may be used up.

        Raises:
            SlackSetupError: There is no client id and secret to do it with.
            SlackError, LinkError: as :meth:`call`.

        """
        if self._client is None:
            raise SlackSetupError(OAUTH, "no_client_secret", _NO_CLIENT)
        basic = b64encode(f"{self._client.id}:{self._client.secret.reveal()}".encode()).decode()
        key = self._pacing.key(self._client.secret, OAUTH)
        await self._wait(key, trio.current_time() + CALL_S)
        self._pacing.start(key, trio.current_time())
        headers = {"Authorization": f"Basic {basic}"}
        request = self._http.build_request("POST", OAUTH, data=dict(fields), headers=headers, timeout=self._timeout)
        try:
            return (await self._carry(OAUTH, request, trio.current_time() + OAUTH_S, within_s=OAUTH_S)).body
        except SlackRateLimited as exc:
            self._hold(key, exc)
            raise

    async def refresh(self, refresh_token: Secret) -> Mapping[str, object]:
        """Ask for the next bot token; errors as :meth:`oauth_access`."""
        return await self.oauth_access({"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()})

    async def users_info(self, installation: Installation, user: UserId) -> Profile:
        """Ask who *user* is; errors as :meth:`call`."""
        answer = await self.call("users.info", {"user": user, "include_locale": True}, token=installation.bot_token)
        return read_user(answer.get("user")) or Profile()

    async def team_name(self, installation: Installation, team: TeamId | None = None) -> str:
        """Ask for a workspace's name, by default the installation's own; errors as :meth:`call`."""
        answer = await self.call("team.info", {"team": team}, token=installation.bot_token)
        return text_at(answer.get("team"), "name")

    async def conversation_name(self, installation: Installation, channel: ChannelId) -> str:
        """Ask for a conversation's name, empty for one without; errors as :meth:`call`."""
        answer = await self.call("conversations.info", {"channel": channel}, token=installation.bot_token)
        return text_at(answer.get("channel"), "name")

    async def permalink(self, installation: Installation, channel: ChannelId, ts: Ts) -> str:
        """Ask for the address of a message; errors as :meth:`call`."""
        asked = {"channel": channel, "message_ts": ts}
        return text_at(await self.call("chat.getPermalink", asked, token=installation.bot_token), "permalink")

    # One call.

    async def _call(self, method: str, arguments: Mapping[str, object], token: Secret, channel: str) -> _Answer:
        """Wait for the turn, send, and send again after a pause that fits into the time limit."""
        key = self._pacing.key(self.tokens.holder(token) or token, method, channel)
        deadline = trio.current_time() + CALL_S
        while True:
            async with self._turns.take(key, deadline):
                while True:
                    await self._wait(key, deadline)
                    self._pacing.start(key, trio.current_time())
                    if not self._pacing.is_ordered(key):
                        break
                    try:
                        return await self._send(key, arguments, token, deadline)
                    except SlackRateLimited as exc:
                        self._hold(key, exc)
            try:
                return await self._send(key, arguments, token, deadline)
            except SlackRateLimited as exc:
                self._hold(key, exc)

    def _hold(self, key: BudgetKey, limited: SlackRateLimited) -> None:
        """Make the next calls of this budget wait as long as Slack asks."""
        log.info("slack.rate_limited", method=key.method, channel=key.channel or None, pause_s=limited.retry_after_s)
        self._pacing.hold(key, trio.current_time() + limited.retry_after_s)

    async def _wait(self, key: BudgetKey, deadline: float) -> None:
        """Sleep until the budget allows the call; do not even begin to wait past the deadline."""
        while (at := self._pacing.earliest(key, trio.current_time())) > trio.current_time():
            if at >= deadline:
                raise SlackRateLimited(key.method, at - trio.current_time())
            await trio.sleep_until(at)

    async def _send(self, key: BudgetKey, arguments: Mapping[str, object], token: Secret, deadline: float) -> _Answer:
        """Send with the token that stands for *token* now; and once more, where that has just been replaced."""
        is_repeat = False
        while True:
            sent = await self._current(token, deadline)
            try:
                return await self._carry(key.method, self._request(key.method, arguments, sent), deadline)
            except SlackApiError as error:
                verdict = await self._judged(sent, error, deadline)
                if verdict is Verdict.FINAL:
                    raise
                if verdict is Verdict.PENDING or is_repeat:
                    raise SlackTokenPending(key.method) from None
            is_repeat = True

    async def _current(self, token: Secret, deadline: float) -> Secret:
        """Return the token to send; raises ConnectFailed when it does not come in time."""
        with trio.move_on_at(deadline):
            return await self.tokens.current(token)
        raise ConnectFailed(self._address, "the next bot token has not come yet")

    async def _judged(self, sent: Secret, error: SlackApiError, deadline: float) -> Verdict:
        """Ask what may follow a refusal; where that takes too long, its successor is being fetched."""
        with trio.move_on_at(deadline):
            return await self.tokens.refused(sent, error.code)
        return Verdict.PENDING

    async def _carry(
        self, method: str, request: httpx.Request, deadline: float, *, within_s: float = CALL_S
    ) -> _Answer:
        """Send one request and judge what comes back; *within_s* says how far off the *deadline* was."""
        with trio.move_on_at(deadline):
            try:
                response = await self._http.send(request, stream=True)
                content = await read_bounded(response, max_bytes=MAX_BYTES)
            except NOT_SENT as exc:
                raise ConnectFailed(self._address, reason_of(exc)) from None
            except httpx.HTTPError as exc:
                # Not chained: the error holds the request, and with it the token.
                raise self._lost(method, type(exc).__name__) from None
            if content is None:
                raise self._lost(method, f"an answer of more than {MAX_BYTES} bytes")
            return self._judge(method, response, content)
        raise self._lost(method, f"nothing within {within_s:g} s")

    def _request(self, method: str, arguments: Mapping[str, object], token: Secret) -> httpx.Request:
        """Make the request: a form for reads, JSON for writes; never a query, which proxies log."""
        given = {name: value for name, value in arguments.items() if value is not None}
        if not _TOKEN.fullmatch(token.reveal()):
            # As a header it would fail inside the HTTP library, with an error that quotes it.
            raise SlackApiError(
                method, "invalid_auth", detail="the token is empty or holds characters that no token has"
            )
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        if method in READS:
            form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}
            return self._http.build_request("POST", method, data=form, headers=headers, timeout=self._timeout)
        headers["Content-Type"] = "application/json; charset=utf-8"
        # Half a surrogate pair cannot be sent; it must not cost the message.
        content = json.dumps(given, ensure_ascii=False).encode("utf-8", "replace")
        return self._http.build_request("POST", method, content=content, headers=headers, timeout=self._timeout)

    def _judge(self, method: str, response: httpx.Response, content: bytes) -> _Answer:
        """Return an ``ok`` answer, or raise what another one means (facts/slack.md §8, §9; trap 14)."""
        status = response.status_code
        if status == _HTTP_TOO_MANY:
            raise SlackRateLimited(method, pause_of(response.headers))
        if status >= _HTTP_SERVER_ERROR or status == _HTTP_REQUEST_TIMEOUT:
            raise self._lost(method, f"HTTP {status}")
        body = _json(content)
        code = text_at(body, "error")
        if body is None or (body.get("ok") is not True and not code):
            if response.is_client_error:
                raise SlackApiError(method, f"http_{status}")
            raise self._lost(method, f"HTTP {status} with something that is not Slack's")
        self._note_time(response.headers.get("date", ""))
        if body.get("ok") is True:
            return _Answer(body, response.headers)
        if code in _RATE_LIMITED:
            raise SlackRateLimited(method, pause_of(response.headers))
        if code in _TRANSIENT:
            raise self._lost(method, code)
        raise SlackApiError(method, code, needed=text_at(body, "needed"))

    def _note_time(self, date: str) -> None:
        """Note what Slack's clock shows, by the ``Date`` of an answer."""
        with suppress(ValueError):
            self._ahead_s = self._wall() - parsedate_to_datetime(date).timestamp()

    def _lost(self, method: str, reason: str) -> SlackError | LinkError:
        """Make the error for a request that left and got no usable answer."""
        return LinkClosed(self._address, reason) if method in READS else SlackOutcomeUnknown(method, reason)


@final
class _Turns:
    """One first-come, first-served turn for each budget, kept only while somebody wants it."""

    def __init__(self) -> None:
        self._locks: dict[BudgetKey, trio.Lock] = {}

    @asynccontextmanager
    async def take(self, key: BudgetKey, deadline: float) -> AsyncIterator[None]:
        """
        Hold the turn for *key*.

        Raises:
            SlackRateLimited: It did not come before *deadline*.

        """
        lock = self._locks.setdefault(key, trio.Lock())
        with trio.move_on_at(deadline) as waiting:
            await lock.acquire()
        if waiting.cancelled_caught:
            raise SlackRateLimited(key.method, 1.0)
        try:
            yield
        finally:
            lock.release()
            if not lock.locked():
                self._locks.pop(key, None)


def pause_of(headers: httpx.Headers) -> float:
    """Return ``Retry-After`` in seconds; it may have a fraction, be missing or be absurd."""
    try:
        pause = float(headers.get("retry-after", ""))
    except ValueError:
        return DEFAULT_PAUSE_S
    return min(max(pause, MIN_PAUSE_S), MAX_PAUSE_S) if math.isfinite(pause) else DEFAULT_PAUSE_S


def _json(content: bytes) -> Mapping[str, object] | None:
    """Return the JSON object that *content* is, or None."""
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return raw if isinstance(raw, dict) else None
