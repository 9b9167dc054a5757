"""The way out of the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from slackkefu.cli.network import network_of
from slackkefu.config import load
from tests.cli.test_main import GOOD, call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration file with a proxy and a CA of the operator's."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    path = tmp_path / "config.toml"
    said = '[network]\nproxy = "socks5://mia:hunter2@proxy.test"\nno_proxy = ["corp.test"]\nca_bundle = "ca.pem"\n'
    path.write_text(GOOD + said, encoding="utf-8")
    return path


def test_the_network_is_as_configured(config: Path) -> None:
    """Proxy and CA are those of the configuration."""
    assert "<TcpNetwork by socks5://proxy.test:1080>" == repr(network_of(load(config, {"HOME": "/h"})))


def test_check_shows_the_way_out(config: Path) -> None:
    """Where everything goes, who says so, and no password."""
    output = call("check", "--offline", "--config", config).output
    lines = (line.split() for line in output.splitlines() if line.startswith("  "))
    shown = {name: " ".join(rest) for name, *rest in lines}

    assert ("socks5://proxy.test:1080", "corp.test", str(config.parent / "ca.pem")) == (
        shown["network.proxy"],
        shown["network.no_proxy"],
        shown["network.ca_bundle"],
    )
    assert "hunter2" not in output


def test_check_says_that_the_environment_decides(config: Path) -> None:
    """An operator may not know that a variable is set."""
    config.write_text(GOOD, encoding="utf-8")
    output = call("check", "--offline", "--config", config, HTTPS_PROXY="http://mia:hunter2@proxy.test:8080").output

    assert "http://proxy.test:8080 (from $HTTPS_PROXY)" in output
    assert "hunter2" not in output
