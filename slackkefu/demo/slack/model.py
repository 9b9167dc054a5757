"""
The things a Slack is made of.

Plain records that know how Slack shows them; what changes them is in :mod:`slackkefu.demo.slack.state`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, final

from slackkefu.demo.slack.shape import without_absent
from slackkefu.demo.slack.typed import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.demo.slack.shape import Document, Shape

__all__ = ["Channel", "ChannelKind", "HostedFile", "Installation", "Message", "Organisation", "Team", "User"]


STATUS_S: Final = 120.0
"""How long Slack shows what an app is doing (facts/slack.md §8)."""


class ChannelKind(Enum):
    """What a conversation is; the value is its ``channel_type`` and the stem of its scopes."""

    PUBLIC = "channel"
    PRIVATE = "group"
    IM = "im"
    MPIM = "mpim"

    def scope(self, right: str) -> str:
        """Return the scope for *right* (``history``, ``read``) in conversations of this kind."""
        return f"{_SCOPE_STEMS[self]}:{right}"

    @property
    def event(self) -> str:
        """The event that an app subscribes to for messages in conversations of this kind."""
        return f"message.{_SCOPE_STEMS[self]}"


_SCOPE_STEMS = {
    ChannelKind.PUBLIC: "channels",
    ChannelKind.PRIVATE: "groups",
    ChannelKind.IM: "im",
    ChannelKind.MPIM: "mpim",
}


@final
@dataclass(slots=True, eq=False)
class Organisation:
    """An Enterprise organisation."""

    id: str
    name: str
    teams: list[Team] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<Organisation {self.id}>"


@final
@dataclass(slots=True, eq=False)
class Team:
    """A workspace."""

    id: str
    name: str
    domain: str
    organisation: Organisation | None = None

    @property
    def company(self) -> str:
        """Id of the organisation, or of the workspace that is its own company."""
        return self.organisation.id if self.organisation is not None else self.id

    @property
    def enterprise_id(self) -> str | None:
        """Id of the organisation, if there is one."""
        return self.organisation.id if self.organisation is not None else None

    def __repr__(self) -> str:
        return f"<Team {self.id}>"

    def as_shape(self) -> Shape:
        """Return the object of ``team.info``."""
        organisation = self.organisation
        return without_absent(
            {
                "id": self.id,
                "name": self.name,
                "domain": self.domain,
                "url": f"https://{self.domain}.slack.com/",
                "email_domain": "",
                "icon": {"image_default": True},
                "enterprise_id": organisation.id if organisation is not None else None,
                "enterprise_name": organisation.name if organisation is not None else None,
            }
        )


@final
@dataclass(slots=True, eq=False)
class User:
    """A person or a bot user; a person is (team, id)."""

    id: str
    team: Team
    name: str
    """Real name."""
    display_name: str = ""
    email: str | None = None
    title: str = ""
    phone: str = ""
    tz: str = "Asia/Shanghai"
    is_bot: bool = False
    deleted: bool = False
    updated: int = 1_759_990_000

    def __repr__(self) -> str:
        return f"<User {self.id}>"

    @property
    def handle(self) -> str:
        """The old user name, which nobody may use."""
        return (self.display_name or self.name).lower().replace(" ", ".")

    def as_shape(self, *, email: bool, foreign: bool = False) -> Shape:
        """Return the object of ``users.info``: without the mail where the scope is missing or the reader is foreign."""
        profile = {
            "title": self.title,
            "phone": self.phone,
            "real_name": self.name,
            "display_name": self.display_name,
            "status_text": "",
            "status_emoji": "",
            "image_72": "https://secure.gravatar.com/avatar/x.jpg",
            "email": self.email if email and not foreign else None,
            "team": self.team.id,
        }
        organisation = self.team.organisation
        enterprise_user = organisation and {
            "id": self.id,
            "enterprise_id": organisation.id,
            "teams": [team.id for team in organisation.teams],
        }
        return without_absent(
            {
                "id": self.id,
                "team_id": self.team.id,
                "name": self.handle,
                "deleted": self.deleted,
                "real_name": self.name,
                "tz": self.tz,
                "tz_offset": 28_800,
                "profile": without_absent(profile),
                "is_restricted": False,
                "is_ultra_restricted": False,
                "is_bot": self.is_bot,
                "is_stranger": True if foreign else None,
                "is_email_confirmed": None if foreign else True,
                "updated": self.updated,
                "enterprise_user": enterprise_user,
            }
        )

    def as_event_profile(self) -> Shape:
        """Return ``user_profile`` as messages carry it."""
        return {
            "avatar_hash": "g1c2",
            "image_72": "https://secure.gravatar.com/avatar/x.jpg",
            "first_name": self.name.partition(" ")[0],
            "real_name": self.name,
            "display_name": self.display_name,
            "team": self.team.id,
            "name": self.handle,
            "is_restricted": False,
            "is_ultra_restricted": False,
        }


@final
@dataclass(slots=True, eq=False)
class Installation:
    """The app in one workspace, or in a whole organisation."""

    team: Team | None
    """None for an organisation-wide installation."""
    organisation: Organisation | None
    """The organisation of the workspace, or the one that installed the app."""
    bot: User
    bot_id: str
    app_id: str
    token: str
    scopes: frozenset[str] = frozenset()
    alive: bool = True
    gone_at: float = 0.0
    """When the app was removed."""
    withheld: set[str] = field(default_factory=set)
    """Workspaces of the organisation that have not been granted it, by id (facts/slack.md §13)."""

    @property
    def name(self) -> str:
        """Id of the workspace, or of the organisation."""
        return self.team.id if self.team is not None else self.bot.team.company

    def __repr__(self) -> str:
        return f"<Installation {self.name}{'' if self.alive else ' dead'}>"

    @property
    def org_wide(self) -> bool:
        """Whether the organisation as a whole installed the app."""
        return self.team is None

    def covers(self, team: Team) -> bool:
        """Tell whether *team* is one of this installation's workspaces."""
        if self.team is not None:
            return team is self.team
        return team.organisation is self.organisation and team.id not in self.withheld

    def authorization(self) -> Shape:
        """Return the entry of ``authorizations``."""
        return {
            "enterprise_id": self.organisation.id if self.organisation is not None else None,
            "team_id": self.team.id if self.team is not None else None,
            "user_id": self.bot.id,
            "is_bot": True,
            "is_enterprise_install": self.org_wide,
        }

    def bot_profile(self) -> Shape:
        """Return ``bot_profile`` of the app's messages."""
        icons = {
            f"image_{size}": f"https://a.slack-edge.com/80588/img/plugins/app/bot_{size}.png" for size in (36, 48, 72)
        }
        return {
            "id": self.bot_id,
            "app_id": self.app_id,
            "name": self.bot.name,
            "deleted": False,
            "updated": 1_759_990_000,
            "team_id": self.bot.team.id,
            "icons": icons,
        }


