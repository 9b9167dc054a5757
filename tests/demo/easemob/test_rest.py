"""REST answers exactly as the samples of the facts (``facts/rest-samples``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from slackkefu.demo.easemob import FakeEasemob, Switches
from slackkefu.demo.easemob.ledger import RestCall, TokenIssued
from slackkefu.demo.serve import AnswerLost
from tests.facts import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

VISITOR = "t01abcdef2_u02bcdefg3_c03cdefgh4"
CREDENTIALS = {
    "grant_type": "client_credentials",
    "client_id": "CLIENT-ID-EXAMPLE",
    "client_secret": "CLIENT-SECRET-EXAMPLE",
}


def fake(**switches: Any) -> FakeEasemob:
    """Return a fake with the samples' credentials."""
    return FakeEasemob(
        client_id="CLIENT-ID-EXAMPLE",
        client_secret="CLIENT-SECRET-EXAMPLE",
        switches=Switches(**switches),
        wall=lambda: 1_753_000_000.0,
    )


def client(easemob: FakeEasemob) -> httpx.AsyncClient:
    """Return a client of its REST API."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(easemob.asgi), base_url="https://im-rest.example.com/acme/support"
    )


def bearer(easemob: FakeEasemob, user: str = "") -> dict[str, str]:
    """Return the header with a fresh token of the app, or of *user*."""
    return {"Authorization": f"Bearer {easemob.accounts.issue(user, expires_at=4e9).value}"}


@pytest.fixture
def easemob() -> FakeEasemob:
    """Return a fake with the samples' visitor, whose password is theirs."""
    easemob = fake()
    easemob.register(VISITOR, password="visitor-pass-1")
    return easemob


def nothing(easemob: FakeEasemob) -> None:
    """Leave the fake as it is."""


def no_visitor(easemob: FakeEasemob) -> None:
    """Let the samples' visitor not exist yet."""
    easemob.accounts.delete(VISITOR)


def banned(easemob: FakeEasemob) -> None:
    """Let the samples' visitor be banned."""
    user = easemob.accounts.find(VISITOR)

    assert user is not None
    user.activated = False


def push_nickname(easemob: FakeEasemob) -> None:
    """Give the samples' visitor the samples' nickname."""
    user = easemob.accounts.find(VISITOR)

    assert user is not None
    user.nickname = "Ada from Slack"


def three_waiting(easemob: FakeEasemob) -> None:
    """Let three messages wait."""
    for number in range(3):
        easemob.post_raw("acme-service", VISITOR, bytes([8, number]))


EXPIRED, CORRUPT, FOREIGN, USER, NONE = "expired", "corrupt", "foreign", "user", "none"

