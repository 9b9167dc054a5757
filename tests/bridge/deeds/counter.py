"""A counter at which deeds are handled: what people do in Slack, and small stand-ins for what carries it out."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, cast, final

import msgspec
import trio

from slackkefu.bridge.attendance import Attendance
from slackkefu.bridge.book import Book, opened, wrote
from slackkefu.bridge.deeds.act import Act
from slackkefu.bridge.deeds.commands import Commands
from slackkefu.bridge.deeds.forms import Forms
from slackkefu.bridge.deeds.granting import Granting
from slackkefu.bridge.deeds.homes import Homes
from slackkefu.bridge.deeds.standing import Standing
from slackkefu.bridge.deeds.whereabouts import Whereabouts
from slackkefu.bridge.languages import Languages
from slackkefu.bridge.saying import Saying
from slackkefu.errors import SlackApiError
from slackkefu.slack.directory import Directory
from slackkefu.slack.envelope import EventCallback, Interaction, OtherEvent, SlashCommand, parse_envelope
from slackkefu.slack.ids import UserId
from slackkefu.slack.installation import Installations
from slackkefu.slack.profile import Profile
from slackkefu.world import InlineDisk
from tests.bridge.people import MIA, NORTH, Parcels, Shelf, forward, world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slackkefu.bridge.slack_to_kefu.for_desk import ForDesk
    from slackkefu.easemob.names import ImUser
    from slackkefu.secret import Secret
    from slackkefu.slack.installation import Installation
    from slackkefu.slack.views import Views
    from slackkefu.slack.web import WebClient
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["DIRECT", "NOW", "SESSION", "Counter", "Web", "in_channel", "in_direct", "serving"]

DIRECT = "D0MIA00001"
SESSION = "s-1"
NOW = 1_760_000_100.0
"""What the calendar shows."""


def in_direct(**changes: Any) -> VisitorRecord:
    """Make the record of Mia's direct messages with the app."""
    return msgspec.structs.replace(wrote(None, forward(), now=NOW), **changes)


def in_channel(**changes: Any) -> VisitorRecord:
    """Make the record of Mia's conversation in a channel."""
    known = wrote(None, forward("<@U0NORTHBOT> hi", channel="C0SUPPORT1", channel_type="channel"), now=NOW)
    return msgspec.structs.replace(known, **changes)


def serving(record: VisitorRecord) -> VisitorRecord:
    """Return *record* with a service session that is open."""
    return opened(record, SESSION, now=NOW)


