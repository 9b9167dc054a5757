"""
OAuth v2 behind a firewall, without I/O: the link that asks for agreement, and reading what comes back.

Whoever installs the app opens a link at Slack and agrees; Slack sends their *browser* to the redirect address with a
code, and never connects to it itself. Nothing has to listen there: the address in the browser is copied to us, by
whatever way (facts/slack.md §12).

The link's ``state`` is signed with a key made from the client secret, and holds when the link was made. So no file has
to be kept for it: a link can be sent to somebody else, and what comes back days later is read by another process. It is
not good for ever, and one that was made for another app, or by nobody who has the secret, is told apart. That an answer
is used once is Slack's business: a code works once, for ten minutes.

PKCE is not used, and must not be: it makes the app a public client, whose redirects to localhost may not ask for bot
scopes (§12).
"""

from __future__ import annotations

import hashlib
import hmac
import html
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from slackkefu.errors import SlackSetupError, WrongUse
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["LINK_S", "NONCE_BYTES", "App", "Code", "authorize_link", "refused", "take_code", "take_lone_code"]

LINK_S: Final = 7 * 86_400.0
"""How long a link is good."""

CODE_S: Final = 600.0
"""How long Slack's code is (facts/slack.md §12)."""

NONCE_BYTES: Final = 8

AUTHORIZE: Final = "authorize"
"""What errors call the page on which people agree; no method of the Web API."""

_APP_BYTES: Final = 4
_TIME_BYTES: Final = 6
_SIGNATURE_BYTES: Final = 15
_HEAD_BYTES: Final = _APP_BYTES + _TIME_BYTES + NONCE_BYTES
_LEEWAY_S: Final = 600.0
"""Clocks of two machines differ."""

_STATE: Final = re.compile(r"[A-Za-z0-9_-]{44}")
"""33 bytes; words that a mail has put behind the address are left off."""
_CODE: Final = re.compile(r"[A-Za-z0-9._-]+")
_LONE_CODE: Final = re.compile(r"[A-Za-z0-9._-]{8,200}")
_TOKEN: Final = re.compile(r"\b(?:xox[a-z]|xoxe\.xox[a-z]|xapp|xoxe)-", re.IGNORECASE)
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_LAST_ADDRESS: Final = re.compile(r".*(https?://.*)", re.IGNORECASE | re.DOTALL)
_LONGEST: Final = 20_000
"""Characters of a pasted answer that are looked at."""

_WRAPPERS: Final = ("url", "q", "u")
"""Where mail programs and sites put an address that they have wrapped into one of theirs."""

_AGAIN: Final = "Open the same link again, agree, and copy the new address."


@final
@dataclass(frozen=True, slots=True)
class App:
    """The app, as OAuth knows it."""

    client_id: str
    client_secret: Secret
    redirect_url: str
    """Registered with the app; where browsers are sent."""


@final
@dataclass(frozen=True, slots=True)
class Code:
    """Somebody has agreed; this gets the token."""

    code: Secret
    redirect_url: str
    """The address that was asked for: Slack wants to see the same again."""
    made_at: float | None = field(default=None)
    """When the link was made; None where nobody knows."""


def authorize_link(
    app: App, scopes: Iterable[str], *, api_url: str, now: float, nonce: bytes, team_id: str = ""
) -> str:
    """
    Return the address at which the app is agreed to.

    Args:
        app: Who asks.
        scopes: What for.
        api_url: Of the Web API; the page is on the same host.
        now: Wall clock, seconds.
        nonce: Fresh chance, :data:`NONCE_BYTES`.
        team_id: The workspace that is chosen on the page at first.

    """
    values = {
        "client_id": app.client_id,
        "scope": ",".join(sorted(scopes)),
        "state": _state(app, made_at=now, nonce=nonce),
        "redirect_uri": app.redirect_url,
        "team": team_id,
    }
    query = urlencode({name: value for name, value in values.items() if value}, quote_via=quote, safe="")
    return f"{urljoin(api_url, '/oauth/v2/authorize')}?{query}"


# What comes back.


