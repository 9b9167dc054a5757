"""``ext`` on the wire, both ways."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackkefu.easemob.ext import read_ext, well_formed, write_ext
from slackkefu.easemob.proto import msync_pb2 as pb
from slackkefu.errors import LocalProtocolError

KV = pb.KeyValue
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(TEXT.filter(bool), JSON, max_size=4))
def test_every_object_comes_back(ext: dict[str, Any]) -> None:
    """Any JSON object goes to the wire and comes back the same; only the object in a text named weichat is opened."""
    expected = dict(ext)
    pairs = [KV.FromString(pair.SerializeToString()) for pair in write_ext(ext)]
    if isinstance(ext.get("weichat"), str):
        del expected["weichat"]
        pairs = [pair for pair in pairs if pair.key != "weichat"]

    assert (expected, ()) == read_ext(pairs)


@pytest.mark.parametrize(
    ("value", "kind", "field", "on_wire"),
    [
        ({"a": "小"}, KV.JSON_STRING, "string_value", '{"a":"小"}'),
        ([1, "two"], KV.JSON_STRING, "string_value", '[1,"two"]'),
        (None, KV.JSON_STRING, "string_value", "null"),
        ("text", KV.STRING, "string_value", "text"),
        ("", KV.STRING, "string_value", ""),
        (True, KV.BOOL, "varint_value", 1),
        (False, KV.BOOL, "varint_value", 0),
        (0, KV.INT, "varint_value", 0),
        (-7, KV.INT, "varint_value", -7),
        (2**31, KV.INT, "varint_value", 2**31),
        (2**63 - 1, KV.INT, "varint_value", 2**63 - 1),
        (-(2**63), KV.INT, "varint_value", -(2**63)),
        (2**63, KV.JSON_STRING, "string_value", "9223372036854775808"),
        (3.0, KV.INT, "varint_value", 3),
        (1.25, KV.DOUBLE, "double_value", 1.25),
        (1e300, KV.DOUBLE, "double_value", 1e300),
    ],
)
def test_each_value_has_its_type(value: Any, kind: int, field: str, on_wire: object) -> None:
    """Values are written with the type and in the field that the facts name, zeros explicitly."""
    (pair,) = write_ext({"key": value})

    assert (kind, field, on_wire) == (pair.type, pair.WhichOneof("value"), getattr(pair, field))


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {"a": math.nan}, {"a": object()}])
def test_what_is_no_json_is_not_written(value: Any) -> None:
    """A value that JSON does not know is our own fault, and named as such."""
    with pytest.raises(LocalProtocolError):
        write_ext({"key": value})


def test_an_empty_key_is_not_written() -> None:
    """Empty keys are refused elsewhere, so they do not leave us."""
    with pytest.raises(LocalProtocolError):
        write_ext({"": 1})


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        (KV(type=KV.UINT, varint_value=-1), 2**64 - 1),
        (KV(type=KV.LLINT, varint_value=1585377081150146024), 1585377081150146024),
        (KV(type=KV.FLOAT, float_value=0.5), 0.5),
        (KV(type=KV.FLOAT, double_value=0.25), 0.25),
        (KV(type=KV.DOUBLE, float_value=0.5), 0.5),
        (KV(type=KV.BOOL, varint_value=5), True),
        # An encoder that leaves zeros out.
        (KV(type=KV.BOOL), False),
        (KV(type=KV.INT), 0),
        (KV(type=KV.DOUBLE), 0.0),
        (KV(type=KV.STRING), ""),
        # No type, or one that the schema does not list (9): the field tells.
        (KV(varint_value=4), 4),
        (KV(float_value=0.5), 0.5),
        (KV(double_value=0.5), 0.5),
        (KV(string_value="x"), "x"),
        (KV.FromString(b"\x0a\x03key\x10\x09\x32\x01x"), "x"),
        # Text that is no UTF-8, and halves of pairs inside JSON.
        (KV.FromString(b"\x10\x07\x32\x02\xffx"), "�x"),
        (KV(type=KV.JSON_STRING, string_value='{"a\\ud83d":["b\\ude00"]}'), {"a�": ["b�"]}),
        (KV(type=KV.JSON_STRING, string_value='"\\ud83d\\ude42"'), "🙂"),
        (KV(type=KV.JSON_STRING, string_value="1585377081150146024"), 1585377081150146024),
    ],
)
def test_each_value_is_read(pair: pb.KeyValue, value: object) -> None:
    """Other encoders' spellings are read for what they mean, whole numbers exactly."""
    pair.key = "key"

    assert ({"key": value}, ()) == read_ext([pair])


@pytest.mark.parametrize(
    "pair",
    [
        KV(key="bad", type=KV.JSON_STRING, string_value="{"),
        KV(key="bad", type=KV.JSON_STRING),
        KV(key="bad", type=KV.JSON_STRING, string_value="NaN"),
        KV(key="bad", type=KV.JSON_STRING, string_value="1e999"),
        KV(key="bad", type=KV.JSON_STRING, string_value="[" * 100_000),
        KV(key="bad", type=KV.JSON_STRING, string_value="1" * 10_000),
        KV(key="bad", type=KV.JSON_STRING, varint_value=1),
        KV(key="bad", type=KV.STRING, varint_value=1),
        KV(key="bad", type=KV.INT, string_value="1"),
        KV(key="bad", type=KV.DOUBLE, double_value=math.nan),
        KV(key="bad", type=KV.FLOAT, float_value=math.inf),
        KV(key="bad"),
    ],
)
def test_what_cannot_be_read_is_named(pair: pb.KeyValue) -> None:
    """One bad value is left out and its key named; its neighbours stay."""
    pairs = [KV(key="a", type=KV.INT, varint_value=1), pair, KV(key="z", type=KV.STRING, string_value="z")]

    assert ({"a": 1, "z": "z"}, ("bad",)) == read_ext(pairs)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("weichat", ' {"msgId": 1}', {"msgId": 1}),
        ("weichat", "{broken", "{broken"),
        ("weichat", "words", "words"),
        ("weichat", '{"a":' * 50_000, '{"a":' * 50_000),
        ("other", '{"msgId": 1}', '{"msgId": 1}'),
    ],
)
def test_a_text_that_holds_the_object_is_opened(key: str, text: str, value: object) -> None:
    """Under the key weichat a plain text that is a JSON object is taken for the object; all else stays text."""
    assert ({key: value}, ()) == read_ext([KV(key=key, type=KV.STRING, string_value=text)])


def test_the_last_of_two_equal_keys_counts() -> None:
    """A key that comes twice has its last value, as with JSON."""
    assert ({"a": 2}, ()) == read_ext([KV(key="a", type=KV.INT, varint_value=n) for n in (1, 2)])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("小🙂", "小🙂"),
        ("a\ud83d", "a�"),
        ("\ude42b", "�b"),
        ("\ud83dx\ude42", "�x�"),
        (b"\xe5\xb0", "�"),
    ],
)
def test_halves_of_pairs_are_replaced(text: str | bytes, clean: str) -> None:
    """What UTF-8 cannot hold becomes U+FFFD, and nothing beside it changes."""
    assert clean == well_formed(text)


@given(st.text(), st.dictionaries(st.text(min_size=1), st.text() | st.lists(st.text())))
def test_any_text_can_be_written(key: str, ext: dict[str, Any]) -> None:
    """Halves of pairs, wherever they are, never keep a message from leaving."""
    for pair in write_ext({f"k{key}": key, **ext}):
        assert pair.SerializeToString()
        json.dumps(read_ext([pair])[0], ensure_ascii=False).encode()
