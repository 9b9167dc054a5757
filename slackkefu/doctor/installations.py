"""
Each installation: whose token it is, its scopes, its rotation, where the app is.

A token is asked about as it is. It is never refreshed here: what a refresh gives has to be stored at once, and that is
the daemon's.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from slackkefu.doctor.examination import examine
from slackkefu.doctor.report import Finding, failure, ok, warning
from slackkefu.errors import RemoteProtocolError, SlackApiError, SlackkefuError
from slackkefu.slack.features import BOT_SCOPES
from slackkefu.slack.fields import text_at
from slackkefu.slack.installation import Installation, from_bot
from slackkefu.slack.reading import Reading
from slackkefu.slack.recovery import InstallationDead, Operator, after

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from slackkefu.doctor.report import Say
    from slackkefu.doctor.scene import Scene
    from slackkefu.slack.installation import InstallationKey
    from slackkefu.slack.web import Identity, WebClient

__all__ = ["examine_installations"]

AT_ONCE: Final = 16
"""Slack's limits are each workspace's own."""
CALL_S: Final = 20.0
"""Longest time for the questions about one installation."""

_ESSENTIAL: Final = frozenset({"chat:write", "im:history"})
"""Without these no message passes."""

_AGAIN: Final = "install the app there again: slackkefu install"
_ON_THE_WAY: Final = "check again; if this stays, ask whoever runs what is between: it answers in Slack's place"
_SILENT: Final = "no message of this workspace is carried, either way"
_WITHOUT: Final = "without a token no message there is carried"
_OF_CONFIG: Final = "slack.bot_token"


async def examine_installations(scene: Scene, web: WebClient, say: Say, *, app_id: str) -> None:
    """
    Examine every installation of the store, and the one of the configured bot token.

    Args:
        scene: Store and configuration.
        web: Calls Slack.
        say: Gets the findings, one installation after the other.
        app_id: The app that the app-level token is of, where that is known.

    """
    kept = scene.store.contents.bots if scene.store.contents is not None else ()
    installations = [from_bot(bot) for bot in kept]
    own = scene.config.slack.bot_token
    works = [partial(_examine, scene, web, each, str(each.key), app_id) for each in installations]
    if own is not None and all(each.bot_token != own for each in installations):
        works.insert(0, partial(_examine, scene, web, None, _OF_CONFIG, app_id))
    if not works:
        say(
            warning(
                "slack.installations",
                "the app is installed in no workspace",
                means="there is nobody to serve",
                do="slackkefu install; or, for a single workspace, set slack.bot_token",
            )
        )
    room = trio.Semaphore(AT_ONCE)

    async def branch(work: Callable[[], Awaitable[Sequence[Finding]]], say: Say) -> None:
        async with room:
            for finding in await work():
                say(finding)

    # Each is told when its turn comes, so that of many those are known that were examined in time.
    await examine([("an installation", partial(branch, work)) for work in works], say, limit_s=inf)


async def _examine(
    scene: Scene, web: WebClient, kept: Installation | None, about: str, app_id: str
) -> Sequence[Finding]:
    """Examine one installation; without one that is kept, that of the configured token."""
    if kept is not None and kept.needs_reinstall:
        said = f"its token was taken away: {kept.needs_reinstall}"
        return [failure("slack.installation", said, about=about, means=_SILENT, do=_AGAIN)]
    token = kept.bot_token if kept is not None else scene.config.slack.bot_token
    if token is None:
        return []
    rotation = _rotation(scene, kept, about)
    if kept is not None and kept.expires_at is not None and kept.expires_at <= scene.world.wall():
        return rotation  # Slack would say no more than that
    try:
        with trio.fail_after(CALL_S):
            identity = await web.auth_test(token)
    except SlackkefuError as error:
        return [_refused(error, about, is_configured=kept is None), *rotation]
    except trio.TooSlowError:
        return [_unknown(f"no answer to auth.test within {CALL_S:g} s", about), *rotation]
    if kept is not None and not _is_same(identity.key, kept.key):
        said = f"its token is one of {identity.key}"
        return [failure("slack.installation", said, about=about, means=_SILENT, do=_AGAIN)]
    installation = kept or identity.installation(token)
    said = f"{identity.team_name or 'unnamed'} ({identity.key}): its bot token works"
    findings = [ok("slack.installation", said, about=about)]
    with trio.move_on_after(CALL_S) as scope:
        findings += await _app(web, installation, about, app_id)
        findings += _scopes(identity, about)
        findings += rotation
        findings += await _places(web, installation, about)
    if scope.cancelled_caught:
        findings.append(
            warning(
                "check.time",
                f"not everything about it was answered within {CALL_S:g} s",
                about=about,
                means="its token works; what is missing above is not known",
                do="check again in a minute",
            )
        )
    return findings


def _is_same(theirs: InstallationKey, ours: InstallationKey) -> bool:
    """Tell whether both name one installation; a workspace may have moved into an organisation since."""
    return theirs.team_id == ours.team_id if ours.team_id is not None else theirs == ours


def _unknown(said: str, about: str) -> Finding:
    means = "whether this installation works is not known"
    return warning("slack.installation", said, about=about, means=means, do="check again in a minute")


def _refused(error: SlackkefuError, about: str, *, is_configured: bool) -> Finding:
    """Say what the refusal of a bot token means."""
    do = _AGAIN
    if is_configured:
        do = "set slack.bot_token to the bot token (xoxb-…) of this app: its page, OAuth & Permissions"
    match after(error):
        case InstallationDead(reason):
            said = f"Slack answered {reason}: the app was removed there, or its token revoked"
            return failure("slack.installation", said, about=about, means=_SILENT, do=do)
        case Operator(advice):
            if isinstance(error, SlackApiError) and error.code.startswith("http_"):
                do = _ON_THE_WAY
            return failure("slack.installation", advice, about=about, means=_SILENT, do=do)
        case _:
            return _unknown(str(error), about)


async def _app(web: WebClient, installation: Installation, about: str, app_id: str) -> Sequence[Finding]:
    """Say whether the bot is one of the app whose connections we have; Slack tells that of a bot alone."""
    theirs = installation.app_id
    try:
        bot = (await web.call("bots.info", {"bot": installation.bot_id}, token=installation.bot_token)).get("bot")
        theirs = text_at(bot, "app_id") or theirs
    except SlackkefuError:
        pass  # what was stored at the installation will do
    if not app_id or not theirs:
        return []
    if theirs == app_id:
        return [ok("slack.app", f"of app {app_id}, as the app-level token", about=about)]
    return [
        failure(
            "slack.app",
            f"its bot token is of app {theirs}, the app-level token of app {app_id}",
            about=about,
            means="what is written to this bot comes over another app's connections, so it is never heard here",
            do="take both tokens from one app's page: slack.app_token, and slack.bot_token or slackkefu install",
        )
    ]


def _scopes(identity: Identity, about: str) -> Sequence[Finding]:
    missing = [scope for scope in BOT_SCOPES if scope not in identity.scopes]
    if not identity.scopes:
        return [ok("slack.scopes", "Slack did not tell which scopes the token has", about=about)]
    if not missing:
        return [ok("slack.scopes", f"all {len(BOT_SCOPES)} of the manifest's", about=about)]
    said = f"missing: {', '.join(missing)}"
    means = f"not possible: {'; '.join(BOT_SCOPES[scope] for scope in missing)}"
    do = f"bring the app's manifest up to date (slackkefu manifest), then {_AGAIN}"
    make = failure if _ESSENTIAL.intersection(missing) else warning
    return [make("slack.scopes", said, about=about, means=means, do=do)]


def _rotation(scene: Scene, kept: Installation | None, about: str) -> Sequence[Finding]:
    """Say when the token ends, and whether another can be had."""
    config = scene.config.slack
    if kept is None:
        if config.bot_token is None or not config.bot_token.reveal().startswith("xoxe."):
            return []
        return [
            warning(
                "slack.rotation",
                "the configured bot token is a rotating one: it ends within 12 h, and cannot be replaced from here",
                about=about,
                means="then no message of this workspace is carried",
                do="leave slack.bot_token out, set slack.client_id and slack.client_secret, and: slackkefu install",
            )
        ]
    if kept.expires_at is None:
        return []
    left_s = kept.expires_at - scene.world.wall()
    ends = f"ends in {left_s / 3600:.1f} h" if left_s > 0 else f"has ended {-left_s / 3600:.1f} h ago"
    if kept.refresh_token is None:
        said, do = f"its token {ends}, and there is no refresh token", _AGAIN
    elif config.client_secret is None:
        said = f"its token {ends}, and slack.client_secret, which a new one needs, is not set"
        do = "set slack.client_id and slack.client_secret: the app's page, Basic Information, App Credentials"
    elif left_s > 0:
        return [ok("slack.rotation", f"its token {ends}; the daemon replaces it before", about=about)]
    else:
        return [_ended(scene, ends, about)]
    make = warning if left_s > 0 else failure
    return [make("slack.rotation", said, about=about, means=_WITHOUT, do=do)]


def _ended(scene: Scene, ends: str, about: str) -> Finding:
    """Say what a token that has ended means, and could be replaced."""
    held = scene.store.holder
    if held is None or not held.is_held:
        said, do = f"its token {ends}; a daemon that starts replaces it", "start the daemon"
        return warning("slack.rotation", said, about=about, means=_WITHOUT, do=do)
    do = f"look into the daemon's log for slack.token; if its refresh token is dead, {_AGAIN}"
    return failure("slack.rotation", f"its token {ends}, and was not replaced", about=about, means=_WITHOUT, do=do)


async def _places(web: WebClient, installation: Installation, about: str) -> Sequence[Finding]:
    """Say where the app is."""
    findings = []
    try:
        if installation.key.team_id is None:
            findings.append(await _workspaces(web, installation, about))
        found = await Reading(web=web).conversations(installation)
    except (SlackApiError, RemoteProtocolError) as error:
        do = "see slack.scopes, and what Slack's code means"
        means = "after an absence nothing is read there"
        return [*findings, warning("slack.channels", f"not told: {error}", about=about, means=means, do=do)]
    open_ones = [each for each in found if not each.is_archived]
    direct = sum(each.kind == "im" for each in open_ones)
    said = f"in {len(open_ones) - direct} channels and group conversations, and {direct} direct messages"
    if len(open_ones) == direct:
        said += "; invite it where else it shall listen"
    return [*findings, ok("slack.channels", said, about=about)]


async def _workspaces(web: WebClient, installation: Installation, about: str) -> Finding:
    answer = await web.call("auth.teams.list", {"limit": 100}, token=installation.bot_token)
    teams = answer.get("teams")
    names = [text_at(team, "id") for team in teams] if isinstance(teams, list) else []
    if names:
        more = " and more" if text_at(answer.get("response_metadata"), "next_cursor") else ""
        return ok("slack.workspaces", f"granted {len(names)}{more}: {', '.join(names[:10])}", about=about)
    return warning(
        "slack.workspaces",
        "the organisation has granted the app no workspace",
        about=about,
        means="nobody there can write to it",
        do="an organisation admin adds the app to workspaces: organisation settings, Integrations, Installed apps",
    )
