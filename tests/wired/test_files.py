"""Files that people share in Slack are at the desk byte for byte, in order with the words, or a line says why not."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import DeskSwitches
from slackkefu.demo.easemob import Switches
from slackkefu.demo.easemob.ledger import RestCall
from slackkefu.demo.slack import Cut, Drop, Status, Trickle
from slackkefu.demo.slack import Switches as SlackSwitches
from tests.facts import load
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.testing import LogCapture

    from slackkefu.demo.desk import Heard
    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.model import Message
    from tests.wired.town import Town

SOON_S = 60.0
LATER_S = 900.0

MB = 1024 * 1024


def content(size: int, seed: int = 1) -> bytes:
    """Make a file in which every byte and every line end comes."""
    return Random(seed).randbytes(size)


def heard(here: Town, *, person: Person | None = None) -> list[Heard]:
    """Return what the desk has heard, in order."""
    lines = here.desk.everything_heard()
    return [line for line in lines if person is None or line.visitor == here.visitor(person, person.dm())]


def shown(here: Town) -> list[bytes | str]:
    """Return what the agents have before them: words, and the bytes of files."""
    return [line.text if line.type == "txt" else bytes_of(here, line) for line in heard(here)]


def bytes_of(here: Town, line: Heard) -> bytes:
    """Download what a message points at, as the desk does."""
    stored = here.easemob.attachment(line.body["url"])

    assert stored.secret == line.body.get("secret", "")
    assert len(stored.content) == line.body["file_length"]
    return stored.content


async def hear(here: Town, count: int) -> list[Heard]:
    """Wait until the desk has heard so much."""
    with trio.fail_after(LATER_S):
        while len(heard(here)) < count:
            await here.desk.change()
    return heard(here)


@pytest.mark.parametrize("switches", [{}, {"restricts": "presence"}, {"restricts": "nothing"}], ids=str)
async def test_an_image_with_words(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, switches: dict[str, Any]
) -> None:
    """The words first, then the image as one that the desk shows, with name, length and size; once, byte for byte."""
    picture = content(200_000)
    async with town(tmp_path, switches=Switches(**switches)) as here:
        mia = here.north.add_user(name="Mia")
        await mia.shares(mia.dm(), "截图 1.png", picture, comment="what I see", mimetype="image/png")
        words, image = await hear(here, 2)

        assert ("txt", "what I see") == (words.type, words.text)
        assert picture == bytes_of(here, image)
        assert {"width": 1280.0, "height": 853.0} == image.body["size"]
        assert ("img", "截图 1.png", 200_000) == (image.type, image.body["filename"], image.body["file_length"])
        assert ("secret" in image.body) is (switches.get("restricts") != "nothing")
        assert "Mia" == image.card["userNickname"]
        (stored,) = here.easemob.attachments()
        assert ("截图 1.png", "image/png") == (stored.name, stored.mimetype)


async def test_each_kind_as_the_desk_shows_it(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Clips are voice and video with their length, pictures that browsers show are pictures, all else is files."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        files = [
            mia.uploads("a.jpg", content(10), mimetype="image/jpeg"),
            mia.uploads("b.heic", content(11), mimetype="image/heic"),
            mia.uploads("c.m4a", content(12), mimetype="audio/mp4", clip="slack_audio", duration_ms=4200),
            mia.uploads("d.mp4", content(13), mimetype="video/mp4", clip="slack_video", duration_ms=10_000),
            mia.uploads("e.pdf", content(14), mimetype="application/pdf"),
        ]
        await mia.shares_all(mia.dm(), files)
        lines = await hear(here, 5)

        assert ["img", "file", "audio", "video", "file"] == [line.type for line in lines]
        assert [each.content for each in files] == shown(here)
        assert [None, None, 5, 10, None] == [line.body.get("length") for line in lines]
        assert lines[3].body["url"] + "?vframe=true" == lines[3].body["thumb"]


@pytest.mark.parametrize(
    "trouble",
    [
        "none",
        "the download is cut",
        "Slack answers with nothing",
        "Slack's file host is in trouble",
        "the download trickles",
        "Easemob's token has expired",
        "Easemob is in trouble",
        "the upload's answer is lost",
        "Easemob is cut",
        "too many calls",
        "nobody says how long",
    ],
)
async def test_several_files_and_words_in_order(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, trouble: str
) -> None:
    """Whatever fails on the way, all is there once and in the order in which it was written."""
    slack_switches = SlackSwitches(says_file_length=trouble != "nobody says how long")
    async with town(tmp_path, slack_switches=slack_switches) as here:
        web, easemob = here.slack.faults.web, here.easemob.faults
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        await hear(here, 1)
        match trouble:
            case "the download is cut":
                web.next("download", Cut(after_bytes=70_000), times=2)
            case "Slack answers with nothing":
                web.next("download", Drop())
            case "Slack's file host is in trouble":
                web.next("download", Status(503), times=3)
            case "the download trickles":
                web.next("download", Trickle(pause_s=5.0))
            case "Easemob's token has expired":
                easemob.fail_rest(
                    "/chatfiles", 401, "unauthorized", "Unable to authenticate due to expired access token"
                )
            case "Easemob is in trouble":
                easemob.fail_rest("/chatfiles", 502, times=2)
            case "the upload's answer is lost":
                easemob.fail_rest("/chatfiles", 0, carried_out=True)
            case "Easemob is cut":
                here.easemob.cut()
                here.network.hosts["rest.easemob.test"].lose_requests = 2
            case "too many calls":
                easemob.fail_rest("/chatfiles", 429, "reach_limit", "This request has reached api limit", times=2)
                easemob.fail_rest("/chatfiles", 503)
        files = [mia.uploads(f"{number}.bin", content(150_000, number)) for number in range(3)]
        await mia.shares_all(mia.dm(), files, comment="before")
        await mia.says(mia.dm(), "after")
        await hear(here, 6)

        assert ["hello", "before", *(each.content for each in files), "after"] == shown(here)
        assert ["0.bin", "1.bin", "2.bin"] == [line.body["filename"] for line in heard(here)[2:5]]


async def test_slack_connect(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Of a file that a stranger shares only the id comes: Slack is asked what it is, and then it is carried."""
    async with town(tmp_path, channels="all") as here:
        partner = here.slack.add_workspace("T0PARTNER1", name="Partner")
        eva, mia = partner.add_user(name="Eva"), here.north.add_user(name="Mia")
        joint = here.north.add_channel("C0JOINT001", name="joint", members=[mia, eva], shared_with=[partner])
        await eva.shares(joint, "server.png", content(5000), comment="the picture", mimetype="image/png")
        await hear(here, 2)

        assert ["the picture", content(5000)] == shown(here)
        assert "img" == heard(here)[1].type


