"""The configuration: what is accepted, what is refused and how that is said, and that no secret is ever shown."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.config import Config, StoreConfig, StoreOnly, load, load_as
from slackkefu.errors import ConfigError, ConfigProblem
from slackkefu.kefu.outgoing import Entrance
from slackkefu.keys import GROUPS, KEYS, Group, Key
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"

GOOD: dict[str, Any] = {
    "slack.app_token": "xapp-hidden",
    "easemob.app_key": "shop#desk",
    "easemob.client_id": "client",
    "easemob.client_secret": "hidden-too",
    "kefu.service_number": "kefuchannelimid_1",
}

HIDDEN = ("xapp-hidden", "xoxb-hidden", "hidden-too")


def toml(value: object) -> str:
    """Write *value* as TOML writes it."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration is."""
    return tmp_path / "config.toml"


def read(file: Path, values: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Config:
    """Load a configuration made of dotted keys."""
    file.write_text("".join(f"{key} = {toml(value)}\n" for key, value in values.items()), encoding="utf-8")
    return load(file, {"HOME": "/home/shop"} if environ is None else environ)


def problems(file: Path, values: Mapping[str, object], environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what is wrong, by key."""
    with pytest.raises(ConfigError) as caught:
        read(file, values, environ)
    return {problem.key: f"{problem.found}; {problem.expected}" for problem in caught.value.problems}


# What is accepted.


def test_the_least_configuration_gets_every_default(file: Path) -> None:
    """The required keys are enough; the others have the documented defaults."""
    config = read(file, GOOD)

    assert Secret("xapp-hidden") == config.slack.app_token
    assert config.slack.bot_token is None
    assert config.slack.client_id == ""
    assert config.slack.client_secret is None
    assert config.slack.api_url == "https://slack.com/api/"
    assert config.slack.redirect_url == "https://localhost:18443/slack/oauth_redirect"
    assert config.slack.connections == 2
    assert config.slack.channels == "mention"
    assert config.slack.backfill_max_age == 24
    assert (config.slack.language, config.slack.introduction) == ("both", True)
    assert config.easemob.rest_url == ""
    assert config.easemob.websocket_url == ""
    assert config.easemob.discovery_url == "https://rs.easemob.com/easemob/server.json"
    assert (config.easemob.max_sessions, config.easemob.logins_per_second) == (2000, 10)
    assert (config.kefu.tenant_id, config.kefu.url, config.kefu.private_api) == ("", "", False)
    assert config.kefu.visitor_fields == ("name", "workspace")
    assert Path("/home/shop/.local/state/slackkefu") == config.store.path


@pytest.mark.parametrize(
    ("key", "given_value", "expected"),
    [
        ("slack.bot_token", "xoxe.xoxb-1", Secret("xoxe.xoxb-1")),
        ("slack.api_url", "http://127.0.0.1:8080/api", "http://127.0.0.1:8080/api/"),
        ("slack.redirect_url", "https://desk.example.com/slack", "https://desk.example.com/slack"),
        ("slack.channels", "off", "off"),
        ("slack.language", "zh-CN", "zh-CN"),
        ("easemob.rest_url", "https://a1.easemob.com/", "https://a1.easemob.com"),
        ("easemob.rest_url", "https://a1.easemob.com/shop/desk", "https://a1.easemob.com"),
        ("easemob.websocket_url", "wss://im.easemob.com", "wss://im.easemob.com/websocket"),
        ("easemob.websocket_url", "ws://localhost:9/ws", "ws://localhost:9/ws"),
        ("easemob.discovery_url", "http://127.0.0.1:9/server.json", "http://127.0.0.1:9/server.json"),
        ("kefu.service_number", "KefuChannelImId_1", "kefuchannelimid_1"),
        ("kefu.tenant_id", 1234, "1234"),
        ("kefu.tenant_id", "01234", "01234"),
        ("kefu.url", "https://kefu.easemob.com/", "https://kefu.easemob.com"),
        ("kefu.visitor_fields", ["email", "name", "email"], ("name", "email")),
        ("kefu.visitor_fields", [], ()),
        ("store.path", "/srv/store", Path("/srv/store")),
        ("store.path", "~/store", Path("/home/shop/store")),
    ],
)
def test_a_value_is_brought_into_one_form(file: Path, key: str, given_value: object, expected: object) -> None:
    """Whatever way a value may be written, the rest of the program sees one form of it."""
    table, _, field = key.partition(".")
    config = read(file, GOOD | {key: given_value})

    assert expected == getattr(getattr(config, table), field)


def test_a_relative_store_starts_at_the_file(file: Path) -> None:
    """A relative store path does not depend on where the daemon was started."""
    assert file.parent / "state" == read(file, GOOD | {"store.path": "state"}).store.path


def test_a_file_that_is_named_from_here(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file itself has a relative path, the store's place is said whole: a command may change folders."""
    monkeypatch.chdir(file.parent)

    assert file.parent / "state" == read(Path(file.name), GOOD | {"store.path": "state"}).store.path


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "HOME": "/h"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/slackkefu"),
        ({"XDG_STATE_HOME": "not/absolute", "HOME": "/h"}, "/h/.local/state/slackkefu"),
    ],
)
def test_the_store_goes_where_state_goes(file: Path, environ: dict[str, str], expected: str) -> None:
    """Without a store path systemd's folder counts first, then the user's."""
    assert Path(expected) == read(file, GOOD, environ).store.path