@final
@dataclass(slots=True, eq=False)
class HostedFile:
    """A file, complete; what an event shows of it may be less."""

    id: str
    name: str
    mimetype: str
    content: bytes
    owner: User
    created: int
    url_private: str = ""
    title: str = ""
    mode: str = "hosted"
    """``hosted``, ``snippet``, ``external``; ``tombstone`` once it is deleted, ``hidden_by_limit`` on a free plan."""
    is_external: bool = False
    clip: str = ""
    """``slack_audio`` or ``slack_video`` for what was recorded in Slack."""
    duration_ms: int = 0
    access: str = "visible"
    """``access_denied`` where the app may not see it."""
    complete: bool = True
    """False between the first and the last step of an upload."""
    length: int | None = None
    """As the first step of an upload was told; None for what a person has put there."""
    alt_text: str = ""
    token_came: bool = False
    """A token came with its bytes, though none belongs there (facts/slack.md §7)."""
    shares: list[Message] = field(default_factory=list)
    """The messages it stands in."""

    def __repr__(self) -> str:
        return f"<HostedFile {self.id} {len(self.content)} bytes>"

    def as_shape(self) -> Shape:
        """Return the file object as ``files.info`` and local events show it."""
        if self.mode in ("tombstone", "hidden_by_limit"):
            return {"id": self.id, "mode": self.mode}
        kind = self.name.rpartition(".")[2] if "." in self.name else "binary"
        thumbnail: Shape = {}
        if self.mimetype.startswith("image/"):
            thumb = self.url_private.replace("/files-pri/", "/files-tmb/", 1)
            thumbnail = {
                "thumb_360": thumb,
                "thumb_360_w": 360,
                "thumb_360_h": 240,
                "original_w": 1280,
                "original_h": 853,
            }
        clip: Shape = {"subtype": self.clip, "duration_ms": self.duration_ms} if self.clip else {}
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": kind,
            "pretty_type": kind.upper(),
            "user": self.owner.id,
            "user_team": self.owner.team.id,
            "editable": False,
            "size": len(self.content),
            "mode": self.mode,
            "is_external": self.is_external,
            "external_type": "gdrive" if self.is_external else "",
            "is_public": False,
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": self.url_private,
            "url_private_download": "/download/".join(self.url_private.rsplit("/", 1)),
            "media_display_type": "unknown",
            "permalink": f"https://{self.owner.team.domain}.slack.com/files/{self.owner.id}/{self.id}/{self.name}",
            "permalink_public": f"https://slack-files.com/{self.owner.team.id}-{self.id}-00ff00ff00",
            "has_rich_preview": False,
            "file_access": self.access,
            **thumbnail,
            **clip,
        }

    def as_shares(self) -> Shape:
        """Return ``shares`` of ``files.info``: where it stands, by kind of conversation and by conversation."""
        shares: dict[str, dict[str, list[Shape]]] = {}
        for message in self.shares:
            kind = "public" if message.channel.kind is ChannelKind.PUBLIC else "private"
            here = shares.setdefault(kind, {}).setdefault(message.channel.id, [])
            here.append(without_absent({"ts": message.ts, "thread_ts": message.thread_ts}))
        return {**shares}

    def as_stub(self) -> Shape:
        """Return what events of Slack Connect show: an id, and the advice to ask (facts/slack.md §7)."""
        return {
            "id": self.id,
            "mode": "file_access",
            "file_access": "check_file_info",
            "created": 0,
            "timestamp": 0,
            "user": "",
        }


