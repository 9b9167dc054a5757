"""
The configuration: one TOML file, the environment and systemd's credentials, checked into one frozen object.

Each key of :data:`slackkefu.keys.KEYS` may come from three places, the first that has it wins:

1. a file in ``$CREDENTIALS_DIRECTORY`` named like the key (``slack.app_token``), its trailing newline cut off;
2. the environment: ``SLACKKEFU_`` and the key in capitals, dots as underscores (``SLACKKEFU_SLACK_APP_TOKEN``);
3. the TOML file: the table and name (``[slack]``, ``app_token``).

From the first two a value comes as text: a number in digits, a list separated by commas. What is said for a workspace
or a channel alone (``[kefu.channels.C0SUPPORT1]``) has its place in the TOML file only.

A command that needs a part of it reads that part: :func:`load_as`.

A wrong configuration gives every problem at once. No problem, and no ``repr``, shows a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, final, get_type_hints
from urllib.parse import urlsplit, urlunsplit

import msgspec
import tomli

from slackkefu.errors import ConfigError, ConfigProblem
from slackkefu.kefu.outgoing import Entrance
from slackkefu.keys import (
    BY_NAME,
    BY_VARIABLE,
    GROUPS,
    KEYS,
    PREFIX,
    TABLES,
    ChannelsMode,
    Group,
    Key,
    LanguageChoice,
    VisitorField,
    WrongValue,
    describe,
    shown,
    unknown,
)
from slackkefu.net.proxy import GO_DIRECT, Exemption, Proxies, Proxy, exempt_by, proxy_variable
from slackkefu.net.tls import check_bundle
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = [
    "ChannelsMode",
    "Config",
    "EasemobConfig",
    "KefuConfig",
    "LanguageChoice",
    "NetworkConfig",
    "SlackConfig",
    "StoreConfig",
    "StoreOnly",
    "VisitorField",
    "load",
    "load_as",
]

C = TypeVar("C")


# What the rest of slackkefu sees.


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SlackConfig:
    """The Slack app."""

    app_token: Secret
    bot_token: Secret | None
    """Of a single workspace without OAuth."""
    client_id: str
    """For OAuth installs; empty without."""
    client_secret: Secret | None
    redirect_url: str
    """Where a browser is sent after an OAuth install."""
    api_url: str
    """Ends with a slash."""
    connections: int
    channels: ChannelsMode
    backfill_max_age: int
    """Hours."""
    session_status: bool
    """Customers are shown how their service session stands."""
    language: LanguageChoice
    """What people are spoken to in whose locale Slack does not tell."""
    introduction: bool
    """People are told at the first contact who reads what they write."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EasemobConfig:
    """The Easemob IM app."""

    app_key: str
    """``org#app``."""
    client_id: str
    client_secret: Secret
    rest_url: str
    """Scheme and host, no slash at the end; empty: found by discovery."""
    websocket_url: str
    """With its path; empty: found by discovery."""
    discovery_url: str
    max_sessions: int
    logins_per_second: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KefuConfig:
    """The customer-service desk."""

    service_number: str
    """Lower case, as Easemob keeps user names."""
    tenant_id: str
    """May be empty without :attr:`private_api`."""
    url: str
    """The desk's own address, no slash at the end; may be empty without :attr:`private_api`."""
    private_api: bool
    """The desk's undocumented API may be used: the second channel (facts/kefu.md §3.2)."""
    visitor_fields: tuple[VisitorField, ...]
    source_card: bool = True
    """Whether the agent gets a link to the message that opens a service session."""
    queue: str = ""
    agent: str = ""
    tags: tuple[str, ...] = ()
    workspaces: Mapping[str, Entrance] = field(default_factory=dict)
    """What is said for a workspace alone, by its id."""
    channels: Mapping[str, Entrance] = field(default_factory=dict)
    """What is said for a channel alone, by its id."""

    @property
    def entrance(self) -> Entrance:
        """Where everybody is led for whom nothing else is said."""
        return Entrance(self.queue, self.agent, self.tags)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """The way out of the operator's network."""

    proxy: Secret | None = None
    """Its address, which may hold a password; None: there is none."""
    proxy_source: str = ""
    """The environment's variable that says so, where it is not this configuration."""
    no_proxy: tuple[str, ...] = ()
    """Who is reached without it."""
    ca_bundle: Path | None = None
    """CAs that are trusted besides the system's; they could be read at the start."""

    @property
    def proxies(self) -> Proxies:
        """Which proxy for whom."""
        place = f"${self.proxy_source}" if self.proxy_source else "network.proxy"
        proxy = None if self.proxy is None else Proxy.read(self.proxy.reveal(), place=place)
        return Proxies(proxy, tuple(map(Exemption.read, self.no_proxy)))

    @property
    def way(self) -> str:
        """The proxy without its name and password, and who says so; for a person."""
        source = f" (from ${self.proxy_source})" if self.proxy_source else ""
        return f"{self.proxies.proxy or 'none'}{source}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """The folder on disk."""

    path: Path
    keep_days: int = 30


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything an operator may say."""

    slack: SlackConfig
    easemob: EasemobConfig
    kefu: KefuConfig
    store: StoreConfig
    network: NetworkConfig = NetworkConfig()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOnly:
    """What a command reads that needs the store and nothing else; see :func:`load_as`."""

    store: StoreConfig


