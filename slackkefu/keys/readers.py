"""
How the value of a key is read.

A reader takes what somebody wrote, in TOML or as text, and returns it as :class:`slackkefu.config.Config` holds it, or
raises :class:`WrongValue`. Reading again what a reader returned, written down, gives the same. No sentence shows a
secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from slackkefu.net.address import check_url
from slackkefu.net.proxy import GO_DIRECT, Exemption, Proxy
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "TOKENS",
    "Reader",
    "WrongValue",
    "choice",
    "exemptions",
    "flag",
    "line",
    "lines",
    "number",
    "page",
    "proxy",
    "secret",
    "service_number",
    "several",
    "tenant",
    "text",
    "token",
    "url",
    "with_websocket",
]


class WrongValue(Exception):
    """The value is not what this key takes."""

    def __init__(self, expected: str, *, found: str | None = None) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found
        """Said instead of the value, where the value is secret or its fault is not plain to see."""


Reader: TypeAlias = "Callable[[object], object]"

MAX_PAGE: Final = 2500
"""Characters of an address that Slack sends a browser to, by the schema of its manifests."""

TOKENS: Final[Mapping[str, str]] = {
    "xapp-": "an app-level token",
    "xoxb-": "a bot token",
    "xoxe.xoxb-": "a rotating bot token",
    "xoxp-": "a user token",
    "xoxe.xoxp-": "a rotating user token",
    "xoxe-": "a refresh token",
}


def text(pattern: str, expected: str) -> Callable[[object], str]:
    """Return the reader of a text of *pattern*; *expected* says it in words."""

    def read(raw: object) -> str:
        if not isinstance(raw, str) or not re.fullmatch(pattern, raw):
            raise WrongValue(expected)
        return raw

    return read


def secret(raw: object) -> Secret:
    """Read a secret that goes into an HTTP header."""
    if not isinstance(raw, str) or not re.fullmatch(r"[!-~]+", raw):
        # A token pasted with a line break or a blank would fail much later, in an HTTP header.
        raise WrongValue("a text of visible ASCII characters")
    return Secret(raw)


def token(*prefixes: str, where: str) -> Reader:
    """Return the reader of a Slack token that begins with one of *prefixes*; another kind of token is named."""
    expected = f"{TOKENS[prefixes[0]]}, {prefixes[0]}…, from {where}"

    def read(raw: object) -> Secret:
        value = secret(raw)
        if value.reveal().startswith(prefixes):
            return value
        kind = next((name for prefix, name in TOKENS.items() if value.reveal().startswith(prefix)), "another text")
        raise WrongValue(expected, found=kind)

    return read


def number(low: int, high: int) -> Reader:
    """Return the reader of a whole number."""

    def read(raw: object) -> int:
        if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}", raw):
            raw = int(raw)
        if not isinstance(raw, int) or isinstance(raw, bool) or not low <= raw <= high:
            raise WrongValue(f"a whole number from {low} to {high}")
        return raw

    return read


def tenant(raw: object) -> str:
    """Read a tenant's number, which nobody calculates with."""
    is_number = isinstance(raw, int) and not isinstance(raw, bool)
    return text(r"[0-9]{1,20}", "the tenant's number")(str(raw) if is_number else raw)


def service_number(raw: object) -> str:
    """Read the IM service number, in lower case as Easemob keeps it."""
    read = text(r"[A-Za-z0-9_.-]{1,64}", "the IM service number (IM user name) shown in the desk's channel settings")
    return read(raw).lower()


def url(*schemes: str, shape: Callable[[str], str] = str) -> Reader:
    """Return the reader of an address with one of two *schemes*, the plain one on this machine only."""
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


def page(raw: object) -> str:
    """Read the address of a page that a browser is sent to: https alone, as Slack demands (facts/slack.md §12)."""
    if not isinstance(raw, str):
        raise WrongValue("an address https://…")
    problems = {
        "an address that does not begin with https://": not raw.startswith("https://"),
        "an address with a query (?)": "?" in raw,
        "an address with a fragment (#)": "#" in raw,
        f"an address of more than {MAX_PAGE} characters": len(raw) > MAX_PAGE,
    }
    problem = next((problem for problem, found in problems.items() if found), None)
    problem = problem or check_url(raw, schemes=("https", "http"))
    if problem is not None:
        raise WrongValue("an address https://…", found=problem)
    return raw


def with_websocket(address: str) -> str:
    """Add the path that Easemob's WebSocket has where none is said."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path="/websocket")) if parts.path in {"", "/"} else address


def proxy(raw: object) -> Secret:
    """Read the address of a proxy, a secret as a whole, or that there shall be none."""
    expected = f"http://host:port, or https:// or socks5://, with name:password@ before the host or not; or {GO_DIRECT}"
    if not isinstance(raw, str):
        raise WrongValue(expected)
    if raw != GO_DIRECT:
        try:
            Proxy.read(raw)
        except ValueError as exc:
            raise WrongValue(expected, found=str(exc)) from None
    return Secret(raw)


def exemptions(raw: object) -> tuple[str, ...]:
    """Read a list of those who are reached without a proxy."""
    expected = "a list of hosts, domains, addresses and networks"
    entries = [entry.strip() for entry in raw.split(",") if entry.strip()] if isinstance(raw, str) else raw
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise WrongValue(expected)
    for entry in entries:
        try:
            Exemption.read(entry)
        except ValueError as exc:
            raise WrongValue(expected, found=f"one with {exc}") from None
    return tuple(entries)


def flag(raw: object) -> bool:
    """Read true or false."""
    if isinstance(raw, str):
        raw = {"true": True, "false": False}.get(raw.lower())
    if not isinstance(raw, bool):
        raise WrongValue("true or false")
    return raw


def choice(*choices: str) -> Reader:
    """Return the reader of one of *choices*."""

    def read(raw: object) -> str:
        if not isinstance(raw, str) or raw not in choices:
            raise WrongValue(f"one of {', '.join(choices)}")
        return raw

    return read


def several(*choices: str) -> Reader:
    """Return the reader of a list of *choices*, brought into their order."""

    def read(raw: object) -> tuple[str, ...]:
        names = [name.strip() for name in raw.split(",") if name.strip()] if isinstance(raw, str) else raw
        if not isinstance(names, list) or any(name not in choices for name in names):
            raise WrongValue(f"a list of {', '.join(choices)}")
        return tuple(name for name in choices if name in names)

    return read


def line(expected: str, *, max_bytes: int) -> Callable[[object], str]:
    """Return the reader of a line for people."""

    def read(raw: object) -> str:
        if not isinstance(raw, str) or not raw.isprintable() or not raw.strip() or len(raw.encode()) > max_bytes:
            raise WrongValue(f"{expected}, on one line of at most {max_bytes} bytes")
        return raw.strip()

    return read


def lines(what: str, *, most: int, max_bytes: int) -> Reader:
    """Return the reader of a list of lines, *what* in the singular; each counts once."""
    read_one = line(f"a {what}", max_bytes=max_bytes)

    def read(raw: object) -> tuple[str, ...]:
        found = [each for each in raw.split(",") if each.strip()] if isinstance(raw, str) else raw
        if not isinstance(found, list) or len(found) > most:
            raise WrongValue(f"a list of at most {most} {what}s")
        return tuple(dict.fromkeys(map(read_one, found)))

    return read
