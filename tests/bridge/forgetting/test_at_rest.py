"""Listing and forgetting while no daemon runs, cut off at any moment of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from slackkefu.bridge.forgetting.at_rest import erase, list_visitors
from slackkefu.bridge.forgetting.clearing import load
from slackkefu.bridge.forgetting.forgetting import Forget, ListVisitors
from slackkefu.bridge.slack_to_kefu.custody import Custody, MessageKey, Settled
from slackkefu.slack.ids import ChannelId, TeamId, Ts
from slackkefu.slack.installation import InstallationKey
from slackkefu.store import open_store
from slackkefu.store.entries import Blotted
from slackkefu.store.files import OPERATING_SYSTEM
from tests.bridge.stores import DIRECT, LEO, LEOS, MIA, MIAS, STAMPS, TEAM, furnish, holding, offline

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HER_IDS = (MIA, *MIAS, DIRECT[MIA])
HIS_IDS = (LEO, *LEOS, DIRECT[LEO])
CALLS = ("open", "write", "pwrite", "fsync", "replace", "unlink")


class Cut(BaseException):
    """The process is killed."""


async def fill(root: Path) -> None:
    """Make a store with two people in every place."""
    with open_store(root, offline()) as store:
        await furnish(store)


async def forget(root: Path, *, count: bool = False) -> Any:
    """Forget Mia."""
    with open_store(root, offline()) as store:
        return await erase(store, offline(), Forget(team=TEAM, user=MIA, count=count))


async def test_who_is_known(tmp_path: Path) -> None:
    """Everybody in a workspace with what waits of them; names only where they are asked for."""
    await fill(tmp_path / "store")
    with open_store(tmp_path / "store", offline()) as store:
        told: Any = await list_visitors(store, offline(), ListVisitors(team=TEAM))
        named: Any = await list_visitors(store, offline(), ListVisitors(names=True))
        others: Any = await list_visitors(store, offline(), ListVisitors(team="T0OTHER001"))

    assert sorted((*MIAS, *LEOS)) == sorted(each["im_user"] for each in told["visitors"])
    assert {"to_desk": 1, "to_slack": 1, "aside": 1} == told["visitors"][0]["waiting"]
    assert "name of" not in str(told)
    assert 4 == str(named).count("name of")
    assert [] == others["visitors"]


async def test_nothing_is_left(tmp_path: Path) -> None:
    """Of somebody who is forgotten only the erasures are left, and of others everything."""
    await fill(tmp_path / "store")
    before = holding(tmp_path / "store", *HIS_IDS)
    would = await forget(tmp_path / "store", count=True)
    users, told = await forget(tmp_path / "store")

    assert ([], {"to_desk": 2, "to_slack": 2, "aside": 2}) == (would[0], would[1]["dropped"])
    assert (sorted(MIAS), would[1]["dropped"]) == (users, told["dropped"])
    assert [f"erasures/{name}.json" for name in sorted(MIAS)] == holding(tmp_path / "store", *HER_IDS)
    assert [] == [each for each in before if each not in holding(tmp_path / "store", *HIS_IDS)]


async def test_a_repeat_is_still_known(tmp_path: Path) -> None:
    """A message of hers that Slack repeats is not taken for somebody new's: a hash of it is left."""
    await fill(tmp_path / "store")
    await forget(tmp_path / "store")
    with open_store(tmp_path / "store", offline()) as store:
        entries = store.slack_journal.load()
    custody: Custody[str] = Custody()
    for entry in entries:
        if isinstance(entry, Blotted):
            custody.restore_blotted(entry.hashes, entry.outcome, 0.0)
    here = InstallationKey(None, TeamId(TEAM))
    known = custody.find(MessageKey(here, ChannelId(DIRECT[MIA]), Ts(f"1.{STAMPS[MIA]}")))
    refused = custody.find(MessageKey(here, ChannelId(DIRECT[MIA]), Ts(f"2.{STAMPS[MIA]}")))

    assert isinstance(known, Settled)
    assert isinstance(refused, Settled)
    assert ("delivered", "refused") == (known.outcome, refused.outcome)


async def calls_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Count the system calls that forgetting takes."""
    await fill(root)
    with monkeypatch.context() as patched:
        count = kill_at(patched, 0)
        await forget(root)
    return count()


def kill_at(patched: pytest.MonkeyPatch, fatal: int, problem: BaseException | None = None) -> Callable[[], int]:
    """Let the *fatal*-th system call be the last one; return what counts them."""
    made = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def through(*arguments: Any, **named: Any) -> Any:
            nonlocal made
            made += 1
            if made == fatal:
                raise Cut if problem is None else problem
            return call(*arguments, **named)

        return through

    for name in CALLS:
        patched.setattr(type(OPERATING_SYSTEM), name, staticmethod(counted(getattr(OPERATING_SYSTEM, name))))
    return lambda: made


async def test_killed_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a kill at any system call the next start finishes it, unless nothing had begun; others lose nothing."""
    calls = await calls_of(tmp_path / "counted", monkeypatch)

    assert calls > 50

    for fatal in range(1, calls + 1, 4):
        root = tmp_path / f"store{fatal}"
        await fill(root)
        his = holding(root, *HIS_IDS)
        with monkeypatch.context() as patched:
            kill_at(patched, fatal)
            with pytest.raises(Cut):
                await forget(root)
        begun = {path.stem for path in (root / "erasures").glob("*.json")}
        with open_store(root, offline()) as store:
            erasures, damages = store.erasures.load_all()
            left = await load(store, offline().disk, erasures)
        lanes = {each.lane for shelf in (left.spilled, left.aside, left.incoming) for each in shelf}

        assert [] == damages, f"killed at {fatal}"
        assert {*LEOS} <= lanes, f"killed at {fatal}"
        assert begun.isdisjoint(lanes), f"killed at {fatal}"
        assert [] == [each for each in his if each not in holding(root, *HIS_IDS)], f"killed at {fatal}"

        for name in begun:
            assert {f"erasures/{name}.json"} == {*holding(root, name)}, f"killed at {fatal}"

        users, _ = await forget(root)

        assert sorted(MIAS) == users, f"killed at {fatal}"
        assert [f"erasures/{name}.json" for name in users] == holding(root, *HER_IDS), f"killed at {fatal}"


async def test_somebody_who_is_not_known(tmp_path: Path) -> None:
    """Nothing is kept of somebody who never wrote, and that is said."""
    await fill(tmp_path / "store")
    with open_store(tmp_path / "store", offline()) as store:
        users, told = await erase(store, offline(), Forget(team=TEAM, user="U0NOBODY1"))

    assert ([], []) == (users, told["im_users"])
    assert holding(tmp_path / "store", *HER_IDS)