# Reading.


@final
@dataclass(frozen=True, slots=True)
class _Given:
    """A value somebody gave."""

    value: object
    place: str = ""
    """Where, unless it was the TOML file."""


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """
    Read and check the configuration.

    Args:
        path: The TOML file.
        environ: The environment; also tells where credentials and the default store are.

    Raises:
        ConfigError: Something is wrong; holds every problem.

    """
    return load_as(Config, path, environ)


def load_as(shape: type[C], path: Path, environ: Mapping[str, str], *, required: Collection[str] = ()) -> C:
    """
    Read and check a part of the configuration.

    A command beside the daemon may run where much of the configuration is not at hand: a root shell has no
    ``$CREDENTIALS_DIRECTORY``. It reads what it needs, and nothing else has to be there.

    Args:
        shape: A dataclass of tables, like :class:`Config`: the keys it has fields for are read.
        path: The TOML file.
        environ: As for :func:`load`.
        required: Keys that must have a value, beside those that the daemon needs.

    Raises:
        ConfigError: Something is wrong with these keys; holds every problem.

    """
    problems: list[ConfigProblem] = []
    document = _parse(path)
    wanted = _names(shape)
    # Nobody has to care afterwards from where the file was named.
    base = path.absolute().parent
    given = {
        **dict(_from_file(document, problems)),
        **dict(_from_environment(environ, problems)),
        **dict(_from_credentials(environ.get("CREDENTIALS_DIRECTORY", ""), wanted, problems)),
    }
    given = {name: value for name, value in given.items() if value.value != "" and name in wanted}
    keys = [replace(key, required=key.required or key.name in required) for key in KEYS if key.name in wanted]
    values = {key.name: _value(key, given.get(key.name), problems) for key in keys}
    problems += _contradictions(values, given)
    if "easemob.rest_url" in values:
        rest_url, app_key = str(values["easemob.rest_url"]), str(values.get("easemob.app_key", ""))
        values["easemob.rest_url"] = _without_app(rest_url, app_key, problems)
    values |= {group.name: _tables(group, document, problems) for group in GROUPS if group.name in wanted}
    if "network.proxy" in values:
        values |= _network(values, environ, base, problems)
    if "store.path" in values:
        values["store.path"] = _store_path(values["store.path"], base, environ, problems)
    if problems:
        raise ConfigError(str(path), tuple(problems))
    tree: dict[str, dict[str, object]] = {table: {} for table in TABLES}
    for name, value in values.items():
        table, _, short = name.partition(".")
        tree[table][short] = value
    # Secret and Path are already what they shall be.
    return msgspec.convert(tree, shape, dec_hook=lambda _type, value: value)