SAMPLES: list[tuple[str, str, dict[str, Any], Callable[[FakeEasemob], None], str]] = [
    ("app-token", "ok", {}, nothing, NONE),
    ("app-token", "ok-2017-no-ttl", {}, nothing, NONE),
    ("app-token", "ok-permanent", {}, nothing, NONE),
    ("app-token", "ok-vip5-milliseconds", {"milliseconds": True}, nothing, NONE),
    ("app-token", "client-id-missing", {}, nothing, NONE),
    ("app-token", "client-secret-missing", {}, nothing, NONE),
    ("app-token", "client-id-wrong", {}, nothing, NONE),
    ("app-token", "client-secret-wrong", {}, nothing, NONE),
    ("app-token", "app-unknown", {}, nothing, NONE),
    ("app-token", "rate-limited", {"calls_per_second": 0}, nothing, NONE),
    ("errors-any-endpoint", "token-expired-or-absent", {}, nothing, EXPIRED),
    ("errors-any-endpoint", "token-malformed", {}, nothing, CORRUPT),
    ("errors-any-endpoint", "token-of-another-cluster", {}, nothing, FOREIGN),
    ("errors-any-endpoint", "user-unknown", {}, no_visitor, ""),
    ("errors-any-endpoint", "unavailable-503", {"calls_per_second": 0, "limit_status": 503}, nothing, ""),
    ("user-token-inherit", "ok-created", {}, no_visitor, ""),
    ("user-token-inherit", "ok-existing", {}, nothing, ""),
    ("user-token-inherit", "user-unknown", {}, nothing, ""),
    ("user-token-inherit", "username-illegal", {}, nothing, ""),
    ("user-token-inherit", "username-too-long", {}, nothing, ""),
    ("user-token-inherit", "user-banned", {}, banned, ""),
    ("user-token-inherit", "user-token-used-or-other-appkey", {}, nothing, USER),
    ("user-token-inherit", "app-unknown", {}, nothing, ""),
    ("user-token-password", "ok", {}, nothing, NONE),
    ("user-token-password", "ok-mixed-case-name", {}, nothing, NONE),
    ("user-token-password", "password-wrong", {}, nothing, NONE),
    ("user-token-password", "user-banned", {}, banned, NONE),
    ("user-token-password", "user-unknown", {}, nothing, NONE),
    ("user-register", "ok", {}, no_visitor, ""),
    ("user-register", "ok-with-push-nickname", {}, no_visitor, ""),
    ("user-register", "ok-mixed-case-name-lowered", {}, no_visitor, ""),
    ("user-register", "exists", {}, nothing, ""),
    ("user-register", "username-illegal", {}, nothing, ""),
    ("user-register", "username-missing", {}, nothing, ""),
    ("user-register", "username-too-long", {}, nothing, ""),
    ("user-register", "password-missing", {}, nothing, ""),
    ("user-register", "nickname-too-long", {}, no_visitor, ""),
    ("user-register", "no-token-authorised-mode", {}, nothing, NONE),
    ("user-register", "plan-quota-free-edition-wording", {"plan_users": 0}, nothing, ""),
    ("user-register-batch", "ok", {}, no_visitor, ""),
    ("user-register-batch", "ok-some-exist", {}, nothing, ""),
    ("user-register-batch", "some-exist-older-all-refused", {"batch_refused_whole": True}, nothing, ""),
    ("user-register-batch", "same-name-two-passwords", {}, no_visitor, ""),
    ("user-get", "ok", {}, push_nickname, ""),
    ("user-get", "unknown", {}, nothing, ""),
    ("user-status", "ok-offline", {}, nothing, ""),
    ("user-status", "unknown", {}, nothing, ""),
    ("user-offline-messages", "ok-count", {}, three_waiting, ""),
    ("user-password", "ok", {}, nothing, ""),
    ("user-password", "newpassword-missing", {}, nothing, ""),
    ("user-password", "unknown", {}, nothing, ""),
    ("user-disconnect", "ok-all-devices", {}, nothing, ""),
    ("user-disconnect", "ok-one-device", {}, nothing, ""),
    ("user-disconnect", "unknown", {}, nothing, ""),
    ("user-delete", "ok", {}, nothing, ""),
    ("user-delete", "unknown", {}, nothing, ""),
    ("message-send", "txt", {}, nothing, ""),
    ("message-send", "two-receivers", {}, nothing, ""),
    ("message-send", "receiver-unknown-still-ok", {}, nothing, ""),
    ("message-send", "img", {}, nothing, ""),
    ("message-send", "loc", {}, nothing, ""),
    ("message-send", "custom", {}, nothing, ""),
    ("message-send", "wrong-field-type", {}, nothing, ""),
    ("message-send", "from-empty", {}, nothing, ""),
    ("message-send", "to-empty", {}, nothing, ""),
    ("message-send", "type-empty", {}, nothing, ""),
    ("message-send", "body-empty", {}, nothing, ""),
    ("message-send", "ext-not-object", {}, nothing, ""),
    ("message-send-2017", "txt", {}, nothing, ""),
    ("message-send-2017", "txt-with-ids", {}, nothing, ""),
    ("message-send-2017", "from-empty", {}, nothing, ""),
    ("message-send-2017", "target-type-wrong", {}, nothing, ""),
    ("file-download", "unknown", {}, nothing, ""),
]

LOOSE = {"access_token", "application", "exception", "timestamp", "duration", "uuid", "created", "modified", "uri"}
"""Members whose value is the server's own."""


def likeness(expected: Any, found: Any, key: str = "") -> bool:
    """Tell whether two bodies have the same members and, where it is not the server's own business, values."""
    if key in LOOSE or (isinstance(expected, str) and expected.isdigit() and str(found).isdigit()):
        return type(expected) is type(found)
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(likeness(expected[key], found[key], key) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(likeness, expected, found))
    if key == "error_description" and "Application" in str(expected):
        return str(expected).partition("Entity")[2] == str(found).partition("Entity")[2]
    return bool(expected == found)


