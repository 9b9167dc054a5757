"""
Slack's emoji names where they differ from the library's.

Slack's names are those of the emoji-data project (facts/slack.md §6). The library ``emoji`` knows most of them. Here
is the rest: names it spells by another rule (:data:`SHAPES`), and names it lacks or gives to another picture
(:data:`NAMES`). With these every name of emoji-data 15 finds its character (compared 2026-11 with emoji 2.16).
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NAMES", "SHAPES"]

_PERSON: Final = "(?:wo)?man"

SHAPES: Final = tuple(
    (re.compile(shape), spelling)
    for shape, spelling in (
        (r"flag-(england|scotland|wales)", r"\1"),
        (rf"({_PERSON}(?:-{_PERSON})?(?:-boy|-girl)+)", r"family_\1"),
        (rf"({_PERSON})-heart-({_PERSON})", r"couple_with_heart_\1_\2"),
        (rf"({_PERSON})-kiss-({_PERSON})", r"kiss_\1_\2"),
        (r"male[-_](.+)", r"man_\1"),
        (r"female[-_](.+)", r"woman_\1"),
        (r"large_(\w+_(?:circle|square))", r"\1"),
        (r"((?!flag-).+-.+)", r"\1"),
    )
)
"""Shapes of Slack's names, each with how the library spells such a name; its hyphens become underscores."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        # Given to another picture by the library.
        "beetle": "🪲",
        "bride_with_veil": "👰",
        "egg": "🥚",
        "email": "✉️",
        "guardsman": "💂",
        "man_with_turban": "👳",
        "ok_woman": "🙆",
        "satellite": "🛰️",
        "snowman": "☃️",
        "sun_behind_cloud": "🌥️",
        "umbrella": "☂️",
        # Weather, things, food.
        "barely_sunny": "🌥️",
        "drum_with_drumsticks": "🥁",
        "eject": "⏏️",
        "first_place_medal": "🥇",
        "keycap_star": "*️⃣",
        "kiwifruit": "🥝",
        "knife_fork_plate": "🍽️",
        "ladybug": "🐞",
        "lightning": "🌩️",
        "lightning_cloud": "🌩️",
        "mate_drink": "🧉",
        "medal": "🎖️",
        "mostly_sunny": "🌤️",
        "octagonal_sign": "🛑",
        "partly_sunny_rain": "🌦️",
        "rain_cloud": "🌧️",
        "scooter": "🛴",
        "second_place_medal": "🥈",
        "shopping_trolley": "🛒",
        "snow_cloud": "🌨️",
        "staff_of_aesculapius": "⚕️",
        "sun_small_cloud": "🌤️",
        "third_place_medal": "🥉",
        "tornado_cloud": "🌪️",
        "womans_flat_shoe": "🥿",
        # Faces and animals.
        "face_palm": "🤦",
        "face_with_cowboy_hat": "🤠",
        "face_with_finger_covering_closed_lips": "🤫",
        "face_with_one_eyebrow_raised": "🤨",
        "face_with_open_mouth_vomiting": "🤮",
        "giraffe_face": "🦒",
        "grinning_face_with_one_large_and_one_small_eye": "🤪",
        "grinning_face_with_star_eyes": "🤩",
        "serious_face_with_symbols_covering_mouth": "🤬",
        "shocked_face_with_exploding_head": "🤯",
        "simple_smile": "🙂",
        "smiling_face_with_3_hearts": "🥰",
        "smiling_face_with_smiling_eyes_and_hand_covering_mouth": "🤭",
        "zebra_face": "🦓",
        # Hands and people.
        "bald_person": "🧑‍🦲",
        "curly_haired_person": "🧑‍🦱",
        "female-doctor": "👩‍⚕️",
        "fencer": "🤺",
        "hand_with_index_and_middle_fingers_crossed": "🤞",
        "handball": "🤾",
        "i_love_you_hand_sign": "🤟",
        "juggling": "🤹",
        "male-doctor": "👨‍⚕️",
        "man-with-bunny-ears-partying": "👯‍♂️",
        "man-wrestling": "🤼‍♂️",
        "man_and_woman_holding_hands": "👫",
        "man_with_beard": "🧔‍♂️",
        "men-with-bunny-ears-partying": "👯‍♂️",
        "mother_christmas": "🤶",
        "person_doing_cartwheel": "🤸",
        "person_with_headscarf": "🧕",
        "red_haired_person": "🧑‍🦰",
        "spock-hand": "🖖",
        "the_horns": "🤘",
        "white_haired_person": "🧑‍🦳",
        "woman-with-bunny-ears-partying": "👯‍♀️",
        "woman-wrestling": "🤼‍♀️",
        "woman_with_beard": "🧔‍♀️",
        "women-with-bunny-ears-partying": "👯‍♀️",
        "wrestlers": "🤼",
        # Skin tones on their own.
        "skin-tone-2": "🏻",
        "skin-tone-3": "🏼",
        "skin-tone-4": "🏽",
        "skin-tone-5": "🏾",
        "skin-tone-6": "🏿",
    }
)
"""Characters by name."""
