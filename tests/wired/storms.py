"""
Storms: everything that the network and both services can do to messages, one kind at a time and all at once.

Each blows for some minutes while people and agents write, and names the situations it has to bring about. Whether it
did is counted from what the fakes and the network wrote down: a run that never met them proves nothing.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import trio

from slackkefu.demo.easemob.ledger import Accepted, Disturbed, LoginRefused, RestCall, TokenIssued
from slackkefu.demo.line import Weather
from slackkefu.demo.slack import Drop, Status, Timing, TooMany
from slackkefu.demo.slack.ledger import AttemptState, ParcelState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from random import Random

    from slackkefu.demo.line import Line
    from slackkefu.demo.slack import Person
    from slackkefu.demo.slack.faults import WebFault
    from slackkefu.demo.slack.model import Channel, Message
    from tests.wired.town import Town

__all__ = ["STORMS", "Storm", "Talk", "met"]

SLACK: Final = "wss-primary.slack.com"
EASEMOB: Final = "im.easemob.test"
LINKS: Final = {SLACK: "Slack's line", EASEMOB: "Easemob's line"}
REST: Final = "rest.easemob.test"
WEB: Final = "slack.com"

LOST_ANSWERS: Final[list[WebFault]] = [Drop(), Drop(carried_out=False), Status(503), Status(503, carried_out=True)]


@dataclass(frozen=True)
class Storm:
    """A kind of bad weather."""

    blow: Callable[[Town, Random], Awaitable[None]]
    """Does it, until cancelled."""
    meets: tuple[str, ...]
    """What has to happen at least once, by the names of :func:`met`."""
    minutes: float = 6.0
    options: Mapping[str, object] = field(default_factory=dict)
    """What kind of town it takes."""


# What people do meanwhile.

PICTURE: Final = b"\x89PNG" + bytes(1000)
PICTURE_EVERY: Final = 11
"""Of so many answers one is a picture; no divisor of how many people there are, so that everybody gets some."""


@dataclass
class Talk:
    """Four people who write in direct messages, two in the thread of a channel, and an agent who answers them all."""

    here: Town
    places: list[tuple[Person, Channel, Message | None]] = field(default_factory=list)

    async def begin(self) -> None:
        """Let everybody say hello, and wait until the desk has heard it."""
        here = self.here
        people = [here.north.add_user(name=f"Person {number}") for number in range(6)]
        support = here.north.add_channel(name="support", members=people)
        self.places += [(person, person.dm(), None) for person in people[:4]]
        for person in people[4:]:
            root = await person.says(support, f"<@{here.north.installation.bot.id}> hello from {person.id}")
            self.places.append((person, support, root))
        for person, where, _ in self.places[:4]:
            await person.says(where, "hello")
        for person, where, _ in self.places:
            await here.desk.heard(visitor=here.visitor(person, where))

    async def go_on(self, *, minutes: float, every_s: float = 1.0) -> None:
        """Let them write in turn, and each be answered at once, now and then with a picture."""
        for number in range(round(minutes * 60 / every_s)):
            person, where, root = self.places[number % len(self.places)]
            await person.says(where, f"question {number}", thread=root)
            self._answer(self.here.visitor(person, where), number)
            await trio.sleep(every_s)

    def _answer(self, visitor: str, number: int) -> None:
        if number % PICTURE_EVERY:
            self.here.desk.answers(visitor, f"answer {number}")
        else:
            name = f"picture {number}.png"
            self.here.desk.sends_file(visitor, "img", self.here.kefu.keeps(name, PICTURE), name=name)


# What the weather does.


def pick(lines: Sequence[Line], chance: Random) -> Iterator[Line]:
    """Yield one of *lines*, if there is one."""
    if lines:
        yield chance.choice(lines)


async def refreshes(here: Town, _: Random) -> None:
    """Let Slack replace each connection after ten seconds."""
    await trio.sleep_forever()


async def slow_lines(here: Town, chance: Random) -> None:
    """Let both links be slow, uneven, in small pieces and late to close; and cut one now and then."""
    for host in LINKS:
        here.network.hosts[host].weather = Weather(
            latency_s=0.2, jitter_s=0.4, slice_bytes=chance.randint(20, 200), close_after_s=2.0
        )
    for _, line in here.network.lines:
        line.hang_up()
    while True:
        await trio.sleep(chance.uniform(20, 40))
        chance.choice([here.slack.refresh, here.easemob.cut])()
        for host in LINKS:
            for line in pick(here.network.open_lines(host), chance):
                line.hang_up()


async def lost_lines(here: Town, chance: Random) -> None:
    """Let links be reset, cut and fall silent for ever."""
    while True:
        for host in LINKS:
            for line in pick(here.network.open_lines(host), chance):
                chance.choice([line.reset, line.hang_up, line.black_hole])()
        await trio.sleep(chance.uniform(5, 15))


async def ghosts(here: Town, chance: Random) -> None:
    """Let Slack's links fall silent for ever: they live on at Slack, and get their share (facts/slack.md §1)."""
    while True:
        await trio.sleep(chance.uniform(30, 60))
        for line in pick(here.network.open_lines(SLACK), chance):
            line.black_hole()


