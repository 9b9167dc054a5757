"""``slackkefu installations``: where the app is installed."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

import click
import trio

from slackkefu.cli.in_store import Place, do, enter
from slackkefu.cli.options import config_option
from slackkefu.cli.plain import plain
from slackkefu.config import StoreOnly, load_as
from slackkefu.errors import WrongUse
from slackkefu.net.network import TcpNetwork
from slackkefu.operating.installations import InstallationDeeds, Nobody, OnDisk
from slackkefu.secret import Secret
from slackkefu.service import logs
from slackkefu.slack.installation import Installations, from_bot
from slackkefu.store.foreign import read_folder
from slackkefu.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from slackkefu.control import Handler
    from slackkefu.operating.installations import Asked
    from slackkefu.store import Store
    from slackkefu.store.foreign import Found

__all__ = ["handlers", "installations", "rows_of"]

UNREADABLE: Final = 4
"""Exit code of an import that could not read everything (README, "Run it")."""

_COLUMNS: Final = ("id", "name", "bot", "visitors", "since", "state")


@click.group()
def installations() -> None:
    """
    See and change where the app is installed.

    While the daemon runs it is asked, and what is changed takes effect at once. While it does not, the store is worked
    on directly, as its owner.
    """
    logs.configure(quiet=True, verbose=False, stream=sys.stderr, environ=os.environ, hidden=(Secret,))


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
place_argument = click.argument("place", metavar="T…|E…")


@installations.command(name="list")
@config_option
@json_option
def list_all(config_path: Path, *, as_json: bool) -> None:
    """
    List the workspaces and organisations that have the app.

    Tokens are not shown. What is wrong with an installation stands in its last column, and what to do below.
    """
    answer = _ask(_enter(config_path), "installations.list", {})
    rows = rows_of(answer)
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for line in _table([_COLUMNS, *map(_cells, rows)]) if rows else ["no workspace has the app: slackkefu install"]:
        click.echo(line)
    for path in _texts(answer.get("damaged")):
        click.echo(f"damaged: {path}; install the app there again, or remove it", err=True)
    if any(row.get("needs_reinstall") or row.get("missing_scopes") for row in rows):
        click.echo("To install again: slackkefu install --team T…; nothing is lost by it.")


@installations.command()
@config_option
@json_option
@place_argument
def show(config_path: Path, place: str, *, as_json: bool) -> None:
    """Show all that is known of one installation, but its tokens."""
    answer = _ask(_enter(config_path), "installations.list", {})
    found = [row for row in rows_of(answer) if row.get("place") == place]
    if not found:
        there = ", ".join(str(row.get("place")) for row in rows_of(answer)) or "nowhere"
        raise WrongUse(f"the app is not installed in {place}; it is installed in: {there}")
    if as_json:
        click.echo(json.dumps(found[0], indent=2, ensure_ascii=False))
        return
    width = max(map(len, found[0]))
    for name, value in found[0].items():
        click.echo(f"{name:{width}}  {_shown(name, value)}")


@installations.command()
@config_option
@place_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(config_path: Path, place: str, *, yes: bool) -> None:
    """
    Serve a workspace or organisation no more, and erase its tokens.

    Its people can still write to the app in Slack, and are not heard. To take the app out of Slack too, an admin of the
    workspace removes it there, which also removes it here. One that comes from slack.bot_token is back at the next
    start, if that is not removed as well.
    """
    store = _enter(config_path)
    if not yes:
        click.echo(
            f"The tokens of {place} are erased, and nobody there is served from now on. What agents answer them is not "
            "delivered until the app is installed there again."
        )
        click.confirm("Remove it?", abort=True)
    _ask(store, "installations.remove", {"place": place})
    click.echo(f"{place}: removed")


@installations.command(name="import")
@config_option
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--client-id", default="", help="Whose installations, where the folder holds those of several apps.")
def import_folder(config_path: Path, folder: Path, client_id: str) -> None:
    """
    Take over installations from a FOLDER of slack_sdk's FileInstallationStore.

    An installation that is as new, or newer, here is kept. Nothing in the folder is changed. It has to be of this very
    app; slackkefu check says whether its tokens work.
    """
    # Read first: root may, where the store's owner may not.
    found = read_folder(folder)
    apps = sorted({each.client_id for each in found if each.client_id})
    if len(apps) > 1 and client_id not in apps:
        raise WrongUse(f"{folder} holds installations of several apps: add --client-id with one of {', '.join(apps)}")
    if not found:
        raise WrongUse(f"{folder}: nothing of slack_sdk's FileInstallationStore is there")
    store = _enter(config_path)
    failed = False
    for each in found:
        is_taken, words = _import(store, each, client_id)
        failed = failed or not is_taken
        click.echo(f"{each.where}: {words}")
    if failed:
        click.get_current_context().exit(UNREADABLE)


def _import(store: Place, found: Found, client_id: str) -> tuple[bool, str]:
    """Return whether all is well with one place, and what was done."""
    if client_id and found.client_id not in {"", client_id}:
        return True, f"of the app {found.client_id}, passed over"
    if found.bot is None:
        return "was removed" in found.problem, f"not imported: {found.problem}"
    answer = _ask(store, "installations.install", {"bot": vars(found.bot), "only_newer": True})
    words = {
        "older": "kept as it is here, which is as new",
        "new": "imported",
        "again": "imported, in place of an older one",
    }
    return True, "; ".join(filter(None, (words[str(answer["kept"])], found.problem)))


def handlers(store: Store, world: World, *, web: Asked | None = None) -> Mapping[str, Handler]:
    """Make the handlers for a store that no daemon works on; *web* says whether a token works."""
    records, _ = store.visitors.load_all()
    bots, _ = store.installations.bots()
    installations = Installations(map(from_bot, bots))
    return InstallationDeeds(
        installations=installations,
        installing=OnDisk(installations, store.installations, world, web=web or Nobody()),
        store=store.installations,
        visitors=lambda: records,
        disk=world.disk,
    ).handlers()


def rows_of(answer: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the rows of ``installations.list``."""
    rows = answer.get("installations")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _enter(config_path: Path) -> Place:
    return enter(load_as(StoreOnly, config_path, os.environ).store.path, may_make=False)