@final
@dataclass(slots=True, eq=False)
class Message:
    """One message, as Slack keeps it."""

    channel: Channel
    ts: str
    text: str
    """Escaped."""
    user: User | None = None
    """The author; None for posts under another name and other bots'."""
    team: Team | None = None
    """Where it was written."""
    subtype: str | None = None
    blocks: Sequence[object] | None = None
    attachments: Sequence[object] | None = None
    thread_ts: str | None = None
    client_msg_id: str | None = None
    installation: Installation | None = None
    """Which installation of the app posted it."""
    bot_id: str | None = None
    app_id: str | None = None
    username: str | None = None
    icons: Document | None = None
    metadata: Document | None = None
    files: list[HostedFile] = field(default_factory=list)
    inviter: str | None = None
    edited: Document | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    arrived_at: float = 0.0
    """Calendar time at which Slack took it."""

    @property
    def shown(self) -> str:
        """The text as a person reads it."""
        return shown(self.text)

    @property
    def is_reply(self) -> bool:
        """Whether it stands in a thread and is not its root."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def in_channel(self) -> bool:
        """Whether the channel itself shows it: roots, and replies that were sent to the channel too."""
        return not self.is_reply or self.subtype == "thread_broadcast"

    def as_shape(self, *, metadata: bool, foreign_files: bool = False) -> Shape:
        """
        Return the message as the history shows it.

        Args:
            metadata: Whether to show ``metadata``.
            foreign_files: Whether files are shown as stubs.

        """
        root = self.channel.find(self.thread_ts) if self.is_reply and self.thread_ts is not None else None
        replies = self.channel.threads.get(self.ts, [])
        installation = self.installation if self.subtype != "bot_message" else None
        return without_absent(
            {
                "type": "message",
                "subtype": self.subtype,
                "user": self.user.id if self.user is not None else None,
                "ts": self.ts,
                "client_msg_id": self.client_msg_id,
                "text": self.text,
                "team": self.team.id if self.team is not None else None,
                "blocks": self.blocks,
                "attachments": self.attachments,
                "bot_id": self.bot_id,
                "app_id": self.app_id,
                "bot_profile": installation.bot_profile() if installation is not None else None,
                "username": self.username,
                "icons": self.icons,
                "inviter": self.inviter,
                "upload": False if self.files else None,
                "display_as_bot": False if self.files else None,
                "files": [file.as_stub() if foreign_files else file.as_shape() for file in self.files] or None,
                "edited": self.edited,
                "metadata": self.metadata if metadata else None,
                "thread_ts": self.ts if replies else self.thread_ts,
                "parent_user_id": root.user.id if root is not None and root.user is not None else None,
                "root": root.as_shape(metadata=False)
                if root is not None and self.subtype == "thread_broadcast"
                else None,
                "reply_count": len(replies) or None,
                "reply_users": list(dict.fromkeys(reply.user.id for reply in replies if reply.user)) or None,
                "latest_reply": replies[-1].ts if replies else None,
                "reactions": [
                    {"name": name, "users": users, "count": len(users)} for name, users in self.reactions.items()
                ]
                or None,
            }
        )

    def __repr__(self) -> str:
        return f"<Message {self.channel.id} {self.ts}>"


@final
@dataclass(slots=True, eq=False)
class Channel:
    """A conversation of any kind, with its messages."""

    id: str
    kind: ChannelKind
    name: str
    teams: list[Team]
    members: dict[str, User] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    """In order of ``ts``."""
    threads: dict[str, list[Message]] = field(default_factory=dict)
    """The replies of each thread by the ``ts`` of its root, oldest first."""
    statuses: dict[str, tuple[str, float]] = field(default_factory=dict)
    """What the app said last that it is doing in a thread, and when (calendar time)."""
    archived: bool = False
    created: int = 1_759_990_000

    @property
    def ext_shared(self) -> bool:
        """Whether several companies share it (Slack Connect)."""
        return len({team.company for team in self.teams}) > 1

    @property
    def org_shared(self) -> bool:
        """Whether several workspaces of one organisation share it."""
        return len(self.teams) > 1 and not self.ext_shared

    @property
    def roots(self) -> list[Message]:
        """The messages the channel itself shows, oldest first."""
        return [message for message in self.messages if message.in_channel]

    def find(self, ts: str) -> Message | None:
        """Return the message with this ``ts``."""
        at = bisect_left(self.messages, _order(ts), key=lambda message: _order(message.ts))
        return self.messages[at] if at < len(self.messages) and self.messages[at].ts == ts else None

    def set_status(self, thread_ts: str, text: str, *, at: float) -> None:
        """Let the app say what it is doing in a thread."""
        self.statuses[thread_ts] = text, at

    def status(self, thread_ts: str, *, now: float) -> str:
        """Return what people read under a thread: for two minutes, or until the app posts there."""
        text, at = self.statuses.get(thread_ts, ("", now))
        return text if now < at + STATUS_S else ""

    def add(self, message: Message) -> None:
        """Keep *message*, which is the newest."""
        self.messages.append(message)
        if message.installation is not None and message.thread_ts is not None:
            self.statuses.pop(message.thread_ts, None)
        if message.is_reply and message.thread_ts is not None:
            self.threads.setdefault(message.thread_ts, []).append(message)

    def remove(self, message: Message) -> None:
        """Forget *message*."""
        self.messages.remove(message)
        if message.is_reply and message.thread_ts is not None:
            self.threads[message.thread_ts].remove(message)

    def as_shape(self, *, reader: User) -> Shape:
        """Return the conversation object of ``conversations.info``."""
        kind = self.kind
        other = next((member for member in self.members.values() if member is not reader), None)
        flags = {
            "is_channel": kind is ChannelKind.PUBLIC or (kind is ChannelKind.PRIVATE and self.id.startswith("C")),
            "is_group": kind is ChannelKind.PRIVATE and self.id.startswith("G"),
            "is_im": kind is ChannelKind.IM,
            "is_mpim": kind is ChannelKind.MPIM,
            "is_private": kind is not ChannelKind.PUBLIC,
            "is_archived": self.archived,
            "is_shared": len(self.teams) > 1,
            "is_ext_shared": self.ext_shared,
            "is_org_shared": self.org_shared,
            "is_pending_ext_shared": False,
        }
        common: Shape = {"id": self.id, "created": self.created, **flags, "context_team_id": reader.team.id}
        if kind is ChannelKind.IM:
            return common | {"user": other.id if other is not None else "", "is_open": True}
        return common | {
            "name": self.name,
            "name_normalized": self.name,
            "is_member": reader.id in self.members,
            "num_members": len(self.members),
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }

    def __repr__(self) -> str:
        return f"<Channel {self.id} {self.kind.value}>"


def _order(ts: str) -> tuple[int, int]:
    """Return *ts* as a sort key, exactly: a float would lose digits."""
    seconds, _, rest = ts.partition(".")
    return int(seconds), int(rest or 0)
