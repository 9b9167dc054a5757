"""Whose place an address is, and where what kefu gives as one leads."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.names import AppKey
from slackkefu.kefu.hosting import Hosting, Place, link_of

HOSTING = Hosting("https://kefu.example", ("https://im.example", "https://im2.example:8443"), AppKey("acme", "support"))


@pytest.mark.parametrize(
    ("url", "located", "place"),
    [
        ("/v1/Tenant/1/MediaFiles/a.png", "https://kefu.example/v1/Tenant/1/MediaFiles/a.png", Place.OWN),
        ("//kefu.example/a.gif", "https://kefu.example/a.gif", Place.OWN),
        ("http://kefu.example:80/a.gif", "https://kefu.example/a.gif", Place.OWN),
        ("https://KEFU.example:443/a.gif", "https://kefu.example/a.gif", Place.OWN),
        ("http://im.example/acme/support/chatfiles/1", "https://im.example/acme/support/chatfiles/1", Place.IM),
        ("https://im2.example:8443/acme/support/chatfiles/1", None, Place.IM),
        # Not our app's attachments, another port, another host that looks like ours.
        ("https://im.example/acme/other/chatfiles/1", None, Place.OWN),
        ("https://im.example/acme/support/chatfiles/../users", "https://im.example/acme/support/users", Place.OWN),
        ("https://im.example:444/acme/support/chatfiles/1", None, Place.STRANGERS),
        ("https://im.example.evil.example/acme/support/chatfiles/1", None, Place.STRANGERS),
        ("https://evil.example/https://im.example/acme/support/chatfiles/1", None, Place.STRANGERS),
        ("http://files.example:8080/x", "https://files.example:8080/x", Place.STRANGERS),
    ],
)
def test_places(url: str, located: str | None, place: Place) -> None:
    """An address is completed and encrypted; secrets are for our app's attachments on Easemob's own hosts only."""
    found = HOSTING.located(url)

    assert found is not None
    assert (located or url, place) == (str(found), HOSTING.place(found))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ftp://a/b",
        "https://",
        "https://kefu.example@evil.example/x",
        "https://xn--/x",
        "https://xn--a.example/x",
    ],
)
def test_what_is_no_address(url: str) -> None:
    """Nothing but the web is asked, and no user name goes along."""
    assert HOSTING.located(url) is None


def test_an_operators_own_plain_address() -> None:
    """What is configured on this machine may be plain; a path without a desk to complete it leads nowhere."""
    here = Hosting("http://127.0.0.1:8000", ("http://127.0.0.1:9000",), AppKey("acme", "support"))
    found = here.located("/a.png")

    assert found is not None
    assert ("http://127.0.0.1:8000/a.png", Place.OWN) == (str(found), here.place(found))
    assert Hosting("", (), AppKey("acme", "support")).located("/a.png") is None


@given(st.text() | st.from_regex(r"https?:(//)?[\x00-\x7f]{0,30}", fullmatch=True))
def test_any_text_leads_somewhere_or_nowhere(url: str) -> None:
    """No text makes it fail, or leads to our own hosts without their very name in it."""
    found = HOSTING.located(url)

    assert found is None or found.scheme == "https"
    assert found is None or HOSTING.place(found) is not Place.IM or "im" in url


def test_redirects_lead_on() -> None:
    """A redirect is read like an address of its own."""
    at = httpx.URL("https://kefu.example/a/b.png")

    assert "https://kefu.example/c.png" == str(HOSTING.onward(at, "/c.png"))
    assert "https://files.example/c.png" == str(HOSTING.onward(at, "http://files.example/c.png"))
    assert HOSTING.onward(at, "ftp://files.example/c.png") is None
    assert HOSTING.onward(at, "https://files.example:port/") is None


@pytest.mark.parametrize(
    ("url", "is_link"),
    [
        ("https://files.example/a.png?x=1", True),
        ("https://8.8.8.8/a.png", True),
        ("https://files.example/a.png?share-secret=abc", False),
        ("https://127.0.0.1/a.png", False),
        ("http://localhost/a.png", False),
        ("https://10.0.0.1/a.png", False),
        ("https://[fd00::1]/a.png", False),
    ],
)
def test_links_for_people(url: str, is_link: bool) -> None:
    """A link gives no secret away, and does not lead to where only we are."""
    assert (url if is_link else "") == link_of(httpx.URL(url))
