"""``slackkefu init`` by flags, files, standard input and the environment."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import tomli
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slackkefu.cli.main import main
from slackkefu.config import load
from slackkefu.keys import KEYS, WrongValue
from slackkefu.secret import Secret
from tests.cli.test_main import call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.testing import Result

    from slackkefu.keys import Key

ANSWERS = {
    "slack.app_token": "xapp-hidden",
    "slack.bot_token": "xoxb-hidden",
    "easemob.app_key": "shop#desk",
    "easemob.client_id": "client",
    "easemob.client_secret": 'hidden"\\too',
    "kefu.service_number": "Desk_1",
}

SECRETS = ("slack.app_token", "slack.bot_token", "easemob.client_secret")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let each test begin in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flags(answers: Mapping[str, str] = ANSWERS) -> list[str]:
    """Return *answers* as flags."""
    return [part for name, text in answers.items() for part in ("--set", f"{name}={text}")]


def variables(answers: Mapping[str, str] = ANSWERS) -> dict[str, str]:
    """Return *answers* as variables."""
    return {f"SLACKKEFU_{name.upper().replace('.', '_')}": text for name, text in answers.items()}


def good(path: Path) -> None:
    """Check that a configuration has the answers, nobody else can read it, and nothing lies beside it."""
    config = load(path, {"HOME": "/h"})

    assert Secret("xapp-hidden") == config.slack.app_token
    assert Secret("xoxb-hidden") == config.slack.bot_token
    assert ("shop#desk", "client") == (config.easemob.app_key, config.easemob.client_id)
    assert Secret('hidden"\\too') == config.easemob.client_secret
    assert config.kefu.service_number == "desk_1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path.name] == [each.name for each in path.parent.iterdir()]


def untouched(result: Result, folder: Path) -> None:
    """Check that nothing was written and no secret was shown."""
    assert result.exit_code == 2
    assert [] == list(folder.iterdir())
    assert "hidden" not in result.output
    assert "was not written" in result.stderr


def test_from_the_environment(folder: Path) -> None:
    """With ``--from-env`` no secret is on a command line, and nothing is asked."""
    result = call("init", "--from-env", **variables())

    assert (result.exit_code, result.stderr) == (0, "")
    good(folder / "config.toml")
    assert "hidden" not in result.output


def test_every_key_is_explained_in_it(folder: Path) -> None:
    """The file has all that config.example.toml says of the keys."""
    call("init", "--from-env", **variables())
    example = (Path(__file__).parent.parent.parent / "config.example.toml").read_text(encoding="utf-8")
    written = (folder / "config.toml").read_text(encoding="utf-8").splitlines()
    said = [line for line in example.partition("[slack]")[2].splitlines() if line.startswith("# ")]

    assert said
    assert [line for line in said if line not in written] == []


def test_by_flags(folder: Path) -> None:
    """Flags are answers too; a secret among them is mentioned, by its name alone."""
    result = call("init", *flags())

    assert result.exit_code == 0
    good(folder / "config.toml")
    assert [f"slackkefu: {name} stood on the command line" for name in SECRETS] == [
        line.partition(",")[0] for line in result.stderr.splitlines()
    ]
    assert "hidden" not in result.output


def test_by_files_and_standard_input(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """``@FILE`` and ``-`` keep secrets out of sight; the line break at their end is none of the value's."""
    secret = tmp_path_factory.mktemp("secrets") / "app token"
    secret.write_text("xapp-hidden\r\n", encoding="utf-8")
    piped = ANSWERS | {"slack.app_token": f"@{secret}", "easemob.client_secret": "-"}
    del piped["slack.bot_token"]
    environment = {**variables({"slack.bot_token": "xoxb-hidden"}), "SLACKKEFU_CONFIG": None}
    result = CliRunner().invoke(main, ["init", "--from-env", *flags(piped)], input='hidden"\\too\n', env=environment)

    assert (result.exit_code, result.stderr) == (0, "")
    good(folder / "config.toml")


def test_a_flag_goes_before_the_environment(folder: Path) -> None:
    """What is typed now counts more than what was exported once."""
    call("init", "--from-env", "--set", "kefu.service_number=other", **variables())

    assert load(folder / "config.toml", {"HOME": "/h"}).kefu.service_number == "other"


def test_what_comes_from_elsewhere(folder: Path) -> None:
    """A key set to nothing is left to the environment or a credentials file; it stands behind a #."""
    given_here = {**ANSWERS, "slack.app_token": "", "easemob.client_secret": ""}
    assert call("init", *flags(given_here)).exit_code == 0
    elsewhere = variables({name: ANSWERS[name] for name in ("slack.app_token", "easemob.client_secret")})
    config = load(folder / "config.toml", {"HOME": "/h", **elsewhere})

    assert Secret("xapp-hidden") == config.slack.app_token
    assert '\n#app_token = "xapp-…"\n' in (folder / "config.toml").read_text(encoding="utf-8")


