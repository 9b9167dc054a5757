"""
Limits of Easemob's plan that will bind: users, users of a day, waiting messages (facts/easemob-rest.md §9.3, §12.2).

Which plan an app has no call tells. The free one has room for 100 users and 100 of them a day, so an app with more is
on another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from slackkefu.doctor.report import Finding, failure, ok, warning
from slackkefu.easemob.names import im_user
from slackkefu.errors import RestError, RestPlanLimit, SlackkefuError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slackkefu.doctor.report import Say
    from slackkefu.doctor.scene import Scene
    from slackkefu.easemob.rest import RestClient
    from slackkefu.store.visitors import VisitorRecord

__all__ = ["examine_plan"]

FREE: Final = 100
"""Registered users, and users a day, of the free plan; also the most that one call lists."""
PAID_A_DAY: Final = 10_000
"""Users a day that the other plans include."""
NEAR: Final = 0.8
WAITING: Final = 500
"""Messages that Easemob keeps for one user."""
DAY_S: Final = 86400.0
LOOKED_AT: Final = 20
"""Visitors whose waiting messages are counted: the latest."""
CALL_S: Final = 15.0

_LIMITS: Final = "Easemob's console shows the plan and what is used of it"


async def examine_plan(scene: Scene, rest: RestClient, say: Say) -> None:
    """Say how near the limits are."""
    visitors = scene.store.contents.visitors if scene.store.contents is not None else ()
    users = await _count_users(rest)
    say(users if isinstance(users, Finding) else _users(users, len(visitors)))
    say(_visitors(visitors, now=scene.world.wall(), may_be_free=isinstance(users, Finding) or users is not None))
    latest = sorted(visitors, key=lambda record: record.last_active, reverse=True)[:LOOKED_AT]
    say(await _waiting(rest, latest))


async def _count_users(rest: RestClient) -> int | Finding | None:
    """Count the app's users up to the free plan's; None for more."""
    call = "GET /users"
    try:
        with trio.fail_after(CALL_S):
            answer = await rest.authorised("GET", f"/users?limit={FREE}", call=call)
    except RestPlanLimit as error:
        do = f"raise the plan; {_LIMITS}"
        return failure("easemob.users", str(error), means="no new visitor can be registered", do=do)
    except (SlackkefuError, trio.TooSlowError) as error:
        return ok("easemob.users", f"not told: {str(error) or f'no answer within {CALL_S:g} s'}")
    entities = answer.get("entities")
    count = len(entities) if isinstance(entities, list) else 0
    return None if answer.get("cursor") else count


def _users(count: int | None, visitors: int) -> Finding:
    id_ = "easemob.users"
    if count is None:
        return ok(id_, f"more than {FREE} registered, so not the free plan; {visitors} visitors here")
    said = f"{count} registered; {visitors} visitors here"
    if count < FREE * NEAR:
        return ok(id_, said)
    return warning(
        id_,
        said,
        means=f"the free plan has {FREE}; where it is yours, the next visitors cannot be registered nor served",
        do=f"raise the plan, or forget old visitors (slackkefu visitors); {_LIMITS}",
    )


def _visitors(visitors: Sequence[VisitorRecord], *, now: float, may_be_free: bool) -> Finding:
    id_ = "easemob.visitors"
    lately = sum(record.last_active > now - DAY_S for record in visitors)
    limit = FREE if may_be_free else PAID_A_DAY
    said = f"{lately} wrote within a day"
    if lately < limit * NEAR:
        return ok(id_, said)
    return warning(
        id_,
        said,
        means=f"{'the free plan has' if may_be_free else 'others include'} {limit} users a day; past it logins are "
        "refused until the next day",
        do=f"raise the plan; {_LIMITS}",
    )


async def _waiting(rest: RestClient, latest: Sequence[VisitorRecord]) -> Finding:
    id_, most, answered = "easemob.waiting", 0, 0
    try:
        with trio.fail_after(CALL_S):
            for record in latest:
                try:
                    most = max(most, await rest.offline_count(im_user(record.im_user)))
                    answered += 1
                except RestError:
                    continue  # not registered any more, or not counted here
    except (SlackkefuError, trio.TooSlowError) as error:
        return ok(id_, f"not told: {str(error) or f'no answer within {CALL_S:g} s'}")
    said = f"at most {most} for one of the {answered} latest visitors"
    if most < WAITING * NEAR:
        return ok(id_, said if answered else "nobody to ask about")
    return warning(
        id_,
        said,
        means=f"Easemob keeps {WAITING} for each visitor, and 3 to 180 days by plan; older answers are lost",
        do="start the daemon, or see in its log why it does not fetch them",
    )
