# SPDX-License-Identifier: Apache-2.0
"""Read any partitions.conf as OpenSM reads it, and say what is odd in it.

The one reader of this format.  It follows OpenSM's parser word by word, in a buffer like OpenSM's
own, so it knows what that makes of a file that a person wrote; and it goes on where OpenSM refuses
the file, so that each statement can be judged.  Whoever wants no surprise takes files without a
remark only (ibstack.formats.partitions_conf.strict).

Sources: opensm/doc/partition-config.txt, osm_prtn_config.c and osm_prtn.c in opensm/opensm;
compared with 3.3.23 under ibsim by tests/real/test_opensm_reads_any_file.py.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import DEFAULT_PARTITION
from ibstack.formats.partitions_conf.definition import BadDefinition, Definition, Definitions
from ibstack.formats.partitions_conf.group_flags import AskedGroup, read_flag
from ibstack.formats.partitions_conf.groups import Group, groups
from ibstack.formats.partitions_conf.line_buffer import BLANKS, BehindTheLine, LineBuffer, pieces
from ibstack.formats.partitions_conf.line_remarks import of_line
from ibstack.formats.partitions_conf.members import NoMember, member
from ibstack.formats.partitions_conf.overridden import overridden
from ibstack.formats.partitions_conf.plain_line import as_left, read_plain
from ibstack.formats.partitions_conf.remark import Effect, Remark
from ibstack.formats.partitions_conf.statement import Listed, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BEGINS: Final = re.compile(rb"[^=:,]+=[ \t]*\w+[ \t]*(?:,[^:]*)?:")
"""How a statement begins, where the one before it has no end."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What OpenSM makes of a file."""

    statements: tuple[Statement, ...]
    """In order.  Where it refuses the file: what they would be without what it refuses."""
    remarks: tuple[Remark, ...]
    """In order of lines."""
    groups: Mapping[int, Group]
    """The multicast groups that it makes when it starts, by MGID."""

    @property
    def refused(self) -> Remark | None:
        """Why OpenSM refuses the file: every port is a full member of 0x7fff then."""
        return self._first(Effect.REFUSED)

    @property
    def not_known(self) -> Remark | None:
        """Why the file alone does not tell what OpenSM does, if so."""
        return self._first(Effect.NOT_KNOWN)

    def _first(self, effect: Effect) -> Remark | None:
        return next((remark for remark in self.remarks if remark.effect is effect), None)


def read(
    content: bytes, known: Mapping[bytes, Statement] | None = None, *, plainly: bool = True
) -> Reading:
    """Return what OpenSM makes of *content*; every sequence of bytes is something.

    *known*: statements that are a line each, by that line with its line feed, of a file that had no
    remarks; they are not read again.  *plainly*: the plainest lines may be read at once.
    """
    reader = _Reader(known or {}, plainly=plainly)
    reader.read(content)
    statements = tuple(reader.statements)
    made, of_groups = groups(statements)
    remarks = [*reader.remarks, *of_groups, *overridden(statements)]
    if reader.refused is None:
        remarks += _without_members(statements)
    if not statements and reader.refused is None:
        what = "there is no statement: OpenSM would make every port a full member"
        remarks.append(Remark(1, what, Effect.REFUSED))
    remarks = list(dict.fromkeys(remarks))
    return Reading(statements, tuple(sorted(remarks, key=lambda each: each.line)), made)


def _without_members(statements: tuple[Statement, ...]) -> Iterator[Remark]:
    """OpenSM drops a partition, and its groups, that no statement gives a member."""
    held = {statement.key for statement in statements if statement.members}
    for statement in statements:
        if not statement.members and (not statement.groups or statement.key not in held):
            empty = statement.key not in held | {DEFAULT_PARTITION}
            yield Remark(
                statement.line,
                f"partition {statement.key} has no members: OpenSM would drop it",
                Effect.OTHERWISE if empty else Effect.AS_MEANT,
            )


@dataclass(slots=True)
class _Open:
    """A statement whose semicolon has not come yet."""

    line: int
    definition: Definition
    members: list[Listed] = field(default_factory=list)
    groups: list[AskedGroup] = field(default_factory=list)

    def statement(self) -> Statement:
        said = self.definition
        return Statement(
            self.line,
            said.name,
            said.key,
            said.flags,
            tuple(self.members),
            tuple(self.groups),
            said.of_groups,
            said.made_up,
        )


