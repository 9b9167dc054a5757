"""Files of the desk's arrive in Slack as files: byte for byte, once, in their place; nobody sees another's secret."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import MediaFault, MediaHost
from slackkefu.demo.slack import Drop, Late, Refusal, Status, Timing
from slackkefu.demo.slack import Switches as SlackSwitches
from slackkefu.demo.slack.state import ALL_SCOPES
from tests.facts import load
from tests.wired.town import greeted, town

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slackkefu.demo.desk.desk import MediaKind
    from slackkefu.demo.slack import Post
    from tests.wired.town import Town

SOON_S = 30.0
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000
MISSING, UPPER = object(), object()
COMPLETE = "files.completeUploadExternal"


def shown(post: Post) -> str:
    """Return the words of a post, or the name of its file."""
    return post.message.files[0].name if post.message.files else post.text


async def all_shown(here: Town, count: int, *, within_s: float = 120.0) -> list[str]:
    """Wait until so much has been posted; return it."""
    with trio.fail_after(within_s):
        await here.slack.posted(count)
    return [shown(post) for post in here.slack.ledger.posts]


def stranger(here: Town, name: str = "files.test") -> MediaHost:
    """Open somebody's host of files."""
    host = MediaHost()
    here.network.serve_http(name, host)
    return host


@pytest.mark.parametrize("kind", ["img", "file", "audio", "video"])
@pytest.mark.parametrize("place", ["path", "desk", "plain http", "easemob", "restricted", "elsewhere", "no size"])
async def test_byte_for_byte(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, kind: MediaKind, place: str
) -> None:
    """Wherever a file lies, its bytes, name and kind stand in Slack, and whoever sent it stands above it."""
    async with town(tmp_path) as here:
        mia, visitor = await greeted(here)
        path = here.kefu.keeps("2f3e.png", PNG, is_sized=place != "no size")
        foreign = stranger(here)
        urls = {
            "path": path,
            "no size": path,
            "desk": f"https://kefu.test{path}",
            "plain http": f"http://kefu.test{path}",
            "easemob": here.easemob.keeps(PNG),
            "restricted": here.easemob.keeps(PNG, secret="secret-1"),
            "elsewhere": f"https://files.test{foreign.keeps('/a/b', PNG)}",
        }
        here.desk.sends_file(visitor, kind, urls[place], name="截图 screen.png", fields={"secret": "secret-1"})

        assert ["截图 screen.png"] == await all_shown(here, 1)

        (post,) = here.slack.ledger.posts
        (file,) = post.message.files

        assert (mia.dm().id, None, here.desk.agent.name) == (post.channel.id, post.thread, post.text)
        assert PNG == file.content
        assert not file.token_came
        assert ("[图片] 截图 screen.png" if kind == "img" else "") == file.alt_text
        assert not any(asked.has_secrets for asked in (*foreign.asked, *here.kefu.media.asked))


