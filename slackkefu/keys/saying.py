"""What is said of a value or a name that is wrong; never a secret."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from slackkefu.errors import ConfigProblem
from slackkefu.keys.readers import TOKENS
from slackkefu.keys.table import BY_NAME, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["describe", "shown", "unknown"]

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
    return "a Slack token" if any(prefix in text for prefix in TOKENS) else shown


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
