"""People are spoken to in their own language, or as the operator chose."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from slackkefu.bridge.languages import Languages
from slackkefu.slack.directory import Directory
from slackkefu.slack.ids import UserId
from slackkefu.slack.profile import Profile
from tests.bridge.people import NORTH

if TYPE_CHECKING:
    from slackkefu.keys import LanguageChoice
    from slackkefu.slack.web import WebClient

MIA = UserId("U0MIA00001")


async def spoken(default: LanguageChoice, profile: Profile | None) -> str:
    """Return what Mia is spoken to in."""
    directory = Directory(web=cast("WebClient", None))
    directory._users.put((NORTH.key, MIA), profile)
    return await Languages(directory, default=default).of(NORTH, MIA)


async def test_the_locale_that_slack_tells() -> None:
    """It goes before the operator's choice."""
    assert "de-DE" == await spoken("zh-CN", Profile(locale="de-DE"))


async def test_a_locale_that_slack_does_not_tell() -> None:
    """The operator's choice stands in, and both languages where there is none."""
    assert "zh-CN" == await spoken("zh-CN", Profile(display_name="Mia"))
    assert "en-US" == await spoken("en-US", None)
    assert "" == await spoken("both", None)
