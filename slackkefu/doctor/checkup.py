"""Everything that is examined, in its order."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from slackkefu.doctor.configuration import examine_servers
from slackkefu.doctor.daemon import examine_daemon
from slackkefu.doctor.easemob import examine_easemob
from slackkefu.doctor.examination import examine
from slackkefu.doctor.kefu import examine_kefu
from slackkefu.doctor.open_files import examine_open_files
from slackkefu.doctor.slack import examine_slack
from slackkefu.doctor.store import examine_store

if TYPE_CHECKING:
    from slackkefu.doctor.report import Branch, Say
    from slackkefu.doctor.scene import Scene

__all__ = ["check_up"]


async def check_up(scene: Scene, tell: Say, *, offline: bool, login: bool) -> None:
    """
    Examine everything but the configuration file, which whoever has read it has examined.

    Args:
        scene: What is examined.
        tell: Gets each finding, in a fixed order, as soon as it and those before it are known.
        offline: Ask nobody.
        login: Log in to Easemob's IM as a user made for it.

    """
    branches: list[tuple[str, Branch]] = [("this machine", partial(_here, scene))]
    if not offline:
        branches += [
            ("the daemon", partial(examine_daemon, scene)),
            ("Slack", partial(examine_slack, scene)),
            ("Easemob", partial(examine_easemob, scene, login=login)),
            ("the desk", partial(examine_kefu, scene)),
        ]
    await examine(branches, tell)


async def _here(scene: Scene, say: Say) -> None:
    """Examine what needs no network."""
    await trio.lowlevel.checkpoint()
    for finding in (*examine_servers(scene.config), *examine_store(scene.store), *examine_open_files(scene)):
        say(finding)
