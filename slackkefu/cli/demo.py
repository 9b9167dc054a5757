"""``slackkefu demo``: the daemon between a Slack workspace and a desk that are both on this machine."""

from __future__ import annotations

import click
import trio

__all__ = ["demo"]


@click.command()
def demo() -> None:
    """
    Try slackkefu without any account: a Slack workspace and a desk in this terminal.

    The daemon is the real one, over real sockets of this machine; only its two peers are ours.
    """
    try:
        from slackkefu.demo.terminal import run_demo  # noqa: PLC0415 - needs the extra "demo"
    except ModuleNotFoundError as exc:
        missing = (exc.name or "slackkefu").partition(".")[0]
        if missing == "slackkefu":  # a fault of ours
            raise
        raise click.UsageError(f"the demo needs {missing}: pip install 'slackkefu[demo]'") from exc
    trio.run(run_demo)
