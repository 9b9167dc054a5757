"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["config_option", "verbose_option"]

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, readable=False),
    default=Path("config.toml"),
    envvar="SLACKKEFU_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Log what is of use only when looking for a fault.")
