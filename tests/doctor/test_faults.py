"""Everything that can be wrong, each provoked and named: by its id, its level, and the words that help."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from slackkefu.cli.findings import Printed, exit_code
from slackkefu.demo.desk.host import HostFault
from slackkefu.demo.easemob import ImMessage
from slackkefu.demo.slack.faults import Hang, Refusal, Status, TooMany
from slackkefu.doctor.report import IDS, Level, failure, worst
from slackkefu.secret import Secret
from slackkefu.slack.ids import TeamId
from slackkefu.slack.installation import Installation, InstallationKey, to_bot
from slackkefu.store.lines import seal
from slackkefu.store.visitors import VisitorRecord
from tests.doctor.patient import APP_ID, patient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from slackkefu.doctor.report import Finding
    from tests.doctor.patient import Patient

OK, WARNING, FAILURE = Level.OK, Level.WARNING, Level.FAILURE

CERTIFICATE: Final = "its certificate is not trusted (certificate has expired)"


@dataclass(frozen=True)
class Ill:
    """One thing that is wrong."""

    name: str
    provoke: Callable[[Patient], object]
    id: str
    level: Level
    words: tuple[str, ...]
    """All of them are in what is said."""
    code: int = 5
    """The exit code."""
    about: str = ""
    login: bool = False
    switches: dict[str, Any] = field(default_factory=dict)


def both(*deeds: Callable[[Patient], object]) -> Callable[[Patient], None]:
    """Do one after the other."""

    def do(here: Patient) -> None:
        for deed in deeds:
            deed(here)

    return do


def app(here: Patient, **settings: Any) -> None:
    """Let the app at Slack's have other settings."""
    here.slack.state.settings = replace(here.slack.state.settings, **settings)


def kept(here: Patient, **fields: Any) -> None:
    """Keep the installation in the store, with some of it changed, instead of the configured token."""
    installation = Installation(
        key=InstallationKey(None, TeamId("T0NORTH001")),
        team_name="North",
        bot_token=Secret("xoxb-north"),
        bot_id=here.installation.bot_id,
        bot_user_id=here.installation.bot.id,  # type: ignore[arg-type]  # an id is an id
        app_id=APP_ID,
        scopes=frozenset(here.installation.scopes),
    )
    bot = to_bot(replace(installation, **fields), 1.0)
    here.stored().installations.save_bot(bot)
    here.configure("slack", bot_token=None)


def organisation(here: Patient) -> None:
    """Let an organisation have installed the app, and have taken it out of its only workspace."""
    grid = here.slack.add_organisation("E0GRID0001", name="Grid")
    grid.add_workspace("T0GRIDWS01", name="Gridspace")
    token = grid.install(token="xoxb-grid").token
    grid.organisation.teams.clear()
    here.configure("slack", bot_token=Secret(token))