@pytest.mark.parametrize(
    ("name", "case", "switches", "prepare", "token"),
    SAMPLES,
    ids=lambda value: getattr(value, "__name__", str(value)[:40]),
)
async def test_answers_are_those_of_the_samples(
    name: str, case: str, switches: dict[str, Any], prepare: Callable[[FakeEasemob], None], token: str
) -> None:
    """Status, members and error codes of each sample come back as they are there."""
    sample = next(item for item in load(f"rest-samples/{name}.json")["cases"] if item["case"] == case)
    easemob = fake(**switches)
    if switches.get("plan_users") != 0:
        easemob.register(VISITOR, password="visitor-pass-1")
    prepare(easemob)
    headers = dict(sample["request"]["headers"])
    app_token = easemob.accounts.issue("", expires_at=0 if token == EXPIRED else 4e9).value
    value = {CORRUPT: "x", FOREIGN: "fake-elsewhere-app-000001", USER: bearer(easemob, VISITOR)["Authorization"][7:]}
    if token != NONE:
        headers["Authorization"] = f"Bearer {value.get(token, app_token)}"
    async with client(easemob) as http:
        answer = await http.request(
            sample["request"]["method"], sample["request"]["url"], json=sample["request"].get("body"), headers=headers
        )

    assert sample["response"]["status"] == answer.status_code
    body = sample["response"]["body"]
    if body is None:
        assert b"" == answer.content
    else:
        assert likeness(body, answer.json()), answer.json()


async def test_discovery_names_the_hosts(easemob: FakeEasemob) -> None:
    """Discovery gives REST and WebSocket hosts for our app key, and nothing for another (facts/msync.md §2.2)."""
    easemob.listens(rest=("127.0.0.1", 8001), websocket=("127.0.0.1", 8002))
    async with client(easemob) as http:
        ours = (await http.get("https://h/easemob/server.json", params={"app_key": "acme#support"})).json()
        theirs = (await http.get("https://h/easemob/server.json", params={"app_key": "acme#other"})).json()

    assert [("127.0.0.1", 8001)] == [(host["domain"], host["port"]) for host in ours["rest"]["hosts"]]
    assert [("127.0.0.1", 8002)] == [(host["domain"], host["port"]) for host in ours["msync-wx"]["hosts"]]
    assert [] == theirs["msync-wx"]["hosts"]


async def test_discovery_can_look_otherwise() -> None:
    """The WebSocket list may have another name, and numbers may be text (facts/msync.md §2.2)."""
    easemob = fake(websocket_section="msync", numbers_as_text=True)
    async with client(easemob) as http:
        found = (await http.get("https://h/easemob/server.json", params={"app_key": "acme#support"})).json()

    assert "80" == found["msync"]["hosts"][0]["port"]


