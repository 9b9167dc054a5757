"""``slackkefu installations`` on a store that no daemon works on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from slackkefu.demo.slack import FakeSlack
from slackkefu.store.lock import hold
from slackkefu.world import InlineDisk, World
from tests.cli.test_main import call
from tests.installed import keep
from tests.net.streams import MemoryNetwork
from tests.store.test_foreign import save

if TYPE_CHECKING:
    from pathlib import Path

SOMEBODY = os.geteuid() or 4711
"""A user that is not root: whom root's command becomes, and else ourselves."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration that has nothing but the store, in which the app is in two places."""
    slack = FakeSlack()
    corp = slack.add_organisation("E0CORP00001", name="Corp")
    corp.add_workspace("T0EAST0001", name="East")
    north = slack.add_workspace("T0NORTH001", name="北方\x1b[2J")
    installed = [north.install(token="xoxb-hidden-1"), corp.install(token="xoxb-hidden-2")]
    keep(tmp_path / "store", World(MemoryNetwork(), InlineDisk()), *installed)
    path = tmp_path / "config.toml"
    path.write_text('store.path = "store"\n', encoding="utf-8")
    return path


def test_the_list_is_a_table(config: Path) -> None:
    """Each installation is a line; names cannot move the cursor, and no token is shown."""
    result = call("installations", "list", "--config", config)

    assert 0 == result.exit_code, result.output
    head, *lines = result.stdout.splitlines()
    assert ["id", "name", "bot", "visitors", "since", "state"] == head.split()
    assert {"T0NORTH001", "E0CORP00001"} == {line.split()[0] for line in lines if line[1] == "0"}
    assert "北方�[2J" in result.stdout
    assert "\x1b" not in result.stdout
    assert "hidden" not in result.output


def test_the_list_as_json(config: Path) -> None:
    """Programs get the same, with nothing around it."""
    result = call("installations", "list", "--json", "--config", config)
    answer = json.loads(result.stdout)

    assert {"T0NORTH001", "E0CORP00001"} == {row["place"] for row in answer["installations"]}
    assert [] == answer["damaged"]


def test_one_is_shown(config: Path) -> None:
    """All of one installation but its token; one that is not there is wrong use, and says which are."""
    result = call("installations", "show", "T0NORTH001", "--config", config)

    assert 0 == result.exit_code
    assert "U0" in result.stdout
    assert "hidden" not in result.output
    assert (
        "T0NORTH001"
        == json.loads(call("installations", "show", "T0NORTH001", "--json", "--config", config).stdout)["place"]
    )

    result = call("installations", "show", "T0NOWHERE1", "--config", config)

    assert 2 == result.exit_code
    assert "slackkefu: the app is not installed in T0NOWHERE1; it is installed in: " in result.stderr


def test_one_is_removed(config: Path) -> None:
    """It asks before, and what is removed is gone from the disk, tokens and all."""
    result = call("installations", "remove", "T0NORTH001", "--config", config)

    assert 2 == result.exit_code
    assert "nobody there is served from now on" in result.stdout
    assert "T0NORTH001" in call("installations", "list", "--config", config).stdout

    assert 0 == call("installations", "remove", "T0NORTH001", "--yes", "--config", config).exit_code
    assert "T0NORTH001" not in call("installations", "list", "--config", config).stdout
    left = "".join(path.read_text() for path in config.parent.glob("store/**/*.json"))
    assert "xoxb-hidden-1" not in left
    assert "xoxb-hidden-2" in left

    assert 2 == call("installations", "remove", "T0NORTH001", "--yes", "--config", config).exit_code


def test_without_a_store(tmp_path: Path) -> None:
    """Where there is no store none is made: it may be elsewhere."""
    (tmp_path / "config.toml").write_text('store.path = "nowhere"\n', encoding="utf-8")
    result = call("installations", "list", "--config", tmp_path / "config.toml")

    assert 2 == result.exit_code
    assert "The first slackkefu install" in result.stderr
    assert "STATE_DIRECTORY=/var/lib/slackkefu" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_time_that_is_none(config: Path) -> None:
    """A file that another hand has written does not take the list away."""
    file = config.parent / "store" / "installations" / "none-T0NORTH001.json"
    kept = json.loads(file.read_text(encoding="utf-8"))
    kept["bot"]["installed_at"] = 1e30
    file.write_text(json.dumps(kept), encoding="utf-8")
    result = call("installations", "list", "--config", config)

    assert 0 == result.exit_code
    assert "no date" in result.stdout
    assert "E0CORP00001" in result.stdout


