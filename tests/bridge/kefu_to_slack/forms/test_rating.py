"""A rating: what rides in the button, what the modal asks, and what the desk gets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.bridge.kefu_to_slack.forms.blocks import MAX_VALUE
from slackkefu.bridge.kefu_to_slack.forms.offered import Offered
from slackkefu.bridge.kefu_to_slack.forms.rating import MEMORY, Ballot, Invited, unasked
from slackkefu.demo.slack.web_api.blocks import problem_of_view
from slackkefu.easemob.names import ImUser
from slackkefu.kefu.incoming import read
from slackkefu.kefu.messages import Degree, Rating, Tag
from slackkefu.slack.interaction import Filled
from tests.facts import load
from tests.kefu.samples import EXPECT, SERVICE_NUMBER, incoming

USER = ImUser("t0aaaaaa1_u0bbbbbb1_d0cccccc1")
OFFERED = Offered.of(USER, identity="m-1", kind="rating", session_id="s-1", at=1.0)


def sample() -> Invited:
    """Return what the sample invites to."""
    meant = read(incoming("satisfaction-invite"), service_number=SERVICE_NUMBER)
    assert isinstance(meant, Rating)
    return Invited.of(meant)


def ballot(invited: Invited) -> Ballot:
    """Return a modal of an invitation, as it comes back from Slack."""
    again = Invited.read(invited.value)
    assert again is not None
    made = Ballot.read(json_of(Ballot(OFFERED.block_id(), again, "D0CCCCCC1", "1.2"))["private_metadata"])
    assert made is not None
    return made


def json_of(made: Ballot, chosen: int | None = None) -> dict[str, Any]:
    """Return the modal as JSON, which must be inside Slack's limits."""
    view: dict[str, Any] = json.loads(json.dumps(made.view(locale="", chosen=chosen)))
    assert "" == problem_of_view(view)
    assert len(view["private_metadata"]) <= MEMORY
    return view


def filled(degree: str | None, *tags: str, remark: str = "", block: str = "tags:3") -> Filled:
    """Return a modal that somebody has filled in."""
    values: dict[str, object] = {
        "degree": {"rate": {"selected_option": {"value": degree} if degree else None}},
        block: {"tags": {"selected_options": [{"value": each} for each in tags]}},
        "remark": {"remark": {"value": remark}},
    }
    return Filled(view_id="V1", version="", callback_id="rate", memory="", values=values)


def test_the_sample_is_asked_in_full() -> None:
    """Every degree of the sample can be chosen, and its reasons where it has some."""
    made = ballot(sample())
    view, of_the_fourth = json_of(made), json_of(made, 3)

    assert EXPECT["satisfaction-invite"]["degrees"] == len(view["blocks"][0]["element"]["options"])
    assert view["blocks"][0]["dispatch_action"]
    assert ["degree", "remark"] == [block["block_id"] for block in view["blocks"]]
    assert ["degree", "tags:3", "remark"] == [block["block_id"] for block in of_the_fourth["blocks"]]
    assert ["回复慢", "没解决"] == [each["text"]["text"] for each in of_the_fourth["blocks"][1]["element"]["options"]]


def test_what_the_desk_gets() -> None:
    """The answer is the sample's own: invitation and session as they were given, the chosen degree, the remark."""
    expected = load("kefu-samples/visitor-rating-sent.json")["ext"]
    deed = ballot(sample()).answer(filled("0", remark=" 谢谢 "))

    assert deed is not None
    assert expected == json.loads(json.dumps(deed.ext))
    assert ("", "", OFFERED.mark) == (deed.words, deed.action, deed.answers)
    assert not deed.is_confirmed


def test_the_reasons_that_were_chosen() -> None:
    """Reasons go with their ids; those of another degree do not count."""
    made = ballot(sample())
    deed, other = made.answer(filled("3", "1")), made.answer(filled("4", "1"))

    assert deed is not None
    assert other is not None
    assert [{"id": "t2", "name": "没解决"}] == arguments(deed.ext)["appraiseTags"]
    assert [] == arguments(other.ext)["appraiseTags"]


def arguments(ext: Any) -> dict[str, Any]:
    """Return the ``ctrlArgs`` of an answer."""
    found: dict[str, Any] = ext["weichat"]["ctrlArgs"]
    return found


def test_a_reason_is_asked_for() -> None:
    """A degree with reasons wants one, where the modal shows them; an update that failed does not hold anybody up."""
    made = ballot(sample())

    assert made.lacks_reason(filled("3"))
    assert not made.lacks_reason(filled("3", "0"))
    assert not made.lacks_reason(filled("0"))
    assert not made.lacks_reason(filled("3", block="other"))


def test_one_reason_only() -> None:
    """Where kefu takes one reason, one can be chosen."""
    degree = Degree("9", "bad", 1, "1", (Tag("a", "slow"), Tag("b", "rude")), is_single_tag=True)
    view = json_of(ballot(Invited.of(Rating(5, "s-1", (degree,)))), 0)

    assert 1 == view["blocks"][1]["element"]["max_selected_items"]


@pytest.mark.parametrize("invited", [Invited.of(Rating(7, "s-1", ())), unasked("s-1")])
def test_without_degrees_there_are_stars(invited: Invited) -> None:
    """Where kefu leaves the degrees to be fetched they are five stars, answered by their count, without an id."""
    made = ballot(invited)
    deed = made.answer(filled("1"))

    assert 5 == len(json_of(made)["blocks"][0]["element"]["options"])
    assert deed is not None
    assert "4" == arguments(deed.ext)["summary"]
    assert "evaluationDegreeId" not in arguments(deed.ext)


def test_who_rates_unasked_says_so() -> None:
    """Without an invitation its number is 0, and the visitor rates of their own accord (facts/kefu.md §1.8)."""
    deed = ballot(unasked("s-1")).answer(filled("0"))

    assert deed is not None
    assert (0, "visitor", "s-1") == tuple(
        arguments(deed.ext)[name] for name in ("inviteId", "evaluateWay", "serviceSessionId")
    )


@pytest.mark.parametrize("degree", [None, "", "5", "-1", "x", "²", "1e1"])
def test_nothing_is_answered_without_a_degree(degree: str | None) -> None:
    """What is no degree of this invitation is none."""
    assert ballot(sample()).answer(filled(degree)) is None


@pytest.mark.parametrize("memory", ["", "null", "[]", "{}", '{"o":3,"r":{}}', "\ud800"])
def test_a_modal_that_is_not_ours(memory: str) -> None:
    """What is not our modal's memory is nothing."""
    assert Ballot.read(memory) is None


ids = st.integers(-(10**18), 10**18) | st.text(max_size=60)
tags = st.builds(Tag, ids, st.text(max_size=200))
degrees = st.builds(
    Degree,
    ids,
    st.text(max_size=200),
    st.none(),
    st.none() | st.text(max_size=80),
    st.lists(tags, max_size=40).map(tuple),
    st.booleans(),
)


@given(
    invite=st.none() | st.integers(0, 10**18),
    session=st.none() | st.text(max_size=5000),
    given_degrees=st.lists(degrees, max_size=30).map(tuple),
)
def test_any_invitation_fits(invite: int | None, session: str | None, given_degrees: tuple[Degree, ...]) -> None:
    """However much an invitation holds, its button and its modals are inside Slack's limits."""
    invited = Invited.of(Rating(invite, session, given_degrees))
    assert len(invited.value) <= MAX_VALUE
    made = ballot(invited)
    for chosen in (None, *range(len(made.r.grades))):
        json_of(made, chosen)
