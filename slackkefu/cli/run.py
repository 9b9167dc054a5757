"""``slackkefu run``: the daemon."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
import trio

from slackkefu.cli.network import network_of
from slackkefu.cli.options import config_option, verbose_option
from slackkefu.config import load
from slackkefu.secret import Secret
from slackkefu.service import logs
from slackkefu.world import World

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run"]


@click.command()
@config_option
@verbose_option
def run(config_path: Path, *, verbose: bool) -> None:
    """
    Run the daemon until SIGTERM or SIGINT.

    It stays in the foreground and logs to standard error. Stopping lets what is in hand pass, and takes less than 10 s.
    """
    logs.configure(verbose=verbose, stream=sys.stderr, environ=os.environ, hidden=(Secret,))
    config = load(config_path, os.environ)
    from slackkefu.app import run_daemon  # noqa: PLC0415 - a wrong configuration is told without loading both worlds

    trio.run(run_daemon, config, World(network=network_of(config)))
