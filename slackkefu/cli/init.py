"""``slackkefu init``: a configuration from questions, or from flags."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from slackkefu.cli.answers import Answers
from slackkefu.cli.asking import ask
from slackkefu.cli.config_file import write_config
from slackkefu.cli.exits import broken_off
from slackkefu.cli.options import config_option
from slackkefu.errors import WrongUse
from slackkefu.keys.commented import WRITTEN, commented

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["init", "is_terminal"]

_SET: Final = (
    "An answer, may be repeated: slack.channels=all. VALUE may be @FILE, or - for standard input, which keep a secret "
    "out of sight. Nothing behind the = leaves the key to the environment or a credentials file."
)


@click.command()
@config_option
@click.option("--set", "flags", multiple=True, metavar="KEY=VALUE", help=_SET)
@click.option("--from-env", is_flag=True, help="Answers are in the environment too: SLACKKEFU_SLACK_APP_TOKEN, …")
@click.option("--no-input", is_flag=True, help="Ask nothing, also in a terminal.")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
@click.pass_context
def init(
    ctx: click.Context, config_path: Path, *, flags: tuple[str, ...], from_env: bool, no_input: bool, force: bool
) -> None:
    """
    Write a configuration, every key with an explanation.

    In a terminal what is needed is asked for; without one all of it comes from --set and --from-env. Only its owner can
    read the file.
    """
    option = _option(ctx, config_path)
    if os.path.lexists(config_path) and not force:
        raise WrongUse(
            f"{config_path} is there already, and was left as it is. To check it: slackkefu check{option}; "
            f"to write it anew: slackkefu init{option} --force"
        )
    answers = Answers()
    for flag in flags:
        answers.take_flag(flag)
    if from_env:
        answers.take_environment(os.environ)
    _warn(answers)
    if is_terminal() and not no_input and not answers.problems:
        with broken_off(f"{config_path} was not written: it was broken off."):
            ask(answers)
    problems = [*answers.problems, *answers.missing()]
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise WrongUse(f"{config_path} was not written: answers are missing or wrong.{lines}")
    text = commented(WRITTEN, answers.values, elsewhere=answers.elsewhere)
    with broken_off(f"{config_path} was not written: it was broken off."):
        # Where a link leads is where the file is.
        write_config(config_path.resolve(), text, replaces=force, elsewhere=answers.elsewhere)
    _say_what_is_next(config_path, option, many="slack.client_id" in answers)


def _option(ctx: click.Context, path: Path) -> str:
    """Return what has to be typed behind the next commands for the same file."""
    typed = ctx.get_parameter_source("config_path") is ParameterSource.COMMANDLINE
    return f" --config {shlex.quote(str(path))}" if typed else ""


def is_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty()


def _warn(answers: Answers) -> None:
    for name in answers.shown:
        click.echo(
            f"slackkefu: {name} stood on the command line, where other users of this machine can see it, and the "
            "shell's history. @FILE, - and --from-env hide it.",
            err=True,
        )


def _say_what_is_next(path: Path, option: str, *, many: bool) -> None:
    """Name the next steps, as commands that work as they stand."""
    click.echo(f"\n{path} is written; only you can read it.\n")
    click.echo("If there is no Slack app yet: the manifest that makes one, to be pasted at api.slack.com/apps")
    click.echo(f"    slackkefu manifest{option}")
    if many:
        click.echo("The app into a workspace, once for each")
        click.echo(f"    slackkefu install{option}")
    click.echo("Whether all is well")
    click.echo(f"    slackkefu check{option}")
    click.echo("The daemon")
    click.echo(f"    slackkefu run{option}")
