"""The rules of one login, as play-books: events in, frames and events out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.easemob.events import (
    BatchReceived,
    Dead,
    Drained,
    Kicked,
    LoggedIn,
    LoggedOut,
    NeverLeft,
    PassedOver,
    Redirected,
    Refused,
    SendFailed,
)
from slackkefu.easemob.message import Accepted, Batch, IncomingMessage, IncomingOther, Meta, TextBody
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.easemob.session import Session, State
from slackkefu.easemob.timing import ATTENTIVE, RELAXED, Heartbeat
from slackkefu.errors import LocalProtocolError, LoginRefused, SendOutcomeUnknown, SendRefused, SessionKicked
from slackkefu.secret import Secret
from tests.easemob.downward import ack, batch, frame, jid, login_reply, logout, notice, statistic, text, unread
from tests.easemob.playbook import KEFU, LOGIN, SYSTEM, Play, message

NO_ACK = SendOutcomeUnknown("none in 15 s")
ENDED = SendOutcomeUnknown("the session ended before it")


def hello(meta_id: int = 1) -> Meta:
    """Return what ``text(meta_id)`` is read as."""
    return IncomingMessage(meta_id, "kefu", "visitor", 5, TextBody("hello"))


def received(*metas: Meta, queue: object = KEFU) -> BatchReceived:
    """Return the event of a batch."""
    assert queue in {KEFU, SYSTEM}
    return BatchReceived(Batch(KEFU if queue == KEFU else SYSTEM, metas))


# Login.


def test_a_good_login_asks_what_waits() -> None:
    """After a good login the waiting queues are asked for; with none, all is drained."""
    with Play() as play:
        play.start()
        play.sent("login")
        assert State.PROVISIONING is play.session.state
        play.hears(login_reply(resource="slackkefu-other", session_id="s-9"))
        play.told(LoggedIn("slackkefu-other", "s-9", None, None))
        play.sent("unread")
        assert (State.ONLINE, "slackkefu-other") == (play.session.state, play.session.resource)
        assert not play.session.drained
        play.hears(unread())
        play.told(Drained())
        assert play.session.drained


def test_a_login_answered_without_status_is_good() -> None:
    """An absent status is OK, as every absent enumeration is its 0."""
    with Play() as play:
        play.start()
        play.sent("login")
        play.hears(frame(pb.MSync.PROVISION, pb.Provision(session_id="s-1")))
        play.told(LoggedIn("slackkefu-test", "s-1", None, None))
        play.sent("unread")


def test_a_refused_login_ends_the_session() -> None:
    """A status other than OK is told with its code and reason; nothing is sent any more."""
    with Play() as play:
        play.start()
        play.sent("login")
        play.hears(login_reply(1, "Sorry, token expired"))
        play.told(Refused(LoginRefused(1, "Sorry, token expired")))
        assert (State.OVER, None) == (play.session.state, play.session.next_deadline)


def test_an_unknown_status_is_no_ok() -> None:
    """A status that the schema does not list is a refusal with its number."""
    with Play() as play:
        play.start()
        play.sent("login")
        status_99 = b"\x42\x02\x08\x63"
        play.hears(b"\x40\x03\x4a\x04" + status_99)
        play.told(Refused(LoginRefused(99, "")))


def test_a_redirect_at_login_is_told() -> None:
    """Status 5 with an address ends the session with that address."""
    with Play() as play:
        play.start()
        play.sent("login")
        play.hears(login_reply(5, redirect=("im2.example", 6717)))
        play.told(Redirected("im2.example", 6717))


@pytest.mark.parametrize("address", [None, ("", 0), ("bad host", 443), ("im2.example", 70000), ("a@b/c", 1)])
def test_a_redirect_to_nowhere_is_a_refusal(address: tuple[str, int] | None) -> None:
    """Status 5 without a usable address is a refused login."""
    with Play() as play:
        play.start()
        play.sent("login")
        play.hears(login_reply(5, redirect=address))
        play.told(Refused(LoginRefused(5, "")))


def test_no_answer_to_the_login_is_the_end() -> None:
    """A login that is not answered in 10 s ends the session; a second before it does not."""
    with Play() as play:
        play.start()
        play.sent("login")
        play.at(9.9)
        play.at(10)
        play.told(Dead("no answer to the login in 10 s"))


def test_frames_before_the_login_is_answered_are_passed_over() -> None:
    """Nothing but the login's answer means anything before it."""
    with Play() as play:
        play.start()
        play.sent("login")
        play.hears(notice(jid()))
        play.told(PassedOver("notice_while_provisioning"))
        play.hears(login_reply())
        play.told(LoggedIn("slackkefu-test", "s-1", None, None))
        play.sent("unread")
        play.hears(login_reply())
        play.told(PassedOver("loginreply_while_online"))


