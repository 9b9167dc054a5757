"""
Where a command does what concerns a store: in the running daemon, or itself while none runs.

A daemon holds the store's lock, and what it has in memory counts; so it is asked, and what is changed takes effect at
once. Without one the command takes the lock itself. A command of root's gives root up before it touches the store: what
it writes belongs to the store's owner, as all the rest there.
"""

from __future__ import annotations

import contextlib
import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import click
import trio

from slackkefu.control import ANSWER_S, NotRunning, ask
from slackkefu.errors import LinkClosed, StoreError, StoreLocked, WrongUse
from slackkefu.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from slackkefu.control import Handler
    from slackkefu.store import Store
    from slackkefu.world import World

__all__ = ["Place", "do", "enter", "open_here"]

PATIENCE_S: Final = 3.0
"""How long a daemon that holds the lock and does not answer is asked again: it may be starting or stopping."""

_ELSEWHERE: Final = (
    "If slackkefu runs as a service its store is elsewhere: set store.path, or for systemd's unit "
    "STATE_DIRECTORY=/var/lib/slackkefu."
)

_QUESTIONS: Final = frozenset({"installations.list", "visitors.list"})
"""What changes nothing, however often it is asked."""

_AGAIN_S: Final = 0.25
_ROOT: Final = 0


@final
@dataclass(frozen=True, slots=True)
class Place:
    """A store's folder."""

    name: Path
    """What people are told."""
    path: Path
    """How it is reached."""

    def __str__(self) -> str:
        return str(self.name)


def enter(store_path: Path, *, may_make: bool = False) -> Place:
    """
    Go to the store; root is given up for its owner, and for good, if that is somebody else.

    The folder becomes the working folder then: under systemd's DynamicUser only root may pass what lies above it. So
    whatever else a command reads by a relative path, or as root, it reads before.

    Args:
        store_path: The folder.
        may_make: There need not be one yet.

    Raises:
        WrongUse: There is none; says where it may be.
        StoreError: It cannot be entered.

    """
    # What Python loads only when a host is looked up may lie where the store's owner cannot read.
    importlib.import_module("encodings.idna")
    try:
        descriptor = os.open(store_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        if may_make:
            click.echo(f"{store_path}: there is no store yet, and one is made. {_ELSEWHERE}", err=True)
            return Place(store_path, store_path)
        raise WrongUse(
            f"{store_path}: there is no store. The first slackkefu install, or run, makes it. {_ELSEWHERE}"
        ) from None
    except OSError as exc:
        raise StoreError(
            store_path, f"cannot be entered ({exc.strerror}): use the user that runs slackkefu, or root."
        ) from exc
    try:
        owner = os.fstat(descriptor)
        if os.geteuid() != _ROOT or owner.st_uid == _ROOT:
            return Place(store_path, store_path)
        os.fchdir(descriptor)
        os.setgroups([])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
    except OSError as exc:
        raise StoreError(store_path, f"root cannot become its owner ({exc.strerror}). Nothing was done.") from exc
    finally:
        os.close(descriptor)
    return Place(store_path, Path())


async def do(
    place: Place,
    what: str,
    arguments: Mapping[str, object],
    *,
    world: World,
    handlers: Callable[[Store], Mapping[str, Handler]],
    patience_s: float | None = None,
) -> Mapping[str, object]:
    """
    Have *what* done, by the daemon or here.

    Args:
        place: The store.
        what: Like ``installations.list``.
        arguments: For the handler.
        world: For the store.
        handlers: Makes the handlers for a store that no daemon works on.
        patience_s: How long somebody who holds the lock and does not answer is asked again, if not :data:`PATIENCE_S`.

    Raises:
        DaemonRefused, LinkClosed: as :func:`slackkefu.control.ask`.
        StoreLocked: Somebody holds the lock and does not answer.
        StoreError, WrongUse: as the handler.

    """
    patience = PATIENCE_S if patience_s is None else patience_s
    deadline = trio.current_time() + patience
    questions = _QUESTIONS
    while True:
        try:
            with _told_by_name(place):
                answer = await ask(place.path, what, arguments, on_slow=_say_slow)
            if not isinstance(answer, NotRunning):
                return answer
        except LinkClosed as exc:
            # A daemon that ended before it answered: a deed may be done, a question can be put once more.
            if what not in questions or isinstance(exc.__cause__, trio.TooSlowError):
                raise
            questions = frozenset()
            deadline = trio.current_time() + patience
        try:
            with open_here(place, world) as store:
                return await handlers(store)[what](arguments)
        except StoreLocked as exc:
            if trio.current_time() >= deadline:
                raise StoreLocked(place.name, _SILENT.format(exc.reason.partition(". ")[0])) from exc
        await trio.sleep(_AGAIN_S)


def _say_slow() -> None:
    """Say that an answer takes long: a daemon that hangs looks like that too."""
    click.echo(f"The daemon has not answered yet; it is waited for, {ANSWER_S:g} s at most.", err=True)


_SILENT: Final = (
    "{}, which does not answer. Nothing was done. It may be starting or stopping: try again in a minute. If it is of "
    "an older version, restart it."
)


@contextlib.contextmanager
def open_here(place: Place, world: World) -> Iterator[Store]:
    """Open the store for a ``with`` block; errors as :func:`slackkefu.store.open_store`."""
    with _told_by_name(place), open_store(place.path, world) as store:
        yield store


@contextlib.contextmanager
def _told_by_name(place: Place) -> Iterator[None]:
    """Let errors name the whole path, also where we stand in the folder."""
    try:
        yield
    except StoreError as exc:
        raise type(exc)(place.name / exc.path, exc.reason) from exc
