"""The names of things are there in both languages."""

from __future__ import annotations

import pytest

from slackkefu.kefu.messages import Event, Media, Rating, Text, VideoCall
from slackkefu.kefu.offers import TransferOffer
from slackkefu.kefu.text import Plain
from slackkefu.kefu.wording import _WORDS, Wording, phrase, tag


@pytest.mark.parametrize("wording", Wording)
def test_every_name_is_there_in_both_languages(wording: Wording) -> None:
    """Neither language lacks one."""
    assert ["zh-CN", "en-US"] == list(_WORDS[wording])
    assert all(words.strip() for words in _WORDS[wording].values())


def test_one_language_or_both() -> None:
    """A reader whose language is known reads that one; else both, Chinese first."""
    assert ("[图片]", "[Image]", "[图片 Image]") == tuple(tag(Wording.IMAGE, each) for each in ("zh-CN", "en-US", None))
    assert ("已接入", "joined", "已接入 / joined") == tuple(
        phrase(Wording.OPENED, each) for each in ("zh-CN", "en-US", None)
    )


def test_messages_in_one_language() -> None:
    """What is ours in a message is in the reader's language, what is kefu's stays as it is."""
    offer = TransferOffer("人工", "TransferToKf", None, None)

    assert "[Image] x.png\n[人工]" == Media("image", "", filename="x.png", offers=(offer,)).plain_in("en-US")
    assert "[会话] 已接入" == Event("opened").plain_in("zh-CN")
    assert "[Rating] Please rate this conversation" == Rating(None, None, ()).plain_in("en-US")
    assert "[Video call] cannot be taken here" == VideoCall("invited", None).plain_in("en-US")
    assert "你好" == Text((Plain("你好"),)).plain_in("en-US")
