"""
What this Slack knows, and how it changes.

No sockets and no clock of its own: times and ids come from a :class:`~slackkefu.demo.slack.mint.Mint`, and each payload
for the app goes to the function given at the start. Here is decided whom an event is for: the installation whose bot is
in the conversation and has the scope, and the one of several that ``authorizations`` names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar, final

from slackkefu.demo.slack import events
from slackkefu.demo.slack.grants import Grants
from slackkefu.demo.slack.ledger import Parcel
from slackkefu.demo.slack.model import Channel, ChannelKind, HostedFile, Installation, Message, Organisation, Team, User
from slackkefu.demo.slack.switches import Addresses, Switches, Timing
from slackkefu.demo.slack.tickets import Tickets
from slackkefu.demo.slack.typed import compose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from slackkefu.demo.slack.authorising import Agreement
    from slackkefu.demo.slack.ledger import Ledger
    from slackkefu.demo.slack.mint import Mint
    from slackkefu.demo.slack.shape import Document, Shape

__all__ = [
    "ALL_SCOPES",
    "AppSettings",
    "Channel",
    "ChannelKind",
    "Hook",
    "HostedFile",
    "Installation",
    "Message",
    "Organisation",
    "State",
    "Team",
    "User",
]

ALL_SCOPES: Final = frozenset(
    [
        *("app_mentions:read", "chat:write", "chat:write.customize", "commands", "files:read", "files:write"),
        *("channels:history", "groups:history", "im:history", "mpim:history"),
        *("channels:read", "groups:read", "im:read", "mpim:read", "im:write"),
        *("reactions:write", "team:read", "users:read", "users:read.email"),
    ]
)
"""The bot scopes of the manifest (facts/slack.md §17)."""

_MENTION: Final = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_PLAIN_POST_BLOCK_DIGITS: Final = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The app, as its settings page has it."""

    app_id: str = "A0SLKFAPP1"
    name: str = "helpdesk"
    app_token: str = field(default="xapp-test", repr=False)
    client_id: str = "client-test"
    client_secret: str = field(default="client-secret-test", repr=False)
    scopes: frozenset[str] = ALL_SCOPES
    app_scopes: frozenset[str] = frozenset({"connections:write", "authorizations:read"})
    """Scopes of the app-level token."""
    events: frozenset[str] | None = None
    """What it subscribes to; None for all there is. So for the next two."""
    commands: frozenset[str] | None = None
    shortcuts: frozenset[str] | None = None
    """By their ``callback_id``."""
    home_tab: bool = True
    messages_tab: bool = True
    """Whether people may write to the app directly."""
    interactivity: bool = True
    """Whether it hears of clicks, forms and shortcuts."""
    socket_mode: bool = True
    redirect_urls: tuple[str, ...] = ("https://localhost:18443/slack/oauth_redirect",)
    distributed: bool = True
    """Whether it can be installed in other workspaces than its own."""
    home: str = ""
    """Its own workspace."""
    org_deploy: bool = True
    """Whether it can be installed in an organisation as a whole."""

    def hears(self, event: Document) -> bool:
        """Tell whether the app subscribes to an inner *event*; messages go by the kind of their conversation."""
        name = str(event.get("type"))
        if name == "message":
            name = ChannelKind(event["channel_type"]).event
        return self.events is None or name in self.events


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a ``response_url`` leads."""

    channel: Channel
    user: User


@final
class State:
    """
    Everything this Slack knows.

    Args:
        mint: Where ids and times come from.
        settings: The one app.
        ledger: Where parcels and posts are written down.
        deliver: Gets each payload for the app.

    """

    def __init__(self, *, mint: Mint, settings: AppSettings, ledger: Ledger, deliver: Callable[[Parcel], None]) -> None:
        self.mint = mint
        self.settings = settings
        self.ledger = ledger
        self.switches = Switches()
        self.timing = Timing()
        self.addresses = Addresses()
        self.socket_mode = settings.socket_mode
        """Whether Socket Mode is switched on in the settings of the app."""
        self.rotates = False
        """Whether token rotation is: what is installed from then on gets tokens that expire."""
        self.grants = Grants(lambda: mint.hex(12))
        self.organisations: dict[str, Organisation] = {}
        self.teams: dict[str, Team] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.installations: list[Installation] = []
        self.files: dict[str, HostedFile] = {}
        self.home_views: dict[str, Document] = {}
        """What ``views.publish`` showed to whom."""
        self.modals: dict[str, Document] = {}
        """What ``views.open`` showed to whom last."""
        self.links: Tickets[None] = Tickets(life_s=self.timing.ticket_s, uses=1)
        self.triggers: Tickets[User] = Tickets(life_s=3.0)
        self.hooks: Tickets[Hook] = Tickets(life_s=1800.0, uses=5)
        self.codes: Tickets[Agreement] = Tickets(life_s=600.0)
        self.uploads: Tickets[HostedFile] = Tickets(life_s=3600.0)
        self.later: Callable[[float, Callable[[], None]], None] = lambda _, work: work()
        """Does something after so many seconds; at once where nobody keeps the time."""
        self._deliver = deliver
        self._direct: dict[tuple[str, str], Channel] = {}
        self._by_token: dict[str, Installation] = {}

    # Who and where.

    def add_organisation(self, organisation_id: str | None, name: str) -> Organisation:
        """Found an Enterprise organisation."""
        organisation = Organisation(organisation_id or self.mint.identity("E"), name)
        self.organisations[organisation.id] = organisation
        return organisation

    def add_team(self, team_id: str | None, name: str, *, domain: str, organisation: Organisation | None) -> Team:
        """Found a workspace."""
        team = Team(team_id or self.mint.identity("T"), name, domain, organisation)
        self.teams[team.id] = team
        if organisation is not None:
            organisation.teams.append(team)
        for known in self.installations:
            if known.org_wide and known.organisation is organisation:
                known.withheld.add(team.id)
        return team

    def add_user(self, user: User) -> User:
        """Let somebody in."""
        self.users[user.id] = user
        return user

    def add_channel(
        self, channel_id: str | None, kind: ChannelKind, name: str, *, teams: Sequence[Team], members: Iterable[User]
    ) -> Channel:
        """Open a conversation; nobody is told."""
        prefix = "D" if kind is ChannelKind.IM else "C"
        channel = Channel(channel_id or self.mint.identity(prefix), kind, name, list(teams))
        channel.members = {member.id: member for member in members}
        self.channels[channel.id] = channel
        return channel

    def direct(self, user: User, installation: Installation, *, channel_id: str | None = None) -> Channel:
        """Return the direct message between *user* and the app; it is opened where there is none."""
        pair = (user.id, installation.bot.id)
        if pair not in self._direct:
            members = (user, installation.bot)
            self._direct[pair] = self.add_channel(channel_id, ChannelKind.IM, "", teams=[user.team], members=members)
        return self._direct[pair]

    # The app comes and goes.

    def install(
        self,
        where: Team | Organisation,
        *,
        bot_user_id: str | None = None,
        bot_id: str | None = None,
        token: str | None = None,
        scopes: frozenset[str] | None = None,
    ) -> Installation:
        """
        Install the app in a workspace or an organisation.

        A second time keeps the bot and adds scopes (facts/slack.md §12). After a removal the bot is the same, with its
        direct messages, and in no channel any more.
        """
        scopes = self.settings.scopes if scopes is None else scopes
        team, organisation = (where, where.organisation) if isinstance(where, Team) else (None, where)
        for old in self.installations:
            if old.alive and old.team is team and (team is not None or old.organisation is organisation):
                old.scopes |= scopes
                self._rotate(old)
                return old
        if team is None and not organisation.teams:  # type: ignore[union-attr]  # team None: an organisation was given
            raise ValueError("an organisation needs a workspace before the app can be installed in it")
        home = team if team is not None else organisation.teams[0]  # type: ignore[union-attr]  # as above
        name = self.settings.name
        before = [old for old in self.installations if old.team is team and old.bot.team is home]
        if before and bot_user_id is None:
            bot, bot_id = before[-1].bot, bot_id or before[-1].bot_id
        else:
            bot = self.add_user(User(bot_user_id or self.mint.identity("U"), home, name, is_bot=True))
        installation = Installation(
            team=team,
            organisation=organisation,
            bot=bot,
            bot_id=bot_id or self.mint.identity("B"),
            app_id=self.settings.app_id,
            token=token or f"xoxb-{where.domain if isinstance(where, Team) else where.name.lower()}-{self.mint.hex(6)}",
            scopes=scopes,
        )
        self.installations.append(installation)
        self._by_token[installation.token] = installation
        self._rotate(installation)
        return installation

    def _rotate(self, installation: Installation) -> None:
        """Give an installation a token that expires, where the app has that."""
        if self.rotates:
            self.hold(installation, self.grants.issue(installation, now=self.mint.now(), timing=self.timing).token)

    def hold(self, installation: Installation, token: str) -> None:
        """Let *token* be the newest of *installation*."""
        installation.token = token
        self._by_token[token] = installation

    def uninstall(self, installation: Installation, *, tells: bool = True) -> None:
        """Remove the app: the token dies first, then both events come, in any order (facts/slack.md §3)."""
        installation.alive = False
        installation.gone_at = self.mint.now()
        for channel in self.channels.values():
            if channel.kind is not ChannelKind.IM:
                channel.members.pop(installation.bot.id, None)
        if tells:
            self.tell_gone(installation)

    def tell_gone(self, installation: Installation) -> None:
        """Tell that the app was removed; late, and again, it says the same (facts/slack.md §2)."""
        revoked: Shape = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [installation.bot.id]}}
        order: list[Shape] = [revoked, {"type": "app_uninstalled"}]
        chosen = self.switches.uninstall_order
        if chosen == "uninstalled_first" or (chosen == "random" and self.mint.chance.random() < 1 / 2):
            order.reverse()
        for event in filter(self.settings.hears, order):
            event["event_ts"] = self.mint.ts("")
            stamp = events.Stamp(self.mint.event_id(), self.mint.event_context(), int(installation.gone_at))
            team = installation.team
            self.send(
                "events_api",
                events.event_callback(event, installation=installation, team=team, ext_shared=False, stamp=stamp),
            )

    def installation_of(self, token: str) -> Installation | None:
        """Return whose bot token this is, dead ones included."""
        return self._by_token.get(token)

    def installed_in(self, team: Team) -> Installation | None:
        """Return the installation that serves *team*; the workspace's own goes before the organisation's."""
        serving = [known for known in self.installations if known.alive and known.covers(team)]
        return min(serving, key=lambda known: known.org_wide, default=None)

    def hearers(self, channel: Channel) -> list[Installation]:
        """Return the installations whose bot is in *channel*, and that may see it."""
        return [
            known
            for known in self.installations
            if known.alive and known.bot.id in channel.members and any(map(known.covers, channel.teams))
        ]

    # People and bots write.

    def write(
        self,
        author: User,
        channel: Channel,
        typed: str,
        *,
        thread_ts: str | None = None,
        subtype: str | None = None,
        files: Sequence[HostedFile] = (),
        attachments: Sequence[object] | None = None,
        blocks: Sequence[object] | None = None,
    ) -> Message:
        """Let a person write; *typed* as in :mod:`slackkefu.demo.slack.typed`, with other *blocks* than that gives."""
        words = compose(typed)
        client_msg_id = self.mint.uuid()
        message = Message(
            channel,
            self.mint.ts(channel.id),
            words.text,
            user=author,
            team=author.team,
            subtype=subtype or ("file_share" if files else None),
            blocks=blocks or ([_rich_text(client_msg_id[:5], words.elements)] if words.elements else None),
            thread_ts=thread_ts,
            client_msg_id=client_msg_id,
            files=list(files),
            attachments=attachments,
        )
        for file in files:
            file.shares.append(message)
        return self._keep(message)

    def post(
        self,
        installation: Installation,
        channel: Channel,
        *,
        text: str,
        arguments: Mapping[str, object],
        thread_ts: str | None = None,
    ) -> Message:
        """Let the app post; *arguments* are those of ``chat.postMessage``, checked before."""
        customised = any(arguments.get(name) for name in ("username", "icon_url", "icon_emoji"))
        blocks = arguments.get("blocks")
        if not blocks and not customised:
            element = {"type": "text", "text": text}
            blocks = [_rich_text(self.mint.hex(_PLAIN_POST_BLOCK_DIGITS), [element])]
        icons = {
            name.removeprefix("icon_"): arguments[name] for name in ("icon_emoji", "icon_url") if arguments.get(name)
        }
        metadata = arguments.get("metadata")
        message = Message(
            channel,
            self.mint.ts(channel.id),
            text,
            user=None if customised else installation.bot,
            team=None if customised else installation.bot.team,
            subtype="bot_message" if customised else "thread_broadcast" if arguments.get("reply_broadcast") else None,
            blocks=blocks if isinstance(blocks, list) else None,
            attachments=arguments["attachments"] if isinstance(arguments.get("attachments"), list) else None,  # type: ignore[arg-type]  # checked in the line
            thread_ts=thread_ts,
            installation=installation,
            bot_id=installation.bot_id,
            app_id=installation.app_id,
            username=str(arguments.get("username") or installation.bot.name) if customised else None,
            icons=icons or None,
            metadata=metadata if isinstance(metadata, dict) else None,
        )
        return self._keep(message)

    def share(
        self,
        installation: Installation,
        channel: Channel,
        files: Sequence[HostedFile],
        *,
        text: str,
        thread_ts: str | None,
    ) -> Message:
        """Let the app share files it has uploaded."""
        message = Message(
            channel,
            self.mint.ts(channel.id),
            text,
            user=installation.bot,
            team=installation.bot.team,
            subtype="file_share",
            thread_ts=thread_ts,
            installation=installation,
            bot_id=installation.bot_id,
            app_id=installation.app_id,
            files=list(files),
        )
        for file in files:
            file.shares.append(message)
        return self._keep(message)

    def post_by_other_bot(self, channel: Channel, text: str, *, username: str, bot_id: str, app_id: str) -> Message:
        """Let another integration post."""
        attachments = [{"id": 1, "color": "2eb886", "fallback": text, "text": text}]
        ts = self.mint.ts(channel.id)
        names = {"subtype": "bot_message", "username": username, "bot_id": bot_id, "app_id": app_id}
        return self._keep(Message(channel, ts, text, attachments=attachments, **names))  # type: ignore[arg-type]  # str fields

    def edit(self, message: Message, text: str, *, blocks: Sequence[object] | None, by: User | None) -> None:
        """Change a message; *by* None leaves no mark, as ``chat.update`` with blocks does (facts/slack.md §4)."""
        previous = message.as_shape(metadata=False)
        at = self.mint.ts(message.channel.id)
        message.text = text
        message.blocks = blocks
        if by is not None:
            message.edited = {"user": by.id, "ts": at}
        metadata = self.switches.echo_carries_metadata
        self._announce_change(message, events.message_changed(message, previous, at=at, metadata=metadata))

    def edit_typed(self, message: Message, typed: str, *, by: User) -> None:
        """Let a person edit an own message."""
        words = compose(typed)
        blocks = [_rich_text(self.mint.hex(_PLAIN_POST_BLOCK_DIGITS), words.elements)] if words.elements else None
        self.edit(message, words.text, blocks=blocks, by=by)

    def delete(self, message: Message) -> None:
        """Remove a message."""
        at = self.mint.ts(message.channel.id)
        event = events.message_deleted(message, at=at)
        message.channel.remove(message)
        self._announce_change(message, event)

    def join(self, user: User, channel: Channel, *, inviter: User | None) -> None:
        """Let somebody, or the bot, into *channel*; says so in the channel and by an event."""
        channel.members[user.id] = user
        by = inviter.id if inviter is not None else None
        message = Message(
            channel,
            self.mint.ts(channel.id),
            f"<@{user.id}> has joined the channel",
            user=user,
            subtype="channel_join",
            inviter=by,
        )
        if self.switches.coming_shows:
            self._keep(message)
        self._tell_hearer(
            channel, events.member_event("member_joined_channel", user, channel, at=message.ts, inviter=by)
        )

    def leave(self, user: User, channel: Channel) -> None:
        """Take somebody, or the bot, out of *channel*; says so in the channel and by an event."""
        at = self.mint.ts(channel.id)
        message = Message(channel, at, f"<@{user.id}> has left the channel", user=user, subtype="channel_leave")
        if self.switches.leaving_shows:
            self._keep(message)
        self._tell_hearer(channel, events.member_event("member_left_channel", user, channel, at=at, inviter=None))
        channel.members.pop(user.id, None)

    def unshare(self, channel: Channel, team: Team, *, channel_id: str | None = None) -> Channel:
        """
        End the sharing of *channel* with *team*, which keeps what was written under a new id (facts/slack.md §5).

        Whose people and bots are in it no more; by a switch its app is told of the new id.
        """
        own = [user for user in channel.members.values() if user.team.company == team.company]
        kept = self.add_channel(channel_id, channel.kind, channel.name, teams=[team], members=own)
        for message in channel.messages:
            kept.add(replace(message, channel=kept, files=[], reactions={}))
        channel.teams = [each for each in channel.teams if each.company != team.company]
        for user in own:
            del channel.members[user.id]
        if self.switches.unsharing_tells:
            told: Shape = {"old_channel_id": channel.id, "new_channel_id": kept.id}
            self._tell_hearer(kept, {"type": "channel_id_changed", **told, "event_ts": self.mint.ts("")})
        return kept

    # People press and command.

    def command(self, user: User, channel: Channel, command: str, text: str) -> Parcel:
        """Let a person give a slash command."""
        installation = self._own_installation(user, "commands")
        if self.settings.commands is not None and command not in self.settings.commands:
            raise ValueError(f"the app has no command {command}")
        payload = events.slash_command(
            user,
            channel,
            installation=installation,
            command=command,
            text=compose(text).text,
            trigger=self._trigger(user),
            response_url=self._hook(user, channel, "commands"),
        )
        return self._send(Parcel("slash_commands", payload, accepts_answer=True))

    def press(self, user: User, message: Message, actions: Sequence[Document]) -> Parcel:
        """Let a person press a button of *message*."""
        payload = events.block_actions(
            user,
            message,
            actions,
            installation=message.installation or self._own_installation(user),
            trigger=self._trigger(user),
            response_url=self._hook(user, message.channel, "actions"),
        )
        return self._send(Parcel("interactive", payload, accepts_answer=self.switches.buttons_take_answer))

    def use(self, user: User, view: Document, values: Document, actions: Sequence[Document]) -> Parcel:
        """Let a person use an element of a modal that tells of each change."""
        installation = self._own_installation(user)
        trigger = self._trigger(user)
        payload = events.view_actions(user, view, values, actions, installation=installation, trigger=trigger)
        return self._send(Parcel("interactive", payload, accepts_answer=self.switches.buttons_take_answer))

    def ask_about(self, user: User, message: Message, callback_id: str) -> Parcel:
        """Let a person choose a shortcut from the menu of *message*, whoever wrote it and wherever it stands."""
        if self.settings.shortcuts is not None and callback_id not in self.settings.shortcuts:
            raise ValueError(f"the app has no shortcut {callback_id}")
        payload = events.message_action(
            user,
            message,
            callback_id,
            installation=self._own_installation(user, "commands"),
            trigger=self._trigger(user),
            response_url=self._hook(user, message.channel, "app"),
        )
        return self._send(Parcel("interactive", payload, accepts_answer=False))

    def submit(self, user: User, view: Document, values: Document) -> Parcel:
        """Let a person submit a modal."""
        installation = self._own_installation(user)
        payload = events.view_submission(user, view, values, installation=installation, trigger=self._trigger(user))
        return self._send(Parcel("interactive", payload, accepts_answer=True))

    # Whom to tell.

    def tell(
        self,
        event: Shape,
        *,
        installation: Installation,
        team: Team | None,
        ext_shared: bool = False,
        others: Iterable[Installation] = (),
    ) -> Parcel:
        """
        Send an inner *event* to one installation; what the app does not subscribe to goes nowhere.

        By a switch a retry may name one of *others*.
        """
        stamp = events.Stamp(self.mint.event_id(), self.mint.event_context(), int(self.mint.now()))
        payload, *again = (
            events.event_callback(event, installation=each, team=team, ext_shared=ext_shared, stamp=stamp)
            for each in (installation, *(other for other in others if other is not installation))
        )
        again = again if self.switches.retry_authorization == "next" else []
        parcel = Parcel("events_api", payload, accepts_answer=False, again=again)
        return self._send(parcel) if self.settings.hears(event) else parcel

    def send(self, kind: str, payload: Document, *, accepts_answer: bool = False) -> Parcel:
        """Send any payload at all, under any kind."""
        return self._send(Parcel(kind, payload, accepts_answer))

    def _send(self, parcel: Parcel) -> Parcel:
        if parcel.kind == "interactive" and not self.settings.interactivity:
            raise ValueError("the app takes no clicks, forms and shortcuts")
        self.ledger.parcels.append(parcel)
        self._deliver(parcel)
        return parcel

    def _keep(self, message: Message) -> Message:
        message.arrived_at = self.mint.now()
        message.channel.add(message)
        self._announce(message)
        return message

    def _announce(self, message: Message) -> None:
        """Send the events of a new *message*: ``message``, and ``app_mention`` where the app is mentioned."""
        channel = message.channel
        own = message.installation is not None
        if own and not self.switches.echoes_posts:
            return
        switches = self.switches
        outgoing: list[tuple[Installation, Shape]] = []
        hearers = [known for known in self.hearers(channel) if channel.kind.scope("history") in known.scopes]
        if hearers:
            hearer = self._one_of(hearers)
            event = events.message_event(
                message,
                installation=hearer,
                metadata=switches.echo_carries_metadata,
                profile=switches.profile_in_events,
                teams=switches.team_in_events,
            )
            if "user_team" in event and message.user is not None and self._says_workspace():
                event |= dict.fromkeys(("user_team", "source_team"), message.user.team.id)
            outgoing.append((hearer, event))
        if (
            not own
            and channel.kind is not ChannelKind.IM
            and message.subtype in {None, "file_share", "thread_broadcast"}
        ):
            outgoing += [(known, self._mention(message, known)) for known in self._mentioned(message)]
        first = switches.mention_order
        if first == "mention_first" or (first == "random" and self.mint.chance.random() < 1 / 2):
            outgoing.reverse()
        for installation, event in outgoing:
            team = message.user.team if message.user is not None else installation.bot.team
            self.tell(event, installation=installation, team=team, ext_shared=channel.ext_shared, others=hearers)

    def _mentioned(self, message: Message) -> list[Installation]:
        """Return the installations whose bot *message* mentions and that may know."""
        named = set(_MENTION.findall(message.text))
        return [
            known
            for known in self.hearers(message.channel)
            if known.bot.id in named and "app_mentions:read" in known.scopes
        ]

    def _mention(self, message: Message, installation: Installation) -> Shape:
        event = events.message_event(message, installation=installation, metadata=False, profile=False, teams=False)
        del event["channel_type"]
        event.pop("subtype", None)
        return event | {"type": "app_mention"}

    def _announce_change(self, message: Message, event: Shape) -> None:
        """Send an edit or a deletion."""
        if message.installation is not None and not self.switches.echoes_posts:
            return
        self._tell_hearer(message.channel, event, scope=message.channel.kind.scope("history"), author=message.user)

    def _tell_hearer(self, channel: Channel, event: Shape, *, scope: str = "", author: User | None = None) -> None:
        """Send *event* to one of the installations in *channel*."""
        hearers = [known for known in self.hearers(channel) if not scope or scope in known.scopes]
        if hearers:
            hearer = self._one_of(hearers)
            team = author.team if author is not None else hearer.bot.team
            self.tell(event, installation=hearer, team=team, ext_shared=channel.ext_shared, others=hearers)

    def _one_of(self, choices: Sequence[T]) -> T:
        """Return the one that is told: Slack names exactly one (facts/slack.md §3)."""
        return self.mint.chance.choice(choices) if self.switches.authorization == "random" else choices[0]

    def _says_workspace(self) -> bool:
        """Tell whether an event names its author's workspace rather than their organisation."""
        named = self.switches.org_author
        return named == "workspace" or (named == "random" and self.mint.chance.random() < 1 / 2)

    def _own_installation(self, user: User, scope: str = "") -> Installation:
        """Return the installation of the user's own workspace; foreigners have none (facts/slack.md §11)."""
        installation = self.installed_in(user.team)
        if installation is None:
            raise ValueError(f"the app is not installed in {user.team.id}; {user.id} cannot use its commands")
        if scope and scope not in installation.scopes:
            raise ValueError(f"the app was not granted {scope}")
        return installation

    def _trigger(self, user: User) -> str:
        name = f"{int(self.mint.now() * 1000)}.{self.mint.hex(6)}.placeholder"
        return self.triggers.issue(name, user, now=self.mint.now())

    def _hook(self, user: User, channel: Channel, kind: str) -> str:
        name = f"{kind}/{user.team.id}/{self.mint.hex(8)}/{self.mint.hex(12)}"
        self.hooks.issue(name, Hook(channel, user), now=self.mint.now())
        return self.addresses.hooks + name


def _rich_text(block_id: str, elements: Sequence[Document]) -> Shape:
    section = {"type": "rich_text_section", "elements": list(elements)}
    return {"type": "rich_text", "block_id": block_id, "elements": [section]}
