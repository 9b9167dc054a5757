"""Erasing in the running daemon: the disk first, then Easemob, and whoever comes back after both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
from trio.testing import wait_all_tasks_blocked

from slackkefu.bridge.book import Book
from slackkefu.bridge.forgetting.clearing import load
from slackkefu.bridge.forgetting.erasing import REFUSED_S, Erasing
from slackkefu.bridge.forgetting.forgetting import Forget, read_arguments
from slackkefu.bridge.forgetting.memories import Dropped
from slackkefu.easemob.names import ImUser
from slackkefu.easemob.rest import UserToken
from slackkefu.errors import ConnectFailed, RestError, StoreUnwritable, WrongUse
from slackkefu.secret import Secret
from slackkefu.store import open_store
from slackkefu.store.erasures import Erasure
from slackkefu.store.spill import Piece
from tests.bridge.stores import LEOS, MIAS, furnish, holding, offline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio.testing import MockClock

    from slackkefu.store import Store

MIA = ImUser(MIAS[0])
AWAY = ConnectFailed("rest.easemob.test", "no route to host")
REFUSED = RestError("DELETE /users/{username}", 403, "forbidden_op")


class Users:
    """Easemob's users, who are removed or not."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.problem: Exception | None = None
        self.slow_s = 0.0

    async def remove_user(self, user: ImUser) -> None:
        """Remove one."""
        await trio.sleep(self.slow_s)
        if self.problem is not None:
            self.events.append(f"not removed {user}")
            raise self.problem
        self.events.append(f"removed {user}")

    async def user_token(self, user: ImUser, *, rejected: Secret | None = None) -> UserToken:
        """Make one."""
        await trio.lowlevel.checkpoint()
        self.events.append(f"token {user}")
        return UserToken(Secret("t"), 0.0, fresh=True)

    async def forget_user(self, user: ImUser) -> None:
        """Forget a token."""
        await trio.lowlevel.checkpoint()
        self.events.append(f"forgot {user}")

    async def offline_count(self, user: ImUser) -> int:
        """Say that nothing waits."""
        await trio.lowlevel.checkpoint()
        return 0

    async def user_exists(self, user: ImUser) -> bool:
        """Say that everybody is there."""
        await trio.lowlevel.checkpoint()
        return True


class Bench:
    """What erases, on a real store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.users = Users()
        self.world = offline()
        records, _ = store.visitors.load_all()
        self.book = Book(records, store=store.visitors, disk=self.world.disk)
        self.erasing = Erasing(world=self.world, store=store, book=self.book, users=self.users)

    @property
    def pending(self) -> list[str]:
        """The erasures on disk."""
        erasures, _ = self.store.erasures.load_all()
        return [each.im_user for each in erasures]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Open a store with two people in it."""
    with open_store(tmp_path / "store", offline()) as store:
        await furnish(store)
        yield Bench(store)


async def test_all_of_it_once(bench: Bench, autojump_clock: MockClock) -> None:
    """Record, token and IM user go, each once; nobody else's, and nothing is left to do."""
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.erasing.run)
        await bench.erasing.erase([MIA], cause="quiet")
        await trio.sleep(3600)
        nursery.cancel_scope.cancel()
    statistics = bench.erasing.statistics()

    assert [f"removed {MIA}"] == bench.users.events
    assert bench.book.get(MIA) is None
    assert bench.book.get(ImUser(LEOS[0])) is not None
    assert [] == holding(bench.store.path / "visitors", MIA) + holding(bench.store.path / "tokens", MIA)
    assert [] == bench.pending
    assert (1, 0, 1, 0, 0) == (
        statistics.quiet,
        statistics.forgotten,
        statistics.removed,
        statistics.pending,
        statistics.failed,
    )


async def test_easemob_is_away(bench: Bench, autojump_clock: MockClock) -> None:
    """What is here goes at once; Easemob is asked less and less often, over a restart, until it has removed them."""
    bench.users.problem = AWAY
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.erasing.run)
        await bench.erasing.erase([MIA], cause="quiet")
        await trio.sleep(12 * 3600)
        nursery.cancel_scope.cancel()

    assert [MIA] == bench.pending
    assert [] == holding(bench.store.path / "visitors", MIA)
    assert 24 <= bench.erasing.statistics().failed <= 60

    after = Bench(bench.store)
    after.erasing.restore(bench.store.erasures.load_all()[0])
    async with trio.open_nursery() as nursery:
        await nursery.start(after.erasing.run)
        await trio.sleep(60)
        nursery.cancel_scope.cancel()

    assert [f"removed {MIA}"] == after.users.events
    assert [] == after.pending


async def test_easemob_refuses(bench: Bench, autojump_clock: MockClock) -> None:
    """A removal that is refused is tried again once a day, and keeps nobody else waiting."""
    bench.users.problem = REFUSED
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.erasing.run)
        await bench.erasing.erase([MIA], cause="quiet")
        await trio.sleep(10)
        bench.users.problem = None
        await bench.erasing.erase([ImUser(LEOS[0])], cause="quiet")
        await trio.sleep(10)

        assert [f"not removed {MIA}", f"removed {LEOS[0]}"] == bench.users.events

        await trio.sleep(REFUSED_S)
        nursery.cancel_scope.cancel()

    assert f"removed {MIA}" == bench.users.events[-1]


