# SPDX-License-Identifier: Apache-2.0
"""Read OpenSM's partitions.conf more strictly than OpenSM does.

OpenSM fails open: given a file that it cannot parse it makes every port a full member of the
default partition, and much that it does parse it takes for something else than was meant.  So
whatever OpenSM refuses, guesses, cuts, matches by prefix or silently ignores is a fault here, and
all faults of a file are reported at once.

Sources: opensm/doc/partition-config.txt and opensm/opensm/osm_prtn_config.c; each case seen on
OpenSM 3.3.23 under ibsim and pinned by tests/real/test_opensm_fails_open.py.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ibstack.fabric.errors import BadInput, BadValue
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import Membership, PartitionKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# fgets(line, sizeof(line) - 1, file) with char line[4096] reads 4094 characters at most.
LINE_BYTES: Final = 4094
"""How long a line may be, its line feed included: OpenSM cuts longer ones, even in mid-GUID."""

_NAME_BYTES: Final = 31
_NAME = re.compile(r"[A-Za-z0-9_.-]+(?: +[A-Za-z0-9_.-]+)*")
_STRANGE = re.compile(rb"[^\t -~]")
_KEY = re.compile(r"0x[0-9a-fA-F]{1,4}")
_GUID = re.compile(r"0x[0-9a-fA-F]{1,16}")
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|0|[1-9][0-9]*")
_GROUP_FLAGS: Final = {
    "rate": 63,
    "mtu": 5,
    "sl": 15,
    "scope": 15,
    "Q_Key": (1 << 32) - 1,
    "TClass": 255,
    "FlowLabel": (1 << 20) - 1,
}


class Keyword(enum.Enum):
    """What stands for many ports, or for the subnet manager's, in a list of members."""

    ALL = "ALL"
    ALL_CAS = "ALL_CAS"
    ALL_SWITCHES = "ALL_SWITCHES"
    ALL_ROUTERS = "ALL_ROUTERS"
    SELF = "SELF"


class Standing(enum.Enum):
    """How a member is written.  `both` is full unless OpenSM runs with allow_both_pkeys."""

    FULL = "full"
    LIMITED = "limited"
    BOTH = "both"

    @property
    def membership(self) -> Membership:
        return Membership.LIMITED if self is Standing.LIMITED else Membership.FULL


# Looked up once: for 40,000 members the ways of an enum take longer than all else.
_STANDING_LIMITED: Final = Standing.LIMITED
_FULL: Final = Membership.FULL
_LIMITED: Final = Membership.LIMITED

_KEYWORDS: Final = {keyword.value: keyword for keyword in Keyword}
_STANDINGS: Final = {standing.value: standing for standing in Standing}


@dataclass(frozen=True, slots=True)
class Listed:
    """One member as a statement lists it."""

    who: Guid | Keyword
    standing: Standing


@dataclass(frozen=True, slots=True)
class Statement:
    """One partition definition, from its name to its semicolon."""

    line: int
    """Where it starts, counted from 1."""
    name: str
    key: PartitionKey
    flags: tuple[str, ...]
    """As written, without defmember, whose effect is in *members*."""
    members: tuple[Listed, ...]
    groups: tuple[str, ...] = ()
    """The multicast groups to be created, as written after `mgid=`."""

    def guids(self) -> dict[Guid, Membership]:
        """Return the members that are listed by GUID."""
        return {
            listed.who: _LIMITED if listed.standing is _STANDING_LIMITED else _FULL
            for listed in self.members
            if isinstance(listed.who, Guid)
        }