class _Reader:
    def __init__(self, known: Mapping[bytes, Statement], *, plainly: bool) -> None:
        self.statements: list[Statement] = []
        self.remarks: list[Remark] = []
        self.refused: Remark | None = None
        self._known = known
        self._plainly = plainly
        self._buffer = LineBuffer()
        self._definitions = Definitions()
        self._open: _Open | None = None
        self._line = 0

    def read(self, content: bytes) -> None:
        for number, piece in pieces(content):
            self._line = number
            statement = self._known.get(piece)
            if statement is None and self._plainly:
                statement = read_plain(number, piece)
            if self._open is None and statement is not None:
                self._buffer.load(as_left(piece))
                self._keep(statement)
                continue
            self._buffer.load(piece)
            for what, effect in of_line(number, piece):
                self._remark(what, effect)
            try:
                self._piece()
            except BehindTheLine:
                if self.refused is None:
                    self._remark("OpenSM reads on behind the end of this line", Effect.NOT_KNOWN)
        if self._open is not None:
            line = self._open.line
            what = "the `;` that ends this statement is missing"
            self.remarks.append(Remark(line, what, Effect.AS_MEANT))
            self._close()

    def _keep(self, statement: Statement) -> None:
        self._definitions.keep(statement)
        moved = statement.line == self._line
        self.statements.append(statement if moved else replace(statement, line=self._line))

    def _remark(self, what: str, effect: Effect) -> None:
        remark = Remark(self._line, what, effect)
        self.remarks.append(remark)
        if effect is Effect.REFUSED and self.refused is None:
            self.refused = remark

    def _close(self) -> None:
        if self._open is not None:
            self.statements.append(self._open.statement())
            self._open = None

    def _piece(self) -> None:
        """Read what OpenSM reads at a time: a line, or as much of it as there is room for."""
        comment = self._buffer.text(0).find(b"#")
        if comment >= 0:
            self._buffer.end(comment)
        at = 0
        while True:
            text = self._buffer.text(at)
            bare = text.lstrip(BLANKS)
            if not bare:
                return
            at += len(text) - len(bare)
            end = bare.find(b";")
            if end >= 0:
                self._buffer.end(at + end)
            at = self._part(at, ended=end >= 0)
            if end < 0:
                return
            self._close()

    def _part(self, at: int, *, ended: bool) -> int:
        """Read what one line has of one statement; return where OpenSM goes on."""
        text = self._buffer.text(at)
        if not text:
            what = "a `;` with nothing before it on its line: OpenSM would read stale text"
            self._remark(what, Effect.AS_MEANT)
            at += 1
            text = self._buffer.text(at)
        if self._open is None:
            try:
                found, at = self._definitions.read(self._buffer, at, self._remark)
            except BadDefinition as error:
                self._remark(error.what, Effect.REFUSED)
                return at + len(text) + 1
            self._open = _Open(self._line, found)
        return self._members(self._open, at, ended=ended)

    def _members(self, statement: _Open, at: int, *, ended: bool) -> int:
        first = True
        while True:
            text = self._buffer.text(at)
            item, comma, _ = text.partition(b",")
            if comma:
                self._buffer.end(at + len(item))
            name, value = self._buffer.word(at, item)
            after = at + len(item) + 1
            if name == b"mgid":
                return self._group(statement, after, value, flagged=bool(comma))
            if not name and value is None:
                if comma or (ended and not first):
                    self._remark("an empty place in the list of members", Effect.AS_MEANT)
            elif not self._member(statement, name, value, text):
                self._buffer.put(at, text)
                self._close()
                return self._part(at, ended=ended)
            if not comma:
                return after
            at, first = after, False

    def _member(self, statement: _Open, name: bytes, value: bytes | None, text: bytes) -> bool:
        """Add a member; return False where *text*, which it begins, is a statement of its own."""
        item = text.partition(b",")[0].strip(BLANKS).decode("utf-8", "replace")
        unended = (
            f"{item!r} is no member: is the `;` missing that ends the statement of line"
            f" {statement.line}?"
        )
        try:
            listed = member(name, value, statement.definition.default, self._remark)
        except NoMember as error:
            begins = _BEGINS.match(text) is not None
            self._remark(unended if begins or ":" in item else error.what, Effect.REFUSED)
            return not begins
        if ":" in item:
            self._remark(unended, Effect.OTHERWISE)
        if listed is not None:
            statement.members.append(listed)
        return True

    def _group(self, statement: _Open, at: int, value: bytes | None, *, flagged: bool) -> int:
        """Read what an mgid asks for; return where OpenSM goes on."""
        if value is None:
            self._remark("mgid without an address: what OpenSM does is not known", Effect.NOT_KNOWN)
            return at
        text = value.decode("utf-8", "replace")
        mgid = _multicast(text)
        if mgid is None:
            what = f"mgid {text!r}: must be an IPv6 multicast address, ff…: OpenSM makes no group"
            self._remark(what, Effect.OTHERWISE)
            return at
        of_groups = statement.definition.of_groups
        if not flagged:
            what = f"mgid={text} has no flag behind it, and OpenSM reads on behind its end"
            self._remark(f"{what}: write mgid={text},sl={of_groups.sl}", Effect.AS_MEANT)
        asked = AskedGroup(self._line, mgid, replace(of_groups, tclass=0))
        if flagged or self.refused is None:
            asked, at = self._flags(asked, at, written=flagged)
        statement.groups.append(asked)
        return at

    def _flags(self, asked: AskedGroup, at: int, *, written: bool) -> tuple[AskedGroup, int]:
        """Read the flags of a group: to the end of a text, whichever that is."""
        comma = b","
        while comma:
            try:
                text = self._buffer.text(at)
            except BehindTheLine:
                what = f"{asked}: what OpenSM takes for its flags depends on what it read before"
                self._remark(what, Effect.NOT_KNOWN)
                return asked, at
            item, comma, _ = text.partition(b",")
            if comma:
                self._buffer.end(at + len(item))
            name, value = self._buffer.word(at, item)
            at += len(item) + 1
            asked = self._flag(asked, name, value, written=written)
        return asked, at

    def _flag(
        self, asked: AskedGroup, name: bytes, value: bytes | None, *, written: bool
    ) -> AskedGroup:
        taken = read_flag(asked.flags, name, value)
        if taken is None:
            if written:
                what = f"{name.decode('utf-8', 'replace')!r} after an mgid is no flag of a group"
                self._remark(f"{what}: a group ends its line", Effect.OTHERWISE)
            return asked
        if written and taken.odd:
            self._remark(taken.odd, taken.effect)
        elif not written and not taken.skipped:
            what = f"{asked}: OpenSM takes {taken.name} from what stands behind the end of it"
            self._remark(what, Effect.OTHERWISE)
        own_sl = asked.own_sl or (taken.name == "sl" and not taken.skipped)
        return replace(asked, flags=taken.flags, own_sl=own_sl)


def _multicast(text: str) -> ipaddress.IPv6Address | None:
    """Return what inet_pton takes for an address, where it is one of multicast."""
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    return found if found.is_multicast and found.scope_id is None else None
