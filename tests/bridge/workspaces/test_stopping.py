"""What happens with a visitor who cannot be reached, and in which order."""

from __future__ import annotations

import msgspec
import pytest
import trio

from slackkefu.bridge.book import Book, opened, wrote
from slackkefu.bridge.open_sessions import OpenSessions
from slackkefu.bridge.workspaces.reach import Why
from slackkefu.bridge.workspaces.stopping import Stopping
from slackkefu.easemob.names import ImUser
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, Shelf, forward
from tests.memory_network import virtual_wall

USER = ImUser(MIA)


class Scene:
    """Mia, and what is told when she cannot be reached."""

    def __init__(self, *, is_open: bool) -> None:
        self.told: list[str] = []
        wall = virtual_wall()
        record = wrote(None, forward(), now=wall())
        record = opened(record, "s-1", now=wall()) if is_open else msgspec.structs.replace(record, open_session=None)
        self.stopping = Stopping(
            book=Book([record], store=Shelf(), disk=InlineDisk()),
            logins=self,
            notes=self,
            sessions=OpenSessions(lambda _, is_open: self.told.append(f"open {is_open}")),
            ask_no_more=lambda _: self.told.append("ask no more"),
            look_again=lambda: self.told.append("look again"),
            wall=wall,
        )

    def set_stopped(self, _: ImUser, is_stopped: bool) -> None:
        """Stop a login, or let it go on."""
        self.told.append(f"stopped {is_stopped}")

    def stopped(self, _: ImUser, why: str) -> None:
        """Tell the agent that it is stopped."""
        self.told.append(f"agent: {why}")

    def reached_again(self, _: ImUser) -> None:
        """Tell the agent that it goes on."""
        self.told.append("agent: again")


@pytest.mark.parametrize("is_open", [False, True])
async def test_stopped_and_going_on(is_open: bool) -> None:
    """The agent is told first; what is asked about an open service session is asked again when it goes on."""
    await trio.lowlevel.checkpoint()
    scene = Scene(is_open=is_open)
    scene.stopping.changed(USER, Why.APP_REMOVED)

    assert ["agent: app_removed", "ask no more", "stopped True", "look again"] == scene.told

    scene.told.clear()
    scene.stopping.changed(USER, None)

    assert ["stopped False", *(["open True"] if is_open else []), "agent: again", "look again"] == scene.told


async def test_a_stranger_is_stopped_too() -> None:
    """Somebody without a record takes no place either."""
    await trio.lowlevel.checkpoint()
    scene = Scene(is_open=False)
    scene.stopping.changed(ImUser("somebody"), None)

    assert ["stopped False", "agent: again", "look again"] == scene.told
