"""The way out of the operator's network, as the configuration and the environment have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from slackkefu.config import NetworkConfig, StoreOnly, load_as
from slackkefu.keys import KEYS
from slackkefu.net.proxy import Proxy
from slackkefu.secret import Secret
from tests.test_config import GOOD, problems, read

if TYPE_CHECKING:
    from pathlib import Path

PROXY = "http://mia:hunter2@proxy.test:3128"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the configuration is."""
    return tmp_path / "config.toml"


def network(file: Path, environ: dict[str, str] | None = None, **values: object) -> NetworkConfig:
    """Return what is read of the way out."""
    given = {f"network.{key}": value for key, value in values.items()}
    return read(file, GOOD | given, {"HOME": "/home/shop", **(environ or {})}).network


def test_nothing_said_is_no_proxy(file: Path) -> None:
    """Nothing is guessed."""
    found = network(file)

    assert NetworkConfig() == found
    assert (None, "none") == (found.proxies.proxy, found.way)


def test_a_proxy_is_a_secret(file: Path) -> None:
    """Its address holds a password; what is shown is scheme, host and port."""
    found = network(file, proxy=PROXY, no_proxy=["corp.test", "10.0.0.0/8"])

    assert Secret(PROXY) == found.proxy
    assert "http://proxy.test:3128" == str(found.proxies.proxy) == found.way
    assert [True, False, False] == [
        found.proxies.of(host, 443) is not None for host in ("slack.com", "kefu.corp.test", "10.1.1.1")
    ]
    assert "hunter2" not in f"{found!r} {found.proxies!r}"


def test_no_proxy_may_come_as_text(file: Path) -> None:
    """As a variable it is a list with commas."""
    environ = {"SLACKKEFU_NETWORK_NO_PROXY": "corp.test, 10.0.0.0/8"}

    assert ("corp.test", "10.0.0.0/8") == network(file, environ, proxy=PROXY).no_proxy


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"])
def test_the_environments_proxy_is_taken(file: Path, variable: str) -> None:
    """As other tools take it, with whom it exempts; and it is said where it comes from."""
    found = network(file, {variable: PROXY, "NO_PROXY": "corp.test,what?"})

    assert (Secret(PROXY), variable, ("corp.test",)) == (found.proxy, found.proxy_source, found.no_proxy)
    assert f"http://proxy.test:3128 (from ${variable})" == found.way
    assert f"${variable}" == (found.proxies.proxy or Proxy.read(PROXY)).place


def test_what_is_configured_goes_before_the_environment(file: Path) -> None:
    """The environment's exemptions are those of its own proxy; ours stand in their place."""
    environ = {"HTTPS_PROXY": "http://other.test", "NO_PROXY": "slack.com"}

    assert (Secret(PROXY), "", ()) == (
        (found := network(file, environ, proxy=PROXY)).proxy,
        found.proxy_source,
        found.no_proxy,
    )
    assert ("corp.test",) == network(file, environ, no_proxy=["corp.test"]).no_proxy


def test_direct_is_no_proxy_whatever_the_environment_says(file: Path) -> None:
    """For a machine whose other programs have one."""
    found = network(file, {"HTTPS_PROXY": PROXY}, proxy="direct")

    assert (None, None, "none") == (found.proxy, found.proxies.proxy, found.way)


@pytest.mark.parametrize(
    ("values", "key", "said"),
    [
        ({"proxy": "proxy.test:3128"}, "network.proxy", "does not begin with http://"),
        ({"proxy": "http://mia:hunter2@/"}, "network.proxy", "without a usable host"),
        ({"proxy": 3128}, "network.proxy", "a number"),
        ({"no_proxy": ["http://corp.test"]}, "network.no_proxy", "one with a port that is no number"),
        ({"no_proxy": ["a b"]}, "network.no_proxy", "one with something that is no host, address or network"),
        ({"no_proxy": 1}, "network.no_proxy", "a list of hosts"),
        ({"no_proxy": [1]}, "network.no_proxy", "a list of hosts"),
        ({"ca_bundle": "ca.pem"}, "network.ca_bundle", "no file; a file of CA certificates in PEM form"),
        ({"ca_bundle": "config.toml"}, "network.ca_bundle", "does not hold certificates"),
        ({"ca_bundle": 1}, "network.ca_bundle", "a file of CA certificates"),
    ],
)
def test_what_is_wrong_is_named(file: Path, values: dict[str, object], key: str, said: str) -> None:
    """Each by its key, at the start, and without the password."""
    found = problems(file, GOOD | {f"network.{name}": value for name, value in values.items()})

    assert {key} == found.keys()
    assert said in found[key]
    assert "hunter2" not in str(found)


def test_a_wrong_proxy_of_the_environment_is_named(file: Path) -> None:
    """It is not passed over: what should go through it would go around it."""
    found = problems(file, GOOD, {"HOME": "/h", "ALL_PROXY": "socks4://mia:hunter2@proxy.test"})

    assert "(from $ALL_PROXY)" in found["network.proxy"]
    assert "hunter2" not in str(found)


def test_a_bundle_starts_at_the_file(file: Path) -> None:
    """A relative path does not depend on where the daemon was started."""
    trustme.CA().cert_pem.write_to_path(str(file.parent / "ca.pem"))

    assert file.parent / "ca.pem" == network(file, ca_bundle="ca.pem").ca_bundle


def test_a_command_that_needs_no_network_does_not_read_it(file: Path) -> None:
    """A wrong proxy keeps nobody from looking into the store."""
    file.write_text('store.path = "store"\nnetwork.ca_bundle = "nowhere"\n', encoding="utf-8")

    assert load_as(StoreOnly, file, {"HTTPS_PROXY": "what?"}).store.path


def test_tls_cannot_be_switched_off() -> None:
    """There is no key for it: these are all that are about the network, and no other is about trust."""
    names = [key.name for key in KEYS]

    assert {"network.proxy", "network.no_proxy", "network.ca_bundle"} == {
        name for name in names if name.startswith("network.")
    }
    assert not [name for name in names if any(word in name for word in ("tls", "ssl", "verify", "insecure", "cert"))]