def test_the_connection_may_be_lost_before_anything() -> None:
    """A session whose connection ends before its start, or during the login, is over."""
    with Play() as play:
        play.loses("reset")
        play.told(Dead("reset"))
        play.loses("again")
        play.hears(unread())
    with Play() as play:
        play.start()
        play.sent("login")
        play.loses("reset")
        play.told(Dead("reset"))


def test_a_frame_before_the_start_is_passed_over() -> None:
    """A server that speaks first says nothing we listen to; there is no deadline yet either."""
    with Play() as play:
        assert play.session.next_deadline is None
        play.at(5)
        play.hears(unread())
        play.told(PassedOver("unreadreply_while_new"))


# The token.


@pytest.mark.parametrize("expires_in", [1_800_000_100_000, 1_800_000_100, 100])
def test_the_tokens_end_is_told_in_milliseconds(expires_in: int) -> None:
    """The three spellings of the token's end mean the same."""
    with Play(clock_offset_s=1_800_000_000) as play:
        play.start()
        play.sent("login")
        play.hears(login_reply(auth_token={"token": "YWMt-new", "expires_in": expires_in}))
        play.told(LoggedIn("slackkefu-test", "s-1", Secret("YWMt-new"), 1_800_000_100_000))
        play.sent("unread")


def test_a_logout_by_the_server_is_passed_over() -> None:
    """It is named, and the session goes on; it also counts as a word from the server."""
    with Play() as play:
        play.online()
        play.at(29)
        play.hears(logout())
        play.told(PassedOver("logout_by_server"))
        play.at(58)
        play.hears(logout())
        play.told(PassedOver("logout_by_server"))
        play.at(60)
        play.sent("unread")


# Asking and the heartbeat.


def test_silence_is_asked_about_and_then_final() -> None:
    """30 s of silence cause a question, 25 more of it the end."""
    with Play() as play:
        play.online()
        play.at(29)
        play.at(30)
        play.sent("unread")
        play.at(54)
        play.at(55)
        play.told(Dead("nothing heard in 25 s after asking"))


def test_any_frame_is_a_sign_of_life() -> None:
    """A frame of any kind after the question, even an unreadable one, keeps the session alive."""
    with Play() as play:
        play.online()
        play.at(30)
        play.sent("unread")
        play.at(54)
        play.hears(b"\xff")
        play.told(PassedOver("undecodable_frame"))
        play.at(83)
        play.at(84)
        play.sent("unread")


def test_a_busy_session_asks_once_a_minute() -> None:
    """Where something is heard all the time, what waits is still asked for every 60 s."""
    with Play() as play:
        play.online()
        for now in (20, 40, 59):
            play.at(now)
            play.hears(logout())
            play.told(PassedOver("logout_by_server"))
        play.at(60)
        play.sent("unread")


def test_the_heartbeat_changes_live() -> None:
    """Another pace holds at once, for the question as for the patience after it."""
    with Play(heartbeat=RELAXED) as play:
        play.online()
        assert 90 == play.session.next_deadline
        play.session.set_heartbeat(Heartbeat(quiet_s=10, every_s=20, answer_s=5))
        assert 10 == play.session.next_deadline
        play.at(10)
        play.sent("unread")
        assert 15 == play.session.next_deadline
        play.session.set_heartbeat(RELAXED)
        assert 85 == play.session.next_deadline