def take_code(text: str, app: App, *, now: float) -> Code:
    """
    Read what somebody has copied out of a browser's address bar, or a mail.

    Taken is the whole address or its query, however it was broken into lines, quoted, escaped or wrapped on its way,
    also with words around it.

    Raises:
        WrongUse: It is no answer to a link of ours, or too old.
        SlackSetupError: It says that nobody has agreed.

    """
    if _TOKEN.search(text):
        raise WrongUse(
            "This holds a token. Nothing was done with it, but it has been shown: revoke it. "
            "What is needed is the address to which the browser was sent after agreeing."
        )
    problem: WrongUse | SlackSetupError | None = None
    for query in _queries(text[:_LONGEST]):
        try:
            return _from_query(query, app, now=now)
        except (WrongUse, SlackSetupError) as exc:
            problem = problem or exc
    if problem is None:
        raise WrongUse(
            f"{_not_an_answer(text)} Copy all of what the address bar shows after agreeing: "
            f"{app.redirect_url}?code=…&state=…"
        )
    raise problem


def _not_an_answer(text: str) -> str:
    if "/oauth/v2/authorize" in text:
        return "This is the link itself, or what it led to before anybody agreed: open it in a browser and agree."
    if _LONE_CODE.fullmatch(text.strip()):
        return "A code alone does not show that it belongs to your link; if you are sure that it does, add --code."
    return "This is not the address to which the browser was sent."


def take_lone_code(text: str, app: App) -> Code:
    """Take a code without its state, from an operator who knows where it comes from; raises WrongUse."""
    code = text.strip()
    if not _LONE_CODE.fullmatch(code) or _TOKEN.search(code):
        raise WrongUse("This is not a code: it is what stands between code= and & in the address.")
    return Code(Secret(code), app.redirect_url)


def _queries(text: str) -> Iterator[dict[str, str]]:
    """
    Yield the queries that *text* may mean, the likeliest first.

    White space is where a mail has broken an address, or what ends it; which of them only the signature shows.
    """
    plain = html.unescape(html.unescape(text.translate(_INVISIBLE)))
    paragraphs = re.split(r"\n\s*\n", plain)
    seen = set[str]()
    for piece in ("".join(plain.split()), *("".join(each.split()) for each in paragraphs), *plain.split()):
        if piece not in seen and ("code=" in piece or "error=" in piece or "%3D" in piece):
            seen.add(piece)
            yield from _unwrapped(piece)


def _unwrapped(address: str, depth: int = 2) -> Iterator[dict[str, str]]:
    """Yield the query of *address*, and that of one inside it."""
    start = re.search(r"\?|(?:^|[^\w-])(?=(?:code|error|state)=)", address)
    query = address[start.end() :] if start else address
    pairs = parse_qsl(re.split(r"[#<>|\"'\s]", query, maxsplit=1)[0], keep_blank_values=True)
    values = dict(reversed(pairs))
    if values.keys() & {"code", "error"}:
        yield {**values, "": address[: start.start()] if start else ""}
    elif depth:
        for name in _WRAPPERS:
            if "=" in values.get(name, ""):
                yield from _unwrapped(values[name], depth - 1)


def _from_query(query: dict[str, str], app: App, *, now: float) -> Code:
    if "error" in query:
        # Whoever says so, nothing comes of it.
        raise refused(AUTHORIZE, query["error"])
    made_at = _made_at(query.get("state", ""), app, now=now)
    where = _LAST_ADDRESS.search(query[""])
    if where is not None and not _is_same(where[1], app.redirect_url):
        raise WrongUse(
            f"This address is not the one that the link leads to, {app.redirect_url}. If slack.redirect_url was "
            f"changed since the link was made, make a new one. Else: {_AGAIN}"
        )
    code = _CODE.match(query["code"])
    if code is None:
        raise WrongUse(f"The address has no code in it. {_AGAIN}")
    return Code(Secret(code[0]), app.redirect_url, made_at)


def _is_same(one: str, other: str) -> bool:
    """Tell whether two addresses lead to the same place; browsers change case and slashes."""
    left, right = urlsplit(one), urlsplit(other)
    return (left.scheme, left.netloc.lower(), left.path.rstrip("/")) == (
        right.scheme,
        right.netloc.lower(),
        right.path.rstrip("/"),
    )


# The state: for which app, when, and that it was us.


def _state(app: App, *, made_at: float, nonce: bytes) -> str:
    head = _tag(app) + int(made_at).to_bytes(_TIME_BYTES) + nonce
    return urlsafe_b64encode(head + _signature(app, head)).decode()


