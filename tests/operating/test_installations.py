"""Installations as an operator sees and changes them."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk.oauth.installation_store import Bot

from slackkefu.errors import StoreUnwritable, WrongUse
from slackkefu.operating.installations import InstallationDeeds, Nobody, OnDisk
from slackkefu.slack.features import BOT_SCOPES
from slackkefu.slack.installation import Installations, from_bot
from slackkefu.store import files
from slackkefu.store.installations import JsonInstallationStore
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import World
from tests.net.streams import MemoryNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.world import InlineDisk


def bot(team_id: str | None = "T0NORTH001", **more: Any) -> Bot:
    """Make a bot."""
    values: dict[str, Any] = {
        "app_id": "A0SLKFAPP1",
        "team_id": team_id,
        "team_name": "North",
        "bot_token": "xoxb-hidden",
        "bot_id": "B0BOT00001",
        "bot_user_id": "U0BOT00001",
        "bot_scopes": sorted(BOT_SCOPES),
        "installed_at": 1000.0,
    }
    return Bot(**(values | more))


CORP = bot(None, enterprise_id="E0CORP00001", enterprise_name="Corp", is_enterprise_install=True)
EAST = bot("T0EAST0001", enterprise_id="E0CORP00001", bot_scopes=["chat:write"], bot_refresh_token="xoxe-hidden")


@pytest.fixture
def store(tmp_path: Path) -> JsonInstallationStore:
    """Where they are kept."""
    (tmp_path / "installations").mkdir()
    (tmp_path / "damaged" / "installations").mkdir(parents=True)
    return JsonInstallationStore(tmp_path)


@pytest.fixture
def installations() -> Installations:
    """Who installed the app."""
    return Installations()


@pytest.fixture
def deeds(installations: Installations, store: JsonInstallationStore, disk: InlineDisk) -> InstallationDeeds:
    """What an operator can do, with three people at North."""
    team = "T0NORTH001"
    people = [
        VisitorRecord(im_user=user.lower(), team=team, user=user, channel="D1", installation_team_id=team)
        for user in ("U1", "U2", "U3")
    ]
    world = World(MemoryNetwork(), disk)
    on_disk = OnDisk(installations, store, world, web=Nobody())
    return InstallationDeeds(
        installations=installations, installing=on_disk, store=store, visitors=lambda: people, disk=disk
    )


async def rows(deeds: InstallationDeeds) -> list[Any]:
    """List."""
    return (await deeds.list({}))["installations"]  # type: ignore[return-value] # a list of rows


async def test_the_list_shows_all_but_tokens(deeds: InstallationDeeds, installations: Installations) -> None:
    """Each installation is there with its names, visitors and what is missing; no token, wherever one stands."""
    dead = bot("T0DEAD0001", bot_token="", custom_values={"needs_reinstall": "token_revoked"})
    installations.put(from_bot(dead))
    for each in (bot(), CORP, EAST):
        await deeds.install({"bot": vars(each)})
    by_place = {row["place"]: row for row in await rows(deeds)}

    assert {"T0NORTH001", "E0CORP00001", "T0EAST0001", "T0DEAD0001"} == by_place.keys()
    assert (3, [], False, "") == tuple(
        by_place["T0NORTH001"][name] for name in ("visitors", "missing_scopes", "is_rotating", "needs_reinstall")
    )
    assert (True, "Corp") == (by_place["E0CORP00001"]["is_organisation"], by_place["E0CORP00001"]["name"])
    assert by_place["T0EAST0001"]["is_rotating"]
    assert sorted(BOT_SCOPES.keys() - {"chat:write"}) == by_place["T0EAST0001"]["missing_scopes"]
    assert "token_revoked" == by_place["T0DEAD0001"]["needs_reinstall"]
    assert "hidden" not in repr(by_place)


async def test_a_damaged_file_is_named(deeds: InstallationDeeds, store: JsonInstallationStore, tmp_path: Path) -> None:
    """A file that cannot be read does not hide the others."""
    await deeds.install({"bot": vars(bot())})
    (tmp_path / "installations" / "none-T0CUT00001.json").write_text('{"bot"', encoding="utf-8")
    answer = await deeds.list({})

    assert [str(tmp_path / "damaged" / "installations" / "none-T0CUT00001.json")] == answer["damaged"]
    assert 1 == len(await rows(deeds))


async def test_what_is_damaged_is_removed(deeds: InstallationDeeds, tmp_path: Path) -> None:
    """What cannot be read may hold a token all the same: it goes by the name of its place, and no other does."""
    for place in ("none-T0CUT00001", "none-T0CUT00002"):
        (tmp_path / "installations" / f"{place}.json").write_text('{"bot": {"bot_token": "xoxb-hid', encoding="utf-8")
    await deeds.remove({"place": "T0CUT00001"})

    assert [str(tmp_path / "damaged" / "installations" / "none-T0CUT00002.json")] == (await deeds.list({}))["damaged"]

    with pytest.raises(WrongUse, match="not installed in T0CUT00001"):
        await deeds.remove({"place": "T0CUT00001"})


async def test_an_installation_is_kept(deeds: InstallationDeeds, store: JsonInstallationStore) -> None:
    """What comes over the socket is on disk as it was, and again when it comes again."""
    assert {"place": "T0EAST0001", "kept": "new"} == await deeds.install({"bot": vars(EAST)})
    assert {"place": "T0EAST0001", "kept": "again"} == await deeds.install({"bot": vars(EAST)})
    (kept,) = store.bots()[0]
    assert vars(EAST) | {"custom_values": kept.custom_values} == vars(kept)


@pytest.mark.parametrize(("installed_at", "kept"), [(999.0, "older"), (1000.0, "older"), (1001.0, "again")])
async def test_what_is_newer_stays(
    deeds: InstallationDeeds, store: JsonInstallationStore, installed_at: float, kept: str
) -> None:
    """An import replaces nothing that is as new."""
    await deeds.install({"bot": vars(bot())})
    answer = await deeds.install(
        {"bot": vars(bot(installed_at=installed_at, bot_token="xoxb-other")), "only_newer": True}
    )

    assert kept == answer["kept"]
    expected = "xoxb-other" if kept == "again" else "xoxb-hidden"
    assert [expected] == [each.bot_token for each in store.bots()[0]]


@pytest.mark.parametrize(
    "raw",
    [None, [], {}, "xoxb-hidden", vars(bot(None)), vars(bot(bot_token="a b")), vars(bot("../../etc"))],
)
async def test_what_is_no_installation(deeds: InstallationDeeds, raw: object) -> None:
    """Anything else is refused, and not shown."""
    with pytest.raises(WrongUse, match="is no installation") as caught:
        await deeds.install({"bot": raw})

    assert "hidden" not in str(caught.value)


async def test_one_is_removed(deeds: InstallationDeeds, store: JsonInstallationStore) -> None:
    """It is gone from the disk, and the organisation around it stays."""
    await deeds.install({"bot": vars(CORP)})
    await deeds.install({"bot": vars(EAST)})
    await deeds.remove({"place": "T0EAST0001"})

    assert ["E0CORP00001"] == [row["place"] for row in await rows(deeds)]

    with pytest.raises(WrongUse, match="not installed in T0EAST0001; it is installed in: E0CORP00001"):
        await deeds.remove({"place": "T0EAST0001"})


async def test_an_organisation_that_has_it_in_workspaces_only(
    deeds: InstallationDeeds, store: JsonInstallationStore
) -> None:
    """Removing an organisation never takes a workspace's own installation along."""
    await deeds.install({"bot": vars(EAST)})
    with pytest.raises(WrongUse, match="some of its workspaces: T0EAST0001"):
        await deeds.remove({"place": "E0CORP00001"})

    assert ["T0EAST0001"] == [row["place"] for row in await rows(deeds)]


