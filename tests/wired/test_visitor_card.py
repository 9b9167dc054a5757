"""Who writes, where, and who is to serve them: what the desk is told besides the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
import trio
import trio.testing

from slackkefu.demo.desk import DeskSwitches
from slackkefu.demo.slack import Status
from slackkefu.kefu.outgoing import Entrance
from tests.wired.town import town

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.demo.desk import Heard
    from tests.wired.town import Town

SOON_S = 30.0

EVERYTHING = {"visitor_fields": ("name", "workspace", "email", "phone", "title", "timezone"), "source_card": False}
CARDS = {"source_card": True}


async def arrives(here: Town, text: str) -> Heard:
    """Wait until the desk has heard something."""
    with trio.fail_after(SOON_S):
        return await here.desk.heard(text)


def cards(here: Town) -> list[dict[str, Any]]:
    """Return the source cards that the desk has, in order."""
    tracks = (line.ext.get("msgtype") for line in here.desk.everything_heard() if not line.text)
    return [each["track"] for each in tracks if isinstance(each, dict)]


@pytest.mark.parametrize("may_read_mails", [True, False])
async def test_who_writes(tmp_path: Path, autojump_clock: trio.testing.MockClock, may_read_mails: bool) -> None:
    """Each field that was chosen, as far as the scopes go; a changed profile is told with the next message."""
    async with town(tmp_path, desk_config=EVERYTHING) as here:
        if not may_read_mails:
            here.north.installation.scopes -= {"users:read.email"}
        mia = here.north.add_user(name="Mia M.", display_name="mia", email="mia@example.com", title="Buyer", phone="1")
        await mia.says(mia.dm(), "one")
        first = await arrives(here, "one")
        await mia.changes_profile(display_name="mia!")
        await trio.sleep(1)
        await mia.says(mia.dm(), "two")
        second = await arrives(here, "two")

        expected = {
            "userNickname": "mia",
            "trueName": "Mia M.",
            "companyName": "North",
            "phone": "1",
            **({"email": "mia@example.com"} if may_read_mails else {}),
        }
        assert expected.items() <= first.card.items()
        assert may_read_mails == ("email" in first.card)
        assert "Buyer" in str(first.card["description"])
        assert ["mia!", "zh-CN"] == [second.card["userNickname"], second.weichat["language"]]


async def test_who_serves(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """Skill group, agent and tags go with every message, by channel, workspace, and for all."""
    said = {
        "source_card": False,
        "tags": ("slack",),
        "workspaces": {"T0NORTH001": Entrance(queue="north")},
        "channels": {"C0SUPPORT1": Entrance(agent="lin@example.com", tags=("support",))},
    }
    async with town(tmp_path, channels="all", desk_config=said) as here:
        mia = here.north.add_user(name="Mia")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[mia])
        message = await mia.says(support, "one")
        await mia.says(mia.dm(), "two")
        await arrives(here, "two")
        await arrives(here, "one")
        await mia.edits(message, "one!")
        await trio.sleep(SOON_S)
        by_text = {line.text.rpartition("\n")[2]: line for line in here.desk.everything_heard()}

        for text in ("one", "one!"):
            assert {"queueName": "north", "agentUsername": "lin@example.com"}.items() <= by_text[text].weichat.items()
            assert ["slack", "support"] == by_text[text].card["tags"]
        assert ["slack"] == by_text["two"].card["tags"]
        assert "agentUsername" not in by_text["two"].weichat


@pytest.mark.parametrize("events", ["cmd", "none"])
async def test_the_source(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, events: Literal["cmd", "none"]
) -> None:
    """The agent sees where a service session began, once in each, over a restart too, with kefu's events or without."""
    async with town(tmp_path, desk_config=CARDS, desk_switches=DeskSwitches(events=events)) as here:
        mia = here.north.add_user(name="Mia")
        support = here.north.add_channel("C0SUPPORT1", name="support", members=[mia])
        bot = here.north.installation.bot
        first = await mia.says(mia.dm(), "one")
        await mia.says(mia.dm(), "two")
        asked = await mia.says(support, f"<@{bot.id}> three")
        await arrives(here, "two")
        await arrives(here, "three")
        await trio.sleep(SOON_S)
        await here.stop()
        await here.start()
        await mia.says(mia.dm(), "four")
        await arrives(here, "four")
        await trio.sleep(SOON_S)

        north = f"https://{here.north.team.domain}.slack.com/archives"
        assert {
            ("Slack · 私信 Direct message", f"{north}/{mia.dm().id}/p{first.ts.replace('.', '')}"),
            ("Slack · #support", f"{north}/C0SUPPORT1/p{asked.ts.replace('.', '')}"),
        } == {(card["title"], card["item_url"]) for card in cards(here)}
        assert 2 == len(cards(here))
        lines = [line.text for line in here.desk.conversation(here.visitor(mia, mia.dm())).heard]
        assert ["one", "", "two", "four"] == lines


async def test_the_next_session(tmp_path: Path, autojump_clock: trio.testing.MockClock) -> None:
    """After a service session was closed, the next one has a card of its own."""
    async with town(tmp_path, desk_config=CARDS) as here:
        mia = here.north.add_user(name="Mia")
        await mia.says(mia.dm(), "one")
        await arrives(here, "one")
        await trio.sleep(SOON_S)
        here.desk.closes(here.visitor(mia, mia.dm()))
        await trio.sleep(SOON_S)
        again = await mia.says(mia.dm(), "two")
        await arrives(here, "two")
        await trio.sleep(SOON_S)

        assert 2 == len(cards(here))
        assert cards(here)[1]["item_url"].endswith(again.ts.replace(".", ""))


@pytest.mark.parametrize("trouble", ["no permalink", "a refusal", "a lost acknowledgement", "off"])
async def test_a_card_that_fails(tmp_path: Path, autojump_clock: trio.testing.MockClock, trouble: str) -> None:
    """A card costs its message nothing, and its writer is told nothing."""
    async with town(tmp_path, desk_config={"source_card": trouble != "off"}) as here:
        mia = here.north.add_user(name="Mia")
        if trouble == "no permalink":
            here.slack.faults.web.storm("chat.getPermalink", Status(503))
        await mia.says(mia.dm(), "one")
        await arrives(here, "one")
        if trouble == "a refusal":
            here.easemob.faults.refuse_send(19, "blocked")
        elif trouble == "a lost acknowledgement":
            here.easemob.faults.lost_acknowledgements = 1
        await trio.sleep(60)
        await mia.says(mia.dm(), "two")
        await arrives(here, "two")
        await trio.sleep(60)

        assert ["one", "two"] == [line.text for line in here.desk.everything_heard() if line.text]
        assert len(cards(here)) <= 1
        assert (0, 0) == (len(here.slack.ledger.posts), here.statistics["telling"]().pending)  # type: ignore[attr-defined]
