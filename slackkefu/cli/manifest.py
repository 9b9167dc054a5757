"""``slackkefu manifest``: what is pasted at api.slack.com to make the app."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, final

import click
import yaml
from click.core import ParameterSource

from slackkefu.cli.options import config_option
from slackkefu.config import load_as
from slackkefu.keys import BY_NAME, WrongValue
from slackkefu.slack.features import APP_NAME, BOT_NAME
from slackkefu.slack.manifest import MAX_BOT_NAME, MAX_NAME
from slackkefu.slack.manifest import manifest as made

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["manifest"]


@final
@dataclass(frozen=True, slots=True)
class _Slack:
    redirect_url: str


@final
@dataclass(frozen=True, slots=True)
class _OnlyRedirect:
    """The part of the configuration that the manifest needs."""

    slack: _Slack


_REDIRECT: Final = BY_NAME["slack.redirect_url"]

_HINT: Final = """
api.slack.com/apps, Create New App, From a manifest: choose a workspace, and paste what is above. An app that is there
already takes it on its page, App Manifest. Then, by hand:
  Basic Information, App-Level Tokens: one with the scope connections:write; it is slack.app_token.
  Event Subscriptions: switch Delayed Events on, so that messages survive longer absences.
  One workspace: Install App; the bot token is slack.bot_token.
  Many: Manage Distribution, Activate Public Distribution; then slackkefu install for each.
"""


def _name(longest: int) -> Callable[[click.Context, click.Parameter, str], str]:
    """Return the check of a name that Slack takes: one line of at most *longest* characters."""

    def check(_ctx: click.Context, _option: click.Parameter, given: str) -> str:
        name = given.strip()
        if not name or not name.isprintable() or len(name) > longest:
            raise click.BadParameter(f"expected one line of at most {longest} characters")
        return name

    return check


def _address(_ctx: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    try:
        return None if given is None else str(_REDIRECT.read(given))
    except WrongValue as exc:
        raise click.BadParameter(f"found {exc.found}; expected {exc.expected}") from exc


@click.command()
@config_option
@click.option("--format", "form", type=click.Choice(["json", "yaml"]), default="json", show_default=True)
@click.option("--name", callback=_name(MAX_NAME), default=APP_NAME, show_default=True, help="What the app is called.")
@click.option("--bot-name", callback=_name(MAX_BOT_NAME), default=BOT_NAME, show_default=True, help="Its bot's name.")
@click.option("--org", is_flag=True, help="Enterprise organisations may install it for all their workspaces.")
@click.option("--rotation", is_flag=True, help="Bot tokens live 12 hours and are refreshed; for good, once on.")
@click.option(
    "--redirect-url",
    callback=_address,
    help="Where Slack sends the browser after an install by OAuth; else slack.redirect_url of the configuration.",
)
@click.pass_context
def manifest(
    ctx: click.Context,
    config_path: Path,
    *,
    form: Literal["json", "yaml"],
    name: str,
    bot_name: str,
    org: bool,
    rotation: bool,
    redirect_url: str | None,
) -> None:
    """
    Print the manifest of the Slack app.

    It needs no configuration. Nothing but the manifest goes to standard output.
    """
    if redirect_url is None:
        redirect_url = _configured(ctx, config_path)
    document = made(redirect_url=redirect_url, name=name, bot_name=bot_name, org_deploy=org, token_rotation=rotation)
    if form == "json":
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        click.echo(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), nl=False)
    if sys.stderr.isatty():
        click.echo(_HINT, err=True, nl=False)


def _configured(ctx: click.Context, path: Path) -> str:
    """Return what the configuration says; where nobody named one, there need be none."""
    named = ctx.get_parameter_source("config_path") is not ParameterSource.DEFAULT
    file = path if named or path.exists() else Path(os.devnull)
    return load_as(_OnlyRedirect, file, os.environ).slack.redirect_url
