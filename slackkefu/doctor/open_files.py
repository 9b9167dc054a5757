"""The open-file limit: each visitor's session is a socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from slackkefu.doctor.report import ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slackkefu.doctor.report import Finding
    from slackkefu.doctor.scene import Scene

__all__ = ["examine_open_files"]

BESIDE: Final = 256
"""Files that are open beside visitors' sessions: HTTP connections, Slack's, the store's, look-ups."""

_UNLIMITED: Final = 1 << 40


def examine_open_files(scene: Scene) -> Iterator[Finding]:
    """Say whether the limit of the daemon, or of this shell where none runs, is enough for all sessions."""
    held = scene.store.holder
    daemon = held.process if held is not None and held.is_held else None
    limit = _limit(scene.machine.proc, str(daemon)) if daemon is not None else None
    whose = f"the daemon's (process {daemon})"
    if limit is None:
        limit, whose = (
            _limit(scene.machine.proc, "self"),
            "of what is started from here; a unit has its own LimitNOFILE",
        )
    if limit is None:
        yield ok("host.open_files", "this machine does not tell its open-file limit")
        return
    sessions = scene.config.easemob.max_sessions
    said = f"{'no limit' if limit >= _UNLIMITED else limit} open files, {whose}"
    if limit >= sessions + BESIDE:
        yield ok("host.open_files", f"{said}; enough for easemob.max_sessions, {sessions}")
        return
    yield warning(
        "host.open_files",
        f"{said}; easemob.max_sessions is {sessions}",
        means=f"with more than about {max(limit - BESIDE, 0)} visitors logged in no connection can be opened any more, "
        "to nobody",
        do=f"set LimitNOFILE={max(65536, sessions + BESIDE)} in the unit (ulimit -n in a shell), or lower "
        "easemob.max_sessions",
    )


def _limit(proc: Path, process: str) -> int | None:
    """Return the soft limit of a process; None where it cannot be read."""
    try:
        text = (proc / process / "limits").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    found = re.search(r"^Max open files +(\d+|unlimited)", text, re.MULTILINE)
    if found is None:
        return None
    return _UNLIMITED if found[1] == "unlimited" else int(found[1])
