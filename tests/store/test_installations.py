"""Installations behind slack_sdk's interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk.oauth.installation_store import Bot, Installation

from slackkefu.errors import StoreError
from slackkefu.store.installations import JsonInstallationStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a store."""
    (tmp_path / "installations").mkdir()
    (tmp_path / "damaged" / "installations").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def store(root: Path) -> JsonInstallationStore:
    """Return an empty store."""
    return JsonInstallationStore(root)


def bot(team: str | None = "T1", *, at: float = 1.0, **more: Any) -> Bot:
    """Make a bot."""
    return Bot(
        app_id="A1",
        enterprise_id=more.pop("enterprise_id", None),
        team_id=team,
        bot_token=more.pop("bot_token", f"xoxb-{team}"),
        bot_id="B1",
        bot_user_id="U1",
        bot_scopes=["chat:write", "im:history"],
        installed_at=at,
        **more,
    )


def installation(user: str, *, at: float = 1.0, **more: Any) -> Installation:
    """Make an installation."""
    given = {"bot_token": f"xoxb-{user}", "bot_id": "B1", "bot_user_id": "U9", "team_id": "T1"} | more
    return Installation(user_id=user, installed_at=at, bot_scopes="chat:write", **given)


def test_a_bot_comes_back_as_it_was(root: Path, store: JsonInstallationStore) -> None:
    """Every field of a bot survives a restart."""
    saved = bot(
        team_name="North", bot_refresh_token="xoxe-1", bot_token_expires_at=2_000_000_000, custom_values={"a": [1]}
    )
    store.save_bot(saved)
    found = JsonInstallationStore(root).find_bot(enterprise_id=None, team_id="T1")

    assert found is not None
    assert vars(saved) == vars(found)


def test_an_installation_comes_back_with_its_bot(root: Path, store: JsonInstallationStore) -> None:
    """Every field of an installation survives a restart, and its bot can be found by itself."""
    saved = installation(
        "U1", user_token="xoxp-1", user_scopes="a,b", incoming_webhook_url="https://hooks.slack.test/1"
    )
    store.save(saved)
    reopened = JsonInstallationStore(root)
    found = reopened.find_installation(enterprise_id=None, team_id="T1")
    its_bot = reopened.find_bot(enterprise_id=None, team_id="T1")

    assert found is not None
    assert vars(saved) == vars(found)
    assert its_bot is not None
    assert vars(saved.to_bot()) == vars(its_bot)


def test_the_latest_installation_counts_unless_a_person_is_named(store: JsonInstallationStore) -> None:
    """Each person's installation is kept; without a name the latest is found, and its bot is the bot."""
    for user in ("U1", "U2", "U1"):
        store.save(installation(user))

    def user_of(user_id: str | None) -> str | None:
        found = store.find_installation(enterprise_id=None, team_id="T1", user_id=user_id)
        return None if found is None else found.user_id

    assert (user_of(None), user_of("U2"), user_of("U3")) == ("U1", "U2", None)
    found = store.find_bot(enterprise_id=None, team_id="T1")
    assert found is not None
    assert found.bot_token == "xoxb-U1"


def test_an_installation_without_bot_leaves_the_bot(store: JsonInstallationStore) -> None:
    """Somebody's user token does not take the bot away."""
    store.save_bot(bot())
    store.save(installation("U1", bot_token=None))
    found = store.find_bot(enterprise_id=None, team_id="T1")

    assert found is not None
    assert found.bot_token == "xoxb-T1"


def test_an_organisation_wide_installation_has_no_workspace(store: JsonInstallationStore) -> None:
    """An organisation's installation is found by the organisation, whatever workspace the call carries."""
    store.save_bot(bot(None, enterprise_id="E1", is_enterprise_install=True, bot_token="xoxb-all"))
    found = store.find_bot(enterprise_id="E1", team_id="T7", is_enterprise_install=True)

    assert found is not None
    assert found.bot_token == "xoxb-all"
    assert store.find_bot(enterprise_id="E1", team_id="T7") is None


def test_deleting_forgets_what_is_named_only(store: JsonInstallationStore) -> None:
    """The bot, one person, all persons, and everything can be forgotten, each by its own call."""
    where: dict[str, Any] = {"enterprise_id": None, "team_id": "T1"}
    store.save(installation("U1"))
    store.save(installation("U2"))
    store.delete_bot(**where)
    assert store.find_bot(**where) is None
    assert store.find_installation(**where) is not None

    store.delete_installation(**where, user_id="U2")
    remaining = store.find_installation(**where)
    assert remaining is not None
    assert remaining.user_id == "U1"

    store.save_bot(bot())
    store.delete_installation(**where)
    assert store.find_installation(**where) is None
    assert store.find_bot(**where) is not None

    store.delete_all(**where)
    store.delete_all(**where)
    assert store.bots() == ([], [])


def test_the_last_delete_leaves_no_file(root: Path, store: JsonInstallationStore) -> None:
    """A workspace without anything leaves nothing, no token above all."""
    store.save(installation("U1"))
    store.delete_bot(enterprise_id=None, team_id="T1")
    store.delete_installation(enterprise_id=None, team_id="T1")

    assert list((root / "installations").iterdir()) == []


def test_bots_are_listed_the_latest_last(store: JsonInstallationStore) -> None:
    """Where a workspace is there twice (it joined an organisation), the later installation has the last word."""
    store.save_bot(bot("T1", at=5.0, enterprise_id="E1"))
    store.save_bot(bot("T2", at=1.0))
    store.save_bot(bot("T1", at=3.0))
    bots, damages = store.bots()

    assert [("T2", None), ("T1", None), ("T1", "E1")] == [(each.team_id, each.enterprise_id) for each in bots]
    assert damages == []


def test_a_damaged_file_is_never_not_installed(root: Path, store: JsonInstallationStore) -> None:
    """A damaged installation is an error that names it, also after a restart, until the app is installed again."""
    store.save_bot(bot("T1"))
    store.save_bot(bot("T2"))
    (root / "installations" / "none-T1.json").write_text("{")

    for reopened in (store, JsonInstallationStore(root)):
        with pytest.raises(StoreError, match=r"none-T1\.json: a damaged installation"):
            reopened.find_bot(enterprise_id=None, team_id="T1")
        bots, damages = reopened.bots()
        assert ["T2"] == [each.team_id for each in bots]
        assert ["none-T1"] == [damage.name for damage in damages]

    store.save_bot(bot("T1", bot_token="xoxb-new"))
    found = store.find_bot(enterprise_id=None, team_id="T1")
    assert found is not None
    assert found.bot_token == "xoxb-new"


@pytest.mark.parametrize("team", ["../T1", "t1", "T1/..", "T 1", "T" * 40])
def test_ids_are_checked_before_they_name_a_file(store: JsonInstallationStore, team: str) -> None:
    """What is no id of Slack's is refused."""
    with pytest.raises(StoreError, match="is no name of a record here"):
        store.find_bot(enterprise_id=None, team_id=team)
    with pytest.raises(StoreError, match="is no name of a record here"):
        store.save_bot(bot(team))