def test_all_that_is_missing_comes_at_once(folder: Path) -> None:
    """Without a terminal nothing is asked; whatever is missing is named, with the ways to give it."""
    result = call("init")

    untouched(result, folder)
    named = [line.split(":")[0].strip() for line in result.stderr.splitlines()[1:]]
    assert [name for name in ANSWERS if name != "slack.bot_token"] + ["slack.bot_token"] == named
    assert "--set kefu.service_number=…, or $SLACKKEFU_KEFU_SERVICE_NUMBER with --from-env" in result.stderr


def test_many_workspaces(folder: Path) -> None:
    """The client's id and secret stand for the bot token; one alone is told."""
    many = {**ANSWERS, "slack.client_id": "1.2", "slack.client_secret": "hidden"}
    del many["slack.bot_token"]
    half = {name: text for name, text in many.items() if name != "slack.client_secret"}
    untouched(wrong := call("init", "--from-env", **variables(half)), folder)
    assert "slack.client_secret: found nothing, but there is slack.client_id; expected both or neither" in wrong.stderr

    result = call("init", "--from-env", **variables(many))
    assert result.exit_code == 0
    assert "\n    slackkefu install\n" in result.stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("slack.app_token", "xoxb-hidden", "slack.app_token: found a bot token"),
        ("slack.bot_token", "xapp-hidden", "slack.bot_token: found an app-level token"),
        ("slack.bot_token", "xoxb-hidden\nxoxb-hidden", "slack.bot_token: found a text"),
        ("slack.bot_token", "xoxb-hidden\x1b[200~", "slack.bot_token: found a text"),
        ("easemob.client_secret", "hid den", "easemob.client_secret: found a text"),
        ("easemob.app_key", "shop", "easemob.app_key: found 'shop' (from $SLACKKEFU_EASEMOB_APP_KEY)"),
        ("kefu.service_number", "a\tb", r"kefu.service_number: found 'a\tb'"),
        ("easemob.rest_url", "http://a1.easemob.com", "easemob.rest_url: found http:// to another machine"),
        ("easemob.rest_url", "https://a1.easemob.com/other/app", "easemob.rest_url: found an address with a path"),
        ("kefu.private_api", "true", "kefu.url: found nothing, but kefu.private_api is true"),
        ("slack.redirect_url", "https://localhost/#a", "slack.redirect_url: found an address with a fragment"),
        ("store.path", "/srv/\udcff", "store.path: found bytes that are not UTF-8"),
    ],
)
def test_a_wrong_answer_is_named(folder: Path, name: str, text: str, said: str) -> None:
    """Each is told with its key, what was found and what is expected; nothing is written."""
    result = call("init", "--from-env", **variables(ANSWERS | {name: text}))

    untouched(result, folder)
    assert said in result.stderr


def test_all_that_is_wrong_comes_at_once(folder: Path) -> None:
    """Wrong and missing answers are told together."""
    result = call("init", "--set", "slack.app_token=xoxb-hidden", "--set", "slack.chanels=all", "--set", "xoxb-hidden")

    untouched(result, folder)
    assert "slack.app_token: found a bot token (from --set); expected an app-level token" in result.stderr
    assert "slack.chanels: found an unknown key; expected slack.channels, perhaps" in result.stderr
    assert "a Slack token: found an unknown key" in result.stderr
    assert "slack.app_token: found nothing" not in result.stderr
    assert "easemob.app_key: found nothing" in result.stderr


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("@nowhere", "a file that cannot be read (No such file or directory)"),
        ("@.", "a file that cannot be read (Is a directory)"),
        ("@a\0b", "a file that"),
        ("-", "nothing (from standard input)"),
    ],
)
def test_a_file_or_pipe_without_an_answer(folder: Path, value: str, said: str) -> None:
    """A file that is not there, or nothing on standard input, is told."""
    result = call("init", *flags(ANSWERS | {"easemob.client_secret": value}))

    untouched(result, folder)
    assert f"easemob.client_secret: found {said}" in result.stderr


