"""OAuth without I/O: the link, and what people paste."""

from __future__ import annotations

import html
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.errors import SlackSetupError, WrongUse
from slackkefu.secret import Secret
from slackkefu.slack.features import BOT_SCOPES
from slackkefu.slack.oauth import LINK_S, NONCE_BYTES, App, Code, authorize_link, refused, take_code, take_lone_code

APP = App("1234.5678", Secret("not-told"), "https://localhost:18443/slack/oauth_redirect")
NOW = 1_800_000_000.0
NONCE = bytes(range(NONCE_BYTES))
CODE = "1234.5678.0a1b2c"


def link(app: App = APP, **more: str) -> str:
    """Make a link."""
    return authorize_link(app, BOT_SCOPES, api_url="https://slack.com/api/", now=NOW, nonce=NONCE, **more)


def state(app: App = APP) -> str:
    """Return the state of a link."""
    return parse_qs(urlsplit(link(app)).query)["state"][0]


def address(app: App = APP, *, code: str = CODE, made_by: App = APP) -> str:
    """Return the address that a browser is sent to."""
    return f"{app.redirect_url}?code={code}&state={state(made_by)}"


def take(text: str, *, app: App = APP, now: float = NOW + 60) -> Code:
    """Read what somebody pasted."""
    return take_code(text, app, now=now)


def problem(text: str, *, app: App = APP, now: float = NOW + 60) -> str:
    """Return why it cannot be taken."""
    with pytest.raises(WrongUse) as caught:
        take(text, app=app, now=now)
    return str(caught.value)


# The link.


def test_the_link_asks_for_what_the_app_needs() -> None:
    """It names the app, every scope, the redirect address and a state; no user scope, and never PKCE."""
    address = urlsplit(link(team_id="T0NORTH001"))
    values = parse_qs(address.query, strict_parsing=True)

    assert ("https", "slack.com", "/oauth/v2/authorize") == (address.scheme, address.netloc, address.path)
    assert {"client_id", "scope", "state", "redirect_uri", "team"} == values.keys()
    assert ["1234.5678"] == values["client_id"]
    assert [",".join(sorted(BOT_SCOPES))] == values["scope"]
    assert [APP.redirect_url] == values["redirect_uri"]
    assert ["T0NORTH001"] == values["team"]
    assert "team" not in parse_qs(urlsplit(link()).query)
    assert "not-told" not in link()


def test_every_value_is_encoded() -> None:
    """A redirect address with a query of its own, or a strange client id, changes no other value."""
    app = App("a&b=c d", Secret("s"), "https://shop.example/x y?z=1&code=2")
    values = parse_qs(urlsplit(link(app)).query, strict_parsing=True)

    assert ["a&b=c d"] == values["client_id"]
    assert ["https://shop.example/x y?z=1&code=2"] == values["redirect_uri"]


@pytest.mark.parametrize(
    ("api_url", "expected"),
    [
        ("https://slack-gov.com/api/", "https://slack-gov.com/oauth/v2/authorize?"),
        ("http://127.0.0.1:8080/api/", "http://127.0.0.1:8080/oauth/v2/authorize?"),
    ],
)
def test_the_page_is_where_the_api_is(api_url: str, expected: str) -> None:
    """Who uses another Slack agrees there."""
    assert authorize_link(APP, ["chat:write"], api_url=api_url, now=NOW, nonce=NONCE).startswith(expected)


def test_every_link_has_its_own_state() -> None:
    """Two links of one second differ."""
    other = authorize_link(APP, BOT_SCOPES, api_url="https://slack.com/api/", now=NOW, nonce=bytes(NONCE_BYTES))

    assert link() != other


# What comes back.


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "  {}\n",
        "<{}>",
        '"{}"',
        "<{}|click here>",
        "Here it is:\n\n{}\n\nBest, Mia",
        "it says: {} thanks!",
        "{}#_",
        "HTTPS{0[5]}",
    ],
)
def test_an_address_is_taken_from_among_other_words(form: str) -> None:
    """Whatever stands around the address, it is found."""
    text = form.format(address()) if "HTTPS" not in form else address().replace("https", "HTTPS", 1)

    assert Code(Secret(CODE), APP.redirect_url, NOW) == take(text)


@given(st.data())
def test_a_mail_may_break_an_address_anywhere(data: st.DataObject) -> None:
    """White space and invisible marks inside the address change nothing, nor do words in other paragraphs."""
    text = address()
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(["\n", "\r\n", " ", "\n  ", "\u200b", "\t"])) + text[at:]

    assert Secret(CODE) == take(text).code
    assert Secret(CODE) == take(f"Hello,\n\n{text}\n\nbye").code


