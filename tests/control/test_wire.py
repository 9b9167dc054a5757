"""One line there, one line back."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.control import wire
from slackkefu.errors import DaemonRefused, RemoteProtocolError


def lines(data: bytes, *, size: int, max_bytes: int = 100) -> bytes | None:
    """Feed *data* in slices of *size*."""
    line = wire.Line(max_bytes=max_bytes)
    for start in range(0, len(data), size):
        if (whole := line.feed(data[start : start + size])) is not None:
            return whole
    return None


@given(st.binary(max_size=80), st.integers(1, 90))
def test_a_line_is_the_same_however_it_is_sliced(data: bytes, size: int) -> None:
    """What comes before the first line break is the line, wherever the network cut it; without one there is none."""
    assert lines(data, size=size) == (data.partition(b"\n")[0] if b"\n" in data else None)


@pytest.mark.parametrize("data", [b"x" * 101, b"x" * 101 + b"\n"])
@pytest.mark.parametrize("size", [1, 50, 200])
def test_a_line_has_a_bound(data: bytes, size: int) -> None:
    """A line that grows over its bound is refused when it does, ended or not."""
    with pytest.raises(RemoteProtocolError, match="more than 100 bytes"):
        lines(data, size=size)

    assert b"x" * 100 == lines(b"x" * 100 + b"\n", size=size)


def test_a_line_that_ends_in_its_middle() -> None:
    """The other side may go away before the line is whole."""
    line = wire.Line(max_bytes=100)
    line.feed(b'{"do"')
    with pytest.raises(RemoteProtocolError, match="in its middle"):
        line.feed(b"")


def test_a_request_there_and_back() -> None:
    """A request keeps its name and arguments; an argument cannot pass for the name."""
    sent = wire.request("visitors.forget", {"team": "T0NORTH001", "names": ["米娅"], "do": "installations.remove"})

    assert sent.endswith(b"\n")
    assert b"\n" not in sent[:-1]
    expected = wire.Request("visitors.forget", {"team": "T0NORTH001", "names": ["米娅"]})
    assert expected == wire.read_request(sent[:-1])


def test_an_answer_there_and_back() -> None:
    """A yes brings what it has to say, a no its sentence and exit code."""
    assert {"found": [1, None]} == wire.read_answer(wire.answer({"found": [1, None]}).rstrip())

    with pytest.raises(DaemonRefused, match=r"^not there\.\nReally$") as caught:
        wire.read_answer(wire.refusal("not there.\nReally", 2).rstrip(b"\n"))

    assert 2 == caught.value.code


@given(st.one_of(st.binary(), st.sampled_from([b"[" * 100_000, b"null", b"{}", b'{"ok":1}', b'{"ok":false}'])))
def test_any_bytes_are_read_or_refused(line: bytes) -> None:
    """Whatever comes, it is a request or an answer, or is refused as none."""
    with contextlib.suppress(RemoteProtocolError):
        assert isinstance(wire.read_request(line), wire.Request)
    with contextlib.suppress(RemoteProtocolError, DaemonRefused):
        assert "ok" not in wire.read_answer(line)