@pytest.mark.parametrize(("heartbeat", "found_s"), [(ATTENTIVE, 60), (RELAXED, 240)])
def test_a_deaf_session_is_found_in_time(heartbeat: Heartbeat, found_s: float) -> None:
    """With the two paces we use, a deaf session is found in 60 s, or in 240."""
    assert found_s >= heartbeat.quiet_s + heartbeat.answer_s


def test_every_answer_lists_queues_to_pull() -> None:
    """A queue that is listed in answer to a heartbeat is pulled: its notice was lost."""
    with Play() as play:
        play.online()
        play.at(30)
        play.sent("unread")
        play.hears(unread(jid(), jid("")))
        play.sent("pull kefu", "pull (system)")


def test_a_redirect_in_the_list_is_told() -> None:
    """Status 5 in answer to UNREAD ends the session with the address; a missing port is the scheme's own."""
    with Play() as play:
        play.online(drained=False)
        play.hears(unread(code=5, redirect=("im2.example", 0)))
        play.told(Redirected("im2.example", None))


def test_a_refused_list_is_named_or_final() -> None:
    """A list refused for another reason is passed over and used as far as it goes; one about the login is the end."""
    with Play() as play:
        play.online(drained=False)
        play.hears(unread(jid(), code=8))
        play.told(PassedOver("unread_refused", 8))
        play.sent("pull kefu")
        play.hears(unread(code=6))
        play.told(Dead("unread refused with status 6"))


# Receiving.


def test_a_batch_is_acknowledged_when_the_caller_says_so() -> None:
    """A batch is handed out, and pulled past with its key only after the word; then the queue is drained."""
    with Play() as play:
        play.online(drained=False)
        play.hears(unread(jid()))
        play.sent("pull kefu")
        play.hears(batch(jid(), text(1), text(2), next_key=2, is_last=True))
        play.told(received(hello(1), hello(2)))
        play.at(20)
        play.pulls_on()
        play.sent("pull kefu with 2")
        play.hears(batch(jid(), next_key=2, is_last=True))
        play.told(Drained())


def test_a_batch_that_takes_hours() -> None:
    """Once it is looked through the session is drained, heartbeats that list its queue included, until news comes."""
    with Play() as play:
        play.online()
        play.hears(notice(jid()))
        play.sent("pull kefu")
        play.hears(batch(jid(), text(1), next_key=7))
        play.told(received(hello(1)))
        play.looks_through()
        play.told(Drained())
        play.at(35)
        play.sent("unread")
        play.hears(unread(jid()))
        assert [True] == [play.session.drained]
        play.hears(notice(jid()))
        assert [False] == [play.session.drained]
        play.pulls_on()
        play.sent("pull kefu with 7")
        play.hears(batch(jid(), text(2), next_key=8))
        play.told(received(hello(2)))
        play.looks_through()
        play.told(Drained())
        play.logs_out()
        play.sent("logout")
        play.looks_through()


def test_the_next_notice_pulls_with_the_last_key() -> None:
    """The first pull of a queue has no key, later ones have the last one seen."""
    with Play() as play:
        play.online()
        play.hears(notice(jid()))
        play.sent("pull kefu")
        play.hears(batch(jid(), text(1), next_key=7))
        play.told(received(hello(1)))
        play.pulls_on()
        play.sent("pull kefu with 7")
        play.hears(batch(jid()))
        play.told(Drained())
        play.hears(notice(jid()))
        play.sent("pull kefu with 7")
        play.hears(batch(jid(), is_last=True))
        play.told(Drained())