async def slack_refuses(here: Town, chance: Random) -> None:
    """Let a third of all calls of Slack's Web API be refused, or lose their answer; and take its connections."""
    web = here.slack.faults.web
    while True:
        web.storm("*", chance.choice([TooMany(retry_after_s=chance.randint(1, 5)), *LOST_ANSWERS]), share=1 / 3)
        await trio.sleep(chance.uniform(5, 20))
        for line in pick(here.network.open_lines(SLACK), chance):
            line.reset()


async def easemob_refuses(here: Town, chance: Random) -> None:
    """Let two thirds of all REST calls of Easemob's fail, while everybody needs a new token again and again."""
    for status, error in ((429, "reach_limit"), (503, ""), (0, ""), (500, "web_application")):
        here.easemob.faults.storm_rest(status, error, share=1 / 6, chance=chance)
    while True:
        for visitor in here.desk.conversations:
            here.easemob.accounts.expire(visitor)
        here.easemob.cut()
        await trio.sleep(chance.uniform(15, 45))


async def lost_acknowledgements(here: Town, chance: Random) -> None:
    """Let acknowledgements get lost, in all four directions."""
    link, easemob = here.slack.faults.link, here.easemob.faults
    while True:
        link.lose_acknowledgements += 1
        easemob.lost_acknowledgements += 1
        easemob.lost_pulls += 1
        easemob.cut_after_sends += chance.randrange(2)
        here.slack.faults.web.next("chat.postMessage", chance.choice([Drop(), Drop(carried_out=False)]))
        await trio.sleep(chance.uniform(10, 20))


async def repeats(here: Town, chance: Random) -> None:
    """Let envelopes and batches come again, whatever was said about them, and news of them get lost."""
    while True:
        here.slack.faults.link.repeat_envelopes += 2
        here.easemob.faults.lost_notices += 1
        for visitor in here.desk.conversations:
            here.easemob.repeat_page(visitor)
        await trio.sleep(chance.uniform(2, 8))


async def refused_logins(here: Town, chance: Random) -> None:
    """Let one visitor's logins be refused for a while, end others by force, and refuse some handshakes."""
    unlucky = next(iter(here.desk.conversations))
    while True:
        here.easemob.faults.refuse_login(chance.choice([8, 14]), user=unlucky, times=2)
        here.easemob.cut(unlucky)
        here.easemob.kick(chance.choice([*here.desk.conversations]), chance.choice([2, 4]))
        here.easemob.faults.refused_handshakes += 1
        await trio.sleep(chance.uniform(20, 40))


async def expiring_tokens(here: Town, chance: Random) -> None:
    """Let visitors' tokens expire on their way to a login, and the app's, of half a minute, on a slow way to REST."""
    here.network.hosts[EASEMOB].connect_s = 4.0
    for latency_s in itertools.cycle((0.1, 9.0)):
        here.network.hosts[REST].latency_s = latency_s
        here.easemob.cut()
        await trio.sleep(chance.uniform(1, 4))
        for visitor in here.desk.conversations:
            here.easemob.accounts.expire(visitor)
        await trio.sleep(chance.uniform(10, 25))


async def clock_steps(here: Town, chance: Random) -> None:
    """Let the machine's calendar be set forward an hour and back by two, with cuts between."""
    while True:
        for hours in (1, -2, 1):
            await trio.sleep(chance.uniform(10, 40))
            here.wall.step(hours * 3600)
            here.network.happened["calendar set"] += 1
            await trio.sleep(chance.uniform(1, 10))
            here.easemob.cut()
            for line in pick(here.network.open_lines(SLACK), chance):
                line.reset()


async def lost_requests(here: Town, chance: Random) -> None:
    """Let HTTP be slow, and lose requests and answers, on both sides."""
    while True:
        for host in (REST, WEB):
            faults = here.network.hosts[host]
            faults.latency_s, faults.jitter_s = 0.1, 0.5
            faults.lose_requests += chance.randrange(2)
            faults.lose_answers += chance.randrange(2)
        here.easemob.accounts.expire(chance.choice([*here.desk.conversations]))
        here.easemob.cut()
        await trio.sleep(chance.uniform(5, 15))


async def everything(here: Town, chance: Random) -> None:
    """Let something go wrong every few seconds, whatever it is."""
    link, web, easemob = here.slack.faults.link, here.slack.faults.web, here.easemob.faults

    def expire() -> None:
        here.easemob.accounts.expire(chance.choice([*here.desk.conversations]))
        here.easemob.cut()

    def disturb() -> None:
        for line in pick(here.network.open_lines(), chance):
            chance.choice([line.reset, line.hang_up, line.black_hole])()

    deeds: list[Callable[[], object]] = [
        here.slack.refresh,
        expire,
        disturb,
        lambda: setattr(link, "lose_acknowledgements", 2),
        lambda: setattr(link, "repeat_envelopes", 2),
        lambda: setattr(easemob, "lost_acknowledgements", 1),
        lambda: setattr(easemob, "cut_after_sends", 1),
        lambda: easemob.refuse_login(chance.choice([8, 14])),
        lambda: easemob.fail_rest("/", chance.choice([429, 503, 0])),
        lambda: web.next("chat.postMessage", chance.choice([TooMany(retry_after_s=3), *LOST_ANSWERS])),
    ]
    while True:
        for do in chance.sample(deeds, len(deeds)):
            do()
            await trio.sleep(chance.uniform(1, 10))


