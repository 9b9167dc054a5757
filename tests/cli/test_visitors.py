"""``slackkefu visitors`` as a person meets it, without a daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import trio
from click.testing import CliRunner, Result

from slackkefu.cli.main import main
from slackkefu.demo.easemob import FakeEasemob
from slackkefu.store import open_store
from tests.bridge.stores import DIRECT, LEO, LEOS, MIA, MIAS, TEAM, furnish, holding, offline

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[store]
path = "store"
"""

EASEMOB = """
[easemob]
app_key = "{app_key}"
client_id = "{client_id}"
client_secret = "{client_secret}"
rest_url = "{rest_url}"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration of a store with two people in it, which says nothing of Easemob."""

    async def fill() -> None:
        with open_store(tmp_path / "store", offline()) as store:
            await furnish(store)

    trio.run(fill)
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def tell_of(easemob: FakeEasemob, config: Path) -> None:
    """Write down how *easemob* is reached."""
    said = EASEMOB.format(
        app_key=easemob.app_key,
        client_id=easemob.client_id,
        client_secret=easemob.client_secret,
        rest_url=easemob.rest_url,
    )
    config.write_text(CONFIG + said, encoding="utf-8")


def call(config: Path, *arguments: str, typed: str = "") -> Result:
    """Call the program in an environment of its own."""
    environ = {"HOME": "/home/shop", "STATE_DIRECTORY": None, "XDG_STATE_HOME": None, "CREDENTIALS_DIRECTORY": None}
    whole = ["visitors", *arguments[:1], "--config", str(config), *arguments[1:]]
    return CliRunner().invoke(main, whole, env=environ, input=typed)


def test_a_list_for_people(config: Path) -> None:
    """A line a visitor: ids and how things are, and no name that was not asked for."""
    result = call(config, "list")
    named = call(config, "list", "--names", "--team", TEAM)

    assert (0, 0) == (result.exit_code, named.exit_code)
    assert f"{TEAM} {MIA} {DIRECT[MIA]}" in result.output
    assert "3 waiting" in result.output
    assert "4 visitors" in result.output
    assert "name of" not in result.output
    assert f"name of {MIA}" in named.output


def test_a_list_for_programs(config: Path) -> None:
    """The same as JSON, and nothing else on standard output."""
    told: Any = json.loads(call(config, "list", "--json").stdout)

    assert sorted((*MIAS, *LEOS)) == sorted(each["im_user"] for each in told["visitors"])


def test_it_asks_first(config: Path) -> None:
    """Where nobody can be asked nothing is done; --yes says so instead."""
    result = call(config, "forget", TEAM, MIA, typed="y\n")

    assert 2 == result.exit_code
    assert "--yes" in result.output
    assert holding(config.parent / "store", *MIAS)


def test_a_no(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many messages would be dropped before it asks; a no changes nothing."""
    monkeypatch.setattr("slackkefu.cli.visitors._is_asked", lambda: True)
    result = call(config, "forget", TEAM, MIA, typed="n\n")

    assert 2 == result.exit_code
    assert "2 conversations" in result.output
    assert "2 messages to the desk, 2 from it, 2 set aside" in result.output
    assert holding(config.parent / "store" / "visitors", *MIAS)


def test_easemob_is_not_configured_here(config: Path) -> None:
    """What is here goes, and it is said what is left to do, and who does it."""
    result = call(config, "forget", TEAM, MIA, "--yes")

    assert 0 == result.exit_code
    assert "2 conversations forgotten, 6 messages dropped" in result.output
    assert "2 IM users still at Easemob" in result.output
    assert "the daemon, or this command once more" in result.output
    assert [f"erasures/{name}.json" for name in sorted(MIAS)] == holding(
        config.parent / "store", MIA, *MIAS, DIRECT[MIA]
    )


def test_ids_that_are_none(config: Path) -> None:
    """A name in the place of an id is refused in words."""
    result = call(config, "forget", TEAM, "mia", "--yes")

    assert 2 == result.exit_code
    assert "a workspace, T…, and a user, U…" in result.output


def test_somebody_who_is_not_known(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to ask, and it is said that nothing is kept of them."""
    monkeypatch.setattr("slackkefu.cli.visitors._is_asked", lambda: True)
    result = call(config, "forget", TEAM, "U0NOBODY01")

    assert 0 == result.exit_code
    assert "U0NOBODY01 of" in result.output
    assert "not known here" in result.output


async def test_easemob_removes_them(config: Path) -> None:
    """With Easemob's credentials at hand its users go too; once more is no mistake; and nothing is left of them."""
    easemob = FakeEasemob()
    for name in (*MIAS, *LEOS):
        easemob.register(name)
    with trio.fail_after(40):
        async with trio.open_nursery() as nursery:
            await nursery.start(easemob.serve_loopback)
            tell_of(easemob, config)
            first = await trio.to_thread.run_sync(lambda: call(config, "forget", TEAM, MIA, "--yes", "--json"))
            again = await trio.to_thread.run_sync(lambda: call(config, "forget", TEAM, MIA, "--yes"))
            nursery.cancel_scope.cancel()
    told = json.loads(first.stdout)

    assert (sorted(MIAS), [], "") == (told["im_users"], told["leaving"], told["problem"])
    assert [True, True, False, False] == [easemob.accounts.find(name) is None for name in (*MIAS, *LEOS)]
    assert [] == holding(config.parent / "store", MIA, *MIAS, DIRECT[MIA])
    assert holding(config.parent / "store", LEO)
    assert "0 conversations forgotten" in again.output