@final
class Web:
    """A Web API that takes everything, after the problems it was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, object]]] = []
        self.problems: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self.takes_s = 0.0
        self.direct = DIRECT
        self.on_call: Callable[[], None] = lambda: None

    async def call(
        self, method: str, arguments: Mapping[str, object], *, token: Secret, channel: str = ""
    ) -> Mapping[str, object]:
        """Take a call, and answer as Slack would."""
        del token, channel
        self.calls.append((method, arguments))
        self.on_call()
        await trio.sleep(self.takes_s)
        if self.problems[method]:
            raise self.problems[method].popleft()
        return {"ok": True, "channel": {"id": self.direct}}

    def of(self, method: str) -> list[Mapping[str, object]]:
        """Return the arguments of the calls of *method*."""
        return [arguments for name, arguments in self.calls if name == method]


@final
class Shown:
    """What people see besides messages."""

    def __init__(self) -> None:
        self.forms: list[Mapping[str, Any]] = []
        self.homes: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: list[tuple[str, Mapping[str, object]]] = []
        self.problem: Exception | None = None

    async def open(self, _: Installation, trigger: Secret, view: Mapping[str, object]) -> None:
        """Open a form."""
        await self._meet()
        if not trigger.reveal():
            raise SlackApiError("views.open", "invalid_trigger_id")
        self.forms.append(view)

    async def publish(self, _: Installation, user: UserId, view: Mapping[str, object]) -> None:
        """Publish a home tab."""
        await self._meet()
        self.homes.append((user, view))

    async def answer(self, url: Secret, message: Mapping[str, object]) -> None:
        """Take an answer by ``response_url``."""
        await self._meet()
        self.answers.append((url.reveal(), message))

    async def _meet(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.problem is not None:
            raise self.problem


@final
class Counter:
    """
    Everything that handles deeds, but for what brings them to the desk.

    Args:
        records: Of the visitors that are known.
        locale: What Mia is spoken to in.

    """

    def __init__(self, *records: VisitorRecord, locale: str = "en-US") -> None:
        self.connection = Parcels()
        self.web = Web()
        self.shown = Shown()
        self.is_full = False
        """Whether nothing can be brought to the desk."""
        self.brought: list[tuple[ImUser, str]] = []
        """What was brought there; of a command its action."""
        self.rated: list[str] = []
        self.stopped: list[str] = []
        self.problem: Exception | None = None
        """What comes of ending a service session."""
        self.waiting = 0
        self.directory = Directory(web=cast("WebClient", None))
        self.speaks(locale)
        self.shelf = Shelf()
        self.book = Book(records, store=self.shelf, disk=InlineDisk())
        self.attendance = Attendance()
        here = world()
        web, views = cast("WebClient", self.web), cast("Views", self.shown)
        self.installations = Installations([NORTH])
        self.languages = Languages(self.directory, default="both")
        self.whereabouts = Whereabouts(web=web, book=self.book)
        self.standing = Standing(attendance=self.attendance, waiting=lambda _: self.waiting, wall=lambda: NOW)
        self.saying = Saying(world=here, web=web)
        self.granting = self.grants()
        self.forms = Forms(
            bringing=self,
            whereabouts=self.whereabouts,
            directory=self.directory,
            languages=self.languages,
            views=self.shown,
            saying=self.saying,
        )
        self.commands = Commands(
            granting=self.granting, whereabouts=self.whereabouts, languages=self.languages, views=views
        )
        self.homes = Homes(
            installations=self.installations,
            granting=self.granting,
            whereabouts=self.whereabouts,
            standing=self.standing,
            languages=self.languages,
            views=views,
        )

    def grants(self, *, stops: bool = False) -> Granting:
        """Make what grants wishes, at a desk that lets sessions be stopped, or not."""
        return Granting(
            bringing=self,
            standing=self.standing,
            views=self.shown,
            rate=self._rate,
            stop=self._stop if stops else None,
        )

    def speaks(self, locale: str, user: str = "U0MIA00001", *, name: str = "Mia") -> None:
        """Let Slack know what somebody speaks, and is called."""
        self.directory._users.put((NORTH.key, UserId(user)), Profile(display_name=name, locale=locale))

    # What brings deeds to the desk.

    async def bring(self, act: Act, user: ImUser, deed: ForDesk) -> bool:
        """Bring a deed."""
        if self.is_full:
            return False
        await act.hand_over().acknowledge()
        self.brought.append((user, deed.action or deed.words))
        return True

    async def _rate(self, act: Act, user: ImUser, trigger: Secret) -> bool:
        await trio.lowlevel.checkpoint()
        del act
        assert trigger.reveal()
        self.rated.append(user)
        return not self.is_full

    async def _stop(self, session: str) -> None:
        await trio.lowlevel.checkpoint()
        self.stopped.append(session)
        if self.problem is not None:
            raise self.problem

    # What people do.

    def act(self, kind: str, payload: Mapping[str, object], *, accepts: bool = True) -> Act:
        """Make the deed that a payload tells of."""
        raw = {"type": kind, "envelope_id": "e1", "accepts_response_payload": accepts, "payload": payload}
        envelope = parse_envelope(raw)
        doing = envelope.payload
        if isinstance(doing, EventCallback):
            assert isinstance(doing.event, OtherEvent)
            return Act(NORTH, doing.event, self.connection.bring(envelope))
        assert isinstance(doing, SlashCommand | Interaction), doing
        return Act(NORTH, doing, self.connection.bring(envelope))

    async def command(self, text: str, *, channel: str = DIRECT, accepts: bool = True, **changes: object) -> str:
        """Give a command; return what its author is told in the acknowledgement."""
        payload: dict[str, object] = {
            "command": "/kefu",
            "text": text,
            "team_id": "T0NORTH001",
            "channel_id": channel,
            "user_id": "U0MIA00001",
            "response_url": "https://hooks.slack.com/commands/1",
            "trigger_id": "1.2.3",
        }
        act = self.act("slash_commands", payload | changes, accepts=accepts)
        await self.commands.handle(act)
        await act.acknowledge()
        answer = self.connection.answers[0]
        self.connection.answers.clear()
        assert answer is None or "ephemeral" == answer["response_type"]
        return str(answer["text"]) if answer is not None else ""

    def interaction(self, kind: str, **payload: object) -> Act:
        """Make an interaction of Mia's."""
        base = {
            "type": kind,
            "team": {"id": "T0NORTH001", "domain": "north"},
            "user": {"id": "U0MIA00001", "team_id": "T0NORTH001"},
            "trigger_id": "1.2.3",
        }
        return self.act("interactive", base | payload)

    def submission(self, form: Mapping[str, Any], text: object) -> Act:
        """Fill in a form and send it."""
        values = {"words": {"words": {"type": "plain_text_input", "value": text}}}
        return self.interaction("view_submission", view={**form, "id": "V1", "state": {"values": values}})

    def home(self, *, tab: str = "home") -> Act:
        """Open the app's page."""
        event = {"type": "app_home_opened", "user": "U0MIA00001", "channel": DIRECT, "tab": tab}
        return self.act("events_api", {"type": "event_callback", "team_id": "T0NORTH001", "event": event})

    def press(self, action_id: str, value: object = "") -> Act:
        """Press a button of the home tab."""
        return self.interaction("block_actions", actions=[{"action_id": action_id, "value": value}])


assert MIA == in_direct().im_user
