# SPDX-License-Identifier: Apache-2.0
"""The one canonical text that ibstack publishes as OpenSM's partitions.conf, and its reader.

The first line is the hardened default partition: every port a limited member, so that no two
tenants meet there.  Then the proof key, the keys that are ours, and the site's own statements
exactly as the site wrote them.  The last line is a comment, so that a file cut short is known.

The form is canonical: `render(read(text)) == text`, and `read(render(file)) == file`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import (
    DEFAULT_PARTITION,
    PROOF_KEYS,
    SCRATCH_KEY,
    Membership,
    Partition,
    PartitionKey,
    Partitions,
)
from ibstack.formats.partitions_conf import writing
from ibstack.formats.partitions_conf.statement import Keyword, Listed, MembershipFlag, Statement
from ibstack.formats.partitions_conf.strict import Fault, PartitionsFileFaults, parse
from ibstack.subnet_manager.policy.site import RESERVED_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ibstack.fabric.partition import KeyRange

_NOTICE: Final = (
    "# Written by ibstack-fabricd, which stops when this file is edited."
    "  The site's own partitions go into its site_partitions file.\n"
)
_SITE_BEGINS: Final = "# The site's own partitions begin here.\n"
_SITE_ENDS: Final = "# The site's own partitions end here.\n"
_END: Final = "# End.\n"


@dataclass(frozen=True, slots=True)
class PartitionsFile:
    """What one published file says."""

    proof: PartitionKey
    """One of PROOF_KEYS, on the subnet manager's own port: seen there, this file is in force."""
    partitions: Partitions = field(default_factory=dict)
    """What is ours; each has at least one member and no reserved key."""
    full_default: frozenset[Guid] = frozenset()
    """Full members of the default partition, beside the subnet manager in office."""
    scratch: frozenset[Guid] = frozenset()
    """Ports whose table OpenSM shall write anew."""
    site: str = ""
    """The site's own statements, comments included; empty, or ends with a line feed."""
    first: frozenset[Guid] = frozenset()
    """Members whose entry of ours is to be at index 0, where a guest's IPoIB looks for its key."""

    def __post_init__(self) -> None:
        if self.proof not in PROOF_KEYS:
            raise BadValue("proof key", str(self.proof), "must be 0x7ff0 to 0x7ff7")
        if self.site and not self.site.endswith("\n"):
            raise BadValue("site's partitions", self.site[-40:], "must end with a line feed")
        for key, partition in self.partitions.items():
            if key in RESERVED_KEYS:
                raise BadValue("partition key", str(key), "is reserved")
            if partition.key != key or not partition.members:
                raise BadValue("partition", str(key), "must have its own key and a member")
        strangers = set(self.first)
        for partition in self.partitions.values() if strangers else ():
            strangers.difference_update(partition.members)
        for guid in sorted(strangers):
            raise BadValue("port with a first entry", str(guid), "must be a member")


def render(file: PartitionsFile) -> str:
    """Return the text of *file*: ASCII, every line shorter than OpenSM's limit."""
    lines = [*writing.default_partition(file.full_default), _NOTICE]
    lines.append(writing.partition_of(file.proof, Listed(Keyword.SELF, MembershipFlag.FULL)))
    if file.scratch:
        lines += writing.partition(SCRATCH_KEY, dict.fromkeys(file.scratch, Membership.FULL))
    for key, partition in sorted(file.partitions.items(), key=lambda item: item[0].base):
        lines += _tenant(key, partition.members, file.first)
    if file.site:
        lines += [_SITE_BEGINS, file.site, _SITE_ENDS]
    return "".join([*lines, _END])


def _tenant(
    key: PartitionKey, members: Mapping[Guid, Membership], first: frozenset[Guid]
) -> Iterator[str]:
    """Return the statements of a partition of ours.

    Of the statements that say indx0 and list a port the last one wins, so these take index 0 from
    the default partition, which comes before them (tests/real/test_opensm_first_entry.py).
    """
    own = members.keys() & first if first else ()
    if not own:
        yield from writing.partition(key, members, "ipoib")
        return
    others = {guid: membership for guid, membership in members.items() if guid not in own}
    yield from writing.partition(key, others, "ipoib")
    yield from writing.partition(key, {guid: members[guid] for guid in own}, "ipoib", "indx0")


def read(content: bytes, file: str) -> PartitionsFile:
    """Read what render() wrote; PartitionsFileFaults for anything else, however slightly."""
    text = content.decode("ascii", "replace")
    found = understand(parse(content, file), text, file)
    _refuse_other_spelling(text, render(found), file)
    return found


