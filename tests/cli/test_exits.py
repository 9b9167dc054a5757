"""How a command ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from slackkefu.cli.exits import explain, leaves
from slackkefu.errors import (
    ConfigError,
    ConfigProblem,
    ConnectFailed,
    EasemobSetupError,
    LocalProtocolError,
    LoginRefused,
    RemoteProtocolError,
    SlackApiError,
    SlackSetupError,
    StoreLocked,
)

CONFIG = ConfigError("config.toml", (ConfigProblem("a.b", "nothing", "a text"),))
STORE = StoreLocked(Path("/s"), "in use")
SLACK = SlackSetupError("auth.test", "invalid_auth", "Check the token.")
FAULT = KeyError("oops")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CONFIG, 3),
        (STORE, 4),
        (SLACK, 5),
        (EasemobSetupError("token", "404", "Check."), 5),
        (ConnectFailed("a:1", "refused"), 5),
        (SlackApiError("auth.test", "fatal_error"), 5),
        (LoginRefused(2, "no"), 5),
        (RemoteProtocolError("no hello"), 5),
    ],
)
def test_each_cause_has_its_code_and_line(error: Exception, code: int) -> None:
    """What an operator can mend, or the network did, is a line and a code."""
    expected = (f"slackkefu: {error}", code)

    assert expected == explain(error)
    assert expected == explain(ExceptionGroup("outer", [ExceptionGroup("inner", [error])]))


@pytest.mark.parametrize("error", [FAULT, LocalProtocolError("ours")])
def test_a_fault_of_ours_keeps_its_traceback(error: Exception) -> None:
    """A bug is not explained away, also not when it comes with other errors."""
    assert explain(error) is None
    assert explain(ExceptionGroup("", [STORE, ExceptionGroup("", [error])])) is None


def test_the_cause_comes_before_what_followed() -> None:
    """Of several errors the one to mend first is told first and gives the code; each is told once."""
    group = ExceptionGroup("", [SLACK, STORE, SLACK])

    assert explain(group) == (f"slackkefu: {STORE}\nslackkefu: {SLACK}", 4)


def test_an_interrupt_is_a_stop() -> None:
    """SIGINT is no error, alone or in a group; what else went wrong is still told."""
    assert explain(KeyboardInterrupt()) == ("", 0)
    assert explain(BaseExceptionGroup("", [KeyboardInterrupt()])) == ("", 0)
    assert explain(BaseExceptionGroup("", [KeyboardInterrupt(), STORE])) == (f"slackkefu: {STORE}", 4)


def test_leaves_are_found_however_deep() -> None:
    """Groups in groups are opened; a lone exception is its own leaf."""
    one, two = ValueError(), TypeError()

    assert [one, two] == list(leaves(ExceptionGroup("", [one, ExceptionGroup("", [two])])))
    assert [one] == list(leaves(one))