def _names(shape: type) -> frozenset[str]:
    """Return the keys that *shape* has fields for."""
    tables = get_type_hints(shape)
    return frozenset(f"{table}.{name}" for table, of in tables.items() for name in get_type_hints(of))


def _contradictions(values: Mapping[str, object], given: Mapping[str, _Given]) -> Iterator[ConfigProblem]:
    """Yield what is missing because of something else that is there; what is not read is no matter."""
    for here, missing in (("slack.client_id", "slack.client_secret"), ("slack.client_secret", "slack.client_id")):
        if here in given and missing in values and missing not in given:
            yield ConfigProblem(missing, f"nothing, but there is {here}", "both or neither")
    if values.get("kefu.private_api"):
        needed = (name for name in ("kefu.tenant_id", "kefu.url") if name in values and name not in given)
        yield from (ConfigProblem(name, "nothing, but kefu.private_api is true", "a value") for name in needed)


def _parse(path: Path) -> dict[str, object]:
    """Read the TOML file; what is wrong with it as a whole ends the reading."""
    expected = "a TOML file; slackkefu init writes one"
    try:
        return dict(tomli.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        found = "no file"
    except PermissionError as exc:
        found = f"a file that cannot be read ({exc.strerror})"
        expected = "one that this user may read: use the user that runs slackkefu, or root"
    except OSError as exc:
        found = f"a file that cannot be read ({exc.strerror})"
    except UnicodeDecodeError:
        found = "bytes that are not UTF-8"
    except tomli.TOMLDecodeError as exc:
        # The error quotes at most a key of the file, and the line is what one needs.
        found = f"line {exc.lineno}, column {exc.colno}: {exc.msg}"
    except (ValueError, RecursionError):
        found = "a number too long, or a list too deep, to be read"
    raise ConfigError(str(path), (ConfigProblem("", found, expected),)) from None


def _from_file(document: Mapping[str, object], problems: list[ConfigProblem]) -> Iterator[tuple[str, _Given]]:
    for table, content in document.items():
        if table not in TABLES:
            problems.append(unknown(table))
        elif not isinstance(content, dict):
            problems.append(ConfigProblem(table, describe(content, secret=True), f"a table, [{table}]"))
        else:
            for short, value in content.items():
                name = f"{table}.{short}"
                if name in BY_NAME:
                    yield name, _Given(value)
                elif name not in {group.name for group in GROUPS}:
                    problems.append(unknown(name))


def _tables(
    group: Group, document: Mapping[str, object], problems: list[ConfigProblem]
) -> dict[str, dict[str, object]]:
    """Return the values of the tables of *group*, by their members' ids and the keys' short names."""
    table, _, name = group.name.partition(".")
    outer = document.get(table)
    content = outer.get(name, {}) if isinstance(outer, dict) else {}
    if not isinstance(content, dict):
        problems.append(ConfigProblem(group.name, describe(content, secret=True), f"tables, [{group.name}.…]"))
        return {}
    return {
        member: dict(_from_table(group, member, values, problems))
        for member, values in content.items()
        if _is_member(group, member, values, problems)
    }


def _is_member(group: Group, member: str, values: object, problems: list[ConfigProblem]) -> bool:
    """Tell whether this is a table of *group*; if not, that is a problem."""
    name = shown(f"{group.name}.{member}")
    if not re.fullmatch(group.member, member):
        problems.append(ConfigProblem(name, "another name", group.expected))
        return False
    if not isinstance(values, dict):
        problems.append(ConfigProblem(name, describe(values, secret=True), f"a table, [{name}]"))
        return False
    return True


def _from_table(
    group: Group, member: str, values: Mapping[str, object], problems: list[ConfigProblem]
) -> Iterator[tuple[str, object]]:
    keys = group.keys_of(member)
    for short, value in values.items():
        name = f"{group.name}.{member}.{short}"
        if name not in keys:
            problems.append(unknown(name, known=keys))
        elif value != "":
            yield short, _value(keys[name], _Given(value), problems)


def _from_environment(environ: Mapping[str, str], problems: list[ConfigProblem]) -> Iterator[tuple[str, _Given]]:
    prefixes = tuple(f"{PREFIX}{table.upper()}_" for table in TABLES)
    for variable, value in environ.items():
        if variable in BY_VARIABLE:
            if value:  # empty is how one unsets a variable
                yield BY_VARIABLE[variable], _Given(value, f"${variable}")
        elif variable.startswith(prefixes):
            problems.append(unknown(variable, known=BY_VARIABLE))


def _from_credentials(
    folder: str, wanted: Collection[str], problems: list[ConfigProblem]
) -> Iterator[tuple[str, _Given]]:
    for key in (key for key in KEYS if folder and key.name in wanted):
        try:
            text = (Path(folder) / key.name).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            problems.append(ConfigProblem(key.name, "a credentials file that cannot be read", "a file of UTF-8 text"))
        else:
            yield key.name, _Given(text.rstrip("\r\n"), "credentials")


def _value(key: Key, given: _Given | None, problems: list[ConfigProblem]) -> object:
    """Return the value of *key*; its default where there is none, also where it is wrong."""
    if given is None:
        if key.required:
            problems.append(ConfigProblem(key.name, "nothing", f"a value, in the file or as ${key.variable}"))
        return key.default
    try:
        return key.read(given.value)
    except WrongValue as exc:
        found = exc.found or describe(given.value, secret=key.secret)
        place = f" (from {given.place})" if given.place else ""
        problems.append(ConfigProblem(key.name, found + place, exc.expected))
        return key.default


def _without_app(rest_url: str, app_key: str, problems: list[ConfigProblem]) -> str:
    """Cut ``/org/app`` from the REST address: so the console shows it, and it says nothing new."""
    url = urlsplit(rest_url)
    if app_key and url.path not in {"", "/" + app_key.replace("#", "/")}:
        problems.append(ConfigProblem("easemob.rest_url", "an address with a path", "scheme and host only"))
    return urlunsplit(url._replace(path=""))


def _network(
    values: Mapping[str, object], environ: Mapping[str, str], base: Path, problems: list[ConfigProblem]
) -> dict[str, object]:
    """
    Return the way out: as configured, else as the environment's variables for proxies have it.

    ``NO_PROXY`` belongs to the environment's proxy; what is configured stands in its place.
    """
    proxy, source, no_proxy = values["network.proxy"], "", values["network.no_proxy"]
    if proxy is None:
        address, source = proxy_variable(environ)
        proxy = _value(BY_NAME["network.proxy"], _Given(address, f"${source}") if address else None, problems)
        no_proxy = no_proxy or tuple(exempt_by(environ))
    bundle = base / str(values["network.ca_bundle"]) if values["network.ca_bundle"] else None
    problem = check_bundle(bundle) if bundle is not None else None
    if problem is not None:
        problems.append(ConfigProblem("network.ca_bundle", problem, "a file of CA certificates in PEM form"))
    return {
        "network.proxy": None if proxy == Secret(GO_DIRECT) else proxy,
        "network.proxy_source": source,
        "network.no_proxy": no_proxy,
        "network.ca_bundle": bundle,
    }


def _store_path(value: object, base: Path, environ: Mapping[str, str], problems: list[ConfigProblem]) -> Path:
    """Return the folder of the store; a relative one starts at the configuration file."""
    home, xdg = environ.get("HOME", ""), environ.get("XDG_STATE_HOME", "")
    state = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if value:
        text = str(value)
        return Path(home + text[1:]) if home and text.startswith("~/") else base / text
    if state:
        return Path(state)
    if Path(xdg).is_absolute():
        return Path(xdg, "slackkefu")
    if not home:
        problems.append(ConfigProblem("store.path", "nothing, and no home folder", "a folder"))
    return Path(home, ".local", "state", "slackkefu")
