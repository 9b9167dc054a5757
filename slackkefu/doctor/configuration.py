"""The configuration: its file, every problem in it, and what a shell cannot see of a unit's."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from slackkefu.doctor.report import failure, ok, warning
from slackkefu.keys import KEYS
from slackkefu.net.address import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from slackkefu.config import Config
    from slackkefu.doctor.report import Finding
    from slackkefu.errors import ConfigError

__all__ = ["examine_file", "examine_problems", "examine_servers"]

_NOT_STARTED: Final = "the daemon does not start with it"
_SECRETS: Final = tuple(key.name for key in KEYS if key.secret)
_SLACKS: Final = {"slack.com": "Slack", "slack-gov.com": "GovSlack"}


def examine_file(path: Path) -> Iterator[Finding]:
    """Say whether there is a file, and whether others may read it."""
    try:
        mode = path.stat().st_mode
        path.open("rb").close()
    except FileNotFoundError:
        yield failure(
            "config.file",
            f"there is no {path}",
            means="nothing can be started, or examined",
            do="make one: slackkefu init; or name another with --config",
        )
        return
    except OSError as exc:
        yield failure(
            "config.file",
            f"{path} cannot be read ({exc.strerror})",
            means="nothing can be started as this user, or examined",
            do="run this as the user who runs slackkefu, or as root",
        )
        return
    if mode & 0o077:
        yield warning(
            "config.file",
            f"{path} may be read or written by others (mode {mode & 0o777:04o})",
            means="whoever can read it has the secrets in it",
            do=f"chmod 0600 {shlex.quote(str(path))}; or keep the secrets in credentials files of the unit",
        )
    else:
        yield ok("config.file", f"{path}, for its owner alone")


def examine_problems(
    error: ConfigError, *, path: Path, environ: Mapping[str, str], program: Sequence[str]
) -> Iterator[Finding]:
    """
    Say what is wrong with the values, and how secrets are seen that a unit has and this shell has not.

    Args:
        error: What reading it raised.
        path: The file.
        environ: The environment.
        program: The command of this program.

    """
    missing = [problem.key for problem in error.problems if problem.found == "nothing" and problem.key in _SECRETS]
    for problem in error.problems:
        yield failure(
            "config.values",
            f"found {problem.found}; expected {problem.expected}",
            about=problem.key,
            means=_NOT_STARTED,
            do="config.example.toml, and slackkefu init, say where each value is to be found",
        )
    if missing and not environ.get("CREDENTIALS_DIRECTORY"):
        yield warning(
            "config.file",
            f"credentials of a systemd unit cannot be seen from here: {', '.join(missing)}",
            means="where the unit has them (LoadCredential=) the daemon starts all the same; nothing more is examined",
            do="as root, with the paths of the unit, and LoadCredentialEncrypted= where it has that: "
            f"{_with_credentials(missing, path, program)}",
        )


def _with_credentials(missing: Sequence[str], path: Path, program: Sequence[str]) -> str:
    """
    Return the command that runs this with the credentials of a unit.

    It runs as root, which may read the store of the unit's user, whose number nobody else must take.
    """
    folder = path.absolute().parent
    credentials = [f"--property=LoadCredential={name}:{folder / name}" for name in missing]
    command = ["systemd-run", "--pipe", "--wait", "--collect", "--setenv=STATE_DIRECTORY=/var/lib/slackkefu"]
    return shlex.join([*command, *credentials, *program, "check", "--config", str(path.absolute())])


def examine_servers(config: Config) -> Iterator[Finding]:
    """Say whose servers are configured."""
    slack = urlsplit(config.slack.api_url).hostname or ""
    if slack in _SLACKS:
        said = _SLACKS[slack]
    elif is_loopback(slack):
        said = f"a Slack on this machine ({slack})"
    else:
        yield warning(
            "config.servers",
            f"slack.api_url is {slack}, which is none of Slack's names",
            means="tokens and messages go to whoever is there",
            do="leave slack.api_url out, or set it to https://slack-gov.com/api/ for GovSlack",
        )
        return
    easemob = "found by discovery" if not config.easemob.rest_url else f"at {urlsplit(config.easemob.rest_url).netloc}"
    yield ok("config.servers", f"{said}; Easemob {easemob}; proxy: {config.network.way}")
