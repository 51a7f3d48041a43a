# SPDX-License-Identifier: Apache-2.0
"""The beginning of a statement: a partition's name, its key, and its flags.

Sources: partition_create() and partition_add_flag() in opensm/opensm/osm_prtn_config.c;
osm_prtn_make_new() and generate_pkey() in osm_prtn.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ibstack.fabric.partition import DEFAULT_PARTITION, PartitionKey
from ibstack.formats.partitions_conf.group_flags import GroupFlags, read_flag
from ibstack.formats.partitions_conf.members import read_membership_flag
from ibstack.formats.partitions_conf.number import number
from ibstack.formats.partitions_conf.remark import Effect
from ibstack.formats.partitions_conf.statement import MembershipFlag

if TYPE_CHECKING:
    from ibstack.formats.partitions_conf.line_buffer import LineBuffer
    from ibstack.formats.partitions_conf.members import Say
    from ibstack.formats.partitions_conf.statement import Statement

_NAME_BYTES: Final = 31
_NAME: Final = re.compile(rb"[A-Za-z0-9_.-]+(?: +[A-Za-z0-9_.-]+)*")
_KEY: Final = re.compile(rb"0x[0-9a-fA-F]{1,4}")
_LAST_MADE_UP: Final = 0x7FFE


@dataclass(frozen=True, slots=True)
class BadDefinition(Exception):
    """OpenSM refuses the file for what should define a partition."""

    what: str


@dataclass(slots=True)
class Definition:
    """A partition as its statement begins."""

    name: str
    key: PartitionKey = DEFAULT_PARTITION
    flags: tuple[str, ...] = ()
    default: MembershipFlag = MembershipFlag.LIMITED
    of_groups: GroupFlags = field(default=GroupFlags())
    made_up: bool = False


class Definitions:
    """The partitions of one file: their names matter to those that come without a key."""

    def __init__(self) -> None:
        # OpenSM makes this one before it reads the file.
        self._names: dict[PartitionKey, bytes] = {DEFAULT_PARTITION: b"Default"}
        self._made_up = 0

    def keep(self, statement: Statement) -> None:
        """Take in a statement that was read before."""
        self._names.setdefault(statement.key, statement.name.encode())

    def read(self, buffer: LineBuffer, at: int, say: Say) -> tuple[Definition, int]:
        """Return the definition at *at*, and where the list of members begins.

        Raises BadDefinition.
        """
        text = buffer.text(at)
        head, colon, _ = text.partition(b":")
        if not colon:
            shown = text.strip(b" \t\n").decode("utf-8", "replace")
            raise BadDefinition(f"no partition definition: {shown!r} lacks a `:`")
        members = at + len(head) + 1
        buffer.end(members - 1)
        found: Definition | None = None
        key: bytes | None = None
        name = b""
        for word in head.split(b","):
            one, value = buffer.word(at, word)
            at += len(word) + 1
            buffer.end(at - 1)
            if found is None:
                name, key = one, value
                found = Definition(_shown_name(name, say))
            else:
                _flag(found, one, value, say)
        if found is None:
            raise AssertionError("a text has at least one word")
        self._key(found, name, key, say)
        return found, members

    def _key(self, found: Definition, name: bytes, key: bytes | None, say: Say) -> None:
        if key is None and name[:1].isdigit():
            name, key = b"", name
            found.name = ""
        said = 0
        if key is not None:
            taken = number(key)
            if not taken.found or taken.rest:
                raise BadDefinition(_no_key(found.name, key))
            said = taken.value & 0x7FFF
            _remark_on_key(key, taken.value, taken.octal, say)
        if said:
            found.key = PartitionKey(said)
        else:
            told = say if key is None else _silent
            found.key, found.made_up = self._without_key(found, name, told)
        # A repeated key keeps its first name; one without a name is called by its number.
        own = name[:_NAME_BYTES] or f"{found.key.base:04x}".encode()
        self._names.setdefault(found.key, own)

    def _without_key(self, found: Definition, name: bytes, say: Say) -> tuple[PartitionKey, bool]:
        named = [key for key, known in self._names.items() if known == name]
        if named and name:
            # OpenSM's order is that of the bytes as a little-endian processor has them.
            key = min(named, key=lambda each: each.base >> 8 | (each.base & 0xFF) << 8)
            say(f"partition {found.name!r} has no key: OpenSM takes {key}", Effect.AS_MEANT)
            return key, False
        while self._made_up < _LAST_MADE_UP:
            self._made_up += 1
            key = PartitionKey(self._made_up)
            if key not in self._names:
                what = f"partition {found.name!r} has no key: OpenSM would make one up"
                say(f"{what}, such as {key}", Effect.OTHERWISE)
                return key, True
        raise BadDefinition(f"partition {found.name!r} has no key, and none is left")


def _silent(what: str, effect: Effect) -> None:
    """Say nothing: a remark on the key says it."""


def _shown_name(name: bytes, say: Say) -> str:
    text = name.decode("utf-8", "replace")
    if not _NAME.fullmatch(name) or len(name) > _NAME_BYTES:
        what = f"write 1 to {_NAME_BYTES} letters, digits, `_`, `.`, `-`"
        say(f"partition name {text!r}: {what}", Effect.AS_MEANT)
    return text


def _no_key(name: str, key: bytes) -> str:
    text = key.decode("utf-8", "replace")
    if not text:
        return f"partition {name!r} has no key behind its `=`: OpenSM refuses that"
    return f"partition key {text!r}: write 0x and up to 4 hex digits"


def _remark_on_key(key: bytes, value: int, octal: bool, say: Say) -> None:
    text, base = key.decode("utf-8", "replace"), value & 0x7FFF
    if _KEY.fullmatch(key) and 0x0001 <= value <= 0x7FFF:
        return
    takes = f": OpenSM takes 0x{base:04x}" if base else ": OpenSM takes none, and finds its own"
    wide = value > 0xFFFF or octal or not base
    effect = Effect.OTHERWISE if wide else Effect.AS_MEANT
    if _KEY.fullmatch(key):
        say(f"partition key {text!r}: must be 0x0001 to 0x7fff{takes}", effect)
    else:
        say(f"partition key {text!r}: write 0x and up to 4 hex digits{takes}", effect)


def _flag(found: Definition, name: bytes, value: bytes | None, say: Say) -> None:
    taken = read_flag(found.of_groups, name, value)
    text = name.decode("utf-8", "replace")
    if taken is not None:
        found.of_groups = taken.flags
        said = "" if value is None else value.decode("utf-8", "replace")
        if taken.odd:
            say(taken.odd, taken.effect)
        if not taken.skipped:
            found.flags = (*found.flags, f"{taken.name}={said}")
    elif name == b"indx0" and value is None:
        found.flags = (*found.flags, "indx0")
    else:
        _flag_of_partition(found, text, value, say)


def _flag_of_partition(found: Definition, text: str, value: bytes | None, say: Say) -> None:
    word = next((each for each in ("ipoib", "defmember") if each.startswith(text)), None)
    if text == "indx0":
        word = text
    plain = word == text and (value is None) is (text != "defmember")
    if not plain:
        shown = text if value is None else f"{text}={value.decode('utf-8', 'replace')}"
        takes = f": OpenSM takes it for {word}" if word else ""
        say(f"flag {shown!r} is none that OpenSM knows{takes}", Effect.OTHERWISE)
    if word in ("ipoib", "indx0"):
        found.flags = (*found.flags, word)
    elif word == "defmember" and value is not None:
        found.default = read_membership_flag(value, "defmember", say) or found.default
