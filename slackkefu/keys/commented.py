"""
The commented configuration: every key with what is said of it, and a value where there is one.

A key with a value, and one that is required, stands open; the others stand behind a ``#`` with their default.
"""

from __future__ import annotations

import json
import textwrap
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from slackkefu.keys.table import GROUPS, KEYS, TABLES
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from slackkefu.keys.table import Group, Key

__all__ = ["EXAMPLE", "WRITTEN", "commented", "toml"]

_PLACES: Final = (
    'Any key may instead come from the environment, SLACKKEFU_ and the key in capitals with "_" for ".": '
    "SLACKKEFU_SLACK_APP_TOKEN; or from a file in $CREDENTIALS_DIRECTORY named like the key: slack.app_token. A "
    "credentials file wins over the environment, the environment over this file."
)

EXAMPLE: Final = f"""\
slackkefu, every key. Those without a leading "#" are required.

{_PLACES}

Check it with: slackkefu check --config config.toml
"""
"""What ``config.example.toml`` begins with."""

WRITTEN: Final = f"""\
slackkefu, every key, as slackkefu init has written it. What stands behind a "#" holds without it, or is not needed.

{_PLACES}
"""
"""What a configuration begins with that was written for somebody."""

_WIDTH: Final = 120


def commented(
    head: str, values: Mapping[str, object] = MappingProxyType({}), *, elsewhere: Collection[str] = ()
) -> str:
    """
    Return a TOML file of every key.

    Args:
        head: What it begins with.
        values: Values as their readers return them, by the keys' names. Secrets among them are written out.
        elsewhere: Keys that come from another place, and stand behind a ``#`` though they are required.

    """
    parts = [_comment(head)]
    for table in TABLES:
        keys = [key for key in KEYS if key.name.startswith(f"{table}.")]
        groups = [group for group in GROUPS if group.name.startswith(f"{table}.")]
        paragraphs = [*_paragraphs(keys, values, elsewhere)]
        if groups:
            paragraphs.append(_examples(groups))
        parts.append([f"[{table}]", *_apart(paragraphs)])
    return "\n".join(_apart(parts)) + "\n"


def toml(value: object) -> str:
    """Return *value* as TOML writes it: a text, a number, a truth, or several of them."""
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    # JSON's texts are TOML's but for DEL, which TOML wants escaped.
    return json.dumps("" if value is None else value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _paragraphs(keys: Iterable[Key], values: Mapping[str, object], elsewhere: Collection[str]) -> Iterator[list[str]]:
    """Yield the lines of each key, together with those that have nothing said of them alone."""
    lines: list[str] = []
    for key in keys:
        if key.doc and lines:
            yield lines
            lines = []
        lines += _comment(key.doc)
        name = key.name.partition(".")[2]
        given = key.name in values
        is_open = given or (key.required and key.name not in elsewhere)
        value = values[key.name] if given else key.example or key.default
        lines.append(f"{'' if is_open else '#'}{name} = {toml(value)}")
    yield lines


def _examples(groups: Iterable[Group]) -> list[str]:
    """Return what is said of tables for one alone, behind a ``#``."""
    lines: list[str] = []
    for group in groups:
        lines += _comment(group.doc)
        member, said = group.example
        table = [f"[{group.name}.{member}]", *(f"{name} = {toml(value)}" for name, value in said.items())]
        lines += ["#", *(f"#     {line}" for line in table)]
    return lines


def _comment(text: str) -> list[str]:
    """Return *text* as a comment, each of its lines filled anew."""
    filled = (textwrap.wrap(line, _WIDTH - 2, break_on_hyphens=False) or [""] for line in text.splitlines())
    return [f"# {line}".rstrip() for line in chain.from_iterable(filled)]


def _apart(parts: Iterable[list[str]]) -> list[str]:
    """Return the lines of *parts* with an empty one between them."""
    lines: list[str] = []
    for part in parts:
        lines += ["", *part] if lines else part
    return lines
