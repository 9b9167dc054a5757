"""The table of what the app asks of Slack: all that the code uses is in it, and nothing that it does not."""

from __future__ import annotations

import ast
from pathlib import Path

import slackkefu
from slackkefu.bridge.deeds.wishes import Wish
from slackkefu.demo.slack.web_api.methods import METHODS as ANSWERED
from slackkefu.slack.features import BOT_EVENTS, BOT_SCOPES, COMMAND, COMMANDS, METHODS, SHORTCUTS

PACKAGE = Path(slackkefu.__file__).parent

FAMILIES = frozenset(
    [
        *("apps", "assistant", "auth", "bots", "chat", "conversations", "emoji", "files", "oauth", "pins"),
        *("reactions", "search", "team", "usergroups", "users", "views"),
    ]
)
"""The first words of the methods of Slack's that an app like ours might call."""

WITHOUT_BOT_TOKEN = {"apps.connections.open", "apps.event.authorizations.list", "oauth.v2.access"}

BY_ARGUMENT = {"chat:write.customize", "users:read.email", "commands"}
"""Scopes of an argument, of a field of an answer, and of what people do by name."""


def called() -> set[str]:
    """Return the methods of the Web API that stand anywhere in the code but in tables and the demo."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if path.is_relative_to(PACKAGE / "demo") or path.name in {"features.py", "pacing.py"}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        logged = {
            id(call.args[0])
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and call.args and ast.unparse(call.func).startswith("log.")
        }
        found |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in logged
            and all(part.isalnum() for part in node.value.split("."))
            and node.value.split(".")[0] in FAMILIES
            and "." in node.value
        }
    return found


def test_every_method_has_its_scopes() -> None:
    """What is called with a bot token is in the table, and nothing is there that is not called."""
    assert set(METHODS) == called() - WITHOUT_BOT_TOKEN


def test_the_scopes_are_those_that_slack_asks_for() -> None:
    """The fake Slack, which refuses what lacks a scope, asks for the scopes of the table."""
    asked = {name: ANSWERED[name].scope for name in METHODS if ANSWERED[name].scope}

    assert asked == {name: METHODS[name][0] for name in asked}


def test_every_scope_is_asked_for_and_needed() -> None:
    """Each scope that a method, an event, an argument or a command needs is asked for, and no other."""
    by_method = {scope for scopes in METHODS.values() for scope in scopes}
    by_event = {scope for scopes in BOT_EVENTS.values() for scope in scopes}

    assert by_method | by_event | BY_ARGUMENT == set(BOT_SCOPES)
    assert COMMANDS
    assert SHORTCUTS


def test_every_scope_is_explained_in_a_line() -> None:
    """A person who is asked for a scope reads what it is for."""
    assert all(words and "\n" not in words and not words.endswith(".") for words in BOT_SCOPES.values())


def test_the_hint_names_every_wish() -> None:
    """What the command's hint offers are the wishes, all of them."""
    assert {wish.value for wish in Wish} == set(COMMAND.usage_hint.split(" | "))
