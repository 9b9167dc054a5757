"""
Carrying: a file's way from Slack to Easemob, as a stream.

What comes from Slack goes out to Easemob in the same moment, so no file is ever whole in memory. One whose length
nobody says goes through a temporary file without a name, since an upload has to begin with it.

A file is tried :data:`TRIES` times within :data:`PATIENCE_S`, by the rules of :mod:`slackkefu.slack.recovery` and
:mod:`slackkefu.easemob.recovery`, and from the second time on Slack is asked first what the file is now. Then a line
goes in its place: its visitor's next messages have waited long enough. Only *for now*, where time may mend it: should
the line not leave either, the file is tried again.
"""

from __future__ import annotations

import tempfile
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeVar, final

import structlog
import trio

from slackkefu.bridge.agent_lines import NotCarried
from slackkefu.bridge.slack_to_kefu.cargo import body_of, is_only_named, line_for, name_of, obstacle
from slackkefu.easemob.attachments import MAX_BYTES
from slackkefu.easemob.recovery import after_upload
from slackkefu.errors import (
    LinkClosed,
    RestError,
    SlackApiError,
    SlackError,
    SlackkefuError,
    StoreUnwritable,
)
from slackkefu.net.backoff import backoff
from slackkefu.net.network import reason_of
from slackkefu.slack.files import NOT_SLACKS, PIECE, SIGN_IN
from slackkefu.slack.recovery import InstallationDead, LookFirst, Retry, after

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from slackkefu.bridge.slack_to_kefu.cargo import Cargo
    from slackkefu.easemob.attachments import Attachments
    from slackkefu.easemob.message import MediaBody, OutgoingMessage
    from slackkefu.slack.file_ref import FileRef
    from slackkefu.slack.files import Download, Files
    from slackkefu.slack.installation import Installation
    from slackkefu.world import Disk, World

__all__ = ["PATIENCE_S", "TRIES", "Brought", "Carrying", "CarryingStatistics"]

log = structlog.get_logger()

T = TypeVar("T")

TRIES: Final = 6
PATIENCE_S: Final = 300.0
"""How often, and for how long, one file is tried before a line goes in its place."""

ATTEMPT_S: Final = 180.0
"""Longest time for one try: the largest file at some 60 kB a second."""

AT_ONCE: Final = 16
"""Files on their way at once; others wait for their turn."""

_DISK_S: Final = 5.0
"""Pause after a disk that took no copy."""

_GONE: Final = frozenset({"file_deleted", "file_not_found"})
"""Slack's codes for a file that is there no more."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A part that can be sent."""

    message: OutgoingMessage
    is_final: bool = True
    """Whether trying again would come to the same."""


@dataclass(frozen=True, slots=True)
class CarryingStatistics:
    """What became of files from Slack, since the start."""

    carried: int
    """Files uploaded for the desk; one that is sent again counts again."""
    carried_bytes: int
    """Their size together."""
    lines: int
    """Lines that went in the place of a file: refused kinds, too large, not to be had, not taken."""
    tries_failed: int
    """Tries that failed; most are made again."""


