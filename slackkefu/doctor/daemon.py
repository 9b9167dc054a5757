"""The daemon that works on the store: does it answer? One that hangs holds its lock, and looks alive from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackkefu.doctor.report import failure, ok

if TYPE_CHECKING:
    from slackkefu.doctor.report import Say
    from slackkefu.doctor.scene import Scene

__all__ = ["examine_daemon"]


async def examine_daemon(scene: Scene, say: Say) -> None:
    """Ask the daemon, where one works on the store and there is a way to ask it."""
    held = scene.store.holder
    if held is None or not held.is_held or scene.answers is None:
        return
    match await scene.answers():
        case True:
            say(ok("daemon", "it answers"))
        case False:
            say(
                failure(
                    "daemon",
                    "it does not answer",
                    means="it hangs, or this machine has no time for it; messages may wait at Slack and at Easemob",
                    do="look at its log; if it stays so, restart it: systemctl restart slackkefu",
                )
            )
        case None:
            say(ok("daemon", "not asked: it is starting, another command has the store, or this user may not ask"))