def test_a_daemon_that_does_not_answer(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds the lock and does not answer is named, and nothing is done."""
    monkeypatch.setattr("slackkefu.cli.in_store.PATIENCE_S", 0.0)
    with hold(config.parent / "store", now=0):
        result = call("installations", "remove", "T0NORTH001", "--yes", "--config", config)

    assert 4 == result.exit_code
    assert f"{config.parent / 'store'}: in use by process {os.getpid()}" in result.stderr
    assert "which does not answer. Nothing was done." in result.stderr
    assert "T0NORTH001" in call("installations", "list", "--config", config).stdout


def test_a_command_works_as_the_owner(config: Path) -> None:
    """
    What it writes belongs to the store's owner, with the store's modes, also below a closed folder.

    Run by root, as in CI, the owner is somebody else, whom the command becomes; run by anybody else it is themselves.
    """
    store = config.parent / "store"
    for path in (store, *store.rglob("*")):
        os.chown(path, SOMEBODY, -1)
    config.parent.chmod(0o700)
    foreign = config.parent / "foreign"
    foreign.mkdir(mode=0o700)
    save(foreign, "T0WEST0001")
    program = [sys.executable, "-m", "slackkefu", "installations"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own program
            [*program, *arguments, "--config", str(config)], check=False, capture_output=True, text=True
        )

    done = run("import", str(foreign))

    assert (0, "T0WEST0001: imported\n") == (done.returncode, done.stdout), done.stderr
    assert {SOMEBODY} == {path.stat().st_uid for path in (store, *store.rglob("*"))}
    assert {0o700, 0o600} == {path.stat().st_mode & 0o777 for path in (store, *store.rglob("*"))}

    (store / "installations").chmod(0o500)
    done = run("remove", "T0WEST0001", "--yes")

    assert 4 == done.returncode
    assert str(store) in done.stderr


# Import.


def test_a_folder_is_taken_over(config: Path) -> None:
    """Each place is a line: imported, kept as it is here, damaged, or removed there; once more changes nothing."""
    foreign = config.parent / "foreign"
    save(foreign, "T0WEST0001", bot_token="xoxb-west")
    save(foreign, "T0NORTH001", bot_token="xoxb-old", installed_at=5.0)
    save(foreign, "T0CUT00001")
    for path in (foreign / "none-T0CUT00001").glob("bot-*"):
        path.write_bytes(b'{"bot_tok')
    result = call("installations", "import", foreign, "--config", config)

    damaged = "bot-latest is damaged (Input data was truncated), and there is no whole file beside it"
    assert 4 == result.exit_code
    assert [
        f"T0CUT00001: not imported: {damaged}",
        "T0NORTH001: kept as it is here, which is as new",
        "T0WEST0001: imported",
    ] == result.stdout.splitlines()
    assert "xoxb-west" in (config.parent / "store" / "installations" / "none-T0WEST0001.json").read_text()
    assert "xoxb-hidden-1" in (config.parent / "store" / "installations" / "none-T0NORTH001.json").read_text()

    again = call("installations", "import", foreign, "--config", config)

    assert "T0WEST0001: kept as it is here, which is as new" in again.stdout


def test_a_folder_of_several_apps(config: Path) -> None:
    """Whose installations are meant has to be said; the others are passed over."""
    foreign = config.parent / "foreign"
    save(foreign, "T0WEST0001", client_id="1.1")
    save(foreign, "T0SOUTH001", client_id="2.2")
    result = call("installations", "import", foreign, "--config", config)

    assert 2 == result.exit_code
    assert "--client-id with one of 1.1, 2.2" in result.stderr

    result = call("installations", "import", foreign, "--client-id", "2.2", "--config", config)

    assert 0 == result.exit_code
    assert ["T0WEST0001: of the app 1.1, passed over", "T0SOUTH001: imported"] == result.stdout.splitlines()


def test_a_folder_of_nothing(config: Path) -> None:
    """A wrong folder is wrong use."""
    (config.parent / "empty").mkdir()

    assert 2 == call("installations", "import", config.parent / "empty", "--config", config).exit_code
    assert 4 == call("installations", "import", config.parent / "nowhere", "--config", config).exit_code
