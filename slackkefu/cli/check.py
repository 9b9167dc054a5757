"""``slackkefu check``: the doctor."""

from __future__ import annotations

import errno
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import trio

from slackkefu.cli.findings import Printed, print_hosts
from slackkefu.cli.network import network_of
from slackkefu.cli.options import config_option
from slackkefu.config import StoreOnly, load, load_as
from slackkefu.control.client import NotRunning, ask
from slackkefu.doctor.checkup import check_up
from slackkefu.doctor.configuration import examine_file, examine_problems
from slackkefu.doctor.easemob import find_addresses
from slackkefu.doctor.hosts import list_hosts
from slackkefu.doctor.report import IDS, Level, failure, ok, worst
from slackkefu.doctor.scene import look_around
from slackkefu.doctor.store import examine_store
from slackkefu.errors import ConfigError, DaemonRefused, LinkClosed, StoreError
from slackkefu.keys import GROUPS, KEYS
from slackkefu.service import logs
from slackkefu.store.inspection import inspect
from slackkefu.world import World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from slackkefu.config import Config
    from slackkefu.doctor.hosts import Host
    from slackkefu.doctor.report import Finding

__all__ = ["check"]

ANSWER_S: Final = 5.0
"""How long the daemon may take to say where it is installed; it does so at once when it is well."""

_WIDTH: Final = max(map(len, IDS))

_EPILOG: Final = """
\b
With --json, one document:
  {{"version": 1, "level": "ok|warning|failure", "exit_code": 0, "findings": [
    {{"id": "…", "level": "…", "about": "…", "says": "…", "means": "…", "do": "…"}}]}}
with --offline also "settings", by key; with --hosts instead
  {{"version": 1, "hosts": [{{"host": "…", "port": 443, "use": "…"}}], "problem": ""}}
\b
The ids of findings:
{ids}
\b
Exit codes: 0 well, or warnings only; 3 configuration; 4 store; 5 anything else that fails.
""".format(ids="\n".join(f"  {id_:{_WIDTH}}  {about}" for id_, about in IDS.items()))


@click.command(epilog=_EPILOG)
@config_option
@click.option("--offline", is_flag=True, help="Ask nobody; show what each key of the configuration means.")
@click.option(
    "--login",
    is_flag=True,
    help="Also log in to Easemob's IM, as a user made for it and deleted afterwards. It counts as a registered user "
    "until then, and as a user of today.",
)
@click.option("--hosts", is_flag=True, help="List every host and port that a firewall must let out, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def check(config_path: Path, *, offline: bool, login: bool, hosts: bool, as_json: bool) -> None:
    """
    Examine everything slackkefu depends on, and say what is wrong and what to do.

    Configuration, store and limits of this machine; the way to every host; tokens and scopes of every installation;
    Easemob's credentials, service number and plan; the desk. Each line is ok, a warning or a failure.

    It is safe while the daemon runs: it takes no lock, writes nothing to the store, and opens no Socket Mode
    connection, which would get customers' messages. It asks Slack a few questions for each workspace and Easemob for
    one app token; Easemob bans apps that ask for tokens all the time, so do not run it every minute. Secrets are not
    shown.
    """
    logs.quiet()
    if offline and (login or hosts):
        raise click.UsageError("--login and --hosts ask others; they do not go with --offline")
    printed = Printed(as_json=as_json)
    found = list(examine_file(config_path))
    try:
        config = load(config_path, os.environ)
    except ConfigError as error:
        if worst(found) is not Level.FAILURE:
            found += examine_problems(error, path=config_path, environ=os.environ, program=_program())
        for finding in (*found, *_store_alone(config_path)):
            printed.tell(finding)
        printed.finish()
        sys.exit(printed.code)
    if hosts:
        sys.exit(_list_hosts(config, as_json=as_json))
    for finding in (*found, ok("config.values", "every key has a value that can be used")):
        printed.tell(finding)
    if not _came_to_its_end(partial(_check_up, config, printed, offline=offline, login=login)):
        means, do = "what is missing above is not known", "check again, and let it come to its end"
        printed.tell(failure("check.time", "stopped before its end", means=means, do=do))
    printed.finish(dict(_settings(config)) if offline else None)
    sys.exit(printed.code)


def _program() -> list[str]:
    """Return the command that this was called by, for another shell."""
    called = Path(sys.argv[0])
    return [sys.executable, "-m", "slackkefu"] if called.name == "__main__.py" else [str(called.absolute())]


async def _check_up(config: Config, printed: Printed, *, offline: bool, login: bool) -> None:
    answers = partial(_does_the_daemon_answer, config.store.path)
    scene = await look_around(config, World(network=network_of(config)), answers=answers)
    await check_up(scene, printed.tell, offline=offline, login=login)


async def _does_the_daemon_answer(store: Path) -> bool | None:
    """Ask it something that changes nothing; None where there is nobody to ask, or this user may not."""
    with trio.move_on_after(ANSWER_S):
        try:
            return None if isinstance(await ask(store, "installations.list", {}), NotRunning) else True
        except DaemonRefused:
            return True
        except StoreError:
            return None
        except LinkClosed:
            return False
    return False


def _list_hosts(config: Config, *, as_json: bool) -> int:
    """Print the list; return the exit code."""
    found: list[Host] = []
    problem = ""

    async def find() -> None:
        nonlocal problem
        scene = await look_around(config, World(network=network_of(config)))
        found.extend(list_hosts(scene, None))
        if not (config.easemob.rest_url and config.easemob.websocket_url):
            addresses = await find_addresses(scene)
            found[:], problem = list_hosts(scene, addresses), addresses.problem

    if not _came_to_its_end(find):
        problem = "stopped before its end"
    print_hosts(found, problem, as_json=as_json)
    return 5 if problem else 0


def _came_to_its_end(work: Callable[[], Awaitable[None]]) -> bool:
    """Do *work*; tell whether nobody has stopped it: what it has found by then is worth its report."""
    is_whole, nobody_reads = True, False

    async def until_stopped() -> None:
        # Ctrl-C is trio's; these would leave a user of ours at Easemob, whom nobody knows of.
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:

                async def stop() -> None:
                    nonlocal is_whole
                    await anext(signals)
                    is_whole = False
                    nursery.cancel_scope.cancel()

                nursery.start_soon(stop)
                await work()
                nursery.cancel_scope.cancel()

    try:
        trio.run(until_stopped)
    except* KeyboardInterrupt:
        is_whole = False
    except* BrokenPipeError:
        nobody_reads = True
    if nobody_reads:
        # As click knows it, which ends quietly then.
        raise BrokenPipeError(errno.EPIPE, "nobody reads")
    return is_whole


def _store_alone(path: Path) -> Iterator[Finding]:
    """Examine the store where the rest of the configuration cannot be used."""
    try:
        store = load_as(StoreOnly, path, os.environ).store
    except ConfigError:
        return
    yield from examine_store(inspect(store.path))


def _settings(config: Config) -> Iterator[tuple[str, str]]:
    """Yield each key, and what it is; of a secret, whether it is set."""
    for key in KEYS:
        table, _, field = key.name.partition(".")
        value = getattr(getattr(config, table), field)
        if key.name == "network.proxy":
            shown = config.network.way
        elif key.secret:
            shown = "set" if value else "not set"
        elif isinstance(value, tuple):
            shown = ", ".join(map(str, value)) or "none"
        else:
            shown = "not set" if value in {None, ""} else str(value)
        yield key.name, shown
    for group in GROUPS:
        table, _, field = group.name.partition(".")
        yield group.name, ", ".join(getattr(getattr(config, table), field)) or "none"
