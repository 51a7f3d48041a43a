# SPDX-License-Identifier: Apache-2.0
"""The site's partitions.conf: what ibstack-fabricd would write instead of each statement.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import DEFAULT_PARTITION
from ibstack.formats.partitions_conf.reading import read
from ibstack.formats.partitions_conf.remark import Effect
from ibstack.formats.partitions_conf.statement import Keyword, MembershipFlag
from ibstack.subnet_manager.policy.site import RESERVED_KEYS
from ibstack.upgrade.finding import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.fabric.partition import KeyRange, PartitionKey
    from ibstack.formats.partitions_conf.reading import Reading
    from ibstack.formats.partitions_conf.remark import Remark
    from ibstack.formats.partitions_conf.statement import Statement

_ALL: Final = (Keyword.ALL, Keyword.ALL_CAS)
_SHOWN: Final = 200
_TO_DO: Final = {
    Effect.REFUSED: "mend it at once: OpenSM refuses the whole file for such a line, and makes"
    " every port a full member of the default partition",
    Effect.NOT_KNOWN: "mend it: what OpenSM makes of it cannot be told from the file",
    Effect.OTHERWISE: "mend it in site_partitions; OpenSM takes it for something else already",
    Effect.AS_MEANT: "write it so in site_partitions; OpenSM takes it as it is meant",
}


@dataclass(frozen=True, slots=True)
class KeysInUse:
    """The partitions in which Neutron has bound ports."""

    served: frozenset[PartitionKey]
    """Of ports that ibstack serves."""
    not_served: frozenset[PartitionKey] = frozenset()
    """Of ports that it does not; a partition may be among both."""


def judge(
    content: bytes, source: str, owned: KeyRange, in_use: KeysInUse | None
) -> Iterator[Finding]:
    """Judge each statement, and what is odd; *in_use*: None where the bound ports are not known.

    A statement is judged as OpenSM takes it, also where it refuses the file for another line.
    """
    reading = read(content)
    found = [_odd(remark, source, content) for remark in _that_matter(reading, owned)]
    for statement in reading.statements:
        verdict, ibstack, to_do = _judgement(statement, owned, in_use)
        key = f"partition {statement.key}"
        value = _line(content, statement.line)
        found.append(Finding(source, statement.line, key, value, verdict, ibstack, to_do))
    yield from sorted(found, key=lambda finding: finding.line or 0)


def _that_matter(reading: Reading, owned: KeyRange) -> Iterator[Remark]:
    """Yield what must be mended: an odd spelling only where the statement is carried over."""
    for remark in reading.remarks:
        within = [each for each in reading.statements if each.line <= remark.line]
        carried = not within or _is_carried_over(within[-1], owned)
        if remark.effect is not Effect.AS_MEANT or carried:
            yield remark


def _odd(remark: Remark, source: str, content: bytes) -> Finding:
    return Finding(
        source,
        remark.line,
        f"line {remark.line}",
        _line(content, remark.line),
        Verdict.DECIDE,
        f"does not carry it over: {remark.what}",
        _TO_DO[remark.effect],
    )


def _is_carried_over(statement: Statement, owned: KeyRange) -> bool:
    return statement.key not in RESERVED_KEYS and statement.key not in owned


def _judgement(
    statement: Statement, owned: KeyRange, in_use: KeysInUse | None
) -> tuple[Verdict, str, str]:
    if statement.key == DEFAULT_PARTITION:
        return _default(statement)
    if statement.key in RESERVED_KEYS:
        return (
            Verdict.DECIDE,
            "keeps 0x7ff0 to 0x7ff8 for itself",
            "give that partition another key",
        )
    if _is_carried_over(statement, owned):
        return (
            Verdict.KEEPS,
            "carries it over from site_partitions, as it is written",
            "move it to the file that site_partitions names",
        )
    if in_use is None:
        return (
            Verdict.DECIDE,
            f"owns {owned}: writes it from Neutron's ports, and drops it where there are none",
            "give --neutron or --database, to see whether Neutron has ports in it",
        )
    if statement.key in in_use.served:
        return _tenant(statement)
    if statement.key in in_use.not_served:
        return (
            Verdict.DECIDE,
            f"owns {owned}, and drops a partition in which Neutron has no port that it serves",
            "see the lines on ports above; where they stay: narrow owned_keys, and move it to"
            " site_partitions",
        )
    return (
        Verdict.DECIDE,
        f"owns {owned}, and drops a partition in which Neutron has no bound port",
        "where it is the site's own: narrow owned_keys, and move it to site_partitions",
    )


def _default(statement: Statement) -> tuple[Verdict, str, str]:
    full = [
        member.who.value if isinstance(member.who, Keyword) else str(member.who)
        for member in statement.members
        if member.membership_flag is not MembershipFlag.LIMITED
        and (member.who in _ALL or isinstance(member.who, Guid))
    ]
    if not full and not statement.groups:
        return Verdict.KEEPS, "writes the same: limited, but for switches and SM hosts", ""
    return (
        Verdict.DECIDE,
        "makes every port a limited member but those of switches, SM hosts and"
        f" full_default_members; {', '.join(full) or 'its multicast groups'} would lose that",
        "list the GUIDs of SM hosts, storage and gateways in full_default_members of fabricd.conf",
    )


def _tenant(statement: Statement) -> tuple[Verdict, str, str]:
    limited = [m for m in statement.members if m.membership_flag is MembershipFlag.LIMITED]
    if limited:
        return (
            Verdict.DECIDE,
            "makes Neutron's ports full members, and does not take over a VF that holds the"
            " limited entry: its port goes DOWN until it is plugged again",
            "write =full for them, and have OpenSM read it, before the upgrade",
        )
    return (
        Verdict.DECIDE,
        "writes it from Neutron's ports; whoever else is a member today leaves it",
        "make sure that storage, gateways and machines outside OpenStack do not need it",
    )


def _line(content: bytes, number: int) -> str:
    lines = content.split(b"\n")
    text = lines[number - 1] if 0 < number <= len(lines) else b""
    return text.decode("ascii", "replace").strip()[:_SHOWN]
