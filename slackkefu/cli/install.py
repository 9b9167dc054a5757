"""``slackkefu install``: the app comes into a workspace by OAuth, with outgoing connections only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click
import trio

from slackkefu.cli import certificate
from slackkefu.cli.exits import broken_off
from slackkefu.cli.installing import InstallConfig, Installing
from slackkefu.cli.network import network_of
from slackkefu.cli.options import config_option
from slackkefu.config import load_as
from slackkefu.secret import Secret
from slackkefu.service import logs
from slackkefu.slack.oauth import LINK_S
from slackkefu.world import World

if TYPE_CHECKING:
    import ssl

__all__ = ["install"]

_DAYS: Final = int(LINK_S / 86_400)

_BROKEN_OFF: Final = (
    "It was broken off. slackkefu installations list shows whether the app is installed; if not, open the same link "
    "again and agree, or make a new one. Nothing is installed twice by that."
)


@click.command()
@config_option
@click.option("--team", default="", metavar="T…", help="The workspace that is chosen on Slack's page at first.")
@click.option("--link", "only_link", is_flag=True, help="Print a link to send to somebody, and end.")
@click.option("--answer", metavar="TEXT|-", help="The address that came back for a link; - reads it from the input.")
@click.option("--code", "is_code", is_flag=True, help="The answer is a code alone, and you know where it comes from.")
@click.option("--listen", metavar="[HOST:]PORT", help="Serve the redirect address here, by HTTPS.")
@click.option("--cert", type=click.Path(path_type=Path), help="With --listen: its certificate, a PEM file.")
@click.option("--key", type=click.Path(path_type=Path), help="With --listen: the certificate's key, a PEM file.")
def install(
    config_path: Path,
    *,
    team: str,
    only_link: bool,
    answer: str | None,
    is_code: bool,
    listen: str | None,
    cert: Path | None,
    key: Path | None,
) -> None:
    """
    Install the app in a workspace or an organisation.

    Prints a link. Whoever opens it and agrees is sent to an address where nothing needs to be: the browser shows an
    error, and the address in its address bar is the answer. Paste it here.

    To let somebody else agree, send them a link (--link), and complete with what they send back (--answer). The link is
    good for seven days; the address that comes back for ten minutes, once.
    """
    _check_use(only_link=only_link, answer=answer, is_code=is_code, listen=listen, cert=cert, key=key, team=team)
    where = None if listen is None else _where(listen)
    logs.configure(quiet=True, verbose=False, stream=sys.stderr, environ=os.environ, hidden=(Secret,))
    config = load_as(InstallConfig, config_path, os.environ, required=("slack.client_id", "slack.client_secret"))
    world = World(network=network_of(config))
    installing = Installing(config, world, team)
    if only_link:
        click.echo(installing.link)
        click.echo(
            f"It is good for {_DAYS} days. Complete with: slackkefu install --answer '(the address that comes back)'",
            err=True,
        )
        return
    tls = None if where is None else _certificate(config, world, cert, key)
    # Last: from here on root may be given up.
    installing.enter()
    with broken_off(_BROKEN_OFF):
        if where is not None and tls is not None:
            trio.run(installing.listen, *where, tls)
        elif answer is not None:
            text = sys.stdin.read() if answer == "-" else answer
            trio.run(installing.complete, installing.code_of(text, is_code=is_code))
        else:
            trio.run(installing.make_sure)
            trio.run(installing.complete, installing.ask_for_code(is_code=is_code))


def _check_use(
    *,
    only_link: bool,
    answer: str | None,
    is_code: bool,
    listen: str | None,
    cert: Path | None,
    key: Path | None,
    team: str,
) -> None:
    """Refuse options that do not go together, or are wrong by themselves."""
    if sum((only_link, answer is not None, listen is not None)) > 1:
        raise click.UsageError("--link, --answer and --listen are three ways: choose one")
    if is_code and (only_link or listen is not None):
        raise click.UsageError("--code says what an answer is: it goes with --answer, or with pasting")
    if (cert is None) != (key is None) or (cert is not None and listen is None):
        raise click.UsageError("--cert and --key go together, and with --listen")
    if team and not (team[0] in "TE" and team.isalnum() and team.isupper()):
        raise click.UsageError("--team takes the id of a workspace, T… in capitals")


def _where(listen: str) -> tuple[str, int]:
    """Read [HOST:]PORT; by itself a port is this machine's."""
    host, _, port = listen.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65_535:
        raise click.UsageError("--listen takes [HOST:]PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def _certificate(config: InstallConfig, world: World, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    if cert is not None and key is not None:
        return certificate.own(cert, key)
    host = urlsplit(config.slack.redirect_url).hostname or "localhost"
    tls, fingerprint = certificate.self_signed(host, now=world.wall())
    click.echo(
        f"A certificate for {host} was made for this once. Nobody has signed it, so the browser warns. Go on only if "
        f"it shows this fingerprint (SHA-256):\n  {fingerprint}"
    )
    return tls