@dataclass(frozen=True, order=True, slots=True)
class Fault:
    """One thing that is wrong with a file, and where."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(eq=False)
class PartitionsFileFaults(BadInput):
    """Everything that is wrong with one partitions file."""

    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)


def parse(
    content: bytes, file: str, known: Mapping[bytes, Statement] | None = None
) -> tuple[Statement, ...]:
    """Return the statements of *content*, in order; *file* is how faults name it.

    *known*: from known_lines.py, of a file that was parsed before; its lines are not parsed again.
    Raises PartitionsFileFaults with every fault, in order of lines.  A file without any statement
    is one: OpenSM would open the fabric.
    """
    parser = _Parser(file, known or {})
    statements = parser.read(content)
    if not statements and not parser.faults:
        parser.fault(1, "there is no statement: OpenSM would make every port a full member")
    _find_conflicts(statements, parser)
    if parser.faults:
        raise PartitionsFileFaults(tuple(sorted(set(parser.faults))))
    return tuple(statements)


@dataclass(slots=True)
class _Open:
    """A statement whose semicolon has not come yet."""

    line: int
    name: str = ""
    key: PartitionKey | None = None
    flags: list[str] = field(default_factory=list)
    default: Standing = Standing.LIMITED
    members: list[Listed] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    listed: int = 0


class _Parser:
    def __init__(self, file: str, known: Mapping[bytes, Statement]) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self._known = known
        self._open: _Open | None = None

    def fault(self, line: int, what: str) -> None:
        self.faults.append(Fault(self.file, line, what))

    def read(self, content: bytes) -> list[Statement]:
        statements: list[Statement] = []
        for number, line in enumerate(content.split(b"\n"), 1):
            if self._open is None and line in self._known:
                statements.append(_moved(self._known[line], number))
                continue
            text = self._clean(number, line)
            *whole, rest = text.partition("#")[0].split(";")
            for chunk in whole:
                statements += self._close(number, chunk)
            if rest.strip(" \t"):
                self._chunk(number, rest, ended=False)
        if self._open is not None:
            self.fault(self._open.line, "the `;` that ends this statement is missing")
        return statements

    def _clean(self, number: int, line: bytes) -> str:
        if len(line) >= LINE_BYTES:
            self.fault(
                number,
                f"{len(line) + 1} bytes long: OpenSM cuts lines after {LINE_BYTES} bytes;"
                " repeat the statement with the other members",
            )
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            self.fault(1, "a byte order mark, which would become part of the first name")
            line = line[3:]
        if line.endswith(b"\r"):
            self.fault(number, "the line ends with a carriage return: write plain line feeds")
            line = line[:-1]
        strange = _STRANGE.findall(line)
        if strange:
            listed = ", ".join(f"0x{byte.hex()}" for byte in sorted(set(strange)))
            self.fault(number, f"holds bytes that are not printable ASCII: {listed}")
        return line.decode("ascii", "replace")

    def _close(self, number: int, chunk: str) -> Iterator[Statement]:
        if not chunk.strip(" \t"):
            self.fault(
                number, "a `;` with nothing before it on its line: OpenSM would read stale text"
            )
        else:
            self._chunk(number, chunk, ended=True)
        done, self._open = self._open, None
        if done is None or done.key is None:
            return
        if not done.listed:
            self.fault(done.line, f"partition {done.key} has no members: OpenSM would drop it")
        yield Statement(
            done.line,
            done.name,
            done.key,
            tuple(done.flags),
            tuple(done.members),
            tuple(done.groups),
        )

    def _chunk(self, number: int, chunk: str, *, ended: bool) -> None:
        """Read what one line has of one statement: OpenSM treats each line by itself."""
        if self._open is None:
            self._open = _Open(number)
            head, colon, chunk = chunk.partition(":")
            if not colon:
                self.fault(number, f"no partition definition: {head.strip()!r} lacks a `:`")
                return
            self._head(self._open, number, head)
        items = chunk.split(",")
        for place, item in enumerate(items):
            name, equals, value = item.partition("=")
            name, value = name.strip(" \t"), value.strip(" \t")
            if name == "mgid":
                self._group(self._open, number, value, items[place + 1 :])
                return
            if name or equals:
                self._member(self._open, number, name, equals, value)
            elif len(items) > 1 and (ended or place < len(items) - 1):
                self.fault(number, "an empty place in the list of members")

    def _head(self, statement: _Open, number: int, head: str) -> None:
        definition, *flags = head.split(",")
        name, _, key = (part.strip(" \t") for part in definition.partition("="))
        if not _NAME.fullmatch(name) or len(name) > _NAME_BYTES:
            self.fault(
                number,
                f"partition name {name!r}: write 1 to {_NAME_BYTES} letters, digits, `_`, `.`, `-`",
            )
        statement.name = name
        statement.key = self._key(number, name, key)
        for flag in flags:
            self._flag(statement, number, flag)

    def _key(self, number: int, name: str, key: str) -> PartitionKey | None:
        if not key:
            self.fault(number, f"partition {name!r} has no key: OpenSM would make one up")
        elif not _KEY.fullmatch(key):
            self.fault(number, f"partition key {key!r}: write 0x and up to 4 hex digits")
        elif not 0x0001 <= int(key, 16) <= 0x7FFF:
            self.fault(number, f"partition key {key!r}: must be 0x0001 to 0x7fff")
        else:
            return PartitionKey(int(key, 16))
        return None

    def _flag(self, statement: _Open, number: int, text: str) -> None:
        name, equals, value = (part.strip(" \t") for part in text.partition("="))
        if name in {"indx0", "ipoib"} and not equals:
            statement.flags.append(name)
        elif name == "defmember":
            statement.default = self._standing(number, value, "defmember")
        elif name in _GROUP_FLAGS:
            self._number(number, name, value)
            statement.flags.append(f"{name}={value}")
        else:
            self.fault(number, f"flag {text.strip()!r} is none that OpenSM knows")

    def _number(self, number: int, name: str, value: str) -> None:
        if not _NUMBER.fullmatch(value) or int(value, 0) > _GROUP_FLAGS[name]:
            limit = _GROUP_FLAGS[name]
            self.fault(number, f"{name}={value}: must be a number of at most {limit}")

    def _group(self, statement: _Open, number: int, mgid: str, flags: list[str]) -> None:
        """Read a multicast group; its flags run to the end of the line."""
        statement.listed += 1
        try:
            multicast = ipaddress.IPv6Address(mgid).is_multicast
        except ValueError:
            multicast = False
        if not multicast:
            self.fault(number, f"mgid {mgid!r}: must be an IPv6 multicast address, ff…")
        for flag in flags:
            name, _, value = (part.strip(" \t") for part in flag.partition("="))
            if name in _GROUP_FLAGS:
                self._number(number, name, value)
            else:
                self.fault(
                    number,
                    f"{flag.strip()!r} after an mgid is no flag of a group: a group ends its line",
                )
        statement.groups.append(",".join([mgid, *(flag.strip(" \t") for flag in flags)]))

    def _member(self, statement: _Open, number: int, name: str, equals: str, value: str) -> None:
        statement.listed += 1
        if ":" in name or ":" in value:
            text = f"{name}{equals}{value}"
            self.fault(
                number,
                f"{text!r} is no member: is the `;` missing that ends the statement of line"
                f" {statement.line}?",
            )
            return
        who = self._who(number, name)
        standing = self._standing(number, value, name) if equals else statement.default
        if who is not None:
            statement.members.append(Listed(who, standing))

    def _who(self, number: int, name: str) -> Guid | Keyword | None:
        if name in _KEYWORDS:
            return _KEYWORDS[name]
        if not _GUID.fullmatch(name):
            known = ", ".join(_KEYWORDS)
            self.fault(
                number,
                f"member {name!r}: write 0x and up to 16 hex digits, or one of {known}",
            )
            return None
        try:
            return Guid(int(name, 16))
        except BadValue as error:
            self.fault(number, str(error))
            return None

    def _standing(self, number: int, value: str, of: str) -> Standing:
        found = _STANDINGS.get(value)
        if found is None:
            said = f"{value!r}" if value else "nothing, which OpenSM takes for full"
            self.fault(number, f"{of}= says {said}: write full, limited or both")
            return Standing.LIMITED
        return found


def _moved(statement: Statement, line: int) -> Statement:
    return statement if statement.line == line else replace(statement, line=line)


_SPAN: Final = {Keyword.ALL: 2, Keyword.ALL_CAS: 1, Keyword.ALL_SWITCHES: 1, Keyword.ALL_ROUTERS: 1}


def _find_conflicts(statements: list[Statement], parser: _Parser) -> None:
    """Find members that a later word overrides: OpenSM lets the last one win, silently."""
    said: dict[PartitionKey, dict[Guid | Keyword, Standing]] = {}
    for statement in statements:
        before = said.setdefault(statement.key, {})
        for member in statement.members:
            who, standing = member.who, member.standing
            if before.setdefault(who, standing) is not standing:
                parser.fault(
                    statement.line,
                    f"{_spell(who)} is {before[who].value} and {standing.value} member of"
                    f" {statement.key}",
                )
            if isinstance(who, Keyword) and who in _SPAN:
                _find_overridden(statement, who, standing, before, parser)


def _find_overridden(
    statement: Statement,
    wide: Keyword,
    standing: Standing,
    before: dict[Guid | Keyword, Standing],
    parser: _Parser,
) -> None:
    for who, earlier in before.items():
        span = _SPAN.get(who, 0) if isinstance(who, Keyword) else 0
        if span < _SPAN[wide] and earlier is not standing:
            parser.fault(
                statement.line,
                f"{wide.value}={standing.value} overrides what is said of {_spell(who)}"
                f" before it in {statement.key}: put {wide.value} first",
            )


def _spell(who: Guid | Keyword) -> str:
    return who.value if isinstance(who, Keyword) else str(who)