@pytest.mark.parametrize("name", ["open", "write", "fsync", "close", "replace"])
async def test_a_disk_that_fails(
    deeds: InstallationDeeds, store: JsonInstallationStore, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever system call of an install fails, it is told, and what is on disk is the old installation or the new."""
    await deeds.install({"bot": vars(bot(installed_at=1.0, bot_token="xoxb-old"))})
    new = {"bot": vars(bot(installed_at=2.0, bot_token="xoxb-new"))}
    for fatal in range(1, 10):
        with monkeypatch.context() as patched:
            calls = _failing(patched, name, fatal)
            try:
                await deeds.install(new)
            except StoreUnwritable:
                pass
            else:
                assert len(calls) < fatal
                break
        (kept,), damages = store.bots()

        assert kept.bot_token in {"xoxb-old", "xoxb-new"}
        assert not damages

    (kept,), _ = store.bots()
    assert "xoxb-new" == kept.bot_token


def _failing(patched: pytest.MonkeyPatch, name: str, fatal: int) -> list[str]:
    """Let the *fatal*-th system call of that name fail; return what notes each."""
    calls: list[str] = []
    real = getattr(files._OperatingSystem, name)

    def call(*arguments: object) -> object:
        calls.append(name)
        if len(calls) == fatal:
            if name == "close":
                real(*arguments)
            raise OSError(errno.EIO, "broken")
        return real(*arguments)

    patched.setattr(files._OperatingSystem, name, staticmethod(call))
    return calls


async def test_a_removal_that_the_disk_does_not_take(
    deeds: InstallationDeeds, store: JsonInstallationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the daemon nobody tries again later: it is told that the tokens are still there."""
    await deeds.install({"bot": vars(bot())})
    with monkeypatch.context() as patched:
        patched.setattr(files._OperatingSystem, "unlink", staticmethod(_refuse))
        with pytest.raises(StoreUnwritable):
            await deeds.remove({"place": "T0NORTH001"})

    assert 1 == len(store.bots()[0])


def _refuse(*_: object) -> None:
    raise OSError(errno.EROFS, "read-only")