def test_files_that_are_no_text(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Bytes that are not UTF-8, and standard input for two keys, are told."""
    binary = tmp_path_factory.mktemp("secrets") / "binary"
    binary.write_bytes(b"\xff\xfe")
    result = call(
        "init", *flags({"slack.app_token": f"@{binary}", "slack.bot_token": "-", "easemob.client_secret": "-"})
    )

    untouched(result, folder)
    assert "slack.app_token: found a file that is not UTF-8" in result.stderr
    assert "easemob.client_secret: found - a second time" in result.stderr

    result = CliRunner().invoke(
        main, ["init", "--set", "slack.app_token=-"], input=b"\xff", env={"SLACKKEFU_CONFIG": None}
    )
    untouched(result, folder)
    assert "slack.app_token: found bytes that are not UTF-8" in result.stderr


def test_a_file_that_is_there_stays(folder: Path) -> None:
    """Nothing is overwritten but by ``--force``; the next steps are named."""
    path = folder / "our config.toml"
    path.write_text("ours", encoding="utf-8")
    result = call("init", "--config", path, "--from-env", **variables())

    assert result.exit_code == 2
    assert path.read_text(encoding="utf-8") == "ours"
    assert f"{path} is there already, and was left as it is." in result.stderr
    assert f"slackkefu check --config '{path}'" in result.stderr
    assert f"slackkefu init --config '{path}' --force" in result.stderr

    path.chmod(0o644)
    assert call("init", "--config", path, "--force", "--from-env", **variables()).exit_code == 0
    good(path)


def test_a_link_is_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the configuration is a link, the file it leads to is replaced; a link to nowhere is taken too."""
    target = tmp_path_factory.mktemp("elsewhere") / "config.toml"
    (folder / "config.toml").symlink_to(target)
    assert call("init", "--from-env", **variables()).exit_code == 2
    assert call("init", "--force", "--from-env", **variables()).exit_code == 0

    assert (folder / "config.toml").is_symlink()
    good(target)


def test_a_place_that_cannot_be_written(folder: Path) -> None:
    """A folder that is not there, or a folder in the place of the file, is told with what to do."""
    result = call("init", "--config", folder / "none" / "config.toml", "--from-env", **variables())
    untouched(result, folder)
    assert "No such file or directory. Make its folder first." in result.stderr

    (folder / "config.toml").mkdir()
    result = call("init", "--force", "--from-env", **variables())
    assert (result.exit_code, [folder / "config.toml"]) == (2, list(folder.iterdir()))
    assert "Is a directory. Name another place with --config." in result.stderr


def test_somebody_makes_it_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that appears between the look and the writing is not overwritten, on any file system."""
    path = folder / "config.toml"
    monkeypatch.setattr(os.path, "lexists", lambda asked: Path(asked).is_symlink())
    path.write_text("theirs", encoding="utf-8")
    result = call("init", "--from-env", **variables())

    assert (result.exit_code, path.read_text(encoding="utf-8")) == (2, "theirs")
    assert "somebody has made it meanwhile" in result.stderr
    assert [path] == list(folder.iterdir())


@pytest.mark.parametrize("taken", [False, True])
def test_a_file_system_without_links(folder: Path, monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    """There the file is written all the same, and one that appears meanwhile is seen."""
    path = folder / "config.toml"

    def hardlink_to(made: Path, _new: Path) -> None:
        if taken:
            made.write_text("theirs", encoding="utf-8")
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", hardlink_to)
    result = call("init", "--from-env", **variables())

    if taken:
        assert (result.exit_code, path.read_text(encoding="utf-8")) == (2, "theirs")
    else:
        assert result.exit_code == 0
        good(path)


@pytest.mark.parametrize("call_name", ["fsync", "link", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_whatever_ends_it_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call_name: str, error: BaseException
) -> None:
    """A full disk and Ctrl-C leave what was there, and nothing half-written."""
    path = folder / "config.toml"
    before = "ours" if call_name == "replace" else None
    if before is not None:
        path.write_text(before, encoding="utf-8")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(os, call_name, fail)
    result = call("init", "--from-env", *(["--force"] if before else []), **variables())

    assert result.exit_code == 2
    assert "config.toml was not written" in result.stderr
    left = [each.read_text(encoding="utf-8") for each in folder.iterdir()]
    assert ([before] if before else []) == left


def test_the_next_steps_work_as_printed(folder: Path) -> None:
    """Each command that is printed is one of ours, and finds the file; also where its name has a space."""
    result = call("init", "--config", "our config.toml", "--from-env", **variables())
    steps = [shlex.split(line) for line in result.stdout.splitlines() if line.startswith("    ")]

    assert ["manifest", "check", "run"] == [step[1] for step in steps]
    for program, command, *rest in steps:
        assert program == "slackkefu"
        assert rest == ["--config", "our config.toml"]
        assert isinstance(main.commands[command], click.Command)
    assert call(*steps[0][1:]).exit_code == 0
    assert (folder / "our config.toml").exists()


ANYTHING = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
LIKELY = st.sampled_from(
    [
        *('xoxb-"\\', "https://example.com/a", "7", "true", "all", "name, email", "a,b", "C:\\new", '"""', "组"),
        *("a\x7fb", "tab\there", "two\nlines", "'''", "~/store", "both", "wss://im.example.com", "lin@example.com"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.dictionaries(st.sampled_from([key for key in KEYS if not key.required]), ANYTHING | LIKELY, max_size=5))
def test_what_is_written_is_read_back(folder: Path, texts: dict[Key, str]) -> None:
    """Whatever is answered is written as it was meant, or named as wrong and not written."""
    path = folder / "config.toml"
    path.unlink(missing_ok=True)
    texts.pop(next(key for key in KEYS if key.name == "slack.bot_token"), None)
    result = call("init", "--from-env", **variables(ANSWERS | {key.name: text for key, text in texts.items()}))

    assert result.exit_code in {0, 2}
    assert path.exists() == (result.exit_code == 0)
    if not path.exists():
        return
    load(path, {"HOME": "/h"})
    document = tomli.loads(path.read_text(encoding="utf-8"))
    for key, text in texts.items():
        table, _, name = key.name.partition(".")
        try:
            meant = key.read(text) if text else None
        except WrongValue:
            pytest.fail(f"{key.name} was written though it is wrong")
        assert meant == (key.read(document[table][name]) if name in document[table] else None)