async def test_a_sticker(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A sticker is an image, called as its address has it."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        here.kefu.media.keeps("/v1/emoj/tenants/1001/files/cat.gif", b"GIF89a" + PNG, content_type="image/gif")
        here.desk.sends_sticker(visitor, "//kefu.test/v1/emoj/tenants/1001/files/cat.gif", name="cat.gif")

        assert ["cat.gif"] == await all_shown(here, 1)


async def test_in_a_channel(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """In a channel a file goes into the visitor's thread; once that is archived, to the visitor, naming the channel."""
    async with town(tmp_path) as here:
        leo = here.north.add_user(name="Leo")
        support = here.north.add_channel(name="support", members=[leo])
        question = await leo.says(support, f"<@{here.north.installation.bot.id}> hello")
        with trio.fail_after(SOON_S):
            visitor = (await here.desk.heard("hello")).visitor
        here.desk.sends_file(visitor, "img", here.kefu.keeps("a.png", PNG), name="a.png")
        await all_shown(here, 1)
        support.archived = True
        here.desk.sends_file(visitor, "img", here.kefu.keeps("b.png", PNG), name="b.png")

        assert ["a.png", "b.png"] == await all_shown(here, 2)

        there, private = here.slack.ledger.posts

        assert (support.id, question.ts) == (there.channel.id, there.thread)
        assert (leo.dm().id, f"<#{support.id}> {here.desk.agent.name}") == (private.channel.id, private.text)


@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("share_s", [0.0, 0.5, 4.0, 9.0])
async def test_order_with_words(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, share_s: float, echoes: bool
) -> None:
    """A share that appears late keeps its place: words and files behind it wait, with echoes and without."""
    switches = SlackSwitches(echoes_posts=echoes)
    async with town(tmp_path, slack_timing=Timing(share_s=share_s), slack_switches=switches) as here:
        _, visitor = await greeted(here)
        expected = []
        for number in range(4):
            here.desk.answers(visitor, f"words {number}")
            here.desk.sends_file(visitor, "img", here.kefu.keeps(f"{number}.png", PNG), name=f"{number}.png")
            expected += [f"words {number}", f"{number}.png"]
        here.desk.answers(visitor, "the end")

        assert [*expected, "the end"] == await all_shown(here, len(expected) + 1)


async def test_a_share_that_takes_too_long_holds_nobody_for_ever(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """After ten seconds the next words go on; the file comes when Slack shows it, once."""
    async with town(tmp_path, slack_timing=Timing(share_s=60.0), settles=False) as here:
        _, visitor = await greeted(here)
        here.desk.sends_file(visitor, "img", here.kefu.keeps("a.png", PNG), name="a.png")
        await trio.sleep(15)
        here.desk.answers(visitor, "do you see it?")
        await trio.sleep(5)

        assert ["do you see it?"] == [shown(post) for post in here.slack.ledger.posts]

        await trio.sleep(120)
        # For the judge, who reads the order from the posts.
        here.slack.ledger.posts.rotate(1)

        assert ["a.png", "do you see it?"] == [shown(post) for post in here.slack.ledger.posts]


@pytest.mark.parametrize("share_s", [0.2, 5.0])
@pytest.mark.parametrize("completed", [True, False])
@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("second", ["refused", "ignored"])
async def test_lost_answers(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    share_s: float,
    completed: bool,
    echoes: bool,
    second: str,
) -> None:
    """Whether a completion whose answer is lost has happened or not, the file stands in Slack once."""
    switches = SlackSwitches(echoes_posts=echoes, second_completion=second)  # type: ignore[arg-type]  # one of its values
    async with town(tmp_path, slack_timing=Timing(share_s=share_s), slack_switches=switches) as here:
        _, visitor = await greeted(here)
        web = here.slack.faults.web
        web.next(COMPLETE, Drop(carried_out=completed))
        web.next(COMPLETE, Status(503, carried_out=completed))
        for number in range(2):
            here.desk.sends_file(visitor, "img", here.kefu.keeps(f"{number}.png", PNG), name=f"{number}.png")
        here.desk.answers(visitor, "the end")

        assert ["0.png", "1.png", "the end"] == await all_shown(here, 3)

        await trio.sleep(60)
        posting = here.statistics["posting"]()

        assert ["0.png", "1.png", "the end"] == [shown(post) for post in here.slack.ledger.posts]
        assert (2, 0) == (posting.looked, posting.doubled_possible)  # type: ignore[attr-defined]  # that group's class


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "upload", "files.info", "conversations.open"])
async def test_trouble_on_the_way(tmp_path: Path, autojump_clock: trio.testing.MockClock, method: str) -> None:
    """Trouble in any step is got over, without a second file."""
    async with town(tmp_path, slack_timing=Timing(share_s=0.5)) as here:
        _, visitor = await greeted(here)
        web = here.slack.faults.web
        for fault in (Drop(carried_out=True), Drop(carried_out=False), Status(502), Late(20.0)):
            web.next(method, fault)
        here.kefu.media.fail(MediaFault(503))
        here.kefu.media.fail(MediaFault(0))
        here.desk.sends_file(visitor, "img", here.kefu.keeps("a.png", PNG), name="a.png")
        here.desk.answers(visitor, "the end")

        assert ["a.png", "the end"] == await all_shown(here, 2, within_s=300)
        assert 1 == len([file for file in here.slack.state.files.values() if file.shares])


@pytest.mark.parametrize("step", ["files.getUploadURLExternal", "upload", COMPLETE, "shared"])
@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("known", [True, False])
async def test_killed_between_the_steps(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, step: str, echoes: bool, known: bool
) -> None:
    """A daemon that dies at any step of an upload brings the file once when it is back, and what follows behind it."""
    switches = SlackSwitches(echoes_posts=echoes, new_file_known=known)
    async with town(tmp_path, slack_timing=Timing(share_s=1.0), slack_switches=switches) as here:
        _, visitor = await greeted(here)
        # So that it is on disk that the desk has confirmed what Mia wrote.
        await trio.sleep(60)
        if step != "shared":
            here.slack.faults.web.next(step, Late(3600.0))
        here.desk.sends_file(visitor, "img", here.kefu.keeps("a.png", PNG), name="a.png")
        here.desk.answers(visitor, "the end")
        await trio.sleep(0.6 if step == "shared" else 0.1)
        await here.kill()
        here.slack.faults.web.clear()
        await here.start()

        assert ["a.png", "the end"] == await all_shown(here, 2)

        await trio.sleep(60)

        assert ["a.png", "the end"] == [shown(post) for post in here.slack.ledger.posts]
        assert PNG == here.slack.ledger.posts[0].message.files[0].content


@pytest.mark.parametrize("trouble", ["no scope", "switched off", "closed way", "bytes refused"])
async def test_where_files_cannot_be_brought(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, trouble: str
) -> None:
    """Where Slack takes no file, a line with kind, name and link stands for it, and nothing behind it waits."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        web = here.slack.faults.web
        if trouble == "no scope":
            here.north.installation.scopes = ALL_SCOPES - {"files:write"}
        elif trouble == "switched off":
            web.storm(COMPLETE, Refusal("file_uploads_disabled"))
        else:
            web.storm("upload", Status(503 if trouble == "closed way" else 403))
        path = here.kefu.keeps("a.png", PNG)
        here.desk.sends_file(visitor, "img", path, name="a.png")
        restricted = here.easemob.keeps(PNG, secret="secret-1")
        here.desk.sends_file(visitor, "file", restricted, name="b.pdf", fields={"secret": "secret-1"})
        here.desk.answers(visitor, "the end")
        expected = [f"[图片] a.png https://kefu.test{path}", "[文件] b.pdf", "the end"]

        assert expected == [words.removeprefix("小林: ") for words in await all_shown(here, 3, within_s=900)]
        assert 2 == here.statistics["media"]().in_words  # type: ignore[attr-defined]  # that group's class


@pytest.mark.parametrize(
    ("content", "content_type", "has_link"),
    [
        (b"<!DOCTYPE html><html>sign in</html>", "application/octet-stream", False),
        (b"sign in", "text/html", False),
        (b'{"error": "x"}', "application/json", False),
        (b"", "image/png", False),
        (bytes(101 << 20), "image/png", True),
        (None, "", False),
    ],
    ids=["page", "said to be a page", "error", "nothing", "too large", "gone"],
)
@pytest.mark.parametrize("is_sized", [True, False])
async def test_what_is_no_file(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    content: bytes | None,
    content_type: str,
    has_link: bool,
    is_sized: bool,
) -> None:
    """A page, an error, nothing, and what is too large never become a file; a line says what it was."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        path = "/v1/Tenant/1001/MediaFiles/gone.png"
        if content is not None:
            path = here.kefu.keeps("a.png", content, content_type=content_type, is_sized=is_sized)
        here.desk.sends_file(visitor, "img", path, name="a.png")
        here.desk.answers(visitor, "the end")
        link = f" https://kefu.test{path}" if has_link else ""

        assert [f"[图片] a.png{link}", "the end"] == await all_shown(here, 2)
        assert {} == here.slack.state.files


async def test_nobody_elses_token(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A stranger's host is shown no token and no secret, however it refuses, and not by a redirect from ours either."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        foreign = stranger(here)
        foreign.fail(MediaFault(401))
        link = f"https://files.test{foreign.keeps('/acme/support/chatfiles/a', PNG)}"
        here.desk.sends_file(visitor, "img", link, name="a.png", fields={"secret": "secret-1"})
        here.kefu.media.fail(MediaFault(302, location=link))
        here.desk.sends_file(visitor, "img", here.kefu.keeps("b.png", b""), name="b.png", fields={"secret": "secret-1"})

        assert ["[图片] a.png", "b.png"] == await all_shown(here, 2)
        assert 2 == len(foreign.asked)
        assert not any(asked.has_secrets for asked in (*foreign.asked, *here.kefu.media.asked))


async def test_easemobs_own_redirect(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Easemob is shown secret and token, and may send us on to where its files lie; these do not go along."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        storage = stranger(here, "storage.test")
        im = stranger(here, "rest.easemob.test")
        link = f"https://storage.test{storage.keeps('/x', PNG)}"
        im.fail(MediaFault(401))
        im.fail(MediaFault(302, location=link))
        url = f"{here.easemob.rest_url}/acme/support/chatfiles/9c1b"
        here.desk.sends_file(visitor, "img", url, name="a.png", fields={"secret": "secret-1"})

        assert ["a.png"] == await all_shown(here, 1)
        assert [False, True] == [asked.has_secrets for asked in im.asked if "chatfiles" in asked.path]
        assert [False] == [asked.has_secrets for asked in storage.asked]
        here.network.serve_http("rest.easemob.test", here.easemob.asgi)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/a.png", "https://inside.test/a.png", "http://localhost/a", "file:///x"]
)
async def test_nobody_looks_behind_the_firewall(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, url: str
) -> None:
    """An address that is not public is not asked, and no link to it is given; neither by a redirect."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        inside = [stranger(here, name) for name in ("10.0.0.1", "inside.test", "localhost")]
        here.network.private |= {"inside.test", "localhost"}
        here.desk.sends_file(visitor, "img", url, name="a.png")
        here.kefu.media.fail(MediaFault(302, location=url))
        here.desk.sends_file(visitor, "img", here.kefu.keeps("b.png", PNG), name="b.png")

        assert ["[图片] a.png", "[图片] b.png"] == await all_shown(here, 2)
        assert [] == [asked for host in inside for asked in host.asked]


async def test_what_rides_along(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A picture with a transfer hint is a file, and behind it what is offered; whether the file can be had or not."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        hint = {"ctrlType": "TransferToKfHint", "ctrlArgs": {"id": "h-1", "serviceSessionId": "s", "label": "转人工"}}
        here.desk.sends_file(visitor, "img", here.kefu.keeps("a.png", PNG), name="a.png", control=hint)
        here.desk.sends_file(visitor, "img", "", name="b.png", control=hint)
        await all_shown(here, 3)

        assert ["a.png", "[转人工]", "[图片] b.png\n[转人工]"] == [shown(post) for post in here.slack.ledger.posts]


async def test_own_files_are_nobodys_words(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """The echo of a file is no message to the desk, and not taken for that of words like its comment."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        here.desk.sends_file(visitor, "img", here.kefu.keeps("a.png", PNG), name="a.png")
        await all_shown(here, 1)
        # Posted, and its answer lost; its words are those above the file.
        here.slack.faults.web.next("chat.postMessage", Drop(carried_out=False))
        here.desk.answers(visitor, here.desk.agent.name)

        assert ["a.png", here.desk.agent.name] == await all_shown(here, 2)
        assert ["hello"] == [line.text for line in here.desk.everything_heard()]


async def test_one_slow_file_holds_up_nobody_else(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While one visitor's file trickles, another visitor is answered."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        leo = here.north.add_user(name="Leo")
        await leo.says(leo.dm(), "hi")
        with trio.fail_after(SOON_S):
            other = (await here.desk.heard("hi")).visitor
        here.kefu.media.fail(MediaFault(503, delay_s=25.0))
        here.desk.sends_file(visitor, "img", here.kefu.keeps("a.png", PNG), name="a.png")
        here.desk.answers(other, "at once")

        assert ["at once"] == await all_shown(here, 1, within_s=2)
        assert ["at once", "a.png"] == await all_shown(here, 2)


ODD: list[Any] = [None, True, 7, 1.5, "", "x\x00\u202e", "HTTP://KEFU.EXAMPLE/../a", "x" * 4_000, [], {}]
"""What may stand where something else is expected."""


def variations(sample: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield *sample* with each of its fields missing, in other case, or of another kind."""
    # Of one whose body are words, only the rest: the judge knows samples by their words.
    of_body = fields_of(sample["body"], ("body",)) if sample["type"] != "txt" else ()
    for path, name in [*of_body, *fields_of(sample["ext"], ("ext",))]:
        # In the body only what the wire format has room for.
        fit = ODD if path[0] == "ext" else [each for each in ODD if isinstance(each, str | int)]
        if path[0] == "body" and name in ("length", "file_length", "size", "width", "height", "type"):
            fit = [0, 2_000_000_000]
        for value in (*fit, MISSING, UPPER):
            made = deepcopy(sample)
            holder = made
            for step in path:
                holder = holder[step]
            old = holder.pop(name)
            if value is UPPER:
                holder[name.upper()] = old
            elif value is not MISSING:
                holder[name] = value
            yield made


def fields_of(holder: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and name of every field in *holder* and below."""
    for name, value in holder.items():
        if name != "type":
            yield path, name
        if isinstance(value, dict) and name != "size":
            yield from fields_of(value, (*path, name))


@pytest.mark.parametrize("name", ["image", "image-relative-url", "file", "audio", "video", "custom-sticker"])
async def test_malformed_files(tmp_path: Path, autojump_clock: trio.testing.MockClock, name: str) -> None:
    """Whatever is missing, odd or huge in a message with a file, its lane goes on, and nothing secret goes astray."""
    async with town(tmp_path, lost=0) as here:
        _, visitor = await greeted(here)
        hosts = [stranger(here, host) for host in ("kefu.example", "im.example", "img.kefu.example")]
        sample = load(f"kefu-samples/{name}.json")
        made = [*variations(sample)]
        for number, variation in enumerate(made):
            # Each is a message of its own; that a repeat is none is tested elsewhere.
            weichat = variation["ext"].get("weichat")
            if (
                isinstance(weichat, dict)
                and isinstance(weichat.get("msgId"), str)
                and weichat["msgId"].startswith("0000")
            ):
                weichat["msgId"] = f"{weichat['msgId']}-{number}"
            here.desk.sends(visitor, variation)
        here.desk.answers(visitor, "the end")
        with trio.fail_after(48 * 3600):
            await here.slack.until(lambda: [post for post in here.slack.ledger.posts if post.text == "the end"])
        replies = here.statistics["replies"]()

        assert 100 < len(made)
        assert (0, 0) == (replies.set_aside, replies.refused)  # type: ignore[attr-defined]  # that group's class
        assert all(post.text.strip() or post.message.files for post in here.slack.ledger.posts)
        assert not any(asked.has_secrets for host in (*hosts, here.kefu.media) for asked in host.asked)


async def test_statistics(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A file counts among the posts, and as one that was shared."""
    async with town(tmp_path) as here:
        _, visitor = await greeted(here)
        here.desk.sends_file(visitor, "img", here.kefu.keeps("a.png", PNG), name="a.png")
        await all_shown(here, 1)
        await trio.sleep(20)

        assert (1, 0) == (here.statistics["media"]().shared, here.statistics["media"]().in_words)  # type: ignore[attr-defined]  # that group's class
        assert (1, 1) == (here.statistics["posting"]().posted, here.statistics["posting"]().files)  # type: ignore[attr-defined]  # as above
