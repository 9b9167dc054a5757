"""A real store with somebody in every place of it."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, cast

from slackkefu.credentials import StoredToken, StoredUser
from slackkefu.secret import Secret
from slackkefu.store.entries import (
    Answered,
    Awaiting,
    Concluded,
    Intent,
    Read,
    Settled,
    Standing,
    Told,
    Untold,
)
from slackkefu.store.spill import Piece
from slackkefu.store.visitors import VisitorRecord
from slackkefu.world import InlineDisk, World
from tests.memory_network import virtual_wall

if TYPE_CHECKING:
    from pathlib import Path

    from slackkefu.net.network import Network
    from slackkefu.store import Store

__all__ = ["DIRECT", "LEO", "LEOS", "MIA", "MIAS", "STAMPS", "TEAM", "furnish", "holding", "offline"]

TEAM = "T0NORTH001"
MIA, LEO = "U0MIA00001", "U0LEO00001"
MIAS = ("t0north001_u0mia00001_d0mia00001", "t0north001_u0mia00001_c0support1")
LEOS = ("t0north001_u0leo00001_d0leo00001", "t0north001_u0leo00001_c0support1")
STAMPS = {MIA: "000001", LEO: "000002"}
"""What the times of their messages end with."""
DIRECT = {MIA: "D0MIA00001", LEO: "D0LEO00001"}

NOW = 1_760_000_000.0


def offline() -> World:
    """Return a world without a network."""
    return World(network=cast("Network", None), disk=InlineDisk(), wall=virtual_wall(), chance=Random(1))


async def furnish(store: Store) -> None:
    """Put Mia and Leo into every place of a new *store*, each in their direct messages and in one channel."""
    for load in (store.slack_journal.load, store.kefu_journal.load, store.spill.load, store.aside.load):
        load()
    store.incoming.load()
    for user, names in ((MIA, MIAS), (LEO, LEOS)):
        for name in names:
            await _furnish(store, user, name)


async def _furnish(store: Store, user: str, name: str) -> None:
    channel = name.rpartition("_")[2].upper()
    store.visitors.save(
        VisitorRecord(
            im_user=name,
            team=TEAM,
            user=user,
            channel=channel,
            channel_type="im" if channel.startswith("D") else "channel",
            installation_team_id=TEAM,
            name=f"name of {user}",
            last_active=NOW,
        )
    )
    await store.tokens.save_user(
        name, StoredUser(token=StoredToken(Secret("token"), obtained_at=NOW, expires_at=NOW + 9), password=None)
    )
    who = STAMPS[user]
    await store.slack_journal.append(
        Settled(team_id=TEAM, channel=channel, ts=f"1.{who}", outcome="delivered", im_user=name, at=NOW),
        Untold(team_id=TEAM, channel=channel, ts=f"2.{who}", user=user, certainty="surely", reason="refused", at=NOW),
        Settled(team_id=TEAM, channel=channel, ts=f"2.{who}", outcome="refused", at=NOW),
        Awaiting(team_id=TEAM, channel=channel, ts=f"3.{who}", im_user=name, user=user, marks={"m": "txt"}, at=NOW),
        Told(team_id=TEAM, channel=channel, ts="4.0", outcome="told", at=NOW),
        Concluded(team_id=TEAM, channel=channel, ts="5.0", outcome="confirmed", at=NOW),
        Read(team_id=TEAM, channel=channel, through=NOW, at=NOW),
    )
    await store.kefu_journal.append(
        Intent(user=name, message="k1", part=0, channel=channel, at=NOW),
        Answered(user=name, msg_id="k0", outcome="posted", posts=(Standing(channel, "9.9"),), at=NOW),
    )
    for shelf in (store.spill, store.aside, store.incoming):
        await shelf.put(Piece(name, f"-/{TEAM}/{channel}/6.{who}", b'{"text":"words of ' + user.encode() + b'"}'))
    damaged = store.path / "damaged" / "spill" / f"000000000001-{len(name)}-{user}-{channel}.jsonl"
    damaged.write_bytes(b'{"cut": "' + name.encode())


def holding(root: Path, *ids: str) -> list[str]:
    """Return the files under *root* that hold one of *ids*, or are named by it."""
    marks = [each.encode() for each in ids]
    return [
        str(path.relative_to(root))
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and any(mark in path.read_bytes() or mark in str(path.relative_to(root)).encode() for mark in marks)
    ]
