"""What somebody called a file is one short line that leads nowhere, with the end that tells its kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.net.file_names import MAX_NAME_BYTES, extension, safe_name


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ("a.png", "a.png"),
        ("报价单 1.pdf", "  报价单\t1.pdf "),
        ("passwd", "../../etc/passwd"),
        ("a.png", "C:\\Users\\mia\\a.png"),
        ("b", "a/b/"),
        ("F1", ".."),
        ("F1", "../.."),
        ("bashrc", ".bashrc"),
        ("evil.exe", "evil.exe. . ."),
        ("F1", "\x00\u202e\ud83d"),
        ("agnp.exe", "a\u202egnp.exe"),
        ("a b", "a\r\nb"),
        ("a b.txt", ' a b.txt<>:"|?* '),
        ("F1", ""),
    ],
)
def test_names(expected: str, name: str) -> None:
    """Paths, controls, marks that turn the direction, and dots at the ends go."""
    assert expected == safe_name(name, fallback="F1")


@pytest.mark.parametrize(("end", "ending"), [(".pdf", ".pdf"), ("." + "x" * 17, "…"), ("", "…")])
def test_a_long_name_keeps_its_kind(end: str, ending: str) -> None:
    """What is cut out is its middle."""
    name = safe_name("图" * 100 + end, fallback="F1")

    assert name.startswith("图图")
    assert name.endswith(ending)
    assert MAX_NAME_BYTES - 6 < len(name.encode()) <= MAX_NAME_BYTES


@pytest.mark.parametrize(("expected", "name"), [("exe", "a.b.EXE"), ("", "exe"), ("exe", "a.exe")])
def test_the_extension(expected: str, name: str) -> None:
    """What follows the last dot, whatever its case."""
    assert expected == extension(name)


@given(st.text(max_size=400) | st.text(alphabet='./\\ \x00\n\ud83d\u202e图a"', max_size=400))
def test_any_name(name: str) -> None:
    """Is one line that any system takes, not too long, and the same when it is made safe again."""
    safe = safe_name(name, fallback="F1")

    assert safe.encode()
    assert len(safe.encode()) <= MAX_NAME_BYTES
    assert not {*safe} & {*'/\\\r\n\x00<>:"|?*'}
    assert safe.strip(" .") == safe
    assert safe == safe_name(safe, fallback="F1")
