"""
The keys of the configuration: one table, :data:`KEYS`, that says everything of each.

A row has the key's name, how its value is read, its default, whether it is required or secret, and what is said of it
to the operator. Some may be said again for a workspace or a channel alone: :data:`GROUPS`. The commented configuration
is made of it (:mod:`slackkefu.keys.commented`): ``python -m slackkefu.keys > config.example.toml`` after a change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final, get_args

from slackkefu.keys import readers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slackkefu.keys.readers import Reader

__all__ = [
    "BY_NAME",
    "BY_VARIABLE",
    "GROUPS",
    "KEYS",
    "PREFIX",
    "TABLES",
    "ChannelsMode",
    "Group",
    "Key",
    "LanguageChoice",
    "VisitorField",
]

ChannelsMode: TypeAlias = Literal["mention", "all", "off"]
LanguageChoice: TypeAlias = Literal["both", "zh-CN", "en-US"]
VisitorField: TypeAlias = Literal["name", "workspace", "email", "phone", "title", "timezone"]


@final
@dataclass(frozen=True, slots=True)
class Key:
    """All that is known of one key."""

    name: str
    """Dotted: table and name."""
    read: Reader
    default: object = ""
    """What an absent or empty value means, as :class:`slackkefu.config.Config` holds it."""
    required: bool = False
    secret: bool = False
    doc: str = ""
    """What it is and where it is found, a line break for each new paragraph; empty: said of the key before it too."""
    example: str = ""
    """What stands for a value that has no default."""

    @property
    def variable(self) -> str:
        """The environment variable of this key."""
        return PREFIX + self.name.upper().replace(".", "_")


@final
@dataclass(frozen=True, slots=True)
class Group:
    """Tables of the same keys, one for each workspace or channel that has something said for it alone."""

    name: str
    """Dotted; a table's name is this and its member's id: ``kefu.channels.C0SUPPORT1``."""
    member: str
    """The pattern of its members' ids."""
    expected: str
    """What these are, in words."""
    keys: tuple[Key, ...]
    """By their short names."""
    doc: str = ""
    """As of a key."""
    example: tuple[str, Mapping[str, object]] = ("", MappingProxyType({}))
    """A member, and what may be said of it."""

    def keys_of(self, member: str) -> Mapping[str, Key]:
        """Return the keys of one table, by their whole names."""
        named = (replace(key, name=f"{self.name}.{member}.{key.name}") for key in self.keys)
        return {key.name: key for key in named}


PREFIX: Final = "SLACKKEFU_"
_CLIENT_ID: Final = readers.text(r"(?!xapp-|xox)[!-~]+", "the app's client id")

MAX_NAME_BYTES: Final = 100
MAX_TAG_BYTES: Final = 40
MAX_TAGS: Final = 5
"""What leads to the right agent goes with every message, which has to stay small (facts/kefu.md §0)."""

_ENTRANCE: Final = (
    Key(
        "queue",
        readers.line("the name of a skill group (技能组)", max_bytes=MAX_NAME_BYTES),
        doc="Who serves them: a skill group (技能组) by its name, an agent by the login's e-mail address, and the "
        "visitor's tags. The desk follows it where its routing rules put the entrance (入口) first.",
    ),
    Key("agent", readers.line("the login of an agent, an e-mail address", max_bytes=MAX_NAME_BYTES)),
    Key("tags", readers.lines("tag", most=MAX_TAGS, max_bytes=MAX_TAG_BYTES), default=()),
)

