"""``slackkefu visitors``: who is known, and forgetting somebody."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from typing import TYPE_CHECKING, cast

import click
import trio

from slackkefu.cli.in_store import enter
from slackkefu.cli.options import config_option
from slackkefu.config import StoreOnly, load_as
from slackkefu.secret import Secret
from slackkefu.service import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["visitors"]

_JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON.")


@click.group()
def visitors() -> None:
    """See who is known, and forget somebody who asks for it."""
    logs.configure(quiet=True, verbose=False, stream=sys.stderr, environ=os.environ, hidden=(Secret,))


@visitors.command("list")
@config_option
@click.option("--team", help="Only people of this workspace, T….")
@click.option("--names", is_flag=True, help="What they are called, as well.")
@_JSON
def list_command(config_path: Path, team: str | None, *, names: bool, as_json: bool) -> None:
    """
    List the visitors: each person in each channel, the latest heard of first.

    Works while the daemon runs, and while it does not.
    """
    arguments = {"names": names, **({"team": team} if team else {})}
    told = _begin(config_path)("visitors.list", arguments)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for line in _lines(told):
        click.echo(line)


@visitors.command("forget")
@config_option
@click.argument("team")
@click.argument("user")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
def forget_command(config_path: Path, team: str, user: str, *, yes: bool, as_json: bool) -> None:
    """
    Forget a person: USER (U…) of the workspace TEAM (T…), in all channels.

    What is kept of them goes, also their messages that have not been delivered, and the IM users that Easemob has of
    them. What stands in Slack and what the desk has is not touched. Who writes again is a new customer.
    """
    arguments = {"team": team, "user": user}
    if not yes and (as_json or not _is_asked()):
        raise click.UsageError("it asks before it forgets somebody; here it cannot: say --yes")
    do = _begin(config_path)
    if not yes:
        known = do("visitors.forget", {**arguments, "count": True})
        if not known["im_users"] and not any(cast("Mapping[str, int]", known["dropped"]).values()):
            click.echo(f"{user} of {team} is not known here: nothing is kept of them.")
            return
        _ask(known, team, user)
    told = do("visitors.forget", arguments)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for line in _outcome(told):
        click.echo(line)


def _is_asked() -> bool:
    """Tell whether there is somebody who can be asked."""
    return sys.stdin.isatty()


def _begin(config_path: Path) -> Callable[[str, Mapping[str, object]], Mapping[str, object]]:
    """Return what has something done, by the daemon or here; root is given up for the store's owner from here on."""
    path = load_as(StoreOnly, config_path, os.environ).store.path
    from slackkefu.cli.forgetting import do, way  # noqa: PLC0415 - a wrong configuration is told without both worlds

    easemob = way(config_path)
    store = enter(path)
    return lambda what, arguments: trio.run(do, store, easemob, what, arguments)


# Words for a person.


def _lines(told: Mapping[str, object]) -> Iterator[str]:
    """Say who is known, a line each."""
    known = cast("Sequence[Mapping[str, object]]", told["visitors"])
    for each in known:
        heard = dt.datetime.fromtimestamp(cast("float", each["last_active"]), tz=dt.UTC)
        installation = cast("Mapping[str, str | None]", each["installation"])
        waiting = sum(cast("Mapping[str, int]", each["waiting"]).values())
        yield "  ".join(
            (
                f"{each['team']} {each['user']} {each['channel']}",
                f"by {installation['team_id'] or installation['enterprise_id'] or 'nobody'}",
                f"heard {heard:%Y-%m-%d %H:%M} UTC",
                "session open" if each["open_session"] else "no session",
                f"{waiting} waiting",
                *(str(each[field]) for field in ("name", "workspace") if each.get(field)),
            )
        )
    yield _many(len(known), "visitor")
    leaving = cast("Sequence[str]", told["leaving"])
    if leaving:
        yield f"{_many(len(leaving), 'IM user')} erased here, and yet to be removed at Easemob"


def _ask(told: Mapping[str, object], team: str, user: str) -> None:
    """Say what would go, and ask; ends the command on a no."""
    users, dropped = cast("Sequence[str]", told["im_users"]), cast("Mapping[str, int]", told["dropped"])
    click.echo(f"{user} of {team}: {_many(len(users), 'conversation')}.")
    if any(dropped.values()):
        click.echo(
            "Not delivered yet, and dropped: "
            f"{_many(dropped['to_desk'], 'message')} to the desk, {dropped['to_slack']} from it, "
            f"{dropped['aside']} set aside."
        )
    click.confirm("Forget this person?", abort=True)


def _outcome(told: Mapping[str, object]) -> Iterator[str]:
    """Say what has gone."""
    users, leaving = cast("Sequence[str]", told["im_users"]), cast("Sequence[str]", told["leaving"])
    dropped = sum(cast("Mapping[str, int]", told["dropped"]).values())
    yield f"{_many(len(users), 'conversation')} forgotten, {_many(dropped, 'message')} dropped."
    if leaving:
        yield (
            f"{_many(len(leaving), 'IM user')} still at Easemob: {told['problem']}. Their names are kept until then; "
            "the daemon, or this command once more, has them removed."
        )
    yield "Not touched: what stands in Slack, what the desk has kept, log files, and backups."


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