def test_any_key_may_come_from_the_environment(file: Path) -> None:
    """Every key has its variable, which wins over the file; lists and numbers are read from text."""
    environ = {
        "HOME": "/h",
        "SLACKKEFU_SLACK_APP_TOKEN": "xapp-other",
        "SLACKKEFU_SLACK_CONNECTIONS": "3",
        "SLACKKEFU_KEFU_VISITOR_FIELDS": "name, email",
        "SLACKKEFU_EASEMOB_REST_URL": "",
        "SLACKKEFU_CONFIG": "elsewhere",
    }
    config = read(file, GOOD | {"slack.connections": 4, "easemob.rest_url": "https://a1.easemob.com"}, environ)

    assert config.slack.app_token.reveal() == "xapp-other"
    assert config.slack.connections == 3
    assert config.kefu.visitor_fields == ("name", "email")
    assert config.easemob.rest_url == "https://a1.easemob.com"


def test_a_credentials_file_wins_over_all(file: Path, tmp_path: Path) -> None:
    """A file named like the key wins, without the newline an editor put at its end."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "slack.app_token").write_text("xapp-third\n")
    environ = {"HOME": "/h", "CREDENTIALS_DIRECTORY": str(folder), "SLACKKEFU_SLACK_APP_TOKEN": "xapp-other"}

    assert read(file, GOOD, environ).slack.app_token.reveal() == "xapp-third"


def test_the_example_is_good_once_filled(file: Path) -> None:
    """The example names every key, and passes when its placeholders are filled in."""
    text = EXAMPLE.read_text(encoding="utf-8")
    table, found = "", set()
    for line in text.splitlines():
        name, is_key, _ = line.removeprefix("#").partition(" = ")
        if line.startswith("["):
            table = line.strip("[]")
        elif is_key and name.isidentifier():
            found.add(f"{table}.{name}")
    filled = text.replace("xapp-…", "xapp-test").replace('client_id = ""', 'client_id = "c"')
    filled = filled.replace('client_secret = ""', 'client_secret = "s"').replace(
        'service_number = ""', 'service_number = "d"'
    )
    file.write_text(filled, encoding="utf-8")

    assert {key.name for key in KEYS} == found
    assert load(file, {"HOME": "/h"}).kefu.service_number == "d"


def test_the_example_says_the_defaults(file: Path) -> None:
    """What the example shows behind a # is what holds without it."""
    text = EXAMPLE.read_text(encoding="utf-8").replace("xapp-…", "xapp-test").replace('"xoxb-…"', '""')
    required = {f"SLACKKEFU_{key.upper().replace('.', '_')}": str(value) for key, value in GOOD.items()} | {
        "HOME": "/h"
    }
    lines = [
        line.removeprefix("#") if line.startswith("#") and line[1:2].isalpha() else line for line in text.splitlines()
    ]
    file.write_text("\n".join(line for line in lines if " = " in line or line.startswith("[")), encoding="utf-8")
    uncommented = load(file, required)

    assert read(file, GOOD, {"HOME": "/h"}) == uncommented


def test_what_is_said_for_one_alone(file: Path) -> None:
    """A workspace and a channel may have their own skill group, agent and tags; an empty text says nothing."""
    config = read(
        file,
        GOOD
        | {"kefu.queue": " all ", "kefu.tags": ["slack", "slack"]}
        | {"kefu.workspaces.T0NORTH001.queue": "VIP 组", "kefu.workspaces.T0NORTH001.agent": ""}
        | {"kefu.channels.C0SUPPORT1": {"agent": "lin@example.com", "tags": ["a", "b"]}, "kefu.channels.D1": {}},
    )

    assert Entrance("all", "", ("slack",)) == config.kefu.entrance
    assert {"T0NORTH001": Entrance("VIP 组")} == config.kefu.workspaces
    assert {"C0SUPPORT1": Entrance("", "lin@example.com", ("a", "b")), "D1": Entrance()} == config.kefu.channels