def test_a_notice_that_names_no_queue_is_passed_over() -> None:
    """A notice without a queue is of no use, nor is one about what this very device sent."""
    with Play() as play:
        play.online()
        play.hears(notice())
        play.told(PassedOver("notice_without_queue"))
        play.hears(notice(jid("Visitor", "slackkefu-test")))
        play.told(PassedOver("notice_of_this_device"))
        play.hears(notice(jid("visitor", "phone")))
        play.sent("pull visitor")


def test_an_unanswered_pull_is_the_end() -> None:
    """A pull that is not answered in 30 s ends the session, whatever else is heard."""
    with Play() as play:
        play.online()
        play.at(1)
        play.hears(notice(jid()))
        play.sent("pull kefu")
        play.at(29)
        play.hears(notice(jid()))
        play.at(31)
        play.told(Dead("no answer to a pull in 30 s"))


def test_a_refused_pull_rests_until_it_is_noticed() -> None:
    """A pull refused for its own sake is not repeated by itself; one refused for the login's sake is the end."""
    with Play() as play:
        play.online()
        play.hears(notice(jid()))
        play.sent("pull kefu")
        play.hears(notice(jid()))
        play.hears(batch(jid(), code=1))
        play.told(PassedOver("pull_refused", 1), Drained())
        play.hears(notice(jid()))
        play.sent("pull kefu")
        play.hears(batch(jid(), code=2))
        play.told(Dead("pull refused with status 2"))


def test_a_batch_that_fits_no_queue_is_passed_over() -> None:
    """A batch without a queue that answers no pull is left unacknowledged."""
    with Play() as play:
        play.online()
        play.hears(batch(None, text(1), next_key=1))
        play.told(PassedOver("batch_without_place"))


def test_pulling_on_without_a_batch_is_our_fault() -> None:
    """To acknowledge what is not in work is refused, and nothing is sent."""
    with Play() as play:
        play.online()
        with pytest.raises(LocalProtocolError):
            play.pulls_on()


def test_pulling_on_too_late_does_nothing() -> None:
    """When the session is leaving or over, a settled batch is not acknowledged: it comes again."""
    with Play() as play:
        play.online()
        play.hears(batch(jid(), text(1), next_key=1))
        play.told(received(hello(1)))
        play.logs_out()
        play.sent("logout")
        play.pulls_on()
        play.loses()
        play.told(LoggedOut())
        play.pulls_on()


def test_what_waits_can_be_asked_at_once() -> None:
    """Until the answer is there nothing counts as drained; what it lists is pulled, and then all is drained again."""
    with Play() as play:
        play.online()
        play.asks()
        play.sent("unread")
        assert not play.session.drained
        play.hears(unread(jid()))
        play.sent("pull kefu")
        play.hears(batch(jid(), text(1), next_key=2))
        play.told(received(hello(1)))
        play.pulls_on()
        play.sent("pull kefu with 2")
        assert not play.session.drained
        play.hears(batch(jid()))
        play.told(Drained())
        play.asks()
        play.sent("unread")
        play.hears(unread())
        play.told(Drained())


def test_asking_does_not_put_off_the_end_of_a_deaf_session() -> None:
    """While a question is on its way its answer is waited for, and no longer than without asking."""
    with Play() as play:
        play.online()
        play.asks()
        play.sent("unread")
        play.at(20)
        play.asks()
        play.at(24.9)
        play.at(25)
        play.told(Dead("nothing heard in 25 s after asking"))


def test_asking_when_not_online_does_nothing() -> None:
    """Before the login, and after the end, there is nobody to ask."""
    with Play() as play:
        play.asks()
        play.start()
        play.sent("login")
        play.asks()
        play.loses()
        play.told(Dead("connection lost"))
        play.asks()


# Sending.


def test_a_message_is_acknowledged() -> None:
    """A message is sent as it is handed in, and its acknowledgement told."""
    with Play() as play:
        play.online()
        play.sends(message(5))
        play.sent("message 5")
        play.hears(ack(5, server_id=2**60))
        play.told(Accepted(5, 2**60, 7))


