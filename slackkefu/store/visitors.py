"""
One record a visitor: where answers go, and what was last known of them.

All records are in memory, read once; a record is written only when it has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from slackkefu.store.records import Damage, Records

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OpenMenu", "SessionStatus", "VisitorRecord", "VisitorStore"]

FOLDER: Final = "visitors"

_LOSS: Final = "an answer to this visitor goes nowhere until they write again"


class SessionStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a service session stands, and the message in Slack that says so."""

    session: str
    stage: str
    is_agent: bool = False
    """A human agent has taken it."""
    name: str = ""
    """Of whoever has taken it, as it may be shown; empty where the desk does not tell."""
    waiting: int = 0
    """How many wait in its queue; 0 where the desk does not tell, or it does not wait."""
    channel: str = ""
    ts: str = ""
    """With :attr:`channel` where the message stands; both empty where it does not."""
    is_shown: bool = False
    """The message says it already."""

    def __repr__(self) -> str:
        """Say everything but what somebody is called."""
        return f"<SessionStatus {self.session} {self.stage}{'' if self.is_shown else ' not shown yet'}>"


class OpenMenu(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The menu that was offered last: what the desk's robot wrote, no person's words."""

    mark: str
    """Which it is; see :class:`slackkefu.bridge.kefu_to_slack.forms.offered.Offered`."""
    session: str
    """The mark of its service session."""
    choices: tuple[tuple[str, str], ...]
    """Labels, each with what the desk gets of it; empty for one that the desk gets nothing of."""
    message: str = ""
    """kefu's id of the message that offers it."""
    title: str = ""
    """What stands above it, or its beginning."""
    by_number: bool = True
    """Nothing was said after it, so a number is a choice of it."""

    def __repr__(self) -> str:
        return f"<OpenMenu {self.mark} of {len(self.choices)}>"


class VisitorRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    A visitor as kept on disk.

    Ids are as Slack writes them; times are seconds since the epoch.
    """

    im_user: str
    """The visitor's IM user, lower case; also the name of the record."""
    team: str
    """The author's workspace."""
    user: str
    channel: str
    """The channel they write in now; Slack changes channel ids at times."""
    enterprise_id: str | None = None
    installation_team_id: str | None = None
    """With :attr:`enterprise_id` the installation that posts to them; both None when not known."""
    thread_ts: str | None = None
    """The thread of their last forwarded message."""
    threads: tuple[str, ...] = ()
    """The threads of a direct message that they wrote in last, the latest last: what comes in them is for the desk."""
    channel_type: str = ""
    name: str = ""
    workspace: str = ""
    introduced: bool = False
    """They were told who reads what they write here."""
    last_active: float = 0.0
    open_session: str | None = None
    """Id of the service session that kefu has opened and not closed."""
    source_shown: float = 0.0
    """When the agent was shown where they write; 0 since the service session was closed."""
    closed_sessions: tuple[str, ...] = ()
    """Ids of the service sessions that were closed last, the latest last: a late word of one does not open it again."""
    closed_at: dict[str, float] = {}
    """When these ended."""
    menu: OpenMenu | None = None
    """The menu that can be answered by typing."""
    answered: dict[str, str] = {}
    """The marks of what they have answered last, each with the ``ts`` of the answer: it takes only one."""
    greeted: bool = False
    """The desk was asked how it greets them, and that is in Slack or on its way."""
    duty_told: float = 0.0
    """When they were told last that nobody works at the desk."""
    left: bool = False
    """The app is not in their channel any more, and nothing of theirs has come from there since."""
    stop_told: str | None = None
    """Id of the service session whose agent knows that they cannot be reached; None once they can."""
    agent_told: str | None = None
    """Id of the service session whose agent was told last that an answer did not arrive: once for each."""
    statuses: tuple[SessionStatus, ...] = ()
    """The service sessions whose message in Slack may have to change yet, the latest last."""
    mention_threads: dict[str, float] = {}
    """The threads that a mention has opened for them, and until when."""
    mentioned_at: dict[str, float] = {}
    """When each of these was opened: what they wrote in it before is not for the desk."""

    def __repr__(self) -> str:
        """Name the visitor by ids, not by what people call them."""
        return f"<VisitorRecord {self.im_user}>"


@final
class VisitorStore:
    """The visitors of a store."""

    def __init__(self, root: Path) -> None:
        self._records = Records(
            root,
            FOLDER,
            VisitorRecord,
            names=r"[a-z0-9][a-z0-9_.-]{0,63}",
            loss=_LOSS,
            name_of=lambda record: record.im_user,
        )
        self._written: dict[str, VisitorRecord] = {}

    def __repr__(self) -> str:
        return f"<VisitorStore of {len(self._written)}>"

    def load_all(self) -> tuple[list[VisitorRecord], list[Damage]]:
        """Return every record, and the damaged ones; raises StoreError."""
        self._written, damages = self._records.all()
        return list(self._written.values()), damages

    def peek(self) -> tuple[list[VisitorRecord], list[Damage]]:
        """Return the same, moving nothing that is damaged: for whoever does not own the store. Raises StoreError."""
        records, damages = self._records.peek()
        return list(records.values()), damages

    def save(self, record: VisitorRecord) -> None:
        """Write *record* if it is new or has changed; on disk when this returns. Raises StoreUnwritable."""
        if self._written.get(record.im_user) != record:
            self._records.put(record.im_user, record)
            self._written[record.im_user] = record

    def names(self) -> list[str]:
        """Return the IM users of whom there is a record, damaged or not; raises StoreError."""
        return self._records.names()

    def delete(self, im_user: str) -> None:
        """Forget a visitor, also where the record is damaged; raises StoreUnwritable."""
        self._records.delete(im_user)
        self._written.pop(im_user, None)