# What is refused, and how.


@pytest.mark.parametrize(
    ("written", "key", "said"),
    [
        (
            {"kefu.queue": "a\nb"},
            "kefu.queue",
            "'a\\nb'; the name of a skill group (技能组), on one line of at most 100",
        ),
        ({"kefu.queue": "组" * 34}, "kefu.queue", "the name of a skill group"),
        ({"kefu.tags": ["x"] * 6}, "kefu.tags", "a list; a list of at most 5 tags"),
        ({"kefu.tags": [1]}, "kefu.tags", "a list; a tag, on one line of at most 40 bytes"),
        ({"kefu.channels": "C0SUPPORT1"}, "kefu.channels", "a text; tables, [kefu.channels.…]"),
        ({"kefu.channels.support.queue": "a"}, "kefu.channels.support", "another name; the id of a channel, C…"),
        ({"kefu.channels.C1": "a"}, "kefu.channels.C1", "a text; a table, [kefu.channels.C1]"),
        ({"kefu.channels.C1.queue": 5}, "kefu.channels.C1.queue", "5; the name of a skill group"),
        ({"kefu.channels.C1.qeue": "a"}, "kefu.channels.C1.qeue", "an unknown key; kefu.channels.C1.queue, perhaps"),
        ({"kefu.workspaces.xoxb-hidden.queue": "a"}, "a Slack token", "another name; the id of a workspace, T…"),
        ({"kefu.workspaces.T1.xoxb-hidden": "a"}, "a Slack token", "an unknown key"),
    ],
)
def test_what_is_wrong_for_one_alone(file: Path, written: dict[str, object], key: str, said: str) -> None:
    """Each problem in such a table is told with its whole key."""
    found = problems(file, GOOD | written)

    assert [key] == list(found)
    assert said in found[key]


def test_every_problem_comes_at_once(file: Path) -> None:
    """A wrong file is told in one go, each problem with its key."""
    found = problems(file, {"slack.connections": 11, "kefu.tenant_id": "x", "slack.nonsense": 1, "other.key": 1})

    assert {
        "slack.app_token",
        "slack.connections",
        "slack.nonsense",
        "easemob.app_key",
        "easemob.client_id",
        "easemob.client_secret",
        "kefu.service_number",
        "kefu.tenant_id",
        "other",
    } == set(found)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("slack.app_token", "xoxb-hidden", "a bot token; an app-level token, xapp-…"),
        ("slack.app_token", "hidden-too", "another text; an app-level token"),
        ("slack.app_token", "xapp-hidden\n", "a text; a text of visible"),
        ("slack.app_token", ["xapp-hidden"], "a list;"),
        ("slack.app_token", "", "nothing; a value, in the file or as $SLACKKEFU_SLACK_APP_TOKEN"),
        ("slack.bot_token", "xapp-hidden", "an app-level token; a bot token, xoxb-…"),
        ("slack.bot_token", "xoxe.xoxp-hidden", "a rotating user token; a bot token"),
        ("slack.connections", True, "true; a whole number from 1 to 9"),
        ("slack.connections", 0, "0; a whole number"),
        ("slack.connections", 2.5, "2.5; a whole number"),
        ("slack.connections", "two", "'two'; a whole number"),
        ("slack.connections", 10**30, "a very large number; a whole number"),
        ("slack.backfill_max_age", 0, "0; a whole number from 1 to 72"),
        ("slack.backfill_max_age", 1.5, "1.5; a whole number from 1 to 72"),
        ("slack.channels", "some", "'some'; one of mention, all, off"),
        ("slack.language", "en", "'en'; one of both, zh-CN, en-US"),
        ("slack.api_url", "http://slack.com/api/", "http:// to another machine"),
        ("slack.api_url", 5, "5; an address https://…"),
        ("slack.redirect_url", "http://localhost:18443/a", "does not begin with https://; an address https://…"),
        ("slack.redirect_url", "https://localhost:18443/a#", "an address with a fragment"),
        ("slack.redirect_url", "https://localhost:18443/a?b=c", "an address with a query"),
        ("slack.redirect_url", "https://a:b@localhost/a", "an address with a user name"),
        ("slack.redirect_url", 5, "5; an address https://…"),
        ("easemob.app_key", "shop", "'shop'; org#app"),
        ("easemob.app_key", "xapp-hidden", "a Slack token; org#app"),
        ("easemob.app_key", "a" * 50, f"'{'a' * 40}'…; org#app"),
        ("easemob.rest_url", "https://a1.easemob.com/other/app", "an address with a path"),
        ("easemob.discovery_url", "https://rs.easemob.com/?a", "an address with a query"),
        ("easemob.websocket_url", "ws://im.easemob.com/", "ws:// to another machine"),
        ("easemob.websocket_url", "https://im.easemob.com/", "does not begin with wss://"),
        ("kefu.service_number", "a b", "'a b'; the IM service number"),
        ("kefu.tenant_id", True, "true; the tenant's number"),
        ("kefu.tenant_id", dt.date(2026, 1, 2), "2026-01-02; the tenant's number"),
        ("kefu.private_api", 1, "1; true or false"),
        ("kefu.private_api", "yes", "'yes'; true or false"),
        ("kefu.visitor_fields", ["name", "age"], "a list; a list of name, workspace"),
        ("kefu.visitor_fields", [["name"]], "a list; a list of name, workspace"),
        ("store.path", 1, "1; a folder"),
    ],
)
def test_a_wrong_value_is_named(file: Path, key: str, value: object, said: str) -> None:
    """A wrong value is told with its key, what was found, and what is expected."""
    found = problems(file, GOOD | {key: value})

    assert [key] == list(found)
    assert said in found[key]


