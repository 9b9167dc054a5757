"""
Who acts: people in workspaces.

A :class:`Workspace` is set up by plain calls; a :class:`Person` acts by awaited ones, since each act is something that
happens between other things: whoever waits for it gets a turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final
from urllib.parse import quote

import trio

from slackkefu.demo.slack import events
from slackkefu.demo.slack.elements import action_called, actions_called
from slackkefu.demo.slack.model import Channel, ChannelKind, HostedFile, Message, Organisation, Team, User
from slackkefu.demo.slack.shape import part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from slackkefu.demo.slack.ledger import Parcel
    from slackkefu.demo.slack.model import Installation
    from slackkefu.demo.slack.shape import Document, Shape
    from slackkefu.demo.slack.state import State

__all__ = ["Enterprise", "Person", "Workspace"]


@final
class Enterprise:
    """An Enterprise organisation, with workspaces."""

    def __init__(self, state: State, organisation: Organisation) -> None:
        self._state = state
        self.organisation = organisation
        """The record behind it."""

    @property
    def id(self) -> str:
        """Its id, ``E…``."""
        return self.organisation.id

    def add_workspace(self, team_id: str | None = None, *, name: str, domain: str = "") -> Workspace:
        """Found a workspace of this organisation."""
        team = self._state.add_team(team_id, name, domain=domain or name.lower(), organisation=self.organisation)
        return Workspace(self._state, team)

    def install(
        self, *, bot_user_id: str | None = None, bot_id: str | None = None, token: str | None = None
    ) -> Installation:
        """Install the app for the whole organisation."""
        return self._state.install(self.organisation, bot_user_id=bot_user_id, bot_id=bot_id, token=token)

    async def grants(self, *workspaces: Workspace) -> None:
        """Let the installation into workspaces: ``team_access_granted``, which names none of them outside."""
        await self._access("team_access_granted", workspaces)

    async def withdraws(self, *workspaces: Workspace) -> None:
        """Take it out again: ``team_access_revoked``."""
        await self._access("team_access_revoked", workspaces)

    async def _access(self, kind: str, workspaces: Iterable[Workspace]) -> None:
        await trio.lowlevel.checkpoint()
        installation = next(
            (each for each in self._state.installations if each.alive and each.organisation is self.organisation), None
        )
        if installation is None or not installation.org_wide:
            raise ValueError(f"the app is not installed in {self.id} as a whole")
        names = {workspace.id for workspace in workspaces}
        installation.withheld = (
            installation.withheld - names if kind == "team_access_granted" else installation.withheld | names
        )
        event: Shape = {
            "type": kind,
            "team_ids": [workspace.id for workspace in workspaces],
            "event_ts": self._state.mint.ts(""),
        }
        stamp = events.Stamp(self._state.mint.event_id(), self._state.mint.event_context(), int(self._state.mint.now()))
        payload = events.event_callback(event, installation=installation, team=None, ext_shared=False, stamp=stamp)
        del payload["authorizations"]
        if not self._state.switches.access_names_organisation:
            del payload["enterprise_id"], payload["context_enterprise_id"]
        if self._state.settings.hears(event):
            self._state.send("events_api", payload)


@final
class Workspace:
    """A workspace."""

    def __init__(self, state: State, team: Team) -> None:
        self._state = state
        self.team = team
        """The record behind it."""

    @property
    def id(self) -> str:
        """Its id, ``T…``."""
        return self.team.id

    @property
    def name(self) -> str:
        """Its name."""
        return self.team.name

    @property
    def installation(self) -> Installation:
        """
        The installation that serves it, its own or the organisation's.

        Raises:
            ValueError: There is none.

        """
        installation = self._state.installed_in(self.team)
        if installation is None:
            raise ValueError(f"the app is not installed in {self.id}")
        return installation

    def add_user(
        self,
        user_id: str | None = None,
        *,
        name: str,
        display_name: str | None = None,
        email: str | None = None,
        title: str = "",
        phone: str = "",
    ) -> Person:
        """
        Let a person in.

        Args:
            user_id: ``U…`` or ``W…``; None for a fresh one.
            name: Real name.
            display_name: What others see; None for the real name, empty where the person left it empty.
            email: Mail address, if known.
            title: What the person does.
            phone: Free text.

        """
        shown = name if display_name is None else display_name
        user = User(
            user_id or self._state.mint.identity("U"), self.team, name, shown, email=email, title=title, phone=phone
        )
        return Person(self._state, self._state.add_user(user))

    def add_channel(
        self,
        channel_id: str | None = None,
        *,
        name: str,
        kind: ChannelKind = ChannelKind.PUBLIC,
        members: Iterable[Person] = (),
        with_app: bool = True,
        shared_with: Iterable[Workspace] = (),
    ) -> Channel:
        """
        Open a channel; nobody is told.

        Args:
            channel_id: ``C…`` or ``G…``; None for a fresh one.
            name: Its name.
            kind: Public, private, or a group conversation.
            members: Who is in it.
            with_app: Whether the app's bot is a member, of every workspace here that has the app.
            shared_with: Other workspaces; of another company, it is a Slack Connect channel.

        """
        teams = [self.team, *(workspace.team for workspace in shared_with)]
        people = [person.user for person in members]
        installed = [self._state.installed_in(team) for team in teams] if with_app else []
        bots = list(dict.fromkeys(installation.bot for installation in installed if installation is not None))
        return self._state.add_channel(channel_id, kind, name, teams=teams, members=[*people, *bots])

    def install(
        self,
        *,
        bot_user_id: str | None = None,
        bot_id: str | None = None,
        token: str | None = None,
        scopes: frozenset[str] | None = None,
    ) -> Installation:
        """Install the app here; again, to add *scopes*. None stands for fresh ids and the app's own scopes."""
        return self._state.install(self.team, bot_user_id=bot_user_id, bot_id=bot_id, token=token, scopes=scopes)

    async def uninstalls(self, *, tells: bool = True) -> None:
        """
        Remove the app: the token dies, then ``tokens_revoked`` and ``app_uninstalled`` come in any order.

        Without *tells* they do not come, or later, see :meth:`tells_of_removal`: the workspace was disabled, say.
        """
        await trio.lowlevel.checkpoint()
        self._state.uninstall(self.installation, tells=tells)

    async def tells_of_removal(self) -> None:
        """Tell of the last removal, as of when it was: late, or once more."""
        await trio.lowlevel.checkpoint()
        *_, last = (each for each in self._state.installations if each.team is self.team and not each.alive)
        self._state.tell_gone(last)

    async def stops_sharing(self, channel: Channel, *, channel_id: str | None = None) -> Channel:
        """End this workspace's part in a shared channel; returns what it keeps, under a new id."""
        await trio.lowlevel.checkpoint()
        return self._state.unshare(channel, self.team, channel_id=channel_id)

    async def other_bot_posts(
        self,
        channel: Channel,
        text: str,
        *,
        username: str = "ci",
        bot_id: str = "B0OTHERCI1",
        app_id: str = "A0OTHERCI1",
    ) -> Message:
        """Let another integration post in *channel*."""
        await trio.lowlevel.checkpoint()
        return self._state.post_by_other_bot(channel, text, username=username, bot_id=bot_id, app_id=app_id)

    async def exceeds_its_rate(self, minute: int | None = None) -> Parcel:
        """Send ``app_rate_limited``, which has no event inside."""
        await trio.lowlevel.checkpoint()
        at = int(self._state.mint.now()) if minute is None else minute
        return self._state.send("events_api", events.app_rate_limited(self.team, self._state.settings.app_id, at))

    def __repr__(self) -> str:
        return f"<Workspace {self.id}>"