def understand(statements: Iterable[Statement], text: str, file: str) -> PartitionsFile:
    """Return what *statements*, which were parsed from *text*, say; their spelling may differ."""
    begins, ends = text.find(_SITE_BEGINS), text.rfind(_SITE_ENDS)
    site = text[begins + len(_SITE_BEGINS) : ends] if 0 <= begins < ends else ""
    first = text.count("\n", 0, max(begins, 0)) + 1
    theirs = range(first, first + site.count("\n") + 2) if site else range(0)
    ours = [statement for statement in statements if statement.line not in theirs]
    try:
        return _gather(ours, site)
    except BadValue as error:
        raise PartitionsFileFaults((Fault(file, 1, f"not written by ibstack: {error}"),)) from error


def _gather(statements: Iterable[Statement], site: str) -> PartitionsFile:
    proof, full, scratch, first = None, set[Guid](), set[Guid](), set[Guid]()
    partitions: dict[PartitionKey, dict[Guid, Membership]] = {}
    for statement in statements:
        guids = statement.guids()
        if statement.key not in RESERVED_KEYS:
            _add(partitions, statement.key, guids)
            first.update(guids if "indx0" in statement.flags else ())
        elif statement.key == DEFAULT_PARTITION:
            full.update(guids)
        elif statement.key == SCRATCH_KEY:
            scratch.update(guids)
        else:
            proof = statement.key
    if proof is None:
        raise BadValue("partitions file", "", "there is no proof key")
    return PartitionsFile(
        proof,
        {key: Partition(key, members) for key, members in partitions.items()},
        frozenset(full),
        frozenset(scratch),
        site,
        frozenset(first),
    )


def _refuse_other_spelling(text: str, canonical: str, file: str) -> None:
    if text == canonical:
        return
    lines, expected = text.splitlines(), canonical.splitlines()
    number = next(
        (n for n, (line, want) in enumerate(zip(lines, expected, strict=False), 1) if line != want),
        min(len(lines), len(expected)) + 1,
    )
    raise PartitionsFileFaults((Fault(file, number, "not as ibstack writes it"),))


def memberships(statements: Iterable[Statement]) -> Partitions:
    """Return the members that are listed by GUID, for any file that parses."""
    found: dict[PartitionKey, dict[Guid, Membership]] = {}
    for statement in statements:
        _add(found, statement.key, statement.guids())
    return {key: Partition(key, members) for key, members in found.items()}


def _add(
    to: dict[PartitionKey, dict[Guid, Membership]],
    key: PartitionKey,
    members: dict[Guid, Membership],
) -> None:
    """Add *members*, which are the caller's no more: most partitions have one statement."""
    if key in to:
        to[key].update(members)
    else:
        to[key] = members


def read_site(content: bytes, file: str, ours: KeyRange) -> str:
    """Return the site's own statements, to be carried over unchanged.

    Raises PartitionsFileFaults for what the strict grammar refuses, and for a key that is ibstack's
    or the default partition's.  A file with comments only says that the site has none.
    """
    if all(not line.partition(b"#")[0].strip() for line in content.split(b"\n")):
        return ""
    statements = parse(content, file)
    faults = [
        Fault(file, statement.line, _why_not(statement.key, ours))
        for statement in statements
        if statement.key in RESERVED_KEYS or statement.key in ours
    ]
    if faults:
        raise PartitionsFileFaults(tuple(faults))
    text = content.decode("ascii")
    return text if text.endswith("\n") else text + "\n"


def _why_not(key: PartitionKey, ours: KeyRange) -> str:
    if key == DEFAULT_PARTITION:
        return f"{key} is the default partition: list its full members in full_default_members"
    if key in RESERVED_KEYS:
        return f"{key} is reserved for ibstack: 0x7ff0 to 0x7ff8 prove and repair"
    return f"{key} is one of owned_keys, {ours}: narrow owned_keys, or use another key"


def replaces_nothing(statements: Iterable[Statement], full_default: frozenset[Guid]) -> bool:
    """Tell whether a file of another's says nothing that ibstack's own would not say too."""
    allowed = {
        *writing.default_members(),
        *(Listed(guid, MembershipFlag.FULL) for guid in full_default),
    }
    return all(
        statement.key == DEFAULT_PARTITION
        and not statement.groups
        and {"indx0"}.issuperset(statement.flags)
        and allowed.issuperset(statement.members)
        for statement in statements
    )