def test_a_wrong_value_says_where_it_came_from(file: Path) -> None:
    """A value of the environment is not looked for in the file."""
    found = problems(file, GOOD, {"HOME": "/h", "SLACKKEFU_SLACK_CONNECTIONS": "many"})

    assert "'many' (from $SLACKKEFU_SLACK_CONNECTIONS); a whole number from 1 to 9" == found["slack.connections"]


@pytest.mark.parametrize("given_key", ["slack.client_id", "slack.client_secret"])
def test_oauth_needs_both(file: Path, given_key: str) -> None:
    """A client id without its secret, or the other way, is told at the one that is missing."""
    other = {"slack.client_id": "slack.client_secret", "slack.client_secret": "slack.client_id"}[given_key]

    assert {other: f"nothing, but there is {given_key}; both or neither"} == problems(
        file, GOOD | {given_key: "hidden-too"}
    )


def test_the_private_api_needs_a_tenant_and_an_address(file: Path) -> None:
    """Whoever opens the desk's own API has to say whose it is and where; both are named when missing."""
    both = {"kefu.tenant_id": 1001, "kefu.url": "https://kefu.example.com"}
    missing = "nothing, but kefu.private_api is true; a value"

    assert read(file, GOOD | both | {"kefu.private_api": True}).kefu.private_api
    assert not read(file, GOOD | both | {"kefu.private_api": "false"}).kefu.private_api
    assert dict.fromkeys(both, missing) == problems(file, GOOD | {"kefu.private_api": True})
    assert {"kefu.url": missing} == problems(file, GOOD | {"kefu.private_api": True, "kefu.tenant_id": 1})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("slack.apptoken", "slack.app_token, perhaps"),
        ("easemob.connections", "slack.connections, perhaps"),
        ("slak.channels", "slack, perhaps"),
        ("kefu.zzz", "a key of config.example.toml"),
    ],
)
def test_an_unknown_key_gets_the_nearest_known_one(file: Path, written: str, meant: str) -> None:
    """A slip of the pen is answered with what was probably meant."""
    (said,) = problems(file, GOOD | {written: "x"}).values()

    assert f"an unknown key; {meant}" == said


def test_an_unknown_variable_is_an_error(file: Path) -> None:
    """A misspelt variable is not passed over, or its secret would silently be missing."""
    found = problems(file, GOOD, {"HOME": "/h", "SLACKKEFU_SLACK_BOT_TOKN": "xoxb-hidden"})

    assert {"SLACKKEFU_SLACK_BOT_TOKN": "an unknown key; SLACKKEFU_SLACK_BOT_TOKEN, perhaps"} == found


def test_a_token_in_the_place_of_a_key_is_not_shown(file: Path) -> None:
    """A line pasted the wrong way round does not show the token."""
    (key,) = problems(file, GOOD | {"slack.xapp-hidden": "app_token"})

    assert key == "a Slack token"


def test_a_table_must_be_one(file: Path) -> None:
    """A value where a table belongs is told as such."""
    assert problems(file, {"kefu": "d"})["kefu"] == "a text; a table, [kefu]"