STORMS: Final[Mapping[str, Storm]] = {
    "refreshes": Storm(
        refreshes,
        ("a connection of Slack's replaced",),
        options={"slack_timing": Timing(life_s=10.0)},
    ),
    "slow lines": Storm(
        slow_lines,
        tuple(
            f"{line} {what}" for line in LINKS.values() for what in ("slowed", "uneven", "sliced", "closed late", "cut")
        ),
    ),
    "lost lines": Storm(
        lost_lines, tuple(f"{line} {what}" for line in LINKS.values() for what in ("reset", "cut", "silenced"))
    ),
    "ghosts": Storm(
        ghosts,
        ("Slack's line silenced", "an event given up"),
    ),
    "Slack refuses": Storm(
        slack_refuses,
        ("a post met TooMany", "a post met Status", "a post met Drop", "Slack's REST met TooMany"),
    ),
    "Easemob refuses": Storm(
        easemob_refuses,
        tuple(f"Easemob's REST answered {status}" for status in (0, 429, 500, 503)),
    ),
    "lost acknowledgements": Storm(
        lost_acknowledgements,
        (
            "an acknowledgement to Slack lost",
            "an event repeated",
            "an acknowledgement of Easemob's lost",
            "an IM message repeated",
            "a pull lost",
            "a post met Drop",
        ),
    ),
    "repeats": Storm(repeats, ("an envelope twice", "a batch again", "a notice lost")),
    "refused logins": Storm(refused_logins, ("a login refused",)),
    "expiring tokens": Storm(
        expiring_tokens,
        ("an expired token at a login", "an expired token at Easemob's REST", "the app's token renewed"),
        minutes=9,
        options={"token_life_s": 30.0},
    ),
    "clock steps": Storm(clock_steps, ("the calendar set",)),
    "lost requests": Storm(lost_requests, ("a request lost", "an answer lost")),
    "everything": Storm(
        everything,
        (
            "an event repeated",
            "no acknowledgement in time",
            "a connection of Slack's lost",
            "an acknowledgement of Easemob's lost",
            "an IM message repeated",
            "a login refused",
        ),
        minutes=10,
    ),
}


# What has happened.


def met(here: Town) -> Counter[str]:
    """Count what really happened, as the fakes and the network wrote it down."""
    return _at_slack(here) + _at_easemob(here) + _on_the_way(here)


def _at_slack(here: Town) -> Counter[str]:
    found: Counter[str] = Counter()
    ledger = here.slack.ledger
    for parcel in ledger.parcels:
        found["an event repeated"] += len(parcel.attempts) > 1
        found["an event given up"] += parcel.state is ParcelState.GIVEN_UP
        found["an envelope twice"] += any(each.frames > 1 for each in parcel.attempts)
        found["no acknowledgement in time"] += any(each.state is AttemptState.TIMED_OUT for each in parcel.attempts)
    for record in ledger.links:
        in_order = "closed" in record.how or "life" in record.how
        found["a connection of Slack's replaced"] += in_order
        found["a connection of Slack's lost"] += bool(record.how) and not in_order
    found["an acknowledgement to Slack lost"] += sum(stray.reason == "lost on the way" for stray in ledger.strays)
    for call in ledger.calls:
        found[f"Slack's REST met {call.error}"] += bool(call.error)
        found[f"a post met {call.error}"] += bool(call.error) and call.method == "chat.postMessage"
    return found


def _at_easemob(here: Town) -> Counter[str]:
    found: Counter[str] = Counter()
    ledger = here.easemob.ledger
    for accepted in ledger.of(Accepted):
        found["an acknowledgement of Easemob's lost"] += accepted.client_id is not None and not accepted.acknowledged
        found["an IM message repeated"] += accepted.repeated
    for refused in ledger.of(LoginRefused):
        found["a login refused"] += 1
        found["an expired token at a login"] += "expired" in refused.reason
    for call in ledger.of(RestCall):
        found[f"Easemob's REST answered {call.status}"] += 1
        found["an expired token at Easemob's REST"] += call.status == 401
    for disturbed in ledger.of(Disturbed):
        found[{"page sent again": "a batch again"}.get(disturbed.what, f"a {disturbed.what}")] += 1
    found["the app's token renewed"] += sum(not issued.user for issued in ledger.of(TokenIssued)) - 1
    return found


def _on_the_way(here: Town) -> Counter[str]:
    found: Counter[str] = Counter()
    for host, line in here.network.lines:
        for what, times in line.happened.items():
            found[f"{LINKS[host]} {what}"] += times
    happened = here.network.happened
    found["the calendar set"] += happened["calendar set"]
    found["a request lost"] += happened["request lost"]
    found["an answer lost"] += happened["answer lost"]
    return found