async def test_who_comes_back_waits_for_the_removal(bench: Bench, autojump_clock: MockClock) -> None:
    """A token is asked for only when the old IM user is removed: the new one must not be removed in its place."""
    bench.users.slow_s = 5
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.erasing.run)
        await bench.erasing.erase([MIA], cause="quiet")
        await trio.sleep(1)
        await bench.erasing.user_token(MIA)
        await trio.sleep(3600)
        nursery.cancel_scope.cancel()

    assert [f"removed {MIA}", f"token {MIA}"] == bench.users.events


async def test_who_comes_back_while_easemob_is_away(bench: Bench, autojump_clock: MockClock) -> None:
    """They are told by whoever wanted the token, like anybody whose login fails."""
    bench.users.problem = AWAY
    await bench.erasing.erase([MIA], cause="quiet")
    with pytest.raises(ConnectFailed):
        await bench.erasing.user_token(MIA)

    assert [MIA] == bench.pending


async def test_who_comes_back_although_they_cannot_be_removed(bench: Bench, autojump_clock: MockClock) -> None:
    """Where Easemob refuses the removal they are who they were, and are not removed later, while they write."""
    bench.users.problem = REFUSED
    await bench.erasing.erase([MIA], cause="quiet")
    await bench.erasing.user_token(MIA)

    assert [f"not removed {MIA}", f"token {MIA}"] == bench.users.events
    assert [] == bench.pending
    assert () == bench.erasing.pending()


async def test_erased_again_while_the_first_removal_is_under_way(bench: Bench, autojump_clock: MockClock) -> None:
    """The second erasure is one of its own, and comes to its end."""
    bench.users.slow_s = 5
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.erasing.run)
        await bench.erasing.erase([MIA], cause="quiet")
        await trio.sleep(1)
        await bench.erasing.erase([MIA], cause="quiet")
        await trio.sleep(3600)
        nursery.cancel_scope.cancel()

    assert [f"removed {MIA}"] * 2 == bench.users.events
    assert [] == bench.pending


async def test_a_slow_disk(bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure that takes its time is not begun a second time beside itself."""
    delete = bench.store.tokens.delete_user

    async def slowly(user: str) -> None:
        await trio.sleep(200)
        await delete(user)

    monkeypatch.setattr(type(bench.store.tokens), "delete_user", lambda _self, user: slowly(user))
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.erasing.run)
        await bench.erasing.erase([MIA], cause="quiet")
        await bench.erasing.remove([MIA])
        await trio.sleep(3600)
        nursery.cancel_scope.cancel()

    assert [f"removed {MIA}"] == bench.users.events
    assert 0 == bench.erasing.statistics().failed


async def test_a_disk_that_is_full_half_way(
    bench: Bench, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be taken off the disk is, as soon as that works again; nobody has a token before."""

    async def full(_: str) -> None:
        await trio.lowlevel.checkpoint()
        raise StoreUnwritable(bench.store.path, "full")

    async with trio.open_nursery() as nursery:
        await nursery.start(bench.erasing.run)
        with monkeypatch.context() as patched:
            patched.setattr(type(bench.store.tokens), "delete_user", lambda _self, user: full(user))
            with pytest.raises(StoreUnwritable):
                await bench.erasing.erase([MIA], cause="quiet")
            nursery.start_soon(bench.erasing.user_token, MIA)
            await wait_all_tasks_blocked()
            await trio.sleep(30)

            assert [] == bench.users.events

        await trio.sleep(600)
        nursery.cancel_scope.cancel()

    assert [f"removed {MIA}", f"token {MIA}"] == bench.users.events
    assert [] == holding(bench.store.path / "tokens", MIA)


async def test_who_writes_while_they_are_erased(bench: Bench, autojump_clock: MockClock) -> None:
    """Their new record is on disk in the end, and lasts."""
    record = bench.book.get(MIA)
    assert record is not None

    bench.book.forget(MIA)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.book.clear, MIA)
        bench.book.remember(record)
        nursery.start_soon(bench.book.write, MIA)

    records, _ = bench.store.visitors.load_all()

    assert MIA in [each.im_user for each in records]
    assert bench.book.get(MIA) is record


async def test_a_word_that_came_after_the_erasure_began(tmp_path: Path) -> None:
    """After a kill in the middle of it, what waited before goes, and what came later is somebody's who is back."""
    with open_store(tmp_path / "store", offline()) as store:
        await furnish(store)
        store.erasures.save(Erasure(im_user=MIA, cause="quiet", at=1.0, through=store.spill.last))
        await store.spill.put(Piece(MIA, "later", b"{}"))
    with open_store(tmp_path / "store", offline()) as store:
        left = await load(store, offline().disk, store.erasures.load_all()[0])

    assert ["later"] == [each.key for each in left.spilled if each.lane == MIA]


@pytest.mark.parametrize(
    "arguments", [{}, {"team": "T1"}, {"team": "t1", "user": "U1"}, {"team": "T1", "user": "U1", "more": 1}]
)
def test_arguments_that_are_none(arguments: dict[str, object]) -> None:
    """What is not how a person is named is refused in words."""
    with pytest.raises(WrongUse, match="T…"):
        read_arguments(arguments, Forget)


def test_sums() -> None:
    """What is dropped adds up."""
    assert Dropped(5, 7, 9) == Dropped(1, 2, 3) + Dropped(4, 5, 6)