def test_without_any_home_the_store_must_be_named(file: Path) -> None:
    """Where nothing tells where state goes, nothing is guessed."""
    assert problems(file, GOOD, {}) == {"store.path": "nothing, and no home folder; a folder"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[slack]\napp_token = xapp-hidden\n", "line 2, column 13"),
        (b"\xff", "not UTF-8"),
        (b"a = " + b"1" * 5000, "a number too long"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(file: Path, content: bytes, said: str) -> None:
    """What cannot be parsed is told with its place, and nothing of it is shown."""
    file.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A missing file and a folder in its place are told, not raised as they are."""
    with pytest.raises(ConfigError, match="found no file"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})


def test_a_credentials_file_that_cannot_be_read_is_told(file: Path, tmp_path: Path) -> None:
    """A credential that is there but unreadable is an error of its key."""
    (tmp_path / "slack.bot_token").write_bytes(b"\xff")

    assert "slack.bot_token" in problems(file, GOOD, {"HOME": "/h", "CREDENTIALS_DIRECTORY": str(tmp_path)})


# Properties.

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | TEXTS | st.dates() | st.sampled_from(HIDDEN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def shared_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one file for all examples of a property."""
    return tmp_path_factory.mktemp("config") / "config.toml"


def outcome(file: Path, values: Mapping[str, object]) -> tuple[str, set[str]]:
    """Return all that the outcome shows of itself, and the keys it complains of."""
    try:
        return repr(read(file, values)), set()
    except ConfigError as exc:
        return f"{exc} {exc!r}", {problem.key for problem in exc.problems}


@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_at_any_key_is_a_config_or_names_the_key(shared_file: Path, key: Key, value: object) -> None:
    """Whatever is written at a key gives a Config, or an error about that key; neither shows a secret."""
    shown, named = outcome(shared_file, GOOD | {key.name: value})
    partners = {
        "slack.client_id": {"slack.client_secret"},
        "slack.client_secret": {"slack.client_id"},
        "kefu.private_api": {"kefu.tenant_id", "kefu.url"},
    }

    assert named <= {key.name} | partners.get(key.name, set())
    assert "hidden" not in shown or (not key.secret and "hidden" in str(value))


@given(group=st.sampled_from(GROUPS), content=VALUES)
def test_any_value_for_a_group_is_a_config_or_names_it(shared_file: Path, group: Group, content: object) -> None:
    """Whatever stands for workspaces and channels gives a Config or an error about them."""
    _, named = outcome(shared_file, GOOD | {group.name: content})

    assert all(name.startswith(group.name) or name == "a Slack token" for name in named)


@given(group=st.sampled_from(GROUPS), content=VALUES, short=st.sampled_from(["queue", "agent", "tags"]))
def test_any_value_in_a_group_is_a_config_or_names_the_key(
    shared_file: Path, group: Group, content: object, short: str
) -> None:
    """As for any other key."""
    member = {"kefu.workspaces": "T1", "kefu.channels": "C1"}[group.name]
    _, named = outcome(shared_file, GOOD | {f"{group.name}.{member}.{short}": content})

    assert named <= {f"{group.name}.{member}.{short}"}


@given(name=st.from_regex(r"[a-z_]{1,20}\.[a-z_]{1,20}", fullmatch=True))
def test_any_unknown_key_is_named(shared_file: Path, name: str) -> None:
    """No unknown key passes unnoticed."""
    _, named = outcome(shared_file, GOOD | {name: 1})

    assert named & {name, name.partition(".")[0]} or name in {key.name for key in KEYS}


def test_a_problem_reads_as_a_sentence() -> None:
    """A problem says key, found and expected in one line."""
    assert str(ConfigProblem("a.b", "nothing", "a text")) == "a.b: found nothing; expected a text"


# A part of it.


def test_a_command_reads_what_it_needs(file: Path, tmp_path: Path) -> None:
    """Who needs the store reads where it is; what the daemon needs may be missing, wrong or unreadable then."""
    file.write_text('[store]\npath = "state"\n[slack]\nconnections = 99\n', encoding="utf-8")
    (tmp_path / "slack.app_token").mkdir()

    part = load_as(StoreOnly, file, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert StoreOnly(store=StoreConfig(path=tmp_path / "state")) == part


def test_a_part_is_checked_like_the_whole(file: Path) -> None:
    """A wrong value, a missing one and an unknown key are told for a part too, all at once."""
    file.write_text("[store]\npath = 1\nfolder = 2\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_as(StoreOnly, file, {"HOME": "/h"})

    assert ["store.folder", "store.path"] == [problem.key for problem in caught.value.problems]

    file.write_text("", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_as(StoreOnly, file, {"HOME": "/h"}, required=["store.path"])

    assert ["store.path"] == [problem.key for problem in caught.value.problems]