async def test_two_creations_at_once_are_a_conflict(autojump_clock: MockClock) -> None:
    """While a user is being created, a second call for it is refused with 409 (facts/easemob-rest.md §4.2)."""
    easemob = fake(creation_s=0.5)
    body = {"grant_type": "inherit", "username": VISITOR, "autoCreateUser": True}
    statuses = []
    async with client(easemob) as http:

        async def ask() -> None:
            answer = await http.post("/token", json=body, headers=bearer(easemob))
            statuses.append(answer.status_code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
        await ask()

    assert [409, 200, 200] == statuses


async def test_an_old_cluster_knows_no_inherit() -> None:
    """Without the grant the call is refused; the app falls back to passwords (facts/easemob-rest.md §4.2)."""
    easemob = fake(inherit=False)
    async with client(easemob) as http:
        answer = await http.post("/token", json={"grant_type": "inherit", "username": VISITOR}, headers=bearer(easemob))

    assert 400 == answer.status_code


async def test_tokens_are_counted(easemob: FakeEasemob) -> None:
    """The ledger tells how many tokens were fetched, and for whom."""
    async with client(easemob) as http:
        await http.post("/token", json=CREDENTIALS)
        await http.post("/token", json={"grant_type": "password", "username": VISITOR, "password": "visitor-pass-1"})

    assert 1 == easemob.ledger.tokens()
    assert 1 == easemob.ledger.tokens(VISITOR)
    assert [TokenIssued("client_credentials", ""), TokenIssued("password", VISITOR)] == list(
        easemob.ledger.of(TokenIssued)
    )


async def test_users_are_listed_in_pages() -> None:
    """A page has a cursor to the next one, the last has none (facts/easemob-rest.md §5.3)."""
    easemob = fake()
    for number in range(3):
        easemob.register(f"u{number}")
    async with client(easemob) as http:
        first = (await http.get("/users?limit=2", headers=bearer(easemob))).json()
        second = (await http.get(f"/users?limit=2&cursor={first['cursor']}", headers=bearer(easemob))).json()
        refused = await http.get("/users?limit=101", headers=bearer(easemob))

    assert ["u0", "u1"] == [user["username"] for user in first["entities"]]
    assert (["u2"], 1) == ([user["username"] for user in second["entities"]], second["count"])
    assert "cursor" not in second
    assert 400 == refused.status_code


async def test_a_second_app_token_may_end_the_first() -> None:
    """By switch only the newest app token is good; nothing documents it either way (facts/easemob-rest.md §3)."""
    easemob = fake(one_app_token=True)
    async with client(easemob) as http:
        first = (await http.post("/token", json=CREDENTIALS)).json()["access_token"]
        await http.post("/token", json=CREDENTIALS)
        answer = await http.get(f"/users/{VISITOR}", headers={"Authorization": f"Bearer {first}"})

    assert 401 == answer.status_code


async def test_too_many_calls_a_second_are_refused(autojump_clock: MockClock) -> None:
    """The limit counts the calls of one second and forgets them after it (facts/easemob-rest.md §12.1)."""
    easemob = fake(calls_per_second=2)
    async with client(easemob) as http:
        first = [(await http.post("/token", json=CREDENTIALS)).status_code for _ in range(3)]
        await trio.sleep(1)
        later = (await http.post("/token", json=CREDENTIALS)).status_code

    assert [200, 200, 429] == first
    assert 200 == later


async def test_armed_faults_meet_the_next_call(easemob: FakeEasemob) -> None:
    """A fault replaces one answer, before or after the call took effect, and is then over."""
    easemob.faults.fail_rest("/token", 502)
    easemob.faults.fail_rest("/users", 500, "web_application", "oops", carried_out=True)
    async with client(easemob) as http:
        token = await http.post("/token", json=CREDENTIALS)
        user = await http.post("/users", json={"username": "leo", "password": "x"}, headers=bearer(easemob))
        good = await http.post("/token", json=CREDENTIALS)

    assert (502, b"") == (token.status_code, token.content)
    assert (500, "web_application") == (user.status_code, user.json()["error"])
    assert easemob.accounts.find("leo") is not None
    assert 200 == good.status_code
    assert [502, 500, 200] == [call.status for call in easemob.ledger.of(RestCall)]


async def test_an_answer_can_get_lost(easemob: FakeEasemob) -> None:
    """With status 0 the connection breaks in mid-answer, whether the call took effect or not."""
    easemob.faults.fail_rest("/token", 0, carried_out=True)
    async with client(easemob) as http:
        with pytest.raises(AnswerLost):
            await http.post("/token", json=CREDENTIALS)

    assert 1 == easemob.ledger.tokens()


async def test_offline_count_may_be_refused() -> None:
    """By switch the call that counts waiting messages is not offered (facts/easemob-rest.md §2.3)."""
    easemob = fake(offline_count=False)
    easemob.register(VISITOR)
    async with client(easemob) as http:
        answer = await http.get(f"/users/{VISITOR}/offline_msg_count", headers=bearer(easemob))

    assert (500, "unsupported_service_operation") == (answer.status_code, answer.json()["error"])


async def test_delivery_status_follows_the_queue(easemob: FakeEasemob) -> None:
    """A message that waits is undelivered, one that is not there delivered (facts/easemob-rest.md §5.6)."""
    message_id = easemob.post_raw("acme-service", VISITOR, b"")
    async with client(easemob) as http:
        url = f"/users/{VISITOR}/offline_msg_status"
        waiting = (await http.get(f"{url}/{message_id}", headers=bearer(easemob))).json()
        gone = (await http.get(f"{url}/7", headers=bearer(easemob))).json()

    assert {str(message_id): "undelivered"} == waiting["data"]
    assert {"7": "delivered"} == gone["data"]


async def test_a_file_goes_up_and_comes_down(easemob: FakeEasemob) -> None:
    """An upload with restrict-access needs its secret to come down, one without does not (facts/easemob-rest.md §7)."""
    async with client(easemob) as http:
        headers = bearer(easemob, VISITOR)
        up = await http.post("/chatfiles", files={"file": b"\x00data"}, headers=headers | {"restrict-access": "true"})
        entity = up.json()["entities"][0]
        url = f"/chatfiles/{entity['uuid']}"
        without = await http.get(url)
        by_header = await http.get(url, headers={"share-secret": entity["share-secret"]})
        by_query = await http.get(url, params={"share-secret": entity["share-secret"]})
        opened = (await http.post("/chatfiles", files={"file": b"open"}, headers=headers)).json()["entities"][0]
        open_down = await http.get(f"/chatfiles/{opened['uuid']}")
        missing = await http.post("/chatfiles", headers=headers)

    assert 401 == without.status_code
    assert b"\x00data" == by_header.content == by_query.content
    assert "share-secret" not in opened
    assert b"open" == open_down.content
    assert 400 == missing.status_code


@pytest.mark.parametrize(
    ("restricts", "asked", "is_restricted"),
    [
        ("value", "true", True),
        ("value", "false", False),
        ("presence", "false", True),
        ("presence", None, False),
        ("nothing", "true", False),
    ],
)
async def test_what_makes_an_upload_restricted(restricts: str, asked: str | None, is_restricted: bool) -> None:
    """The value of the header, the header, or nothing (facts/easemob-rest.md §7.1, §14); bytes and name are kept."""
    easemob = fake(restricts=restricts)
    content = bytes(range(256)) * 50 + b"\r\n--x\r\n"
    async with client(easemob) as http:
        headers = bearer(easemob) | ({"restrict-access": asked} if asked else {})
        up = await http.post("/chatfiles", files={"file": ("图 1.png", content, "image/png")}, headers=headers)
    (stored,) = easemob.attachments()

    assert is_restricted is bool(stored.secret) is ("share-secret" in up.json()["entities"][0])
    assert (content, "图 1.png", "image/png") == (stored.content, stored.name, stored.mimetype)
    assert stored is easemob.attachment(f"https://x.test/chatfiles/{up.json()['entities'][0]['uuid']}?y")


async def test_bad_bodies_are_named(easemob: FakeEasemob) -> None:
    """No JSON, no content type, no such path, no such form: each has its error (facts/easemob-rest.md §2.3)."""
    async with client(easemob) as http:
        headers = bearer(easemob) | {"Content-Type": "application/json"}
        not_json = await http.post("/users", content=b'{"username":', headers=headers)
        no_type = await http.post("/users", content=b"{}", headers=bearer(easemob))
        number = await http.post("/users", content=b"7", headers=headers)
        nowhere = await http.get("/nowhere", headers=headers)
        many = [{"username": f"u{number}", "password": "p"} for number in range(61)]
        batch = await http.post("/users", json=many, headers=headers)

    assert [(400, "json_parse"), (415, "web_application"), (400, "invalid_request_body")] == [
        (answer.status_code, answer.json()["error"]) for answer in (not_json, no_type, number)
    ]
    assert (500, "web_application") == (nowhere.status_code, nowhere.json()["error"])
    assert (400, "illegal_argument") == (batch.status_code, batch.json()["error"])


async def test_only_the_form_of_2017_may_be_there() -> None:
    """By switch there is no /messages/users, only /messages (facts/easemob-rest.md §6.3)."""
    easemob = fake(send_form="2017")
    async with client(easemob) as http:
        body = {"from": "a", "to": ["b"], "type": "txt", "body": {"msg": "x"}}
        answer = await http.post("/messages/users", json=body, headers=bearer(easemob))

    assert (500, "web_application") == (answer.status_code, answer.json()["error"])


async def test_a_message_too_large_is_refused(easemob: FakeEasemob) -> None:
    """Text and ext together have a limit (facts/easemob-rest.md §6.1)."""
    async with client(easemob) as http:
        body = {"from": "a", "to": ["b"], "type": "txt", "body": {"msg": "x" * 6000}}
        answer = await http.post("/messages/users", json=body, headers=bearer(easemob))

    assert (400, "message is too large") == (answer.status_code, answer.json()["error_description"])


async def test_names_may_be_shown_as_registered() -> None:
    """By switch answers keep the case of the first registration, as in 2015 (facts/easemob-rest.md §5.1)."""
    easemob = fake(names_kept=True)
    easemob.register("Mia")
    async with client(easemob) as http:
        answer = await http.get("/users/mia", headers=bearer(easemob))

    assert "Mia" == answer.json()["entities"][0]["username"]


async def test_a_kept_file(easemob: FakeEasemob) -> None:
    """What the other side has uploaded can be had at its address; a restricted one with its secret only."""
    opened, restricted = easemob.keeps(b"abc"), easemob.keeps(b"def", secret="secret-1")
    async with client(easemob) as http:
        assert b"abc" == (await http.get(opened)).content
        assert 401 == (await http.get(restricted)).status_code
        assert b"def" == (await http.get(restricted, headers={"share-secret": "secret-1"})).content
