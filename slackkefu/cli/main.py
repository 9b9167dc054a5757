"""The ``slackkefu`` command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import click

from slackkefu import __version__
from slackkefu.cli.check import check
from slackkefu.cli.demo import demo
from slackkefu.cli.exits import EPILOG, explain, is_broken_off
from slackkefu.cli.init import init
from slackkefu.cli.install import install
from slackkefu.cli.installations import installations
from slackkefu.cli.manifest import manifest
from slackkefu.cli.run import run
from slackkefu.cli.streams import drop_output, is_output_full, prepare
from slackkefu.cli.visitors import visitors
from slackkefu.errors import SlackkefuError, WrongUse

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]

_UNTIL_STOPPED: Final = {"run", "demo"}
"""Commands whose good end is Ctrl-C; any other has not done what it was to do."""

_FULL: Final = "the disk that takes what is printed is full; what the command has done besides stays done"


@final
class _Program(click.Group):
    """A group of commands that ends each with its exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; see :mod:`slackkefu.cli.exits`."""
        prepare()
        try:
            return super().invoke(ctx)
        except (SlackkefuError, BaseExceptionGroup, KeyboardInterrupt, click.Abort) as exc:
            self._end(ctx, exc)
        except OSError as exc:
            if not is_output_full(exc):
                raise
            drop_output()
            self._end(ctx, WrongUse(_FULL))

    @staticmethod
    def _end(ctx: click.Context, exc: BaseException) -> NoReturn:
        if ctx.invoked_subcommand not in _UNTIL_STOPPED and is_broken_off(exc):
            exc = WrongUse("broken off before its end")
        explained = explain(exc)
        if explained is None:
            raise exc
        text, code = explained
        if text:
            click.echo(text, err=True)
        ctx.exit(code)


@click.group(cls=_Program, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="slackkefu")
def main() -> None:
    """Join customers in Slack with agents in Easemob's customer-service console."""


for _command in (init, manifest, install, installations, visitors, check, run, demo):
    main.add_command(_command)