@final
class Carrying:
    """
    Brings files to Easemob.

    Args:
        files: Slack's files.
        attachments: Easemob's.
        world: The disk, and chance.

    """

    def __init__(self, *, files: Files, attachments: Attachments, world: World) -> None:
        self._files = files
        self._attachments = attachments
        self._world = world
        self._room = trio.CapacityLimiter(AT_ONCE)
        self._carried = 0
        self._carried_bytes = 0
        self._lines = 0
        self._tries_failed = 0

    def __repr__(self) -> str:
        return f"<Carrying of {self._carried} files, {self._room.borrowed_tokens} now>"

    def statistics(self) -> CarryingStatistics:
        """Count."""
        return CarryingStatistics(self._carried, self._carried_bytes, self._lines, self._tries_failed)

    async def bring(self, installation: Installation, cargo: Cargo) -> Brought:
        """
        Bring a file to Easemob, and return the part that says where it lies; a line where that cannot be.

        A cancellation may leave the file at Easemob, where nobody knows of it.
        """
        file, pauses = cargo.file, backoff(self._world.chance, first_s=1.0, cap_s=60.0)
        why = obstacle(file)
        if why is None and not installation.bot_token:
            why = NotCarried.APP_REMOVED
        if why is not None:
            return self._line(cargo, file, why)
        is_known = not is_only_named(file)
        why, pause_s = NotCarried.FAILED, 0.0
        with trio.move_on_after(PATIENCE_S):
            for _ in range(TRIES):
                await trio.sleep(pause_s)
                try:
                    async with self._room:
                        file = file if is_known or not file.id else await self._look_up(installation, file)
                        result = obstacle(file) or await self._carry(installation, file)
                except SlackkefuError as error:
                    self._tries_failed += 1
                    log.info("files.again", file=file.id, problem=str(error))
                    why, wait_s = _after(error)
                    if wait_s is None:
                        return self._line(cargo, file, why)
                    is_known, pause_s = False, max(next(pauses), wait_s)
                    continue
                if isinstance(result, NotCarried):
                    return self._line(cargo, file, result)
                return Brought(cargo.loaded(result))
        return self._line(cargo, file, why, is_final=False)

    def refused(self, cargo: Cargo) -> Brought:
        """Return what is sent of a file that lies at Easemob, and that is not taken as a message."""
        return self._line(cargo, cargo.file, NotCarried.NOT_TAKEN)

    def _line(self, cargo: Cargo, file: FileRef, why: NotCarried, *, is_final: bool = True) -> Brought:
        self._lines += 1
        log.warning("files.line", file=file.id, why=why.value, meaning="the desk gets its name and a link")
        return Brought(cargo.loaded(line_for(file, why)), is_final)

    async def _look_up(self, installation: Installation, file: FileRef) -> FileRef:
        """Ask Slack what a file is; a name and a link that are not told any more are kept."""
        found = await self._files.info(installation, file.id)
        if found.id != file.id:
            return file
        return replace(found, name=found.name or file.name, permalink=found.permalink or file.permalink)

    async def _carry(self, installation: Installation, file: FileRef) -> MediaBody | NotCarried:
        """Bring the bytes over, once."""
        try:
            with trio.fail_after(ATTEMPT_S):
                async with self._files.open(installation, file) as download, self._measured(download) as measured:
                    length, pieces = measured
                    if length > MAX_BYTES:
                        return NotCarried.TOO_LARGE
                    attachment = await self._attachments.upload(
                        pieces, length=length, filename=name_of(file), mimetype=file.mimetype
                    )
        except trio.TooSlowError:
            raise LinkClosed("files", f"not over within {ATTEMPT_S:g} s") from None
        self._carried += 1
        self._carried_bytes += length
        return body_of(file, attachment, length=length)

    @asynccontextmanager
    async def _measured(self, download: Download) -> AsyncIterator[tuple[int, AsyncGenerator[bytes]]]:
        """Return a file with its length; one of unknown length from a copy on the disk, cut where it is too long."""
        if download.length is not None:
            yield download.length, download.pieces
            return
        disk = self._world.disk
        with await _on_disk(disk, tempfile.TemporaryFile) as copy:
            length = 0
            async for piece in download.pieces:
                await _on_disk(disk, partial(copy.write, piece))
                length += len(piece)
                if length > MAX_BYTES:
                    break
            await _on_disk(disk, partial(copy.seek, 0))
            async with aclosing(_read(copy, disk)) as pieces:
                yield length, pieces


async def _read(copy: IO[bytes], disk: Disk) -> AsyncGenerator[bytes]:
    while piece := await _on_disk(disk, partial(copy.read, PIECE)):
        yield piece


async def _on_disk(disk: Disk, work: Callable[[], T]) -> T:
    """Do file work; raises StoreUnwritable when the disk does not take it."""
    try:
        return await disk.run(work)
    except OSError as exc:
        raise StoreUnwritable(Path(tempfile.gettempdir()), reason_of(exc)) from exc


def _after(error: SlackkefuError) -> tuple[NotCarried, float | None]:
    """Return why a file is not there if that was the last try, and the shortest pause until the next, if any."""
    if isinstance(error, SlackApiError):
        return _after_refusal(error)
    if isinstance(error, SlackError):
        step = after(error)
        return NotCarried.FAILED, step.after_s if isinstance(step, Retry | LookFirst) else None
    if isinstance(error, RestError) and error.status == 413:
        return NotCarried.TOO_LARGE, None
    if isinstance(error, StoreUnwritable):
        return NotCarried.FAILED, _DISK_S
    pause_s = after_upload(error)
    return NotCarried.FAILED if pause_s is not None else NotCarried.NOT_TAKEN, pause_s


def _after_refusal(error: SlackApiError) -> tuple[NotCarried, float | None]:
    """Judge what Slack says of one file; an operator may mend much of it, but a lane does not wait for that."""
    if error.code in _GONE:
        return NotCarried.DELETED, None
    if error.code == NOT_SLACKS:
        return NotCarried.NOT_GIVEN, None
    if error.code == SIGN_IN:
        return NotCarried.DENIED, 1.0
    if error.code.startswith("http_"):
        return NotCarried.NOT_GIVEN, 1.0
    step = after(error)
    if isinstance(step, InstallationDead):
        return NotCarried.APP_REMOVED, None
    return NotCarried.DENIED, step.after_s if isinstance(step, Retry) else None