def test_a_message_is_refused() -> None:
    """A status other than OK is told with its code and reason, and the session goes on."""
    with Play() as play:
        play.online()
        play.sends(message(5))
        play.sent("message 5")
        play.hears(ack(5, 7, "Sorry, data is too large"))
        play.told(SendFailed(5, SendRefused(7, "Sorry, data is too large")))
        assert State.ONLINE is play.session.state


def test_a_missing_acknowledgement_is_told_and_asked_about() -> None:
    """After 15 s a message is given up as unknown and the connection is asked for life; the session goes on."""
    with Play() as play:
        play.online()
        play.at(1)
        play.sends(message(5))
        play.sent("message 5")
        play.at(2)
        play.sends(message(6))
        play.sent("message 6")
        play.at(15.9)
        play.at(16)
        play.told(SendFailed(5, NO_ACK))
        play.sent("unread")
        play.at(17)
        play.told(SendFailed(6, NO_ACK))
        play.hears(ack(5))
        play.told(PassedOver("late_acknowledgement"))
        play.at(20)


def test_a_missing_acknowledgement_shortens_the_patience() -> None:
    """A session that is silent after a message too is found deaf after 15 s more, whatever its heartbeat."""
    with Play(heartbeat=RELAXED) as play:
        play.online()
        play.at(1)
        play.sends(message(5))
        play.sent("message 5")
        play.at(16)
        play.told(SendFailed(5, NO_ACK))
        play.sent("unread")
        play.at(30.9)
        play.at(31)
        play.told(Dead("nothing heard in 15 s after asking"))


def test_a_message_is_sent_only_when_online_and_once() -> None:
    """Before the login, and while the same id is on its way, a message is not taken."""
    with Play() as play:
        with pytest.raises(LocalProtocolError, match="while new"):
            play.sends(message(5))
        play.online()
        play.sends(message(5))
        play.sent("message 5")
        with pytest.raises(LocalProtocolError, match="on its way"):
            play.sends(message(5))


def test_the_end_says_what_became_of_each_message() -> None:
    """When the connection is lost, what had left is unknown, and what had not left never will."""
    with Play() as play:
        play.online()
        play.sends(message(1))
        play.sent("message 1")
        play.session.send(message(2), play.now)
        play.session.connection_lost("reset")
        play.told(SendFailed(1, ENDED), NeverLeft(2), Dead("reset"))


# Kicks.


@pytest.mark.parametrize("operation", [1, 2, 3, 4])
def test_a_kick_ends_the_session(operation: int) -> None:
    """Operations 1 to 4 end the session; a batch that holds only that is acknowledged before."""
    with Play() as play:
        play.online()
        play.hears(notice(jid("")))
        play.sent("pull (system)")
        play.hears(batch(jid(""), statistic(operation, "elsewhere"), next_key=9))
        play.sent("pull (system) with 9")
        play.told(Kicked(SessionKicked(operation, "elsewhere")))
        assert State.OVER is play.session.state


def test_a_kick_nobody_asked_for_ends_the_session() -> None:
    """A kick without a pull, a key or a queue counts as well; what waits to be sent never leaves."""
    with Play() as play:
        play.online()
        play.session.send(message(3), play.now)
        play.session.receive_frame(batch(None, statistic(2)), play.now)
        play.told(NeverLeft(3), Kicked(SessionKicked(2, "")))


def test_a_kick_among_messages_hands_them_out() -> None:
    """Messages beside a kick are handed out, and not acknowledged: they come again."""
    with Play() as play:
        play.online()
        play.hears(batch(jid(), text(1), statistic(4), next_key=9))
        play.told(received(hello(1)), Kicked(SessionKicked(4, "")))


