"""
Which addresses an operator may configure.

Everything leaves the machine encrypted. The plain schemes are for servers on this machine: the demo and the tests.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

__all__ = ["check_url", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Tell whether *host* can only be this machine: ``localhost``, ``127.0.0.0/8`` or ``::1``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str, *, schemes: tuple[str, str]) -> str | None:
    """
    Say what is wrong with *url*, if anything.

    Args:
        url: The address as configured.
        schemes: The encrypted scheme and the plain one: ``("https", "http")`` or ``("wss", "ws")``.

    Returns:
        The problem in a few words, without quoting the address (it may hold a password), or None.

    """
    secure, plain = schemes
    if any(character.isspace() or not character.isprintable() for character in url):
        return "an address with a space or control character"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an address that cannot be read"
    problems = {
        f"an address that does not begin with {secure}://": parts.scheme not in schemes,
        "an address without a usable host and port": not host or port == 0,
        "an address with a user name or password in it": "@" in parts.netloc,
        "an address with a fragment (#)": bool(parts.fragment),
        f"{plain}:// to another machine; only {secure}:// may leave this one": (
            parts.scheme == plain and not is_loopback(host)
        ),
    }
    return next((problem for problem, found in problems.items() if found), None)
