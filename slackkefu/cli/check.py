"""``slackkefu check``: look at the configuration, start nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from slackkefu.cli.options import config_option
from slackkefu.config import load
from slackkefu.keys import GROUPS, KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slackkefu.config import Config

__all__ = ["check"]


@click.command()
@config_option
def check(config_path: Path) -> None:
    """
    Check the configuration and show what it means.

    Every problem is told at once. Nothing is started, nobody is called. Secrets are not shown.
    """
    config = load(config_path, os.environ)
    click.echo(f"{config_path}: configuration is good")
    for line in _summary(config):
        click.echo(f"  {line}")


def _summary(config: Config) -> Iterator[str]:
    width = max(len(key.name) for key in KEYS)
    for key in KEYS:
        table, _, field = key.name.partition(".")
        value = getattr(getattr(config, table), field)
        if key.name == "network.proxy":
            shown = config.network.way
        elif key.secret:
            shown = "set" if value else "not set"
        elif isinstance(value, tuple):
            shown = ", ".join(value) or "none"
        else:
            shown = "not set" if value in {None, ""} else str(value)
        yield f"{key.name:{width}}  {shown}"
    for group in GROUPS:
        table, _, field = group.name.partition(".")
        members = getattr(getattr(config, table), field)
        yield f"{group.name:{width}}  {', '.join(members) or 'none'}"