def _made_at(state: str, app: App, *, now: float) -> float:
    """Return when the link was made whose state this is; raises WrongUse."""
    if not state:
        raise WrongUse(
            "The address has no state in it, so nobody can tell whether it belongs to your link. "
            "Copy all of what the address bar shows."
        )
    found = _STATE.match(state)
    if found is None:
        raise WrongUse(f"The state in the address is cut off, or is not one of slackkefu's. {_AGAIN}")
    raw = urlsafe_b64decode(found[0])
    head, signature = raw[:_HEAD_BYTES], raw[_HEAD_BYTES:]
    if not hmac.compare_digest(head[:_APP_BYTES], _tag(app)):
        raise WrongUse("This answers a link of another app than the one of slack.client_id. Make a new link.")
    if not hmac.compare_digest(signature, _signature(app, head)):
        raise WrongUse(
            "The state in the address was changed on its way, or slack.client_secret was changed since the link was "
            "made. Make a new link."
        )
    made_at = float(int.from_bytes(head[_APP_BYTES : _APP_BYTES + _TIME_BYTES]))
    if not -_LEEWAY_S <= now - made_at <= LINK_S:
        raise WrongUse(f"The link is older than {LINK_S / 86_400:.0f} days, or a clock is wrong. Make a new link.")
    return made_at


def _tag(app: App) -> bytes:
    return hashlib.sha256(app.client_id.encode()).digest()[:_APP_BYTES]


def _signature(app: App, head: bytes) -> bytes:
    key = hmac.digest(app.client_secret.reveal().encode(), b"slackkefu install link", "sha256")
    return hmac.digest(key, head + app.client_id.encode(), "sha256")[:_SIGNATURE_BYTES]


# What Slack says when it says no (facts/slack.md §12).

_ADVICE: Final = {
    "access_denied": "Whoever opened the link did not agree, or may not: ask an admin of the workspace.",
    "invalid_code": (
        "A code works once and for ten minutes, so this one is used up or too old. If it was used a moment ago the app "
        f"may be installed at Slack and not here. {_AGAIN} Nothing is installed twice by that."
    ),
    "code_already_used": f"A code works once. {_AGAIN} Nothing is installed twice by that.",
    "bad_redirect_uri": (
        "The redirect address is not the one the link was made with, or not registered: put slack.redirect_url under "
        "OAuth & Permissions, Redirect URLs, of the app's page, and make a new link."
    ),
    "bad_client_secret": "slack.client_secret is not the app's: copy it from Basic Information of the app's page.",
    "invalid_client_id": "slack.client_id is not an app's: copy it from Basic Information of the app's page.",
    "oauth_authorization_url_mismatch": (
        "The link was one of the old kind of authorisation (oauth/authorize): make a new link and use that."
    ),
    "cannot_install_an_org_installed_app": (
        "The organisation has the app as a whole already, and that serves this workspace: an organisation admin adds "
        "the workspace to the app, and nothing is to be installed."
    ),
    "invalid_team_for_non_distributed_app": (
        "The app may be installed in its own workspace only: under Manage Distribution of the app's page activate "
        "public distribution, which does not list it anywhere, and open the link again."
    ),
    "invalid_scope": (
        "The app does not know a scope that the link asks for: bring its manifest up to date (slackkefu manifest)."
    ),
    "no_scopes": "The link asked for no scopes: make a new one.",
    "unapproved_scope": "An admin has to approve the app, or one of its scopes, first; then open the link again.",
    "org_login_required": "The workspace is being moved into an organisation: try again in some hours.",
    "team_added_to_org": "The workspace is being moved into an organisation: try again in some hours.",
    "accesslimited": "The company's policy forbids it, or the app's list of allowed addresses lacks this machine's.",
    "access_limited": "The company's policy forbids it, or the app's list of allowed addresses lacks this machine's.",
}

_OTHER: Final = f"Nothing was installed. {_AGAIN} If it says the same again, look at the app's page at api.slack.com."


def refused(method: str, code: str) -> SlackSetupError:
    """Make the error that says what Slack's *code* means for an installation, and what to do."""
    if code.startswith("http_"):
        return SlackSetupError(method, code, "Check slack.api_url, and what is between this machine and Slack.")
    known = re.fullmatch(r"[a-z0-9_]{1,60}", code)
    return SlackSetupError(method, code if known else "an unknown code", _ADVICE.get(code, _OTHER))