@pytest.mark.parametrize(
    "text",
    [
        html.escape(address()),
        html.escape(html.escape(address())),
        urlsplit(address()).query,
        "?" + urlsplit(address()).query,
        f"state={state()}&code={CODE}",
        f"https://eur01.safelinks.protection.outlook.com/?url={quote(address(), safe='')}&data=05%7C02&reserved=0",
        f"https://www.google.com/url?q={quote(address(), safe='')}&sa=D",
    ],
)
def test_every_form_people_paste(text: str) -> None:
    """Escaped, without its beginning, in another order, or wrapped by a mail program: it is the same answer."""
    assert Code(Secret(CODE), APP.redirect_url, NOW) == take(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not the address"),
        ("hello", "not the address"),
        (CODE, "add --code"),
        (link(), "the link itself"),
        (f"{APP.redirect_url}?code={CODE}", "no state in it"),
        (f"{APP.redirect_url}?code=&state={state()}", "no code in it"),
        (address()[:-1], "cut off"),
        (f"code={CODE}&state=xyz", "cut off"),
        (address(App("1.2", Secret("s"), "https://other.example/cb")), "not the one that the link leads to"),
        (address(made_by=App("9.9", Secret("not-told"), APP.redirect_url)), "of another app"),
        (address(made_by=App("1234.5678", Secret("another"), APP.redirect_url)), "changed on its way"),
        (f"xoxb-123-{CODE}", "revoke it"),
        (f"code={CODE}&token=xoxe.xoxb-1", "revoke it"),
    ],
)
def test_what_is_no_answer_says_why(text: str, words: str) -> None:
    """Each wrong paste has words of its own, says what to do, and shows nothing of what was pasted."""
    said = problem(text)

    assert words in said
    assert CODE not in said


@given(st.integers(0, 43), st.sampled_from("Az09_-"))
def test_a_changed_state_is_found_out(at: int, letter: str) -> None:
    """No letter of a state can be another."""
    good = state()
    if good[at] == letter:
        return
    problem(f"code={CODE}&state={good[:at]}{letter}{good[at + 1 :]}")


@pytest.mark.parametrize(("age_s", "is_good"), [(-500, True), (LINK_S - 1, True), (LINK_S + 1, False), (-700, False)])
def test_a_link_is_good_for_a_week(age_s: float, is_good: bool) -> None:
    """It can be sent to somebody, and is not good for ever; a clock may be a little off."""
    if is_good:
        assert Secret(CODE) == take(address(), now=NOW + age_s).code
    else:
        assert "older than 7 days" in problem(address(), now=NOW + age_s)


def test_who_did_not_agree() -> None:
    """A refusal on the page comes back in the same way, and is told as one, also from a mail."""
    with pytest.raises(SlackSetupError, match=r"access_denied to authorize\. Whoever opened the link did not agree"):
        take(f"Hi!\n\n{APP.redirect_url}?error=access_denied&state={state()}\n\nBye")


def test_a_lone_code() -> None:
    """Who is sure of a code may give it alone; a token or an address is not one."""
    assert Code(Secret(CODE), APP.redirect_url) == take_lone_code(f" {CODE}\n", APP)
    for text in ("", address(), "xoxb-1234567890", "a b c d e f g h"):
        with pytest.raises(WrongUse, match="not a code"):
            take_lone_code(text, APP)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever is pasted, nothing but our own errors comes of it; and no code of anybody's is taken."""
    with pytest.raises((WrongUse, SlackSetupError)):
        take(text)
    with pytest.raises((WrongUse, SlackSetupError)):
        take(f"{APP.redirect_url}?code={text}&state={text}")


# Refusals.


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_code", "once and for ten minutes"),
        ("bad_redirect_uri", "slack.redirect_url"),
        ("bad_client_secret", "slack.client_secret"),
        ("invalid_client_id", "slack.client_id"),
        ("oauth_authorization_url_mismatch", "old kind"),
        ("cannot_install_an_org_installed_app", "nothing is to be installed"),
        ("invalid_team_for_non_distributed_app", "Manage Distribution"),
        ("invalid_scope", "manifest"),
        ("never_heard_of", "Nothing was installed"),
    ],
)
def test_each_refusal_says_what_to_do(code: str, words: str) -> None:
    """Slack's word is shown, and what to do about it."""
    said = str(refused("oauth.v2.access", code))

    assert f"Slack answered {code} to oauth.v2.access. " in said
    assert words in said


def test_a_code_that_is_no_code_is_not_shown() -> None:
    """What stands for a code in an address may be anything."""
    assert "<b>" not in str(refused("authorize", "<b>you have won</b>"))