def test_other_statistics_are_no_kick() -> None:
    """Operation 0, and one that nobody knows, are kept in the batch as what they are."""
    unknown = text(3)
    unknown.ns = pb.Meta.STATISTIC
    unknown.payload = b"\x08\x63"
    with Play() as play:
        play.online()
        play.hears(batch(jid(""), statistic(0), unknown, next_key=9))
        play.told(received(IncomingOther(9, "statistic"), IncomingOther(3, "statistic", "kefu"), queue=SYSTEM))
        play.pulls_on(SYSTEM)
        play.sent("pull (system) with 9")


# The end.


def test_a_logout_is_answered() -> None:
    """The answer to the logout ends the session as wished; acknowledgements are taken until then."""
    with Play() as play:
        play.online()
        play.sends(message(1))
        play.sent("message 1")
        play.logs_out()
        play.sent("logout")
        assert State.LEAVING is play.session.state
        play.hears(ack(1))
        play.told(Accepted(1, 0, 7))
        play.hears(notice(jid()))
        play.told(PassedOver("notice_while_leaving"))
        play.hears(logout())
        play.told(LoggedOut())


def test_a_logout_without_answer_ends_soon() -> None:
    """Half a second after the logout the session is over; what had left by then is unknown."""
    with Play() as play:
        play.online()
        play.sends(message(1))
        play.sent("message 1")
        play.logs_out()
        play.sent("logout")
        play.at(0.4)
        play.at(0.5)
        play.told(SendFailed(1, ENDED), LoggedOut())


def test_a_logout_is_possible_only_online() -> None:
    """To log out before the login, or twice, is our own fault."""
    with Play() as play:
        with pytest.raises(LocalProtocolError, match="log_out while new"):
            play.logs_out()
        play.online()
        play.logs_out()
        play.sent("logout")
        with pytest.raises(LocalProtocolError, match="log_out while leaving"):
            play.logs_out()


def test_the_servers_logout_is_only_noted() -> None:
    """A logout by the server changes nothing: it ends the connection itself."""
    with Play() as play:
        play.online()
        play.hears(logout(6))
        play.told(PassedOver("logout_by_server", 6))
        assert State.ONLINE is play.session.state


def test_unknown_commands_are_passed_over() -> None:
    """A command that is not in the schema is named with its number."""
    with Play() as play:
        play.online()
        play.hears(b"\x40\x2a")
        play.told(PassedOver("unknown_command", 42))


def test_the_logout_names_the_session() -> None:
    """The logout carries the server's session id, and in the web spelling who we are."""
    session = Session(LOGIN)
    session.start(0)
    session.receive_frame(login_reply(session_id="s-7", resource="r-2"), 0)
    session.logout(1)
    *_, last = [pb.MSync.FromString(raw) for raw in session.frames()]

    assert ("s-7", "client logout") == (pb.Logout.FromString(last.payload).session_id, "client logout")
    assert ("r-2", "$t$YWMt-test") == (last.guid.client_resource, last.auth)


def test_trace_ids_count_on_and_wrap() -> None:
    """Every frame has the next trace id, within 64 bits."""
    session = Session(LOGIN, first_trace_id=2**64 - 1)
    session.start(0)
    session.receive_frame(login_reply(), 0)

    assert [2**64 - 1, 0] == [pb.MSync.FromString(raw).trace_id for raw in session.frames()]


def test_its_repr_is_free_of_secrets() -> None:
    """The repr says who and in which state, and nothing that is secret."""
    session = Session(LOGIN)

    assert "<Session visitor new, 0 unacknowledged>" == repr(session)


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([unread(jid()), batch(jid(), text(1), next_key=3)]), max_size=8)
)
def test_no_bytes_harm_a_session(frames: list[bytes]) -> None:
    """Whatever comes, the session raises nothing, and a batch that follows is still handed out."""
    session = Session(LOGIN)
    session.start(0)
    session.receive_frame(login_reply(), 0)
    for raw in frames:
        session.receive_frame(raw, 1)
    session.events()
    if session.state is State.ONLINE:
        session.receive_frame(batch(jid("other"), text(4), next_key=4), 2)

        assert any(isinstance(event, BatchReceived) for event in session.events())
