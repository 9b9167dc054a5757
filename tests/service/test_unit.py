"""The systemd unit says what the program does."""

from __future__ import annotations

import configparser
from pathlib import Path

from slackkefu.keys import KEYS

UNIT = Path(__file__).parent.parent.parent / "systemd" / "slackkefu.service"


def read() -> dict[str, dict[str, str]]:
    """Parse the unit; a key given twice keeps its last value."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # systemd's names keep their case
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return {section: dict(parser[section]) for section in parser.sections()}


def test_the_unit_waits_for_ready_and_leaves_time_to_stop() -> None:
    """The unit is told when the daemon is ready, and gives it more than its 10 seconds to stop."""
    service = read()["Service"]

    assert service["Type"] == "notify"
    assert int(service["TimeoutStopSec"]) > 10
    assert service["ExecStart"].endswith("slackkefu run --config %d/config.toml")


def test_a_user_of_its_own_reads_what_only_root_can() -> None:
    """``slackkefu init`` writes the configuration for its owner alone, and the service's user is none that owns it."""
    service = read()["Service"]

    assert (service["DynamicUser"], service["LoadCredential"]) == ("yes", "config.toml:/etc/slackkefu/config.toml")


def test_what_only_a_person_mends_is_not_restarted() -> None:
    """Wrong use, configuration and store wait for a person; a crash and a refusal are tried again."""
    service = read()["Service"]

    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"].split() == ["2", "3", "4"]


def test_the_store_is_the_units_own() -> None:
    """Systemd makes the store for a user of its own, closed to others."""
    service = read()["Service"]

    assert (service["DynamicUser"], service["StateDirectory"], service["StateDirectoryMode"]) == (
        "yes",
        "slackkefu",
        "0700",
    )


def test_the_credentials_shown_are_keys() -> None:
    """The examples of LoadCredential name keys, and secret ones."""
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    names = {line.partition("=")[2].partition(":")[0] for line in lines if line.startswith("#LoadCredential=")}

    assert names
    assert names <= {key.name for key in KEYS if key.secret}
