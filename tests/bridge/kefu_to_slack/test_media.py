"""A file of the desk's is a file in Slack, or a line that says what it was; what it offers comes behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
import trio

from slackkefu.bridge.kefu_to_slack.ending import Ended, Ending
from slackkefu.bridge.kefu_to_slack.media import MediaAnswering, MediaStatistics, upload
from slackkefu.bridge.kefu_to_slack.posting import APP_REMOVED, NO_ADDRESS
from slackkefu.bridge.kefu_to_slack.speaking import APP, Voice
from slackkefu.bridge.kefu_to_slack.to_slack import InChannel, InPrivate
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.messages import Media
from slackkefu.kefu.offers import TransferOffer
from slackkefu.slack.ids import ChannelId, Ts, UserId
from slackkefu.slack.uploads import Upload
from slackkefu.slack.web import Post
from tests.bridge.people import MIA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from slackkefu.bridge.kefu_to_slack.posting import Part, Posting
    from slackkefu.bridge.kefu_to_slack.to_slack import Place
    from slackkefu.kefu.media_fetch import MediaFetch
    from slackkefu.slack.uploads import Source

USER = ImUser(MIA)
LIN = Voice("小林", "https://img.example/lin.png")
HINT = TransferOffer("转人工", "TransferToKf", None, None)
PICTURE = Media("image", "https://kefu.example/a.png", filename="a.png")


class Wall:
    """Where parts are posted; files, or words, are refused when told so. It is also where files come from."""

    def __init__(self) -> None:
        self.link = "https://kefu.example/a.png"
        self.file_refusal: str | None = None
        self.word_refusal: str | None = None
        self.parts: list[Part] = []
        self.answering = MediaAnswering(fetch=cast("MediaFetch", self), posting=cast("Posting", self))

    def file(self, user: ImUser, media: Media) -> Wall:
        """Return the file."""
        assert USER == user
        return self

    async def post(self, user: ImUser, make: Callable[[Place], Iterable[Part]]) -> str | None:
        """Post parts in a direct message, or refuse them."""
        await trio.lowlevel.checkpoint()
        parts = [*make(InChannel(ChannelId("D0MIA00001"), None))]
        refusal = self.file_refusal if isinstance(parts[0], Upload) else self.word_refusal
        self.parts += parts if refusal is None else []
        return refusal

    async def ends(self, media: Media) -> Ended:
        """Bring a message over."""
        return await self.answering.post(USER, media, identity="m", voice=LIN)

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What stands there: the number of each part, and its words."""
        return [(part.metadata_id, part.text if isinstance(part, Post) else "file") for part in self.parts]


@pytest.mark.parametrize(("offers", "words"), [((), []), ((HINT,), [("m/1", "[转人工]")])])
async def test_a_file_and_what_it_offers(offers: tuple[TransferOffer, ...], words: list[tuple[str, str]]) -> None:
    """The file is the first part; words are behind it only where there are any."""
    wall = Wall()

    assert Ended(Ending.POSTED) == await wall.ends(Media("image", PICTURE.url, filename="a.png", offers=offers))
    assert [("m/0", "file"), *words] == wall.shown
    assert MediaStatistics(shared=1, in_words=0) == wall.answering.statistics()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://kefu.example/a.png", "[图片 Image] a.png https://kefu.example/a.png\n[转人工]"),
        ("", "[图片 Image] a.png\n[转人工]"),
    ],
)
async def test_words_for_a_file(link: str, words: str) -> None:
    """Where the file cannot be had or brought, one line says what it was, with its link, before what is offered."""
    wall = Wall()
    wall.link, wall.file_refusal = link, "missing_scope"

    assert Ended(Ending.POSTED) == await wall.ends(Media("image", "x", filename="a.png", offers=(HINT,)))
    assert [("m/1", words)] == wall.shown
    assert MediaStatistics(shared=0, in_words=1) == wall.answering.statistics()


async def test_words_that_are_refused_too() -> None:
    """Where words are refused as well, the agent is told."""
    wall = Wall()
    wall.file_refusal, wall.word_refusal = "too_large", "channel_not_found"

    assert Ended(Ending.REFUSED, "channel_not_found") == await wall.ends(PICTURE)


@pytest.mark.parametrize("code", [APP_REMOVED, NO_ADDRESS, "account_inactive"])
async def test_where_nobody_is(code: str) -> None:
    """Where words would be refused for the same reason, they are not tried, which could take another hour."""
    wall = Wall()
    wall.file_refusal = code

    assert Ended(Ending.REFUSED, code) == await wall.ends(PICTURE)
    assert [] == wall.parts


@pytest.mark.parametrize(
    ("place", "channel", "thread_ts", "comment"),
    [
        (InChannel(ChannelId("C1"), Ts("1.1")), "C1", "1.1", "小林"),
        (InPrivate(UserId("U1"), about=ChannelId("C1")), "U1", None, "<#C1> 小林"),
    ],
)
def test_where_it_goes(place: Place, channel: str, thread_ts: str | None, comment: str) -> None:
    """A file goes where words would; above it stands who sends it, and in private which channel it is about."""
    made = upload(PICTURE, cast("Source", None), place=place, identity="m", voice=LIN)

    assert (channel, thread_ts, comment) == (made.channel, made.thread_ts, made.comment)


def test_what_a_picture_shows() -> None:
    """A picture has an alternative text, and no other file; the app's own files have nothing above them."""
    place = InChannel(ChannelId("C1"), None)
    picture = upload(PICTURE, cast("Source", None), place=place, identity="m", voice=APP)
    voice = upload(Media("audio", "x", filename="v.amr"), cast("Source", None), place=place, identity="m", voice=APP)

    assert ("[图片 Image] a.png", "", "m/0") == (picture.alt_text, picture.comment, picture.metadata_id)
    assert "" == voice.alt_text