KEYS: Final = (
    Key(
        "slack.app_token",
        readers.token("xapp-", where="the app's page, Basic Information, App-Level Tokens"),
        required=True,
        secret=True,
        doc="App-level token (xapp-…) for Socket Mode, with the scope connections:write.\n"
        "api.slack.com/apps, your app, Basic Information, App-Level Tokens.",
        example="xapp-…",
    ),
    Key(
        "slack.bot_token",
        readers.token("xoxb-", "xoxe.xoxb-", where="the app's page, OAuth & Permissions"),
        default=None,
        secret=True,
        doc="Bot token (xoxb-…) of a single workspace without OAuth: the app's page, OAuth & Permissions.",
        example="xoxb-…",
    ),
    Key(
        "slack.client_id",
        _CLIENT_ID,
        doc="For installing the app in many workspaces by OAuth (slackkefu install): the app's page, Basic "
        "Information, App Credentials. Both or none.",
    ),
    Key("slack.client_secret", readers.secret, default=None, secret=True),
    Key(
        "slack.redirect_url",
        readers.page,
        "https://localhost:18443/slack/oauth_redirect",
        doc="Where Slack sends the browser of whoever installs the app by OAuth, as the app's manifest has it. "
        "Nothing needs to be there: the browser shows an error, and the address in its address bar is what "
        "slackkefu install asks for.",
    ),
    Key(
        "slack.api_url",
        readers.url("https", "http", shape=lambda url: url.rstrip("/") + "/"),
        "https://slack.com/api/",
        doc="Slack's Web API.",
    ),
    Key(
        "slack.connections",
        readers.number(1, 9),
        2,  # of Slack's ten, one is for a change-over (facts/slack.md §1)
        doc="Socket Mode connections held at a time, 1 to 9. With two, one may break without a gap.",
    ),
    Key(
        "slack.channels",
        readers.choice(*get_args(ChannelsMode)),
        "mention",
        doc="What members write in channels and group conversations, is it for the desk?\n"
        '"mention": a mention of the app opens the conversation in its thread, for the one who wrote it.\n'
        '"all": everything. "off": nothing. Direct messages to the app always are.',
    ),
    Key(
        "slack.backfill_max_age",
        readers.number(1, 72),
        24,
        doc="What was written while slackkefu was down is read from Slack's history when it is up again. Hours, 1 to "
        "72: older messages are not brought to the desk, and their writers are told.",
    ),
    Key(
        "slack.session_status",
        readers.flag,
        default=True,
        doc="Shall customers see how their conversation with the desk stands (waiting, taken by whom, transferred, "
        "ended), in one message for each service session that is edited in place?",
    ),
    Key(
        "slack.language",
        readers.choice(*get_args(LanguageChoice)),
        "both",
        doc="People are spoken to in the language of their Slack. Slack does not tell that of people of other "
        'companies: "both" (Chinese and English), "zh-CN" or "en-US".',
    ),
    Key(
        "slack.introduction",
        readers.flag,
        default=True,
        doc="With a person's first message in a conversation, and when the app joins a channel, one line says who "
        "reads what is written there. false only where people are told in another way.",
    ),
    Key(
        "easemob.app_key",
        readers.text(
            r"[A-Za-z0-9_.-]+#[A-Za-z0-9_.-]+", "org#app, the AppKey on the app's page of the Easemob console"
        ),
        required=True,
        doc="AppKey, org#app: Easemob console, the app's page.",
        example="org#app",
    ),
    Key(
        "easemob.client_id",
        _CLIENT_ID,
        required=True,
        doc="Client ID and ClientSecret: the same page.",
    ),
    Key("easemob.client_secret", readers.secret, required=True, secret=True),
    Key(
        "easemob.rest_url",
        readers.url("https", "http", shape=lambda url: url.rstrip("/")),
        doc="REST and WebSocket addresses: the same page. Empty: found by discovery. VIP clusters and the "
        "customer-service zone are not found: ask Easemob's staff for theirs.",
    ),
    Key("easemob.websocket_url", readers.url("wss", "ws", shape=readers.with_websocket)),
    Key(
        "easemob.discovery_url",
        readers.url("https", "http"),
        "https://rs.easemob.com/easemob/server.json",
        doc="The discovery server.",
    ),
    Key(
        "easemob.max_sessions",
        readers.number(1, 1_000_000),
        2000,
        doc="Visitors logged in at a time; the longest-quiet makes room.",
    ),
    Key("easemob.logins_per_second", readers.number(1, 1000), 10, doc="Logins started in a second."),
    Key(
        "kefu.service_number",
        readers.service_number,
        required=True,
        doc="The IM service number (imServiceNumber) that answers visitors: the desk's console, channel settings.",
    ),
    Key(
        "kefu.tenant_id",
        readers.tenant,
        doc="The tenant's number (租户ID: admin mode, settings, company info) and the desk's own address, "
        "https://kefu.easemob.com unless your tenant is on another cluster. Needed for private_api, else not "
        "used.",
    ),
    Key("kefu.url", readers.url("https", "http", shape=lambda url: url.rstrip("/"))),
    Key(
        "kefu.private_api",
        readers.flag,
        default=False,
        doc="May the desk's own API be used as a second way while the IM login of a customer fails, and to notice "
        "answers that the IM connection did not bring? It is the one of Easemob's web widget: not documented, and "
        "it may change. It takes no password: whoever knows the tenant's number and a customer's IM name could "
        "read that customer's answers with it, also where this is false. Without it, messages go by Easemob's "
        "documented REST API in such times, and answers wait.\n"
        "It also tells what customers then see: that an agent is typing (in threads), how many wait, that nobody "
        "is on duty when they write, and how the company and its robot greet who writes for the first time.",
    ),
    Key(
        "kefu.visitor_fields",
        readers.several(*get_args(VisitorField)),
        ("name", "workspace"),
        doc="What the desk is told of a visitor: name, workspace, email, phone, title, timezone. [] for nothing.",
    ),
    Key(
        "kefu.source_card",
        readers.flag,
        default=True,
        doc="Does the agent get a card with a link to the message in Slack that begins a service session? It names "
        "the channel, and the link the workspace; to open it one needs an account there.",
    ),
    *(replace(key, name=f"kefu.{key.name}") for key in _ENTRANCE),
    Key(
        "network.proxy",
        readers.proxy,
        default=None,
        secret=True,
        doc="The proxy that everything goes through: http://host:port, https:// or socks5:// likewise, with "
        "name:password@ before the host where it wants them (what is no letter or digit in these as %XX). It is the "
        "proxy that looks names up. Empty: what $HTTPS_PROXY, $ALL_PROXY or $HTTP_PROXY say, with $NO_PROXY. "
        '"direct": none, whatever they say.',
    ),
    Key(
        "network.no_proxy",
        readers.exemptions,
        default=(),
        doc="Who is reached without the proxy: hosts and all below them, addresses, networks (10.0.0.0/8), with :port "
        'or not; "*" is everybody. This machine itself always is.',
    ),
    Key(
        "network.ca_bundle",
        readers.text(r"[^\0]+", "a file of CA certificates"),
        doc="CA certificates (PEM) that are trusted besides the system's: where a proxy opens TLS, its own, with all "
        "above it. Read at the start only. A relative path starts at this file.",
    ),
    Key(
        "store.path",
        readers.text(r"[^\0]+", "a folder"),
        doc="Where installations, visitors and tokens are kept, one folder for one daemon. A relative path starts at "
        "this file.\n"
        "Default: $STATE_DIRECTORY (systemd), else $XDG_STATE_HOME/slackkefu, else ~/.local/state/slackkefu.",
    ),
    Key(
        "store.keep_days",
        readers.number(1, 3650),
        30,
        doc="Days after which somebody who has not been heard of is erased, with their IM user at Easemob. Whoever "
        "writes again after that is a new customer for the desk.",
    ),
)

GROUPS: Final = (
    Group(
        "kefu.workspaces",
        r"T[A-Z0-9]+",
        "the id of a workspace, T… in capitals",
        _ENTRANCE,
        doc="The same for those who write from one workspace, or in one channel: a channel's word goes before the "
        "workspace's, and both before what is said above; tags add up. At the end of this file:",
        example=("T0NORTH001", {"queue": "VIP"}),
    ),
    Group(
        "kefu.channels",
        r"[CDG][A-Z0-9]+",
        "the id of a channel, C… in capitals",
        _ENTRANCE,
        example=("C0SUPPORT1", {"agent": "lin@example.com", "tags": ("support",)}),
    ),
)

BY_NAME: Final = {key.name: key for key in KEYS}
BY_VARIABLE: Final = {key.variable: key.name for key in KEYS}
TABLES: Final = tuple(dict.fromkeys(key.name.partition(".")[0] for key in KEYS))