def _ask(store: Place, what: str, arguments: Mapping[str, object]) -> Mapping[str, object]:
    world = World(network=TcpNetwork())

    async def ask() -> Mapping[str, object]:
        return await do(store, what, arguments, world=world, handlers=lambda opened: handlers(opened, world))

    return trio.run(ask)


# What is shown.


def _cells(row: Mapping[str, object]) -> tuple[str, ...]:
    name = f"{plain(str(row.get('name') or '–'))}{' (organisation)' if row.get('is_organisation') else ''}"
    since = _date(row.get("installed_at"))
    return (str(row.get("place")), name, str(row.get("bot_user_id")), str(row.get("visitors")), since, _state(row))


def _state(row: Mapping[str, object]) -> str:
    """Say in a few words how an installation is."""
    if row.get("needs_reinstall"):
        return f"needs reinstall: {row['needs_reinstall']}"
    missing = _texts(row.get("missing_scopes"))
    words = ["token rotates"] if row.get("is_rotating") else []
    words += [f"lacks {', '.join(missing)}"] if missing else []
    return "; ".join(words) or "works"


def _shown(name: str, value: object) -> str:
    if name in {"installed_at", "expires_at"}:
        return _date(value)
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value in {None, ""} else plain(str(value))


def _width(text: str) -> int:
    """Return how many columns of a terminal *text* takes."""
    return sum(2 if east_asian_width(letter) in {"W", "F"} else 1 for letter in text)


def _date(value: object) -> str:
    if not isinstance(value, int | float) or not value:
        return "–"
    try:
        return dt.datetime.fromtimestamp(value, tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "no date"


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
