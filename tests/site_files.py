# SPDX-License-Identifier: Apache-2.0
"""Files for site_partitions that are to be taken, in any layout, and what they mean.

The meaning is said beside the text, and not read from it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from hypothesis import strategies as st

from one_opensm import PORTS, SELF, Groups, MadeGroup

KEYS = (0x7001, 0x7002, 0x7FE0)
_BLANKS = st.sampled_from(["", " ", "\t", "  "])
_BETWEEN = st.sampled_from([",", ", ", " ,\n\t", ",\n# between\n  "])
_TALK = st.sampled_from(["", "", "# storage\n", "\n", "# a=0x7001: ALL=full;\n"])
_HOW = st.sampled_from(["full", "limited"])
_STRANGERS = ("0x99", "0x00000000000000fe")


@dataclass
class SiteFile:
    """A text and its meaning."""

    text: str = ""
    members: dict[int, dict[int, str]] = field(default_factory=dict)
    """How the ports that there are belong to each partition, by key and port GUID."""
    groups: Groups = field(default_factory=dict)


@st.composite
def site_files(draw: st.DrawFn) -> SiteFile:
    """Return a file of one to three partitions, each in one or two statements."""
    file = SiteFile()
    for key in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True)):
        _partition(draw, file, key)
    return file


def _partition(draw: st.DrawFn, file: SiteFile, key: int) -> None:
    flags = {
        "mtu": draw(st.sampled_from([4, 4, 1, 2, 3, 5])),
        "rate": draw(st.sampled_from([3, 3, 2, 6, 7, 16, 22])),
        "Q_Key": draw(st.sampled_from([0, 0, 0x1234])),
        "TClass": draw(st.sampled_from([0, 7])),
        "FlowLabel": draw(st.sampled_from([0, 9])),
    }
    ipoib, default = draw(st.booleans()), draw(st.none() | _HOW)
    words = [f"{name}={draw(st.sampled_from([str(n), hex(n)]))}" for name, n in flags.items()]
    words += ["ipoib"] * ipoib + [f"defmember={default}"] * (default is not None)
    head = ",".join(
        f"{draw(_BLANKS)}{word}{draw(_BLANKS)}" for word in draw(st.permutations(words))
    )
    if ipoib:
        mgid = ipaddress.IPv6Address(f"ff12:401b:{key | 0x8000:x}::ffff:ffff")
        file.groups[mgid] = _made(key, flags | {"Q_Key": flags["Q_Key"] or 0xB1B}, sl=0)
    for _ in range(draw(st.integers(1, 2))):
        lines = _groups(draw, file, key, flags, ipoib=ipoib)
        who = _members(draw, file, key, default or "limited")
        file.text += (
            f"{draw(_TALK)}{draw(st.sampled_from(['a', 'san 1', 'x-1_y.z']))}{draw(_BLANKS)}"
        )
        file.text += f"={draw(_BLANKS)}0x{key:x},{head}:{draw(_BLANKS)}{lines}{who}{draw(_BLANKS)};"
        file.text += draw(st.sampled_from(["\n", " # talk\n", ""]))


def _groups(
    draw: st.DrawFn, file: SiteFile, key: int, flags: dict[str, int], *, ipoib: bool
) -> str:
    lines = ""
    for number in draw(st.lists(st.integers(1, 9), max_size=2, unique=True)):
        of_ip = ipoib and draw(st.booleans())
        part = draw(st.sampled_from(["", f"{key | 0x8000:x}"])) if of_ip else "1:2:3"
        written = f"ff12:{'401b' if of_ip else '0'}:{part or 0}::{number}"
        sl = draw(st.integers(0, 15))
        lines += f"\n mgid={written},{draw(_BLANKS)}sl={sl}{draw(_BLANKS)}# group\n"
        signature = f"401b:{key | 0x8000:x}" if of_ip else f"0:{part}"
        mgid = ipaddress.IPv6Address(f"ff12:{signature}::{number}")
        q_key = flags["Q_Key"] or (0xB1B if of_ip else 0)
        made = _made(key, flags | {"TClass": 0, "Q_Key": q_key}, sl=sl)
        if file.groups.setdefault(mgid, made) != made:
            lines = lines.rpartition("\n mgid=")[0]  # Another statement has it, and otherwise.
    return lines


def _made(key: int, flags: dict[str, int], sl: int) -> MadeGroup:
    """An MGID's own TClass is 0, and its SL counts without QoS too."""
    of_mtu, of_rate = flags["mtu"], flags["rate"]
    q_key, tclass, label = flags["Q_Key"], flags["TClass"], flags["FlowLabel"]
    return MadeGroup(key | 0x8000, of_mtu, of_rate, sl, q_key, tclass, label)


def _members(draw: st.DrawFn, file: SiteFile, key: int, default: str) -> str:
    """Return the list; of what was said before of a partition nothing is said otherwise."""
    here = file.members.setdefault(key, {})
    listed = []
    if not here and draw(st.booleans()):
        how = draw(_HOW)
        here.update({port.value: how for port in PORTS})
        listed.append(f"{draw(st.sampled_from(['ALL', 'ALL_CAS']))}={how}")
    for port in draw(st.lists(st.sampled_from(PORTS), min_size=not listed, unique=True)):
        how = here.setdefault(port.value, draw(_HOW))
        name = "SELF" if port == SELF and draw(st.booleans()) else str(port)
        listed.append(name if how == default and draw(st.booleans()) else f"{name} = {how}")
    listed += draw(st.lists(st.sampled_from(_STRANGERS), max_size=1))
    return draw(_BETWEEN).join(listed)
