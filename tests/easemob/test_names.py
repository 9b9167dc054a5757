"""Names on the Easemob side."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.names import AppKey, Queue, im_user


def test_an_app_key_has_two_parts() -> None:
    """``org#app`` is read and written alike."""
    assert AppKey("1101", "demo-shop") == AppKey.parse("1101#demo-shop")
    assert "1101#demo-shop" == str(AppKey.parse("1101#demo-shop"))


@pytest.mark.parametrize("text", ["", "org", "org#", "#app", "a#b#c"])
def test_what_is_no_app_key(text: str) -> None:
    """Anything but two parts around one mark is refused."""
    with pytest.raises(ValueError, match="org#app"):
        AppKey.parse(text)


@given(st.text())
def test_users_are_folded_once(name: str) -> None:
    """A folded name folds to itself."""
    assert im_user(name) == im_user(im_user(name))


def test_queues_are_told_apart_by_app_key_name_and_domain() -> None:
    """The resource and the case of the name make no other queue; absent app key and domain are the usual ones."""
    queue = Queue.of("org#app", "kefu", "easemob.com", home="org#app")

    assert queue == Queue.of("", "KEFU", "", "phone", home="org#app")
    assert hash(queue) == hash(Queue.of("", "KEFU", "", "phone", home="org#app"))
    assert queue != Queue.of("org#other", "kefu", "easemob.com", home="org#app")
    assert queue != Queue.of("", "kefu", "conference.easemob.com", home="org#app")
    assert queue != Queue.of("", "", "", home="org#app")
