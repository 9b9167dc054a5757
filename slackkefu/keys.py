"""
The keys of the configuration: one table, :data:`KEYS`, that says everything of each.

A row has the key's name, how its value is read, its default, and whether it is required or secret. Some may be said
again for a workspace or a channel alone: :data:`GROUPS`. Above the table are the readers it names, below it what is
said of a value or a name that is wrong. No sentence of it shows a secret.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final, get_args
from urllib.parse import urlsplit, urlunsplit

from slackkefu.errors import ConfigProblem
from slackkefu.net.address import check_url
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "BY_NAME",
    "BY_VARIABLE",
    "GROUPS",
    "KEYS",
    "PREFIX",
    "TABLES",
    "ChannelsMode",
    "Group",
    "Key",
    "LanguageChoice",
    "Reader",
    "VisitorField",
    "WrongValue",
    "describe",
    "shown",
    "unknown",
]

ChannelsMode: TypeAlias = Literal["mention", "all", "off"]
LanguageChoice: TypeAlias = Literal["both", "zh-CN", "en-US"]
VisitorField: TypeAlias = Literal["name", "workspace", "email", "phone", "title", "timezone"]


# How a value is read. A reader returns the value as slackkefu.config.Config holds it, or raises WrongValue.


class WrongValue(Exception):
    """The value is not what this key takes."""

    def __init__(self, expected: str, *, found: str | None = None) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found
        """Said instead of the value, where the value is secret or its fault is not plain to see."""


Reader: TypeAlias = "Callable[[object], object]"

_TOKENS: Final = {
    "xapp-": "an app-level token",
    "xoxb-": "a bot token",
    "xoxe.xoxb-": "a rotating bot token",
    "xoxp-": "a user token",
    "xoxe.xoxp-": "a rotating user token",
    "xoxe-": "a refresh token",
}


def _text(pattern: str, expected: str) -> Callable[[object], str]:
    def read(raw: object) -> str:
        if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
            raise WrongValue(expected)
        return raw

    return read


def _secret(raw: object) -> Secret:
    if not isinstance(raw, str) or not re.fullmatch(r"[!-~]+", raw):
        # A token pasted with a line break or a blank would fail much later, in an HTTP header.
        raise WrongValue("a text of visible ASCII characters")
    return Secret(raw)


def _token(*prefixes: str, where: str) -> Reader:
    expected = f"{_TOKENS[prefixes[0]]}, {prefixes[0]}…, from {where}"

    def read(raw: object) -> Secret:
        secret = _secret(raw)
        if secret.reveal().startswith(prefixes):
            return secret
        kind = next((name for prefix, name in _TOKENS.items() if secret.reveal().startswith(prefix)), "another text")
        raise WrongValue(expected, found=kind)

    return read


def _number(low: int, high: int) -> Reader:
    def read(raw: object) -> int:
        if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}", raw):
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
            raise WrongValue(f"a whole number from {low} to {high}")
        return raw

    return read


def _tenant(raw: object) -> str:
    number = isinstance(raw, int) and not isinstance(raw, bool)
    return _text(r"[0-9]{1,20}", "the tenant's number")(str(raw) if number else raw)


def _service_number(raw: object) -> str:
    read = _text(r"[A-Za-z0-9_.-]{1,64}", "the IM service number (IM user name) shown in the desk's channel settings")
    return read(raw).lower()


def _url(*schemes: str, shape: Callable[[str], str] = str) -> Reader:
    secure, plain = schemes

    def read(raw: object) -> str:
        expected = f"an address {secure}://… ({plain}:// on this machine only)"
        if not isinstance(raw, str):
            raise WrongValue(expected)
        problem = check_url(raw, schemes=(secure, plain))
        if problem is None and "?" in raw:
            problem = "an address with a query (?)"
        if problem is not None:
            raise WrongValue(expected, found=problem)
        return shape(raw)

    return read


def _with_websocket(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path="/websocket")) if parts.path in {"", "/"} else url


def _flag(raw: object) -> bool:
    if isinstance(raw, str):
        raw = {"true": True, "false": False}.get(raw.lower())
    if not isinstance(raw, bool):
        raise WrongValue("true or false")
    return raw


def _choice(*choices: str) -> Reader:
    def read(raw: object) -> str:
        if not isinstance(raw, str) or raw not in choices:
            raise WrongValue(f"one of {', '.join(choices)}")
        return raw

    return read


def _choices(*choices: str) -> Reader:
    def read(raw: object) -> tuple[str, ...]:
        names = [name.strip() for name in raw.split(",") if name.strip()] if isinstance(raw, str) else raw
        if not isinstance(names, list) or any(name not in choices for name in names):
            raise WrongValue(f"a list of {', '.join(choices)}")
        return tuple(name for name in choices if name in names)

    return read


def _line(expected: str, *, max_bytes: int) -> Callable[[object], str]:
    def read(raw: object) -> str:
        if not isinstance(raw, str) or not raw.isprintable() or not raw.strip() or len(raw.encode()) > max_bytes:
            raise WrongValue(f"{expected}, on one line of at most {max_bytes} bytes")
        return raw.strip()

    return read


def _tags(raw: object) -> tuple[str, ...]:
    names = [name for name in raw.split(",") if name.strip()] if isinstance(raw, str) else raw
    read = _line("a tag", max_bytes=MAX_TAG_BYTES)
    if not isinstance(names, list) or len(names) > MAX_TAGS:
        raise WrongValue(f"a list of at most {MAX_TAGS} tags")
    return tuple(dict.fromkeys(map(read, names)))


# The table.


@final
@dataclass(frozen=True, slots=True)
class Key:
    """All that is known of one key."""

    name: str
    """Dotted: table and name."""
    read: Reader
    default: object = ""
    """What an absent or empty value means, as :class:`slackkefu.config.Config` holds it."""
    required: bool = False
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable of this key."""
        return PREFIX + self.name.upper().replace(".", "_")


