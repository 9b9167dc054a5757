"""Folders of slack_sdk's FileInstallationStore, made by itself."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from slack_sdk.oauth.installation_store import FileInstallationStore, Installation

from slackkefu.errors import StoreError
from slackkefu.store.foreign import MAX_BYTES, read_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NORTH = "none-T0NORTH001"


def save(root: Path, team_id: str | None = "T0NORTH001", *, client_id: str | None = None, **more: object) -> None:
    """Let slack_sdk keep an installation."""
    values: dict[str, object] = {
        "app_id": "A0SLKFAPP1",
        "team_id": team_id,
        "team_name": "North",
        "bot_token": "xoxb-1",
        "bot_id": "B0BOT00001",
        "bot_user_id": "U0BOT00001",
        "bot_scopes": "chat:write,commands",
        "user_id": "U0MIA00001",
        "installed_at": 1000.0,
    }
    FileInstallationStore(base_dir=str(root), client_id=client_id).save(Installation(**(values | more)))  # type: ignore[arg-type] # its own arguments


def shape(**change: object) -> bytes:
    """Make a file of a bot."""
    bot = {"bot_token": "xoxb-x", "bot_id": "B1", "bot_user_id": "U1", "installed_at": 1, "team_id": "T0NORTH001"}
    return json.dumps(bot | change).encode()


def test_a_workspace_and_an_organisation(tmp_path: Path) -> None:
    """What slack_sdk has written is read as it was, rotation and organisation included."""
    save(tmp_path, bot_refresh_token="xoxe-1", bot_token_expires_at=5000)
    save(tmp_path, None, enterprise_id="E0CORP00001", enterprise_name="Corp", is_enterprise_install=True)
    save(tmp_path, "T0EAST0001", enterprise_id="E0CORP00001")
    east, organisation, north = read_folder(tmp_path)

    assert ["E0CORP00001", "T0EAST0001", "T0NORTH001"] == [each.where for each in (organisation, east, north)]
    assert ["", "", ""] == [each.problem for each in (organisation, east, north)]
    assert north.bot is not None
    assert organisation.bot is not None
    assert ("xoxb-1", ["chat:write", "commands"], 1000.0) == (
        north.bot.bot_token,
        north.bot.bot_scopes,
        north.bot.installed_at,
    )
    assert ("xoxe-1", 5000) == (north.bot.bot_refresh_token, north.bot.bot_token_expires_at)
    assert organisation.bot.is_enterprise_install


def test_several_apps(tmp_path: Path) -> None:
    """A folder of several client ids tells which is whose."""
    save(tmp_path, client_id="1.1")
    save(tmp_path, client_id="2.2")
    save(tmp_path)

    assert ["1.1", "2.2", ""] == [each.client_id for each in read_folder(tmp_path)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b'{"app_id": "A0SLKFAPP1", "bot_tok', "truncated"),
        (b"[" * 100_000, "too deep"),
        (b"\xff\xfe", "malformed"),
        (b"{}", "required"),
        (b" " * MAX_BYTES + b"{}", "too large"),
        (shape(bot_token="xoxb-x y"), "bot_token"),
        (shape(team_id=None), "neither"),
        (shape(installed_at=1e30), "time"),
        (shape(bot_token_expires_at=-1), "time"),
        (shape(team_id="T0OTHER001"), "another place"),
    ],
)
def test_a_damaged_file(tmp_path: Path, content: bytes, reason: str) -> None:
    """A file that is cut off or is something else gives way to the newest whole one; without one nothing is taken."""
    save(tmp_path, installed_at=1000.0, bot_token="xoxb-older")
    save(tmp_path, installed_at=2000.0, bot_token="xoxb-newer")
    (tmp_path / NORTH / "bot-latest").write_bytes(content)
    (tmp_path / NORTH / "bot-3000.0").write_bytes(b'{"cut')
    (found,) = read_folder(tmp_path)

    assert found.bot is not None
    assert "xoxb-newer" == found.bot.bot_token
    assert "newest whole file" in found.problem
    assert "xoxb" not in found.problem

    for path in (tmp_path / NORTH).glob("bot-[0-9]*"):
        path.unlink()
    (found,) = read_folder(tmp_path)

    assert found.bot is None
    assert reason in found.problem
    assert "no whole file" in found.problem


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe is not waited for, and a folder in a file's place hides no other place."""
    save(tmp_path)
    (tmp_path / "none-T0ODD00001").mkdir()
    make(tmp_path / "none-T0ODD00001" / "bot-latest")
    north, odd = read_folder(tmp_path)

    assert north.bot is not None
    assert odd.bot is None
    assert "it is no file" in odd.problem


def test_a_removed_app(tmp_path: Path) -> None:
    """Where the bot was deleted, what the installer left is not taken for one."""
    save(tmp_path)
    FileInstallationStore(base_dir=str(tmp_path)).delete_bot(enterprise_id=None, team_id="T0NORTH001")
    (found,) = read_folder(tmp_path)

    assert found.bot is None
    assert "was removed" in found.problem


def test_other_things_in_the_folder(tmp_path: Path) -> None:
    """Files and folders that are none of slack_sdk's are passed over; a folder that is not there is an error."""
    (tmp_path / "README").write_text("hello", encoding="utf-8")
    (tmp_path / "states" / "deeper" / NORTH).mkdir(parents=True)

    assert [] == read_folder(tmp_path)

    with pytest.raises(StoreError, match="Nothing was imported"):
        read_folder(tmp_path / "nowhere")