@final
class Person:
    """Somebody in a workspace."""

    def __init__(self, state: State, user: User) -> None:
        self._state = state
        self.user = user
        """The record behind this person."""

    @property
    def id(self) -> str:
        """Id, ``U…`` or ``W…``."""
        return self.user.id

    @property
    def name(self) -> str:
        """Real name."""
        return self.user.name

    @property
    def mention(self) -> str:
        """What stands for this person in typed words."""
        return f"<@{self.id}>"

    def dm(self, channel_id: str | None = None) -> Channel:
        """Return the direct message with the app; it is opened, with this id, where there is none yet."""
        installation = self._state.installed_in(self.user.team)
        if installation is None:
            raise ValueError(f"the app is not installed in {self.user.team.id}")
        return self._state.direct(self.user, installation, channel_id=channel_id)

    async def says(
        self, where: Channel, typed: str, *, thread: Message | str | None = None, broadcast: bool = False
    ) -> Message:
        """
        Write a message.

        Args:
            where: In which conversation.
            typed: The words; ``<@U…>`` and the like stand for what is picked from a list.
            thread: Any message of the thread to write in, or the ``ts`` of its root.
            broadcast: Send the reply to the channel too.

        """
        await trio.lowlevel.checkpoint()
        subtype = "thread_broadcast" if broadcast and thread is not None else None
        return self._state.write(self.user, where, typed, thread_ts=_root(thread), subtype=subtype)

    async def acts(self, where: Channel, typed: str) -> Message:
        """Write ``/me`` *typed*."""
        await trio.lowlevel.checkpoint()
        return self._state.write(self.user, where, typed, subtype="me_message")

    async def shares(
        self,
        where: Channel,
        name: str,
        content: bytes,
        *,
        comment: str = "",
        mimetype: str = "application/octet-stream",
        file_id: str | None = None,
        thread: Message | str | None = None,
    ) -> Message:
        """Share a file, with a comment or without."""
        file = self.uploads(name, content, mimetype=mimetype, file_id=file_id)
        return await self.shares_all(where, [file], comment=comment, thread=thread)

    async def shares_all(
        self, where: Channel, files: Sequence[HostedFile], *, comment: str = "", thread: Message | str | None = None
    ) -> Message:
        """Share several files in one message, with a comment or without."""
        await trio.lowlevel.checkpoint()
        return self._state.write(self.user, where, comment, files=files, thread_ts=_root(thread))

    def uploads(
        self,
        name: str,
        content: bytes,
        *,
        mimetype: str = "application/octet-stream",
        file_id: str | None = None,
        clip: str = "",
        duration_ms: int = 0,
    ) -> HostedFile:
        """Give a file to Slack, to be shared; *clip* says as what it was recorded there."""
        state = self._state
        new_id = file_id or state.mint.identity("F")
        url = f"{state.addresses.files}files-pri/{self.user.team.id}-{new_id}/{quote(name)}"
        file = HostedFile(new_id, name, mimetype, content, self.user, int(state.mint.now()), url_private=url)
        file.clip, file.duration_ms = clip, duration_ms
        state.files[file.id] = file
        return file

    def links(self, name: str, address: str) -> HostedFile:
        """Let Slack know of a file that lies elsewhere, to be shared."""
        file = self.uploads(name, b"")
        file.mode, file.is_external, file.url_private = "external", True, address
        return file

    async def passes_on(self, message: Message, where: Channel, typed: str = "") -> Message:
        """Share somebody's message elsewhere, with words of one's own or without (facts/slack.md §6)."""
        await trio.lowlevel.checkpoint()
        inner = {"type": "message", "user": message.user and message.user.id, "ts": message.ts, "text": message.text}
        shared = {
            "is_share": True,
            "author_name": message.user.name if message.user is not None else "",
            "text": message.text,
            "channel_id": message.channel.id,
            "ts": message.ts,
            "message_blocks": [{"message": {**inner, "blocks": message.blocks}}],
        }
        return self._state.write(self.user, where, typed, attachments=[shared])

    async def edits(self, message: Message, typed: str) -> None:
        """Change an own message."""
        await trio.lowlevel.checkpoint()
        self._state.edit_typed(message, typed, by=self.user)

    async def deletes(self, message: Message) -> None:
        """Delete an own message."""
        await trio.lowlevel.checkpoint()
        self._state.delete(message)

    async def joins(self, channel: Channel, *, invited_by: Person | None = None) -> None:
        """Come into a channel."""
        await trio.lowlevel.checkpoint()
        self._state.join(self.user, channel, inviter=invited_by.user if invited_by is not None else None)

    async def leaves(self, channel: Channel) -> None:
        """Go out of a channel."""
        await trio.lowlevel.checkpoint()
        self._state.leave(self.user, channel)

    async def invites_app(self, channel: Channel) -> None:
        """Invite the app's bot into a channel."""
        await self._with_app(lambda installation: self._state.join(installation.bot, channel, inviter=self.user))

    async def removes_app(self, channel: Channel) -> None:
        """Take the app's bot out of a channel."""
        await self._with_app(lambda installation: self._state.leave(installation.bot, channel))

    async def opens_app(self, *, tab: str = "messages") -> None:
        """Open the app's page: ``app_home_opened``."""

        def opened(installation: Installation) -> None:
            event: Shape = {
                "type": "app_home_opened",
                "user": self.id,
                "channel": self._state.direct(self.user, installation).id,
                "tab": tab,
                "event_ts": self._state.mint.ts(""),
            }
            self._state.tell(event, installation=installation, team=self.user.team)

        await self._with_app(opened)

    async def changes_profile(self, *, name: str | None = None, display_name: str | None = None) -> None:
        """Change names: ``user_change``, whose ``user`` is the whole object."""

        def change(installation: Installation) -> None:
            self.user.name = self.user.name if name is None else name
            self.user.display_name = self.user.display_name if display_name is None else display_name
            now = int(self._state.mint.now())
            self.user.updated = now
            event: Shape = {
                "type": "user_change",
                "user": self.user.as_shape(email=True),
                "cache_ts": now,
                "event_ts": self._state.mint.ts(""),
            }
            self._state.tell(event, installation=installation, team=self.user.team)

        await self._with_app(change)

    async def commands(self, where: Channel, command: str, text: str = "") -> Parcel:
        """Give a slash command. The parcel shows what became of it: it is delivered once or never."""
        await trio.lowlevel.checkpoint()
        return self._state.command(self.user, where, command, text)

    async def presses(self, message: Message, action_id: str, *, value: str = "", block_id: str = "actions") -> Parcel:
        """Press a button of *message*."""
        await trio.lowlevel.checkpoint()
        action = {
            "action_id": action_id,
            "block_id": block_id,
            "text": {"type": "plain_text", "text": value or action_id, "emoji": True},
            "value": value,
            "type": "button",
            "action_ts": self._state.mint.ts(""),
        }
        return self._state.press(self.user, message, [action])

    async def chooses(self, message: Message, label: str) -> Parcel:
        """
        Press the button of *message* that is called *label*, or choose that option.

        Raises:
            ValueError: There is none.

        """
        await trio.lowlevel.checkpoint()
        action = action_called(message.blocks, label) | {"action_ts": self._state.mint.ts("")}
        return self._state.press(self.user, message, [action])

    async def picks(self, values: Document, block_id: str) -> Parcel:
        """Change a field of the open modal that tells so at once; *values* are all that is filled in by then."""
        await trio.lowlevel.checkpoint()
        filled = part(values, block_id)
        action_id = next(iter(filled))
        action = dict(part(filled, action_id)) | {"block_id": block_id, "action_id": action_id}
        return self._state.use(self.user, self.modal, values, [action | {"action_ts": self._state.mint.ts("")}])

    @property
    def modal(self) -> Document:
        """
        The modal that this person sees.

        Raises:
            KeyError: There is none.

        """
        return self._state.modals[self.id]

    async def picks_shortcut(self, message: Message, callback_id: str = "ask_support") -> Parcel:
        """Choose a shortcut of the app's from the menu of *message*."""
        await trio.lowlevel.checkpoint()
        return self._state.ask_about(self.user, message, callback_id)

    @property
    def home(self) -> Document:
        """
        The home tab that this person sees.

        Raises:
            KeyError: There is none.

        """
        return self._state.home_views[self.id]

    async def presses_at_home(self, label: str, *, nth: int = 0) -> Parcel:
        """
        Press a button of the home tab, the *nth* of that name from 0.

        Raises:
            IndexError: There are not so many.

        """
        await trio.lowlevel.checkpoint()
        action = actions_called(self.home["blocks"], label)[nth] | {"action_ts": self._state.mint.ts("")}
        return self._state.use(self.user, self.home, {}, [action])

    async def submits(self, view: Document, values: Mapping[str, object]) -> Parcel:
        """Submit a modal, filled in with *values* (``state.values`` of Slack's documents)."""
        await trio.lowlevel.checkpoint()
        return self._state.submit(self.user, view, values)

    async def _with_app(self, act: Callable[[Installation], None]) -> None:
        await trio.lowlevel.checkpoint()
        installation = self._state.installed_in(self.user.team)
        if installation is None:
            raise ValueError(f"the app is not installed in {self.user.team.id}")
        act(installation)

    def __repr__(self) -> str:
        return f"<Person {self.id}>"


def _root(thread: Message | str | None) -> str | None:
    """Return the ``ts`` of the root of a thread."""
    if isinstance(thread, Message):
        return thread.thread_ts if thread.is_reply else thread.ts
    return thread