@final
@dataclass(frozen=True, slots=True)
class Group:
    """Tables of the same keys, one for each workspace or channel that has something said for it alone."""

    name: str
    """Dotted; a table's name is this and its member's id: ``kefu.channels.C0SUPPORT1``."""
    member: str
    """The pattern of its members' ids."""
    expected: str
    """What these are, in words."""
    keys: tuple[Key, ...]
    """By their short names."""

    def keys_of(self, member: str) -> Mapping[str, Key]:
        """Return the keys of one table, by their whole names."""
        named = (replace(key, name=f"{self.name}.{member}.{key.name}") for key in self.keys)
        return {key.name: key for key in named}


PREFIX: Final = "SLACKKEFU_"
_CLIENT_ID: Final = _text(r"(?!xapp-|xox)[!-~]+", "the app's client id")

MAX_NAME_BYTES: Final = 100
MAX_TAG_BYTES: Final = 40
MAX_TAGS: Final = 5
"""What leads to the right agent goes with every message, which has to stay small (facts/kefu.md §0)."""

_ENTRANCE: Final = (
    Key("queue", _line("the name of a skill group (技能组)", max_bytes=MAX_NAME_BYTES)),
    Key("agent", _line("the login of an agent, an e-mail address", max_bytes=MAX_NAME_BYTES)),
    Key("tags", _tags, default=()),
)