LINK = "https://north.slack.com/files/"


async def test_what_is_not_carried(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """A line with name, reason and link in the place of each; what comes with it arrives, and nothing is asked for."""
    async with town(tmp_path) as here:
        mia = here.north.add_user("U0MIA00001", name="Mia")
        deleted, hidden, denied = (mia.uploads(f"{name}.txt", b"x", file_id=f"F{name}") for name in "dhn")
        deleted.mode, hidden.mode, denied.access = "tombstone", "hidden_by_limit", "access_denied"
        files = [
            mia.uploads("big.iso", bytes(10 * MB + 1), file_id="F1"),
            mia.uploads("setup.EXE", b"MZ", file_id="F2"),
            mia.links("plan", "https://docs.example.com/plan"),
            deleted,
            hidden,
            denied,
            mia.uploads("fits.iso", content(10 * MB), file_id="F3"),
        ]
        await mia.shares_all(mia.dm(), files, comment="all of these")
        await hear(here, 8)
        here_it_is = f"{LINK}U0MIA00001"

        assert [
            "all of these",
            f"[文件 File] big.iso · 超过 10 MB，未转发 / over 10 MB, not passed on · {here_it_is}/F1/big.iso",
            f"[文件 File] setup.EXE · 此类文件不转发 / this type of file is not passed on · {here_it_is}/F2/setup.EXE",
            "[文件 File] plan · 外部链接 / a link to a file elsewhere · https://docs.example.com/plan",
            "[文件 File] Fd · 已被删除 / deleted",
            "[文件 File] Fh · 超出 Slack 套餐限制，不可见 / hidden by the limit of a Slack plan",
            f"[文件 File] n.txt · 无权读取 / may not be read · {here_it_is}/Fn/n.txt",
            content(10 * MB),
        ] == shown(here)
        assert {"files.slack.com"} == {host for host, _, path in here.network.requests if path.startswith("/files")}
        assert 1 == sum(path.startswith("/files") for _, _, path in here.network.requests)


async def test_nobody_says_how_long_and_it_is_too_long(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It is not uploaded, and no more of it is fetched than shows that."""
    async with town(tmp_path, slack_switches=SlackSwitches(says_file_length=False)) as here:
        mia = here.north.add_user(name="Mia")
        file = mia.uploads("big.iso", b"")
        await mia.shares_all(mia.dm(), [file])
        file.content = bytes(11 * MB)
        (line,) = await hear(here, 1)

        assert "超过 10 MB" in line.text
        assert () == here.easemob.attachments()


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ("Slack", "传输失败 / could not be passed on"),
        ("scope", "无权读取 / may not be read"),
        ("Easemob", "传输失败 / could not be passed on"),
        ("Easemob refuses", "无法上传 / could not be uploaded"),
        ("Easemob takes less", "超过 10 MB，未转发 / over 10 MB, not passed on"),
        ("deleted", "已被删除 / deleted"),
    ],
)
async def test_no_lane_waits_for_one_file_for_ever(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, trouble: str, why: str
) -> None:
    """After a few tries a line goes in its place, and what was written after it arrives."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        await hear(here, 1)
        file = mia.uploads("a.png", content(1000), mimetype="image/png")
        match trouble:
            case "Slack":
                here.slack.faults.web.storm("download", Status(500))
            case "scope":
                here.north.installation.scopes -= {"files:read"}
            case "Easemob":
                here.easemob.faults.fail_rest("/chatfiles", 500, times=1000)
            case "Easemob refuses":
                here.easemob.faults.fail_rest("/chatfiles", 403, "forbidden_op", "not opened", times=1000)
            case "Easemob takes less":
                here.easemob.faults.fail_rest("/chatfiles", 413, "file exceeding maximum limit", times=1000)
            case "deleted":
                file.mode = "gone"
        await mia.shares_all(mia.dm(), [file], comment="look")
        if trouble == "deleted":
            file.mode = "tombstone"
        await mia.says(mia.dm(), "still there?")
        _, words, line, after = await hear(here, 4)

        assert ("look", "txt", "still there?") == (words.text, line.type, after.text)
        assert line.text.startswith(f"[文件 File] a.png · {why} · {LINK}")
        assert (0, 1) == (files(here).carried, files(here).lines)


def files(here: Town) -> Any:
    """Return what became of files."""
    return here.statistics["files_to_kefu"]()


async def test_two_hours_without_easemob(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """While a line could not leave either the file is tried again: it is there in the end, once, and says when."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        await hear(here, 1)
        for host in ("rest.easemob.test", "im.easemob.test"):
            here.network.hosts[host].refuse = "no route"
        here.easemob.cut()
        await mia.shares(mia.dm(), "a.png", content(1000), mimetype="image/png")
        await trio.sleep(2 * 3600)
        here.network.hosts.clear()
        _, late, image = await hear(here, 3)

        assert late.text.startswith("[补发 Late · ")
        assert content(1000) == bytes_of(here, image)


@pytest.mark.parametrize("when_s", [0.0, 0.2, 1.0, 5.0, 30.0])
async def test_a_crash_with_files_in_hand(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, when_s: float
) -> None:
    """Whenever it comes, all is there once and in order, though some of it was uploaded twice."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        await hear(here, 1)
        here.slack.faults.web.next("download", Trickle(pause_s=2.0), times=20)
        shared = [mia.uploads(f"{number}.bin", content(150_000, number)) for number in range(3)]
        await mia.shares_all(mia.dm(), shared, comment="before")
        await mia.says(mia.dm(), "after")
        await trio.sleep(when_s)
        await here.kill()
        await here.start()
        await here.settle()
        said = [each if isinstance(each, bytes) else each.rpartition("\n")[2] for each in shown(here)]

        assert ["hello", "before", *(each.content for each in shared), "after"] == said


async def test_deleted_while_its_file_is_on_the_way(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Nothing of it has left, so nothing of it arrives, and the lane goes on."""
    async with town(tmp_path) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "hello")
        await hear(here, 1)
        here.slack.faults.web.next("download", Trickle(pause_s=20.0))
        message = await mia.shares(mia.dm(), "a.bin", content(150_000))
        await trio.sleep(10)
        await mia.deletes(message)
        await mia.says(mia.dm(), "never mind")
        await here.desk.heard("never mind")

        assert ["hello", "never mind"] == shown(here)


async def test_a_file_lost_behind_easemob_is_carried_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """What the desk does not confirm is fetched from Slack once more; the desk hears it once."""
    async with town(tmp_path, desk_switches=DeskSwitches()) as here:
        mia = here.north.add_user(name="Mia")
        await mia.shares(mia.dm(), "a.png", content(1000), mimetype="image/png")
        await hear(here, 1)
        here.desk.faults.lost_messages = 1
        await mia.shares(mia.dm(), "b.png", content(1000, 2), mimetype="image/png")
        await hear(here, 2)
        await here.settle()

        assert [content(1000), content(1000, 2)] == shown(here)
        assert 1 == here.statistics["proof"]().resent  # type: ignore[attr-defined]  # that group's class
        assert 3 == files(here).carried


@pytest.mark.parametrize("private_api", [False, True])
async def test_a_file_goes_by_rest_too(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, private_api: bool
) -> None:
    """Where the login is refused by the plan a file goes by REST, also where words have the second channel."""
    async with town(tmp_path, private_api=private_api) as here:
        mia = here.north.add_user(name="Mia")
        here.easemob.faults.refuse_login(7, "Sorry, the app day live count limit", times=10_000)
        await mia.shares(mia.dm(), "a.png", content(1000), comment="look", mimetype="image/png")
        await hear(here, 2)

        assert ["look", content(1000)] == shown(here)
        assert [200] * (1 if private_api else 2) == [
            call.status for call in here.easemob.ledger.of(RestCall) if call.path.startswith("/messages")
        ]
        here.easemob.faults.clear()


@pytest.mark.parametrize("seed", range(3))
async def test_files_in_a_storm(tmp_path: Path, autojump_clock: trio.testing.MockClock, seed: int) -> None:
    """Each visitor's words and files are there once and in order; a line or a mark stands for what was not."""
    chance, count = Random(seed), 40
    async with town(tmp_path, seed=seed) as here:
        people = [here.north.add_user(name=name) for name in ("Mia", "Leo")]
        written: dict[Person, list[tuple[bytes | str, Message]]] = {person: [] for person in people}
        here.slack.faults.web.storm("download", Cut(after_bytes=chance.randrange(60_000)), share=1 / 3)
        for status, error in ((502, ""), (429, "reach_limit"), (0, "")):
            here.easemob.faults.storm_rest(status, error, share=1 / 12, chance=chance)
        for number in range(count):
            person = people[number % 2]
            file = person.uploads(f"{number}.bin", content(chance.randrange(1, 100_000), number))
            message = await person.shares_all(person.dm(), [file], comment=f"words {number}")
            written[person] += ((f"words {number}", message), (file.content, message))
            if chance.random() < 0.2:
                here.easemob.cut()
            if chance.random() < 0.05:
                # What Slack has to repeat may come behind later words, and then says so.
                await here.slack.acknowledged()
                await here.kill()
                await here.start()
            await trio.sleep(chance.uniform(0, 5))
        await here.settle()
        lines = 0
        for person, pieces in written.items():
            came = [
                line.text.rpartition("\n")[2] if line.type == "txt" else bytes_of(here, line)
                for line in heard(here, person=person)
            ]
            came = [each for each in came if not str(each).startswith("[补发 Late")]
            lines += sum(str(each).startswith("[文件 File] ") for each in came)

            # A send by REST whose answer was lost is not made again, and its writer sees the mark.
            told = {piece for piece, message in pieces if "warning" in message.reactions}
            expected = [piece for piece, _ in pieces if piece not in told or piece in came]

            assert len(expected) == len(came)
            assert len(pieces) - len(expected) <= len(told) / 2
            assert all(a == b or str(b).startswith("[文件 File] ") for a, b in zip(expected, came, strict=True))
        assert lines < count / 4


# The samples.


async def test_sample_11_a_shared_image(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """It is downloaded with the installation's token, once, from where the event says it is."""
    sample = load("slack-samples/11-file-share-image.json")["envelope"]["payload"]
    picture = content(48_213)
    async with town(tmp_path) as here:
        mia = here.north.add_user("U0MIA00001", name="Mia")
        mia.dm("D0MIA00001")
        mia.uploads("screenshot.png", picture, mimetype="image/png", file_id="F0SHOT0001")
        here.slack.state.send("events_api", sample)
        _, image = await hear(here, 2)

        assert ["this is what I see", picture] == shown(here)
        assert ("img", "screenshot.png", {"width": 1280.0, "height": 853.0}) == (
            image.type,
            image.body["filename"],
            image.body["size"],
        )
        assert [("files.slack.com", "GET", "/files-pri/T0NORTH001-F0SHOT0001/screenshot.png")] == [
            request for request in here.network.requests if request[0] == "files.slack.com"
        ]
        assert not [call for call in here.slack.ledger.calls if call.method == "files.info"]


async def test_sample_15_only_an_id(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """``files.info`` comes before the download."""
    sample = load("slack-samples/15-slack-connect-file.json")["envelope"]["payload"]
    async with town(tmp_path, channels="all") as here:
        partner = here.slack.add_workspace("T0PARTNER1", name="Partner")
        eva = partner.add_user("U0EVA00001", name="Eva")
        here.north.add_channel("C0JOINT001", name="joint", members=[eva], shared_with=[partner])
        eva.uploads("server.log", content(5000), mimetype="text/plain", file_id="F0CONNECT1")
        here.slack.state.send("events_api", sample)
        _, file = await hear(here, 2)
        asked = [(host, path) for host, _, path in here.network.requests]

        assert ["the log file", content(5000)] == shown(here)
        assert ("file", "server.log") == (file.type, file.body["filename"])
        assert [{"file": "F0CONNECT1"}] == [
            call.arguments for call in here.slack.ledger.calls if call.method == "files.info"
        ]
        assert asked.index(("slack.com", "/api/files.info")) < asked.index(
            ("files.slack.com", "/files-pri/T0PARTNER1-F0CONNECT1/server.log")
        )


# Whatever Slack may tell of a file.

ODD: list[object] = [None, "", "x", 0, -1, 2**70, 1.5, True, [], {}, [{}], "x" * 20_000, "\x00\u202e", "EXE"]
ELSEWHERE = [
    "https://evil.test/files-pri/a.png",
    "https://files.slack.com.evil.test/a.png",
    "https://files.slack.com@evil.test/a.png",
    "http://files.slack.com/a.png",
    "//evil.test/a.png",
]


def odd_files(chance: Random, sample: str) -> list[Any]:
    """Make variations of the files of a sample: fields missing, of other types, huge, in other case, elsewhere."""
    event = load(f"slack-samples/{sample}.json")["envelope"]["payload"]["event"]
    files: list[Any] = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        file = dict(event["files"][0])
        for name in chance.sample([*file], k=min(chance.choice((1, 2, 5, 40)), len(file))):
            match chance.randrange(3):
                case 0:
                    del file[name]
                case 1:
                    file[name.upper()] = file.pop(name)
                case _:
                    file[name] = chance.choice(ODD)
        if chance.random() < 0.5:
            file["url_private"] = chance.choice(ELSEWHERE)
        files.append(file)
    return [chance.choice(ODD)] if chance.random() < 0.1 else files


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sample", ["11-file-share-image", "15-slack-connect-file"])
async def test_odd_files(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, log: LogCapture, sample: str, seed: int
) -> None:
    """No lane is stopped by any of them, the words arrive, nothing is empty, and no token goes to another host."""
    chance, count = Random(seed), 25
    async with town(tmp_path) as here:
        mia = here.north.add_user("U0MIA00001", name="Mia")
        dm = mia.dm("D0MIA00001")
        await mia.says(dm, "hello")
        await hear(here, 1)
        template = load("slack-samples/11-file-share-image.json")["envelope"]["payload"]
        for number in range(count):
            event = template["event"] | {"files": odd_files(chance, sample), "text": f"words {number}", "blocks": []}
            event["ts"] = event["event_ts"] = here.slack.state.mint.ts(dm.id)
            here.slack.state.send("events_api", template | {"event": event, "event_id": f"Ev{number}"})
            await trio.sleep(1)
        await mia.says(dm, "still there?")
        with trio.fail_after(6 * 3600):
            await here.desk.heard("still there?")
        texts = [line.text.rpartition("\n")[2] for line in heard(here) if line.type == "txt"]

        assert ["hello", *(f"words {number}" for number in range(count)), "still there?"] == [
            text for text in texts if not text.startswith(("[文件 File] ", "[补发 Late"))
        ]
        assert all(text.strip() for text in texts)
        hosts = {host for host, _, _ in here.network.requests}
        assert {"slack.com", "files.slack.com", "rest.easemob.test"} >= hosts
        assert not [entry for entry in log.entries if entry["event"] == "lane.fault"]
