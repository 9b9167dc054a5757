"""The command line as a person meets it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trio
from click.testing import CliRunner, Result

import slackkefu
from slackkefu.cli.main import main
from slackkefu.errors import LocalProtocolError, SlackSetupError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[slack]
app_token = "xapp-hidden"
[easemob]
app_key = "shop#desk"
client_id = "client"
client_secret = "hidden-too"
[kefu]
service_number = "Desk"
visitor_fields = []
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a good configuration file."""
    path = tmp_path / "config.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def call(*arguments: str | Path, **environ: str) -> Result:
    """Call the program in an environment of its own."""
    everything = {"HOME": "/home/shop", "SLACKKEFU_CONFIG": None, "STATE_DIRECTORY": None, "XDG_STATE_HOME": None}
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=everything | environ)


def test_help_names_commands_and_exit_codes() -> None:
    """Help shows what can be done and how it can end."""
    result = call("--help")

    assert result.exit_code == 0
    for word in ("run", "check", "demo", "Exit codes:", "3  the configuration cannot be used"):
        assert word in result.output


@pytest.mark.parametrize("command", ["run", "install", "check", "demo"])
def test_each_command_has_help(command: str) -> None:
    """Each command says what it does."""
    result = call(command, "-h")

    assert result.exit_code == 0
    assert f"Usage: main {command} [OPTIONS]" in result.output


def test_the_version_is_told() -> None:
    """``--version`` tells the version, and ``python -m slackkefu`` is the same program."""
    done = subprocess.run([sys.executable, "-m", "slackkefu", "--version"], check=True, capture_output=True, text=True)

    assert done.stdout == f"slackkefu, version {slackkefu.__version__}\n"


def test_wrong_use_is_code_2() -> None:
    """An unknown command or option is the person's to mend."""
    assert call("serve").exit_code == 2
    assert call("run", "--nonsense").exit_code == 2


def test_a_wrong_configuration_is_code_3(config: Path) -> None:
    """Every problem is a line on standard error, without a traceback."""
    config.write_text("[slack]\nconnections = 0\n", encoding="utf-8")
    result = call("run", "--config", config)

    assert result.exit_code == 3
    assert result.stdout == ""
    assert f"slackkefu: {config}: the configuration cannot be used; nothing was started." in result.stderr
    assert "\n  slack.connections: found 0; expected a whole number from 1 to 9" in result.stderr
    assert "\n  kefu.service_number: found nothing" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_file_may_be_named_by_the_environment(
    config: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ``--config`` the variable counts, and without both config.toml of the working folder."""
    assert call("check", "--offline", SLACKKEFU_CONFIG=str(config)).exit_code == 0
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    result = call("run")

    assert result.exit_code == 3
    assert "config.toml: the configuration cannot be used" in result.stderr


def test_run_starts_the_daemon_with_the_configuration(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``run`` hands the daemon its configuration and the real world; its end is a clean one."""
    seen: list[object] = []

    async def run_daemon(given: object, world: object) -> None:
        seen.extend([given, world])

    monkeypatch.setattr("slackkefu.app.run_daemon", run_daemon)

    assert call("run", "--config", config).exit_code == 0
    assert ["Config", "World"] == [type(each).__name__ for each in seen]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SlackSetupError("auth.test", "invalid_auth", "Check slack.bot_token."), 5),
        (ExceptionGroup("nursery", [SlackSetupError("auth.test", "invalid_auth", "Check slack.bot_token.")]), 5),
        (KeyboardInterrupt(), 0),
    ],
)
def test_run_ends_with_one_line(config: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    """A refusal ends the daemon with one clear line, SIGINT with none."""

    async def run_daemon(*_: object) -> None:
        raise error

    monkeypatch.setattr("slackkefu.app.run_daemon", run_daemon)
    result = call("run", "--config", config)

    assert result.exit_code == code
    line = "slackkefu: Slack answered invalid_auth to auth.test. Check slack.bot_token.\n"
    assert result.stderr == (line if code else "")


@pytest.mark.parametrize("fault", [ZeroDivisionError(), LocalProtocolError("ours"), ExceptionGroup("", [KeyError()])])
def test_a_fault_of_ours_is_not_hidden(config: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    """A bug ends with its traceback and code 1."""

    async def run_daemon(*_: object) -> None:
        raise fault

    monkeypatch.setattr("slackkefu.app.run_daemon", run_daemon)
    result = call("run", "--config", config)

    assert result.exit_code == 1
    assert result.exception is fault


def test_the_demo_says_which_extra_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, one line tells how to get it."""
    monkeypatch.delitem(sys.modules, "slackkefu.demo.terminal", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"] + ["rich"]:
        monkeypatch.setitem(sys.modules, name, None)
    result = call("demo")

    assert result.exit_code == 2
    assert "Error: the demo needs rich: pip install 'slackkefu[demo]'" in result.stderr


def test_the_demo_does_not_hide_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of ours that is missing is a bug, not a missing extra."""
    monkeypatch.setitem(sys.modules, "slackkefu.demo.terminal", None)

    assert isinstance(call("demo").exception, ModuleNotFoundError)


def test_the_demo_is_played_on_trio(monkeypatch: pytest.MonkeyPatch) -> None:
    """``demo`` runs the demo, and its end is a clean one."""
    played = []

    async def run_demo() -> None:
        played.append(True)

    monkeypatch.setattr("slackkefu.demo.terminal.run_demo", run_demo)

    assert call("demo").exit_code == 0
    assert played == [True]


def test_broken_off_is_no_good_end(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is how the daemon ends well; any other command has not done what it was to do."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trio, "run", end)

    assert 0 == call("run", "--config", config).exit_code
    assert 2 == call("visitors", "list", "--config", config).exit_code


def test_a_configuration_of_somebody_else(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose file it is has to be known, not how a new one is made; it is code 3, as any other."""

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    result = call("run", "--config", config)

    assert 3 == result.exit_code
    assert "use the user that runs slackkefu" in result.stderr
    assert "init writes one" not in result.stderr