def written(here: Patient, name: str, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file into the store, whatever is right there."""
    here.stored()
    path = here.config.store.path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def visitors(here: Patient, count: int, *, registered: bool = False, waiting: int = 0) -> None:
    """Let so many visitors have written just now."""
    store = here.stored()
    for number in range(count):
        name = f"t0north001_u{number}_d{number}"
        team, user, channel = name.upper().split("_")
        store.visitors.save(
            VisitorRecord(im_user=name, team=team, user=user, channel=channel, last_active=here.world.wall())
        )
        if registered:
            here.easemob.register(name)
        for _ in range(waiting):
            here.easemob.post(ImMessage("kefu_service", name, "txt", {"msg": "hello"}, {}))


def users(here: Patient, count: int) -> None:
    """Let the app have so many IM users."""
    for number in range(count):
        here.easemob.register(f"somebody{number}")


def chmod(here: Patient, name: str, mode: int) -> None:
    """Change a mode in the store."""
    here.stored()
    (here.config.store.path / name).chmod(mode)


def no_store(here: Patient, content: bytes) -> None:
    """Let there be a file where the store belongs."""
    here.config.store.path.write_bytes(content)


ILLS: Final = (
    # Slack.
    Ill(
        "another app-level token",
        lambda here: here.configure("slack", app_token=Secret("xapp-other")),
        "slack.app_token",
        FAILURE,
        ("invalid_auth", "slack.app_token", "App-Level Tokens"),
    ),
    Ill(
        "a bot token as app-level token",
        lambda here: here.configure("slack", app_token=Secret("xoxb-north")),
        "slack.app_token",
        FAILURE,
        ("not_allowed_token_type", "xapp-"),
    ),
    Ill(
        "an app-level token without its scope",
        lambda here: app(here, app_scopes=frozenset({"authorizations:read"})),
        "slack.app_token",
        FAILURE,
        ("missing_scope", "connections:write"),
    ),
    Ill(
        "somebody opens connections all the time",
        lambda here: here.slack.faults.web.next("apps.connections.open", TooMany(3000)),
        "slack.app_token",
        WARNING,
        ("wait 3000 s",),
        code=0,
    ),
    Ill(
        "an answer that is not Slack's",
        lambda here: here.slack.faults.web.storm("apps.connections.open", Refusal("fatal_error")),
        "slack.app_token",
        FAILURE,
        ("no usable answer", "slack.api_url"),
    ),
    Ill(
        "something on the way that answers for Slack",
        lambda here: here.slack.faults.web.next("apps.connections.open", Status(403)),
        "slack.app_token",
        FAILURE,
        ("http_403", "what is between this machine and Slack"),
    ),
    Ill(
        "something on the way that answers about an installation",
        lambda here: here.slack.faults.web.next("auth.test", Status(403)),
        "slack.installation",
        FAILURE,
        ("http_403", "whoever runs what is between"),
    ),
    Ill(
        "a Slack that makes us wait before it lists conversations",
        lambda here: here.slack.faults.web.storm("users.conversations", TooMany(3000)),
        "check.time",
        WARNING,
        ("its token works",),
        code=0,
    ),
    Ill(
        "a Slack that is silent",
        lambda here: here.slack.faults.web.next("apps.connections.open", Hang()),
        "slack.app_token",
        FAILURE,
        ("within 15 s",),
    ),
    Ill(
        "a Slack that is silent about an installation",
        lambda here: here.slack.faults.web.next("auth.test", Hang()),
        "slack.installation",
        WARNING,
        ("within 20 s", "check again"),
        code=0,
    ),
    Ill(
        "a Slack that is in trouble",
        lambda here: here.slack.faults.web.storm("auth.test", Refusal("internal_error")),
        "slack.installation",
        WARNING,
        ("internal_error",),
        code=0,
    ),
    Ill(
        "another bot token",
        lambda here: here.configure("slack", bot_token=Secret("xoxb-other")),
        "slack.installation",
        FAILURE,
        ("invalid_auth", "slack.bot_token"),
    ),
    Ill(
        "an app-level token as bot token",
        lambda here: here.configure("slack", bot_token=here.config.slack.app_token),
        "slack.installation",
        FAILURE,
        ("not_allowed_token_type", "not a bot token", "xoxb-"),
    ),
    Ill(
        "an app that was removed",
        lambda here: here.slack.state.uninstall(here.installation),
        "slack.installation",
        FAILURE,
        ("account_inactive", "removed", "revoked"),
    ),
    Ill(
        "an installed app that was removed",
        both(kept, lambda here: here.slack.state.uninstall(here.installation)),
        "slack.installation",
        FAILURE,
        ("account_inactive", "slackkefu install"),
        about="-/T0NORTH001",
    ),
    Ill(
        "a token of another workspace",
        lambda here: kept(here, key=InstallationKey(None, TeamId("T0SOUTH001"))),
        "slack.installation",
        FAILURE,
        ("T0NORTH001", "slackkefu install"),
        about="-/T0SOUTH001",
    ),
    Ill(
        "an installation whose token was erased",
        lambda here: kept(here, needs_reinstall="token_revoked"),
        "slack.installation",
        FAILURE,
        ("token_revoked", "slackkefu install"),
        about="-/T0NORTH001",
    ),
    Ill(
        "a bot of another app",
        lambda here: setattr(here.installation, "app_id", "A0OTHERAPP"),
        "slack.app",
        FAILURE,
        ("A0OTHERAPP", APP_ID, "never heard"),
    ),
    Ill(
        "missing scopes",
        lambda here: setattr(here.installation, "scopes", here.installation.scopes - {"files:read", "team:read"}),
        "slack.scopes",
        WARNING,
        ("files:read, team:read", "bringing customers' files", "install the app there again"),
        code=0,
    ),
    Ill(
        "a missing scope that everything needs",
        lambda here: setattr(here.installation, "scopes", here.installation.scopes - {"chat:write"}),
        "slack.scopes",
        FAILURE,
        ("chat:write", "posting what agents answer", "slackkefu manifest"),
    ),
    Ill(
        "a configured token that rotates",
        both(
            lambda here: here.slack.state._by_token.update({"xoxe.xoxb-north": here.installation}),
            lambda here: here.configure("slack", bot_token=Secret("xoxe.xoxb-north")),
        ),
        "slack.rotation",
        WARNING,
        ("12 h", "slackkefu install"),
        code=0,
    ),
    Ill(
        "a token that rotates, without the secret for it",
        lambda here: kept(here, refresh_token=Secret("xoxe-next"), expires_at=here.world.wall() + 7200),
        "slack.rotation",
        WARNING,
        ("2.0 h", "slack.client_secret"),
        code=0,
    ),
    Ill(
        "a token that has ended, without another",
        lambda here: kept(here, expires_at=here.world.wall() - 3600),
        "slack.rotation",
        FAILURE,
        ("1.0 h ago", "no refresh token", "slackkefu install"),
    ),
    Ill(
        "a token that has ended, and nobody replaces it",
        both(
            lambda here: kept(here, refresh_token=Secret("xoxe-next"), expires_at=here.world.wall() - 3600),
            lambda here: here.configure("slack", client_secret=Secret("client-secret-test")),
        ),
        "slack.rotation",
        WARNING,
        ("1.0 h ago", "start the daemon"),
        code=0,
    ),
    Ill(
        "a token that has ended beside a daemon",
        both(
            lambda here: kept(here, refresh_token=Secret("xoxe-next"), expires_at=here.world.wall() - 3600),
            lambda here: here.configure("slack", client_secret=Secret("client-secret-test")),
            lambda here: here.runs(4711, open_files=65536),
        ),
        "slack.rotation",
        FAILURE,
        ("was not replaced", "slack.token", "slackkefu install"),
    ),
    Ill(
        "an organisation without workspaces",
        organisation,
        "slack.workspaces",
        WARNING,
        ("no workspace", "organisation admin"),
        code=0,
    ),
    Ill(
        "an app that is installed nowhere",
        lambda here: here.configure("slack", bot_token=None),
        "slack.installations",
        WARNING,
        ("no workspace", "slackkefu install"),
        code=0,
    ),
    Ill(
        "conversations that are not told",
        lambda here: here.slack.faults.web.storm("users.conversations", Refusal("access_denied")),
        "slack.channels",
        WARNING,
        ("access_denied",),
        code=0,
    ),
    # The ways.
    Ill(
        "a name that nobody resolves",
        lambda here: here.unresolved.add("slack.com"),
        "net.dns",
        FAILURE,
        ("Name or service not known", "DNS", "network.proxy"),
        about="slack.com:443",
    ),
    Ill(
        "a port that is closed",
        lambda here: here.ways.tcp.update({"wss-primary.slack.com": "Connection refused"}),
        "net.tcp",
        FAILURE,
        ("Connection refused", "port 443 to wss-primary.slack.com", "check --hosts"),
        about="wss-primary.slack.com:443",
    ),
    Ill(
        "a port that swallows everything",
        lambda here: setattr(here.ways.inner.hosts["wss-backup.slack.com"], "black_hole", True),
        "net.tcp",
        FAILURE,
        ("nothing within 10 s",),
        about="wss-backup.slack.com:443",
    ),
    Ill(
        "no way for files",
        lambda here: here.ways.tcp.update({"files.slack.com": "Connection refused"}),
        "net.tcp",
        WARNING,
        ("no file passes",),
        code=0,
        about="files.slack.com:443",
    ),
    Ill(
        "a certificate that has expired",
        lambda here: here.ways.tls.update({"slack.com": CERTIFICATE}),
        "net.tls",
        FAILURE,
        ("certificate has expired", "network.ca_bundle", "the clock"),
        about="slack.com:443",
    ),
    Ill(
        "a way that was not there, so nothing is asked",
        lambda here: here.ways.tcp.update({"slack.com": "Connection refused"}),
        "check.unasked",
        WARNING,
        ("slack.com:443",),
        about="Slack",
    ),
    Ill(
        "no way to Easemob's IM",
        lambda here: here.ways.tcp.update({"im.easemob.test": "Connection refused"}),
        "net.tcp",
        FAILURE,
        ("nothing reaches the desk",),
        about="im.easemob.test:443",
    ),
    Ill(
        "no way to Easemob's REST API",
        lambda here: here.ways.tcp.update({"rest.easemob.test": "Connection refused"}),
        "check.unasked",
        WARNING,
        ("rest.easemob.test cannot be reached",),
        about="Easemob",
    ),
    Ill(
        "no way to the discovery server",
        both(
            lambda here: here.unresolved.add("rs.easemob.com"),
            lambda here: here.ways.tcp.update({"rs.easemob.com": "Name or service not known"}),
        ),
        "net.dns",
        FAILURE,
        ("its addresses are not found",),
        about="rs.easemob.com:443",
    ),
    # The clock.
    Ill(
        "a clock an hour ahead",
        lambda here: here.ours.step(3600),
        "clock",
        FAILURE,
        ("3600 s ahead", "set-ntp"),
        about="Slack",
    ),
    Ill(
        "a clock an hour behind",
        lambda here: here.ours.step(-3600),
        "clock",
        FAILURE,
        ("3600 s behind", "TLS"),
        about="Easemob",
    ),
    Ill(
        "a clock 20 s ahead",
        lambda here: here.ours.step(20),
        "clock",
        WARNING,
        ("20 s ahead", "late"),
        code=0,
        about="Slack",
    ),
    # Easemob.
    Ill(
        "an app that discovery does not know",
        lambda here: here.configure("easemob", app_key="shop#other"),
        "easemob.discovery",
        FAILURE,
        ("no REST host", "easemob.app_key", "customer-service zone"),
    ),
    Ill(
        "an app that is not on this cluster",
        lambda here: here.configure(
            "easemob",
            app_key="shop#other",
            rest_url="https://rest.easemob.test",
            websocket_url="wss://im.easemob.test/websocket",
        ),
        "easemob.credentials",
        FAILURE,
        ("organization_application_not_found", "another data centre"),
    ),
    Ill(
        "a server of another cluster",
        both(
            lambda here: here.ways.inner.serve("a1.easemob.test", 443, here.easemob.serve_stream),
            lambda here: here.ways.inner.serve_http("a1.easemob.test", here.easemob.asgi),
            lambda here: here.easemob.faults.fail_rest("/token", 404, "organization_application_not_found"),
            lambda here: here.configure("easemob", rest_url="https://a1.easemob.test"),
        ),
        "easemob.credentials",
        FAILURE,
        ("another data centre", "Discovery gives rest.easemob.test"),
    ),
    Ill(
        "another client id",
        lambda here: here.configure("easemob", client_id="another"),
        "easemob.credentials",
        FAILURE,
        ("invalid_grant", "easemob.client_id"),
    ),
    Ill(
        "another client secret",
        lambda here: here.configure("easemob", client_secret=Secret("another-secret")),
        "easemob.credentials",
        FAILURE,
        ("invalid_grant", "easemob.client_secret"),
    ),
    Ill(
        "an Easemob that does not answer",
        lambda here: setattr(here.easemob.faults, "rest_delay_s", 1000.0),
        "easemob.credentials",
        FAILURE,
        ("no app token",),
    ),
    Ill(
        "a service number that nobody has",
        lambda here: here.configure("kefu", service_number="nobody"),
        "easemob.service_number",
        FAILURE,
        ("nobody", "nobody at the desk hears", "kefu.service_number"),
    ),
    Ill(
        "a machine that may not send by REST",
        lambda here: here.easemob.faults.fail_rest("/messages/users", 403, "forbidden_op"),
        "easemob.sending",
        WARNING,
        ("may not send", "allowlist"),
        code=0,
    ),
    Ill(
        "a plan that does not let send",
        lambda here: here.easemob.faults.fail_rest("/messages/users", 429, "resource_limited"),
        "easemob.sending",
        WARNING,
        ("the plan",),
        code=0,
    ),
    Ill(
        "too many sends",
        lambda here: here.easemob.faults.fail_rest("/messages/users", 429, "reach_limit"),
        "easemob.sending",
        WARNING,
        ("later",),
        code=0,
    ),
    Ill(
        "a send without an answer",
        lambda here: here.easemob.faults.fail_rest("/messages/users", 0),
        "easemob.sending",
        WARNING,
        ("not told",),
        code=0,
    ),
    Ill(
        "a cluster with the older form of sends alone",
        lambda _here: None,
        "easemob.sending",
        OK,
        ("not tried", "older form"),
        code=0,
        switches={"send_form": "2017"},
    ),
    Ill(
        "a service number that nobody tells of",
        lambda here: here.easemob.faults.fail_rest("/users/kefu_service", 502, times=5),
        "easemob.service_number",
        WARNING,
        ("not told", "502"),
        code=0,
    ),
    Ill(
        "users that are not counted",
        lambda here: here.easemob.faults.fail_rest("/users", 403, "forbidden_op", times=9),
        "easemob.users",
        OK,
        ("not told",),
        code=0,
    ),
    Ill("users near the free plan's", lambda here: users(here, 85), "easemob.users", WARNING, ("86", "100"), code=0),
    Ill(
        "a plan that is used up",
        lambda here: here.easemob.faults.fail_rest("/users", 429, "resource_limited", times=9),
        "easemob.users",
        FAILURE,
        ("no new visitor", "plan"),
    ),
    Ill(
        "visitors near the free plan's of a day",
        lambda here: visitors(here, 85),
        "easemob.visitors",
        WARNING,
        ("85", "100 users a day"),
        code=0,
    ),
    Ill(
        "answers that nobody fetches",
        lambda here: visitors(here, 2, registered=True, waiting=450),
        "easemob.waiting",
        WARNING,
        ("at most 450", "500"),
        code=0,
    ),
    Ill(
        "a plan without room for one more user",
        lambda _here: None,
        "easemob.login",
        FAILURE,
        ("the plan's number of users is used up",),
        login=True,
        switches={"plan_users": 1},
    ),
    Ill(
        "a plan whose day is used up",
        lambda here: here.easemob.faults.refuse_login(7, "Sorry, the app day live count limit"),
        "easemob.login",
        FAILURE,
        ("users of this day are used up", "next day"),
        login=True,
    ),
    Ill(
        "an IM server that does not answer",
        lambda here: setattr(here.easemob.faults, "black_hole", True),
        "easemob.login",
        FAILURE,
        ("slackkefu-probe-", "out of the firewall for WebSockets"),
        login=True,
    ),
    Ill(
        "a user that cannot be deleted",
        lambda here: here.easemob.faults.fail_rest("/users/slackkefu-probe", 403, "forbidden_op"),
        "easemob.login",
        WARNING,
        ("could not be deleted", "registered user", "in Easemob's console"),
        code=0,
        login=True,
    ),
    # The desk.
    Ill(
        "a tenant that the desk does not know",
        lambda here: here.configure("kefu", tenant_id="4711"),
        "kefu.tenant",
        FAILURE,
        ("4711", "kefu.tenant_id", "kefu.url"),
    ),
    Ill(
        "a tenant that matters little",
        lambda here: here.configure("kefu", tenant_id="4711", private_api=False),
        "kefu.tenant",
        WARNING,
        ("4711",),
        code=0,
    ),
    Ill(
        "a page where the desk should be",
        lambda here: here.kefu.pages.says.update({"channels": b"<html>please log in</html>"}),
        "kefu.tenant",
        FAILURE,
        ("answered HTTP 200 with something that is not the desk's", "check kefu.url"),
    ),
    Ill(
        "a firewall that answers for the desk",
        lambda here: here.kefu.pages.fail("channels", HostFault(403)),
        "kefu.tenant",
        FAILURE,
        ("answered HTTP 403", "check kefu.url"),
    ),
    Ill(
        "a tenant over its limit",
        lambda here: here.kefu.pages.fail("channels", HostFault(503)),
        "kefu.tenant",
        FAILURE,
        ("503", "over its limit"),
    ),
    Ill(
        "a desk that breaks off",
        lambda here: here.kefu.pages.fail("channels", HostFault(0)),
        "kefu.tenant",
        FAILURE,
        ("kefu.url",),
    ),
    Ill(
        "no way to the desk",
        lambda here: here.ways.tls.update({"kefu.test": "a self-signed certificate"}),
        "net.tls",
        FAILURE,
        ("self-signed", "no second way"),
        about="kefu.test:443",
    ),
    Ill(
        "a service number of another tenant",
        lambda here: here.kefu.pages.says.update({"channels": b'[{"orgName": "a", "appName": "b", "channelId": 1}]'}),
        "kefu.service_number",
        FAILURE,
        ("kefu_service", "kefu.tenant_id"),
    ),
    # The store, and this machine.
    Ill(
        "a Slack that is none",
        lambda here: here.configure("slack", api_url="https://slak.com/api/"),
        "config.servers",
        WARNING,
        ("slak.com", "tokens", "slack.api_url"),
    ),
    Ill(
        "a read-only file system",
        both(lambda here: here.stored(), lambda here: setattr(here, "room", {"f_flag": 1})),
        "store.folder",
        FAILURE,
        ("read-only", "mount it"),
        code=4,
    ),
    Ill(
        "a read-only file system where the store shall be",
        lambda here: setattr(here, "room", {"f_flag": 1}),
        "store.folder",
        FAILURE,
        ("not there", "read-only"),
        code=4,
    ),
    Ill(
        "a folder that may not be written",
        lambda here: chmod(here, "spill", 0o500),
        "store.folder",
        FAILURE,
        ("spill", "chmod u+rwx"),
        code=4,
    ),
    Ill(
        "a file in the store's place", lambda here: no_store(here, b""), "store.folder", FAILURE, ("is a file",), code=4
    ),
    Ill(
        "a full disk",
        lambda here: setattr(here, "room", {"f_bavail": 0}),
        "store.space",
        FAILURE,
        ("0 MiB", "disk is full"),
        code=4,
    ),
    Ill(
        "no room for another file",
        lambda here: setattr(here, "room", {"f_favail": 0}),
        "store.space",
        FAILURE,
        ("another file",),
        code=4,
    ),
    Ill(
        "a disk that will be full",
        lambda here: setattr(here, "room", {"f_bavail": 500 * 2**20 // 4096, "f_frsize": 4096}),
        "store.space",
        WARNING,
        ("500 MiB", "1024 MiB", "the spill"),
        code=0,
    ),
    Ill(
        "a disk with few files left",
        lambda here: setattr(here, "room", {"f_favail": 500}),
        "store.space",
        WARNING,
        ("500 more files",),
        code=0,
    ),
    Ill(
        "a store that others may enter",
        lambda here: chmod(here, "", 0o755),
        "store.private",
        WARNING,
        ("chmod 0700",),
        code=0,
    ),
    Ill(
        "a file that others may read",
        lambda here: written(here, "tokens/app.json", b"{}", mode=0o644),
        "store.private",
        WARNING,
        ("tokens/app.json", "chmod -R go="),
        code=0,
    ),
    Ill(
        "a damaged installation",
        lambda here: written(here, "installations/none-T0SOUTH001.json", b'{"bot": 7}'),
        "store.damaged",
        FAILURE,
        ("installations/none-T0SOUTH001.json", "slackkefu install"),
        code=4,
        about="none-T0SOUTH001",
    ),
    Ill(
        "an installation that was set aside",
        lambda here: written(here, "damaged/installations/none-T0SOUTH001.json", b"{"),
        "store.damaged",
        FAILURE,
        ("damaged/installations/none-T0SOUTH001.json", "slackkefu install"),
        code=4,
        about="none-T0SOUTH001",
    ),
    Ill(
        "a damaged visitor",
        lambda here: written(here, "visitors/t1_u1_c1.json", b""),
        "store.damaged",
        WARNING,
        ("1 records of visitors or tokens",),
        code=0,
    ),
    Ill(
        "a damaged line",
        lambda here: written(here, "spill/000000000001.jsonl", b'{"v":1}\n' + seal(b"{}")),
        "store.damaged",
        WARNING,
        ("1 lines",),
        code=0,
    ),
    Ill(
        "a file that was set aside",
        lambda here: written(here, "damaged/spill/1-0.jsonl", b"cut"),
        "store.damaged",
        WARNING,
        ("1 files in", "store.damaged in the log"),
        code=0,
    ),
    Ill(
        "few open files of a daemon",
        lambda here: here.runs(4711, open_files=512),
        "host.open_files",
        WARNING,
        ("512 open files", "the daemon's (process 4711)"),
        code=0,
    ),
    Ill(
        "few open files",
        lambda here: setattr(here, "open_files", 1024),
        "host.open_files",
        WARNING,
        ("1024 open files", "2000", "about 768 visitors", "LimitNOFILE=65536"),
        code=0,
    ),
)


def names_of(finding: Finding) -> str:
    """Return all that a finding says."""
    return f"{finding.says} {finding.means} {finding.do}"


@pytest.mark.parametrize("ill", ILLS, ids=lambda ill: ill.name.replace(" ", "_"))
async def test_what_is_wrong_is_named(
    ill: Ill, autojump_clock: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is found under its id, as bad as it is, with what to do, and without a secret."""
    async with patient(tmp_path, **ill.switches) as here:
        ill.provoke(here)
        findings = await here.examined(login=ill.login)
        secrets = list(here.secrets())
    found = [each for each in findings if (each.id, each.level) == (ill.id, ill.level)]
    found = [each for each in found if ill.about in {"", each.about}]

    assert found, findings
    for word in ill.words:
        assert word in names_of(found[0])
    assert ill.code == exit_code(findings)
    for finding in findings:
        assert finding.id in IDS
        assert finding.level is OK or (finding.means and finding.do)
    for as_json in (False, True):
        printed = Printed(as_json=as_json)
        for finding in findings:
            printed.tell(finding)
        printed.finish()
        output = capsys.readouterr().out
        assert ill.id in output
        assert not [secret for secret in secrets if secret in output]


@pytest.mark.parametrize("login", [False, True])
async def test_somebody_who_is_well(login: bool, autojump_clock: object, tmp_path: Path) -> None:
    """Where nothing is wrong everything is ok, also with the log in."""
    async with patient(tmp_path) as here:
        kept(here)
        findings = await here.examined(login=login)

    assert worst(findings) is OK, [each for each in findings if each.level is not OK]
    assert 0 == exit_code(findings)
    assert {"slack.app_token", "slack.scopes", "easemob.credentials", "kefu.tenant"} <= {each.id for each in findings}
    assert login is any(each.id == "easemob.login" for each in findings)


def test_each_id_is_provoked() -> None:
    """Every id that can be bad news is in the table above, or has a test of its own."""
    of_their_own = {"config.file", "config.values", "net.proxy", "daemon"}
    good_only = {"store.lock", "net.way", "store.contents"}

    assert set(IDS) - of_their_own - good_only == {ill.id for ill in ILLS}


def test_what_comes_first() -> None:
    """The exit code is that of what has to be mended first."""

    def failed(*ids: str) -> Sequence[Finding]:
        return [failed_at(id_) for id_ in ids]

    assert [5, 4, 3, 0] == [
        exit_code(failed("slack.app_token")),
        exit_code(failed("net.dns", "store.space")),
        exit_code(failed("store.space", "config.values", "net.dns")),
        exit_code([]),
    ]


def failed_at(id_: str) -> Finding:
    """Return a failure of that id."""
    return failure(id_, "bad", means="much", do="something")