KEYS: Final = (
    Key(
        "slack.app_token",
        _token("xapp-", where="the app's page, Basic Information, App-Level Tokens"),
        required=True,
        secret=True,
    ),
    Key(
        "slack.bot_token",
        _token("xoxb-", "xoxe.xoxb-", where="the app's page, OAuth & Permissions"),
        default=None,
        secret=True,
    ),
    Key("slack.client_id", _CLIENT_ID),
    Key("slack.client_secret", _secret, default=None, secret=True),
    Key("slack.api_url", _url("https", "http", shape=lambda url: url.rstrip("/") + "/"), "https://slack.com/api/"),
    Key("slack.connections", _number(1, 9), 2),  # of Slack's ten, one is for a change-over (facts/slack.md §1)
    Key("slack.channels", _choice(*get_args(ChannelsMode)), "mention"),
    Key("slack.backfill_max_age", _number(1, 72), 24),
    Key("slack.session_status", _flag, default=True),
    Key("slack.language", _choice(*get_args(LanguageChoice)), "both"),
    Key("slack.introduction", _flag, default=True),
    Key(
        "easemob.app_key",
        _text(r"[A-Za-z0-9_.-]+#[A-Za-z0-9_.-]+", "org#app, the AppKey on the app's page of the Easemob console"),
        required=True,
    ),
    Key("easemob.client_id", _CLIENT_ID, required=True),
    Key("easemob.client_secret", _secret, required=True, secret=True),
    Key("easemob.rest_url", _url("https", "http", shape=lambda url: url.rstrip("/"))),
    Key("easemob.websocket_url", _url("wss", "ws", shape=_with_websocket)),
    Key("easemob.discovery_url", _url("https", "http"), "https://rs.easemob.com/easemob/server.json"),
    Key("easemob.max_sessions", _number(1, 1_000_000), 2000),
    Key("easemob.logins_per_second", _number(1, 1000), 10),
    Key("kefu.service_number", _service_number, required=True),
    Key("kefu.tenant_id", _tenant),
    Key("kefu.url", _url("https", "http", shape=lambda url: url.rstrip("/"))),
    Key("kefu.private_api", _flag, default=False),
    Key("kefu.visitor_fields", _choices(*get_args(VisitorField)), ("name", "workspace")),
    Key("kefu.source_card", _flag, default=True),
    *(replace(key, name=f"kefu.{key.name}") for key in _ENTRANCE),
    Key("store.path", _text(r"[^\0]+", "a folder")),
)

GROUPS: Final = (
    Group("kefu.workspaces", r"T[A-Z0-9]+", "the id of a workspace, T… in capitals", _ENTRANCE),
    Group("kefu.channels", r"[CDG][A-Z0-9]+", "the id of a channel, C… in capitals", _ENTRANCE),
)

BY_NAME: Final = {key.name: key for key in KEYS}
BY_VARIABLE: Final = {key.variable: key.name for key in KEYS}
TABLES: Final = tuple(dict.fromkeys(key.name.partition(".")[0] for key in KEYS))


# Saying what was found.

_LONGEST_SHOWN: Final = 40
_KINDS: Final = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}


def describe(value: object, *, secret: bool) -> str:
    """Show *value* shortly; of a secret only its kind."""
    kind = next((kind for type_, kind in _KINDS.items() if isinstance(value, type_)), "a date or time")
    if secret or isinstance(value, list | dict):
        return kind
    if isinstance(value, str):
        return _masked(value, repr(value[:_LONGEST_SHOWN]) + ("…" if len(value) > _LONGEST_SHOWN else ""))
    if isinstance(value, int) and abs(value) > 10**18:
        return "a very large number"
    return str(value).lower()


def _masked(text: str, shown: str) -> str:
    """Return *shown*, unless *text* holds a Slack token that was put in the wrong place."""
    return "a Slack token" if any(prefix in text for prefix in _TOKENS) else shown


def unknown(name: str, *, known: Mapping[str, object] | None = None) -> ConfigProblem:
    """Name an unknown key with the nearest known one."""
    names = list(BY_NAME if known is None else known)
    short = {known_name.rpartition(".")[2]: known_name for known_name in names}
    near = difflib.get_close_matches(name, [*names, *TABLES], n=1, cutoff=0.7)
    near = near or [short[match] for match in difflib.get_close_matches(name.rpartition(".")[2], short, n=1)]
    expected = f"{near[0]}, perhaps" if near else "a key of config.example.toml"
    return ConfigProblem(shown(name), "an unknown key", expected)


def shown(name: str) -> str:
    """Show the name of a key or table as somebody wrote it, shortly, and no token that was put in its place."""
    return _masked(name, name if len(name) <= _LONGEST_SHOWN else name[:_LONGEST_SHOWN] + "…")
